"""One Secret under several names of its cluster: under which of them it is acted on.

An operator may have a context of his own for what a host delivers, or two contexts of one server. A handle knows its
places by name, so it vouches under one of them only: the one that it was issued under. Under any other the Secret is
found there and acted on there, so that it keeps that name for everybody who knows no other.

Nobody is believed more for that: what is acted on is vouched for under that name, entered as always, and with its own
login. And two names are one only where the operator's own entries say so: their servers, their authorities, and the
UID of kube-system as his own login reads it. Where a cluster leads that another one delivers, its owner says. So its
name never stands for one of the operator's, and it counts as one under it only where it is the same way in every
respect: a proxy in front of that server is not, nor is what only has its authority or repeats its UIDs.

The decision is `are_one`, a pure function.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final

import msgspec

from tui.issuance.errors import IssuanceError
from tui.issuance.records.whereabouts import Same, judge, of_cluster, of_endpoint
from tui.kube.delivered import differences, is_same_way
from tui.kube.endpoint import Endpoint
from tui.kube.errors import KubeError

from . import handles, vouching
from .orphans import placed
from .vouchers import Word

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tui.issuance.model.clusters import Clusters
    from tui.issuance.model.types import Address
    from tui.issuance.records.intent import Export
    from tui.issuance.records.state import StateStore
    from tui.issuance.transaction.work import Context

    from .handles import Seen
    from .vouching import NotVouched, Reading

_MOST: Final = 4
"""So many other names are looked at; a handle names few places."""


class Side(msgspec.Struct, frozen=True):
    """A Secret by one name of its cluster."""

    way: Endpoint
    """The way that the name is, with the operator's own login or a delivered one."""
    system: str
    """The UID of its namespace kube-system; empty where that is not known."""
    uid: str
    """Of the Secret, as it is read this way."""


def are_one(asked: Side, other: Side) -> bool:
    """Whether the Secret that was asked for is the one that has the other name, for who is to act on that."""
    if asked.way.delivered or asked.way.insecure or other.way.insecure or not asked.uid or asked.uid != other.uid:
        return False
    if other.way.delivered and differences(other.way, asked.way):
        return False
    return judge(of_endpoint(asked.way, uid=asked.system), of_endpoint(other.way, uid=other.system)) is Same.SAME


def said(asked: Address, under: Address) -> str:
    """What people are told before one is acted on under its other name."""
    return f"{asked} is {under} here, which it was issued under: that one is used"


async def read(context: Context, address: Address) -> Reading:
    """A managed Secret as `vouching.read` does; where this machine recorded it under another name, or it is vouched for
    under another alone, under that. Raises UsageError, KubeError."""
    reading = await vouching.read(context, address)
    found = await _first(context, address, reading, recorded_names(context, address))
    if found is None and not reading.verdict.ok:
        found = await _under_another(context, address, reading)
    return found or reading


async def recorded_under(context: Context, address: Address) -> Address:
    """The name under which this machine's records know a Secret, and the files that are renewed with it; else the one
    that was asked for."""
    if not (names := recorded_names(context, address)):
        return address
    try:
        reading = await vouching.read(context, address)
    except (KubeError, IssuanceError):
        return address  # what is wrong with it says whoever goes on with it
    found = await _first(context, address, reading, names)
    return found.marks.address if found is not None else address


def recorded_names(context: Context, address: Address) -> list[str]:
    """What records of this machine call the cluster of a Secret otherwise; none where they know it as it is called."""
    records = context.state.export_records()
    known = [one for record in records for one in (record.credential.address, record.source) if one is not None]
    if address in known:
        return []
    alike = (one.cluster for one in known if msgspec.structs.replace(one, cluster=address.cluster) == address)
    return list(dict.fromkeys(alike))


async def issued_under(context: Context, address: Address, error: NotVouched) -> Address:
    """The name under which a Secret is vouched for that is not under the one that was asked for. Raises the error where
    there is none."""
    found = await _under_another(context, address, error.reading)
    if found is None:
        raise error
    return found.marks.address


def record_of(state: StateStore, clusters: Clusters, address: Address) -> Export | None:
    """What this machine wrote into a Secret, under the name that was asked for, or under another one of its server: the
    record says which server and authority its cluster had, and the operator's own context has the same. Offline."""
    if (record := state.written(address)) is not None:
        return record
    with contextlib.suppress(KubeError, IssuanceError):
        way = clusters.endpoint(address.cluster)
        if way.delivered or way.insecure:
            return None
        for one in state.written_secrets():
            at = one.credential.address
            alike = msgspec.structs.replace(at, cluster=address.cluster) == address
            if alike and judge(of_cluster(one, at.cluster), of_endpoint(way)) is Same.SAME:
                return one
    return None


def once(context: Context, addresses: Sequence[Address]) -> tuple[Address, ...]:
    """Each Secret once, by the first of its names, where names of several contexts lead to one server with one
    authority: what is deleted by one of them is not looked for by another. Names that lead nowhere stay."""
    found: list[Address] = []
    ways: dict[str, Endpoint] = {}
    for name in {one.cluster for one in addresses if one.cluster}:
        with contextlib.suppress(KubeError, IssuanceError):
            ways[name] = context.clusters.endpoint(name)
    for one in dict.fromkeys(addresses):
        alike = (other for other in found if msgspec.structs.replace(other, cluster=one.cluster) == one)
        if not any(is_same_way(ways.get(one.cluster), ways.get(other.cluster)) for other in alike):
            found.append(one)
    return tuple(found)


async def _under_another(context: Context, address: Address, reading: Reading) -> Reading | None:
    """What is vouched for under another name, and is this Secret; None where nothing is."""
    confirmed = reading.facts.word is Word.CONFIRMED
    handle = reading.facts.handle if confirmed else reading.marks.handle
    if handle is None or (await context.clusters.client(address.cluster)).endpoint.delivered:
        return None
    try:
        seen = await handles.look(await context.clusters.client(handle.cluster), handle.namespace, handle.name)
    except (KubeError, IssuanceError):
        return None
    return await _first(context, address, reading, other_names(address, seen, handle.cluster))


async def _first(context: Context, address: Address, reading: Reading, names: Sequence[str]) -> Reading | None:
    """Under the first of these names that it is vouched for under, where that is the same Secret."""
    for name in names[:_MOST]:
        try:
            found = await vouching.read(context, msgspec.structs.replace(address, cluster=name))
            sides = [await _side(context, *one) for one in ((address.cluster, reading), (name, found))]
        except (KubeError, IssuanceError):
            continue  # nothing can be done under that name; why not under this one is what is said
        if found.verdict.ok and are_one(*sides):
            return found
    return None


def other_names(address: Address, seen: Seen | None, home: str) -> list[str]:
    """What a handle in `home` calls the cluster of a Secret otherwise, by its own word: where to look, and no more."""
    places = placed(seen, home) if seen is not None else ()
    names = (cluster for cluster, *at in places if at == [address.namespace, address.name])
    return [name for name in dict.fromkeys(names) if name != address.cluster]


async def _side(context: Context, cluster: str, reading: Reading) -> Side:
    way = (await context.clusters.client(cluster)).endpoint
    system = (await context.whose.now(cluster)).uid
    return Side(way, system, str(reading.metadata["metadata"].get("uid", "")))
