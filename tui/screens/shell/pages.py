"""The pages that lie over the main screen, and how each is made. Whoever wants one asks the application for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tui.actions.fitting import address_of
from tui.fleet.rows import AccountRow, Row
from tui.screens.session import PageName

if TYPE_CHECKING:
    from textual.screen import Screen

    from tui.screens.pages.found import FoundScreen, Pasted
    from tui.screens.session import Session

    from .main import MainScreen


def made(page: PageName, session: Session, below: MainScreen, row: Row | None) -> Screen[Any] | None:
    """The page, about a row where it is about one; None where there is nothing to say. Imported when first opened."""
    if page is PageName.FINDINGS:
        from tui.screens.pages.hygiene import HygieneScreen

        return HygieneScreen(session, below)
    if page is PageName.CALENDAR:
        from tui.screens.pages.calendar import CalendarScreen

        return CalendarScreen(session, below)
    if row is None:
        return None
    if page is PageName.LINEAGE:
        from tui.screens.pages.lineage import LineageScreen

        return LineageScreen(session, below, row)
    if page is PageName.POWERS:
        from tui.screens.pages.powers import PowersScreen

        of = row.identity if isinstance(row, AccountRow) else address_of(row)
        return PowersScreen(session, row, of) if of is not None else None
    if page is PageName.WHO:
        from tui.screens.pages.becoming import BecomingScreen

        of = row.identity if isinstance(row, AccountRow) else address_of(row)
        return BecomingScreen(session, row, of) if of is not None else None
    from tui.screens.pages.detail import DetailScreen

    return DetailScreen(session, row)


def found(pasted: Pasted, session: Session, below: MainScreen) -> FoundScreen:
    """The page of something that was pasted."""
    from tui.screens.pages.found import FoundScreen

    return FoundScreen(session, below, pasted)
