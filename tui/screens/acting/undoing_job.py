"""Undoing what a job rotated, whatever the cursor is on: the offer of the panel that shows the job."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tui.actions import jobs
from tui.actions.jobs import Job, Task
from tui.actions.questions import how_many
from tui.actions.rotating import UNDO
from tui.issuance import Address, Credential, UsageError
from tui.kube.text import safe_text

if TYPE_CHECKING:
    from tui.screens.session import Session

    from .working import WorkingScreen

_NAMED = 8


def rotated(session: Session, job: object) -> list[tuple[Address, Credential]]:
    """What a job rotated and this process can still take back: each address, and what was put there."""
    tasks: Sequence[Task] = job.tasks if isinstance(job, Job) else ()
    found = []
    for task in tasks:
        made = task.outcome.credential if task.outcome is not None else None
        if task.outcome is not None and made is not None and session.undo_until(made, session.clock()) is not None:
            found.append((task.address or task.outcome.address, made))
    return found


def undo(screen: WorkingScreen, job: object) -> None:
    """Undo what this job rotated: one at once, several after a question that names them."""
    from tui.screens.dialogs.confirm import ConfirmScreen

    session, what = screen.session, rotated(screen.session, job)
    why = session.why_read_only(*sorted({address.cluster for address, _ in what if address.cluster}))
    if not what or why:
        earlier = any(rotated(session, one) for one in session.jobs.all)
        where = "J shows the last job again, and U undoes that" if earlier else "u undoes the row under the cursor"
        said = why or f"nothing that is shown here can be undone: {where}"
        screen.notify(safe_text(said), markup=False, severity="warning", timeout=6)
        return
    tasks = [_task(session, address, made) for address, made in what]
    if len(tasks) == 1:
        screen.begin(UNDO.runs_as, tasks)
        return

    def answered(yes: bool | None) -> None:
        if yes:
            screen.session.jobs.begin(UNDO.runs_as, tasks)

    named = [task.title for task in tasks[:_NAMED]]
    more = [f"and {len(tasks) - _NAMED} more"] if len(tasks) > _NAMED else []
    body = [f"{how_many(task.cluster for task in tasks)}, all that this job rotated:", "", *named, *more]
    screen.app.push_screen(ConfirmScreen(f"Undo {len(tasks)} rotations?", body, verb="Undo"), answered)


def _task(session: Session, address: Address, made: Credential) -> Task:
    """Undo this rotation, and no later one of the same credential."""
    task = jobs.task(session, UNDO, address)
    begin = task.work

    async def checked(task: Task) -> None:
        now = await session.engine.lookup(address)
        if now.fingerprint != made.fingerprint:
            raise UsageError(
                f"{address} was changed since this job rotated it, so undo would not take back this rotation",
                "look at it; u on its row undoes its last rotation",
            )
        await begin(task)

    task.work = checked
    return task
