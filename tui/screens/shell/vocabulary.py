"""The words that the settings may use, read off what is there: bindings, columns, themes."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Final

from textual.binding import Binding
from textual.dom import DOMNode
from textual.keys import KEY_ALIASES, Keys

from tui.fleet.fields import OF_AREA
from tui.fleet.fields.deeds import FIELDS
from tui.settings.vocabulary import Vocabulary
from tui.widgets.table import FleetTable
from tui.widgets.themes import NAMES

from .main import MainScreen

_NAMED: Final = frozenset({key.value for key in Keys} | set(KEY_ALIASES))
_WITH: Final = ("ctrl+", "shift+", "alt+", "super+", "hyper+", "meta+")


def vocabulary(*owners: type[DOMNode]) -> Vocabulary:
    """The dashboard's words; `owners` are further classes with bindings, such as the application."""
    keys: dict[str, str] = {}
    for binding in _bindings(MainScreen, FleetTable, *owners):
        if binding.id is not None:
            keys[binding.id] = normal(binding.key)
    columns = {area.value: [field.id for field in fields if field.title] for area, fields in OF_AREA.items()}
    columns["activity"] = [field.id for field in FIELDS if field.title]
    return Vocabulary(themes=NAMES, keys=keys, columns=columns, normal=normal)


def normal(keys: str) -> str:
    """Keys as Textual calls them: `?` is `question_mark`. Raises ValueError for what is no key."""
    found = []
    for written in keys.split(","):
        key = written.strip()
        if len(key) == 1:
            key = _named(key)
        elif not _is_key(key):
            raise ValueError(f"{key!r} is not a key; write r, R, f5, ctrl+r, space, question_mark, several with commas")
        found.append(key)
    return ",".join(found)


def _is_key(name: str) -> bool:
    while name.startswith(_WITH):
        name = name.partition("+")[2]
    return len(name) == 1 or name in _NAMED or _is_character(name)


@cache
def _named(character: str) -> str:
    """What Textual calls a character: `?` is `question_mark`."""
    if character == ",":  # which parts two keys of one binding
        return "comma"
    (binding,) = Binding.make_bindings([Binding(character, "")])
    return binding.key


def _is_character(name: str) -> bool:
    """Whether it is what Textual calls some character: `question_mark`."""
    return any(_named(chr(code)) == name for code in range(33, 127))


def _bindings(*owners: type[DOMNode]) -> Iterator[Binding]:
    """Those that the classes declare, and what they inherit."""
    for owner in owners:
        for kind in reversed(type.mro(owner)):
            for binding in kind.__dict__.get("BINDINGS", ()):
                if isinstance(binding, Binding):
                    yield binding
