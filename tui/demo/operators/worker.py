"""A work queue for controllers: keys that are reconciled a moment after something changed, each once.

Everything runs in the event loop that it was started in. A controller that has much to do takes it in small slices, so
that requests are answered in between; what fails is tried again, later each time.
"""

from __future__ import annotations

import asyncio
import heapq
import time
from collections.abc import Callable, Hashable
from typing import Final, Generic, TypeVar

from tui.demo.apiserver.status import StatusError

K = TypeVar("K", bound=Hashable)

_SLICE: Final = 0.01
_FIRST_RETRY: Final = 0.05
_LAST_RETRY: Final = 30.0


class Worker(Generic[K]):
    """`reconcile` is called with a key and may give the seconds until it wants to see that key again."""

    def __init__(self, reconcile: Callable[[K], float | None], delay: float) -> None:
        self._reconcile = reconcile
        self._delay = delay
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._due: dict[K, float] = {}
        self._heap: list[tuple[float, int, K]] = []
        self._count = 0
        self._failures: dict[K, int] = {}

    def start(self) -> None:
        """Begins; keys that were added before are due at once."""
        self._loop = asyncio.get_running_loop()
        for key in self._due:
            self._push(key, self._loop.time())
        self._arm()

    def stop(self) -> None:
        """Ends; what is still queued is forgotten."""
        if self._timer is not None:
            self._timer.cancel()
        self._loop = self._timer = None
        self._due.clear()
        self._heap.clear()

    def add(self, key: K, after: float | None = None) -> None:
        """Asks for `key` to be reconciled; the earliest of several wishes counts."""
        if self._loop is None:
            self._due.setdefault(key, 0.0)
            return
        due = self._loop.time() + (self._delay if after is None else after)
        if key not in self._due or due < self._due[key]:
            self._push(key, due)
            self._arm()

    @property
    def busy(self) -> bool:
        """Whether anything is due within a second; what is planned for later does not count."""
        return self._loop is not None and any(due < self._loop.time() + 1 for due in self._due.values())

    def _push(self, key: K, due: float) -> None:
        self._due[key] = due
        self._count += 1
        heapq.heappush(self._heap, (due, self._count, key))

    def _arm(self, wait: float | None = None) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._loop is not None and self._heap:
            earliest = self._heap[0][0] if wait is None else max(self._heap[0][0], self._loop.time() + wait)
            self._timer = self._loop.call_at(earliest, self._run)

    def _run(self) -> None:
        assert self._loop is not None
        self._timer = None
        started = time.perf_counter()
        wait: float | None = None
        try:
            while wait is None and self._heap and self._heap[0][0] <= self._loop.time():
                due, _, key = heapq.heappop(self._heap)
                if self._due.get(key) == due:
                    del self._due[key]
                    self._once(key)
                if time.perf_counter() - started > _SLICE:
                    wait = _SLICE
        finally:
            # Also after an error of a controller's own: the loop reports it, and the other keys go on.
            self._arm(wait)

    def _once(self, key: K) -> None:
        try:
            again = self._reconcile(key)
        except StatusError:
            # Somebody else was faster, or what is needed is not there yet: the next look decides anew.
            failures = self._failures[key] = self._failures.get(key, 0) + 1
            self.add(key, min(_FIRST_RETRY * 2**failures, _LAST_RETRY))
            return
        self._failures.pop(key, None)
        if again is not None:
            self.add(key, again)
