"""The marked rows of a table, by key, and where a range begins."""

from __future__ import annotations

from .table_rows import Rows


class Marks(set[str]):
    """Keys. `anchor` is the one that was marked last."""

    anchor = ""

    def split(self, rows: Rows) -> tuple[list[str], list[str]]:
        """Those that are shown, in the order of `rows`, and those that are not."""
        found = {key: rows.find(key) for key in self}
        shown = {key: index for key, index in found.items() if index is not None}
        return sorted(shown, key=lambda key: shown[key]), sorted(found.keys() - shown.keys())

    def toggle(self, key: str) -> None:
        """Mark it, or unmark it."""
        self.anchor = key
        self ^= {key}

    def toggle_all(self, rows: Rows) -> None:
        """Mark everything that is shown; where all of it is marked, nothing of it."""
        shown = _keys(rows, 0, len(rows))
        if shown <= self:
            self -= shown
        else:
            self |= shown

    def invert(self, rows: Rows) -> None:
        """Mark what is shown and not marked, and the other way round."""
        self ^= _keys(rows, 0, len(rows))

    def extend(self, rows: Rows, index: int) -> None:
        """Mark from the anchor to here, whatever stands between them now; without an anchor only here."""
        anchor = rows.find(self.anchor) if self.anchor in self else None
        first, last = sorted((index if anchor is None else anchor, index))
        self |= _keys(rows, first, last + 1)
        self.anchor = rows.key_at(index)


def _keys(rows: Rows, first: int, end: int) -> set[str]:
    return {rows.key_at(index) for index in range(first, end)}
