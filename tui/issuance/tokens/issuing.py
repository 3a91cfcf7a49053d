"""The eight steps of every issue and every rotation: make, prove and publish the new before the old is revoked.

A step that fails undoes what came before it, so that the destinations hold what they held and no handle is left. What
cannot be undone at once (a cluster went away in the middle) stays open in the journal for `recovery`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

import msgspec

from tui.issuance.destinations.place import Place, address_of
from tui.issuance.destinations.proving import prove
from tui.issuance.errors import ChangedMeanwhile, IssuanceError, UsageError
from tui.issuance.model.material import Minted, Writing
from tui.issuance.model.types import Address, Credential, Handle, State
from tui.issuance.objects import accounts
from tui.issuance.objects.managed import renewal_point
from tui.issuance.objects.token_request import request_token
from tui.issuance.records.intent import Export, granted
from tui.issuance.transaction.minting import CANNOT_REVOKE, Minting, issued_again
from tui.issuance.transaction.shared_steps import COMMIT, account_step, check_step, mint_steps, write_step
from tui.issuance.transaction.step import Step
from tui.issuance.transaction.work import Finished
from tui.issuance.trust import handles
from tui.kube.errors import Conflict, Forbidden, NotFound
from tui.kube.sensitive import Sensitive

if TYPE_CHECKING:
    from tui.issuance.transaction.running import Note, StepFailed
    from tui.kube.client import Client

    from .tenant_rights import Rights

_NEXT_SECOND: Final = 1.1


@dataclass(kw_only=True)
class Issue(Minting):
    """One issue or rotation, prepared. `intent` is replaced as it goes on, and journaled each time it matters."""

    writes: ClassVar[str] = "Write {}"
    """How writing a place is called; with room for its label."""

    places: list[Place]
    account_uid: str = ""
    create_account: bool = False
    account_known_missing: bool = True
    """False where the operator may not look at accounts, so that it may be there."""
    rights: Rights | None = None
    """What the account is to be allowed besides, made first and taken back with all else."""
    exists: Sequence[bool] = ()
    """For each place whether something is there already, as the plan saw it."""
    left: tuple[str, ...] = ()
    """What lives on although it should not, which was seen when it was planned."""

    @property
    def addresses(self) -> tuple[Address, ...]:
        return tuple(place.address for place in self.places)

    @property
    def steps(self) -> tuple[Step, ...]:
        identity = self.intent.spec.identity
        return (
            self.opened(),
            *(self.rights.steps(self.context, self.intent.plan) if self.rights is not None else ()),
            *(
                (Step(info=account_step(identity), do=self._account, undo=self._discard_account),)
                if self.create_account
                else ()
            ),
            *self._minting(),
            *(self._write(number, place) for number, place in enumerate(self.places)),
            *self._ending(self.places),
        )

    def finished(self) -> Finished:
        own = next((place for place in self.places if place.address == self.intent.address), self.places[0])
        return Finished(self.credential(own), self._revocations, self._tokens_replaced())

    async def find(self, note: Note) -> list[Step] | None:
        """Where any place holds the new token, it is the one that people use: the rest is finished."""
        intent, published = self.intent, {}
        for place in self.places if intent.fingerprint else ():
            await place.fence()  # the last write of the dead may be on its way still, this way or back
        for place in self.places if intent.fingerprint else ():
            token = await place.token(intent.spec.format)
            if token is not None and token.fingerprint == intent.fingerprint:
                published[place.address] = token
        note.message = f"{len(published)} of {len(self.places)} destinations hold the new token"
        if not published:
            return None
        self.issued = issued_again(intent, next(iter(published.values())))
        others = [(number, one) for number, one in enumerate(self.places) if one.address not in published]
        again = [self._write(number, place, unless_changed=True) for number, place in others]
        return [*again, *self._ending([place for _, place in others])]

    def _minting(self) -> tuple[Step, ...]:
        """The steps that make the new token, and prove it."""
        identity, handle = self.intent.spec.identity, self.intent.handle
        bind, token, proof = mint_steps(identity, handle.name if handle is not None else "")
        return (
            Step(info=bind, do=self._handle, undo=self.discard_handle),
            Step(info=token, do=self._token),
            Step(info=proof, do=self._prove),
        )

    def _write(self, number: int, place: Place, *, unless_changed: bool = False) -> Step:
        """Write one place; `unless_changed` leaves it alone where it was changed since a dead process saw it."""

        async def do(note: Note) -> None:
            if unless_changed and not await self._as_it_was(place):
                self._give_up(place)
                note.skip(f"{place.label} was changed by another client since; it was left alone")
            else:
                note.message = await place.write(self.writing(place))

        async def undo(_note: Note, _failure: StepFailed | None) -> str:
            return await self._restore(place)

        exists = self.exists[number] if number < len(self.exists) else True
        return Step(info=write_step(number, place, exists=exists, title=self.writes), do=do, undo=undo)

    def _ending(self, unchecked: Sequence[Place]) -> tuple[Step, ...]:
        """Read back what is not checked already, then commit, which leaves the old handles to their grace."""

        def check(number: int, place: Place) -> Step:
            async def do(note: Note) -> None:
                if place in self.places:
                    note.message = await place.check(self.writing(place)) or ""
                else:
                    note.skip("it was left alone")

            return Step(info=check_step(number, place), do=do)

        checks = [check(self.places.index(place), place) for place in unchecked]
        return (*checks, Step(info=COMMIT, do=self._commit, final=True))

    async def _commit(self, note: Note) -> None:
        intent = self.intent
        exports = [
            Export(credential=self.credential(place), request=intent.request, spec=intent.spec, uid=place.uid)
            for place in self.places
        ]
        note.record = {"closed": intent.plan, "exports": exports, "revocations": await self.revocations(note)}
        note.run.left += self.left

    def _tokens_replaced(self) -> dict[Handle, Sensitive]:
        """What the places held before, for as long as an undo may need it."""
        found: dict[Handle, Sensitive] = {}
        for old in self.intent.old:
            if old.handle is None:
                continue
            for place in self.places:
                token = place.replaced(old.format or self.intent.spec.format)
                if token is not None and token.fingerprint == old.fingerprint:
                    found[old.handle] = token
        return found

    def credential(self, place: Place) -> Credential:
        """The new credential as this place keeps it."""
        spec, address, issued = self.intent.spec, place.address, self.token
        kept_in = address.name if address.here else f"Secret {address.namespace}/{address.name}"
        return Credential(
            address=address,
            identity=spec.identity,
            format=spec.format,
            audiences=spec.audiences,
            requested=issued.requested,
            granted=issued.granted,
            issued_at=issued.issued_at,
            expires_at=issued.expires_at,
            rotate_at=renewal_point(issued.issued_at, issued.expires_at, issued.fingerprint),
            kept_in=kept_in,
            fingerprint=issued.fingerprint,
            handle=self.intent.handle,
            state=State.VALID,
        )

    def writing(self, place: Place) -> Writing:
        """What this place is to hold."""
        return Writing(
            material=Minted(self.token.token, self.context.clusters.endpoint(self.intent.spec.identity.cluster)),
            credential=self.credential(place),
            request=self.intent.request,
            copies=len(self.places) - 1,
        )

    def _give_up(self, place: Place) -> None:
        """Leave a place to whoever has it now; from here on the wish is one without it."""
        self.places.remove(place)
        spec = self.intent.spec
        left = tuple(one for one in spec.destinations if address_of(one, spec.identity) != place.address)
        self.intent = msgspec.structs.replace(self.intent, spec=msgspec.structs.replace(spec, destinations=left))

    async def _as_it_was(self, place: Place) -> bool:
        """Whether a place the dead process did not come to is still as it was then."""
        try:
            held = await place.look()
        except UsageError:
            return False  # it is another one's by now
        token = await place.token(self.intent.spec.format)
        before = next((old.fingerprint for old in self.intent.old if old.address == place.address), "")
        return not held.exists or (token is not None and token.fingerprint == before)

    async def _account(self, note: Note) -> None:
        identity = self.intent.spec.identity
        client = await self.context.clusters.client(identity.cluster)
        try:
            self.account_uid = await accounts.create(client, identity, self.intent.plan)
        except Conflict:
            note.skip("it is there already")
        except Forbidden:
            if self.account_known_missing:
                raise
            note.skip("no right to get or create it; continuing as if it exists")

    async def _discard_account(self, _note: Note, _failure: StepFailed | None) -> str:
        """Remove the account again, only where this very plan made it."""
        identity = self.intent.spec.identity
        client = await self.context.clusters.client(identity.cluster)
        return await accounts.discard(client, identity, self.intent.plan)

    async def _handle(self, note: Note) -> None:
        identity = self.intent.spec.identity
        client = await self.context.clusters.client(identity.cluster)
        try:
            handle = await handles.create(client, self.intent, self.account_uid, self.context.owner)
        except Forbidden:
            handle = None
            note.skip(f"no right to create Secrets in namespace {identity.namespace}; the token is not bound")
            note.hint(f"this credential {CANNOT_REVOKE}")
        self.intent = msgspec.structs.replace(self.intent, handle=handle)
        await self.open(note)

    async def _token(self, note: Note) -> None:
        spec = self.intent.spec
        client = await self._issuer()
        issued = await request_token(client, spec.identity, spec.duration, spec.audiences, self.intent.handle)
        if issued.fingerprint in {old.fingerprint for old in self.intent.old}:
            # Old servers answer equal wishes within one second with the same token.
            await asyncio.sleep(_NEXT_SECOND)
            issued = await request_token(client, spec.identity, spec.duration, spec.audiences, self.intent.handle)
            if issued.fingerprint in {old.fingerprint for old in self.intent.old}:
                raise IssuanceError("the server returned the old token again", "try again in a moment")
        note.message = granted(issued)
        self.issued, self.intent = issued, self.intent.learned(issued.fingerprint, issued)
        await self.open(note)

    async def _issuer(self) -> Client:
        """Who asks for the token: the operator."""
        return await self.context.clusters.client(self.intent.spec.identity.cluster)

    async def _prove(self, note: Note) -> None:
        spec, clusters = self.intent.spec, self.context.clusters
        endpoint = clusters.endpoint(spec.identity.cluster)
        operator = await clusters.client(spec.identity.cluster)
        proof = await prove(endpoint, self.token.token, spec.identity, spec.audiences, operator)
        if proof.method:
            note.message = f"{proof.method} says {proof.username}" + (f" ({proof.note})" if proof.note else "")
        else:
            note.skip(proof.note)
            note.hint(proof.note)

    async def _restore(self, place: Place) -> str:
        try:
            return await place.restore()
        except (Conflict, NotFound, ChangedMeanwhile) as error:
            # Another client changed it after we wrote. Where our token is still in it, its handle must live.
            token = await place.token(self.intent.spec.format)
            if token is not None and token.fingerprint == self.intent.fingerprint:
                raise IssuanceError(f"{place.label} was changed meanwhile and still holds the new token") from error
            return ""
