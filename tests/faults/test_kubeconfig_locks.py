"""Many writers of one kubeconfig, and writers that are killed: nobody is refused, nothing is blocked for good."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.faults.campaign import merges
from tui.issuance.destinations import kubeconfig_lock
from tui.issuance.destinations.files import seen_through
from tui.issuance.destinations.kubeconfig_lock import locked, release_dead
from tui.issuance.errors import FileError, StateError
from tui.issuance.records import leftover_files, lock_file
from tui.issuance.records.leftover_files import noting_in, sweep_noted
from tui.issuance.records.lock_file import Holding, Owner, judge, parse
from tui.issuance.records.state_file import default_folder

SOON = timedelta(seconds=0.2)
US = Owner(7, "here", 100)


@pytest.mark.parametrize(
    ("owner", "alive", "start", "expected"),
    [
        (None, True, 0, Holding.UNSAID),
        (None, False, 0, Holding.UNSAID),
        (US, True, 100, Holding.ALIVE),
        (US, False, 0, Holding.DEAD),
        (US, True, 200, Holding.DEAD),
        (US, True, 0, Holding.ALIVE),
        (Owner(7, "here"), True, 200, Holding.ALIVE),
        (Owner(7, "here"), False, 0, Holding.DEAD),
        (Owner(7, "there", 100), False, 0, Holding.ELSEWHERE),
        (Owner(7, "there", 100), True, 100, Holding.ELSEWHERE),
    ],
)
def test_how_a_lock_stands(owner: Owner | None, alive: bool, start: int, expected: Holding) -> None:
    assert judge(owner, "here", alive=alive, start=start) is expected


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (b"7\nhere\n100\n", US),
        (b"7\nhere\n", Owner(7, "here")),
        (b"", None),
        (b"7\n", None),
        (b"7\nhere", None),
        (b"7\nhere\n1", None),
        (b"7\n\n100\n", None),
        (b"0\nhere\n", None),
        (b"-1\nhere\n", None),
        (b"99999999999\nhere\n", None),
        (b"seven\nhere\n", None),
        (b"7\nhere\n100\nmore\n", None),
        (b"7\nhere\nsoon\n", None),
        (b"\nhere\n100\n", None),
        (b"1\nhere\n", Owner(1, "here")),
        (b"2147483647\nhere\n", Owner(2147483647, "here")),
        (b"2147483648\nhere\n", None),
        (b"00000000000000000007\nhere\n", Owner(7, "here")),
        (b"000000000000000000007\nhere\n", None),
        (b"7\nhere\n100\n\n", None),
        (b"\xff\xfe\n", None),
    ],
)
def test_only_a_whole_record_names_an_owner(record: bytes, expected: Owner | None) -> None:
    assert parse(record) == expected


def test_a_kill_at_any_moment_of_taking_the_lock_leaves_none_that_stays(tmp_path: Path) -> None:
    """Killed at every system call that the lock is made of; the next writer goes on at once."""
    script = (
        "import os, signal, sys; from pathlib import Path\n"
        "from tui.issuance.destinations.kubeconfig_lock import locked\n"
        "left = [0]\n"
        "def dying(name):\n"
        "    real = getattr(os, name)\n"
        "    def call(*a, **k):\n"
        "        done = real(*a, **k)\n"
        "        left[0] -= 1\n"
        "        if not left[0]: os.kill(os.getpid(), signal.SIGKILL)\n"
        "        return done\n"
        "    setattr(os, name, call)\n"
        "for name in ('open', 'write', 'link', 'unlink', 'close', 'fstat'): dying(name)\n"
        "for number in range(1, 101):\n"
        "    pid = os.fork()\n"
        "    if not pid:\n"
        "        left[0] = number\n"
        "        with locked(Path(sys.argv[1]) / str(number) / 'config'): pass\n"
        "        os._exit(0)\n"
        "    print(os.waitpid(pid, 0)[1], flush=True)\n"
    )
    ran = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=True)
    ended = [int(status) for status in ran.stdout.split()]
    assert set(ended) == {0, signal.SIGKILL}, "the kills reached every call of it, and no further"
    for number in range(1, 101):
        path = tmp_path / str(number) / "config"
        with locked(path, SOON):
            assert (path.parent / "config.lock").exists()
        assert not (path.parent / "config.lock").exists()


def test_kubectls_own_lock_is_waited_for_and_never_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kubeconfig_lock, "FOR_KUBECTL", SOON)
    lock = tmp_path / "config.lock"
    os.close(os.open(lock, os.O_CREAT | os.O_EXCL, 0))
    with pytest.raises(FileError) as caught, locked(tmp_path / "config"):
        raise AssertionError("two at once")
    assert "does not say whose it is, as kubectl's never does" in caught.value.message
    assert str(lock) in caught.value.hint
    assert lock.exists()


def test_the_lock_of_another_host_or_container_is_never_removed(tmp_path: Path) -> None:
    lock = tmp_path / "config.lock"
    lock.write_text(f"{2**31 - 2}\nelsewhere\n1\n")
    with pytest.raises(FileError, match="on elsewhere made"), locked(tmp_path / "config", SOON):
        raise AssertionError("two at once")
    assert lock.exists()


def test_the_lock_of_a_dead_process_whose_number_lives_again_is_removed(tmp_path: Path) -> None:
    (tmp_path / "config.lock").write_text(f"{os.getpid()}\n{lock_file.this_host()}\n1\n")
    with locked(tmp_path / "config", SOON):
        assert f"{lock_file.start_of(os.getpid())}\n" in (tmp_path / "config.lock").read_text()
    assert os.listdir(tmp_path) == []


def test_a_living_kubemint_is_named_with_its_age_and_not_called_kubectl(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from tui.issuance.destinations.kubeconfig_lock import locked\n"
        "with locked(Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "config")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(FileError) as caught, locked(tmp_path / "config", SOON):
            raise AssertionError("two at once")
        assert f"process {other.pid}, another kubemint, has been writing the kubeconfig for" in caught.value.message
        assert f"end process {other.pid}" in caught.value.hint
        other.send_signal(signal.SIGKILL)
    with locked(tmp_path / "config", SOON):
        pass


def test_two_kubeconfigs_in_folders_of_each_other_do_not_wait_for_ever(tmp_path: Path) -> None:
    """A link and its target in another folder: both are locked, in one order."""
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    (tmp_path / "a/config").write_text("")
    (tmp_path / "b/config").symlink_to(tmp_path / "a/config")
    with locked(tmp_path / "b/config"):
        assert (tmp_path / "a/config.lock").exists()
        assert (tmp_path / "b/config.lock").exists()
        with pytest.raises(FileError), locked(tmp_path / "a/config", SOON):
            raise AssertionError("two at once")
    assert [path.name for path in tmp_path.rglob("*.lock")] == []


async def test_who_gives_up_does_not_wait_for_the_queue(tmp_path: Path) -> None:
    def wait() -> None:
        with locked(tmp_path / "config"):
            raise AssertionError("two at once")

    with locked(tmp_path / "config"):
        waiting = asyncio.create_task(seen_through(wait))
        await asyncio.sleep(0.1)
        waiting.cancel()
        start = time.monotonic()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert time.monotonic() - start < 1


def test_eight_processes_that_merge_lose_nothing_and_refuse_nobody(tmp_path: Path) -> None:
    found = merges(tmp_path, processes=8, rounds=5)
    assert found.problems() == []
    assert (found.tried, found.refused) == (40, [])


def test_the_lock_of_a_killed_kubemint_goes_at_the_next_start_so_that_kubectl_is_not_kept_out(tmp_path: Path) -> None:
    script = (
        "import os, signal, sys; from pathlib import Path\n"
        "from tui.issuance.destinations.kubeconfig_lock import locked\n"
        "with locked(Path(sys.argv[1])): os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path / "config")], check=False)
    assert (tmp_path / "config.lock").exists()
    sweep_noted(default_folder(), release_dead)
    assert os.listdir(tmp_path) == []
    assert os.listdir(default_folder() / "writing") == []


def test_only_a_dead_kubemints_lock_is_released(tmp_path: Path) -> None:
    lock = tmp_path / "config.lock"
    assert release_dead(lock), "it is gone"
    assert release_dead(tmp_path / "gone" / "config.lock")
    os.close(os.open(lock, os.O_CREAT | os.O_EXCL, 0o400))
    assert release_dead(lock), "kubectl's is none of ours"
    assert lock.exists()
    lock.unlink()
    lock.write_text("7\nelsewhere\n1\n")
    assert not release_dead(lock)
    assert lock.exists()
    lock.unlink()
    with locked(tmp_path / "config"):
        assert not release_dead(lock), "somebody is at it"
        assert lock.exists()


def test_what_is_seen_of_a_lock_file(tmp_path: Path) -> None:
    lock = tmp_path / "config.lock"
    assert lock_file.look(lock) is None
    made = lock_file.publish(lock)
    found = lock_file.look(lock)
    assert found is not None
    assert made == found.inode == (lock.stat().st_dev, lock.stat().st_ino)
    us = Owner(os.getpid(), lock_file.this_host(), lock_file.start_of(os.getpid()))
    assert (found.holding, found.owner) == (Holding.ALIVE, us)
    assert us.start
    assert timedelta(0) <= found.age < timedelta(minutes=1)
    assert stat.S_IMODE(lock.stat().st_mode) == 0o600
    assert lock_file.publish(lock) is None, "there is one already"
    assert os.listdir(tmp_path) == ["config.lock"], "nothing else is left"

    os.utime(lock, (time.time() - 90, time.time() - 90))
    found = lock_file.look(lock)
    assert found is not None
    assert timedelta(seconds=90) <= found.age < timedelta(seconds=150)
    os.utime(lock, (time.time() + 90, time.time() + 90))
    found = lock_file.look(lock)
    assert found is not None
    assert found.age == timedelta(0), "of the future"

    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    for record, holding in (
        (f"{child.pid}\n{us.host}\n", Holding.DEAD),
        (f"{us.process}\n{us.host}\n1\n", Holding.DEAD),
        (f"{us.process}\n{us.host}\n{us.start}\n", Holding.ALIVE),
        (f"{us.process}\n{us.host}\n", Holding.ALIVE),
        (f"{us.process}\nelsewhere\n{us.start}\n", Holding.ELSEWHERE),
        ("1\n", Holding.UNSAID),
        ("", Holding.UNSAID),
    ):
        lock.write_text(record)
        found = lock_file.look(lock)
        assert found is not None
        assert found.holding is holding, record
        assert (found.owner is None) is (holding is Holding.UNSAID)


def test_what_is_no_file_says_nothing_and_holds_nobody_up(tmp_path: Path) -> None:
    """A pipe would be waited for, and a link leads to somebody else's file."""
    pipe, folder, link, target = (tmp_path / name for name in ("pipe", "folder", "link", "target"))
    os.mkfifo(pipe)
    folder.mkdir()
    target.write_text(f"{os.getpid()}\n{lock_file.this_host()}\n")
    link.symlink_to(target)
    for odd in (pipe, folder, link):
        found = lock_file.look(odd)
        assert found is not None
        assert (found.holding, found.owner) == (Holding.UNSAID, None)
        assert found.inode == (odd.lstat().st_dev, odd.lstat().st_ino)
        assert found.age < timedelta(minutes=1)
        assert lock_file._read(odd) is None, "nor where it comes there after the look"


def test_only_the_lock_that_was_made_is_withdrawn(tmp_path: Path) -> None:
    lock = tmp_path / "config.lock"
    made = lock_file.publish(lock)
    assert made is not None
    for other in ((made[0], made[1] + 1), (made[0] + 1, made[1])):
        lock_file.withdraw(lock, other)
        assert lock.exists()
    lock_file.withdraw(lock, made)
    assert not lock.exists()
    lock_file.withdraw(lock, made)
    link, target = tmp_path / "link", tmp_path / "target"
    target.write_text("")
    link.symlink_to(target)
    lock_file.withdraw(link, (target.stat().st_dev, target.stat().st_ino))
    assert link.is_symlink()


def test_whether_a_process_lives_and_when_it_began(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    boot = int(Path("/proc/sys/kernel/random/boot_id").read_text().strip().replace("-", ""), 16)
    ours = lock_file.start_of(os.getpid())
    odd = tmp_path / "odd) S 1 2"  # the name of a program stands in the same line as the time
    odd.symlink_to("/bin/sleep")
    with subprocess.Popen([odd, "60"]) as child:
        try:
            assert lock_file.is_alive(child.pid)
            theirs = lock_file.start_of(child.pid)
            assert ours >> 64 == theirs >> 64 == boot
            assert 0 < ours & (2**64 - 1) <= theirs & (2**64 - 1) < 10**12
        finally:
            child.kill()
    assert not lock_file.is_alive(child.pid)
    assert lock_file.start_of(child.pid) == 0

    def denied(process: int, signal: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "kill", denied)
    assert lock_file.is_alive(child.pid), "somebody else's"


def test_a_folder_that_is_a_link_has_one_lock(tmp_path: Path) -> None:
    """As of somebody who keeps ~/.kube elsewhere."""
    (tmp_path / "kept").mkdir()
    (tmp_path / "link").symlink_to("kept")
    with locked(tmp_path / "link" / "config", SOON):
        assert os.listdir(tmp_path / "kept") == ["config.lock"]
    assert os.listdir(tmp_path / "kept") == []


@pytest.fixture
def locked_by_a_reader(tmp_path: Path) -> Iterator[Path]:
    """A kubeconfig; folder and file are locked by somebody who may only read them, which is all that flock wants."""
    config = tmp_path / "shared" / "config"
    config.parent.mkdir(mode=0o755)
    config.write_text("")
    with contextlib.ExitStack() as held:
        for what in (config.parent, config):
            descriptor = os.open(what, os.O_RDONLY)
            held.callback(os.close, descriptor)
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield config


def test_who_may_only_read_the_folder_keeps_nobody_from_writing(locked_by_a_reader: Path) -> None:
    with locked(locked_by_a_reader, SOON):
        assert os.listdir(locked_by_a_reader.parent) == ["config", "config.lock"]


def test_who_may_only_read_the_folder_keeps_no_dead_lock_alive(locked_by_a_reader: Path) -> None:
    lock = Path(f"{locked_by_a_reader}.lock")
    lock.write_text(dead := f"{os.getpid()}\n{lock_file.this_host()}\n1\n")
    assert release_dead(lock)
    lock.write_text(dead)
    with locked(locked_by_a_reader, SOON):
        assert lock.read_text() != dead


def test_the_queue_is_a_file_that_nobody_else_can_open(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        with locked(tmp_path / "config"), locked(tmp_path / "other", SOON):
            queues = default_folder() / "queues"
            assert [stat.S_IMODE(file.stat().st_mode) for file in queues.iterdir()] == [0o600, 0o600]
            assert [stat.S_IMODE(folder.stat().st_mode) for folder in (queues, default_folder())] == [0o700, 0o700]
    finally:
        os.umask(old)


@pytest.mark.parametrize("state", ["another", "none", "a file", "queues that are a file"])
def test_where_no_queue_is_shared_kubectls_lock_still_keeps_two_apart(
    tmp_path: Path, state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = tmp_path / "state"
    if state == "a file":
        theirs.write_text("")
    if state == "queues that are a file":
        theirs.mkdir()
        (theirs / "queues").write_text("")
    with locked(tmp_path / "config"), noting_in(theirs):
        if state == "none":
            monkeypatch.setattr(leftover_files, "state_folder", _nowhere)
            monkeypatch.setattr(kubeconfig_lock, "state_folder", _nowhere)
        with pytest.raises(FileError, match=f"process {os.getpid()}, another kubemint"):
            locked(tmp_path / "config", SOON).__enter__()
        with locked(tmp_path / "other", SOON):
            pass


def _nowhere() -> Path:
    raise StateError("there is nowhere to keep the journal")


def test_who_waits_in_the_queue_in_vain_is_told_who_is_there(tmp_path: Path) -> None:
    """Between two of them the lock file may just not be there: then they are many."""
    with locked(tmp_path / "config"):
        (tmp_path / "config.lock").unlink()
        with pytest.raises(FileError, match=r"other kubemints of yours write to .*/config without a pause"):
            locked(tmp_path / "config", SOON).__enter__()


def test_a_dead_lock_is_removed_by_one_at_a_time_and_never_one_that_lives(tmp_path: Path) -> None:
    lock, dead = tmp_path / "config.lock", f"{os.getpid()}\n{lock_file.this_host()}\n1\n"
    assert lock_file.withdraw_dead(lock), "it is gone"
    lock.write_text(dead)
    with lock.open() as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        assert not lock_file.withdraw_dead(lock), "somebody is at it"
        assert lock.exists()
    assert lock_file.withdraw_dead(lock)
    assert not lock.exists()
    lock_file.publish(lock)  # which may get the number of the one that has gone
    assert lock_file.withdraw_dead(lock), "there is no dead one any more"
    assert lock.exists()
    lock.unlink()
    (tmp_path / "target").write_text(dead)
    lock.symlink_to("target")
    assert not lock_file.withdraw_dead(lock)
    assert lock.is_symlink()
