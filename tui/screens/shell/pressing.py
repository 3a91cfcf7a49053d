"""A key, and where it is pressed: what the gate (`tui.widgets.gate`) asks of the screen in front."""

from __future__ import annotations

from typing import Any

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
