"""The keys that work here, in one line: each can be clicked, and what finds no room is left out, never cut in half."""

from __future__ import annotations

from typing import Any, Final

from rich.cells import cell_len
from textual import events
from textual.content import Content
from textual.screen import Screen
from textual.widget import Widget

from .top_bar import Part, joined, length


class Keys(Widget):
    """What both lines have in common: a click on a key presses it."""

    def __init__(self, **how: Any) -> None:
        super().__init__(**how)
        self._spans: list[tuple[int, int, str]] = []

    def on_click(self, event: events.Click) -> None:
        for start, end, key in self._spans:
            if start <= event.x < end:
                event.stop()
                self.app.simulate_key(key)


ORDER: Final = (
    "help", "open", "leave", "to_list", "back", "fix", "save", "namespace", "rotate", "export", "filter", "new",
    "verify", "revoke", "inspect", "command", "yaml", "details", "mark",
)  # fmt: skip
"""The most important first, a page's own keys before those of all lists; what is not named comes last."""


class KeyLine(Keys):
    """Like a footer, drawn in one go, so that nothing flickers when what is possible changes.

    Help, the way to all the others, comes last and always stays.
    """

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self._pressed = ("", "")

    def press(self, key: str, character: str = "") -> None:
        """Show that this key was pressed and waits for a moment; an empty one for none."""
        if (key, character) != self._pressed:
            self._pressed = (key, character)
            self.refresh()

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, self._updated)

    def _updated(self, screen: Screen[object]) -> None:
        self.refresh()

    def render(self) -> Content:
        keys: list[tuple[str, str, str, bool, str]] = []
        seen: set[str] = set()
        for active in self.screen.active_bindings.values():
            binding = active.binding
            if binding.show and binding.description and binding.action not in seen:
                seen.add(binding.action)
                display = self.app.get_key_display(binding)
                keys.append((binding.action, display, binding.description, active.enabled, binding.key))
        shown = list(keys)
        while shown and sum(len(key[1]) + len(key[2]) + 3 for key in shown) > self.size.width:
            shown.remove(max(shown, key=lambda key: ORDER.index(key[0]) if key[0] in ORDER else len(ORDER)))
        shown.sort(key=lambda key: key[0] == "help")
        parts: list[Part] = []
        self._spans = []
        pressed, character = self._pressed
        for _, display, description, enabled, key in shown:
            start = length(parts)
            here = " reverse" if pressed and pressed in key.split(",") else ""
            parts.append((f" {display}", ("$footer-key-foreground bold" if enabled else "$faint") + here))
            tone = "$footer-description-foreground" if enabled else "$faint strike"
            parts.append((f" {description} ", tone + here))
            self._spans.append((start, length(parts), key))
        if pressed and not any(pressed in key.split(",") for *_, key in shown):
            room = self.size.width - length(parts) - cell_len(character) - 3
            if room >= 0:
                parts.append((" " * room, ""))
                parts.append((f" {character} ", "$footer-key-foreground bold reverse"))
        return joined(parts)


GAP: Final = "   "
_KEYS: Final = {
    "esc": "escape", "enter": "enter", "tab": "tab", "^s": "ctrl+s", "^r": "ctrl+r", "^x": "ctrl+x", "f2": "f2",
}  # fmt: skip
"""What a displayed key is called; single letters are their own names, and arrows are only told."""


class KeyHints(Keys):
    """The keys of a dialog, at the right end of its line.

    Drawn from a text such as `^s issue   esc cancel`: the most important first, three blanks between them."""

    def __init__(self, text: str) -> None:
        super().__init__(classes="dialog-keys")
        self.all = text.split(GAP)

    @property
    def needs(self) -> int:
        """Cells that all of them take."""
        return cell_len(GAP.join(self.all))

    def render(self) -> Content:
        shown = list(self.all)
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
