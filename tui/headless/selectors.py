"""The label selectors of kubectl: `app=web,tier!=db,env in (a,b),!old`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tui.issuance import UsageError

_KEY: Final = r"(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?/)?[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?"
_VALUE: Final = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?")
_SET: Final = re.compile(rf"({_KEY})\s+(in|notin)\s*\(([^()]*)\)")
_EQUAL: Final = re.compile(rf"({_KEY})\s*(==|=|!=|>|<)\s*([^=!<>()\s]*)")
_THERE: Final = re.compile(rf"(!?)\s*({_KEY})")
_PARTS: Final = re.compile(r",(?![^()]*\))")


@dataclass(frozen=True, slots=True)
class Requirement:
    """What one label has to be."""

    key: str
    sign: str
    """`in`, `notin`, `there`, `absent`, `>` or `<`."""
    values: frozenset[str] = frozenset()

    def holds(self, labels: Mapping[str, str]) -> bool:
        """Whether these labels are so. What is not there is not in anything."""
        held = labels.get(self.key)
        match self.sign:
            case "in":
                return held in self.values
            case "notin":
                return held not in self.values
            case "there" | "absent":
                return (held is None) is (self.sign == "absent")
            case _:
                if held is None or not re.fullmatch(r"[+-]?\d+", held):
                    return False
                limit = int(next(iter(self.values)))
                return int(held) > limit if self.sign == ">" else int(held) < limit


def selector(text: str) -> tuple[Requirement, ...]:
    """The requirements of a selector, all of which must hold; none for an empty one. Raises UsageError."""
    text = text.strip()
    return tuple(_requirement(part.strip()) for part in _PARTS.split(text)) if text else ()


def _requirement(text: str) -> Requirement:
    if found := _SET.fullmatch(text):
        values = frozenset(map(str.strip, found[3].split(",")))
        _check(text, *values)
        return Requirement(found[1], found[2], values)
    if found := _EQUAL.fullmatch(text):
        key, sign, value = found.groups()
        _check(text, value)
        if sign in "<>":
            if not re.fullmatch(r"[+-]?\d+", value):
                raise _wrong(text, f"{value or 'nothing'} is no whole number")
            return Requirement(key, sign, frozenset({value}))
        return Requirement(key, "notin" if sign == "!=" else "in", frozenset({value}))
    if found := _THERE.fullmatch(text):
        return Requirement(found[2], "absent" if found[1] else "there")
    raise _wrong(text, "it is no requirement")


def _check(text: str, *values: str) -> None:
    for value in values:
        if not _VALUE.fullmatch(value):
            raise _wrong(text, f"{value!r} cannot be the value of a label")


def _wrong(text: str, why: str) -> UsageError:
    return UsageError(
        f"-l {text!r}: {why}", "write app=web, app!=web, 'app in (a,b)', 'app notin (a,b)', app or '!app'"
    )
