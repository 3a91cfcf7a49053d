"""Times as people read them: absolute in UTC, and relative to now."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tui.issuance import format_duration, human_left


def stamp(at: datetime | None) -> str:
    """`2026-11-23 12:04:05 UTC`, or a dash where there is none."""
    return "–" if at is None else f"{at:%Y-%m-%d %H:%M:%S} UTC"


def rfc3339(at: datetime | None) -> str | None:
    """In UTC with whole seconds, `2026-11-23T12:00:00Z`."""
    return None if at is None else at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def relative(at: datetime | None, now: datetime) -> str:
    """`in 41m`, `12m ago`, `now`, or nothing."""
    if at is None:
        return ""
    left = at - now
    if abs(left) < timedelta(seconds=1):
        return "now"
    return f"in {human_left(left)}" if left > timedelta(0) else f"{human_left(-left)} ago"


def ago(at: datetime | None, now: datetime) -> str:
    """How long ago, without the word: `12m`."""
    if at is None:
        return "–"
    return human_left(max(now - at, timedelta(seconds=1)))


def lifetime(duration: timedelta | None) -> str:
    """A lifetime for a column, days from two days up: `1h30m`, `365d`, `2d4h`."""
    if duration is None:
        return "–"
    if duration >= timedelta(days=2) and duration % timedelta(days=1):
        return human_left(duration).replace(" ", "")
    return format_duration(timedelta(seconds=round(duration.total_seconds())))


def seconds(value: float | None) -> str:
    """A short span of seconds: `3 ms`, `1.2 s`."""
    if value is None:
        return "–"
    return f"{value * 1000:.0f} ms" if abs(value) < 1 else f"{value:.1f} s"
