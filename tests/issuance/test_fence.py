"""Writes that come late: given up, unanswered or of a dead process, and carried out after somebody undid them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.issuance.arena import Arena, Bench
from tests.issuance.dpf_place import Clock, Place, embedded_place
from tests.issuance.test_engine_requests import address_of, forget
from tui.demo import Answer, FaultRule, Hang
from tui.demo.running import FleetThread
from tui.issuance.destinations.fence import FENCE, fence
from tui.issuance.model.types import Address
from tui.kube.resource import SECRETS


class Late:
    """A write to one Secret that the server has got and carries out only at the end of the block."""

    def __init__(self, fleet: FleetThread, cluster: str, verb: str, name: str) -> None:
        self._fleet, self._cluster = fleet, cluster
        self._rule = FaultRule(Hang(), verb=verb, path=rf"/secrets/{name}$", times=1)

    async def __aenter__(self) -> Late:
        await self._do(lambda faults: faults.add(self._rule))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._do(lambda faults: faults.remove(self._rule))

    async def there(self) -> None:
        """Wait until the server has it."""
        hits: list[Any] = []
        while not hits:
            await asyncio.sleep(0.01)
            await self._do(lambda faults: hits.extend(hit for hit in faults.hits if hit[2] is self._rule))

    async def _do(self, work: Any) -> None:
        async def with_faults(fleet: Any) -> None:
            work(fleet.cluster(self._cluster).faults)

        await asyncio.to_thread(self._fleet.call, with_faults)


async def given_up(bench: Bench, address: Address, late: Late, how: str) -> None:
    """Rotate, and give up in the middle of the write."""
    plan = await bench.engine.plan_rotate(address)
    work = asyncio.create_task(bench.engine.execute(plan))
    await late.there()
    if how == "cancelled":
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
    else:
        assert not (await work).ok


HOWS = ["cancelled", "unanswered"]


@pytest.mark.parametrize("how", HOWS)
async def test_a_late_write_of_a_secret_ends_no_credential(embedded: Arena, how: str) -> None:
    assert embedded.fleet is not None
    async with Bench(embedded, patience=1) as bench, Bench(embedded) as other:
        issued = await other.issue(embedded.spec(embedded.secret()))
        async with Late(embedded.fleet, embedded.name, "update", "robot-credential") as late:
            await given_up(bench, issued.address, late, how)
            assert [outcome.error for outcome in await other.engine.recover() if not outcome.ok] == []
            await other.engine.settle()
        embedded.forget()
        for _ in range(5):
            assert (await other.engine.verify(issued.address)).ok, "whatever it holds works"
        assert len(await other.handles()) == 1
        assert other.state.open_plans() == []
        found = await other.client.get_metadata(SECRETS, "robot-credential", namespace=embedded.namespace)
        assert FENCE not in found["metadata"]["annotations"], "nothing is left of it"
        await other.rotate(issued.address)


@pytest.fixture
async def place(embedded_fleet: FleetThread) -> AsyncIterator[Place]:
    async with embedded_place(embedded_fleet, Clock()) as ready:
        yield ready


@pytest.mark.parametrize("how", HOWS)
async def test_a_late_write_of_a_requests_secret_ends_no_credential(place: Place, tmp_path: Any, how: str) -> None:
    assert place.fleet is not None
    arena = Arena(place.side, place.config, place.host, tmp_path, place.ns)
    async with Bench(arena, patience=1) as bench, Bench(arena) as other:
        await place.want()
        address = address_of(place)
        await other.rotate(address)
        async with Late(place.fleet, place.host, "patch", "out") as late:
            await given_up(bench, address, late, how)
            assert [outcome.error for outcome in await other.engine.recover() if not outcome.ok] == []
            await other.engine.settle()
        forget(place)
        for _ in range(5):
            assert await place.works(await place.token()), "whatever it holds works"
        assert len(await place.handles()) == 1
        assert other.state.open_plans() == []


@pytest.mark.parametrize("right", ["patch", "replace"])
async def test_who_may_only_replace_can_fence_too(embedded: Arena, right: str) -> None:
    async with Bench(embedded) as bench:
        issued = await bench.issue(embedded.spec(embedded.secret()))
        before = await bench.client.get(SECRETS, "robot-credential", namespace=embedded.namespace)
        refused = FaultRule(Answer(403), verb="patch" if right == "replace" else "update", path="/secrets/")
        with embedded.fault(refused):
            await fence(bench.client, embedded.namespace, "robot-credential")
        after = await bench.client.get(SECRETS, "robot-credential", namespace=embedded.namespace)
        assert after["metadata"].pop("resourceVersion") != before["metadata"].pop("resourceVersion")
        for one in (before, after):
            one["metadata"].pop("managedFields", None)
        assert after == before
        assert (await bench.engine.verify(issued.address)).ok
