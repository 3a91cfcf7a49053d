"""Where to write the findings; the end of the name says in which form."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from textual.widget import Widget
from textual.widgets import Input, Static

from tui.kube.paths import is_folder, whole_path

from .dialog import Dialog, Field, Wrong

FORMS = (".sarif", ".json")


class SaveFindingsScreen(Dialog[Path]):
    """Hands back the path."""

    heading = "Save the findings"
    verb = "Save"
    problem_lines = 1

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def rows(self) -> Iterable[Widget]:
        yield Static(
            "NAME.sarif is for code scanning, NAME.json for programs. No finding holds material; the file is for you "
            "alone (mode 600).",
            classes="dialog-text",
            markup=False,
        )
        yield Field("File", Input(str(self._path), compact=True, id="f-path"), key="path")

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one("#f-path").focus()

    def problems(self) -> Sequence[Wrong]:
        path = self._chosen
        if path.suffix not in FORMS:
            return (Wrong("path", "file", "its name must end in .sarif or .json"),)
        return (Wrong("path", "file", "this is a folder"),) if is_folder(str(path)) else ()

    def answer(self) -> Path:
        return self._chosen

    @property
    def _chosen(self) -> Path:
        return whole_path(self.query_one("#f-path", Input).value.strip() or "-")
