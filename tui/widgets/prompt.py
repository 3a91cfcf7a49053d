"""The one line at the bottom that takes a filter (`/`) or a command (`:`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.suggester import SuggestFromList
from textual.widgets import Input, Label


class Prompt(Horizontal):
    """Hidden until it is opened. What is typed is told at once, so that a filter is live."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "clear", key_display="esc")]

    class Changed(Message):
        def __init__(self, kind: str, text: str) -> None:
            super().__init__()
            self.kind, self.text = kind, text

    class Submitted(Changed):
        pass

    class Left(Changed):
        """Esc: whatever was typed does not count."""

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self.kind = "/"
        self.display = False

    def compose(self) -> ComposeResult:
        yield Label("/", id="prompt-kind", markup=False)
        yield Input(id="prompt-input", compact=True, select_on_focus=False)
        yield Label("", id="prompt-note", markup=False)

    def open(self, kind: str, text: str = "", *, words: Sequence[str] = (), placeholder: str = "") -> None:
        """Ask for a filter or a command; `words` are completed."""
        self.kind = kind
        self.query_one("#prompt-kind", Label).update(kind)
        box = self.query_one(Input)
        box.suggester = SuggestFromList(words, case_sensitive=False) if words else None
        box.placeholder = placeholder
        with box.prevent(Input.Changed):
            box.value = text
        box.cursor_position = len(text)
        self.note("")
        self.display = True
        box.focus()

    def note(self, text: str) -> None:
        """Say something at the right end, such as how many rows match."""
        self.query_one("#prompt-note", Label).update(text)

    def close(self) -> None:
        self.display = False

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        if self.display:
            self.post_message(self.Changed(self.kind, event.value))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.close()
        self.post_message(self.Submitted(self.kind, event.value))

    def action_leave(self) -> None:
        self.close()
        self.post_message(self.Left(self.kind, ""))
