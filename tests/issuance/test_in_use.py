"""What others have begun to use meanwhile is not ended: an account of a failed plan, and what somebody put back."""

from __future__ import annotations

import asyncio
import threading
from datetime import timedelta
from typing import Any

from tests.issuance.arena import Arena, Bench
from tests.issuance.dpf_place import Clock
from tui.demo import Answer, FaultRule
from tui.issuance.model.types import StepStatus
from tui.kube.resource import SECRETS


async def test_an_account_that_another_plan_uses_by_now_survives_the_undo_of_the_one_that_made_it(
    embedded: Arena,
) -> None:
    async with Bench(embedded) as bench, Bench(embedded, state="other") as other:
        plan = await bench.engine.plan(embedded.spec(embedded.file("mine")))

        async def theirs() -> None:
            async with Bench(embedded, state="theirs") as also:
                await also.issue(embedded.spec(embedded.secret()))

        def reached(point: str) -> None:
            if point == "after:handle":
                somebody = threading.Thread(target=lambda: asyncio.run(theirs()))
                somebody.start()
                somebody.join()
                broken.__enter__()

        broken = embedded.fault(FaultRule(Answer(500), verb="create", path="/serviceaccounts/robot/token$"))
        bench.engine.checkpoint = reached
        outcome = await bench.engine.execute(plan)
        broken.__exit__(None, None, None)
        assert not outcome.ok
        assert outcome.results[-1].status is StepStatus.UNDONE
        embedded.forget()
        assert (await other.engine.verify(embedded.secret_address())).ok
        assert len(await bench.handles()) == 1


async def test_what_was_put_back_within_the_grace_is_not_revoked(embedded: Arena) -> None:
    clock = Clock()
    async with Bench(embedded, clock=clock, grace=timedelta(hours=1)) as bench:
        issued = await bench.issue(embedded.spec(embedded.secret()))
        backup = await bench.client.get(SECRETS, "robot-credential", namespace=embedded.namespace)
        outcome = await bench.engine.execute(await bench.engine.plan_rotate(issued.address))
        assert outcome.ok, outcome
        now = await bench.client.get_metadata(SECRETS, "robot-credential", namespace=embedded.namespace)
        backup["metadata"]["resourceVersion"] = now["metadata"]["resourceVersion"]
        await bench.client.replace(SECRETS, backup, namespace=embedded.namespace, name="robot-credential")
        clock.ahead = timedelta(hours=2)
        await bench.engine.settle()
        embedded.forget()
        assert (await bench.engine.verify(issued.address)).ok
        assert issued.credential.handle.name in await bench.handles()
        settled = bench.engine.settled(outcome)
        assert not settled.whole
        assert "the old token still works: it was put back into the Secret" in settled.left[0]
        (again,) = await bench.engine.recover()
        assert not again.ok
        assert (await bench.engine.execute(await bench.engine.plan_rotate(issued.address))).ok
        clock.ahead = timedelta(hours=4)
        await bench.engine.settle()
        assert issued.credential.handle.name not in await bench.handles()
        assert bench.state.revocations() == []


async def test_what_was_put_back_and_taken_out_again_ends_at_the_next_start(embedded: Arena) -> None:
    """Whoever keeps a stolen token alive for a moment has not kept it alive for good."""
    async with Bench(embedded, grace=timedelta(seconds=1)) as bench:
        issued = await bench.issue(embedded.spec(embedded.secret()))
        where: dict[str, Any] = {"namespace": embedded.namespace}
        stolen: dict[str, Any] = await bench.client.get(SECRETS, "robot-credential", **where)
        assert (await bench.engine.execute(await bench.engine.plan_rotate(issued.address))).ok
        mine: dict[str, Any] = await bench.client.get(SECRETS, "robot-credential", **where)
        await bench.client.patch(SECRETS, "robot-credential", {"data": stolen["data"]}, **where)
        await bench.engine.settle()
        await bench.client.patch(SECRETS, "robot-credential", {"data": mine["data"]}, **where)
        await bench.engine.recover()
        assert issued.credential.handle.name not in await bench.handles()
        embedded.forget()
        assert (await bench.engine.verify(issued.address)).ok
