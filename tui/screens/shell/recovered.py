"""What an earlier run had left open and this one put in order: said once, because it was not asked for just now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tui.screens.session import Session

if TYPE_CHECKING:
    from textual.app import App


class Recovered:
    """Looks whether the fleet recovered something since the last look, and says so."""

    def __init__(self, session: Session, app: App[Any]) -> None:
        self._session = session
        self._app = app
        self._said = 0

    def look(self) -> bool:
        """Say what is new; whether there was something."""
        fleet = self._session.fleet
        new = fleet.recovered[self._said :] if fleet is not None else []
        if not new:
            return False
        self._said += len(new)
        jobs = "one job" if len(new) == 1 else f"{len(new)} jobs"
        said = f"an earlier run had left {jobs} open: finished or undone now, 6 shows how"
        self._app.notify(said, title="put in order", markup=False, timeout=10)
        return True
