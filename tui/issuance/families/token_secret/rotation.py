"""Rotating a long-lived token Secret: a new Secret under a new name, its files moved over, then the old one deleted.

The same name would give the same token again. Only the files that kubemint wrote can be moved; whoever reads the
Secret itself has to be told its new name.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial

import msgspec

from tui.issuance.destinations.in_file import FileDestination
from tui.issuance.destinations.place import look_at as look_at_places
from tui.issuance.destinations.registry import places_for
from tui.issuance.errors import UsageError
from tui.issuance.formats import Format
from tui.issuance.model.durations import format_duration
from tui.issuance.model.sight import Sight
from tui.issuance.model.types import Action, Address, Handle, IssueSpec, Plan, StepInfo
from tui.issuance.objects import token_secret
from tui.issuance.records.intent import Export, Intent, new_id
from tui.issuance.transaction.replacing import refuse_revoked
from tui.issuance.transaction.shared_steps import prove_step, revoke_steps
from tui.issuance.transaction.step import Step
from tui.issuance.transaction.work import Context
from tui.issuance.users.secret_users import SecretName

from .long_lived import LongLived


@dataclass(kw_only=True)
class RotateTokenSecret(LongLived):
    """The steps of it."""

    @property
    def steps(self) -> tuple[Step, ...]:
        identity, name = self.identity, self.intent.handle.name if self.intent.handle is not None else ""
        secret = StepInfo(
            id="secret", title=f"Create the token Secret {name} and wait for its token", verb="create",
            resource="secrets", cluster=identity.cluster, namespace=identity.namespace, name=name,
        )  # fmt: skip
        return (
            self.opened(),
            Step(info=secret, do=self.make_secret, undo=self.discard_secret),
            Step(info=prove_step(identity.cluster), do=self.prove),
            *(self.write(number, place) for number, place in enumerate(self.places)),
            *(self.check(number, place) for number, place in enumerate(self.places)),
            self.committed,
        )

    @property
    def later(self) -> tuple[StepInfo, ...]:
        grace = format_duration(self.intent.lasting(self.context.grace))
        title = f"Delete the Secret {self.intent.address.name} after {grace}, which ends the old token"
        return revoke_steps(self.intent.old_handles, title)


async def look_at(context: Context, address: Address) -> token_secret.Whole:
    """The token Secret at an address. Raises UsageError where it is none, KubeError."""
    client = await context.clusters.client(address.cluster)
    return await token_secret.read_whole(client, address.cluster, address.namespace, address.name)


async def copies_of(context: Context, address: Address, handle: Handle) -> list[Export]:
    """The files on this machine that hold the token of a token Secret."""
    records = await asyncio.to_thread(context.state.export_records)
    return [record for record in records if record.credential.handle == handle or record.source == address]


async def prepare_legacy_rotation(
    context: Context, address: Address, *, revive: bool = False
) -> tuple[Plan, RotateTokenSecret]:
    """The plan for a new token Secret in place of the one at `address`. Raises UsageError (Unasked for one that was
    revoked, without `revive`), KubeError."""
    sight = Sight()
    found = await sight.see(str(address), lambda: look_at(context, address), lambda seen: seen.secret.uid)
    identity, secret, old = found.identity, found.secret, found.credential
    if found.token is None:
        raise UsageError(
            f"the Secret {address.namespace}/{address.name} holds no token yet",
            "is the token controller (kube-controller-manager) running?",
        )
    assert old.handle is not None
    waiting = await asyncio.to_thread(context.state.revocation, old.handle)
    if waiting is not None and waiting.newer is not None:
        raise UsageError(
            f"{address} was already rotated: {waiting.newer} replaced it, and it ends with its grace period",
            f"to renew that one, rotate {waiting.newer}",
        )
    if not revive:
        await refuse_revoked(context, old, sight)
    held = await sight.see("the files with its token", partial(copies_of, context, address, old.handle), list)
    copies = [copy for copy in held if copy.spec is None]
    spec = IssueSpec(
        identity=identity,
        destinations=tuple(FileDestination(copy.credential.address.name) for copy in copies),
        format=Format.TOKEN,
    )
    places = places_for(spec, context.clusters, context.state)
    warnings = [found.warning for found in await look_at_places(places, sight) if found.warning]
    name = token_secret.fresh_name(identity.name)
    intent = Intent(
        plan=new_id(),
        action=Action.ROTATE,
        address=address,
        request=next((copy.request for copy in copies), "") or new_id(),
        spec=spec,
        handle=Handle(identity.cluster, identity.namespace, name, ""),
        old=(old,),
        account_uid=found.account_uid,
    )
    lasts = await context.length([SecretName(identity.cluster, identity.namespace, secret.name)], intent.old)
    grace = format_duration(lasts.grace)
    warnings += [
        *lasts.warnings,
        f"users of the Secret {secret.name} must switch to {name} within {grace}, then the old one is deleted",
        "the new token never expires either; for short-lived ones use `kubemint issue` or `kubemint identity token`",
    ]
    intent = msgspec.structs.replace(intent, grace=lasts.journaled)
    work = RotateTokenSecret(context=context, intent=intent, places=places, sight=sight)
    return work.planned(warnings, lasts=lasts), work


def as_left(context: Context, intent: Intent) -> RotateTokenSecret:
    """What a dead process began."""
    places = places_for(intent.spec, context.clusters, context.state, intent.request)
    return RotateTokenSecret(context=context, intent=intent, places=places)
