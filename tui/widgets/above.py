"""How many rows that somebody should see to have scrolled out of sight at the top of a list: for its titles."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from itertools import chain
from typing import Any, Final

from .table_rows import NoRows, Rows

_LOOKED_AT: Final = 200
"""So many of the first rows, and of those right above the first visible one, are looked at: never a long list."""


class Above:
    """Counts once for each view and place of it."""

    def __init__(self, now: Callable[[Any], datetime]) -> None:
        self.due: Callable[[Any, datetime], bool] | None = None
        """Whether a row needs somebody now; None where such rows never do."""
        self._now = now
        self._counted: tuple[Rows, int] = (NoRows(), 0)
        self._said = ""

    def said(self, rows: Rows, first: int) -> str:
        """What to say of the rows before the `first` visible one; empty where nothing is due there."""
        if self.due is None or first <= 0:
            return ""
        if self._counted[0] is not rows or self._counted[1] != first:
            self._counted = (rows, first)
            first = min(first, len(rows))
            top = min(first, _LOOKED_AT)
            near = max(top, first - _LOOKED_AT)
            looked = (rows[index] for index in chain(range(top), range(near, first)))
            found = sum(self.due(row, self._now(row)) for row in looked)
            self._said = f"↑ {found}{'+' if near > top else ''} due above" if found else ""
        return self._said
