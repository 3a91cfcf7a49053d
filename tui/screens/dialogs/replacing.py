"""Writing a file where one lies already that kubemint did not write: what would go is shown, and asked about first."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from textual.app import App

from tui.issuance import KEPT_AS, WouldReplace
from tui.kube.paths import short_path


def ask_first(app: App[Any], path: Path, write: Callable[[bool], object], *, live: bool = True) -> None:
    """The same for a file of which kubemint remembers nothing: `write` is told whether it was said so."""
    from tui.issuance import FileError, masked_diff, masked_text, may_write_file, read_private

    try:
        may_write_file(path, force=False, live=live)
    except WouldReplace as error:
        try:
            goes = masked_diff(path.name, masked_text(read_private(path)), "").splitlines()
        except FileError:
            goes = []
        ask(app, path, [error.message, *goes], lambda: write(True))
        return
    except FileError:
        pass  # whoever writes says what is wrong with it
    write(False)


def ask(app: App[Any], path: Path, body: list[str], sure: Callable[[], object]) -> None:
    """Whether it may be replaced; tokens in the body are masked."""
    from .confirm import ConfirmScreen

    def answered(yes: bool | None) -> None:
        if yes:
            sure()

    kept = f"What is there is kept beside it as {path.name}.{KEPT_AS}."
    title = f"Replace {short_path(str(path))}?"
    app.push_screen(ConfirmScreen(title, [body[0], kept, "", *body[1:]], verb="Replace"), answered)
