"""Facts about one thing, in sections: used by the side panel of wide terminals and by the detail screens."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from tui.issuance import Fact as Fact, Section as Section
from tui.kube.text import safe_text

from .columns import cut
from .hanging import hang
from .themes import style_of


class FactsView(VerticalScroll, can_focus=True):
    """Draws sections; values are wrapped under themselves, never cut."""

    def __init__(self, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._body = Static("", markup=False)
        self._sections: Sequence[Section] = ()

    def compose(self) -> ComposeResult:
        yield self._body

    def show(self, sections: Sequence[Section]) -> None:
        """Show these from now on."""
        self._sections = sections
        self._draw()

    def on_resize(self) -> None:
        self._draw()

    def _draw(self) -> None:
        self._body.update(Content("\n").join(_lines(self._sections, self.scrollable_content_region.width or 80)))


def _lines(sections: Sequence[Section], width: int) -> list[Content]:
    widest = min(max((len(fact.label) for section in sections for fact in section.facts), default=0), width // 3)
    lines: list[Content] = []
    for section in sections:
        if lines:
            lines.append(Content(""))
        lines.append(Content.styled(safe_text(section.title), "$primary bold"))
        for fact in section.facts:
            label, value = cut(safe_text(fact.label), widest), safe_text(fact.value)
            parts = [Content.styled(value, style_of(fact.tone) or "$foreground")]
            if fact.note:
                parts.append(Content.styled(f"  {safe_text(fact.note)}", "$faint"))
            lines += hang(Content.styled(f"{label}  ", "$mute"), Content.assemble(*parts), width)
    return lines
