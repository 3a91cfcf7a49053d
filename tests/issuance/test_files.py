"""Private files: rows D07, D09 and G17, and everything a file system can refuse."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
import tempfile
import textwrap
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tui.issuance.destinations import files
from tui.issuance.destinations.files import read_private, write_private
from tui.issuance.destinations.folders import reached
from tui.issuance.errors import FileError
from tui.issuance.records import leftover_files
from tui.kube.sensitive import Sensitive

NEW = Sensitive("new material")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def left_behind(folder: Path) -> list[str]:
    return [name for name in os.listdir(folder) if "kubemint" in name]


@contextmanager
def umask(value: int) -> Iterator[None]:
    before = os.umask(value)
    try:
        yield
    finally:
        os.umask(before)


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077])
def test_d07_new_files_and_folders_are_private(tmp_path: Path, mask: int) -> None:
    path = tmp_path / "new" / "deeper" / "robot.token"
    with umask(mask):
        assert write_private(path, NEW) == path.resolve()
    assert path.read_bytes() == b"new material", "no line break is added"
    assert mode(path) == 0o600
    assert (mode(path.parent), mode(path.parent.parent)) == (0o700, 0o700)
    assert os.listdir(path.parent) == ["robot.token"]


def test_d07_private_from_the_first_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "f"
    path.write_text("old")
    path.chmod(0o644)
    seen: list[int] = []
    real = os.write

    def watching(descriptor: int, data: bytes) -> int:
        seen.append(stat.S_IMODE(os.fstat(descriptor).st_mode))
        return real(descriptor, data)

    monkeypatch.setattr(os, "write", watching)
    with umask(0):
        write_private(path, NEW)
    assert set(seen) == {0o600}, "the file's and that of the note about it"


def test_d09_a_link_is_kept_and_its_target_replaced(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    target, link, hop = tmp_path / "real" / "config", tmp_path / "link", tmp_path / "hop"
    target.write_text("old")
    link.symlink_to("hop")
    hop.symlink_to(target)
    assert write_private(link, NEW) == target.resolve()
    assert link.is_symlink()
    assert hop.is_symlink()
    assert not target.is_symlink()
    assert target.read_text() == "new material"


def test_d09_a_dangling_link_gets_its_target(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "later" / "config")
    write_private(link, NEW)
    assert link.is_symlink()
    assert (tmp_path / "later" / "config").read_text() == "new material"
    assert mode(tmp_path / "later" / "config") == 0o600


@pytest.mark.parametrize("kept", [0o600, 0o640, 0o400, 0o660])
def test_d09_mode_of_an_existing_file_is_kept(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "f"
    path.write_text("old")
    path.chmod(kept)
    write_private(path, NEW)
    assert mode(path) == kept
    assert path.read_bytes() == b"new material"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_d09_owner_of_an_existing_file_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_text("old")
    os.chown(path, 12345, 23456)
    write_private(path, NEW)
    assert (path.stat().st_uid, path.stat().st_gid) == (12345, 23456)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user may enter, which pytest's own are not."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def test_d09_a_read_only_folder_is_one_clear_error(open_folder: Path) -> None:
    """In a child, which gives up root's right to write everywhere where the tests run as root."""
    folder = open_folder / "closed"
    folder.mkdir()
    (folder / "f").write_text("old")
    folder.chmod(0o555)
    child = os.fork()
    if child == 0:
        try:
            if os.geteuid() == 0:
                os.setgid(65534)
                os.setuid(65534)
            write_private(folder / "f", NEW)
        except FileError as error:
            os._exit(0 if str(error).endswith("/closed/f: permission denied") and error.hint else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert (folder / "f").read_text() == "old"
    assert os.listdir(folder) == ["f"]
    folder.chmod(0o755)


@pytest.mark.parametrize("kind", ["folder", "pipe", "socket", "device", "link to a folder"])
def test_only_regular_files(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "x"
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(path))
    elif kind == "device":
        path = Path("/dev/null")
    else:
        path.symlink_to(tmp_path)
    with pytest.raises(FileError, match=r"is a folder|is not a regular file"):
        write_private(path, NEW)
    if kind != "socket":  # which cannot even be opened
        with pytest.raises(FileError, match=r"is a folder|is not a regular file|is a directory"):
            read_private(path)
    assert not left_behind(tmp_path)


def test_links_without_end_and_files_as_folders(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    with pytest.raises(FileError, match="symbolic links"):
        write_private(tmp_path / "a", NEW)
    (tmp_path / "file").write_text("x")
    with pytest.raises(FileError, match="not a directory"):
        write_private(tmp_path / "file" / "below", NEW)
    with pytest.raises(FileError, match="file name too long"):
        write_private(tmp_path / ("n" * 300), NEW)
    assert sorted(os.listdir(tmp_path)) == ["a", "b", "file"]


def test_the_longest_name_a_file_system_allows(tmp_path: Path) -> None:
    path = tmp_path / ("ü" * 127)
    write_private(path, NEW)
    assert path.read_text() == "new material"


def test_a_full_disk_changes_nothing(tmp_path: Path) -> None:
    """A size limit of the process makes the write stop in the middle, as a full disk does."""
    path = tmp_path / "f"
    path.write_text("old")
    script = """
        import resource, sys
        from tui.issuance.destinations.files import write_private
        from tui.issuance.errors import FileError
        from tui.kube.sensitive import Sensitive
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
        try:
            write_private(sys.argv[1], Sensitive(b"x" * 10000))
        except FileError as error:
            print(error, "|", error.hint)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), str(path)], capture_output=True, text=True, check=True
    )
    assert (
        done.stdout == f"cannot write {path}: file too large | a limit on file sizes is in force; nothing was changed\n"
    )
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["f"]


def test_a_really_full_disk(tmp_path: Path) -> None:
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8k", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("this user may not mount a small tmpfs")
    try:
        path = folder / "f"
        path.write_text("old")
        with pytest.raises(FileError, match="no space left on device") as caught:
            write_private(path, Sensitive(b"x" * 100_000))
        assert "nothing was changed" in caught.value.hint
        assert path.read_text() == "old"
        assert os.listdir(folder) == ["f"]
    finally:
        subprocess.run(["umount", str(folder)], check=True)


KILLER = """
    import os, signal, sys
    from pathlib import Path
    from tui.issuance.destinations import files
    from tui.issuance.records import leftover_files
    from tui.kube.sensitive import Sensitive

    path, old, new = Path(sys.argv[1]), b"old" * 20000, b"newer" * 20000
    step = 0
    while True:
        step += 1
        path.write_bytes(old)
        path.chmod(0o600)
        child = os.fork()
        if child == 0:
            left = step
            def trace(frame, event, arg):
                global left
                if not frame.f_code.co_filename.endswith("destinations/files.py"):
                    return None
                if event in ("line", "return"):
                    left -= 1
                    if not left:
                        os.kill(os.getpid(), signal.SIGKILL)
                return trace
            sys.settrace(trace)
            files.write_private(path, Sensitive(new))
            os._exit(0)
        killed = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
        content = path.read_bytes()
        assert content in (old, new), f"torn at step {step}"
        assert killed or content == new
        orphans = [name for name in os.listdir(path.parent) if name != path.name]
        assert all((path.parent / name).stat().st_mode & 0o77 == 0 for name in orphans)
        print(step, "killed" if killed else "finished", "new" if content == new else "old", len(orphans))
        assert leftover_files.sweep(path.parent) == len(orphans)
        assert os.listdir(path.parent) == [path.name], "the next start sweeps"
        if not killed:
            break
"""


def test_g17_killed_at_any_step_leaves_old_or_new(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(KILLER), str(tmp_path / "config")],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-500:] + done.stderr
    lines = [line.split() for line in done.stdout.splitlines()]
    assert len(lines) > 40, "every line of a write was a place to die"
    assert {(line[1], line[2]) for line in lines} == {("killed", "old"), ("killed", "new"), ("finished", "new")}
    assert any(line[3] == "1" for line in lines), "some died while the temporary file existed"


def test_a_living_writers_temporary_file_is_not_swept(tmp_path: Path) -> None:
    with reached(tmp_path / "config") as way:
        descriptor, temporary = files._open_temporary(way)
        assert leftover_files.sweep(way.folder) == 0
        assert (tmp_path / temporary).exists()
        os.close(descriptor)
        assert leftover_files.sweep(way.folder) == 1
        assert not (tmp_path / temporary).exists()


def test_a_reader_never_sees_a_torn_file(tmp_path: Path) -> None:
    path = tmp_path / "config"
    contents = [bytes([65 + i]) * 50_000 for i in range(4)]
    write_private(path, Sensitive(contents[0]))
    done = threading.Event()
    torn: list[int] = []

    def read() -> None:
        while not done.is_set():
            data = path.read_bytes()
            if data not in contents:
                torn.append(len(data))

    reader = threading.Thread(target=read)
    reader.start()
    for i in range(200):
        write_private(path, Sensitive(contents[i % 4]))
    done.set()
    reader.join()
    assert not torn
    assert os.listdir(tmp_path) == ["config"]


def test_reading(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_text("material")
    assert read_private(path) == Sensitive("material")
    with pytest.raises(FileError, match="larger than"):
        read_private(path, limit=3)
    with pytest.raises(FileError, match="no such file"):
        read_private(tmp_path / "nope")


def test_who_may_read(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_text("x")
    said = []
    for bits in (0o600, 0o640, 0o644):
        path.chmod(bits)
        said.append(files.readable_by_others(path))
    assert said == ["", "its group", "every user on this machine"]
