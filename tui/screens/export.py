"""The dialog that writes an existing credential to a file of one's own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from textual.widget import Widget
from textual.widgets import Checkbox, Input, Static

from tui.issuance.types import Credential, FileDestination, Format, kind_label
from tui.kube.text import safe_text

from .dialog import Dialog, Field, Tick, Wrong, file_stem


class ExportScreen(Dialog[FileDestination | None]):
    """Asks where to; hands back the destination."""

    heading = "Export"
    verb = "Export"
    problem_lines = 1

    def __init__(self, credential: Credential, *, folder: Path) -> None:
        super().__init__()
        self._credential = credential
        self._folder = folder

    def rows(self) -> Iterable[Widget]:
        credential = self._credential
        form = credential.format or Format.KUBECONFIG
        about = f"{kind_label(credential)} {credential.address}, format {form}"
        yield Static(safe_text(about), classes="dialog-text", markup=False)
        yield Field("Path", Input(self._suggested(form), compact=True, id="f-path"), key="path")
        yield Field(
            "",
            Tick(
                "merge into this kubeconfig instead of replacing the file",
                compact=True,
                id="f-merge",
                disabled=form is not Format.KUBECONFIG,
            ),
            key="merge",
        )
        yield Static(
            "The file is private (0600) and replaced whole. The copy shares the original's life: when the original is "
            "rotated or revoked, the copy ends with it.",
            classes="dialog-note",
            markup=False,
        )

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one("#f-path").focus()

    def problems(self) -> Sequence[Wrong]:
        path = self.query_one("#f-path", Input).value.strip()
        if not path:
            return (Wrong("path", "Path", "say where to write it"),)
        if Path(path).expanduser().is_dir():
            return (Wrong("path", "Path", "this is a folder, name a file in it"),)
        return ()

    def answer(self) -> FileDestination:
        path = Path(self.query_one("#f-path", Input).value.strip()).expanduser().absolute()
        return FileDestination(str(path), merge=self.query_one("#f-merge", Checkbox).value)

    def _suggested(self, form: Format) -> str:
        identity = self._credential.identity
        stem = f"{identity.namespace}-{identity.name}" if identity else self._credential.address.name or "credential"
        suffix = {Format.KUBECONFIG: "kubeconfig", Format.TOKEN_FILE: "env", Format.TOKEN: "token"}.get(form, "token")
        name = Path(stem).name
        path = self._folder / f"{file_stem(name)}.{suffix}"
        if self._credential.address.name == str(path):  # a copy beside itself, not over itself
            path = self._folder / f"{file_stem(name)}-copy.{suffix}"
        return str(path)
