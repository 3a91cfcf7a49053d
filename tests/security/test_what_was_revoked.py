"""What was revoked does not come back by itself: a handle that is gone or going, and a token that is refused before its
own end, count whatever marks, clocks and finalizers say; into what is being deleted nothing is written.

Two machines, as at the attackers': one issued and runs the loop, an operator revokes from another one.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.issuance.arena import Arena, Bench
from tests.security.test_vouching_attacks import Attacker
from tui.demo import Answer, FaultRule
from tui.fleet.fleet import Fleet
from tui.fleet.store import Area
from tui.issuance.destinations.in_secret import SecretDestination
from tui.issuance.errors import UsageError
from tui.issuance.formats import Format
from tui.issuance.model.types import Address, Handle, State
from tui.issuance.objects import managed, token_secret
from tui.issuance.transaction.replacing import Revoked
from tui.kube.errors import Conflict, NotFound
from tui.kube.kubeconfig import load
from tui.kube.resource import SECRETS, SERVICE_ACCOUNTS

HOLD: dict[str, Any] = {"metadata": {"finalizers": ["m.io/hold"]}}
FREE: dict[str, Any] = {"metadata": {"finalizers": None}}
PAST = f"{datetime.now(UTC) - timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}"
PLACE = "robot-credential"


@pytest.fixture
async def other(embedded: Arena) -> AsyncIterator[Bench]:
    """The operator's other machine, with records of its own."""
    async with Bench(embedded, state="other") as bench:
        yield bench


async def revoke(bench: Bench, address: Address) -> None:
    outcome = await bench.engine.execute(await bench.engine.plan_revoke(address))
    assert outcome.ok, outcome
    bench.arena.forget()


async def insist_dead(bench: Bench, address: Address, match: str | None = None) -> None:
    """Neither by name nor by a loop is there a new token."""
    before = await bench.handles()
    with pytest.raises(Revoked, match=match):
        await bench.engine.plan_rotate(address)
    said = await bench.engine.revoked(address)
    assert said.startswith("it was revoked")
    assert said.endswith(f"`kubemint rotate {address} --yes`")
    assert await bench.handles() == before


def later(bench: Bench) -> Bench:
    """The same machine, so long afterwards that the token would have ended by itself."""
    return Bench(bench.arena, clock=lambda: datetime.now(UTC) + timedelta(days=400))


async def free(bench: Bench, *names: str) -> None:
    for name in names:
        try:
            await bench.client.patch(SECRETS, name, FREE, namespace=bench.arena.namespace)
        except (NotFound, Conflict):
            continue


async def test_one_finalizer_and_one_mark_bring_nothing_back(ebench: Bench, other: Bench) -> None:
    """att5-claims-1: by its record the machine that issued it gave the Secret that was being deleted a new token."""
    arena = ebench.arena
    issued = await ebench.issue(arena.spec(arena.secret(), format=Format.TOKEN))
    held = r"is being deleted \(m\.io/hold holds it back\): nothing is written"
    async with Attacker(ebench, PLACE) as mallory:
        await mallory.write(HOLD)
        await revoke(other, issued.address)
        for marks in ({}, {"expires": PAST}):
            await mallory.marks(**marks)
            for revive in (False, True):
                with pytest.raises(UsageError, match=held):
                    await ebench.engine.plan_rotate(issued.address, revive=revive)
            assert "is being deleted" in await ebench.engine.revoked(issued.address)
        with pytest.raises(UsageError, match=held):
            await ebench.engine.plan(arena.spec(arena.secret(), format=Format.TOKEN))
        assert await ebench.handles() == []
    await free(ebench, PLACE)


async def test_no_mark_brings_back_what_was_ended_by_its_handle(ebench: Bench) -> None:
    """The same where the Secret stays."""
    arena = ebench.arena
    issued = await ebench.issue(arena.spec(arena.secret(), format=Format.TOKEN))
    another = await ebench.issue(arena.spec(arena.secret("another"), format=Format.TOKEN))
    handle, alive = issued.credential.handle, another.credential.handle
    await ebench.client.delete(SECRETS, handle.name, namespace=handle.namespace)
    arena.forget()
    async with Attacker(ebench, PLACE) as mallory:
        for marks in (
            {},
            {"expires": PAST},
            {"handle": f"{alive.namespace}/{alive.name}/{alive.uid}"},
            {"handle": None, "fingerprint": None, "issued": None},
        ):
            await mallory.marks(**marks)
            await insist_dead(ebench, issued.address, "its handle is gone")
        await mallory.write({"data": {"token": None}})
        await insist_dead(ebench, issued.address, "its handle is gone")
        await mallory.write({"data": {"token": "eA=="}})
        with pytest.raises(UsageError, match="not a token that can be read"):
            await ebench.engine.plan_rotate(issued.address)


async def test_a_handle_that_is_held_back_vouches_for_nothing(ebench: Bench) -> None:
    """att5-claims-2: one machine; the handle that was being deleted said itself that its place was to get a token."""
    issued = await ebench.issue(ebench.arena.spec(ebench.arena.secret(), format=Format.TOKEN))
    name = issued.credential.handle.name
    await ebench.client.patch(SECRETS, name, HOLD, namespace=ebench.arena.namespace)
    async with Attacker(ebench, PLACE) as mallory:
        await mallory.write(HOLD)
        await revoke(ebench, issued.address)
        for marks in ({}, {"expires": PAST}):
            await mallory.marks(**marks)
            with pytest.raises(UsageError):
                await ebench.engine.plan_rotate(issued.address)
        await mallory.write({"data": {"token": None}})
        with pytest.raises(UsageError, match=f"handle {name} does not confirm that: it is being deleted"):
            await ebench.engine.plan_rotate(issued.address)
        assert await ebench.handles() == [name], "and no other"
    await free(ebench, name, PLACE)


async def test_its_natural_end_brings_nothing_back(ebench: Bench, other: Bench) -> None:
    """att5-claims-3: nobody attacks. What another machine revoked was renewed once its token had ended by itself."""
    issued = await ebench.issue(ebench.arena.spec())
    handle = issued.credential.handle
    await revoke(other, Address.handle(handle.cluster, handle.namespace, handle.name))
    await insist_dead(ebench, issued.address)
    async with later(ebench) as tomorrow:
        await insist_dead(tomorrow, issued.address, r"its handle is gone")
    revived = await ebench.engine.execute(await ebench.engine.plan_rotate(issued.address, revive=True))
    assert revived.ok, revived


@pytest.mark.parametrize("marks", [{}, {"expires": PAST}, {"expires": PAST, "bound_to": None, "fingerprint": None}])
async def test_a_copy_ends_with_its_original(ebench: Bench, other: Bench, marks: dict[str, str | None]) -> None:
    """att5-claims-4: it was renewed as a credential of its own, which nothing that was done to the original ends."""
    arena = ebench.arena
    issued = await ebench.issue(arena.spec(arena.secret(), format=Format.TOKEN))
    copy = SecretDestination(arena.name, arena.namespace, "copy")
    exported = await ebench.engine.export(issued.address, copy)
    assert exported.ok, exported
    await revoke(other, issued.address)
    async with Attacker(ebench, "copy") as mallory:
        await mallory.marks(**marks)
        await insist_dead(ebench, exported.address, "it is a copy, and the handle of its original is gone")
        async with later(ebench) as tomorrow:
            await insist_dead(tomorrow, exported.address, "it is a copy, and the handle of its original is gone")
        await mallory.write({"data": {"token": None}})
        await insist_dead(ebench, exported.address)


async def test_what_has_ended_by_itself_is_renewed(ebench: Bench, other: Bench) -> None:
    """The handle is there: nobody has ended it."""
    arena = ebench.arena
    for spec in (arena.spec(), arena.spec(arena.secret(), format=Format.TOKEN)):
        issued = await ebench.issue(spec)
        async with later(ebench) as tomorrow:
            assert await tomorrow.engine.revoked(issued.address) == ""
        await ebench.rotate(issued.address)
    assert await other.engine.revoked(arena.secret_address()) == "", "nor where no record says anything"


@pytest.mark.parametrize("kept", ["file", "secret"])
async def test_what_the_server_refuses_before_its_end_was_ended(ebench: Bench, kept: str) -> None:
    """Its account was deleted and made anew; the handle lives, as whoever may change it took its owner away."""
    arena = ebench.arena
    await ebench.make_account()
    place = arena.file() if kept == "file" else arena.secret()
    issued = await ebench.issue(arena.spec(place, format=Format.TOKEN))
    handle: Handle = issued.credential.handle
    nobodys = {"metadata": {"ownerReferences": None}}
    await ebench.client.patch(SECRETS, handle.name, nobodys, namespace=handle.namespace)
    await ebench.client.delete(SERVICE_ACCOUNTS, "robot", namespace=arena.namespace)
    await ebench.make_account()
    arena.forget()
    assert await ebench.handles() == [handle.name]
    await insist_dead(ebench, issued.address, "its server refuses its token, which has not expired")
    async with later(ebench) as tomorrow:  # att5-claims-11: then it said that it had just expired
        await insist_dead(tomorrow, issued.address, r"its token is of .+ with UID \S+, which was deleted; the account")
    again = await ebench.engine.execute(await ebench.engine.plan_rotate(issued.address, revive=True))
    assert again.ok, again


@pytest.mark.parametrize("by", ["file", "legacy"])
async def test_a_long_lived_token_that_is_held_back_is_no_living_one(ebench: Bench, by: str) -> None:
    """att5-claims-13: it was listed as one that never ends, and its shut-out file got a new one that never ends."""
    from tests.issuance.test_identity import NAME, create, file_address, wish
    from tests.issuance.test_identity_life import legacy

    await create(ebench)
    address = legacy(ebench.arena)
    await ebench.client.patch(SECRETS, address.name, HOLD, namespace=address.namespace)
    await revoke(ebench, address)
    there = await ebench.client.get_metadata(SECRETS, address.name, namespace=address.namespace)
    found = token_secret.read(there["metadata"])
    assert found is not None
    held = token_secret.credential(ebench.arena.identity(NAME), found)
    assert held.ends_by is not None
    with pytest.raises(Revoked):
        await ebench.engine.plan_rotate(file_address(ebench.arena) if by == "file" else address)
    labels = {"metadata": {"labels": {token_secret.INVALID_SINCE: "2026-01-01"}}}
    await ebench.client.patch(SECRETS, address.name, labels, namespace=address.namespace)
    async with Bench(ebench.arena, state="elsewhere") as elsewhere:
        with pytest.raises(managed.BeingDeleted, match="its token ends with it"):
            await elsewhere.engine.plan_reactivate(address)
        again = await elsewhere.engine.plan(wish(ebench.arena), force=True)
        assert address.name not in {step.name for step in again.steps}, "the identity gets another one"
    await free(ebench, address.name)


def test_a_place_that_is_being_deleted_is_no_place() -> None:
    going = {"deletionTimestamp": "2030-01-01T12:00:00Z"}
    managed.refuse_going({}, "it")
    managed.refuse_going({"finalizers": ["x"]}, "it")
    for meta in (going, {**going, "finalizers": ["a/b", "c"]}):
        with pytest.raises(managed.BeingDeleted, match="it is being deleted"):
            managed.refuse_going(meta, "it")


@pytest.mark.parametrize(
    ("revoked", "asked", "state"),
    [(True, True, State.REVOKED), (False, True, State.VALID), (False, False, State.UNKNOWN)],
)
async def test_who_may_not_look_at_a_handle_asks_about_the_token(
    ebench: Bench, other: Bench, revoked: bool, asked: bool, state: State
) -> None:
    """att5-claims-16: with the least rights to issue, a list said "valid" of what somebody else had revoked."""
    arena = ebench.arena
    issued = await ebench.issue(arena.spec())
    if revoked:
        handle = issued.credential.handle
        await revoke(other, Address.handle(handle.cluster, handle.namespace, handle.name))
    rules = [FaultRule(Answer(403), verb=verb, path="/secrets") for verb in ("get", "list", "watch")]
    rules += [] if asked else [FaultRule(Answer(503), path="reviews$")]
    with contextlib.ExitStack() as faults:
        for rule in rules:
            faults.enter_context(arena.fault(rule))
        if revoked:
            with pytest.raises(Revoked, match="its server refuses its token, which has not expired"):
                await ebench.engine.plan_rotate(issued.address)
        fleet = Fleet(load(str(arena.kubeconfig)), state=ebench.state, only=[arena.name], areas={Area.CREDENTIALS})
        await fleet.start()
        try:
            assert await fleet.settled(30)
            shown = fleet.store.credentials[str(issued.address)].credential
            assert shown.state is state, shown
            assert ("cannot be seen" in shown.message) is (state is State.UNKNOWN)
        finally:
            await fleet.stop()
