"""The way to a file, gone once with every folder on it held open: who swaps one of them for a link meanwhile, or for
another folder, does not choose which file is made, replaced or removed.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tui.issuance.errors import FileError

PRIVATE_FOLDER: Final = 0o700
MISSING: Final = -1
_MOST_LINKS: Final = 40
"""As many as Linux follows for one path."""
_ONWARD: Final = getattr(os, "O_PATH", getattr(os, "O_SEARCH", os.O_RDONLY)) | os.O_NOFOLLOW | os.O_CLOEXEC
"""To go on from a folder one need not be allowed to list it."""


@dataclass(frozen=True, slots=True)
class Reached:
    """Where a path leads."""

    target: Path
    """The file, links resolved, whether it exists or not."""
    links: tuple[tuple[Path, int], ...]
    """The links that were followed, its folders' included, each with the uid of its owner."""
    folder: int
    """The descriptor of its folder, to name files from and nothing else; MISSING where there is none."""
    folder_mode: int
    """That of its folder; of the first above it that exists."""

    @property
    def name(self) -> str:
        """What the file is called in its folder."""
        return self.target.name or "."

    def lstat(self) -> os.stat_result | None:
        """What has the name now, None where nothing has it. Raises OSError."""
        if self.folder == MISSING:
            return None
        try:
            return os.stat(self.name, dir_fd=self.folder, follow_symlinks=False)
        except FileNotFoundError:
            return None

    def open(self, flags: int, mode: int = 0o600, name: str = "") -> int:
        """A descriptor of the file, or of another beside it; no link is followed. Raises OSError."""
        return os.open(name or self.name, flags | os.O_NOFOLLOW | os.O_CLOEXEC, mode, dir_fd=self.folder)

    def unlink(self, name: str = "") -> None:
        """Remove the file, or another beside it; one that is gone already is no error. Raises OSError."""
        with suppress(FileNotFoundError):
            os.unlink(name or self.name, dir_fd=self.folder)


@contextmanager
def reached(path: Path | str, *, make: bool = False, follow: bool = True) -> Iterator[Reached]:
    """Go there. With `make` missing folders are made, for their owner alone; without `follow` a link at the end stays.

    A link that belongs neither to whoever asks nor to root is refused: its owner says where it leads, and would choose
    where a file of ours is made. Raises FileError, OSError.
    """
    left = list(Path(path).absolute().parts)[::-1]
    at, links = Path(left.pop()), list[tuple[Path, int]]()
    way = [os.open(at, _ONWARD | os.O_DIRECTORY)]
    try:
        while left:
            part = left.pop()
            if part == "..":
                at = at.parent
                _close(way, max(1, len(way) - 1))
                continue
            held, found, leads = _look(part, way[-1])
            if found is None and left and make:
                with suppress(FileExistsError):
                    os.mkdir(part, PRIVATE_FOLDER, dir_fd=way[-1])
                held, found, leads = _look(part, way[-1])
            way.append(held)
            if left and held == MISSING and not leads and (make or found is not None):
                wrong = errno.ENOENT if found is None else errno.ENOTDIR
                raise OSError(wrong, os.strerror(wrong))
            here = at / part
            if found is None or not leads or not (left or follow):
                at = here
                continue
            _close(way, len(way) - 1)
            if len(links) >= _MOST_LINKS:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
            if not follows(found.st_uid, os.geteuid()):
                raise FileError(
                    f"{here} is a link that belongs to another user (uid {found.st_uid})", "choose another path"
                )
            links.append((here, found.st_uid))
            there = Path(leads)
            left += there.parts[::-1]
            if there.is_absolute():
                at = Path(left.pop())
                _close(way, 1)
        folder = way[-2] if len(way) > 1 else way[0]
        nearest = next(held for held in [*way[-2::-1], way[0]] if held != MISSING)
        yield Reached(at, tuple(links), folder, stat.S_IMODE(os.fstat(nearest).st_mode))
    finally:
        _close(way, 0)


def follows(owner: int, me: int) -> bool:
    """Whether a link of `owner` is followed for `me`."""
    return owner in (me, 0)


def destination(path: Path | str) -> Path:
    """The file that `path` leads to, links resolved, whether it exists or not. Raises FileError, OSError."""
    with reached(path) as way:
        return way.target


def _look(part: str, folder: int) -> tuple[int, os.stat_result | None, str]:
    """What has this name in a folder: a descriptor to go on from, its facts, and where it leads if it is a link.

    All three are of the same thing, whatever has the name a moment later, where the system can hold a link open.
    """
    if folder == MISSING:
        return MISSING, None, ""
    try:
        if hasattr(os, "O_PATH"):
            held = os.open(part, _ONWARD, dir_fd=folder)
            try:
                found = os.fstat(held)
                return held, found, os.readlink("", dir_fd=held) if stat.S_ISLNK(found.st_mode) else ""
            except BaseException:
                os.close(held)
                raise
        found = os.stat(part, dir_fd=folder, follow_symlinks=False)
        if stat.S_ISLNK(found.st_mode):
            return MISSING, found, os.readlink(part, dir_fd=folder)
        return os.open(part, _ONWARD, dir_fd=folder) if stat.S_ISDIR(found.st_mode) else MISSING, found, ""
    except FileNotFoundError:
        return MISSING, None, ""


def _close(way: list[int], keep: int) -> None:
    """Let go of all but the first."""
    while len(way) > keep:
        if (held := way.pop()) != MISSING:
            os.close(held)
