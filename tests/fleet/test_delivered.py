"""Clusters that others deliver: how they stand is their own, and nobody enters one before a yes."""

from __future__ import annotations

import base64
import contextlib
import dataclasses
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.fleet.conftest import FAST, over, until
from tests.issuance.tenancy import one_context
from tui.demo.apiserver.faults import Answer, FaultRule
from tui.demo.fleet import EmbeddedFleet
from tui.fleet.fleet import Fleet
from tui.fleet.rows import ClusterRow, Reach
from tui.issuance.errors import UsageError
from tui.issuance.families.dpf import DPU_CLUSTERS
from tui.issuance.model.kinds import CredentialKind
from tui.issuance.model.types import Address
from tui.issuance.records.deliveries import Gate
from tui.issuance.records.entering import Allowed, Entry, NotEntered, Trust, TrustedSource, Yes
from tui.issuance.records.state import StateStore
from tui.kube.client import Client
from tui.kube.kubeconfig import load
from tui.kube.resource import SECRETS

HOME = "dpf-operator-system"
NAME = f"harbor/{HOME}/tenant-a"
API = "harbor/clusters/tenant-a"
ASKING = Trust(sources=(TrustedSource(context="harbor", allow=(Allowed.NEAR,), ask=True),))


@contextlib.asynccontextmanager
async def wary(embedded: EmbeddedFleet, folder: Path, **options: Any) -> AsyncIterator[tuple[Fleet, StateStore]]:
    """A fleet over contexts that vouch for nobody."""
    config = load(str(embedded.kubeconfig))
    clusters = {name: dataclasses.replace(entry, vouches=()) for name, entry in config.clusters.items()}
    with contextlib.closing(StateStore.open(folder / "state")) as state:
        gate = Gate(lambda: ASKING, state.trusted_place)
        fleet = Fleet(
            dataclasses.replace(config, clusters=clusters),
            state=state,
            timing=FAST,
            read_only=True,
            gate=gate,
            **options,
        )
        try:
            await fleet.start()
            yield fleet, state
        finally:
            await fleet.stop()


@dataclasses.dataclass(frozen=True, eq=False)
class Listening(FaultRule):
    """Meets nothing, and keeps who asked for what."""

    heard: list[str] = dataclasses.field(default_factory=list)

    def matches(self, verb: str, path: str, user: str) -> bool:
        self.heard.append(f"{user} {verb} {path}")
        return False


def row(fleet: Fleet, name: str = NAME) -> ClusterRow:
    return fleet.store.clusters[name]


async def dpu_cluster(client: Client, name: str, config: bytes) -> None:
    """A DPUCluster, and the Secret with its kubeconfig."""
    secret = {"metadata": {"name": f"{name}-admin"}, "data": {"admin.conf": base64.b64encode(config).decode()}}
    await client.create(SECRETS, secret, namespace=HOME)
    spec = {"type": "static", "version": "v1", "maxNodes": 1, "kubeconfig": f"{name}-admin"}
    wish = {
        "apiVersion": DPU_CLUSTERS.api_version,
        "kind": DPU_CLUSTERS.kind,
        "metadata": {"name": name},
        "spec": spec,
    }
    await client.create(DPU_CLUSTERS, wish, namespace=HOME)


async def test_the_phase_of_a_dpu_cluster_is_shown_and_one_that_is_not_ready_is_never_ready(
    two: EmbeddedFleet, tmp_path: Path
) -> None:
    async with over(two, tmp_path) as fleet:
        await until(lambda: NAME in fleet.store.clusters and row(fleet).reach is Reach.READY, "it is ready")
        client = await fleet.client("harbor")
        seen: list[str] = []
        fleet.store.subscribe(lambda change: seen.append(row(fleet).word))
        for phase in ("NotReady", "Failed", "Pending", "Creating"):
            why = {"type": "Ready", "status": "False", "reason": "X", "message": f"because of {phase}"}
            status = {"status": {"phase": phase, "conditions": [why | {"lastTransitionTime": "2030-01-01T00:00:00Z"}]}}
            await client.patch(DPU_CLUSTERS, "tenant-a", status, namespace=HOME, subresource="status")
            await until(lambda phase=phase: row(fleet).word == phase, phase)
            assert row(fleet).reach is Reach.NOT_READY
            assert row(fleet).answers, "its server does answer"
            assert f"because of {phase}" in row(fleet).message
            seen.clear()
            await fleet.reconnect(NAME)
            await until(lambda: row(fleet).reach is Reach.NOT_READY, "also when it is entered anew")
            assert "ready" not in seen
        ready = {"status": {"phase": "Ready", "conditions": []}}
        await client.patch(DPU_CLUSTERS, "tenant-a", ready, namespace=HOME, subresource="status")
        await until(lambda: row(fleet).reach is Reach.READY, "ready again")


async def test_one_without_a_kubeconfig_is_what_its_dpu_cluster_says(two: EmbeddedFleet, tmp_path: Path) -> None:
    async with over(two, tmp_path) as fleet:
        name = f"harbor/{HOME}/tenant-next"
        await until(lambda: name in fleet.store.clusters and row(fleet, name).reach is Reach.NOT_READY, "not ready")
        assert row(fleet, name).word == "Creating"
        assert not row(fleet, name).answers
        assert "names no kubeconfig Secret yet" in row(fleet, name).message


@pytest.mark.parametrize("other", ["a-second", "z-second"])
async def test_of_two_with_one_server_each_shows_its_own_reach(two: EmbeddedFleet, tmp_path: Path, other: str) -> None:
    config = yaml.safe_load(one_context(two.kubeconfig, "tenant-a"))
    config["users"][0]["user"] = {"token": "long-revoked"}
    async with over(two, tmp_path, only=["harbor"]) as fleet:
        client = await fleet.client("harbor")
        await dpu_cluster(client, other, yaml.safe_dump(config).encode())
        second = f"harbor/{HOME}/{other}"
        await until(lambda: {NAME, second} <= fleet.store.clusters.keys(), "both are rows")
        await until(lambda: row(fleet).reach is Reach.READY, "one is ready")
        await until(lambda: row(fleet, second).reach is Reach.NEEDS_LOGIN, "the other one's login is refused")
        assert row(fleet).server == row(fleet, second).server
        assert row(fleet).reach is Reach.READY


async def test_nothing_is_sent_before_a_yes_and_then_it_is_entered(two: EmbeddedFleet, tmp_path: Path) -> None:
    listening = Listening(Answer(500))
    two.cluster("tenant-a").faults.add(listening)
    async with wary(two, tmp_path, only=["harbor"]) as (fleet, state):
        await until(lambda: API in fleet.store.clusters and row(fleet, API).reach is Reach.UNTRUSTED, "it waits")
        assert await fleet.settled(10)
        assert listening.heard == []
        assert row(fleet, API).server == ""
        for use in (fleet.client(API), fleet.engine.lookup(Address(CredentialKind.SECRET, API, "default", "x"))):
            with pytest.raises(NotEntered, match="is not confirmed"):
                await use
        with pytest.raises(NotEntered):
            fleet.endpoint(API)
        found, verdict = await fleet.delivery(API)
        assert verdict.entry is Entry.ASK
        assert found.delivery.place.server == two.cluster("tenant-a").url
        assert listening.heard == []
        await fleet.trust(found.delivery)
        await until(lambda: row(fleet, API).reach is Reach.READY, "it is entered")
        assert state.trusted_place(found.delivery.by) == found.delivery.place
        assert row(fleet).reach is Reach.UNTRUSTED, "a yes is for one source"
        assert listening.heard != []


async def test_what_is_delivered_anew_waits_for_another_yes(two: EmbeddedFleet, tmp_path: Path) -> None:
    async with wary(two, tmp_path, only=["harbor"]) as (fleet, _):
        await until(lambda: API in fleet.store.clusters and row(fleet, API).reach is Reach.UNTRUSTED, "it waits")
        await fleet.trust((await fleet.delivery(API))[0].delivery)
        await until(lambda: row(fleet, API).reach is Reach.READY, "it is entered")
        elsewhere = base64.b64encode(one_context(two.kubeconfig, "harbor")).decode()
        client = await fleet.client("harbor")
        await client.patch(SECRETS, "tenant-a-kubeconfig", {"data": {"value": elsewhere}}, namespace="clusters")
        await until(lambda: row(fleet, API).reach is Reach.UNTRUSTED, "it is asked about again")
        assert f"its server was {two.cluster('tenant-a').url}" in row(fleet, API).message
        with pytest.raises(NotEntered):
            await fleet.client(API)


async def test_another_kubemints_yes_counts_at_the_next_try(two: EmbeddedFleet, tmp_path: Path) -> None:
    async with wary(two, tmp_path, only=["harbor"]) as (fleet, _):
        await until(lambda: API in fleet.store.clusters and row(fleet, API).reach is Reach.UNTRUSTED, "it waits")
        found, _ = await fleet.delivery(API)
        with contextlib.closing(StateStore.open(tmp_path / "state")) as theirs:
            theirs.trust(Yes(found.delivery.by, found.delivery.place, datetime.now(UTC)))
        await until(lambda: row(fleet, API).reach is Reach.READY, "it is entered")


async def test_only_what_is_delivered_can_be_looked_at(two: EmbeddedFleet, tmp_path: Path) -> None:
    async with over(two, tmp_path) as fleet:
        for name in ("harbor", "harbor/clusters/nobody"):
            with pytest.raises(UsageError, match="is no cluster that another one delivers"):
                await fleet.delivery(name)
