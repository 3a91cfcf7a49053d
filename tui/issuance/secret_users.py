"""Who uses the Secrets that a plan changes, looked up for the length of its grace: one listing for each namespace.

What was seen of a namespace counts for some seconds, so that a rotation of many looks once. It is bounded in pods and
in time; what could not be seen is said, and never fails a plan.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from tui.kube import limits
from tui.kube.errors import KubeError
from tui.kube.resource import PODS

from .consumers import PAGE, Pod, Way, why_not
from .durations import format_duration
from .errors import IssuanceError
from .external_secrets import EXTERNAL_SECRETS, GROUP, PUSH_SECRETS
from .external_views import ExternalView, PushView, external_view, push_view
from .grace_length import GraceWish, Length, Sighting, Use, length
from .types import IssueSpec, SecretDestination

if TYPE_CHECKING:
    from tui.kube.client import Client

    from .clusters import Clusters
    from .dpf.objects import DPURequest

MOST_PODS: Final = 4000
"""Of a namespace with more, the rest counts as not seen."""
PATIENCE: Final = 8.0
"""Seconds for one look into a namespace."""
FRESH: Final = 10.0
"""Seconds for which a look counts."""


class SecretName(NamedTuple):
    """Where a Secret lies."""

    cluster: str
    namespace: str
    name: str


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
        self._seen: dict[tuple[str, str], tuple[float, asyncio.Task[_Found]]] = {}

    async def length(
        self,
        clusters: Clusters,
        wish: GraceWish,
        secrets: Sequence[SecretName],
        *,
        left: timedelta | None = None,
        announced: Collection[str] = (),
    ) -> Length:
        """The grace for what these Secrets hold. `announced` are PushSecrets that are told at once. Never raises."""
        sightings = [await self._sighting(clusters, one, wish, announced) for one in dict.fromkeys(secrets)]
        return length(wish, sightings, left=left)

    async def aclose(self) -> None:
        """Stop looking."""
        for _, task in self._seen.values():
            task.cancel()
        await asyncio.gather(*(task for _, task in self._seen.values()), return_exceptions=True)
        self._seen.clear()

    async def _sighting(
        self, clusters: Clusters, secret: SecretName, wish: GraceWish, announced: Collection[str]
    ) -> Sighting:
        found = await self._look(clusters, secret.cluster, secret.namespace)
        uses = [
            Use(kind="Pod", name=pod.metadata.name, how=reading.says,
                sees=wish.kubelet if reading.way is Way.FOLLOWS else None)
            for pod in found.pods
            for reading in pod.readings({secret.name})
            if reading.way is not Way.PULLS
        ]  # fmt: skip
        uses += [_pushed(one, wish) for one in found.pushes if one.view.source == secret.name
                 and one.name not in announced]  # fmt: skip
        uses += [
            _fetched(one, wish)
            for one in found.fetches
            if secret.name in {key.partition("/")[0] for key in one.view.keys}
        ]
        return Sighting(secret=f"{secret.namespace}/{secret.name}", uses=tuple(uses), unseen=found.unseen)

    async def _look(self, clusters: Clusters, cluster: str, namespace: str) -> _Found:
        now = asyncio.get_running_loop().time()
        at, task = self._seen.get((cluster, namespace), (0.0, None))
        if task is None or now - at > FRESH or task.cancelled() or task.get_loop() is not asyncio.get_running_loop():
            self._seen = {key: seen for key, seen in self._seen.items() if now - seen[0] <= FRESH}
            with limits.apart():  # it is shared: whoever asked first may have less time than the others
                task = asyncio.create_task(_look(clusters, cluster, namespace))
            self._seen[cluster, namespace] = (now, task)
        return await asyncio.shield(task)


def secrets_of(spec: IssueSpec) -> list[SecretName]:
    """The Secrets that a wish is kept in, and those that External Secrets makes of them elsewhere."""
    found = []
    for place in spec.destinations:
        if isinstance(place, SecretDestination):
            found.append(SecretName(place.cluster, place.namespace, place.name))
            if place.push is not None:
                found.append(SecretName(place.push.tenant, place.push.namespace, place.push.secret))
    return found


def secrets_of_request(request: DPURequest) -> list[SecretName]:
    """The Secrets whose readers have the old token: the one that the status names, and the one that the spec does."""
    found = dict.fromkeys((request.status_secret or request.secret, request.secret))
    return [SecretName(request.cluster, one.namespace, one.name) for one in found]


def announced_by(spec: IssueSpec) -> set[str]:
    """The PushSecrets that writing this wish announces, and waits for."""
    return {place.push.name for place in spec.destinations if isinstance(place, SecretDestination) and place.push}


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
    interval = one.view.interval
    if not interval:
        how = "pushes it only once, or nobody can read how often: what it carried ends; r on it pushes again"
        return Use(kind="PushSecret", name=one.name, how=how, sees=None)
    how = f"carries it on every {format_duration(interval)}"
    return Use(kind="PushSecret", name=one.name, how=how, sees=interval + wish.kubelet)


def _fetched(one: _Fetches, wish: GraceWish) -> Use:
    interval = one.view.interval
    if not interval:
        return Use(kind="ExternalSecret", name=one.name, how="fetches it only once: what it made ends", sees=None)
    how = f"fetches it every {format_duration(interval)}"
    return Use(kind="ExternalSecret", name=one.name, how=how, sees=interval + wish.kubelet)


def _name(obj: object) -> str:
    meta = obj.get("metadata") if isinstance(obj, dict) else None
    return str(meta.get("name", "")) if isinstance(meta, dict) else ""
