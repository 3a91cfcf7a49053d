"""Rotating a long-lived token Secret: a new Secret under a new name, its files moved over, then the old one deleted.

The same name would give the same token again. Only the files that kubemint wrote can be moved; whoever reads the
Secret itself has to be told its new name.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial

import msgspec

from . import token_secret
from .destinations.place import Place
from .destinations.place import look_at as look_at_places
from .destinations.registry import places_for
from .durations import format_duration
from .errors import UsageError
from .formats import Format
from .intent import Export, Intent, new_id
from .long_lived import LongLived, publish
from .running import Run, StepFailed
from .secret_users import SecretName
from .shared_steps import COMMIT, INTENT, check_step, prove_step, write_step
from .sight import Sight
from .types import Action, Address, FileDestination, Handle, IssueSpec, Plan, Step
from .work import Context, Finished


@dataclass
class RotateTokenSecret(LongLived):
    """The steps of it."""

    async def run(self, run: Run) -> Finished:
        try:
            async with run.step("intent") as note:
                note.record = {"opened": self.intent}
            async with run.step("secret") as note:
                token, note.message = await self.secret(run)
            async with run.step("prove") as note:
                note.message = await self.prove(token)
            return await publish(self, run, token)
        except StepFailed as failure:
            if failure.step != "intent":
                await self.undo(run)
            raise


async def look_at(context: Context, address: Address) -> token_secret.Whole:
    """The token Secret at an address. Raises UsageError where it is none, KubeError."""
    client = await context.clusters.client(address.cluster)
    return await token_secret.read_whole(client, address.cluster, address.namespace, address.name)


async def copies_of(context: Context, address: Address, handle: Handle) -> list[Export]:
    """The files on this machine that hold the token of a token Secret."""
    records = await asyncio.to_thread(context.state.export_records)
    return [record for record in records if record.credential.handle == handle or record.source == address]


async def prepare_legacy_rotation(context: Context, address: Address) -> tuple[Plan, RotateTokenSecret]:
    """The plan for a new token Secret in place of the one at `address`."""
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
            f"{address} was rotated already: {waiting.newer} is in its place, and it ends with its grace period",
            f"to renew that one, rotate {waiting.newer}",
        )
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
    plan_id = new_id()
    intent = Intent(
        plan=plan_id,
        action=Action.ROTATE,
        address=address,
        request=next((copy.request for copy in copies), "") or new_id(),
        spec=spec,
        handle=Handle(identity.cluster, identity.namespace, name, ""),
        old=(old,),
        account_uid=found.account_uid,
    )
    lasts = await context.length([SecretName(identity.cluster, identity.namespace, secret.name)], intent.old)
    intent = msgspec.structs.replace(intent, grace=lasts.journaled)
    grace = format_duration(lasts.grace)
    warnings += [
        *lasts.warnings,
        f"whoever reads the Secret {secret.name} itself must be moved to {name} within {grace}, then the old one goes",
        "the new token never expires either; short-lived ones come from `kubemint issue` or `kubemint identity token`",
    ]
    plan = Plan(
        id=plan_id,
        action=Action.ROTATE,
        address=address,
        steps=_steps(intent, places, secret.name, grace),
        warnings=tuple(warnings),
        grace=lasts.grace,
        grace_for=lasts.reasons,
    )
    return plan, RotateTokenSecret(context, intent, places, sight=sight)


def _steps(intent: Intent, places: list[Place], old: str, grace: str) -> tuple[Step, ...]:
    identity, handle = intent.spec.identity, intent.handle
    assert handle is not None
    where = {"cluster": identity.cluster, "namespace": identity.namespace}
    steps = [
        INTENT,
        Step(
            id="secret", title=f"Create the token Secret {handle.name} and wait for its token",
            verb="create", resource="secrets", name=handle.name, **where,
        ),
        prove_step(identity.cluster),
    ]  # fmt: skip
    steps += [write_step(number, place, exists=True) for number, place in enumerate(places)]
    steps += [check_step(number, place) for number, place in enumerate(places)]
    steps += [
        COMMIT,
        Step(
            id="revoke:0", title=f"Delete the Secret {old} after {grace}, which ends the old token",
            verb="delete", resource="secrets", name=old, **where,
        ),
    ]  # fmt: skip
    return tuple(steps)
