"""Whatever goes wrong at whichever step: one clear line, the old credential works on, and nothing is left behind."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.issuance.arena import Arena, Bench, token_in
from tui.demo import Answer, Cut, Drop, FaultRule, Hang
from tui.issuance.destinations import place as places
from tui.issuance.destinations.in_secret import SecretDestination
from tui.issuance.errors import FileError
from tui.issuance.model.renewal import needs_refresh, same_wish
from tui.issuance.model.types import StepStatus
from tui.kube.errors import Unreachable

ANSWERS = [400, 401, 403, 404, 409, 410, 422, 429, 500, 503]
TOKEN = r"/serviceaccounts/robot/token$"
PROOFS = r"/(selfsubjectreviews|tokenreviews)$"


@pytest.mark.parametrize("code", ANSWERS)
@pytest.mark.parametrize("step", ["handle", "token", "prove", "write:0"])
async def test_a_refused_step_of_a_rotation_keeps_the_old_credential(ebench: Bench, step: str, code: int) -> None:
    arena = ebench.arena
    issued = await ebench.issue(arena.spec(arena.secret()))
    verb, path = {
        "handle": ("create", r"/secrets$"),
        "token": ("create", TOKEN),
        "prove": ("create", PROOFS),
        "write:0": ("update", r"/secrets/robot-credential$"),
    }[step]
    plan = await ebench.engine.plan_rotate(issued.address)
    with arena.fault(
        FaultRule(Answer(code, message="" if code == 403 else "the server says no"), verb=verb, path=path)
    ):
        outcome = await ebench.engine.execute(plan)
    await ebench.engine.settle()
    softened = (step == "handle" and code == 403) or (step == "prove" and code in (403, 404))
    assert outcome.ok is softened, outcome
    verified = await ebench.engine.verify(issued.address)
    assert verified.ok, verified
    assert ebench.state.open_plans() == []
    if not softened:
        assert outcome.credential == issued.credential
        assert await ebench.handles() == [issued.credential.handle.name]
        assert "\n" not in outcome.error
        failed = [result for result in outcome.results if result.status is StepStatus.FAILED]
        assert [result.step for result in failed] == [step]
        assert outcome.results[-1].status is StepStatus.UNDONE


@pytest.mark.parametrize("action", [Drop(), Hang(), Cut()], ids=["dropped", "hanging", "cut"])
@pytest.mark.parametrize(("verb", "path"), [("create", r"/secrets$"), ("create", TOKEN), ("create", PROOFS)])
async def test_a_broken_connection_is_undone(embedded: Arena, action: Any, verb: str, path: str) -> None:
    """Even where the server did what it was asked and only its answer got lost."""
    async with Bench(embedded, patience=0.3) as bench:
        plan = await bench.engine.plan(embedded.spec())
        with embedded.fault(FaultRule(action, verb=verb, path=path)):
            outcome = await bench.engine.execute(plan)
        assert not outcome.ok
        if isinstance(action, Hang) and path == r"/secrets$":  # the handle came when all else was undone
            assert "may still create the handle" in outcome.results[-1].message
            (outcome,) = await bench.engine.recover()
        assert outcome.results[-1].status is StepStatus.UNDONE
        assert await bench.handles() == []
        assert bench.state.open_plans() == []
        assert not Path(embedded.file().path).exists()


@pytest.mark.parametrize("existing", [True, False], ids=["replaced", "created"])
@pytest.mark.parametrize("action", [Drop(), Hang(), Cut(), Answer(500)], ids=["dropped", "hanging", "cut", "500"])
async def test_a_write_whose_answer_got_lost_never_leaves_a_dead_token(
    embedded: Arena, action: Any, existing: bool
) -> None:
    """The server may or may not have written it; either way what lies there works, and the next start tidies up."""
    async with Bench(embedded, patience=0.3) as bench:
        spec = embedded.spec(embedded.secret())
        if existing:
            issued = await bench.issue(spec)
        plan = await bench.engine.plan(spec, replace=existing)
        # The handle is created by the same verb at the same path: only the second creation is met.
        after = "before:write:0"
        # The transport sends a PUT again where a kept connection turns out to be dead.
        times = 2 if isinstance(action, Drop) and existing else 1
        verb = "update" if existing else "create"
        rule = FaultRule(action, verb=verb, path="/secrets(/robot-credential)?$", times=times)
        broken = embedded.fault(rule)
        bench.engine.checkpoint = lambda point: broken.__enter__() if point == after else None
        outcome = await bench.engine.execute(plan)
        broken.__exit__(None, None, None)
        assert not outcome.ok
        if existing:
            assert (await bench.engine.verify(issued.address)).ok
        outcomes = await bench.engine.recover()
        await bench.engine.settle()
        assert all(outcome.ok for outcome in outcomes), outcomes
        held = await bench.secrets()
        if existing:
            assert (await bench.engine.verify(issued.address)).ok
            assert held == sorted([issued.credential.handle.name, "robot-credential"])
        elif isinstance(action, Hang):  # it came after all, and is finished
            (credential,) = [outcome.credential for outcome in outcomes]
            assert credential is not None
            assert (await bench.engine.verify(credential.address)).ok
            assert credential.handle is not None
            assert held == sorted([credential.handle.name, "robot-credential"])
        else:
            assert held == []


async def test_what_cannot_be_undone_now_is_undone_at_the_next_start(ebench: Bench) -> None:
    arena = ebench.arena
    plan = await ebench.engine.plan(arena.spec())
    refusals = [
        FaultRule(Answer(500), verb="create", path=TOKEN),
        FaultRule(Answer(500), verb="delete", path=r"/secrets/kubemint-"),
    ]
    with arena.fault(refusals[0]), arena.fault(refusals[1]):
        outcome = await ebench.engine.execute(plan)
        assert not outcome.ok
        assert "cleaned up when kubemint starts next" in outcome.hint
        assert len(ebench.state.open_plans()) == 1
        (stuck,) = await ebench.engine.recover()
        assert not stuck.ok
    assert len(await ebench.handles()) == 1
    (done,) = await ebench.engine.recover()
    assert done.ok, done
    assert await ebench.handles() == []
    assert ebench.state.open_plans() == []


async def test_of_two_places_the_first_is_put_back_where_the_second_fails(ebench: Bench) -> None:
    arena = ebench.arena
    issued = await ebench.issue(arena.spec(arena.file(), arena.secret()))
    before = Path(arena.file().path).read_bytes()
    plan = await ebench.engine.plan_rotate(issued.address)
    with arena.fault(FaultRule(Answer(500), verb="update", path=r"/secrets/robot-credential$")):
        outcome = await ebench.engine.execute(plan)
    assert not outcome.ok
    assert Path(arena.file().path).read_bytes() == before
    assert await ebench.handles() == [issued.credential.handle.name]
    assert (await ebench.engine.verify(issued.address)).ok


async def test_a_link_to_a_file_that_was_not_there_is_put_back_as_it_was(ebench: Bench) -> None:
    arena = ebench.arena
    link, target = Path(arena.file().path), arena.folder / "elsewhere" / "robot"
    target.parent.mkdir()
    link.symlink_to(target)
    plan = await ebench.engine.plan(arena.spec(arena.file(), arena.secret()))
    after = "before:write:1"
    refusal = arena.fault(FaultRule(Answer(500), verb="create", path=r"/secrets$"))
    ebench.engine.checkpoint = lambda point: refusal.__enter__() if point == after else None
    outcome = await ebench.engine.execute(plan)
    refusal.__exit__(None, None, None)
    assert not outcome.ok
    assert link.is_symlink(), "the link is not ours to remove"
    assert not target.exists(), "what was written through it is"
    assert await ebench.handles() == []


async def test_a_secret_is_put_back_where_a_later_file_cannot_be_written(ebench: Bench) -> None:
    arena = ebench.arena
    issued = await ebench.issue(arena.spec(arena.secret(), arena.file()))
    path = Path(arena.file().path)
    plan = await ebench.engine.plan_rotate(issued.address)

    def meddle(point: str) -> None:
        if point == "before:write:1":
            path.write_text("mine now")

    ebench.engine.checkpoint = meddle
    outcome = await ebench.engine.execute(plan)
    assert not outcome.ok
    assert (await ebench.engine.verify(arena.secret_address())).ok
    assert (await ebench.engine.lookup(arena.secret_address())).fingerprint == issued.credential.fingerprint
    assert await ebench.handles() == [issued.credential.handle.name]


async def test_a_destination_that_cannot_be_made_leaves_everything_as_it_was(ebench: Bench) -> None:
    arena = ebench.arena
    (arena.folder / "file").write_text("")
    with pytest.raises(FileError, match="file/x: not a directory") as caught:
        await ebench.engine.plan(arena.spec(arena.file("file/x")))
    assert caught.value.hint
    assert await ebench.handles() == []
    assert ebench.state.entries() == []


async def test_a_journal_that_cannot_be_written_stops_before_anything_is_made(ebench: Bench) -> None:
    plan = await ebench.engine.plan(ebench.arena.spec())
    ebench.state.close()
    outcome = await ebench.engine.execute(plan)
    assert not outcome.ok
    assert "state.db" in outcome.error
    assert [(result.step, result.status) for result in outcome.results] == [("lock", StepStatus.FAILED)]
    assert await ebench.handles() == []


async def test_an_old_handle_that_cannot_be_deleted_is_kept_for_later(ebench: Bench) -> None:
    arena = ebench.arena
    issued = await ebench.issue(arena.spec())
    with arena.fault(FaultRule(Answer(403), verb="delete", path=r"/secrets/kubemint-")):
        outcome = await ebench.engine.execute(await ebench.engine.plan_rotate(issued.address))
        await ebench.engine.settle()
    assert outcome.ok
    assert len(ebench.state.revocations()) == 1
    assert any("could not be deleted" in entry.message for entry in ebench.state.entries())
    await ebench.engine.recover()
    assert ebench.state.revocations() == []
    assert len(await ebench.handles()) == 1


async def test_a_cluster_that_is_away_fails_the_plan_with_its_name(embedded: Arena) -> None:
    async with Bench(embedded) as bench:
        spec = embedded.spec(SecretDestination("island", "default", "x"))
        with pytest.raises(Unreachable, match="island"):
            await bench.engine.plan(spec)


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.ahead = timedelta(0)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


async def test_a15_a17_after_fifty_of_sixty_minutes_it_is_due_and_a_failure_keeps_it(embedded: Arena) -> None:
    clock = Clock()
    async with Bench(embedded, clock=clock) as bench:
        first = (await bench.issue(embedded.spec(duration=timedelta(hours=1)))).credential
        assert not needs_refresh(clock(), first.issued_at, first.expires_at)
        clock.ahead = timedelta(minutes=50)
        assert needs_refresh(clock(), first.issued_at, first.expires_at)
        with embedded.fault(FaultRule(Answer(500), verb="create", path=TOKEN)):
            failed = await bench.engine.execute(await bench.engine.plan_rotate(first.address))
        assert not failed.ok
        assert failed.credential == first
        assert bench.state.exports() == [first]
        second = (await bench.rotate(first.address)).credential
        assert second.fingerprint != first.fingerprint


async def test_a19_every_wish_has_a_handle_and_a_token_of_its_own(ebench: Bench) -> None:
    arena = ebench.arena
    wishes: list[dict[str, Any]] = [
        {},
        {"duration": timedelta(hours=2)},
        {"audiences": ("vault",)},
        {"identity": arena.identity("other")},
    ]
    issued = [await ebench.issue(arena.spec(arena.file(f"f{n}"), **wish)) for n, wish in enumerate(wishes)]
    assert len({outcome.credential.fingerprint for outcome in issued}) == len(wishes)
    assert len(await ebench.handles()) == len(wishes)


async def test_a21_a_failed_issue_leaves_no_record(ebench: Bench) -> None:
    arena = ebench.arena
    plan = await ebench.engine.plan(arena.spec())
    with arena.fault(FaultRule(Answer(500), verb="create", path=TOKEN)):
        assert not (await ebench.engine.execute(plan)).ok
    assert ebench.state.exports() == []


async def test_a23_a_server_that_grants_less_is_not_asked_again(embedded: Arena) -> None:
    """Asked 24 h, got 2 h, looked at ten times: what was asked for is still what is wanted."""
    with capped(embedded, 7200):
        async with Bench(embedded) as bench:
            outcome = await bench.issue(embedded.spec(embedded.secret(), duration=timedelta(hours=24)))
            message = next(result.message for result in outcome.results if result.step == "token")
            warning = "requested expiration of 86400 seconds shortened to 7200 seconds"
            assert message == f"granted 2h, asked 24h; warning: {warning}"
            assert [entry.message for entry in bench.state.entries() if warning in entry.message] == [message]
            for minute in range(10):
                now = datetime.now(UTC) + timedelta(minutes=minute)
                seen = await bench.engine.lookup(outcome.address)
                assert (seen.requested, seen.granted) == (timedelta(hours=24), timedelta(hours=2))
                assert same_wish(seen.requested, timedelta(hours=24))
                assert not needs_refresh(now, seen.issued_at, seen.expires_at)
            rotated = await bench.rotate(outcome.address)
            assert rotated.credential.requested == timedelta(hours=24)


@contextmanager
def capped(arena: Arena, seconds: int) -> Iterator[None]:
    """The embedded server grants no more than `seconds`."""
    assert arena.fleet is not None

    async def cap(fleet: Any, limit: int | None) -> int | None:
        tokens = fleet.cluster(arena.name).tokens
        before: int | None = tokens.policy.max_seconds
        tokens.policy = dataclasses.replace(tokens.policy, max_seconds=limit)
        return before

    before = arena.fleet.call(lambda fleet: cap(fleet, seconds))
    try:
        yield
    finally:
        arena.fleet.call(lambda fleet: cap(fleet, before))


def test_an_address_with_a_home_is_made_absolute(home: Path) -> None:
    assert places.absolute("~/x") == home / "x"
    assert places.absolute("/a/b/../c") == Path("/a/c")


async def test_the_reader_of_a_dead_token_is_told_why(ebench: Bench) -> None:
    arena = ebench.arena
    issued = await ebench.issue(arena.spec())
    data = Path(arena.file().path).read_bytes()
    await ebench.engine.execute(await ebench.engine.plan_revoke(issued.address))
    arena.forget()
    verified = await ebench.engine.verify(issued.address)
    assert not verified.ok
    assert "it was revoked" in verified.message
    assert token_in(arena.file().path).reveal().encode() in data
