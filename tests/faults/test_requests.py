"""Rotating a DPUServiceCredentialRequest through trouble in its target cluster, and in the host that keeps it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.faults.trouble import EVERYTHING
from tests.issuance.dpf_place import Clock, Place, embedded_place
from tui.demo import FaultRule
from tui.issuance.engine import Engine
from tui.issuance.model.claims import read_token
from tui.issuance.model.clusters import KubeconfigClusters
from tui.issuance.model.kinds import CredentialKind
from tui.issuance.model.types import Address
from tui.issuance.records.state import StateStore
from tui.kube.client import Timeouts
from tui.kube.resource import SECRETS

if TYPE_CHECKING:
    from tui.demo.running import FleetThread

TARGET, HOST = "target", "host"
STEPS = {
    "handle": (TARGET, "create", r"/secrets$"),
    "token": (TARGET, "create", r"/token$"),
    "proof": (TARGET, "create", r"reviews$"),
    "write": (HOST, "patch", r"/secrets/out$"),
    "status": (HOST, "patch", r"/status$"),
}
TROUBLE = ("401", "403", "409", "429", "500", "hang", "drop", "cut")
CASES = [
    (step, trouble)
    for step in STEPS
    for trouble in TROUBLE
    # the engine reaches a target in its own way, with its full patience of 30 s: a hang there is too slow for a test
    if (STEPS[step][0], trouble) != (TARGET, "hang")
]


@pytest.fixture
async def place(embedded_fleet: FleetThread) -> AsyncIterator[Place]:
    """A host with DPU clusters, and namespaces of its own in each."""
    async with embedded_place(embedded_fleet, Clock()) as ready:
        yield ready


class Operator:
    """An engine whose requests give up quickly."""

    def __init__(self, place: Place, folder: Path) -> None:
        self.place = place
        self.address = Address(CredentialKind.REQUEST, place.host, place.ns, "req")
        self.clusters = KubeconfigClusters(str(place.config), timeouts=Timeouts(connect=5, read=2))
        self.state = StateStore.open(folder)
        self.engine = Engine(self.clusters, self.state, grace=timedelta(0), owner="tests")

    async def close(self) -> None:
        await self.engine.aclose()
        await self.clusters.aclose()
        self.state.close()

    async def published(self) -> bool:
        """Whether the Secret holds a token that works, and goes on to: its handle is there."""
        token = await self.place.token()
        bound = read_token(token).bound
        found = await (await self.place.member()).list(SECRETS, namespace=self.place.ns, metadata_only=True)
        alive = bound is None or bound.uid in {item["metadata"]["uid"] for item in found}
        return alive and await self.place.works(token)


@pytest.mark.parametrize(("step", "trouble"), CASES)
async def test_rotation_of_a_request(place: Place, tmp_path: Path, step: str, trouble: str) -> None:
    where, verb, path = STEPS[step]
    operator = Operator(place, tmp_path)
    await place.want()
    first = await operator.engine.execute(await operator.engine.plan_rotate(operator.address))
    assert first.ok, first.error
    cluster = place.host if where == HOST else place.members[0]
    place.faults(cluster, FaultRule(EVERYTHING[trouble], verb=verb, path=path))
    refused = (step, trouble) == ("proof", "401")  # the old one too: then that is asked first
    outcome = await operator.engine.execute(await operator.engine.plan_rotate(operator.address, revive=refused))
    await operator.close()
    place.faults(clear=True)
    assert await operator.published()
    if not outcome.ok:
        assert outcome.error
        assert "\n" not in outcome.error
    elif step != "status":
        assert (step, trouble) in {("handle", "403"), ("proof", "403")}, "this cannot have worked"

    later = Operator(place, tmp_path)
    await later.engine.recover()
    await later.engine.settle()
    assert later.state.open_plans() == []
    assert await later.published()
    final = await later.engine.execute(await later.engine.plan_rotate(later.address))
    assert final.ok, final.error
    await later.engine.settle()
    await later.close()
    assert await later.published()
    assert len(await place.handles()) == 1
    request = await place.read()
    ready = request.condition("Ready")
    assert ready is not None
    assert ready.status == "True"
