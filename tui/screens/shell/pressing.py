"""A key, and where it is pressed: what the gate (`tui.widgets.gate`) asks of the screen in front, and what is said of
one that does nothing there: no key is met with silence."""

from __future__ import annotations

from typing import Any, Final

from textual import events
from textual.command import CommandPalette
from textual.screen import Screen
from textual.widgets import Button, OptionList, Select

from tui.widgets.gate import Focus, Press


def press_on(screen: Screen[Any], event: events.Key, *, takes_text: bool) -> Press:
    """What pressing this key on this screen would be; `takes_text` says whether what has the focus does."""
    focused, active = screen.focused, screen.active_bindings.get(event.key)
    focus = Focus.OTHER
    if takes_text:
        focus = Focus.TEXT
    elif isinstance(focused, Button):
        focus = Focus.BUTTON
    elif isinstance(focused, OptionList) and not isinstance(focused.parent, Select):
        focus = Focus.CHOICES
    return Press(
        event.key,
        active.binding.action if active is not None else "",
        printable=event.is_printable,
        focus=focus,
        own=active is not None and active.node is focused,
        modal=screen.is_modal,
        by_letter=getattr(screen, "acts_by_letter", False),
        enter_accepts=isinstance(screen, CommandPalette) or getattr(screen, "enter_accepts", False),
    )


ELSEWHERE: Final[dict[str, str]] = {
    "7": "there are six areas, 1 to 6",
    "8": "there are six areas, 1 to 6",
    "9": "there are six areas, 1 to 6",
    "b": "a page up is ^b",
    "h": "? is the help, ← goes into the timeline",
    "ctrl+e": "the header stays; a small terminal makes it smaller",
    "ctrl+k": "^d revokes",
    "ctrl+l": "everything is drawn as it changes; R reconnects a cluster",
    "ctrl+s": "e writes to a file",
    "ctrl+w": "more columns show on a wider terminal, and d shows everything",
    "f5": "everything is drawn as it changes; R reconnects a cluster",
}
"""Keys that mean something in programs beside this one, and what does it here."""

_QUIET: Final = frozenset({"escape", "tab", "shift+tab", "up", "down", "left", "right", "home", "end", "pageup"})
"""Keys that move; at an end there is nowhere to go, and that is seen."""


def why_nothing(screen: Screen[Any], event: events.Key) -> str:
    """Why a key does nothing on this screen, in one line; empty where it does something, or need not say so."""
    bindings = screen.active_bindings
    found = bindings.get(event.key)
    said = getattr(screen, "why_not_key", None)
    why = str(said(event.key, found)) if said is not None else ""
    if why or found is not None or event.key in _QUIET or event.key.startswith(("<", "ctrl+@")):
        return why
    name = event.character if event.character and event.is_printable else event.key.replace("ctrl+", "^")
    if event.key == "space":
        name = "space"
    lists = not screen.is_modal and "question_mark" in bindings
    hint = (ELSEWHERE.get(event.key, "") if lists else "") or ("? lists the keys" if lists else "esc leads back")
    return f"{name} does nothing here: {hint}"
