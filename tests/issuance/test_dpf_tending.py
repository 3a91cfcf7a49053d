"""Whether DPF's controller keeps a cluster's requests, from the traces it leaves; and the loop that steps aside."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.controlplane import RealControlPlane
from tui.demo.running import FleetThread
from tui.issuance.families.dpf import DPU_REQUESTS
from tui.issuance.families.dpf.keeper import Keeper, Rest
from tui.issuance.families.dpf.keeping import Keeping, Key
from tui.issuance.families.dpf.resources import FINALIZER, MARKS
from tui.issuance.families.dpf.tending import trace
from tui.issuance.model.durations import rfc3339
from tui.kube.errors import NotFound
from tui.kube.resource import SECRETS

from .dpf_place import Clock, Place, embedded_place, real_place

CLOCK = Clock()
SECOND = timedelta(seconds=1)


@pytest.fixture(scope="module")
def untended_fleet() -> Iterator[FleetThread]:
    """An embedded fleet without the controller, on a clock that tests move."""
    with FleetThread(clusters=4, accounts=0, troubled=False, controller=False, clock=CLOCK) as fleet:
        yield fleet


@pytest.fixture(params=["embedded", pytest.param("real", marks=pytest.mark.real)])
async def place(request: pytest.FixtureRequest) -> AsyncIterator[Place]:
    if request.param == "real":
        plane: RealControlPlane = request.getfixturevalue("real_control_plane")
        async with real_place(plane) as ready:
            yield ready
        return
    async with embedded_place(request.getfixturevalue("untended_fleet"), CLOCK) as ready:
        yield ready


async def raw(place: Place, name: str = "req") -> dict[str, Any]:
    found: dict[str, Any] = await place.client.get(DPU_REQUESTS, name, namespace=place.ns)
    return found


async def as_controller(place: Place, name: str = "req") -> None:
    """What the reference controller writes when it has issued a token; without any mark of kubemint's."""
    now = place.clock()
    await place.client.patch(DPU_REQUESTS, name, {"metadata": {"finalizers": [FINALIZER]}}, namespace=place.ns)
    await place.status(
        name,
        serviceAccount=f"{place.ns}/test-service-account",
        secret=f"{place.ns}/out",
        issuedAt=rfc3339(now),
        expirationTimestamp=rfc3339(now + timedelta(hours=1)),
    )


async def test_what_kubemint_did_itself_is_no_trace_of_another(place: Place) -> None:
    await place.want()
    assert trace(await raw(place), place.clock()) == ""
    await place.keep()
    assert trace(await raw(place), place.clock()) == ""


async def test_a_token_that_is_not_ours_and_not_late_is_somebodys(place: Place) -> None:
    await place.want()
    await as_controller(place)
    found, now = await raw(place), place.clock()
    assert "not kubemint's" in trace(found, now)
    assert "not kubemint's" in trace(found, now + timedelta(minutes=48))
    assert trace(found, now + timedelta(minutes=50)) == "", "nobody renewed it"


async def test_a_status_that_kubemint_did_not_come_to_write_is_no_trace_of_another(place: Place) -> None:
    await place.want()
    await as_controller(place)
    found, now = await raw(place), place.clock()
    assert "not kubemint's" in trace(found, now)
    newer = datetime.fromisoformat(found["status"]["expirationTimestamp"]) + timedelta(seconds=5)
    found["metadata"].setdefault("annotations", {})["kubemint.io/expires"] = rfc3339(newer)
    assert trace(found, now) == ""


async def test_a_status_written_lately_by_another_manager(place: Place) -> None:
    await place.want()
    await place.keep()
    path = DPU_REQUESTS.path(place.ns, "req", "status")
    await place.client.request(
        "PATCH",
        path,
        params={"fieldManager": "dpuservicecredentialrequestcontroller"},
        body={"status": {"secret": f"{place.ns}/other"}},
        content_type="application/merge-patch+json",
    )
    found, now = await raw(place), place.clock()
    assert "dpuservicecredentialrequestcontroller wrote the status" in trace(found, now)
    assert trace(found, now + timedelta(minutes=11)) == ""


async def eventually(condition: Any) -> None:
    async with asyncio.timeout(60):  # a real server on a busy machine takes its time
        while not await condition():
            await asyncio.sleep(0.02)


def keeping(place: Place, rests: list[tuple[Key, Rest]], said: list[str]) -> Keeping:
    return Keeping(
        place.keeper, place.client, place.host, place.ns, clock=place.clock,
        on_rest=lambda key, rest: rests.append((key, rest)), say=said.append, resync=SECOND / 2,
    )  # fmt: skip


async def test_the_loop_keeps_what_comes_what_changes_and_what_others_break(place: Place) -> None:
    rests: list[tuple[Key, Rest]] = []
    loop = asyncio.create_task(keeping(place, rests, []).run())

    async def issued() -> bool:
        return (await place.read()).issued_at is not None

    async def there() -> bool:
        try:
            return bool((await place.secret()).data)
        except NotFound:
            return False

    async def gone() -> bool:
        try:
            await place.read()
        except NotFound:
            return True
        return False

    await place.want()
    await eventually(issued)
    await eventually(there)
    await place.client.delete(SECRETS, "out", namespace=place.ns)  # nobody watches Secrets
    await eventually(there)
    await place.delete()
    await eventually(gone)
    assert await place.account() is None
    assert {rest.error for _, rest in rests} == {""}
    loop.cancel()
    with pytest.raises(asyncio.CancelledError):
        await loop


class Poisoned(Keeper):
    """A keeper with a mistake that one request brings out."""

    async def reconcile(self, cluster: str, namespace: str, name: str, **options: Any) -> Rest:
        if name == "poison":
            raise LookupError("whatever this text holds")
        return await super().reconcile(cluster, namespace, name, **options)


async def test_a_request_that_brings_out_a_mistake_costs_the_others_nothing(place: Place) -> None:
    place.keeper = Poisoned(place.clusters, clock=place.clock, grace=place.grace)
    rests: list[tuple[Key, Rest]] = []
    await place.want("poison", secret={"name": "poison", "namespace": place.ns})
    await place.want()
    loop = asyncio.create_task(keeping(place, rests, []).run())

    async def both() -> bool:
        return {name for (_, name), _ in rests} == {"poison", "req"}

    await eventually(both)
    assert (await place.read()).issued_at is not None
    said = {name: rest.error for (_, name), rest in rests}
    assert said == {"req": "", "poison": "an unexpected LookupError in kubemint"}
    assert not loop.done()
    loop.cancel()
    with pytest.raises(asyncio.CancelledError):
        await loop


async def test_the_loop_steps_aside_while_the_controller_is_seen(place: Place) -> None:
    await place.want()
    await place.keep()
    unmarked = {"metadata": {"annotations": dict.fromkeys(MARKS)}}
    await place.client.patch(DPU_REQUESTS, "req", unmarked, namespace=place.ns)
    before = await place.read()
    rests: list[tuple[Key, Rest]] = []
    said: list[str] = []
    loop = asyncio.create_task(keeping(place, rests, said).run())
    async with asyncio.timeout(60):
        while not said:
            await asyncio.sleep(0.02)
    assert "req: left to DPF's controller: the token of" in said[0]
    await place.want("other", serviceAccount={"name": "other", "namespace": place.ns}, secret={"name": "other"})

    async def waits() -> bool:
        return any("other: left to DPF's controller: it is new" in line for line in said)

    await eventually(waits)
    assert rests == []
    CLOCK.ahead += timedelta(minutes=2)
    place.clock.ahead += timedelta(minutes=2) * (place.clock is not CLOCK)

    async def kept() -> bool:
        return bool(rests)

    await eventually(kept)
    assert {key[1] for key, _ in rests} == {"other"}, "nobody else did, and what was seen says nothing of this one"
    loop.cancel()
    with pytest.raises(asyncio.CancelledError):
        await loop
    assert await place.read() == before
