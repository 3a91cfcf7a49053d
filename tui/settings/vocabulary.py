"""What the file may name that only the dashboard knows: themes, actions with their keys, columns.

The dashboard (or `kubemint config`) hands its vocabulary in; this says what does not belong to it and takes it out.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from tui.kube.text import safe_text

from .model import Settings
from .reading import Finding, Loaded
from .schema import schema


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The words that settings may use."""

    themes: Sequence[str]
    keys: Mapping[str, str]
    """The keys of every action that can have others, by its name, as `ctrl+q,q`."""
    columns: Mapping[str, Sequence[str]]
    normal: Callable[[str], str]
    """The keys as the dashboard calls them: `?` is `question_mark`. Raises ValueError with what is wrong."""

    def check(self, loaded: Loaded) -> Loaded:
        """The settings without what they cannot mean, and a finding for each of those."""
        settings, found = loaded.settings, list(loaded.findings)
        theme = settings.theme
        if theme not in self.themes:
            found.append(_theme(loaded, theme, self.themes))
            theme = Settings().theme
        columns = {
            area: tuple(self._columns(loaded, area, getattr(settings.columns, area), found))
            for area in settings.columns.__struct_fields__
        }
        checked = msgspec.structs.replace(
            settings,
            theme=theme,
            keymap=dict(self._keymap(loaded, found)),
            columns=msgspec.structs.replace(settings.columns, **columns),
        )
        return replace(loaded, settings=checked, findings=tuple(found))

    def schema(self) -> dict[str, Any]:
        """The JSON Schema with these words in it, so that an editor can offer them."""
        made = schema()
        definitions = made["$defs"]
        fields = definitions["Settings"]["properties"]
        fields["theme"]["enum"] = list(self.themes)
        fields["keymap"]["propertyNames"] = {"enum": sorted(self.keys)}
        for area, names in self.columns.items():
            definitions["Columns"]["properties"][area]["items"]["enum"] = list(names)
        return made

    def _columns(self, loaded: Loaded, area: str, given: Sequence[str], found: list[Finding]) -> Iterator[str]:
        known = self.columns.get(area, ())
        for number, name in enumerate(given):
            if name in known:
                yield name
            else:
                message = f"{safe_text(name, 40)!r} is not a column; there is {', '.join(known)}"
                found.append(loaded.finding(f"columns.{area}.{number}", message))

    def _keymap(self, loaded: Loaded, found: list[Finding]) -> Iterator[tuple[str, str]]:
        taken = {
            key: name
            for name, keys in self.keys.items()
            if name not in loaded.settings.keymap
            for key in keys.split(",")
        }
        for name, keys in loaded.settings.keymap.items():
            path = f"keymap.{name}"
            if name not in self.keys:
                near = difflib.get_close_matches(name, self.keys, n=1)
                known = f"did you mean {near[0]}?" if near else "`kubemint config schema` lists them"
                found.append(loaded.finding(path, f"is not an action; {known}"))
                continue
            try:
                normal = self.normal(keys)
            except ValueError as error:
                found.append(loaded.finding(path, str(error)))
                continue
            clash = next((key for key in normal.split(",") if key in taken), None)
            if clash is not None:
                found.append(
                    loaded.finding(path, f"{clash} is the key of {taken[clash]} already; give that another one")
                )
                continue
            taken.update(dict.fromkeys(normal.split(","), name))
            yield name, normal


def _theme(loaded: Loaded, theme: str, known: Sequence[str]) -> Finding:
    message = f"{safe_text(theme, 40)!r} is not a theme; there is {', '.join(known)}"
    source = loaded.source("theme")
    if source.origin.value in ("flag", "environment"):
        return Finding(source.detail, "theme", message)
    return loaded.finding("theme", message)
