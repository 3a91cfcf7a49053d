"""What is pasted anywhere is recognised, never shown, and opens a page: whose it is, who uses it, and its keys."""

from __future__ import annotations

import base64
import json

import pytest
from textual import events

from tests.dashboard.conftest import Driver, Open, done, fault
from tests.dashboard.held import accepted
from tests.dashboard.test_inspector import shows
from tui.demo.apiserver.faults import Answer, FaultRule
from tui.issuance.model.kinds import CredentialKind
from tui.issuance.model.types import Address
from tui.screens.dialogs.confirm import ConfirmScreen
from tui.screens.dialogs.inspector import InspectorScreen
from tui.screens.pages.found import FoundScreen
from tui.screens.pages.lineage import LineageScreen
from tui.screens.pages.powers import PowersScreen

FRONTEND = Address(CredentialKind.SECRET, "tenant-a", "web", "frontend-kubeconfig")


async def taken(driver: Driver, address: Address = FRONTEND) -> tuple[str, str]:
    """The kubeconfig there, and the token in it."""
    kubeconfig = (await driver.app.session.engine.material(address)).reveal()
    return kubeconfig, kubeconfig.partition("token: ")[2].split()[0].strip("\"'")


async def paste(driver: Driver, text: str) -> FoundScreen:
    """Paste it, and wait until it is known whose it is."""
    driver.app.post_message(events.Paste(text))
    page = await driver.on(FoundScreen)
    await driver.until(lambda: not page.loading_says and len(page.items))
    await driver.until(lambda: all(one.uses is not None or not one.traced.known for one in page.items))
    return page


async def test_a_pasted_token_opens_its_page_and_is_revoked_from_there(dashboard: Open) -> None:
    async with dashboard(only=["tenant-a", "tenant-c"]) as driver:
        address = Address(CredentialKind.SECRET, "tenant-a", "monitoring", "prometheus-kubeconfig")
        _, token = await taken(driver, address)
        assert await accepted(driver, "tenant-a", token)
        page = await paste(driver, token)
        await driver.shows("tenant-a", "prometheus", "monitoring/prometheus-kubeconfig", "OWNER", "USED BY")
        assert not shows(driver, token)
        assert [row.key for row in page.chosen()] == [str(address)]

        await driver.press("l")
        await driver.on(LineageScreen)
        await driver.press("escape")
        await driver.press("w")
        await driver.on(PowersScreen)
        await driver.press("escape")
        assert done(await driver.act("v"))
        await driver.press("escape")

        await driver.press("ctrl+d")
        await driver.on(ConfirmScreen)
        assert done(await driver.act("ctrl+s"))
        assert not await accepted(driver, "tenant-a", token)
        assert not shows(driver, token)


async def test_what_names_a_credential_opens_the_same_page(dashboard: Open) -> None:
    async with dashboard(only=["tenant-a", "tenant-c"]) as driver:
        kubeconfig, token = await taken(driver)
        credential = await driver.app.session.engine.lookup(FRONTEND)
        assert credential.handle is not None
        handle = credential.handle.name
        claims = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
        texts = {
            "kubeconfig": kubeconfig,
            "base64": base64.b64encode(kubeconfig.encode()).decode(),
            "fingerprint": credential.fingerprint,
            "jti": claims["jti"],
            "handle": handle,
            "address": str(FRONTEND),
        }
        for what, text in texts.items():
            page = await paste(driver, text)  # one page takes the place of the one before
            assert [str(row.key) for row in page.chosen()] == [str(FRONTEND)], what
            assert page.items[0].owner == "web/frontend", what
            assert not shows(driver, token), what
        await driver.press("escape")
        assert driver.app.screen is driver.main

        # In a filter a name stays a name; material never stands there.
        await driver.press("5", "slash")
        driver.app.post_message(events.Paste(handle))
        await driver.until(lambda: driver.main.pane.text == handle)
        await paste(driver, token)
        assert not shows(driver, token)
        await driver.press("escape")
        assert driver.app.screen is driver.main

        # What names nothing is a word, as before.
        driver.app.post_message(events.Paste("api.example.com"))
        await driver.until(lambda: driver.main.pane.text == "api.example.com")


async def test_a_certificate_and_the_login_of_a_kubeconfig_are_recognised(dashboard: Open) -> None:
    async with dashboard(only=["tenant-a"]) as driver:
        login = driver.app.session.engine.clusters.endpoint("tenant-a")
        own = driver.app.session.store.credentials["login:tenant-a"]
        assert login.login.client_certificate is not None
        page = await paste(driver, login.login.client_certificate.decode())
        assert page.items[0].row == own
        assert page.items[0].credential


async def test_what_is_nobodys_says_who_was_asked_who_was_silent_and_who_refused(dashboard: Open) -> None:
    async with dashboard(only=["tenant-a", "tenant-b", "tenant-c"]) as driver:
        _, token = await taken(driver)
        head, payload, end = token.split(".")
        claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
        claims["kubernetes.io"]["serviceaccount"]["uid"] = "00000000-0000-0000-0000-000000000000"
        payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
        for cluster, code in (("tenant-b", 403), ("tenant-c", 503)):
            fault(driver.demo, cluster, FaultRule(Answer(code), path="/serviceaccounts/"))
        page = await paste(driver, f"{head}.{payload}.{end}")
        await driver.shows("nobody's", "asked: tenant-a", "silent: tenant-c", "refused: tenant-b")
        search = page.items[0].traced.search
        assert (list(search.asked), list(search.closed), list(search.away)) == (
            ["tenant-a"],
            ["tenant-b"],
            ["tenant-c"],
        )
        assert page.chosen() == []


async def test_an_older_token_that_no_list_shows_is_revoked_where_others_are_silent(dashboard: Open) -> None:
    async with dashboard(only=["tenant-a", "tenant-c"], grace=300) as driver:
        _, old = await taken(driver)
        await driver.find("5", "frontend-kubeconfig")
        assert done(await driver.act("r"))
        _, new = await taken(driver)
        await driver.press("escape")
        fault(driver.demo, "tenant-c", FaultRule(Answer(503), path="/(serviceaccounts|secrets)/"))
        page = await paste(driver, old)
        assert page.items[0].row is None, "what lies there now is another one"
        assert [row.key for row in page.chosen()] == ["tenant-a/web/frontend"]
        await driver.press("ctrl+d")
        await driver.on(ConfirmScreen)
        await driver.shows("Revoke it in tenant-a?", "did not say whether they have it: tenant-c")
        assert done(await driver.act("ctrl+s"))
        assert not await accepted(driver, "tenant-a", old)
        assert await accepted(driver, "tenant-a", new)


async def test_from_the_inspector_one_key_asks_whose_it_is(dashboard: Open) -> None:
    async with dashboard(only=["tenant-a"]) as driver:
        _, token = await taken(driver)
        await driver.press("p", "ctrl+o")
        inspector = await driver.on(InspectorScreen)
        driver.app.post_message(events.Paste(token))
        await driver.shows("subject")
        await driver.press("ctrl+o")
        page = await driver.on(FoundScreen)
        await driver.until(lambda: page.items)
        assert page.chosen()[0].key == str(FRONTEND)
        await driver.press("escape")
        await driver.until(lambda: driver.app.screen is inspector)


@pytest.mark.parametrize("text", ["robot", "web/frontend", "api.example.com", "name: robot", "two words", "0123456789"])
def test_what_names_no_credential_is_no_finding(text: str) -> None:
    from tui.issuance import pasted_meaning

    assert pasted_meaning(text) is None
