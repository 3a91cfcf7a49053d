"""The pod that uses a Secret of type tokenFile, to read and to take away."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, cast

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import Static

from tui.issuance import Address
from tui.kube.paths import file_stem
from tui.kube.text import safe_text
from tui.screens.session import Session, Shell

from . import replacing, saving
from .files import WriteScreen
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
        self._text = await self.session.engine.snippet(self._address)
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
                text = self._text

                def write(force: bool) -> None:
                    self.session.jobs.begin("export", [saving.write_text(text, path, force=force)])

                replacing.ask_first(self.app, path, write, live=False)

        folder = cast("Shell", self.app).export_folder
        suggested = folder / f"{file_stem(f'{self._address.namespace}-{self._address.name}')}-pod.yaml"
        self.app.push_screen(WriteScreen(suggested), chosen)
