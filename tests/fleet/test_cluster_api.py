"""Clusters that Cluster API made, found by the label of their kubeconfig Secrets."""

from __future__ import annotations

import asyncio
import base64
import dataclasses
from pathlib import Path
from typing import Any

from tests.fleet.conftest import FAST, over, until
from tests.issuance.tenancy import one_context
from tui.demo import EmbeddedFleet
from tui.fleet.fleet import Fleet
from tui.fleet.rows import Reach
from tui.issuance.families.dpf import DPU_CLUSTERS
from tui.issuance.objects.capi import CLUSTER_LABEL, SECRET_TYPE
from tui.kube.client import Client
from tui.kube.kubeconfig import load
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


async def test_j17_names_are_the_same_whatever_answers_first_and_every_way_has_its_row(
    two: EmbeddedFleet, tmp_path: Path
) -> None:
    async with over(two, tmp_path) as fleet:
        seen: set[str] = set()
        fleet.store.subscribe(lambda change: seen.update(fleet.store.clusters))
        await until(lambda: NAME in fleet.names(), "it is found")
        assert await fleet.settled(20)
        assert await fleet.client(NAME) is not await fleet.client("tenant-a")
        tenants = {row.name for row in fleet.store.clusters.values() if row.name.endswith("tenant-a")}
        assert tenants == {"tenant-a", NAME, "harbor/dpf-operator-system/tenant-a"}
        assert {name for name in seen if name.endswith("tenant-a")} == tenants, "none comes and goes"


async def test_two_ways_to_one_cluster_are_two_rows_and_the_second_outlives_the_first(
    two: EmbeddedFleet, tmp_path: Path
) -> None:
    other = "harbor/dpf-operator-system/tenant-a"
    async with over(two, tmp_path, only=["harbor"]) as fleet:
        clusters = fleet.store.clusters
        await until(lambda: {NAME, other} <= clusters.keys(), "both")
        await until(lambda: all(clusters[name].reach is Reach.READY for name in (NAME, other)), "and both connected")
        await until(lambda: clusters[other].carried_by == NAME, "one shows what is in it")
        await (await fleet.client("harbor")).delete(SECRETS, "tenant-a-kubeconfig", namespace="clusters")
        await until(lambda: NAME not in clusters, "one goes")
        await until(lambda: any(row.cluster == other for row in fleet.store.accounts.values()), "the other shows it")
        assert clusters[other].same == ()


async def test_a_dpu_cluster_and_cluster_api_of_one_name_are_one_cluster_and_the_dpu_cluster_counts(
    two: EmbeddedFleet, tmp_path: Path
) -> None:
    async with over(two, tmp_path, only=["harbor"]) as fleet:
        client = await fleet.client("harbor")
        await until(lambda: NAME in fleet.store.clusters, "Cluster API's")
        labelled = await client.get(SECRETS, "tenant-a-kubeconfig", namespace="clusters")
        admin = {"metadata": {"name": "admin"}, "data": {"admin.conf": labelled["data"]["value"]}}
        await client.create(SECRETS, admin, namespace="clusters")
        dpu = {
            "apiVersion": DPU_CLUSTERS.api_version, "kind": DPU_CLUSTERS.kind, "metadata": {"name": "tenant-a"},
            "spec": {"type": "static", "version": "v1", "maxNodes": 1, "kubeconfig": "admin"},
        }  # fmt: skip
        await client.create(DPU_CLUSTERS, dpu, namespace="clusters")
        await until(lambda: fleet.store.clusters[NAME].source == "DPUCluster", "the DPUCluster counts")
        await until(lambda: fleet.store.clusters[NAME].reach is Reach.READY, "and is entered")
        await client.delete(DPU_CLUSTERS, "tenant-a", namespace="clusters")
        await until(lambda: fleet.store.clusters[NAME].source == "Cluster API", "and then Cluster API's again")


async def test_a_context_that_is_called_like_a_delivered_cluster_stays_what_it_is(
    two: EmbeddedFleet, tmp_path: Path
) -> None:
    config = load(str(two.kubeconfig))
    contexts = {**config.contexts, NAME: dataclasses.replace(config.contexts["harbor"], name=NAME)}
    fleet = Fleet(dataclasses.replace(config, contexts=contexts), state=None, timing=FAST)
    try:
        await fleet.start()
        await until(lambda: "harbor/dpf-operator-system/tenant-a" in fleet.store.clusters, "others are found")
        await fleet.settled(10)
        row = fleet.store.clusters[NAME]
        assert (row.source, row.delivered) == ("kubeconfig", None)
        assert fleet.endpoint(NAME).server == two.cluster("harbor").url
        await (await fleet.client("harbor")).delete(SECRETS, "tenant-a-kubeconfig", namespace="clusters")
        await asyncio.sleep(0.2)
        assert fleet.store.clusters[NAME].reach is Reach.READY, "and does not go with somebody's Secret"
    finally:
        await fleet.stop()


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
