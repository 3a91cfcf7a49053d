"""Files that hold material: private from the first byte, replaced whole, never half-written.

A write goes to a temporary file in the same folder (0600, exclusive, no links followed), is flushed to the disk and
then renamed over what the path leads to, so that a reader, a crash or a kill at any moment finds the old content or
the new. All of that is done in one folder that is held open (`folders`), whatever has its name meanwhile. Temporary
files that a killed process left behind are swept by the next write in that folder, and by the next start wherever it
was (`leftover_files`).
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import Final, ParamSpec, TypeVar

from tui.issuance.errors import FileError
from tui.issuance.records.leftover_files import noted, sweep, temporary_name
from tui.kube.amounts import size
from tui.kube.sensitive import Sensitive

from .folders import Reached, reached

P = ParamSpec("P")
T = TypeVar("T")

PRIVATE_FILE: Final = 0o600
Which = tuple[int, ...]
"""What tells one file from every other; see `which`."""
NOTHING: Final[Which] = ()
MAX_READ: Final = 16 * 1024 * 1024

_GIVEN_UP: ContextVar[threading.Event | None] = ContextVar("given_up", default=None)

_HINTS: Final = {
    errno.EACCES: "you may not write there; choose another path",
    errno.EPERM: "you may not write there; choose another path",
    errno.EROFS: "choose a path that can be written to",
    errno.ENOSPC: "free some space and try again; nothing was changed",
    errno.EDQUOT: "your disk quota is used up; free some space and try again, nothing was changed",
    errno.EFBIG: "a limit on file sizes is in force; nothing was changed",
    errno.ELOOP: "the links form a loop; choose another path",
    errno.ENOTDIR: "a part of the path is a file; choose another path",
}


def write_private(
    path: Path | str,
    material: Sensitive,
    *,
    fresh: bool = False,
    mode: int | None = None,
    judged: Which | None = None,
) -> Path:
    """Replace what `path` leads to by `material`; returns the file that was really written.

    With `fresh` nothing is replaced: a file that is there, however late it came, is an error. `judged` is what may be
    replaced, NOTHING for a new file: whatever else is there by now, in that folder or another, is an error too.

    Missing folders are made with mode 0700. A link stays a link and its target is replaced. An existing file keeps
    its owner, and its mode unless one is given; a new one gets 0600. What may be replaced at all is for `standing`
    to say. Raises FileError, and then everything is as it was.
    """
    path = Path(path)
    with explained(path, "write"), reached(path, make=True) as way:
        before = _regular(way)
        sweep(way.folder)
        fresh = fresh or judged == NOTHING
        if fresh and before is not None:
            raise FileError(f"{path} is there already", "name another file, or say that it may be replaced")
        _must_be_judged(path, before, judged)
        with noted(way.target.parent):
            _replace(way, material.reveal_bytes(), before, fresh=fresh, mode=mode)
    return way.target


def remove(path: Path | str, judged: Which | None = None) -> None:
    """Remove the file that `path` leads to, and no link that led there. One that is gone already is no error.

    Raises FileError, also where it is not the one that was `judged`.
    """
    path = Path(path)
    with explained(path, "remove"), reached(path) as way:
        if (found := way.lstat()) is not None:
            _must_be_judged(path, found, judged)
            way.unlink()


def which(found: os.stat_result) -> Which:
    """What tells a file from every other, and from one that is another user's."""
    return found.st_dev, found.st_ino, found.st_uid, found.st_gid


async def seen_through(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Write in a thread, and be done with it even where that is cancelled.

    A thread cannot be stopped. Who gave up meanwhile would let go of the lock while the file is still to change. Work
    that only waits for its turn ends early: `given_up` tells it.
    """
    gave_up = threading.Event()
    token = _GIVEN_UP.set(gave_up)
    try:
        writing = asyncio.ensure_future(asyncio.to_thread(work, *args, **kwargs))
    finally:
        _GIVEN_UP.reset(token)
    cancelled: asyncio.CancelledError | None = None
    while not writing.done():
        try:
            await asyncio.wait((writing,))
        except asyncio.CancelledError as error:
            cancelled = error
            gave_up.set()
    if cancelled is not None:
        writing.exception()  # seen; whoever cancelled does not want to know
        raise cancelled
    return writing.result()


def given_up() -> bool:
    """Whether whoever waits for this thread was cancelled; for work that has changed nothing yet."""
    event = _GIVEN_UP.get()
    return event is not None and event.is_set()


def read_private(path: Path | str, limit: int = MAX_READ) -> Sensitive:
    """The content of a regular file. Raises FileError for anything else, and for more than `limit` bytes."""
    path = Path(path)
    with explained(path, "read"):
        # Non-blocking, so that a pipe without a writer is refused and not waited for.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        return _content(descriptor, path, limit)


def read_if_there(path: Path | str, limit: int = MAX_READ, judged: Which | None = None) -> Sensitive | None:
    """The content of the regular file that a write to `path` would replace, None where there is none.

    Raises FileError as `read_private`, for links of other users, and where it is not the one that was `judged`.
    """
    path = Path(path)
    with explained(path, "read"), reached(path) as way:
        if _regular(way) is None:
            return None
        return _content(way.open(os.O_RDONLY | os.O_NONBLOCK), path, limit, judged)


def _content(descriptor: int, path: Path, limit: int, judged: Which | None = None) -> Sensitive:
    with os.fdopen(descriptor, "rb") as stream:
        found = os.fstat(descriptor)
        _must_be_regular(path, found)
        _must_be_judged(path, found, judged)
        data = stream.read(limit + 1)
    if len(data) > limit:
        raise FileError(f"{path} is larger than {size(limit)}", "is this the right file?")
    return Sensitive(data)


def readable_by_others(path: Path | str) -> str:
    """Who besides the owner may read the file, in words; empty where none may."""
    mode = Path(path).stat().st_mode
    if mode & stat.S_IROTH:
        return "every user on this machine"
    return "its group" if mode & stat.S_IRGRP else ""


def make_private(path: Path | str) -> int:
    """Take every right to a file from everybody but its owner; the mode it had. Raises FileError."""
    path = Path(path)
    with explained(path, "change"), reached(path) as way:
        descriptor = way.open(os.O_RDONLY | os.O_NONBLOCK)
        try:
            found = os.fstat(descriptor)
            _must_be_regular(way.target, found)
            os.fchmod(descriptor, stat.S_IMODE(found.st_mode) & stat.S_IRWXU)
        finally:
            os.close(descriptor)
    return stat.S_IMODE(found.st_mode)


@contextmanager
def explained(path: Path, verb: str) -> Iterator[None]:
    """Turn an OSError into one FileError that names the path, the reason and the next step."""
    try:
        yield
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        hint = _HINTS.get(error.errno or 0, "")
    else:
        return
    raise FileError(f"cannot {verb} {path}: {reason}", hint)


def _replace(way: Reached, data: bytes, before: os.stat_result | None, *, fresh: bool, mode: int | None) -> None:
    descriptor, temporary = _open_temporary(way)
    try:
        try:
            allowed = _take_over(descriptor, before)
            view = memoryview(data)
            while view:
                view = view[os.write(descriptor, view) :]
            os.fchmod(descriptor, allowed if mode is None else mode)
            os.fsync(descriptor)
            _move(way, temporary, fresh=fresh)
        except BaseException:
            way.unlink(temporary)
            raise
    finally:
        os.close(descriptor)
    _sync_folder(way)


def _move(way: Reached, temporary: str, *, fresh: bool) -> None:
    here = way.folder
    if fresh:
        try:  # fails where another process was faster, which a rename would not
            os.link(temporary, way.name, src_dir_fd=here, dst_dir_fd=here, follow_symlinks=False)
        except OSError as error:
            if error.errno not in (errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK):
                raise
        else:
            way.unlink(temporary)
            return
    os.replace(temporary, way.name, src_dir_fd=here, dst_dir_fd=here)


def _open_temporary(way: Reached) -> tuple[int, str]:
    """A new, locked, private file beside where the way leads, and its name."""
    while True:
        temporary = temporary_name(way.target).name
        descriptor = way.open(os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE, temporary)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)  # a sweeper was faster and removes it
            continue
        except OSError:
            return descriptor, temporary  # a file system without locks; `sweep` leaves its files alone
        if os.fstat(descriptor).st_nlink:
            return descriptor, temporary
        os.close(descriptor)


def _take_over(descriptor: int, before: os.stat_result | None) -> int:
    """Give the new file the old one's owner and group where that is allowed; returns the mode it may have."""
    if before is None:
        return PRIVATE_FILE
    mode = stat.S_IMODE(before.st_mode) & 0o777
    now = os.fstat(descriptor)
    if (before.st_uid, before.st_gid) == (now.st_uid, now.st_gid):
        return mode
    try:
        os.fchown(descriptor, before.st_uid, before.st_gid)
    except PermissionError:
        try:
            os.fchown(descriptor, -1, before.st_gid)
        except PermissionError:
            return mode & ~stat.S_IRWXG  # what one group was trusted with is not for another
    return mode


def _regular(way: Reached) -> os.stat_result | None:
    found = way.lstat()
    if found is not None:
        _must_be_regular(way.target, found)
    return found


def _must_be_judged(path: Path, found: os.stat_result | None, judged: Which | None) -> None:
    if judged is not None and (NOTHING if found is None else which(found)) != judged:
        raise FileError(
            f"{path} is not the file that was read any more: it, or its folder, was replaced",
            "see who else may write there, and try again",
        )


def _must_be_regular(path: Path, found: os.stat_result) -> None:
    if stat.S_ISDIR(found.st_mode):
        raise FileError(f"{path} is a folder", "name a file in it")
    if not stat.S_ISREG(found.st_mode):
        raise FileError(f"{path} is not a regular file", "material is only kept in regular files")


def _sync_folder(way: Reached) -> None:
    """Make the rename itself last. Some file systems cannot; the content is on the disk all the same."""
    descriptor = way.open(os.O_RDONLY | os.O_DIRECTORY, name=".")
    try:
        with suppress(OSError):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
