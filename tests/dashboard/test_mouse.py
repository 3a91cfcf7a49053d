"""With the mouse alone: menus, forms with their ticks and lists, questions, dry runs, jobs, and the way out of each."""

from __future__ import annotations

import stat
from pathlib import Path

from textual.widgets import Checkbox

from tests.dashboard.conftest import Driver, Open, done, fault
from tests.dashboard.forms import pick
from tui.demo.apiserver.faults import Answer, FaultRule
from tui.fleet.rows import AccountRow, CredentialRow
from tui.screens.dialogs.choosing import ChooseNewScreen, SnoozeScreen
from tui.screens.dialogs.confirm import ConfirmScreen
from tui.screens.dialogs.foresee import ForeseeScreen
from tui.screens.dialogs.help import HelpScreen
from tui.screens.dialogs.loop_dialog import LoopScreen
from tui.screens.dialogs.new_credential import NewCredentialScreen
from tui.screens.dialogs.reading import InspectScreen, YamlScreen
from tui.screens.dialogs.reveal import RevealScreen
from tui.screens.dialogs.settings import SettingsScreen
from tui.screens.pages.detail import DetailScreen
from tui.widgets.themes import LIGHT


async def accept(driver: Driver, button: str = "#accept") -> None:
    await driver.pilot.click(button)


async def test_a_credential_is_issued_rotated_and_revoked(dashboard: Open, tmp_path: Path) -> None:
    async with dashboard(only=["tenant-a"]) as driver:
        await driver.click("3 Accounts")
        await driver.click("spark")
        row = driver.table.row
        assert isinstance(row, AccountRow)
        assert row.identity.name == "spark"
        await driver.click("n new")
        await driver.on(ChooseNewScreen)
        await driver.click("esc cancel")
        await driver.closed()
        await driver.click("n new")
        await driver.on(ChooseNewScreen)
        await driver.click("a service account's token")
        await driver.on(NewCredentialScreen)
        await driver.click("esc cancel")
        await driver.closed()
        await driver.press("n", "c")
        form = driver.app.screen
        await driver.pilot.click("#f-create")
        assert form.query_one("#f-create", Checkbox).value
        await driver.shows("--create")
        await pick(driver, "f-format", "tokenFile")
        await driver.shows("--type tokenFile")
        before = len(driver.app.session.jobs.all)
        await accept(driver)
        job = await driver.job(before)
        assert done(job), f"{job.tasks[0].message} {job.tasks[0].hint}"
        (file,) = (tmp_path / "exports").iterdir()
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert file.read_text().startswith("KUBERNETES_"), "the format that was clicked"
        address = f"file:{file}"
        assert (address, "commit", "done") in driver.journal("issue")
        await driver.click("esc close")
        await driver.until(lambda: not driver.panel.display)

        await driver.click("5 Credentials")
        await driver.click("spark.env")
        await driver.until(lambda: driver.table.cursor_key == address)
        old = file.read_bytes()
        job = await driver.clicked("r rotate")
        assert done(job), job.tasks[0].message
        assert file.read_bytes() != old
        assert (address, "commit", "done") in driver.journal("rotate")
        await driver.click("esc close")
        await driver.click("revoke")
        await driver.on(ConfirmScreen)
        await accept(driver)
        await driver.on(ConfirmScreen)  # not before the word is typed
        await accept(driver, "#cancel")
        await driver.closed()
        assert driver.journal("revoke") == []
        await driver.click("revoke")
        await driver.on(ConfirmScreen)
        await driver.pilot.click("#f-word")
        await driver.type(file.name)
        before = len(driver.app.session.jobs.all)
        await accept(driver)
        job = await driver.job(before)
        assert done(job), f"{job.tasks[0].message} {job.tasks[0].hint}"
        assert [status for where, _, status in driver.journal("revoke") if where == address][-1] == "done"


async def test_everything_that_only_shows_is_left_by_a_click(dashboard: Open) -> None:
    async with dashboard(only=["tenant-a"]) as driver:
        await driver.find("5", "frontend-kubeconfig")
        for key, kind, way in (
            ("question_mark", HelpScreen, "esc close"),
            ("y", YamlScreen, "esc close"),
            ("i", InspectScreen, "esc close"),
            ("x", RevealScreen, "esc close"),
            ("z", SnoozeScreen, "esc cancel"),
            ("a", LoopScreen, "esc cancel"),
            ("comma", SettingsScreen, "esc cancel"),
            ("D", ForeseeScreen, "esc leave it"),
            ("d", DetailScreen, "esc back"),
        ):
            await driver.press(key)
            await driver.on(kind)
            await driver.click(way)
            await driver.closed()
        assert driver.app.session.jobs.all == []

        await driver.press("x")
        await driver.on(RevealScreen)
        reveal = driver.app.screen
        assert isinstance(reveal, RevealScreen)
        await driver.until(lambda: reveal.revealed)
        reveal._left = 0
        await driver.click("x reveal again")
        await driver.until(lambda: reveal.revealed)
        await driver.click("c copy")
        await driver.until(lambda: "the material is sent; whether" in " ".join(driver.text().split()))
        assert driver.app.clipboard == (await reveal.material()).reveal()
        await driver.click("esc close")
        await driver.closed()

        await driver.press("question_mark")
        await driver.on(HelpScreen)
        first = driver.text()
        spot = await driver.wheel("make before break", 2)
        await driver.until(lambda: driver.text() != first)
        await driver.wheel(spot, -6)
        await driver.until(lambda: driver.text() == first)


async def test_a_dry_run_is_carried_out_and_what_failed_retried(dashboard: Open) -> None:
    async with dashboard(only=["tenant-a"]) as driver:
        await driver.find("5", "frontend-kubeconfig")
        row = driver.credential("frontend-kubeconfig")
        assert isinstance(row, CredentialRow)
        address = str(row.credential.address)
        fault(driver.demo, "tenant-a", FaultRule(Answer(500), verb="create", path="/token$", times=1))
        await driver.press("D")
        await driver.until(lambda: "nothing was changed; enter does exactly this" in driver.text())
        job = await driver.clicked("enter rotate")
        assert not done(job), "the cluster refused it once"
        assert (address, "commit", "done") not in driver.journal("rotate")
        job = await driver.clicked("ctrl+r retry")
        assert done(job), job.tasks[0].message
        assert (address, "commit", "done") in driver.journal("rotate")
        await driver.click("esc close")
        await driver.until(lambda: not driver.panel.display)
        fresh = driver.app.session.store.credentials
        await driver.until(lambda: fresh[row.key].credential.fingerprint != row.credential.fingerprint)

        await driver.press("z")
        await driver.click("until it is renewed")
        await driver.closed()
        await driver.press("d")
        await driver.until(lambda: "snoozed until it is renewed" in driver.text())
        await driver.click("esc back")
        await driver.closed()
        await driver.press("comma")
        await pick(driver, "f-theme", "light")
        await driver.until(lambda: driver.app.theme == LIGHT)
        await accept(driver)
        await driver.closed()
        assert driver.app.theme == LIGHT

        await driver.press("ctrl+p")
        await driver.type("verif")
        job = await driver.clicked("ask the cluster whether it is accepted")
        assert job.verb == "verify"
        assert done(job), job.tasks[0].message


async def test_marks_and_the_loop(dashboard: Open) -> None:
    async with dashboard(only=["harbor"], grace=300) as driver:
        await driver.find("5", "managed due !expired")
        rows = len(driver.table.rows)
        assert rows >= 2
        for line in (1, 2):
            await driver.pilot.click(driver.table, offset=(0, line))
        assert len(driver.table.marks) == 2
        marked = {driver.app.session.store.credentials[key].credential.address for key in driver.table.marks}
        await driver.press("a")
        await driver.on(LoopScreen)
        await driver.shows("It would keep 2, 2 of them due now")
        await driver.pilot.click("#f-only")
        await driver.until(lambda: "It would keep 2, 2 of them due now" not in driver.text())
        await driver.pilot.click("#f-only")
        before = len(driver.app.session.jobs.all)
        await accept(driver)
        job = await driver.job(before)
        assert job.verb == "renew"
        assert {str(address) for address in marked} == {
            where for where, step, status in driver.journal("rotate") if (step, status) == ("commit", "done")
        }
