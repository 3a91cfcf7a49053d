"""The one place where keys become actions: it holds those that may be the beginning of a word, and keeps answers from
questions that have only just opened.

What is typing is decided in `tui.widgets.keystrokes`; here is what a key means where it is pressed, and who takes a
word that was typed without its `/`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Any, Final, NamedTuple, Protocol

from textual import events
from textual.screen import Screen
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import Button, Input

from tui.actions.table import BY_NAME
from tui.kube.sensitive import looks_secret
from tui.kube.text import safe_text
from tui.widgets.key_line import KeyLine
from tui.widgets.keystrokes import Keystrokes, Pace, Sort, Stillness, Stroke, Verdict
from tui.widgets.table import FleetTable

_MOVES: Final = ("move(", "page(", "edge(", "step(", "scroll_", "cursor_", "page_up", "page_down", "to_list", "mark")
"""How the actions begin that only move a cursor, a picture or a mark."""
_AGAIN: Final = ("area(", "step_area(", "sort_next", "sort_reverse", "span", "next_theme")
"""Those that change only what is looked at, and are pressed several times in a row."""
_NO_MOVES: Final = ("mark_all",)
_SAID: Final = 5.0
_PATIENCE: Final = 10
"""So many windows a key is held while the program is too busy to tell whether another one follows."""
_LONGEST: Final = 200
"""A filter is short; what is longer was meant for something else."""


class Host(Protocol):
    """What of the application this needs."""

    @property
    def screen(self) -> Screen[Any]: ...
    @property
    def screen_stack(self) -> list[Screen[Any]]: ...
    @property
    def focused(self) -> Widget | None: ...
    @property
    def message_queue_size(self) -> int: ...
    def set_timer(self, delay: float, callback: Callable[[], object]) -> Timer: ...
    def call_later(self, callback: Callable[[], Awaitable[None]]) -> bool: ...
    def notify(self, message: str, *, markup: bool, severity: Any, timeout: float) -> None: ...


class _Place(NamedTuple):
    """Where a key was pressed."""

    screen: Screen[Any]
    table: FleetTable | None
    row: str


class Keyboard:
    """Stands between the terminal and everything that has keys. `deliver` is how an event goes on to whom it is for."""

    def __init__(
        self,
        host: Host,
        deliver: Callable[[events.Event], Awaitable[None]],
        pace: Pace,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self.pace = pace
        self.clock = clock
        """The clock by which events are stamped."""
        self._host = host
        self._deliver = deliver
        self._strokes = Keystrokes(pace)
        self._stillness = Stillness(pace)
        self._clicked: list[events.Key] = []
        self._place: _Place | None = None
        self._quiet = 0.0
        self._shown: Stroke | None = None
        self._timer: Timer | None = None
        self._asked = 0.0
        """When the timer has to fire."""
        self._renewed = 0

    @property
    def holds(self) -> bool:
        """Whether a key waits for another one."""
        return self._strokes.held is not None

    def opened(self, screen: Screen[Any]) -> None:
        """Another screen came to the front."""
        self._stillness.opened(self.clock())

    def click(self, key: events.Key) -> events.Key:
        """A key that somebody clicked on: no typing, whatever comes after it."""
        self._clicked.append(key)
        return key

    async def took(self, event: events.Event) -> bool:
        """Whether an event that the terminal sent has been dealt with here."""
        if isinstance(event, events.Key):
            if any(event is one for one in self._clicked):
                self._clicked = [one for one in self._clicked if one is not event]
                return False
            await self._key(event)
            return True
        if isinstance(event, events.Paste):
            return await self._paste(event)
        if isinstance(event, events.MouseDown | events.MouseUp):
            return self._host.screen.is_modal and self._stillness.fresh(self.clock())
        return False

    async def _key(self, event: events.Key) -> None:
        sort = self._sort_of(event)
        stroke = Stroke(event.key, (event.character or "") if event.is_printable else "", event.time)
        if self._refused(event, sort):
            return
        verdict = self._strokes.press(stroke, sort)
        if self._strokes.held is stroke:
            self._remember()
            self._renewed = 0
        if self._strokes.held is not None:
            self._strokes.renew(self.clock())  # it may have waited for long
        await self._obey(verdict, stroke, event)

    async def _obey(self, verdict: Verdict, stroke: Stroke | None = None, event: events.Key | None = None) -> None:
        if verdict.refused:
            self._say(verdict.refused)
        for one in verdict.deliver:
            if one is stroke and event is not None:
                self._look_out(one)
                await self._deliver(event)
            else:
                await self._act(one)
        if verdict.typed:
            await self._typed(verdict.typed, submitted=verdict.submitted)
        self._arm()

    async def _act(self, stroke: Stroke) -> None:
        """A key that was held does what it does, if everything is still as it was when it was pressed."""
        if self._takes_text:
            await self._deliver(_event(stroke))
            return
        place, table = self._place, self._table
        if place is None or place.screen is not self._host.screen:
            return
        if place.table is table and table is not None and table.cursor_key != place.row:
            self._say(f"{stroke.character} did nothing: its row has just moved away")
            return
        action = self._action(stroke.key)
        known = BY_NAME.get(action)
        if known is not None and known.rests and self._quiet < self.pace.rest:
            self._say(f"{stroke.character} came right after other keys: press it again to {known.name}")
            return
        if not action and place.screen.is_modal:
            self._stillness.stray(stroke.character)
        await self._deliver(_event(stroke))

    async def _typed(self, text: str, *, submitted: bool = False) -> None:
        """A word that was typed without its `/`: the filter takes it, or nobody does."""
        screen, focused = self._host.screen, self._host.focused
        take = getattr(screen, "take_typed", None)
        if isinstance(focused, Input):
            for char in text:  # as keys: those before them may still be on their way
                await self._deliver(events.Key(char, char))
        elif take is None or not take(text):
            self._strokes.lost(self.clock())
            self._stillness.stray(text)
            self._say(f"“{safe_text(text, 40)}” was typed: nothing here takes text, and nothing was done")
            return
        if submitted:
            await self._deliver(events.Key("enter", "\r"))

    async def _paste(self, event: events.Paste) -> bool:
        """Text in one piece is typing, whoever has the focus."""
        screen = self._host.screen
        if self._takes_text or getattr(screen, "takes_pasted", False):
            if self._takes_text and self._strokes.held is not None:
                await self._typed(self._strokes.drop())
                self._arm()
            return False
        before = self._strokes.paste("", event.time)
        self._arm()
        if looks_secret(event.text) or len(event.text) > _LONGEST:
            self._say("what was pasted is not shown: it looks like a credential; p opens the inspector for it")
            return True
        text = before + "".join(char if char.isprintable() else " " for char in event.text).strip()
        if text:
            await self._typed(text)
        return True

    def _refused(self, event: events.Key, sort: Sort) -> bool:
        """Whether a question has only just opened, so that this key was meant for something else."""
        screen = self._host.screen
        if not screen.is_modal or sort is Sort.FIELD:
            return False
        still = self._stillness
        answers = sort is Sort.ENTER or (event.key == "space" and isinstance(self._host.focused, Button))
        if answers and self._strokes.held is None:
            why = still.refuses(event.time)
            if not why and self._strokes.pasted(event.time):
                why = "enter came with the text before it: press it again if you mean it"
        elif sort is Sort.ACTS and getattr(screen, "acts_by_letter", False) and still.fresh(event.time):
            why = f"this has just opened: {event.character} was not taken for its answer"
        else:
            return False
        if why:
            self._say(why)
        return bool(why)

    def _look_out(self, stroke: Stroke) -> None:
        """A key that begins a command line, where there is none, begins a word for nobody."""
        if stroke.character in (":", "/") and not self._takes_text and not self._action(stroke.key):
            self._strokes.lost(stroke.at)

    def _remember(self) -> None:
        """Whoever presses a key means the row that is under the cursor now."""
        table = self._table
        if table is not None:
            table.pin()
        self._place = _Place(self._host.screen, table, table.cursor_key if table is not None else "")
        self._quiet = self._strokes.quiet

    def _sort_of(self, event: events.Key) -> Sort:
        if self._takes_text:
            return Sort.FIELD
        if event.key == "enter":
            return Sort.ENTER
        if event.key in ("escape", "backspace"):
            return Sort.TAKES_BACK
        if not event.is_printable:
            return Sort.OTHER
        action = self._action(event.key)
        if event.character in ("/", ":"):
            return Sort.ASKS
        if action.startswith(_MOVES) and not action.startswith(_NO_MOVES):
            return Sort.MOVES
        return Sort.AGAIN if action.removeprefix("app.").startswith(_AGAIN) else Sort.ACTS

    def _action(self, key: str) -> str:
        """What a key would do here; empty where nothing."""
        active = self._host.screen.active_bindings.get(key)
        return active.binding.action if active is not None else ""

    @property
    def _takes_text(self) -> bool:
        focused = self._host.focused
        return focused is not None and focused.check_consume_key("a", "a")

    @property
    def _table(self) -> FleetTable | None:
        focused = self._host.focused
        return focused if isinstance(focused, FleetTable) else None

    def _arm(self) -> None:
        """Wake up when what is held is no typing any more, and show it until then. Several times before: a stall that
        ends right before that moment is noticed too."""
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
        held, due = self._strokes.held, self._strokes.due
        if due is not None:
            now = self.clock()
            wait = max(min(due - now, self.pace.hold / 4), 0.001)
            self._asked = now + wait
            self._timer = self._host.set_timer(wait, self._ring)
        if held is not self._shown:
            self._shown = held
            for line in self._host.screen.query(KeyLine):
                line.press(held.key if held is not None else "", held.character if held is not None else "")

    def _ring(self) -> None:
        """The timer is over: behind every event that already waits, and never while one is being dealt with."""
        self._host.call_later(self.due)

    async def due(self) -> None:
        """Time went on: what is held may be no typing any more, unless keys may have come that were not seen yet."""
        if not self._host.screen_stack:
            return
        now, due = self.clock(), self._strokes.due
        if due is not None and now - self._asked > self.pace.late:
            self._renewed += 1
            if self._renewed > _PATIENCE:
                self._say(f"{self._strokes.drop()} did nothing: too much is going on here; press it again")
            else:
                self._strokes.renew(now)
        elif due is not None and now >= due and self._host.message_queue_size:
            self._ring()
            return
        await self._obey(self._strokes.expire(now))

    def _say(self, words: str) -> None:
        self._host.notify(safe_text(words), markup=False, severity="warning", timeout=_SAID)


def _event(stroke: Stroke) -> events.Key:
    return events.Key(stroke.key, stroke.character)
