"""Killed in the middle of a write: the temporary file with the token goes at the next start, wherever it lies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.cli.conftest import kubemint
from tests.issuance.arena import Arena, Bench, new_arena
from tui.issuance.destinations.files import write_private
from tui.issuance.records import leftover_files
from tui.issuance.records.leftover_files import is_ours, noted, noting_in, sweep, sweep_noted, temporary_name
from tui.issuance.records.state_file import default_folder
from tui.kube.sensitive import Sensitive

if TYPE_CHECKING:
    from tui.demo.running import FleetThread

DYING = """
import os, signal, sys
from pathlib import Path
from tui.issuance.destinations import files
from tui.kube.sensitive import Sensitive
left = [0]
def dying(name):
    real = getattr(os, name)
    def call(*a, **k):
        done = real(*a, **k)
        left[0] -= 1
        if not left[0]: os.kill(os.getpid(), signal.SIGKILL)
        return done
    setattr(os, name, call)
for name in ('open', 'write', 'fsync', 'unlink', 'close', 'fstat', 'fchmod', 'rename', 'replace', 'mkdir'): dying(name)
for number in range(1, int(sys.argv[2]) + 1):
    pid = os.fork()
    if not pid:
        left[0] = number
        files.write_private(Path(sys.argv[1]) / str(number) / 'file', Sensitive('a live token'))
        os._exit(0)
    print(os.waitpid(pid, 0)[1], flush=True)
"""


def leftovers(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.name.endswith(".kubemint-tmp"))


def test_killed_at_any_call_of_a_write_nothing_is_left_after_the_next_start(tmp_path: Path) -> None:
    """Each in a folder that nobody writes to again."""
    ran = subprocess.run([sys.executable, "-c", DYING, str(tmp_path), "80"], capture_output=True, text=True, check=True)
    ended = [int(status) for status in ran.stdout.split()]
    assert set(ended) == {0, signal.SIGKILL}, "the kills reached every call of it, and no further"
    before = leftovers(tmp_path)
    assert len(before) > 3
    assert sweep_noted(default_folder()) == len(before)
    assert leftovers(tmp_path) == []
    assert os.listdir(default_folder() / "writing") == []
    kept = [path.read_text() for path in tmp_path.rglob("file")]
    assert set(kept) == {"a live token"}, "what was written whole stays"


def test_what_a_living_writer_has_is_left_alone(tmp_path: Path) -> None:
    state = tmp_path / "state"
    with noting_in(state), noted(tmp_path):
        temporary = temporary_name(tmp_path / "file")
        temporary.write_text("being written")
        assert sweep_noted(state) == 0
        assert temporary.exists()
        assert len(os.listdir(state / "writing")) == 1
    assert os.listdir(state / "writing") == []


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (".file.0123456789ab.kubemint-tmp", True),
        ("..0123456789ab.kubemint-tmp", True),
        (".a b\nc.0123456789ab.kubemint-tmp", True),
        ("file.0123456789ab.kubemint-tmp", False),
        (".file.0123456789AB.kubemint-tmp", False),
        (".file.kubemint-tmp", False),
        (".file.0123456789ab.kubemint-tmp.old", False),
        ("kubemint-tmp", False),
    ],
)
def test_which_names_are_ours(tmp_path: Path, name: str, expected: bool) -> None:
    path = tmp_path / "one"
    path.touch()
    found = path.lstat()
    assert is_ours(name, found, found.st_uid) is expected
    assert not is_ours(name, found, found.st_uid + 1), "another user's"
    assert not is_ours(name, tmp_path.lstat(), found.st_uid), "a folder"


def test_nothing_but_our_own_is_swept(tmp_path: Path) -> None:
    other = tmp_path / "precious"
    other.write_text("of somebody")
    name = temporary_name(tmp_path / "file").name
    folder = tmp_path / "swept"
    folder.mkdir()
    (folder / name).symlink_to(other)
    os.mkfifo(folder / temporary_name(folder / "pipe").name)
    (folder / temporary_name(folder / "folder").name).mkdir()
    (folder / "mine.kubemint-tmp").write_text("not its name")
    before = sorted(os.listdir(folder))
    assert sweep(folder) == 0
    assert sorted(os.listdir(folder)) == before
    assert other.read_text() == "of somebody"


def test_a_note_that_says_nonsense_costs_nothing(tmp_path: Path) -> None:
    notes = tmp_path / "writing"
    notes.mkdir()
    (notes / "empty").touch()
    (notes / "relative").write_bytes(b"some/where")
    (notes / "nul").write_bytes(b"\0/a")
    os.mkfifo(notes / "pipe")
    (notes / "link").symlink_to("/etc/passwd")
    gone = notes / "gone"
    gone.write_bytes(os.fsencode(tmp_path / "a disk that may come back"))
    assert sweep_noted(tmp_path) == 0
    assert "gone" in os.listdir(notes)
    old = time.time() - 31 * 86400
    os.utime(gone, (old, old))
    sweep_noted(tmp_path)
    assert sorted(os.listdir(notes)) == ["link", "pipe"]


def test_a_state_folder_that_cannot_be_written_keeps_nobody_from_writing(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file")
    with noting_in(tmp_path / "state"):
        write_private(tmp_path / "file", Sensitive("token"))
    assert (tmp_path / "file").read_text() == "token"


def test_the_note_is_there_before_the_file_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[bytes]] = []
    real = os.fchmod

    def look(descriptor: int, mode: int) -> None:
        seen.append([note.read_bytes() for note in (default_folder() / "writing").iterdir()])
        real(descriptor, mode)

    monkeypatch.setattr(os, "fchmod", look)
    link = tmp_path / "link"
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "file").touch()
    link.symlink_to(tmp_path / "real" / "file")
    write_private(link, Sensitive("token"))
    assert seen == [[os.fsencode(tmp_path / "real")]], "where the file really is, not the link"


@pytest.fixture
def arena(embedded_fleet: FleetThread, tmp_path: Path) -> Arena:
    return new_arena("embedded", embedded_fleet.kubeconfig, "harbor", tmp_path, embedded_fleet)


async def test_an_engine_sweeps_what_another_left(arena: Arena, tmp_path: Path) -> None:
    """The notes lie with its own state."""
    async with Bench(arena) as bench:
        await bench.issue(arena.spec(arena.file()))
        folder = tmp_path / "elsewhere"
        folder.mkdir()
        temporary_name(folder / "file").write_text("a live token")
        with noting_in(bench.state.folder), noted(folder):
            note = next((bench.state.folder / "writing").iterdir()).read_bytes()
        (bench.state.folder / "writing" / "left").write_bytes(note)
        await bench.engine.recover()
    assert leftovers(tmp_path) == []


def test_a_command_sweeps_what_a_killed_one_left(arena: Arena, tmp_path: Path) -> None:
    where = ("--kubeconfig", arena.kubeconfig, "--context", arena.name)
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    temporary_name(folder / "file").write_text("a live token")
    notes = default_folder() / "writing"
    notes.mkdir(parents=True)
    (notes / "left").write_bytes(os.fsencode(folder))
    made = kubemint(
        "issue",
        "robot",
        "-n",
        arena.namespace,
        "--create",
        "--out",
        tmp_path / "out" / "robot.kubeconfig",
        "-p",
        *where,
    )
    assert made.code == 0, made
    assert leftovers(tmp_path) == []
    assert os.listdir(notes) == []
    assert leftover_files.SUFFIX == ".kubemint-tmp"
