"""How long the question in front has been seen: from the frame that showed it first, and only while the program ran.

A program that is stopped, or too busy, shows a question late and reads a key late; the clock alone tells neither. So
what counts is when the screen was painted, and from then on short looks at the clock (`widgets.keystrokes.Stillness`
adds them up) until the question has been seen for long enough.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from textual.screen import Screen
from textual.timer import Timer

from tui.widgets.keystrokes import Pace, Stillness


class Host(Protocol):
    """What of the application this needs."""

    @property
    def screen(self) -> Screen[Any]: ...
    @property
    def screen_stack(self) -> list[Screen[Any]]: ...
    def set_timer(self, delay: float, callback: Callable[[], object]) -> Timer: ...


class Fresh:
    """Watches what is in front, and keeps `still` up to date."""

    def __init__(self, host: Host, pace: Pace, clock: Callable[[], float]) -> None:
        self.still = Stillness(pace)
        self._host = host
        self._clock = clock
        self._pace = pace
        self._number = 0
        """Of what is in front, so that no timer or frame of what was there before counts for it."""

    @property
    def watches(self) -> bool:
        """Whether a question has not been seen for long enough."""
        return bool(self._host.screen_stack) and self._host.screen.is_modal and not self.still.settled

    def opened(self, screen: Screen[Any]) -> None:
        """Another screen is in front; it was not seen yet."""
        self.still.opened()
        self._begin(screen)

    def renew(self) -> None:
        """It shows only now what it asks about."""
        self.still.renew()
        self._begin(self._host.screen)

    def look(self) -> None:
        """Time went on, and the program runs."""
        self.still.looked(self._clock())

    def _begin(self, screen: Screen[Any]) -> None:
        self._number += 1
        number = self._number
        if not screen.call_after_refresh(self._painted, number):
            self._painted(number)  # it closes already

    def _painted(self, number: int) -> None:
        if number == self._number:
            self.still.painted(self._clock())
            self._again(number)

    def _again(self, number: int) -> None:
        if self.watches:
            self._host.set_timer(self._pace.still / self.still.LOOKS, lambda: self._ring(number))

    def _ring(self, number: int) -> None:
        if number == self._number:
            self.look()
            self._again(number)
