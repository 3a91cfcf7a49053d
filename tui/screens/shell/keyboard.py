"""The one place where keys, clicks, entries of the palette and offers of panels become actions: it holds keys that may
be the beginning of a word, and asks the gate about whatever acts or answers.

What is typing is decided in `tui.widgets.keystrokes`, what acts once and what is no answer in `tui.widgets.gate`; here
is what a key means where it is pressed, and who takes a word that was typed without its `/`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Any, Final, NamedTuple, Protocol

from textual import events
from textual.command import CommandPalette
from textual.screen import Screen
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import Input

from tui.actions.action import Needs
from tui.actions.meant import another_row
from tui.actions.table import BY_NAME
from tui.fleet.rows import Row
from tui.kube.sensitive import looks_secret
from tui.kube.text import safe_text
from tui.widgets.gate import Deed, Effect, Focus, Press, Presses, comes_again, effect_of, moves, name_of, refusal
from tui.widgets.job_panel import JobPanel
from tui.widgets.key_line import KeyLine
from tui.widgets.keystrokes import Keystrokes, Pace, Sort, Stroke, Verdict
from tui.widgets.table import FleetTable

from . import fresh, pasted
from .pressing import press_on

_SAID: Final = 5.0
_PATIENCE: Final = 10
"""So many windows a key is held while the program is too busy to tell whether another one follows."""
_LONGEST: Final = 200
"""A filter is short; what is longer was meant for something else."""


class Host(fresh.Host, pasted.Host, Protocol):
    """What of the application this needs."""

    @property
    def focused(self) -> Widget | None: ...
    @property
    def message_queue_size(self) -> int: ...
    def call_later(self, callback: Callable[[], Awaitable[None]]) -> bool: ...
    def notify(self, message: str, *, markup: bool, severity: Any, timeout: float) -> None: ...


_OF_THE_PANEL: Final = frozenset({"undo_job"})
"""Keys that are about the job that is shown, whatever is chosen."""


class _Place(NamedTuple):
    """Where a key was pressed."""

    screen: Screen[Any]
    seen: object
    """What it is for, as it was seen then."""


class Aimed(NamedTuple):
    """What was chosen when something opened that is then done to it."""

    seen: object
    rows: tuple[Row, ...]


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
        self.fresh = fresh.Fresh(host, pace, clock)
        self._stillness = self.fresh.still
        self._presses = Presses()
        """Keys, and clicks on what a key does."""
        self._spots = Presses()
        """Where such clicks were."""
        self._downs = Presses()
        """Where a button of the mouse went down."""
        self._spot = ""
        self._unseen_down = False
        """Whether a mouse button is down that was not passed on."""
        self._untouched = True
        """Whether no key came since what is in front has opened."""
        self._told = ("", float("-inf"))
        self._clicked: list[tuple[events.Key, str]] = []
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
        self.fresh.opened(screen)
        self._untouched = True

    def shown(self) -> None:
        """The question in front shows only now what it is about: no answer from before was for that."""
        self.fresh.renew()

    def click(self, key: events.Key) -> events.Key:
        """A key that the user clicked on: no typing, whatever comes after it."""
        self._clicked.append((key, self._spot))
        return key

    def offered(self, name: str) -> bool:
        """Whether a click on what a panel offers acts."""
        return self._passes(self._of_click(name, self._spot, Effect.ACTS))

    def aim(self, screen: Screen[Any]) -> Aimed:
        """What is chosen as the palette, a menu or the command line opens; the cursor stays on its row."""
        if isinstance(screen.focused, FleetTable):
            screen.focused.pin()
        return Aimed(self.seen(screen), _rows_of(screen))

    def entry(self, screen: Screen[Any], aimed: Aimed, action: str, what: str = "this") -> bool:
        """Whether an entry acts that was chosen there: only on what was chosen as it opened, and lies there yet."""
        known = BY_NAME.get(action)
        of_rows = known is not None and known.needs in (Needs.ONE, Needs.SOME)
        others = aimed.seen != self.seen(screen) or any(map(another_row, aimed.rows, _rows_of(screen)))
        return self._passes(Deed(what, Effect.ACTS, moved=of_rows and others))

    def seen(self, screen: Screen[Any]) -> object:
        """What keys act on: the rows that are chosen; where there are none, the row under the cursor of a table."""
        rows = tuple(row.key for row in _rows_of(screen))
        focused = screen.focused
        table = focused if isinstance(focused, FleetTable) else None
        return rows or (table, table.cursor_key if table is not None else "")

    async def took(self, event: events.Event) -> bool:
        """Whether an event that the terminal sent has been dealt with here."""
        if isinstance(event, events.Key):
            spot = next((spot for one, spot in self._clicked if one is event), None)
            if spot is not None:
                self._clicked = [(one, spot) for one, spot in self._clicked if one is not event]
                return not self._passes(self._of_click(event.key, spot, effect_of(self._press(event))))
            await self._key(event)
            return True
        if isinstance(event, events.Paste):
            return await self._paste(event)
        if isinstance(event, events.MouseDown | events.MouseUp):
            return self._mouse(event)
        return False

    def _mouse(self, event: events.MouseDown | events.MouseUp) -> bool:
        """Whether a click is kept from a question: it has just opened, or opened between the two halves of a double
        click."""
        now, modal = self.clock(), self._host.screen.is_modal
        kept = modal and self._stillness.fresh(now)
        if isinstance(event, events.MouseDown):
            self._spot = f"{event.screen_x:.0f},{event.screen_y:.0f}"
            again, _ = self._downs.came(self._spot, now)
            kept = kept or (modal and again < self.pace.repeat and self._stillness.since(now) < again)
            self._unseen_down = kept
            return kept
        kept, self._unseen_down = kept or self._unseen_down, False
        return kept

    def _of_click(self, name: str, spot: str, effect: Effect) -> Deed:
        """A click on what a key does. The second half of a double click acts on nothing, wherever the first one led."""
        now = self.clock()
        again, _ = self._presses.came(name, now)
        beside, _ = self._spots.came(spot or name, now)
        if effect is not Effect.ACCEPTS:
            effect = Effect.ACTS
        opened = self._stillness.since(now)
        return Deed("a click", effect, modal=self._host.screen.is_modal, opened=opened, again=min(again, beside))

    async def _key(self, event: events.Key) -> None:
        sort = self._sort_of(event)
        stroke = Stroke(event.key, (event.character or "") if event.is_printable else "", event.time)
        again, quiet = self._presses.came(event.key, event.time)
        if not self._passes(self._deed(event, again, quiet)):
            return
        verdict = self._strokes.press(stroke, sort)
        if self._strokes.held is stroke:
            self._remember(event.key, quiet)
            self._renewed = 0
        if self._strokes.held is not None:
            self._strokes.renew(self.clock())  # it may have waited for long
        await self._obey(verdict, stroke, event)

    def _deed(self, event: events.Key, again: float, quiet: float) -> Deed:
        """What a key leads to, and what was before it."""
        press, at, still = self._press(event), event.time, self._stillness
        effect = effect_of(press)
        if event.key == "enter" and self._strokes.held is not None:
            effect = Effect.LOOKS  # it ends a word that was typed
        ends = press.modal and event.key in ("enter", "space") and effect in (Effect.ENTERS, Effect.ACCEPTS)
        known = BY_NAME.get(press.action)
        first = self._untouched and isinstance(self._host.screen, CommandPalette)
        self._untouched = self._untouched and event.key.startswith("ctrl+")  # as the one that opened it, held down
        return Deed(
            event.character if event.is_printable and event.character else event.key.replace("ctrl+", "^"),
            effect,
            modal=press.modal,
            opened=still.since(at),
            again=again,
            quiet=quiet,
            first=first,
            pasted=ends and press.focus is not Focus.TEXT and self._strokes.pasted(at),
            stray=still.take_stray() if ends and not still.fresh(at) else "",
            rests=effect is Effect.ACTS and known is not None and known.rests,
        )

    def _press(self, event: events.Key) -> Press:
        return press_on(self._host.screen, event, takes_text=self._takes_text)

    def _passes(self, deed: Deed) -> bool:
        """Whether something comes of it; where not, it is said why."""
        refused = refusal(deed, self.pace)
        if refused is not None and refused.words:
            self._say(refused.words)
        return refused is None

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
        place = self._place
        if place is None or place.screen is not self._host.screen:
            return
        action = self._action(stroke.key)
        known = BY_NAME.get(action)
        deed = Deed(
            stroke.character,
            Effect.ACTS,
            quiet=self._quiet,
            rests=known is not None and known.rests,
            moved=place.seen != self._seen_by(stroke.key),
        )
        if not self._passes(deed):
            return
        if not action and place.screen.is_modal:
            self._stillness.stray(stroke.character)
        await self._deliver(_event(stroke))

    async def _typed(self, text: str, *, submitted: bool = False) -> None:
        """A word that was typed without its `/`: the filter takes it, or nothing does."""
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
        if pasted.took(self._host, event.text, into_text=self._takes_text):
            self._strokes.paste("", event.time)
            self._arm()
            return True
        if self._takes_text or getattr(screen, "takes_pasted", False):
            if self._takes_text and self._strokes.held is not None:
                await self._typed(self._strokes.drop())
                self._arm()
            return False
        before = self._strokes.paste("", event.time)
        self._arm()
        if looks_secret(event.text) or len(event.text) > _LONGEST:
            self._say("what was pasted is not shown: it looks like a credential; esc first, then paste it into a list")
            return True
        text = before + "".join(char if char.isprintable() else " " for char in event.text).strip()
        if text:
            await self._typed(text)
        return True

    def _look_out(self, stroke: Stroke) -> None:
        """A key that begins a command line, where there is none, begins a word for nothing."""
        if stroke.character in (":", "/") and not self._takes_text and not self._action(stroke.key):
            self._strokes.lost(stroke.at)

    def _remember(self, key: str, quiet: float) -> None:
        """Whoever presses a key means what is chosen now."""
        if isinstance(self._host.focused, FleetTable):
            self._host.focused.pin()
        self._place, self._quiet = _Place(self._host.screen, self._seen_by(key)), quiet

    def _seen_by(self, key: str) -> object:
        """What a key is for: what is chosen, or the job that is shown."""
        if self._action(key) in _OF_THE_PANEL:
            return next((panel.job for panel in self._host.screen.query(JobPanel)), None)
        return self.seen(self._host.screen)

    def _sort_of(self, event: events.Key) -> Sort:
        if self._takes_text:
            return Sort.FIELD
        if event.key == "enter":
            return Sort.ENTER
        if event.key in ("escape", "backspace"):
            return Sort.TAKES_BACK
        if not event.is_printable:
            return Sort.OTHER
        name = name_of(self._action(event.key))
        if event.character in ("/", ":"):
            return Sort.ASKS
        if moves(name):
            return Sort.MOVES
        return Sort.AGAIN if comes_again(name) else Sort.ACTS

    def _action(self, key: str) -> str:
        """What a key would do here; empty where nothing."""
        active = self._host.screen.active_bindings.get(key)
        return active.binding.action if active is not None else ""

    @property
    def _takes_text(self) -> bool:
        focused = self._host.focused
        return focused is not None and focused.check_consume_key("a", "a")

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
        """Say it, and not again as long as it goes on."""
        (last, at), now = self._told, self.clock()
        self._told = (words, now)
        if words == last and now - at < self.pace.repeat:
            return
        self._host.notify(safe_text(words), markup=False, severity="warning", timeout=_SAID)


def _rows_of(screen: Screen[Any]) -> tuple[Row, ...]:
    chosen = getattr(screen, "chosen", None)
    return tuple(chosen()) if chosen is not None else ()


def _event(stroke: Stroke) -> events.Key:
    return events.Key(stroke.key, stroke.character)
