"""What a table draws: rows by index, with keys that stay with them; and the cursor and the marks, which go by key."""

from __future__ import annotations

from collections.abc import Sequence
from time import monotonic
from typing import Any, Final, Protocol


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


_AROUND: Final = 3
"""So many rows above and below the cursor tell where its place is."""


class Cursor:
    """Stays on the first row whatever comes, until the user moves it; from then on it keeps its place in the list.

    Where rows come or go around it, it goes along with its row. Where its row itself goes elsewhere (it was renewed,
    say) or ends, it stays between the same neighbours: whoever works off a list is not carried away with each row.
    """

    def __init__(self) -> None:
        self.index = 0
        self.pinned = False
        """Whether the user moved it, so that it keeps its place."""
        self._key = ""
        self._above: Sequence[str] = ()
        self._below: Sequence[str] = ()
        """The keys of its neighbours, the nearest first."""
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

    def follow(self, rows: Rows, *, resorted: bool = False) -> None:
        """Other rows come. `resorted` says that they are in another order, where only its row itself is its place."""
        if self._awaited and rows.find(self._awaited) is not None:
            self._key, self._awaited, self.pinned, resorted = self._awaited, "", True, True
        if self.pinned and self._key:
            index = rows.find(self._key)
            if index is None or (not resorted and self._went_elsewhere(rows, index)):
                index = self._place(rows)
        else:
            index = self.index if self.pinned else 0
        self.index = max(min(index, len(rows) - 1), 0)
        self._remember(rows)

    def _went_elsewhere(self, rows: Rows, index: int) -> bool:
        """Whether its row passed most of its neighbours on a side; a neighbour that passed it is only one of them."""
        above = [at > index for key in self._above if (at := rows.find(key)) is not None]
        below = [at < index for key in self._below if (at := rows.find(key)) is not None]
        return any(sum(side) >= 2 and 2 * sum(side) > len(side) for side in (above, below))

    def _place(self, rows: Rows) -> int:
        """Between its neighbours: where most of those that are left say that it is."""
        said = [at + away for away, key in enumerate(self._above, 1) if (at := rows.find(key)) is not None]
        said += [at - away for away, key in enumerate(self._below) if (at := rows.find(key)) is not None]
        return sorted(said)[len(said) // 2] if said else self.index

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
        at, length = self.index, len(rows)
        key = rows.key_at(at) if at < length else ""
        self._above = [rows.key_at(index) for index in range(at - 1, max(at - 1 - _AROUND, -1), -1) if index < length]
        self._below = [rows.key_at(index) for index in range(at + 1, min(at + 1 + _AROUND, length))]
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
