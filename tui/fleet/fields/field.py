"""A Field: one thing that can be said of a row, from which its column, sorting, filtering, `list` and JSON are made.

Whoever adds one to the list of a kind of rows has added all of them; nothing else knows the columns. A Field says a
plain value and how it is meant (`Tone`); how that looks is for the widgets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Final, Generic, NamedTuple, TypeVar

from tui.fleet.moments import lifetime, rfc3339
from tui.fleet.names import LIMIT
from tui.fleet.signs import Sign, Tone
from tui.kube.text import safe_text

SortValue = float | str | tuple[str, ...] | None
"""What a field sorts by. Within one field all values but None are of one type; None always comes last."""

R = TypeVar("R")
Asked = Callable[[Any, datetime], "str | timedelta | None"]
"""Says what one row has under a word of a filter."""
LAST: Final = 99
"""The place on the screen of a field that does not say its own."""
WIDE: Final = 10
"""Fields whose place in `list` is below this are always printed, the others with `-o wide` alone."""
NEVER: Final = 0
"""The place of what is not shown by itself, or not printed."""
UNSEEN: Final = "\f"
"""Stands in the text of a row before what no column of it shows."""


class Cell(NamedTuple):
    """What one cell says. The text is already safe for a terminal."""

    text: str
    tone: Tone = Tone.PLAIN
    glyph: str = ""
    """Helps the eye on the screen; the text says the same without it."""

    @property
    def drawn(self) -> str:
        """The text as the screen shows it."""
        return f"{self.glyph} {self.text}" if self.glyph else self.text


NOTHING: Final = Cell("–", Tone.MUTE)


def signed(sign: Sign) -> Cell:
    """A sign as a cell."""
    return Cell(sign.word, sign.tone, sign.glyph)


def said(text: str, tone: Tone = Tone.PLAIN) -> Cell:
    """A text that was written elsewhere, as a cell."""
    return Cell(safe_text(text, LIMIT), tone) if text else NOTHING


def _to_be_made(row: Any, now: datetime) -> Any:
    raise NotImplementedError


def _no_order(row: Any) -> SortValue:
    return None


@dataclass(frozen=True, eq=False)
class Field(Generic[R]):
    """One field of the rows of one kind.

    It needs one of `value`, `at`, `length` or `cell`; what else it can do follows from that unless it is given.
    """

    id: str
    """What the settings call it."""
    title: str = ""
    cell: Callable[[R, datetime], Cell] = _to_be_made
    """How it reads at a time; by default the value."""
    value: Callable[[R], str] | None = None
    """What it says in words, whatever the time: this is printed, sorted by and filtered by."""
    at: Callable[[R], datetime | None] | None = None
    """The instant that it counts to, or from which it counts (`past`)."""
    past: bool = False
    length: Callable[[R], timedelta | None] | None = None
    """A length of time that does not change."""
    tone: Tone = Tone.PLAIN

    key: Callable[[R], SortValue] = _no_order
    """What it sorts by; by default value, instant or length."""
    rank: Callable[[R, datetime], float] | None = None
    """What it sorts by where that follows the time, as states do."""
    sort: str | None = None
    """What sorting by it is called, by default its id; empty where it cannot be sorted by."""

    words: Sequence[str] | None = None
    """What can stand before the colon of a filter; by default the id of what has a value."""
    lengths: Sequence[str] | None = None
    """What can stand before `<` or `>`; by default the id of an instant or a length."""
    also: Callable[[R], str] | None = None
    """What a filter finds besides the value: other words for the same."""
    looks: Callable[[R, datetime], str] | None = None
    """What `words` look at, where that is another text."""
    plain: bool | None = None
    """Whether the plain words of a filter find it; by default where it has a value and a place on the screen."""

    json: str = ""
    """Its key in `-o json`; empty where it has none."""
    data: Callable[[R, datetime], Any] = _to_be_made
    """What stands under that key; by default the value, the instant or the seconds."""

    screen: int = LAST
    """Its place in the table of the dashboard, from the left; `NEVER` where only the settings show it."""
    prints: int = WIDE
    """Its place in the table of `list`; from `WIDE` on with `-o wide` alone, `NEVER` not at all."""

    changes: Callable[[R, datetime], datetime | None] | None = None
    """For what is drawn anew as time passes: the instant of the next change, None for never."""
    least: int = 4
    """The narrowest that its column may be squeezed to."""
    most: int = 48
    """The widest that it grows to by itself."""
    drop: int = 0
    """Which go first when the terminal is narrow: the highest. 0 is never dropped."""
    tight: int = 0
    """The narrowest at which it is still worth showing; 0 for all of its content."""
    middle: bool = False
    """Cut in the middle instead of at the end: for names and paths, whose ends differ."""

    def __post_init__(self) -> None:
        moves = self.at is not None or self.length is not None
        made: dict[str, Any] = {}
        if self.cell is _to_be_made:
            made["cell"] = _cell_of(self)
        if self.data is _to_be_made:
            made["data"] = _data_of(self)
        sortable = moves or self.value is not None or self.key is not _no_order or self.rank is not None
        if self.key is _no_order:
            made["key"] = _key_of(self)
        if self.sort is None:
            made["sort"] = self.id if self.title and sortable else ""
        if self.words is None:
            made["words"] = (self.id,) if self.title and self.value is not None else ()
        if self.lengths is None:
            made["lengths"] = (self.id,) if self.title and moves else ()
        if self.plain is None:
            made["plain"] = self.title != "" and self.value is not None and self.screen != NEVER
        for name, what in made.items():
            object.__setattr__(self, name, what)

    @property
    def timed(self) -> bool:
        """Whether what a filter finds by it changes as time passes."""
        return self.at is not None or self.rank is not None

    def text(self, row: R) -> str:
        """What the plain words of a filter look through."""
        value = self.value(row) if self.value is not None else ""
        return f"{value}\n{self.also(row)}" if self.also is not None else value

    def asked(self, row: R, now: datetime) -> str:
        """What a word with a colon looks at: whatever it shows, and other words for that."""
        if self.looks is not None:
            return self.looks(row, now)
        return self.text(row) if self.value is not None else f"{self.cell(row, now).text}\n{self.text(row)}"

    def measured(self, row: R, now: datetime) -> timedelta | None:
        """What `<` and `>` compare."""
        if self.at is None:
            return self.length(row) if self.length is not None else None
        at = self.at(row)
        return None if at is None else now - at if self.past else at - now

    def printed(self, row: R, now: datetime) -> str:
        """What the table of `list` says; empty where there is nothing to say."""
        if self.value is not None:
            return self.value(row)
        cell = self.cell(row, now)
        return "" if cell.text == NOTHING.text else cell.text

    def order(self, row: R, now: datetime) -> SortValue:
        """What the row sorts by at this time."""
        return self.rank(row, now) if self.rank is not None else self.key(row)

    def sorted_at(self, row: R, now: datetime) -> tuple[bool, Any]:
        """The same so that any two can be compared; nothing comes last."""
        order = self.order(row, now)
        return (order is None, 0.0 if order is None else order)


def on_screen(fields: Sequence[Field[R]], names: Sequence[str] = ()) -> tuple[Field[R], ...]:
    """The columns of the dashboard: those that are named, in that order; where none is, those that have a place."""
    by_name = {field.id: field for field in fields if field.title}
    picked = tuple(by_name[name] for name in dict.fromkeys(names) if name in by_name)
    shown = (field for field in by_name.values() if field.screen != NEVER)
    return picked or tuple(sorted(shown, key=lambda field: field.screen))


def in_list(fields: Iterable[Field[R]], *, wide: bool) -> list[Field[R]]:
    """The columns that `list` prints."""
    printed = (field for field in fields if field.title and field.prints > NEVER and (wide or field.prints < WIDE))
    return sorted(printed, key=lambda field: field.prints)


def record(fields: Iterable[Field[R]], row: R, now: datetime) -> dict[str, Any]:
    """The row for programs."""
    return {field.json: field.data(row, now) for field in fields if field.json}


@lru_cache(maxsize=16)
def sorts_of(fields: tuple[Field[Any], ...], default: str = "") -> Mapping[str, Field[Any]]:
    """What rows can be sorted by: the default first, then from left to right, then what is not shown by itself."""
    ordered = sorted(fields, key=lambda field: (field.screen == NEVER, field.screen))
    found = {field.sort: field for field in reversed(ordered) if field.sort}
    names = dict.fromkeys([default, *(field.sort for field in ordered if field.sort)])
    return {name: found[name] for name in names if name}


@lru_cache(maxsize=16)
def words_of(fields: tuple[Field[Any], ...]) -> Mapping[str, Asked]:
    """What a filter can ask these rows for, and who answers."""
    found: dict[str, Asked] = {}
    for field in fields:
        found.update(dict.fromkeys(field.words or (), field.asked))
        found.update(dict.fromkeys(field.lengths or (), field.measured))
    return found


def haystack_of(fields: Iterable[Field[R]]) -> Callable[[R], str]:
    """Gives the text of a row that the plain words of a filter look through, in lower case; `UNSEEN` parts it."""
    plain = [field for field in fields if field.plain]
    seen, unseen = (
        [part for field in plain if (field.screen == NEVER) is never for part in (field.value, field.also) if part]
        for never in (False, True)
    )
    if not unseen:
        return lambda row: "\n".join([part(row) for part in seen]).lower()
    return lambda row: "\n".join([*[part(row) for part in seen], UNSEEN, *[part(row) for part in unseen]]).lower()


def _cell_of(field: Field[R]) -> Callable[[R, datetime], Cell]:
    value, at, length, tone = field.value, field.at, field.length, field.tone
    if value is not None:
        return lambda row, now: Cell(safe_text(text, LIMIT), tone) if (text := value(row)) else NOTHING
    if at is not None:
        return lambda row, now: said(rfc3339(at(row)) or "", tone)
    if length is not None:
        return lambda row, now: Cell(lifetime(length(row)), tone)
    return lambda row, now: NOTHING


def _data_of(field: Field[R]) -> Callable[[R, datetime], Any]:
    value, at, length = field.value, field.at, field.length
    if at is not None:
        return lambda row, now: rfc3339(at(row))
    if length is not None:
        return lambda row, now: None if (found := length(row)) is None else int(found.total_seconds())
    return lambda row, now: value(row) if value is not None else None


def _key_of(field: Field[R]) -> Callable[[R], SortValue]:
    value, at, length = field.value, field.at, field.length
    if value is not None:
        return lambda row: value(row).casefold() or None
    if at is not None:  # as seconds, so that comparing two costs a float comparison
        return lambda row: None if (found := at(row)) is None else found.timestamp()
    if length is not None:
        return lambda row: None if (found := length(row)) is None else found.total_seconds()
    return _no_order
