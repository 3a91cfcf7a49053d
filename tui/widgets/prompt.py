"""The one line at the bottom that takes a filter (`/`) or a command (`:`), completes it, and remembers earlier ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.suggester import Suggester
from textual.widgets import Input, Label

Words = Callable[[str], Sequence[str]]
"""What a text can become: whole texts, the best first."""


def no_words(text: str) -> Sequence[str]:
    """Nothing is completed."""
    return ()


class _FirstWord(Suggester):
    """Shows the first completion behind the cursor."""

    def __init__(self, words: Words) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self._words = words

    async def get_suggestion(self, value: str) -> str | None:
        if not value:
            return None
        return next((word for word in self._words(value) if word.startswith(value)), None)


class Prompt(Horizontal):
    """Hidden until it is opened. What is typed is told at once, so that a filter is live."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "clear", key_display="esc"),
        Binding("tab", "complete(1)", "complete", key_display="tab"),
        Binding("shift+tab", "complete(-1)", "complete backwards", show=False),
        Binding("up", "recall(-1)", "earlier", key_display="↑"),
        Binding("down", "recall(1)", "later", key_display="↓"),
    ]

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
        self._words: Words = no_words
        self._history: Sequence[str] = ()
        self._place = 0
        """Where in the history we are; its length is the line being typed."""
        self._typed = ""
        self._offers: list[str] = []
        self._offered = 0

    def compose(self) -> ComposeResult:
        yield Label("/", id="prompt-kind", markup=False)
        yield Input(id="prompt-input", compact=True, select_on_focus=False)
        yield Label("", id="prompt-note", markup=False)

    def open(
        self,
        kind: str,
        text: str = "",
        *,
        words: Words = no_words,
        history: Sequence[str] = (),
        placeholder: str = "",
    ) -> None:
        """Ask for a filter or a command. Tab completes from `words`, up and down go through the `history`."""
        self.kind = kind
        self._words, self._history, self._place = words, history, len(history)
        self._typed, self._offers = text, []
        self.query_one("#prompt-kind", Label).update(kind)
        box = self._box
        box.suggester = _FirstWord(words)
        box.placeholder = placeholder
        with box.prevent(Input.Changed):
            box.value = text
        box.cursor_position = len(text)
        self.note("")
        self.display = True
        self.screen.set_focus(box)  # at once: what is typed next belongs to it

    def say(self, text: str) -> None:
        """Put this in place of what is there, as if it had been typed."""
        self._box.value = text
        self._box.cursor_position = len(text)

    def note(self, text: str) -> None:
        """Say something at the right end, such as how many rows match."""
        self.query_one("#prompt-note", Label).update(text)

    def close(self) -> None:
        self.display = False

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        if self.display:
            if event.value not in self._offers:
                self._offers = []
            self.post_message(self.Changed(self.kind, event.value))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.close()
        self.post_message(self.Submitted(self.kind, event.value))

    def action_leave(self) -> None:
        self.close()
        self.post_message(self.Left(self.kind, ""))

    def action_complete(self, by: int) -> None:
        """The next thing that the text can become; again for the one after it."""
        if self._offers:
            self._offered = (self._offered + by) % len(self._offers)
        else:
            self._offers = [word for word in self._words(self._box.value) if word != self._box.value]
            self._offered = 0 if by > 0 else len(self._offers) - 1
        if self._offers:
            self.say(self._offers[self._offered])

    def action_recall(self, by: int) -> None:
        """An earlier or later line of the history; below the newest is what was being typed."""
        place = self._place + by
        if not 0 <= place <= len(self._history):
            return
        if self._place == len(self._history):
            self._typed = self._box.value
        self._place = place
        self.say(self._history[place] if place < len(self._history) else self._typed)

    @property
    def _box(self) -> Input:
        return self.query_one(Input)
