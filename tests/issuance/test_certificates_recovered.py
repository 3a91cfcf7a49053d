"""Client certificates whose server did not answer, and kills while one is merged into a kubeconfig."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.issuance.arena import Arena, Bench
from tests.issuance.test_certificates import Died, accepted, certificate_in, issued, requests, wish
from tui.demo import FaultRule
from tui.demo.apiserver.faults import Answer, Cut, Hang
from tui.issuance.destinations.in_file import FileDestination
from tui.issuance.model.types import Address, State


async def test_a_server_that_does_not_answer_may_create_the_request_still(embedded: Arena) -> None:
    async with Bench(embedded, patience=1) as bench:
        with embedded.fault(FaultRule(Hang(), path="certificatesigningrequests", verb="create")):
            outcome = await bench.engine.execute(await bench.engine.plan(wish(embedded)))
        assert not outcome.ok
        assert "may still create the request" in outcome.results[-1].message
        assert len(bench.state.open_plans()) == 1, "the next start looks again"
        await bench.engine.recover()
        assert bench.state.open_plans() == []
        with embedded.fault(FaultRule(Cut(0), path="certificatesigningrequests$", verb="create")):
            outcome = await bench.engine.execute(await bench.engine.plan(wish(embedded)))
        assert not outcome.ok
        assert await requests(bench) == [], "what it created all the same is deleted"


async def test_a_404_that_names_nobody_does_not_make_the_request_gone(embedded: Arena) -> None:
    """A balancer without a backend answers so: the request is there, and may be approved yet."""
    reading = FaultRule(Answer(404, reason="page not found"), path="certificatesigningrequests/kubemint", verb="get")
    async with Bench(embedded) as bench:
        with embedded.fault(reading):
            outcome = await bench.engine.execute(await bench.engine.plan(wish(embedded)))
        assert not outcome.ok
        assert "gone" not in " ".join(one.message for one in outcome.results)
        assert len(await requests(bench)) == 1
        assert len(bench.state.open_plans()) == 1
        await bench.engine.recover()
        assert await requests(bench) == []
        assert bench.state.open_plans() == []


@pytest.mark.parametrize("point", ["before:write:0", "unrecorded:write:0", "unrecorded:write:1", "after:check:1"])
@pytest.mark.parametrize("rotating", [False, True], ids=["issue", "rotate"])
async def test_a_kill_while_it_is_merged(embedded: Arena, point: str, rotating: bool) -> None:
    merged, own = FileDestination(str(embedded.folder / "config"), merge=True), Path(embedded.file().path)
    wanted = wish(embedded, merged, embedded.file())
    async with Bench(embedded) as bench:
        if rotating:
            await issued(bench, wanted)
        address = Address.file(str(own))
        plan = await (bench.engine.plan_rotate(address) if rotating else bench.engine.plan(wanted))

        def die(reached: str) -> None:
            if reached == point:
                raise Died

        bench.engine.checkpoint = die
        with pytest.raises(Died):
            await bench.engine.execute(plan)
    async with Bench(embedded) as bench:
        assert all(outcome.ok for outcome in await bench.engine.recover())
        assert await requests(bench) == []
        assert bench.state.open_plans() == []
        assert Path(merged.path).exists() == own.exists()
        for credential in bench.state.exports():
            assert certificate_in(merged.path) == certificate_in(own), "both hold the same"
            assert await accepted(merged.path)
            assert (await bench.engine.lookup(credential.address)).state is State.VALID
            rotated = await bench.engine.execute(await bench.engine.plan_rotate(credential.address))
            assert rotated.ok, rotated
