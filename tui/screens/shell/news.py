"""News: what jobs do, that of many tasks together; and once what an earlier run had left open."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from tui.actions.jobs import Job
from tui.screens.session import Session

if TYPE_CHECKING:
    from textual.app import App

APART: Final = 0.2
"""Seconds between two pictures of a job with many tasks: more often is not readable."""


class JobNews:
    """Tells `show` of jobs that changed. `later` calls something after so many seconds."""

    def __init__(self, show: Callable[[Job], None], later: Callable[[float, Callable[[], None]], object]) -> None:
        self._show = show
        self._later = later
        self._waiting: dict[int, Job] = {}
        """Jobs with many tasks that changed since they were drawn."""

    def changed(self, job: Job) -> None:
        """A job, or one of its tasks, began, went on or ended."""
        begun = any(task.status is not None for task in job.tasks)
        if len(job.tasks) == 1 or not job.running or not begun:
            self._waiting.pop(job.id, None)
            self._show(job)
        else:
            if not self._waiting:
                self._later(APART, self._show_waiting)
            self._waiting[job.id] = job

    def _show_waiting(self) -> None:
        waiting, self._waiting = self._waiting, {}
        for job in waiting.values():
            self._show(job)


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
