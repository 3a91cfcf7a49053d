"""The renewal rule: rows A01 to A13, and what must hold for every lifetime and jitter."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, strategies as st

from tui.issuance.model import renewal
from tui.issuance.model.kinds import CredentialKind
from tui.issuance.model.types import Address, Credential, State

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
TICK = timedelta(milliseconds=1)
lifetimes = st.timedeltas(min_value=timedelta(seconds=1), max_value=timedelta(days=400))
jitters = st.floats(min_value=0, max_value=1, exclude_max=True)


def credential(issued: datetime | None, expires: datetime | None, state: State = State.UNKNOWN) -> Credential:
    address = Address(CredentialKind.SECRET, "c", "n", "x")
    return Credential(address=address, issued_at=issued, expires_at=expires, state=state)


def test_a01_expired_needs_refresh() -> None:
    assert renewal.needs_refresh(NOW, NOW - 2 * HOUR, NOW - HOUR)


def test_a03_fresh_does_not() -> None:
    assert not renewal.needs_refresh(NOW, NOW, NOW + HOUR)


def test_a05_missing_stamp_is_unknown_and_issued_anew() -> None:
    assert renewal.needs_refresh(NOW, NOW - HOUR, None)
    assert renewal.needs_refresh(NOW, None, NOW + HOUR)
    assert renewal.state_of(credential(NOW - HOUR, None, State.VALID), NOW) is State.UNKNOWN
    assert renewal.state_of(credential(None, NOW + HOUR, State.VALID), NOW) is State.UNKNOWN


@pytest.mark.parametrize(("issued", "expires"), [(None, NOW), (NOW, None), (None, None)])
def test_a07_no_wake_without_stamps(issued: datetime | None, expires: datetime | None) -> None:
    with pytest.raises(ValueError, match=r"^expiration or issued at time is not set$"):
        renewal.next_wake(NOW, issued, expires)


def test_a09_a_day_after_issue_although_much_is_left() -> None:
    issued = NOW - timedelta(hours=25)
    assert renewal.needs_refresh(NOW, issued, issued + timedelta(hours=60))


@pytest.mark.parametrize(
    ("ttl", "after"),
    [(600, 480), (601, 481), (604, 484), (605, 484), (3600, 2880), (7200, 5760), (86400, 69120), (108000, 86400),
     (144000, 86400)],
)  # fmt: skip
def test_a11_thresholds_and_strictly_after(ttl: int, after: int) -> None:
    expires = NOW + timedelta(seconds=ttl)
    point = NOW + timedelta(seconds=after)
    assert renewal.threshold(NOW, expires) == point
    assert not renewal.needs_refresh(point, NOW, expires)
    assert renewal.needs_refresh(point + TICK, NOW, expires)


def test_a13_jitter_is_whole_seconds_and_never_late() -> None:
    draw = random.Random(13)
    expires = NOW + HOUR
    seen = set()
    for _ in range(10_000):
        jitter = draw.random()
        early = renewal.early_by(NOW, expires, jitter)
        assert timedelta(0) <= early <= HOUR / 20
        assert not early.microseconds
        assert renewal.next_wake(NOW, NOW, expires, jitter) <= renewal.threshold(NOW, expires) + TICK < expires
        seen.add(early)
    assert len(seen) == 180, "every second of the window is used"


@given(lifetimes, jitters, st.floats(min_value=0, max_value=1.5))
def test_wakes_between_now_and_expiry_and_then_refreshes(ttl: timedelta, jitter: float, age: float) -> None:
    expires, now = NOW + ttl, NOW + ttl * age
    wake = renewal.next_wake(now, NOW, expires, jitter)
    assert now <= wake <= max(now, expires)
    assert renewal.needs_refresh(wake, NOW, expires, jitter)
    if wake - 2 * TICK > now:
        assert not renewal.needs_refresh(wake - 2 * TICK, NOW, expires, jitter)


@given(lifetimes, jitters)
def test_the_day_cap_sets_the_alarm(ttl: timedelta, jitter: float) -> None:
    assert renewal.next_wake(NOW, NOW, NOW + ttl, jitter) <= NOW + renewal.MAX_AGE + TICK
    assert NOW <= renewal.rotate_at(NOW, NOW + ttl, jitter) <= NOW + ttl


@given(lifetimes, jitters)
def test_a_new_credential_is_never_due_at_once(ttl: timedelta, jitter: float) -> None:
    assert not renewal.needs_refresh(NOW, NOW, NOW + ttl, jitter)


def test_an_alarm_in_the_past_rings_now() -> None:
    assert renewal.next_wake(NOW, NOW - 5 * HOUR, NOW - HOUR) == NOW
    assert renewal.next_wake(NOW, NOW, NOW) == NOW


@given(st.integers(min_value=1, max_value=50), jitters, st.timedeltas(timedelta(seconds=6), timedelta(hours=2)))
def test_a_failed_renewal_is_tried_again_before_the_end(failures: int, jitter: float, left: timedelta) -> None:
    again = renewal.retry_at(NOW, NOW + left, failures, jitter)
    assert NOW < again <= NOW + renewal.LONGEST_RETRY
    assert again < NOW + left


def test_retries_go_on_after_expiry() -> None:
    assert NOW < renewal.retry_at(NOW, NOW - HOUR, 9, 0.5) <= NOW + renewal.LONGEST_RETRY


def test_the_same_seed_spreads_alike() -> None:
    points = [renewal.spread(f"secret:c/n/{i}") for i in range(1000)]
    assert points == [renewal.spread(f"secret:c/n/{i}") for i in range(1000)]
    assert 0 <= min(points) < 0.02
    assert 0.98 < max(points) < 1


def test_a23_granted_less_is_not_another_wish() -> None:
    asked, granted = timedelta(hours=24), timedelta(hours=2)
    assert renewal.same_wish(asked, timedelta(hours=24))
    assert not renewal.same_wish(granted, asked)
    assert renewal.same_wish(None, None)
    assert not renewal.same_wish(None, asked)
    assert renewal.same_wish(timedelta(seconds=600.4), timedelta(seconds=600)), "servers only know whole seconds"


@pytest.mark.parametrize(
    ("issued", "expires", "known", "state"),
    [
        (NOW - HOUR / 2, NOW + HOUR / 2, State.UNKNOWN, State.VALID),
        (NOW - HOUR, NOW + timedelta(minutes=5), State.UNKNOWN, State.DUE),
        (NOW - HOUR, NOW, State.UNKNOWN, State.EXPIRED),
        (NOW - HOUR, NOW - timedelta(seconds=1), State.FAILED, State.EXPIRED),
        (NOW - HOUR, NOW + HOUR, State.FAILED, State.FAILED),
        (NOW - HOUR, NOW + HOUR, State.REVOKED, State.REVOKED),
        (NOW - HOUR, NOW - HOUR / 2, State.REVOKED, State.REVOKED),
        (NOW - HOUR, None, State.ENDLESS, State.ENDLESS),
        (None, None, State.PENDING, State.PENDING),
        (NOW, NOW + HOUR, State.PENDING, State.VALID),
        (NOW + HOUR, NOW + 2 * HOUR, State.VALID, State.UNKNOWN),
        (NOW + HOUR, NOW + HOUR / 2, State.VALID, State.UNKNOWN),
        (NOW + timedelta(seconds=30), NOW + HOUR, State.VALID, State.VALID),
    ],
)
def test_states(issued: datetime | None, expires: datetime | None, known: State, state: State) -> None:
    assert renewal.state_of(credential(issued, expires, known), NOW) is state


def test_a_stored_renewal_point_wins() -> None:
    early = Credential(
        address=Address(CredentialKind.SECRET, "c", "n", "x"),
        issued_at=NOW,
        expires_at=NOW + HOUR,
        rotate_at=NOW + timedelta(minutes=40),
    )
    assert renewal.state_of(early, NOW + timedelta(minutes=40)) is State.VALID
    assert renewal.state_of(early, NOW + timedelta(minutes=41)) is State.DUE
