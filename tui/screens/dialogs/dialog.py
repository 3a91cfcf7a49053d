"""What every dialog has in common: a frame, rows of a label and a control, one place for problems, one for the answer.

A dialog asks and hands back data; it calls nothing. Its layout never jumps: problems appear in lines that are always
there, and a button that cannot be pressed yet says why.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import ClassVar, NamedTuple, TypeVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Button, Checkbox, Input, Label, Static

from tui.actions.lines import command
from tui.issuance import UsageError
from tui.kube.text import safe_text
from tui.screens.clipboard import copy_command
from tui.widgets.key_line import KeyHints

Result = TypeVar("Result")


class Wrong(NamedTuple):
    """One thing that is wrong: the id of the `Field` it concerns, its name for people, and what to do."""

    field: str
    name: str
    message: str


def wrong(field: str, name: str, check: Callable[[], object]) -> list[Wrong]:
    """What the core itself says about a value: nothing, or the one thing that is wrong with it."""
    try:
        check()
    except UsageError as error:
        return [Wrong(field, name, f"{error.message}; {error.hint}" if error.hint else error.message)]
    return []


class Tick(Checkbox):
    """A check box that is seen whether it is ticked or not, and by its glyph, not only by its colour."""

    def render(self) -> Content:
        box = ("[✓] ", "$primary bold") if self.value else ("[ ] ", "$mute")
        tone = "$faint" if self.disabled else "$strong bold" if self.has_focus else "$foreground"
        return Content.assemble(box, (self.label.plain, tone))


class Equivalent(Static):
    """The command line that would do the same, and the key that copies it."""

    def __init__(self) -> None:
        super().__init__(classes="equivalent", markup=False, id="equivalent")

    def show(self, command: str) -> None:
        """Show this one from now on."""
        self.update(
            Content.assemble(
                (f"$ {safe_text(command)}", "$mute"), ("   ^y\N{NO-BREAK SPACE}copies\N{NO-BREAK SPACE}it", "$faint")
            )
        )


class Field(Horizontal):
    """One row of a form: a label and its control. `problem` marks the label."""

    def __init__(self, label: str, control: Widget, *, hint: str = "", key: str | None = None) -> None:
        super().__init__(classes="field", id=key)
        self._label = Label(label, classes="field-label", markup=False)
        self._control = control
        self._hint = hint

    def compose(self) -> ComposeResult:
        yield self._label
        yield self._control
        if self._hint:
            yield Label(self._hint, classes="field-hint", markup=False)

    def on_descendant_focus(self) -> None:
        self.add_class("-here")  # `:focus-within` leaves the label as it was

    def on_descendant_blur(self) -> None:
        self.remove_class("-here")

    def rename(self, label: str) -> None:
        """Change the label, where what is asked for depends on another field."""
        self._label.update(label)

    def mark(self, wrong: bool) -> None:
        """Show on the label whether its value is wrong."""
        self.set_class(wrong, "-wrong")


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


class Dialog(ModalScreen[Result]):
    """A framed question. Subclasses give `heading`, `verb`, `rows`, `problems` and `answer`."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "cancel", key_display="esc"),
        Binding("ctrl+s", "accept", "accept", key_display="^s"),
        Binding("ctrl+r", "foresee", "dry run", key_display="^r"),
        Binding("ctrl+y", "copy_command", "copy the command", key_display="^y"),
    ]
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (110, "-wide")]  # noqa: RUF012  Textual declares it per instance
    VERTICAL_BREAKPOINTS = [(0, "-short"), (24, "-tall"), (34, "-high")]  # noqa: RUF012

    heading: str = ""
    verb: str = "OK"
    problem_lines: int = 2
    keys: str = ""
    """What the last line says about keys beside those that every dialog has."""
    focuses: str = ""
    """What has the focus when it opens; empty: what Textual chooses."""
    enter_accepts: bool = False
    """Whether enter in a field is the answer, and not the way to the next field."""
    foresee: Callable[[Result], object] | None = None
    """Shows what the answer would lead to, where whoever opens the dialog can."""

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Label(self.heading, classes="dialog-title", markup=False)
            with Horizontal(classes="dialog-body"):
                with VerticalScroll(classes="dialog-rows", can_focus=False):
                    yield from self.rows()
                yield from self.beside()
            problems = Static(classes="problem", markup=False)
            problems.styles.height = self.problem_lines
            yield problems
            with Horizontal(classes="dialog-buttons"):
                yield Button(self.verb, id="accept", variant="primary", compact=True)
                if self.foresee is not None:
                    yield Button("Dry run", id="foresee", compact=True)
                yield Button("Cancel", id="cancel", compact=True)
                hint = f"{self.keys}^s {self.verb.lower()}   esc cancel   tab next"
                yield KeyHints(hint)

    def rows(self) -> Iterable[Widget]:
        """The fields, from top to bottom."""
        return ()

    def beside(self) -> Iterable[Widget]:
        """What stands beside the fields on a wide terminal, such as a preview."""
        return ()

    def problems(self) -> Sequence[Wrong]:
        """What is wrong with the values as they are; empty where `answer` can be given."""
        return ()

    def answer(self) -> Result | None:
        """The values as data."""
        raise NotImplementedError

    def equivalent(self) -> Sequence[str]:
        """The command line that would do the same, word by word; empty where there is none."""
        return ()

    def command(self) -> str:
        """The same for a shell, quoted, for the fleet that the dashboard was opened for."""
        words = self.equivalent()
        return command(words, getattr(self.app, "command_options", ())) if words else ""

    def refreshed(self) -> None:
        """Called whenever a value changed: for previews and fields that depend on others."""

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "copy_command":
            return bool(self.query(Equivalent))
        return action != "foresee" or self.foresee is not None

    def on_mount(self) -> None:
        self.check()
        if self.focuses:
            self.query_one(self.focuses).focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self.check()

    def on_select_changed(self) -> None:
        self.check()

    def on_checkbox_changed(self) -> None:
        self.check()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.focus_next()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        if event.button.id == "accept":
            self.action_accept()
        elif event.button.id == "foresee":
            self.action_foresee()
        else:
            self.action_cancel()

    def check(self) -> None:
        """Show the problems of the values as they are."""
        self.refreshed()
        for equivalent in self.query(Equivalent):
            equivalent.show(self.command())
        problems = self.problems()
        marked = {problem.field for problem in problems}
        for field in self.query(Field):
            field.mark(field.id in marked)
        shown = [f"{problem.name}: {problem.message}" if problem.name else problem.message for problem in problems]
        room = self.problem_lines
        if len(shown) > room:
            shown = [*shown[: room - 1], f"and {len(shown) - room + 1} more"]
        self.query_one(".problem", Static).update(Content("\n".join(f"✖ {line}" for line in shown)))
        for button in self.query("#accept, #foresee").results(Button):
            button.disabled = bool(problems)

    def action_accept(self) -> None:
        """Hand the answer back, unless something is still wrong: then go there."""
        if self._right():
            self.dismiss(self.answer())

    def action_foresee(self) -> None:
        """Show what the answer would lead to; the dialog stays."""
        if self.foresee is not None and self._right() and (answer := self.answer()) is not None:
            self.foresee(answer)

    def action_copy_command(self) -> None:
        """The command line that would do the same, to the terminal's clipboard."""
        self.notify(copy_command(self.app, self.command()), markup=False, timeout=6)

    def _right(self) -> bool:
        """Whether nothing is wrong; where something is, go to the first of it."""
        problems = self.problems()
        for field in self.query(Field) if problems else ():
            if field.id == problems[0].field:
                for widget in field.query("Input, Select, Checkbox"):
                    widget.focus()
        return not problems

    def action_cancel(self) -> None:
        """Leave without an answer."""
        self.dismiss(None)
