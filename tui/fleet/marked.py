"""Until when what rests on an object works that was marked as deleted and is held back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from tui.issuance import HELD_STATES


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
