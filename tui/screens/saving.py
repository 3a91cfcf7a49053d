"""Tasks about files on this machine that let nobody in: texts, the journal, findings, and who may read a file."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tui.fleet.names import short_path
from tui.kube.sensitive import Sensitive

from .jobs import Task

if TYPE_CHECKING:
    from tui.issuance.hygiene import Report
    from tui.issuance.journal import JournalEntry


def write_text(text: str, path: Path, *, force: bool) -> Task:
    """Write something that is no secret to a file."""

    async def work(task: Task) -> None:
        task.message = await write_here(path, text, force=force, live=False)

    return Task(short_path(str(path)), work)


def make_private(path: str) -> Task:
    """Take everybody else's rights to a file away."""

    async def work(task: Task) -> None:
        from tui.issuance.files import make_private

        before = await asyncio.to_thread(make_private, Path(path))
        task.message = f"mode {before:o} is now 600"

    return Task(short_path(path), work)


def save_journal(entries: Sequence[JournalEntry], path: Path, *, replace: bool) -> Task:
    """Write entries of the journal to a file, in the form that its name ends in."""

    async def work(task: Task) -> None:
        from tui.issuance.journal_text import comma_separated, json_lines

        text = comma_separated(entries) if path.suffix == ".csv" else json_lines(entries)
        task.message = f"{len(entries)} entries {await write_here(path, text, force=replace)}"

    return Task(f"journal → {short_path(str(path))}", work)


def save_findings(report: Report, path: Path, *, force: bool) -> Task:
    """Write the findings to a file, in the form that its name ends in."""

    async def work(task: Task) -> None:
        from tui import __version__
        from tui.issuance.hygiene import record, sarif

        document = sarif(report, __version__) if path.suffix == ".sarif" else record(report)
        text = json.dumps(document, indent=2) + "\n"
        task.message = f"{len(report.findings)} findings {await write_here(path, text, force=force)}"

    return Task(short_path(str(path)), work)


async def write_here(path: Path, text: str | Sensitive, *, force: bool = False, live: bool = True) -> str:
    """Write a private file, in a folder that is made where there is none; what to say about it.

    Raises WouldReplace where something else lies there and nobody said that it may go, FileError.
    """
    from tui.issuance.destinations.standing import write_file
    from tui.issuance.files import make_private_folder

    content = Sensitive(text) if isinstance(text, str) else text
    await asyncio.to_thread(make_private_folder, path.parent)
    written = await asyncio.to_thread(write_file, path, content, force=force, live=live)
    said = f"written to {short_path(str(path))}"
    return said if written.kept is None else f"{said}; what was there is in {short_path(str(written.kept))}"
