"""What of jobs concerns the user: what is worked on already, what has to be said yes to, what is tried again."""

from __future__ import annotations

from collections.abc import Coroutine, Mapping
from typing import TYPE_CHECKING, Any, Final

from textual.screen import ModalScreen

from tui.actions.jobs import Job
from tui.issuance import Address
from tui.kube.text import safe_text
from tui.screens.acting import doing
from tui.screens.acting.working import WorkingScreen
from tui.screens.session import Session

if TYPE_CHECKING:
    from textual.app import App

SAID: Final = 4.0
"""Seconds that something is said."""


class JobDesk:
    """Lets jobs run as workers of the application; `main` is where questions are asked when no other screen can."""

    def __init__(self, session: Session, app: App[Any], main: WorkingScreen) -> None:
        self._jobs = session.jobs
        self._app = app
        self._main = main

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> object:
        return self._app.run_worker(work, group=name, exit_on_error=False)

    def say_busy(self, left: Mapping[Address, Job]) -> None:
        for address, job in list(left.items())[:3]:
            self._say(f"{address} is being worked on here: {job.verb} is not over yet; J shows it")
        if len(left) > 3:
            self._say(f"and {len(left) - 3} more")

    def retry(self, job: object) -> None:
        """Do again what failed; where something has to be said yes to, ask for that."""
        if not isinstance(job, Job):
            self._say("nothing failed that is shown here")
        elif job.running:
            self._say("it still runs: ^x begins nothing more of it")
        elif job.questions:
            self._confirm(job)
        elif not job.failed:
            self._say("nothing failed that is shown here")
        elif free := self._jobs.free(job.verb, job.failed):
            screen = self._app.screen if isinstance(self._app.screen, WorkingScreen) else self._main
            doing.try_again(screen, job.verb, free)

    def cancel_rest(self, job: object) -> None:
        """Begin nothing more of this job; what runs is finished."""
        if isinstance(job, Job) and job.running:
            job.cancelled = True
        else:
            self._say("nothing runs that could be stopped")

    def ask(self, job: Job) -> None:
        if not isinstance(self._app.screen, ModalScreen):
            self._confirm(job)

    def _confirm(self, job: Job) -> None:
        """Ask whether what a job did not begin without a word is meant, and then do it."""
        from tui.screens.dialogs.confirm import ConfirmScreen

        asked = job.questions

        def answered(yes: bool | None) -> None:
            if yes:
                self._jobs.again(job, asked)

        lines = [task.question for task in asked[:8]] + (["…"] if len(asked) > 8 else [])
        verb = job.verb.capitalize()
        title = f"{verb} all the same?" if len(asked) == 1 else f"{verb} {len(asked)}?"
        self._app.push_screen(ConfirmScreen(title, lines, verb=verb), answered)

    def _say(self, text: str) -> None:
        self._app.notify(safe_text(text), markup=False, severity="warning", timeout=SAID)
