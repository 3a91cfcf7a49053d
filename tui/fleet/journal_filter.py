"""The filter of lists, for entries of the journal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tui.issuance.journal import JournalEntry

from .filter import Term, parse


def found(entries: Iterable[JournalEntry], text: str) -> list[JournalEntry]:
    """Those that a filter finds, in their order."""
    terms = parse(text)
    return [entry for entry in entries if _matches(entry, terms)]


def _matches(entry: JournalEntry, terms: Sequence[Term]) -> bool:
    fields = {"name": entry.address, "state": entry.status, "action": entry.action, "step": entry.step}
    text = "\n".join((entry.action, entry.address, entry.step, entry.status, entry.message, entry.plan)).lower()
    return all(term.holds(text, fields.get) for term in terms)
