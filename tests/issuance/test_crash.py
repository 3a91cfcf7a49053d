"""Killed at any point of any step: exactly one working credential, and after the next start nothing left over."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from tests.issuance.arena import Arena, Bench, token_in
from tests.issuance.dpf_place import Clock
from tests.issuance.dying import KILLED, SURVIVED, Doomed
from tui.demo import FaultRule, Hang
from tui.issuance.destinations.in_file import FileDestination
from tui.issuance.model.types import Outcome, State
from tui.issuance.objects import managed
from tui.kube.errors import NotFound
from tui.kube.resource import SECRETS, SERVICE_ACCOUNTS

MOMENTS = ("before", "unrecorded", "after")
MADE = ("intent", "account", "handle", "token", "prove")
WRITTEN = ("write:0", "write:1", "check:0", "check:1", "commit")


def points(steps: tuple[str, ...]) -> list[str]:
    return [f"{moment}:{step}" for step in steps for moment in MOMENTS]


@pytest.fixture(scope="module")
def doomed() -> Doomed:
    return Doomed()


async def recovered(bench: Bench) -> list[Outcome]:
    """What the next start does; a second one finds nothing to do."""
    outcomes = await bench.engine.recover()
    await bench.engine.settle()
    assert [outcome.error for outcome in outcomes if not outcome.ok] == []
    assert await bench.engine.recover() == []
    assert bench.state.open_plans() == []
    assert bench.state.revocations() == []
    assert bench.state.verify_chain().ok
    return outcomes


@pytest.mark.parametrize("point", points((*MADE, *WRITTEN)))
async def test_an_issue_that_was_killed_is_undone_or_finished(embedded: Arena, doomed: Doomed, point: str) -> None:
    """Two places: killed between them, the second one is written from the first."""
    spec = embedded.spec(embedded.file(), embedded.secret())
    assert doomed.run(embedded, spec, point) == KILLED
    path = Path(embedded.file().path)
    async with Bench(embedded) as bench:
        published = path.exists()
        if published:
            assert await bench.works(token_in(path)), "what is published works before anything is recovered"
        await recovered(bench)
        handles = await bench.handles()
        assert path.exists() is published
        assert published is (point.partition(":")[2] in WRITTEN and point != "before:write:0")
        if published:
            credential = await bench.engine.lookup(embedded.secret_address())
            assert credential.fingerprint == token_in(path).fingerprint
            assert [credential.handle and credential.handle.name] == handles
            assert (await bench.engine.verify(embedded.secret_address())).ok
            assert (await bench.engine.verify(bench.state.exports()[0].address)).ok
        else:
            assert handles == []
            assert await bench.secrets() == []
            assert bench.state.exports() == []
            with contextlib.suppress(NotFound):  # it stays: who began to use it since leaves no trace
                account = await bench.client.get(SERVICE_ACCOUNTS, "robot", namespace=embedded.namespace)
                assert managed.PLAN in account["metadata"]["annotations"]


@pytest.mark.parametrize("point", points(("intent", "handle", "token", "prove", "write:0", "check:0", "commit")))
async def test_a_rotation_that_was_killed_leaves_one_working_credential(
    embedded: Arena, doomed: Doomed, point: str
) -> None:
    path = Path(embedded.file().path)
    async with Bench(embedded) as bench:
        issued = await bench.issue(embedded.spec())
        old = token_in(path)
        assert doomed.run(embedded, issued.address, point) == KILLED
        published = token_in(path)
        assert await bench.works(published), "whoever reads the file right after the kill is let in"
        await recovered(bench)
        now = token_in(path)
        assert now == published
        assert (now == old) is (point.partition(":")[2] not in WRITTEN or point == "before:write:0")
        credential = await bench.engine.lookup(issued.address)
        assert credential.fingerprint == now.fingerprint
        assert [credential.handle and credential.handle.name] == await bench.handles()
        assert (await bench.engine.verify(issued.address)).ok


async def test_a_rotation_of_a_secret_killed_after_the_write_is_finished(arena: Arena, doomed: Doomed) -> None:
    async with Bench(arena) as bench:
        issued = await bench.issue(arena.spec(arena.secret()))
        assert doomed.run(arena, issued.address, "unrecorded:write:0") == KILLED
        assert len(await bench.handles()) == 2
        assert (await bench.engine.verify(issued.address)).ok
        await recovered(bench)
        assert len(await bench.handles()) == 1
        assert (await bench.engine.verify(issued.address)).ok


async def test_a_place_that_somebody_else_took_since_is_left_to_them(embedded: Arena, doomed: Doomed) -> None:
    async with Bench(embedded) as bench:
        spec = embedded.spec(embedded.file(), embedded.secret())
        assert doomed.run(embedded, spec, "after:write:0") == KILLED
        foreign = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "robot-credential"}}
        await bench.client.create(SECRETS, foreign, namespace=embedded.namespace)
        (outcome,) = await recovered(bench)
        assert "was changed by another client" in next(r.message for r in outcome.results if r.step == "write:1")
        (left,) = bench.state.exports()
        assert (await bench.engine.verify(left.address)).ok
        await bench.rotate(left.address)


async def test_killed_during_the_grace_period_the_old_handle_goes_at_the_next_start(
    embedded: Arena, doomed: Doomed
) -> None:
    async with Bench(embedded) as bench:
        issued = await bench.issue(embedded.spec())
        assert doomed.run(embedded, issued.address, "after:commit") == KILLED
        assert len(await bench.handles()) == 2
        assert len(bench.state.revocations()) == 1
        await recovered(bench)
        assert len(await bench.handles()) == 1


@pytest.mark.parametrize("point", points(("intent", "handle", "secret:0")))
async def test_a_revocation_that_was_killed_is_finished(embedded: Arena, doomed: Doomed, point: str) -> None:
    """From the moment it is journaled: then the token is dead, its Secret gone and its copy known to be dead."""
    async with Bench(embedded) as bench:
        await bench.issue(embedded.spec(embedded.secret(), embedded.file()))
        assert doomed.run(embedded, embedded.secret_address(), point, revoke=True) == KILLED
        await recovered(bench)
        if point.endswith(":intent") and not point.startswith("after"):
            assert (await bench.engine.verify(embedded.secret_address())).ok
            return
        assert await bench.secrets() == []
        embedded.forget()
        assert not await bench.works(token_in(embedded.file().path))
        assert [export.state for export in bench.state.exports()] == [State.REVOKED]


@pytest.mark.parametrize("moment", ["before", "unrecorded", "after"])
@pytest.mark.parametrize("step", ["write:0", "check:0", "commit"])
async def test_a_copy_is_never_on_the_disk_without_being_known(embedded: Arena, step: str, moment: str) -> None:
    async with Bench(embedded) as bench:
        issued = await bench.issue(embedded.spec(embedded.secret()))
        copy = Path(embedded.file("copy").path)

        def die(point: str) -> None:
            if point == f"{moment}:{step}":
                raise KeyboardInterrupt

        bench.engine.checkpoint = die
        with pytest.raises(KeyboardInterrupt):
            await bench.engine.export(issued.address, FileDestination(str(copy)))
    async with Bench(embedded) as bench:
        await bench.engine.recover()
        known = [Path(credential.address.name) for credential in bench.state.exports()]
        assert copy in known or not copy.exists()


async def test_a_copy_that_cannot_be_written_is_not_known(ebench: Bench) -> None:
    arena = ebench.arena
    issued = await ebench.issue(arena.spec(arena.secret()))
    copy = arena.folder / "copy"
    ebench.engine.checkpoint = lambda point: copy.mkdir() if point == "before:write:0" else None
    outcome = await ebench.engine.export(issued.address, FileDestination(str(copy)))
    assert not outcome.ok
    assert ebench.state.exports() == []


async def test_files_that_are_gone_and_whose_token_is_dead_are_forgotten(embedded: Arena) -> None:
    """The record of what was written on this machine does not grow for ever."""
    clock = Clock()
    async with Bench(embedded, clock=clock) as bench:
        names = ["revoked", "revoked-and-kept", "expired", "alive"]
        issued = {name: await bench.issue(embedded.spec(embedded.file(name))) for name in names}
        for name in names[:2]:
            outcome = await bench.engine.execute(await bench.engine.plan_revoke(issued[name].address))
            assert outcome.ok, outcome
        for name in ("revoked", "expired", "alive"):
            Path(embedded.file(name).path).unlink()
        await bench.engine.recover()
        known = {Path(credential.address.name).name for credential in bench.state.exports()}
        assert known == {"revoked-and-kept", "expired", "alive"}
        clock.ahead = timedelta(days=29)
        await bench.engine.recover()
        assert len(bench.state.exports()) == 3, "it may lie on a disk that comes back"
        clock.ahead = timedelta(days=32)
        await bench.engine.recover()
        known = {Path(credential.address.name).name for credential in bench.state.exports()}
        assert known == {"revoked-and-kept"}


async def test_a_cancelled_plan_is_settled_by_the_same_engine(embedded: Arena) -> None:
    async with Bench(embedded) as bench:
        plan = await bench.engine.plan(embedded.spec())

        def cancel(point: str) -> None:
            if point == "after:token":
                execution.cancel()

        bench.engine.checkpoint = cancel
        execution = asyncio.create_task(bench.engine.execute(plan))
        with pytest.raises(asyncio.CancelledError):
            await execution
        assert len(await bench.handles()) == 1
        await recovered(bench)
        assert await bench.handles() == []


async def test_a_cluster_that_hangs_holds_up_the_recovery_of_no_other(embedded: Arena, embedded_old: Arena) -> None:
    async with Bench(embedded_old, patience=300) as bench:
        for arena, name in ((embedded_old, "first"), (embedded, "second")):
            plan = await bench.engine.plan(arena.spec(arena.file(name)))

            def cancel(point: str) -> None:
                if point == "after:token":
                    execution.cancel()  # noqa: B023 - it runs before the next one begins

            bench.engine.checkpoint = cancel
            execution = asyncio.create_task(bench.engine.execute(plan))
            with pytest.raises(asyncio.CancelledError):
                await execution
        with embedded_old.fault(FaultRule(Hang(), path="/secrets/")):
            recovering = asyncio.create_task(bench.engine.recover())
            async with asyncio.timeout(60):
                while len(bench.state.open_plans()) == 2:
                    await asyncio.sleep(0.05)
            assert not recovering.done()
        assert [outcome.address.name for outcome in await recovering] == [
            embedded_old.file("first").path,
            embedded.file("second").path,
        ]
        assert bench.state.open_plans() == []


@pytest.mark.parametrize("merge", [False, True], ids=["own", "merged"])
async def test_a_write_that_is_cancelled_is_over_before_others_may_begin(
    embedded: Arena, monkeypatch: pytest.MonkeyPatch, merge: bool
) -> None:
    """The disk takes its time: what was cancelled may still be written, and nobody may undo it meanwhile."""
    begun, may_go_on, real = threading.Event(), threading.Event(), os.fsync

    def slow(descriptor: int) -> None:
        begun.set()
        assert may_go_on.wait(30)
        real(descriptor)

    file = FileDestination(embedded.file().path, merge=merge)
    async with Bench(embedded) as bench, Bench(embedded) as other:
        plan = await bench.engine.plan(embedded.spec(file))
        monkeypatch.setattr(os, "fsync", slow)
        execution = asyncio.create_task(bench.engine.execute(plan))
        assert await asyncio.to_thread(begun.wait, 30)
        execution.cancel()
        await asyncio.sleep(0)
        assert await other.engine.recover() == [], "somebody is still at it"
        may_go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await execution
        monkeypatch.undo()
        (outcome,) = await other.engine.recover()
        assert outcome.ok, outcome
        assert await bench.works(token_in(Path(file.path)))


async def test_what_is_settled_is_what_the_journal_says_under_the_lock(
    embedded: Arena, doomed: Doomed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its owner goes on between our first look and our lock, publishes, and dies: that must not be undone."""
    async with Bench(embedded) as bench:
        issued = await bench.issue(embedded.spec())
        assert doomed.run(embedded, issued.address, "after:write:0") == KILLED
        early = [
            msgspec.structs.replace(intent, fingerprint="", issued_at=None, expires_at=None)
            for intent in bench.state.open_plans()
        ]
        with monkeypatch.context() as patched:
            patched.setattr(bench.state, "open_plans", lambda: early)
            outcomes = await bench.engine.recover()
        assert [outcome.ok for outcome in outcomes] == [True]
        await bench.engine.settle()
        assert (await bench.engine.verify(issued.address)).ok
        assert len(await bench.handles()) == 1


async def test_what_a_living_process_works_on_is_left_to_it(embedded: Arena) -> None:
    async with Bench(embedded) as bench, Bench(embedded) as other:
        outcomes: list[Outcome] = []
        states: list[int] = []

        def watch(point: str) -> None:
            if point == "after:handle":
                states.append(len(other.state.open_plans()))

        bench.engine.checkpoint = watch
        plan = await bench.engine.plan(embedded.spec())

        async def meddle() -> None:
            while not states:
                await asyncio.sleep(0.005)
            outcomes.extend(await other.engine.recover())

        outcome, _ = await asyncio.gather(bench.engine.execute(plan), meddle())
        assert outcome.ok, outcome
        assert states == [1]
        assert outcomes == []
        assert len(await bench.handles()) == 1


async def test_of_two_processes_the_second_is_turned_away(embedded: Arena, doomed: Doomed, tmp_path: Path) -> None:
    async with Bench(embedded) as bench:
        issued = await bench.issue(embedded.spec())
        gate = tmp_path / "gate"
        first = await asyncio.to_thread(doomed.start_held, embedded, issued.address, "after:handle", gate)
        outcome = await bench.engine.execute(await bench.engine.plan_rotate(issued.address))
        assert not outcome.ok
        assert "another kubemint is working on" in outcome.error
        assert outcome.results[-1].step == "lock"
        gate.unlink()
        await asyncio.to_thread(first.join, 30)
        assert first.exitcode == SURVIVED
        assert len(await bench.handles()) == 1
        assert (await bench.engine.verify(issued.address)).ok


async def test_a_process_that_is_not_killed_survives(embedded: Arena, doomed: Doomed) -> None:
    """The other tests mean nothing where the doomed process cannot do its work."""
    assert doomed.run(embedded, embedded.spec(), "never") == SURVIVED
    async with Bench(embedded) as bench:
        assert await bench.engine.recover() == []
        assert len(await bench.handles()) == 1
