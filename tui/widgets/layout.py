"""Which columns of a table are shown now, and how wide: measured on near rows, fitted into the terminal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import ceil
from typing import Any, Final

from rich.cells import cell_len

from .columns import GAP, Column, fit
from .table_rows import Rows

_MEASURED: Final = 120
"""So many rows from the visible ones on are measured for the widths."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The columns that are shown, from left to right."""

    sizes: Sequence[tuple[Column, int]] = ()

    @classmethod
    def of(
        cls, columns: Sequence[Column], rows: Rows, now: Callable[[Any], datetime], *, first: int, width: int
    ) -> Layout:
        """Widths from the rows around the `first` visible one; what is far away never costs anything."""
        first = max(0, first - 20)
        last = min(len(rows), first + _MEASURED)
        titles = [cell_len(column.title) + (2 if column.sort else 0) for column in columns]
        lengths: list[list[int]] = [[] for _ in columns]
        for index in range(first, last):
            row = rows[index]
            at = now(row)
            for known, column in zip(lengths, columns, strict=True):
                known.append(cell_len(column.cell(row, at).drawn))
        longest = [max(title, *known, 0) for title, known in zip(titles, lengths, strict=True)]
        # a few very long names must not take the room of every other column
        nearly_all = ceil((last - first) * 0.9) - 1
        wanted = [
            max(title, sorted(known)[nearly_all]) if column.tight and known else most
            for title, known, column, most in zip(titles, lengths, columns, longest, strict=True)
        ]
        return cls(fit(columns, wanted, max(width, 1), longest))

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
