"""Stopping leaves nothing open, whatever was just begun: a cluster whose kubeconfig changed, or that went."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from tui.fleet import cluster_tasks
from tui.fleet.cluster_tasks import ClusterTasks, Source
from tui.fleet.fleet import Fleet
from tui.fleet.reach import Timing
from tui.fleet.rows import DeliveredFacts
from tui.fleet.store import FleetStore
from tui.issuance.records.entering import DeliveredBy, SourceKind
from tui.kube.endpoint import Endpoint
from tui.kube.kubeconfig import KubeConfig

NAME = "harbor/argocd/edge"
FACTS = DeliveredFacts(by=DeliveredBy(SourceKind.ARGO_CD, "harbor", "argocd", "edge"))


class Clients:
    """What is open; each takes a while to be closed."""

    def __init__(self) -> None:
        self.open: set[object] = set()
        self.closing = asyncio.Event()

    def __call__(self, *_: Any, **__: Any) -> Clients.One:
        return self.One(self)

    class One:
        def __init__(self, all_: Clients) -> None:
            self._all = all_
            all_.open.add(self)

        async def close(self) -> None:
            self._all.closing.set()
            await asyncio.sleep(0.05)
            self._all.open.discard(self)


@pytest.fixture
async def clients(monkeypatch: pytest.MonkeyPatch) -> Clients:
    found = Clients()
    monkeypatch.setattr(cluster_tasks, "Client", found)
    return found


async def entered() -> tuple[Fleet, ClusterTasks]:
    """A fleet with one delivered cluster, which is connected to and does nothing more."""

    async def resolve() -> Endpoint:
        return Endpoint(name=NAME, server="https://x:6443", delivered=True)

    fleet = Fleet(KubeConfig(), state=None)
    tasks = ClusterTasks(
        Source(NAME, "Argo CD", resolve), FleetStore(), clock=lambda: datetime.now(UTC), timing=Timing(), watched=(),
        delivered=FACTS,
    )  # fmt: skip
    fleet._tasks[NAME] = tasks
    await tasks.client()
    return fleet, tasks


@pytest.mark.parametrize("change", ["it leads elsewhere", "it went"])
async def test_a_client_that_is_being_closed_is_closed(clients: Clients, change: str) -> None:
    fleet, _ = await entered()
    fleet._again(NAME) if change == "it leads elsewhere" else fleet._remove(NAME)
    await clients.closing.wait()
    await fleet.stop()
    assert not clients.open


async def test_what_went_just_now_is_stopped_too(clients: Clients) -> None:
    fleet, _ = await entered()
    fleet._remove(NAME)  # and nothing of that was begun
    await fleet.stop()
    assert not clients.open


async def test_the_last_events_begin_nothing(clients: Clients) -> None:
    fleet, tasks = await entered()
    await fleet.stop()
    fleet._again(NAME)
    fleet._found_one("harbor/argocd/another", lambda: asyncio.sleep(0), FACTS)  # type: ignore[arg-type,return-value]
    await asyncio.sleep(0)
    assert (clients.open, tasks._task, list(fleet._tasks), fleet._helpers) == (set(), None, [NAME], set())
