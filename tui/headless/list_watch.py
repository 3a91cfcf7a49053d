"""`list -w`: the rows, and then each that changes, comes or goes, until ctrl+c."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from tui.fleet.fields import OF_AREA, Field, in_list
from tui.fleet.query import clock_of

from . import printing
from .output import API_VERSION, aligned, object_text
from .records import LIST_KINDS, Now, name_of, record

if TYPE_CHECKING:
    from tui.fleet.fleet import Fleet
    from tui.fleet.query import Area
    from tui.fleet.rows import Row

_EVERY: Final = 5.0
"""Seconds after which it looks by itself: states change as time passes, and nothing tells that."""
Chosen = Callable[["Fleet"], "Sequence[Row]"]


async def follow(fleet: Fleet, area: Area, choose: Chosen, form: str, *, events: bool, now: Now) -> None:
    """Print what is there, and then what changes; ends with SIGINT as if there were nothing more to say."""
    lines = _Lines(area, form, now, events=events)
    stopped, changed = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
        loop.add_signal_handler(signal.SIGINT, stopped.set)
    unsubscribe = fleet.store.subscribe(lambda change: changed.set())
    try:
        while not stopped.is_set():
            changed.clear()
            lines.show(choose(fleet))
            waiting = [loop.create_task(event.wait()) for event in (stopped, changed)]
            await asyncio.wait(waiting, timeout=_EVERY, return_when=asyncio.FIRST_COMPLETED)
            for task in waiting:
                task.cancel()
    finally:
        unsubscribe()
        with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
            loop.remove_signal_handler(signal.SIGINT)


class _Lines:
    """What was printed of each row, so that only what differs is printed again."""

    def __init__(self, area: Area, form: str, now: Now, *, events: bool) -> None:
        self._area, self._form, self._clock, self._events = area, form, now, events
        self._columns = in_list(OF_AREA[area], wide=form == "wide")
        shown = [field for field in OF_AREA[area] if field.json] if form in ("json", "yaml") else self._columns
        self._fields = shown
        self._known: dict[str, tuple[object, Row]] = {}
        self._widths: list[int] = []

    def show(self, rows: Sequence[Row]) -> None:
        there = {row.key: (self._looks(row), row) for row in rows}
        news = [
            ("MODIFIED" if key in self._known else "ADDED", row)
            for key, (looks, row) in there.items()
            if key not in self._known or self._known[key][0] != looks
        ]
        news += [("DELETED", row) for key, (_, row) in self._known.items() if key not in there]
        self._known = there
        if news:
            self._print(news)

    def _now(self, row: Row) -> datetime:
        return self._clock(clock_of(row))

    def _looks(self, row: Row) -> object:
        now = self._now(row)
        return tuple(_of(field, row, now) for field in self._fields)

    def _print(self, news: Sequence[tuple[str, Row]]) -> None:
        if self._form in ("json", "yaml"):
            for event, row in news:
                self._document(event, row)
        elif self._form == "name":
            for _, row in news:
                printing.line(name_of(row))
        else:
            titles = [*(["EVENT"] if self._events else []), *(field.title for field in self._columns)]
            lines = [
                [*([event] if self._events else []), *(field.printed(row, self._now(row)) for field in self._columns)]
                for event, row in news
            ]
            for line in aligned(titles, lines, self._widths):
                printing.line(line)

    def _document(self, event: str, row: Row) -> None:
        kind = LIST_KINDS[self._area].removesuffix("List")
        found: dict[str, Any] = {
            "apiVersion": API_VERSION, "kind": kind, **record(row, self._clock),
        }  # fmt: skip
        text = object_text({"type": event, "object": found} if self._events else found, self._form)
        printing.document(f"---\n{text}" if self._form == "yaml" else text)


def _of(field: Field[Any], row: Row, now: datetime) -> object:
    """What a field says of a row apart from what only counts down."""
    if field.rank is not None:
        return field.rank(row, now)
    for part in (field.value, field.at, field.length):
        if part is not None:
            return part(row)
    return None if field.changes is not None else field.printed(row, now) if field.title else field.data(row, now)
