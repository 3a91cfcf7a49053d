"""Making a copy, step by step: read, prove, write, compare; and what goes wrong after the write is put back.

Killed in between, nothing lies on this machine that nobody knows of: a file is remembered before it is written, and
what it held before where that is the only place of a token that still lives.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import msgspec

from tui.kube.sensitive import Sensitive

from .copied import Found, confirmed, described, find, known_endpoint
from .destinations.place import Place
from .errors import IssuanceError, UsageError
from .intent import Export, Revocation
from .material import Document, Foreseen, Material, Minted, Writing
from .running import Run, StepFailed
from .sight import Sight
from .types import Address, Credential, Destination, FileDestination, Handle, Identity, Plan, StepStatus
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
    """What an export would do, and what has to be said yes to first."""

    plan: Plan
    """Its `preview` is the diff of what is foreseen."""
    foreseen: Foreseen
    asks: tuple[Ask, ...] = ()


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
            material = await self._material(found)
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
                note.message = await self.place.write(self._writing(material))
            async with run.step("check:0"):
                await self.place.check(self._writing(material))
        except StepFailed:
            await self._undo(run)
            raise
        async with run.step("commit") as note:
            note.record = self._record()
            revocations = self._revocations(run)
            if revocations:
                note.record["revocations"] = revocations
        return Finished(self.copy, revocations)

    async def preview(self, plan: Plan, asks: tuple[Ask, ...]) -> ExportPreview:
        """What would be written, and what that changes, masked. Reads the material and drops it."""
        foreseen = await self.place.foresee(self._writing(await self._material(await self._find())))
        plan = msgspec.structs.replace(plan, preview=foreseen.diff)
        return ExportPreview(plan=plan, foreseen=foreseen, asks=asks)

    @property
    def _is_proved(self) -> bool:
        """Whether the cluster is asked about the token; what this machine wrote, and a shoot's login, are not."""
        return self.source.shoot is None and not self.source.address.here

    async def _find(self) -> Found:
        return await find(self.context, self.source, self.identity, ways=self.same_form)

    async def _material(self, found: Found) -> Material:
        """For a file what was found, rendered anew; for a Secret everything it is made of."""
        endpoint = await known_endpoint(self.context, self.identity) if not self.same_form else None
        if isinstance(self.destination, FileDestination):
            assert self.copy.format is not None
            return Document(found.rendered(self.copy.format, self.identity, endpoint))
        if found.token is None or endpoint is None:
            raise UsageError(f"{self.identity.cluster} is not known here, so where it is cannot be written down")
        return Minted(found.token, endpoint)

    def _writing(self, material: Material) -> Writing:
        return Writing(material=material, credential=self.copy, request=self.place.request)

    def _remember(self, found: Found, *, sure: bool) -> dict[str, Any]:
        """Fill in what the token says; then what the state is to know before anything is written."""
        described_as = described(self.copy, self.source, self.identity, found, sure=sure)
        if self.place.path is None:  # revoking or rotating it must never end the original
            described_as = msgspec.structs.replace(described_as, handle=None, bound_to=described_as.handle)
        self.copy = described_as
        return {} if self.forgotten is not None else self._record()

    def _record(self) -> dict[str, Any]:
        """What the state is told: where a copy is, and of what. Of a Secret only this record says that it is one."""
        export = Export(credential=self.copy, request=self.place.request, source=self.source.address)
        return {"exports": [export]}

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
