"""The question of `z`: for how long the chosen alerts should be silent."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar, Final, NamedTuple

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Label, OptionList
from textual.widgets.option_list import Option

from tui.widgets.key_hints import KeyHints


class Rest(NamedTuple):
    """What was chosen: for so long, until it is renewed (None), or not at all any more."""

    lasts: timedelta | None
    over: bool = False


_CHOICES: Final = (
    ("m", "15 minutes", Rest(timedelta(minutes=15))),
    ("h", "1 hour", Rest(timedelta(hours=1))),
    ("r", "until it is renewed", Rest(None)),
)
_WAKE: Final = ("w", "not any more: wake it", Rest(None, over=True))


class SnoozeScreen(ModalScreen[Rest | None]):
    """Hands back for how long, or nothing. `snoozed` offers to end it."""

    acts_by_letter = True
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "choose('')", "cancel"),
        *(Binding(key, f"choose('{key}')", title) for key, title, _ in (*_CHOICES, _WAKE)),
    ]

    def __init__(self, what: str, *, snoozed: bool) -> None:
        super().__init__()
        self._what = what
        self._choices = (*_CHOICES, _WAKE) if snoozed else _CHOICES

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog -small"):
            yield Label(f"Snooze {self._what}", classes="dialog-title", markup=False)
            yield OptionList(
                *(Option(Content.assemble((f"{key}  ", "bold"), title), id=key) for key, title, _ in self._choices),
                compact=True,
            )
            yield KeyHints("enter choose   esc cancel")

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.action_choose(event.option.id or "")

    def action_choose(self, key: str) -> None:
        """Choose by key."""
        self.dismiss(next((rest for known, _, rest in self._choices if known == key), None))
