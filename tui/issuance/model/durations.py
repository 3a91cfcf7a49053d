"""Lifetimes: as people write them, as Go writes them (which is what clusters read); and points in time.

People write Go's syntax with days and weeks; specs and annotations have Go's alone, no more than DPF's CRD accepts.
`durationpy` reads more than either (months, years, signs), so the pattern comes first and is what an error shows.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

import durationpy

from tui.issuance.errors import UsageError

GO_PATTERN: Final = r"^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$"
"""The CRD's own rule for `spec.duration`. Python's `$` also accepts a final line break, hence `fullmatch`."""
PATTERN: Final = r"^([0-9]+(\.[0-9]+)?(ms|s|m|h|d|w))+$"
"""What people may write: a day is 24 h, a week 7 days."""
_RULES: Final = {pattern: re.compile(pattern.strip("^$")) for pattern in (GO_PATTERN, PATTERN)}
_DAYS_FROM: Final = timedelta(days=2)
_LONGEST: Final = timedelta(microseconds=(2**63 - 1) // 1000)
"""What Go's time.Duration can hold: 2^63-1 nanoseconds, about 292 years."""
_LONGEST_TEXT: Final = 64
_YEARS: Final = range(1970, 9999)


def parse_duration(text: str) -> timedelta:
    """`1h30m`, `45s`, `1.5h`, `500ms`, `7d`, `2w`, `1d12h`. Everything else is a UsageError that shows the pattern."""
    return _parsed(text, PATTERN, "write 30m, 1h30m, 7d or 2w")


def parse_go_duration(text: str) -> timedelta:
    """As a cluster reads it: `1h30m`, and no days. Everything else is a UsageError that shows the pattern."""
    return _parsed(text, GO_PATTERN, "write 30m, 1h or 1h30m; days do not exist in Go's syntax, write 24h")


def _parsed(text: str, pattern: str, hint: str) -> timedelta:
    if len(text) > _LONGEST_TEXT or not _RULES[pattern].fullmatch(text):
        raise UsageError(
            f"{text[:_LONGEST_TEXT]!r} is not a duration such as 30m or 1h30m, it must match {pattern}", hint
        )
    try:
        parsed: timedelta = durationpy.from_str(text)
    except durationpy.DurationError:
        parsed = timedelta.max
    if parsed > _LONGEST:
        raise UsageError(f"{text!r} is longer than any duration Go can hold", "write a shorter one, such as 365d")
    return parsed


def format_duration(duration: timedelta) -> str:
    """For people, and read by `parse_duration`: as Go has it, whole days from two up: `1h30m`, `24h`, `36h`, `30d`.

    A negative duration, which no wish can have but a difference of times can, has a leading minus.
    """
    if abs(duration) >= _DAYS_FROM and not duration % timedelta(days=1):
        return f"{duration.days}d"
    return format_go_duration(duration)


def format_go_duration(duration: timedelta) -> str:
    """The shortest text that `parse_go_duration` reads back: 5400 s is `1h30m`, 90 s is `1m30s`, nothing is `0s`."""
    sign, left = ("-", -duration) if duration < timedelta(0) else ("", duration)
    if left and left < timedelta(seconds=1) and not left.microseconds % 1000:
        return f"{sign}{left.microseconds // 1000}ms"
    minutes, seconds = divmod(left.days * 86400 + left.seconds, 60)
    hours, minutes = divmod(minutes, 60)
    fraction = f".{left.microseconds:06d}".rstrip("0") if left.microseconds else ""
    parts = [f"{hours}h" if hours else "", f"{minutes}m" if minutes else ""]
    if seconds or fraction or not any(parts):
        parts.append(f"{seconds}{fraction}s")
    return sign + "".join(parts)


def whole_seconds(duration: timedelta) -> int:
    """The seconds a TokenRequest can ask for; parts of a second are dropped, as DPF drops them."""
    return duration // timedelta(seconds=1)


def parse_time(value: object) -> datetime | None:
    """An RFC 3339 time, in UTC; None for anything else, without a zone, or too far away to reckon with."""
    try:
        parsed = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    if parsed is None or parsed.tzinfo is None or parsed.year not in _YEARS:
        return None
    return parsed.astimezone(UTC)


def rfc3339(at: datetime) -> str:
    """A time as Kubernetes writes it: UTC, whole seconds."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
