"""The first question of `n`: a credential that kubemint keeps, or a lasting request for a controller."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Label, OptionList
from textual.widgets.option_list import Option


class ChooseNewScreen(ModalScreen[str | None]):
    """Hands back `credential`, `request` or nothing."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "choose('')", "cancel"),
        Binding("c", "choose('credential')", "credential"),
        Binding("d", "choose('request')", "DPU request"),
    ]

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog -small"):
            yield Label("New", classes="dialog-title", markup=False)
            yield OptionList(
                Option(
                    Content.assemble(
                        ("c  Credential", "bold"), "\n   a token for a service account, kept in a file or a Secret"
                    ),
                    id="credential",
                ),
                Option(
                    Content.assemble(
                        ("d  DPUServiceCredentialRequest", "bold"),
                        "\n   a lasting request, kept and renewed in the cluster",
                    ),
                    id="request",
                ),
                compact=True,
            )
            yield Label("enter choose   esc cancel", classes="dialog-keys", markup=False)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.dismiss(event.option.id)

    def action_choose(self, kind: str) -> None:
        """Choose by key."""
        self.dismiss(kind or None)
