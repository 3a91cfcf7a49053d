"""The eight steps of every issue and every rotation: make, prove and publish the new before the old is revoked.

A step that fails undoes what came before it, so that the destinations hold what they held and no handle is left. What
cannot be undone at once (a cluster went away in the middle) stays open in the journal for `recovery`.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import msgspec

from tui.issuance.destinations.place import Place
from tui.issuance.destinations.proving import prove
from tui.issuance.destinations.tenant import insist_on_push
from tui.issuance.errors import IssuanceError, StepFailed, UsageError
from tui.issuance.model.material import Minted, Writing
from tui.issuance.model.types import Action, Credential, Handle, State
from tui.issuance.objects import accounts
from tui.issuance.objects.managed import renewal_point
from tui.issuance.objects.token_request import request_token
from tui.issuance.records.intent import granted
from tui.issuance.transaction.minting import CANNOT_REVOKE, Minting, issued_again
from tui.issuance.transaction.publishing import Publishing
from tui.issuance.transaction.shared_steps import COMMIT, account_step, mint_steps
from tui.issuance.transaction.step import Step
from tui.issuance.transaction.work import Finished
from tui.issuance.trust import handles, vouching
from tui.kube.errors import Conflict, Forbidden
from tui.kube.sensitive import Sensitive

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tui.issuance.transaction.running import Note
    from tui.kube.client import Client

    from .tenant_rights import Rights

_NEXT_SECOND: Final = 1.1


@dataclass(kw_only=True)
class Issue(Minting, Publishing):
    """One issue or rotation, prepared. `intent` is replaced as it goes on, and journaled each time it matters."""

    account_uid: str = ""
    create_account: bool = False
    account_known_missing: bool = True
    """False where the operator may not look at accounts, so that it may be there."""
    rights: Rights | None = None
    """What the account is to be allowed besides, made first and taken back with all else."""
    left: tuple[str, ...] = ()
    """What lives on although it should not, which was seen when it was planned."""

    _overtaken: bool = False
    """Whether someone put another new one into every place meanwhile, so that nothing is as it was before."""

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
            *(self.write(number, place) for number, place in enumerate(self.places)),
            *(self.check(number, place) for number, place in enumerate(self.places)),
            self._committed,
        )

    def finished(self) -> Finished:
        return Finished(self.credential(self.own), self._revocations, self._tokens_replaced())

    async def find(self, note: Note) -> list[Step] | None:
        """Where any place holds the new token, it is the one that people use: the rest is finished."""
        already = await self.already(note)
        if not already:
            return None
        spec = self.intent.spec
        for one in spec.destinations if self.intent.action is not Action.ISSUE else ():
            if one.push is not None:  # what is gone or leads elsewhere by now is neither made nor pointed anew
                await insist_on_push(self.context.clusters, one.address(spec.identity), one.push)
        self.issued = issued_again(self.intent, already[0][1])
        *_, proof = self._minting()
        return [*await self.remaining(already, proof), self._committed]

    @property
    def _committed(self) -> Step:
        """The last step, which leaves the old handles to their grace."""
        return Step(info=COMMIT, do=self._commit, final=True)

    def _minting(self) -> tuple[Step, ...]:
        """The steps that make the new token, and prove it."""
        identity, handle = self.intent.spec.identity, self.intent.handle
        bind, token, proof = mint_steps(identity, handle.name if handle is not None else "")
        return (
            Step(info=bind, do=self._handle, undo=self.discard_handle),
            Step(info=token, do=self._token),
            Step(info=proof, do=self._prove),
        )

    async def close(self, note: Note, failure: StepFailed | None) -> str:
        """Nothing of it is left. Where someone else renewed it meanwhile, what they replaced was ours to come and not
        the old one, which nobody but this journal ends then."""
        said = await super().close(note, failure)
        if not self.intent.old_handles or not await self._is_overtaken():
            return said
        self._overtaken = True
        # There is no way back to it: what that would replace is the other's.
        self._revocations = [msgspec.structs.replace(one, old=None) for one in await self.revocations(note)]
        note.record["revocations"] = self._revocations
        return "; ".join(filter(None, (said, "the old one is revoked after its grace period")))

    async def _is_overtaken(self) -> bool:
        """Whether every place holds what is vouched for, of the same account, and newer than the old one and not ours.

        What is older was put back by somebody: it ends by itself, and nothing else may end for it.
        """
        gone = {self.intent.handle, *self.intent.old_handles}
        replaced = [one.issued_at for one in self.intent.old if one.issued_at is not None]
        for place in self.places:
            try:
                found = await vouching.held(self.context, place, await place.look())
            except UsageError:
                return False  # it is another one's by now
            credential = found.credential if found.exists else None
            if credential is None or credential.handle is None or credential.handle in gone:
                return False
            if credential.identity != self.intent.spec.identity:
                return False
            if credential.issued_at is None or not replaced or credential.issued_at < max(replaced):
                return False
        return True

    def taken_back(self) -> Finished:
        return Finished(None, self._revocations if self._overtaken else [])

    def undone(self, said: Sequence[str]) -> str:
        if self._overtaken:
            return f"{self.own.label} was renewed by someone else meanwhile, and is left so ({'; '.join(said)})"
        return super().undone(said)

    async def _commit(self, note: Note) -> None:
        revocations = await self.revocations(note)
        note.record = {"closed": self.intent.plan, "exports": self.exports(), "revocations": revocations}
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
            kept_in=address.kept_in,
            fingerprint=issued.fingerprint,
            token_id=issued.id,
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

    async def _discard_account(self, _note: Note, failure: StepFailed | None) -> str:
        """Remove the account again, only where this very plan made it."""
        identity = self.intent.spec.identity
        client = await self.context.clusters.client(identity.cluster)
        try:
            return await accounts.discard(client, identity, self.intent.plan, later=failure is None)
        except Forbidden:  # who may not even look did not create it either
            return ""

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
        wish = (spec.identity, spec.duration, spec.audiences, self.intent.handle, self.account_uid)
        issued = await request_token(client, *wish)
        if issued.fingerprint in {old.fingerprint for old in self.intent.old}:
            # Old servers answer equal wishes within one second with the same token.
            await asyncio.sleep(_NEXT_SECOND)
            issued = await request_token(client, *wish)
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
