"""The lines above everything: who we are and how the clusters are, the areas, and where we stand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.cells import cell_len
from textual import events
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from tui.fleet.rows import Reach
from tui.fleet.signs import REACHES
from tui.kube.text import safe_text

from .themes import style_of

Part = tuple[str, str]
"""Text and its style."""


def joined(parts: Sequence[Part]) -> Content:
    """Parts as one content; the texts are taken literally, never as markup."""
    return Content.assemble(*(Content.styled(text, style) if style else Content(text) for text, style in parts))


def length(parts: Sequence[Part]) -> int:
    return sum(cell_len(text) for text, _ in parts)


def packed(parts: Sequence[Part], width: int, lines: int) -> list[Content]:
    """Parts side by side in at most so many lines, none broken in two; the last line says how many found no room."""
    rows: list[list[Part]] = [[]]
    for number, part in enumerate(parts):
        left = len(parts) - number
        room = width - length(rows[-1]) - (8 if len(rows) == lines and left > 1 else 0)
        if rows[-1] and cell_len(part[0]) > room:
            if len(rows) == lines:
                rows[-1].append((f"+{left}", "$mute"))
                break
            rows.append([])
        rows[-1] += [part, ("   ", "")]
    return [joined(row) for row in rows]


class TopBar(Widget):
    """Name, clusters per reach, and what one must know at all times: read-only, skew, embedded fleet."""

    loop: reactive[str] = reactive("")
    """How the renewal loop stands; empty while it is off."""
    alerts: reactive[int] = reactive(0)
    """How many alerts are not snoozed."""

    class Chosen(Message):
        """A click on what is said of `alerts`, of what is `running`, of the `loop` or of the `clusters`."""

        def __init__(self, topic: str) -> None:
            super().__init__()
            self.topic = topic

    def __init__(self, *, embedded: bool, id: str | None = None) -> None:
        super().__init__(id=id)
        self._embedded = embedded
        self._reaches: Mapping[Reach, int] | None = None
        self._notes: list[Part] = []
        self._spans: list[tuple[int, int, str]] = []
        self._skewed = ""
        """What is left out of the note on a clock that is off where there is little room."""

    def show(
        self, reaches: Mapping[Reach, int] | None, *, skew: tuple[str, float] | None, read_only: bool, running: int
    ) -> None:
        """Show this from now on; no `reaches` where it is not known yet which clusters there are."""
        self._reaches = reaches if reaches is None else dict(reaches)
        notes: list[Part] = []
        if running:
            notes.append((f"◌ {running} running", "$info"))
        if skew is not None:
            self._skewed = f" of {safe_text(skew[0], 40)}"
            notes.append((f"! clock{self._skewed} {skew[1]:+.0f} s", "$warn bold"))
        if read_only:
            notes.append(("read-only", "$warn bold"))
        self._notes = notes
        self.refresh()

    def render(self) -> Content:
        width = self.size.width
        roomy, tight = [(detail, False) for detail in (2, 1, 0)], [(0, True), (-1, True)]
        for detail, short in (*roomy, *tight):
            head, right = self._head(detail), self._right(width, short=short)
            if _beside(head, right) <= width:
                break
        while right and _beside(head, right) > width:
            right.pop()
        tail = [part for note in right for part in (("  ", ""), note)]
        gap = max(width - length(head) - length(tail) - 1, 1)
        self._spans = [(0, length(head), "clusters")]
        at = length(head) + gap
        for note in right:
            self._spans.append((at + 2, at + 2 + cell_len(note[0]), _topic(note[0])))
            at += 2 + cell_len(note[0])
        return joined([*head, (" " * gap, ""), *tail])

    def on_click(self, event: events.Click) -> None:
        for start, end, topic in self._spans:
            if topic and start <= event.x < end:
                event.stop()
                self.post_message(self.Chosen(topic))

    def _right(self, width: int, *, short: bool) -> list[Part]:
        """What one must know, the most urgent first; `short` leaves out when the loop has something to do next."""
        right = list(self._notes)
        if width < 100:
            right = [(text.replace(self._skewed, ""), style) for text, style in right]
        if self.loop:
            parts = self.loop.split(", ")
            said = ", ".join([parts[0], *(part for part in parts[1:] if not short or part.endswith("failing"))])
            right.insert(0, (f"↻ {said}" if width < 120 else f"↻ renewal loop: {said}", "$info bold"))
        if self.alerts:
            right.insert(0, (f"! {_many(self.alerts, 'alert')}" if width >= 100 else f"! {self.alerts}", "$warn bold"))
        if self._embedded:
            right.append((" embedded fleet ", "$strong on $chip bold"))
        return right

    def _head(self, detail: int) -> list[Part]:
        if self._reaches is None:
            return [(" kubemint ", "$primary bold reverse"), ("  starting", "$info")]
        total = sum(self._reaches.values())
        bad = total - self._reaches.get(Reach.READY, 0) - self._reaches.get(Reach.NOT_CONNECTED, 0)
        parts: list[Part] = [(" kubemint ", "$primary bold reverse")]
        if detail >= 0 or not bad:
            parts.append((f"  {_many(total, 'cluster')}", "$strong bold"))
        if detail <= 0:
            if bad:
                parts.append((f"  {bad} not ready", "$warn"))
            return parts
        for reach in Reach:
            number = self._reaches.get(reach, 0)
            if number:
                sign = REACHES[reach]
                parts.append((f"  {sign.glyph} {number} {sign.word}" if detail == 2 else f"  {sign.glyph} {number}",
                              style_of(sign.tone)))  # fmt: skip
        return parts


def _topic(note: str) -> str:
    """What a note of the header is about, for a click on it; empty where it leads nowhere."""
    topics = {"↻": "loop", "◌ ": "running", "! clock": "clusters", "! ": "alerts"}
    return next((topic for sign, topic in topics.items() if note.startswith(sign)), "")


class AreaTabs(Widget):
    """The six areas with their digits; a click goes there."""

    current: reactive[str] = reactive("")

    class Chosen(Message):
        def __init__(self, area: str) -> None:
            super().__init__()
            self.area = area

    def __init__(self, areas: Sequence[tuple[str, str]], id: str | None = None) -> None:
        super().__init__(id=id)
        self._areas = tuple(areas)
        self._counts: dict[str, int] = {}
        self._spans: list[tuple[int, int, str]] = []

    def count(self, counts: Mapping[str, int]) -> None:
        """How many rows each area has."""
        if dict(counts) != self._counts:
            self._counts = dict(counts)
            self.refresh()

    def render(self) -> Content:
        parts = self._parts(True)
        for room in (None, 6, 4, 1):
            if length(parts) <= self.size.width:
                break
            parts = self._parts(False, room)
        return joined(parts)

    def _parts(self, counted: bool, room: int | None = None) -> list[Part]:
        """The areas, with a sign at the one we are in; where there is little room only that one has its whole name."""
        parts: list[Part] = []
        self._spans = []
        at = 0
        roomy = self.size.width >= 100
        for number, (area, title) in enumerate(self._areas, 1):
            here = area == self.current
            text = f"{'▸' if here else ' '}{number} {title if here or room is None else title[:room]}"
            amount = self._counts.get(area)
            tail = f" {amount}" if counted and amount is not None else ""
            style = "$strong bold on $cursor" if here else "$mute"
            parts += [(text, style), (f"{tail} ", "$primary on $cursor" if here else "$faint")]
            size = cell_len(text) + cell_len(tail) + 1
            self._spans.append((at, at + size, area))
            space = " " if roomy else ""
            parts.append((space, ""))
            at += size + len(space)
        return parts

    def on_click(self, event: events.Click) -> None:
        for start, end, area in self._spans:
            if start <= event.x < end:
                self.post_message(self.Chosen(area))


def _beside(head: Sequence[Part], right: Sequence[Part]) -> int:
    """How many cells both ends of the line take."""
    return length(head) + length(right) + 2 * len(right) + 2


def _many(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
