"""The dialog that writes an existing credential to one more place: in which format, where, and what that changes.

What would be written, and how it differs from what is there, is shown masked while the fields are filled in; it is
worked out by the engine, a moment after the last key.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from textual import work
from textual.content import Content
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import Checkbox, Static

from tui.actions.exporting import EXPORT, ExportWish, begun
from tui.actions.spoken import in_dashboard
from tui.issuance import Credential, Field, IssuanceError, asking as ask, explain, kind_label
from tui.kube.errors import KubeError
from tui.kube.text import safe_text

from .dialog import Wrong
from .form import PreviewedForm
from .reading import coloured

if TYPE_CHECKING:
    from tui.issuance import ExportPreview

_WORDS: Final = [field.id for field in EXPORT.fields if field.word]
_MOMENT: Final = 0.25
"""Seconds without a change after which the preview is worked out anew."""
Foresee = Callable[[ExportWish], "Awaitable[ExportPreview]"]


class ExportScreen(PreviewedForm[ExportWish]):
    """Asks for everything a copy needs; `look` works out what it would be, `why_not` says what is read-only."""

    heading = "Export"
    verb = "Export"
    starts = "path"
    keys = "f2 preview   "

    def __init__(
        self,
        credential: Credential,
        *,
        folder: Path,
        clusters: Sequence[str] = (),
        look: Foresee | None = None,
        why_not: Callable[[str], str] = lambda cluster: "",
    ) -> None:
        said = begun(credential, folder)
        own = said["cluster"]
        names = sorted({*clusters, own} - {""}, key=lambda name: (name != own, name))
        super().__init__(EXPORT, said, names, folder)
        self._credential = credential
        self._look = look
        self._why_not = why_not
        self._wanted: ExportWish | None = None
        """What the preview is of, or will be in a moment."""
        self._found: ExportPreview | None = None
        self._refused = ""
        self._timer: Timer | None = None

    def rows(self) -> Iterable[Widget]:
        about = f"{kind_label(self._credential)} {self._credential.address}"
        yield Static(safe_text(about), classes="dialog-text", markup=False)
        yield from super().rows()

    def notes(self) -> Iterable[Widget]:
        yield Static(classes="dialog-note", markup=False, id="note")

    def choices(self, field: Field) -> Sequence[tuple[str, str]]:
        from tui.issuance import formats_of

        if field.id == "format":
            return [(form.value, form.value) for form in formats_of(self._credential)]
        found = super().choices(field)
        return found[:1] if self._credential.shoot is not None else found

    def refreshed(self) -> None:
        super().refreshed()
        self.query_one("#cluster").display = ask.place_way(self.said).in_cluster
        self._look_soon()
        asked = self._asked()
        for word in _WORDS:  # each only where the preview says that it has to be said
            tick = self.query_one(f"#f-{word}", Checkbox)
            self.query_one(f"#{word}").display = word in asked
            tick.value = tick.value and word in asked  # a tick counts for what it was set for
        self._draw()

    def problems(self) -> Sequence[Wrong]:
        found = self._own_problems()
        if not found and self._refused:
            found.append(Wrong("path", "", self._refused))
        said = self.said
        unsaid = ((word, safe_text(why)) for word, why in self._asked().items() if not said[word])
        return [*found, *(Wrong(word, "", f"{why}: tick to allow it") for word, why in unsaid)]

    def _own_problems(self) -> list[Wrong]:
        """What can be known to be wrong without asking anybody."""
        found, said = list(super().problems()), self.said
        if not found and ask.place_way(said).in_cluster and (why := self._why_not(said["cluster"])):
            found.append(Wrong("cluster", "Cluster", why))
        return found[:1]

    def _asked(self) -> dict[str, str]:
        """What has to be ticked, and why."""
        asks = self._found.asks if self._found is not None else ()
        return {ask.word.value.replace("-", "_"): ask.why for ask in asks}

    def answer(self) -> ExportWish:
        wish = super().answer()
        if self._found is not None:
            self.words["as_seen"] = self._found.seen  # what is done is what was shown
        return wish

    def action_preview(self) -> None:
        """On a narrow terminal: the preview instead of the fields, and back."""
        super().action_preview()
        if self.query_one(".dialog").has_class("-preview"):
            self.query_one(".preview").focus()

    def look_again(self) -> None:
        self._wanted = None

    # What would be written

    def _look_soon(self) -> None:
        """Work the preview out for what is wished for now, unless it is that already."""
        wish = None if self._own_problems() else self.answer()
        if wish == self._wanted:
            return
        self._wanted, self._found, self._refused = wish, None, ""
        if self._timer is not None:
            self._timer.stop()
        if self._look is not None and wish is not None:
            self._timer = self.set_timer(_MOMENT, self._looked)

    @work(group="preview", exclusive=True, exit_on_error=False)
    async def _looked(self) -> None:
        wish = self._wanted
        if self._look is None or wish is None:
            return
        found, refused = None, ""
        try:
            found = await self._look(wish)
        except (IssuanceError, KubeError, OSError) as error:
            refused = in_dashboard(": ".join(part for part in explain(error) if part), self.action.fields)
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
            note = in_dashboard(note, self.action.fields)
        self.query_one("#note", Static).update("\n".join(safe_text(line, 300) for line in note.splitlines()))
        self.query_one("#yaml", Static).update(self._preview())

    def _preview(self) -> Content:
        if self._found is None:
            waiting = self._wanted is not None and self._look is not None and not self._refused
            said = "◌ looking …" if waiting else "nothing to show while this cannot be done"
            return Content.styled(said, "$mute")
        found, where = self._found, safe_text(self.said["path"], 200)
        parts = []
        if found.foreseen.exists:
            changes = found.plan.preview.splitlines()
            title = "what changes there" if changes else f"{where} holds exactly this already"
            parts += [Content.styled(title, "$primary bold"), *map(_changed, changes), Content("")]
        merged = ask.place_way(self.said).merges
        parts.append(Content.styled("what is put in" if merged else "what is written", "$primary bold"))
        return Content("\n").join([*parts, coloured(found.foreseen.text)])


def _changed(line: str) -> Content:
    """One line of a diff."""
    tone = {"+": "$good", "-": "$bad", "@": "$mute"}.get(line[:1], "$foreground")
    return Content.styled(safe_text(line), tone)
