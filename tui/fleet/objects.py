"""One object of a cluster as YAML for people: read live, its secret data masked before anybody sees it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from tui.issuance import Clusters, UsageError, dump_yaml, request_kinds
from tui.kube.resource import SECRETS, SERVICE_ACCOUNTS, Resource
from tui.kube.sensitive import MASK

from .rows import AccountRow, CredentialRow, RequestRow, Row

_COPIES: Final = "kubectl.kubernetes.io/last-applied-configuration"


async def object_yaml(clusters: Clusters, row: Row) -> str:
    """The object behind a row. Raises UsageError where there is none, KubeError where it cannot be read."""
    cluster, resource, namespace, name = where_is(row)
    client = await clusters.client(cluster)
    if isinstance(row, RequestRow) and row.kind.any_version:
        version = (await client.discover()).version_of(resource.group, resource.plural)
        if version is None:
            raise UsageError(f"{cluster} does not serve {resource.name}")
        resource = msgspec.structs.replace(resource, version=version)
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
        return row.cluster, row.kind.resource, row.namespace, row.name
    if isinstance(row, CredentialRow):
        address = row.credential.address
        wished = (kind.resource for kind in request_kinds() if kind.address is address.kind)
        if has_object(row):
            return address.cluster, next(wished, SECRETS), address.namespace, address.name
    raise UsageError("there is no object of a cluster behind this row", "YAML is for accounts, requests and Secrets")
