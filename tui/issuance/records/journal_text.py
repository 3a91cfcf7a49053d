"""The journal's entries as a file for others: one JSON object a line, or CSV for spreadsheets. Never material."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from .journal import JournalEntry, scrub, stamp

FIELDS: Final = ("seq", "at", "action", "address", "step", "status", "message", "plan", "hash")
_FORMULA: Final = re.compile(r"(^|[;\r\n])(?=[\s'\"]*[=+\-@＝＋－＠\t\r])")
"""Where a spreadsheet would find a formula: at the beginning of a cell, and of what it takes for one where cells end
with semicolons. Messages come from servers, and blanks and quotation marks before a formula do not disarm it."""


def record(entry: JournalEntry) -> dict[str, Any]:
    """One entry as plain data."""
    values = {field: getattr(entry, field) for field in FIELDS}
    return {**values, "at": stamp(entry.at), "message": scrub(entry.message), "address": scrub(entry.address)}


def json_lines(entries: Iterable[JournalEntry]) -> str:
    """One object a line, in the order given."""
    return "".join(f"{msgspec.json.encode(record(entry)).decode()}\n" for entry in entries)


def comma_separated(entries: Iterable[JournalEntry]) -> str:
    """The same as CSV (RFC 4180) with a header; what would be a formula is text."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(FIELDS)
    for entry in entries:
        writer.writerow([_cell(value) for value in record(entry).values()])
    return out.getvalue()


def _cell(value: Any) -> Any:
    return _FORMULA.sub(r"\1'", value) if isinstance(value, str) else value
