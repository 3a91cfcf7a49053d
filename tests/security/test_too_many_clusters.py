"""Who may label Secrets in one namespace can deliver clusters by the thousand: that costs the operator little."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from tests.fleet.conftest import FAST, until
from tui.demo.apiserver.storage import SECRETS as STORED
from tui.demo.fleet import EmbeddedFleet
from tui.demo.running import FleetThread
from tui.fleet import fleet as fleet_module
from tui.fleet.fleet import Fleet
from tui.fleet.found import FoundClusters
from tui.fleet.same import compare
from tui.issuance.families.listing import Noted
from tui.issuance.families.tenants.source import SOURCES
from tui.issuance.records.state import StateStore
from tui.kube import limits
from tui.kube.client import Client
from tui.kube.kubeconfig import load

HOST, PLACE = "harbor", "clusters"


(SOURCE,) = SOURCES


def secret(name: str) -> Noted:
    labels = {"cluster.x-k8s.io/cluster-name": name}
    return msgspec.convert({"metadata": {"labels": labels, "resourceVersion": "1"}}, Noted)


async def _no_client(name: str) -> Client:
    raise AssertionError(name)


def test_no_more_clusters_of_one_host_are_followed_than_the_limit_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "CLUSTERS_DELIVERED", 3)
    follows: list[str] = []
    crowded: list[str] = []
    found = FoundClusters(
        _no_client,
        follow=lambda name, look, facts: follows.append(name),
        leave=follows.remove,
        again=lambda name: None,
        about=lambda name, facts: None,
        crowded=crowded.append,
    )
    for number in range(9):
        found.seen(HOST, SOURCE, f"{PLACE}/c{number}-kubeconfig", secret(f"c{number}"))
    assert follows == [f"{HOST}/{PLACE}/c{number}" for number in range(3)]
    assert list(found) == follows
    assert crowded == [HOST] * 6
    found.seen(HOST, SOURCE, f"{PLACE}/c7-kubeconfig", None)  # one of those that were left out
    found.seen(HOST, SOURCE, f"{PLACE}/c0-kubeconfig", None)
    found.seen("other", SOURCE, f"{PLACE}/c0-kubeconfig", secret("c0"))  # each host has its own
    found.seen(HOST, SOURCE, f"{PLACE}/c8-kubeconfig", secret("c8"))
    assert follows == [f"{HOST}/{PLACE}/c1", f"{HOST}/{PLACE}/c2", f"other/{PLACE}/c0", f"{HOST}/{PLACE}/c8"]


async def test_many_delivered_clusters_are_said_and_compared_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Five thousand of them kept `list --timeout 10s` busy for 70 seconds."""
    many, limit, compared = 300, 150, [0]

    def counted(*given: object) -> object:
        compared[0] += 1
        return compare(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(limits, "CLUSTERS_DELIVERED", limit)
    monkeypatch.setattr(fleet_module, "compare", counted)

    async def fill(embedded: EmbeddedFleet) -> None:
        storage = embedded.cluster(HOST).storage
        for number in range(many):
            labels = {"cluster.x-k8s.io/cluster-name": f"c{number}"}
            storage.create(
                STORED,
                {"metadata": {"name": f"c{number}-kubeconfig", "namespace": PLACE, "labels": labels}, "type": "Opaque"},
            )

    with FleetThread(clusters=1, accounts=1, troubled=False, controller=False) as thread:
        thread.call(fill)
        fleet = Fleet(load(str(thread.kubeconfig)), state=StateStore.open(tmp_path / "state"), timing=FAST)
        await fleet.start()
        try:
            await until(lambda: len(fleet.tenants()) >= limit)
            await fleet.settled(10)
            assert len(fleet.tenants()) == limit
            assert f"delivered clusters: there are more than {limit}, the others are left out" in (
                fleet.store.clusters[HOST].missing
            )
            assert compared[0] < limit // 3
        finally:
            await fleet.stop()
