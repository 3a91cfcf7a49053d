"""The table of the dashboard: draws only the lines that are visible, from rows that belong to the store.

Rows come as a sequence with keys (a `View` of the fleet store is one); the table holds the cursor and the marks by key,
so both survive any new order. What depends on the time is computed when a line is drawn. One timer sleeps until the
next visible label changes and repaints those columns alone; a hidden table has no timer.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar, TypeAlias

from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.timer import Timer

from tui.fleet.fields import Cell
from tui.fleet.signs import Tone

from . import table_messages
from .above import Above
from .columns import Column, Layout, Measured
from .empty_hints import key_at
from .lines import GUTTER, centred, line, titles
from .live_labels import LiveLabels
from .sideways import Sideways
from .table_rows import Cursor, Marks, NoRows, Rows


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
        Binding("enter", "open", "open", key_display="⏎", id="open"),
        Binding("up,k", "move(-1)", "up", show=False, id="up"),
        Binding("down,j", "move(1)", "down", show=False, id="down"),
        Binding("pageup,ctrl+b", "page(-1)", "page up", show=False, id="page_up"),
        Binding("pagedown,ctrl+f", "page(1)", "page down", show=False, id="page_down"),
        Binding("home,g", "edge(-1)", "first", show=False, id="first"),
        Binding("end,G", "edge(1)", "last", show=False, id="last"),
        Binding("shift+right", "aside(1)", "columns further right", show=False, id="right"),
        Binding("shift+left", "aside(-1)", "columns further left", show=False, id="left"),
        Binding("space", "mark", "mark", id="mark"),
        Binding("M", "mark_all", "mark all shown", show=False, id="mark_all"),
        Binding("ctrl+space,ctrl+@", "mark_range", "mark from the last mark to here", show=False, id="mark_range"),
        Binding("ctrl+backslash", "forget_marks", "unmark all", show=False, id="unmark"),
        Binding("asterisk", "invert_marks", "mark what is not marked", show=False, key_display="*", id="invert_marks"),
    ]

    Opened: TypeAlias = table_messages.Opened
    Moved: TypeAlias = table_messages.Moved
    Marked: TypeAlias = table_messages.Marked
    SortWanted: TypeAlias = table_messages.SortWanted

    def __init__(
        self,
        columns: Sequence[Column],
        *,
        now: Callable[[Any], datetime] = lambda row: datetime.now(UTC),
        opens: bool = True,
        marks: bool = True,
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        super().__init__(id=id, classes=classes)
        self.columns = tuple(columns)
        self.rows: Rows = NoRows()
        self.marks = Marks()
        self._opens = opens
        self._can_mark = marks
        self.sorted_by = ""
        self.reverse = False
        self.empty: Callable[[], Sequence[Cell]] = lambda: ()
        """What an empty table says instead of rows."""
        self._now = now
        self._cursor = Cursor()
        self._layout = Layout()
        self._measured: Measured | None = None
        self._sideways = Sideways()
        self._hover = -1
        self._timer: Timer | None = None
        self._paused = False
        self._styles: dict[str, Style] = {}
        self._ticks = 0
        self._live = LiveLabels(now)
        self.above = Above(now)
        self._last_tick: datetime | None = None

    # What others ask

    @property
    def cursor(self) -> int:
        """The index of the row under the cursor."""
        return self._cursor.index

    @property
    def row(self) -> Any | None:
        """The row under the cursor."""
        return self.rows[self.cursor] if 0 <= self.cursor < len(self.rows) else None

    @property
    def cursor_key(self) -> str:
        """The key of the row that the user put the cursor on; empty where that was not done."""
        return self._cursor.key

    @property
    def rested(self) -> float:
        """Seconds that the row under the cursor has been there."""
        return self._cursor.rested

    @property
    def marked(self) -> list[str]:
        """The marked keys in the order shown, those that the filter hides last."""
        shown, hidden = self.marks.split(self.rows)
        return shown + hidden

    @property
    def marked_shown(self) -> list[str]:
        """The marked keys in the order shown, without those that the filter hides."""
        return self.marks.split(self.rows)[0]

    @property
    def marks_hidden(self) -> int:
        """How many marked rows the filter hides."""
        return sum(self.rows.find(key) is None for key in self.marks)

    @property
    def left_out(self) -> int:
        """How many columns find no room, as far as it is not scrolled to the side."""
        return 0 if self._layout.fixed else len(self.columns) - len(self._layout.sizes)

    @property
    def ticks(self) -> int:
        """How often the timer has fired; tests look at it."""
        return self._ticks

    @property
    def ticking(self) -> bool:
        return self._timer is not None

    def show(self, rows: Rows, *, sorted_by: str = "", reverse: bool = False) -> None:
        """Draw these rows from now on. The cursor keeps its place on the screen, marks stay on their keys."""
        top = round(self.scroll_y)
        old_offset = self.cursor - top
        resorted = (sorted_by, reverse) != (self.sorted_by, self.reverse)
        self.rows = rows
        self.sorted_by, self.reverse = sorted_by, reverse
        self._cursor.follow(rows, resorted=resorted)
        self._resize_virtual()
        if self._cursor.pinned and len(rows) and (top or self.cursor >= self.size.height - 1):
            self.scroll_to(y=max(0, self.cursor - old_offset), animate=False)
            self._keep_visible()
        self._measure()
        self.refresh()
        self.post_message(self.Moved(self))
        self._arm()

    def forget_marks(self, *, shown: bool = False) -> None:
        """Unmark everything, or only what is shown."""
        self.marks.difference_update(self.marked_shown if shown else set(self.marks))
        self._marks_changed()

    def keep_marks(self, known: Container[str]) -> None:
        """Unmark what there is no more."""
        gone = {key for key in self.marks if key not in known}
        if gone:
            self.marks -= gone
            self._marks_changed()

    def pin(self) -> None:
        """Keep the cursor on its row from now on, wherever that row goes."""
        self._cursor.pin(self.rows)

    def reset(self) -> None:
        """Back to the first row without marks: other rows come now."""
        self._cursor.reset()
        self.marks.clear()
        self.scroll_to(y=0, animate=False)

    def go_to(self, key: str) -> bool:
        """Put the cursor on the row with this key."""
        index = self.rows.find(key)
        if index is None:
            return False
        self._move_to(index)
        return True

    def go_to_row(self, number: int) -> None:
        """Put the cursor on the row with this number, the first being 1; on the last where there are fewer."""
        self._move_to(number - 1)

    def await_row(self, key: str) -> None:
        """Put the cursor on the row with this key when it comes, unless the user moves it before."""
        if not self.go_to(key):
            self._cursor.wait_for(key)

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

    def on_key(self, event: events.Key) -> None:
        """Whoever presses a key means the row that is under the cursor now, unless the key leads away from the list."""
        if event.key not in ("tab", "shift+tab"):
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

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Rows that lead nowhere, or that are not acted on together, offer no key for it."""
        return self._opens if action == "open" else self._can_mark or "mark" not in action

    def action_open(self) -> None:
        if self.row is not None:
            self.post_message(self.Opened(self, self.row))

    def action_move(self, by: int) -> None:
        self._move_to(self.cursor + by)

    def action_page(self, by: int) -> None:
        self._move_to(self.cursor + by * max(self.size.height - 2, 1))

    def action_edge(self, side: int) -> None:
        self._move_to(0 if side < 0 else len(self.rows) - 1)

    def action_aside(self, by: int) -> None:
        if self._measured is not None and self._sideways.step(by, self.columns, self._measured, self._layout):
            self._measure()
            self.refresh()
            self._arm()

    def action_mark(self) -> None:
        if self.row is None:
            return
        self.marks.toggle(self.rows.key_at(self.cursor))
        self._marks_changed()
        self._move_to(self.cursor + 1)

    def action_mark_range(self) -> None:
        if self.row is not None:
            self.marks.extend(self.rows, self.cursor)
            self._marks_changed()

    def action_invert_marks(self) -> None:
        self.marks.invert(self.rows)
        self._marks_changed()

    def action_forget_marks(self) -> None:
        self.forget_marks()

    def action_mark_all(self) -> None:
        self.marks.toggle_all(self.rows)
        self._marks_changed()

    def on_click(self, event: events.Click) -> None:
        event.stop()
        if event.y == 0:
            column = self._layout.at(event.x - GUTTER)
            if column is not None and column.sort:
                self.post_message(self.SortWanted(self, column.sort))
            return
        index = self._index_at(event.y)
        if index is None:
            if key := self._hint_at(event.x, event.y):
                self.app.simulate_key(key)
            return
        self._move_to(index)
        if event.x < GUTTER and self._can_mark:
            self.marks.toggle(self.rows.key_at(index))
            self._marks_changed()
        elif event.chain == 2 and self._opens:
            self.action_open()

    def on_mouse_move(self, event: events.MouseMove) -> None:
        index = self._index_at(event.y)
        self._hover_on(-1 if index is None else index)

    def on_leave(self) -> None:
        self._hover_on(-1)

    # Drawing

    def render_line(self, y: int) -> Strip:
        width, ground = self.size.width, self.rich_style
        if y == 0:
            note = self.above.said(self.rows, round(self.scroll_y))
            return titles(self._layout, width, ground, self._named, self.sorted_by, self.reverse, note)
        index = round(self.scroll_y) + y - 1
        if index < len(self.rows):
            return self._line(index, width)
        if not len(self.rows):
            said = self._empty_line(y)
            if said is not None:
                return centred(said, width, ground, self._named)
        return Strip.blank(width, ground)

    def _empty_line(self, y: int) -> Cell | None:
        lines = self.empty()
        at = y - max(2, (self.size.height - len(lines)) // 3)
        return lines[at] if 0 <= at < len(lines) else None

    def _hint_at(self, x: int, y: int) -> str:
        """The key that an empty list names there."""
        said = None if len(self.rows) else self._empty_line(y)
        if said is None or said.tone is not Tone.MUTE:
            return ""
        shown = said.drawn.center(self.size.width)
        return key_at(said.drawn, x - (len(shown) - len(shown.lstrip())))

    def _line(self, index: int, width: int) -> Strip:
        row = self.rows[index]
        on_cursor = index == self.cursor
        ground = self.rich_style
        if on_cursor:
            ground += self._named("cursor" if self.has_focus else "cursor-quiet")
        elif index == self._hover:
            ground += self._named("hover")
        marked = bool(self.marks) and self.rows.key_at(index) in self.marks
        signs = ("▸" if on_cursor else " ", "◆" if marked else " ")
        return line(self._layout, row, self._now(row), width, ground, self._named, signs)

    def _named(self, name: str) -> Style:
        style = self._styles.get(name)
        if style is None:
            style = self._styles[name] = self.get_component_rich_style(f"fleet-table--{name}", partial=True)
        return style

    # Layout

    def _resize_virtual(self) -> None:
        self.virtual_size = Size(self.size.width, len(self.rows) + 1)

    def remeasure(self) -> None:
        """What cells say of the same rows may be other than before."""
        self._measure()
        self.refresh()

    def _measure(self) -> None:
        if len(self.rows) or self._measured is None:  # an empty list keeps the columns that it had
            self._measured = Measured.of(self.columns, self.rows, self._now, round(self.scroll_y))
        self._layout = self._sideways.layout(self.columns, self._measured, self.size.width - GUTTER - 1)

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
        old = self.cursor
        self._cursor.put(index, self.rows)
        self._keep_visible()
        self._refresh_row(old)
        self._refresh_row(self.cursor)
        if self.cursor != old:
            self.post_message(self.Moved(self))

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
        """Sleep until the next visible label changes; not at all where nothing does, or nothing shows it."""
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
        if self._paused or not self.is_mounted or not self.size.height:
            return
        soonest = self._live.next_change(self._layout, self._visible())
        if soonest is not None:
            delay = max(soonest.total_seconds(), 0.02) + 0.005
            if stood_still:
                delay = max(delay, 1.0)
            self._timer = self.set_timer(min(delay, 3600.0), self._tick)

    def _tick(self) -> None:
        self._ticks += 1
        self._timer = None
        visible = self._visible()
        now = self._now(visible[0][1]) if visible else None
        stood_still, self._last_tick = now == self._last_tick, now
        for at, (start, end) in self._live.stale(self._layout, visible).items():
            self.refresh(Region(GUTTER + start, at + 1, end - start, 1))
        self._arm(stood_still)

    def _visible(self) -> list[tuple[int, Any]]:
        """The rows that are on the screen, each with its line below the titles."""
        first = round(self.scroll_y)
        last = min(first + self.size.height - 1, len(self.rows))
        return [(index - first, self.rows[index]) for index in range(first, last)]
