"""What the core says of options and commands, in the dashboard's words: labels of the form at hand, and keys.

The core says everything as the command line does. `pass --create` is `tick “Create the account if missing”` in a form
that asks for it, and left away elsewhere; `kubemint rotate` between backquotes, without arguments, is the key `r`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cache
from typing import Final

from tui.issuance import Field, Section, spoken_in_form

from .requests import ABANDON, KEEP
from .table import ACTIONS

_COMMAND: Final = re.compile(r"`kubemint ([a-z -]+)`")
_OTHERWISE: Final = {"reconcile": KEEP, "reconcile --abandon": ABANDON}
"""Actions whose command line is not their verb alone."""
_KEYS: Final = {"csi preview": "enter"}
"""Where a row's own key opens it, and not the action's."""


def in_dashboard(text: str, fields: Iterable[Field] = ()) -> str:
    """One text of the core, for a form with these fields or for none."""
    return _COMMAND.sub(lambda found: _keys().get(found[1], found[0]), spoken_in_form(text, fields))


def sections_in_dashboard(sections: Sequence[Section]) -> list[Section]:
    """The same of what a family says about a row."""
    return [
        replace(section, facts=[replace(fact, value=in_dashboard(fact.value)) for fact in section.facts])
        for section in sections
    ]


@cache
def _keys() -> dict[str, str]:
    """By the words of a command: the key that does the same, or what is typed after `:`."""
    found = {" ".join(action.verb): action for action in reversed(ACTIONS) if action.verb} | _OTHERWISE
    typed = {words: action.key_display or action.key or f":{action.name}" for words, action in found.items()}
    return typed | _KEYS
