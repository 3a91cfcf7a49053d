"""How much time is left, in a few characters: `2m 41s`, `41m`, `5h 12m`, `3d 4h`, `expired`.

The unit grows with the distance, so that a table of ten thousand credentials only has to repaint a cell when its label
changes. `holds_for` says how long that is.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

EXPIRED: Final = "expired"
_SECOND: Final = timedelta(seconds=1)
_MINUTE: Final = 60
_HOUR: Final = 3600
_DAY: Final = 86400
_SECONDS_BELOW: Final = 10 * _MINUTE
_HOURS_BELOW: Final = 100 * _DAY


def human_left(left: timedelta) -> str:
    """The label for this much time. It never says more than is left: a second that has begun still counts."""
    seconds = _whole(left)
    if seconds <= 0:
        return EXPIRED
    if seconds < _MINUTE:
        return f"{seconds}s"
    if seconds < _SECONDS_BELOW:
        return f"{seconds // _MINUTE}m {seconds % _MINUTE:02d}s"
    if seconds < _HOUR:
        return f"{seconds // _MINUTE}m"
    if seconds < _DAY:
        return f"{seconds // _HOUR}h {seconds % _HOUR // _MINUTE:02d}m"
    if seconds < _HOURS_BELOW:
        return f"{seconds // _DAY}d {seconds % _DAY // _HOUR}h"
    return f"{seconds // _DAY}d"


def holds_for(left: timedelta) -> timedelta | None:
    """How long from now until `human_left` says something else; None once it is expired for good."""
    seconds = _whole(left)
    if seconds <= 0:
        return None
    if seconds < _SECONDS_BELOW:
        grain = 1
    elif seconds < _DAY:
        grain = _MINUTE
    elif seconds < _HOURS_BELOW:
        grain = _HOUR
    else:
        grain = _DAY
    return left - timedelta(seconds=seconds // grain * grain - 1)


def countdown(expires_at: datetime, now: datetime) -> tuple[str, datetime | None]:
    """The label at `now` and the instant at which it changes (None: never again)."""
    left = expires_at - now
    holds = holds_for(left)
    return human_left(left), None if holds is None else now + holds


def _whole(left: timedelta) -> int:
    """Seconds left, rounded up, so that `expired` appears at the instant of expiry and not a second early."""
    return -(-left // _SECOND)
