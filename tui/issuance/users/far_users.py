"""Who has what a Secret holds without being in its namespace: copies of it, and ExternalSecrets that fetch it from far.

One look into a whole cluster, of Secrets the metadata alone. What marks say of copies only warns: nothing is ever done
for it. What others wrote far away gives a grace of a day at most, so that no wish keeps a token alive.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from tui.issuance.errors import IssuanceError
from tui.issuance.model.durations import format_duration
from tui.issuance.model.types import Address, Credential, Push
from tui.issuance.objects import managed
from tui.issuance.objects.external_secrets import CLUSTER_STORES, EXTERNAL_SECRETS, GROUP, STORES
from tui.kube.errors import Forbidden, KubeError
from tui.kube.resource import SECRETS

from .external_views import Entry, ExternalView, StoreRef, StoreView, external_view, store_view
from .grace_length import Use

if TYPE_CHECKING:
    from tui.issuance.model.clusters import Clusters
    from tui.kube.client import Client

PATIENCE: Final = 8.0
"""Seconds for one look into a cluster."""
LONGEST: Final = timedelta(days=1)
"""Of the grace that someone in another namespace can ask for."""
_WITHIN: Final = frozenset({"kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"})
"""What a cluster calls its own server, from inside."""
_FETCHES: Final = "fetches it"
_UNSEEN: Final = "may fetch it, through a store that could not be seen,"
_SEARCHES: Final = "may fetch it, whose store it searches,"
_DOES: Final = (_FETCHES, _UNSEEN, _SEARCHES)


Stores = Mapping[StoreRef, StoreView | None]
"""What was found of each store that an ExternalSecret names: nothing where it is not there, None where it may be."""


class Fetch(NamedTuple):
    """An ExternalSecret, and the stores that it goes through."""

    cluster: str
    namespace: str
    name: str
    view: ExternalView
    stores: Stores
    does: str = _FETCHES
    """Of one that fetches what is asked about, or may: which of both."""


class Overview(NamedTuple):
    """What one look into a cluster saw."""

    fetches: Sequence[Fetch] = ()
    kept: Sequence[Credential] = ()
    """The credentials in its Secrets, as their marks describe them."""
    tenants: Collection[tuple[str, str]] = ()
    """Who is given an account of it, as the marks of its Secrets say: the account's namespace, and the tenant."""
    unseen: Sequence[str] = ()
    """What could not be looked at of those who fetch something."""
    unread: Sequence[str] = ()
    """The same of its Secrets."""


class Copied(NamedTuple):
    """What is replaced, to find the copies of it."""

    handles: frozenset[str] = frozenset()
    """The UIDs of what it is bound to."""
    fingerprints: frozenset[str] = frozenset()
    recorded: tuple[Address, ...] = ()
    """The Secrets that this machine put its token into."""
    clusters: tuple[str, ...] = ()
    """Where those handles are."""


async def overview(clusters: Clusters, cluster: str) -> Overview:
    """Everything of a cluster that is asked for here. Never raises; what could not be seen is said."""
    fetches: list[Fetch] = []
    kept: list[Credential] = []
    tenants: set[tuple[str, str]] = set()
    unseen: list[str] = []
    unread: list[str] = []
    try:
        async with asyncio.timeout(PATIENCE):
            client = await clusters.client(cluster)
            unread += await _kept(client, cluster, kept, tenants)
            unseen += await _fetches(client, cluster, fetches)
    except (KubeError, IssuanceError) as error:
        unseen.append(f"{cluster}: {error}")
        unread += [] if kept else unseen
    except TimeoutError:
        unseen.append(f"{cluster} has not said it within {PATIENCE:g} s")
        unread += [] if kept else unseen
    return Overview(fetches, kept, tenants, unseen, unread)


async def _kept(client: Client, cluster: str, kept: list[Credential], tenants: set[tuple[str, str]]) -> list[str]:
    """The credentials in the Secrets of a cluster, by their metadata; what could not be seen."""
    try:
        listed: list[dict[str, Any]] = await client.list(SECRETS, metadata_only=True, labels=managed.CREDENTIALS)
    except KubeError as error:
        return [_not_seen(error, "Secrets", cluster, " for copies of it")]
    for obj in listed:
        credential = managed.credential_from_secret(cluster, obj)
        if credential is None:
            continue
        kept.append(credential)
        if credential.identity is not None:
            tenants |= {(credential.identity.namespace, one) for one in _tenant(managed.push_of(obj))}
    return []


def fetchers(seen: Overview, server: str, namespace: str, name: str, *, home: str) -> Iterator[Fetch]:
    """The ExternalSecrets that fetch this Secret of the cluster `home`, whose server is `server`."""
    for one in seen.fetches:
        within = one.cluster == home
        does = [_does(entry, one.stores, server, namespace, name, within=within) for entry in one.view.entries]
        if any(does):
            yield one._replace(does=min(filter(None, does), key=_DOES.index))


def _does(entry: Entry, stores: Stores, server: str, namespace: str, name: str, *, within: bool) -> str:
    """What one entry does with this Secret; empty where it has nothing to do with it."""
    if (entry.key and not entry.names(name)) or entry.store not in stores:
        return ""
    store = stores[entry.store]
    if store is None:
        return _UNSEEN if entry.key else ""  # what a search finds in it is not known, and that is said
    leads = leads_to(store, server, namespace, within=within)
    return (_FETCHES if entry.key else _SEARCHES) if leads else ""


def leads_to(store: StoreView, server: str, namespace: str, *, within: bool) -> bool:
    """Whether a store reads the Secrets of this namespace; `within` says that it lies in that cluster itself."""
    if store.provider != "kubernetes" or store.remote_namespace != namespace:
        return False
    there = _place(store.server)
    return (within and there in _WITHIN) or there == _place(server)


def far_use(one: Fetch, home: str, kubelet: timedelta) -> Use:
    """What a change of the Secret comes to there."""
    name = f"{one.namespace}/{one.name}" + (f" of {one.cluster}" if one.cluster != home else "")
    if one.view.never or not one.view.interval:
        return Use(kind=EXTERNAL_SECRETS.kind, name=name, how=f"{one.view.never}: what it made ends", sees=None)
    does = f"{one.does} every {format_duration(one.view.interval)}"
    if one.view.interval + kubelet > LONGEST:
        late = f"{does}: for more than {format_duration(LONGEST)} users in other clusters are not waited for, then  "
        return Use(kind=EXTERNAL_SECRETS.kind, name=name, how=f"{late}what it made ends", sees=None)
    return Use(kind=EXTERNAL_SECRETS.kind, name=name, how=does, sees=one.view.interval + kubelet)


def copies_of(copied: Copied, kept: Iterable[Credential], unread: Collection[str]) -> list[Address]:
    """The Secrets that hold a copy of what is replaced: by their marks, and by what this machine remembers.

    `unread` are the clusters whose Secrets could not be listed: there what is remembered is taken as it is.
    """
    found = [one.address for one in kept if _is_copy(one, copied)]
    found += [one for one in copied.recorded if one.cluster in unread]
    return list(dict.fromkeys(found))


def _is_copy(one: Credential, copied: Copied) -> bool:
    if one.bound_to is not None and one.bound_to.uid in copied.handles:
        return True
    return one.address in copied.recorded and one.fingerprint in copied.fingerprints


async def _fetches(client: Client, cluster: str, into: list[Fetch]) -> list[str]:
    """Every ExternalSecret with its stores; what could not be seen."""
    discovery = await client.discover((GROUP,))
    listed: dict[str, list[dict[str, Any]]] = {}
    unseen = []
    unlisted = set()
    for resource in (EXTERNAL_SECRETS, STORES, CLUSTER_STORES):
        version = discovery.version_of(GROUP, resource.plural)
        if version is None:
            continue  # External Secrets is not installed
        if resource is not EXTERNAL_SECRETS and not listed.get(EXTERNAL_SECRETS.kind):
            continue  # none goes through a store
        here = msgspec.structs.replace(resource, version=version)
        try:
            listed[resource.kind] = await client.list(here)
        except KubeError as error:
            unseen.append(_not_seen(error, f"{resource.kind}s", cluster))
            unlisted.add(resource.kind)
    stores = {
        (kind, *(_where(obj) if kind == STORES.kind else ("", _where(obj)[1]))): store_view(obj)
        for kind in (STORES.kind, CLUSTER_STORES.kind)
        for obj in listed.get(kind, ())
    }
    for obj in listed.get(EXTERNAL_SECRETS.kind, ()):
        view, (namespace, name) = external_view(obj), _where(obj)
        found: dict[StoreRef, StoreView | None] = {}
        for ref in view.stores:
            key = (ref.kind, "" if ref.kind == CLUSTER_STORES.kind else namespace, ref.name)
            if key in stores or ref.kind in unlisted:
                found[ref] = stores.get(key)
        into.append(Fetch(cluster, namespace, name, view, found))
    return unseen


def _not_seen(error: KubeError, what: str, cluster: str, why: str = "") -> str:
    """What was not looked at; a login that may do what it is there for need not see the whole cluster."""
    seen = f"{what} of other namespaces of {cluster}{why}"
    return f"{seen} (403)" if isinstance(error, Forbidden) else f"{seen} ({error.message})"


def _tenant(push: str) -> set[str]:
    """Whom a Secret's mark says that it is carried on to."""
    try:
        return {msgspec.json.decode(push, type=Push).tenant} if push else set()
    except msgspec.DecodeError:
        return set()


def _place(server: str) -> str:
    """A server's address, without what may be left out of it."""
    return server.removeprefix("https://").rstrip("/").removesuffix(":443")


def _where(obj: object) -> tuple[str, str]:
    meta = obj.get("metadata") if isinstance(obj, dict) else None
    found = meta if isinstance(meta, dict) else {}
    return str(found.get("namespace", "")), str(found.get("name", ""))
