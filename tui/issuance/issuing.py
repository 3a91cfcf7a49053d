"""The eight steps of every issue and every rotation: make, prove and publish the new before the old is revoked.

A step that fails undoes what came before it, so that the destinations hold what they held and no handle is left. What
cannot be undone at once (a cluster went away in the middle) stays open in the journal for `recovery`.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import msgspec

from tui.kube.errors import Conflict, Forbidden, NotFound, TimedOut
from tui.kube.sensitive import Sensitive

from . import accounts, handles
from .destinations.place import Place, address_of
from .durations import format_duration
from .errors import IssuanceError
from .intent import Export, Intent
from .managed import renewal_point
from .material import Minted, Writing
from .proving import prove
from .running import Run, StepFailed
from .sight import Sight
from .token_request import IssuedToken, request_token
from .types import Address, Credential, Handle, State, StepStatus
from .work import Context, Finished

if TYPE_CHECKING:
    from tui.kube.client import Client

    from .tenant_rights import Rights

CANNOT_REVOKE: Final = "cannot be revoked: it is bound to nothing and ends by itself"
_NEXT_SECOND: Final = 1.1


@dataclass(slots=True)
class Issue:
    """One issue or rotation, prepared. `intent` is replaced as it goes on, and journaled each time it matters."""

    context: Context
    intent: Intent
    places: list[Place]
    account_uid: str
    create_account: bool = False
    account_known_missing: bool = True
    """False where the operator may not look at accounts, so that it may be there."""
    rights: Rights | None = None
    """What the account is to be allowed besides, made first and taken back with all else."""

    sight: Sight = field(default_factory=Sight)
    handle_may_come: bool = False
    """Whether the server was asked for the handle and has not answered: it may create it in a moment."""
    left: tuple[str, ...] = ()
    """What lives on although it should not, which was seen when it was planned."""

    @property
    def addresses(self) -> tuple[Address, ...]:
        return tuple(place.address for place in self.places)

    @property
    def fallback(self) -> Credential | None:
        return next((old for old in self.intent.old if old.address == self.intent.address), None)

    async def run(self, run: Run) -> Finished:
        try:
            async with run.step("intent") as note:
                note.record = {"opened": self.intent}
            if self.rights is not None:
                await self.rights.make(run, await self._issuer())
            if self.create_account:
                await self._account(run)
            await self._handle(run)
            issued = await self._token(run)
            await self._prove(run, issued)
            for number, place in enumerate(self.places):
                async with run.step(f"write:{number}") as note:
                    note.message = await place.write(self.writing(place, issued))
            return await self.finish(run, issued)
        except StepFailed as failure:
            if failure.step != "intent":  # before that nothing was done
                self.handle_may_come = failure.step == "handle" and isinstance(failure.__cause__, TimedOut)
                await self.undo(run)
            raise

    async def finish(self, run: Run, issued: IssuedToken, *, checked: Sequence[Place] = ()) -> Finished:
        """Read back what is not `checked` already, commit, and leave the old handles to their grace."""
        for number, place in enumerate(self.places):
            if place not in checked:
                async with run.step(f"check:{number}"):
                    await place.check(self.writing(place, issued))
        intent = self.intent
        begun = await self.context.moment(intent.spec.identity.cluster)
        revocations = intent.revocations(begun, intent.lasting(self.context.grace))
        async with run.step("commit") as note:
            exports = [
                Export(credential=self.credential(place, issued), request=intent.request, spec=intent.spec)
                for place in self.places
            ]
            note.record = {"closed": intent.plan, "exports": exports, "revocations": revocations}
        run.left += self.left
        own = next((place for place in self.places if place.address == intent.address), self.places[0])
        return Finished(self.credential(own, issued), revocations, self._replaced())

    def _replaced(self) -> dict[Handle, Sensitive]:
        """What the places held before, for as long as somebody may want to go back to it."""
        found: dict[Handle, Sensitive] = {}
        for old in self.intent.old:
            if old.handle is None:
                continue
            for place in self.places:
                token = place.replaced(old.format or self.intent.spec.format)
                if token is not None and token.fingerprint == old.fingerprint:
                    found[old.handle] = token
        return found

    def credential(self, place: Place, issued: IssuedToken) -> Credential:
        """The new credential as this place keeps it."""
        spec, address = self.intent.spec, place.address
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

    def writing(self, place: Place, issued: IssuedToken) -> Writing:
        """What this place is to hold."""
        return Writing(
            material=Minted(issued.token, self.context.clusters.endpoint(self.intent.spec.identity.cluster)),
            credential=self.credential(place, issued),
            request=self.intent.request,
            copies=len(self.places) - 1,
        )

    async def undo(self, run: Run) -> None:
        """Put everything back. Where that fails, both credentials work and the journal stays open."""
        with contextlib.suppress(StepFailed):
            async with run.step("undo") as note:
                for place in reversed(self.places):
                    await self._restore(place)
                said = "nothing had been made"
                if self.intent.handle is not None:
                    account = self.intent.spec.identity.name
                    gone = await handles.discard(self.context.clusters, self.intent.handle, run.plan.id, account)
                    said = f"handle {gone}"
                await self._remove_rights()
                await self._remove_account()
                if self.handle_may_come and said.endswith(handles.NEVER):
                    raise IssuanceError("the server did not answer, and may still create the handle")
                note.status, note.message = StepStatus.UNDONE, f"as it was before ({said})"
                note.record = {"closed": self.intent.plan}
            return
        run.hints.append("what is left over is cleaned up when kubemint starts next")

    def give_up(self, place: Place) -> None:
        """Leave a place to whoever has it now; from here on the wish is one without it."""
        self.places.remove(place)
        spec = self.intent.spec
        left = tuple(one for one in spec.destinations if address_of(one, spec.identity) != place.address)
        self.intent = msgspec.structs.replace(self.intent, spec=msgspec.structs.replace(spec, destinations=left))

    async def _account(self, run: Run) -> None:
        identity = self.intent.spec.identity
        async with run.step("account") as note:
            client = await self.context.clusters.client(identity.cluster)
            try:
                self.account_uid = await accounts.create(client, identity, run.plan.id)
            except Conflict:
                note.skip("it is there already")
            except Forbidden:
                if self.account_known_missing:
                    raise
                note.skip("no right to look or to create; going on as if it were there")

    async def _handle(self, run: Run) -> None:
        identity = self.intent.spec.identity
        async with run.step("handle") as note:
            client = await self.context.clusters.client(identity.cluster)
            try:
                handle = await handles.create(client, self.intent, self.account_uid, self.context.owner)
            except Forbidden:
                handle = None
                note.skip(f"no right to create Secrets in namespace {identity.namespace}; the token is not bound")
                run.hints.append(f"this credential {CANNOT_REVOKE}")
            self.intent = msgspec.structs.replace(self.intent, handle=handle)
            note.record = {"opened": self.intent}

    async def _token(self, run: Run) -> IssuedToken:
        spec = self.intent.spec
        async with run.step("token") as note:
            client = await self._issuer()
            issued = await request_token(client, spec.identity, spec.duration, spec.audiences, self.intent.handle)
            if issued.fingerprint in {old.fingerprint for old in self.intent.old}:
                # Old servers answer equal wishes within one second with the same token.
                await asyncio.sleep(_NEXT_SECOND)
                issued = await request_token(client, spec.identity, spec.duration, spec.audiences, self.intent.handle)
                if issued.fingerprint in {old.fingerprint for old in self.intent.old}:
                    raise IssuanceError("the server answered with the old token again", "try again in a moment")
            note.message = f"granted {format_duration(issued.granted)}"
            if issued.shortened and issued.requested is not None:
                note.message += f", asked {format_duration(issued.requested)}"
            self.intent = msgspec.structs.replace(
                self.intent,
                fingerprint=issued.fingerprint,
                requested=issued.requested,
                granted=issued.granted,
                issued_at=issued.issued_at,
                expires_at=issued.expires_at,
            )
            note.record = {"opened": self.intent}
        return issued

    async def _issuer(self) -> Client:
        """Who asks for the token: the operator."""
        return await self.context.clusters.client(self.intent.spec.identity.cluster)

    async def _prove(self, run: Run, issued: IssuedToken) -> None:
        spec, clusters = self.intent.spec, self.context.clusters
        async with run.step("prove") as note:
            endpoint = clusters.endpoint(spec.identity.cluster)
            operator = await clusters.client(spec.identity.cluster)
            proof = await prove(endpoint, issued.token, spec.identity, spec.audiences, operator)
            if proof.method:
                note.message = f"{proof.method} says {proof.username}" + (f" ({proof.note})" if proof.note else "")
            else:
                note.skip(proof.note)
                run.hints.append(proof.note)

    async def _restore(self, place: Place) -> None:
        try:
            await place.restore()
        except (Conflict, NotFound) as error:
            # Somebody changed it after we wrote. Where our token is still in it, its handle must live.
            token = await place.token(self.intent.spec.format)
            if token is not None and token.fingerprint == self.intent.fingerprint:
                raise IssuanceError(f"{place.label} was changed meanwhile and still holds the new token") from error

    async def _remove_rights(self) -> None:
        if self.intent.reads:
            from .tenant_rights import Rights

            identity = self.intent.spec.identity
            client = await self.context.clusters.client(identity.cluster)
            await Rights(identity, self.intent.reads).discard(client, self.intent.plan)

    async def _remove_account(self) -> None:
        """Remove the account again, only where this very plan made it."""
        spec = self.intent.spec
        if spec.create_account:
            client = await self.context.clusters.client(spec.identity.cluster)
            await accounts.discard(client, spec.identity, self.intent.plan)


def issued_again(intent: Intent, token: Sensitive) -> IssuedToken:
    """What a dead process had issued: the token from where it was published, the rest from the journal."""
    if intent.issued_at is None or intent.expires_at is None or intent.granted is None:
        raise IssuanceError("the journal does not say when the token was issued")
    return IssuedToken(
        token=token,
        requested=intent.requested,
        granted=intent.granted,
        issued_at=intent.issued_at,
        expires_at=intent.expires_at,
    )
