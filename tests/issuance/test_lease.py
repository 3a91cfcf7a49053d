"""Leadership by a Lease: one holder at a time, taken over only when it was seen to rest, given back at the end."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.issuance.arena import Bench
from tui.demo import Answer, FaultRule, Hang
from tui.issuance.transaction.lease import LEASES, Lease, LeaseHeld, LeaseLost, Record, _spec_of, believed, transitions

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
    waiting = asyncio.create_task(second.acquire())
    while not waiting.done():
        assert await first.try_once()
        await asyncio.sleep(0.05)
    with pytest.raises(LeaseHeld, match="first holds the Lease"):
        waiting.result()
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


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        (15, 15), (1, 1), (0.5, 0.5), (60, 60), (61, 60), (600, 60), (2**31 - 1, 60), (1e308, 60), (float("inf"), 60),
        (0, 15), (-1, 15), (-(2**31), 15), (float("nan"), 15), (None, 15), ("600", 15), ("soon", 15), ([9], 15),
        ({}, 15), (True, 15),
    ],
)  # fmt: skip
def test_a_duration_is_believed_only_as_far_as_it_makes_sense(said: object, seconds: float) -> None:
    assert believed(said, 15 * SECOND) == seconds


def test_our_own_longer_duration_is_believed() -> None:
    assert believed(100, 120 * SECOND) == 100
    assert believed(1000, 120 * SECOND) == 120


@pytest.mark.parametrize(
    ("before", "after"),
    [(0, 1), (7, 8), (2**31 - 2, 2**31 - 1), (2**31 - 1, 1), (2**40, 1), (-3, 1), (None, 1), ("7", 1), (True, 1)],
)
def test_transitions_stay_what_a_server_takes(before: object, after: int) -> None:
    assert transitions(before, changes=True) == after
    assert transitions(before, changes=False) == after - 1


ABSURD: list[dict[str, Any]] = [
    {"leaseDurationSeconds": 2**31 - 1, "renewTime": "2099-01-01T00:00:00.000000Z"},
    {"leaseDurationSeconds": 2**31 - 1, "leaseTransitions": 2**31 - 1},
    {"renewTime": "1970-01-01T00:00:00.000000Z"},
    {},
]


@pytest.mark.parametrize("claims", ABSURD)
async def test_a_lease_that_nobody_renews_blocks_nobody_for_long(bench: Bench, claims: dict[str, Any]) -> None:
    """Whoever may write it may write any duration and any time; only what he goes on doing counts."""
    forged = {"holderIdentity": "nobody"} | claims
    obj = {"apiVersion": LEASES.api_version, "kind": "Lease", "metadata": {"name": "keeper"}, "spec": forged}
    await bench.client.create(LEASES, obj, namespace=bench.arena.namespace)
    ticks = Ticks()
    one = lease(bench, "one", now=ticks.now, monotonic=ticks.monotonic)
    assert not await one.try_once()
    ticks.at += 14
    assert not await one.try_once(), "it may be at work, by the shortest time that counts"
    await bench.client.patch(LEASES, "keeper", {"metadata": {"labels": {"a": "b"}}}, namespace=bench.arena.namespace)
    ticks.at += 47
    assert await one.try_once(), "a label that somebody sets is no sign of the holder"
    found = await spec(bench)
    assert (found["holderIdentity"], found["leaseDurationSeconds"]) == ("one", 15)


async def put(bench: Bench, **fields: Any) -> None:
    obj = {"apiVersion": LEASES.api_version, "kind": "Lease", "metadata": {"name": "keeper"}} | fields
    await bench.client.create(LEASES, obj, namespace=bench.arena.namespace)


async def test_another_holders_own_duration_is_waited_for_to_its_end(ebench: Bench) -> None:
    before = {"acquireTime": "2020-01-01T00:00:00.000000Z", "renewTime": "2020-01-01T00:00:00.000000Z"}
    await put(ebench, spec={"holderIdentity": "long", "leaseDurationSeconds": 40, "leaseTransitions": 7} | before)
    ticks = Ticks()
    one = lease(ebench, "one", now=ticks.now, monotonic=ticks.monotonic)
    assert not await one.try_once()
    ticks.at += 39
    assert not await one.try_once()
    ticks.at += 1
    assert await one.try_once()
    after = await spec(ebench)
    assert (after["holderIdentity"], after["leaseTransitions"]) == ("one", 8)
    assert after["acquireTime"] == after["renewTime"] > before["acquireTime"], "it has it from now on"
    assert await one.try_once()
    again = await spec(ebench)
    assert (again["acquireTime"], again["leaseTransitions"]) == (after["acquireTime"], 8)


async def test_a_very_short_duration_is_written_as_one_that_a_server_takes(ebench: Bench) -> None:
    assert await lease(ebench, "one", duration=SECOND / 2).try_once()
    assert (await spec(ebench))["leaseDurationSeconds"] == 1


async def test_a_lease_that_says_nothing_is_free(ebench: Bench) -> None:
    await put(ebench)
    assert await lease(ebench, "one").try_once()
    assert (await spec(ebench))["holderIdentity"] == "one"


@pytest.mark.parametrize("said", [{}, {"spec": None}, {"spec": []}, {"spec": "x"}, {"spec": {"renewTime": None}}])
def test_what_a_lease_does_not_say_is_empty(said: dict[str, Any]) -> None:
    assert Record.of(_spec_of(said)) == ("", "")


async def test_a_lease_without_a_holder_is_free_whatever_else_it_says(bench: Bench) -> None:
    forged = {"leaseDurationSeconds": 2**31 - 1, "renewTime": "2099-01-01T00:00:00.000000Z"}
    obj = {"apiVersion": LEASES.api_version, "kind": "Lease", "metadata": {"name": "keeper"}, "spec": forged}
    await bench.client.create(LEASES, obj, namespace=bench.arena.namespace)
    assert await lease(bench, "one").try_once()
