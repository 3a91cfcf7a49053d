"""What does the same as the keys, outside of the dashboard: a command line or a request for each, to copy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, NamedTuple

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from tui.actions.action import AnyAction
from tui.actions.lines import Line
from tui.kube.text import safe_text
from tui.screens.clipboard import copy_command

from .reader import Reader


class Equivalent(NamedTuple):
    """One action that is possible now, and one line that does it elsewhere."""

    action: AnyAction
    line: Line


class EquivalentsScreen(Reader[None]):
    """One option per line. `options` say which kubeconfig is meant; `rest` are the actions without a line."""

    VERTICAL_BREAKPOINTS = [(0, "-short"), (24, "-tall")]  # noqa: RUF012 - Textual's own way
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,dollar_sign", "leave", "close", key_display="esc"),
        Binding("c", "copy", "copy"),
        Binding("j", "move(1)", "down", show=False),
        Binding("k", "move(-1)", "up", show=False),
    ]

    def __init__(
        self, title: str, found: Sequence[Equivalent], rest: Sequence[AnyAction], options: Sequence[str] = ()
    ) -> None:
        super().__init__(safe_text(f"As commands  {title}", 200))
        self._found = list(found)
        self._rest = list(rest)
        self._options = options

    def body(self) -> ComposeResult:
        yield OptionList(*(Option(self._drawn(one)) for one in self._found), id="equivalents", markup=False)
        yield Static(self._said(), id="equivalents-rest", markup=False)

    def keys(self) -> str:
        return "enter copy   esc close   ↑↓ choose"

    def on_mount(self) -> None:
        self.query_one(OptionList).focus()

    @property
    def command(self) -> str:
        """What is under the cursor, as it is copied."""
        at = self.query_one(OptionList).highlighted
        return self._text(self._found[at].line) if at is not None else ""

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.action_copy()

    def action_copy(self) -> None:
        """Copy the line under the cursor."""
        if self.command:
            self.notify(copy_command(self.app, self.command), markup=False, timeout=6)

    def action_move(self, by: int) -> None:
        options = self.query_one(OptionList)
        options.action_cursor_down() if by > 0 else options.action_cursor_up()

    def _text(self, line: Line) -> str:
        known = ("kubemint", "kubectl")
        return line.text(self._options if line.words[:1] and line.words[0] in known else ())

    def _drawn(self, one: Equivalent) -> Content:
        action, line = one
        key = action.key_display or action.key
        title = Content.assemble((f"{key:<2} ", "$mute"), (action.title, "$primary bold"))
        if line.request:
            where = f"  to {line.cluster}" if line.cluster else ""
            body = Content.assemble((safe_text(line.request), "$foreground"), (safe_text(where), "$mute"))
        else:
            body = Content.assemble(("$ ", "$mute"), (safe_text(self._text(line)), "$foreground"))
        return Content("\n").join([title, body])

    def _said(self) -> str:
        """What is not in the list, and why."""
        forms = [action.title for action in self._rest if action.elsewhere]
        here = [action.title for action in self._rest if not action.elsewhere]
        said = [f"Decided in their forms: {', '.join(forms)}."] if forms else []
        return "\n".join([*said, *([f"Only here: {', '.join(here)}."] if here else [])])
