"""What is begun behind the first frame, in words, until the fleet is there; where the user leaves, that is said.

The fleet is opened in a thread of its own, and may be told of from others yet.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from contextvars import copy_context


class Starting:
    """How far the fleet is. Everything but `listen` may be called from any thread."""

    def __init__(self) -> None:
        self.words = "opening the fleet …"
        self._changed: Callable[[], object] = lambda: None
        self._leave: Callable[[], object] = lambda: None
        self._left = False

    def listen(self, changed: Callable[[], object]) -> None:
        """From now on `changed` is called, in the loop that runs here, when the words are others."""
        loop, context = asyncio.get_running_loop(), copy_context()

        def tell() -> None:
            with suppress(RuntimeError):  # the dashboard has ended
                loop.call_soon_threadsafe(changed, context=context)

        self._changed = tell

    def say(self, words: str) -> None:
        """It is this far now."""
        self.words = words
        self._changed()

    def when_left(self, leave: Callable[[], object]) -> None:
        """What is to be given up where the user leaves before the fleet is there."""
        self._leave = leave
        if self._left:
            leave()

    def left(self) -> None:
        """The user leaves."""
        self._left = True
        self._leave()
