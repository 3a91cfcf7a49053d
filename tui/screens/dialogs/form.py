"""A form made from an action's fields: what it asks for, what is wrong with it, and the same as a command line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final, TypeVar

from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Checkbox, Input, Select, Static

from tui.actions.action import Action, AnyAction
from tui.actions.lines import Asked as Chosen
from tui.actions.spoken import in_dashboard
from tui.fleet.names_known import doubts
from tui.issuance import (
    Choice as Option,
    Control,
    Fault,
    Field as Asked,
    Said,
    Sheet,
    culprit,
    in_form,
    named_fields as named,
)
from tui.kube.text import safe_text
from tui.widgets.choice import Choice

from .dialog import Dialog, Equivalent, Field, Tick, Wrong

if TYPE_CHECKING:
    from tui.screens.session import Session

Wish = TypeVar("Wish")
_LABEL: Final = 11
"""So long a label fits into the usual column, with a space behind it."""


class Form(Dialog[Wish | None]):
    """Asks for the wish of an action. `begun` is what stands in it first, `clusters` what can be chosen from."""

    verb = ""
    """What its button says; empty: what the action's job is called."""
    foresees = True
    """Whether it offers the dry run."""
    starts: str = ""
    """The field that the user begins in where nothing is missing; empty: the first."""

    def __init__(
        self,
        action: Action[Wish],
        begun: Said,
        clusters: Sequence[str] = (),
        folder: Path | None = None,
        sheet: Sheet | None = None,
    ) -> None:
        super().__init__()
        self.heading = self.heading or action.title
        self.verb = self.verb or action.job.capitalize() or "OK"
        self._folder = folder or Path()
        self.action = action
        self._begun = begun
        self._clusters = list(clusters)
        self._sheet = sheet or Sheet()
        self.foresees = self.foresees and self._sheet.foresees
        self._offered = {field.id: self._choices(field, begun) for field in self.asked}
        self._typed: set[str] = set()
        self.words: dict[str, Any] = {}
        """What the last answer said beside the wish (`force`)."""
        self.kept: dict[str, Any] = {}
        """What stood in its controls at the last answer, for `begin_with`."""
        self._answered: Said = begun
        """What the last answer was made from."""
        self._ways = {field.id: field.way(begun).name for field in action.fields if field.ways}

    def begin_with(self, kept: Mapping[str, Any], failed: Wrong | None) -> None:
        """Begin as one of the same action was answered before, and with what came of that."""
        self._begun = {**self._begun, **kept}
        self._typed = set(kept)
        self._ways = {field.id: field.way(self._begun).name for field in self.action.fields if field.ways}
        self.failed = failed

    @classmethod
    def of(cls, action: Action[Wish], asked: Chosen) -> Form[Wish]:
        """One made from the definition alone, for what is chosen."""
        assert action.begin is not None
        return cls(action, action.begin(asked, asked.row), asked.clusters, asked.folder, action.sheet(asked))

    def rows(self) -> Iterable[Widget]:
        for field in self.asked:
            yield from self.row(field)
        yield from self.notes()
        if self.action.verb:
            yield Equivalent()

    @property
    def asked(self) -> list[Asked]:
        """What it asks for, from top to bottom."""
        return [field for field in self.action.fields if field.label]

    def row(self, field: Asked) -> Iterable[Widget]:
        """One field with its control."""
        tick = field.control is Control.TICK
        yield Field("" if tick else field.label, self._control(field), hint=field.hint, key=field.id)

    def _control(self, field: Asked) -> Widget:
        text, id_ = self._begun.get(field.id, field.default), f"f-{field.id}"
        if field.control is Control.TICK:
            return Tick(field.label, bool(text), compact=True, id=id_)
        if field.control is Control.CLUSTER:
            names = [(safe_text(name), name) for name in self._clusters]
            return self._chooser(names, text, id_)
        if field.control is Control.CHOICE:
            options = self.choices(field)
            if field.missing:
                meant = (one.value for one in self._offered[field.id] if one.means and _says(self._begun, one))
                return self._chooser(options, next(meant, text), id_)
            return Choice(options, value=text or options[0][1], allow_blank=False, compact=True, id=id_)
        return Input(str(text), placeholder=field.placeholder, compact=True, id=id_)

    @staticmethod
    def _chooser(options: Sequence[tuple[str, str]], text: object, id_: str) -> Widget:
        """One that nothing may be chosen in yet."""
        chosen: Any = text if text in [value for _, value in options] else Select.NULL
        return Choice(options, value=chosen, prompt="choose", compact=True, id=id_)

    def choices(self, field: Asked) -> Sequence[tuple[str, str]]:
        """What can be chosen in a field: what it is called, and what is said then."""
        return [(safe_text(choice.text or choice.value), choice.value) for choice in self._offered[field.id]]

    def _choices(self, field: Asked, said: Said) -> Sequence[Option]:
        made = self._sheet.choices.get(field.id)
        return field.choices if made is None else made(said)

    def notes(self) -> Iterable[Widget]:
        """What stands below the fields."""
        yield Static(classes="dialog-note", markup=False, id="sheet-note")

    def on_mount(self) -> None:
        super().on_mount()
        self.set_class(
            any(len(field.label) > _LABEL and field.control is not Control.TICK for field in self.asked), "-long-labels"
        )
        self.query_one(f"#f-{self.first()}").focus()

    def first(self) -> str:
        """The field that the user begins in: the first that misses something, else where the form says."""
        said, typed = self.said, [field for field in self.asked if field.control is Control.TEXT]
        if starts := self._sheet.starts(said):
            return starts
        asked = [field for field in self.asked if field.missing and not said.get(field.id, "?")]
        return next((field.id for field in asked), self.starts or typed[0].id)

    def suggest(self, said: Said) -> Mapping[str, str]:
        """What fields hold that follow others, until the user types in them."""
        return self.action.suggest(said, self._folder)

    @property
    def said(self) -> dict[str, Any]:
        """What stands in it now."""
        found = dict(self._begun)
        for field in self.asked:
            control = self.query_one(f"#f-{field.id}")
            if control.disabled or not self.query_one(f"#{field.id}").display:
                found.pop(field.id, None)  # what is not asked is not said
                continue
            if isinstance(control, Checkbox):
                found[field.id] = control.value
            elif isinstance(control, Select):
                chosen = "" if control.value is Select.NULL else control.value
                meant = next((one.means for one in self._offered[field.id] if one.means and one.value == chosen), None)
                found |= {field.id: chosen} if meant is None else meant
            elif isinstance(control, Input):
                found[field.id] = control.value.strip()
        return found

    def on_input_changed(self, event: Input.Changed) -> None:
        field = (event.input.id or "").removeprefix("f-")
        if event.value != self.suggest(self.said).get(field):
            self._typed.add(field)
        super().on_input_changed(event)

    def refreshed(self) -> None:
        hidden = self._sheet.hides(self.said)
        for field in self.asked:
            self.query_one(f"#{field.id}").display = field.id not in hidden
        said = self.said
        self._tell(said)
        for field in self.asked:
            if field.ways and (way := field.way(said)).name != self._ways[field.id]:
                self._ways[field.id] = way.name
                self._typed.discard(field.id)
                self.query_one(f"#{field.id}", Field).rename(way.label)
        for id_, text in self.suggest(said).items():
            control = self.query_one(f"#f-{id_}", Input)
            if id_ not in self._typed and control.value != text:
                with self.prevent(Input.Changed):
                    control.value = text

    def _tell(self, said: Said) -> None:
        """What to know of it, where there is a place for that."""
        lines = [Content.styled(f"! {safe_text(line)}", "$warn") for line in self._sheet.warns(said)]
        lines += [Content(safe_text(line)) for line in self._sheet.note(said).splitlines()]
        lines += [Content.styled(f"· {line}", "$mute") for line in self._unseen(said)]
        for note in self.query("#sheet-note").results(Static):
            note.update(Content("\n").join(lines))
            note.display = bool(lines)

    def _unseen(self, said: Said) -> list[str]:
        """Names that the fleet has not seen in the cluster, while they are typed: it may be right all the same."""
        session: Session | None = getattr(self.app, "session", None)  # a form alone knows no fleet
        if session is None or not any(field.id == "create" for field in self.asked):
            return []
        named = {field.names: str(said.get(field.id) or "") for field in self.asked if field.names}
        found = doubts(session.store, str(said.get("cluster") or ""), named)
        return [line for kind, line in found.items() if not (kind == "serviceaccounts" and said.get("create"))]

    def problems(self) -> Sequence[Wrong]:
        said = self.said
        return [*(_of_form(self.action, fault, said) for fault in self._sheet.faults(said)), *wrongs(self.action, said)]

    def blaming(self, message: str, hint: str, blames: str) -> Wrong:
        """What came of its last answer, said of the field that is at fault where one is."""
        field = culprit(self.asked, self._answered, blames)
        return _of_form(self.action, Fault(field.id if field is not None else "", message, hint), self._answered)

    def answer(self) -> Wish:
        said = self._answered = self.said
        self.kept = {field.id: self.query_one(f"#{field.id}", Field).value for field in self.asked}
        self.words = self.action.said_so(said)
        return self.action.wish(said)

    def equivalent(self) -> Sequence[str]:
        return self.action.line(self.said)


def _says(said: Said, choice: Option) -> bool:
    return all(said.get(id_) == text for id_, text in choice.means.items())


def wrongs(action: AnyAction, said: Said) -> list[Wrong]:
    """What is wrong with what was said, in the words of the action's form."""
    return [_of_form(action, fault, said) for fault in action.faults(said)]


def _of_form(action: AnyAction, fault: Fault, said: Said) -> Wrong:
    message = f"{fault.message}; {fault.hint}" if fault.hint else fault.message
    message = in_dashboard(named(message, action.fields, in_form, said), action.fields)
    field = next((field for field in action.fields if field.id == fault.field), None)
    unnamed = field is None or field.control is Control.TICK
    return Wrong(fault.field, "" if unnamed or field is None else in_form(field, said), message)


class PreviewedForm(Form[Wish]):
    """One with something beside its fields, which on a narrow terminal takes their place with f2."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("f2", "preview", "preview", key_display="f2")]

    def beside(self) -> Iterable[Widget]:
        with VerticalScroll(classes="preview", can_focus=True):
            yield Static(id="yaml", markup=False)

    def show(self, text: str) -> None:
        """Show this beside the fields."""
        self.query_one("#yaml", Static).update("\n".join(safe_text(line) for line in text.splitlines()))

    def action_preview(self) -> None:
        """On a narrow terminal: what is beside the fields instead of them, and back."""
        self.query_one(".dialog").toggle_class("-preview")
