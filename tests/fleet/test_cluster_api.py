"""Clusters that Cluster API made, found by the label of their kubeconfig Secrets."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from tests.fleet.conftest import over, until
from tests.issuance.tenancy import one_context
from tui.demo import EmbeddedFleet
from tui.fleet.rows import Reach
from tui.issuance.capi import CLUSTER_LABEL, SECRET_TYPE
from tui.issuance.dpf import DPU_CLUSTERS
from tui.kube.client import Client
from tui.kube.resource import SECRETS

NAME = "harbor/clusters/tenant-a"


async def remove_dpu_clusters(client: Client) -> None:
    for found in await client.list(DPU_CLUSTERS):
        await client.delete(DPU_CLUSTERS, found["metadata"]["name"], namespace=found["metadata"]["namespace"])


def secret(name: str, label: str, config: bytes, **changes: Any) -> dict[str, Any]:
    metadata = {"name": name, "labels": {CLUSTER_LABEL: label}}
    data = {"value": base64.b64encode(config).decode()}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": SECRET_TYPE, "data": data} | changes


async def test_j17_a_labelled_secret_is_a_cluster(two: EmbeddedFleet, tmp_path: Path) -> None:
    async with over(two, tmp_path, only=["harbor"]) as fleet:
        client = await fleet.client("harbor")
        await remove_dpu_clusters(client)
        await until(lambda: NAME in fleet.store.clusters, "it is a cluster")
        await until(lambda: fleet.store.clusters[NAME].reach is Reach.READY, "and connected")
        assert fleet.store.clusters[NAME].source == "Cluster API"
        assert fleet.endpoint(NAME).server == two.cluster("tenant-a").url
        await client.delete(SECRETS, "tenant-a-kubeconfig", namespace="clusters")
        await until(lambda: NAME not in fleet.store.clusters, "it goes with its Secret")


async def test_j17_a_context_to_the_same_server_is_not_shown_twice(two: EmbeddedFleet, tmp_path: Path) -> None:
    async with over(two, tmp_path) as fleet:
        seen: set[str] = set()
        fleet.store.subscribe(lambda change: seen.update(fleet.store.clusters))
        await until(lambda: NAME in fleet.names(), "it is found")
        assert await fleet.settled(20)
        assert await fleet.client(NAME) is await fleet.client("tenant-a")
        apart = ("DPUCluster", "Gardener shoot")  # tenant-next is not there yet, and nobody enters a shoot
        assert {row.name for row in fleet.store.clusters.values() if row.source not in apart} == {"harbor", "tenant-a"}
        assert "harbor" in seen
        assert not [name for name in seen if name.endswith("/tenant-a")], "a double never has a row, not even at first"


async def test_two_ways_to_one_cluster_are_one_row_and_the_second_outlives_the_first(
    two: EmbeddedFleet, tmp_path: Path
) -> None:
    def shown() -> list[str]:
        return [name for name in fleet.store.clusters if name.endswith("/tenant-a")]

    async with over(two, tmp_path, only=["harbor"]) as fleet:
        await until(lambda: len(shown()) == 1 and fleet.store.clusters[shown()[0]].reach is Reach.READY, "one of two")
        first = shown()[0]
        client = await fleet.client("harbor")
        if first == NAME:
            await client.delete(SECRETS, "tenant-a-kubeconfig", namespace="clusters")
        else:
            await remove_dpu_clusters(client)
        await until(lambda: shown() and shown() != [first], "the other one")
        await until(lambda: fleet.store.clusters[shown()[0]].reach is Reach.READY, "and connected")


async def test_a_renewed_secret_is_read_anew(two: EmbeddedFleet, tmp_path: Path) -> None:
    broken = b"apiVersion: v1\nkind: Config\n"
    async with over(two, tmp_path, only=["harbor"]) as fleet:
        client = await fleet.client("harbor")
        await remove_dpu_clusters(client)
        await client.delete(SECRETS, "tenant-a-kubeconfig", namespace="clusters")
        await client.create(SECRETS, secret("late-kubeconfig", "late", broken), namespace="clusters")
        late = "harbor/clusters/late"
        await until(lambda: late in fleet.store.clusters, "found")
        await until(lambda: fleet.store.clusters[late].message, "but of no use")
        config = one_context(two.kubeconfig, "tenant-a")
        renewed = secret("late-kubeconfig", "late", config)
        await client.patch(SECRETS, "late-kubeconfig", {"data": renewed["data"]}, namespace="clusters")
        await until(lambda: fleet.store.clusters[late].reach is Reach.READY, "renewed")


async def test_j17_siblings_and_lookalikes_are_not_clusters(two: EmbeddedFleet, tmp_path: Path) -> None:
    async with over(two, tmp_path, only=["harbor"]) as fleet:
        client = await fleet.client("harbor")
        await client.create(SECRETS, secret("x-user-kubeconfig", "x", b"a"), namespace="clusters")
        await client.create(SECRETS, secret("x-ca", "x", b"a"), namespace="clusters")
        unlabelled = secret("z-kubeconfig", "z", b"a", metadata={"name": "z-kubeconfig"})
        await client.create(SECRETS, unlabelled, namespace="clusters")
        odd = secret("y-kubeconfig-kubeconfig", "y-kubeconfig", one_context(two.kubeconfig, "tenant-a"))
        await client.create(SECRETS, odd, namespace="clusters")
        await until(lambda: "harbor/clusters/y-kubeconfig" in fleet.names(), "the label's name, whole")
        found = {name for name in fleet.names() if name.startswith("harbor/clusters/")}
        assert found <= {NAME, "harbor/clusters/y-kubeconfig"}
