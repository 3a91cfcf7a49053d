"""The filter of lists, for entries of the journal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Final

from tui.issuance import JournalEntry

from .fields import JOURNAL, haystack_of, words_of
from .filter import Term, parse

_TEXT: Final = haystack_of(JOURNAL)


def found(entries: Iterable[JournalEntry], text: str) -> list[JournalEntry]:
    """Those that a filter finds, in their order."""
    terms = parse(text)
    return [entry for entry in entries if _matches(entry, terms)]


def _matches(entry: JournalEntry, terms: Sequence[Term]) -> bool:
    words = words_of(JOURNAL)

    def value(word: str) -> str | timedelta | None:
        return words[word](entry, entry.at) if word in words else None

    return all(term.holds(_TEXT(entry), value) for term in terms)
