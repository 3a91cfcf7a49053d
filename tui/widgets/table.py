"""The table of the dashboard: draws only the lines that are visible, from rows that belong to somebody else.

Rows come as a sequence with keys (a `View` of the fleet store is one); the table holds the cursor and the marks by key,
so both survive any new order. What depends on the time is computed when a line is drawn. One timer sleeps until the
next visible label changes and repaints those columns alone; a hidden table has no timer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from math import ceil
from typing import Any, ClassVar, Final, Protocol

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.timer import Timer

from .columns import GAP, Cell, Column, cut, fit
from .signs import Tone

GUTTER: Final = 2
"""Cells left of the first column: the cursor's arrow and the mark."""
_MEASURED: Final = 120
"""So many rows from the visible ones on are measured for the widths."""


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


def _utc_now(row: Any) -> datetime:
    return datetime.now(UTC)


class FleetTable(ScrollView, can_focus=True):
    """A line-API table with a cursor, marks, a sort indicator and countdowns."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "fleet-table--header",
        "fleet-table--header-sorted",
        "fleet-table--cursor",
        "fleet-table--cursor-quiet",
        "fleet-table--hover",
        "fleet-table--mark",
        "fleet-table--arrow",
        *(f"fleet-table--{tone.value}" for tone in Tone if tone.value),
    }

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "open", key_display="⏎"),
        Binding("up,k", "move(-1)", "up", show=False),
        Binding("down,j", "move(1)", "down", show=False),
        Binding("pageup,ctrl+b", "page(-1)", "page up", show=False),
        Binding("pagedown,ctrl+f", "page(1)", "page down", show=False),
        Binding("home,g", "edge(-1)", "first", show=False),
        Binding("end,G", "edge(1)", "last", show=False),
        Binding("space", "mark", "mark", id="mark"),
        Binding("M", "mark_all", "mark all shown", show=False, id="mark_all"),
    ]

    cursor: reactive[int] = reactive(0, repaint=False)

    class Opened(Message):
        """Enter or a double click on a row."""

        def __init__(self, table: FleetTable, row: Any) -> None:
            super().__init__()
            self.table = table
            self.row = row

        @property
        def control(self) -> FleetTable:
            return self.table

    class Moved(Message):
        """The cursor is on another row, or the row under it changed."""

        def __init__(self, table: FleetTable) -> None:
            super().__init__()
            self.table = table

        def can_replace(self, message: Message) -> bool:
            return isinstance(message, FleetTable.Moved) and message.table is self.table

    class Marked(Moved):
        """The marks changed."""

    class SortWanted(Message):
        """A click on a column's title."""

        def __init__(self, table: FleetTable, sort: str) -> None:
            super().__init__()
            self.table = table
            self.sort = sort

    class Overdue(Message):
        """A visible countdown ended: whoever sorts or counts by time may want to look again."""

        def __init__(self, table: FleetTable) -> None:
            super().__init__()
            self.table = table

    def __init__(
        self,
        columns: Sequence[Column],
        *,
        now: Callable[[Any], datetime] = _utc_now,
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        super().__init__(id=id, classes=classes)
        self.columns = tuple(columns)
        self.rows: Rows = NoRows()
        self.marks: set[str] = set()
        self.sorted_by = ""
        self.reverse = False
        self.empty: Callable[[], Sequence[Cell]] = lambda: ()
        """What an empty table says instead of rows."""
        self._now = now
        self._cursor_key = ""
        self._pinned = False
        """Whether somebody moved the cursor; until then it stays on the first row whatever comes."""
        self._layout: list[tuple[Column, int]] = []
        self._hover = -1
        self._timer: Timer | None = None
        self._paused = False
        self._styles: dict[str, Style] = {}
        self._ticks = 0
        self._labels: dict[tuple[int, str], str] = {}
        """What the live columns said when the timer last looked."""
        self._last_tick: datetime | None = None

    # What others ask

    @property
    def row(self) -> Any | None:
        """The row under the cursor."""
        return self.rows[self.cursor] if 0 <= self.cursor < len(self.rows) else None

    @property
    def marked(self) -> list[str]:
        """The marked keys in the order shown, those that the filter hides last."""
        found = {key: self.rows.find(key) for key in self.marks}
        return sorted(found, key=lambda key: (found[key] is None, found[key] or 0, key))

    @property
    def ticks(self) -> int:
        """How often the timer has fired; tests look at it."""
        return self._ticks

    @property
    def ticking(self) -> bool:
        return self._timer is not None

    def show(self, rows: Rows, *, sorted_by: str = "", reverse: bool = False) -> None:
        """Draw these rows from now on. Cursor and marks stay on their keys."""
        old_offset = self.cursor - round(self.scroll_y)
        self.rows = rows
        self.sorted_by, self.reverse = sorted_by, reverse
        index = rows.find(self._cursor_key) if self._pinned and self._cursor_key else None
        if index is None:
            index = min(self.cursor, len(rows) - 1) if self._pinned else 0
        self.set_reactive(FleetTable.cursor, max(index, 0))
        self._remember()
        self._resize_virtual()
        if self._pinned and len(rows):
            self.scroll_to(y=max(0, self.cursor - old_offset), animate=False)
            self._keep_visible()
        self._measure()
        self.refresh()
        self.post_message(self.Moved(self))
        self._arm()

    def forget_marks(self) -> None:
        """Unmark everything."""
        self.marks.clear()
        self._marks_changed()

    def pin(self) -> None:
        """Keep the cursor on its row from now on, wherever that row goes."""
        if len(self.rows) and not self._pinned:
            self._pinned = True
            self._remember()

    def reset(self) -> None:
        """Back to the first row without marks: other rows come now."""
        self._pinned = False
        self._cursor_key = ""
        self.marks.clear()
        self.set_reactive(FleetTable.cursor, 0)
        self.scroll_to(y=0, animate=False)

    def go_to(self, key: str) -> bool:
        """Put the cursor on the row with this key."""
        index = self.rows.find(key)
        if index is None:
            return False
        self._move_to(index)
        return True

    def pause(self, paused: bool) -> None:
        """Stop or start the timer: for a table that is mounted but not seen."""
        self._paused = paused
        self._arm()

    # Life

    def on_mount(self) -> None:
        self._resize_virtual()

    def on_show(self) -> None:
        self._paused = False
        self._arm()

    def on_hide(self) -> None:
        self._paused = True
        self._arm()

    def on_resize(self, event: events.Resize) -> None:
        self._resize_virtual()
        self._measure()
        self._keep_visible()
        self.refresh()
        self._arm()

    def on_key(self) -> None:
        """Whoever presses a key means the row that is under the cursor now."""
        self.pin()

    def on_focus(self) -> None:
        self.refresh()

    def on_blur(self) -> None:
        self.refresh()

    def notify_style_update(self) -> None:
        self._styles.clear()
        super().notify_style_update()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        if round(old_value) != round(new_value):
            self._arm()

    # Keys and mouse

    def action_open(self) -> None:
        if self.row is not None:
            self.post_message(self.Opened(self, self.row))

    def action_move(self, by: int) -> None:
        self._move_to(self.cursor + by)

    def action_page(self, by: int) -> None:
        self._move_to(self.cursor + by * max(self.size.height - 2, 1))

    def action_edge(self, side: int) -> None:
        self._move_to(0 if side < 0 else len(self.rows) - 1)

    def action_mark(self) -> None:
        if self.row is None:
            return
        self.marks ^= {self.rows.key_at(self.cursor)}
        self._marks_changed()
        self._move_to(self.cursor + 1)

    def action_mark_all(self) -> None:
        shown = {self.rows.key_at(index) for index in range(len(self.rows))}
        self.marks = self.marks - shown if shown <= self.marks else self.marks | shown
        self._marks_changed()

    def on_click(self, event: events.Click) -> None:
        event.stop()
        if event.y == 0:
            column = self._column_at(event.x)
            if column is not None and column.sort:
                self.post_message(self.SortWanted(self, column.sort))
            return
        index = self._index_at(event.y)
        if index is None:
            return
        self._move_to(index)
        if event.x < GUTTER:
            self.marks ^= {self.rows.key_at(index)}
            self._marks_changed()
        elif event.chain == 2:
            self.action_open()

    def on_mouse_move(self, event: events.MouseMove) -> None:
        index = self._index_at(event.y)
        self._hover_on(-1 if index is None else index)

    def on_leave(self) -> None:
        self._hover_on(-1)

    # Drawing

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        if y == 0:
            return self._header(width)
        index = round(self.scroll_y) + y - 1
        if index < len(self.rows):
            return self._line(index, width)
        if not len(self.rows):
            lines = self.empty()
            at = y - max(2, (self.size.height - len(lines)) // 3)
            if 0 <= at < len(lines):
                text, tone = lines[at]
                centred = cut(text, min(width, cell_len(text)))
                return Strip([Segment(centred.center(width), self._style(tone))]).adjust_cell_length(
                    width, self.rich_style
                )
        return Strip.blank(width, self.rich_style)

    def _header(self, width: int) -> Strip:
        ground = self.rich_style
        plain, sorted_style = ground + self._named("header"), ground + self._named("header-sorted")
        segments = [Segment(" " * GUTTER, plain)]
        for number, (column, size) in enumerate(self._layout):
            if number:
                segments.append(Segment(" " * GAP, plain))
            if column.sort and column.sort == self.sorted_by:
                title = f"{column.title} {'▼' if self.reverse else '▲'}"
                segments.append(Segment(cut(title, size), sorted_style))
            else:
                segments.append(Segment(cut(column.title, size), plain))
        return Strip(segments).adjust_cell_length(width, plain)

    def _line(self, index: int, width: int) -> Strip:
        row = self.rows[index]
        ground = self.rich_style
        on_cursor = index == self.cursor
        if on_cursor:
            ground += self._named("cursor" if self.has_focus else "cursor-quiet")
        elif index == self._hover:
            ground += self._named("hover")
        marked = bool(self.marks) and self.rows.key_at(index) in self.marks
        segments = [
            Segment("▸" if on_cursor else " ", ground + self._named("arrow")),
            Segment("◆" if marked else " ", ground + self._named("mark")),
        ]
        now = self._now(row)
        for number, (column, size) in enumerate(self._layout):
            if number:
                segments.append(Segment(" " * GAP, ground))
            text, tone = column.cell(row, now)
            style = ground + self._tone(tone) if tone else ground
            segments.append(Segment(cut(text, size, middle=column.middle), style))
        return Strip(segments).adjust_cell_length(width, ground)

    def _named(self, name: str) -> Style:
        style = self._styles.get(name)
        if style is None:
            style = self._styles[name] = self.get_component_rich_style(f"fleet-table--{name}", partial=True)
        return style

    def _tone(self, tone: Tone) -> Style:
        return self._named(tone.value)

    def _style(self, tone: Tone) -> Style:
        return self.rich_style + self._tone(tone) if tone else self.rich_style

    # Layout

    def _resize_virtual(self) -> None:
        self.virtual_size = Size(self.size.width, len(self.rows) + 1)

    def _measure(self) -> None:
        """Widths from the rows around those visible; what is far away never costs anything."""
        first = max(0, round(self.scroll_y) - 20)
        last = min(len(self.rows), first + _MEASURED)
        titles = [cell_len(column.title) + (2 if column.sort else 0) for column in self.columns]
        lengths: list[list[int]] = [[] for _ in self.columns]
        for index in range(first, last):
            row = self.rows[index]
            now = self._now(row)
            for known, column in zip(lengths, self.columns, strict=True):
                known.append(cell_len(column.cell(row, now).text))
        longest = [max(title, *known, 0) for title, known in zip(titles, lengths, strict=True)]
        # a few very long names must not take the room of every other column
        nearly_all = ceil((last - first) * 0.9) - 1
        wanted = [
            max(title, sorted(known)[nearly_all]) if column.tight and known else most
            for title, known, column, most in zip(titles, lengths, self.columns, longest, strict=True)
        ]
        self._layout = fit(self.columns, wanted, max(self.size.width - GUTTER - 1, 1), longest)

    def _column_at(self, x: int) -> Column | None:
        left = GUTTER
        for column, size in self._layout:
            if left <= x < left + size + GAP:
                return column
            left += size + GAP
        return None

    def _index_at(self, y: int) -> int | None:
        index = round(self.scroll_y) + y - 1
        return index if y >= 1 and index < len(self.rows) else None

    def _hover_on(self, index: int) -> None:
        if index != self._hover:
            old, self._hover = self._hover, index
            for changed in (old, index):
                if changed >= 0:
                    self._refresh_row(changed)

    # Cursor

    def _move_to(self, index: int) -> None:
        if not len(self.rows):
            return
        index = max(0, min(index, len(self.rows) - 1))
        old = self.cursor
        self._pinned = True
        self.set_reactive(FleetTable.cursor, index)
        self._remember()
        self._keep_visible()
        self._refresh_row(old)
        self._refresh_row(index)
        if index != old:
            self.post_message(self.Moved(self))

    def _remember(self) -> None:
        self._cursor_key = self.rows.key_at(self.cursor) if self.cursor < len(self.rows) else ""

    def _keep_visible(self) -> None:
        visible = max(self.size.height - 1, 1)
        top = round(self.scroll_y)
        if self.cursor < top:
            self.scroll_to(y=self.cursor, animate=False, immediate=True)
        elif self.cursor >= top + visible:
            self.scroll_to(y=self.cursor - visible + 1, animate=False, immediate=True)

    def _refresh_row(self, index: int) -> None:
        y = index - round(self.scroll_y) + 1
        if 1 <= y < self.size.height:
            self.refresh(Region(0, y, self.size.width, 1))

    def _marks_changed(self) -> None:
        self.refresh()
        self.post_message(self.Marked(self))

    # Time

    def _arm(self, stood_still: bool = False) -> None:
        """Sleep until the next visible label changes; not at all where nothing does, or nobody looks."""
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
        if self._paused or not self.is_mounted or not self.size.height:
            return
        soonest = self._next_change()
        if soonest is not None:
            delay = max(soonest.total_seconds(), 0.02) + 0.005
            if stood_still:
                delay = max(delay, 1.0)
            self._timer = self.set_timer(min(delay, 3600.0), self._tick)

    def _next_change(self) -> timedelta | None:
        live = [column.changes for column, _ in self._layout if column.changes is not None]
        first = round(self.scroll_y)
        soonest: timedelta | None = None
        for index in range(first, min(first + self.size.height - 1, len(self.rows))):
            row = self.rows[index]
            now = self._now(row)
            for changes in live:
                at = changes(row, now)
                if at is not None and (soonest is None or at - now < soonest):
                    soonest = at - now
        return soonest

    def _tick(self) -> None:
        self._ticks += 1
        self._timer = None
        first = round(self.scroll_y)
        now = self._now(self.rows[first]) if first < len(self.rows) else None
        stood_still, self._last_tick = now == self._last_tick, now
        for y, (start, end) in self._stale().items():
            self.refresh(Region(start, y, end - start, 1))
        if self._any_over():
            self.post_message(self.Overdue(self))
        self._arm(stood_still)

    def _stale(self) -> dict[int, tuple[int, int]]:
        """Lines whose labels differ from what was last looked at, and from which cell to which."""
        found: dict[int, tuple[int, int]] = {}
        labels: dict[tuple[int, str], str] = {}
        first = round(self.scroll_y)
        for index in range(first, min(first + self.size.height - 1, len(self.rows))):
            row = self.rows[index]
            now = self._now(row)
            left = GUTTER
            for column, size in self._layout:
                if column.changes is not None:
                    text = column.cell(row, now).text
                    labels[index, column.id] = text
                    if self._labels.get((index, column.id)) != text:
                        y = index - first + 1
                        found[y] = (found.get(y, (left, 0))[0], left + size)
                left += size + GAP
        self._labels = labels
        return found

    def _any_over(self) -> bool:
        """Whether the first visible row has nothing left to count: its countdown may just have ended."""
        first = round(self.scroll_y)
        if first >= len(self.rows):
            return False
        row = self.rows[first]
        now = self._now(row)
        return all(column.changes(row, now) is None for column, _ in self._layout if column.changes is not None)
