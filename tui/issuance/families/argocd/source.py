"""Argo CD's cluster Secrets lead to the clusters that it deploys to."""

from __future__ import annotations

from typing import Final

import msgspec

from tui.issuance.families.delivering import ClusterSource, NotDelivered
from tui.issuance.families.listing import NotedMeta
from tui.issuance.objects.secret_object import SecretObject
from tui.issuance.records.deliveries import Delivered, take
from tui.issuance.records.entering import DeliveredBy, SourceKind, Unusable
from tui.kube.client import Client
from tui.kube.delivered import DeliveredError
from tui.kube.errors import NotFound
from tui.kube.resource import SECRETS

from .secret import LEADS, SELECTOR, is_cluster, kubeconfig


class Labelled(msgspec.Struct, frozen=True):
    """Such a Secret, with its keys: of their values nothing is decoded."""

    metadata: NotedMeta = msgspec.field(default_factory=NotedMeta)
    data: dict[str, msgspec.Raw] | None = None


def _called(secret: str, found: Labelled | None) -> str | None:
    """Others carry the label too, for their own ends: without an address and a `config` they lead nowhere."""
    leads = found is None or (is_cluster(found.metadata.labels) and (found.data or {}).keys() >= LEADS)
    return secret if leads else None


async def _find(client: Client, host: str, namespace: str, name: str, _version: str | None) -> Delivered:
    by, where = DeliveredBy(SourceKind.ARGO_CD, host, namespace, name), f"Secret {namespace}/{name}"
    try:
        found = await client.get(SECRETS, name, namespace=namespace, type=SecretObject)
    except NotFound:
        found = None
    if found is None or not is_cluster(found.metadata.get("labels")) or not found.values().keys() >= LEADS:
        raise NotDelivered(f"{where} is no cluster of Argo CD's", cluster=by.cluster)
    try:
        rendered = kubeconfig(name, found.values())
    except DeliveredError as error:
        problem, hint = error.message, error.hint
    else:
        return take(rendered.reveal_bytes(), by, client.endpoint, where)
    raise Unusable(f"{where}: {problem}", cluster=by.cluster, hint=hint)


SOURCES: Final = (
    ClusterSource(
        kind=SourceKind.ARGO_CD,
        title="Argo CD's clusters",
        resource=SECRETS,
        type=Labelled,
        labels=SELECTOR,
        optional=True,
        builtin=True,
        find=_find,
        called=_called,
        way=lambda found: found.metadata.resource_version,
    ),
)
