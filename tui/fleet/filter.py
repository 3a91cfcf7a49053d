"""The filter of a list: words that must all hold, each in one of the ways that people expect.

`word` occurs somewhere · `!word` does not · `~word` its letters occur in this order · `state:due,expired` one field
has one of these · `expires<1h`, `age>30d` a length of time. Where a field is not known, its term is a plain word, so
that an address can be typed as it is. What is not finished yet (`state:`, `expires<`) says nothing.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Final

from tui.issuance import CredentialKind, State, UsageError, parse_duration

from .fields import Field, every_field
from .fields.field import UNSEEN, Asked

Value = Callable[[str], "str | timedelta | None"]
"""What one row has under a word; None where such rows have no such field."""

_COMPARES: Final = re.compile(r"([a-z]+)([<>])(.*)")
_ASKS: Final = re.compile(r"([a-z][a-z_-]*)([:<>])(.*)")
_PORT_OR_URL: Final = re.compile(r"//|\d{1,5}(?:/|$)|$")
_NO_FIELDS: Final = frozenset({*(kind.value for kind in CredentialKind), "handle", "system", "oidc"})
"""What stands before a colon in addresses and usernames."""


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
        return self.field in _timed(every_field()) or (not self.sign and names_state(self.text))

    def holds(self, text: str, value: Value) -> bool:
        """Whether it finds a row with this text (in lower case) and these fields."""
        return self._found(text, value) is self.wanted

    def _found(self, text: str, value: Value) -> bool:
        if not self.sign:
            if self.text in text:
                return True
            return names_state(self.text) and self.text in str(value("state") or "")
        if self.sign == "~":
            return any(_in_order(self.text, line) for line in text.partition(UNSEEN)[0].split("\n"))
        held = value(self.field)
        if self.sign == ":":
            return isinstance(held, str) and any(part in held.lower() for part in self.text.split(",") if part)
        return isinstance(held, timedelta) and (held < self.length if self.sign == "<" else held > self.length)


@lru_cache(maxsize=64)
def parse(text: str, fields: tuple[Field[Any], ...] = ()) -> tuple[Term, ...]:
    """The terms of a filter. Whatever is typed is a filter: what is not finished is left out.

    `fields` are those of rows that no list of the fleet has: the lines of a page.
    """
    heads = _heads(fields)
    return tuple(term for word in text.lower().split() if (term := _term(word, heads)) is not None)


def finds(terms: Sequence[Term], text: str, words: Mapping[str, Asked], row: Any, now: datetime) -> bool:
    """Whether all terms hold for a row with this text (in lower case) and these fields (`words_of`)."""

    def value(word: str) -> str | timedelta | None:
        return words[word](row, now) if word in words else None

    return all(term.holds(text, value) for term in terms)


def unfinished(text: str, fields: tuple[Field[Any], ...] | None = None) -> str:
    """What to say while a filter is typed: what its last word lacks, or a word that asks for no field of these rows."""
    words = text.lower().split()
    last = words.pop() if words and not text.endswith(" ") else ""
    return _lacks(last, fields) or next((said for word in (*words, last) if (said := _unknown(word, fields))), "")


def wrong(text: str, fields: tuple[Field[Any], ...]) -> str:
    """What is wrong with a filter that is meant as it stands, for rows with these fields; else empty."""
    found = (_lacks(word, fields) or _unknown(word, fields) for word in text.lower().split())
    return next((said for said in found if said), "")


def _lacks(word: str, fields: tuple[Field[Any], ...] | None) -> str:
    word = word.removeprefix("!")
    compares = _COMPARES.fullmatch(word)
    head = f"{compares[1]}<" if compares is not None else "".join(word.partition(":")[:2])
    if head not in _heads(fields) or not head.endswith((":", "<")):
        return ""
    if fields is not None and head not in known(fields):
        return f"these rows have no {head[:-1]}"
    if compares is not None and _length(compares[3]) is None:
        return f"{word[: compares.end(2)]} a length of time: 30m, 2h, 7d"
    return f"{word} what it is, several with commas" if word == head and head.endswith(":") else ""


def _unknown(word: str, fields: tuple[Field[Any], ...] | None) -> str:
    """What to say of a word that asks for a field which there is not. Addresses, URLs and HOST:PORT ask for none."""
    asks = _ASKS.fullmatch(word.removeprefix("!"))
    if asks is None:
        return ""
    name, sign, rest = asks.groups()
    words = known(every_field() if fields is None else fields)
    head = f"{name}:" if sign == ":" else f"{name}<"
    if head in _heads(fields) or (sign == ":" and (name in _NO_FIELDS or _PORT_OR_URL.match(rest))):
        return ""
    return f"there is no field {name}{' to compare' if sign != ':' else ''}{_nearest(head, words)}"


def _nearest(head: str, words: Sequence[str]) -> str:
    alike = [word for word in words if word[-1] == head[-1]]
    near = difflib.get_close_matches(head, alike, n=1) or [word for word in words if word[:-1] == head[:-1]][:1]
    return f"; did you mean {near[0]}?" if near else f"; there is {' '.join(alike)}"


def names_state(word: str) -> bool:
    """Whether a word of the filter may mean a state. Shorter ones do not: `d` would find everything that is valid."""
    return len(word) >= 3 and any(word in state.value for state in State)


def _term(word: str, heads: Container[str]) -> Term | None:
    bare = word.removeprefix("!")
    wanted = bare == word
    if not bare or bare == "~":
        return None
    if bare.startswith("~"):
        return Term(bare[1:], wanted, sign="~")
    compares = _COMPARES.fullmatch(bare)
    if compares is not None and f"{compares[1]}<" in heads:
        length = _length(compares[3])
        return None if length is None else Term(bare, wanted, compares[1], compares[2], length)
    field, colon, value = bare.partition(":")
    if colon and f"{field}:" in heads:
        return Term(value, wanted, field, ":") if value.strip(",") else None
    return Term(bare, wanted)


def _heads(fields: tuple[Field[Any], ...] | None) -> Sequence[str]:
    """What a word can begin with that asks for a field of any list, or of these rows."""
    return known((*every_field(), *(fields or ())))


def _length(text: str) -> timedelta | None:
    try:
        return parse_duration(text)
    except UsageError:
        return None  # it may still be typed


def _in_order(letters: str, text: str) -> bool:
    at = 0
    for letter in letters:
        at = text.find(letter, at) + 1
        if not at:
            return False
    return True


@lru_cache(maxsize=16)
def known(fields: tuple[Field[Any], ...]) -> Sequence[str]:
    """What a word can begin with that asks for one of these fields: `state:`, `expires<`."""
    texts = [f"{word}:" for field in fields for word in field.words or ()]
    return tuple(dict.fromkeys([*texts, *(f"{word}<" for field in fields for word in field.lengths or ())]))


@lru_cache(maxsize=16)
def _timed(fields: tuple[Field[Any], ...]) -> frozenset[str]:
    """The words that find other rows as time passes."""
    return frozenset(
        word for field in fields if field.timed for word in (*(field.words or ()), *(field.lengths or ()))
    )  # fmt: skip


def words_for(text: str, fields: tuple[Field[Any], ...] | None = None) -> Sequence[str]:
    """What the last word of a filter can become: those of these fields (None: of any) that begin so."""
    head, _, last = text.rpartition(" ")
    mark = "!" if last.startswith("!") else ""
    start = last.removeprefix("!").lower()
    if not start:
        return ()
    head = f"{head} " if head else ""
    words = known(every_field() if fields is None else fields)
    return [f"{head}{mark}{word}" for word in words if word.startswith(start) and word != start]
