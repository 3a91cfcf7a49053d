"""The settings as they count now: what each is, where it comes from, and the few that are changed here.

A theme shows at once. Before anything is written the lines of the file that would change are shown.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input, Select, Static

from tui.actions.spoken import in_dashboard
from tui.issuance import IssuanceError, format_duration, parse_duration
from tui.kube.paths import short_path
from tui.kube.text import safe_text
from tui.settings import Confirm, Loaded
from tui.settings.schema import plain
from tui.settings.writing import CHANGEABLE, Change, plan_change
from tui.widgets.choice import Choice
from tui.widgets.themes import NAMES, known_theme, short_name

from .dialog import Dialog, Field, Wrong, wrong

_DIFF_LINES: Final = 4
_ASKS: Final = {
    Confirm.NEVER: "only before several",
    Confirm.DESTRUCTIVE: "before destroying, or several",
    Confirm.ALWAYS: "always, before a rotation too",
}
_SHOWN: Final = ("readOnly", "readOnlyContexts", "keymap", "columns", "alerts")
"""What is only shown here; it is written by hand."""


class SettingsScreen(Dialog[dict[str, object] | None]):
    """Hands back what was changed, by the names of the model's fields."""

    verb = "Write"
    problem_lines = 1
    focuses = "#f-theme"

    def __init__(self, loaded: Loaded, *, passing: bool, theme: str) -> None:
        super().__init__()
        self._loaded = loaded
        self._passing = passing
        """Whether nothing is written: the embedded fleet leaves this machine alone."""
        self._theme = theme
        self.change: Change | None = None
        self.heading = f"Settings   {self._about()}"
        if passing:
            self.verb = "Apply"

    def rows(self) -> Iterable[Widget]:
        settings = self._loaded.settings
        theme = Choice([(name, name) for name in NAMES], value=short_name(self._theme), allow_blank=False,
                       compact=True, id="f-theme")  # fmt: skip
        asks = Choice([(text, choice.value) for choice, text in _ASKS.items()], value=settings.confirm.value,
                      allow_blank=False, compact=True, id="f-confirm")  # fmt: skip
        for label, control, name in (
            ("Theme", theme, "theme"),
            ("Ask first", asks, "confirm"),
            ("Grace", Input(format_duration(settings.grace), compact=True, id="f-grace"), "grace"),
            ("Lifetime", Input(format_duration(settings.lifetime), compact=True, id="f-lifetime"), "lifetime"),
            ("Exports to", Input(settings.export_folder, compact=True, id="f-export_folder"), "exportFolder"),
        ):
            yield Field(label, control, hint=_source(self._loaded, name), key=name)
        diff = Static(classes="settings-diff", markup=False)
        diff.styles.height = _DIFF_LINES
        yield diff
        yield Static(self._others(), classes="dialog-note", markup=False)

    def on_select_changed(self) -> None:
        theme = self.query_one("#f-theme", Select).value
        if isinstance(theme, str):
            self.app.theme = known_theme(theme)
        super().on_select_changed()

    def problems(self) -> Sequence[Wrong]:
        found = []
        for field, name in (("grace", "Grace"), ("lifetime", "Lifetime")):
            found += wrong(field, name, lambda key=field: parse_duration(self._text(key)))  # type: ignore[misc]
        if not found and parse_duration(self._text("lifetime")) < timedelta(seconds=1):
            found.append(Wrong("lifetime", "Lifetime", "a credential has to live for a while; write 1h"))
        if not self._text("export_folder"):
            found.append(Wrong("exportFolder", "Exports to", "say which folder"))
        elif not found and not self._passing and self.change is None and self._values():
            found.append(Wrong("", "", self._why))
        return found

    def refreshed(self) -> None:
        self.change, self._why = None, ""
        values = self._values()
        if values and not self._passing:
            try:
                self.change = plan_change(self._loaded.path, values)
            except IssuanceError as error:
                said = f"{error.message}: {error.hint}" if error.hint else error.message
                self._why = safe_text(in_dashboard(said))
        self.query_one(".settings-diff", Static).update(self._diff(values))

    def answer(self) -> dict[str, object]:
        return self._values()

    def action_cancel(self) -> None:
        self.app.theme = self._theme
        super().action_cancel()

    # How

    _why = ""

    def _values(self) -> dict[str, object]:
        """What differs from what counts now; what cannot be read is left out."""
        settings = self._loaded.settings
        found: dict[str, object] = {
            "theme": self.query_one("#f-theme", Select).value,
            "confirm": Confirm(str(self.query_one("#f-confirm", Select).value)),
            "export_folder": self._text("export_folder"),
        }
        for name in ("grace", "lifetime"):
            try:
                found[name] = parse_duration(self._text(name))
            except IssuanceError:
                continue
        return {name: found[name] for name in CHANGEABLE if name in found and found[name] != getattr(settings, name)}

    def _text(self, name: str) -> str:
        return self.query_one(f"#f-{name}", Input).value.strip()

    def _about(self) -> str:
        path = safe_text(short_path(str(self._loaded.path)))
        if self._passing:
            return f"{path}, which is only read here"
        return path if self._loaded.exists else f"{path} (not there yet)"

    def _others(self) -> Content:
        """What is written by hand, with where it comes from."""
        values: Mapping[str, Any] = plain(self._loaded.settings)
        lines = []
        for name in _SHOWN:
            value = values[name]
            if name == "columns":
                value = {area: names for area, names in value.items() if names} or "all"
            shown = "none" if value in ({}, []) else value if isinstance(value, str) else json.dumps(value)
            lines.append(f"{name:<17} {safe_text(shown, 24):<24} {_source(self._loaded, name)}")
        return Content("\n".join(lines))

    def _diff(self, values: Mapping[str, object]) -> Content:
        if self._passing:
            text = "counts until you leave" if values else "nothing is changed"
            return Content.styled(text, "$mute")
        if self.change is None:
            return Content.styled("nothing is changed" if not values else "", "$mute")
        diff = self.change.diff
        if len(diff) > _DIFF_LINES:  # what is new says it all
            diff = [line for line in diff if line.startswith("+")][:_DIFF_LINES]
        return Content("\n").join(
            Content.styled(safe_text(line), "$good" if line.startswith("+") else "$bad") for line in diff
        )


def _source(loaded: Loaded, name: str) -> str:
    """`default`, `line 3`, or the flag or variable."""
    source = loaded.source(name)
    line = source.detail.removeprefix(f"{loaded.path}:")
    return f"line {line}" if line.isdecimal() else safe_text(source.detail, 24) or source.origin.value
