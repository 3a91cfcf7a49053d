"""Where clusters come from: the contexts of a kubeconfig, and the clusters that a cluster itself knows of.

A DPUCluster names a Secret with its admin kubeconfig; a cluster of Cluster API is known by such a Secret's label. Both
become clusters of the fleet called `HOST/NAMESPACE/NAME`, unless something already leads to the same server: then that
name is an alias of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from tui.issuance import capi
from tui.issuance.dpf.objects import NamespacedName
from tui.issuance.dpf.resources import target_name
from tui.issuance.dpf.target import TargetError, admin_endpoint
from tui.kube.client import Client
from tui.kube.endpoint import Endpoint
from tui.kube.errors import ConfigError
from tui.kube.kubeconfig import KubeConfig

from .cluster_tasks import Source


def context_source(config: Callable[[], KubeConfig], context: str) -> Source:
    """A context of the kubeconfig that `config` gives at that time."""

    async def resolve() -> Endpoint:
        return await asyncio.to_thread(config().endpoint, context)  # it reads the files that the context names

    return Source(context, "kubeconfig", resolve)


def fixed_source(endpoint: Endpoint, label: str) -> Source:
    """An endpoint that never changes (in-cluster)."""

    async def resolve() -> Endpoint:
        return endpoint

    return Source(endpoint.name, label, resolve)


def dpu_cluster_source(
    host: str, client: Callable[[], Awaitable[Client]], namespace: str, name: str, secret: Callable[[], str]
) -> Source:
    """The cluster that a DPUCluster's Secret leads to. The Secret is read anew on each connect: it is renewed."""

    async def resolve() -> Endpoint:
        return await dpu_cluster_endpoint(await client(), host, namespace, name, secret())

    return Source(target_name(host, namespace, name), "DPUCluster", resolve)


def capi_source(host: str, client: Callable[[], Awaitable[Client]], namespace: str, cluster: str) -> Source:
    """The cluster that a labelled Secret leads to. Only here its data is read, anew on each connect."""

    async def resolve() -> Endpoint:
        return await capi.find(await client(), host, namespace, cluster)

    return Source(capi.cluster_name(host, namespace, cluster), "Cluster API", resolve)


async def dpu_cluster_endpoint(client: Client, host: str, namespace: str, name: str, secret: str) -> Endpoint:
    """Read and resolve one DPUCluster's kubeconfig. Raises KubeError with what is missing."""
    called = target_name(host, namespace, name)
    try:
        return await admin_endpoint(client, called, NamespacedName(namespace, name), secret)
    except TargetError as error:
        raise ConfigError(error.message, cluster=called, hint=error.hint) from None


def same_server(one: Endpoint, other: Endpoint) -> bool:
    """Whether two endpoints lead to the same API server: same address, same authority."""
    return same_address(one.server, other.server) and _authority(one) == _authority(other)


def same_address(one: str, other: str) -> bool:
    """Whether two servers are at the same place, however that is written."""
    try:
        return _place(one) == _place(other)
    except ValueError:  # no address at all
        return False


def _place(server: str) -> tuple[str, int, str]:
    parts = urlsplit(server)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return parts.hostname or "", port, parts.path.rstrip("/")


def _authority(endpoint: Endpoint) -> bytes:
    return b"".join((endpoint.ca or b"").split())
