"""What stands where a file is to be written, and what may become of it: the rules for everybody who writes one.

Nothing that kubemint did not write is replaced without being asked for in those words, and then it is kept beside it.
What lets whoever reads it in is only put where nobody but its owner reads. The facts are gathered in one look
(`look_at`), the decision is made from them alone (`judge`), and `write_file` puts both around a write.
"""

from __future__ import annotations

import contextlib
import getpass
import grp
import os
import stat
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Final

import msgspec

from tui.issuance.errors import FileError, StateError, UsageError
from tui.issuance.model.renewal import OVER, state_of
from tui.issuance.model.types import State
from tui.kube.home import user
from tui.kube.sensitive import Sensitive

from .files import NOTHING, PRIVATE_FILE, Which, explained, read_if_there, remove, which, write_private
from .folders import reached
from .place import taken

KEPT_AS: Final = "replaced-by-kubemint"


class WouldReplace(UsageError):
    """Something would get lost that kubemint did not write. Whoever means it says so (`force`); it is kept then."""

    asks = True


class Kind(StrEnum):
    """What lies there."""

    NOTHING = "nothing"
    FILE = "file"
    OTHER = "other"
    """A folder, a pipe, a device: never written to."""


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """The facts of one path, links followed."""

    path: Path
    target: Path
    """What the path leads to."""
    kind: Kind = Kind.NOTHING
    size: int = 0
    uid: int = 0
    gid: int = 0
    mode: int = PRIVATE_FILE
    names: int = 1
    """How many names the file has (hard links)."""
    links: tuple[tuple[Path, int], ...] = ()
    """The links that were followed, each with the uid of its owner."""
    folder_mode: int = 0o700
    which: Which = NOTHING
    """What tells it from every other file that has its name later."""


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What may become of it."""

    refused: str = ""
    """Why nothing is written there; empty where it may be."""
    hint: str = ""
    forcible: bool = False
    """Whether it may be after all where someone means it."""
    mode: int = PRIVATE_FILE
    """Which mode the file is to have."""
    keep: bool = False
    """Whether what is there is kept beside it."""
    said: tuple[str, ...] = ()
    """What the operator should know of "it" first: owner, mode and links that are not as usual."""

    def warning(self, path: Path) -> str:
        """The same in one line that names the file; empty where everything is as usual."""
        return f"{path}: {'; '.join(self.said)}" if self.said else ""

    def check(self) -> None:
        """Raises WouldReplace or FileError where it is refused."""
        if self.refused:
            raise (WouldReplace if self.forcible else FileError)(self.refused, self.hint)


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """What a write did."""

    target: Path
    kept: Path | None = None
    """Where what it replaced lies now."""
    said: str = "written"


def look_at(path: Path) -> Standing:
    """The facts, in a handful of stats. Raises FileError where they may not be read, or links have no honest end."""
    with explained(path, "look at"), reached(path) as way:
        found = way.lstat()
    there = Standing(path=path, target=way.target, links=way.links, folder_mode=way.folder_mode)
    if found is None:
        return there
    return msgspec.structs.replace(
        there,
        kind=Kind.FILE if stat.S_ISREG(found.st_mode) else Kind.OTHER,
        size=found.st_size,
        uid=found.st_uid,
        gid=found.st_gid,
        mode=stat.S_IMODE(found.st_mode) & 0o777,
        names=found.st_nlink,
        which=which(found),
    )


def judge(
    there: Standing, me: int, *, live: bool = True, ours: bool = False, whole: bool = True, force: bool = False
) -> Verdict:
    """What may become of it, by the facts alone.

    `me` is the uid that writes, `live` says that whoever reads what is written gets in, `ours` that kubemint wrote
    what is there, `whole` that nothing of it stays, `force` that someone asked for it to be replaced.
    """
    path = there.path
    strangers = [uid for _, uid in there.links if uid not in (me, 0)]
    said = [f"it points to {there.target}, through a link of {user(uid)}" for uid in strangers[:1]]
    if there.folder_mode & stat.S_IWOTH and not there.folder_mode & stat.S_ISVTX:
        said.append("any user may replace it: its folder is writable by all")
    if there.kind is Kind.NOTHING:
        return Verdict(said=tuple(said))
    if there.kind is Kind.OTHER:
        return Verdict(refused=f"{path} is not a regular file", hint="material is only kept in regular files")
    foreign = whole and not ours and there.size > 0
    if live and there.uid != me:
        return Verdict(
            refused=f"{path} belongs to {user(there.uid)}: no credential is written into it",
            hint="choose another path",
        )
    if foreign and not force:
        return Verdict(
            refused=f"{path} exists and was not written by kubemint",
            hint="choose another path, or replace it with --force; the old file is kept beside it",
            forcible=True,
        )
    if there.names > 1 and not ours and not force:
        return Verdict(
            refused=f"{path} has {there.names} names (hard links), and the others would keep what is there now",
            hint="choose another path, or replace it with --force",
            forcible=True,
        )
    mode = (there.mode & stat.S_IRWXU if live else there.mode) or PRIVATE_FILE
    if mode != there.mode:
        said.append(f"its mode {there.mode:04o} gives others access and becomes {mode:04o}")
    if there.uid != me:
        said.append(f"it stays owned by {user(there.uid)}")
    if there.names > 1:
        said.append(f"it has {there.names} names (hard links): the others keep what is there now")
    if foreign:
        said.append(f"kubemint did not write it: what is there {kept_as(path)}")
    return Verdict(mode=mode, keep=foreign, said=tuple(said))


def kept_as(path: Path) -> str:
    """What becomes of a file that is replaced, in words."""
    return f"is kept beside it as {path.name}.{KEPT_AS}"


def describe(there: Standing, verdict: Verdict) -> str:
    """Owner, mode and links of the file as it will be, in one line."""
    through = "" if there.target == there.path else f", through the link to {there.target}"
    if there.kind is not Kind.FILE:
        return f"a new file, mode 0600, owner {_me()}{through}"
    owner = f"{user(there.uid)}:{group(there.gid)}"
    changed = f"keeps mode {there.mode:04o}" if verdict.mode == there.mode else f"mode {verdict.mode:04o}"
    was = "" if verdict.mode == there.mode else f" instead of {there.mode:04o}"
    return f"{changed}{was}, owner {owner}{through}"


def may_write(path: Path | str, *, force: bool, live: bool = True) -> tuple[Standing, Verdict]:
    """What stands there and what may become of it, before anything is made that has to go there.

    Raises WouldReplace, UsageError, FileError.
    """
    there = look_at(Path(path))
    _refuse_in_use(there)
    verdict = judge(there, os.geteuid(), live=live, force=force)
    verdict.check()
    return there, verdict


def write_file(path: Path | str, material: Sensitive, *, force: bool, live: bool = True) -> Written:
    """Write a file of which kubemint remembers nothing; what holds this very content may be written again.

    Raises WouldReplace, UsageError, FileError; then nothing has changed.
    """
    path = Path(path)
    there = look_at(path)
    same = there.kind is Kind.FILE and there.size == len(material)
    same = same and read_if_there(path, judged=there.which) == material
    if not same:
        _refuse_in_use(there)
    verdict = judge(there, os.geteuid(), live=live, ours=same, force=force)
    verdict.check()
    return put(there, material, verdict)


def _refuse_in_use(there: Standing) -> None:
    """A file with a live credential of kubemint's is for nothing else, whoever asks for that: its record would be left
    without it, and its token would live on in the copy that is kept. Raises UsageError."""
    from tui.issuance.records.state import StateStore, is_begun

    if there.kind is not Kind.FILE or not is_begun():
        return
    with contextlib.suppress(StateError):  # what cannot be read says nothing; what is there is kept beside
        state = StateStore.open(afresh=False)
        try:
            records = state.export_records()
        finally:
            state.close()
        for credential in (one.credential for one in records):
            path = credential.address.name.removesuffix(f"#{credential.identity}")
            live = state_of(credential, datetime.now(UTC)) not in (*OVER, State.EXPIRED)
            if live and credential.address.is_file and Path(os.path.realpath(path)) == there.target:
                raise taken(str(there.path), credential, exists=True)


def put(there: Standing, material: Sensitive, verdict: Verdict) -> Written:
    """Write as a verdict says that was not refused, over what it speaks of; what goes is kept first where that is due.

    Raises FileError, also where something else is there by now; then nothing has changed.
    """
    path = there.path
    kept = keep(there) if verdict.keep else None
    try:
        target = write_private(path, material, mode=verdict.mode, judged=there.which)
    except BaseException:
        if kept is not None:
            remove(kept)
        raise
    said = "written" if target == path else f"written through the link to {target}"
    return Written(target=target, kept=kept, said=said if kept is None else f"{said}; what was there is in {kept}")


def put_back(path: Path, wrote: Sensitive, before: Sensitive | None, mode: int | None, *, live: bool = True) -> bool:
    """Take back a write byte for byte, where the file still is what that made of it; else False, and nothing is done.

    What was there `before` is written again, or what was made is removed. Raises FileError.
    """
    there = look_at(path)
    if there.kind is not Kind.FILE or read_if_there(path, judged=there.which) != wrote:
        return False
    if before is None:
        remove(path, judged=there.which)
        return True
    judge(there, os.geteuid(), live=live, ours=True).check()
    write_private(path, before, mode=mode, judged=there.which)
    return True


def keep(there: Standing) -> Path:
    """A private copy of a file beside it, under a name that is not taken. Raises FileError."""
    target, number = there.target, 1
    content = read_if_there(there.path, judged=there.which)
    assert content is not None  # what is judged to be there is not nothing
    while True:
        suffix = KEPT_AS if number == 1 else f"{KEPT_AS}-{number}"
        # A long name is cut so that the new one fits into what file systems allow.
        beside = target.with_name(f"{os.fsdecode(os.fsencode(target.name)[:200])}.{suffix}")
        if not os.path.lexists(beside):
            try:
                return write_private(beside, content, fresh=True)
            except FileError:
                if not os.path.lexists(beside):
                    raise
        number += 1  # also where another client took the name just now


def group(gid: int) -> str:
    """The name of a group, or the number of one that has none."""
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)


def _me() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "you"
