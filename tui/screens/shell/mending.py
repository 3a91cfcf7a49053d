"""From what needs somebody to its rows, and to the action that mends them: nothing is done before a yes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui.actions.action import Needs
from tui.actions.table import BY_NAME
from tui.fleet.query import AREA_OF
from tui.fleet.rows import ClusterRow, Row
from tui.kube.text import safe_text
from tui.screens.areas.attention import Notice
from tui.screens.areas.panes import Scope

if TYPE_CHECKING:
    from .main import MainScreen


def mend(screen: MainScreen, notice: Notice) -> None:
    """Show the rows, chosen, and offer what mends them over them."""
    store = screen.session.store
    area = AREA_OF[type(notice.row)]
    known = getattr(store, area.value)
    rows: list[Row] = [known[row.key] for row in notice.rows if row.key in known]
    if not rows:
        screen.notify("it is not there any more", markup=False, timeout=4)
        return
    keys = frozenset(row.key for row in rows) if len(rows) > 1 else None
    screen.deeper(area.value, Scope(keys=keys), notice.who, rows[0].key)
    if keys is not None and notice.mends and BY_NAME[notice.mends].needs is Needs.SOME:
        screen.pane.table.forget_marks()
        screen.pane.table.action_mark_all()
    _offer(screen, notice.mends, rows)


def _offer(screen: MainScreen, name: str, rows: list[Row]) -> None:
    """What mends them; where that is not possible, it is said why, or the details say more of one row."""
    one = len(rows) == 1
    if name == "rotate" and one:
        name = "foresee"  # what would be done, and enter does it
    if name == "reconnect":
        for row in rows:
            screen.kubemint.reconnect(row.key)
        if hint := next((row.hint for row in rows if isinstance(row, ClusterRow) and row.hint), ""):
            screen.notify(safe_text(hint), title="connecting again", markup=False, timeout=8)
    elif name and screen.check_action(name, ()):
        screen.do(name)
    elif name and (why := screen.why_not()):
        screen.notify(safe_text(why), markup=False, severity="warning", timeout=6)
    elif name and one:
        screen.do("details")
