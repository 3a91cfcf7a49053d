"""What an earlier run left open is finished or undone at the start, said once, and seen in an Activity that waited."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.dashboard.conftest import Driver, Open, done
from tui.app import KubemintApp
from tui.demo.running import FleetThread
from tui.fleet.fleet import Fleet
from tui.issuance.destinations.in_file import FileDestination
from tui.issuance.model.types import Identity, IssueSpec
from tui.issuance.records.state import StateStore
from tui.kube.kubeconfig import load
from tui.screens.shell.memory import Memory, write
from tui.widgets.keystrokes import AT_ONCE


class Killed(BaseException):
    """The process ends here."""


def die(point: str) -> None:
    if point == "after:write:0":
        raise Killed


async def test_an_activity_that_opens_first_shows_the_journal_and_says_what_was_recovered(
    dashboard: Open, demo: FleetThread, tmp_path: Path
) -> None:
    spec = IssueSpec(
        identity=Identity("tenant-a", "default", "robot"),
        destinations=(FileDestination(str(tmp_path / "robot.kc")),),
        create_account=True,
    )
    async with dashboard(only=["tenant-a"]) as driver:
        engine = driver.app.session.engine
        engine.checkpoint = die
        with pytest.raises(Killed):
            await engine.execute(await engine.plan(spec))

    memory = tmp_path / "memory.json"
    write(memory, Memory(area="activity"), b"")
    state = StateStore.open(tmp_path / "state")
    app = KubemintApp(
        opener=lambda _: Fleet(load(str(demo.kubeconfig)), state=state, only=["tenant-a"]),
        embedded=True,
        memory=memory,
        pace=AT_ONCE,
    )
    async with app.run_test(size=(120, 35), notifications=True) as pilot:
        again = Driver(app, pilot, demo)
        await again.until(lambda: again.main.pane.id == "activity")
        said = "put in order: an earlier run had left one job open: finished or undone now, 6 shows how"
        await again.until(lambda: [note.message for note in app._notifications] == [said])
        await again.shows("robot.kc")
        assert "the fleet is not open yet" not in again.text()
    state.close()


async def test_leaving_within_a_grace_period_says_that_the_old_token_still_works(dashboard: Open) -> None:
    async with dashboard(only=["tenant-a"], grace=60, embedded=False) as driver:
        assert driver.app._left_behind() is None
        await driver.find("5", "web/frontend")
        job = await driver.act("r")
        assert done(job)
        left = driver.app._left_behind()
        assert left is not None
        assert "one old token still works; the next start of kubemint after" in left.plain
