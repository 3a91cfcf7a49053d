"""Undoing a rotation in its grace period: the old one comes back everywhere, and at no moment does nothing work."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.issuance.arena import Arena, Bench, token_in
from tests.issuance.dying import KILLED, Doomed
from tests.issuance.test_engine_requests import address_of, forget
from tui.demo import Answer, FaultRule
from tui.issuance.destinations.in_file import FileDestination
from tui.issuance.errors import UsageError
from tui.issuance.families.dpf.cleanup import leftovers_of
from tui.issuance.formats import Format
from tui.issuance.model.types import Action, StepStatus
from tui.kube.resource import SECRETS

from .dpf_place import Clock, Place, embedded_place

GRACE = timedelta(minutes=5)


@pytest.fixture(scope="module")
def doomed() -> Doomed:
    return Doomed()


@pytest.fixture
async def place(embedded_fleet: object) -> AsyncIterator[Place]:
    async with embedded_place(embedded_fleet, Clock()) as ready:  # type: ignore[arg-type]
        yield ready


def patient(arena: Arena) -> Bench:
    """An engine whose grace never ends while a test runs."""
    return Bench(arena, grace=GRACE)


def late(arena: Arena) -> Bench:
    """An engine that starts when every grace is over."""
    return Bench(arena, clock=lambda: datetime.now(UTC) + 2 * GRACE)


async def test_undo_puts_the_old_one_back_everywhere(arena: Arena) -> None:
    """A file, a merged kubeconfig and a Secret hold the old token again, byte for byte, and the newer one goes."""
    config = arena.folder / "config"
    config.write_text("apiVersion: v1\nkind: Config\nclusters: []\ncontexts: []\nusers: []\n")
    config.chmod(0o600)
    spec = arena.spec(arena.file(), arena.secret(), FileDestination(str(config), merge=True))
    path = Path(arena.file().path)
    async with patient(arena) as bench:
        issued = await bench.issue(spec)
        before, old = path.read_bytes(), token_in(path)
        rotated = await bench.engine.execute(await bench.engine.plan_rotate(issued.address))
        assert rotated.ok
        new = token_in(path)
        assert new != old
        assert rotated.credential is not None
        window = bench.engine.undo_window(rotated.credential.fingerprint)
        assert window is not None
        assert window.kept
        assert window.until > datetime.now(UTC)

        plan = await bench.engine.plan_undo(arena.secret_address())
        assert [step.id for step in plan.steps] == [
            "intent", "prove", "write:0", "write:1", "write:2", "check:0", "check:1", "check:2", "commit", "revoke:0",
        ]  # fmt: skip
        outcome = await bench.engine.execute(plan)
        assert outcome.ok, outcome
        assert outcome.action is Action.UNDO
        assert path.read_bytes() == before
        assert token_in(config) == old
        assert (await bench.engine.material(arena.secret_address())).reveal_bytes() == before
        assert (await bench.engine.lookup(arena.secret_address())).fingerprint == old.fingerprint
        assert [one.by for one in bench.state.revocations()] == [old.fingerprint], "only the newer one is left to go"
        assert len(await bench.handles()) == 2
        said = [(entry.step, entry.status) for entry in bench.state.entries() if entry.action == "undo"]
        assert said == [(step.id, "done") for step in plan.steps[:-1]]
    async with late(arena) as bench:
        await bench.engine.recover()
        assert len(await bench.handles()) == 1
        assert (await bench.engine.verify(arena.secret_address())).ok
        assert await bench.works(old)
        assert bench.state.verify_chain().ok


async def test_an_undo_can_be_undone(embedded: Arena) -> None:
    async with patient(embedded) as bench:
        issued = await bench.issue(embedded.spec())
        path = Path(embedded.file().path)
        await bench.engine.execute(await bench.engine.plan_rotate(issued.address))
        new = token_in(path)
        for _ in range(2):
            assert (await bench.engine.execute(await bench.engine.plan_undo(issued.address))).ok
        assert token_in(path) == new
        assert await bench.works(new)
        assert len(bench.state.revocations()) == 1


async def test_the_old_one_is_gone_when_the_grace_is_over(embedded: Arena) -> None:
    async with Bench(embedded) as bench:
        issued = await bench.issue(embedded.spec())
        rotated = await bench.rotate(issued.address)
        assert bench.engine.undo_window(rotated.credential.fingerprint) is None
        with pytest.raises(UsageError, match="nothing to undo"):
            await bench.engine.plan_undo(issued.address)


async def test_another_process_needs_a_file_that_still_holds_it(embedded: Arena, tmp_path: Path) -> None:
    """Nothing wrote the old token anywhere; a backup that somebody made is as good, told by its fingerprint."""
    path, backup, wrong = Path(embedded.file().path), tmp_path / "backup", tmp_path / "wrong"
    async with patient(embedded) as bench:
        issued = await bench.issue(embedded.spec())
        old = token_in(path)
        backup.write_bytes(path.read_bytes())
        await bench.engine.execute(await bench.engine.plan_rotate(issued.address))
        wrong.write_bytes(path.read_bytes())
        everything = b"".join(file.read_bytes() for file in (embedded.folder / "state").glob("state.db*"))
        assert old.reveal_bytes() not in everything
    async with patient(embedded) as bench:
        await bench.engine.recover()
        window = bench.engine.undo_window(token_in(path).fingerprint)
        assert window is not None
        assert not window.kept
        with pytest.raises(UsageError, match="the old token was not kept") as refused:
            await bench.engine.plan_undo(issued.address)
        assert "--from" in refused.value.hint
        with pytest.raises(UsageError, match="does not hold the token that was replaced"):
            await bench.engine.plan_undo(issued.address, given=wrong)
        outcome = await bench.engine.execute(await bench.engine.plan_undo(issued.address, given=backup))
        assert outcome.ok, outcome
        assert token_in(path) == old


async def test_what_cannot_be_proved_is_not_put_back(embedded: Arena) -> None:
    """Somebody deleted the old handle meanwhile: the newer one stays, and nothing is left open."""
    async with patient(embedded) as bench:
        issued = await bench.issue(embedded.spec())
        old = issued.credential.handle
        await bench.engine.execute(await bench.engine.plan_rotate(issued.address))
        new = token_in(embedded.file().path)
        await bench.client.delete(SECRETS, old.name, namespace=old.namespace)
        embedded.forget()
        outcome = await bench.engine.execute(await bench.engine.plan_undo(issued.address))
        assert not outcome.ok
        assert [r.status for r in outcome.results if r.step == "undo"] == [StepStatus.UNDONE]
        assert token_in(embedded.file().path) == new
        assert await bench.works(new)
        assert [one.handle for one in bench.state.revocations()] == [old], "it is on the list again"
        assert bench.state.open_plans() == []


async def test_a_place_that_refuses_leaves_the_newer_one_everywhere(embedded: Arena) -> None:
    async with patient(embedded) as bench:
        issued = await bench.issue(embedded.spec(embedded.file(), embedded.secret()))
        await bench.engine.execute(await bench.engine.plan_rotate(issued.address))
        new = token_in(embedded.file().path)
        plan = await bench.engine.plan_undo(issued.address)
        refuses = FaultRule(Answer(403), verb="update", path=r"/secrets/robot-credential$")
        with embedded.fault(refuses):
            outcome = await bench.engine.execute(plan)
        assert not outcome.ok
        assert token_in(embedded.file().path) == new
        assert (await bench.engine.verify(embedded.secret_address())).ok
        assert len(bench.state.revocations()) == 1
        assert bench.state.open_plans() == []


async def test_the_end_of_the_grace_does_not_race_an_undo(embedded: Arena) -> None:
    """The grace ends while the undo is in the middle of its work: the old one it puts back must stay alive."""
    ahead = timedelta(0)
    async with Bench(embedded, grace=GRACE, clock=lambda: datetime.now(UTC) + ahead) as bench:
        issued = await bench.issue(embedded.spec())
        old = token_in(embedded.file().path)
        await bench.engine.execute(await bench.engine.plan_rotate(issued.address))

        async def other_start() -> None:
            async with late(embedded) as other:
                await other.engine.recover()

        racing: list[asyncio.Task[None]] = []

        def grace_ends(point: str) -> None:
            nonlocal ahead
            if point == "after:prove":
                ahead = 2 * GRACE
                bench.engine._graces.look_again()
                racing.append(asyncio.create_task(other_start()))

        bench.engine.checkpoint = grace_ends
        outcome = await bench.engine.execute(await bench.engine.plan_undo(issued.address))
        assert outcome.ok, outcome
        await asyncio.gather(*racing)
        ahead = 4 * GRACE
        bench.engine._graces.look_again()
        await bench.engine.settle()
        embedded.forget()
        assert token_in(embedded.file().path) == old
        assert await bench.works(old)
        assert len(await bench.handles()) == 1


@pytest.mark.parametrize(
    "point",
    [f"{moment}:{step}" for step in ("intent", "prove", "write:0", "write:1", "check:0", "commit")
     for moment in ("before", "unrecorded", "after")],
)  # fmt: skip
async def test_an_undo_that_was_killed_leaves_one_working_credential(
    embedded: Arena, doomed: Doomed, point: str
) -> None:
    path = Path(embedded.file().path)
    async with Bench(embedded) as bench:
        issued = await bench.issue(embedded.spec(embedded.file(), embedded.secret()))
        old = token_in(path)
        assert doomed.run(embedded, issued.address, point, undo=True) == KILLED
        assert await bench.works(token_in(path)), "whoever reads the file right after the kill is let in"
    async with late(embedded) as bench:
        outcomes = await bench.engine.recover()
        await bench.engine.settle()
        assert [outcome.error for outcome in outcomes if not outcome.ok] == []
        embedded.forget()
        written = point.partition(":")[2] not in ("intent", "prove") and point != "before:write:0"
        assert (token_in(path) == old) is written
        assert await bench.works(token_in(path))
        assert (await bench.engine.verify(embedded.secret_address())).ok
        credential = await bench.engine.lookup(embedded.secret_address())
        assert credential.fingerprint == token_in(path).fingerprint
        assert [credential.handle and credential.handle.name] == await bench.handles()
        assert bench.state.open_plans() == []
        assert bench.state.revocations() == []
        assert bench.state.verify_chain().ok


async def test_a_token_file_and_other_audiences_come_back_too(embedded: Arena) -> None:
    async with patient(embedded) as bench:
        file = embedded.file("robot.env")
        issued = await bench.issue(embedded.spec(file, format=Format.TOKEN_FILE))
        before = Path(file.path).read_bytes()
        await bench.engine.execute(await bench.engine.plan_rotate(issued.address))
        assert (await bench.engine.execute(await bench.engine.plan_undo(issued.address))).ok
        assert Path(file.path).read_bytes() == before


@pytest.mark.parametrize(
    "point", ["", "after:intent", "after:keep", "unrecorded:write:0", "after:write:0", "after:status"]
)
async def test_the_rotation_of_a_dpu_request_is_undone(
    place: Place, tmp_path: Path, doomed: Doomed, point: str
) -> None:
    """In the Secret and in the request's own records, also where it dies on the way; nobody's sweep ends the old."""
    arena = Arena(place.side, place.config, place.host, tmp_path, place.ns)
    address = address_of(place)
    await place.want()
    async with patient(arena) as bench:
        issued = await bench.engine.execute(await bench.engine.plan_rotate(address))
        assert issued.ok, issued
        old = await place.token()
        if point:
            assert doomed.run(arena, address, point, undo=True) == KILLED
        else:
            assert (await bench.engine.execute(await bench.engine.plan_rotate(address))).ok
            outcome = await bench.engine.execute(await bench.engine.plan_undo(address))
            assert outcome.ok, outcome
    published = await place.token()
    assert await place.works(published)
    async with late(arena) as bench:
        outcomes = await bench.engine.recover()
        await bench.engine.settle()
        assert [outcome.error for outcome in outcomes if not outcome.ok] == []
        forget(place)
        now = await bench.engine.lookup(address)
        assert await place.token() == published
        assert await place.works(published)
        assert (published == old) is ("write" in point or "status" in point or not point)
        assert now.fingerprint == published.fingerprint
        assert [now.handle and now.handle.name] == await place.handles()
        assert leftovers_of(await place.read()) == ()
        assert bench.state.open_plans() == []


async def test_who_closes_while_the_timers_look_again_waits_for_none(embedded: Arena) -> None:
    """A revocation has them look whether their record is there still, and the program ends at once."""
    async with Bench(embedded, grace=timedelta(hours=1)) as bench:
        issued = await bench.issue(embedded.spec())
        outcome = await bench.engine.execute(await bench.engine.plan_rotate(issued.address))
        assert outcome.ok
        await asyncio.sleep(0.05)
        began = asyncio.get_running_loop().time()
        bench.engine._graces.look_again()
        await bench.engine._graces.aclose()
        assert asyncio.get_running_loop().time() - began < 4, "a timer's nap of five seconds was waited out"


async def test_a_secret_that_somebody_edited_since_is_not_put_back(embedded: Arena) -> None:
    """Its marks still name what the rotation wrote there; what lies in it is another's by now."""
    async with patient(embedded) as bench:
        issued = await bench.issue(embedded.spec(embedded.secret()))
        assert (await bench.engine.execute(await bench.engine.plan_rotate(issued.address))).ok
        where, client = embedded.secret_address(), await bench.engine.clusters.client(embedded.secret_address().cluster)
        found = await client.get(SECRETS, where.name, namespace=where.namespace)
        found["data"] = {key: base64.b64encode(b"somebody else's").decode() for key in found["data"]}
        await client.replace(SECRETS, found, namespace=where.namespace, name=where.name)
        with pytest.raises(UsageError, match="was edited since the rotation"):
            await bench.engine.plan_undo(where)
        again = await client.get(SECRETS, where.name, namespace=where.namespace)
        assert again["data"] == found["data"]
