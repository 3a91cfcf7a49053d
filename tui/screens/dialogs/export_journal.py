"""Where to write the journal that is shown; the end of the name says in which form."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from textual.widget import Widget
from textual.widgets import Static

from tui.actions.journal import EXPORT_JOURNAL, FORMS, JournalWish
from tui.issuance import JournalEntry
from tui.kube.paths import whole_path
from tui.kube.text import safe_text

from .form import Form


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
