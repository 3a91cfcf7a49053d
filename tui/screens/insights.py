"""The actions that look deeper into what is chosen and change nothing: details, lineage, what it can do, findings."""

from __future__ import annotations

from typing import cast

from textual.screen import Screen

from tui.fleet.rows import Row

from .session import PageName, Session, Shell


class InsightScreen(Screen[None]):
    """A screen whose rows can be looked into."""

    session: Session

    @property
    def kubemint(self) -> Shell:
        return cast("Shell", self.app)

    def chosen(self) -> list[Row]:
        """The marked rows, or the one under the cursor."""
        return []

    def action_details(self) -> None:
        self._open(PageName.DETAIL)

    def action_lineage(self) -> None:
        self._open(PageName.LINEAGE)

    def action_powers(self) -> None:
        self._open(PageName.POWERS)

    def action_findings(self) -> None:
        self.kubemint.open_page(PageName.FINDINGS, None)

    def action_inspector(self) -> None:
        from .inspector import InspectorScreen

        self.app.push_screen(InspectorScreen(self.session))

    def _open(self, page: PageName) -> None:
        rows = self.chosen()
        if len(rows) == 1:
            self.kubemint.open_page(page, rows[0])
