"""The objects around a tenant as YAML for people: what is written for it, and what it makes of what it was given.

Nothing here holds material. What is still to be read or issued is a mask.
"""

from __future__ import annotations

import contextlib
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from tui.issuance.errors import UsageError
from tui.issuance.objects import external_secrets as eso, managed
from tui.kube.errors import KubeError
from tui.kube.sensitive import MASK

if TYPE_CHECKING:
    from tui.issuance.model.clusters import Clusters

    from .wish import TenantPush

_EXAMPLE: Final = "example"
"""What a tenant would fetch, where it is not known yet."""


async def tenant_manifests(clusters: Clusters, wish: TenantPush) -> list[dict[str, Any]]:
    """The tenant's own objects, in the version its External Secrets serves (the newest where that cannot be asked)."""
    stores, secrets = eso.CLUSTER_STORES, eso.EXTERNAL_SECRETS
    with contextlib.suppress(UsageError, KubeError):
        client = await clusters.client(wish.tenant)
        stores, secrets = await eso.served(client, stores), await eso.served(client, secrets)
    server = clusters.endpoint(wish.identity.cluster).server
    where = (wish.remote_namespace, wish.remote_secret)
    found = [eso.tenant_store(stores, server, wish.identity.namespace, where)]
    return found + [eso.external_secret(secrets, name, "default", wish.interval) for name in wish.reads or (_EXAMPLE,)]


def push_preview(wish: TenantPush, server: str) -> list[dict[str, Any]]:
    """Everything that a push writes, and last what the tenant makes of it. Asks no server."""
    from tui.issuance.tokens.tenant_rights import Rights

    found = Rights(wish.identity, wish.reads).manifests() if wish.reads else []
    place = wish.destination
    data = dict.fromkeys(eso.PUSH_KEYS, MASK)
    labels = {managed.MANAGED_BY: managed.MANAGER, managed.ROLE: managed.Role.CREDENTIAL.value}
    metadata = {"name": place.name, "namespace": place.namespace, "labels": labels}
    found.append({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "Opaque", "data": data})
    if place.push is not None:
        found.append(eso.push_secret(place.push, place.namespace, place.name, MASK))
    where = (wish.remote_namespace, wish.remote_secret)
    found.append(eso.tenant_store(eso.CLUSTER_STORES, server, wish.identity.namespace, where))
    for name in wish.reads or (_EXAMPLE,):
        found.append(eso.external_secret(eso.EXTERNAL_SECRETS, name, "default", wish.interval))
    return found


def store_preview(namespace: str, cluster: str, server: str) -> list[dict[str, Any]]:
    """The Secret and the SecretStore for a cluster of Cluster API, before its kubeconfig was read."""
    name = eso.auth_name(cluster)
    metadata = {
        "name": name,
        "namespace": namespace,
        "labels": {managed.MANAGED_BY: managed.MANAGER, **eso.AUTH_LABELS},
    }
    data = dict.fromkeys((eso.CA, eso.CERT, eso.CERT_KEY), MASK)
    auth = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "Opaque", "data": data}
    return [auth, eso.secret_store(eso.STORES, cluster, namespace, server)]


def gap_of(wish: TenantPush, default: timedelta) -> str:
    """The renewal gap of a push by External Secrets; empty where there is none."""
    return eso.gap(wish.interval, wish.duration or default) if wish.external_secrets else ""
