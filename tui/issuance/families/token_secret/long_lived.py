"""Work on long-lived token Secrets: what creating an identity and rotating a token Secret have in common.

The journal's intent holds everything: the spec's destinations are the token files, the handle is the token Secret.
Whatever a plan creates carries the plan's id as an annotation, by which undoing tells it from what was there before.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from tui.issuance.destinations.place import Place
from tui.issuance.destinations.proving import prove
from tui.issuance.errors import IssuanceError, StepFailed
from tui.issuance.model.claims import read_token
from tui.issuance.model.material import Minted, Writing
from tui.issuance.model.sight import Sight
from tui.issuance.model.types import Address, Credential, Handle, Identity, State
from tui.issuance.objects import managed, token_secret
from tui.issuance.objects.deleting import End, delete
from tui.issuance.records.intent import Intent, Revocation
from tui.issuance.transaction import dead_tokens
from tui.issuance.transaction.publishing import Publishing
from tui.issuance.transaction.shared_steps import COMMIT, prove_step
from tui.issuance.transaction.step import Step
from tui.issuance.transaction.work import Finished
from tui.kube.errors import NotFound
from tui.kube.resource import SECRETS, Resource

if TYPE_CHECKING:
    from tui.issuance.transaction.running import Note
    from tui.kube.client import Client
    from tui.kube.sensitive import Sensitive


@dataclass(kw_only=True)
class LongLived(Publishing):
    """One token Secret and the files that hold its token."""

    intent: Intent
    sight: Sight = field(default_factory=Sight)
    _issued: token_secret.TokenSecret | None = field(default=None, init=False)
    _token: Sensitive | None = field(default=None, init=False)
    _revocations: list[Revocation] = field(default_factory=list, init=False)

    @property
    def addresses(self) -> tuple[Address, ...]:
        return (self.intent.address, *super().addresses)

    @property
    def identity(self) -> Identity:
        """Whose token it is."""
        return self.intent.spec.identity

    def finished(self) -> Finished:
        return Finished(self.credential(), self._revocations)

    async def find(self, note: Note) -> tuple[Step, ...] | None:
        """Where a file holds the new token the rest is finished, else everything is taken back."""
        already = await self.already(note)
        if not already:
            return None
        self._token = already[0][1]
        proof = Step(info=prove_step(self.identity.cluster), do=self.prove)
        return (*await self.remaining(already, proof), self.committed)

    @property
    def committed(self) -> Step:
        """The last step, which leaves what is replaced to its grace."""
        return Step(info=COMMIT, do=self.commit, final=True)

    async def client(self) -> Client:
        """The client of its cluster. Raises KubeError."""
        return await self.context.clusters.client(self.identity.cluster)

    async def make_secret(self, note: Note) -> None:
        """Make the Secret, or take the one that is there, and wait for its token."""
        client, name = await self.client(), self._handle.name
        self._issued, made = await token_secret.create(client, self.identity, name, self.intent.plan)
        handle = msgspec.structs.replace(self._handle, uid=self._issued.uid)
        self.intent = msgspec.structs.replace(self.intent, handle=handle)
        token = await token_secret.wait_for_token(client, self.identity, name, uid=self._issued.uid)
        at = Address.token_secret(self.identity.cluster, self.identity.namespace, name)
        await dead_tokens.refuse(self.context, at, read_token(token).service_account_uid, token)
        # Before anything is written: recovery tells by the fingerprint what was published.
        self._token, self.intent = token, msgspec.structs.replace(self.intent, fingerprint=token.fingerprint)
        await note.run.journal(opened=self.intent)
        note.message = "created and filled" if made else "it is there already"

    async def discard_secret(self, _note: Note, _failure: StepFailed | None) -> str:
        """Delete the Secret again where this plan made it."""
        return await self.discard(SECRETS, self._handle.name)

    async def prove(self, note: Note) -> None:
        """Show that the token works."""
        operator = await self.client()
        proof = await prove(operator.endpoint, self.token, self.identity, (), operator)
        note.message = f"{proof.method} says {proof.username}"

    @property
    def token(self) -> Sensitive:
        """The token. Raises IssuanceError before there is one."""
        if self._token is None:
            raise IssuanceError("there is no token yet")
        return self._token

    def writing(self, place: Place) -> Writing:
        """What this place is to hold."""
        return Writing(
            material=Minted(self.token, self.context.clusters.endpoint(self.identity.cluster)),
            credential=self.credential(place.address),
            request=self.intent.request,
        )

    def credential(self, address: Address | None = None) -> Credential:
        """The credential, as its Secret or as one of its files."""
        handle = self._handle
        secret = self._issued or token_secret.TokenSecret(name=handle.name, uid=handle.uid, account=self.identity.name)
        kept = msgspec.structs.replace(
            token_secret.credential(self.identity, msgspec.structs.replace(secret, filled=True)),
            state=State.ENDLESS,
            message="",
            fingerprint=self.intent.fingerprint,
        )
        return kept if address is None else msgspec.structs.replace(kept, address=address, kept_in=address.name)

    async def commit(self, note: Note) -> None:
        """Tell the journal that all is done, and leave the old handles to their grace."""
        grace = await self.let_go(note, self.context.grace)
        begun, intent = await self.context.moment(self.identity.cluster), self.intent
        self._revocations = intent.revocations(begun, grace)
        exports = self.exports(self.credential().address)
        note.record = {"closed": intent.plan, "exports": exports, "revocations": self._revocations}

    async def discard(self, resource: Resource, name: str) -> str:
        """Delete an object where this very plan made it; says so, empty where it did not."""
        client, namespace = await self.client(), self.identity.namespace
        try:
            meta = (await client.get_metadata(resource, name, namespace=namespace)).get("metadata") or {}
            if (meta.get("annotations") or {}).get(managed.PLAN) != self.intent.plan:
                return ""
        except NotFound:
            return ""
        ended = await delete(client, resource, name, namespace=namespace, uid=str(meta.get("uid", "")))
        return f"{resource.kind} {name} {ended}" + (" again" if ended.end is End.DELETED else "")

    @property
    def _handle(self) -> Handle:
        if self.intent.handle is None:
            raise IssuanceError("the intent names no token Secret")
        return self.intent.handle
