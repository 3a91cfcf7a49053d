"""Ends that are none: revocations that only look done, and tokens that live on because two did the same at once."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.cli.conftest import kubemint
from tests.faults.race import RACES, run
from tests.issuance.arena import Arena, Bench, token_in
from tests.issuance.dying import Doomed
from tui.demo import Answer, FaultRule
from tui.issuance.errors import ChangedMeanwhile, IssuanceError, NotProved, UsageError
from tui.issuance.model.kinds import CredentialKind
from tui.issuance.model.sight import AGAIN, Sight, changed, identifying_facts
from tui.issuance.model.types import Address, Credential, Handle, Identity, State
from tui.issuance.objects import deleting
from tui.issuance.transaction.grace import not_ended
from tui.issuance.trust import handles
from tui.kube.errors import ConnectionLost, Forbidden, KubeError, Unauthorized, Unreachable
from tui.kube.resource import SERVICE_ACCOUNTS


@pytest.fixture(scope="module")
def doomed() -> Doomed:
    return Doomed()


# Two at once


def test_what_changed_is_named_once_and_in_order() -> None:
    assert changed([]) == changed([("a", 1, 1)]) == ()
    assert changed([("a", 1, 2), ("b", 1, 1), ("c", None, ""), ("a", 2, 3)]) == ("a", "c")


async def test_what_a_plan_saw_is_looked_at_again() -> None:
    facts = {"place": 1, "account": "uid"}
    sight = Sight()

    async def look(what: str) -> Any:
        return facts[what]

    assert await sight.see("the place", lambda: look("place")) == 1
    assert await sight.see("the account", lambda: look("account"), lambda found: found.upper()) == "uid"
    await sight.look_again()
    facts["account"] = "UID"  # the same by its facts
    await sight.look_again()
    facts["place"] = 2
    with pytest.raises(ChangedMeanwhile, match=r"^the place was changed by another client"):
        await sight.look_again()
    facts["account"] = "another"
    with pytest.raises(ChangedMeanwhile, match="the place and the account were changed"):
        await sight.look_again()


async def test_what_cannot_be_planned_any_more_is_changed_too_and_says_why() -> None:
    """A refusal at the second look is a fact like any other; only trouble on the way there is none."""
    raised: dict[str, Exception] = {}

    async def look(what: str) -> str:
        if what in raised:
            raise raised[what]
        return what

    sight = Sight()
    for what in ("one", "two", "three"):
        await sight.see(what, lambda what=what: look(what))  # type: ignore[misc]
    raised |= {"one": UsageError("it is somebody else's"), "three": NotProved("it is refused")}
    with pytest.raises(ChangedMeanwhile) as caught:
        await sight.look_again()
    assert caught.value.message == (
        "one and three were changed by another client since it was planned; it is somebody else's; it is refused; "
        "nothing was done"
    )
    assert caught.value.hint == AGAIN
    raised |= {"three": UsageError("it is somebody else's")}
    with pytest.raises(ChangedMeanwhile) as caught:
        await sight.look_again()
    assert caught.value.message.count("it is somebody else's") == 1
    del raised["three"]
    with pytest.raises(ChangedMeanwhile, match=r"^one was changed"):
        await sight.look_again()
    raised["one"] = Unreachable("nobody answers")
    with pytest.raises(Unreachable):
        await sight.look_again()
    with pytest.raises(Unreachable):
        await sight.see("four", lambda: look("one"))
    raised.clear()
    await sight.look_again()


def test_by_what_a_credential_is_told_from_another() -> None:
    address = Address(CredentialKind.SECRET, "harbor", "ns", "out")
    held = Credential(
        address=address, identity=Identity("harbor", "ns", "robot"), fingerprint="f1", handle=Handle("c", "n", "h", "u")
    )  # fmt: skip
    same = {"state": State.VALID, "message": "x", "expires_at": datetime(2026, 1, 1, tzinfo=UTC), "copies": 3}
    for fields in [{key: value} for key, value in same.items() if hasattr(held, key)]:
        assert identifying_facts(held) == identifying_facts(msgspec.structs.replace(held, **fields))
    for other in (
        {"address": Address(CredentialKind.SECRET, "harbor", "ns", "in")},
        {"identity": None},
        {"fingerprint": "f2"},
        {"handle": Handle("c", "n", "h", "v")},
    ):
        assert identifying_facts(held) != identifying_facts(msgspec.structs.replace(held, **other))


@pytest.mark.parametrize("kept", ["file", "secret", "merged"])
async def test_a_plan_made_between_anothers_write_and_commit_is_refused(
    embedded: Arena, doomed: Doomed, kept: str
) -> None:
    """By the content it is the newest; by the records its predecessor is another one, whose token would live on."""
    async with Bench(embedded) as bench:
        file = embedded.file()
        if kept == "merged":
            file = type(file)(file.path, merge=True)
        issued = await bench.issue(embedded.spec(embedded.secret() if kept == "secret" else file))
        gate = embedded.folder / "gate"
        process = await asyncio.to_thread(doomed.start_held, embedded, issued.address, "before:commit", gate)
        plan = await bench.engine.plan_rotate(issued.address)
        gate.unlink()
        await asyncio.to_thread(process.join)
        outcome = await bench.engine.execute(plan)
        await bench.engine.recover()
        await bench.engine.settle()
        if kept == "secret":  # its content is its record, in one write: the plan is right, whoever was faster
            assert outcome.ok
        else:
            assert not outcome.ok
            assert "changed by another client" in outcome.error
        assert len(await bench.handles()) == 1
        assert await bench.works(token_in(file.path)) if kept != "secret" else True


@pytest.mark.parametrize("wish", ["rotate", "revoke", "export", "issue"])
async def test_what_another_rotated_since_is_not_acted_on(ebench: Bench, wish: str) -> None:
    engine, arena = ebench.engine, ebench.arena
    issued = await ebench.issue(arena.spec())
    plans = {
        "rotate": lambda: engine.plan_rotate(issued.address),
        "revoke": lambda: engine.plan_revoke(issued.address),
        "export": lambda: engine.plan_export(issued.address, arena.file("copy.kubeconfig")),
        "issue": lambda: engine.plan(arena.spec(), replace=True),
    }
    plan = await plans[wish]()
    await ebench.rotate(issued.address)
    handles = await ebench.handles()
    outcome = await engine.execute(plan)
    assert not outcome.ok
    assert "changed by another client" in outcome.error
    assert [result.step for result in outcome.results] == ["lock"]
    assert await ebench.handles() == handles
    assert await ebench.works(token_in(arena.file().path))


async def test_an_account_that_is_another_one_by_now_gets_no_token(ebench: Bench) -> None:
    arena = ebench.arena
    await ebench.make_account()
    plan = await ebench.engine.plan(arena.spec())
    await ebench.client.delete(SERVICE_ACCOUNTS, "robot", namespace=arena.namespace)
    await ebench.make_account()
    outcome = await ebench.engine.execute(plan)
    assert not outcome.ok
    assert f"the service account {arena.identity().said} was changed" in outcome.error
    assert await ebench.handles() == []


@pytest.mark.parametrize("name", RACES)
async def test_two_rotators_leave_no_token_that_nobody_revokes(embedded: Arena, name: str) -> None:
    """A hundred rounds: `python -m tests.faults.campaign rotators`."""
    tally = await run(embedded, name, 3)
    assert tally.problems() == []
    assert tally.rounds == 3
    assert tally.rotated >= 3


# A rotation that leaves the old token alive


def _issued(arena: Arena, *more: str) -> Path:
    path = Path(arena.file().path)
    where = ("-n", arena.namespace, "--context", arena.name, "--kubeconfig", arena.kubeconfig)
    done = kubemint("issue", "robot", *where, "--create", "--out", path, "--grace", "0s", *more)
    assert done.code == 0, done
    return path


@pytest.mark.parametrize("verb", ["rotate", "undo"])
def test_what_leaves_an_old_token_alive_is_partly_done_and_says_so_however_quiet(
    embedded: Arena, home: Path, verb: str
) -> None:
    path, known = _issued(embedded), ("--kubeconfig", embedded.kubeconfig)
    more: tuple[str | Path, ...] = ()
    if verb == "undo":
        more = ("--from", path.with_name("old"))
        path.with_name("old").write_bytes(path.read_bytes())
        assert kubemint("rotate", path, *known, "--grace", "5m", "--no-wait").code == 0
    with embedded.fault(FaultRule(Answer(403, "Forbidden", "no"), verb="delete", path=r"/secrets/kubemint-")):
        done = kubemint(verb, path, *more, *known, "--grace", "0s", "-q", "-o", "json")
    assert done.code == 3, done
    assert "the old token still works" in done.err
    assert len(done.err.splitlines()) == 2
    (item,) = done.json["items"]
    assert item["ok"] is False
    assert item["error"] is None
    (left,) = item["left"]
    assert "could not be deleted" in left
    assert [step["status"] for step in item["steps"] if step["step"] == "commit"] == ["done"]
    failed = [entry for entry in kubemint("journal", "-o", "json").json["items"] if entry["status"] == "failed"]
    assert ["the old token still works" in entry["message"] for entry in failed] == [True]
    with embedded.fault(FaultRule(Answer(403, "Forbidden", "no"), verb="delete", path=r"/secrets/kubemint-")):
        named = kubemint("rotate", path, *known, "--grace", "0s", "-q")
    assert (named.code, named.out) == (3, f"file:{path}\n")
    done = kubemint("rotate", path, *known, "--grace", "0s", "-q", "-o", "json")  # the next run ends what was left
    assert done.code == 0, done
    assert done.json["items"][0]["left"] == []
    assert asyncio.run(_handles(embedded)) == 1


async def _handles(arena: Arena) -> int:
    async with Bench(arena) as bench:
        return len(await bench.handles())


async def test_the_engine_knows_what_a_plan_has_left(ebench: Bench) -> None:
    issued = await ebench.issue(ebench.arena.spec())
    with ebench.arena.fault(FaultRule(Answer(403), verb="delete", path=r"/secrets/kubemint-")):
        outcome = await ebench.engine.execute(await ebench.engine.plan_rotate(issued.address))
        assert outcome.whole
        await ebench.engine.settle()
    settled = ebench.engine.settled(outcome)
    assert settled.ok
    assert not settled.whole
    assert "the old token still works" in settled.left[0]
    await ebench.engine.recover()
    assert len(await ebench.handles()) == 1


@pytest.mark.parametrize(
    ("failures", "known"),
    [
        ((Forbidden(403, "Forbidden"),), "the old token still works"),
        ((handles.NotAHandle("it is none"),), "the old token still works"),
        ((ConnectionLost("closed"), Forbidden(403, "Forbidden")), "the old token may still work"),
        ((ConnectionLost("closed"),), "the old token may still work"),
        ((Unauthorized(401, "Unauthorized"),), "the old token may still work"),
        ((UsageError("no cluster is called x"),), "whether the old token"),
        ((ConnectionLost("closed"), UsageError("no cluster is called x")), "the old token may still work"),
        ((deleting.NotGone("it is still there"),), "the old token may still work"),
    ],
)
def test_an_old_token_is_said_to_work_only_where_its_deletion_was_refused(
    failures: tuple[KubeError | IssuanceError, ...], known: str
) -> None:
    """A deletion whose answer was lost may have happened: "still works" was said of a token that was dead."""
    assert not_ended(failures).startswith(known)
