"""Re-activating a long-lived token that the cluster invalidated because it was not used for a year.

The cluster marks such a token Secret with a label and refuses its token; once the label is gone the token is accepted
again. It is then used at once, with itself: that proves it, and the cluster notes the day, without which the next
daily clean-up would invalidate it again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec

from tui.issuance.destinations.proving import prove
from tui.issuance.errors import ChangedMeanwhile, UsageError
from tui.issuance.model.sight import Sight
from tui.issuance.model.types import Action, Address, Credential, Identity, Plan, StepInfo
from tui.issuance.objects import token_secret
from tui.issuance.objects.token_secret import INVALID_SINCE, TokenSecret
from tui.issuance.records.intent import new_id
from tui.issuance.tokens.rotating import token_secret_at
from tui.issuance.transaction import dead_tokens
from tui.issuance.transaction.step import Step, Transaction
from tui.issuance.transaction.work import Context, Finished
from tui.kube.errors import Conflict, Forbidden, Invalid
from tui.kube.resource import SECRETS

from .rotation import look_at

if TYPE_CHECKING:
    from tui.issuance.transaction.running import Note


@dataclass
class Reactivate(Transaction):
    """Its two steps."""

    context: Context
    address: Address
    identity: Identity
    secret: TokenSecret
    sight: Sight

    @property
    def addresses(self) -> tuple[Address, ...]:
        return (self.address,)

    @property
    def fallback(self) -> Credential | None:
        return token_secret.credential(self.identity, self.secret)

    @property
    def steps(self) -> tuple[Step, ...]:
        found = self.address
        at = {"cluster": found.cluster, "namespace": found.namespace, "resource": "secrets", "name": found.name}
        label = f"Remove the label {INVALID_SINCE} from the Secret {found.namespace}/{found.name}"
        proof = "Use the token once, which tests it and counts as its last use"
        return (
            Step(info=StepInfo(id="label", title=label, verb="patch", **at), do=self._label),
            Step(info=StepInfo(id="prove", title=proof, verb="get", **at), do=self._prove),
        )

    def finished(self) -> Finished:
        revived = msgspec.structs.replace(self.secret, invalid_since="")
        return Finished(token_secret.credential(self.identity, revived))

    async def _label(self, note: Note) -> None:
        address, client = self.address, await self.context.clusters.client(self.address.cluster)
        patch = {"metadata": {"uid": self.secret.uid, "labels": {INVALID_SINCE: None}}}
        try:
            await client.patch(SECRETS, address.name, patch, namespace=address.namespace)
        except (Conflict, Invalid) as error:  # the UID of another one cannot be written over it
            raise ChangedMeanwhile(
                f"the Secret {address.namespace}/{address.name} is another one by now", "look again"
            ) from error
        note.message = f"it was refused since {self.secret.invalid_since}"

    async def _prove(self, note: Note) -> None:
        client, name = await self.context.clusters.client(self.address.cluster), self.address.name
        try:
            token = await token_secret.wait_for_token(
                client, self.identity, name, patience=timedelta(0), uid=self.secret.uid
            )
        except Forbidden as error:
            note.skip(f"not tried: {error.message}")
            note.hint("use it soon: an unused token is invalidated again by the next clean-up")
        else:
            proof = await prove(client.endpoint, token, self.identity, (), client)
            note.message = f"{proof.method} says {proof.username}; the cluster counts from today"


async def prepare_reactivation(context: Context, address: Address) -> tuple[Plan, Reactivate]:
    """The plan for the token Secret at an address, or for the one whose token the file there holds."""
    found = await token_secret_at(context, address)
    if found is None:
        raise UsageError(f"{address} is no long-lived token", "only token Secrets are invalidated by a cluster")
    sight = Sight()
    whole = await sight.see(
        str(found), lambda: look_at(context, found), lambda seen: (seen.secret.uid, seen.secret.invalid_since)
    )
    identity, secret = whole.identity, whole.secret
    await dead_tokens.refuse(context, found, whole.account_uid, whole.token)
    where = f"{found.namespace}/{found.name}"
    secret.refuse_going()
    if not secret.invalid_since:
        raise UsageError(f"the token Secret {where} is not invalidated: there is nothing to re-activate")
    warnings = (
        f"it was not used for long: {'last on ' + secret.last_used if secret.last_used else 'never, as far as known'}",
        "it never expires: anyone with a copy can use it again",
    )
    work = Reactivate(context, found, identity, secret, sight)
    return work.plan(new_id(), Action.REACTIVATE, found, warnings=warnings), work
