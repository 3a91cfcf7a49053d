"""What can be done with a shoot that is not entered yet, with its state: no one has to wait for a hibernated one."""

from __future__ import annotations

from typing import ClassVar, NamedTuple

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Label, OptionList, Static
from textual.widgets.option_list import Option

from tui.fleet.rows import ClusterRow
from tui.kube.text import safe_text
from tui.widgets.key_hints import KeyHints


class _Choice(NamedTuple):
    key: str
    id: str
    title: str
    says: str


_ENTER = (
    _Choice("v", "viewer", "Connect as a viewer", "reads all but Secrets; a certificate kept in memory"),
    _Choice("a", "admin", "Connect as an admin", "may do everything; a certificate kept in memory"),
)
_FILE = _Choice("k", "kubeconfig", "Kubeconfig …", "into a file: a certificate, a login, or no secret")


class ChooseShootScreen(ModalScreen[str | None]):
    """Hands back `viewer`, `admin`, `kubeconfig`, or nothing."""

    acts_by_letter = True
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "choose('')", "cancel"),
        *(Binding(one.key, f"choose('{one.id}')", one.title) for one in (*_ENTER, _FILE)),
    ]

    def __init__(self, row: ClusterRow) -> None:
        super().__init__()
        self._row = row
        asleep = row.shoot is not None and row.shoot.hibernation == "Hibernated"
        self._choices = (_FILE,) if asleep else (*_ENTER, _FILE)

    def compose(self) -> ComposeResult:
        row = self._row
        with Vertical(classes="dialog -small"):
            yield Label(safe_text(row.name, 58), classes="dialog-title", markup=False)
            yield Static(self._says(), classes="dialog-text", markup=False)
            yield OptionList(
                *(
                    Option(Content.assemble((f"{one.key}  {one.title}", "bold"), f"\n   {one.says}"), id=one.id)
                    for one in self._choices
                ),
                compact=True,
            )
            yield KeyHints("enter choose   esc cancel")

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.dismiss(event.option.id)

    def action_choose(self, choice: str) -> None:
        """Choose by key; what is not offered is not chosen."""
        if not choice or any(choice == one.id for one in self._choices):
            self.dismiss(choice or None)

    def _says(self) -> Content:
        row = self._row
        tone = "$warn" if len(self._choices) == 1 else "$mute"
        lines = [Content.styled(safe_text(f"A Gardener shoot: {row.message}"), "")]
        if len(self._choices) == 1:
            lines.append(Content.styled(safe_text(f"! {row.hint}"), tone))
        return Content("\n").join(lines)
