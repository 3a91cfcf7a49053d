"""What a client measures on the way: how long answers take, and how far the server's clock is from ours."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from weakref import WeakKeyDictionary

from .clock import LOOKS, Range, Verdict, judge, steady_beside
from .responses import server_time

_STAMPED: WeakKeyDictionary[Callable[[], float], dict[int, Range]] = WeakKeyDictionary()
"""What the stamps of the operator's clusters say about each clock (in a process that is no test there is only one)."""


class Meters:
    """Latency of the last request, and what the answers and stamps seen so far say about the server's clock.

    What they say is kept against a clock that is never set, so that it stays true where this machine's is set.
    """

    def __init__(
        self,
        wall: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        steady: Callable[[], float] | None = None,
        *,
        own: bool = True,
    ) -> None:
        self._own = own
        """Whether the cluster is the operator's own, so that its stamps say something about this machine's clock."""
        self._wall, self._monotonic = wall, monotonic
        self._steady = steady or steady_beside(wall)
        self.latency: float | None = None
        self._dates: deque[Range] = deque(maxlen=LOOKS)
        self._stamped: Range | None = None
        self._first: float | None = None
        """How far this machine's clock was ahead of the steady one when the first answer came."""

    @property
    def verdict(self) -> Verdict:
        """What is believed of the server's clock, and what is to be said about it."""
        ahead = self._wall() - self._steady()
        set_by = ahead - self._first if self._first is not None else 0.0
        stamped = self._stamped.moved(-ahead) if self._stamped is not None else None
        others = [seen.moved(-ahead) for seen in _STAMPED.get(self._wall, {}).values()]
        return judge([date.moved(-ahead) for date in self._dates], stamped, set_by, others)

    @property
    def skew(self) -> float | None:
        """Server time minus local time in seconds, as far as that can be believed."""
        return self.verdict.skew

    @contextmanager
    def measure(self) -> Iterator[Callable[[str | None], None]]:
        """Times what runs inside; what it yields takes the answer's Date header."""
        sent, started = self._steady(), self._monotonic()

        def note(date: str | None) -> None:
            self.latency = self._monotonic() - started
            if (second := server_time(date)) is not None:
                self._begin()
                self._dates.append(Range(second - self._steady(), second + 1 - sent))

        yield note

    @contextmanager
    def stamping(self) -> Iterator[Callable[[float | None], None]]:
        """What runs inside has the server make something; what it yields takes the second in which it says it did."""
        sent = self._steady()

        def note(second: float | None) -> None:
            if second is None:
                return
            self._begin()
            self._stamped = Range(second - self._steady(), second + 1 - sent)
            if self._own:
                _STAMPED.setdefault(self._wall, {})[id(self)] = self._stamped

        yield note

    def _begin(self) -> None:
        if self._first is None:
            self._first = self._wall() - self._steady()
