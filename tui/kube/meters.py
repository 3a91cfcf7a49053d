"""What a client measures on the way: how long answers take, and how far the server's clock is from ours."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from .responses import server_time


class Meters:
    """Latency of the last request, and the skew that fits all Date headers seen so far."""

    def __init__(self, wall: Callable[[], float] = time.time, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._wall, self._monotonic = wall, monotonic
        self.latency: float | None = None
        self._low: float | None = None
        self._high: float | None = None

    @property
    def skew(self) -> float | None:
        """Server time minus local time in seconds."""
        return None if self._low is None or self._high is None else (self._low + self._high) / 2

    @contextmanager
    def measure(self) -> Iterator[Callable[[str | None], None]]:
        """Times what runs inside; what it yields takes the answer's Date header."""
        sent, started = self._wall(), self._monotonic()

        def note(date: str | None) -> None:
            self.latency = self._monotonic() - started
            if (second := server_time(date)) is not None:
                self._narrow(second - self._wall(), second + 1 - sent)

        yield note

    def _narrow(self, low: float, high: float) -> None:
        """A Date has whole seconds, so each answer gives a range; together they give a narrow one."""
        if self._low is not None and self._high is not None:
            both = max(low, self._low), min(high, self._high)
            if both[0] <= both[1]:
                low, high = both  # else a clock was set: what was known before no longer counts
        self._low, self._high = low, high
