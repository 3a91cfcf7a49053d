"""A host cluster with DPF's definitions and two DPU clusters, embedded or real, for tests that keep requests."""

from __future__ import annotations

import base64
import contextlib
import itertools
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.controlplane import RealControlPlane
from tui.demo.operators.dpf_kinds import MANAGEMENT_CRDS
from tui.demo.running import FleetThread
from tui.issuance.families.dpf import DPU_CLUSTERS, DPU_REQUESTS, DPURequest, parse
from tui.issuance.families.dpf.keeper import Keeper, Rest
from tui.issuance.families.dpf.target import TargetClusters
from tui.issuance.formats.kubeconfig import kubeconfig
from tui.issuance.formats.yaml_text import dump
from tui.issuance.model.clusters import KubeconfigClusters
from tui.issuance.model.types import Identity
from tui.issuance.objects.secret_object import SecretObject
from tui.kube import kubeconfig as loading
from tui.kube.client import Client
from tui.kube.endpoint import Endpoint
from tui.kube.errors import APIError, Conflict, KubeError, NotFound, Unauthorized
from tui.kube.resource import NAMESPACES, SECRETS, SERVICE_ACCOUNTS, Resource
from tui.kube.sensitive import Sensitive

CRDS = Resource("apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", namespaced=False)
_NUMBERS = itertools.count(1)


class Clock:
    """The real time, and what a test adds to it."""

    def __init__(self) -> None:
        self.ahead = timedelta(0)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


CLOCK = Clock()
"""The clock of the embedded fleet that a module's tests share; it only ever moves on."""


@dataclass
class Place:
    """One side, and a keeper on it. Each place has namespaces of its own."""

    side: str
    config: Path
    host: str
    members: tuple[str, ...]
    """The contexts behind the DPUClusters, which are called the same."""
    clock: Clock
    fleet: FleetThread | None = None
    grace: timedelta = timedelta(0)
    wall: Callable[[], float] = time.time
    """The clock of this machine, as clients measure the servers' by it."""
    ns: str = field(init=False)

    async def __aenter__(self) -> Place:
        self.ns = f"dpf-{next(_NUMBERS)}"
        self.known = KubeconfigClusters(str(self.config), wall=self.wall)
        self.clusters = TargetClusters(self.known)
        self.keeper = Keeper(self.clusters, clock=self.clock, grace=self.grace)
        self.client = await self.known.client(self.host)
        await self._define()
        for name in (self.host, *self.members):
            await (await self.known.client(name)).create(NAMESPACES, {"metadata": {"name": self.ns}})
        for name in self.members:
            await self.dpu_cluster(name, name)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self.fleet is not None:
            self.faults(clear=True)
        await self._leave()
        await self.clusters.aclose()
        await self.known.aclose()

    async def _leave(self) -> None:
        """Its DPUClusters go: whoever looks at the whole fleet afterwards would enter those of every test."""
        with contextlib.suppress(KubeError):
            for found in await self.client.list(DPU_CLUSTERS, namespace=self.ns, metadata_only=True):
                await self.client.delete(DPU_CLUSTERS, found["metadata"]["name"], namespace=self.ns)

    async def _define(self) -> None:
        if self.fleet is not None:
            return
        for definition in MANAGEMENT_CRDS:
            try:
                await self.client.create(CRDS, definition)
            except Conflict:
                continue
        await _served(self.client)

    async def dpu_cluster(self, name: str, context: str, **spec: Any) -> None:
        """A DPUCluster `name` that leads to `context`, by its Secret with an admin kubeconfig."""
        endpoint = self.known.endpoint(context)
        secret = {"metadata": {"name": f"{name}-admin"}, "data": {"admin.conf": admin_conf(endpoint)}}
        await self.client.apply(SECRETS, f"{name}-admin", secret, namespace=self.ns, force=True)
        obj = {
            "apiVersion": DPU_CLUSTERS.api_version,
            "kind": DPU_CLUSTERS.kind,
            "metadata": {"name": name},
            "spec": {"type": "static", "version": "v1.30", "kubeconfig": f"{name}-admin"} | spec,
        }
        await self.client.create(DPU_CLUSTERS, obj, namespace=self.ns)

    async def want(self, name: str = "req", **spec: Any) -> DPURequest:
        """A new request; by default a kubeconfig of an hour for an account in the first DPU cluster."""
        wanted: dict[str, Any] = {
            "type": "kubeconfig",
            "duration": "1h",
            "serviceAccount": {"name": "test-service-account", "namespace": self.ns},
            "targetCluster": {"name": self.members[0], "namespace": self.ns},
            "secret": {"name": "out", "namespace": self.ns},
        } | spec
        wanted = {key: value for key, value in wanted.items() if value is not None}
        obj = {
            "apiVersion": DPU_REQUESTS.api_version,
            "kind": DPU_REQUESTS.kind,
            "metadata": {"name": name},
            "spec": wanted,
        }
        return parse(self.host, await self.client.create(DPU_REQUESTS, obj, namespace=self.ns))

    async def keep(self, name: str = "req", *, ok: bool = True, **options: Any) -> Rest:
        """Reconcile, and insist on how it went."""
        rest = await self.keeper.reconcile(self.host, self.ns, name, **options)
        assert (rest.error == "") is ok, rest
        return rest

    async def read(self, name: str = "req") -> DPURequest:
        """The request as it is."""
        return parse(self.host, await self.client.get(DPU_REQUESTS, name, namespace=self.ns))

    async def change(self, name: str = "req", **spec: Any) -> None:
        """Merge into the request's spec."""
        await self.client.patch(DPU_REQUESTS, name, {"spec": spec}, namespace=self.ns)

    async def status(self, name: str = "req", **status: Any) -> None:
        """Merge into the request's status, as another controller would."""
        await self.client.patch(DPU_REQUESTS, name, {"status": status}, namespace=self.ns, subresource="status")

    async def delete(self, name: str = "req") -> None:
        """Delete the request; its finalizer holds it."""
        await self.client.delete(DPU_REQUESTS, name, namespace=self.ns)

    async def secret(self, name: str = "out") -> SecretObject:
        """The output Secret."""
        return await self.client.get(SECRETS, name, namespace=self.ns, type=SecretObject)

    async def token(self, name: str = "out") -> Sensitive:
        """The token in an output Secret of type kubeconfig."""
        config = loading.parse((await self.secret(name)).values()["kubeconfig"].reveal_bytes())
        token = config.endpoint().login.token
        assert token is not None
        return token

    async def member(self, number: int = 0) -> Client:
        """The administrator's way into a DPU cluster."""
        return await self.known.client(self.members[number])

    async def account(self, name: str = "test-service-account", number: int = 0) -> Mapping[str, Any] | None:
        """A service account in a DPU cluster."""
        try:
            found: dict[str, Any] = await (await self.member(number)).get(SERVICE_ACCOUNTS, name, namespace=self.ns)
        except NotFound:
            return None
        return found

    async def handles(self, number: int = 0) -> list[str]:
        """The names of the handles in a DPU cluster."""
        client = await self.member(number)
        found = await client.list(SECRETS, namespace=self.ns, labels="kubemint.io/role=handle", metadata_only=True)
        return [item["metadata"]["name"] for item in found]

    async def works(self, token: Sensitive, number: int = 0) -> bool:
        """Whether a DPU cluster accepts the token."""
        async with Client(self.known.endpoint(self.members[number]).with_token(token)) as bearer:
            try:
                await bearer.get(SERVICE_ACCOUNTS, "default", namespace=self.ns)
            except Unauthorized:
                return False
            except APIError:
                return True
            return True

    async def refused(self, token: Sensitive, number: int = 0) -> bool:
        """Whether the token is dead once the ten seconds are over for which API servers remember a good one.

        The real servers' ten seconds would be waited for; that they end so is the contract suite's business.
        """
        if self.side == "real":
            return True
        self.clock.ahead += timedelta(seconds=11)
        return not await self.works(token, number)

    def faults(self, name: str = "", rule: Any = None, *, clear: bool = False) -> None:
        """Put a fault rule on an embedded cluster, or take all away."""
        assert self.fleet is not None

        async def work(fleet: Any) -> None:
            for cluster in fleet.clusters.values():
                if clear:
                    cluster.faults.clear()
            if rule is not None:
                fleet.cluster(name).faults.add(rule)

        self.fleet.call(work)


def admin_conf(endpoint: Endpoint) -> str:
    """The base64 of an administrator's kubeconfig for this endpoint."""
    token = endpoint.login.token
    if token is not None:
        text = kubeconfig(token, endpoint, Identity("", "default", "kubernetes-admin")).reveal_bytes()
    else:
        assert endpoint.login.client_certificate is not None
        assert endpoint.login.client_key is not None
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [
                {
                    "name": endpoint.cluster_name,
                    "cluster": {"server": endpoint.server, "certificate-authority-data": _b64(endpoint.ca or b"")},
                }
            ],
            "users": [
                {
                    "name": "admin",
                    "user": {
                        "client-certificate-data": _b64(endpoint.login.client_certificate),
                        "client-key-data": _b64(endpoint.login.client_key.reveal_bytes()),
                    },
                }
            ],
            "contexts": [{"name": "admin", "context": {"cluster": endpoint.cluster_name, "user": "admin"}}],
            "current-context": "admin",
        }
        text = dump(document).encode()
    return _b64(text)


def embedded_place(fleet: FleetThread, clock: Clock) -> Place:
    """The embedded fleet's management cluster with two of its tenants."""
    place = Place("embedded", fleet.kubeconfig, "harbor", ("tenant-a", "tenant-c"), clock, fleet)
    if fleet._options.get("clock") is clock:  # it moves with the servers'
        place.wall = lambda: clock().timestamp()
    return place


def real_place(plane: RealControlPlane) -> Place:
    """The real control plane: one API server is the host, the other the DPU cluster."""
    return Place("real", plane.kubeconfig, "real", ("real-2",), Clock())


async def _served(client: Client) -> None:
    """Wait until the API server serves what was defined."""
    import asyncio

    for _ in range(100):
        try:
            await client.list(DPU_REQUESTS)
            await client.list(DPU_CLUSTERS)
        except KubeError:
            await asyncio.sleep(0.1)
        else:
            return
    raise AssertionError("the definitions are not served")


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()
