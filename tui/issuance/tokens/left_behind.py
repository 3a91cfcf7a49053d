"""What a Secret that someone deleted by hand left behind: the handle of its token, and with it the token, live on.

Issuing to that place again replaces what was there. Where this machine's own record names the handle it goes as any
old one does, once the new token is proven. What only says so itself is named and left: annotations are no reason to
delete anything.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import msgspec

from tui.issuance.model.types import Address, Credential, Handle, Identity, State
from tui.issuance.objects import managed
from tui.issuance.trust import handles
from tui.issuance.trust.handles import Ending, Fate, Named, Seen
from tui.kube import shell
from tui.kube.errors import KubeError
from tui.kube.resource import SECRETS
from tui.kube.text import safe_text

if TYPE_CHECKING:
    from tui.issuance.destinations.place import Held, Place
    from tui.issuance.model.sight import Sight
    from tui.issuance.records.intent import Export
    from tui.issuance.transaction.work import Context

_MOST: Final = 3
"""Handles named one by one."""


class Left(msgspec.Struct, frozen=True):
    """What a place that is gone left behind."""

    ours: Credential | None
    """What this machine wrote there, with a handle that lives and may go."""
    others: tuple[Seen, ...] = ()
    """Handles that say they were made for it, which nothing here confirms."""


def judge(identity: Identity, place: str, record: Export | None, beside: Seen | None, listed: Sequence[Seen]) -> Left:
    """`record` is what this machine wrote there last, `beside` the Secret that lies where its handle should, `listed`
    are the handles beside the account; `place` is what handles call the place."""
    ours = None
    known = record.credential if record is not None else None
    if known is not None and known.handle is not None and known.identity == identity:
        ending = Ending(handle=known.handle, named=Named.BY_JOURNAL, account=identity.name)
        may_go = handles.judge(ending, beside).fate is Fate.DELETE
        lives = known.state is not State.REVOKED and may_go and beside is not None and not beside.deleted
        ours = known if lives else None
    others = [
        one
        for one in listed
        if place in one.secrets
        and not one.is_changed
        and not one.deleted
        and not _is_of(ours, one)
        and _may_go(identity, one)
    ]
    return Left(ours, tuple(others))


def _is_of(ours: Credential | None, seen: Seen) -> bool:
    return ours is not None and ours.handle is not None and ours.handle.uid == seen.uid


def _may_go(identity: Identity, seen: Seen) -> bool:
    handle = Handle(identity.cluster, seen.namespace, seen.name, seen.uid)
    ending = Ending(handle=handle, named=Named.BY_WALK, account=identity.name)
    return handles.judge(ending, seen).fate is Fate.DELETE


async def look(context: Context, identity: Identity, place: Place, found: Held, sight: Sight) -> Held:
    """What the place holds, with what it left behind where it is gone. Raises KubeError."""
    if found.exists or found.credential is not None or place.address.here:
        return found
    left = await sight.see(f"what {place.label} left behind", lambda: _look(context, identity, place.address))
    said = [found.warning] if found.warning else []
    if left.ours is not None and left.ours.handle is not None:
        said.append(
            f"{place.label} is gone, but its token still works: its handle {left.ours.handle.name} is revoked "
            "once the new one is written"
        )
    others = []
    for seen in left.others[:_MOST]:
        revoke = shell.command("kubemint", "revoke", f"handle:{identity.cluster}/{seen.namespace}/{seen.name}")
        others.append(
            f"handle {seen.namespace}/{seen.name} says it was made for {place.label}, and nothing here confirms it: "
            f"it is left, and its token may live; `{safe_text(revoke)}` ends it"
        )
    if len(left.others) > _MOST:
        others.append(f"{len(left.others) - _MOST} more say the same; `kubemint hygiene` names them")
    return msgspec.structs.replace(found, credential=left.ours, warning="; ".join(said), left=tuple(others))


async def put_back(context: Context, place: Place, found: Held, sight: Sight) -> Held:
    """What a Secret holds, with what this machine wrote there last where that lives and something older lies there now:
    whoever may write the Secret can put it back, and the newest would live on without a place. Raises KubeError."""
    held = found.credential
    if held is None or held.identity is None or place.address.here or not found.exists:
        return found
    identity = held.identity

    async def look() -> Credential | None:
        record = await asyncio.to_thread(context.state.written, place.address)
        known = record.credential.handle if record is not None else None
        if record is None or known is None or known == held.handle or known.cluster != identity.cluster:
            return None
        last, there = record.credential.issued_at, held.issued_at
        if last is None or there is None or last <= there:
            return None  # what lies there is the newest: someone is about to record it
        if await asyncio.to_thread(context.state.revocation, known) is not None:
            return None  # it ends by itself
        client = await context.clusters.client(identity.cluster)
        return judge(identity, "", record, await handles.look(client, known.namespace, known.name), ()).ours

    newer = await sight.see(f"what {place.label} held last", look)
    if newer is None or newer.handle is None:
        return found
    said = (
        f"{place.label} holds another token than was written there last: that one goes too, "
        f"its handle is {newer.handle.name}"
    )
    warning = "; ".join(filter(None, (found.warning, said)))
    return msgspec.structs.replace(found, newer=newer, warning=warning)


async def _look(context: Context, identity: Identity, address: Address) -> Left:
    record = await asyncio.to_thread(context.state.written, address)
    client = await context.clusters.client(identity.cluster)
    known = record.credential.handle if record is not None else None
    beside, listed = None, []
    if known is not None and known.cluster == identity.cluster:
        try:
            beside = await handles.look(client, known.namespace, known.name)
        except KubeError:  # may not be looked at: then it is not known what may go
            beside = None
    try:
        fields = f"type={managed.HANDLE_TYPE}"
        found = await client.list(SECRETS, namespace=identity.namespace, metadata_only=True, fields=fields)
        every = [handles.seen_in({**one, "type": managed.HANDLE_TYPE}) for one in found]
        ending = {one.handle.uid for one in await asyncio.to_thread(context.state.revocations)}
        listed = [one for one in every if one.uid not in ending]  # these end by themselves
    except KubeError:
        listed = []  # issuing needs no right to list
    place = managed.place_name(address, identity.cluster)
    return judge(identity, place, record, beside, listed)
