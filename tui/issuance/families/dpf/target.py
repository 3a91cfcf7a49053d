"""From a request to the cluster it is for: DPUCluster, its kubeconfig Secret, the key admin.conf, an endpoint.

The reference controller demands a kubeconfig with exactly one user and one cluster; here current-context decides, as
for kubectl. The Secret is read anew each time, because whoever runs the cluster renews it.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from tui.issuance.errors import IssuanceError
from tui.issuance.families.registry import find_delivered
from tui.issuance.model.clusters import Clusters, Guard, unguarded, unknown_cluster
from tui.issuance.objects.secret_object import SecretObject
from tui.issuance.records.deliveries import CLOSED, Delivered, Gate, take
from tui.issuance.records.entering import DeliveredBy, SourceKind
from tui.kube.addresses import same_place
from tui.kube.answers import insist_gone
from tui.kube.client import Client
from tui.kube.endpoint import Endpoint
from tui.kube.errors import KubeError, NotFound
from tui.kube.resource import SECRETS

from .objects import NamespacedName, cluster_name, parse_cluster
from .resources import ADMIN_KEY, DPU_CLUSTERS

HOST_CLUSTER_NAME = "incluster"
"""What the reference controller calls the host cluster in the kubeconfigs it writes for it."""


class TargetError(IssuanceError):
    """The target cluster cannot be found out."""


class NoDPUCluster(TargetError):
    """The DPUCluster itself does not exist, and what was made in it went with it; their kind may not be served at all.

    Where only its kubeconfig is missing everything in it is still there: it may be renewed just now, or taken away.
    """


@dataclass(frozen=True, slots=True)
class Target:
    """The cluster a request is for. `uid` is the DPUCluster's, empty for the host cluster."""

    name: str
    endpoint: Endpoint
    uid: str = ""


async def resolve(host: Client, host_name: str, wanted: NamespacedName | None, gate: Gate = CLOSED) -> Target:
    """Where the DPUCluster `wanted` leads to, or the host cluster itself.

    Raises TargetError, NoDPUCluster, NotEntered where the gate does not let it in, KubeError.
    """
    if wanted is None:
        return Target(host_name, replace(host.endpoint, cluster_name=HOST_CLUSTER_NAME))
    try:
        found, uid = await of_dpu_cluster(host, host_name, wanted)
    except NoDPUCluster as error:
        if isinstance(error.__cause__, NotFound):
            insist_gone(error.__cause__)  # where there are requests for such clusters, their kind is served
        raise
    return Target(cluster_name(host_name, wanted), await gate.admit(found), uid)


async def of_dpu_cluster(host: Client, host_name: str, wanted: NamespacedName) -> tuple[Delivered, str]:
    """What a DPUCluster delivers, and its UID. Raises NoDPUCluster, TargetError; the gate is not asked."""
    try:
        found = parse_cluster(host_name, await host.get(DPU_CLUSTERS, wanted.name, namespace=wanted.namespace))
    except NotFound as error:
        raise NoDPUCluster(f"DPUCluster {wanted} does not exist in {host_name}") from error
    return await delivered(host, host_name, wanted, found.kubeconfig, found.phase), found.uid


async def delivered(host: Client, host_name: str, wanted: NamespacedName, secret: str, phase: str = "") -> Delivered:
    """What the kubeconfig in the Secret that a DPUCluster names says. Raises like `resolve`; the gate is not asked."""
    if not secret:
        said = f" (phase {phase})" if phase else ""
        raise TargetError(f"DPUCluster {wanted} names no kubeconfig Secret yet{said}", "wait until it is ready")
    where = f"Secret {wanted.namespace}/{secret}"
    try:
        found = await host.get(SECRETS, secret, namespace=wanted.namespace, type=SecretObject)
    except NotFound:
        raise TargetError(
            f"{where} with the kubeconfig of DPUCluster {wanted} does not exist", "wait until it is there again"
        ) from None
    by = DeliveredBy(SourceKind.DPU_CLUSTER, host_name, wanted.namespace, wanted.name)
    return take(_kubeconfig(found, where), by, host.endpoint, f"the key {ADMIN_KEY} of {where}")


def _kubeconfig(secret: SecretObject, where: str) -> bytes:
    encoded = (secret.data or {}).get(ADMIN_KEY)
    if not encoded:
        raise TargetError(f"{where} has no key {ADMIN_KEY}", "it should hold the cluster's admin kubeconfig")
    try:
        data = base64.b64decode(encoded.reveal_bytes(), validate=True)
    except binascii.Error:
        data = b""
    if not data:
        raise TargetError(f"the key {ADMIN_KEY} of {where} is not base64")
    return data


class TargetClusters:
    """The clusters someone knows, and beyond them every cluster that is delivered in them, as `HOST/NAMESPACE/NAME`.

    So a handle in a DPU cluster can be found again by name after a restart. A delivered cluster is entered with the
    login that was delivered, where the `gate` lets it in. Through the clients of clusters that the `guard` protects
    nothing can be changed. Close it with `aclose`.
    """

    def __init__(self, known: Clusters, guard: Guard = unguarded, gate: Gate = CLOSED) -> None:
        self._known = known
        self._guard = guard
        self.gate = gate
        self._targets: dict[str, Target] = {}
        self._clients: dict[str, Client] = {}
        self._retired: list[Client] = []
        self._contexts: dict[str, tuple[str, ...]] = {}
        """Known clusters that are not delivered, by the place of a server that they lead to."""

    def names(self) -> Sequence[str]:
        return self._known.names()

    def endpoint(self, name: str) -> Endpoint:
        if name in self._targets and name not in self._known.names():
            return self._targets[name].endpoint
        return self._known.endpoint(name)

    async def client(self, name: str) -> Client:
        if name in self._known.names():
            return self._guarded(name, await self._known.client(name))
        host_name, wanted = self._split(name)
        host = self._guarded(host_name, await self._known.client(host_name))
        endpoint = await self.gate.admit(await find_delivered(host, host_name, wanted.namespace, wanted.name))
        known = self._targets.get(name)
        return self._entered(Target(name, endpoint, known.uid if known is not None else ""), host)

    async def target(self, host_name: str, wanted: NamespacedName | None) -> tuple[Target, Client]:
        """The cluster of a request and a client that enters it the way the DPUCluster's Secret says."""
        host = self._guarded(host_name, await self._known.client(host_name))
        target = await resolve(host, host_name, wanted, self.gate)
        return target, host if wanted is None else self._entered(target, host)

    async def aclose(self) -> None:
        """Close what was opened here; the known clusters' clients belong to others."""
        clients = [*self._clients.values(), *self._retired]
        self._clients, self._retired, self._targets = {}, [], {}
        for client in clients:
            await client.close()

    def _entered(self, target: Target, host: Client) -> Client:
        before = self._targets.get(target.name)
        if before is None or before.endpoint != target.endpoint:
            if target.name in self._clients:  # someone may still be using it
                self._retired.append(self._clients[target.name])
            self._clients[target.name] = Client(target.endpoint, wall=host.wall)
        self._targets[target.name] = target
        return self._guarded(target.name, self._clients[target.name])

    def _guarded(self, name: str, client: Client) -> Client:
        """What is protected stays so whichever way leads there: a delivered way has another name."""
        names = (name, *self._contexts_at(client.endpoint.server)) if client.endpoint.delivered else (name,)
        client.read_only = next((why for each in names if (why := self._guard(each))), "")
        return client

    def _contexts_at(self, server: str) -> tuple[str, ...]:
        if server not in self._contexts:
            found = []
            for name in self._known.names():
                with contextlib.suppress(KubeError):
                    endpoint = self._known.endpoint(name)
                    if not endpoint.delivered and same_place(endpoint.server, server):
                        found.append(name)
            self._contexts[server] = tuple(found)
        return self._contexts[server]

    def _split(self, name: str) -> tuple[str, NamespacedName]:
        parts = name.rsplit("/", 2)
        if len(parts) != 3 or not all(parts) or parts[0] not in self._known.names():
            raise unknown_cluster(name, self._known.names())
        return parts[0], NamespacedName(parts[1], parts[2])
