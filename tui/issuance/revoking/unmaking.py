"""Undoing an issue or a copy into a Secret: what was made there goes again, and what was issued ends with it.

Only where nothing else came of it: the Secret is the one that this machine made, holds what was written there, nobody
uses it and no other place has its token. Whoever means more than that revokes it, which says whom it shuts out.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec

from tui.issuance.destinations.written import wrote_values
from tui.issuance.errors import Unasked, UsageError
from tui.issuance.model.sight import Sight
from tui.issuance.model.types import Action, Address, Credential, Plan, StepInfo, StepStatus
from tui.issuance.objects import deleting, managed
from tui.issuance.objects.secret_object import SecretObject
from tui.issuance.records.intent import Export, new_id
from tui.issuance.transaction.reading import normal
from tui.issuance.transaction.step import Step, Transaction
from tui.issuance.transaction.work import Context, Finished
from tui.issuance.trust import one_server
from tui.issuance.users.secret_users import SecretName
from tui.kube import shell
from tui.kube.errors import Forbidden, NotFound
from tui.kube.resource import SECRETS
from tui.kube.text import safe_text

from .plans import prepare_revocation
from .steps import Revoke

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tui.issuance.transaction.running import Note

UNMAKE: Final = "unmake"


class Made(msgspec.Struct, frozen=True):
    """The very Secret that is to go."""

    address: Address
    uid: str
    version: str

    async def take_away(self, context: Context) -> deleting.Ended:
        """Delete it, and nothing that was written there since it was looked at. Raises KubeError, NotGone."""
        client, at = await context.clusters.client(self.address.cluster), self.address
        return await deleting.delete(
            client, SECRETS, at.name, namespace=at.namespace, uid=self.uid, version=self.version
        )


@dataclass(kw_only=True)
class Unmake(Revoke):
    """The end of what was issued, and of its Secret."""

    made: Made

    async def take_away(self, secret: Address) -> str:
        return str(await self.made.take_away(self.context))


@dataclass(kw_only=True)
class Uncopy(Transaction):
    """The end of a copy: its Secret. The token is the original's, and lives on."""

    context: Context
    made: Made
    copy: Credential
    sight: Sight

    @property
    def addresses(self) -> tuple[Address, ...]:
        return (self.copy.address,)

    @property
    def fallback(self) -> Credential | None:
        return self.copy

    @property
    def steps(self) -> tuple[Step, ...]:
        at = self.made.address
        info = StepInfo(
            id="secret", title=f"Delete the Secret {at.namespace}/{at.name}, a copy",
            verb="delete", resource="secrets", cluster=at.cluster, namespace=at.namespace, name=at.name,
        )  # fmt: skip
        return (Step(info=info, do=self._delete),)

    def finished(self) -> Finished:
        return Finished(None)

    async def _delete(self, note: Note) -> None:
        ended = await self.made.take_away(self.context)
        note.message = str(ended)
        if ended.end is deleting.End.CHANGED:
            note.run.left.append(f"{self.copy.address} was {ended}")
        else:
            note.record = {"forget": [self.copy.address]}


async def prepare(context: Context, address: Address, why: UsageError, *, unmake: bool) -> tuple[Plan, Transaction]:
    """The plan for taking back that a Secret was made here; `why` says that no rotation of it is to be undone.

    Raises UsageError with what does it where that cannot be: for what is no managed Secret of this machine's, was
    there before, was edited, or has come to be used or copied since. Raises Unasked without `unmake`, KubeError.
    """
    address, sight = normal(address), Sight()
    if await _was_rotated(context, address):
        raise why
    instead = await (await context.families.of(address)).taken_back(context, address)
    if not address.kind.traits.marked:
        raise UsageError(why.message, instead)
    address = await one_server.recorded_under(context, address)
    record = await asyncio.to_thread(context.state.written, address)
    if record is None:
        raise UsageError(f"{why.message}, and nothing here says that this machine made it", instead)
    made = await sight.see(str(address), lambda: _made(context, record, instead))
    warnings = await _alone(context, record, made, instead)
    if record.source is not None and record.spec is None:
        work: Unmake | Uncopy = Uncopy(context=context, made=made, copy=record.credential, sight=sight)
        plan = work.plan(new_id(), Action.UNDO, address, warnings=[*warnings, _lives_on(record.source)])
        means = "takes that Secret away; its token is the original's and works on"
    else:
        plan, work = await _ending(context, address, made, sight, instead)
        plan = msgspec.structs.replace(plan, warnings=(*warnings, *plan.warnings))
        means = "deletes that Secret, which ends its token now; this cannot be undone"
    if not unmake:
        how = "copied" if isinstance(work, Uncopy) else "issued"
        raise Unasked(
            UNMAKE,
            f"{address} was {how} and not rotated since: undoing that {means}",
            "do it with --yes",
        )
    return plan, work


async def _was_rotated(context: Context, address: Address) -> bool:
    """Whether the last thing done to it here, as the journal says, was a rotation, or the undo of one."""
    entries = await asyncio.to_thread(context.state.entries_of, address)
    done = (one for one in reversed(entries) if (one.step, one.status) == ("commit", StepStatus.DONE))
    last = next(done, None)
    return last is not None and last.action in (Action.ROTATE, Action.UNDO)


async def _made(context: Context, record: Export, instead: str) -> Made:
    """The Secret, where it is as this machine made it. Raises UsageError, KubeError."""
    at = record.credential.address
    client = await context.clusters.client(at.cluster)
    try:
        found = await client.get(SECRETS, at.name, namespace=at.namespace, type=SecretObject)
    except NotFound:
        raise UsageError(f"{at} is not there any more: there is nothing to undo", instead) from None
    uid, version = str(found.metadata.get("uid", "")), str(found.metadata.get("resourceVersion", ""))
    if record.wrote is None:
        raise UsageError(f"what this machine noted of {at} is not enough to undo it", instead)
    if not record.wrote.new:
        raise UsageError(f"{at} was there before: what was replaced in it was not kept", instead)
    if not record.uid or uid != record.uid:
        raise UsageError(f"{at} is another Secret by now than the one that was made here", instead)
    if wrote_values(found.values(), new=True).whole != record.wrote.whole:
        raise UsageError(f"{at} was edited since: it does not hold just what kubemint wrote there", instead)
    if added := _added(found.metadata):
        raise UsageError(f"{at} was edited since: others put {', '.join(added[:_NAMED])} on it", instead)
    return Made(at, uid, version)


def _added(metadata: Mapping[str, Any]) -> list[str]:
    """The labels and annotations that kubemint does not set."""
    keys = [key for marks in ("labels", "annotations") for key in metadata.get(marks) or {}]
    return [safe_text(key, 100) for key in keys if key != managed.MANAGED_BY and not key.startswith(managed.PREFIX)]


async def _copies(context: Context, record: Export) -> tuple[list[Address], str]:
    """The Secrets of the same cluster whose marks say that they hold its token, and what could not be looked at."""
    at, found = record.credential.address, list[Address]()
    client = await context.clusters.client(at.cluster)
    for namespace in (None, at.namespace):
        try:
            listed = await client.list(SECRETS, namespace=namespace, metadata_only=True, labels=managed.SELECTOR)
        except Forbidden:
            continue
        for one in listed:
            known = managed.credential_from_secret(at.cluster, one["metadata"])
            if known is not None and known.fingerprint == record.credential.fingerprint and known.address != at:
                found.append(known.address)
        return found, "" if namespace is None else f"copies outside of namespace {namespace} were not looked for"
    return [], "copies of it in other Secrets were not looked for"


async def _alone(context: Context, record: Export, made: Made, instead: str) -> list[str]:
    """What to know before. Raises UsageError where others have its token, or use it."""
    at, destinations = made.address, record.spec.destinations if record.spec is not None else ()
    if len(destinations) > 1:
        others = ", ".join(one.said for one in destinations if at not in one.secrets)
        raise UsageError(f"{at} was issued together with {others or 'other places'}, which hold its token", instead)
    if any(secret != at for one in destinations for secret in one.secrets):
        raise UsageError(f"{at} is pushed on into a tenant, which uses it", instead)
    users = await context.users.using(context.clusters, SecretName(at.cluster, at.namespace, at.name))
    if users.uses:
        named = ", ".join(dict.fromkeys(f"{use.kind} {use.name} ({use.how})" for use in users.uses[:_NAMED]))
        more = f" and {len(users.uses) - _NAMED} more" if len(users.uses) > _NAMED else ""
        raise UsageError(f"{at} is used by now: {named}{more}", instead)
    copies, closed = await _copies(context, record)
    if copies and record.source is None:
        raise UsageError(f"the token of {at} is also in {', '.join(map(str, copies[:_NAMED]))}", instead)
    unseen = (*users.unseen, *users.hidden)
    said = [f"who uses it could not be seen: {'; '.join(dict.fromkeys(unseen))}"] if unseen else []
    said += [closed] if closed else []
    return said if record.source is not None else [*said, _BY_HAND]


async def _ending(context: Context, address: Address, made: Made, sight: Sight, instead: str) -> tuple[Plan, Unmake]:
    """The revocation of it, which ends its token alone. Raises UsageError where other places hold it."""
    plan, ending = await prepare_revocation(context, address, whole=False)
    if not isinstance(ending, Revoke):
        raise UsageError(f"{address} has no handle of its own, so that its token cannot be ended with it", instead)
    holding: Sequence[Address] = (*(one.credential.address for one in ending.exports), *ending.secrets, *ending.written)
    if elsewhere := list(dict.fromkeys(str(one) for one in holding if one != made.address)):
        raise UsageError(f"the token of {address} is also in {', '.join(elsewhere)}", instead)
    fields = {name: getattr(ending, name) for name in ending.__dataclass_fields__ if not name.startswith("_")}
    work = Unmake(**fields, made=made)
    work.sight = sight.joined(ending.sight)
    return work.plan(work.plan_id, Action.UNDO, plan.address, warnings=plan.warnings), work


def _lives_on(source: Address) -> str:
    return (
        f"the token is that of {source}, and still works for anyone who read it here; "
        f"`{shell.command('kubemint', 'rotate', str(source))}` replaces it"
    )


_NAMED: Final = 3
_BY_HAND: Final = "what others copied out of it by hand nobody can see: it ends there too"
