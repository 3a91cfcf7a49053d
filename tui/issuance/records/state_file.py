"""The state's file when something is wrong with it: set aside and begun afresh where it is damaged, words for the rest.

What is set aside keeps its name with a time behind it; nothing is deleted. Credentials in clusters say themselves what
they are and go on; what only the file knew (exports on this machine, the journal, old tokens still to be revoked) has
to be looked for. A file that a newer kubemint wrote is whole, and so is one on a full or read-only disk: those are
refused.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from tui.issuance.errors import StateError
from tui.kube.home import NoHome, user

_PRIMARY: Final = 0xFF
"""SQLite's extended codes begin with the primary one."""
_DAMAGED: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT})
_WORDS: Final = {
    sqlite3.SQLITE_BUSY: ("is in use by another kubemint for too long", "try again"),
    sqlite3.SQLITE_LOCKED: ("is in use by another kubemint for too long", "try again"),
    sqlite3.SQLITE_FULL: ("cannot be written: the disk is full", "free some space and try again"),
    sqlite3.SQLITE_READONLY: (
        "cannot be written: it, its folder or its file system is read-only",
        "set XDG_STATE_HOME to a folder that can be written",
    ),
    sqlite3.SQLITE_CANTOPEN: ("cannot be opened", "set XDG_STATE_HOME to a folder that can be written"),
    sqlite3.SQLITE_PERM: ("may not be opened by you", "set XDG_STATE_HOME to a folder of your own"),
    sqlite3.SQLITE_IOERR: ("cannot be read or written: the disk fails, or a limit is reached", "check the disk"),
}
_ASIDE: Final = (
    "what it knew of files on this machine and of old tokens that are still to be revoked is in there; `kubemint "
    "hygiene` finds what is left in clusters, which otherwise go on"
)
_BESIDE: Final = ("-shm", "-wal", "-journal")
"""What SQLite keeps beside it, and opens with it."""
_WITH_IT: Final = (*_BESIDE, "")
"""The file itself goes last: a new one must never meet what SQLite kept beside the old one."""
_SUSPECT: Final = "-suspect"


class StateGone(StateError):
    """The state that this process opened has lost its name: whoever starts next does not know what stands in it."""


WorksUnder = dict[object, tuple[Path, tuple[int, int]]]
"""By address: the lock file that someone in this process works under, and which file that was when it was taken."""


class Damaged(StateError):
    """The file is no state file, or one that is broken inside."""


@contextlib.contextmanager
def sqlite_errors(file: Path) -> Iterator[None]:
    """Whatever SQLite says, as one line that names the file. Damage is noted, so that the next start looks closely."""
    try:
        yield
    except UnicodeDecodeError:  # SQLite's own words quote what stands in the file
        broken, said, words, hint = True, f"{file} is not a usable state file", "", ""
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", 0) & _PRIMARY
        broken = code in _DAMAGED or (code == sqlite3.SQLITE_ERROR and "unsupported file format" in str(error))
        said = f"{file} is not a usable state file: {error}" if broken else f"cannot use {file}: {error}"
        words, hint = _WORDS.get(code, ("", "check the disk and the file's permissions"))
    else:
        return
    if broken:
        with contextlib.suppress(OSError):
            Path(f"{file}{_SUSPECT}").touch(mode=0o600)
        raise Damaged(said, "start kubemint again: it sets the file aside and starts with an empty one")
    raise StateError(f"{file} {words}" if words else said, hint)


def default_folder() -> Path:
    """Where the state is by default: `kubemint` in the XDG state folder. Raises StateError."""
    from platformdirs import user_state_path

    with contextlib.suppress(RuntimeError):
        folder = user_state_path("kubemint", appauthor=False)
        if folder.is_absolute():
            return folder
    raise StateError(
        f"the journal cannot be stored: {NoHome().message}", "set HOME, or XDG_STATE_HOME to a folder of yours"
    )


def private_folder(folder: Path) -> None:
    """Make sure that the folder exists, is ours, and only we can look into it. Raises OSError, StateError."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    there = folder.stat()
    refuse_foreign(folder, there.st_uid, os.geteuid())
    if there.st_mode & 0o077:
        folder.chmod(0o700)


def made(file: Path) -> os.stat_result:
    """The file, made where there is none. Raises OSError.

    SQLite would make it with the umask; its -wal and -shm files take over these permissions. One that is there is not
    opened by anybody but SQLite: whoever closes it lets go of every lock that this process has on it (as POSIX wants
    it), and the next process that ends would remove what is still to be moved into it.
    """
    with contextlib.suppress(FileExistsError):
        os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
    found = file.lstat()
    if stat.S_ISLNK(found.st_mode):
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
    return found


def standing(file: Path) -> tuple[tuple[int, int], ...]:
    """Which files have the state's names now: the database, and what was written to it last. Raises OSError."""
    return which(file), which(Path(f"{file}-wal"))


def which(file: Path) -> tuple[int, int]:
    """The file that has the name now, by its device and inode. Raises OSError."""
    found = file.lstat()
    return found.st_dev, found.st_ino


def refuse_replaced(file: Path, opened: tuple[tuple[int, int], ...]) -> None:
    """Raises StateGone where the files that were opened are not the ones any more that have these names: what is
    written to them is not found by one that starts after this process has ended."""
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        if standing(file) == opened:
            return
    raise StateGone(
        f"{file} was removed or replaced while kubemint runs: nothing is begun that no other kubemint would know of",
        "start kubemint again; what only that file knew is lost with it, and `kubemint hygiene` finds what is left in "
        "clusters",
    )


def refuse_unlocked(address: object, works_under: WorksUnder) -> None:
    """Raises StateError where the lock file that someone here works under has lost its name: another kubemint has made
    one of its own, and works on the same."""
    if (held := works_under.get(address)) is None:
        return
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        if which(held[0]) == held[1]:
            return
    raise StateError(
        f"the lock file of {address} was removed while kubemint worked on it: another kubemint may do so too",
        f"look at what is there by now, and try again; nothing that tidies up may remove anything in {held[0].parent}",
    )


def refuse_foreign(path: Path, owner: int, me: int) -> None:
    """Raises StateError for what belongs to another user, which root could open: its owner says what stands in it, and
    may not be able to open it any more once others wrote there."""
    if owner != me:
        name = user(owner)
        raise StateError(
            f"{path} belongs to {name}: kubemint keeps no state in another user's folder",
            f"run kubemint as {name}, or set XDG_STATE_HOME to a folder of yours",
        )


def wrong_kind(file: Path) -> str:
    """What stands in the file's place where that is no file; a link is left to whoever opens it. Raises OSError."""
    try:
        mode = file.lstat().st_mode
    except FileNotFoundError:
        return ""
    kinds = (
        (stat.S_ISFIFO, "a pipe"),
        (stat.S_ISDIR, "a folder"),
        (stat.S_ISSOCK, "a socket"),
        (stat.S_ISCHR, "a device"),
        (stat.S_ISBLK, "a device"),
    )
    return next((name for is_one, name in kinds if is_one(mode)), "")


def odd_set_aside(file: Path) -> list[tuple[str, str]]:
    """Rename what lies where SQLite keeps its own files and is none: it would wait for it for ever, or take the whole
    file for broken. The words for that. Raises OSError."""
    said = []
    for beside in (Path(f"{file}{suffix}") for suffix in _BESIDE):
        if kind := wrong_kind(beside):
            name = _free(beside)
            beside.rename(name)
            said.append((f"{beside} was {kind}; it is now {name.name}", "nothing of the state was in it"))
    return said


def columns(db: sqlite3.Connection) -> dict[str, set[str]]:
    """What each table has."""
    tables = [str(name) for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    return {
        table: {str(name) for (name,) in db.execute("SELECT name FROM pragma_table_info(?)", (table,))}
        for table in tables
    }


def check(db: sqlite3.Connection, file: Path, expected: dict[str, set[str]]) -> None:
    """Raises Damaged where the file has not what a state file has; after damage was seen every page is looked at."""
    there = columns(db)
    if missing := [table for table, names in expected.items() if not names <= there.get(table, set())]:
        raise Damaged(f"{file} is not a usable state file: its table {missing[0]} is not there, or not whole")
    suspect = Path(f"{file}{_SUSPECT}")
    if suspect.exists():
        found = str(db.execute("PRAGMA quick_check(1)").fetchone()[0])
        if found != "ok":
            raise Damaged(f"{file} is not a usable state file: {found}")
        with contextlib.suppress(OSError):
            suspect.unlink()


def set_aside(file: Path, why: str) -> tuple[str, str]:
    """Rename a damaged file and what SQLite keeps beside it; the words for that. Raises StateError."""
    name = _free(file)
    try:
        for suffix in _WITH_IT:
            with contextlib.suppress(FileNotFoundError):
                Path(f"{file}{suffix}").rename(f"{name}{suffix}")
        with contextlib.suppress(FileNotFoundError):
            Path(f"{file}{_SUSPECT}").unlink()
    except OSError as error:
        said = f"{why}, and cannot be set aside: {(error.strerror or '').lower()}"
    else:
        return f"{why}; it is now {name.name}, and kubemint starts with an empty one", _ASIDE
    raise StateError(said, f"move {file} away, or set XDG_STATE_HOME to another folder")


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Two that start at once must not set aside what the other has just begun. Raises StateError."""
    from filelock import FileLock, Timeout  # only here, for start-up time

    held = FileLock(folder / "state.lock", timeout=10, mode=0o600)
    try:
        held.acquire()
    except (Timeout, OSError):
        raise StateError(f"a damaged state file in {folder} cannot be set aside right now", "try again") from None
    try:
        yield
    finally:
        held.release()


def _free(file: Path) -> Path:
    stamp = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    names = (file.with_name(f"{file.name}.damaged-{stamp}{extra}") for extra in ("", *(f"-{n}" for n in range(2, 100))))
    return next(name for name in names if not os.path.lexists(name))
