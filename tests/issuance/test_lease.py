"""Leadership by a Lease: one holder at a time, taken over only when it was seen to rest, given back at the end."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.issuance.arena import Bench
from tui.demo import Answer, FaultRule, Hang
from tui.issuance.lease import LEASES, Lease, LeaseHeld, LeaseLost

SECOND = timedelta(seconds=1)


class Ticks:
    """Both clocks of a candidate, which a test moves."""

    def __init__(self) -> None:
        self.at = 1000.0

    def monotonic(self) -> float:
        return self.at

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self.at - 1000)


def lease(bench: Bench, holder: str, **given: Any) -> Lease:
    return Lease(bench.client, bench.arena.namespace, "keeper", holder=holder, **given)


async def spec(bench: Bench) -> dict[str, Any]:
    found: dict[str, Any] = await bench.client.get(LEASES, "keeper", namespace=bench.arena.namespace)
    return dict(found["spec"])


async def test_one_holds_it_and_the_other_waits_its_whole_duration(bench: Bench) -> None:
    ticks = Ticks()
    first = lease(bench, "first")
    second = lease(bench, "second", now=ticks.now, monotonic=ticks.monotonic)
    assert await first.try_once()
    assert not await second.try_once()
    before = await spec(bench)
    assert (before["holderIdentity"], before["leaseTransitions"], before["leaseDurationSeconds"]) == ("first", 0, 15)
    with pytest.raises(LeaseHeld, match="first holds the Lease"):
        await second.acquire()
    ticks.at += 14
    assert await first.try_once()  # renewed: its time starts over for whoever watches
    renewed = await spec(bench)
    assert renewed["acquireTime"] == before["acquireTime"]
    assert renewed["renewTime"] > before["renewTime"]
    ticks.at += 14
    assert not await second.try_once()
    ticks.at += 14
    assert not await second.try_once()
    ticks.at += 2
    assert await second.try_once()
    after = await spec(bench)
    assert (after["holderIdentity"], after["leaseTransitions"]) == ("second", 1)
    assert not await first.try_once()


async def test_of_many_at_once_exactly_one_gets_it(bench: Bench) -> None:
    candidates = [lease(bench, f"number {n}") for n in range(8)]
    assert sum(await asyncio.gather(*(one.try_once() for one in candidates))) == 1
    holder = (await spec(bench))["holderIdentity"]
    await next(one for one in candidates if one.holder == holder).release()
    assert sum(await asyncio.gather(*(one.try_once() for one in candidates))) == 1


async def test_it_is_given_back_at_the_end_even_of_a_failure(bench: Bench) -> None:
    async def work() -> None:
        assert (await spec(bench))["holderIdentity"] == "first"
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await lease(bench, "first").run(work)
    assert not (await spec(bench)).get("holderIdentity")
    assert await lease(bench, "second").try_once()


async def test_work_ends_when_the_lease_is_taken(ebench: Bench) -> None:
    ended = asyncio.Event()

    async def work() -> None:
        stolen = {"spec": {"holderIdentity": "thief", "leaseDurationSeconds": 60}}
        await ebench.client.patch(LEASES, "keeper", stolen, namespace=ebench.arena.namespace)
        try:
            await asyncio.sleep(30)
        finally:
            ended.set()

    with pytest.raises(LeaseLost, match="thief took the Lease"):
        await lease(ebench, "first", retry=SECOND / 20).run(work)
    assert ended.is_set()
    assert (await spec(ebench))["holderIdentity"] == "thief"


async def test_work_ends_when_the_lease_cannot_be_renewed(ebench: Bench) -> None:
    held = lease(ebench, "first", retry=SECOND / 20, renew_within=SECOND / 2)

    async def work() -> None:
        await asyncio.sleep(30)

    running = asyncio.create_task(held.run(work))
    while not held._spec:
        await asyncio.sleep(0.01)
    with (
        ebench.arena.fault(FaultRule(Answer(500), path="leases/keeper")),
        pytest.raises(LeaseLost, match="could not be renewed in time"),
    ):
        await running


async def test_a_renewal_that_hangs_does_not_outlast_the_lease(ebench: Bench) -> None:
    ahead = 0.0
    held = lease(ebench, "first", retry=SECOND / 20, monotonic=lambda: time.monotonic() + ahead)

    async def work() -> None:
        await asyncio.sleep(60)

    running = asyncio.create_task(held.run(work))
    while not held._spec:
        await asyncio.sleep(0.01)
    with ebench.arena.fault(FaultRule(Hang(), path="leases/keeper")):
        ahead = 9.5  # of the 10 s in which it has to be renewed; a single try may not begin ten more
        with pytest.raises(LeaseLost, match="could not be renewed in time"):
            await asyncio.wait_for(asyncio.shield(running), 6)
