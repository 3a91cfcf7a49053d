"""The CSI dialog: the tokens that a driver is given, shown or written, and what the cluster holds while they live."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from textual.widgets import Button, Input

from tests.dashboard.conftest import Driver, Open, done
from tests.dashboard.forms import choose, command, fill, pick, put, to
from tests.dashboard.held import accepted, handles
from tui.demo.running import FleetThread
from tui.issuance.model.claims import Bound, read_token
from tui.kube.sensitive import Sensitive
from tui.screens.dialogs.choosing import ChooseNewScreen
from tui.screens.dialogs.csi_preview import CsiPreviewScreen, TokensScreen

CLUSTER = "tenant-a"
POD = "payments/vault-api-0"
SHOWN, WRITTEN = "shown for ten seconds", "written to a file (0600)"
A_HANDLE = "a handle, to revoke it by"


@pytest.fixture(scope="module")
def demo() -> Iterator[FleetThread]:
    """A small fleet in which nothing hangs."""
    with FleetThread(clusters=2, accounts=6, troubled=False) as thread:
        yield thread


def bound(tokens: dict[str, Any]) -> Bound:
    """What both tokens are bound to: one for each audience that the driver asks for."""
    assert list(tokens) == ["", "vault"]
    claims = [read_token(Sensitive(tokens[audience]["token"])) for audience in tokens]
    assert {one.subject for one in claims} == {"system:serviceaccount:payments:api"}
    assert claims[1].audiences == ("vault",)
    assert claims[0].bound == claims[1].bound
    assert claims[0].bound is not None
    return claims[0].bound


async def looked(driver: Driver, pod: str = POD) -> CsiPreviewScreen:
    """The dialog, once it has looked at this pod."""
    screen = await driver.on(CsiPreviewScreen)
    await driver.until(lambda: screen.query_one("#f-pod", Input).value == pod)
    await driver.until(lambda: not screen.query_one("#accept", Button).disabled)
    return screen


async def shown(driver: Driver) -> tuple[TokensScreen, dict[str, Any]]:
    """The tokens that are shown, once they can be read on the screen."""
    screen = await driver.on(TokensScreen)
    await driver.until(lambda: screen.revealed)
    tokens = json.loads((await screen.material()).reveal())
    await driver.shows(tokens["vault"]["token"][:30])
    return screen, tokens


def said(driver: Driver) -> str:
    return " ".join(notification.message for notification in driver.app._notifications)


async def test_tokens_are_shown_and_ended_by_keys(dashboard: Open) -> None:
    async with dashboard(only=[CLUSTER]) as driver:
        before = handles(driver, CLUSTER, "payments")
        await driver.press("2", "n", "k")
        screen = await looked(driver)  # the one pod that mounts it is named by itself
        await driver.shows("volume_context:", '"vault":{"token"', "as payments/api", "TokenRequest")
        await fill(driver, "f-pod", "payments/nobody-0")
        await driver.shows("payments/nobody-0", "kubectl get pods -n payments")
        await driver.press("ctrl+s")
        assert driver.app.screen is screen
        await fill(driver, "f-pod", POD)
        await looked(driver)
        assert await command(driver) == (
            f"kubemint csi preview secrets-store.csi.k8s.io --pod {POD} --context {CLUSTER}"
        )

        await driver.press("ctrl+s")
        _, tokens = await shown(driver)
        assert (bound(tokens).kind, bound(tokens).name) == ("Pod", "vault-api-0")
        assert handles(driver, CLUSTER, "payments") == before
        await driver.press("escape")
        await driver.closed()
        assert await accepted(driver, CLUSTER, tokens[""]["token"]), "it ends with the pod alone"

        await driver.press("n", "k")
        await looked(driver)
        await choose(driver, "f-bound", A_HANDLE)
        await driver.shows("its tokens are revoked when")
        await driver.press("ctrl+s")
        _, tokens = await shown(driver)
        assert {bound(tokens).name} == handles(driver, CLUSTER, "payments") - before
        await driver.press("escape")
        await driver.until(lambda: "the handle was deleted" in said(driver))
        assert handles(driver, CLUSTER, "payments") == before
        assert not await accepted(driver, CLUSTER, tokens[""]["token"])


async def test_tokens_are_written_by_keys(dashboard: Open, tmp_path: Path) -> None:
    async with dashboard(only=[CLUSTER]) as driver:
        before = handles(driver, CLUSTER, "payments")
        await driver.press("colon")
        await driver.type("csi")
        await driver.press("enter")
        await looked(driver)
        await choose(driver, "f-bound", A_HANDLE)
        await choose(driver, "f-way", WRITTEN)
        await to(driver, "accept")
        job = await driver.act("enter")
        assert done(job), f"{job.tasks[0].message} {job.tasks[0].hint}"
        file = tmp_path / "exports" / "payments-vault-api-0.csi.json"
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        tokens = json.loads(file.read_text())
        assert {bound(tokens).name} == handles(driver, CLUSTER, "payments") - before
        assert f"they end with the Secret payments/{bound(tokens).name}" in job.tasks[0].message
        assert await accepted(driver, CLUSTER, tokens[""]["token"])


async def test_tokens_are_shown_and_ended_by_mouse(dashboard: Open) -> None:
    async with dashboard(only=[CLUSTER]) as driver:
        before = handles(driver, CLUSTER, "payments")
        await driver.click("4 Requests")
        await driver.click("secrets-store.csi.k8s.io")
        await driver.click("n new")
        await driver.on(ChooseNewScreen)
        await driver.click("CSI tokens")
        await looked(driver)
        await driver.pilot.click("#cancel")
        await driver.closed()
        assert handles(driver, CLUSTER, "payments") == before

        await driver.press("n", "k")
        await looked(driver)
        await pick(driver, "f-found", POD)
        await pick(driver, "f-bound", A_HANDLE)
        await driver.pilot.click("#accept")
        screen, tokens = await shown(driver)
        screen._left = 0
        await driver.click("x reveal again")
        await driver.until(lambda: screen.revealed)
        assert {bound(tokens).name} == handles(driver, CLUSTER, "payments") - before, "it minted once"
        await driver.click("c copy")
        await driver.until(lambda: driver.app.clipboard)
        assert json.loads(driver.app.clipboard) == tokens
        await driver.click("esc close")
        await driver.until(lambda: "the handle was deleted" in said(driver))
        assert handles(driver, CLUSTER, "payments") == before
        assert not await accepted(driver, CLUSTER, tokens[""]["token"])


async def test_tokens_are_written_by_mouse(dashboard: Open, tmp_path: Path) -> None:
    async with dashboard(only=[CLUSTER]) as driver:
        await driver.press("n", "k")
        await looked(driver)
        await pick(driver, "f-way", WRITTEN)
        await put(driver, "f-path", "x" * 300)  # cannot be looked up, and ends nothing
        path = tmp_path / "elsewhere" / "tokens.json"
        await put(driver, "f-path", str(path))
        job = await driver.clicked("^s mint")
        assert done(job), f"{job.tasks[0].message} {job.tasks[0].hint}"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert bound(json.loads(path.read_text())).kind == "Pod"
        await driver.click("esc close")
        await driver.until(lambda: not driver.panel.display)


async def test_tokens_that_are_shown_end_with_the_dashboard(dashboard: Open) -> None:
    async with dashboard(only=[CLUSTER]) as driver:
        before = handles(driver, CLUSTER, "payments")
        await driver.press("2", "n", "k")
        await looked(driver)
        await choose(driver, "f-bound", A_HANDLE)
        await driver.press("ctrl+s")
        await shown(driver)
        assert len(handles(driver, CLUSTER, "payments") - before) == 1
        driver.app.exit(143)  # as SIGTERM and SIGHUP do
    assert handles(driver, CLUSTER, "payments") == before


async def test_tokens_end_with_their_screen_however_it_goes(dashboard: Open) -> None:
    async with dashboard(only=[CLUSTER]) as driver:
        before = handles(driver, CLUSTER, "payments")
        await driver.press("2", "n", "k")
        await looked(driver)
        await choose(driver, "f-bound", A_HANDLE)
        await driver.press("ctrl+s")
        screen, _ = await shown(driver)
        screen.dismiss(None)
        await driver.until(lambda: "the handle was deleted" in said(driver))
        assert handles(driver, CLUSTER, "payments") == before
