"""A list that is scrolled to the side: what its rows are called by stays, and the columns behind that move.

Unlike the ordinary layout, which leaves out what finds no room, this one shows each column in its turn.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from .columns import GAP, Column, Layout, Measured, fit
from .telling import laid_out

_READABLE: Final = 40
"""So many cells the first of the columns that move gets before the fixed ones are squeezed no more."""


class Sideways:
    """How many of the columns that move are skipped: 0 for the ordinary layout."""

    def __init__(self) -> None:
        self.skipped = 0

    def layout(self, columns: Sequence[Column], measured: Measured, width: int) -> Layout:
        """The columns that are shown now."""
        ordinary = laid_out(columns, measured, width)
        if not self.skipped:
            return ordinary
        fixed, moving = _parted(columns, measured)
        self.skipped = min(self.skipped, max(len(moving) - 1, 0))
        shown = moving[self.skipped :]
        if not self.skipped or not shown:
            return ordinary
        wanted = {column.id: want for column, want in zip(columns, measured.wanted, strict=True)}
        sizes = {column.id: max(column.least, min(wanted[column.id], column.most)) for column in shown}
        first = min(sizes[shown[0].id], _READABLE)
        stay = {column.id for column in fixed}
        kept = fit(fixed, [wanted[column.id] for column in fixed], max(width - first - GAP, 1), keep=stay)
        room = width - sum(size + GAP for _, size in kept)
        added: list[tuple[Column, int]] = []
        for column in shown:
            if added and room < min(sizes[column.id], max(column.tight, column.least)):
                break
            size = max(min(sizes[column.id], room), 1)
            added.append((column, size))
            room -= size + GAP
        if len(added) == len(shown) and room > 0:  # the last one takes what is left
            added[-1] = (added[-1][0], added[-1][1] + room)
        return Layout([*kept, *added], fixed=len(kept), more=len(added) < len(shown))

    def step(self, by: int, columns: Sequence[Column], measured: Measured, layout: Layout) -> bool:
        """One column further; whether there is one."""
        _, moving = _parted(columns, measured)
        unseen = {column.id for column in moving} - {column.id for column, _ in layout.sizes}
        if by > 0 and not (layout.more or (not self.skipped and unseen)):
            return False
        before, self.skipped = self.skipped, max(self.skipped + by, 0)
        return self.skipped != before


def _parted(columns: Sequence[Column], measured: Measured) -> tuple[list[Column], list[Column]]:
    """Those up to what rows are called by, and the others, without those in which nothing stands."""
    named = next((at for at, column in enumerate(columns) if not column.drop and (column.tight or column.middle)), 0)
    moving = [column for column in columns[named + 1 :] if column.id not in measured.empty]
    return list(columns[: named + 1]), moving
