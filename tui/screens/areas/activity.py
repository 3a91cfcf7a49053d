"""Activity: the jobs since the dashboard opened, and below them the journal of everything done on this machine."""

from __future__ import annotations

from collections.abc import Sequence

from textual import work
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from tui.actions.jobs import Job
from tui.fleet.fields import JOURNAL, Cell, on_screen, sorts_of
from tui.fleet.journal_filter import found
from tui.fleet.signs import STEPS, Tone
from tui.fleet.store import FleetChange
from tui.issuance import IssuanceError, JournalEntry
from tui.kube.text import safe_text
from tui.screens.session import Session
from tui.widgets.job_panel import counts
from tui.widgets.table import FleetTable
from tui.widgets.themes import style_of

from .panes import Pane, misspelt

SHOWN = 2000
"""So many of the newest entries are read."""


class JournalRows:
    """Journal entries, narrowed to those that the filter finds; sorted by time the newest come first."""

    def __init__(self, entries: Sequence[JournalEntry], text: str, sort: str = "at", reverse: bool = False) -> None:
        self._entries = found(reversed(entries), text)
        if sort != "at":
            key = sorts_of(JOURNAL)[sort].sorted_at
            self._entries.sort(key=lambda entry: key(entry, entry.at), reverse=reverse)
        elif reverse:
            self._entries.reverse()

    def __len__(self) -> int:
        return len(self._entries)

    def __getitem__(self, index: int, /) -> JournalEntry:
        return self._entries[index]

    def key_at(self, index: int) -> str:
        return str(self._entries[index].seq)

    def find(self, key: str) -> int | None:
        return next((index for index, entry in enumerate(self._entries) if str(entry.seq) == key), None)


class Activity(Pane):
    """What was done, and what is being done."""

    title = "Activity"
    fields = JOURNAL
    help_text = (
        "Above what you started since the dashboard opened, with how it ended; below the journal of this machine, the "
        "newest first. Enter shows the job of an entry with all its steps. / filters, e writes what is shown to a file."
    )

    def __init__(self, session: Session, id: str) -> None:
        super().__init__(id=id)
        self.session = session
        self.text = ""
        self._sorted = ("at", False)
        self._entries: list[JournalEntry] = []
        self._problem = ""
        self.table = FleetTable(
            on_screen(JOURNAL, session.settings.columns.activity), now=lambda row: session.clock(), id="journal-table"
        )
        self.table.empty = self._empty

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Static("", id="job-list", markup=False)
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
        return tuple(sorts_of(JOURNAL))

    def sort(self, by: str, reverse: bool | None = None) -> None:
        if by in self.sorts():
            was, backwards = self._sorted
            self._sorted = (by, reverse if reverse is not None else not backwards if by == was else False)
            self._draw()

    def show_jobs(self, *, read: bool = True) -> None:
        """Draw the newest jobs, and the journal anew unless it is going to be read by itself."""
        jobs = self.session.jobs.all[-6:]
        widest = max((len(job.verb) for job in jobs), default=0)
        lines = [_job_line(job, widest) for job in reversed(jobs)]
        text = Content("\n").join(lines) if lines else Content.styled("Nothing was started yet; r rotates.", "$mute")
        self.query_one("#job-list", Static).update(text)
        if read:
            self.read()

    def facts(self) -> list[tuple[str, Tone]]:
        return [(f"{len(self.table.rows)} entries", Tone.MUTE)]

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
            self._problem = ""
        except IssuanceError as error:
            self._problem = f"{error.message}; {error.hint}" if error.hint else error.message
        self._draw()

    def _again(self) -> None:
        if self.display and self.session.jobs.all and self.session.jobs.all[-1].running:
            self.read()

    def _draw(self) -> None:
        by, reverse = self._sorted
        self.table.show(JournalRows(self._entries, self.text, by, reverse), sorted_by=by, reverse=reverse)

    def _empty(self) -> Sequence[Cell]:
        if self.session.fleet is None:
            return [Cell("opening the fleet …", Tone.INFO)]
        if self._problem:
            return [Cell(f"✖ {self._problem}", Tone.BAD)]
        if self.text and self._entries:
            return [Cell(f"No entry matches /{safe_text(self.text, 40)}", Tone.STRONG), *misspelt(self.text, JOURNAL)]
        return [
            Cell("The journal is empty: nothing was issued, rotated or revoked here yet.", Tone.STRONG),
            Cell("r rotates what is under the cursor, n issues something new", Tone.MUTE),
        ]


def _job_line(job: Job, widest: int) -> Content:
    sign = STEPS[job.sign]
    current = job.tasks[0].current if len(job.tasks) == 1 else None
    if job.running:
        says = f"{current.title} …" if current is not None else counts(job.tasks) if len(job.tasks) > 1 else "…"
    elif len(job.tasks) > 1:
        says = counts(job.tasks)
    else:
        says = job.tasks[0].message or sign.word
    return Content.assemble(
        (f"{job.begun_at:%H:%M:%S}  ", "$mute"),
        (f"{sign.glyph} {job.verb:<{widest}}  ", style_of(sign.tone)),
        (safe_text(job.title, 60), "$strong"),
        (f"  {safe_text(says, 120)}", "$mute"),
    )
