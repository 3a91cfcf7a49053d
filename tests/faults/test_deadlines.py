"""Everything has an end: a server that hangs costs a command its stated time, and the journal has what is open then."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.cli.conftest import kubemint
from tests.issuance.arena import Arena, Bench, new_arena, token_in
from tui.demo import FaultRule, Hang
from tui.headless.deadlines import deadline, default_for, timeout_of
from tui.issuance.errors import UsageError
from tui.issuance.model.cluster_time import utc_now
from tui.issuance.model.types import StepStatus
from tui.kube import limits
from tui.kube.errors import OutOfTime, TimedOut
from tui.kube.limits import Deadline

if TYPE_CHECKING:
    from tui.demo.running import FleetThread


@pytest.fixture
def arena(embedded_fleet: FleetThread, tmp_path: Path) -> Arena:
    return new_arena("embedded", embedded_fleet.kubeconfig, "harbor", tmp_path, embedded_fleet)


@pytest.fixture
async def bench(arena: Arena) -> AsyncIterator[Bench]:
    """Its requests have as long as people's; it is the deadline that ends them."""
    async with Bench(arena, patience=30) as ready:
        yield ready


def everything(arena: Arena, verb: str | None = None, path: str = "") -> FaultRule:
    """Requests in the arena's namespace hang."""
    return FaultRule(Hang(), verb=verb, path=f"/namespaces/{arena.namespace}/{path}")


@pytest.mark.parametrize(
    ("verb", "asked", "expected"),
    [
        ("list", {}, 60),
        ("list", {"wait": "10s"}, 70),
        ("verify", {}, 60),
        ("issue", {}, 120),
        ("revoke", {"addresses": ("a",)}, 120),
        ("revoke", {"addresses": ("a", "b")}, 600),
        ("rotate", {"addresses": (), "due": True, "watch": False}, 600),
        ("rotate", {"addresses": (), "due": True, "watch": True}, None),
        ("push", {"wait": "90s"}, 210),
        ("reconcile", {"watch": False}, 600),
        ("reconcile", {"watch": True}, None),
        ("something new", {}, 120),
    ],
)
def test_how_long_a_command_has(verb: str, asked: Mapping[str, Any], expected: float | None) -> None:
    assert default_for(verb, asked) == expected


def test_how_a_timeout_is_written() -> None:
    assert [timeout_of(text) for text in (None, "1s", "2m", "3h", "0", "0s", "5")] == [
        None,
        1,
        120,
        10800,
        math.inf,
        math.inf,
        5,
    ]
    for text in ("-5", "-1s", "soon", ""):
        with pytest.raises(UsageError):
            timeout_of(text)


def test_a_deadline_counts_what_it_should() -> None:
    now = [100.0]
    mine = Deadline(10, clock=lambda: now[0])
    now[0] += 4
    assert mine.left == 6
    with mine.stopped():
        now[0] += 1000
        assert mine.left == 6
        with mine.stopped():
            now[0] += 1000
        assert mine.left == 6
    assert mine.left == 6
    mine.extend(5)
    assert (mine.left, mine.seconds) == (11, 15)
    now[0] += 12
    assert mine.left == 0


def test_the_nearer_of_two_deadlines_counts() -> None:
    with limits.within(100) as outer:
        with limits.within(200) as inner:
            assert inner is outer
        with limits.within(1) as inner:
            assert inner is not outer
            with limits.apart():
                assert limits.left() is None
                with limits.by_default(7):
                    assert 6 < (limits.left() or 0) <= 7
        with limits.by_default(1):
            assert (limits.left() or 0) > 90
        with limits.to_undo():
            assert (limits.left() or 0) > 90, "there is time enough"
    with limits.within(0):
        with pytest.raises(OutOfTime):
            limits.check()
        with limits.to_undo():
            limits.check()
            assert (limits.left() or 0) > 14


async def test_a_wait_inside_ends_and_anothers_timeout_is_left_alone() -> None:
    with limits.within(0.05), pytest.raises(OutOfTime, match=r"the time for this is over \(0\.05 s\)"):
        async with limits.bounded():
            await asyncio.sleep(10)
    with limits.within(10), pytest.raises(TimeoutError):
        async with limits.bounded():
            raise TimeoutError
    assert issubclass(OutOfTime, TimedOut), "whether a write was carried out is unknown"


async def test_what_does_not_end_by_itself_is_cancelled_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "UNDOING", 0.05)
    begun = time.monotonic()
    with pytest.raises(OutOfTime):
        async with deadline(0.05):
            await asyncio.sleep(30)
    assert time.monotonic() - begun < 5
    async with deadline(0.05):
        pass
    await asyncio.sleep(0.2)  # nobody is cancelled afterwards


async def test_a_hung_revocation_ends_and_the_next_start_revokes(
    bench: Bench, arena: Arena, monkeypatch: pytest.MonkeyPatch
) -> None:
    """163 s it took."""
    monkeypatch.setattr(limits, "REVOKING", 0.3)
    await bench.issue(arena.spec(arena.file()))
    address = bench.state.exports()[0].address
    begun = time.monotonic()
    with arena.fault(everything(arena, "delete")):
        outcome = await bench.engine.execute(await bench.engine.plan_rotate(address))
        assert outcome.ok
        await bench.engine.settle()
    assert time.monotonic() - begun < 10
    assert len(bench.state.revocations()) == 1
    failed = bench.state.entries()[-1]
    assert (failed.status, "the time for this is over" in failed.message) == ("failed", True)
    await bench.engine.recover()
    await bench.engine.settle()
    assert bench.state.revocations() == []
    assert len(await bench.handles()) == 1


async def test_a_revocation_by_hand_that_hangs_fails_and_is_open(bench: Bench, arena: Arena) -> None:
    await bench.issue(arena.spec(arena.file()))
    address = bench.state.exports()[0].address
    plan = await bench.engine.plan_revoke(address)
    with arena.fault(everything(arena, "delete")), limits.within(0.3):
        outcome = await bench.engine.execute(plan)
    assert not outcome.ok
    assert "the time for this is over (0.3 s)" in outcome.error
    assert "--request-timeout" in outcome.hint
    assert [one.ending for one in bench.state.revocations()] == [True]


@pytest.mark.parametrize("path", [".*/token$", "secrets$"])
async def test_what_had_begun_is_undone_when_the_time_is_over(bench: Bench, arena: Arena, path: str) -> None:
    """The undoing has some seconds of its own."""
    await bench.issue(arena.spec(arena.file()))
    address, old = bench.state.exports()[0].address, token_in(arena.file().path)
    plan = await bench.engine.plan_rotate(address)
    with arena.fault(everything(arena, "create", path)), limits.within(0.5):
        outcome = await bench.engine.execute(plan)
    assert not outcome.ok
    assert token_in(arena.file().path) == old
    assert await bench.works(old)
    if path.endswith("token$"):  # else the server may still create the handle that it never answered for
        assert [result.status for result in outcome.results][-1] is StepStatus.UNDONE
        assert bench.state.open_plans() == []
        assert len(await bench.handles()) == 1


async def test_what_cannot_be_undone_either_is_in_the_journal(
    bench: Bench, arena: Arena, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "UNDOING", 0.3)
    await bench.issue(arena.spec(arena.file()))
    address = bench.state.exports()[0].address
    plan = await bench.engine.plan_rotate(address)

    def hang(point: str) -> None:
        if point == "before:token":
            raise_faults.__enter__()

    raise_faults = arena.fault(everything(arena))
    bench.engine.checkpoint = hang
    begun = time.monotonic()
    try:
        with limits.within(0.6):
            outcome = await bench.engine.execute(plan)
    finally:
        raise_faults.__exit__(None, None, None)
        bench.engine.checkpoint = lambda _point: None
    assert time.monotonic() - begun < 10
    assert not outcome.ok
    assert "kubemint starts next" in outcome.hint
    assert [intent.plan for intent in bench.state.open_plans()] == [plan.id]
    await bench.engine.recover()
    assert bench.state.open_plans() == []
    assert len(await bench.handles()) == 1


async def test_a_job_of_the_dashboard_has_an_end_too(
    bench: Bench, arena: Arena, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody gave a deadline."""
    monkeypatch.setattr(limits, "ACTING", 0.3)
    await bench.issue(arena.spec(arena.file()))
    address = bench.state.exports()[0].address
    plan = await bench.engine.plan_rotate(address)
    with arena.fault(everything(arena, "create", ".*/token$")):
        outcome = await bench.engine.execute(plan)
    assert "the time for this is over (0.3 s)" in outcome.error


def test_a_command_ends_in_its_stated_time_and_says_what_is_open(arena: Arena, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "UNDOING", 0.3)
    path = arena.folder / "robot.kubeconfig"
    where = ("--kubeconfig", arena.kubeconfig, "--context", arena.name)
    made = kubemint("issue", "robot", "-n", arena.namespace, "--create", "--out", path, *where)
    assert made.code == 0, made
    begun = time.monotonic()
    with arena.fault(everything(arena, "create", ".*/token$")), arena.fault(everything(arena, "delete")):
        late = kubemint("rotate", f"file:{path}", "--timeout", "1s", *where)
    assert time.monotonic() - begun < 15
    assert late.code == 1
    assert "the time for this is over (1 s)" in late.err
    assert f"still open: rotate file:{path}: the next kubemint finishes or undoes it" in late.err
    after = kubemint("rotate", f"file:{path}", "--grace", "0s", *where)
    assert after.code == 0, after
    assert "left by an earlier run" in after.err


def test_a_grace_period_comes_on_top_and_its_revocation_is_left_to_the_next_run(arena: Arena) -> None:
    path = arena.folder / "robot.kubeconfig"
    where = ("--kubeconfig", arena.kubeconfig, "--context", arena.name)
    assert kubemint("issue", "robot", "-n", arena.namespace, "--create", "--out", path, *where).code == 0
    with arena.fault(everything(arena, "delete")):
        late = kubemint("rotate", f"file:{path}", "--timeout", "1500ms", "--grace", "200ms", *where)
    assert late.code == 3, late
    assert late.out == f"file:{path}\n"
    assert "the old credential still works; the next run of kubemint revokes it" in late.err


def test_a_watch_takes_no_timeout_and_a_wrong_one_is_usage() -> None:
    for arguments in (
        ["rotate", "--due", "--watch", "--timeout", "5s"],
        ["--timeout", "5s", "rotate", "--due", "--watch"],
    ):
        assert kubemint(*arguments).code == 2
    assert kubemint("list", "clusters", "--timeout", "-5").code == 2
    assert "A value of zero means no limit" in " ".join(kubemint("rotate", "--help").out.split())


async def test_planning_within_a_job_counts_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    from tui.actions.jobs import Jobs, Task

    monkeypatch.setattr(limits, "ACTING", 0.1)

    async def work(task: Task) -> None:
        async with limits.bounded("harbor"):
            await asyncio.sleep(30)

    jobs = Jobs(utc_now)
    job = jobs.add("rotate", [Task("robot", work)])
    await jobs.run(job)
    assert [task.message for task in job.tasks] == ["harbor: the time for this is over (0.1 s)"]
