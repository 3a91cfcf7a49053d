"""Columns of a table: which are shown, and how wide, following the content and the terminal, never losing the name.

Pure: nothing here draws. A column that does not fit is dropped as a whole before any column is squeezed below what
makes it readable, those with the highest `drop` first.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import ceil
from typing import Any, Final

from rich.cells import cell_len, set_cell_size

from tui.fleet.fields import Field
from tui.fleet.fields.field import NOTHING

from .table_rows import Rows

Column = Field[Any]

GAP: Final = 2
_SQUEEZED: Final = 10
"""So many cells more a column may give up so that rows can be told apart."""
_MEASURED: Final = 120
"""So many rows from the visible ones on are measured for the widths."""


def fit(
    columns: Sequence[Column],
    wanted: Sequence[int],
    width: int,
    longest: Sequence[int] | None = None,
    empty: Container[str] = (),
    *,
    keep: Container[str] = (),
    narrow: bool = False,
) -> list[tuple[Column, int]]:
    """The columns that are shown and their widths. `wanted` is what nearly all of each column's content would like;
    `longest` what all of it would, and gets where there is room. Those that are `empty` go before all others, those
    to `keep` never; with `narrow` names give some more cells before anything goes."""
    natural = {
        column.id: max(column.least, min(want, column.most)) for column, want in zip(columns, wanted, strict=True)
    }
    shown = list(columns)
    give_more = _SQUEEZED if narrow else 0
    while _needed(shown, lambda column: _tight(column, natural, give_more)) > width:
        candidates = [column for column in shown if (column.drop or column.id in empty) and column.id not in keep]
        if not candidates:
            break
        shown.remove(max(candidates, key=lambda column: (column.id in empty, column.drop)))
    sizes = {column.id: natural[column.id] for column in shown}
    excess = _needed(shown, lambda column: sizes[column.id]) - width
    for least in (lambda column: _tight(column, natural), lambda column: min(natural[column.id], column.least)):
        for column in sorted(shown, key=lambda column: -column.drop):
            give = max(min(excess, sizes[column.id] - least(column)), 0)
            sizes[column.id] -= give
            excess -= give
    spare = width - _needed(shown, lambda column: sizes[column.id])
    lacks = {
        column.id: want - sizes[column.id]
        for column, want in zip(columns, longest or wanted, strict=True)
        if column in shown
    }
    for column in sorted(shown, key=lambda column: lacks[column.id]):  # those first that need the least
        take = max(min(spare, lacks[column.id]), 0)
        sizes[column.id] += take
        spare -= take
    return [(column, sizes[column.id]) for column in shown]


def _tight(column: Column, natural: dict[str, int], give_more: int = 0) -> int:
    tight = max(column.tight - give_more, min(column.least, column.tight))
    return min(natural[column.id], tight) if column.tight else natural[column.id]


def _needed(columns: Sequence[Column], size: Callable[[Column], int]) -> int:
    return sum(size(column) for column in columns) + GAP * max(len(columns) - 1, 0)


def cut(text: str, width: int, *, middle: bool = False) -> str:
    """`text` in exactly `width` cells: padded, or cut with an ellipsis at the end or in the middle."""
    length = cell_len(text)
    if length <= width:
        return text + " " * (width - length)
    if width <= 1:
        return "…"[:width]
    if not middle or width < 8:
        return set_cell_size(text, width - 1) + "…"
    head = (width - 1) // 2
    tail = width - 1 - head
    end = text[-tail:]
    while cell_len(end) > tail:
        end = end[1:]
    return set_cell_size(set_cell_size(text, head) + "…" + end, width)


@dataclass(frozen=True, slots=True)
class Measured:
    """What rows would like each column to have."""

    wanted: Sequence[int]
    longest: Sequence[int]
    empty: frozenset[str]
    """The ids of the columns in which none of them says anything."""
    texts: Sequence[Sequence[str]]
    """What each of them says in each column."""

    @classmethod
    def of(cls, columns: Sequence[Column], rows: Rows, now: Callable[[Any], datetime], first: int) -> Measured:
        """Measures the rows around the `first` visible one; what is far away never costs anything."""
        first = max(0, first - 20)
        last = min(len(rows), first + _MEASURED)
        titles = [cell_len(column.title) + (2 if column.sort else 0) for column in columns]
        texts: list[list[str]] = [[] for _ in columns]
        says = [last <= first] * len(columns)
        for index in range(first, last):
            row = rows[index]
            at = now(row)
            for number, column in enumerate(columns):
                cell = column.cell(row, at)
                texts[number].append(cell.drawn)
                says[number] = says[number] or cell.text not in ("", NOTHING.text)
        lengths = [[cell_len(text) for text in known] for known in texts]
        longest = [max(title, *known, 0) for title, known in zip(titles, lengths, strict=True)]
        # a few very long names must not take the room of every other column
        nearly_all = ceil((last - first) * 0.9) - 1
        wanted = [
            max(title, sorted(known)[nearly_all]) if column.tight and known else most
            for title, known, column, most in zip(titles, lengths, columns, longest, strict=True)
        ]
        empty = frozenset(column.id for column, said in zip(columns, says, strict=True) if not said)
        return cls(wanted, longest, empty, texts)


@dataclass(frozen=True, slots=True)
class Layout:
    """The columns that are shown, from left to right."""

    sizes: Sequence[tuple[Column, int]] = ()
    fixed: int = 0
    """Of a list that is scrolled to the side: how many of them stay. 0 where it is not."""
    more: bool = False
    """Whether there are others further to the right, of a list that is scrolled to the side."""

    def places(self) -> list[tuple[Column, int, int]]:
        """Every column with the cells where it begins and ends."""
        found, left = [], 0
        for column, size in self.sizes:
            found.append((column, left, left + size))
            left += size + GAP
        return found

    def at(self, x: int) -> Column | None:
        """The column at a cell; the gap behind a column belongs to it."""
        return next((column for column, start, end in self.places() if start <= x < end + GAP), None)
