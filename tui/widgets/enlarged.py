"""One panel of a screen enlarged: what lies beside it is out of sight until it is as small as before."""

from __future__ import annotations

from typing import Any, Final

from textual.dom import DOMNode
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import ContentSwitcher

from .table import FleetTable

LARGE: Final = "-large"
"""The panel, and what it lies in."""
ASIDE: Final = "-aside"
"""What makes room for it."""


def enlarge(panel: Widget) -> bool:
    """Give a panel the room of what it lies beside; the header, the job and the key line stay. Whether it grew."""
    node: DOMNode | None = panel
    grew = False
    while isinstance(node, Widget) and isinstance(parent := node.parent, Widget):
        if isinstance(parent, ContentSwitcher):
            break
        beside = [other for other in parent.children if other is not node and other.display]
        if isinstance(parent, Screen):
            beside = [other for other in beside if _holds_a_list(other)] if node is panel else []
        for other in beside:
            other.add_class(ASIDE)
        grew = grew or bool(beside)
        node.add_class(LARGE)
        node = parent
    if not grew:
        lessen(panel.screen)
    return grew


def lessen(screen: Screen[Any]) -> bool:
    """Everything is seen again. Whether something was enlarged."""
    aside = screen.query(f".{ASIDE}")
    found = bool(aside)
    aside.remove_class(ASIDE)
    screen.query(f".{LARGE}").remove_class(LARGE)
    return found


def is_large(screen: Screen[Any]) -> bool:
    """Whether a panel is enlarged."""
    return bool(screen.query(f".{ASIDE}"))


def _holds_a_list(widget: Widget) -> bool:
    return isinstance(widget, FleetTable) or bool(widget.query(FleetTable))
