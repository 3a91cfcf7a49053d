"""Files that hold material: private from the first byte, replaced whole, never half-written.

A write goes to a temporary file in the same folder (0600, exclusive, no links followed), is flushed to the disk and
then renamed over what the path leads to, so that a reader, a crash or a kill at any moment finds the old content or
the new. Temporary files that a killed process left behind are swept by the next write in that folder, and by the next
start wherever it was (`leftover_files`).
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

from tui.issuance.errors import IssuanceError
from tui.issuance.records.leftover_files import noted, sweep, temporary_name
from tui.kube.amounts import size
from tui.kube.sensitive import Sensitive

P = ParamSpec("P")
T = TypeVar("T")

PRIVATE_FILE: Final = 0o600
PRIVATE_FOLDER: Final = 0o700
MAX_READ: Final = 16 * 1024 * 1024
_MOST_LINKS: Final = 40
"""As many as Linux follows for one path."""

_GIVEN_UP: ContextVar[threading.Event | None] = ContextVar("given_up", default=None)

_HINTS: Final = {
    errno.EACCES: "you may not write there; choose another place",
    errno.EPERM: "you may not write there; choose another place",
    errno.EROFS: "choose a place that can be written to",
    errno.ENOSPC: "make room and try again; nothing was changed",
    errno.EDQUOT: "your quota is used up; make room and try again, nothing was changed",
    errno.EFBIG: "a limit on file sizes is in force; nothing was changed",
    errno.ELOOP: "links that lead to each other have no end; choose another path",
    errno.ENOTDIR: "a part of the path is a file; choose another path",
}


class FileError(IssuanceError):
    """A file cannot be read or written. The message names it and says why; nothing is left behind."""


def write_private(path: Path | str, material: Sensitive, *, fresh: bool = False, mode: int | None = None) -> Path:
    """Replace what `path` leads to by `material`; returns the file that was really written.

    With `fresh` nothing is replaced: a file that is there, however late it came, is an error.

    Missing folders are made with mode 0700. A link stays a link and its target is replaced. An existing file keeps
    its owner, and its mode unless one is given; a new one gets 0600. What may be replaced at all is for `standing`
    to say. Raises FileError, and then everything is as it was.
    """
    path = Path(path)
    with explained(path, "write"):
        target = destination(path)
        make_private_folder(target.parent)
        before = _regular(target)
        sweep(target.parent)
        if fresh and before is not None:
            raise FileError(f"{path} is there already", "name another file, or say that it may be replaced")
        with noted(target.parent):
            _replace(target, material.reveal_bytes(), before, fresh=fresh, mode=mode)
    return target


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
        # Non-blocking, so that a pipe nobody writes to is refused and not waited for.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as stream:
            _must_be_regular(path, os.fstat(descriptor))
            data = stream.read(limit + 1)
    if len(data) > limit:
        raise FileError(f"{path} is larger than {size(limit)}", "is this the right file?")
    return Sensitive(data)


def destination(path: Path | str) -> Path:
    """The file that `path` leads to, links resolved, whether it exists or not. Refuses links of other users.

    Raises FileError, OSError.
    """
    path = Path(path)
    links_on(path)
    # strict: links that lead to each other are an error; a file that does not exist yet is none.
    try:
        return path.resolve(strict=True)
    except FileNotFoundError:
        return path.resolve()
    except RuntimeError:  # how Python 3.11 and 3.12 report endless links
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP)) from None


def links_on(path: Path | str) -> tuple[tuple[Path, int], ...]:
    """Every link that is followed on the way to a file, its folders' included, with the uid of its owner.

    One that belongs neither to whoever asks nor to root is refused: its owner says where it leads, and would choose
    where a file of ours is made. Raises FileError, OSError.
    """
    left = list(Path(path).absolute().parts)[::-1]
    at, found = Path(left.pop()), list[tuple[Path, int]]()
    while left:
        part = left.pop()
        if part == "..":
            at = at.parent
            continue
        here = at / part
        try:
            facts = here.lstat()
        except (FileNotFoundError, NotADirectoryError):
            break
        if not stat.S_ISLNK(facts.st_mode):
            at = here
            continue
        if len(found) >= _MOST_LINKS:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        if not follows(facts.st_uid, os.geteuid()):
            raise FileError(
                f"{here} is a link that belongs to another user (uid {facts.st_uid})", "choose another path"
            )
        found.append((here, facts.st_uid))
        there = Path(os.readlink(here))  # noqa: PTH115 - the text as it is
        left += there.parts[::-1]
        if there.is_absolute():
            at = Path(left.pop())
    return tuple(found)


def follows(owner: int, me: int) -> bool:
    """Whether a link of `owner` is followed for `me`."""
    return owner in (me, 0)


def make_private_folder(folder: Path) -> None:
    """Make `folder` and every missing one above it, readable for the owner alone. Existing ones stay as they are.

    Raises OSError, NotADirectoryError among them.
    """
    if folder.is_dir():
        return
    make_private_folder(folder.parent)
    with suppress(FileExistsError):
        folder.mkdir(PRIVATE_FOLDER)
    if not folder.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder))


def readable_by_others(path: Path | str) -> str:
    """Who besides the owner may read the file, in words; empty where nobody may."""
    mode = Path(path).stat().st_mode
    if mode & stat.S_IROTH:
        return "everybody on this machine"
    return "its group" if mode & stat.S_IRGRP else ""


def make_private(path: Path | str) -> int:
    """Take every right to a file from everybody but its owner; the mode it had. Raises FileError."""
    path = Path(path)
    with explained(path, "change"):
        target = destination(path)
        descriptor = os.open(target, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW)
        try:
            found = os.fstat(descriptor)
            _must_be_regular(target, found)
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


def _replace(target: Path, data: bytes, before: os.stat_result | None, *, fresh: bool, mode: int | None) -> None:
    descriptor, temporary = _open_temporary(target)
    try:
        try:
            allowed = _take_over(descriptor, before)
            view = memoryview(data)
            while view:
                view = view[os.write(descriptor, view) :]
            os.fchmod(descriptor, allowed if mode is None else mode)
            os.fsync(descriptor)
            _move(temporary, target, fresh=fresh)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    finally:
        os.close(descriptor)
    _sync_folder(target.parent)


def _move(temporary: Path, target: Path, *, fresh: bool) -> None:
    if fresh:
        try:
            target.hardlink_to(temporary)  # fails where somebody was faster, which a rename would not
        except OSError as error:
            if error.errno not in (errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK):
                raise
        else:
            temporary.unlink()
            return
    temporary.replace(target)


def _open_temporary(target: Path) -> tuple[int, Path]:
    """A new, locked, private file beside `target`."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    while True:
        temporary = temporary_name(target)
        descriptor = os.open(temporary, flags, PRIVATE_FILE)
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


def _regular(target: Path) -> os.stat_result | None:
    try:
        found = target.lstat()
    except FileNotFoundError:
        return None
    _must_be_regular(target, found)
    return found


def _must_be_regular(path: Path, found: os.stat_result) -> None:
    if stat.S_ISDIR(found.st_mode):
        raise FileError(f"{path} is a folder", "name a file in it")
    if not stat.S_ISREG(found.st_mode):
        raise FileError(f"{path} is not a regular file", "material is only kept in regular files")


def _sync_folder(folder: Path) -> None:
    """Make the rename itself last. Some file systems cannot; the content is on the disk all the same."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with suppress(OSError):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
