"""The filter of a list: words that must all hold, each in one of the ways that people expect.

`word` occurs somewhere · `!word` does not · `~word` its letters occur in this order · `state:due,expired` one field
has one of these · `expires<1h`, `age>30d` a length of time. Where a field is not known, its term is a plain word, so
that an address can be typed as it is. What is not finished yet (`state:`, `expires<`) says nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final

from tui.issuance.types import State, kind_label

from .rows import AccountRow, ClusterRow, RequestRow, Row

Value = Callable[[str], "str | timedelta | None"]
"""What a field of one row holds; None where that row has no such field."""

FIELDS: Final[dict[str, str]] = {
    "name": "name",
    "ns": "namespace",
    "namespace": "namespace",
    "cluster": "cluster",
    "ctx": "cluster",
    "state": "state",
    "kind": "kind",
    "account": "account",
    "sa": "account",
    "kept": "kept",
    "type": "type",
    "target": "target",
    "server": "server",
    "version": "version",
    "source": "source",
    "label": "label",
    "action": "action",
    "step": "step",
}
"""What can stand before a colon, and the field that it means."""

LENGTHS: Final[dict[str, str]] = {
    "expires": "left",
    "left": "left",
    "renews": "renews",
    "age": "age",
    "lifetime": "lifetime",
    "granted": "lifetime",
}
"""What can stand before `<` or `>`."""

_COMPARES: Final = re.compile(r"([a-z]+)([<>])(.*)")
_UNITS: Final = {"w": 604800, "d": 86400, "h": 3600, "m": 60, "s": 1}
_LENGTH: Final = re.compile(r"(?:\d+(?:\.\d+)?[wdhms])+")
_PART: Final = re.compile(r"(\d+(?:\.\d+)?)([wdhms])")
_TIMED: Final = frozenset({"state", "left", "renews", "age"})


@dataclass(frozen=True, slots=True)
class Term:
    """One word of a filter."""

    text: str
    wanted: bool = True
    field: str = ""
    sign: str = ""
    """`~`, `:`, `<` or `>`; empty for a plain word."""
    length: timedelta = timedelta(0)

    @property
    def timed(self) -> bool:
        """Whether what it finds changes as time passes."""
        return self.field in _TIMED or (not self.sign and names_state(self.text))

    def holds(self, text: str, value: Value) -> bool:
        """Whether it finds a row with this text (in lower case) and these fields."""
        return self._found(text, value) is self.wanted

    def _found(self, text: str, value: Value) -> bool:
        if not self.sign:
            if self.text in text:
                return True
            return names_state(self.text) and self.text in str(value("state") or "")
        if self.sign == "~":
            return any(_in_order(self.text, line) for line in text.split("\n"))
        held = value(self.field)
        if self.sign == ":":
            return isinstance(held, str) and any(part in held.lower() for part in self.text.split(",") if part)
        return isinstance(held, timedelta) and (held < self.length if self.sign == "<" else held > self.length)


@lru_cache(maxsize=64)
def parse(text: str) -> tuple[Term, ...]:
    """The terms of a filter. Whatever is typed is a filter: what is not finished is left out."""
    return tuple(term for word in text.lower().split() if (term := _term(word)) is not None)


def unfinished(text: str) -> str:
    """What to type next, where the last word of a filter says nothing yet; else empty."""
    word = text.lower().rpartition(" ")[2].removeprefix("!")
    compares = _COMPARES.fullmatch(word)
    if compares is not None and compares[1] in LENGTHS and not _LENGTH.fullmatch(compares[3]):
        return f"{word[: compares.end(2)]} a length of time: 30m, 2h, 7d"
    if word.endswith(":") and word[:-1] in FIELDS:
        return f"{word} what it is, several with commas"
    return ""


def names_state(word: str) -> bool:
    """Whether a word of the filter may mean a state. Shorter ones do not: `d` would find everything that is valid."""
    return len(word) >= 3 and any(word in state.value for state in State)


def value_of(row: Row, field: str, now: datetime, state: Callable[[Row], str]) -> str | timedelta | None:
    """A field of a row of the fleet; `state` says in which state it is at this time."""
    if field == "state":
        return state(row)
    if field in ("left", "renews", "age", "lifetime"):
        return _length(row, field, now)
    return _text(row, field)


def _text(row: Row, field: str) -> str | None:
    if isinstance(row, ClusterRow):
        fields = {"name": row.name, "cluster": row.name, "server": row.server, "version": row.version,
                  "source": row.source, "kind": row.source, "account": row.user}  # fmt: skip
    elif isinstance(row, AccountRow):
        labels = " ".join(f"{key}={value}" for key, value in row.labels.items())
        who = row.identity
        fields = {"name": who.name, "cluster": who.cluster, "namespace": who.namespace, "label": labels,
                  "account": f"{who.namespace}/{who.name}"}  # fmt: skip
    elif isinstance(row, RequestRow):
        fields = {
            "name": row.name, "cluster": row.cluster, "namespace": row.namespace, "type": row.type,
            "kind": f"{row.kind.value}\n{row.kind.label}",
            "account": row.service_account, "target": row.target, "kept": row.secret,
        }  # fmt: skip
    else:
        kind = row.credential.address.kind
        identity = row.credential.identity
        fields = {"name": row.name, "cluster": f"{row.cluster}\n{row.credential.address.cluster}",
                  "namespace": row.namespace, "kind": f"{kind.value}\n{kind_label(row.credential)}",
                  "account": f"{identity.namespace}/{identity.name}" if identity else "",
                  "kept": row.credential.kept_in, "type": str(row.credential.format or "")}  # fmt: skip
    return fields.get(field)


def _length(row: Row, field: str, now: datetime) -> timedelta | None:
    if isinstance(row, AccountRow):
        return now - row.created_at if field == "age" and row.created_at else None
    if isinstance(row, ClusterRow):
        return now - row.since if field == "age" and row.since else None
    credential = row.credential
    if credential is None:
        return None
    if field == "lifetime":
        return credential.granted
    if field == "age":
        return now - credential.issued_at if credential.issued_at else None
    at = credential.expires_at if field == "left" else credential.rotate_at
    return at - now if at is not None else None


def _term(word: str) -> Term | None:
    bare = word.removeprefix("!")
    wanted = bare == word
    if not bare or bare == "~":
        return None
    if bare.startswith("~"):
        return Term(bare[1:], wanted, sign="~")
    compares = _COMPARES.fullmatch(bare)
    if compares is not None and compares[1] in LENGTHS:
        length = _duration(compares[3])
        return None if length is None else Term(bare, wanted, LENGTHS[compares[1]], compares[2], length)
    field, colon, value = bare.partition(":")
    if colon and field in FIELDS:
        return Term(value, wanted, FIELDS[field], ":") if value.strip(",") else None
    return Term(bare, wanted)


def _duration(text: str) -> timedelta | None:
    if len(text) > 16 or not _LENGTH.fullmatch(text):
        return None
    return timedelta(seconds=sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text)))


def _in_order(letters: str, text: str) -> bool:
    at = 0
    for letter in letters:
        at = text.find(letter, at) + 1
        if not at:
            return False
    return True


def words_for(text: str) -> Sequence[str]:
    """What the last word of a filter can become: the fields that begin so."""
    head, _, last = text.rpartition(" ")
    mark = "!" if last.startswith("!") else ""
    start = last.removeprefix("!").lower()
    if not start:
        return ()
    head = f"{head} " if head else ""
    known = [f"{field}:" for field in FIELDS] + [f"{field}<" for field in LENGTHS]
    return [f"{head}{mark}{word}" for word in known if word.startswith(start) and word != start]
