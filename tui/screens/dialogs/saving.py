"""Tasks about files on this machine that hold no credentials: texts, the journal, findings, and who may read a file."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tui.actions.jobs import Task
from tui.actions.writing import write_here
from tui.kube.paths import short_path

from . import replacing

if TYPE_CHECKING:
    from tui.issuance import HygieneReport
    from tui.screens.acting.working import WorkingScreen


def write_text(text: str, path: Path, *, force: bool) -> Task:
    """Write something that is no secret to a file."""

    async def work(task: Task) -> None:
        task.message = await write_here(path, text, force=force, live=False)

    def again(force: bool) -> Task:
        return write_text(text, path, force=force)

    return Task(short_path(str(path)), work, asks=_asking_first("export", path, again, live=False))


def _asking_first(verb: str, path: Path, again: Callable[[bool], Task], *, live: bool = True) -> Callable[[Any], None]:
    """How it is tried again: what lies there by then is asked about anew."""

    def asks(screen: WorkingScreen) -> None:
        replacing.ask_first(screen.app, path, lambda force: screen.session.jobs.begin(verb, [again(force)]), live=live)

    return asks


def make_private(path: str) -> Task:
    """Take everybody else's rights to a file away."""

    async def work(task: Task) -> None:
        from tui.issuance import make_private

        before = await asyncio.to_thread(make_private, Path(path))
        task.message = f"mode {before:o} is now 600"

    return Task(short_path(path), work)


def save_findings(report: HygieneReport, path: Path, *, force: bool) -> Task:
    """Write the findings to a file, in the form that its name ends in."""

    async def work(task: Task) -> None:
        from tui import __version__
        from tui.issuance import record_report, sarif

        document = sarif(report, __version__) if path.suffix == ".sarif" else record_report(report)
        text = json.dumps(document, indent=2) + "\n"
        task.message = f"{len(report.findings)} findings {await write_here(path, text, force=force)}"

    def again(force: bool) -> Task:
        return save_findings(report, path, force=force)

    return Task(short_path(str(path)), work, asks=_asking_first("save findings", path, again))
