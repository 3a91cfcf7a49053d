"""The actions that look deeper into what is chosen and change nothing: lineage, what it can do, findings, inspector."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from textual.screen import Screen

from tui.fleet.rows import AccountRow, Row

from .command_lines import address_of
from .session import Session

if TYPE_CHECKING:
    from .main import MainScreen


class InsightScreen(Screen[None]):
    """A screen whose rows can be looked into."""

    session: Session

    def chosen(self) -> list[Row]:
        return []

    def action_lineage(self) -> None:
        from .lineage import LineageScreen

        rows = self.chosen()
        if len(rows) == 1:
            self.app.push_screen(LineageScreen(self.session, self._below, rows[0]))

    def action_powers(self) -> None:
        from .powers import PowersScreen

        rows = self.chosen()
        if len(rows) == 1:
            row = rows[0]
            of = row.identity if isinstance(row, AccountRow) else address_of(row)
            if of is not None:
                self.app.push_screen(PowersScreen(self.session, row, of))

    def action_findings(self) -> None:
        from .hygiene import HygieneScreen

        if not isinstance(self, HygieneScreen):
            self.app.push_screen(HygieneScreen(self.session, self._below))

    def action_inspector(self) -> None:
        from .inspector import InspectorScreen

        self.app.push_screen(InspectorScreen(self.session))

    @property
    def _below(self) -> MainScreen:
        """The main screen, which every page leads back to."""
        return cast("MainScreen", self.app.screen_stack[0])
