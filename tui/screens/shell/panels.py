"""The panels of the main screen: what can have the focus, in the order in which tab goes through them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.widget import Widget

from tui.widgets.enlarged import lessen
from tui.widgets.job_panel import JobPanel
from tui.widgets.notices import Notices

if TYPE_CHECKING:
    from .main import MainScreen


def panels(screen: MainScreen) -> list[Widget]:
    """Those that are seen: the list first, then what its area has besides, then the job."""
    found = [screen.pane.table, *screen.pane.panels(), *screen.query(JobPanel)]
    return [panel for panel in found if panel.display and panel.focusable]


def go_to_topic(screen: MainScreen, topic: str) -> None:
    """Where a click on the header leads: to what is said more of it."""
    if topic == "running":
        panel = screen.query_one(JobPanel)
        if not panel.has_focus:
            screen.action_results()
        return
    screen.action_area({"alerts": "overview", "loop": "activity"}.get(topic, "clusters"))
    if topic == "alerts":
        screen.set_focus(screen.query_one(Notices))


def next_panel(screen: MainScreen, by: int) -> None:
    """Focus the next one, or the one before."""
    lessen(screen)
    found = panels(screen)
    at = found.index(screen.focused) if screen.focused in found else -by if by > 0 else 0
    screen.set_focus(found[(at + by) % len(found)])
