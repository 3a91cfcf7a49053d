"""The journal's end: what was cut off is missed, all of it too, whatever fits together within the database."""

from __future__ import annotations

import csv
import os
import shutil
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.conftest import kubemint
from tests.issuance.test_journal_text import entry
from tests.issuance.test_state import ADDRESS, filled, result
from tui.issuance.model.types import Action
from tui.issuance.records.journal import GENESIS, chain_hash
from tui.issuance.records.journal_anchor import NAME, Anchor, Mark, judge
from tui.issuance.records.journal_text import comma_separated
from tui.issuance.records.state import StateStore

HASH = {seq: f"{seq:064x}" for seq in range(20)}
A, B = "a" * 32, "b" * 32


@pytest.mark.parametrize(
    ("marks", "says", "broken_at"),
    [
        (None, "is gone or cannot be read", 6),
        ([], "does not know this journal", 6),
        ([Mark(B, 0, GENESIS)], "does not know this journal", 6),
        ([Mark(A, 5, HASH[5])], "", 0),
        ([Mark(A, 3, HASH[3])], "", 0),  # a process was killed before it wrote here
        ([Mark(A, 0, GENESIS)], "", 0),
        ([Mark(A, 7, HASH[7])], "the newest 2 of 7 entries are gone", 6),
        ([Mark(A, 5, HASH[6])], "entry 5 is not the one that was written", 5),
        ([Mark(A, 3, HASH[6])], "entry 3 is not the one that was written", 3),
        ([Mark(B, 4, HASH[4]), Mark(A, 5, HASH[5])], "an earlier journal with 4 entries was removed", 1),
        ([Mark(B, 0, GENESIS), Mark(A, 5, HASH[5])], "", 0),
    ],
)
def test_what_the_second_file_says(marks: list[Mark] | None, says: str, broken_at: int) -> None:
    verdict = judge(marks, A, 5, HASH.__getitem__)
    assert says in verdict.message
    assert bool(verdict.message) is bool(says)
    assert verdict.broken_at == broken_at
    if not says and marks:
        assert verdict.unanchored == 5 - marks[-1].entries


def cut(folder: Path, *statements: str) -> None:
    with closing(sqlite3.connect(folder / "state.db")) as db:
        for statement in statements:
            db.execute(statement)
        db.commit()


def checked(folder: Path) -> str:
    """What is wrong with the journal in `folder`, empty where it is whole."""
    with closing(StateStore.open(folder)) as store:
        report = store.verify_chain()
    assert report.ok is not bool(report.message)
    return report.message


HEAD = (
    "UPDATE head SET seq = (SELECT max(seq) FROM journal), hash = (SELECT hash FROM journal ORDER BY seq DESC LIMIT 1)"
)


@pytest.mark.parametrize(
    ("statements", "says"),
    [
        (("DELETE FROM journal WHERE seq > 3", HEAD), "the newest 2 of 5 entries are gone"),
        (("DELETE FROM journal WHERE seq = 5", HEAD), "the newest 1 of 5 entries are gone"),
        (("DELETE FROM journal", "DELETE FROM head"), "the newest 5 of 5 entries are gone"),
        (("DELETE FROM journal", f"UPDATE head SET seq = 0, hash = '{GENESIS}'"), "the newest 5 of 5"),
        (("DELETE FROM meta",), "earlier journal with 5 entries"),
        (("UPDATE meta SET value = 'x'",), "earlier journal with 5 entries"),
    ],
)
def test_a_chain_that_fits_and_is_shorter_is_cut(tmp_path: Path, statements: tuple[str, ...], says: str) -> None:
    filled(tmp_path).close()
    cut(tmp_path, *statements)
    assert says in checked(tmp_path)
    with closing(StateStore.open(tmp_path)) as store:
        for number in range(9):  # and stays so, however long it becomes
            store.append(Action.ISSUE, ADDRESS, result(f"later{number}"))
        assert len(store.entries()) >= 9
    assert checked(tmp_path)


def test_a_chain_that_was_written_anew_is_not_what_was_written(tmp_path: Path) -> None:
    filled(tmp_path).close()
    with closing(sqlite3.connect(tmp_path / "state.db")) as db:
        previous = GENESIS
        fields = ("at", "plan", "action", "address", "step", "status", "message", "detail")
        for seq, *values in db.execute(f"SELECT seq, {', '.join(fields)} FROM journal ORDER BY seq").fetchall():
            one = dict(zip(fields, values, strict=True)) | ({"message": "nothing"} if seq == 2 else {})
            previous = chain_hash(previous, **one)
            db.execute("UPDATE journal SET message = ?, hash = ? WHERE seq = ?", (one["message"], previous, seq))
        db.execute(HEAD)
        db.commit()
    assert "entry 5 is not the one that was written" in checked(tmp_path)


@pytest.mark.parametrize("how", ["removed", "garbage", "short", "link", "writable", "folder", "empty"])
def test_a_second_file_that_cannot_be_believed_vouches_for_nothing(tmp_path: Path, how: str) -> None:
    filled(tmp_path).close()
    file = tmp_path / NAME
    text = file.read_bytes()
    file.unlink()
    if how == "folder":
        file.mkdir()
    elif how == "link":
        (tmp_path / "copy").write_bytes(text)
        file.symlink_to(tmp_path / "copy")
    elif how != "removed":
        file.touch(mode=0o600)
        file.write_bytes({"garbage": b"x" * len(text), "short": text[:-1], "writable": text, "empty": b""}[how])
        file.chmod(0o666 if how == "writable" else 0o600)
    assert NAME in checked(tmp_path)
    filled(tmp_path).close()  # it goes on all the same, and nobody makes it good by writing
    assert NAME in checked(tmp_path)


def test_what_a_killed_process_left_unsaid_is_no_cut(tmp_path: Path) -> None:
    filled(tmp_path).close()
    before = (tmp_path / NAME).read_bytes()
    filled(tmp_path).close()
    (tmp_path / NAME).write_bytes(before)
    with closing(StateStore.open(tmp_path)) as store:
        report = store.verify_chain()
        assert (report.ok, report.entries, report.unanchored) == (True, 10, 5)
        store.append(Action.ISSUE, ADDRESS, result())
        assert store.verify_chain().unanchored == 0


def test_of_many_who_write_the_last_is_known(tmp_path: Path) -> None:
    """Whoever writes the second file a little later does not turn it back."""
    stores = [StateStore.open(tmp_path) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda store: [store.append(Action.ISSUE, ADDRESS, result()) for _ in range(10)], stores))
    report = stores[0].verify_chain()
    assert (report.ok, report.entries, report.unanchored) == (True, 40, 0)
    anchor = Anchor(tmp_path)
    (mark,) = anchor.marks() or ()
    anchor.advance(mark.journal, 39, "0" * 64, lambda seq: mark.hash)
    assert anchor.marks() == (mark,)
    for store in stores:
        store.close()


def test_a_database_from_before_gets_its_mark_once(tmp_path: Path) -> None:
    filled(tmp_path).close()
    with closing(sqlite3.connect(tmp_path / "state.db")) as db:
        (version,) = db.execute("PRAGMA user_version").fetchone()
    for _ in range(2):  # the second time as after a crash between the file and the database
        cut(tmp_path, "DROP TABLE meta", f"PRAGMA user_version = {version - 1}")
        (tmp_path / NAME).unlink(missing_ok=True)
        assert checked(tmp_path) == ""
    filled(tmp_path).close()
    assert checked(tmp_path) == ""
    assert len(Anchor(tmp_path).marks() or ()) == 1


def test_the_command_line_says_what_is_cut(home: Path) -> None:
    folder = home / ".local" / "state" / "kubemint"
    with closing(filled(folder)) as store:
        newest = store.entries()[-1].hash
    whole = kubemint("journal", "--verify")
    assert whole.code == 0
    assert f"the journal is intact: 5 entries; the newest is {newest}" in whole.err
    cut(folder, "DELETE FROM journal", "DELETE FROM head")
    broken = kubemint("journal", "--verify")
    assert broken.code == 1
    assert "cut: the newest 5 of 5 entries are gone" in broken.err
    for file in folder.glob("state.db*"):
        file.unlink()
    gone = kubemint("journal", "--verify")
    assert gone.code == 1
    assert "cut: the journal with 5 entries was removed or moved away" in gone.err
    filled(folder).close()
    anew = kubemint("journal", "--verify")
    assert anew.code == 1
    assert "an earlier journal with 5 entries was removed or moved away" in anew.err
    shutil.rmtree(folder)
    assert kubemint("journal", "--verify").code == 0
    assert not os.path.lexists(folder)


@pytest.mark.parametrize(
    ("message", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("  =cmd|'/c calc'!A1", "'  =cmd|'/c calc'!A1"),
        ('"=1', "'\"=1"),
        ("'=1", "''=1"),
        ("＝1", "'＝1"),
        ("＠SUM(1)", "'＠SUM(1)"),
        ("x;=1;+2", "x;'=1;'+2"),  # where cells end with semicolons
        ("one\n=1", "one\n'=1"),
        ("\r=1", "'\r'=1"),
        ("\t", "'\t"),
        ("a=1; b -c", "a=1; b -c"),
    ],
)
def test_no_spreadsheet_runs_what_a_server_said(message: str, cell: str) -> None:
    rows = list(csv.DictReader(comma_separated([entry(1, message)]).splitlines(keepends=True)))
    assert rows[0]["message"] == cell
