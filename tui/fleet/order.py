"""One sorted order of a table's rows, kept up to date change by change.

A list of 50,000 rows is sorted once; after that a change costs two bisections, and a page of changes one merge of
two sorted runs. Nothing is computed for an order that is not shown: changes only collect in `pending`.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping
from typing import Final

from .fields import SortValue
from .rows import Row

Entry = tuple[bool, SortValue, str]
"""(has no value, value, key): compares without ever comparing None, ends in the key, so no two are equal."""

_ONE_BY_ONE: Final = 200
"""Up to so many changes are put in one by one; more of them are cheaper merged in one sort."""


class Order:
    """`entries` and `rows` are parallel lists, ascending, rows without a value last."""

    def __init__(self, column: Callable[[Row], SortValue], keys: Mapping[str, Row]) -> None:
        self.entries: list[Entry] = []
        self.rows: list[Row] = []
        self._column = column
        self._entry_of: dict[str, Entry] = {}
        self._pending: set[str] = set(keys)

    def touch(self, key: str) -> None:
        """Remember that the row under `key` came, changed or went."""
        self._pending.add(key)

    def bring_up(self, table: Mapping[str, Row]) -> None:
        """Take in everything that was touched."""
        if not self._pending:
            return
        if len(self._pending) > _ONE_BY_ONE:
            self._merge(table)
        else:
            for key in self._pending:
                self._move(key, table.get(key))
        self._pending.clear()

    def valued(self) -> int:
        """How many rows have a value; the rest follow them."""
        return bisect_left(self.entries, True, key=_has_no_value)

    def _entry(self, key: str, row: Row) -> Entry:
        value = self._column(row)
        return (value is None, value if value is not None else 0.0, key)

    def _move(self, key: str, row: Row | None) -> None:
        old = self._entry_of.pop(key, None)
        new = None if row is None else self._entry(key, row)
        if old is not None:
            index = bisect_left(self.entries, old)
            if new == old and row is not None:
                self.rows[index] = row
                self._entry_of[key] = old
                return
            del self.entries[index], self.rows[index]
        if new is not None and row is not None:
            index = bisect_left(self.entries, new)
            self.entries.insert(index, new)
            self.rows.insert(index, row)
            self._entry_of[key] = new

    def _merge(self, table: Mapping[str, Row]) -> None:
        pending = self._pending
        fresh: list[Entry] = []
        for key in pending:
            row = table.get(key)
            if row is None:
                self._entry_of.pop(key, None)
            else:
                fresh.append(self._entry(key, row))
                self._entry_of[key] = fresh[-1]
        fresh.sort()
        self.entries = [entry for entry in self.entries if entry[2] not in pending] if self.entries else []
        self.entries += fresh
        self.entries.sort()
        self.rows = [table[entry[2]] for entry in self.entries]


def _has_no_value(entry: Entry) -> bool:
    return entry[0]
