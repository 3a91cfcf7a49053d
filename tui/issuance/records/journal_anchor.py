"""How long the journal was, kept in a second file beside the database: what was cut off is missed.

The hash chain shows a changed entry, and one that is missing in between. Whoever removes the newest entries together
with the head that names them, or all of them, leaves a chain that fits; so its length and last hash stand in
`journal.anchor` (0600) too, under the identity that the database was given when it was made. The file only ever moves
on, and only over entries that follow from those it knows. It is written after the database, so that it may lag by what
a killed process wrote last; it never says more than was written.

Whoever may write both files can still make them fit each other. The hash of the newest entry, which `kubemint journal
--verify` prints, kept somewhere else shows that as well.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import stat
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec

NAME: Final = "journal.anchor"
_LINE: Final = re.compile(rb"([0-9a-f]{32}) ([0-9]{20}) ([0-9a-f]{64})\n")
_WIDTH: Final = 119
_LARGEST: Final = _WIDTH * 1000


class Mark(msgspec.Struct, frozen=True):
    """How far one journal was when it was last written to: its identity, how many entries, the hash of the last."""

    journal: str
    entries: int
    hash: str


class Verdict(msgspec.Struct, frozen=True):
    """What the anchor says of a journal. `broken_at` is the first entry that is not as it was written, 0 for none."""

    message: str = ""
    broken_at: int = 0
    unanchored: int = 0
    """How many of the newest entries it does not know yet."""


def judge(marks: Sequence[Mark] | None, journal: str, entries: int, hash_at: Callable[[int], str]) -> Verdict:
    """Whether a journal with this identity and so many entries is what was written; `hash_at` gives an entry's hash.

    `marks` is what the file says, None where there is none or it cannot be read: that vouches for nothing.
    """
    if marks is None:
        return Verdict(f"{NAME}, which says how long the journal was, is gone or cannot be read", entries + 1)
    lost = next((mark for mark in marks if mark.journal != journal and mark.entries), None)
    if lost is not None:
        return Verdict(f"cut: an earlier journal with {lost.entries} entries was removed or moved away", 1)
    own = next((mark for mark in marks if mark.journal == journal), None)
    if own is None:
        return Verdict(f"{NAME} does not know this journal", entries + 1)
    if own.entries > entries:
        return Verdict(f"cut: the newest {own.entries - entries} of {own.entries} entries are gone", entries + 1)
    if own.entries and hash_at(own.entries) != own.hash:
        return Verdict(f"entry {own.entries} is not the one that was written", own.entries)
    return Verdict(unanchored=entries - own.entries)


class Anchor:
    """The file in one state folder. Nothing here raises: a journal without it works, and is not called whole."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / NAME

    def marks(self) -> tuple[Mark, ...] | None:
        """What it says; None where it is not there or cannot be read."""
        try:
            with self._opened(os.O_RDONLY) as descriptor:
                return _read(descriptor)
        except (OSError, ValueError):
            return None

    def begin(self, journal: str, entries: int, digest: str) -> None:
        """From now on there is this journal. Marks of earlier ones stay."""
        with contextlib.suppress(OSError, ValueError), self._opened(os.O_RDWR | os.O_CREAT) as descriptor:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            marks = _read(descriptor)
            if all(mark.journal != journal for mark in marks):
                os.pwrite(descriptor, _line(Mark(journal, entries, digest)), len(marks) * _WIDTH)
                os.fsync(descriptor)

    def advance(self, journal: str, entries: int, digest: str, hash_at: Callable[[int], str]) -> None:
        """So far it is now. Where what it knows is not in the journal any more, it is left as it is."""
        with contextlib.suppress(OSError, ValueError), self._opened(os.O_RDWR) as descriptor:
            fcntl.flock(descriptor, fcntl.LOCK_EX)  # of two that wrote one after the other, the later may come first
            for number, mark in enumerate(_read(descriptor)):
                if mark.journal == journal and mark.entries < entries:
                    if not mark.entries or hash_at(mark.entries) == mark.hash:
                        os.pwrite(descriptor, _line(Mark(journal, entries, digest)), number * _WIDTH)
                    return

    @contextlib.contextmanager
    def _opened(self, flags: int) -> Iterator[int]:
        descriptor = os.open(self.path, flags | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, 0o600)
        try:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o022:
                raise ValueError("not ours alone")
            yield descriptor
        finally:
            os.close(descriptor)


def _read(descriptor: int) -> tuple[Mark, ...]:
    """Raises ValueError for whatever is not a list of marks."""
    data = os.pread(descriptor, _LARGEST + 1, 0)
    if len(data) % _WIDTH or len(data) > _LARGEST:
        raise ValueError("not whole")
    marks = []
    for start in range(0, len(data), _WIDTH):
        found = _LINE.fullmatch(data, start, start + _WIDTH)
        if found is None:
            raise ValueError("not a mark")
        marks.append(Mark(found[1].decode(), int(found[2]), found[3].decode()))
    return tuple(marks)


def _line(mark: Mark) -> bytes:
    return f"{mark.journal} {mark.entries:020d} {mark.hash}\n".encode()
