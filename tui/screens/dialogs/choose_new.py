"""The first question of `n`: what is to be made. Its entries come from the table of actions, where they fit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Label, OptionList
from textual.widgets.option_list import Option

from tui.actions.action import AnyAction
from tui.actions.table import BY_NAME, NOVELTIES
from tui.widgets.key_hints import KeyHints


class ChooseNewScreen(ModalScreen[str | None]):
    """Hands back the name of an action, or nothing."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "choose('')", "cancel"),
        *(Binding(entry.menu.key, f"choose('{entry.name}')", entry.menu.title) for entry in NOVELTIES),
    ]

    def __init__(self, entries: Sequence[AnyAction] = NOVELTIES) -> None:
        super().__init__()
        self._entries = list(entries)

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog -small"):
            yield Label("New", classes="dialog-title", markup=False)
            yield OptionList(
                *(
                    Option(
                        Content.assemble((f"{entry.menu.key}  {entry.menu.title}", "bold"), f"\n   {entry.menu.says}"),
                        id=entry.name,
                    )
                    for entry in self._entries
                ),
                compact=True,
            )
            yield KeyHints("enter choose   esc cancel")

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.dismiss(event.option.id)

    def action_choose(self, action: str) -> None:
        """Choose by key; one that is not offered now says so."""
        if not action or any(entry.name == action for entry in self._entries):
            self.dismiss(action or None)
        else:
            said = f"{BY_NAME[action].title} is for {BY_NAME[action].suits}: choose one in a list first"
            self.notify(said, markup=False, severity="warning", timeout=4)
