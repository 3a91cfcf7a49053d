"""The journal as it is shown, written to a file."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from tui.issuance import Control, Fault, Field, Said, Values
from tui.kube.paths import short_path, whole_path

from .action import Action, Answer, Needs
from .writing import write_here

if TYPE_CHECKING:
    from .action import Host

FORMS: Final = {".jsonl": "jsonl", ".csv": "csv"}


class JournalWish(msgspec.Struct, frozen=True):
    """Where to, whether a file that is there may be replaced, and which entries."""

    path: Path
    replace: bool
    entries: Any


def _check(said: Said, values: Values) -> Iterable[Fault]:
    path = whole_path(said["path"] or "-")
    try:
        folder, there = path.is_dir(), path.exists()
    except (OSError, ValueError) as error:
        return [Fault("path", str(getattr(error, "strerror", "") or "this is not a valid path"))]
    if path.suffix not in FORMS:
        return [Fault("path", "its name must end in .jsonl or .csv")]
    if folder:
        return [Fault("path", "this is a folder, name a file in it")]
    if there and not said.get("replace"):
        return [Fault("replace", "it exists already: tick to replace it, or name another")]
    return []


async def _save(host: Host, wish: JournalWish) -> Answer:
    from tui.issuance import journal_csv, journal_json_lines

    text = journal_csv(wish.entries) if wish.path.suffix == ".csv" else journal_json_lines(wish.entries)
    return Answer(f"{len(wish.entries)} entries {await write_here(wish.path, text, force=wish.replace)}")


EXPORT_JOURNAL: Final = Action[JournalWish](
    name="export_journal", title="Export the journal", says="write what is shown of it to a file",
    key="e", follows="export", label="export", footer=True, words=("export-journal",), needs=Needs.JOURNAL,
    writes=True, job="export", verb=("journal",),
    fields=(
        Field(id="form", flags=("-o",)),
        Field(id="path", label="File", flags=("--out",)),
        Field(id="filter", flags=("--filter",)),
        Field(id="limit", flags=("--limit",)),
        Field(
            id="replace", label="Replace the existing file", flags=("--force",), control=Control.TICK,
            default=False,
        ),
    ),
    check=_check, run=_save, title_of=lambda wish: f"journal → {short_path(str(wish.path))}",
    make=lambda values: JournalWish(whole_path(values["path"] or "-"), values["replace"], values["entries"]),
)  # fmt: skip
