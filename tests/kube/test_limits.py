"""How large and how long, at the edges; the clock stands still here."""

from __future__ import annotations

import asyncio
import math

import pytest

from tui.kube import limits
from tui.kube.amounts import size as said
from tui.kube.errors import OutOfTime, ProtocolError
from tui.kube.limits import DELIVERED, OWN, UNDOING, Deadline, Ledger, sizes_for, values_in, whole_answer

KIB, MIB = 1024, 1024 * 1024


def test_what_strangers_may_write_gets_less_of_everything() -> None:
    assert sizes_for(delivered=True) is DELIVERED
    assert sizes_for(delivered=False) is OWN
    for what in ("answer", "page", "values", "asked", "objects", "event", "kept"):
        assert getattr(DELIVERED, what) < getattr(OWN, what)


def test_a_limit_is_said_in_round_words() -> None:
    assert [said(size) for size in (KIB, MIB - KIB, MIB, 2 * MIB, 64 * MIB)] == [
        "1 KiB", "1023 KiB", "1 MiB", "2 MiB", "64 MiB",
    ]  # fmt: skip


def test_values_are_counted_by_what_separates_them() -> None:
    assert values_in(b"1") == 0
    assert values_in(b'{"a":[1,2,3]}') == 4
    assert values_in(bytearray(b"[[],[]]")) == 4
    assert values_in(memoryview(b"{},{}")) == 3


def test_as_much_is_kept_as_may_be_and_no_more() -> None:
    ledger = Ledger(most=10 * MIB, cluster="c")
    ledger.keep("secrets", 6 * MIB)
    ledger.keep("pods", 4 * MIB)
    assert ledger.total == 10 * MIB
    with pytest.raises(ProtocolError, match="more than 10 MiB to keep of this cluster; pods are left out") as refused:
        ledger.keep("pods", 1)
    assert refused.value.cluster == "c"
    assert "-n" in refused.value.hint
    ledger.keep("pods", -1)
    ledger.forget("pods")
    assert ledger.total == 6 * MIB
    ledger.forget("pods")
    ledger.forget("nothing of that kind")
    assert ledger.total == 6 * MIB
    ledger.keep("pods", 4 * MIB)


def test_what_shrinks_is_never_refused() -> None:
    ledger = Ledger(most=10)
    with pytest.raises(ProtocolError):
        ledger.keep("a", 20)
    ledger.keep("a", -5)
    ledger.keep("a", 0)
    assert ledger.total == 15


def test_a_request_has_its_connection_and_twice_its_silence() -> None:
    assert whole_answer(5, 30) == 65


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_deadline_is_over_when_its_seconds_are() -> None:
    clock = Clock()
    deadline = Deadline(10, clock)
    assert (deadline.at, deadline.left, deadline.seconds) == (110, 10, 10)
    clock.now = 109.5
    assert deadline.left == 0.5
    clock.now = 200
    assert deadline.left == 0
    deadline.extend(95)
    assert (deadline.left, deadline.seconds) == (5, 105)


def test_what_a_person_takes_is_not_counted() -> None:
    clock = Clock()
    deadline = Deadline(10, clock)
    clock.now += 4
    with deadline.stopped():
        clock.now += 1000
        assert deadline.left == 6
        with deadline.stopped():
            clock.now += 1000
            assert deadline.left == 6
        clock.now += 1000
        assert deadline.left == 6, "asked twice at a time it goes on with the last answer"
    assert deadline.left == 6
    clock.now += 7
    assert deadline.left == 0


def test_whoever_is_asked_may_take_their_time() -> None:
    clock = Clock()
    with limits.within(10) as deadline:
        deadline.clock, deadline.at = clock, clock.now + 10
        with limits.not_counted():
            clock.now += 1000
        assert limits.left() == 10


def test_where_no_deadline_is_nothing_ends() -> None:
    assert limits.left() is None
    limits.check()
    limits.extend(5)
    with limits.not_counted(), limits.to_undo():
        assert limits.left() is None
    assert limits.out_of_time("c").message == "the time for this is over"


def test_the_nearest_deadline_counts() -> None:
    with limits.within(1000) as outer:
        with limits.within(2000) as inner:
            assert inner is outer
        with limits.within(500) as inner:
            assert inner is not outer
            assert limits.left() == pytest.approx(500, abs=5)
        with limits.by_default(5):
            assert limits.left() == pytest.approx(1000, abs=5)
        with limits.apart():
            assert limits.left() is None
            with limits.by_default(5):
                assert limits.left() == pytest.approx(5, abs=5)
        limits.extend(1000)
        assert limits.left() == pytest.approx(2000, abs=5)
    assert limits.left() is None


def test_what_is_over_is_refused_with_its_seconds_and_its_cluster() -> None:
    with limits.within(100) as deadline:
        limits.check("c")
        deadline.at -= 99.5
        limits.check("c")
        deadline.at -= 1
        assert limits.left() == 0
        with pytest.raises(OutOfTime, match=r"the time for this is over \(100 s\)") as over:
            limits.check("c")
        assert over.value.cluster == "c"
        with pytest.raises(OutOfTime) as over:
            limits.check()
        assert over.value.cluster == limits.out_of_time().cluster == ""


@pytest.mark.parametrize("left", [0.0, UNDOING - 1, UNDOING + 5])
def test_undoing_has_some_seconds_in_any_case(left: float) -> None:
    with limits.within(left) as deadline:
        with limits.to_undo():
            assert limits.left() == pytest.approx(max(left, UNDOING), abs=0.5)
        assert limits.left() == pytest.approx(deadline.left, abs=0.5)


async def test_a_wait_ends_with_its_deadline_and_other_timeouts_stay_what_they_are() -> None:
    async with limits.bounded("c"):
        pass
    with limits.within(math.inf):
        async with limits.bounded("c"):
            pass
    with limits.within(0.01), pytest.raises(OutOfTime) as over:
        async with limits.bounded("c"):
            await asyncio.sleep(60)
    assert over.value.cluster == "c"
    with limits.within(0), pytest.raises(OutOfTime, match="c: the time for this is over"):
        async with limits.bounded("c"):
            raise AssertionError("it was over before it began")
    with limits.within(60), pytest.raises(TimeoutError, match="another"):
        async with limits.bounded("c"):
            raise TimeoutError("another")
