"""The folder of one `kubemint run`, and the note beside the local state that says whether the run is still alive.

The note is locked for as long as the command, or anything that it started and left behind, runs. It lies where the
state lies, so that whoever knows the run's credential can see its lock, also where `/tmp` is another one. A folder is
known again by its inode: what only has its name, or one like it, is nobody's to remove.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import stat
import tempfile
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PREFIX: Final = "kubemint-run-"
FILE: Final = "kubeconfig"
_NOTES: Final = "runs"
_KIND: Final = ".json"
_LONGEST: Final = 8192


@dataclass(frozen=True, slots=True)
class RunFolder:
    """Where the kubeconfig lies, which inode that folder is, and the descriptor that holds the note's lock."""

    path: Path
    inode: tuple[int, int]
    note: Path
    lock: int

    @property
    def kubeconfig(self) -> Path:
        return self.path / FILE

    def remove(self) -> None:
        """The folder with all that lies in it, if it is that very one; nothing is raised where it cannot be."""
        with contextlib.suppress(OSError):
            found = self.path.stat(follow_symlinks=False)
            if (found.st_dev, found.st_ino) == self.inode:
                shutil.rmtree(self.path, ignore_errors=True)

    def forget(self) -> None:
        """Nothing is left to do for it."""
        with contextlib.suppress(OSError):
            self.note.unlink()


@contextlib.contextmanager
def own(state: Path) -> Iterator[RunFolder]:
    """A folder of its own (0700) with a locked note; the folder is gone afterwards, the note stays until `forget`."""
    notes = state / _NOTES
    notes.mkdir(mode=0o700, exist_ok=True)
    path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=_base(notes)))
    name = uuid.uuid4().hex
    lock = os.open(notes / name, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        made = path.stat()
        fcntl.flock(lock, fcntl.LOCK_EX)
        os.write(lock, json.dumps({"folder": str(path), "inode": [made.st_dev, made.st_ino]}).encode())
        note = notes / f"{name}{_KIND}"
        (notes / name).rename(note)  # it has its name once it is whole, and locked
        folder = RunFolder(path, (made.st_dev, made.st_ino), note, lock)
        try:
            yield folder
        finally:
            folder.remove()
    finally:
        os.close(lock)


@contextlib.contextmanager
def left_behind(state: Path) -> Iterator[list[RunFolder]]:
    """The folders of runs of which nothing lives any more, locked for as long as the block takes."""
    found = []
    with contextlib.ExitStack() as stack:
        for note in sorted((state / _NOTES).glob(f"*{_KIND}")):
            if (folder := _dead(note)) is not None:
                stack.callback(os.close, folder.lock)
                found.append(folder)
        yield found


def _dead(note: Path) -> RunFolder | None:
    try:
        lock = os.open(note, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        said = json.loads(os.read(lock, _LONGEST))
        device, inode = said["inode"]
        if note.stat(follow_symlinks=False).st_ino == os.fstat(lock).st_ino:  # else another one has just dealt with it
            return RunFolder(Path(said["folder"]), (int(device), int(inode)), note, lock)
    except (OSError, ValueError, KeyError, TypeError):  # it lives, or is no note of ours
        pass
    os.close(lock)
    return None


def _base(notes: Path) -> Path:
    """The user's own runtime folder, which is in memory, where there is one; else beside the notes, where nobody else
    leads. What `TMPDIR` names may be anybody's, who swaps a folder in it for one of his own."""
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    with contextlib.suppress(OSError):
        found = Path(runtime).stat()
        if os.path.isabs(runtime) and found.st_uid == os.geteuid() and stat.S_IMODE(found.st_mode) == stat.S_IRWXU:  # noqa: PTH117
            return Path(runtime)
    return notes
