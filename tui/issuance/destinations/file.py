"""A file on this machine as the place of a credential, written whole and private; the state remembers what is in it."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from tui.issuance.errors import ChangedMeanwhile, FileError, UsageError
from tui.issuance.formats import Format
from tui.issuance.model.material import Foreseen
from tui.issuance.model.types import Address, Identity, State
from tui.kube import shell
from tui.kube.sensitive import Sensitive

from .files import read_if_there, remove, seen_through
from .masking import diff, masked_text
from .place import Held, absolute, taken
from .standing import Standing, Verdict, describe, judge, kept_as, look_at, put, put_back
from .written import Edits, edits, wrote

if TYPE_CHECKING:
    from tui.issuance.model.material import Writing
    from tui.issuance.records.intent import Export, Wrote
    from tui.issuance.records.state import StateStore

    from .place import Place

LARGEST: Final = 1024 * 1024
"""Bytes of a file that are read."""


class FilePlace:
    """One file of its own. What kubemint did not write is only replaced where `force` says so, and kept then."""

    live = True
    """Whether whoever reads what is written gets in."""

    def __init__(self, path: str, identity: Identity, state: StateStore, *, force: bool = False) -> None:
        self.path = absolute(path)
        self.address = Address.file(str(self.path))
        self.uid = ""
        self.cluster = ""
        self.label = str(self.path)
        self.request = ""
        self.force = force
        self._identity = identity
        self._state = state
        self._version = ""
        self._before: Sensitive | None = None
        self._written: Sensitive | None = None
        self._mode: int | None = None
        """The mode that the file had before it was written."""
        self.wrote: Wrote | None = None
        """What is to be remembered of what was written."""
        self._kept: Path | None = None
        """Where what was replaced lies, that is another one's."""

    @property
    def version(self) -> str:
        return self._version

    async def look(self) -> Held:
        return await asyncio.to_thread(self._look)

    def _look(self) -> Held:
        content = self._read()
        self._version = content.fingerprint if content is not None else ""
        record = self._state.export_record(self.address)
        live = record if record is not None and record.credential.state is not State.REVOKED else None
        verdict = self._judge(look_at(self.path), content, record)
        warnings = [said] if (said := verdict.warning(self.path)) else []
        if content is None and live is not None:
            warnings.append(f"{self.path} is gone and will be written again")
        preview = diff(self.label, masked_text(content), "") if content is not None and verdict.keep else ""
        return Held(
            exists=content is not None,
            credential=live.credential if live is not None else None,
            request=live.request if live is not None else "",
            warning="; ".join(warnings),
            preview=preview,
        )

    def _judge(self, there: Standing, content: Sensitive | None, record: Export | None) -> Verdict:
        """What may become of what is there now. Raises WouldReplace, UsageError, FileError where nothing may."""
        _refuse_in_use(self.path, self._identity, record, exists=content is not None)
        ours = content is None or self._is_ours(content, record)
        if content is not None and not ours and _is_own_kubeconfig(self.path):
            raise UsageError(
                f"{self.path} is your own kubeconfig",
                "choose another path, or add to it with --merge",
                field="path",
            )
        edited = self._edits(content, record) if content is not None and ours else Edits()
        ours = ours and not edited.way
        verdict = judge(there, os.geteuid(), live=self.live, ours=ours, force=self.force)
        if edited.way and verdict.forcible:
            verdict = msgspec.structs.replace(verdict, refused=f"{self.path} {edited.said}", hint=_edited(record))
        elif edited.any or edited.way:
            what = f"it {edited.said or 'was edited since kubemint wrote it'}"
            said = (*verdict.said[: -1 if verdict.keep else None], f"{what}: what is there {kept_as(self.path)}")
            verdict = msgspec.structs.replace(verdict, keep=True, said=said)
        elif verdict.forcible and content is not None and _entries_in(content) is not None:
            verdict = msgspec.structs.replace(
                verdict,
                refused=f"{self.path} is a kubeconfig with other entries, which would be lost",
                hint="choose another path, add to it with --merge, or replace it with --force; "
                "the old file is kept beside it",
            )
        verdict.check()
        return verdict

    def _edits(self, content: Sensitive, record: Export | None) -> Edits:
        """What was edited in what kubemint wrote last; another token of its is judged by nothing else."""
        form = record.credential.format or Format.KUBECONFIG if record is not None else Format.KUBECONFIG
        now = self._token_in(form, content)
        if record is None or now is None or now.fingerprint != record.credential.fingerprint:
            return Edits()
        return edits(form, content, record.wrote)

    def _is_ours(self, content: Sensitive, record: Export | None) -> bool:
        """Whether it holds what kubemint put there last, whatever became of that, and nothing else."""
        if record is None or self._has_others(content):
            return False
        now = self._token_in(record.credential.format or Format.KUBECONFIG, content)
        if now is None:
            return False
        return now.fingerprint in written_to(self._state, self.address)

    def _has_others(self, content: Sensitive) -> bool:
        """Whether a kubeconfig has entries beside those of one credential."""
        entries = _entries_in(content)
        return entries is not None and max(entries) > 1

    async def foresee(self, writing: Writing) -> Foreseen:
        return await asyncio.to_thread(self._foresee, writing.content)

    def _foresee(self, content: Sensitive) -> Foreseen:
        now = self._read()
        text, old = masked_text(content), masked_text(now) if now is not None else ""
        hint = describe(look_at(self.path), judge(look_at(self.path), os.geteuid(), force=True))
        return Foreseen(text=text, exists=bool(old), hint=hint, diff=diff(self.label, old, text) if old else "")

    async def write(self, writing: Writing) -> str:
        self.wrote = _noted(writing)
        return await seen_through(self._put, writing.content)

    def _put(self, content: Sensitive) -> str:
        there = look_at(self.path)  # owner, mode and links as of now
        before = read_if_there(self.path, LARGEST, there.which)
        if (before.fingerprint if before is not None else "") != self._version:
            raise ChangedMeanwhile(
                f"{self.path} was changed by another client since it was read", "look at it again, then retry"
            )
        verdict = self._judge(there, before, self._state.export_record(self.address))
        self._mode = there.mode
        self._before, self._written = before, content  # first: a write that fails may have come as far as the rename
        written = put(there, content, verdict)
        self._kept = written.kept
        return written.said

    async def check(self, writing: Writing) -> None:
        await self.holds(writing.content)
        self.wrote = _noted(writing)  # also of what a dead process wrote

    async def holds(self, content: Sensitive) -> None:
        """Raises ChangedMeanwhile where the file does not hold exactly this."""
        if await asyncio.to_thread(self._read) != content:
            raise ChangedMeanwhile(f"{self.path} does not hold what was just written: another process wrote to it")

    async def restore(self) -> str:
        await seen_through(self._restore)
        return ""

    def _restore(self) -> None:
        if self._written is None:
            return
        back = put_back(self.path, self._written, self._before, self._mode, live=self.live)
        if back and self._kept is not None:  # else it is another one's by now
            remove(self._kept)
        self._before = self._written = self._kept = None

    async def fence(self) -> None:
        return  # a write to the disk is seen through before its lock is let go

    async def token(self, form: Format) -> Sensitive | None:
        content = await asyncio.to_thread(self._read)
        return self._token_in(form, content) if content is not None else None

    def replaced(self, form: Format) -> Sensitive | None:
        return self._token_in(form, self._before) if self._before is not None else None

    async def material(self, form: Format) -> Sensitive:
        content = await asyncio.to_thread(self._read)
        if content is None:
            raise UsageError(f"{self.path} does not exist", "rotate it to write it again")
        return content

    def _token_in(self, form: Format, content: Sensitive) -> Sensitive | None:
        """By what the content is told from another; None where it holds none."""
        return token_in_file(form, content)

    def _read(self) -> Sensitive | None:
        return read_if_there(self.path, LARGEST)  # links that `write` will refuse are refused before a token is made


def _edited(record: Export | None) -> str:
    """What to do about a file that leads elsewhere than kubemint wrote."""
    spec = record.spec if record is not None else None
    anew = "issue it again with --force --replace"
    if record is not None and spec is not None and record.credential.account is not None:
        who, path = spec.identity, record.credential.address.name
        words = (
            "issue",
            who.name,
            "-n",
            who.namespace,
            "--context",
            who.cluster,
            "--out",
            path,
            "--force",
            "--replace",
        )
        anew = f"`{shell.command('kubemint', *words)}` writes it again"
    return f"{anew}; the edits are lost, the old file is kept beside it"


def _noted(writing: Writing) -> Wrote:
    return wrote(writing.credential.format or Format.KUBECONFIG, writing.content)


def wrote_to(place: Place) -> Wrote | None:
    """What a place remembers of what it wrote; None for all but files of their own and Secrets."""
    wrote: Wrote | None = getattr(place, "wrote", None)
    return wrote


def written_to(state: StateStore, address: Address) -> set[str]:
    """The fingerprints of what kubemint put there: the last, what a rotation left to its grace period (someone may
    have put that back), and what another one may be about to commit, may have died with, or has committed just now."""
    opened = {intent.fingerprint for intent in state.open_plans()}
    before = {one.fingerprint for one in state.revocations() if one.address == address and not one.ending}
    record = state.export_record(address)
    return {*opened, *before, record.credential.fingerprint if record is not None else ""} - {""}


def is_missing(address: Address) -> bool:
    """Whether a file that kubemint wrote is not there any more; of other places that is not known."""
    path = address.name
    return (
        address.is_file and _is_gone(path) and _is_gone(path.rpartition("#")[0] or path)
    )  # a merged one is called PATH#IDENTITY


def _is_gone(path: str) -> bool:
    try:
        os.stat(path)  # noqa: PTH116 - one call per file and look
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:  # may not be looked at: then it is not known
        return False
    return False


def token_in_file(form: Format, content: Sensitive) -> Sensitive | None:
    """The token in a file that a format wrote, None where there is none."""
    return form.rules.token_of(form.rules.from_file(content))


def _refuse_in_use(path: Path, identity: Identity, record: Export | None, *, exists: bool) -> None:
    """A file that keeps a live credential of another identity is not for this one, whoever asks for that."""
    if record is None or record.credential.state is State.REVOKED:
        return
    credential = record.credential
    shoot = credential.shoot
    whose = Identity(shoot.garden, shoot.namespace, shoot.name) if shoot is not None else credential.identity
    if whose != identity:
        raise taken(str(path), credential, exists=exists)


def _is_own_kubeconfig(path: Path) -> bool:
    """Whether it is one of the files that the operator works with."""
    from tui.kube.kubeconfig import precedence

    try:
        return any(path.samefile(file) for file in precedence(None, os.environ) if file.exists())
    except OSError as error:
        raise FileError(f"cannot read {path}: {error.strerror}") from None


def users_in(content: Sensitive) -> int:
    """How many users a kubeconfig has; none where it is none."""
    return (_entries_in(content) or (0, 0))[0]


def _entries_in(content: Sensitive) -> tuple[int, int] | None:
    """How many users and contexts a kubeconfig has; None for what is none."""
    from tui.kube.errors import KubeError
    from tui.kube.kubeconfig import parse

    try:
        config = parse(content.reveal_bytes())
    except KubeError:
        return None
    counts = len(config.users), len(config.contexts)
    return counts if any(counts) else None
