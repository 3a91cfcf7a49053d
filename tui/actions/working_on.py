"""What running jobs work on right now, and the word for it: rotating, revoking."""

from __future__ import annotations

from collections.abc import Iterable

from tui.issuance import Address, StepStatus

from .jobs import Job
from .questions import HARMLESS


def worked_on(jobs: Iterable[Job]) -> dict[Address, str]:
    """Each credential that a job is changing at this moment, and what is being done with it."""
    return {
        address: doing(job.verb)
        for job in jobs
        if job.running and job.verb not in HARMLESS
        for task in job.tasks
        if task.status is StepStatus.RUNNING and (address := task.subject) is not None
    }


def doing(verb: str) -> str:
    """A verb as what is being done: rotate is `rotating`."""
    word = verb.partition(" ")[0]
    return f"{word.removesuffix('e')}ing"
