"""Whatever a cluster does, the dashboard lives on, says what happened and what to do, and keys answer as before."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

import pytest
from textual import events

from tests.dashboard.conftest import Driver, Open, clear, done, fault
from tui.actions.jobs import Task
from tui.app import KubemintApp
from tui.demo.apiserver.faults import Action as FaultAction, Answer, Cut, Drop, DropWatch, FaultRule, Hang
from tui.demo.running import FleetThread
from tui.fleet.fleet import Fleet
from tui.fleet.rows import AccountRow, ClusterRow, CredentialRow, Reach
from tui.issuance.model.kinds import CredentialKind
from tui.issuance.model.types import Address, Credential, Identity, State, StepStatus
from tui.issuance.records.state import StateStore
from tui.kube.kubeconfig import parse
from tui.widgets.job_panel import JobPanel
from tui.widgets.keystrokes import AT_ONCE

TOKEN = r"/serviceaccounts/[^/]+/token$"
ANSWERING = frozenset({Reach.READY, Reach.SLOW})
"""A cluster that answers: on a busy machine the answers of a healthy one may take their time."""


async def test_a_failed_rotation_stays_readable_and_can_be_retried(dashboard: Open, demo: FleetThread) -> None:
    actions: list[FaultAction] = [*(Answer(code) for code in (400, 401, 403, 404, 409, 410, 422, 500)), Drop(), Cut(5)]
    async with dashboard(only=["tenant-a"]) as driver:
        for action in actions:
            await driver.find("5", "prometheus-kube")
            fault(demo, "tenant-a", FaultRule(action, verb="create", path=TOKEN))
            job = await driver.act("r")
            task = job.tasks[0]
            assert task.status is StepStatus.FAILED, action
            assert task.message, action
            await driver.shows("what happened", "ctrl+r retry")
            await driver.press("2", "5", "down")
            assert driver.panel.display, "an error stays until it is closed"
            clear(demo)
            again = await driver.act("ctrl+r")
            assert done(again), (action, again.tasks[0].message)
            await driver.press("escape")
            assert not driver.panel.display


@pytest.mark.parametrize("action", [Answer(500), Answer(403), Answer(429), DropWatch(), Drop()], ids=str)
async def test_a_cluster_that_breaks_down_is_one_row(dashboard: Open, demo: FleetThread, action: FaultAction) -> None:
    fault(demo, "tenant-b", FaultRule(action))
    async with dashboard(only=["tenant-a", "tenant-b"], settle=False) as driver:
        store = driver.app.session.store
        await driver.until(lambda: store.clusters["tenant-a"].reach in ANSWERING)
        await driver.press("2")
        await driver.shows("tenant-b")
        await driver.press("5")
        await driver.until(lambda: len(driver.table.rows) > 0)
        clear(demo)


async def test_a_hanging_cluster_does_not_slow_the_keys(dashboard: Open, demo: FleetThread) -> None:
    async def median_press(driver: Driver) -> float:
        took = []
        for _ in range(15):
            for key, area in (("3", "accounts"), ("5", "credentials")):
                took.append(await driver.answered(key, lambda area=area: driver.main.pane.id == area))
            for key, by in (("down", 1), ("up", -1)):
                there = driver.table.cursor + by
                took.append(await driver.answered(key, lambda there=there: driver.table.cursor == there))
        return median(took)

    fault(demo, "tenant-c", FaultRule(Hang()))
    async with dashboard(only=["tenant-a", "tenant-c"], settle=False) as driver:
        clusters = driver.app.session.store.clusters
        await driver.until(lambda: clusters["tenant-a"].reach in ANSWERING)
        await driver.press("5")
        await driver.until(lambda: len(driver.table.rows) > 1)
        hanging = await median_press(driver)
        assert clusters["tenant-c"].reach not in ANSWERING, "it hung all the time"
        clear(demo)
        driver.app.reconnect("tenant-c")
        await driver.until(lambda: clusters["tenant-c"].reach in ANSWERING, 30)
        without = await median_press(driver)
    assert hanging < 1.5 * without + 0.01, (hanging, without)


async def test_a_hanging_rotation_can_be_hidden_and_work_goes_on(dashboard: Open, demo: FleetThread) -> None:
    async with dashboard(only=["tenant-a", "tenant-b"]) as driver:
        fault(demo, "tenant-a", FaultRule(Hang(), verb="create", path=TOKEN))
        await driver.press("5", "slash")
        await driver.type("prometheus-kubeconfig tenant-a")
        await driver.press("enter", "r")
        await driver.until(lambda: bool(driver.app.session.jobs.all) and driver.panel.display)
        hanging = driver.app.session.jobs.all[0]
        await driver.press("escape")
        await driver.until(lambda: not driver.panel.display)
        await driver.shows("running")
        hanging.tasks[0].changed()
        await driver.settle()
        assert not driver.panel.display, "news of a job that was put away does not bring it back"
        await driver.press("d")
        hanging.tasks[0].changed()
        await driver.settle()
        assert not driver.app.screen.query_one(JobPanel).display, "on another screen neither"
        await driver.press("escape")
        assert driver.app.screen is driver.main
        await driver.find("5", "prometheus-kubeconfig tenant-b")
        job = await driver.act("v")
        assert done(job)
        assert hanging.running
        clear(demo)
        await driver.until(lambda: not hanging.running)


async def test_what_is_typed_while_it_leaves_is_for_nobody(dashboard: Open) -> None:
    async with dashboard(only=["tenant-a"]) as driver:
        app = driver.app
        screens = list(app._screen_stack)
        app._screen_stack.clear()  # as at the end, when the screens are put away and the keyboard is still read
        for key in ("down", "r", "q"):
            await app.on_event(events.Key(key, key if len(key) == 1 else None))
        app._screen_stack.extend(screens)
        await driver.press("5")
        assert driver.main.pane.id == "credentials"


async def test_a_mistake_in_a_task_is_its_result(dashboard: Open) -> None:
    async def broken(task: Task) -> None:
        raise ZeroDivisionError("eyJhbGciOiJIUzI1NiJ9.secret")

    async with dashboard(only=["tenant-a"]) as driver:
        driver.app.session.jobs.begin("break", [Task("something", broken)])
        await driver.until(lambda: bool(driver.app.session.jobs.all) and not driver.app.session.jobs.all[-1].running)
        await driver.settle()
        await driver.shows("ZeroDivisionError")
        assert "eyJ" not in driver.text()
        assert driver.app.is_running


async def test_a_mistake_in_the_dashboard_shows_no_locals(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    secret = "eyJhbGciOiJIUzI1NiJ9.a-token-in-a-local-variable"
    with closing(StateStore.open(tmp_path / "state")) as state:
        app = KubemintApp(Fleet(parse(b""), state=state))

        def breaks() -> None:
            held = secret
            raise RuntimeError(f"contains {held}")

        async def opened() -> None:
            async with app.run_test() as pilot:
                app.call_later(breaks)
                await pilot.pause(0.2)

        with pytest.raises(RuntimeError):
            await opened()
        app._print_error_renderables()
        captured = capsys.readouterr()
        said = captured.out + captured.err
        assert "a bug in the dashboard (RuntimeError)" in said
        assert "in breaks" in said, "it says where"
        for leak in (secret, secret[:20], secret[-20:], "contains", "held", "locals"):
            assert leak not in said


HOSTILE = {
    "markup": "[bold red]x[/] https://[fd00::10]:6443 arn[/x]",
    "escape": "a\x1b[31mred\x1b]0;title\x07",
    "rtl": "evil‮gnp.exe⁦",
    "long": "n" * 253,
    "wide": "名前" * 30,
}


@pytest.mark.parametrize("size", [(80, 24), (200, 50)], ids=["80x24", "200x50"])
async def test_hostile_names_show_harmlessly_everywhere(tmp_path: Path, size: tuple[int, int]) -> None:
    now = datetime.now(UTC)
    with closing(StateStore.open(tmp_path / "state")) as state:
        fleet = Fleet(parse(b""), state=state)
        app = KubemintApp(fleet, pace=AT_ONCE)
        async with app.run_test(size=size) as pilot:
            driver = Driver(app, pilot, None)  # type: ignore[arg-type]  # no servers here
            for what, name in HOSTILE.items():
                show_only(fleet, name, now)
                for area in "12356":
                    await driver.press(area)
                    harmless(driver, what)
                for keys in (
                    ("2", "d"), ("3", "d"), ("5", "d"), ("5", "ctrl+d"), ("5", "e"), ("5", "r"), ("3", "enter"),
                ):  # fmt: skip
                    await driver.press(*keys)
                    harmless(driver, what)
                    await driver.press("escape", "escape")
                    assert app.screen is driver.main, (what, keys)
            assert app.is_running


def show_only(fleet: Fleet, name: str, now: datetime) -> None:
    """One cluster, one account and one credential, and this name in every field of them."""
    store, identity = fleet.store, Identity(name, name, name)
    for kind, rows in (
        (ClusterRow, store.clusters), (AccountRow, store.accounts), (CredentialRow, store.credentials),
    ):  # fmt: skip
        for key in list(rows):
            store.drop(kind, key)
    store.put(
        ClusterRow(name=name, server=name, message=name, hint=name, reach=Reach.UNREACHABLE, missing=(name,)),
        AccountRow(identity=identity, labels={name: name}),
        CredentialRow(
            cluster=name,
            namespace=name,
            name=name,
            credential=Credential(
                address=Address(CredentialKind.SECRET, name, name, name),
                identity=identity,
                issued_at=now,
                expires_at=now + timedelta(hours=1),
                kept_in=name,
                message=name,
                state=State.FAILED,
            ),
        ),
    )


def harmless(driver: Driver, what: str) -> None:
    """Nothing on the screen steers a terminal or turns text round."""
    shown = driver.text()
    for char in ("\x1b", "\x07", "\u202e", "\u2066"):
        assert char not in shown, (what, char)
