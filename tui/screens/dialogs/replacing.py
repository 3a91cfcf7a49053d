"""Writing a file where one lies already that kubemint did not write: what would go is shown, and asked about first."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textual.app import App

from tui.issuance import KEPT_AS, WouldReplace
from tui.kube.paths import short_path

if TYPE_CHECKING:
    from tui.kube.sensitive import Sensitive


def ask_first(app: App[Any], path: Path, write: Callable[[bool], object], *, live: bool = True) -> None:
    """The same for a file of which kubemint remembers nothing: `write` is told whether it was said so."""
    from tui.issuance import IssuanceError, masked_diff, masked_text, may_write_file

    try:
        may_write_file(path, force=False, live=live)
    except WouldReplace as error:
        shown = _content(path)
        goes = masked_diff(path.name, masked_text(shown), "").splitlines() if shown is not None else []

        def sure() -> None:
            if _content(path) == shown:
                write(True)
            else:  # the yes was for what was shown
                ask_first(app, path, write, live=live)

        ask(app, path, [error.message, *goes], sure)
        return
    except IssuanceError:
        pass  # whoever writes says what is wrong with it
    write(False)


def _content(path: Path) -> Sensitive | None:
    """What is in the file; None where that cannot be read."""
    from tui.issuance import FileError, read_private

    try:
        return read_private(path)
    except FileError:
        return None


def ask(app: App[Any], path: Path, body: list[str], sure: Callable[[], object]) -> None:
    """Whether it may be replaced; tokens in the body are masked."""
    from .confirm import ConfirmScreen

    def answered(yes: bool | None) -> None:
        if yes:
            sure()

    kept = f"The old file is kept beside it as {path.name}.{KEPT_AS}."
    title = f"Replace {short_path(str(path))}?"
    app.push_screen(ConfirmScreen(title, [body[0], kept, "", *body[1:]], verb="Replace"), answered)
