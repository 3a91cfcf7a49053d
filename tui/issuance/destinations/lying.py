"""What lies in a file that kubemint wrote, held against the record of it: whoever may write the file may have put
something else there since, and then what is recorded says nothing of it.
"""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from tui.issuance.errors import IssuanceError
from tui.issuance.formats import Format
from tui.issuance.model.types import State
from tui.kube.errors import KubeError
from tui.kube.sensitive import Sensitive

from . import kubeconfig_file
from .file import LARGEST, is_missing, token_in_file
from .files import read_private
from .shoot import login_in
from .written import edits, said_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from tui.issuance.model.types import Address, Credential
    from tui.issuance.records.intent import Export, Intent

    from .place import Place

    Entries = Callable[[Path], Mapping[str, kubeconfig_file.Kept]]

_NO_LIFE: Final = dict.fromkeys(("issued_at", "expires_at", "rotate_at", "granted"))


class Lies(StrEnum):
    """What was found there."""

    OURS = "what kubemint wrote"
    ANOTHER = "another token"
    NOTHING = "no token"
    GONE = "no file"
    UNREAD = "nobody knows"


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """One look."""

    lies: Lies
    token: Sensitive | None = None
    trouble: str = ""
    """Why it could not be read."""
    edited: str = ""
    """What of it leads elsewhere than kubemint wrote, where the token is the one; a sentence without its subject."""


def judge(recorded: str, token: Sensitive | None, also: Collection[str] = ()) -> Lies:
    """What a token is that lies where one with the `recorded` fingerprint was written; `also` are those that a plan has
    written there which is not done yet. Where a record of old has no fingerprint, that is not known."""
    if not recorded:
        return Lies.OURS
    if token is None:
        return Lies.NOTHING
    return Lies.OURS if token.fingerprint == recorded or token.fingerprint in also else Lies.ANOTHER


async def look_into(place: Place, export: Export, opened: Iterable[Intent]) -> Seen:
    """Read a place that is no file; `opened` are the plans that may have written there. Never raises."""
    try:
        token = await place.token(export.credential.format or Format.KUBECONFIG)
    except (KubeError, IssuanceError, OSError) as error:
        return Seen(lies=Lies.UNREAD, trouble=getattr(error, "message", "") or type(error).__name__)
    also = {plan.fingerprint for plan in opened}
    return Seen(lies=judge(export.credential.fingerprint, token, also), token=token)


def look(export: Export, also: Collection[str] = (), entries: Entries | None = None) -> Seen:
    """Read the file; of another place the record alone speaks here. `entries` reads those that were merged into one of
    somebody's. Never raises; call it in a thread."""
    if not export.credential.address.is_file:
        return Seen(lies=Lies.OURS)
    if is_missing(export.credential.address):
        return Seen(lies=Lies.GONE)
    try:
        token, edited = _merged(export, entries) if _is_merged(export) else _alone(export)
    except (KubeError, IssuanceError, OSError) as error:
        return Seen(lies=Lies.UNREAD, trouble=getattr(error, "message", "") or type(error).__name__)
    return Seen(lies=judge(export.credential.fingerprint, token, also), token=token, edited=edited)


def shown(export: Export, seen: Seen) -> Credential:
    """The credential as its record and its file say it together."""
    credential = export.known
    over = credential.state is State.REVOKED
    if seen.edited and not over:  # how long the token lives is known, whether anybody gets in with the file is not
        return msgspec.structs.replace(credential, state=State.UNKNOWN, message=f"the file {seen.edited}")
    if seen.lies is Lies.OURS or (over and seen.lies is not Lies.ANOTHER):
        return credential
    if seen.lies is Lies.GONE:
        said = "its file is gone; rotate it to write it again, or revoke it"
        return msgspec.structs.replace(credential, state=State.MISSING, message=said)
    where = "the file" if credential.address.is_file else "it"
    said = {
        Lies.ANOTHER: f"{where} holds another token than kubemint wrote",
        Lies.NOTHING: f"{where} holds no token any more",
    }.get(seen.lies, seen.trouble)
    return msgspec.structs.replace(
        credential,
        state=State.UNKNOWN,
        message=f"{said}; what it wrote was revoked" if over else said,
        **_NO_LIFE,  # how long that lives is not known
    )


def stays(export: Export, seen: Seen) -> str:
    """What becomes of a file when the token that is recorded of it is revoked; empty where it holds just that."""
    name = export.credential.address.name
    return {
        Lies.OURS: "",
        Lies.ANOTHER: f"{name} stays: it holds another token now, which stays valid",
        Lies.UNREAD: f"{name} stays; whether it holds the token cannot be seen: {seen.trouble}",
        Lies.NOTHING: f"{name} holds no token any more",
        Lies.GONE: f"{name} is gone",
    }[seen.lies]


class Looks:
    """The same for lists, which look again and again: a file is read only where it has changed since the last look."""

    def __init__(self) -> None:
        self._seen: dict[tuple[Address, str], tuple[tuple[int, ...], Seen]] = {}
        self._read: tuple[Path, tuple[int, ...], dict[str, kubeconfig_file.Kept]] | None = None
        """The kubeconfig of somebody's that was read last: many entries of kubemint's may be in it."""

    def shown(self, export: Export, also: Collection[str] = ()) -> Credential:
        """The credential as it is to be shown. Call it in a thread."""
        if not export.credential.address.is_file or is_missing(export.credential.address):
            return shown(export, look(export))
        key, stamp = (export.credential.address, export.credential.fingerprint), _stamp(_path(export))
        known = self._seen.get(key)
        if known is not None and stamp and known[0] == stamp:
            return shown(export, known[1])
        seen = self._cheaply(export) or look(export, also, self._entries)
        if stamp and seen.lies in (Lies.OURS, Lies.ANOTHER, Lies.NOTHING) and not also:
            self._seen[key] = stamp, msgspec.structs.replace(seen, token=None)
        return shown(export, seen)

    def _cheaply(self, export: Export) -> Seen | None:
        """Whether the file is as it was written, without making sense of it."""
        if export.wrote is None:
            return None
        try:
            held = read_private(_path(export), LARGEST)
        except (IssuanceError, OSError):
            return None
        return Seen(lies=Lies.OURS) if held.fingerprint == export.wrote.whole else None

    def _entries(self, path: Path) -> Mapping[str, kubeconfig_file.Kept]:
        stamp = _stamp(path)
        if not stamp or self._read is None or self._read[:2] != (path, stamp):
            self._read = path, stamp, kubeconfig_file.kept_in(path)
        return self._read[2]


def _is_merged(export: Export) -> bool:
    return str(_path(export)) != export.credential.address.name


def _merged(export: Export, entries: Entries | None) -> tuple[Sensitive | None, str]:
    """By what the entries of a wish are told from others, and what of them leads elsewhere where they are its own."""
    found = (entries or kubeconfig_file.kept_in)(_path(export)).get(export.request)
    if found is None:
        return None, ""
    ours = found.token is not None and found.token.fingerprint == export.credential.fingerprint
    return found.token, said_of(found.strange) if ours else ""


def _alone(export: Export) -> tuple[Sensitive | None, str]:
    """The same of a file that is kubemint's alone (its token, of a shoot's kubeconfig its certificate)."""
    credential, content = export.credential, read_private(_path(export), LARGEST)
    form = credential.format or Format.KUBECONFIG
    token = login_in(content) if credential.shoot is not None else token_in_file(form, content)
    ours = token is not None and token.fingerprint == credential.fingerprint
    return token, edits(form, content, export.wrote).said if ours else ""


def _path(export: Export) -> Path:
    credential = export.credential
    return Path(credential.address.name.removesuffix(f"#{credential.identity}"))


def _stamp(path: Path) -> tuple[int, ...]:
    """What changes where a file does; empty where there is none."""
    try:
        found = os.stat(path)  # noqa: PTH116 - one call per file and look
    except OSError:
        return ()
    return found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino
