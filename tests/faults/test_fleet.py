"""The fleet under trouble in one cluster: what its row says, what is kept, and that the others never notice."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.faults.trouble import BROKEN, EVERYTHING, STATUSES
from tests.fleet.conftest import FAST, over, until
from tui.demo import DropWatch, EmbeddedFleet, FaultRule, ServerState
from tui.fleet.fleet import Fleet
from tui.fleet.rows import Reach
from tui.issuance.model.types import Identity
from tui.kube.resource import SERVICE_ACCOUNTS

TIMING = replace(FAST, probe=0.5)
UNDER: dict[str, Reach] = {
    "401": Reach.NEEDS_LOGIN,
    "403": Reach.FORBIDDEN,
    "429": Reach.THROTTLED,
    "500": Reach.SERVER_ERROR,
    "hang": Reach.UNREACHABLE,
    "drop": Reach.UNREACHABLE,
    "cut": Reach.UNREACHABLE,
}
"""What a cluster is that answers everything so; every other status means that it is no API server."""


@pytest.fixture
async def two() -> AsyncIterator[EmbeddedFleet]:
    """`harbor`, which will be in trouble, and `tenant-a`, which will not."""
    async with EmbeddedFleet(clusters=2, accounts=3, troubled=False, controller=False) as embedded:
        yield embedded


def reach(fleet: Fleet, name: str = "harbor") -> Reach:
    return fleet.store.clusters[name].reach


async def grow(fleet: Fleet, cluster: str, name: str) -> None:
    """Creates an account in a cluster and waits until the store has it."""
    client = await fleet.client(cluster)
    await client.create(SERVICE_ACCOUNTS, {"metadata": {"name": name}}, namespace="default")
    await until(lambda: str(Identity(cluster, "default", name)) in fleet.store.accounts, f"{name} shows")


@pytest.mark.parametrize("trouble", EVERYTHING)
async def test_from_the_start(two: EmbeddedFleet, tmp_path: Path, trouble: str) -> None:
    faults = two.cluster("harbor").faults
    faults.add(FaultRule(EVERYTHING[trouble]))
    async with over(two, tmp_path, timing=TIMING) as fleet:
        await until(lambda: reach(fleet, "tenant-a") is Reach.READY, "the other one is ready")
        expected = UNDER.get(trouble, Reach.WRONG_ANSWER)
        await until(lambda: reach(fleet) is expected, f"harbor {expected}, is {fleet.store.clusters['harbor']}")
        row = fleet.store.clusters["harbor"]
        assert row.message
        assert "\n" not in row.message
        assert row.since is not None
        await grow(fleet, "tenant-a", "meanwhile")
        faults.clear()
        await fleet.reconnect("harbor")
        await until(lambda: reach(fleet) is Reach.READY, "harbor is ready")
        await grow(fleet, "harbor", "afterwards")


@pytest.mark.parametrize("trouble", EVERYTHING)
async def test_in_the_middle(two: EmbeddedFleet, tmp_path: Path, trouble: str) -> None:
    faults = two.cluster("harbor").faults
    async with over(two, tmp_path, timing=TIMING) as fleet:
        assert await fleet.settled(10)
        accounts = [key for key, row in fleet.store.accounts.items() if row.cluster == "harbor"]
        faults.add(FaultRule(EVERYTHING[trouble]))
        two.cluster("harbor").server.drop_watches()
        expected = UNDER.get(trouble, Reach.WRONG_ANSWER)
        await until(lambda: reach(fleet) is expected, f"harbor {expected}, is {fleet.store.clusters['harbor']}")
        if trouble != "404":  # a kind that is not there has no rows; everything else keeps the last data
            assert set(accounts) <= set(fleet.store.accounts)
        assert fleet.store.clusters["harbor"].synced_at is not None
        await grow(fleet, "tenant-a", "meanwhile")
        faults.clear()
        await fleet.reconnect("harbor")
        await until(lambda: reach(fleet) is Reach.READY, "harbor is ready")
        await grow(fleet, "harbor", "afterwards")


@pytest.mark.parametrize("trouble", [*STATUSES, *BROKEN])
async def test_one_kind_of_object_only(two: EmbeddedFleet, tmp_path: Path, trouble: str) -> None:
    """Where Secrets cannot be read, accounts still are, and the row says what is missing and why."""
    faults = two.cluster("harbor").faults
    faults.add(FaultRule(EVERYTHING[trouble], path="/secrets$"))
    async with over(two, tmp_path, timing=TIMING) as fleet:
        if trouble == "401":  # a server that says so once means it
            await until(lambda: reach(fleet) is Reach.NEEDS_LOGIN, "needs login")
        else:
            await until(lambda: str(Identity("harbor", "default", "default")) in fleet.store.accounts, "accounts show")
            if trouble not in ("404", *BROKEN):  # what is not there is an honest empty state
                await until(lambda: fleet.store.clusters["harbor"].missing, "the row says what is missing")
                assert "secrets: " in fleet.store.clusters["harbor"].missing[0].lower()
        faults.clear()
        await fleet.reconnect("harbor")
        await until(lambda: reach(fleet) is Reach.READY, "harbor is ready")
        await until(lambda: not fleet.store.clusters["harbor"].missing, "nothing is missing")


async def test_refused_connections(two: EmbeddedFleet, tmp_path: Path) -> None:
    await two.cluster("harbor").enter(ServerState.UNREACHABLE)
    async with over(two, tmp_path, timing=TIMING) as fleet:
        await until(lambda: reach(fleet) is Reach.UNREACHABLE, "unreachable")
        assert reach(fleet, "tenant-a") in (Reach.READY, Reach.CONNECTING)
        await two.cluster("harbor").enter(ServerState.NORMAL)
        await until(lambda: reach(fleet) is Reach.READY, "it comes back by itself")
        await until(lambda: any(row.cluster == "harbor" for row in fleet.store.accounts.values()), "with its accounts")
        await two.cluster("harbor").enter(ServerState.UNREACHABLE)
        await until(lambda: reach(fleet) is Reach.UNREACHABLE, "and goes again")
        assert any(row.cluster == "harbor" for row in fleet.store.accounts.values())


async def test_watches_that_are_lost_again_and_again(two: EmbeddedFleet, tmp_path: Path) -> None:
    two.cluster("harbor").faults.add(FaultRule(DropWatch(0.05), verb="watch"))
    async with over(two, tmp_path, timing=TIMING) as fleet:
        await until(lambda: reach(fleet) is Reach.READY, "harbor is ready")
        for number in range(3):
            await grow(fleet, "harbor", f"robot-{number}")
        assert reach(fleet) is Reach.READY


async def test_a_forgotten_history_is_read_anew(two: EmbeddedFleet, tmp_path: Path) -> None:
    async with over(two, tmp_path, timing=TIMING) as fleet:
        assert await fleet.settled(10)
        harbor = two.cluster("harbor")
        faults = harbor.faults
        rule = faults.add(FaultRule(EVERYTHING["drop"], path="/serviceaccounts"))
        harbor.server.drop_watches()
        client = await fleet.client("tenant-a")
        await client.create(SERVICE_ACCOUNTS, {"metadata": {"name": "elsewhere"}}, namespace="default")
        harbor.storage.delete(("", "serviceaccounts"), "default", "default")
        harbor.storage.compact()
        faults.remove(rule)
        gone = str(Identity("harbor", "default", "default"))
        uid = fleet.store.accounts[gone].uid
        await until(lambda: gone not in fleet.store.accounts or fleet.store.accounts[gone].uid != uid, "it is replaced")


async def test_m03_one_of_fifty_clusters_hangs(tmp_path: Path) -> None:
    """M03: the others are updated in time; that row says since when, with its last data kept."""
    async with (
        EmbeddedFleet(clusters=50, accounts=0, troubled=False, controller=False) as embedded,
        over(embedded, tmp_path, timing=replace(TIMING, heartbeat=1.0, probe=2.0)) as fleet,
    ):
        assert await fleet.settled(90)
        others = [name for name in embedded.clusters if name != "tenant-g"]
        kept = [key for key, row in fleet.store.accounts.items() if row.cluster == "tenant-g"]

        async def time_to_grow(account: str) -> float:
            start = time.monotonic()
            await asyncio.gather(*(grow(fleet, name, account) for name in others))
            return time.monotonic() - start

        usual = await time_to_grow("before")
        embedded.cluster("tenant-g").faults.enter(ServerState.HANG)
        await until(lambda: reach(fleet, "tenant-g") is Reach.UNREACHABLE, "it is given up", 15)
        assert await time_to_grow("meanwhile") < 2 * usual + 5  # one that waited for it would take its 30 s
        row = fleet.store.clusters["tenant-g"]
        assert row.since is not None
        assert "no answer" in row.message
        assert set(kept) <= set(fleet.store.accounts)
        assert {reach(fleet, name) for name in others} <= {Reach.READY, Reach.SLOW}
