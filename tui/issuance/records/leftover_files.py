"""Temporary files that a killed process left behind, and how they are found: a folder is noted before it is written to.

A temporary file may hold a live token, and its folder may never be written to again. So a note with the name of the
folder lies in the state folder for as long as a write takes. Writer and note hold a lock of the kernel, which ends with
the process however that ends; what is not locked any more is swept: our own names, regular files, our own.
"""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import Final

from tui.issuance.errors import StateError

from .state_file import default_folder

SUFFIX: Final = ".kubemint-tmp"
_OURS: Final = re.compile(rf"\..*\.[0-9a-f]{{12}}{re.escape(SUFFIX)}", re.DOTALL)
_NOTES: Final = "writing"
_LARGEST: Final = 64 * 1024
_FORGOTTEN: Final = 30 * 86400.0
"""Seconds after which a folder that is not there is given up; the disk that it lies on may come back."""

_WHERE: ContextVar[Path | None] = ContextVar("where_writes_are_noted", default=None)


@contextmanager
def noting_in(state_folder: Path) -> Iterator[None]:
    """Writes inside are noted in this state folder, instead of that of the user."""
    token = _WHERE.set(state_folder)
    try:
        yield
    finally:
        _WHERE.reset(token)


def state_folder() -> Path:
    """The state folder that writes are noted in. Raises StateError where there is none."""
    return _WHERE.get() or default_folder()


@contextmanager
def noted(folder: Path, *, lock: Path | None = None, lasting: bool = True) -> Iterator[None]:
    """For as long as the block takes it is written down that someone writes in `folder`, and holds a `lock` file.

    A `lasting` note is on the disk before the block begins, so that it is there after a loss of power as well. Where
    the state folder cannot be written the block runs all the same.
    """
    descriptor, note = -1, None
    with suppress(OSError, StateError):  # there may be no home folder
        notes = state_folder() / _NOTES
        said = os.fsencode(folder.absolute()) + (b"\0" + os.fsencode(lock.absolute()) if lock is not None else b"")
        descriptor, note = _make_note(notes, said, lasting=lasting)
    try:
        yield
    finally:
        if note is not None:
            with suppress(OSError):
                note.unlink()
            os.close(descriptor)


def temporary_name(target: Path) -> Path:
    """A name beside `target` that is not taken, and that `sweep` knows as ours."""
    # A long name is cut so that the temporary one fits into what file systems allow.
    return target.with_name(f".{os.fsdecode(os.fsencode(target.name)[:200])}.{secrets.token_hex(6)}{SUFFIX}")


def is_ours(name: str, found: os.stat_result, me: int) -> bool:
    """Whether something with this name is a temporary file that kubemint made for this user."""
    return bool(_OURS.fullmatch(name)) and stat.S_ISREG(found.st_mode) and found.st_uid == me


def sweep(folder: Path | str | int) -> int:
    """Remove temporary files in `folder`, or in one that is held open, whose writer is gone; how many there were.

    A living writer holds a lock on its file, which the system drops when the process dies however it dies.
    """
    with suppress(OSError):
        return _sweep(folder)
    return 0


def sweep_noted(state_folder: Path, release: Callable[[Path], bool] = lambda lock: True) -> int:
    """Sweep every folder that a writer noted here and did not come back from; how many files there were.

    `release` is given each lock file that such a writer held, and says whether that is settled.
    """
    swept = 0
    with suppress(OSError):
        for entry in list(os.scandir(state_folder / _NOTES)):
            if entry.is_file(follow_symlinks=False):
                swept += _follow(Path(entry.path), release)
    return swept


def _make_note(notes: Path, said: bytes, *, lasting: bool) -> tuple[int, Path]:
    """A note, locked."""
    notes.mkdir(mode=0o700, parents=True, exist_ok=True)
    while True:
        note = notes / secrets.token_hex(8)
        descriptor = os.open(note, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(descriptor).st_nlink:  # else someone who sweeps was faster
                os.write(descriptor, said)
                if lasting:
                    os.fsync(descriptor)
                    _sync(notes)
                return descriptor, note
        except BlockingIOError:
            pass
        except BaseException:
            os.close(descriptor)
            with suppress(OSError):
                note.unlink()
            raise
        os.close(descriptor)


def _follow(note: Path, release: Callable[[Path], bool]) -> int:
    try:
        descriptor = os.open(note, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return 0
    swept = 0
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)  # fails where its writer lives
        folder, _, lock = os.read(descriptor, _LARGEST).partition(b"\0")
        if folder.startswith(b"/"):
            try:
                swept = _sweep(os.fsdecode(folder))
                if lock.startswith(b"/") and b"\0" not in lock and not release(Path(os.fsdecode(lock))):
                    return swept
            except OSError:
                if time.time() - os.fstat(descriptor).st_mtime < _FORGOTTEN:
                    return 0
        note.unlink()
    except OSError:
        return swept
    finally:
        os.close(descriptor)
    return swept


def _sweep(folder: Path | str | int) -> int:
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
    # One folder from its first name to its last, whatever someone puts in its place meanwhile.
    held = os.open(".", flags, dir_fd=folder) if isinstance(folder, int) else os.open(folder, flags)
    me, swept = os.geteuid(), 0
    try:
        for entry in list(os.scandir(held)):
            if entry.name.endswith(SUFFIX):
                with suppress(OSError):
                    if is_ours(entry.name, entry.stat(follow_symlinks=False), me):
                        swept += _remove(entry.name, held)
    finally:
        os.close(held)
    return swept


def _remove(temporary: str, folder: int) -> int:
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
    descriptor = os.open(temporary, flags, dir_fd=folder)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.unlink(temporary, dir_fd=folder)
    finally:
        os.close(descriptor)
    return 1


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with suppress(OSError):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
