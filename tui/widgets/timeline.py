"""A picture of what is to come: how many credentials end in each slice of the next hour, day or month, and renewals.

Readable without colour: ends are bars, renewals are a row of their own below them, and the numbers stand beside.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import ClassVar, Final

from rich.segment import Segment
from rich.style import Style
from textual.content import Content
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from tui.kube.text import safe_text

from .columns import cut

SPANS: Final = (
    ("next hour", timedelta(hours=1), ("now", "+15m", "+30m", "+45m", "+1h")),
    ("next day", timedelta(days=1), ("now", "+6h", "+12h", "+18h", "+24h")),
    ("next 30 days", timedelta(days=30), ("now", "+7d", "+15d", "+22d", "+30d")),
)
_EIGHTHS: Final = " ▁▂▃▄▅▆▇█"


class Timeline(Widget):
    """Bars of expiries over a line of renewals. Give it offsets in seconds from now; it makes the slices."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"timeline--ends", "timeline--renews", "timeline--axis", "timeline--floor"}

    class Wanted(Message):
        """Somebody clicked for the next span."""

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self.span = 0
        self._ends: list[float] = []
        self._renews: list[float] = []

    def tell(self, ends: Sequence[float], renews: Sequence[float]) -> None:
        """Seconds from now at which credentials end and are due for renewal, within the current span."""
        self._ends, self._renews = list(ends), list(renews)
        self.border_title = Content(SPANS[self.span][0])
        self.border_subtitle = Content(f"▇ {len(self._ends)} expire   ◆ {len(self._renews)} renew")
        self.refresh()

    @property
    def length(self) -> timedelta:
        return SPANS[self.span][1]

    def next_span(self) -> None:
        self.span = (self.span + 1) % len(SPANS)

    def on_click(self) -> None:
        self.post_message(self.Wanted())

    def render_line(self, y: int) -> Strip:
        width, height = self.size.width, self.size.height
        bars = max(height - 2, 1)
        if y < bars:
            return self._bars(y, bars, width)
        if y == bars:
            return self._renewals(width)
        if y == bars + 1:
            return self._axis(width)
        return Strip.blank(width, self.rich_style)

    def _slices(self, offsets: Sequence[float], width: int) -> list[int]:
        counts = [0] * width
        for offset in offsets:
            counts[min(int(offset / self.length.total_seconds() * width), width - 1)] += 1
        return counts

    def _bars(self, y: int, rows: int, width: int) -> Strip:
        counts = self._slices(self._ends, width)
        most = max(max(counts, default=0), 3)
        style, floor = self._style("ends"), self._style("floor")
        segments = []
        for number in counts:
            eighths = round(number / most * rows * 8) - (rows - 1 - y) * 8
            if number and y == rows - 1:
                eighths = max(eighths, 1)
            if eighths > 0:
                segments.append(Segment(_EIGHTHS[min(eighths, 8)], style))
            else:
                segments.append(Segment("▁" if y == rows - 1 else " ", floor))
        return Strip(segments, width)

    def _renewals(self, width: int) -> Strip:
        style, floor = self._style("renews"), self._style("floor")
        counts = self._slices(self._renews, width)
        return Strip([Segment("◆" if number else " ", style if number else floor) for number in counts], width)

    def _axis(self, width: int) -> Strip:
        line = [" "] * width
        labels: tuple[str, ...] = SPANS[self.span][2]
        if width < 34:
            labels = labels[::2]
        for number, label in enumerate(labels):
            at = round(number * (width - 1) / (len(labels) - 1))
            at = max(0, min(at - (len(label) // 2 if number else 0), width - len(label)))
            line[at : at + len(label)] = label
        return Strip([Segment("".join(line), self._style("axis"))], width)

    def _style(self, name: str) -> Style:
        return self.rich_style + self.get_component_rich_style(f"timeline--{name}", partial=True)


class Notices(Widget):
    """What needs somebody: a glyph, who, and why; as many as there is room for, and how many more there are."""

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self._lines: list[tuple[str, str, str, str]] = []
        self._known = False

    def tell(self, lines: Sequence[tuple[str, str, str, str]], *, known: bool = True) -> None:
        """(glyph, who, why, style) each, the worst first; `known` is whether anything was looked at yet."""
        self._lines = list(lines)
        self._known = known
        self.border_title = Content("needs you" if lines or not known else "nothing needs you")
        self.border_subtitle = Content(f"{len(lines)}" if lines else "")
        self.refresh()

    def render(self) -> Content:
        width, height = self.size.width, max(self.size.height, 1)
        if not self._lines:
            return Content.styled("All that is known is in order." if self._known else "Looking around …", "$mute")
        shown = self._lines if len(self._lines) <= height else self._lines[: height - 1]
        widest = min(max(len(who) for _, who, _, _ in shown), max(width // 3, 16))
        lines = []
        for glyph, who, why, style in shown:
            name = cut(safe_text(who), widest, middle=True)
            rest = max(width - widest - 4, 8)
            lines.append(
                Content.assemble(
                    Content.styled(f"{glyph} ", style),
                    Content.styled(name, "$strong"),
                    Content.styled(f"  {safe_text(why, rest)}", "$mute"),
                )
            )
        if len(shown) < len(self._lines):
            lines.append(Content.styled(f"  and {len(self._lines) - len(shown)} more", "$faint"))
        return Content("\n").join(lines)
