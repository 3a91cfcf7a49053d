"""What a table draws: rows by index, with keys that stay with them; and the cursor and the marks, which go by key."""

from __future__ import annotations

from time import monotonic
from typing import Any, Protocol


class Rows(Protocol):
    """What a table draws."""

    def __len__(self) -> int: ...
    def __getitem__(self, index: int, /) -> Any: ...
    def key_at(self, index: int) -> str: ...
    def find(self, key: str) -> int | None: ...


class NoRows:
    """An empty table's rows."""

    def __len__(self) -> int:
        return 0

    def __getitem__(self, index: int, /) -> Any:
        raise IndexError(index)

    def key_at(self, index: int) -> str:
        raise IndexError(index)

    def find(self, key: str) -> int | None:
        return None


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
