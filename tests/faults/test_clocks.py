"""Clocks that are wrong, that are set, or that somebody makes up: what is due, and when an old token ends."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email.utils import formatdate
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from tests.cli.conftest import kubemint
from tests.issuance.arena import Arena, Bench, new_arena
from tui.issuance.model.cluster_time import utc_now
from tui.issuance.model.kinds import CredentialKind
from tui.issuance.model.types import Address, Handle, State
from tui.issuance.records import grace_time
from tui.issuance.records.grace_time import Left, Moment, due_here, due_shown, elapsed, left, moment
from tui.issuance.records.intent import Revocation
from tui.kube import clock, session
from tui.kube.clock import FAR, Range, Verdict, judge, steady_beside
from tui.kube.meters import Meters

if TYPE_CHECKING:
    from tui.demo.running import FleetThread

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)
HOUR, MINUTE, SECOND = timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=1)


def at(seconds: float) -> Range:
    return Range(seconds - 0.5, seconds + 0.5)


@pytest.mark.parametrize(
    ("dates", "stamped", "set_by", "skew", "words"),
    [
        ([], None, 0, None, ""),
        ([at(0)], None, 0, 0, ""),
        ([at(75)], None, 0, 75, ""),
        ([at(FAR - 1)], None, 0, FAR - 1, ""),
        ([at(FAR + 1)], None, 0, None, "10m 1s ahead of this machine's; it is not followed"),
        ([at(-7265)], None, 0, None, "2h 1m behind this machine's; it is not followed"),
        ([at(0), at(30), at(0)], None, 0, 0, ""),
        ([at(0), at(300)], None, 0, None, "jumps by 4m 59s; it is not followed"),
        ([at(300), at(0)], None, 0, None, "jumps by 4m 59s; it is not followed"),
        # What was just made says for certain, also how far this machine's clock is off.
        ([], at(7200), 0, 7200, ""),
        ([at(7200)], at(7200), 0, 7200, ""),
        ([at(7200)], at(0), 0, 0, "2h ahead of its stamps on tokens and objects, which count"),
        ([at(-300)], at(0), 0, 0, "5m behind its stamps on tokens and objects, which count"),
        ([at(20)], at(0), 0, 0, ""),
        ([at(0), at(300)], at(0), 0, 0, "jumps by 4m 59s; its stamps on tokens and objects count"),
        ([at(3)], at(1e12), 0, 3, ""),
        # This machine's clock was set by two hours since; the answers stayed what they were.
        ([at(-7200)], None, 7200, -7200, ""),
        ([at(0)], None, 7200, 0, ""),
        ([at(3600)], None, 7200, None, "1h ahead of this machine's; it is not followed"),
    ],
)
def test_what_is_believed_of_a_servers_time(
    dates: list[Range], stamped: Range | None, set_by: float, skew: float | None, words: str
) -> None:
    verdict = judge(dates, stamped, set_by)
    assert verdict.skew == (skew if skew is None else pytest.approx(skew, abs=1))
    assert words in verdict.words
    assert bool(words) is bool(verdict.words)


def test_where_another_clusters_stamps_say_the_same_it_is_this_machines_clock_that_is_wrong() -> None:
    assert judge([at(7200)], others=[at(7205)]) == Verdict(7200)
    assert judge([at(7200)], others=[at(0)]).skew is None
    clocks = Clocks()
    ours, theirs, tenant = (Meters(wall=clocks.wall, own=own) for own in (True, True, False))

    def mint(meters: Meters, ahead: float) -> None:
        with meters.stamping() as stamped:
            stamped(int(clocks.wall() + ahead))

    with theirs.measure() as note:
        note(formatdate(int(clocks.wall() + 7200), usegmt=True))
    mint(tenant, 7200)
    assert theirs.skew is None, "a tenant may say what it likes"
    mint(ours, 7200)
    assert theirs.skew == pytest.approx(7200, abs=1)


class Clocks:
    """This machine's clock, which can be set, and one that cannot."""

    def __init__(self) -> None:
        self.steady, self.off = 500.0, 0.0

    def wall(self) -> float:
        return self.steady + self.off + 1e9


def test_what_is_known_of_a_server_stays_true_where_this_machines_clock_is_set() -> None:
    clocks = Clocks()
    meters = Meters(wall=clocks.wall, steady=lambda: clocks.steady)

    def answer(ahead: float) -> Verdict:
        with meters.measure() as note:
            note(formatdate(int(clocks.steady + 1e9 + ahead), usegmt=True))
        return meters.verdict

    def believed(verdict: Verdict) -> float | None:
        assert verdict.words == ""
        return verdict.skew

    assert believed(answer(0)) == pytest.approx(0, abs=1)
    clocks.off = 7200
    assert meters.skew == pytest.approx(-7200, abs=1), "at once, without another answer"
    assert believed(answer(0)) == pytest.approx(-7200, abs=1)
    clocks.off = 0
    assert believed(answer(0)) == pytest.approx(0, abs=1)
    assert "jumps by" in answer(7200).words
    with meters.stamping() as stamped:
        stamped(int(clocks.steady + 1e9))
    assert meters.skew == pytest.approx(0, abs=1)
    assert "its stamps on tokens and objects count" in meters.verdict.words


def test_a_clock_that_a_test_made_stands_for_itself() -> None:
    made = Clocks().wall
    assert steady_beside(made) is made


BEGUN = Moment(wall=NOON, skew=0.0, boot="b1", up=1000.0)


def now(wall: timedelta, *, skew: float | None = 0.0, boot: str = "b1", up: float = 0.0) -> Moment:
    return Moment(wall=NOON + wall, skew=skew, boot=boot, up=1000.0 + up)


@pytest.mark.parametrize(
    ("then", "minutes", "words"),
    [
        # This machine was not started anew: a clock that nobody sets counts.
        (now(MINUTE, up=60), 1, ""),
        (now(2 * HOUR + MINUTE, up=60), 1, "set forward by 2h 00m"),
        (now(MINUTE - 2 * HOUR, up=60), 1, "set back by 2h 00m"),
        (now(2 * HOUR, skew=7200, up=60), 1, "set forward"),
        (now(MINUTE, up=-5), 0, "set forward by 1m 05s"),
        # It was: the two that are left, each against itself.
        (now(MINUTE, boot="b2"), 1, ""),
        (now(2 * HOUR + MINUTE, skew=-7200, boot="b2"), 1, "moved apart by 2h 00m"),
        (now(MINUTE - 2 * HOUR, skew=7200, boot="b2"), 1, "moved apart by 2h 00m"),
        (now(MINUTE, skew=7200, boot="b2"), 1, "moved apart by 2h 00m"),
        (now(-HOUR, boot="b2"), 0, ""),
        (now(10 * MINUTE, skew=-610, boot="b2"), 0, "moved apart by 10m"),
        (now(2 * HOUR, skew=None, boot="b2"), 120, ""),
        (now(-2 * HOUR, skew=None, boot="b2"), 0, "set back by 2h 00m"),
    ],
)
def test_how_much_of_a_grace_period_has_passed(then: Moment, minutes: int, words: str) -> None:
    passed, said = elapsed(BEGUN, then)
    assert passed == minutes * MINUTE
    assert words in said
    assert bool(words) is bool(said)


@pytest.mark.parametrize(
    ("begun", "then", "words"),
    [
        # A minute is no matter, whatever the clocks are compared by.
        (BEGUN, now(2 * MINUTE, up=60), ""),
        (BEGUN, now(timedelta(0), up=60), ""),
        (BEGUN, now(2 * MINUTE + SECOND, up=60), "this machine's clock was set forward by 1m 01s since the grace"),
        (BEGUN, now(-SECOND, up=60), "this machine's clock was set back by 1m 01s since the grace period began"),
        (BEGUN, now(MINUTE, skew=60, boot="b2"), ""),
        (BEGUN, now(MINUTE, skew=61, boot="b2"), "moved apart by 1m 01s"),
        (BEGUN, now(MINUTE, skew=-61, boot="b2"), "moved apart by 1m 01s"),
        (BEGUN, now(-MINUTE, skew=None, boot="b2"), ""),
        (BEGUN, now(-MINUTE - SECOND, skew=None, boot="b2"), "this machine's clock was set back by 1m 01s"),
    ],
)
def test_small_differences_of_clocks_are_not_said(begun: Moment, then: Moment, words: str) -> None:
    said = elapsed(begun, then)[1]
    assert words in said
    assert bool(words) is bool(said)


@pytest.mark.parametrize(
    ("begun", "then", "passed"),
    [
        # One that went backwards says nothing, a little of it is no time at all.
        (BEGUN, now(-MINUTE, skew=0, boot="b2"), timedelta(0)),
        (BEGUN, now(-MINUTE, skew=120, boot="b2"), timedelta(0)),
        (BEGUN, now(-MINUTE - SECOND, skew=181, boot="b2"), 2 * MINUTE),
        (BEGUN, now(2 * MINUTE, skew=-180, boot="b2"), timedelta(0)),
        (BEGUN, now(2 * MINUTE, skew=-181, boot="b2"), 2 * MINUTE),
        (BEGUN, now(3 * MINUTE, skew=-60, boot="b2"), 2 * MINUTE),
        # Where the skew is not known at both ends this machine's clock is all there is.
        (msgspec.structs.replace(BEGUN, skew=None), now(2 * MINUTE, skew=3600, boot="b2"), 2 * MINUTE),
        (msgspec.structs.replace(BEGUN, skew=5.0), now(2 * MINUTE, skew=5.0, boot="b2"), 2 * MINUTE),
        (msgspec.structs.replace(BEGUN, skew=5.0), now(2 * MINUTE, skew=None, boot="b2"), 2 * MINUTE),
        (msgspec.structs.replace(BEGUN, skew=60.0), now(2 * MINUTE, skew=0.0, boot="b2"), MINUTE),
        # Nobody knows whether it was started anew: then the clock that nobody sets does not count.
        (msgspec.structs.replace(BEGUN, boot=""), now(2 * MINUTE, boot="", up=5), 2 * MINUTE),
    ],
)
def test_by_which_clock_a_grace_period_is_measured(begun: Moment, then: Moment, passed: timedelta) -> None:
    assert elapsed(begun, then)[0] == passed


def revocation(**fields: Any) -> Revocation:
    given: dict[str, Any] = {"address": Address(CredentialKind.FILE, "", "", "/f"), "due": NOON + 10 * MINUTE}
    return Revocation(plan="p", handle=Handle("c", "n", "h", "u"), **given | fields)


def test_what_is_left_of_a_grace_period() -> None:
    begun = revocation(begun=BEGUN)
    assert left(begun, now(3 * MINUTE, up=180)) == Left(time=7 * MINUTE)
    late = left(begun, now(3 * MINUTE, up=601))
    assert late.time == timedelta(0)
    assert "set back" in late.words
    assert left(msgspec.structs.replace(begun, ending=True), now(timedelta(0))) == Left(time=timedelta(0))


def test_when_it_is_due_by_this_machines_clock() -> None:
    for begun in (None, msgspec.structs.replace(BEGUN, boot="")):
        found = revocation(begun=begun)
        assert due_here(found, lambda: NOON + 4 * MINUTE) == NOON + 10 * MINUTE
        assert due_here(found, lambda: NOON + HOUR) == NOON + HOUR, "at once"


def test_when_people_are_told_that_it_is_due() -> None:
    found = revocation(begun=msgspec.structs.replace(BEGUN, boot=""))
    for at in (4 * MINUTE, 10 * MINUTE, HOUR):  # past it it stays what it was
        assert due_shown(found, lambda at=at: NOON + at) == NOON + 10 * MINUTE  # type: ignore[misc]
    part = timedelta(microseconds=7)
    assert due_shown(found, lambda: NOON - HOUR + part) == NOON - HOUR + 10 * MINUTE, "the clock was set back"
    assert due_shown(found, lambda: NOON - MINUTE) == NOON + 10 * MINUTE, "so little is not told"
    second = timedelta(seconds=1)
    assert due_shown(found, lambda: NOON - MINUTE - second) == NOON + 9 * MINUTE - second


def test_a_start_of_the_machine_is_told_from_another(monkeypatch: pytest.MonkeyPatch) -> None:
    assert grace_time._boot() == grace_time._boot() != ""
    monkeypatch.setattr(grace_time, "Path", lambda name: Path("/nowhere"))
    alone, again = grace_time._boot(), grace_time._boot()
    assert alone != again
    assert "" not in (alone, again)


def test_what_an_older_kubemint_wrote_is_due_by_this_machines_clock() -> None:
    old = Revocation(
        plan="p", address=Address(CredentialKind.FILE, "", "", "/f"), handle=Handle("c", "n", "h", "u"), due=NOON
    )
    assert left(old, now(-MINUTE)).time == MINUTE
    assert left(old, now(MINUTE)).time == timedelta(0)
    by_hand = msgspec.structs.replace(old, ending=True)
    assert left(by_hand, now(-HOUR)).time == timedelta(0), "who revokes by hand waits for no clock"


def test_only_this_machines_own_clock_has_one_beside_it_that_nobody_sets() -> None:
    own = moment(utc_now, 3.0)
    assert own.boot
    assert abs(own.wall - utc_now()) < MINUTE
    assert own.up > 0
    made = moment(lambda: NOON)
    assert (made.wall, made.boot, made.up, made.skew) == (NOON, "", 0.0, None)
    assert moment(lambda: NOON, 3.0).skew == own.skew == 3.0


@pytest.fixture
def arena(embedded_fleet: FleetThread, tmp_path: Path) -> Arena:
    return new_arena("embedded", embedded_fleet.kubeconfig, "harbor", tmp_path, embedded_fleet)


@pytest.fixture
async def bench(arena: Arena) -> AsyncIterator[Bench]:
    async with Bench(arena, grace=5 * MINUTE) as ready:
        yield ready


class Wrong:
    """This machine's clock, set wrongly at some time, beside the one that nobody sets."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.off = timedelta(0)
        self.passed = 0.0
        true, steady = utc_now, clock.steady
        self._true = true
        monkeypatch.setattr(grace_time, "steady", lambda: steady() + self.passed)
        monkeypatch.setattr(grace_time, "utc_now", self)

    def __call__(self) -> datetime:
        return self._true() + self.off + timedelta(seconds=self.passed)


@pytest.mark.parametrize("off", [2 * HOUR, -2 * HOUR], ids=["forward", "back"])
async def test_a_grace_period_outlives_a_clock_that_is_set(
    arena: Arena, monkeypatch: pytest.MonkeyPatch, off: timedelta
) -> None:
    """Set forward the old token ended at once, set back it lived two hours longer."""
    clock = Wrong(monkeypatch)
    async with Bench(arena, grace=5 * MINUTE, clock=clock) as first:
        await first.issue(arena.spec(arena.file()))
        address = first.state.exports()[0].address
        assert (await first.engine.execute(await first.engine.plan_rotate(address))).ok
    clock.off = off
    async with Bench(arena, grace=5 * MINUTE, clock=clock) as second:
        await second.engine.recover()
        assert len(second.state.revocations()) == 1, "its five minutes have only begun"
        assert len(await second.handles()) == 2
    clock.passed = 301
    async with Bench(arena, grace=5 * MINUTE, clock=clock) as third:
        await third.engine.recover()
        assert third.state.revocations() == []
        assert len(await third.handles()) == 1


async def test_after_a_start_of_the_machine_the_shorter_time_counts(
    arena: Arena, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Wrong(monkeypatch)
    async with Bench(arena, grace=5 * MINUTE, clock=clock) as first:
        await first.issue(arena.spec(arena.file()))
        address = first.state.exports()[0].address
        assert (await first.engine.execute(await first.engine.plan_rotate(address))).ok
    monkeypatch.setattr(grace_time, "_BOOT", "another start")
    clock.off = 9 * MINUTE  # the cluster's answers tell, and are near enough to be believed
    async with Bench(arena, grace=5 * MINUTE, clock=clock) as second:
        await second.clusters.aclose()
        second.clusters._wall = lambda: clock().timestamp()
        await second.engine.recover()
        assert len(second.state.revocations()) == 1


def forged(monkeypatch: pytest.MonkeyPatch, ahead: timedelta) -> None:
    """Something in between puts another Date on every answer."""

    class Forging(Meters):
        def measure(self) -> Any:
            outer = super().measure()

            class Measuring:
                def __enter__(self) -> Any:
                    note = outer.__enter__()
                    said = (datetime.now(UTC) + ahead).timestamp()
                    return lambda date: note(formatdate(said, usegmt=True))

                def __exit__(self, *error: Any) -> Any:
                    return outer.__exit__(*error)

            return Measuring()

    monkeypatch.setattr(session, "Meters", Forging)


def test_a_forged_date_makes_nothing_expired_or_due_and_is_said(arena: Arena, monkeypatch: pytest.MonkeyPatch) -> None:
    path = arena.folder / "robot.kubeconfig"
    where = ("--kubeconfig", arena.kubeconfig, "--context", arena.name)
    assert kubemint("issue", "robot", "-n", arena.namespace, "--create", "--out", path, *where).code == 0
    soon = ("--wait", "5s", *where)
    forged(monkeypatch, 2 * HOUR)
    words = f"{arena.name}: the time in its answers is 2h ahead of this machine's; it is not followed"
    listed = kubemint("list", "credentials", "-o", "json", *soon)
    states = {item["address"]: item["state"] for item in listed.json["items"]}
    assert states[f"file:{path}"] == State.VALID.value
    assert words in listed.err
    clusters = kubemint("list", "clusters", "-o", "json", *soon).json["items"]
    told = {item["name"]: item for item in clusters}[arena.name]
    assert "it is not followed" in told["clock"]
    assert told["skewSeconds"] is None
    assert "it is not followed" in kubemint("list", "clusters", *soon).out
    assert "nothing is due" in kubemint("rotate", "--due", "-n", arena.namespace, "--dry-run", *where).err
    assert kubemint("verify", f"file:{path}", *where).code == 0
    rotated = kubemint("rotate", f"file:{path}", "--grace", "0s", *where)
    assert rotated.code == 0
    assert "the time in its answers is 2h ahead of its stamps on tokens and objects, which count" in rotated.err
