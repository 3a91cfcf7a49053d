"""A state file that is damaged, is no file, or cannot be written: it stops nobody, and nothing of it is lost."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import random
import shutil
import sqlite3
import stat
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.cli.conftest import kubemint
from tests.issuance.arena import Arena, Bench, new_arena
from tests.issuance.test_state import filled
from tui.issuance.errors import StateError, is_given_up
from tui.issuance.model.types import Action, Address, StepResult, StepStatus
from tui.issuance.records.state import StateStore
from tui.issuance.records.state_file import Damaged, default_folder, refuse_foreign, wrong_kind

if TYPE_CHECKING:
    from tui.demo.running import FleetThread


def garbage(file: Path) -> None:
    file.write_bytes(b"this is not a database, and long enough to be looked at" * 100)


def half(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[4096:] = b"\xff" * (len(data) - 4096)
    file.write_bytes(data)


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:5000])


def another(file: Path) -> None:
    file.unlink()
    with sqlite3.connect(file) as db:
        db.execute("CREATE TABLE something (else_ TEXT)")
        db.execute("PRAGMA user_version = 1")
    db.close()


def negative(file: Path) -> None:
    with sqlite3.connect(file) as db:
        db.execute("PRAGMA user_version = -3")
    db.close()


def pipe(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


def folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


DAMAGES = [garbage, half, cut, another, negative, pipe, folder]


def aside(where: Path) -> list[Path]:
    return [path for path in where.iterdir() if ".damaged-" in path.name and path.name[-4:] not in ("-wal", "-shm")]


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_what_is_damaged_is_set_aside_and_a_new_one_begun(tmp_path: Path, damage: Any) -> None:
    filled(tmp_path).close()
    damage(tmp_path / "state.db")
    before = (tmp_path / "state.db").read_bytes() if (tmp_path / "state.db").is_file() else None
    store = StateStore.open(tmp_path)
    [(said, hint)] = store.said
    [kept] = aside(tmp_path)
    assert kept.name in said
    assert "starts with an empty one" in said
    assert "hygiene" in hint
    assert before is None or kept.read_bytes() == before, "nothing of it is lost"
    assert not any((store.entries(), store.exports(), store.open_plans(), store.revocations()))
    assert "was removed or moved away" in store.verify_chain().message, "nobody is told that it is the old journal"
    assert stat.S_IMODE((tmp_path / "state.db").stat().st_mode) == 0o600
    store.close()
    again = StateStore.open(tmp_path)
    assert again.said == []
    again.close()
    assert len(aside(tmp_path)) == 1


def test_who_only_completes_a_word_sets_nothing_aside(tmp_path: Path) -> None:
    filled(tmp_path).close()
    garbage(tmp_path / "state.db")
    with pytest.raises(Damaged):
        StateStore.open(tmp_path, afresh=False)
    assert aside(tmp_path) == []


def test_damage_that_only_shows_later_is_looked_for_at_the_next_start(tmp_path: Path) -> None:
    """A page of the journal's index: opening reads none of it."""
    store = filled(tmp_path)
    for number in range(1000):
        store.record(Action.ISSUE, Address.parse("file:/f"), _result(number))
    store.close()
    file = tmp_path / "state.db"
    data = bytearray(file.read_bytes())
    with sqlite3.connect(file) as db:
        [(root,)] = db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'journal_plan'")
    db.close()
    data[4096 * (root - 1) : 4096 * root] = b"\xff" * 4096
    file.write_bytes(data)
    store = StateStore.open(tmp_path)
    assert store.said == []
    with pytest.raises(Damaged) as seen:
        store.entries(plan="p7")
    assert "start kubemint again" in seen.value.hint
    store.close()
    store = StateStore.open(tmp_path)
    assert "starts with an empty one" in store.said[0][0]
    store.close()


def _result(number: int) -> StepResult:
    from datetime import UTC, datetime

    from tui.issuance.model.types import StepStatus

    return StepResult(
        plan=f"p{number}", step="s", title="S", status=StepStatus.DONE, at=datetime.now(UTC), message="m" * 40
    )


def _open(where: Path) -> int:
    store = StateStore.open(where)
    said = len(store.said)
    store.close()
    return said


def test_many_that_start_at_once_set_it_aside_once(tmp_path: Path) -> None:
    filled(tmp_path).close()
    garbage(tmp_path / "state.db")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tui.issuance.records.state", "tests.faults.test_state_file"])
    with context.Pool(3) as pool:
        said = pool.map(_open, [tmp_path] * 6, chunksize=1)
    assert sum(said) == 1
    assert len(aside(tmp_path)) == 1


def test_random_damage_never_stops_the_next_start(tmp_path: Path) -> None:
    """Bytes anywhere: it opens as it is, or is set aside; every reading call answers or says what is wrong."""
    filled(tmp_path / "whole").close()
    data = (tmp_path / "whole" / "state.db").read_bytes()
    chance = random.Random(8)
    for number in range(30):
        where = tmp_path / str(number)
        where.mkdir()
        broken = bytearray(data)
        for _ in range(chance.choice((1, 4, 200))):
            broken[chance.randrange(len(broken))] = chance.randrange(256)
        (where / "state.db").write_bytes(broken)
        for _ in range(3):
            try:
                store = StateStore.open(where)
            except StateError as refused:
                if "newer kubemint" not in refused.message:
                    raise
                break
            try:
                store.entries()
                store.open_plans()
                store.revocations()
                store.exports()
                store.verify_chain()
                store.append(Action.ISSUE, Address.parse("file:/f"), _result(1))
            except StateError:
                continue
            finally:
                store.close()
            break
        else:
            raise AssertionError("it goes on being broken")


def test_a_full_disk_is_said_and_changes_nothing(tmp_path: Path) -> None:
    store = filled(tmp_path)
    entries = store.entries()
    [(pages,)] = store._db.execute("PRAGMA page_count").fetchall()
    store._db.execute(f"PRAGMA max_page_count = {pages}")

    def fill() -> None:
        for number in range(200):
            store.append(Action.ISSUE, Address.parse("file:/f"), _result(number))

    with pytest.raises(StateError) as full:
        fill()
    assert "the disk is full" in full.value.message
    assert "free some space" in full.value.hint
    assert not isinstance(full.value, Damaged)
    assert store.entries()[: len(entries)] == entries
    assert store.verify_chain().ok
    store.close()


def test_whose_state_it_is_decides() -> None:
    me = os.geteuid()
    refuse_foreign(Path("/state"), me, me)
    for owner, other in ((4711, 0), (0, 4711)):
        with pytest.raises(StateError, match=r"^/state belongs to ") as refused:
            refuse_foreign(Path("/state"), owner, other)
        assert "run kubemint as " in refused.value.hint
    assert "belongs to 4711: " in _refusal(4711, 0)


def _refusal(owner: int, me: int) -> str:
    with pytest.raises(StateError) as refused:
        refuse_foreign(Path("/state"), owner, me)
    return refused.value.message


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away, and open what is another's")
@pytest.mark.parametrize("what", ["state", "state/state.db"])
def test_a_state_of_somebody_else_is_not_used(tmp_path: Path, what: str) -> None:
    filled(tmp_path / "state").close()
    os.chown(tmp_path / what, 4711, -1)
    before = (tmp_path / "state" / "state.db").read_bytes()
    with pytest.raises(StateError, match=f"{what} belongs to 4711"):
        StateStore.open(tmp_path / "state")
    assert (tmp_path / "state" / "state.db").read_bytes() == before
    assert aside(tmp_path / "state") == []


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is read-only for root")
def test_a_read_only_folder_is_said(tmp_path: Path) -> None:
    filled(tmp_path / "state").close()
    (tmp_path / "state" / "state.db").chmod(0o400)
    (tmp_path / "state").chmod(0o500)
    with pytest.raises(StateError) as refused:
        StateStore.open(tmp_path / "state")
    assert "XDG_STATE_HOME" in refused.value.hint


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (sqlite3.SQLITE_READONLY, "read-only"),
        (sqlite3.SQLITE_CANTOPEN, "cannot be opened"),
        (sqlite3.SQLITE_IOERR | (3 << 8), "the disk fails"),
        (sqlite3.SQLITE_BUSY, "in use by another kubemint"),
    ],
)
def test_what_the_disk_says_is_said_in_our_words(tmp_path: Path, code: int, words: str) -> None:
    from tui.issuance.records.state_file import sqlite_errors

    error = sqlite3.OperationalError("as SQLite says it")
    error.sqlite_errorcode = code
    with pytest.raises(StateError, match=words) as refused, sqlite_errors(tmp_path / "state.db"):
        raise error
    assert not isinstance(refused.value, Damaged)
    assert os.listdir(tmp_path) == []


def test_what_is_no_file_is_named(tmp_path: Path) -> None:
    pipe_ = tmp_path / "pipe"
    os.mkfifo(pipe_)
    assert [wrong_kind(path) for path in (pipe_, tmp_path, tmp_path / "gone", Path(__file__))] == [
        "a pipe",
        "a folder",
        "",
        "",
    ]
    assert wrong_kind(Path("/dev/null")) == "a device"


@pytest.fixture
def arena(embedded_fleet: FleetThread, tmp_path: Path) -> Arena:
    return new_arena("embedded", embedded_fleet.kubeconfig, "harbor", tmp_path, embedded_fleet)


@pytest.mark.parametrize("beside", ["-journal", "-wal", "-shm"])
@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_what_is_no_file_of_sqlite_beside_it_is_set_aside_alone(tmp_path: Path, beside: str, make: Any) -> None:
    """SQLite waits for ever for a pipe that lies there; the state itself is whole."""
    filled(tmp_path).close()
    for suffix in ("-journal", "-wal", "-shm"):
        Path(f"{tmp_path / 'state.db'}{suffix}").unlink(missing_ok=True)
    make(f"{tmp_path / 'state.db'}{beside}")
    with contextlib.closing(StateStore.open(tmp_path)) as store:
        assert len(store.entries()) == 5
        ((said, _),) = store.said
        assert f"state.db{beside} was" in said
    assert len(list(tmp_path.glob(f"state.db{beside}.damaged-*"))) == 1
    with contextlib.closing(StateStore.open(tmp_path)) as store:
        assert store.said == []


def test_what_carries_its_own_annotations_goes_on(arena: Arena) -> None:
    """A Secret in the cluster is rotated as before; the command says what happened to the file."""
    where = ("--kubeconfig", arena.kubeconfig, "--context", arena.name)
    made = kubemint(
        "issue", "robot", "-n", arena.namespace, "--create", "--secret", f"{arena.namespace}/robot-credential", *where
    )
    assert made.code == 0, made
    file = default_folder() / "state.db"
    garbage(file)
    listed = kubemint("list", "credentials", "-n", arena.namespace, "-o", "name", "--wait", "300ms", *where)
    assert listed.code == 0, listed
    assert str(arena.secret_address()) in listed.out
    assert "kubemint starts with an empty one" in listed.err
    pipe(file)
    rotated = kubemint("rotate", str(arena.secret_address()), "--grace", "0s", *where)
    assert rotated.code == 0, rotated
    assert "is a pipe and no state file" in rotated.err
    garbage(file)
    journal = kubemint("journal")
    assert journal.code == 0
    assert "kubemint starts with an empty one" in journal.err
    assert len(aside(file.parent)) == 3


async def test_the_dashboard_says_it(arena: Arena, tmp_path: Path) -> None:
    from tui.app import KubemintApp
    from tui.fleet.fleet import Fleet
    from tui.kube.kubeconfig import load

    async with Bench(arena) as bench:
        await bench.issue(arena.spec(arena.file()))
    garbage(tmp_path / "state" / "state.db")
    state = StateStore.open(tmp_path / "state")
    app = KubemintApp(Fleet(load(str(arena.kubeconfig)), state=state, only=[arena.name]))
    async with app.run_test() as pilot:
        await pilot.pause()
        said = [note.message for note in app._notifications]
    state.close()
    assert any("kubemint starts with an empty one" in one for one in said), said


def gone(where: Path) -> None:
    shutil.rmtree(where)


def made_anew(where: Path) -> None:
    shutil.rmtree(where)
    StateStore.open(where).close()


def database_gone(where: Path) -> None:
    (where / "state.db").unlink()


def last_writes_gone(where: Path) -> None:
    (where / "state.db-wal").unlink()


def put_back_from_a_copy(where: Path) -> None:
    shutil.copytree(where, f"{where}-copy")
    shutil.rmtree(where)
    shutil.copytree(f"{where}-copy", where)


def renamed(where: Path) -> None:
    (where / "state.db").rename(where / "state.db.damaged-by-another")


REPLACED = [gone, made_anew, database_gone, last_writes_gone, put_back_from_a_copy, renamed]


@pytest.mark.parametrize("slip", REPLACED, ids=lambda slip: slip.__name__)
def test_nothing_is_written_into_a_file_that_is_not_the_state_any_more(tmp_path: Path, slip: Any) -> None:
    where = tmp_path / "kubemint"
    store = filled(where)
    slip(where)
    with pytest.raises(StateError) as seen:
        store.append(Action.ISSUE, Address.parse("file:/f"), _result(7))
    assert f"{where / 'state.db'} was removed or replaced while kubemint runs" in seen.value.message
    assert "start kubemint again" in seen.value.hint
    assert len(store.entries()) == 5, "what it knows can be read, and nothing was added"
    store.close()
    with contextlib.closing(StateStore.open(where)) as again:
        again.append(Action.ISSUE, Address.parse("file:/f"), _result(8))


def test_what_is_written_stays_where_this_process_opened_the_state_twice(tmp_path: Path) -> None:
    """Closing a second descriptor of the file would let go of SQLite's locks, and the next process that ends would
    remove what this one writes to."""
    store = filled(tmp_path)
    StateStore.open(tmp_path).close()
    script = (
        "import sys, pathlib, tui.issuance.records.state as s; store = s.StateStore.open(pathlib.Path(sys.argv[1]))\n"
        "print(len(store.entries())); store.close()"
    )
    another = [sys.executable, "-c", script, str(tmp_path)]
    assert subprocess.run(another, check=True, capture_output=True).stdout == b"5\n"
    store.append(Action.ISSUE, Address.parse("file:/f"), _result(7))
    assert subprocess.run(another, check=True, capture_output=True).stdout == b"6\n", "before this one ends, too"
    store.close()


@pytest.mark.parametrize("slip", [gone, made_anew], ids=lambda slip: slip.__name__)
async def test_without_its_state_nothing_is_begun_and_that_is_said(arena: Arena, tmp_path: Path, slip: Any) -> None:
    async with Bench(arena) as bench:
        await bench.issue(arena.spec(arena.file()))
        before = await bench.handles()
        slip(bench.state.folder)
        outcome = await bench.engine.execute(await bench.engine.plan_rotate(arena.file().address(arena.identity())))
        assert not outcome.ok
        assert "was removed or replaced while kubemint runs" in outcome.error
        assert "start kubemint again" in outcome.hint
        assert [one.status for one in outcome.results if one.status is StepStatus.DONE] == []
        assert await bench.handles() == before


async def test_what_ends_with_its_grace_ends_without_the_state_as_well(arena: Arena) -> None:
    """The process that waits for it still knows."""
    async with Bench(arena, grace=timedelta(seconds=2)) as bench:
        issued = await bench.issue(arena.spec(arena.file()))
        old = await bench.handles()
        outcome = await bench.engine.execute(await bench.engine.plan_rotate(issued.credential.address))
        gone(bench.state.folder)
        await bench.engine.settle()
        assert not set(old) & set(await bench.handles())
        (said,) = bench.engine.settled(outcome).left
        assert "deleted" in said
        assert "which could not be journaled" in said
        assert "was removed or replaced while kubemint runs" in said
        assert is_given_up(said), "nobody is told that the next kubemint tries it again"


async def test_who_lost_his_lock_to_a_cleaner_stops_and_takes_back_what_he_began(arena: Arena) -> None:
    """Another kubemint may be at the same credential by then. The next start finishes what was left."""
    async with Bench(arena) as bench:
        issued = await bench.issue(arena.spec(arena.file()))
        before, lies = await bench.handles(), Path(arena.file().path).read_bytes()

        def tidy(point: str) -> None:
            if point == "before:token":
                shutil.rmtree(bench.state.folder / "locks")

        bench.engine.checkpoint = tidy
        outcome = await bench.engine.execute(await bench.engine.plan_rotate(issued.credential.address))
        bench.engine.checkpoint = lambda point: None
        assert not outcome.ok
        assert "was removed while kubemint worked on it: another kubemint may do so too" in outcome.error
        await bench.engine.recover()
        assert (await bench.handles(), Path(arena.file().path).read_bytes()) == (before, lies)
