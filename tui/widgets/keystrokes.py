"""Typing is not acting: which keys act, which are a word that was typed without its `/`, decided from when they came.

Pure: a stroke with its time goes in, a verdict comes out. A printable key that acts is held for a moment; where another
one follows within it, both are typing, and neither acts. Keys that only move the cursor are never held.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final, NamedTuple


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds by which typing is told from acting."""

    hold: float = 0.2
    """How long a key that acts waits for another one. Words are typed at 0.08 to 0.2 s a letter, and what answers a key
    within 0.25 s still feels like its effect."""
    still: float = 0.4
    """How long a question that was just shown takes no answer, which was meant for something else."""
    rest: float = 0.5
    """How long a row has to have been under the cursor, and the keys silent, before its material is shown."""
    repeat: float = 0.7
    """The same key within this is one that is held down or bounces: keyboards begin to repeat after 0.2 to 0.66 s."""
    pasted: float = 0.03
    """Faster than this after a text no key is pressed: it was pasted into the terminal with the text."""
    late: float = 0.03
    """So late a timer may be. Where it is later, keys may wait, and the time at which they are read says nothing."""
    lost: float = 1.0
    """How long after letters for nothing whatever follows is taken for the rest of them."""


AT_ONCE: Final = Pace(0, 0, 0, 0, 0, 0, 0)
"""Nothing is held: for whoever drives the dashboard by program."""


class Stroke(NamedTuple):
    """One key: what Textual calls it, what it types (empty where nothing), and when it came, by a monotonic clock."""

    key: str
    character: str
    at: float


class Sort(Enum):
    """What a key is for, where it was pressed."""

    FIELD = "goes into a field that takes text"
    ACTS = "printable, and not one of the following"
    AGAIN = "changes only what is looked at, and is pressed several times in a row: the next column, an area"
    ASKS = "opens a line for text: / and :"
    MOVES = "moves a cursor, marks"
    ENTER = "enter"
    TAKES_BACK = "esc, backspace"
    OTHER = "everything else: arrows, keys with ctrl"


_HELD: Final = 8
"""So many of a key that is held down count at most."""


class Verdict(NamedTuple):
    """What to do now: deliver these keys; hand what was `typed` to the filter, with enter where it is `submitted`."""

    deliver: Sequence[Stroke] = ()
    typed: str = ""
    submitted: bool = False
    refused: str = ""
    """What was not done and why, in words for people; empty where there is nothing to report."""


class Keystrokes:
    """What was pressed lately. One for the whole application: a word goes on while screens change below it."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._held: list[Stroke] = []
        """The same key, once or several times."""
        self._sort = Sort.ACTS
        self._since = -_LONG
        """From when on it is known that nothing follows what is held."""
        self._mute = False
        """Whether what is held will not act: it came right with a text, or the key is held down."""
        self._why_mute = ""
        self._trail: list[Stroke] = []
        """Keys that moved the cursor just now: they are the beginning of a word where one follows."""
        self._before: Stroke | None = None
        self._quiet = _LONG
        self._text_at = -_LONG
        self._lost_until = -_LONG

    @property
    def held(self) -> Stroke | None:
        """The key that waits for another one."""
        return self._held[0] if self._held else None

    @property
    def due(self) -> float | None:
        """When what is held is no typing."""
        return max(self._held[-1].at, self._since) + self._pace.hold if self._held else None

    def renew(self, now: float) -> None:
        """What came until now may not have been seen: what is held waits for a whole window from now on."""
        self._since = now

    def drop(self) -> str:
        """What is held will never act; what it would have typed."""
        held, self._held, self._trail = self._held, [], []
        return "".join(stroke.character for stroke in held)

    def press(self, stroke: Stroke, sort: Sort) -> Verdict:
        """A key came. What is still held then is part of the same word, whatever the times say: a program that was
        stopped reads a key later than it was pressed, and only `expire`, which is called in time, ends the wait."""
        before, self._before = self._before, stroke
        return self._press(stroke, sort, before)

    def expire(self, now: float) -> Verdict:
        """Nothing followed what is held: it acts."""
        due = self.due
        if due is None or now < due:
            return Verdict()
        held, self._held, mute = self._held, [], self._mute
        if mute:
            return Verdict(refused=self._why_mute)
        return Verdict(deliver=held[:_HELD] if self._sort is Sort.AGAIN else held[:1])

    def paste(self, text: str, at: float) -> str:
        """Text came in one piece: it goes on from what is held."""
        self._before, self._text_at = None, at
        return self._word() + text

    def lost(self, at: float) -> None:
        """What was typed went nowhere: what follows is the rest of it."""
        self._lost_until = at + self._pace.lost

    def pasted(self, at: float) -> bool:
        """Whether a key at that time came with a text, faster than anybody presses keys."""
        return at - self._text_at < self._pace.pasted

    @property
    def quiet(self) -> float:
        """Seconds between the key that came last and the one before it."""
        return self._quiet

    def _press(self, stroke: Stroke, sort: Sort, before: Stroke | None) -> Verdict:
        at, pace = stroke.at, self._pace
        self._quiet = at - before.at if before is not None else _LONG
        if sort is Sort.FIELD:
            self._trail, self._text_at, self._lost_until = [], at, -_LONG
            held, self._held = self._held, []
            return Verdict(deliver=[*held, stroke])
        if self._held:
            return self._second(stroke, sort)
        if at < self._lost_until and sort not in (Sort.OTHER, Sort.TAKES_BACK):
            self._lost_until = at + pace.lost if sort is not Sort.ENTER else -_LONG
            return Verdict()
        self._lost_until = -_LONG
        if sort is Sort.MOVES:
            self._follow(stroke)
            return Verdict(deliver=[stroke])
        if sort not in (Sort.ACTS, Sort.AGAIN) or not pace.hold:
            self._trail = []
            return Verdict(deliver=[stroke])
        pasted = self.pasted(at)
        held_down = before is not None and before.key == stroke.key and at - before.at < pace.repeat
        self._mute = pasted or (held_down and sort is Sort.ACTS)
        self._why_mute = f"{stroke.character} came right after a text: press it again" if pasted else ""
        self._held, self._sort = [stroke], sort
        return Verdict()

    def _second(self, stroke: Stroke, sort: Sort) -> Verdict:
        """A key while another one is held."""
        if sort is Sort.TAKES_BACK:
            self._taken()
            return Verdict()
        if sort is Sort.OTHER or (sort is Sort.ASKS and self._sort is Sort.AGAIN):
            return Verdict(deliver=[*self._taken(), stroke])
        if stroke.key == self._held[0].key and (self._mute or self._sort is Sort.AGAIN):
            self._held.append(stroke)
            return Verdict()
        self._text_at = stroke.at
        word = self._word()
        if sort is Sort.ENTER:
            return Verdict(typed=word, submitted=True)
        return Verdict(typed=word + stroke.character)

    def _word(self) -> str:
        """What was typed until now, which then is no key any more."""
        word = self._trail if self._held and self._trail and self._joins(self._trail[-1], self._held[0]) else []
        strokes = [*word, *self._held]
        self._held, self._trail = [], []
        return "".join(stroke.character for stroke in strokes)

    def _taken(self) -> list[Stroke]:
        held = [] if self._mute else self._held[: _HELD if self._sort is Sort.AGAIN else 1]
        self._held = []
        return held

    def _follow(self, stroke: Stroke) -> None:
        """Remember what moved; a key that is pressed again and again is no word."""
        trail = self._trail
        if not stroke.character.strip() or (trail and trail[-1].key == stroke.key):
            self._trail = []
        elif trail and self._joins(trail[-1], stroke):
            trail.append(stroke)
        else:
            self._trail = [stroke]

    def _joins(self, one: Stroke, other: Stroke) -> bool:
        return other.at - one.at < self._pace.hold


class Stillness:
    """Whether a question that opened may be answered: not before it was seen for a while, nor by the end of a word.

    What counts is time in which it was painted and the program ran. A program that was held up, or stopped, reads a key
    later than it was pressed: between two looks at the clock that are far apart nothing more counts than was to be.
    """

    LOOKS: Final = 8
    """So many looks at the clock make up that while."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._most = pace.still / self.LOOKS + pace.late
        """What counts between two looks at most."""
        self._seen = _LONG
        self._looked: float | None = -_LONG
        """When the clock was looked at last; None where no frame has shown it yet."""
        self._stray = ""

    @property
    def settled(self) -> bool:
        """Whether it was seen for long enough: from now on the clock alone counts."""
        return self._seen >= self._pace.still

    def opened(self) -> None:
        """Another screen is in front from now on, which was not seen yet."""
        self.renew()
        self._stray = ""

    def renew(self) -> None:
        """It shows only from the next frame on what it asks about."""
        self._seen, self._looked = 0.0, None

    def painted(self, at: float) -> None:
        """A frame has shown it."""
        if self._looked is None:
            self._looked = at

    def looked(self, at: float) -> None:
        """It is seen still, and the program runs."""
        if self._looked is not None:
            self._seen, self._looked = self.since(at), at

    def stray(self, character: str) -> None:
        """A key was typed that means nothing there."""
        if self._pace.still:
            self._stray = character

    def since(self, at: float) -> float:
        """How long it has been seen, in seconds; nothing where a key came before that."""
        if self._looked is None:
            return 0.0
        passed = at - self._looked
        return max(0.0, self._seen + (passed if self.settled else min(passed, self._most)))

    def fresh(self, at: float) -> bool:
        """Whether it has only just been shown."""
        return self.since(at) < self._pace.still

    def take_stray(self) -> str:
        """What was typed that means nothing there; it is told once."""
        stray, self._stray = self._stray, ""
        return stray


_LONG: Final = float("inf")
