"""Making a copy, step by step: read, prove, write, compare; and what goes wrong after the write is put back.

Killed in between, nothing is left on this machine that is not recorded: a file is remembered before it is written, and
what it held before where that is the only place of a token that still lives.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import msgspec

from tui.issuance.destinations.file import wrote_to
from tui.issuance.destinations.place import Place
from tui.issuance.errors import StepFailed, UsageError
from tui.issuance.model.durations import format_duration
from tui.issuance.model.material import Document, Foreseen, Material, Minted, Writing
from tui.issuance.model.sight import Seen, Sight
from tui.issuance.model.types import Address, Credential, Handle, Identity, Plan, StepInfo
from tui.issuance.records.intent import Export, Revocation, new_id
from tui.issuance.transaction.shared_steps import COMMIT, check_step, prove_step, revoke_steps, write_step
from tui.issuance.transaction.step import Step, Transaction
from tui.issuance.transaction.work import Context, Finished
from tui.kube.sensitive import Sensitive

from .copied import Found, confirmed, described, find, known_endpoint

if TYPE_CHECKING:
    from tui.issuance.transaction.running import Note

CANNOT_END = "the copy cannot be revoked by its own path: which token it is was not confirmed"


class Word(StrEnum):
    """What has to be said before a copy is made that is not as usual."""

    FORCE = "force"
    """Replace what kubemint did not write."""
    OTHER_SERVER = "other-server"
    """Write it down although it leads elsewhere than the cluster is known to be."""


class Ask(msgspec.Struct, frozen=True):
    """One thing that someone has to say yes to, and why."""

    word: Word
    why: str


class ExportPreview(msgspec.Struct, frozen=True, kw_only=True):
    """What an export would do, and what has to be said yes to first."""

    plan: Plan
    """Its `preview` is the diff of what is foreseen."""
    foreseen: Foreseen
    asks: tuple[Ask, ...] = ()
    seen: Seen = ()
    """What it is of: an export is held against it, where that is to be the one that was shown."""


@dataclass(kw_only=True)
class Copy(Transaction):
    """One copy, prepared: what is written where."""

    context: Context
    source: Credential
    identity: Identity
    place: Place
    copy: Credential
    known: Export | None
    """What the state remembered of that file before."""
    forgotten: Handle | None
    """The handle of a token that only the older copy holds; it ends when the new one is there."""
    sight: Sight
    same_form: bool
    """Whether it is written as it was found, and not for the cluster as it is known."""
    exists: bool
    """Whether something is there already."""
    plan_id: str = field(default_factory=new_id)
    _found: Found | None = None
    _writing: Writing | None = None
    _revocations: list[Revocation] = field(default_factory=list)

    @property
    def addresses(self) -> tuple[Address, ...]:
        return (self.copy.address,)

    @property
    def fallback(self) -> Credential | None:
        return self.source

    @property
    def steps(self) -> tuple[Step, ...]:
        source = self.source
        title = f"Read {source.kept_in or source.address}"
        read = StepInfo(id="read", title=title, cluster=source.address.cluster)
        proof = Step(info=prove_step(self.identity.cluster), do=self._prove, whole=True)
        return (
            Step(info=read, do=self._read, whole=True),
            *((proof,) if self._is_proved else ()),
            Step(info=write_step(0, self.place, exists=self.exists), do=self._write, undo=self._restore),
            Step(info=check_step(0, self.place), do=self._check),
            Step(info=COMMIT, do=self._commit, final=True),
        )

    @property
    def later(self) -> tuple[StepInfo, ...]:
        handles = (self.forgotten,) if self.forgotten is not None else ()
        return revoke_steps(handles, f"Revoke the old one after {format_duration(self.context.grace)}")

    def finished(self) -> Finished:
        return Finished(self.copy, self._revocations)

    def undone(self, said: Sequence[str]) -> str:
        return "; ".join(said) or f"{self.place.label} is as it was before"

    async def _read(self, note: Note) -> None:
        self._found = found = await self._find()
        self._writing = self._write_down(await self._material(found))
        if not self._is_proved:
            note.record = self._remember(found, sure=True)

    async def _prove(self, note: Note) -> None:
        assert self._found is not None
        unsure = await confirmed(self.context, self.source, self.identity, self._found)
        if unsure:
            note.skip(f"not proved: {unsure}")
            note.hint(CANNOT_END)
        note.record = self._remember(self._found, sure=not unsure)

    async def _write(self, note: Note) -> None:
        note.message = await self.place.write(self._written)

    async def _check(self, note: Note) -> None:
        note.message = await self.place.check(self._written) or ""

    async def _restore(self, note: Note, _failure: StepFailed | None) -> str:
        """Put back what was there, byte for byte, and remember what was remembered before."""
        said = await self.place.restore()
        note.record = {"forget": [self.copy.address]} if self.known is None else {"exports": [self.known]}
        return said

    async def _commit(self, note: Note) -> None:
        note.record = self._record()
        self._revocations = self._ending()
        if self._revocations:
            note.record["revocations"] = self._revocations

    async def preview(self, plan: Plan, asks: tuple[Ask, ...]) -> ExportPreview:
        """What would be written, and what that changes, masked. Reads the material and drops it."""
        foreseen = await self.place.foresee(self._write_down(await self._material(await self._find())))
        plan = msgspec.structs.replace(plan, preview=foreseen.diff)
        return ExportPreview(plan=plan, foreseen=foreseen, asks=asks, seen=self.sight.seen)

    @property
    def _is_proved(self) -> bool:
        """Whether the cluster is asked about the token; what this machine wrote, and a shoot's login, are not."""
        return self.source.shoot is None and not self.source.address.here

    async def _find(self) -> Found:
        return await find(self.context, self.source, self.identity, ways=self.same_form)

    async def _material(self, found: Found) -> Material:
        """For a file what was found, rendered anew; for a Secret everything it is made of."""
        endpoint = await known_endpoint(self.context, self.identity) if not self.same_form else None
        if self.copy.address.here:
            assert self.copy.format is not None
            return Document(found.rendered(self.copy.format, self.identity, endpoint))
        if found.token is None or endpoint is None:
            raise UsageError(f"{self.identity.cluster} is not known here, so its server cannot be written")
        return Minted(found.token, endpoint)

    def _write_down(self, material: Material) -> Writing:
        return Writing(material=material, credential=self.copy, request=self.place.request)

    @property
    def _written(self) -> Writing:
        assert self._writing is not None
        return msgspec.structs.replace(self._writing, credential=self.copy)

    def _remember(self, found: Found, *, sure: bool) -> dict[str, Any]:
        """Fill in what the token says; then what the state is to know before anything is written."""
        described_as = described(self.copy, self.source, self.identity, found, sure=sure)
        if not self.copy.address.here:  # revoking or rotating it must never end the original
            described_as = msgspec.structs.replace(described_as, handle=None, bound_to=described_as.handle)
        self.copy = described_as
        return {} if self.forgotten is not None else self._record()

    def _record(self) -> dict[str, Any]:
        """What the state is told: where a copy is, and of what. Of a Secret only this record says that it is one."""
        export = Export(
            credential=self.copy,
            request=self.place.request,
            source=self.source.address,
            uid=self.place.uid,
            wrote=wrote_to(self.place),
        )
        return {"exports": [export]}

    def _ending(self) -> list[Revocation]:
        if self.forgotten is None:
            return []
        due = self.context.clock() + self.context.grace
        return [
            Revocation(
                plan=self.plan_id,
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
