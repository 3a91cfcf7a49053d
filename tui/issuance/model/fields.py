"""What an action asks for: fields that a form shows and a command line takes, read and checked by one set of rules.

What was said is a mapping from a field's id to what stands in the form or was given as an option (text, a tick, a
choice, several words); read, it is a mapping to values. What is wrong is a `Fault`, which names a field by its id: each
side puts its own words in.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import Enum
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import msgspec

from tui.issuance.errors import UsageError

Said = Mapping[str, Any]
"""What was said, by field: as it was typed, ticked or chosen."""
Values = Mapping[str, Any]
"""The same as what it means."""


class Control(Enum):
    """How a form asks for it."""

    TEXT = 0
    TICK = 1
    CHOICE = 2
    CLUSTER = 3
    """One of the clusters that something can be made in; on the command line it is `--context`."""


class Fault(NamedTuple):
    """What is wrong with what was said. In its message `{id}` is another field, as the side that shows it calls it."""

    field: str
    message: str
    hint: str = ""
    missing: bool = False
    """Whether nothing was said at all."""


class Way(msgspec.Struct, frozen=True):
    """One of the places that a field can mean, each with an option of its own."""

    name: str
    """What a form calls it, which is what is said there."""
    flag: str
    metavar: str
    label: str
    """What the field is called in a form where this is meant."""
    help: str
    names: str = ""
    """The kind of object that it names, as a `Field` says it."""


class Choice(NamedTuple):
    """One thing that can be chosen: its value, what a form calls it, and where each has its own option that one."""

    value: str
    text: str = ""
    flag: str = ""
    help: str = ""
    means: Mapping[str, str] = MappingProxyType({})
    """What is said by it instead of its value, of several fields."""


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is asked for. Without flags it is an argument; without a label no form asks for it."""

    id: str
    label: str = ""
    """In a form, before the control; of a tick what stands behind it."""
    help: str = ""
    flags: tuple[str, ...] = ()
    metavar: str = ""
    hint: str = ""
    placeholder: str = ""
    default: str | bool = ""
    """What a form begins with and the command line takes where nothing is said; `$` leaves it away."""
    control: Control = Control.TEXT
    choices: Sequence[Choice] = ()
    free: bool = False
    """Whether the command line takes what is not among the choices."""
    rank: int = 3
    """Where it stands on a command line: arguments come first."""
    read: Callable[[Any], Any] = lambda text: text
    """From the text to its value. Raises UsageError."""
    missing: str = ""
    """What to do where nothing is said; empty: nothing need be said."""
    many: bool = False
    """Whether there are several, with commas between them in a form and one option each on the command line."""
    ways: tuple[Way, ...] = ()
    by: str = ""
    """The field that chooses among the ways."""
    word: bool = False
    """Whether it is said to the plan, as a yes to what that would ask about (`force`), and is no part of the wish."""
    names: str = ""
    """The kind of object in the cluster that it names (`serviceaccounts`): what a server says of one is about this."""

    @property
    def option(self) -> str:
        """Its option on the command line, or the argument's name."""
        return self.flags[-1] if self.flags else self.metavar

    def way(self, said: Said) -> Way:
        """The one that is meant; the first unless another one was chosen."""
        chosen = said.get(self.by)
        return next((way for way in self.ways if way.name == chosen), self.ways[0])


_NAMED: Final = re.compile(r"\{(\w+)\}")
_FLAG: Final = re.compile(r"(?<![\w-])--[a-z][a-z-]+")
_OPTION: Final = re.compile(r"((?:say|pass) )?(?<![\w-])(--[a-z][a-z-]+)( [A-Z][A-Z/]*\b|=[a-z]+)?")
_COMMAND: Final = re.compile(r"(`[^`]*`)")
_DROPPED: Final = (
    re.compile(r" \((?:--[a-z][a-z-]+(?:, )?)+\)"),
    re.compile(r" with(?: --[a-z][a-z-]+(?:=[a-z]+)?)+(?: [A-Z][A-Z/]*\b)?(?: \([^)]*\))?"),
    re.compile(r"pass --[a-z][a-z-]+ to "),
)
"""What is left away of an option that a form does not ask for; `tests/issuance/test_spoken.py` keeps the core to it."""
_LEFT_OUT: Final = re.compile(r"\b([Uu])se --[a-z][a-z-]+(?: [A-Z]+)? or (\w)")


def read(fields: Iterable[Field], said: Said) -> tuple[dict[str, Any], list[Fault]]:
    """What was said as values, and what is wrong with single fields; these have no value."""
    values: dict[str, Any] = {}
    faults: list[Fault] = []
    for field in fields:
        text = said.get(field.id, field.default)
        if field.many and isinstance(text, str):
            text = tuple(word.strip() for word in text.split(",") if word.strip())
        if text in ("", None, ()) and field.missing:
            faults.append(Fault(field.id, field.missing, missing=True))
            continue
        try:
            values[field.id] = field.read(text)
        except UsageError as error:
            faults.append(Fault(field.id, error.message, error.hint))
    return values, faults


def checked(field: str, check: Callable[[], object]) -> list[Fault]:
    """What the core itself says about a value: nothing, or the one thing that is wrong with it."""
    try:
        check()
    except UsageError as error:
        return [Fault(field, error.message, error.hint)]
    return []


def culprit(fields: Iterable[Field], said: Said, blames: str) -> Field | None:
    """The field that is at fault, by what an error `blames`: a field's id, or the kind of object that one names."""
    known = list(fields)
    return next(
        (one for one in known if one.id == blames),
        next((one for one in known if blames and blames in (one.names, one.way(said).names if one.ways else "")), None),
    )


def words(fields: Iterable[Field], said: Said) -> list[str]:
    """What was said as the words of a command line: arguments, where, then the options. What is missing is named."""
    found: list[str] = []
    for field in sorted(fields, key=lambda one: one.rank if one.flags or one.ways or one.choices else 0):
        text = said.get(field.id, field.default)
        flag, metavar = (field.flags[:1], field.metavar)
        if field.ways:
            way = field.way(said)
            flag, metavar = (way.flag,), way.metavar
        own = [choice.flag for choice in field.choices if choice.flag and choice.value == text]
        if not (flag or metavar):
            found += own
        elif field.control is Control.TICK:
            found += flag if text else ()
        elif field.many:
            several = text if isinstance(text, tuple) else [word.strip() for word in str(text or "").split(",")]
            found += [part for word in several if word for part in (*flag, word)]
        elif text and text != field.default:
            found += [*flag, str(text)]
        elif not text and field.missing and metavar:
            found += [*flag, metavar]
    return found


def in_form(field: Field, said: Said) -> str:
    """What a form calls a field."""
    return field.way(said).label if field.ways else field.label


def in_command(field: Field, said: Said) -> str:
    """What the command line calls it."""
    if field.ways:
        return field.way(said).flag
    chosen = (choice.flag for choice in field.choices if choice.flag and choice.value == said.get(field.id))
    return next(chosen, field.option)


def named(text: str, fields: Iterable[Field], name: Callable[[Field, Said], str], said: Said) -> str:
    """A fault's message with the names that one side has for its fields."""
    known = {field.id: field for field in fields}
    return _NAMED.sub(lambda found: name(known[found[1]], said) if found[1] in known else found[0], text)


def _started(found: re.Match[str]) -> str:
    """What stands behind an option that is left away begins the sentence."""
    return found[2].upper() if found[1] == "U" else found[2]


def spoken_in_form(text: str, fields: Iterable[Field]) -> str:
    """What the core says of options, in the words of a form: `tick …` for `pass --create` where the form asks for it,
    and nothing of an option that it does not ask for. A command between backquotes is one to run, and stays."""
    known = {flag: field for field in fields if field.label for flag in field.flags}
    ways = {way.flag: way.name for field in fields for way in field.ways}

    def mine(found: re.Match[str]) -> bool:
        return any(flag in known or flag in ways for flag in _FLAG.findall(found[0]))

    def without(found: re.Match[str]) -> str:
        return found[0] if mine(found) else ""

    def instead(found: re.Match[str]) -> str:
        lead, flag, value = found[1] or "", found[2], (found[3] or "").removeprefix("=")
        if flag in ways:
            return f"{'choose ' if lead else ''}“{ways[flag]}”"
        field = known.get(flag)
        if field is None:
            return found[0]
        if field.control is Control.TICK:
            return f"tick “{field.label}”" if lead else f"“{field.label}” ticked"
        if found[3] and found[3].startswith("="):
            return f"{field.label} “{next((one.text for one in field.choices if one.value == value), '') or value}”"
        return f"fill in {field.label}" if lead else field.label

    def worded(said: str) -> str:
        said = _LEFT_OUT.sub(lambda found: _started(found) if not mine(found) else found[0], said)
        for option in _DROPPED:
            said = option.sub(without, said)
        return _OPTION.sub(instead, said)

    return "".join(part if part.startswith("`") else worded(part) for part in _COMMAND.split(text))
