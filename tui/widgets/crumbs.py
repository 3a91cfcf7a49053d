"""The line that says where we are, what the list is filtered by, and what is marked.

The filter is always shown whole: what finds no room beside the names takes lines of its own below them.
"""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap
from typing import ClassVar, Final

from rich.cells import cell_len
from textual import events
from textual.content import Content
from textual.message import Message
from textual.widget import Widget

from tui.fleet.signs import Tone
from tui.kube.text import safe_text

from .themes import style_of
from .top_bar import Part, joined, length

_LASTING: Final = (Tone.PLAIN, Tone.MUTE, Tone.INFO)
"""Which facts are left out first where there is little room; what warns never is."""
_LINES: Final = 6
"""So many lines of its own a filter gets at most; who types more than that sees its beginning."""

Fact = tuple[str, Tone]


class Crumbs(Widget):
    """Where we are, what is filtered, what is marked; a click on a name goes back there."""

    SEPARATOR: ClassVar[str] = " › "

    class Chosen(Message):
        """A click on the name with this number; the last one is where we are."""

        def __init__(self, number: int) -> None:
            super().__init__()
            self.number = number

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self._trail: list[str] = []
        self._facts: list[Fact] = []
        self._filter: list[Fact] = []
        self._spans: list[tuple[int, int]] = []

    def show(self, trail: Sequence[str], facts: Sequence[Fact], text: str = "", wrong: str = "") -> None:
        """The names from the outermost to here, facts about what is shown, its filter, and what is wrong with that."""
        self._trail, self._facts = list(trail), list(facts)
        self._filter = [(f"/{safe_text(text)}", Tone.INFO)] if text else []
        if text and wrong:
            self._filter.append((f"✖ {safe_text(wrong)}", Tone.BAD))
        self._fit()
        self.refresh()

    def on_resize(self, event: events.Resize) -> None:
        self._fit()

    def render(self) -> Content:
        own = self._own_lines()
        first = self._first([] if own else self._filter)
        below = [Content.assemble("  ", Content.styled(text, style_of(tone))) for text, tone in own]
        return Content("\n").join([first, *below])

    def _fit(self) -> None:
        """As many lines as it takes."""
        self.styles.height = 1 + len(self._own_lines())

    def _own_lines(self) -> list[Fact]:
        """The lines below the names that the filter takes; none where it finds room beside them."""
        width = self.size.width
        facts = [*self._filter, *self._facts]
        names = cell_len(self.SEPARATOR.join(self._trail))
        if not width or not self._filter or 3 + names + sum(3 + cell_len(text) for text, _ in facts) <= width:
            return []
        lines = [(line, tone) for text, tone in self._filter for line in wrap(text, width - 3)]
        if len(lines) > _LINES:
            lines[_LINES - 1 :] = [(f"{lines[_LINES - 1][0][: width - 6]} …", Tone.INFO)]
        return lines

    def _first(self, filtered: Sequence[Fact]) -> Content:
        parts: list[Part] = [(" ", "")]
        self._spans = []
        for number, name in enumerate(self._trail):
            if number:
                parts.append((self.SEPARATOR, "$faint"))
            self._spans.append((length(parts), length(parts) + cell_len(name)))
            last = number == len(self._trail) - 1
            parts.append((name, "$strong bold" if last else "$mute"))
        facts = list(self._facts)
        while len(facts) > 1 and sum(3 + cell_len(text) for text, _ in facts) > self.size.width - 9:
            facts.remove(min(facts, key=lambda fact: _LASTING.index(fact[1]) if fact[1] in _LASTING else len(_LASTING)))
        tail: list[Part] = []
        for text, tone in (*filtered, *facts):
            tail += [("   ", ""), (text, style_of(tone) or "$mute")]
        room = self.size.width - length(tail) - 1
        if length(parts) > room:
            names = self.SEPARATOR.join(self._trail)
            shown = names[-max(room - 3, 8) :]
            parts = [(" …" + shown, "$strong bold")]
            left = 1 - (cell_len(names) - cell_len(shown))  # what was cut off, and the ellipsis instead
            self._spans = [(start + left, end + left) for start, end in self._spans]
        gap = max(self.size.width - length(parts) - length(tail) - 1, 1)
        return joined([*parts, (" " * gap, ""), *tail])

    def on_click(self, event: events.Click) -> None:
        for number, (start, end) in enumerate(self._spans):
            if event.y == 0 and start <= event.x < end:
                self.post_message(self.Chosen(number))
