"""The local state: durable, private, chained, and clear about what is wrong with it."""

from __future__ import annotations

import contextlib
import importlib.util
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tui.issuance.destinations.in_file import FileDestination
from tui.issuance.errors import StateError
from tui.issuance.model.kinds import CredentialKind
from tui.issuance.model.types import (
    Action,
    Address,
    Credential,
    Handle,
    Identity,
    IssueSpec,
    State,
    StepResult,
    StepStatus,
)
from tui.issuance.records import state_schema
from tui.issuance.records.intent import Export, Intent, Revocation
from tui.issuance.records.journal import scrub
from tui.issuance.records.state import StateStore
from tui.issuance.records.state_schema import SCHEMA_VERSION
from tui.issuance.records.whereabouts import as_read

ADDRESS = Address(CredentialKind.FILE, "", "", "/home/me/robot")
IDENTITY = Identity("harbor", "default", "robot")
NOW = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)


def result(step: str = "token", message: str = "") -> StepResult:
    return StepResult(plan="p1", step=step, title="T", status=StepStatus.DONE, at=NOW, message=message)


def intent(**fields: object) -> Intent:
    spec = IssueSpec(
        identity=IDENTITY, destinations=(FileDestination("/home/me/robot"),), duration=timedelta(hours=1, seconds=5)
    )
    return Intent(plan="p1", action=Action.ISSUE, address=ADDRESS, request="r", spec=spec, **fields)  # type: ignore[arg-type]


def filled(folder: Path) -> StateStore:
    store = StateStore.open(folder)
    for number in range(5):
        store.append(Action.ISSUE, ADDRESS, result(f"step{number}"))
    return store


def test_what_was_written_outlives_a_power_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests do not wait for the disk; everybody else does."""
    spec = importlib.util.find_spec(state_schema.__name__)
    assert spec is not None
    assert spec.loader is not None
    untouched = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(untouched)
    monkeypatch.setattr(state_schema, "SYNCHRONOUS", untouched.SYNCHRONOUS)
    with contextlib.closing(StateStore.open(tmp_path)) as store:
        assert store._db.execute("PRAGMA synchronous").fetchone() == (2,), "FULL"
        assert store._db.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_folder_and_files_are_private_from_the_start(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "kubemint"
    store = filled(folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()}
    assert set(modes.values()) == {0o600}
    assert "state.db-wal" in modes
    store.close()


def test_the_default_folder_is_the_users_state_folder(home: Path) -> None:
    store = StateStore.open()
    assert store.folder == home / ".local/state/kubemint"
    store.close()


def test_entries_come_back_oldest_first_and_by_plan(tmp_path: Path) -> None:
    store = filled(tmp_path)
    entries = store.entries()
    assert [entry.seq for entry in entries] == [1, 2, 3, 4, 5]
    assert entries[0].at == NOW
    assert entries[0].address == "file:/home/me/robot"
    assert [entry.step for entry in store.entries(2)] == ["step3", "step4"]
    assert store.entries(plan="other") == []


@pytest.mark.parametrize(
    ("tampering", "broken_at"),
    [
        ("UPDATE journal SET message = 'x' WHERE seq = 3", 3),
        ("UPDATE journal SET detail = '{}' WHERE seq = 1", 1),
        ("DELETE FROM journal WHERE seq = 2", 2),
        ("DELETE FROM journal WHERE seq = 5", 5),
        ("DELETE FROM journal", 1),
    ],
)
def test_the_chain_shows_what_was_changed_or_removed(tmp_path: Path, tampering: str, broken_at: int) -> None:
    filled(tmp_path).close()
    with sqlite3.connect(tmp_path / "state.db") as db:
        db.execute(tampering)
    db.close()
    store = StateStore.open(tmp_path)
    report = store.verify_chain()
    assert not report.ok
    assert report.broken_at == broken_at
    assert report.message
    store.close()


def test_an_untouched_chain_is_whole_across_openings(tmp_path: Path) -> None:
    for _ in range(3):
        store = filled(tmp_path)
        report = store.verify_chain()
        store.close()
    assert (report.ok, report.entries) == (True, 15)


def test_many_writers_make_one_chain(tmp_path: Path) -> None:
    stores = [StateStore.open(tmp_path) for _ in range(3)]

    def write(store: StateStore) -> None:
        for number in range(20):
            store.append(Action.ISSUE, ADDRESS, result(f"s{number}"))

    threads = [threading.Thread(target=write, args=(store,)) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    report = stores[0].verify_chain()
    assert (report.ok, report.entries) == (True, 60)
    for store in stores:
        store.close()


def test_what_is_open_survives_and_changes_together_with_the_journal(tmp_path: Path) -> None:
    store = StateStore.open(tmp_path)
    handle = Handle("harbor", "default", "h", "uid")
    store.record(Action.ISSUE, ADDRESS, result("intent"), opened=intent())
    store.record(Action.ISSUE, ADDRESS, result("handle"), opened=intent(handle=handle))
    store.close()
    store = StateStore.open(tmp_path)
    assert store.open_plans() == [as_read(intent(handle=handle))]
    credential = Credential(address=ADDRESS, identity=IDENTITY, state=State.VALID, expires_at=NOW)
    export = Export(credential=credential, request="r", spec=intent().spec)
    due = Revocation(plan="p1", address=ADDRESS, handle=handle, due=NOW)
    store.record(Action.ISSUE, ADDRESS, result("commit"), closed="p1", exports=[export], revocations=[due])
    assert store.open_plans() == []
    assert store.exports() == [credential]
    assert store.export_records("r") == [as_read(export)]
    assert store.revocations() == [as_read(due)]
    store.record(Action.ISSUE, ADDRESS, result("revoke"), revoked=handle)
    assert store.revocations() == []
    store.record(Action.RECOVER, ADDRESS, forget=[ADDRESS])
    assert store.export_record(ADDRESS) is None
    store.close()


def test_a_failed_transaction_changes_nothing(tmp_path: Path) -> None:
    store = filled(tmp_path)

    def broken() -> object:
        yield from ()
        raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError):
        store.record(Action.ISSUE, ADDRESS, result(), opened=intent(), exports=broken())  # type: ignore[arg-type]
    assert len(store.entries()) == 5
    assert store.open_plans() == []
    assert store.verify_chain().ok
    store.close()


def test_a_newer_schema_is_refused_and_left_alone(tmp_path: Path) -> None:
    filled(tmp_path).close()
    with sqlite3.connect(tmp_path / "state.db") as db:
        db.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    db.close()
    with pytest.raises(StateError, match=r"newer kubemint \(schema \d+, this one knows \d+\)"):
        StateStore.open(tmp_path)


def test_a_record_of_another_shape_keeps_no_other_from_its_work_and_is_said(tmp_path: Path) -> None:
    before = filled(tmp_path)
    plans = before.open_plans()
    before.close()
    with sqlite3.connect(tmp_path / "state.db") as db:
        db.execute("INSERT INTO open_plans VALUES ('x', 'y', ?)", (b'{"plan": 5}',))
    db.close()
    store = StateStore.open(tmp_path)
    assert store.open_plans() == plans
    with pytest.raises(StateError, match="cannot be read"):
        store.open_plan("x")
    assert [message for message, _ in store.said] == [
        f"{tmp_path / 'state.db'} holds 1 of the plans that are open that cannot be read"
    ]
    store.close()


@pytest.mark.parametrize("what", ["file", "link"])
def test_a_folder_that_cannot_be_used_is_one_clear_line(tmp_path: Path, what: str) -> None:
    folder = tmp_path / "state"
    if what == "file":
        folder.write_text("")
    else:  # state.db must not lead anywhere else
        folder.mkdir()
        (folder / "state.db").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StateError, match="cannot open the state in"):
        StateStore.open(folder)
    assert not (tmp_path / "elsewhere").exists()


def test_tokens_and_keys_are_taken_out_of_messages(tmp_path: Path) -> None:
    token = "eyJhbGciOiJSUzI1NiIsImtpZCI6IngifQ.eyJpc3MiOiJrIn0.c2lnbmF0dXJl"
    store = StateStore.open(tmp_path)
    store.append(Action.ISSUE, ADDRESS, result(message=f"the proxy said: {token}\n-----BEGIN RSA PRIVATE KEY----- abc"))
    (entry,) = store.entries()
    assert entry.message == "the proxy said: •••••••• ••••••••"
    assert scrub("plain words, eyJ in short stays") == "plain words, eyJ in short stays"
    store.close()


def test_a_write_is_short(tmp_path: Path) -> None:
    """The median of a durable append; generous, because the disk of a busy machine is waited for."""
    store = StateStore.open(tmp_path)
    times = []
    for _ in range(20):
        start = time.perf_counter()
        store.append(Action.ISSUE, ADDRESS, result())
        times.append(time.perf_counter() - start)
    assert sorted(times)[10] < 0.25
    store.close()


def test_records_may_be_read_in_many_threads_from_the_first_moment_on(tmp_path: Path) -> None:
    """In processes of their own: what goes wrong here ends the process, and only where nothing was read before."""
    program = """
import sys, threading
from pathlib import Path
sys.setswitchinterval(1e-6)
from tui.issuance.records.state import StateStore
from tui.issuance.records.state_schema import SCHEMA_VERSION
store = StateStore.open(Path(sys.argv[1]))
together = threading.Barrier(8)
def read():
    together.wait()
    assert len(store.exports()) == len(store.open_plans()) == 1
threads = [threading.Thread(target=read) for _ in range(8)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
"""
    store = StateStore.open(tmp_path / "state")
    store.record(Action.ISSUE, ADDRESS, opened=intent())
    credential = Credential(address=ADDRESS, identity=IDENTITY, state=State.VALID)
    store.record_export(Export(credential=credential, request="r", spec=intent().spec))
    store.close()
    for _ in range(4):
        done = subprocess.run(
            [sys.executable, "-c", program, str(tmp_path / "state")], capture_output=True, text=True, timeout=60
        )
        assert (done.returncode, done.stderr) == (0, "")
