"""The panels of the main screen: what can have the focus, in the order in which tab goes through them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.widget import Widget

from tui.widgets.enlarged import lessen
from tui.widgets.job_panel import JobPanel

if TYPE_CHECKING:
    from .main import MainScreen


def panels(screen: MainScreen) -> list[Widget]:
    """Those that are seen: the list first, then what its area has besides, then the job."""
    found = [screen.pane.table, *screen.pane.panels(), *screen.query(JobPanel)]
    return [panel for panel in found if panel.display and panel.focusable]


def next_panel(screen: MainScreen, by: int) -> None:
    """Focus the next one, or the one before."""
    lessen(screen)
    found = panels(screen)
    at = found.index(screen.focused) if screen.focused in found else -by if by > 0 else 0
    screen.set_focus(found[(at + by) % len(found)])
