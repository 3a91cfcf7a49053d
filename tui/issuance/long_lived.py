"""Work on long-lived token Secrets: what creating an identity and rotating a token Secret have in common.

The journal's intent holds everything: the spec's destinations are the token files, the handle is the token Secret.
Whatever a plan creates carries the plan's id as an annotation, by which undoing tells it from what was there before.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec

from tui.kube.errors import Conflict, NotFound
from tui.kube.resource import SECRETS, SERVICE_ACCOUNTS, Resource

from . import dead_tokens, managed, token_secret
from . import identity as identities
from .claims import read_token
from .destinations.place import Place
from .destinations.registry import places_for
from .errors import IssuanceError
from .formats import Format
from .intent import Export, Intent, Revocation
from .kinds import CredentialKind
from .material import Minted, Writing
from .proving import prove
from .running import Run, StepFailed
from .sight import Sight
from .types import Address, Credential, Handle, Identity, State, StepStatus
from .work import Context, Finished

if TYPE_CHECKING:
    from tui.kube.client import Client
    from tui.kube.sensitive import Sensitive


@dataclass(slots=True)
class LongLived:
    """One token Secret and the files that hold its token. `intent` is replaced as it goes on."""

    context: Context
    intent: Intent
    places: list[Place]
    patience: timedelta = token_secret.PATIENCE
    issued: token_secret.TokenSecret | None = field(default=None, init=False)
    sight: Sight = field(default_factory=Sight)

    @property
    def addresses(self) -> tuple[Address, ...]:
        return (self.intent.address, *(place.address for place in self.places))

    @property
    def fallback(self) -> Credential | None:
        return next((old for old in self.intent.old if old.address == self.intent.address), None)

    @property
    def identity(self) -> Identity:
        """Whose token it is."""
        return self.intent.spec.identity

    async def client(self) -> Client:
        """The client of its cluster. Raises KubeError."""
        return await self.context.clusters.client(self.identity.cluster)

    async def secret(self, run: Run) -> tuple[Sensitive, str]:
        """Make the Secret, or take the one that is there, and wait for its token; and how that went."""
        client, name = await self.client(), self._handle.name
        self.issued, made = await token_secret.create(client, self.identity, name, run.plan.id)
        handle = msgspec.structs.replace(self._handle, uid=self.issued.uid)
        self.intent = msgspec.structs.replace(self.intent, handle=handle)
        token = await token_secret.wait_for_token(client, self.identity, name, self.patience, self.issued.uid)
        at = Address(CredentialKind.LEGACY, self.identity.cluster, self.identity.namespace, name)
        await dead_tokens.refuse(self.context, at, read_token(token).service_account_uid, token)
        # Before anything is written: recovery tells by the fingerprint what was published.
        self.intent = msgspec.structs.replace(self.intent, fingerprint=token.fingerprint)
        await run.journal(opened=self.intent)
        return token, "created and filled" if made else "it is there already"

    async def prove(self, token: Sensitive) -> str:
        """Show that the token works; what was answered."""
        operator = await self.client()
        proof = await prove(operator.endpoint, token, self.identity, (), operator)
        return f"{proof.method} says {proof.username}"

    def writing(self, place: Place, token: Sensitive) -> Writing:
        """What this place is to hold."""
        return Writing(
            material=Minted(token, self.context.clusters.endpoint(self.identity.cluster)),
            credential=self.credential(place.address),
            request=self.intent.request,
        )

    def credential(self, address: Address | None = None) -> Credential:
        """The credential, as its Secret or as one of its files."""
        handle = self._handle
        secret = self.issued or token_secret.TokenSecret(name=handle.name, uid=handle.uid, account=self.identity.name)
        kept = msgspec.structs.replace(
            token_secret.credential(self.identity, msgspec.structs.replace(secret, filled=True)),
            state=State.ENDLESS,
            message="",
            fingerprint=self.intent.fingerprint,
        )
        return kept if address is None else msgspec.structs.replace(kept, address=address, kept_in=address.name)

    async def committed(self) -> tuple[dict[str, object], list[Revocation]]:
        """What the journal keeps when all is done, and the old handles to revoke after the grace."""
        intent = self.intent
        begun = await self.context.moment(self.identity.cluster)
        revocations = intent.revocations(begun, intent.lasting(self.context.grace))
        source = self.credential().address
        exports = [
            Export(credential=self.credential(place.address), request=intent.request, source=source)
            for place in self.places
        ]
        return {"closed": intent.plan, "exports": exports, "revocations": revocations}, revocations

    async def undo(self, run: Run) -> None:
        """Put everything back that this plan did; what was there before stays. Where that fails it stays open."""
        with contextlib.suppress(StepFailed):
            async with run.step("undo") as note:
                for place in reversed(self.places):
                    await place.restore()
                gone = await self._discard_all()
                said = f"deleted again: {', '.join(gone)}" if gone else "nothing had been made"
                note.status, note.message = StepStatus.UNDONE, f"as it was before ({said})"
                note.record = {"closed": self.intent.plan}
            return
        run.hints.append("what is left over is cleaned up when kubemint starts next")

    @property
    def _handle(self) -> Handle:
        if self.intent.handle is None:
            raise IssuanceError("the intent names no token Secret")
        return self.intent.handle

    async def _discard_all(self) -> list[str]:
        name = identities.role_name(self.identity)
        made: list[tuple[Resource, str]] = [(SECRETS, self._handle.name)]
        if self.intent.spec.create_account:
            made += [
                (identities.ROLE_BINDINGS, name),
                (identities.ROLES, name),
                (SERVICE_ACCOUNTS, self.identity.name),
            ]
        client = await self.client()
        return [
            f"{resource.kind} {one}" for resource, one in made if await self._discard(client, resource, one)
        ]  # fmt: skip

    async def _discard(self, client: Client, resource: Resource, name: str) -> bool:
        """Delete an object where this very plan made it."""
        namespace = self.identity.namespace
        try:
            meta = (await client.get_metadata(resource, name, namespace=namespace)).get("metadata") or {}
            if (meta.get("annotations") or {}).get(managed.PLAN) != self.intent.plan:
                return False
            await client.delete(resource, name, namespace=namespace, uid=str(meta.get("uid", "")))
        except (NotFound, Conflict):
            return False
        return True


async def publish(work: LongLived, run: Run, token: Sensitive, done: Sequence[Place] = ()) -> Finished:
    """Write the files that are not `done`, read them back, and commit; one step each."""
    for number, place in enumerate(work.places):
        if place not in done:
            async with run.step(f"write:{number}") as note:
                note.message = await place.write(work.writing(place, token))
    for number, place in enumerate(work.places):
        if place not in done:
            async with run.step(f"check:{number}"):
                await place.check(work.writing(place, token))
    async with run.step("commit") as note:
        note.record, revocations = await work.committed()
    return Finished(work.credential(), revocations)


async def finish_or_undo(context: Context, intent: Intent, run: Run) -> Finished:
    """After a crash: where a file holds the new token the rest is finished, else everything is undone."""
    work = LongLived(context, intent, places_for(intent.spec, context.clusters, context.state, intent.request))
    published: list[Place] = []
    async with run.step("find") as note:
        token: Sensitive | None = None
        for place in work.places if intent.fingerprint else ():
            held = await place.token(Format.TOKEN)
            if held is not None and held.fingerprint == intent.fingerprint:
                published.append(place)
                token = held
        note.message = f"{len(published)} of {len(work.places)} files hold the new token"
    if token is None:
        await work.undo(run)
        if run.results[-1].status is StepStatus.FAILED:
            raise StepFailed("undo", run.results[-1].message, "kubemint tries again when it starts next")
        return Finished(None)
    for place in list(work.places):
        if place not in published and not await _as_it_was(intent, place):
            work.places.remove(place)  # somebody else has it now
    return await publish(work, run, token, published)


async def _as_it_was(intent: Intent, place: Place) -> bool:
    held = await place.look()
    token = await place.token(Format.TOKEN)
    return not held.exists or (token is not None and token.fingerprint in {old.fingerprint for old in intent.old})
