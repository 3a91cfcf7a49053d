"""Activity: one row for each job, those since the dashboard opened and those that the journal of this machine knows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from textual import work
from textual.app import ComposeResult

from tui.actions.jobs import Job
from tui.actions.spoken import in_dashboard
from tui.fleet.deeds import Deed, DeedRows, by_plan, of_journal
from tui.fleet.fields import JOURNAL, Cell, on_screen, sorts_of
from tui.fleet.fields.deeds import FIELDS
from tui.fleet.journal_filter import found
from tui.fleet.signs import Tone
from tui.fleet.store import FleetChange
from tui.issuance import IssuanceError, JournalEntry
from tui.kube.amounts import count
from tui.kube.text import safe_text
from tui.screens.session import Session
from tui.widgets.table import FleetTable

from .deeds import of_job
from .panes import Pane, misspelt

SHOWN = 2000
"""So many of the newest entries are read."""


class Activity(Pane):
    """What was done, and what is being done."""

    title = "Activity"
    fields = JOURNAL
    help_text = (
        "What was done on this machine, a row for each job, the newest first. Enter shows the steps of a job, or each "
        "of many. / filters, also by what a step says; e writes the steps of what is shown to a file."
    )

    def __init__(self, session: Session, id: str) -> None:
        super().__init__(id=id)
        self.session = session
        self.text = ""
        self._sorted = ("at", True)
        self._entries: list[JournalEntry] = []
        self._groups: dict[tuple[str, str], list[JournalEntry]] = {}
        self._problem = ""
        self.table = FleetTable(
            on_screen(FIELDS, session.settings.columns.activity), now=lambda row: session.clock(), id="journal-table"
        )
        self.table.empty = self._empty

    def compose(self) -> ComposeResult:
        yield self.table

    def on_mount(self) -> None:
        self.set_interval(3.0, self._again)

    def on_show(self) -> None:
        self.read()
        self.show_jobs()

    def changed(self, change: FleetChange | None) -> None:
        """Everything may be new where the fleet has just been opened, and the journal with it."""
        if change is None and self.display:
            self.read()

    def filter(self, text: str) -> None:
        self.text = text
        self._draw()

    def sorts(self) -> Sequence[str]:
        return tuple(sorts_of(FIELDS))

    def sort(self, by: str, reverse: bool | None = None) -> None:
        if by in self.sorts():
            was, backwards = self._sorted
            self._sorted = (by, reverse if reverse is not None else not backwards if by == was else by == "at")
            self._draw()

    def sort_next(self) -> None:
        names = self.sorts()
        self.sort(names[(names.index(self.table.sorted_by) + 1) % len(names)])

    def show_jobs(self, *, read: bool = True) -> None:
        """Draw the jobs as they stand, and the journal anew unless it is going to be read by itself."""
        self._draw()
        if read:
            self.read()

    def facts(self) -> list[tuple[str, Tone]]:
        return [(count(len(self.table.rows), "job"), Tone.MUTE)]

    @property
    def shown(self) -> list[JournalEntry]:
        """The entries in the list, oldest first."""
        return found(self._entries, self.text)

    @property
    def limit(self) -> int | None:
        """How many of the newest entries were read, where there are more; None where these are all."""
        return SHOWN if len(self._entries) >= SHOWN else None

    @work(group="journal", exclusive=True, exit_on_error=False)
    async def read(self) -> None:
        """Read the journal off the event loop, once there is one."""
        import asyncio

        if self.session.fleet is None:
            return
        try:
            self._entries = await asyncio.to_thread(self.session.engine.state.entries, SHOWN)
            self._groups, self._problem = by_plan(self._entries), ""
        except IssuanceError as error:
            self._problem = in_dashboard(f"{error.message}; {error.hint}" if error.hint else error.message)
        self._draw()

    def _again(self) -> None:
        if self.display and self.session.jobs.all and self.session.jobs.all[-1].running:
            self.read()

    def _draw(self) -> None:
        by, reverse = self._sorted
        deeds = [deed for deed in done_here(self.session.jobs.all, self._groups) if deed.holds(self.text)]
        field = sorts_of(FIELDS)[by]
        deeds.sort(key=lambda deed: field.sorted_at(deed, deed.at), reverse=reverse)
        self.table.show(DeedRows(deeds), sorted_by=by, reverse=reverse)

    def _empty(self) -> Sequence[Cell]:
        if self.session.fleet is None:
            return [Cell("opening the fleet …", Tone.INFO)]
        if self._problem:
            return [Cell(f"✖ {self._problem}", Tone.BAD)]
        if self.text and (self._entries or self.session.jobs.all):
            return [Cell(f"No job matches /{safe_text(self.text, 40)}", Tone.STRONG), *misspelt(self.text, JOURNAL)]
        return [
            Cell("The journal is empty: nothing was issued, rotated or revoked here yet.", Tone.STRONG),
            Cell("r rotates what is under the cursor, n issues something new", Tone.MUTE),
        ]


def done_here(jobs: Sequence[Job], groups: Mapping[tuple[str, str], list[JournalEntry]]) -> list[Deed]:
    """The newest first: each job that was begun here with what the journal holds of it, and what else it holds."""
    left, deeds = dict(groups), []
    for job in reversed(jobs):
        plans = {task.plan.id for task in job.tasks if task.plan is not None}
        mine = [key for key in left if key[0] in plans and key[1] != "recover"]
        steps = sorted((entry for key in mine for entry in left.pop(key)), key=lambda entry: entry.seq)
        deeds.append(of_job(job, steps))
    deeds += [of_journal(entries) for entries in left.values()]
    deeds.sort(key=lambda deed: deed.at, reverse=True)
    return deeds
