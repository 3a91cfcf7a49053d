"""The slices of time that the timeline counts in: on round instants, as many as there is room for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

LEAST: Final = 3
"""The cells that one bucket needs: a number of two digits and a gap."""
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Span:
    """How far one looks ahead, and the sizes of buckets it may be cut into, the finest first."""

    title: str
    length: timedelta
    steps: tuple[timedelta, ...]


def _minutes(*numbers: int) -> tuple[timedelta, ...]:
    return tuple(timedelta(minutes=number) for number in numbers)


def _hours(*numbers: int) -> tuple[timedelta, ...]:
    return tuple(timedelta(hours=number) for number in numbers)


SPANS: Final = (
    Span("next hour", timedelta(hours=1), _minutes(1, 2, 5, 10, 15)),
    Span("next day", _DAY, _hours(1, 2, 3, 6)),
    Span("next 7 days", 7 * _DAY, _hours(6, 12, 24)),
    Span("next 30 days", 30 * _DAY, _hours(24, 48, 72, 120)),
)


@dataclass(frozen=True, slots=True)
class Bucket:
    """From `start` to just before `end`. The first one began before now: it holds what is left of it."""

    start: datetime
    end: datetime
    ends: int = 0
    renews: int = 0

    @property
    def label(self) -> str:
        """`14:20–14:25`, `Wed 14:00–16:00`, `Wed 26 Nov`."""
        start, end, step = self.start, self.end, self.end - self.start
        if step < timedelta(hours=1):
            return f"{start:%H:%M}–{end:%H:%M}"
        if step < _DAY:
            return f"{start:%a %H:%M}–{end:%H:%M}"
        last = end - _DAY
        return f"{start:%a %-d %b}" if step == _DAY else f"{start:%-d %b}–{last:%-d %b}"

    @property
    def says(self) -> str:
        """How many end and are due in it, in words."""
        renews = f"{self.renews} renew{'s' if self.renews == 1 else ''}"
        ends = f"{self.ends} expire{'s' if self.ends == 1 else ''}"
        return ", ".join(text for text, number in ((ends, self.ends), (renews, self.renews)) if number) or "nothing"


def cut_up(span: Span, now: datetime, width: int, ends: Iterable[datetime], renews: Iterable[datetime]) -> list[Bucket]:
    """The buckets of a span that begins now, in so many cells, with what falls into each."""
    edges = _edges(span, now, width)
    ending, renewing = [0] * (len(edges) - 1), [0] * (len(edges) - 1)
    step = edges[1] - edges[0]
    for instants, counts in ((ends, ending), (renews, renewing)):
        for at in instants:
            index = (at - edges[0]) // step
            if now < at and 0 <= index < len(counts):
                counts[index] += 1
    pairs = zip(edges, edges[1:], ending, renewing, strict=False)
    return [Bucket(*pair) for pair in pairs]


def places(number: int, width: int) -> list[tuple[int, int]]:
    """For each of so many buckets the first cell and the one after the last, a gap included where there is room."""
    return [(index * width // number, (index + 1) * width // number) for index in range(number)]


def ticks(buckets: Sequence[Bucket], width: int) -> list[tuple[int, str]]:
    """Labels for the axis and the cells they begin at: `now`, then the round instants that have room."""
    found = [(0, "now")]
    free = 5
    spots = places(len(buckets), width)
    wide = max((len(_tick(bucket)) for bucket in buckets), default=0) + 3
    each = max(-(-wide * len(buckets) // max(width, 1)), 1)
    for index in range(each, len(buckets), each):
        text, at = _tick(buckets[index]), spots[index][0]
        if at >= free and at + len(text) <= width:
            found.append((at, text))
            free = at + len(text) + 2
    return found


def _tick(bucket: Bucket) -> str:
    step = bucket.end - bucket.start
    if step < timedelta(hours=6):
        return f"{bucket.start:%H:%M}"
    return f"{bucket.start:%a %H}h" if step < _DAY else f"{bucket.start:%-d %b}"


def _edges(span: Span, now: datetime, width: int) -> list[datetime]:
    number = 0
    step = span.steps[-1]
    for step in span.steps:
        number = span.length // step + 1
        if number * LEAST <= width:
            break
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    start = midnight + (now - midnight) // step * step
    return [start + index * step for index in range(number + 1)]
