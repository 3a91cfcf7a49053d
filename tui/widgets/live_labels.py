"""The labels of a table that time changes: when the next one will, and which have."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

from .columns import Layout

Visible = Iterable[tuple[int, Any]]
"""Lines and their rows."""


class LiveLabels:
    """Remembers what the live columns said when the user last looked."""

    def __init__(self, now: Callable[[Any], datetime]) -> None:
        self._now = now
        self._said: dict[tuple[int, str], str] = {}

    def next_change(self, layout: Layout, visible: Visible) -> timedelta | None:
        """How long until the first visible label changes; None where nothing ever does."""
        live = [column.changes for column, _ in layout.sizes if column.changes is not None]
        soonest: timedelta | None = None
        for _, row in visible:
            now = self._now(row)
            for changes in live:
                at = changes(row, now)
                if at is not None and (soonest is None or at - now < soonest):
                    soonest = at - now
        return soonest

    def stale(self, layout: Layout, visible: Visible) -> dict[int, tuple[int, int]]:
        """Lines whose labels differ from the last look, and from which cell to which."""
        live = [place for place in layout.places() if place[0].changes is not None]
        found: dict[int, tuple[int, int]] = {}
        said: dict[tuple[int, str], str] = {}
        for line, row in visible:
            now = self._now(row)
            for column, start, end in live:
                text = said[line, column.id] = column.cell(row, now).drawn
                if self._said.get((line, column.id)) != text:
                    found[line] = (found.get(line, (start, 0))[0], end)
        self._said = said
        return found
