"""From a request to the cluster it is for: DPUCluster, its kubeconfig Secret, the key admin.conf, an endpoint.

The reference controller demands a kubeconfig with exactly one user and one cluster; here current-context decides, as
for kubectl. The Secret is read anew each time, because whoever runs the cluster renews it.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass, replace

from tui.issuance.clusters import Clusters, Guard, unguarded, unknown_cluster
from tui.issuance.errors import IssuanceError
from tui.issuance.secret_place import SecretObject
from tui.kube.client import Client
from tui.kube.endpoint import Endpoint
from tui.kube.errors import KubeError, NotFound
from tui.kube.kubeconfig import parse
from tui.kube.resource import SECRETS

from .objects import NamespacedName, cluster_name, parse_cluster
from .resources import ADMIN_KEY, DPU_CLUSTERS

HOST_CLUSTER_NAME = "incluster"
"""What the reference controller calls the host cluster in the kubeconfigs it writes for it."""


class TargetError(IssuanceError):
    """The target cluster cannot be found out."""


class TargetGone(TargetError):
    """The DPUCluster, or the Secret with its kubeconfig, does not exist (any more)."""


@dataclass(frozen=True, slots=True)
class Target:
    """The cluster a request is for. `uid` is the DPUCluster's, empty for the host cluster."""

    name: str
    endpoint: Endpoint
    uid: str = ""


async def resolve(host: Client, host_name: str, wanted: NamespacedName | None) -> Target:
    """Where the DPUCluster `wanted` leads to, or the host cluster itself. Raises TargetError, TargetGone, KubeError."""
    if wanted is None:
        return Target(host_name, replace(host.endpoint, cluster_name=HOST_CLUSTER_NAME))
    name = cluster_name(host_name, wanted)
    try:
        found = parse_cluster(host_name, await host.get(DPU_CLUSTERS, wanted.name, namespace=wanted.namespace))
    except NotFound:
        raise TargetGone(f"DPUCluster {wanted} does not exist in {host_name}") from None
    return Target(name, await admin_endpoint(host, name, wanted, found.kubeconfig, found.phase), found.uid)


async def admin_endpoint(host: Client, name: str, wanted: NamespacedName, secret: str, phase: str = "") -> Endpoint:
    """Where the kubeconfig in the Secret that a DPUCluster names leads to, called `name`. Raises like `resolve`."""
    if not secret:
        said = f" (phase {phase})" if phase else ""
        raise TargetError(f"DPUCluster {wanted} names no kubeconfig Secret yet{said}", "wait until it is ready")
    where = f"Secret {wanted.namespace}/{secret}"
    try:
        found = await host.get(SECRETS, secret, namespace=wanted.namespace, type=SecretObject)
    except NotFound:
        raise TargetGone(f"{where} with the kubeconfig of DPUCluster {wanted} does not exist") from None
    return replace(_endpoint(found, where), name=name)


def _endpoint(secret: SecretObject, where: str) -> Endpoint:
    encoded = (secret.data or {}).get(ADMIN_KEY)
    if not encoded:
        raise TargetError(f"{where} has no key {ADMIN_KEY}", "it should hold the cluster's admin kubeconfig")
    try:
        data = base64.b64decode(encoded.reveal_bytes(), validate=True)
    except binascii.Error:
        data = b""
    if not data:
        raise TargetError(f"the key {ADMIN_KEY} of {where} is not base64")
    try:
        config = parse(data)
        only = next(iter(config.contexts)) if len(config.contexts) == 1 else None
        return config.endpoint(config.current_context or only)
    except KubeError as error:
        message = error.message
    raise TargetError(f"the key {ADMIN_KEY} of {where} is not a kubeconfig that can be used: {message}")


class TargetClusters:
    """The clusters somebody knows, and beyond them every DPUCluster in them, as `HOST/NAMESPACE/NAME`.

    So a handle in a DPU cluster can be found again by name after a restart. Through the clients of clusters that the
    `guard` protects nothing can be changed. Close it with `aclose`.
    """

    def __init__(self, known: Clusters, guard: Guard = unguarded) -> None:
        self._known = known
        self._guard = guard
        self._targets: dict[str, Target] = {}
        self._clients: dict[str, Client] = {}
        self._retired: list[Client] = []

    def names(self) -> Sequence[str]:
        return self._known.names()

    def endpoint(self, name: str) -> Endpoint:
        if name in self._targets and name not in self._known.names():
            return self._targets[name].endpoint
        return self._known.endpoint(name)

    async def client(self, name: str) -> Client:
        if name in self._known.names():
            return self._guarded(name, await self._known.client(name))
        host, wanted = self._split(name)
        return (await self.target(host, wanted))[1]

    async def target(self, host_name: str, wanted: NamespacedName | None) -> tuple[Target, Client]:
        """The cluster of a request and a client that enters it the way the DPUCluster's Secret says."""
        host = self._guarded(host_name, await self._known.client(host_name))
        target = await resolve(host, host_name, wanted)
        if wanted is None:
            return target, host
        before = self._targets.get(target.name)
        if before != target:
            if target.name in self._clients:  # somebody may still be using it
                self._retired.append(self._clients[target.name])
            self._targets[target.name] = target
            self._clients[target.name] = Client(target.endpoint, wall=host.wall)
        return target, self._guarded(target.name, self._clients[target.name])

    async def aclose(self) -> None:
        """Close what was opened here; the known clusters' clients belong to others."""
        clients = [*self._clients.values(), *self._retired]
        self._clients, self._retired, self._targets = {}, [], {}
        for client in clients:
            await client.close()

    def _guarded(self, name: str, client: Client) -> Client:
        client.read_only = self._guard(name)
        return client

    def _split(self, name: str) -> tuple[str, NamespacedName]:
        parts = name.rsplit("/", 2)
        if len(parts) != 3 or not all(parts) or parts[0] not in self._known.names():
            raise unknown_cluster(name, self._known.names())
        return parts[0], NamespacedName(parts[1], parts[2])
