"""What is asked before a credential ends: it says what ends and who may still use it, and the default is No."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from textual.widgets import Button, Static

from tests.dashboard.conftest import Driver, Open, done, fault
from tui.actions import jobs
from tui.actions.issuing import NEW_CREDENTIAL
from tui.actions.rotating import ROTATE, UNDO
from tui.demo.apiserver.faults import Answer, FaultRule
from tui.issuance.destinations.in_file import FileDestination
from tui.issuance.destinations.in_secret import SecretDestination
from tui.issuance.model.types import Credential, Identity, IssueSpec
from tui.kube.errors import NotFound
from tui.kube.resource import PODS, SECRETS
from tui.screens.dialogs.confirm import ConfirmScreen
from tui.settings import Confirm, Loaded, Settings, default_path

ASKS = Loaded(Settings(confirm=Confirm.ALWAYS), default_path())


def reader(name: str, account: str, secret: str = "") -> dict[str, Any]:
    """A pod that reads a Secret, or one that has only tokens of its own."""
    volumes = [{"name": "login", "secret": {"secretName": secret}}] if secret else []
    spec = {"serviceAccountName": account, "volumes": volumes, "containers": [{"name": "main", "image": "x"}]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}


async def pods(driver: Driver, *bodies: dict[str, Any]) -> None:
    assert driver.app.session.fleet is not None
    client = await driver.app.session.fleet.client("tenant-a")
    for body in bodies:
        await client.create(PODS, body, namespace="monitoring")


def said(driver: Driver) -> str:
    """What was found out while the question is on the screen."""
    return str(driver.app.screen.query_one("#more", Static).render())


async def chosen(driver: Driver) -> Credential:
    await driver.find("5", "prometheus-kubeconfig")
    await driver.until(lambda: len(driver.table.rows) == 1)
    credential = driver.credential("prometheus-kubeconfig").credential
    assert credential is not None
    return credential


async def test_m05_rotating_shows_what_ends_and_who_may_still_use_it(dashboard: Open) -> None:
    async with dashboard(only=["tenant-a"], settings=ASKS) as driver:
        scraper = reader("m05-scraper", "default", "prometheus-kubeconfig")
        await pods(driver, scraper, reader("m05-other", "prometheus"))
        credential = await chosen(driver)
        assert credential.handle is not None
        await driver.press("r")
        await driver.on(ConfirmScreen)
        await driver.until(lambda: "Pod monitoring/m05-scraper" in said(driver))
        shown = said(driver)
        assert "Revoke the old one after" in shown
        assert credential.handle.name in shown
        assert "volume login" in shown
        uses, only_runs = shown.split("Who only runs as its account, with tokens that stay:")
        assert "m05-scraper" in uses
        assert "m05-other" not in uses, "it has tokens of its own"
        assert "m05-other" in only_runs
        assert isinstance(driver.app.focused, Button)
        assert driver.app.focused.id == "cancel"
        await driver.press("enter")
        assert driver.app.screen is driver.main
        assert driver.app.session.jobs.all == []

        await driver.press("r")
        job = await driver.act("ctrl+s")
        assert done(job), job.tasks[0].message


async def test_m05_revoking_shows_what_ends_and_enter_means_no(dashboard: Open) -> None:
    async with dashboard(only=["tenant-a"]) as driver:
        await pods(driver, reader("m05-watcher", "default", "prometheus-kubeconfig"))
        credential = await chosen(driver)
        assert credential.handle is not None
        await driver.press("ctrl+d")
        await driver.until(lambda: "Pod monitoring/m05-watcher" in said(driver))
        shown = said(driver)
        assert "Delete the handle, which revokes the token" in shown
        assert credential.handle.name in shown
        assert "Delete the Secret monitoring/prometheus-kubeconfig" in shown
        await driver.press("enter", "ctrl+s")
        await driver.on(ConfirmScreen)
        await driver.press("escape")
        assert driver.app.session.jobs.all == []


async def test_what_cannot_be_found_out_is_said_and_the_question_stays(dashboard: Open) -> None:
    async with dashboard(only=["tenant-a"]) as driver:
        await chosen(driver)
        fault(driver.demo, "tenant-a", FaultRule(Answer(403), path="/namespaces/monitoring/pods"))
        await driver.press("ctrl+d")
        await driver.until(lambda: "not all could be asked" in said(driver))
        assert "pods" in said(driver)
        await driver.type("prometheus-kubeconfig")
        assert not driver.app.screen.query_one("#accept", Button).disabled
        await driver.press("escape")


async def test_of_many_each_is_named_and_the_buttons_stay_in_sight(dashboard: Open) -> None:
    async with dashboard(only=["harbor", "tenant-a"], size=(80, 24)) as driver:
        await driver.find("5", "managed")
        await driver.until(lambda: len(driver.table.rows) > 1)
        await driver.press("M", "ctrl+d")
        await driver.on(ConfirmScreen)
        await driver.until(lambda: "Who uses them:" in said(driver))
        for row in driver.rows[:8]:
            assert row.credential.address.name in said(driver)
        assert driver.app.screen.query_one("#accept", Button).region.bottom <= 24
        await driver.press("escape")
        assert driver.app.session.jobs.all == []


async def test_what_was_revoked_and_what_lives_is_replaced_only_after_a_yes(dashboard: Open, tmp_path: Path) -> None:
    async with dashboard(only=["tenant-a"], grace=0) as driver:
        session = driver.app.session
        place = FileDestination(str(tmp_path / "again.kubeconfig"))
        spec = IssueSpec(identity=Identity("tenant-a", "default", "again"), destinations=(place,), create_account=True)

        def held() -> bytes:
            return Path(place.path).read_bytes()

        issued = await session.engine.execute(await session.engine.plan(spec))
        first = held()
        job = driver.app.session.jobs.begin("issue", [jobs.task(session, NEW_CREDENTIAL, spec)])
        screen = await driver.on(ConfirmScreen)
        assert job.failed
        # The path is as long as the folder of the tests is, so that its line breaks anywhere.
        await driver.shows(
            "Issue all the same?",
            "again.kubeconfig",
            "credential of again (namespace default, cluster tenant-a)",
            "r renews it",
        )
        assert driver.app.focused is screen.query_one("#cancel")
        await driver.press("escape")
        assert held() == first
        await driver.press("ctrl+r")
        await driver.on(ConfirmScreen)
        again = await driver.act("ctrl+s")
        assert done(again), again.tasks[0].message
        assert held() != first

        assert (await session.engine.execute(await session.engine.plan_revoke(issued.address))).ok
        second = held()
        driver.app.session.jobs.begin("rotate", [jobs.task(session, ROTATE, issued.address)])
        await driver.on(ConfirmScreen)
        await driver.shows("Rotate all the same?", "was revoked")
        assert held() == second
        again = await driver.act("ctrl+s")
        assert done(again), again.tasks[0].message
        assert held() != second


async def test_the_undo_of_an_issue_asks_before_it_takes_the_secret_away(dashboard: Open) -> None:
    """Whoever presses u may mean a rotation; after it nothing remembers the address as undone."""
    async with dashboard(only=["tenant-a"], grace=0) as driver:
        session = driver.app.session
        assert session.fleet is not None
        place = SecretDestination("tenant-a", "default", "taken-back")
        spec = IssueSpec(identity=Identity("tenant-a", "default", "default"), destinations=(place,))
        issued = await session.engine.execute(await session.engine.plan(spec))
        assert issued.ok, issued
        session.jobs.begin("undo", [jobs.task(session, UNDO, issued.address)])
        await driver.on(ConfirmScreen)
        await driver.shows("Undo all the same?", "was issued and not rotated since", "ends its token now")
        client = await session.fleet.client("tenant-a")
        await client.get(SECRETS, "taken-back", namespace="default")
        again = await driver.act("ctrl+s")
        assert done(again), again.tasks[0].message
        with pytest.raises(NotFound):
            await client.get(SECRETS, "taken-back", namespace="default")
        assert issued.address not in session.undone
