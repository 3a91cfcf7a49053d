"""Questions that offer a list, each entry with its key: what to make, how to enter a cluster, how long to be silent."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import ClassVar, Final, NamedTuple, TypeVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Label, OptionList, Static
from textual.widgets.option_list import Option

from tui.actions.action import AnyAction
from tui.actions.spoken import in_dashboard
from tui.actions.table import BY_NAME, NOVELTIES
from tui.issuance import ApartFacts
from tui.kube.text import safe_text
from tui.widgets.key_line import KeyHints

Result = TypeVar("Result")


class Entry(NamedTuple):
    """One answer: its key, what it is called in code, and in words."""

    key: str
    id: str
    title: str
    says: str = ""


def _keys(entries: Iterable[Entry]) -> list[BindingType]:
    return [
        Binding("escape", "choose('')", "cancel"),
        *(Binding(one.key, f"choose('{one.id}')", one.title) for one in entries),
    ]


class ChoosingScreen(ModalScreen[Result | None]):
    """Shows `entries`; subclasses say what is handed back for the one that is chosen by its key or in the list."""

    def __init__(self, title: str, entries: Sequence[Entry]) -> None:
        super().__init__()
        self._heading = title
        self._entries = {one.id: one for one in entries}

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog -small"):
            yield Label(self._heading, classes="dialog-title", markup=False)
            yield from self.about()
            yield OptionList(*(Option(_drawn(one), id=one.id) for one in self._entries.values()), compact=True)
            yield KeyHints("enter choose   esc cancel")

    def about(self) -> ComposeResult:
        """What stands above the list."""
        yield from ()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.action_choose(event.option.id or "")

    def action_choose(self, choice: str) -> None:
        """Choose by key; what is not offered now is not chosen."""
        raise NotImplementedError


def _drawn(entry: Entry) -> Content:
    if not entry.says:
        return Content.assemble((f"{entry.key}  ", "bold"), entry.title)
    return Content.assemble((f"{entry.key}  {entry.title}", "bold"), f"\n   {entry.says}")


def _novelty(action: AnyAction) -> Entry:
    return Entry(action.menu.key, action.name, action.menu.title, action.menu.says)


class ChooseNewScreen(ChoosingScreen[str]):
    """The first question of `n`. Hands back the name of an action, or nothing."""

    BINDINGS: ClassVar[list[BindingType]] = _keys(map(_novelty, NOVELTIES))

    def __init__(self, entries: Sequence[AnyAction] = NOVELTIES) -> None:
        super().__init__("New", [*map(_novelty, entries)])

    def action_choose(self, choice: str) -> None:
        if not choice or choice in self._entries:
            self.dismiss(choice or None)
        else:
            said = f"{BY_NAME[choice].title} is for {BY_NAME[choice].suits}: choose one in a list first"
            self.notify(said, markup=False, severity="warning", timeout=4)


_ENTER: Final = (
    Entry("v", "viewer", "Connect as a viewer", "reads all but Secrets; a certificate kept in memory"),
    Entry("a", "admin", "Connect as an admin", "may do everything; a certificate kept in memory"),
)
_FILE: Final = Entry("k", "kubeconfig", "Kubeconfig …", "into a file: a certificate, a login, or no secret")


class EnteringScreen(ChoosingScreen[str]):
    """What can be done with a cluster apart that is not entered, with its state: none is waited for that is closed.

    Hands back `viewer`, `admin`, `kubeconfig`, or nothing.
    """

    acts_by_letter = True
    BINDINGS: ClassVar[list[BindingType]] = _keys((*_ENTER, _FILE))

    def __init__(self, name: str, apart: ApartFacts) -> None:
        super().__init__(safe_text(name, 58), (_FILE,) if apart.closed else (*_ENTER, _FILE))
        lines = [Content.styled(safe_text(f"A {apart.sort.source}: {apart.message}"), "")]
        lines += [Content.styled(safe_text(f"! {in_dashboard(apart.hint)}"), "$warn")] if apart.closed else []
        self._says = Content("\n").join(lines)

    def about(self) -> ComposeResult:
        yield Static(self._says, classes="dialog-text", markup=False)

    def action_choose(self, choice: str) -> None:
        if not choice or choice in self._entries:
            self.dismiss(choice or None)


class Rest(NamedTuple):
    """What was chosen: for so long, until it is renewed (None), or not at all any more."""

    lasts: timedelta | None
    over: bool = False


_RESTS: Final = {
    "m": ("15 minutes", Rest(timedelta(minutes=15))),
    "h": ("1 hour", Rest(timedelta(hours=1))),
    "r": ("until it is renewed", Rest(None)),
    "w": ("not any more: wake it", Rest(None, over=True)),
}


class SnoozeScreen(ChoosingScreen[Rest]):
    """For how long the chosen alerts should be silent. `snoozed` offers to end it."""

    acts_by_letter = True
    BINDINGS: ClassVar[list[BindingType]] = _keys(Entry(key, key, title) for key, (title, _) in _RESTS.items())

    def __init__(self, what: str, *, snoozed: bool) -> None:
        shown = [Entry(key, key, title) for key, (title, rest) in _RESTS.items() if snoozed or not rest.over]
        super().__init__(f"Snooze {what}", shown)

    def action_choose(self, choice: str) -> None:
        self.dismiss(_RESTS[choice][1] if choice in self._entries else None)
