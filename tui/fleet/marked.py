"""Until when something works that is to end: what rests on an object that was marked as deleted and is held back, and
what waits for its revocation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from tui.issuance import HELD_STATES, Credential, Revocation


def by_utc(at: datetime | None) -> datetime | None:
    """A stamp of a server, whose zone it may leave out."""
    return at.replace(tzinfo=UTC) if at is not None and at.tzinfo is None else at


def held_until(marked: datetime | None, now: datetime) -> datetime | None:
    """From when on servers refuse what rests on an object that was `marked` as deleted; None where it is not."""
    at = by_utc(marked)
    return min(at, now + HELD_STATES) + HELD_STATES if at is not None else None  # whatever a clock, or a liar, says


def marked_at(found: Mapping[str, Any]) -> datetime | None:
    """When an object was marked as deleted, by its metadata; None where it is not, or says nothing usable."""
    try:
        return msgspec.convert(found.get("deletionTimestamp"), datetime | None)
    except msgspec.ValidationError:
        return None


def said_of(credential: Credential, pending: Sequence[Revocation], now: datetime) -> str:
    """What its row says of the revocations that are open where it is kept; empty where there are none."""
    if not pending:
        return ""
    first, more = pending[0], f", and {len(pending) - 1} more" if pending[1:] else ""
    at = f"{first.due:%Y-%m-%d %H:%M:%S} UTC"
    own = credential.handle == first.handle
    if first.ending:
        whose = "its revocation is" if own else "the revocation of an older token is"
        return f"{whose} not done yet: it may be accepted still{more}"
    if first.due <= now:
        whose = "it was rotated and" if own else "an older token"
        return f"{whose} was to end at {at}, and may be accepted still{more}"
    return f"{'it was rotated, and works' if own else 'an older token works'} until {at}{more}"
