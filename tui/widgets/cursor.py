"""The cursor of a table: a number, and once the user means a row its key, so that it stays there in any order."""

from __future__ import annotations

from time import monotonic

from .table_rows import Rows


class Cursor:
    """Stays on the first row whatever comes, until the user moves it; from then on it follows its row."""

    def __init__(self) -> None:
        self.index = 0
        self.pinned = False
        """Whether the user moved it, so that it follows its row."""
        self._key = ""
        self._awaited = ""
        self._since = monotonic()

    @property
    def rested(self) -> float:
        """Seconds that it has been on its row."""
        return monotonic() - self._since

    @property
    def key(self) -> str:
        """The key of the row that the user put it on; empty where that was not done."""
        return self._key if self.pinned else ""

    def follow(self, rows: Rows) -> None:
        """Other rows, or the same in another order. Where its row is gone it keeps its number."""
        if self._awaited and rows.find(self._awaited) is not None:
            self._key, self._awaited, self.pinned = self._awaited, "", True
        index = rows.find(self.key) if self.key else None
        if index is None:
            index = min(self.index, len(rows) - 1) if self.pinned else 0
        self.index = max(index, 0)
        self._remember(rows)

    def put(self, index: int, rows: Rows) -> None:
        """The user means this row, or the nearest there is. There is at least one."""
        self.index = max(0, min(index, len(rows) - 1))
        self.pinned, self._awaited = True, ""
        self._remember(rows)

    def pin(self, rows: Rows) -> None:
        """The user means the row that it is on."""
        if len(rows) and not self.pinned:
            self.pinned = True
            self._remember(rows)

    def wait_for(self, key: str) -> None:
        """Go to the row with this key when it comes, unless the user moves it before."""
        self._awaited = key

    def reset(self) -> None:
        """Back to the first row."""
        self.index, self.pinned, self._key, self._awaited = 0, False, "", ""

    def _remember(self, rows: Rows) -> None:
        key = rows.key_at(self.index) if self.index < len(rows) else ""
        if key != self._key:
            self._key, self._since = key, monotonic()
