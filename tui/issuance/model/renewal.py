"""When a credential is due: DPF's and the kubelet's rule with its mistakes taken out, as pure functions.

A credential is due once 80 % of its *granted* lifetime is gone or 24 h after it was issued, whichever comes first.
Jitter moves that point earlier, never later, so nothing ever waits past expiry. The clock and the jitter are arguments;
nothing here asks for the time or rolls dice.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import Final

from .types import Credential, State

MAX_AGE: Final = timedelta(hours=24)
EARLY_PERCENT: Final = 20
JITTER_PERCENT: Final = 5
SKEW: Final = timedelta(seconds=60)
"""The leeway API servers allow on both ends; a token issued further in the future than this is refused."""
FIRST_RETRY: Final = timedelta(seconds=5)
LONGEST_RETRY: Final = timedelta(minutes=5)
HELD: Final = timedelta(seconds=60)
"""How long servers go on accepting a token whose handle or account is marked as deleted and held back."""
OVER: Final = (State.REVOKED, State.ENDING)
"""What was ended, whether or not it is refused already."""
_TICK: Final = timedelta(milliseconds=1)
_SECOND: Final = timedelta(seconds=1)


def threshold(issued_at: datetime, expires_at: datetime) -> datetime:
    """The latest renewal point: 80 % of the lifetime (floored in whole seconds, as DPF does), or 24 h after issue."""
    lifetime = (expires_at - issued_at) // _SECOND
    capped = issued_at + min(MAX_AGE, expires_at - issued_at)  # never beyond what a time can be
    return min(expires_at - timedelta(seconds=lifetime * EARLY_PERCENT // 100), capped)


def early_by(issued_at: datetime, expires_at: datetime, jitter: float) -> timedelta:
    """What `jitter` (from 0 to below 1) takes off the threshold, in whole seconds.

    At most 5 % of the lifetime; of a lifetime beyond 24 h only the 24 h count, because 5 % of a year before the
    24 h point would be before the token was issued.
    """
    lifetime = min(expires_at - issued_at, MAX_AGE) // _SECOND
    return timedelta(seconds=int(min(max(jitter, 0.0), 1.0) * (lifetime * JITTER_PERCENT // 100)))


def rotate_at(issued_at: datetime, expires_at: datetime, jitter: float = 0.0) -> datetime:
    """When renewal is due, jitter included. Never before issue, never past expiry."""
    return min(expires_at, threshold(issued_at, expires_at) - early_by(issued_at, expires_at, jitter))


def needs_refresh(now: datetime, issued_at: datetime | None, expires_at: datetime | None, jitter: float = 0.0) -> bool:
    """Whether to renew now: strictly after the renewal point, or where the stamps do not say (then issue anew)."""
    if issued_at is None or expires_at is None or expires_at <= issued_at:
        return True
    return now >= expires_at or now > rotate_at(issued_at, expires_at, jitter)


def next_wake(now: datetime, issued_at: datetime | None, expires_at: datetime | None, jitter: float = 0.0) -> datetime:
    """When to look again: the first instant at which `needs_refresh` holds, or `now` where it already does.

    Unlike the reference, the 24 h cap sets the alarm too, and an alarm in the past rings at once. The same `jitter`
    must be given here and to `needs_refresh`. Raises ValueError where either time is missing.
    """
    if issued_at is None or expires_at is None:
        raise ValueError("expiration or issued at time is not set")
    if needs_refresh(now, issued_at, expires_at, jitter):
        return now
    return min(expires_at, rotate_at(issued_at, expires_at, jitter) + _TICK)


def retry_at(now: datetime, expires_at: datetime | None, failures: int, jitter: float) -> datetime:
    """When to try again after `failures` failed renewals in a row: doubling from 5 s to 5 min, full jitter.

    While the old credential lives, the last try is made before it ends and not after.
    """
    ceiling = min(LONGEST_RETRY, FIRST_RETRY * (1 << min(max(failures - 1, 0), 16)))
    wait = FIRST_RETRY / 5 + (ceiling - FIRST_RETRY / 5) * min(max(jitter, 0.0), 1.0)
    again = now + wait
    if expires_at is not None and now < expires_at - FIRST_RETRY < again:
        return expires_at - FIRST_RETRY
    return again


def spread(seed: str) -> float:
    """A jitter from 0 to below 1 that everybody computes alike from `seed` (an address and its time of issue).

    Every kubemint that looks at a credential thereby shows, and wakes at, the same renewal point.
    """
    return int.from_bytes(hashlib.sha256(seed.encode()).digest()[:6]) / 2**48


def same_wish(requested: timedelta | None, wanted: timedelta | None) -> bool:
    """Whether what was asked for last time is still what is wanted.

    Granted plays no part: a server that grants less than asked would otherwise cause a new token on every look.
    """
    if requested is None or wanted is None:
        return requested is wanted
    return requested // _SECOND == wanted // _SECOND


def state_of(credential: Credential, now: datetime) -> State:
    """The credential's state at `now`. `now` is the server's time: local time plus the cluster's skew.

    What its source knows for certain (revoked, never expires, pending, its file missing) stands. Otherwise the stamps
    decide, and where they are absent or contradict each other, or its source says why it is UNKNOWN, it is never VALID.
    """
    known, issued, expires = credential.state, credential.issued_at, credential.expires_at
    if known is State.REVOKED and credential.ends_by is not None and now < credential.ends_by:
        return State.ENDING
    if known is State.REVOKED or (known in (State.ENDLESS, State.PENDING) and expires is None):
        return known
    if expires is not None and expires <= now:
        return State.EXPIRED
    if known in (State.FAILED, State.MISSING):
        return known
    if issued is None or expires is None or expires <= issued or issued > now + SKEW:
        return State.UNKNOWN
    due = credential.rotate_at or rotate_at(issued, expires)
    if now > due:
        return State.DUE
    return State.UNKNOWN if known is State.UNKNOWN and credential.message else State.VALID
