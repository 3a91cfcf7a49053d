"""Requests kept, deleted and abandoned through the engine, under the Lease; left to DPF's controller where it is."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.issuance.arena import Arena, Bench
from tests.issuance.dpf_place import Clock, Place
from tests.issuance.test_engine_requests import address_of, bench_of, draft, forget
from tui.demo import Drop, FaultRule
from tui.demo.operators.dpf_kinds import REQUESTS
from tui.demo.running import FleetThread
from tui.issuance.errors import UsageError
from tui.issuance.families.dpf import DPU_REQUESTS
from tui.issuance.families.dpf.request_keeping import LEASE, LEASE_NAMESPACE
from tui.issuance.families.dpf.resources import FIELD_MANAGER, FINALIZER
from tui.issuance.families.dpf.wishes import Abandon, Delete, Keep
from tui.issuance.model.durations import rfc3339
from tui.issuance.model.types import Outcome, Plan, StepResult, StepStatus
from tui.issuance.transaction.lease import LEASES, Lease, LeaseHeld, LeaseLost
from tui.issuance.transaction.turns import Turns
from tui.kube.errors import NotFound
from tui.kube.resource import SECRETS, SERVICE_ACCOUNTS, Resource

CONDITIONS = ("Ready", "ServiceAccountReconciled", "SecretReconciled")


@pytest.fixture(scope="module")
def untended_fleet() -> Iterator[FleetThread]:
    """An embedded fleet without DPF's controller, and without the requests that look as if it had kept them."""

    async def forget_requests(fleet: Any) -> None:
        storage = fleet.cluster("harbor").storage
        for request in list(storage.list(REQUESTS)):
            request["metadata"].pop("finalizers", None)
            storage.delete(REQUESTS, request["metadata"]["name"], request["metadata"]["namespace"])

    with FleetThread(clusters=4, accounts=0, troubled=False, controller=False) as fleet:
        fleet.call(forget_requests)
        yield fleet


@pytest.fixture
def hosting(untended_fleet: FleetThread) -> tuple[FleetThread, Clock]:
    return untended_fleet, Clock()


def message(outcome: Outcome, step: str) -> str:
    return next(result.message for result in outcome.results if result.step == step)


async def there(place: Place, resource: Resource, name: str, *, member: bool = False) -> bool:
    client = await place.member() if member else place.client
    try:
        await client.get_metadata(resource, name, namespace=place.ns)
    except NotFound:
        return False
    return True


async def holder(place: Place) -> str:
    found = await place.client.get(LEASES, LEASE, namespace=LEASE_NAMESPACE)
    return str(found["spec"].get("holderIdentity") or "")


async def test_b01_b15_the_whole_life_of_a_request_where_nobody_else_keeps_it(both: Place, tmp_path: Path) -> None:
    place = both
    arena = Arena(place.side, place.config, place.host, tmp_path, place.ns)
    async with Bench(arena, grace=timedelta(seconds=1)) as bench:
        engine, address = bench.engine, address_of(place)
        seen: list[StepResult] = []

        async def keep() -> tuple[Plan, Outcome]:
            # Other tests play the controller on the same real plane, so it may be seen there.
            plan = await engine.plan(Keep(address), take_over=place.side == "real")
            outcome = await engine.execute(plan, seen.append)
            assert outcome.ok, outcome
            return plan, outcome

        assert (await engine.execute(await engine.plan(draft(place)))).ok
        plan, outcome = await keep()
        assert [step.title for step in plan.steps if step.id == "keep"] == [
            "Issue a token, because nothing was issued yet"
        ]
        assert message(outcome, "keep").startswith("issued, because nothing was issued yet; good until ")
        request = await place.read()
        assert request.finalizers == (FINALIZER,)
        assert {c.type: (c.status, c.reason) for c in request.conditions} == dict.fromkeys(
            CONDITIONS, ("True", "Success")
        )
        first = await place.token()
        assert await place.works(first)
        assert await holder(place) == "", "the Lease is given back"

        plan, outcome = await keep()
        assert plan.steps[1].title == "Compare everything with what is wanted"
        assert message(outcome, "keep").startswith("up to date; good until ")
        assert await place.token() == first

        await place.change(serviceAccount={"name": "other", "namespace": place.ns})
        plan, outcome = await keep()
        assert "the service account changed" in message(outcome, "keep")
        assert await there(place, SERVICE_ACCOUNTS, "robot", member=True), "it has its grace"
        await engine.settle()
        swept = next(result for result in seen if result.step == "sweep:0" and result.status is StepStatus.DONE)
        assert f"service account {place.ns}/robot deleted" in swept.message
        assert not await there(place, SERVICE_ACCOUNTS, "robot", member=True)
        assert await place.works(await place.token())

        plan = await engine.plan(Delete(address), take_over=place.side == "real")
        ends = [warning for warning in plan.warnings if warning.endswith("goes with it")]
        assert len(ends) == 3, plan.warnings
        outcome = await engine.execute(plan)
        assert outcome.ok, outcome
        assert outcome.credential is None
        assert message(outcome, "keep").startswith("gone; ")
        assert not await there(place, DPU_REQUESTS, "req")
        assert not await there(place, SERVICE_ACCOUNTS, "other", member=True)
        assert not await there(place, SECRETS, "out")
        kept = [entry for entry in engine.state.entries() if entry.action == "keep" and entry.step == "keep"]
        assert len(kept) == 3
        assert str(address) == kept[0].address


async def test_b29_a_target_that_is_away_is_said_and_can_be_abandoned(place: Place, tmp_path: Path) -> None:
    async with bench_of(place, tmp_path) as bench:
        engine, address = bench.engine, address_of(place)
        await engine.execute(await engine.plan(draft(place)))
        assert (await engine.execute(await engine.plan(Keep(address)))).ok
        token = await place.token()
        with pytest.raises(UsageError, match="not being deleted"):
            await engine.plan(Abandon(address))
        place.faults(place.members[0], FaultRule(Drop()))
        outcome = await engine.execute(await engine.plan(Delete(address)))
        assert not outcome.ok
        assert "cannot clean up service account" in outcome.error
        assert "`kubemint reconcile --abandon`" in outcome.hint
        request = await place.read()
        assert request.deleted_at is not None
        assert [c.reason for c in request.conditions if c.type == "Ready"] == ["AwaitingDeletion"]
        with pytest.raises(UsageError, match="is being deleted since"):
            await engine.plan(Delete(address))
        again = await engine.execute(await engine.plan(Keep(address)))
        assert not again.ok

        plan = await engine.plan(Abandon(address))
        assert "nothing manages it" in plan.warnings[0]
        assert f"the service account {place.ns}/robot in {place.ns}/{place.members[0]}" in plan.warnings[1:]
        outcome = await engine.execute(plan)
        assert outcome.ok, outcome
        assert "left behind: cannot clean up service account" in message(outcome, "keep")
        assert not await there(place, DPU_REQUESTS, "req")
        assert not await there(place, SECRETS, "out"), "what can be reached goes"
        place.faults(clear=True)
        forget(place)
        assert await there(place, SERVICE_ACCOUNTS, "robot", member=True)
        assert not await place.works(token) or await there(place, SERVICE_ACCOUNTS, "robot", member=True)


async def test_where_dpfs_controller_is_seen_its_requests_are_left_to_it(place: Place, tmp_path: Path) -> None:
    async with bench_of(place, tmp_path) as bench:
        engine, address = bench.engine, address_of(place)
        await engine.execute(await engine.plan(draft(place)))
        await engine.execute(await engine.plan(draft(place, name="new", secret="new")))
        now = place.clock()
        status = {"status": {"issuedAt": rfc3339(now)}}
        await place.client.apply(
            DPU_REQUESTS, "req", status, namespace=place.ns, subresource="status", manager=FIELD_MANAGER
        )
        reason = f"{FIELD_MANAGER} wrote the status of {place.ns}/req at"
        plan = await engine.plan(Keep(address))
        assert reason in plan.warnings[0]
        plan = await engine.plan(Keep(address_of(place, "new")))
        assert [step.id for step in plan.steps] == ["aside"]
        outcome = await engine.execute(plan)
        assert outcome.ok, outcome
        assert [(r.step, r.status) for r in outcome.results] == [("aside", StepStatus.SKIPPED)]
        assert reason in message(outcome, "aside")
        assert (await place.read("new")).expires_at is None
        outcome = await engine.execute(await engine.plan(Delete(address_of(place, "new"))))
        assert outcome.ok, outcome
        assert [r.step for r in outcome.results] == ["delete", "aside"]
        taken = await engine.execute(await engine.plan(Keep(address), take_over=True))
        assert taken.ok, taken
        assert (await place.read()).expires_at is not None
        await place.delete()
        await engine.execute(await engine.plan(Keep(address), take_over=True))


async def test_nobody_keeps_them_while_another_has_the_lease(place: Place, tmp_path: Path) -> None:
    async with bench_of(place, tmp_path) as bench:
        engine, address = bench.engine, address_of(place)
        await engine.execute(await engine.plan(draft(place)))
        held = asyncio.Event()
        other = Lease(place.client, LEASE_NAMESPACE, LEASE, holder="somebody-else", retry=timedelta(seconds=0.2))

        async def work() -> None:
            held.set()
            await asyncio.sleep(60)

        keeping = asyncio.create_task(other.run(work))
        await held.wait()
        outcome = await engine.execute(await engine.plan(Keep(address)))
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
        assert not outcome.ok
        assert "somebody-else holds the Lease" in outcome.error
        assert (await place.read()).finalizers == ()
        done = await engine.execute(await engine.plan(Delete(address)))
        assert done.ok, done


class Paper:
    """A Lease that is only on paper."""

    def __init__(self, refusals: int = 0) -> None:
        self.namespace, self.name = "kube-system", "paper"
        self.refusals = refusals
        self.taken = 0
        self.held = False
        self.lost = asyncio.Event()

    async def run(self, work: Any) -> None:
        if self.refusals:
            self.refusals -= 1
            raise LeaseHeld("somebody has it")
        assert not self.held
        self.taken, self.held = self.taken + 1, True
        task, lost = asyncio.ensure_future(work()), asyncio.create_task(self.lost.wait())
        try:
            await asyncio.wait((task, lost), return_when=asyncio.FIRST_COMPLETED)
            if self.lost.is_set():
                raise LeaseLost("gone")
        finally:
            self.held = False
            task.cancel()
            lost.cancel()


def turns_of(paper: Paper) -> Turns:
    return Turns(paper)  # type: ignore[arg-type]


async def test_works_at_the_same_time_share_one_lease() -> None:
    paper = Paper()
    turns = turns_of(paper)
    go = asyncio.Event()

    async def work() -> bool:
        async with turns.hold():
            await go.wait()
            return paper.held

    several = [asyncio.create_task(work()) for _ in range(5)]
    await asyncio.sleep(0.01)
    go.set()
    assert await asyncio.gather(*several) == [True] * 5
    assert (paper.taken, paper.held) == (1, False)
    assert await work()
    assert (paper.taken, paper.held) == (2, False)


async def test_a_lease_that_is_lost_ends_the_work_and_one_that_is_held_does_not_begin_it() -> None:
    paper = Paper(refusals=1)
    turns = turns_of(paper)
    with pytest.raises(LeaseHeld):
        async with turns.hold():
            raise AssertionError("it began")

    async def work() -> None:
        async with turns.hold():
            paper.lost.set()
            await asyncio.sleep(timedelta(minutes=1).total_seconds())

    with pytest.raises(LeaseLost, match="kube-system/paper was lost"):
        await work()
    assert not paper.held


async def test_work_that_is_cancelled_gives_the_lease_back() -> None:
    paper = Paper()
    turns = turns_of(paper)

    async def work() -> None:
        async with turns.hold():
            await asyncio.sleep(timedelta(minutes=1).total_seconds())

    task = asyncio.create_task(work())
    await asyncio.sleep(0.01)
    assert paper.held
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not paper.held
