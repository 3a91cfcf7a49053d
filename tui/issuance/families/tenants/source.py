"""The Secrets that Cluster API labelled with the clusters it made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tui.issuance.families.delivering import ClusterSource
from tui.issuance.families.listing import Noted
from tui.issuance.objects import capi
from tui.issuance.records.entering import SourceKind
from tui.kube.resource import SECRETS

if TYPE_CHECKING:
    from tui.issuance.records.deliveries import Delivered
    from tui.kube.client import Client


def _called(secret: str, found: Noted | None) -> str | None:
    """Its siblings (`-ca`, …) carry the same label and are no clusters."""
    cluster = secret.removesuffix(capi.secret_name(""))
    if secret != capi.secret_name(cluster):
        return None
    return cluster if found is None else capi.cluster_of(secret, found.metadata.labels)


async def _find(client: Client, host: str, namespace: str, name: str, _version: str | None) -> Delivered:
    return await capi.find(client, host, namespace, name)


SOURCES: Final = (
    ClusterSource(
        kind=SourceKind.CLUSTER_API,
        title="Cluster API's kubeconfigs",
        resource=SECRETS,
        type=Noted,
        metadata_only=True,
        labels=capi.CLUSTER_LABEL,
        optional=True,
        builtin=True,
        find=_find,
        called=_called,
        way=lambda found: found.metadata.resource_version,
    ),
)
