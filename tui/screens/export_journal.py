"""Where to write the journal that is shown; the end of the name says in which form."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from textual.widget import Widget
from textual.widgets import Checkbox, Input, Static

from tui.actions.paths import whole_path
from tui.kube.text import safe_text

from .dialog import Dialog, Equivalent, Field, Tick, Wrong

FORMS = {".jsonl": "jsonl", ".csv": "csv"}


@dataclass(frozen=True, slots=True)
class JournalWish:
    """Where to, and whether a file that is there may be replaced."""

    path: Path
    replace: bool


class ExportJournalScreen(Dialog[JournalWish | None]):
    """Asks for the file. `shown` entries are meant: those of the newest `limit` that the filter `text` finds."""

    heading = "Export the journal"
    verb = "Export"
    problem_lines = 1

    def __init__(self, path: Path, *, shown: int, text: str, limit: int | None) -> None:
        super().__init__()
        self._path = path
        self._shown = shown
        self._text = text
        self._limit = limit

    def rows(self) -> Iterable[Widget]:
        entries = "1 entry" if self._shown == 1 else f"{self._shown} entries"
        which = f"{entries} that /{safe_text(self._text, 60)} finds" if self._text else f"all {entries} shown"
        newest = f", of the newest {self._limit}" if self._limit else ""
        yield Static(
            f"{which[:1].upper()}{which[1:]}{newest}, oldest first. NAME.jsonl has a JSON object a line, NAME.csv is "
            "for spreadsheets. No entry holds material; the file is for you alone (mode 0600).",
            classes="dialog-text",
            markup=False,
        )
        yield Field("File", Input(str(self._path), compact=True, id="f-path"), key="path")
        yield Field("", Tick("replace it where it is there already", compact=True, id="f-replace"), key="replace")
        yield Equivalent()

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one("#f-path").focus()

    def problems(self) -> Sequence[Wrong]:
        wish = self.answer()
        if wish.path.suffix not in FORMS:
            return (Wrong("path", "File", "let its name end in .jsonl or .csv"),)
        try:
            folder, there = wish.path.is_dir(), wish.path.exists()
        except (OSError, ValueError) as error:
            return (Wrong("path", "File", str(getattr(error, "strerror", "") or "this is not a path")),)
        if folder:
            return (Wrong("path", "File", "this is a folder, name a file in it"),)
        if there and not wish.replace:
            return (Wrong("replace", "File", "it is there already: tick that it is replaced, or name another"),)
        return ()

    def answer(self) -> JournalWish:
        path = whole_path(self.query_one("#f-path", Input).value.strip() or "-")
        return JournalWish(path, self.query_one("#f-replace", Checkbox).value)

    def equivalent(self) -> Sequence[str]:
        wish = self.answer()
        words = ["kubemint", "journal", "-o", FORMS.get(wish.path.suffix, "jsonl"), "--out", str(wish.path)]
        words += ["--filter", self._text] if self._text else []
        words += ["--limit", str(self._limit)] if self._limit else []
        return words + (["--force"] if wish.replace else [])
