"""Text that hangs: what is too long for a line goes on below its own beginning, not below the sign or key before it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from textual.content import Content
from textual.widgets import Static

from tui.kube.text import safe_text

Hung = tuple[Content, Content]
"""What stands before a text, and the text."""


def hang(lead: Content, text: Content, width: int) -> list[Content]:
    """`lead` and `text` in lines of at most `width` cells, the text below itself."""
    room, blank = max(width - lead.cell_length, 10), Content(" " * lead.cell_length)
    lines = text.wrap(room) or [Content("")]
    return [Content.assemble(blank if number else lead, line) for number, line in enumerate(lines)]


def points(lines: Iterable[str]) -> list[Hung]:
    """Plain lines, of which some are points: `- like this`."""
    safe = (safe_text(line) for line in lines)
    return [
        (Content(line[:2]), Content(line[2:])) if line[:2] == "- " else (Content(""), Content(line)) for line in safe
    ]


class Hanging(Static):
    """Draws such lines, as wide as it is itself."""

    def __init__(self, lines: Sequence[Hung], id: str | None = None, classes: str | None = None) -> None:
        super().__init__("", id=id, classes=classes, markup=False)
        self._lines = lines

    def show(self, lines: Sequence[Hung]) -> None:
        """Show these from now on."""
        self._lines = lines
        self._draw()

    def on_mount(self) -> None:
        self._draw()

    def on_resize(self) -> None:
        self._draw()

    def _draw(self) -> None:
        width = self.content_size.width or 80
        self.update(Content("\n").join(line for lead, text in self._lines for line in hang(lead, text, width)))
