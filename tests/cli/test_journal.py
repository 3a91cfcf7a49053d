"""`kubemint journal`: what was done, whether somebody changed it, and as a file."""

from __future__ import annotations

import sqlite3
import stat
from pathlib import Path

import msgspec

from tests.cli.conftest import kubemint


def test_journal_is_empty_at_first_and_whole_later(served: Path, robot: Path) -> None:
    assert "nothing was done" in kubemint("journal", env={"XDG_STATE_HOME": str(robot.parent / "none")}).err
    whole = kubemint("journal", "--verify")
    assert (whole.code, whole.out) == (0, "")
    assert "the journal is intact" in whole.err
    table = kubemint("journal", "--limit", "3")
    assert len(table.out.splitlines()) == 4
    assert kubemint("journal", "-o", "json", "--limit", "2").json["kind"] == "JournalEntryList"


def test_a_journal_that_somebody_changed_is_noticed(robot: Path, home: Path) -> None:
    assert robot.exists()
    with sqlite3.connect(home / ".local/state/kubemint/state.db") as db:
        db.execute("UPDATE journal SET message = 'nothing to see' WHERE seq = 3")
    result = kubemint("journal", "--verify")
    assert result.code == 1
    assert "broken at entry 3" in result.err


def test_the_journal_goes_to_a_file_as_people_want_it(robot: Path, tmp_path: Path) -> None:
    assert robot.exists()
    everything = kubemint("journal", "-o", "jsonl").out.splitlines()
    some = kubemint("journal", "-o", "jsonl", "--filter", "step:commit").out.splitlines()
    assert 0 < len(some) < len(everything)
    path = tmp_path / "journal.csv"
    written = kubemint("journal", "-o", "csv", "--out", path)
    assert (written.code, written.out) == (0, f"{path}\n"), written
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(path.read_text().splitlines()) == len(everything) + 1
    kubemint("journal", "-o", "json", "--out", path).failed(2, "was not written by kubemint")
    assert kubemint("journal", "-o", "json", "--out", path, "--force").code == 0
    assert msgspec.json.decode(path.read_bytes())["kind"] == "JournalEntryList"
    kubemint("journal", "--out", path).failed(2, "--out needs")
    kubemint("journal", "-o", "csv", "--force").failed(2, "--force needs --out")


def test_no_journal_is_written_over_a_live_credential_of_kubemints(robot: Path, tmp_path: Path) -> None:
    """Its record would be left without it, and its token would live on beside."""
    before = robot.read_bytes()
    link = tmp_path / "link.jsonl"
    link.symlink_to(robot)
    for path in (robot, link):
        for more in ((), ("--force",)):
            result = kubemint("journal", "-o", "jsonl", "--out", path, *more)
            result.failed(2, "is already in use by a credential of ")
    assert robot.read_bytes() == before
    assert not list(robot.parent.glob("*.replaced-by-kubemint*"))
