"""The calendar: the next 30 days, how much ends on each, and in which cluster, with the worst of it marked.

Enter lists what ends on a day. Clusters that find no room are a step to the side away (shift and an arrow).
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import date, datetime
from functools import partial
from typing import TYPE_CHECKING, Final

from textual.content import Content

from tui.fleet.calendar import Calendar, Day, calendar
from tui.fleet.fields import Cell, Field
from tui.fleet.names import credential_name
from tui.fleet.query import Query
from tui.fleet.rows import CredentialRow, Row
from tui.fleet.same import echoes
from tui.fleet.signs import STATES, Tone
from tui.fleet.store import Area
from tui.issuance import State, state_of
from tui.kube.amounts import count
from tui.kube.text import safe_text
from tui.screens.session import Session
from tui.widgets.columns import cut
from tui.widgets.facts import Fact, Section
from tui.widgets.table import FleetTable

from .page import Page

if TYPE_CHECKING:
    from tui.screens.shell.main import MainScreen

_QUIET: Final = Cell("·", Tone.MUTE)
_AGAIN: Final = 5.0
"""Seconds between two looks at the store."""
_WIDTHS: Final = (12, 16, 20, 28, 48)
_MOST: Final = 60
"""So many credentials of a day are named beside the list; enter shows all."""


def _counted(number: int, worst: State | None) -> Cell:
    if not number:
        return _QUIET
    if worst is None or worst in (State.VALID, State.PENDING):
        return Cell(str(number), Tone.STRONG)
    return Cell(str(number), STATES[worst].tone, STATES[worst].glyph)


def _day(day: Day, today: date) -> Cell:
    if day.day == today:
        return Cell(f"{day.title}  today", Tone.INFO)
    return Cell(day.title, Tone.MUTE if day.weekend else Tone.BAD if day.day is None else Tone.PLAIN)


def titles(names: Sequence[str]) -> list[str]:
    """Short names of clusters, as narrow as they can be told apart."""
    for width in _WIDTHS:
        short = [cut(name, width, middle=True).strip() for name in map(safe_text, names)]
        if len(set(short)) == len(short):
            break
    return short


def columns(found: Calendar, today: date) -> tuple[Field[Day], ...]:
    """The day, how much ends on it, and each cluster in which anything ends, the fullest first."""
    names = found.fullest()
    of = tuple(
        Field[Day](f"cluster-{number}", title, partial(_of, name), least=min(len(title), 6), most=28, drop=number + 1)
        for number, (name, title) in enumerate(zip(names, titles(names) if names else (), strict=True))
    )
    return (
        Field[Day]("day", "DAY", lambda day, now: _day(day, today), value=lambda day: day.title, sort="", least=14),
        Field[Day]("ends", "ENDS", lambda day, now: _counted(day.count, day.worst_of_all), least=5, tight=5),
        *of,
    )


def _of(name: str, day: Day, now: datetime) -> Cell:
    return _counted(len(day.of(name)), day.worst.get(name))


class CalendarScreen(Page[Day]):
    """The calendar of the whole fleet. It follows the store."""

    noun = "day"
    trail = ("Calendar", "next 30 days")
    help_text = (
        "What ends on which day, per cluster: days and times are UTC. The sign is the worst state of what ends then; "
        "before today stands what has ended and was not renewed. Enter lists what ends on a day; shift and an arrow "
        "show the clusters that found no room. kubemint report writes the same."
    )

    def __init__(self, session: Session, main: MainScreen) -> None:
        self._main = main
        self.found = Calendar((), ())
        self.fields = columns(self.found, session.now().date())
        super().__init__(session)

    def on_mount(self) -> None:
        self.set_interval(_AGAIN, self._follow)

    async def fetch(self) -> Sequence[Day]:
        now = self.session.now
        today = now().date()
        rows = [row for row in self.session.view(Area.CREDENTIALS, Query()) if isinstance(row, CredentialRow)]
        self.found = await asyncio.to_thread(calendar, rows, now, today)
        self.fields = columns(self.found, today)
        self.table.columns = self.fields
        return self.found.days

    def _follow(self) -> None:
        self.run_worker(self._look(), group="follow", exclusive=True, exit_on_error=False)

    async def _look(self) -> None:
        if not self.loading_says:
            self.items = await self.fetch()
            self.show_items()

    def key_of(self, item: Day) -> str:
        return item.iso

    def chosen(self) -> list[Row]:
        return []

    def describe(self, item: Day) -> Sequence[Section]:
        if not item.count:
            return [Section(item.title, [Fact("", "nothing ends", Tone.MUTE)])]
        sections, left = [], _MOST
        for cluster, rows in item.ends.items():
            facts = [self._fact(item, row) for row in rows[: max(left, 0)]]
            left -= len(facts)
            if len(facts) < len(rows):
                facts.append(Fact("", f"and {len(rows) - len(facts)} more: enter lists them", Tone.MUTE))
            sections.append(Section(f"{safe_text(cluster)}: {count(len(rows), 'credential')}", facts))
        return sections

    def _fact(self, day: Day, row: CredentialRow) -> Fact:
        ends = row.credential.expires_at
        at = "" if ends is None else f"{ends:%Y-%m-%d}" if day.day is None else f"{ends:%H:%M}"
        sign = STATES[state_of(row.credential, self.session.now(row))]
        return Fact(at, credential_name(row), Tone.STRONG, sign.text)

    def note(self) -> Content:
        found = self.found
        if not found.days:
            return Content("")
        ends = sum(day.count for day in found.days if day.day is not None)
        said = f" {count(ends, 'credential')} of {count(len(found.clusters), 'cluster')}"
        rest = f"  · {found.later} later, {found.never} without a date · days are UTC"
        lines = [Content.assemble((said, "$strong"), (rest, "$mute"))]
        clusters = self.session.store.clusters
        silent = [row.name for row in clusters.values() if row.is_silent and not echoes(row, clusters)]
        if silent:
            more = f" and {len(silent) - 3} more" if len(silent) > 3 else ""
            names = safe_text(", ".join(sorted(silent)[:3]), 120)
            lines.append(Content.styled(f" ! may be incomplete, no answer from {names}{more}", "$warn"))
        if left := self.table.left_out:
            lines.append(Content.styled(f" shift+→ shows {left} more of the clusters", "$mute"))
        return Content("\n").join(lines)

    def action_calendar(self) -> None:
        """It is shown already: look again."""
        self.load()

    def on_fleet_table_opened(self, event: FleetTable.Opened) -> None:
        event.stop()
        day: Day = event.row
        if not day.count:
            self.notify(f"nothing ends on {day.title}", markup=False, timeout=4)
            return
        self.dismiss(None)
        self._main.list_found("credentials", f"ends:{day.iso}")
