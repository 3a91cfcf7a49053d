"""Lock files that say whose they are from the moment they have their name: written whole under another, then linked.

What exists under the name of a lock keeps everybody out, kubectl too, which creates its own empty and exclusively.
filelock's SoftFileLock does the same but writes its owner after the file has its name, so that a kill in between
leaves a lock that may never be removed; its strict lock needs a folder beside it that kubectl does not know. The
record is filelock's (process, host, start), so that kubemints before this one understand it.
"""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import stat
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum, auto
from pathlib import Path
from typing import Final

from .leftover_files import temporary_name

_LARGEST: Final = 4096
PRIVATE_FILE: Final = 0o600
_NO_LINKS: Final = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)
_INITIAL: Final = 0xEFFFFFFC
"""The kernel's number of the first PID namespace."""


class Holding(Enum):
    """What is known of a lock file that is there."""

    ALIVE = auto()
    DEAD = auto()
    """Its process is gone from this host."""
    ELSEWHERE = auto()
    """Made on another host, or in another container, whose processes cannot be seen from here."""
    UNSAID = auto()
    """It says nothing about its maker, as kubectl's."""


@dataclass(frozen=True, slots=True)
class Owner:
    """What a lock file says: a process, where it runs, and when it began (0 where that is not known)."""

    process: int
    host: str
    start: int = 0


@dataclass(frozen=True, slots=True)
class Holder:
    """One look at a lock file."""

    holding: Holding
    owner: Owner | None
    inode: tuple[int, int]
    age: timedelta


def judge(owner: Owner | None, here: str, *, alive: bool, start: int) -> Holding:
    """How a lock stands: what it says, the name of this host, and what its process number means here and now.

    `start` is when the process began that has this number now, 0 where that is not known.
    """
    if owner is None:
        return Holding.UNSAID
    if owner.host != here:
        return Holding.ELSEWHERE
    if not alive:
        return Holding.DEAD
    if owner.start and start and owner.start != start:
        return Holding.DEAD  # the number was given to another process since
    return Holding.ALIVE


def publish(name: Path, at: int | None = None) -> tuple[int, int] | None:
    """Make the lock file, whole; its device and inode, or None where there is one already. Raises OSError.

    As everywhere here `at` is the descriptor of the folder that `name` is one of, where someone holds that open.
    """
    record = f"{os.getpid()}\n{this_host()}\n" + (f"{began}\n" if (began := start_of(os.getpid())) else "")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    temporary = temporary_name(name)
    descriptor = os.open(temporary, flags, PRIVATE_FILE, dir_fd=at)
    try:
        os.write(descriptor, record.encode())
        found = os.fstat(descriptor)
        try:
            os.link(temporary, name, src_dir_fd=at, dst_dir_fd=at, follow_symlinks=False)
        except FileExistsError:
            return None
        except FileNotFoundError:  # someone tidied up in between
            return None
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            return _exclusively(name, record.encode(), at)
        return found.st_dev, found.st_ino
    finally:
        os.close(descriptor)
        with suppress(FileNotFoundError):
            os.unlink(temporary, dir_fd=at)


def withdraw(name: Path, inode: tuple[int, int], at: int | None = None) -> None:
    """Remove the lock file that `publish` made, and no other that has its name by now."""
    with suppress(OSError):
        found = os.stat(name, dir_fd=at, follow_symlinks=False)
        if (found.st_dev, found.st_ino) == inode:
            os.unlink(name, dir_fd=at)


def withdraw_dead(name: Path, at: int | None = None) -> bool:
    """Remove the lock file of a process that is gone; False where that cannot be done for now.

    Whoever removes one has a lock of the kernel on that very file, which only its owner can open. So between the look
    at who has the name and taking that away nobody else does, and nothing is removed that was published meanwhile.
    """
    try:
        descriptor = os.open(name, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, dir_fd=at)
    except OSError as error:
        return error.errno == errno.ENOENT
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        held, found = os.fstat(descriptor), look(name, at)
        if found is not None and found.holding is Holding.DEAD and found.inode == (held.st_dev, held.st_ino):
            os.unlink(name, dir_fd=at)
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True


def look(name: Path, at: int | None = None) -> Holder | None:
    """What the lock file says and how it stands, None where there is none. Raises OSError."""
    try:
        found = os.stat(name, dir_fd=at, follow_symlinks=False)
    except FileNotFoundError:
        return None
    inode, age = (found.st_dev, found.st_ino), timedelta(seconds=max(0.0, time.time() - found.st_mtime))
    owner = _read(name, at) if stat.S_ISREG(found.st_mode) else None
    if owner is None:
        return Holder(Holding.UNSAID, None, inode, age)
    alive = is_alive(owner.process)
    return Holder(judge(owner, this_host(), alive=alive, start=start_of(owner.process)), owner, inode, age)


def this_host() -> str:
    """This host, and the container where process numbers are counted from one of their own (as filelock names it)."""
    name = "".join(
        chr(byte) if 0x21 <= byte < 0x7F and byte != 0x3F else f"?{byte:02x}"
        for byte in os.fsencode(socket.gethostname())
    )
    space = _INITIAL
    with suppress(OSError):
        space = os.stat("/proc/self/ns/pid").st_ino  # noqa: PTH116
    return (name or "?") + ("" if space == _INITIAL else f"?pidns-{space:x}")


def is_alive(process: int) -> bool:
    """Whether there is a process with this number."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def start_of(process: int) -> int:
    """When the process began, as one number that no other process of this host has had; 0 where it is not known."""
    try:
        data = Path(f"/proc/{process}/stat").read_bytes()
        began = int(data[data.rfind(b")") + 1 :].split()[19])
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")
        return int(boot.strip().replace("-", ""), 16) << 64 | began
    except (OSError, ValueError, IndexError):
        return 0


def _read(name: Path, at: int | None = None) -> Owner | None:
    try:
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, dir_fd=at)
    except OSError:  # gone by now, or kubectl's, which may not be read
        return None
    try:
        return parse(os.read(descriptor, _LARGEST))
    except OSError:
        return None
    finally:
        os.close(descriptor)


def parse(record: bytes) -> Owner | None:
    """The owner in a record; None for anything that is not one, whole."""
    lines = record.decode("ascii", "replace").split("\n")
    if len(lines) not in (3, 4) or lines.pop() or not all(line.isdecimal() for line in (lines[0], *lines[2:])):
        return None
    process = int(lines[0][:20])
    if not 1 <= process < 2**31 or not lines[1]:
        return None
    return Owner(process, lines[1], int(lines[2]) if len(lines) == 3 else 0)


def _exclusively(name: Path, record: bytes, at: int | None) -> tuple[int, int] | None:
    """Where there are no hard links it must be created under its name; a kill right then leaves it without an owner."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        descriptor = os.open(name, flags, PRIVATE_FILE, dir_fd=at)
    except FileExistsError:
        return None
    try:
        os.write(descriptor, record)
        found = os.fstat(descriptor)
        return found.st_dev, found.st_ino
    finally:
        os.close(descriptor)
