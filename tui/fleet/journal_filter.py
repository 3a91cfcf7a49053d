"""The filter of lists, for entries of the journal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from tui.issuance import JournalEntry

from .fields import JOURNAL, haystack_of, words_of
from .filter import Term, finds, parse

_TEXT: Final = haystack_of(JOURNAL)
_WORDS: Final = words_of(JOURNAL)


def found(entries: Iterable[JournalEntry], text: str) -> list[JournalEntry]:
    """Those that a filter finds, in their order."""
    terms = parse(text)
    return [entry for entry in entries if _holds(terms, entry)]


def found_of_one(whole: JournalEntry, steps: Sequence[JournalEntry], text: str) -> bool:
    """Whether a filter finds a job: it or a step of it is as wanted, and as a `whole` it is not what `!` leaves out."""
    terms = parse(text)
    wanted, unwanted = ([term for term in terms if term.wanted is wants] for wants in (True, False))
    return any(_holds(wanted, entry) for entry in (whole, *steps)) and _holds(unwanted, whole)


def _holds(terms: Sequence[Term], entry: JournalEntry) -> bool:
    return finds(terms, _TEXT(entry), _WORDS, entry, entry.at)
