"""Making a copy, step by step: read, prove, write, compare; and what goes wrong after the write is put back.

Killed in between, nothing lies on this machine that nobody knows of: a file is remembered before it is written, and
what it held before where that is the only place of a token that still lives.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import msgspec

from tui.kube.sensitive import Sensitive

from . import kubeconfig_file
from .copied import Found, confirmed, described, find, known_endpoint
from .errors import IssuanceError, UsageError
from .file_place import FilePlace
from .files import read_private
from .intent import Export, Revocation
from .masking import diff, masked_secret, masked_text
from .merge_place import MergePlace
from .places import Held, Place, Writing
from .running import Run, StepFailed
from .secret_place import SecretPlace
from .sight import Sight
from .standing import describe, judge, look_at
from .types import (
    Address,
    Credential,
    CredentialKind,
    Destination,
    FileDestination,
    Handle,
    Identity,
    Plan,
    StepStatus,
)
from .work import Context, Finished

CANNOT_END = "the copy cannot be revoked by its own path: which token it is was not confirmed"


class Word(StrEnum):
    """What has to be said before a copy is made that is not as usual."""

    FORCE = "force"
    """Replace what kubemint did not write."""
    OTHER_SERVER = "other-server"
    """Write it down although it leads elsewhere than the cluster is known to be."""


class Ask(msgspec.Struct, frozen=True):
    """One thing that somebody has to say yes to, and why."""

    word: Word
    why: str


class ExportPreview(msgspec.Struct, frozen=True, kw_only=True):
    """What an export would do. Nothing in it lets anybody in: what is secret is a mask and a fingerprint."""

    plan: Plan
    """Its `preview` is a unified diff against what is there now, empty where nothing changes or nothing is there."""
    text: str
    """What would be written; for a merge the entries that are put in."""
    exists: bool
    """Whether there is something already."""
    hint: str
    """Mode and owner that a file will have, or what becomes of the Secret."""
    asks: tuple[Ask, ...] = ()
    """What has to be said yes to first."""


@dataclass(slots=True)
class Copy:
    """One copy, prepared: what is written where."""

    context: Context
    source: Credential
    identity: Identity
    destination: Destination
    place: Place
    copy: Credential
    known: Export | None
    """What the state remembered of that file before."""
    forgotten: Handle | None
    """The handle of a token that only the older copy holds; it ends when the new one is there."""
    sight: Sight
    same_form: bool
    """Whether it is written as it was found, and not for the cluster as it is known."""

    @property
    def addresses(self) -> tuple[Address, ...]:
        return (self.copy.address,)

    @property
    def fallback(self) -> Credential | None:
        return self.source

    async def run(self, run: Run) -> Finished:
        async with run.step("read") as note:
            found = await self._find()
            content = await self._content(found)
            if not self._is_proved:
                note.record = self._remember(found, sure=True)
        if self._is_proved:
            async with run.step("prove") as note:
                unsure = await confirmed(self.context, self.source, self.identity, found)
                if unsure:
                    note.skip(f"not proved: {unsure}")
                    run.hints.append(CANNOT_END)
                note.record = self._remember(found, sure=not unsure)
        try:
            async with run.step("write:0") as note:
                note.message = await self._write(content)
            async with run.step("check:0"):
                await self._check(content)
        except StepFailed:
            await self._undo(run)
            raise
        async with run.step("commit") as note:
            note.record = self._record()
            revocations = self._revocations(run)
            if revocations:
                note.record["revocations"] = revocations
        return Finished(self.copy, revocations)

    async def preview(self, plan: Plan, held: Held, asks: tuple[Ask, ...]) -> ExportPreview:
        """What would be written, and what that changes, masked. Reads the material and drops it."""
        content = await self._content(await self._find())
        if isinstance(content, Writing):
            assert isinstance(self.place, SecretPlace)
            before, after = await self.place.foresee(content)
            text, old = masked_secret(after), masked_secret(before) if before is not None else ""
            hint = "a Secret that is there is replaced; others' keys, labels and annotations in it stay"
            hint = hint if old else "a new Secret, type Opaque"
            plan = msgspec.structs.replace(plan, preview=diff(self.place.label, old, text) if old else "")
            return ExportPreview(plan=plan, text=text, exists=bool(old), hint=hint, asks=asks)
        return await asyncio.to_thread(self._preview_file, plan, content, held, asks)

    def _preview_file(self, plan: Plan, content: Sensitive, held: Held, asks: tuple[Ask, ...]) -> ExportPreview:
        path, text = self._path, masked_text(content)
        if isinstance(self.place, MergePlace):
            there, verdict = kubeconfig_file.allowed(path, self.place.request, force=True)
            hint = describe(there, verdict)
            merged = kubeconfig_file.preview(path, content, self.place.request)
            if not merged.comments_kept:
                hint += "; its comments are lost, it cannot be edited line by line"
            plan = msgspec.structs.replace(plan, preview=merged.diff)
            return ExportPreview(plan=plan, text=text, exists=path.exists(), hint=hint, asks=asks)
        there = look_at(path)
        hint = describe(there, judge(there, os.geteuid(), force=True))
        old = masked_text(read_private(path)) if held.exists else ""
        plan = msgspec.structs.replace(plan, preview=diff(str(path), old, text) if old else "")
        return ExportPreview(plan=plan, text=text, exists=bool(old), hint=hint, asks=asks)

    @property
    def _is_proved(self) -> bool:
        """Whether the cluster is asked about the token; what this machine wrote, and a shoot's login, are not."""
        return self.source.shoot is None and self.source.address.kind is not CredentialKind.FILE

    @property
    def _path(self) -> Path:
        assert self.place.path is not None
        return self.place.path

    async def _find(self) -> Found:
        return await find(self.context, self.source, self.identity, ways=self.same_form)

    async def _content(self, found: Found) -> Sensitive | Writing:
        """A file's content, written anew; for a Secret everything it is made of."""
        endpoint = await known_endpoint(self.context, self.identity) if not self.same_form else None
        if isinstance(self.destination, FileDestination):
            assert self.copy.format is not None
            return found.rendered(self.copy.format, self.identity, endpoint)
        if found.token is None or endpoint is None:
            raise UsageError(f"{self.identity.cluster} is not known here, so where it is cannot be written down")
        return Writing(token=found.token, credential=self.copy, endpoint=endpoint, request=self.place.request)

    def _remember(self, found: Found, *, sure: bool) -> dict[str, Any]:
        """Fill in what the token says; then what the state is to know before anything is written."""
        described_as = described(self.copy, self.source, self.identity, found, sure=sure)
        if self.place.path is None:  # revoking or rotating it must never end the original
            described_as = msgspec.structs.replace(described_as, handle=None)
        self.copy = described_as
        return {} if self.forgotten is not None else self._record()

    def _record(self) -> dict[str, Any]:
        """What the state is told: where a copy is, and of what. Of a Secret only this record says that it is one."""
        export = Export(credential=self.copy, request=self.place.request, source=self.source.address)
        return {"exports": [export]}

    async def _write(self, content: Sensitive | Writing) -> str:
        if isinstance(content, Writing):
            return await self.place.write(msgspec.structs.replace(content, credential=self.copy))
        assert isinstance(self.place, FilePlace | MergePlace)
        return await self.place.put(content)

    async def _check(self, content: Sensitive | Writing) -> None:
        if isinstance(content, Writing):
            await self.place.check(content)
            return
        assert isinstance(self.place, FilePlace | MergePlace)
        await self.place.holds(content)

    async def _undo(self, run: Run) -> None:
        """Put back what was there, byte for byte, and remember what was remembered before."""
        with contextlib.suppress(StepFailed, IssuanceError):
            async with run.step("undo") as note:
                await self.place.restore()
                note.status, note.message = StepStatus.UNDONE, f"{self.place.label} is as it was before"
                gone = {"forget": [self.copy.address]}
                note.record = gone if self.known is None else {"exports": [self.known]}

    def _revocations(self, run: Run) -> list[Revocation]:
        if self.forgotten is None:
            return []
        due = self.context.clock() + self.context.grace
        return [
            Revocation(
                plan=run.plan.id,
                address=self.copy.address,
                handle=self.forgotten,
                due=due,
                by=self.copy.fingerprint,
            )
        ]


def seen(found: Found) -> str:
    """By what a later look is told from this one; nothing of the material can be found out from it."""
    ways = [(way.endpoint.server, way.endpoint.ca or b"") for way in found.ways.ways] if found.ways is not None else []
    login = found.ways.current.endpoint.login if found.ways is not None else None
    own = found.token.fingerprint if found.token is not None else ""
    certificate = Sensitive(login.client_certificate).fingerprint if login and login.client_certificate else ""
    return f"{own} {certificate} " + " ".join(f"{server} {Sensitive(ca).fingerprint}" for server, ca in ways)
