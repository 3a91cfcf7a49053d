"""One cluster under two names: what was put there under one is renewed and ended under either, once."""

from __future__ import annotations

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.fleet.conftest import FAST, over, until
from tests.fleet.test_handles_watched import issued, robot, states
from tui.demo.fleet import EmbeddedFleet
from tui.fleet.fleet import Fleet
from tui.fleet.renewing import watched
from tui.issuance.destinations.in_file import FileDestination
from tui.issuance.destinations.in_secret import SecretDestination
from tui.issuance.errors import UsageError
from tui.issuance.families.certificate.wish import CertificateWish
from tui.issuance.loop.keeping import RenewalLoop
from tui.issuance.model.kinds import CredentialKind
from tui.issuance.model.types import Action, Address, Handle, Identity, IssueSpec, Outcome, State
from tui.issuance.records.state import StateStore
from tui.issuance.trust import handles, one_server
from tui.kube.errors import NotFound, ReadOnly
from tui.kube.kubeconfig import load
from tui.kube.resource import SECRETS

CALLED, OWN = "harbor/clusters/tenant-a", "tenant-a"
DELIVERED = Address(CredentialKind.SECRET, CALLED, "default", "twice")
SHOWN = Address(CredentialKind.SECRET, OWN, "default", "twice")


@pytest.fixture
async def pushed(two: EmbeddedFleet, tmp_path: Path) -> AsyncIterator[tuple[Fleet, Handle]]:
    """The machine that wrote it, with the handle: issued under the delivered name, shown under the operator's own."""
    async with over(two, tmp_path, read_only=False, grace=timedelta(0)) as fleet:
        yield fleet, await put(fleet)


async def put(fleet: Fleet, cluster: str = CALLED) -> Handle:
    await fleet.settled(10)
    await until(lambda: fleet.store.clusters[CALLED].carried_by == OWN, "one shows what is in it")
    handle = await issued(fleet, robot(SecretDestination(cluster, "default", "twice")))
    await until(lambda: states(fleet, str(SHOWN)) == [State.VALID], "it shows")
    return handle


async def lives(fleet: Fleet, handle: Handle) -> bool:
    try:
        found = await (await fleet.client("harbor")).get_metadata(SECRETS, handle.name, namespace="default")
    except NotFound:
        return False
    return bool(found["metadata"]["uid"] == handle.uid)


async def places_of(fleet: Fleet, outcome: Outcome) -> tuple[str, ...]:
    """What the new handle says that it was made for."""
    assert outcome.credential is not None
    assert outcome.credential.handle is not None
    name = outcome.credential.handle.name
    seen = await handles.look(await fleet.client("harbor"), "default", name)
    assert seen is not None
    return seen.secrets


@pytest.mark.parametrize("again", [False, True], ids=["who wrote it", "another machine"])
async def test_it_is_renewed_under_either_name_and_keeps_the_one_it_has(
    two: EmbeddedFleet, tmp_path: Path, pushed: tuple[Fleet, Handle], again: bool
) -> None:
    writer, first = pushed
    async with over(two, tmp_path / "other", read_only=False, grace=timedelta(0)) as other:
        await other.settled(10)
        fleet = other if again else writer
        assert (await fleet.engine.lookup(SHOWN)).state is State.VALID
        assert (await fleet.engine.lookup(SHOWN)).address == SHOWN
        plan = await fleet.engine.plan_rotate(SHOWN)
        assert plan.address == DELIVERED
        assert f"{SHOWN} is {DELIVERED} here, which it was issued under" in plan.warnings[0]
        outcome = await fleet.engine.execute(plan)
        assert outcome.ok, outcome
        await fleet.engine.settle()
        assert not await lives(fleet, first)
        assert await places_of(fleet, outcome) == (f"{CALLED}/default/twice",)
        for name in (DELIVERED, SHOWN):
            outcome = await writer.engine.execute(await writer.engine.plan_rotate(name))
            assert outcome.ok, "who knows the name that it was issued under goes on"


@pytest.mark.parametrize("again", [False, True], ids=["who wrote it", "another machine"])
async def test_it_ends_under_either_name(
    two: EmbeddedFleet, tmp_path: Path, pushed: tuple[Fleet, Handle], again: bool
) -> None:
    writer, first = pushed
    async with over(two, tmp_path / "other", read_only=False) as other:
        await other.settled(10)
        fleet = other if again else writer
        plan = await fleet.engine.plan_revoke(SHOWN)
        assert plan.address == DELIVERED
        outcome = await fleet.engine.execute(plan)
        assert outcome.ok, outcome
        assert not await lives(fleet, first)
        gone = await (await fleet.client(OWN)).list(SECRETS, namespace="default", metadata_only=True)
        assert "twice" not in [one["metadata"]["name"] for one in gone]


@pytest.mark.parametrize("broken", [False, True], ids=["each may", "the first may not"])
async def test_the_loop_renews_what_has_several_names_once(two: EmbeddedFleet, tmp_path: Path, *, broken: bool) -> None:
    """Three names of one server, two of them the operator's own, and a fourth of another server."""
    config = load(str(two.kubeconfig))
    config = replace(config, contexts=config.contexts | {"too": replace(config.contexts[OWN], name="too")})
    with contextlib.closing(StateStore.open(tmp_path / "state")) as state:
        fleet = Fleet(config, state=state, timing=FAST, grace=timedelta(0))
        await fleet.start()
        try:
            first = await put(fleet)
            also = Address(CredentialKind.SECRET, "too", "default", "twice")
            await until(lambda: states(fleet, str(also)) == [State.VALID], "both contexts list it")
            late, asked = timedelta(minutes=55), list[Address]()

            async def renew(addresses: Sequence[Address]) -> list[Outcome]:
                nonlocal late
                asked.extend(addresses)
                if broken and len(asked) == 1:
                    return [Outcome(plan="", action=Action.ROTATE, address=one, ok=False, results=(), error="no right")]
                done = [await fleet.engine.execute(await fleet.engine.plan_rotate(one)) for one in addresses]
                assert [one.address for one in done] == [DELIVERED]
                late = timedelta(0)
                return done

            loop = RenewalLoop(
                source=lambda: watched(fleet.store.credentials.values(), fleet, clock=lambda: datetime.now(UTC) + late),
                renew=renew,
                revoked=fleet.engine.revoked,
                only={SHOWN, DELIVERED, also},
            )
            assert loop.look().watched == 1
            undone = list(watched(fleet.store.credentials.values(), fleet, undone={DELIVERED}))
            assert {one.left for one in undone if one.credential.address in (SHOWN, also)} == {
                "its rotation was undone"
            }
            (one,) = await loop.due_now()
            assert loop.other_name(one, {one}) == (SHOWN if one == also else also)
            assert loop.other_name(one, {SHOWN, also}) is None
            running = asyncio.create_task(loop.run())
            await until(lambda: len(asked) == 1 + broken, "it is renewed")
            await until(lambda: not (loop.look().due or late), "and done")
            await fleet.engine.settle()
            await asyncio.sleep(3 * FAST.exports)
            running.cancel()
            assert len(asked) == len(set(asked)) == 1 + broken
            assert not await lives(fleet, first)
        finally:
            await fleet.stop()


async def test_a_rotation_is_undone_under_either_name(two: EmbeddedFleet, tmp_path: Path) -> None:
    async with over(two, tmp_path, read_only=False, grace=timedelta(minutes=5)) as fleet:
        first = await put(fleet)
        for rotated, undone in ((SHOWN, SHOWN), (DELIVERED, SHOWN), (SHOWN, DELIVERED)):
            outcome = await fleet.engine.execute(await fleet.engine.plan_rotate(rotated))
            assert outcome.ok, outcome
            plan = await fleet.engine.plan_undo(undone)
            assert plan.address == DELIVERED
            outcome = await fleet.engine.execute(plan)
            assert outcome.ok, outcome
            assert (await fleet.engine.lookup(SHOWN)).handle == first


async def test_a_copy_of_what_is_shown_is_renewed_with_it(pushed: tuple[Fleet, Handle], tmp_path: Path) -> None:
    fleet, first = pushed
    copy = Address(CredentialKind.FILE, "", "", str(tmp_path / "copy.kc"))
    outcome = await fleet.engine.export(SHOWN, FileDestination(copy.name))
    assert outcome.ok, outcome
    held = (tmp_path / "copy.kc").read_bytes()
    for name in (copy, SHOWN):
        outcome = await fleet.engine.execute(await fleet.engine.plan_rotate(name))
        assert outcome.ok, outcome
        await fleet.engine.settle()
        before, held = held, (tmp_path / "copy.kc").read_bytes()
        assert held != before, "the file has the new one too"
        assert await places_of(fleet, outcome) == (f"{CALLED}/default/twice",)
    assert not await lives(fleet, first)


async def test_under_a_second_context_of_its_server_a_secret_takes_its_copies_along(
    two: EmbeddedFleet, tmp_path: Path
) -> None:
    """Any name vouches there, since the handle lies beside it: what this machine recorded says which one is meant."""
    config = load(str(two.kubeconfig))
    config = replace(config, contexts=config.contexts | {"too": replace(config.contexts[OWN], name="too")})
    also, copy = Address(CredentialKind.SECRET, "too", "default", "twice"), tmp_path / "copy.kc"
    with contextlib.closing(StateStore.open(tmp_path / "state")) as state:
        fleet = Fleet(config, state=state, timing=FAST, grace=timedelta(0))
        await fleet.start()
        try:
            await fleet.settled(10)
            own = IssueSpec(
                identity=Identity(OWN, "default", "robot"),
                destinations=(SecretDestination(OWN, "default", "twice"),),
                create_account=True,
            )
            outcome = await fleet.engine.execute(await fleet.engine.plan(own))
            assert outcome.ok, outcome
            outcome = await fleet.engine.export(SHOWN, FileDestination(str(copy)))
            assert outcome.ok, outcome
            held = copy.read_bytes()
            plan = await fleet.engine.plan_rotate(also)
            assert (plan.address, [step.path for step in plan.steps if step.path]) == (SHOWN, [str(copy)] * 2)
            assert f"{also} is {SHOWN} here, which it was issued under" in plan.warnings[0]
            assert not any("is a copy" in said for said in plan.warnings)
            outcome = await fleet.engine.execute(plan)
            assert outcome.ok, outcome
            assert copy.read_bytes() != held
            ending = await fleet.engine.plan_revoke(also)
            assert any(str(copy) in said for said in ending.warnings), "who is in it with it is named"
            tidied = [step.title for step in ending.steps if step.verb == "delete" and "twice" in (step.name or "")]
            assert len(tidied) == 1, ending.steps
        finally:
            await fleet.stop()


async def test_what_is_protected_under_the_name_that_was_asked_for_is(two: EmbeddedFleet, tmp_path: Path) -> None:
    async with over(two, tmp_path, read_only=False) as fleet:
        await put(fleet)
    guard = {OWN: "tenant-a is read-only"}
    async with over(two, tmp_path, guard=lambda cluster: guard.get(cluster, "")) as fleet:
        await fleet.settled(10)
        for plan in (fleet.engine.plan_rotate, fleet.engine.plan_revoke):
            assert (await plan(DELIVERED)).address == DELIVERED
            with pytest.raises(ReadOnly, match="tenant-a is read-only"):
                await plan(SHOWN)


async def test_a_delivered_name_never_stands_for_the_operators_own(two: EmbeddedFleet, tmp_path: Path) -> None:
    """Whoever may write its kubeconfig says where it leads: what is the operator's own is not ended under it."""
    async with over(two, tmp_path, read_only=False) as fleet:
        first = await put(fleet, OWN)
        for plan in (fleet.engine.plan_rotate, fleet.engine.plan_revoke):
            with pytest.raises(UsageError, match=f"was made for {OWN}/default/twice, not for {CALLED}") as refused:
                await plan(DELIVERED)
            assert "use the one that it was issued under" in (refused.value.hint or "")
        assert await lives(fleet, first)
        assert (await fleet.engine.plan_rotate(SHOWN)).address == SHOWN


async def test_a_proxy_in_front_of_the_operators_cluster_is_not_that(two: EmbeddedFleet, tmp_path: Path) -> None:
    """Its owner has the kubeconfig lead elsewhere, and forwards all, the UIDs of kube-system and the Secret with it."""
    async with over(two, tmp_path / "writer", read_only=False) as fleet:
        first = await put(fleet)
        client = await fleet.client("harbor")
        said = await client.get(SECRETS, "tenant-a-kubeconfig", namespace="clusters")
        forged = base64.b64decode(said["data"]["value"]).replace(b"127.0.0.1", b"localhost")
        assert b"localhost" in forged
        said["data"]["value"] = base64.b64encode(forged).decode()
        await client.replace(SECRETS, said, name="tenant-a-kubeconfig", namespace="clusters")
        await until(lambda: "localhost" in fleet.store.clusters[CALLED].server, "it is entered anew")
    async with over(two, tmp_path / "other", read_only=False) as fleet:
        await fleet.settled(10)
        assert (await fleet.engine.plan_rotate(DELIVERED)).address == DELIVERED
        for plan in (fleet.engine.plan_rotate, fleet.engine.plan_revoke):
            with pytest.raises(UsageError, match=f"was made for {CALLED}/default/twice, not for {OWN}"):
                await plan(SHOWN)
        assert await lives(fleet, first)


async def test_a_certificate_is_known_under_a_second_context_of_its_server(two: EmbeddedFleet, tmp_path: Path) -> None:
    """The record says of which server and authority it is; another cluster's Secret of that name is not it."""
    config = load(str(two.kubeconfig))
    config = replace(config, contexts=config.contexts | {"too": replace(config.contexts[OWN], name="too")})
    also, there = Address(CredentialKind.SECRET, "too", "default", "jane"), SecretDestination(OWN, "default", "jane")
    with contextlib.closing(StateStore.open(tmp_path / "state")) as state:
        fleet = Fleet(config, state=state, timing=FAST)
        await fleet.start()
        try:
            await fleet.settled(10)
            wanted = CertificateWish(
                cluster=OWN, destinations=(there,), user="jane", groups=("shift",), duration=timedelta(hours=1)
            )
            outcome = await fleet.engine.execute(await fleet.engine.plan(wanted))
            assert outcome.ok, outcome
            asked, known = await fleet.engine.lookup(also), await fleet.engine.lookup(outcome.address)
            assert (asked.address, asked.state, asked.fingerprint) == (also, State.VALID, known.fingerprint)
            with pytest.raises(UsageError, match="is a client certificate"):
                await fleet.engine.plan_revoke(also)
            plan = await fleet.engine.plan_rotate(also)
            assert plan.address == outcome.address
            assert f"{also} is {outcome.address} here, which it was issued under" in plan.warnings[0]
            again = await fleet.engine.execute(plan)
            assert again.ok, again
            assert (await fleet.engine.lookup(also)).fingerprint != known.fingerprint
            elsewhere = Address(CredentialKind.SECRET, "harbor", "default", "jane")
            assert one_server.record_of(state, fleet, also) is not None
            assert one_server.record_of(state, fleet, elsewhere) is None
        finally:
            await fleet.stop()
