"""The filter of lists, for entries of the journal."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from tui.issuance import JournalEntry

from .fields import JOURNAL, haystack_of, words_of
from .filter import finds, parse

_TEXT: Final = haystack_of(JOURNAL)


def found(entries: Iterable[JournalEntry], text: str) -> list[JournalEntry]:
    """Those that a filter finds, in their order."""
    terms, words = parse(text), words_of(JOURNAL)
    return [entry for entry in entries if finds(terms, _TEXT(entry), words, entry, entry.at)]
