"""DPUClusters: each names a Secret with its admin kubeconfig."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from tui.issuance.families.delivering import ClusterSource, NotDelivered
from tui.issuance.families.listing import NotedMeta
from tui.issuance.records.entering import SourceKind
from tui.kube.errors import ConfigError

from .objects import NamespacedName
from .resources import DPU_CLUSTERS, target_name
from .target import NoDPUCluster, TargetError, delivered, of_dpu_cluster

if TYPE_CHECKING:
    from tui.issuance.records.deliveries import Delivered
    from tui.kube.client import Client


class _Spec(msgspec.Struct, frozen=True):
    kubeconfig: str = ""


class _Condition(msgspec.Struct, frozen=True):
    type: str = ""
    reason: str = ""
    message: str = ""


class _Status(msgspec.Struct, frozen=True):
    phase: str = ""
    conditions: tuple[_Condition, ...] | None = None


class Leading(msgspec.Struct, frozen=True):
    """The part of a DPUCluster that says where it leads, and how it stands."""

    metadata: NotedMeta = msgspec.field(default_factory=NotedMeta)
    spec: _Spec = msgspec.field(default_factory=_Spec)
    status: _Status = msgspec.field(default_factory=_Status)


def _says(found: Leading) -> tuple[str, str]:
    ready = (one for one in found.status.conditions or () if one.type == "Ready")
    return found.status.phase, next((one.message or one.reason for one in ready), "")


async def _find(client: Client, host: str, namespace: str, name: str, secret: str | None) -> Delivered:
    wanted = NamespacedName(namespace, name)
    try:
        if secret is not None:
            return await delivered(client, host, wanted, secret)
        return (await of_dpu_cluster(client, host, wanted))[0]
    except NoDPUCluster as error:
        raise NotDelivered(error.message, cluster=target_name(host, namespace, name)) from None
    except TargetError as error:
        raise ConfigError(error.message, cluster=target_name(host, namespace, name), hint=error.hint) from None


SOURCES: Final = (
    ClusterSource(
        kind=SourceKind.DPU_CLUSTER,
        title="DPUClusters",
        resource=DPU_CLUSTERS,
        type=Leading,
        find=_find,
        way=lambda found: found.spec.kubeconfig,
        says=_says,
        reads="the kubeconfig of each DPUCluster, to reach it as a cluster",
    ),
)
