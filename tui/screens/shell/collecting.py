"""Garbage collection that nobody's keys wait for.

A collection of everything takes hundreds of milliseconds where there are many rows, and Python begins one whenever
their number has grown by a quarter. So what stays is taken out of it as the fleet grows, young garbage is collected as
always, and everything is looked through only while nobody does anything.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from typing import Final

_YOUNG: Final = 10_000
_MIDDLE: Final = 20
_OLD: Final = 1_000
"""Thresholds as `gc.set_threshold` has them: the last is so high that a full collection is ours to begin."""
_GROWN: Final = 2_000
"""Rows that came since what stays was taken out the last time."""
_QUIET: Final = 30.0
"""Seconds without a key or a click after which nobody waits."""
_BETWEEN: Final = 600.0
"""Seconds between two collections of everything."""


class Collecting:
    """Begun and ended once; `look` is called about once a second, `touched` whenever a person does something."""

    def __init__(self, rows: Callable[[], int], clock: Callable[[], float] = time.monotonic) -> None:
        self._rows = rows
        self._clock = clock
        self._before: tuple[int, int, int] | None = None
        self._frozen = 0
        self._touched = self._whole = clock()

    def begin(self) -> None:
        self._before = gc.get_threshold()
        gc.set_threshold(_YOUNG, _MIDDLE, _OLD)
        gc.freeze()

    def end(self) -> None:
        if self._before is not None:
            gc.set_threshold(*self._before)
            gc.unfreeze()
            self._before = None

    def touched(self) -> None:
        self._touched = self._clock()

    def look(self) -> None:
        if self._before is None:
            return
        rows, now = self._rows(), self._clock()
        if now - self._touched > _QUIET and now - self._whole > _BETWEEN:
            self._whole = now
            gc.unfreeze()
            gc.collect()
        elif rows - self._frozen < _GROWN:
            return
        self._frozen = rows
        gc.freeze()
