"""A picture of what is to come: how many credentials end in each slice of the next hour, day, week or month.

Readable without colour: ends are bars with their number on top, renewals a row of diamonds below them, and the slice
under the cursor has an arrow below it and is described in words. Enter shows just its credentials.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import ClassVar, Final

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from .buckets import SPANS, Bucket, cut_up, places, ticks

_EIGHTHS: Final = " ▁▂▃▄▅▆▇█"


class Timeline(Widget, can_focus=True):
    """Bars of expiries over a line of renewals. Give it instants; it makes the slices and holds a cursor."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "timeline--ends", "timeline--renews", "timeline--axis", "timeline--floor", "timeline--cursor",
    }  # fmt: skip

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "show these", key_display="⏎"),
        Binding("left,h", "step(-1)", "earlier", show=False),
        Binding("right,l", "step(1)", "later", show=False),
        Binding("home,g", "step(-1000)", "now", show=False),
        Binding("end,G", "step(1000)", "the end", show=False),
        Binding("escape,down,j", "to_list", "to the list", key_display="esc"),
        Binding("plus", "screen.enlarge", "enlarge", key_display="+"),
    ]

    class Wanted(Message):
        """The user clicked for the next span."""

    class Opened(Message):
        """The user wants to see what falls into a bucket."""

        def __init__(self, bucket: Bucket, span: str) -> None:
            super().__init__()
            self.bucket = bucket
            self.span = span

    class Left(Message):
        """The user goes back to the list."""

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self.span = 0
        self._now = datetime.now(UTC)
        self._ends: Sequence[datetime] = ()
        self._renews: Sequence[datetime] = ()
        self._known = False
        self._buckets: list[Bucket] = []
        self._at: datetime | None = None
        """An instant of the bucket under the cursor: buckets move on, the cursor stays with its own."""

    # What others ask

    def show(self, now: datetime, ends: Sequence[datetime], renews: Sequence[datetime], *, known: bool = True) -> None:
        """When credentials end and when they are due, by the clock that says `now`; `known` is whether anything was
        looked at yet."""
        self._now, self._ends, self._renews, self._known = now, ends, renews, known
        self._cut()

    def reach(self, now: datetime) -> timedelta:
        """How far from now the last bucket reaches."""
        return cut_up(SPANS[self.span], now, self._width, (), ())[-1].end - now

    def next_span(self) -> None:
        """Hour, day, week, month, and again. The cursor goes to what comes first."""
        self.span = (self.span + 1) % len(SPANS)
        self._at = None

    @property
    def bucket(self) -> Bucket | None:
        """The one under the cursor: the first that holds something, until the user moves."""
        index = self._index
        return self._buckets[index] if self._buckets else None

    # Keys and mouse

    def action_step(self, by: int) -> None:
        self._go_to(self._index + by)

    def action_open(self) -> None:
        bucket = self.bucket
        if bucket is not None and (bucket.ends or bucket.renews):
            self.post_message(self.Opened(bucket, SPANS[self.span].title))

    def action_to_list(self) -> None:
        self.post_message(self.Left())

    def on_focus(self) -> None:
        self._say()

    def on_blur(self) -> None:
        self._say()

    def on_resize(self) -> None:
        self._cut()

    def on_click(self, event: events.Click) -> None:
        event.stop()
        offset = event.get_content_offset(self)
        if offset is None:  # the frame
            self.post_message(self.Wanted())
            return
        for index, (start, end) in enumerate(places(len(self._buckets), self._width)):
            if start <= offset.x < end:
                self._go_to(index)
        if event.chain == 2:
            self.action_open()

    # Drawing

    def render_line(self, y: int) -> Strip:
        width, height = self._width, self.size.height
        bars = max(height - 2, 1)
        if y < bars:
            return self._line([self._bar(bucket, end - start, y, bars) for bucket, (start, end) in self._spots()])
        if y == bars:
            return self._line([self._diamond(bucket, end - start) for bucket, (start, end) in self._spots()])
        return self._axis(width) if y == bars + 1 else Strip.blank(width, self.rich_style)

    def _bar(self, bucket: Bucket, width: int, y: int, rows: int) -> tuple[str, str]:
        """One line of one bucket: a part of its bar, the number that stands on it, or the floor."""
        most = max(max((one.ends for one in self._buckets), default=0), 3)
        fill = max(width - 1, 1)
        eighths = round(bucket.ends / most * (rows - 1) * 8)
        if bucket.ends:
            eighths = max(eighths, 2)
        from_floor = rows - 1 - y
        here = eighths - from_floor * 8
        if here > 0:
            return _EIGHTHS[min(here, 8)] * fill, "ends"
        if bucket.ends and from_floor == -(-eighths // 8):
            return str(bucket.ends)[:width].center(fill), "ends"
        return ("▁" if from_floor == 0 else " ") * fill, "floor"

    def _diamond(self, bucket: Bucket, width: int) -> tuple[str, str]:
        text = "◆" if bucket.renews == 1 or width < LEAST_NUMBERED else f"◆{bucket.renews}"
        return (text if bucket.renews else "").center(max(width - 1, 1)), "renews"

    def _line(self, parts: Sequence[tuple[str, str]]) -> Strip:
        segments, chosen = [], self._index if self.has_focus else -1
        for index, ((text, style), (_, (start, end))) in enumerate(zip(parts, self._spots(), strict=True)):
            look = self._style(style)
            if index == chosen:
                look += self._style("cursor")
            segments.append(Segment(text[: end - start].ljust(end - start), look))
        return Strip(segments, self._width)

    def _axis(self, width: int) -> Strip:
        style, middle = self._style("axis"), -1
        if self.has_focus and self._buckets:
            start, end = places(len(self._buckets), width)[self._index]
            middle = min(start + max(end - start - 1, 1) // 2, width - 1)
        line = [" "] * width
        for at, text in ticks(self._buckets, width):
            if not at <= middle < at + len(text):  # a label that the arrow would cut in two is left out
                line[at : at + len(text)] = text
        if middle < 0:
            return Strip([Segment("".join(line), style)], width)
        before, after = "".join(line[:middle]), "".join(line[middle + 1 :])
        return Strip([Segment(before, style), Segment("▲", self._style("cursor")), Segment(after, style)], width)

    def _spots(self) -> list[tuple[Bucket, tuple[int, int]]]:
        return list(zip(self._buckets, places(len(self._buckets), self._width), strict=True))

    # How

    @property
    def _width(self) -> int:
        return max(self.size.width, 1)

    @property
    def _index(self) -> int:
        """Where the cursor is."""
        if self._at is not None:
            for index, bucket in enumerate(self._buckets):
                if self._at < bucket.end:
                    return index
            return max(len(self._buckets) - 1, 0)
        filled = (index for index, bucket in enumerate(self._buckets) if bucket.ends or bucket.renews)
        return next(filled, 0)

    def _go_to(self, index: int) -> None:
        if self._buckets:
            self._at = self._buckets[max(0, min(index, len(self._buckets) - 1))].start
            self._say()

    def _cut(self) -> None:
        self._buckets = cut_up(SPANS[self.span], self._now, self._width, self._ends, self._renews)
        self._say()

    def _say(self) -> None:
        """The title, and in the lower frame the sums, or what is under the cursor."""
        self.border_title = Content(f"{SPANS[self.span].title} (UTC)")
        bucket = self.bucket
        if self.has_focus and bucket is not None:
            said = f"{bucket.label}: {bucket.says}"
            short = f"{bucket.label}  ▇ {bucket.ends}  ◆ {bucket.renews}"
            self.border_subtitle = Content(said if len(said) + 2 <= self._width else short)
        else:
            ends, renews = sum(one.ends for one in self._buckets), sum(one.renews for one in self._buckets)
            self.border_subtitle = Content(
                f"▇ {ends} expire   ◆ {renews} renew" if self._known or ends or renews else ""
            )
        self.refresh()

    def _style(self, name: str) -> Style:
        return self.rich_style + self.get_component_rich_style(f"timeline--{name}", partial=True)


LEAST_NUMBERED: Final = 4
"""Cells that a diamond with its number needs."""
