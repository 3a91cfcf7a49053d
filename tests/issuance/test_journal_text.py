"""The journal as JSON lines and CSV: whole, in order, without formulas and without material."""

from __future__ import annotations

import csv
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from tui.fleet.journal_filter import found
from tui.issuance.destinations.files import write_private
from tui.issuance.errors import FileError
from tui.issuance.records.journal import JournalEntry
from tui.issuance.records.journal_text import FIELDS, comma_separated, json_lines
from tui.kube.sensitive import Sensitive

AT = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)


def entry(seq: int, message: str = "", **given: str) -> JournalEntry:
    values = {"plan": "plan", "action": "rotate", "address": "secret:c/n/robot", "step": "prove", "status": "done"}
    return JournalEntry(seq=seq, at=AT, message=message, hash="00", **{**values, **given})


def test_both_forms_hold_every_field_of_every_entry() -> None:
    entries = [entry(1, 'says "no", twice\nand more'), entry(2, "ünï")]
    lines = [msgspec.json.decode(line) for line in json_lines(entries).splitlines()]
    rows = list(csv.DictReader(comma_separated(entries).splitlines(keepends=True)))
    assert [tuple(line) for line in lines] == [FIELDS, FIELDS]
    assert [row["message"] for row in rows] == [line["message"] for line in lines] == [one.message for one in entries]
    assert lines[0]["at"] == rows[0]["at"] == "2030-01-02T03:04:05.000000Z"


@pytest.mark.parametrize("message", ["=1+1", "+1", "-1", "@x", "\t=1"])
def test_no_cell_is_a_formula(message: str) -> None:
    (row,) = csv.DictReader(comma_separated([entry(1, message)]).splitlines(keepends=True))
    assert row["message"] == f"'{message}"


def test_what_looks_like_a_token_is_masked_once_more() -> None:
    token = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2ln"
    for text in (json_lines([entry(1, token)]), comma_separated([entry(1, token)])):
        assert "eyJ" not in text


def test_the_filter_is_the_lists_own() -> None:
    entries = [entry(1), entry(2, status="failed"), entry(3, step="commit")]
    assert [one.seq for one in found(entries, "state:failed")] == [2]
    assert [one.seq for one in found(entries, "!prove robot")] == [3]
    assert [one.seq for one in found(entries, "")] == [1, 2, 3]


def test_a_fresh_file_never_replaces_one(tmp_path: Path) -> None:
    path = tmp_path / "new" / "journal.csv"
    write_private(path, Sensitive("one"), fresh=True)
    with pytest.raises(FileError, match="is there already"):
        write_private(path, Sensitive("two"), fresh=True)
    assert path.read_text() == "one"
    assert [entry.name for entry in path.parent.iterdir()] == ["journal.csv"]
    write_private(path, Sensitive("three"))
    assert path.read_text() == "three"
