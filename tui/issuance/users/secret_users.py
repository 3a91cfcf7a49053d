"""Who uses the Secrets that a plan changes, looked up for the length of its grace: one listing for each namespace.

What was seen of a namespace counts for some seconds, so that a rotation of many looks once. It is bounded in pods and
in time; what could not be seen is said, and never fails a plan.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

import msgspec

from tui.issuance.errors import IssuanceError
from tui.issuance.model.durations import format_duration
from tui.issuance.model.types import Credential, IssueSpec
from tui.issuance.objects.external_secrets import EXTERNAL_SECRETS, GROUP, PUSH_SECRETS
from tui.kube import limits
from tui.kube.delivered import is_same_way
from tui.kube.errors import KubeError
from tui.kube.resource import PODS

from .consumers import PAGE, Pod, Way, labels_of, why_not
from .external_views import ExternalView, PushView, external_view, push_view
from .far_users import Copied, Fetch, Overview, copies_of, far_use, fetchers, overview
from .grace_length import KUBELET, GraceWish, Length, Sighting, Use, length

if TYPE_CHECKING:
    from tui.issuance.families.dpf.objects import DPURequest
    from tui.issuance.model.clusters import Clusters
    from tui.kube.client import Client
    from tui.kube.endpoint import Endpoint

MOST_PODS: Final = 4000
"""Of a namespace with more, the rest counts as not seen."""
PATIENCE: Final = 8.0
"""Seconds for one look into a namespace."""
FRESH: Final = 10.0
"""Seconds for which a look counts."""
MOST_TENANTS: Final = 20
"""Of the tenants of one cluster that are looked into."""
_NOTHING: Final = Copied()

_Seen = TypeVar("_Seen")
_Memory = dict[tuple[str, str], tuple[float, asyncio.Task[_Seen]]]
"""What was seen lately, by cluster and namespace, with when that began."""


class SecretName(NamedTuple):
    """Where a Secret lies."""

    cluster: str
    namespace: str
    name: str


def others(
    found: Sequence[SecretName], secrets: Sequence[SecretName], ways: Mapping[str, Endpoint | None]
) -> list[SecretName]:
    """Of what was found, each once, those that are none of these Secrets: neither by this name, nor by another one of
    the same server. `ways` are the ways into their clusters."""
    known, kept = list(secrets), []
    for one in found:
        alike = (other for other in known if other[1:] == one[1:])
        if not any(one == other or is_same_way(ways.get(one.cluster), ways.get(other.cluster)) for other in alike):
            known.append(one)
            kept.append(one)
    return kept


class _Pushes(NamedTuple):
    name: str
    view: PushView


class _Fetches(NamedTuple):
    name: str
    view: ExternalView


class _Found(NamedTuple):
    """What one look into a namespace saw."""

    pods: Sequence[Pod]
    pushes: Sequence[_Pushes]
    fetches: Sequence[_Fetches]
    unseen: tuple[str, ...]


class SecretUsers:
    """What was seen lately, by cluster and namespace."""

    def __init__(self) -> None:
        self._seen: _Memory[_Found] = {}
        self._overviews: _Memory[Overview] = {}

    async def length(
        self,
        clusters: Clusters,
        wish: GraceWish,
        secrets: Sequence[SecretName],
        *,
        left: timedelta | None = None,
        announced: Collection[str] = (),
        fresh: bool = False,
        copied: Copied = _NOTHING,
    ) -> Length:
        """The grace for what these Secrets hold. `announced` are PushSecrets that are told at once. Never raises.

        `fresh` believes nothing that was seen before now: for whoever is about to let go of the old one.
        """
        since = asyncio.get_running_loop().time() if fresh else 0.0
        secrets = list(dict.fromkeys(secrets))
        sightings = [await self._sighting(clusters, one, wish, announced, since) for one in secrets]
        sightings = [await self._far(clusters, *seen, wish) for seen in zip(secrets, sightings, strict=True)]
        places, hidden = await self._copies(clusters, secrets, copied)
        home = secrets[0].cluster if secrets else ""
        for one in places:
            seen = await self._sighting(clusters, one, wish, announced, since)
            where = seen.secret if one.cluster == home else f"{seen.secret} of {one.cluster}"
            sightings.append(replace(seen, secret=where, copy=True))
        sightings += [Sighting(secret="", hidden=hidden)] if hidden else []
        return length(wish, sightings, left=left)

    async def aclose(self) -> None:
        """Stop looking."""
        for memory in (self._seen, self._overviews):
            for _, task in memory.values():
                task.cancel()
            await asyncio.gather(*(task for _, task in memory.values()), return_exceptions=True)
        self._seen.clear()
        self._overviews.clear()

    async def _sighting(
        self, clusters: Clusters, secret: SecretName, wish: GraceWish, announced: Collection[str], since: float
    ) -> Sighting:
        found = await self._look(clusters, secret.cluster, secret.namespace, since)
        uses = [
            Use(kind="Pod", name=pod.metadata.name, how=reading.says,
                sees=wish.kubelet if reading.way is Way.FOLLOWS else None)
            for pod in found.pods
            for reading in pod.readings({secret.name})
            if reading.way is not Way.PULLS
        ]  # fmt: skip
        choosing = any(one.view.chooses is not None for one in found.pushes)
        labels = await _labels(clusters, secret) if choosing else None
        uses += [_pushed(one, wish) for one in found.pushes if one.view.may_take(secret.name, labels)
                 and one.name not in announced]  # fmt: skip
        uses += [_fetched(one, wish) for one in found.fetches if _names(one.view, secret.name)]
        return Sighting(secret=f"{secret.namespace}/{secret.name}", uses=tuple(uses), unseen=found.unseen)

    async def using(self, clusters: Clusters, secret: SecretName) -> Sighting:
        """Who uses it now, near and far, believing nothing that was seen before. Never raises."""
        wish, since = GraceWish(timedelta(0)), asyncio.get_running_loop().time()
        return await self._far(clusters, secret, await self._sighting(clusters, secret, wish, (), since), wish)

    async def fetched(self, clusters: Clusters, secret: SecretName) -> tuple[list[Use], list[str]]:
        """The ExternalSecrets that fetch it, in its namespace, another, or a tenant of its cluster; and what could not
        be seen. Never raises."""
        found, hidden = await self._fetched(clusters, secret)
        return [far_use(one, secret.cluster, KUBELET) for one in found], hidden

    async def _far(self, clusters: Clusters, secret: SecretName, near: Sighting, wish: GraceWish) -> Sighting:
        """The same with who fetches it from far."""
        found, hidden = await self._fetched(clusters, secret)
        uses = [far_use(one, secret.cluster, wish.kubelet) for one in found if not _is_near(one, secret)]
        return replace(near, uses=(*near.uses, *uses), hidden=tuple(hidden))

    async def _fetched(self, clusters: Clusters, secret: SecretName) -> tuple[list[Fetch], list[str]]:
        home = await self._overview(clusters, secret.cluster)
        given = {tenant for namespace, tenant in home.tenants if namespace == secret.namespace}
        tenants = sorted((given & set(clusters.names())) - {secret.cluster})
        seen = [home, *await asyncio.gather(*(self._overview(clusters, one) for one in tenants[:MOST_TENANTS]))]
        hidden = [why for one in seen for why in one.unseen]
        if len(tenants) > MOST_TENANTS:
            hidden.append(f"of {len(tenants)} tenants only {MOST_TENANTS} were looked at")
        server = _server(clusters, secret.cluster)
        found: list[Fetch] = []
        for one in seen:
            found += fetchers(one, server, secret.namespace, secret.name, home=secret.cluster)
        return found, hidden

    async def _copies(
        self, clusters: Clusters, secrets: Sequence[SecretName], copied: Copied
    ) -> tuple[list[SecretName], tuple[str, ...]]:
        """The copies of what these Secrets hold, and what could not be seen on the way to them."""
        recorded = [one.cluster for one in copied.recorded]
        where = dict.fromkeys([*(one.cluster for one in secrets), *recorded, *copied.clusters])
        if not copied.handles and not copied.fingerprints:
            return [], ()
        kept: list[Credential] = []
        unread = []
        hidden: list[str] = []
        for cluster in where:
            seen = await self._overview(clusters, cluster)
            kept += seen.kept
            hidden += seen.unread
            unread += [cluster] if seen.unread else []
        found = [SecretName(one.cluster, one.namespace, one.name) for one in copies_of(copied, kept, unread)]
        ways = {one.cluster: _way(clusters, one.cluster) for one in (*secrets, *found)}
        return others(found, secrets, ways), tuple(hidden)

    async def _look(self, clusters: Clusters, cluster: str, namespace: str, since: float) -> _Found:
        """What is to be seen there, no look counting that began before `since` by this loop's clock."""
        return await _once(self._seen, (cluster, namespace), partial(_look, clusters, cluster, namespace), since)

    async def _overview(self, clusters: Clusters, cluster: str) -> Overview:
        return await _once(self._overviews, (cluster, ""), partial(overview, clusters, cluster), 0.0)


async def _once(
    memory: _Memory[_Seen], key: tuple[str, str], look: Callable[[], Coroutine[Any, Any, _Seen]], since: float
) -> _Seen:
    now = asyncio.get_running_loop().time()
    at, task = memory.get(key, (0.0, None))
    if task is None or now - at > FRESH or at < since or task.cancelled() or (
        task.get_loop() is not asyncio.get_running_loop()
    ):  # fmt: skip
        for old in [old for old, seen in memory.items() if now - seen[0] > FRESH]:
            del memory[old]
        with limits.apart():  # it is shared: whoever asked first may have less time than the others
            task = asyncio.create_task(look())
        memory[key] = (now, task)
    return await asyncio.shield(task)


def _is_near(one: Fetch, secret: SecretName) -> bool:
    """Whether the look into the Secret's own namespace has seen it."""
    here = (one.cluster, one.namespace) == (secret.cluster, secret.namespace)
    return here and _names(one.view, secret.name)


def _names(view: ExternalView, secret: str) -> bool:
    return any(entry.names(secret) for entry in view.entries)


async def _labels(clusters: Clusters, secret: SecretName) -> Mapping[str, str] | None:
    """The labels of a Secret, none of one that is not there; None where they cannot be read. Never raises."""
    try:
        async with asyncio.timeout(PATIENCE):
            return await labels_of(await clusters.client(secret.cluster), secret.namespace, secret.name)
    except (KubeError, IssuanceError, TimeoutError):
        return None


def _server(clusters: Clusters, cluster: str) -> str:
    way = _way(clusters, cluster)
    return way.server if way is not None else ""


def _way(clusters: Clusters, cluster: str) -> Endpoint | None:
    try:
        return clusters.endpoint(cluster)
    except (KubeError, IssuanceError):
        return None


def secrets_of(spec: IssueSpec) -> list[SecretName]:
    """The Secrets that a wish is kept in, and those that External Secrets makes of them elsewhere."""
    found = [address for place in spec.destinations for address in place.secrets]
    return [SecretName(one.cluster, one.namespace, one.name) for one in found]


def secrets_of_request(request: DPURequest) -> list[SecretName]:
    """The Secrets whose readers have the old token: the one that the status names, and the one that the spec does."""
    found = dict.fromkeys((request.status_secret or request.secret, request.secret))
    return [SecretName(request.cluster, one.namespace, one.name) for one in found]


def announced_by(spec: IssueSpec) -> set[str]:
    """The PushSecrets that writing this wish announces, and waits for."""
    return {place.push.name for place in spec.destinations if place.push}


async def _look(clusters: Clusters, cluster: str, namespace: str) -> _Found:
    pods: list[Pod] = []
    pushes: list[_Pushes] = []
    fetches: list[_Fetches] = []
    unseen: list[str] = []
    try:
        async with asyncio.timeout(PATIENCE):
            client = await clusters.client(cluster)
            try:
                if await _pods(client, namespace, pods):
                    unseen.append(f"more than {MOST_PODS} pods in {namespace}")
            except KubeError as error:
                unseen.append(why_not(error, f"pods in {namespace}"))
            discovery = await client.discover((GROUP,))
            for resource in (PUSH_SECRETS, EXTERNAL_SECRETS):
                version = discovery.version_of(GROUP, resource.plural)
                if version is None:
                    continue  # External Secrets is not installed
                here = msgspec.structs.replace(resource, version=version)
                try:
                    listed: list[dict[str, object]] = await client.list(here, namespace=namespace)
                except KubeError as error:
                    unseen.append(why_not(error, f"{resource.name} in {namespace}"))
                    continue
                if resource.plural == PUSH_SECRETS.plural:
                    pushes += [_Pushes(_name(obj), push_view(obj)) for obj in listed]
                else:
                    fetches += [_Fetches(_name(obj), external_view(obj)) for obj in listed]
    except (KubeError, IssuanceError) as error:
        unseen.append(f"{cluster}: {error}")
    except TimeoutError:
        unseen.append(f"{cluster} has not said it within {PATIENCE:g} s")
    return _Found(pods, pushes, fetches, tuple(unseen))


async def _pods(client: Client, namespace: str, into: list[Pod]) -> bool:
    """The pods that have not ended; whether there are more than are looked at."""
    async for page in client.pages(PODS, namespace=namespace, first=PAGE, then=PAGE, type=Pod):
        if page.restarted:
            into.clear()
        into += [pod for pod in page.items if not pod.done]
        if len(into) >= MOST_PODS and page.more:
            return True
    return False


def _pushed(one: _Pushes, wish: GraceWish) -> Use:
    if one.view.never or not one.view.interval:
        how = f"{one.view.never}: what it carried ends" + ("" if one.view.keeps else "; r on it pushes again")
        return Use(kind="PushSecret", name=one.name, how=how, sees=None)
    does = "pushes it on" if one.view.chooses is None else "may carry it on, by its labels,"
    how = f"{does} every {format_duration(one.view.interval)}"
    return Use(kind="PushSecret", name=one.name, how=how, sees=one.view.interval + wish.kubelet)


def _fetched(one: _Fetches, wish: GraceWish) -> Use:
    if one.view.never or not one.view.interval:
        return Use(kind="ExternalSecret", name=one.name, how=f"{one.view.never}: what it made ends", sees=None)
    how = f"fetches it every {format_duration(one.view.interval)}"
    return Use(kind="ExternalSecret", name=one.name, how=how, sees=one.view.interval + wish.kubelet)


def _name(obj: object) -> str:
    meta = obj.get("metadata") if isinstance(obj, dict) else None
    return str(meta.get("name", "")) if isinstance(meta, dict) else ""
