"""What needs attention, a line each, the worst first: walked by keys, opened with enter or two clicks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final, NamedTuple

from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.widget import Widget

from tui.kube.text import safe_text

from .columns import cut
from .table_rows import Cursor


class Told(NamedTuple):
    """One line. `key` stays with what it says, whatever comes before it."""

    key: str
    glyph: str
    who: str
    why: str
    style: str
    new: bool = False
    """Whether it was not so when the dashboard was last open."""


class _Lines:
    """The lines, with their keys."""

    def __init__(self, lines: Sequence[Told] = ()) -> None:
        self._lines = list(lines)
        self._at = {line.key: index for index, line in enumerate(self._lines)}
        self.widest = max((len(line.who) for line in self._lines), default=0)

    def __len__(self) -> int:
        return len(self._lines)

    def __getitem__(self, index: int, /) -> Told:
        return self._lines[index]

    def key_at(self, index: int) -> str:
        return self._lines[index].key

    def find(self, key: str) -> int | None:
        return self._at.get(key)


_NEW: Final = "new · "


class Notices(Widget, can_focus=True):
    """As many lines as there is room for, and how many more there are; the keys reach all of them."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "go and mend", key_display="⏎"),
        Binding("up,k", "step(-1)", "up", show=False),
        Binding("down,j", "step(1)", "down", show=False),
        Binding("pageup,ctrl+b", "page(-1)", "page up", show=False),
        Binding("pagedown,ctrl+f", "page(1)", "page down", show=False),
        Binding("home,g", "edge(-1)", "first", show=False),
        Binding("end,G", "edge(1)", "last", show=False),
        Binding("escape", "to_list", "to the list", key_display="esc"),
        Binding("plus", "screen.enlarge", "enlarge", key_display="+"),
    ]

    class Opened(Message):
        """The user wants to go to what a line is about."""

        def __init__(self, key: str) -> None:
            super().__init__()
            self.key = key

    class Left(Message):
        """The user goes back to the list."""

    class Wanted(Message):
        """The user clicked on how many more there are, and wants to see all of them."""

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self._lines = _Lines()
        self._known = False
        self._since = ""
        self._cursor = Cursor()
        self._top = 0
        """The index of the first line that is seen."""

    # What others ask

    def show(self, lines: Sequence[Told], *, known: bool = True, since: str = "") -> None:
        """The worst first; `known` is whether anything was looked at yet, `since` what is other than last time."""
        offset = self._cursor.index - self._top
        self._lines, self._known, self._since = _Lines(lines), known, since
        self._cursor.follow(self._lines)
        if self._top:
            self._top = self._cursor.index - offset
        if 0 <= offset < self._room:
            self._keep_visible()
        self._show_from(self._top)
        self._say()

    @property
    def line(self) -> Told | None:
        """The one under the cursor."""
        index = self._cursor.index
        return self._lines[index] if index < len(self._lines) else None

    # Keys and mouse

    def action_step(self, by: int) -> None:
        self._go_to(self._cursor.index + by)

    def action_page(self, by: int) -> None:
        self._go_to(self._cursor.index + by * max(self.size.height - 2, 1))

    def action_edge(self, side: int) -> None:
        self._go_to(0 if side < 0 else len(self._lines) - 1)

    def action_open(self) -> None:
        line = self.line
        if line is not None:
            self._cursor.pin(self._lines)
            self.post_message(self.Opened(line.key))

    def action_to_list(self) -> None:
        self.post_message(self.Left())

    def on_click(self, event: events.Click) -> None:
        event.stop()
        offset = event.get_content_offset(self)
        if offset is None:  # the frame
            return
        if self._more and offset.y == self.size.height - 1:
            self.post_message(self.Wanted())
            return
        index = self._top + offset.y
        if index < len(self._lines):
            self._go_to(index)
            if event.chain == 2:
                self.action_open()

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        self._scroll(event, 1)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        self._scroll(event, -1)

    def on_focus(self) -> None:
        self._say()

    def on_blur(self) -> None:
        self._say()

    def on_resize(self) -> None:
        self._keep_visible()
        self._say()

    # Drawing

    def render(self) -> Content:
        width = self.size.width
        if not len(self._lines):
            return Content.styled("All that is known is in order." if self._known else "Looking around …", "$mute")
        more = self._more
        last = min(self._top + self._room - bool(more), len(self._lines))
        drawn = [self._line(index, width) for index in range(self._top, last)]
        if more:
            drawn.append(Content.styled(f"  and {more} more", "$faint"))
        return Content("\n").join(drawn)

    def _line(self, index: int, width: int) -> Content:
        line = self._lines[index]
        widest = min(self._lines.widest, max(width // 3, 16))
        name = cut(safe_text(line.who), widest, middle=True)
        new = _NEW if line.new else ""
        drawn = Content.assemble(
            Content.styled(f"{line.glyph} ", line.style),
            Content.styled(name, "$strong"),
            Content.styled(f"  {new}", "$info bold"),
            Content.styled(safe_text(line.why, max(width - widest - 4 - len(new), 8)), "$mute"),
        )
        if not (self.has_focus and index == self._cursor.index):
            return drawn
        return drawn.pad_right(max(width - drawn.cell_length, 0)).stylize("on $cursor bold")

    # How

    @property
    def _room(self) -> int:
        return max(self.size.height, 1)

    @property
    def _more(self) -> int:
        """How many lines are below those that are seen; the last of these says so."""
        below = len(self._lines) - self._top - self._room
        return below + 1 if below > 0 else 0

    def _go_to(self, index: int) -> None:
        if len(self._lines):
            self._cursor.put(index, self._lines)
            self._keep_visible()
            self._say()

    def _keep_visible(self) -> None:
        at, room, length = self._cursor.index, self._room, len(self._lines)
        if at >= self._top + room - 1 and at < length - 1:  # the last line says how many more there are
            self._top = at - max(room - 2, 0)
        elif at >= self._top + room:
            self._top = at - room + 1
        self._show_from(min(self._top, at))

    def _scroll(self, event: events.MouseEvent, by: int) -> None:
        """The wheel moves what is seen, not what is chosen."""
        event.stop()
        self._show_from(self._top + by)
        self.refresh()

    def _show_from(self, top: int) -> None:
        self._top = max(min(top, len(self._lines) - self._room), 0)

    def _say(self) -> None:
        """The title, and in the lower frame how many there are, and what is other than last time."""
        length = len(self._lines)
        self.border_title = Content("needs you" if length or not self._known else "nothing needs you")
        number = f"{self._cursor.index + 1} of {length}" if self.has_focus else str(length)
        parts = [*([self._since] if self._since else []), *([number] if length else [])]
        while len(parts) > 1 and len(" · ".join(parts)) + 2 > self.size.width:
            parts.pop(0)
        self.border_subtitle = Content(safe_text(" · ".join(parts)))
        self.refresh()
