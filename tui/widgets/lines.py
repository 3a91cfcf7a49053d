"""Draws the lines of a table: its titles, one row, one line of what an empty table says."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from tui.fleet.fields import Cell

from .columns import GAP, Layout, cut

GUTTER: Final = 2
"""Cells left of the first column: the cursor's arrow and the mark."""

Named = Callable[[str], Style]
"""Gives the style of one of the table's component classes, or of a tone."""


def titles(
    layout: Layout, width: int, ground: Style, named: Named, sorted_by: str, reverse: bool, note: str = ""
) -> Strip:
    """The titles; the column that it is sorted by has a triangle. The `note` stands at their end, over what is."""
    plain, sorted_style = ground + named("header"), ground + named("header-sorted")
    segments = [Segment(" " * GUTTER, plain)]
    for number, (column, size) in enumerate(layout.sizes):
        if number:
            segments.append(Segment("‹ " if number == layout.fixed else " " * GAP, plain))
        if column.sort and column.sort == sorted_by:
            segments.append(Segment(cut(f"{column.title} {'▼' if reverse else '▲'}", size), sorted_style))
        else:
            segments.append(Segment(cut(column.title, size), plain))
    note = " ".join(filter(None, (note, "›" if layout.more else "")))
    if not note:
        return Strip(segments).adjust_cell_length(width, plain)
    said = Segment(f" {note} ", ground + named("warn"))
    rest = max(width - said.cell_length, 0)
    return Strip([*Strip(segments).adjust_cell_length(rest, plain), said]).adjust_cell_length(width, plain)


def line(
    layout: Layout, row: Any, now: datetime, width: int, ground: Style, named: Named, signs: tuple[str, str]
) -> Strip:
    """One row; `signs` are what stands in the gutter."""
    segments = [Segment(signs[0], ground + named("arrow")), Segment(signs[1], ground + named("mark"))]
    for number, (column, size) in enumerate(layout.sizes):
        if number:
            segments.append(Segment(" " * GAP, ground))
        text, tone, glyph = column.cell(row, now)
        style = ground + named(tone.value) if tone else ground
        segments.append(Segment(cut(f"{glyph} {text}" if glyph else text, size, middle=column.middle), style))
    return Strip(segments).adjust_cell_length(width, ground)


def centred(cell: Cell, width: int, ground: Style, named: Named) -> Strip:
    """A text in the middle."""
    style = ground + named(cell.tone.value) if cell.tone else ground
    shown = cut(cell.drawn, min(width, cell_len(cell.drawn)))
    return Strip([Segment(shown.center(width), style)]).adjust_cell_length(width, ground)
