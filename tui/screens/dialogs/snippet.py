"""The pod that uses a Secret of type tokenFile, to read and to take away."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import ClassVar, cast

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input, Static

from tui.issuance import Address, IssuanceError
from tui.kube.errors import KubeError
from tui.kube.paths import file_stem, is_folder, whole_path
from tui.kube.text import safe_text
from tui.screens.session import Session, Shell

from . import replacing, saving
from .dialog import Dialog, Field, Wrong
from .reading import ReadingScreen, coloured


class SnippetScreen(ReadingScreen[None]):
    """The snippet, its comments set off; `e` writes it to a file."""

    what = "How a pod uses it"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("e", "export", "export")]

    def __init__(self, session: Session, address: Address, title: str) -> None:
        super().__init__(session, title)
        self._address = address
        self._text = ""

    def keys(self) -> str:
        return f"e export   {super().keys()}"

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "export" and self.session.why_read_only():
            return None
        return super().check_action(action, parameters)

    async def look(self) -> None:
        try:
            self._text = await self.session.engine.snippet(self._address)
        except (IssuanceError, KubeError, OSError) as error:
            self.failed(error)
            return
        comments = [line for line in self._text.splitlines() if line.startswith("#")]
        manifest = self._text[sum(len(line) + 1 for line in comments) :]
        said = Content("\n").join(Content.styled(safe_text(line), "$mute") for line in comments)
        self.query_one("#reader-text", Static).update(Content("\n").join([said, coloured(manifest)]))

    def action_export(self) -> None:
        if not self._text:
            return

        def chosen(path: Path | None) -> None:
            if path is not None:
                self.dismiss(None)
                text, shell = self._text, cast("Shell", self.app)

                def write(force: bool) -> None:
                    shell.start_job("export", [saving.write_text(text, path, force=force)])

                replacing.ask_first(self.app, path, write, live=False)

        folder = cast("Shell", self.app).export_folder
        suggested = folder / f"{file_stem(f'{self._address.namespace}-{self._address.name}')}-pod.yaml"
        self.app.push_screen(WriteScreen(suggested), chosen)


class WriteScreen(Dialog[Path | None]):
    """Asks for the name of a file for something that is no secret."""

    heading = "Write the snippet to a file"
    verb = "Write"
    problem_lines = 1

    def __init__(self, suggested: Path) -> None:
        super().__init__()
        self._suggested = suggested

    def rows(self) -> Iterable[Widget]:
        yield Field("Path", Input(str(self._suggested), compact=True, id="f-path"), key="path")
        yield Static("There is no token in it.", classes="dialog-note", markup=False)

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one("#f-path").focus()

    def problems(self) -> Sequence[Wrong]:
        path = self.query_one("#f-path", Input).value.strip()
        if not path:
            return (Wrong("path", "Path", "name a file to write it to"),)
        if is_folder(path):
            return (Wrong("path", "Path", "this is a folder, name a file in it"),)
        return ()

    def answer(self) -> Path:
        return whole_path(self.query_one("#f-path", Input).value.strip())
