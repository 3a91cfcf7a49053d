"""Cluster API: the Secrets in which a management cluster keeps the admin kubeconfigs of the clusters it made.

The label says which cluster a Secret belongs to. Siblings (`-ca`, `-user-kubeconfig`, …) carry the same label, and a
cluster may itself be called `x-kubeconfig`, so the name must be exactly what the label makes it; it is never cut.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from tui.issuance.records.deliveries import Delivered, take
from tui.issuance.records.entering import DeliveredBy, SourceKind
from tui.kube.errors import ConfigError, NotFound
from tui.kube.resource import SECRETS

from .secret_object import SecretObject

if TYPE_CHECKING:
    from tui.kube.client import Client

CLUSTER_LABEL: Final = "cluster.x-k8s.io/cluster-name"
SECRET_TYPE: Final = "cluster.x-k8s.io/secret"
KEY: Final = "value"
_TYPES: Final = (SECRET_TYPE, "Opaque")
"""Very old versions of Cluster API left the type away."""


def cluster_of(name: str, labels: Mapping[str, str] | None) -> str | None:
    """The cluster whose admin kubeconfig the Secret called `name` holds; None for every other Secret."""
    cluster = (labels or {}).get(CLUSTER_LABEL)
    return cluster if cluster and name == secret_name(cluster) else None


def secret_name(cluster: str) -> str:
    """What the Secret of this cluster is called."""
    return f"{cluster}-kubeconfig"


def cluster_name(host: str, namespace: str, cluster: str) -> str:
    """What kubemint calls a cluster that was found in `host`."""
    return f"{host}/{namespace}/{cluster}"


async def find(client: Client, host: str, namespace: str, cluster: str) -> Delivered:
    """Read one cluster's kubeconfig, anew each time: it is renewed. Whether it is entered is the gate's to say.

    Raises ConfigError with what is missing, Unusable.
    """
    called = cluster_name(host, namespace, cluster)
    where = f"Secret {namespace}/{secret_name(cluster)}"
    found: SecretObject | None
    try:
        found = await client.get(SECRETS, secret_name(cluster), namespace=namespace, type=SecretObject)
    except NotFound:
        found = None
    if found is None:
        raise ConfigError(f"{where} does not exist", cluster=called, hint="Cluster API makes it with the cluster")
    if cluster_of(secret_name(cluster), _labels(found.metadata)) is None or found.type not in _TYPES:
        raise ConfigError(
            f"{where} is not Cluster API's",
            cluster=called,
            hint=f"its label {CLUSTER_LABEL} would name the cluster, and its type be {SECRET_TYPE}",
        )
    data = found.values().get(KEY)
    if not data:
        raise ConfigError(f"{where} has no key {KEY} that can be read", cluster=called)
    by = DeliveredBy(SourceKind.CLUSTER_API, host, namespace, cluster)
    return take(data.reveal_bytes(), by, client.endpoint, f"the key {KEY} of {where}")


def _labels(metadata: Mapping[str, Any]) -> Mapping[str, str]:
    return metadata.get("labels") or {}
