"""A machine whose clock is wrong: what is due, and what may go, is judged by the clock of the cluster."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.issuance.arena import Arena, Bench
from tests.issuance.dpf_place import Clock, Place, embedded_place
from tests.issuance.test_engine_requests import address_of, draft
from tui.demo.running import FleetThread
from tui.issuance.engine import Engine
from tui.issuance.families.dpf.wishes import Keep
from tui.issuance.model.types import State
from tui.issuance.records.state import StateStore
from tui.issuance.transaction.lease import Lease, LeaseHeld

MINUTE = timedelta(minutes=1)
HERE = Clock()
"""This machine's clock."""


class There(Clock):
    """The servers' clock, so far ahead of this machine's."""

    def __call__(self) -> datetime:
        return HERE() + self.ahead


THERE = There()


@pytest.fixture(scope="module")
def skewed_fleet() -> Iterator[FleetThread]:
    with FleetThread(clusters=4, accounts=0, troubled=False, controller=False, clock=THERE) as fleet:
        yield fleet


@pytest.fixture(params=[50, -120], ids=["ahead", "behind"])
async def place(request: pytest.FixtureRequest, skewed_fleet: FleetThread) -> AsyncIterator[Place]:
    """Servers fifty minutes ahead of us, and two hours behind; a token lives an hour."""
    THERE.ahead = request.param * MINUTE
    ready = embedded_place(skewed_fleet, HERE)
    ready.wall = lambda: HERE().timestamp()
    async with ready:
        yield ready
    THERE.ahead = timedelta(0)


async def test_a_request_is_due_by_the_clock_of_its_cluster(place: Place) -> None:
    await place.want()
    assert (await place.keep()).issued
    rest = await place.keep()
    assert not rest.issued, "it has just begun to live"
    assert rest.wake is not None
    assert 40 * MINUTE < rest.wake - HERE() < 49 * MINUTE, "the alarm is set by our clock"
    HERE.ahead += 49 * MINUTE
    assert (await place.keep()).reason == "it is due"


async def test_the_engine_sees_and_cleans_up_by_the_clusters_clock(place: Place, tmp_path: Path) -> None:
    state = StateStore.open(tmp_path / "state")
    engine = Engine(place.known, state, clock=HERE, grace=timedelta(seconds=1))
    address = address_of(place)
    try:
        assert (await engine.execute(await engine.plan(draft(place)))).ok
        assert (await engine.execute(await engine.plan(Keep(address), take_over=True))).ok
        assert (await engine.lookup(address)).state is State.VALID
        plan = await engine.plan(Keep(address), take_over=True)
        assert plan.steps[1].title == "Compare everything with what is wanted"
        outcome = await engine.execute(await engine.plan_rotate(address))
        assert outcome.ok, outcome
        assert outcome.credential is not None
        assert outcome.credential.state is State.VALID
        assert len(await place.handles()) == 2, "the old one has its grace"
        await engine.settle()
        assert len(await place.handles()) == 1
        assert "kubemint.io/leftovers" not in (await place.read()).annotations
    finally:
        await engine.aclose()
        state.close()


async def test_a_holder_whose_clock_is_wrong_is_known_to_live_by_what_he_does(embedded: Arena) -> None:
    """By the stamps he writes he would be dead for an hour, or alive for one more after he died."""
    async with Bench(embedded) as bench:

        def lease(holder: str, off: timedelta = timedelta(0), seconds: int = 30) -> Lease:
            quick: dict[str, Any] = {"duration": timedelta(seconds=seconds), "retry": timedelta(seconds=0.1)}
            return Lease(bench.client, embedded.namespace, "one", holder=holder, now=lambda: HERE() + off, **quick)

        wrong = lease("wrong", -60 * MINUTE)
        assert await wrong.try_once()
        second = asyncio.create_task(lease("second").acquire())
        while not second.done():
            await asyncio.sleep(0.1)
            assert await wrong.try_once()
        with pytest.raises(LeaseHeld, match="wrong holds the Lease"):
            second.result()
        await wrong.release()
        gone = lease("gone", 60 * MINUTE, seconds=2)
        assert await gone.try_once()
        await asyncio.wait_for(lease("third").acquire(), 60)
