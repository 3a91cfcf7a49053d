"""A box that material is pasted into: it says how much it holds, and never shows, selects or copies a byte of it.

Not an `Input` or a `TextArea`, because those keep their text in attributes that everything else can read.
"""

from __future__ import annotations

from typing import ClassVar, Final

from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.widget import Widget

from tui.kube.amounts import count, size
from tui.kube.sensitive import Sensitive

MOST: Final = 1024 * 1024
"""What is larger is named as a file instead."""


class PasteBox(Widget, can_focus=True):
    """Takes what is pasted (or typed) into it; `take` hands it out as Sensitive, `forget` overwrites it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "look", "look into it", key_display="⏎"),
        Binding("backspace,ctrl+u,delete", "forget", "forget it", key_display="⌫"),
    ]

    class Filled(Message):
        """Something was pasted, or typed and confirmed; empty where it was forgotten."""

        def __init__(self, box: PasteBox) -> None:
            super().__init__()
            self.box = box

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self._held = bytearray()
        self._too_large = False

    @property
    def size_held(self) -> int:
        """How many bytes it holds."""
        return len(self._held)

    def take(self) -> Sensitive:
        """What it holds."""
        return Sensitive(bytes(self._held))

    def forget(self) -> None:
        """Overwrite what it holds."""
        self._held[:] = bytes(len(self._held))
        self._held = bytearray()
        self._too_large = False
        self.refresh()

    def check_consume_key(self, key: str, character: str | None) -> bool:
        return character is not None and character.isprintable()

    def on_key(self, event: events.Key) -> None:
        if event.character is not None and event.is_printable:
            event.stop()
            event.prevent_default()
            self._add(event.character)

    def on_paste(self, event: events.Paste) -> None:
        event.stop()
        self.forget()  # what is pasted replaces what was there
        self._add(event.text)
        self.post_message(self.Filled(self))

    def on_click(self) -> None:
        self.focus()

    def action_look(self) -> None:
        self.post_message(self.Filled(self))

    def action_forget(self) -> None:
        self.forget()
        self.post_message(self.Filled(self))

    def render(self) -> Content:
        if self._too_large:
            return Content.styled(f"✖ more than {size(MOST)}: name the file below instead", "$bad")
        if not self._held:
            return Content.styled("paste here: a token, certificate, kubeconfig, Secret or ExecCredential", "$faint")
        lines = self._held.count(b"\n") + (not self._held.endswith(b"\n"))
        amount = f"{count(len(self._held), 'byte')} in {count(lines, 'line')}"
        return Content.assemble(("•" * min(24, len(self._held)), "$strong"), (f"  {amount}, hidden", "$mute"))

    def _add(self, text: str) -> None:
        data = text.encode("utf-8", "surrogateescape")
        if len(self._held) + len(data) > MOST:
            self.forget()
            self._too_large = True
        else:
            self._too_large = False
            self._held += data
        self.refresh()
