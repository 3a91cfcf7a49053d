"""What needs attention, a line each."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content
from textual.widget import Widget

from tui.kube.text import safe_text

from .columns import cut


class Notices(Widget):
    """What needs attention: a glyph, who, and why; as many as there is room for, and how many more there are."""

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self._lines: list[tuple[str, str, str, str]] = []
        self._known = False

    def show(self, lines: Sequence[tuple[str, str, str, str]], *, known: bool = True) -> None:
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
