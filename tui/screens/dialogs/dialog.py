"""What every dialog has in common: a frame, rows of a label and a control, one place for problems, one for the answer.

A dialog asks and hands back data; it calls nothing. Its layout never jumps: problems appear in lines that are always
there, and a button that cannot be pressed yet says why. What is still missing in a field that nobody has been in yet is
told quietly; it is called wrong once something was typed there, the field was left, or an answer was wanted.

Whoever opens it can have the answer tried first (`tries`): it stays until that went well, and says what did not.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import ClassVar, Final, NamedTuple, TypeVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Button, Checkbox, Input, Label, Static

from tui.actions.lines import command
from tui.actions.spoken import in_dashboard
from tui.issuance import UsageError
from tui.kube.text import safe_text
from tui.screens.clipboard import copy_command
from tui.widgets.key_line import KeyHints

Result = TypeVar("Result")
_USUAL_WIDTH: Final = 66
"""Cells of a line of problems, while that is not laid out yet."""
_MOST_LINES: Final = 5
"""So many lines what failed is said in."""


class Wrong(NamedTuple):
    """One thing that is wrong: the id of the `Field` it concerns, its name for people, and what to do."""

    field: str
    name: str
    message: str


def _said(problem: Wrong) -> str:
    return f"{problem.name}: {problem.message}" if problem.name else problem.message


def wrong(field: str, name: str, check: Callable[[], object]) -> list[Wrong]:
    """What the core itself says about a value: nothing, or the one thing that is wrong with it."""
    try:
        check()
    except UsageError as error:
        said = f"{error.message}; {error.hint}" if error.hint else error.message
        return [Wrong(field, name, in_dashboard(said))]
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

    @property
    def value(self) -> object:
        """What is typed, chosen or ticked in it."""
        return getattr(self._control, "value", None)

    def mark(self, wrong: bool) -> None:
        """Show on the label whether its value is wrong."""
        self.set_class(wrong, "-wrong")


class Dialog(ModalScreen[Result]):
    """A framed question. Subclasses give `heading`, `verb`, `rows`, `problems` and `answer`."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "cancel", key_display="esc"),
        Binding("ctrl+s", "accept", "accept", key_display="^s"),
        Binding("ctrl+r", "foresee", "dry run", key_display="^r"),
        Binding("ctrl+y", "copy_command", "copy the command", key_display="^y"),
        Binding("pageup", "turn(-1)", "page up", show=False),
        Binding("pagedown", "turn(1)", "page down", show=False),
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
    tries: Callable[[Result], Awaitable[Wrong | None]] | None = None
    """Sees whether the answer can be done, changing nothing: what is wrong with it, which keeps the dialog open."""
    failed: Wrong | None = None
    """What came of an answer before; said until the answer is another one."""
    _opened: dict[str, object] | None = None
    """What stood in the fields when it was opened; None while it is being opened."""
    _told: bool = False
    """Whether an answer was wanted already, so that all that is wrong is said as that."""

    def __init__(self) -> None:
        super().__init__()
        self._been: set[str] = set()
        """Fields that the user has been in and left."""
        self._trying: Result | None = None
        """The answer that is being tried."""
        self._of: Result | None = None
        """The answer that `failed`; None where nothing could be answered yet."""

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

    def look_again(self) -> None:
        """Called where an answer failed: for what is shown, which may not be so any more."""

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
        self.call_after_refresh(self._begin)

    def _begin(self) -> None:
        """From now on it is the user who changes and leaves fields."""
        self._opened = {field.id or "": field.value for field in self.query(Field)}
        if self.failed is not None and not self.problems():
            self._of = self.answer()

    def on_descendant_blur(self, event: events.DescendantBlur) -> None:
        field = next((one for one in event.widget.ancestors if isinstance(one, Field)), None)
        if self._opened is None or field is None or field.id in self._been:
            return
        if self.focused is not None and field not in self.focused.ancestors:
            self._been.add(field.id or "")
            self.check()

    @property
    def _touched(self) -> set[str]:
        """Fields that the user changed or left."""
        opened = self._opened
        if opened is None:
            return set()
        return self._been | {field.id or "" for field in self.query(Field) if field.value != opened.get(field.id or "")}

    def on_resize(self) -> None:
        self.remove_class("-crowded")
        self.query_one(".dialog-buttons").remove_class("-two")
        self.call_after_refresh(self.fit)

    def fit(self) -> None:
        """Where the terminal is too small for all of it, the fields scroll: the buttons and the keys stay."""
        if not self.is_mounted:
            return
        buttons = self.query_one(".dialog-buttons")
        taken = sum(button.outer_size.width + 2 for button in buttons.query(Button))
        if buttons.query_one(KeyHints).needs > buttons.size.width - taken:
            buttons.add_class("-two")
        frame = self.query_one(".dialog")
        bottom = max(child.virtual_region_with_margin.bottom for child in frame.children)
        if bottom > frame.size.height:
            self.add_class("-crowded")

    def action_turn(self, by: int) -> None:
        """Show what else there is of the fields, where they scroll."""
        rows = self.query_one(".dialog-rows")
        rows.scroll_relative(y=by * max(rows.size.height - 1, 1), animate=False)

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
        problems, touched = self.problems(), self._touched
        self._follow(problems)
        fields = {field.id for field in self.query(Field)}
        bad = [
            one for one in problems
            if self._told or one.field in touched or (touched and one.field not in fields)
        ]  # fmt: skip
        if self.failed is not None:
            bad.insert(0, self.failed)
        marked = {problem.field for problem in bad}
        for field in self.query(Field):
            field.mark(field.id in marked)
        shown = [("✖", "", one) for one in bad] + [("·", "$mute", one) for one in problems if one not in bad]
        lines = [Content.styled(f"{sign} {_said(one)}", tone) for sign, tone, one in shown]
        room = self.problem_lines
        if self._trying is not None:
            lines = [Content.styled("◌ checking, nothing is changed yet …   esc stops that", "$info")]
        elif len(lines) > room:
            lines = [
                *lines[: room - 1],
                Content.styled(f"{shown[room - 1][0]} and {len(shown) - room + 1} more", shown[room - 1][1]),
            ]
        shown_in = self.query_one(".problem", Static)
        shown_in.update(Content("\n").join(lines))
        if self.failed is not None:  # it is said whole: it may be long, and stands in no field's words
            width = shown_in.content_size.width or _USUAL_WIDTH
            room = max(room, min(sum(-(-line.cell_length // width) for line in lines), _MOST_LINES))
        shown_in.styles.height = room
        for button in self.query("#accept, #foresee").results(Button):
            button.disabled = bool(problems)
        self.call_after_refresh(self.fit)

    def action_accept(self) -> None:
        """Hand the answer back, unless something is still wrong: then it is said so, and gone there."""
        if not self._right() or self._trying is not None:
            return
        answer = self.answer()
        if self.tries is None or answer is None:
            self.dismiss(answer)
            return
        self._trying, self.failed = answer, None
        self.check()
        self.run_worker(self._try(self.tries, answer), group="tries", exclusive=True, exit_on_error=False)

    async def _try(self, tries: Callable[[Result], Awaitable[Wrong | None]], answer: Result) -> None:
        """Hand the answer back once it can be done; else say what is wrong with it, and go there."""
        found = await tries(answer)
        self._trying = None
        if found is None:
            self.dismiss(answer)
            return
        self.failed, self._of = found, answer
        self.look_again()
        self.check()
        self._go_to(found.field)

    def _follow(self, problems: Sequence[Wrong]) -> None:
        """What is tried or failed is that no longer once something else stands in the fields."""
        if self._trying is None and self.failed is None:
            return
        now = None if problems else self.answer()
        if self._trying is not None and now != self._trying:
            self._stop()
        if self._opened is not None and now != self._of:
            self.failed = None

    def _stop(self) -> None:
        """Try it no longer."""
        self._trying = None
        self.workers.cancel_group(self, "tries")

    def action_foresee(self) -> None:
        """Show what the answer would lead to; the dialog stays."""
        self._stop()
        if self.foresee is not None and self._right() and (answer := self.answer()) is not None:
            self.foresee(answer)

    def action_copy_command(self) -> None:
        """The command line that would do the same, to the terminal's clipboard."""
        self.notify(copy_command(self.app, self.command()), markup=False, timeout=6)

    def _right(self) -> bool:
        """Whether nothing is wrong; where something is, go to the first of it."""
        problems = self.problems()
        if problems and not self._told:
            self._told = True
            self.check()
        if problems:
            self._go_to(problems[0].field)
        return not problems

    def _go_to(self, id_: str) -> None:
        """Give the control of a field the focus."""
        for field in self.query(Field):
            if field.id == id_:
                for widget in field.query("Input, Select, Checkbox"):
                    widget.focus()

    def action_cancel(self) -> None:
        """Leave without an answer; what is being checked is only stopped."""
        if self._trying is not None:
            self._stop()
            self.check()
            return
        self.dismiss(None)
