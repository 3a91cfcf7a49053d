"""A view in order of expiry, turned so that what expires next stands first and what has expired already last."""

from __future__ import annotations

from bisect import bisect_right
from datetime import datetime
from typing import Any

from tui.fleet.fields.lifetimes import ends_at

from .table_rows import Rows


class Upcoming:
    """Wraps a view sorted ascending by expiry; costs one bisection and no copy."""

    def __init__(self, view: Rows, now: datetime) -> None:
        self._view = view
        self._gone = bisect_right(_Expiries(view), now.timestamp())

    @property
    def expired(self) -> int:
        """How many have expired."""
        return self._gone

    def __len__(self) -> int:
        return len(self._view)

    def __getitem__(self, index: int, /) -> Any:
        return self._view[self._turned(index)]

    def key_at(self, index: int) -> str:
        return self._view.key_at(self._turned(index))

    def find(self, key: str) -> int | None:
        index = self._view.find(key)
        return None if index is None else (index - self._gone) % len(self._view)

    def _turned(self, index: int) -> int:
        if not 0 <= index < len(self._view):
            raise IndexError(index)
        return (index + self._gone) % len(self._view)


class _Expiries:
    """The instants of expiry of a view, as it is sorted by them; rows without one come last."""

    def __init__(self, view: Rows) -> None:
        self._view = view

    def __len__(self) -> int:
        return len(self._view)

    def __getitem__(self, index: int, /) -> float:
        ends = ends_at(self._view[index].credential)
        return float("inf") if ends is None else ends.timestamp()
