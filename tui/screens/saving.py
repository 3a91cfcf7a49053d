"""Tasks about files on this machine that let nobody in: texts, the journal, findings, and who may read a file."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tui.kube.sensitive import Sensitive
from tui.widgets.names import short_path

from .jobs import Task

if TYPE_CHECKING:
    from tui.issuance.hygiene import Report
    from tui.issuance.journal import JournalEntry


def write_text(text: str, path: Path) -> Task:
    """Write something that is no secret to a file."""

    async def work(task: Task) -> None:
        await write_here(path, text)
        task.message = f"written to {short_path(str(path))}"

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
        from tui.issuance.files import write_private
        from tui.issuance.journal_text import comma_separated, json_lines

        text = comma_separated(entries) if path.suffix == ".csv" else json_lines(entries)
        await asyncio.to_thread(write_private, path, Sensitive(text), fresh=not replace)
        task.message = f"{len(entries)} entries written to {short_path(str(path))}"

    return Task(f"journal → {short_path(str(path))}", work)


def save_findings(report: Report, path: Path) -> Task:
    """Write the findings to a file, in the form that its name ends in."""

    async def work(task: Task) -> None:
        from tui import __version__
        from tui.issuance.files import write_private
        from tui.issuance.hygiene import record, sarif

        document = sarif(report, __version__) if path.suffix == ".sarif" else record(report)
        text = json.dumps(document, indent=2) + "\n"
        await asyncio.to_thread(write_private, path, Sensitive(text))
        task.message = f"{len(report.findings)} findings written to {short_path(str(path))}"

    return Task(short_path(str(path)), work)


async def write_here(path: Path, text: str) -> None:
    """Write a private file, in a folder that is made where there is none. Raises FileError."""
    from tui.issuance.files import make_private_folder, write_private

    await asyncio.to_thread(make_private_folder, path.parent)
    await asyncio.to_thread(write_private, path, Sensitive(text))
