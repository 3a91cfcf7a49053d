"""Jobs as rows: how one stands, and what each of many says."""

from __future__ import annotations

from collections.abc import Sequence

from tui.actions.jobs import Job, Task
from tui.fleet.deeds import Deed
from tui.issuance import JournalEntry, StepStatus
from tui.widgets.job_panel import counts


def of_job(job: Job, steps: Sequence[JournalEntry] = ()) -> Deed:
    """A job as one row, with its steps in the journal."""
    one = job.tasks[0] if len(job.tasks) == 1 else None
    says = says_of(one) if one is not None else counts(job.tasks)
    about = str(one.subject or one.title) if one is not None else job.title
    plan = one.plan.id if one is not None and one.plan is not None else ""
    return Deed(
        f"job-{job.id}", job.begun_at, job.verb, about, job.sign, says, plan, tuple(steps), job.id, len(job.tasks)
    )


def says_of(task: Task) -> str:
    """Where one of them is, or how it ended."""
    current = task.current
    if task.status is StepStatus.RUNNING:
        return f"{current.title} …" if current is not None else "planning …"
    return task.message or ("waiting" if task.status is None else "")
