"""What stands where a file is to be written, and what may become of it: the rules for everybody who writes one.

Nothing that kubemint did not write is replaced without being asked for in those words, and then it is kept beside it.
What lets whoever reads it in is only put where nobody but its owner reads. The facts are gathered in one look
(`look_at`), the decision is made from them alone (`judge`), and `write_file` puts both around a write.
"""

from __future__ import annotations

import getpass
import grp
import os
import stat
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import Final

import msgspec

from tui.issuance.errors import UsageError
from tui.kube.home import user
from tui.kube.sensitive import Sensitive

from .files import PRIVATE_FILE, FileError, destination, explained, links_on, read_private, write_private

KEPT_AS: Final = "replaced-by-kubemint"


class WouldReplace(UsageError):
    """Something would get lost that kubemint did not write. Whoever means it says so (`force`); it is kept then."""


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


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What may become of it."""

    refused: str = ""
    """Why nothing is written there; empty where it may be."""
    hint: str = ""
    forcible: bool = False
    """Whether it may be after all where somebody means it."""
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
    """The facts, in a handful of stats. Raises FileError where nobody may look, or links have no honest end."""
    with explained(path, "look at"):
        links = links_on(path)
        target = destination(path)
        folder = _folder_mode(target)
        try:
            found = target.lstat()
        except FileNotFoundError:
            return Standing(path=path, target=target, links=links, folder_mode=folder)
    return Standing(
        path=path,
        target=target,
        kind=Kind.FILE if stat.S_ISREG(found.st_mode) else Kind.OTHER,
        size=found.st_size,
        uid=found.st_uid,
        gid=found.st_gid,
        mode=stat.S_IMODE(found.st_mode) & 0o777,
        names=found.st_nlink,
        links=links,
        folder_mode=folder,
    )


def judge(
    there: Standing, me: int, *, live: bool = True, ours: bool = False, whole: bool = True, force: bool = False
) -> Verdict:
    """What may become of it, by the facts alone.

    `me` is the uid that writes, `live` says that whoever reads what is written gets in, `ours` that kubemint wrote
    what is there, `whole` that nothing of it stays, `force` that somebody asked for it to be replaced.
    """
    path = there.path
    strangers = [uid for _, uid in there.links if uid not in (me, 0)]
    said = [f"it leads to {there.target}, through a link of {user(uid)}" for uid in strangers[:1]]
    if there.folder_mode & stat.S_IWOTH and not there.folder_mode & stat.S_ISVTX:
        said.append("everybody may put another file in its place: its folder is open to all")
    if there.kind is Kind.NOTHING:
        return Verdict(said=tuple(said))
    if there.kind is Kind.OTHER:
        return Verdict(refused=f"{path} is not a regular file", hint="material is only kept in regular files")
    foreign = whole and not ours and there.size > 0
    if live and there.uid != me:
        return Verdict(
            refused=f"{path} belongs to {user(there.uid)}: nothing that lets anybody in is put into it",
            hint="choose another path",
        )
    if foreign and not force:
        return Verdict(
            refused=f"{path} exists and was not written by kubemint",
            hint="choose another path, or ask for it to be replaced (--force); what is there is kept beside it",
            forcible=True,
        )
    if there.names > 1 and not ours and not force:
        return Verdict(
            refused=f"{path} has {there.names} names (hard links), and the others would keep what is there now",
            hint="choose another path, or ask for it to be replaced (--force)",
            forcible=True,
        )
    mode = (there.mode & stat.S_IRWXU if live else there.mode) or PRIVATE_FILE
    if mode != there.mode:
        said.append(f"its mode {there.mode:04o} lets others in and becomes {mode:04o}")
    if there.uid != me:
        said.append(f"it belongs to {user(there.uid)} and stays so")
    if there.names > 1:
        said.append(f"it has {there.names} names (hard links): the others keep what is there now")
    if foreign:
        said.append(f"kubemint did not write it: what is there is kept beside it as {path.name}.{KEPT_AS}")
    return Verdict(mode=mode, keep=foreign, said=tuple(said))


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

    Raises WouldReplace, FileError.
    """
    there = look_at(Path(path))
    verdict = judge(there, os.geteuid(), live=live, force=force)
    verdict.check()
    return there, verdict


def write_file(path: Path | str, material: Sensitive, *, force: bool, live: bool = True) -> Written:
    """Write a file of which kubemint remembers nothing; what holds this very content may be written again.

    Raises WouldReplace, FileError; then nothing has changed.
    """
    path = Path(path)
    there = look_at(path)
    same = there.kind is Kind.FILE and there.size == len(material) and read_private(path) == material
    verdict = judge(there, os.geteuid(), live=live, ours=same, force=force)
    verdict.check()
    return put(path, material, verdict, fresh=there.kind is Kind.NOTHING)


def put(path: Path, material: Sensitive, verdict: Verdict, *, fresh: bool = False) -> Written:
    """Write as a verdict says that was not refused; what it replaces is kept first where that is due."""
    kept = keep(path) if verdict.keep else None
    try:
        target = write_private(path, material, mode=verdict.mode, fresh=fresh)
    except BaseException:
        if kept is not None:
            kept.unlink(missing_ok=True)
        raise
    said = "written" if target == path else f"written through the link to {target}"
    return Written(target=target, kept=kept, said=said if kept is None else f"{said}; what was there is in {kept}")


def keep(path: Path) -> Path:
    """A private copy of a file beside it, under a name that nobody has. Raises FileError."""
    target = destination(path)
    content, number = read_private(target), 1
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
        number += 1  # also where somebody else took the name just now


def group(gid: int) -> str:
    """The name of a group, or the number of one that has none."""
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)


def _folder_mode(target: Path) -> int:
    """The mode of the folder that the file is, or will be, in; of the first above it that exists."""
    for folder in target.parents:
        with suppress(FileNotFoundError):
            return stat.S_IMODE(folder.stat().st_mode)
    return 0o700


def _me() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "you"
