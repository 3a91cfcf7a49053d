"""Where to write what holds no credential: findings, a snippet, the journal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from textual.widget import Widget
from textual.widgets import Input, Static

from tui.actions.journal import EXPORT_JOURNAL, FORMS, JournalWish
from tui.issuance import JournalEntry
from tui.kube.paths import is_folder, whole_path
from tui.kube.text import safe_text

from .dialog import Dialog, Field, Wrong
from .form import Form


class FileScreen(Dialog[Path | None]):
    """Asks for the name of a file, and hands back the path."""

    problem_lines = 1
    focuses = "#f-path"
    label = "Path"

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def rows(self) -> Iterable[Widget]:
        yield Field(self.label, Input(str(self._path), compact=True, id="f-path"), key="path")

    @property
    def typed(self) -> str:
        return self.query_one("#f-path", Input).value.strip()

    def answer(self) -> Path:
        return whole_path(self.typed or "-")


class WriteScreen(FileScreen):
    """Asks where the pod of a snippet goes."""

    heading = "Write the snippet to a file"
    verb = "Write"

    def rows(self) -> Iterable[Widget]:
        yield from super().rows()
        yield Static("There is no token in it.", classes="dialog-note", markup=False)

    def problems(self) -> Sequence[Wrong]:
        if not self.typed:
            return (Wrong("path", "Path", "name a file to write it to"),)
        return (Wrong("path", "Path", "this is a folder, name a file in it"),) if is_folder(self.typed) else ()


class SaveFindingsScreen(FileScreen):
    """Asks where findings go; the end of the name says in which form."""

    heading = "Save the findings"
    verb = "Save"
    label = "File"

    def rows(self) -> Iterable[Widget]:
        yield Static(
            "NAME.sarif is for code scanning, NAME.json for programs. No finding holds material; the file is for you "
            "alone (mode 600).",
            classes="dialog-text",
            markup=False,
        )
        yield from super().rows()

    def problems(self) -> Sequence[Wrong]:
        path = self.answer()
        if path.suffix not in (".sarif", ".json"):
            return (Wrong("path", "file", "its name must end in .sarif or .json"),)
        return (Wrong("path", "file", "this is a folder"),) if is_folder(str(path)) else ()


class ExportJournalScreen(Form[JournalWish]):
    """Asks for the file. `shown` entries are meant: those of the newest `limit` that the filter `text` finds."""

    heading = "Export the journal"
    verb = "Export"
    problem_lines = 1

    def __init__(
        self, path: Path, *, shown: int, text: str, limit: int | None, entries: Sequence[JournalEntry] = ()
    ) -> None:
        said = {"path": str(path), "filter": text, "limit": str(limit or ""), "entries": entries}
        super().__init__(EXPORT_JOURNAL, said)
        entry = "1 entry" if shown == 1 else f"{shown} entries"
        which = f"{entry} that /{safe_text(text, 60)} finds" if text else f"all {entry} shown"
        self._which = which[:1].upper() + which[1:] + (f", of the newest {limit}" if limit else "")

    def rows(self) -> Iterable[Widget]:
        yield Static(
            f"{self._which}, oldest first. NAME.jsonl has a JSON object a line, NAME.csv is "
            "for spreadsheets. No entry holds material; the file is for you alone (mode 0600).",
            classes="dialog-text",
            markup=False,
        )
        yield from super().rows()

    @property
    def said(self) -> dict[str, Any]:
        said = super().said
        path = whole_path(said["path"] or "-")
        return {**said, "path": str(path), "form": FORMS.get(path.suffix, "jsonl")}
