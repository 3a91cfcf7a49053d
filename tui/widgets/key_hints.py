"""The keys of a dialog, in one line at its right end: each can be clicked, and what finds no room is left out."""

from __future__ import annotations

from typing import Final

from rich.cells import cell_len
from textual import events
from textual.content import Content
from textual.widget import Widget

GAP: Final = "   "
_KEYS: Final = {
    "esc": "escape", "enter": "enter", "tab": "tab", "^s": "ctrl+s", "^r": "ctrl+r", "^x": "ctrl+x", "f2": "f2",
}  # fmt: skip
"""What a displayed key is called; single letters are their own names, and arrows are only told."""


class KeyHints(Widget):
    """Drawn from a text such as `^s issue   esc cancel`: the most important first, three blanks between them."""

    def __init__(self, text: str) -> None:
        super().__init__(classes="dialog-keys")
        self._hints = text.split(GAP)
        self._spans: list[tuple[int, int, str]] = []

    def render(self) -> Content:
        shown = list(self._hints)
        while len(shown) > 1 and cell_len(GAP.join(shown)) > self.size.width:
            shown.pop()
        text = GAP.join(shown)
        at = max(self.size.width - cell_len(text), 0)
        lead = " " * at
        self._spans = []
        for hint in shown:
            end = at + cell_len(hint)
            display = hint.partition(" ")[0]
            key = _KEYS.get(display, display if display.isalpha() and len(display) == 1 else "")
            if key:
                self._spans.append((at, end, key))
            at = end + len(GAP)
        return Content(lead + text)

    def on_click(self, event: events.Click) -> None:
        for start, end, key in self._spans:
            if start <= event.x < end:
                event.stop()
                self.app.simulate_key(key)
