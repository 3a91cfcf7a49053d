"""Writing a file where one lies already that kubemint did not write: what would go is shown, and asked about first."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textual.app import App

from tui.fleet.names import short_path
from tui.issuance.destinations.standing import KEPT_AS, WouldReplace
from tui.issuance.errors import IssuanceError
from tui.kube.errors import KubeError

from . import work
from .intended import Intended

if TYPE_CHECKING:
    from tui.issuance.types import Plan

    from .jobs import Task
    from .working import WorkingScreen

Planner = Callable[..., "Awaitable[Plan]"]
"""Makes a plan; with `force` one that may replace what somebody else wrote."""


def begin(screen: WorkingScreen, verb: str, path: str, task: Task, title: str, plan: Planner) -> None:
    """Begin `task`, which writes `path`; where something lies there that would get lost, only after a yes."""
    if not path or not os.path.lexists(path):
        screen.begin(verb, [task])
        return
    looking = _planned(screen, verb, path, task, Intended(title, partial(plan, force=True)), plan)
    screen.run_worker(looking, group="preview", exclusive=True, exit_on_error=False)


async def _planned(screen: WorkingScreen, verb: str, path: str, task: Task, forced: Intended, plan: Planner) -> None:
    try:
        await plan()
    except WouldReplace as error:
        await forced.foresee()
        if forced.plan is not None:
            body = [error.message, *forced.plan.preview.splitlines()]
            ask(
                screen.app,
                Path(path),
                body,
                lambda: screen.begin(verb, [work.as_foreseen(screen.session, forced)], asked=True),
            )
            return
    except (IssuanceError, KubeError, OSError):
        pass  # the job says what is wrong with it
    screen.begin(verb, [task])


def ask_first(app: App[Any], path: Path, write: Callable[[bool], object], *, live: bool = True) -> None:
    """The same for a file of which kubemint remembers nothing: `write` is told whether it was said so."""
    from tui.issuance.destinations.standing import may_write
    from tui.issuance.files import FileError, read_private
    from tui.issuance.masking import diff, masked_text

    try:
        may_write(path, force=False, live=live)
    except WouldReplace as error:
        try:
            goes = diff(path.name, masked_text(read_private(path)), "").splitlines()
        except FileError:
            goes = []
        ask(app, path, [error.message, *goes], lambda: write(True))
        return
    except FileError:
        pass  # whoever writes says what is wrong with it
    write(False)


def ask(app: App[Any], path: Path, body: list[str], sure: Callable[[], object]) -> None:
    """Whether it may be replaced; tokens in the body are masked."""
    from .confirm import ConfirmScreen

    def answered(yes: bool | None) -> None:
        if yes:
            sure()

    kept = f"What is there is kept beside it as {path.name}.{KEPT_AS}."
    title = f"Replace {short_path(str(path))}?"
    app.push_screen(ConfirmScreen(title, [body[0], kept, "", *body[1:]], verb="Replace"), answered)
