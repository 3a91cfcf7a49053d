"""One object of a cluster as YAML for people: read live, its secret data masked before anybody sees it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from tui.issuance import DPU_REQUESTS, Clusters, UsageError, dump_yaml, external_secrets
from tui.kube.resource import CSI_DRIVERS, SECRETS, SERVICE_ACCOUNTS, Resource
from tui.kube.sensitive import MASK

from .rows import AccountRow, CredentialRow, RequestKind, RequestRow, Row

_RESOURCES: Final = {
    RequestKind.DPU: DPU_REQUESTS,
    RequestKind.PUSH: external_secrets.PUSH_SECRETS,
    RequestKind.EXTERNAL: external_secrets.EXTERNAL_SECRETS,
    RequestKind.STORE: external_secrets.STORES,
    RequestKind.CLUSTER_STORE: external_secrets.CLUSTER_STORES,
    RequestKind.CSI: CSI_DRIVERS,
}
_COPIES: Final = "kubectl.kubernetes.io/last-applied-configuration"


async def object_yaml(clusters: Clusters, row: Row) -> str:
    """The object behind a row. Raises UsageError where there is none, KubeError where it cannot be read."""
    cluster, resource, namespace, name = where_is(row)
    client = await clusters.client(cluster)
    if resource.group == external_secrets.GROUP:
        resource = await external_secrets.served(client, resource)
    return dump_yaml(masked(await client.get(resource, name, namespace=namespace or None)))


def has_object(row: Row) -> bool:
    """Whether an object of a cluster stands behind the row."""
    if isinstance(row, CredentialRow):
        address = row.credential.address
        return address.kind.traits.has_object
    return isinstance(row, AccountRow | RequestRow)


def masked(obj: Mapping[str, Any]) -> dict[str, Any]:
    """A copy without material: Secret data as a mask and a size, no copies of it in annotations, no managed fields."""
    result = dict(obj)
    for field in ("data", "stringData"):
        data = result.get(field)
        if result.get("kind", "Secret") == "Secret" and isinstance(data, Mapping):
            result[field] = {key: f"{MASK} ({len(str(value))} characters)" for key, value in data.items()}
    metadata = result.get("metadata")
    if isinstance(metadata, Mapping):
        kept = {key: value for key, value in metadata.items() if key != "managedFields"}
        if isinstance(kept.get("annotations"), Mapping):
            kept["annotations"] = {key: MASK if key == _COPIES else value for key, value in kept["annotations"].items()}
        result["metadata"] = kept
    return result


def where_is(row: Row) -> tuple[str, Resource, str, str]:
    """Cluster, resource, namespace and name of the object behind a row. Raises UsageError where there is none."""
    if isinstance(row, AccountRow):
        return row.identity.cluster, SERVICE_ACCOUNTS, row.identity.namespace, row.identity.name
    if isinstance(row, RequestRow):
        return row.cluster, _RESOURCES[row.kind], row.namespace, row.name
    if isinstance(row, CredentialRow):
        address = row.credential.address
        if address.kind.traits.wished:
            return address.cluster, DPU_REQUESTS, address.namespace, address.name
        if has_object(row):
            return address.cluster, SECRETS, address.namespace, address.name
    raise UsageError("there is no object of a cluster behind this row", "YAML is for accounts, requests and Secrets")
