"""A rotation that meets trouble at each of its steps, on a Secret and a file of one wish.

Whatever happens: the error is one line that names the cluster, a working credential lies in both places all the time,
and once the trouble is over the next start leaves one handle, the one of the credential that is there.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.faults.trouble import EVERYTHING
from tests.issuance.arena import Arena, Bench, new_arena
from tui.demo import EmbeddedFleet, FaultRule, ServerState
from tui.issuance.destinations.file import FilePlace
from tui.issuance.engine import Engine
from tui.issuance.formats import Format
from tui.issuance.model.claims import read_token
from tui.issuance.model.clusters import KubeconfigClusters
from tui.issuance.model.types import StepStatus
from tui.issuance.transaction.replacing import Revoked
from tui.kube.client import Timeouts
from tui.kube.resource import SECRETS
from tui.kube.sensitive import Sensitive

if TYPE_CHECKING:
    from tui.demo.running import FleetThread

STEPS = {
    "handle": ("create", r"/secrets$"),
    "token": ("create", r"/token$"),
    "proof": ("create", r"reviews$"),
    "write": ("update", r"/secrets/robot-credential$"),
    "revocation": ("delete", r"/secrets/kubemint-"),
}
HARMLESS = {
    ("handle", "403"): "without the right to create Secrets a token is issued unbound, and that is said",
    ("proof", "403"): "another way to prove it is tried",
    ("proof", "404"): "old servers have no SelfSubjectReview",
}
DONE_BUT_UNANSWERED = {
    (
        "write",
        "cut",
    ): "the new token is in the Secret, and the undoing met the same trouble: the next start sorts it out",
}


@pytest.fixture
def arena(embedded_fleet: FleetThread, tmp_path: Path) -> Arena:
    """A namespace on the embedded management cluster."""
    return new_arena("embedded", embedded_fleet.kubeconfig, "harbor", tmp_path, embedded_fleet)


class Impatient(Bench):
    """A bench whose requests give up quickly."""

    def __init__(self, arena: Arena) -> None:
        super().__init__(arena)
        self.clusters = KubeconfigClusters(str(arena.kubeconfig), timeouts=Timeouts(connect=5, read=1))
        self.engine = Engine(self.clusters, self.state, grace=timedelta(0), owner="tests")

    async def kept(self) -> tuple[Sensitive, Sensitive]:
        """The tokens in the Secret and in the file."""
        secret: dict[str, Any] = await self.client.get(SECRETS, "robot-credential", namespace=self.arena.namespace)
        content = base64.b64decode(secret["data"]["token"])
        return Sensitive(content), Sensitive((self.arena.folder / "robot.token").read_bytes().strip())

    async def lives(self, token: Sensitive) -> bool:
        """Whether the token works and will in ten seconds too, when nobody remembers having seen it."""
        bound = read_token(token).bound
        found = await self.client.list(SECRETS, namespace=self.arena.namespace, metadata_only=True)
        alive = bound is None or bound.uid in {item["metadata"]["uid"] for item in found}
        return alive and await self.works(token)


@pytest.fixture
async def bench(arena: Arena) -> AsyncIterator[Impatient]:
    """An engine with one credential, kept in a Secret and in a file."""
    async with Bench(arena) as ready:  # whose patience lasts on a busy machine too
        await ready.issue(arena.spec(arena.secret(), arena.file("robot.token"), format=Format.TOKEN))
    async with Impatient(arena) as impatient:
        yield impatient


async def met(arena: Arena, rule: FaultRule) -> None:
    """Wait until the rule has met a request."""
    assert arena.fleet is not None

    async def hits(fleet: EmbeddedFleet) -> bool:
        return any(hit is rule for _, _, hit in fleet.cluster(arena.name).faults.hits)

    async with asyncio.timeout(60):
        while not arena.fleet.call(hits):
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("trouble", EVERYTHING)
async def test_rotation(bench: Impatient, step: str, trouble: str) -> None:
    before = await bench.kept()
    verb, path = STEPS[step]
    case = (step, trouble)
    rule = FaultRule(EVERYTHING[trouble], verb=verb, path=path)
    with bench.arena.fault(rule):
        address, refused = bench.arena.secret_address(), case == ("proof", "401")
        if refused:  # the old one too: then that is asked first
            with pytest.raises(Revoked, match="its server refuses its token"):
                await bench.engine.plan_rotate(address)
        outcome = await bench.engine.execute(await bench.engine.plan_rotate(address, revive=refused))
        if step == "revocation":
            # It is tried at once, and then again and again, whatever is answered: the handle is looked for. Cut short.
            await met(bench.arena, rule)
        else:
            await bench.engine.settle()
        await bench.engine.aclose()
    secret, file = await bench.kept()
    assert await bench.lives(secret)
    assert await bench.lives(file)
    if step == "revocation" or case in HARMLESS:
        assert outcome.ok, outcome.error
        assert secret == file
        assert secret != before[0]
    else:
        assert not outcome.ok
        assert outcome.error
        assert "\n" not in outcome.error
        assert bench.arena.name in outcome.error or "server" in outcome.error
        assert any(result.status is StepStatus.FAILED for result in outcome.results)
        assert outcome.credential is not None  # the old one goes on working, and the outcome says so
        assert file == before[1]
        assert secret == before[0] or case in DONE_BUT_UNANSWERED

    next_start = Impatient(bench.arena)
    async with next_start:
        await next_start.engine.recover()
        await next_start.engine.settle()
        secret, file = await next_start.kept()
        assert secret == file
        assert await next_start.lives(secret)
        handles = await next_start.handles()
        assert len(handles) == (0 if case == ("handle", "403") else 1)
        assert next_start.state.verify_chain().ok
        assert not next_start.state.open_plans()


async def test_refused_connections_at_every_step(bench: Impatient) -> None:
    """The port closes between the plan and its execution, and opens again."""
    before = await bench.kept()
    fleet = bench.arena.fleet
    assert fleet is not None

    async def close(fleet: EmbeddedFleet) -> None:
        await fleet.cluster(bench.arena.name).enter(ServerState.UNREACHABLE)

    async def reopen(fleet: EmbeddedFleet) -> None:
        await fleet.cluster(bench.arena.name).enter(ServerState.NORMAL)

    plan = await bench.engine.plan_rotate(bench.arena.secret_address())
    fleet.call(close)
    try:
        outcome = await bench.engine.execute(plan)
    finally:
        fleet.call(reopen)
    assert not outcome.ok
    assert bench.arena.name in outcome.error
    assert outcome.hint
    await bench.engine.recover()
    await bench.engine.settle()
    assert await bench.kept() == before
    assert await bench.lives(before[0])
    assert len(await bench.handles()) == 1
    assert not bench.state.open_plans()


async def test_a_file_that_another_kubemint_committed_just_now_is_still_ours(
    ebench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One has read the older record and the newer file; the other commits before the open plans are asked about."""
    issued = await ebench.issue(ebench.arena.spec())
    record = ebench.state.export_record
    before = record(issued.address)
    await ebench.rotate(issued.address)
    answers = [before]
    monkeypatch.setattr(ebench.state, "export_record", lambda address: answers.pop() if answers else record(address))
    held = await FilePlace(ebench.arena.file().path, ebench.arena.identity(), ebench.state).look()
    assert held.exists
    assert not answers
