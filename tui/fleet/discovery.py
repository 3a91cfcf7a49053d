"""Where clusters come from: the contexts of a kubeconfig, and the clusters that a cluster itself knows of.

A DPUCluster names a Secret with its admin kubeconfig; a cluster of Cluster API is known by such a Secret's label. Both
become clusters of the fleet called `HOST/NAMESPACE/NAME`, unless something already leads to the same server: then that
name is an alias of it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from tui.issuance import capi
from tui.issuance.dpf.resources import ADMIN_KEY, target_name
from tui.kube.client import Client
from tui.kube.endpoint import Endpoint
from tui.kube.errors import ConfigError, NotFound
from tui.kube.kubeconfig import KubeConfig, parse
from tui.kube.resource import SECRETS

from .cluster_tasks import Source


def context_source(config: Callable[[], KubeConfig], context: str) -> Source:
    """A context of the kubeconfig that `config` gives at that time."""

    async def resolve() -> Endpoint:
        return config().endpoint(context)

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
    cluster = target_name(host, namespace, name)
    if not secret:
        raise ConfigError(f"DPUCluster {namespace}/{name} names no kubeconfig Secret yet", cluster=cluster)
    where = f"Secret {namespace}/{secret}"
    try:
        obj: Mapping[str, Any] = await client.get(SECRETS, secret, namespace=namespace)
    except NotFound:
        obj = {}
    if not obj:
        raise ConfigError(f"{where} of DPUCluster {name} does not exist", cluster=cluster)
    encoded = (obj.get("data") or {}).get(ADMIN_KEY)
    if not encoded:
        raise ConfigError(f"{where} has no key {ADMIN_KEY}", cluster=cluster)
    try:
        data = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        data = b""
    if not data:
        raise ConfigError(f"key {ADMIN_KEY} of {where} is not base64", cluster=cluster)
    config = parse(data)
    context = config.current_context or next(iter(config.contexts), "")
    return replace(config.endpoint(context or None), name=cluster)


def same_server(one: Endpoint, other: Endpoint) -> bool:
    """Whether two endpoints lead to the same API server: same address, same authority."""
    return _place(one) == _place(other)


def _place(endpoint: Endpoint) -> tuple[str, str, str]:
    parts = urlsplit(endpoint.server)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    authority = hashlib.sha256(b"".join((endpoint.ca or b"").split())).hexdigest()
    return f"{(parts.hostname or '').lower()}:{port}", parts.path.rstrip("/"), authority
