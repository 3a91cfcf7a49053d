"""The dialog that writes an existing credential to one more place: in which format, where, and what that changes.

What would be written, and how it differs from what is there, is shown masked while the fields are filled in; it is
worked out by the engine, a moment after the last key.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import Checkbox, Input, Select, Static

from tui.actions.lines import export_words
from tui.actions.paths import file_stem, is_folder, whole_path
from tui.issuance.errors import IssuanceError
from tui.issuance.formats import Format
from tui.issuance.names import check_names
from tui.issuance.running import explain
from tui.issuance.types import Credential, Destination, FileDestination, SecretDestination, kind_label
from tui.kube.errors import KubeError
from tui.kube.text import safe_text
from tui.widgets.choice import Choice

from .dialog import Dialog, Equivalent, Field, Tick, Wrong, wrong
from .reading import coloured

if TYPE_CHECKING:
    from tui.issuance.copying import ExportPreview

OWN_FILE: Final = "a file of its own"
MERGE: Final = "an existing kubeconfig"
SECRET: Final = "a Secret in a cluster"
_TICKS: Final = {
    "force": "replace what is there; it is kept beside it",
    "other-server": "it may lead elsewhere than its cluster is known to be",
}
_MOMENT: Final = 0.25
"""Seconds without a change after which the preview is worked out anew."""


@dataclass(frozen=True, slots=True)
class ExportWish:
    """Where to, in which format, and what was ticked: that something is replaced, that it leads elsewhere."""

    destination: Destination
    format: Format
    force: bool = False
    other_server: bool = False


Foresee = Callable[[ExportWish], "Awaitable[ExportPreview]"]


class ExportScreen(Dialog[ExportWish | None]):
    """Asks for everything a copy needs; `look` works out what it would be, `why_not` says what is read-only."""

    heading = "Export"
    verb = "Export"
    problem_lines = 2
    keys = "f2 preview   "
    BINDINGS: ClassVar[list[BindingType]] = [Binding("f2", "preview", "preview", key_display="f2")]

    def __init__(
        self,
        credential: Credential,
        *,
        folder: Path,
        clusters: Sequence[str] = (),
        look: Foresee | None = None,
        why_not: Callable[[str], str] = lambda cluster: "",
    ) -> None:
        from tui.issuance.exporting import formats_of

        super().__init__()
        self._credential = credential
        self._folder = folder
        self._formats = formats_of(credential)
        identity = credential.identity
        own = identity.cluster if identity is not None else credential.address.cluster
        self._clusters = sorted({*clusters, own} - {""}, key=lambda name: (name != own, name))
        self._look = look
        self._why_not = why_not
        self._path_typed = False
        self._kept = OWN_FILE
        self._wanted: ExportWish | None = None
        """What the preview is of, or will be in a moment."""
        self._found: ExportPreview | None = None
        self._refused = ""
        self._timer: Timer | None = None

    def rows(self) -> Iterable[Widget]:
        credential = self._credential
        about = f"{kind_label(credential)} {credential.address}"
        yield Static(safe_text(about), classes="dialog-text", markup=False)
        forms = [(form.value, form) for form in self._formats]
        choice = Choice(forms, value=self._formats[0], allow_blank=False, compact=True, id="f-format")
        yield Field("Format", choice, key="format")
        places = [OWN_FILE] if credential.shoot is not None else [OWN_FILE, MERGE, SECRET]
        kept = Choice([(one, one) for one in places], value=OWN_FILE, allow_blank=False, compact=True, id="f-kept")
        yield Field("Write to", kept, key="kept")
        names = [(safe_text(name), name) for name in self._clusters]
        first: Any = self._clusters[0] if self._clusters else Select.NULL
        yield Field("Cluster", Choice(names, value=first, prompt="none", compact=True, id="f-cluster"), key="cluster")
        yield Field("Path", Input(compact=True, id="f-path"), key="path")
        for word, label in _TICKS.items():  # each only where the preview says that it has to be said
            yield Field("", Tick(label, compact=True, id=f"f-{word}"), key=word)
        yield Static(classes="dialog-note", markup=False, id="note")
        yield Equivalent()

    def beside(self) -> Iterable[Widget]:
        with VerticalScroll(classes="preview", can_focus=True):
            yield Static("◌ looking …", id="yaml", markup=False)

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one("#f-path").focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        if event.input.id == "f-path" and event.value != self._suggested():
            self._path_typed = True
        super().on_input_changed(event)

    def refreshed(self) -> None:
        kept = self._chosen("f-kept")
        if kept != self._kept:
            self._kept, self._path_typed = kept, False
        path = self.query_one("#f-path", Input)
        if not self._path_typed and path.value != self._suggested():
            with self.prevent(Input.Changed):
                path.value = self._suggested()
        self.query_one("#cluster", Field).display = kept == SECRET
        self.query_one("#path", Field).rename("Secret" if kept == SECRET else "Path")
        self._look_soon()
        asked = self._asked()
        for word in _TICKS:
            self.query_one(f"#{word}", Field).display = word in asked
            if word not in asked and self._ticked(word):
                self.query_one(f"#f-{word}", Checkbox).value = False  # a tick counts for what it was set for
        self._draw()

    def problems(self) -> Sequence[Wrong]:
        found = self._own_problems()
        if not found and self._refused:
            found.append(Wrong("path", "", self._refused))
        found += [Wrong(word, "", f"{why}: tick that it is meant") for word, why in self._unsaid()]
        return found

    def answer(self) -> ExportWish:
        wish = self._bare()
        return replace(wish, force=self._ticked("force"), other_server=self._ticked("other-server"))

    def equivalent(self) -> Sequence[str]:
        words = export_words(self._credential, self._destination(), Format(self._chosen("f-format")))
        return [*words, *(f"--{word}" for word in _TICKS if self._ticked(word))]

    def _bare(self) -> ExportWish:
        """The wish without what was ticked, which is what the preview is of."""
        return ExportWish(self._destination(), Format(self._chosen("f-format")))

    def _asked(self) -> dict[str, str]:
        """What has to be ticked, and why."""
        return {ask.word.value: ask.why for ask in self._found.asks} if self._found is not None else {}

    def _unsaid(self) -> list[tuple[str, str]]:
        return [(word, safe_text(why)) for word, why in self._asked().items() if not self._ticked(word)]

    def _ticked(self, word: str) -> bool:
        return self.query_one(f"#f-{word}", Checkbox).value

    def action_preview(self) -> None:
        """On a narrow terminal: the preview instead of the fields, and back."""
        self.query_one(".dialog").toggle_class("-preview")
        if self.query_one(".dialog").has_class("-preview"):
            self.query_one(".preview").focus()

    # What would be written

    def _look_soon(self) -> None:
        """Work the preview out for what is wished for now, unless it is that already."""
        wish = None if self._own_problems() else self._bare()
        if wish == self._wanted:
            return
        self._wanted, self._found, self._refused = wish, None, ""
        if self._timer is not None:
            self._timer.stop()
        if self._look is not None and wish is not None:
            self._timer = self.set_timer(_MOMENT, self._look_now)

    def _look_now(self) -> None:
        self.run_worker(self._looked(), group="preview", exclusive=True, exit_on_error=False)

    async def _looked(self) -> None:
        wish = self._wanted
        if self._look is None or wish is None:
            return
        found, refused = None, ""
        try:
            found = await self._look(wish)
        except (IssuanceError, KubeError, OSError) as error:
            refused = ": ".join(part for part in explain(error) if part)
        except Exception as error:  # noqa: BLE001 - hostile material must not end the dashboard
            refused = explain(error)[0]
        if wish == self._wanted:
            self._found, self._refused = found, safe_text(refused)
            self.check()

    def _draw(self) -> None:
        found = self._found
        note = "The copy shares the original's life: it ends when that is rotated or revoked."
        if found is not None:
            note = "\n".join([found.foreseen.hint, *(f"! {warning}" for warning in found.plan.warnings)])
        self.query_one("#note", Static).update(_lines(note))
        self.query_one("#yaml", Static).update(self._preview())

    def _preview(self) -> Content:
        if self._found is None:
            waiting = self._wanted is not None and self._look is not None and not self._refused
            said = "◌ looking …" if waiting else "nothing to show while this cannot be done"
            return Content.styled(said, "$mute")
        found, where = self._found, safe_text(self._text(), 200)
        parts = []
        if found.foreseen.exists:
            changes = found.plan.preview.splitlines()
            title = "what changes there" if changes else f"{where} holds exactly this already"
            parts += [Content.styled(title, "$primary bold"), *map(_changed, changes), Content("")]
        merged = self._kept == MERGE
        parts.append(Content.styled("what is put in" if merged else "what is written", "$primary bold"))
        return Content("\n").join([*parts, coloured(found.foreseen.text)])

    # The fields

    def _own_problems(self) -> list[Wrong]:
        """What can be known to be wrong without asking anybody."""
        kept, text = self._chosen("f-kept"), self._text()
        if kept == MERGE and not Format(self._chosen("f-format")).rules.merges:
            return [Wrong("format", "Format", "only a kubeconfig can go into a kubeconfig")]
        if kept != SECRET:
            if not text:
                return [Wrong("path", "Path", "say where to write it")]
            if str(whole_path(text)).startswith(str(Path.cwd() / "~")):
                return [Wrong("path", "Path", "there is no such home folder")]
            return [Wrong("path", "Path", "this is a folder, name a file in it")] if is_folder(text) else []
        cluster = self._chosen("f-cluster")
        if cluster is None:
            return [Wrong("cluster", "Cluster", "choose one")]
        if why := self._why_not(str(cluster)):
            return [Wrong("cluster", "Cluster", why)]
        namespace, slash, name = text.partition("/")
        if not slash:
            return [Wrong("path", "Secret", "write namespace/name")]
        return wrong("path", "Secret", lambda: check_names(namespace, name, "Secret"))

    def _destination(self) -> Destination:
        text, kept = self._text(), self._chosen("f-kept")
        if kept == SECRET:
            namespace, _, name = text.partition("/")
            return SecretDestination(str(self._chosen("f-cluster") or ""), namespace or "NS", name or "NAME")
        path = str(whole_path(text)) if text else "PATH"
        return FileDestination(path, merge=kept == MERGE)

    def _suggested(self) -> str:
        credential, kept = self._credential, self._chosen("f-kept")
        identity = credential.identity
        if kept == MERGE:
            return "~/.kube/config"
        if kept == SECRET:
            return f"{identity.namespace}/{identity.name}-copy" if identity else ""
        stem = f"{identity.namespace}-{identity.name}" if identity else credential.address.name or "credential"
        name, suffix = file_stem(Path(stem).name), Format(self._chosen("f-format")).rules.suffix
        path = self._folder / f"{name}.{suffix}"
        if credential.address.name == str(path):  # a copy beside itself, not over itself
            path = self._folder / f"{name}-copy.{suffix}"
        return str(path)

    def _text(self) -> str:
        return self.query_one("#f-path", Input).value.strip()

    def _chosen(self, id_: str) -> Any:
        value = self.query_one(f"#{id_}", Select).value
        return None if value is Select.NULL else value


def _lines(text: str) -> str:
    return "\n".join(safe_text(line, 300) for line in text.splitlines())


def _changed(line: str) -> Content:
    """One line of a diff."""
    tone = {"+": "$good", "-": "$bad", "@": "$mute"}.get(line[:1], "$foreground")
    return Content.styled(safe_text(line), tone)
