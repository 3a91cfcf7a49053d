"""A large frame in which something is read, and nothing is asked."""

from __future__ import annotations

from typing import TypeVar

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Label

from tui.widgets.key_line import KeyHints

Result = TypeVar("Result")


class Reader(ModalScreen[Result]):
    """A large frame with a title, in which something is read; esc leaves."""

    def __init__(self, heading: str) -> None:
        super().__init__()
        self.heading = heading

    def compose(self) -> ComposeResult:
        with Vertical(classes="reader"):
            yield Label(self.heading, classes="dialog-title", markup=False)
            yield from self.body()
            yield KeyHints(self.keys())

    def body(self) -> ComposeResult:
        """What stands below the title."""
        raise NotImplementedError

    def keys(self) -> str:
        """What the last line says about keys."""
        return "esc close"

    def action_leave(self) -> None:
        self.dismiss(None)
