"""From a DPUCluster to the cluster behind it, by the way DPF goes: object, Secret, admin kubeconfig, server."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import yaml

from tui.demo.apiserver.access import Object
from tui.demo.apiserver.faults import ServerState
from tui.demo.apiserver.storage import SECRETS, Storage

from .dpf_kinds import DPU_CLUSTERS

if TYPE_CHECKING:
    from tui.demo.cluster import EmbeddedCluster

ADMIN_KEY: Final = "admin.conf"


class TargetError(Exception):
    """The target cannot be used. `gone` says that it, or its kubeconfig, does not exist."""

    def __init__(self, message: str, *, gone: bool = False) -> None:
        super().__init__(message)
        self.gone = gone


def find_target(
    storage: Storage, clusters: Mapping[str, EmbeddedCluster], namespace: str, name: str
) -> EmbeddedCluster:
    """The embedded cluster that the DPUCluster `namespace`/`name` leads to. Raises `TargetError`."""
    found = storage.get(DPU_CLUSTERS, name, namespace)
    if found is None:
        raise TargetError(f'{DPU_CLUSTERS[1]}.{DPU_CLUSTERS[0]} "{name}" not found', gone=True)
    secret_name = found["spec"].get("kubeconfig")
    if not secret_name:
        raise TargetError(f"DPUCluster {namespace}/{name} has no kubeconfig yet")
    secret = storage.get(SECRETS, secret_name, namespace)
    if secret is None:
        raise TargetError(f'secrets "{secret_name}" not found', gone=True)
    config = (secret.get("data") or {}).get(ADMIN_KEY)
    if not config:
        raise TargetError(f"secret {namespace}/{secret_name} has no key {ADMIN_KEY}")
    server = _server(config, f"secret {namespace}/{secret_name}")
    for cluster in clusters.values():
        if cluster.url == server:
            return cluster
    raise TargetError(f"dial tcp: lookup {server}: no such host")


def _server(config: str, where: str) -> str:
    try:
        document: Object = yaml.load(b64decode(config), yaml.CSafeLoader)
        clusters, users = document["clusters"], document["users"]
        if len(clusters) != 1 or len(users) != 1:
            raise TargetError(f"the kubeconfig in {where} must have exactly one cluster and one user")
        return str(clusters[0]["cluster"]["server"])
    except (yaml.YAMLError, LookupError, TypeError, ValueError) as error:
        raise TargetError(f"the kubeconfig in {where} cannot be read") from error


def check_reachable(cluster: EmbeddedCluster) -> None:
    """Raises `TargetError` where a client could not reach the server now."""
    if cluster.state is ServerState.UNREACHABLE:
        address = cluster.url.removeprefix("https://")
        raise TargetError(f'Post "{cluster.url}": dial tcp {address}: connect: connection refused')
    if cluster.state is ServerState.HANG:
        raise TargetError(f'Post "{cluster.url}": context deadline exceeded')
    if cluster.state is ServerState.LOCKED:
        raise TargetError("Unauthorized")
