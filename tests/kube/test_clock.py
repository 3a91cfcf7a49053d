"""What is believed of a server's time, at the edges: how far is far, what is a jump, and what the words say."""

from __future__ import annotations

import time

import pytest

from tui.kube import clock
from tui.kube.clock import FAR, JUMP, Range, Verdict, judge, steady, steady_beside

DECADE = 10 * 366 * 86400.0


def exactly(seconds: float) -> Range:
    return Range(seconds, seconds)


def test_ranges() -> None:
    one = Range(1, 3)
    assert one.middle == 2
    assert one.moved(2.5) == Range(3.5, 5.5)
    assert one.gap(Range(3, 9)) == one.gap(Range(-5, 1)) == one.gap(Range(2, 2)) == 0
    assert (one.gap(Range(3.5, 9)), one.gap(Range(-5, 0.5))) == (0.5, 0.5)
    assert one.both(Range(2, 9)) == Range(2, 3)
    assert one.both(Range(-5, 2)) == Range(1, 2)
    assert one.both(Range(3, 9)) == exactly(3)
    assert one.both(Range(3.5, 9)) is None


@pytest.mark.parametrize("sign", [1, -1])
def test_how_far_a_date_may_be_from_this_machines_clock(sign: int) -> None:
    assert judge([exactly(sign * FAR)]) == Verdict(sign * FAR)
    beyond = judge([exactly(sign * (FAR + 1))])
    assert beyond.skew is None
    assert f"10m 1s {'ahead of' if sign > 0 else 'behind'} this machine's" in beyond.words


@pytest.mark.parametrize("set_by", [5000, -5000])
def test_a_clock_that_was_set_may_be_as_far_from_where_it_was(set_by: float) -> None:
    for off in (-FAR, 0, FAR):
        assert judge([exactly(off - set_by)], set_by=set_by).skew == off - set_by
        assert judge([exactly(off)], set_by=set_by).skew == off
    assert judge([exactly(FAR + 1 - set_by)], set_by=set_by).skew is None
    assert judge([exactly(-FAR - 1 - set_by)], set_by=set_by).skew is None
    assert judge([exactly(set_by)], set_by=set_by).skew is None


def test_how_near_another_clusters_stamps_must_be_to_speak_for_a_date() -> None:
    far = exactly(9000)
    assert judge([far], others=[exactly(9000 + JUMP)]).skew == 9000
    assert judge([far], others=[exactly(9000 - JUMP)]).skew == 9000
    assert judge([far], others=[exactly(9001 + JUMP)]).skew is None
    assert judge([far], others=[exactly(0), far]).skew == 9000, "one that agrees is enough"
    assert judge([exactly(0)], others=[far]) == Verdict(0), "what is near needs nobody"


def test_what_is_a_jump() -> None:
    assert judge([exactly(0), exactly(JUMP)]).skew == JUMP
    assert judge([exactly(JUMP), exactly(0)]).skew == 0, "the newest counts"
    jumped = judge([exactly(0), exactly(JUMP + 1), exactly(0)])
    assert jumped == Verdict(None, "the time in its answers jumps by 1m 1s; it is not followed")


def test_many_answers_narrow_it_down() -> None:
    assert judge([Range(0, 1), Range(0.5, 1.5)]).skew == 0.75
    assert judge([Range(0, 1), Range(0.5, 1.5), Range(5, 6)]).skew == 5.5
    assert judge([Range(5, 6), Range(0, 1), Range(0.5, 1.5)]).skew == 0.75


def test_a_stamp_says_it_for_certain_and_narrows_it_too() -> None:
    assert judge([Range(0, 1)], Range(0.5, 1.5)) == Verdict(0.75)
    assert judge([Range(0, 1)], Range(5, 6)) == Verdict(5.5)
    assert judge([], Range(5, 6)) == Verdict(5.5)
    assert judge([exactly(0)], exactly(JUMP)) == Verdict(JUMP)
    off = judge([exactly(JUMP + 1)], exactly(0))
    assert off.skew == 0
    assert "1m 1s ahead of its stamps" in off.words
    off = judge([exactly(0)], exactly(JUMP + 1))
    assert off.skew == JUMP + 1
    assert "1m 1s behind its stamps" in off.words


def test_dates_that_jump_leave_the_stamp_although_the_last_of_them_agrees() -> None:
    assert judge([exactly(0), exactly(JUMP)], exactly(JUMP)) == Verdict(JUMP)
    assert "2m behind its stamps" in judge([exactly(0), exactly(JUMP)], exactly(3 * JUMP)).words
    jumped = judge([exactly(0), exactly(JUMP + 1)], exactly(JUMP + 2))
    assert jumped.skew == JUMP + 2
    assert "jumps by 1m 1s; its stamps" in jumped.words


def test_a_stamp_of_another_decade_says_nothing() -> None:
    for stamp in (DECADE, -DECADE):
        assert judge([], exactly(stamp)).skew == stamp
    for stamp in (DECADE + 1, -DECADE - 1):
        assert judge([], exactly(stamp)) == Verdict(None)
        assert judge([exactly(3)], exactly(stamp)) == Verdict(3)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (61, "1m 1s"),
        (119.4, "1m 59s"),
        (119.6, "2m"),
        (3599, "59m 59s"),
        (3600, "1h"),
        (3659, "1h"),
        (3660, "1h 1m"),
        (86399, "23h 59m"),
        (86400, "1d"),
        (90000, "1d 1h"),
        (2 * 86400 - 1, "1d 23h"),
    ],
)
def test_how_long_is_said_with_two_units_at_most(seconds: float, words: str) -> None:
    assert judge([exactly(0), exactly(seconds)]).words.startswith(f"the time in its answers jumps by {words};")


def test_the_clock_that_nobody_sets(monkeypatch: pytest.MonkeyPatch) -> None:
    known = getattr(time, "CLOCK_BOOTTIME", None)
    assert steady() == pytest.approx(time.monotonic() if known is None else time.clock_gettime(known), abs=5)
    monkeypatch.setattr(clock, "_STEADY", None)
    assert steady() == pytest.approx(time.monotonic(), abs=5)
    monkeypatch.setattr(clock, "_STEADY", time.CLOCK_REALTIME)
    assert steady() == pytest.approx(time.time(), abs=5), "one of the system's, where it has one"
    assert steady_beside(time.time) is steady
    assert steady_beside(float) is float
