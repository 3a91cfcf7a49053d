"""News of jobs: one task is shown at once, what many tasks do within a moment together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from tui.actions.jobs import Job

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
