"""Other tokens of a place that is revoked: what was made for that very place, lives, and lies there no more.

Whoever may write into a Secret can put an older token back, and what is revoked then is that one. The newest is named
by this machine's record of the place, and by its handle beside the account, whose name confirms for what it was made.
Both are looked for: what they name ends too, and what may not be ended on their word is named and left. Where its
account is, marks and an invented token may say; so the handles of the Secret's own cluster are looked through as well.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec

from tui.issuance.model.types import Address, Handle, State, StepInfo
from tui.issuance.records.intent import Export, Revocation
from tui.issuance.trust import handles
from tui.issuance.trust.handles import CHANGED, Ending, Fate, Named, Seen, Verdict
from tui.kube import shell
from tui.kube.errors import Forbidden, KubeError
from tui.kube.text import safe_text

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from tui.issuance.model.types import Credential, Identity
    from tui.issuance.transaction.work import Context


class Other(msgspec.Struct, frozen=True, kw_only=True):
    """A token of the place that ends with it."""

    ending: Ending
    fingerprint: str = ""
    """Where this machine's record knows it."""

    def due(self, plan: str, address: Address, now: datetime) -> Revocation:
        """As it is journaled before it ends, so that a start after a crash ends it."""
        return Revocation(
            plan=plan,
            address=address,
            handle=self.ending.handle,
            due=now,
            ending=True,
            account=self.ending.account,
            fingerprint=self.fingerprint,
        )


class Others(msgspec.Struct, frozen=True):
    """What else was made for a place, and lives."""

    ends: tuple[Other, ...] = ()
    left: tuple[str, ...] = ()
    """What is not ended on anybody's word, in words."""
    unseen: str = ""
    """Why it could not be looked at, in words."""

    @property
    def lives_on(self) -> tuple[str, ...]:
        """What is said of all of them where they are left as they are."""
        return (*(_works_on(one.ending.handle) for one in self.ends), *self.left)


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What is revoked, and what else of it is known already."""

    handle: Handle
    identity: Identity | None
    place: str = ""
    """What handles call the place; empty where they name none such."""
    request: str = ""
    """Of a DPU request: its UID, which its handles name in the place of `place`."""
    ended: Collection[str] = ()
    """All the places that are tidied with it, by the same names."""
    known: Collection[str] = ()
    """The UIDs of handles that are to end anyway."""


def judge(asked: Asked, record: Export | None, beside: Verdict, listed: Sequence[Seen]) -> Others:
    """`record` is what this machine wrote into the place last, and `beside` whether its handle lives and may go;
    `listed` are the handles beside the account, each as it is."""
    ends, left = [], []
    done = {asked.handle.uid, *asked.known}
    credential = record.credential if record is not None else None
    handle = credential.handle if credential is not None else None
    if credential is not None and handle is not None and handle.uid not in done:
        done.add(handle.uid)
        if beside.fate is Fate.DELETE:
            ends.append(Other(ending=recorded(credential, handle), fingerprint=credential.fingerprint))
        elif beside.fate is Fate.LEFT_ALONE:
            left.append(f"this machine wrote a token with {_named(handle)} there, but {beside.why}: it may live")
    identity = asked.identity
    for seen in listed if identity is not None else ():
        assert identity is not None
        made = asked.place in seen.secrets if asked.place else False
        made = made or bool(asked.request and handles.made_for(seen, identity, asked.request))
        if not made or seen.uid in done or seen.deleted:
            continue
        found = Handle(identity.cluster, seen.namespace, seen.name, seen.uid)
        if why := _not_on_its_word(asked, identity, found, seen):
            left.append(
                f"{_named(found)} says that it was made for the same destination, but {why}: {_works_on(found)}"
            )
        else:
            ends.append(Other(ending=Ending(handle=found, named=Named.BY_WALK, account=identity.name)))
    return Others(tuple(ends), tuple(left))


def recorded(credential: Credential, handle: Handle) -> Ending:
    """The handle of what this machine wrote somewhere, as what is to go."""
    account = credential.identity.name if credential.identity is not None else ""
    may = handles.may_be_token_secret(credential.address.kind)
    return Ending(handle=handle, named=Named.BY_JOURNAL, account=account, token_secret=may)


def _not_on_its_word(asked: Asked, identity: Identity, handle: Handle, seen: Seen) -> str:
    """Why a handle is not ended because it says that it was made for the place; empty where it is."""
    if seen.is_changed:
        return CHANGED
    if not seen.is_as_made:
        return "it is from an earlier version, and any user may have written that there"
    verdict = handles.judge(Ending(handle=handle, named=Named.BY_WALK, account=identity.name), seen)
    if verdict.fate is not Fate.DELETE:
        return verdict.why
    if more := [one for one in seen.secrets if one not in asked.ended]:
        return f"also for {safe_text(', '.join(more))}"
    return ""


def _named(handle: Handle) -> str:
    return safe_text(f"handle {handle.namespace}/{handle.name}")


def _works_on(handle: Handle) -> str:
    revoke = shell.command("kubemint", "revoke", str(Address.handle(handle.cluster, handle.namespace, handle.name)))
    return safe_text(f"another token of this destination may be valid; `{revoke}` ends it")


def ends_too(one: Other) -> str:
    """What is said of one before it ends."""
    handle = one.ending.handle
    who = "this machine wrote it there" if one.ending.named is Named.BY_JOURNAL else "its handle was made for it"
    address = Address.handle(handle.cluster, handle.namespace, handle.name)
    return safe_text(f"another token of this destination is revoked too: {address} ({who})")


def step(number: int, one: Other) -> StepInfo:
    handle = one.ending.handle
    return StepInfo(
        id=f"another:{number}", title=f"Delete the handle {handle.name} of another token of this destination",
        verb="delete", resource="secrets", cluster=handle.cluster, namespace=handle.namespace, name=handle.name,
    )  # fmt: skip


async def look(context: Context, address: Address, asked: Asked, at_home: Sequence[Asked] = ()) -> Others:
    """What else was made for the place, now. A list that may not be had is said; nothing is raised for it.

    `at_home` asks the same of the whole cluster that the place is in, and of the one that delivers that, whosever it
    says it is.
    """
    if address.kind.traits.alone:
        return Others()
    of_place = context.state.written if address.kind.traits.marked else context.state.export_record
    record = await asyncio.to_thread(of_place, address)
    if record is not None and record.credential.state is State.REVOKED:
        record = None
    beside = await _beside(context, asked, record)
    listed, unseen = list[Seen](), ""
    identity = asked.identity
    if identity is not None and (asked.place or asked.request):
        listed, unseen = await _listed(context, asked, [identity.namespace])
    found = judge(asked, record, beside, listed)
    known = {*asked.known, *(one.ending.handle.uid for one in found.ends), *(one.uid for one in listed)}
    for each in at_home:
        if identity is None or each.identity is None:
            continue
        near = dict.fromkeys((identity.namespace, address.namespace))
        own = msgspec.structs.replace(each, known=known)
        listed, closed = await _listed(context, own, [*near], every=True)
        more = judge(own, None, Verdict(Fate.GONE), listed)
        found = Others((*found.ends, *more.ends), (*found.left, *more.left))
        if identity.cluster == each.identity.cluster:
            unseen = closed or unseen
        elif closed and record is None:  # nothing of its own cluster says that what ends is what lay there
            found = msgspec.structs.replace(found, left=(*found.left, _unknown(address, closed)))
    if record is not None:  # who wrote it knows the newest of it without a list, which the rights to revoke do not need
        unseen = ""
    return msgspec.structs.replace(found, unseen=unseen)


def _unknown(address: Address, closed: str) -> str:
    again = safe_text(shell.command("kubemint", "revoke", str(address)))
    return f"{closed}; whether one lives there, `{again}` says to who may do that"


async def _beside(context: Context, asked: Asked, record: Export | None) -> Verdict:
    handle = record.credential.handle if record is not None else None
    if record is None or handle is None or handle.uid in (asked.handle.uid, *asked.known):
        return Verdict(Fate.GONE)
    try:
        client = await context.clusters.client(handle.cluster)
        return handles.judge(recorded(record.credential, handle), await handles.look(client, *_at(handle)))
    except Forbidden:  # what this machine made itself may be deleted by its UID
        return Verdict(Fate.DELETE)
    except KubeError as error:
        return Verdict(Fate.LEFT_ALONE, error.message)


async def _listed(
    context: Context, asked: Asked, near: Sequence[str], *, every: bool = False
) -> tuple[list[Seen], str]:
    """The handles in the namespaces `near` that say that they were made for the place, each looked at whole; with
    `every` those in the whole cluster, and `near` alone where that may not be listed. Else why that could not be."""
    identity, found, at = asked.identity, dict[str, Seen](), list[str]()
    if identity is None:
        return [], ""
    cluster, closed = identity.cluster, False
    try:
        client = await context.clusters.client(cluster)
        for namespace in (None, *near) if every else near:
            try:
                listed = await handles.listed(client, namespace)
                for one in listed:
                    says = asked.place in one.secrets if asked.place else one.request == asked.request
                    if not says or one.uid in (asked.handle.uid, *asked.known):
                        continue
                    seen = await handles.look(client, one.namespace, one.name)
                    found |= {seen.uid: seen} if seen is not None and seen.uid == one.uid else {}
            except Forbidden:  # the rights to revoke one are enough for that one
                closed = True
                continue
            if namespace is None:
                return [*found.values()], ""
            at.append(namespace)
    except KubeError as error:
        where = f"in {cluster}" if every else f"beside {identity.said}"
        return [*found.values()], f"whether other tokens of it live {where} was not looked at: {error.message}"
    return [*found.values()], not_seen(cluster, near, at, every=every) if closed else ""


def not_seen(cluster: str, near: Sequence[str], at: Sequence[str], *, every: bool) -> str:
    """What is said where not all was listed: only the namespaces `at` of those `near`."""
    where = f"all of {cluster}" if every else f"namespace {', '.join(near)} of {cluster}"
    if not at:
        return safe_text(
            f"other tokens of this destination were not looked for: that takes a list of the Secrets in {where}"
        )
    only = f"only in namespace {', '.join(at)} of {cluster}"
    return safe_text(
        f"other tokens of this destination were looked for {only}: else that takes a list of the Secrets in {where}"
    )


def _at(handle: Handle) -> tuple[str, str]:
    return handle.namespace, handle.name
