"""Doing something soon and not too often: many wishes for it within a moment are one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Coalescing:
    """Runs `act` on the event loop: at once after a quiet time, else `apart` seconds after the last time."""

    def __init__(self, apart: float, act: Callable[[], None]) -> None:
        self._apart = apart
        self._act = act
        self._timer: asyncio.TimerHandle | None = None
        self._acted_at = float("-inf")

    def soon(self) -> None:
        """It is wanted. Without a running loop there are no listeners yet, so nothing is done."""
        if self._timer is not None:
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return
        self._timer = loop.call_at(max(loop.time(), self._acted_at + self._apart), self._run)

    def stop(self) -> None:
        """It is no longer wanted."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _run(self) -> None:
        self._timer = None
        self._acted_at = asyncio.get_running_loop().time()
        self._act()
