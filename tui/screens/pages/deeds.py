"""What a job did: each of many in a line of its own, and every step of one, also of jobs before this start."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType

from tui.actions.jobs import Job, Task
from tui.fleet.deeds import Deed
from tui.fleet.fields import JOURNAL, Cell
from tui.fleet.fields.deeds import FIELDS
from tui.fleet.names import short_address
from tui.fleet.signs import STEPS, Tone
from tui.issuance import JournalEntry, StepStatus
from tui.kube.text import safe_text
from tui.screens.areas.deeds import says_of
from tui.screens.session import Session
from tui.widgets.facts import Fact, Section
from tui.widgets.table import FleetTable

from .page import Page


class TasksScreen(Page[Deed]):
    """One line for each of the many that a job was begun for; `!` shows those that failed alone."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("exclamation_mark", "failures", "failures", key_display="!"),
    ]
    noun = "credential"
    fields = FIELDS
    help_text = (
        "One line for each that the job was begun for, those that failed first. ! shows the failures alone, / filters; "
        "below stands all that is said of the line under the cursor. Enter shows its steps."
    )

    def __init__(self, session: Session, job: Job) -> None:
        self.job = job
        self.trail = ("Activity", f"{job.verb} {job.title}")
        super().__init__(session)
        self._sorted = ("status", False)

    async def fetch(self) -> Sequence[Deed]:
        return [self._of(number, task) for number, task in enumerate(self.job.tasks)]

    def _of(self, number: int, task: Task) -> Deed:
        status = task.status or StepStatus.RUNNING
        plan = task.plan.id if task.plan is not None else ""
        return Deed(
            str(number), self.job.begun_at, self.job.verb, str(task.subject or task.title), status, says_of(task), plan
        )

    def key_of(self, item: Deed) -> str:
        return item.key

    def words_of(self, item: Deed) -> str:
        return f"result:{item.status.value}\n{super().words_of(item)}"

    def describe(self, item: Deed) -> Sequence[Section]:
        task = self.job.tasks[int(item.key)]
        facts = [Fact("result", STEPS[item.status].text, STEPS[item.status].tone)]
        facts += [Fact("what happened", item.says)] if item.says else []
        facts += [Fact("what to do", task.hint, Tone.WARN)] if task.hint else []
        facts += [Fact("step", f"{one.title}  {one.message}".strip(), STEPS[one.status].tone) for one in task.results]
        return [Section(safe_text(short_address(item.about), 80), facts)]

    def show_job(self, job: Job) -> None:
        super().show_job(job)
        if job is self.job:
            self.load()

    def action_failures(self) -> None:
        """Those that failed alone, and back."""
        self.text = "" if self.text else "result:failed"
        self.show_items()

    def on_fleet_table_opened(self, event: FleetTable.Opened) -> None:
        event.stop()
        self.app.push_screen(StepsScreen(self.session, event.row))


class StepsScreen(Page[JournalEntry]):
    """Every step of one job, oldest first, as the journal holds them."""

    noun = "step"
    opens = False
    fields = JOURNAL
    help_text = "Every step of one job as the journal of this machine holds it, the oldest first."

    def __init__(self, session: Session, deed: Deed) -> None:
        self._deed = deed
        self.trail = ("Activity", f"{deed.action} {short_address(deed.about)}")
        super().__init__(session)

    async def fetch(self) -> Sequence[JournalEntry]:
        import asyncio

        deed = self._deed
        if deed.entries or not deed.plan:
            return deed.entries
        entries = await asyncio.to_thread(self.session.engine.state.entries, 2000)
        return [entry for entry in entries if entry.plan == deed.plan]

    def key_of(self, item: JournalEntry) -> str:
        return str(item.seq)

    def describe(self, item: JournalEntry) -> Sequence[Section]:
        facts = [Fact("when", f"{item.at:%Y-%m-%d %H:%M:%S} UTC"), Fact("result", item.status), Fact("plan", item.plan)]
        facts += [Fact("says", item.message)] if item.message else []
        return [Section(safe_text(item.step, 80), facts)]

    def nothing(self) -> Sequence[Cell]:
        return [Cell("The journal holds no step of it.", Tone.STRONG)]
