"""Revoked is what the server refuses: it is asked with the token itself, waited for, and looked at again."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.cli.conftest import kubemint
from tests.issuance.arena import Arena, Bench, new_arena, token_in
from tests.issuance.dying import KILLED, Doomed
from tui.demo import Answer, FaultRule, Hang
from tui.issuance.errors import UsageError
from tui.issuance.model.renewal import state_of
from tui.issuance.model.types import Action, Address, Credential, Handle, Identity, State, StepStatus
from tui.issuance.records.intent import Revocation
from tui.issuance.records.journal import JournalEntry
from tui.issuance.revoking.already import Already
from tui.issuance.revoking.plans import ended_at
from tui.issuance.transaction import ending, reading
from tui.issuance.transaction.ending import Answer as Said
from tui.issuance.transaction.recovery import Recovery
from tui.issuance.trust import handles
from tui.kube.client import Client
from tui.kube.errors import APIError, Forbidden, NotFound, ProtocolError, Unauthorized, Unreachable
from tui.kube.resource import SECRETS, TOKEN_REVIEWS

ROBOT = Identity("harbor", "ns", "robot")
USERNAME = "system:serviceaccount:ns:robot"
GONE = "deleted; servers that saw the token just before may accept it for 10 s more"


# How it is judged and said


@pytest.mark.parametrize(
    ("caller", "said"),
    [
        (None, Said.REFUSED),
        (USERNAME, Said.ACCEPTED),
        ("system:anonymous", Said.AWAY),
        ("system:serviceaccount:ns:robots", Said.AWAY),
        ("", Said.AWAY),
    ],
)
def test_whom_the_server_sees_decides(caller: str | None, said: Said) -> None:
    assert ending.judge(caller, ROBOT) is said


def test_revoked_is_said_of_what_is_refused_alone() -> None:
    assert ending.words(GONE, Said.REFUSED) == "deleted, and the server refuses the token"
    assert (
        ending.words(GONE, Said.ACCEPTED) == ending.words(GONE, Said.AWAY) == ending.words(GONE, Said.UNASKED) == GONE
    )
    assert ending.words("was gone already", Said.ACCEPTED).endswith("accepted the token just now, as it may for 10 s")
    assert ending.words("was gone already", Said.UNASKED) == "was gone already"
    held = "is being deleted: the token works until its finalizer x.io/y is gone, 60 s at the most"
    assert ending.words(held, Said.ACCEPTED) == f"{held}; the server accepted the token just now"
    credential = Credential(address=Address.parse("file:/x"))
    said = {answer: ending.over(credential, answer).message for answer in Said}
    assert said == dict.fromkeys(Said, "its handle is deleted") | {Said.REFUSED: "revoked"}
    assert {ending.over(credential, answer).state for answer in Said} == {State.REVOKED}


def test_a_handle_that_is_held_back_says_until_when_its_token_works() -> None:
    now = datetime(2030, 1, 1, tzinfo=UTC)
    for held in ("is being deleted: the token works until its finalizer x is gone, 60 s at the most", _MARKED):
        until = ending.held_until(held, now)
        assert until == now + timedelta(seconds=60)
        credential = Credential(address=Address.parse("file:/x"))
        for answer in Said:
            told = ending.words(held, answer)
            assert ending.lives_on(told) is (answer is not Said.REFUSED)
            over = ending.over(credential, answer, ending.of_handle(held), until)
            assert over.ends_by == (None if answer is Said.REFUSED else until)
            shown = State.REVOKED if answer is Said.REFUSED else State.ENDING
            assert state_of(over, now + timedelta(seconds=59)) is shown
            assert state_of(over, now + timedelta(seconds=60)) is State.REVOKED
    assert ending.held_until(GONE, now) is None
    assert not ending.lives_on(GONE)


_MARKED = "is being deleted; its tokens are refused within 60 s"


def test_dead_is_said_of_the_token_in_a_place_where_it_was_refused() -> None:
    held = "is being deleted: the token works until its finalizer x.io/y is gone, 60 s at the most"
    for said in (GONE, held):
        for answer in Said:
            assert ("dead" in ending.in_it(said, answer)) is (answer is Said.REFUSED)
    assert "accepted" in ending.in_it(GONE, Said.ACCEPTED)
    assert "does not say" in ending.in_it(GONE, Said.AWAY)
    assert "whether the token in it is refused could not be checked here" in ending.in_it(GONE, Said.UNASKED)
    for answer in (Said.ACCEPTED, Said.AWAY, Said.UNASKED):
        assert "is gone" in ending.in_it(held, answer)
        assert "is deleted" not in ending.in_it(held, answer)
    assert ending.of_handle(GONE) == ending.of_handle("was gone already") == "its handle is deleted"
    assert ending.of_handle(held) == "its handle is being deleted, which ends it within 60 s"


def test_a_deletion_that_was_only_accepted_is_not_called_deleted() -> None:
    """Whoever may delete and not look has the server's word alone."""
    told = "deleted, says the server; no right to read it here; servers may accept it for 10 s more"
    by_its_word = "the server said that it deleted its handle; no right to check that here"
    assert handles.is_only_reported(told)
    assert handles.is_only_reported(f"handle robot-abc {told}")  # as the journal has it
    assert not handles.is_only_reported(GONE)
    assert not handles.is_held(told)
    assert ending.of_handle(told) == ending.of_handle(f"handle robot-abc {told}") == by_its_word
    assert ending.in_it(told, Said.REFUSED) == "the token in it is dead"
    for answer in (Said.AWAY, Said.UNASKED):
        assert ending.in_it(told, answer).startswith(by_its_word)


async def test_what_nobody_may_look_at_says_whose_word_it_is(ebench: Bench) -> None:
    issued = await ebench.issue(ebench.arena.spec())
    assert issued.credential is not None
    handle = issued.credential.handle
    assert handle is not None
    plan = await ebench.engine.plan_revoke(issued.address)
    with ebench.arena.fault(FaultRule(Answer(403, "Forbidden", "no"), verb="get", path=rf"/{handle.name}")):
        outcome = await ebench.engine.execute(plan)
    assert outcome.ok
    (known,) = ebench.state.exports()
    assert outcome.credential is not None
    for one in (known, outcome.credential):
        assert one.message == "the server said that it deleted its handle; no right to check that here"
    (said,) = [result.message for result in outcome.results if result.step == "handle"]
    assert said.startswith("deleted, says the server; no right to read it here")


@pytest.mark.parametrize("kept", [True, False])
async def test_a_finalizer_is_waited_for_and_left(ebench: Bench, monkeypatch: pytest.MonkeyPatch, kept: bool) -> None:
    monkeypatch.setattr(ending, "_PAUSE", 0.02)
    monkeypatch.setattr(ending, "LONGEST_HELD", 0.1)
    issued = await ebench.issue(ebench.arena.spec())
    assert issued.credential is not None
    handle = issued.credential.handle
    assert handle is not None
    where = (SECRETS, handle.name)
    await ebench.client.patch(*where, {"metadata": {"finalizers": ["x.io/y"]}}, namespace=handle.namespace)
    plan = await ebench.engine.plan_revoke(issued.address, wait=True)
    if not kept:
        Path(ebench.arena.file().path).unlink()
    outcome = await ebench.engine.execute(plan)
    assert outcome.ok
    (said,) = [result.message for result in outcome.results if result.step == "handle"]
    assert said.startswith("is being deleted: the token works until its finalizer x.io/y is gone")
    (left,) = outcome.left
    assert left == (
        "the server still accepts the token 0.1 s after it was ended"
        if kept
        else f"handle {handle.name} is still being deleted 0.1 s after: its finalizer holds it"
    )
    assert "dead" not in outcome.hint
    assert outcome.credential is not None
    assert outcome.credential.message == "its handle is being deleted, which ends it within 60 s"
    await ebench.client.patch(*where, {"metadata": {"finalizers": None}}, namespace=handle.namespace)


def refused(code: type[APIError], number: int, message: str = "no", reason: str = "") -> APIError:
    return code(number, reason, message)


ANSWERS: dict[str, tuple[Any, Said, int]] = {
    "the caller": ({"status": {"userInfo": {"username": USERNAME}}}, Said.ACCEPTED, 1),
    "somebody else": ({"status": {"userInfo": {"username": "system:anonymous"}}}, Said.AWAY, 1),
    "nobody": ({}, Said.AWAY, 1),
    "refused in a server's words": (refused(Unauthorized, 401, reason="Unauthorized"), Said.REFUSED, 1),
    "refused by a login page": (refused(Unauthorized, 401), Said.AWAY, 1),
    "an old server that knows the caller": (
        refused(Forbidden, 403, f'User "{USERNAME}" cannot create'),
        Said.ACCEPTED,
        1,
    ),
    "an old one that does not": (refused(Forbidden, 403, 'User "system:anonymous" cannot create'), Said.AWAY, 1),
    "an old one, and all rights": (refused(NotFound, 404), Said.UNASKED, 2),
    "a page": (ProtocolError("answered text/html"), Said.AWAY, 1),
    "away": (Unreachable("connection refused"), Said.AWAY, 1),
    "a hang": (TimeoutError(), Said.AWAY, 1),
}


@pytest.mark.parametrize("name", ANSWERS)
async def test_one_request_asks_with_the_token(ebench: Bench, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """A rotation's old token is asked about too: that costs it one request."""
    answer, said, requests = ANSWERS[name]
    issued = await ebench.issue(ebench.arena.spec())
    token = token_in(ebench.arena.file().path)
    seen: list[str] = []

    async def create(_self: Client, resource: Any, _wish: Any, **_more: Any) -> Any:
        seen.append(resource.name)
        if resource is TOKEN_REVIEWS:
            raise Forbidden(403, "Forbidden", "no")
        if isinstance(answer, Exception):
            raise answer
        return msgspec.json.decode(msgspec.json.encode(answer).replace(b":ns:", f":{ebench.arena.namespace}:".encode()))

    if isinstance(answer, Forbidden):
        answer.message = answer.message.replace(":ns:", f":{ebench.arena.namespace}:")
    monkeypatch.setattr(Client, "create", create)
    assert issued.credential is not None
    assert await ending.ask(ebench.engine._context, issued.credential, token) is said
    assert len(seen) == requests
    for_others = msgspec.structs.replace(issued.credential, audiences=("vault",))
    assert await ending.ask(ebench.engine._context, for_others, token) is Said.UNASKED
    assert seen[requests:] == [TOKEN_REVIEWS.name]
    assert await ending.ask(ebench.engine._context, issued.credential, None) is Said.UNASKED


# Waiting


@pytest.mark.parametrize("kind", ["file", "secret"])
async def test_waiting_ends_when_the_server_refuses_it(
    ebench: Bench, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    arena = ebench.arena
    monkeypatch.setattr(ending, "_PAUSE", 0.05)
    issued = await ebench.issue(arena.spec(arena.secret() if kind == "secret" else arena.file()))
    first = await ebench.engine.plan_revoke(issued.address, wait=True)
    assert first.steps[-1].id == "refused"
    asked = ending.ask
    answers: list[Said] = []

    async def ask(*given: Any) -> Said:
        answers.append(await asked(*given))
        if len(answers) == 3:
            arena.forget()
        return answers[-1]

    monkeypatch.setattr(ending, "ask", ask)
    outcome = await ebench.engine.execute(first)
    assert outcome.whole, outcome
    assert answers == [Said.ACCEPTED] * 3 + [Said.REFUSED]
    assert [result.message for result in outcome.results if result.step == "refused"] == ["the server refuses it"]
    assert outcome.credential is not None
    assert outcome.credential.message == "revoked"


async def test_what_the_server_goes_on_accepting_is_not_whole(ebench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ending, "_PAUSE", 0.02)
    monkeypatch.setattr(ending, "LONGEST", 0.1)
    issued = await ebench.issue(ebench.arena.spec())
    plan = await ebench.engine.plan_revoke(issued.address, wait=True)
    outcome = await ebench.engine.execute(plan)
    assert outcome.ok
    assert outcome.left == ("the server still accepts the token 0.1 s after it was ended",)
    assert outcome.credential is not None
    assert outcome.credential.message == "its handle is deleted"
    (handle,) = [result for result in outcome.results if result.step == "handle"]
    assert "10 s more" in handle.message
    (known,) = ebench.state.exports()
    assert (known.state, known.message) == (State.REVOKED, "its handle is deleted")


async def test_who_cannot_be_asked_is_said(ebench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ending, "_PAUSE", 0.02)
    monkeypatch.setattr(ending, "_PROBE", 0.05)
    monkeypatch.setattr(ending, "LONGEST", 0.2)
    arena = ebench.arena
    issued = await ebench.issue(arena.spec())
    plan = await ebench.engine.plan_revoke(issued.address, wait=True)
    with arena.fault(FaultRule(Hang(), path="selfsubjectreviews")):
        outcome = await ebench.engine.execute(plan)
    assert outcome.left == ("the server does not say whether it refuses the token 0.2 s after it was ended",)
    lost = await ebench.issue(arena.spec(arena.file("lost")))
    plan = await ebench.engine.plan_revoke(lost.address, wait=True)
    Path(arena.file("lost").path).unlink()
    outcome = await ebench.engine.execute(plan)
    assert outcome.whole
    assert outcome.results[-1].status is StepStatus.SKIPPED
    assert "the token is not here" in outcome.results[-1].message
    assert await ebench.handles() == []


async def test_a_copy_of_it_is_asked_with_where_its_place_has_none(ebench: Bench) -> None:
    arena = ebench.arena
    issued = await ebench.issue(arena.spec(arena.file("one"), arena.file("two")))
    Path(arena.file("one").path).unlink()
    plan = await ebench.engine.plan_revoke(issued.address)
    arena.forget()
    outcome = await ebench.engine.execute(plan)
    (handle,) = [result for result in outcome.results if result.step == "handle"]
    assert handle.message == "deleted, and the server refuses the token"
    assert {one.message for one in ebench.state.exports()} == {"revoked"}


async def test_the_old_token_of_a_rotation_is_asked_about(ebench: Bench) -> None:
    issued = await ebench.issue(ebench.arena.spec())
    plan = await ebench.engine.plan_rotate(issued.address)
    ebench.arena.forget()
    outcome = await ebench.engine.execute(plan)
    await ebench.engine.settle()
    (entry,) = [
        entry
        for entry in ebench.state.entries(plan=outcome.plan)
        if entry.step.startswith("revoke:") and entry.status == StepStatus.DONE
    ]
    assert entry.message.endswith(" deleted, and the server refuses the token")


def test_revoke_waits_on_the_command_line(embedded: Arena, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ending, "_PAUSE", 0.02)
    monkeypatch.setattr(ending, "LONGEST", 0.1)
    path, known = Path(embedded.file().path), ("--kubeconfig", embedded.kubeconfig)
    where = ("-n", embedded.namespace, "--context", embedded.name, *known)
    assert kubemint("issue", "robot", *where, "--create", "--out", path).code == 0
    done = kubemint("revoke", path, *known, "--yes", "--wait", "-q", "-o", "json")
    assert done.code == 3, done
    (item,) = done.json["items"]
    assert item["ok"] is False
    assert item["left"] == ["the server still accepts the token 0.1 s after it was ended"]
    assert "still accepts the token" in done.err
    monkeypatch.setattr(ending, "LONGEST", 20.0)
    embedded.forget()
    for more in (["--yes"], [], ["--wait", "--yes"]):  # nothing is asked where nothing is to be done
        again = kubemint("revoke", path, *known, *more, "-o", "json")
        assert again.code == 0, again
        assert "is revoked already: the server refuses its token" in again.err
        (item,) = again.json["items"]
        assert item["ok"] is True
        assert item["address"] == f"file:{path}"
    look = kubemint("revoke", path, *known, "--dry-run")
    assert (look.code, look.out) == (0, ""), look
    assert "is revoked already" in look.err
    kubemint("revoke", path.with_name("never"), *known, "--yes").failed(2)


def test_what_was_kept_in_a_secret_is_revoked_twice(embedded: Arena, home: Path) -> None:
    known = ("--kubeconfig", embedded.kubeconfig)
    where = ("-n", embedded.namespace, "--context", embedded.name, *known)
    assert kubemint("issue", "robot", *where, "--create", "--secret", f"{embedded.namespace}/kept").code == 0
    address = f"secret:{embedded.name}/{embedded.namespace}/kept"
    kubemint("revoke", f"{address}-never", *known, "--yes").failed(1, "kept-never")
    for said in ("", "is revoked already: this machine did that at"):
        done = kubemint("revoke", address, *known, "--yes", "-q")
        assert (done.code, done.out) == (0, f"{address}\n"), done
        assert said in done.err
    assert kubemint("issue", "robot", *where, "--secret", f"{embedded.namespace}/kept").code == 0
    done = kubemint("revoke", address, *known, "--yes")
    assert done.code == 0
    assert "already" not in done.err, "it was issued anew"


async def test_a_handle_is_revoked_twice(ebench: Bench) -> None:
    issued = await ebench.issue(ebench.arena.spec())
    assert issued.credential is not None
    handle = issued.credential.handle
    assert handle is not None
    address = Address.parse(f"handle:{handle.cluster}/{handle.namespace}/{handle.name}")
    assert (await ebench.engine.execute(await ebench.engine.plan_revoke(address))).whole
    with pytest.raises(Already, match="is revoked already"):
        await ebench.engine.plan_revoke(address)
    with pytest.raises(UsageError, match="there is no Secret") as caught:
        await ebench.engine.plan_revoke(Address.parse(f"{address}z"))
    assert not isinstance(caught.value, Already)


def entry(action: Action, step: str, status: StepStatus = StepStatus.DONE) -> JournalEntry:
    return JournalEntry(
        seq=1,
        at=datetime(2030, 1, 1, tzinfo=UTC),
        plan="p",
        action=action.value,
        address="a",
        step=step,
        status=status.value,
        message="",
        hash="",
    )


@pytest.mark.parametrize(
    ("entries", "ended"),
    [
        ([], False),
        ([entry(Action.REVOKE, "intent")], False),
        ([entry(Action.REVOKE, "handle")], True),
        ([entry(Action.REVOKE, "secret")], True),
        ([entry(Action.REVOKE, "handle"), entry(Action.REVOKE, "secret:0", StepStatus.FAILED)], True),
        ([entry(Action.REVOKE, "handle", StepStatus.FAILED)], False),
        ([entry(Action.REVOKE, "handle"), entry(Action.ROTATE, "revoke:0")], True),
        ([entry(Action.REVOKE, "handle"), entry(Action.RECOVER, "sweep:0")], True),
        ([entry(Action.REVOKE, "handle"), entry(Action.RECOVER, "commit")], False),
        ([entry(Action.REVOKE, "handle"), entry(Action.ISSUE, "commit")], False),
        ([entry(Action.ISSUE, "commit"), entry(Action.REVOKE, "intent")], False),
        ([entry(Action.ISSUE, "commit")], False),
    ],
)
def test_the_journal_tells_what_was_ended_here(entries: list[JournalEntry], ended: bool) -> None:
    assert (ended_at(entries) is not None) is ended


@pytest.fixture
def real(request: pytest.FixtureRequest, tmp_path: Path) -> Arena:
    plane = request.getfixturevalue("real_control_plane")
    return new_arena("real", plane.kubeconfig, "real", tmp_path)


@pytest.mark.real
async def test_a_real_server_refuses_it_while_we_wait(real: Arena) -> None:
    async with Bench(real) as bench:
        issued = await bench.issue(real.spec())
        token = token_in(real.file().path)
        outcome = await bench.engine.execute(await bench.engine.plan_revoke(issued.address, wait=True))
        assert outcome.whole, outcome
        assert outcome.credential is not None
        assert outcome.credential.message == "revoked"
        assert not await bench.works(token)
        with pytest.raises(UsageError, match="revoked already: the server refuses its token"):
            await bench.engine.plan_revoke(issued.address)


# A second time


async def believed_dead(bench: Bench, address: Address) -> None:
    """This machine's record says that it was revoked, as after a proxy's answer; it was not."""
    record = bench.state.export_record(address)
    assert record is not None
    bench.state.record_export(msgspec.structs.replace(record, credential=ending.over(record.credential, Said.REFUSED)))


@pytest.mark.parametrize("kept", [True, False])
async def test_what_was_recorded_as_revoked_and_lives_is_ended(ebench: Bench, kept: bool) -> None:
    arena = ebench.arena
    issued = await ebench.issue(arena.spec())
    token = token_in(arena.file().path)
    await believed_dead(ebench, issued.address)
    if not kept:
        Path(arena.file().path).unlink()
    plan = await ebench.engine.plan_revoke(issued.address)
    assert "it was recorded as revoked, but its handle still exists: the token still works" in plan.warnings
    arena.forget()
    outcome = await ebench.engine.execute(plan)
    assert outcome.whole, outcome
    assert await ebench.handles() == []
    arena.forget()
    assert not await ebench.works(token)
    said = "the server refuses its token" if kept else "its handle is gone; the token is not here to ask about it"
    with pytest.raises(UsageError, match=f"revoked already: {said}"):
        await ebench.engine.plan_revoke(issued.address)


async def graced(bench: Bench) -> tuple[Address, Handle, Any]:
    """What was rotated, the handle that this left to its grace period of an hour, and its token."""
    issued = await bench.issue(bench.arena.spec())
    old = token_in(bench.arena.file().path)
    assert (await bench.engine.execute(await bench.engine.plan_rotate(issued.address))).ok
    assert issued.credential is not None
    assert issued.credential.handle is not None
    return issued.address, issued.credential.handle, old


@pytest.mark.parametrize("twice", [False, True])
async def test_a_revocation_ends_the_older_tokens_in_their_grace_too(embedded: Arena, twice: bool) -> None:
    async with Bench(embedded, grace=timedelta(hours=1)) as bench:
        address, handle, old = await graced(bench)
        if twice:
            assert (await bench.engine.execute(await bench.engine.plan_rotate(address))).ok
        plan = await bench.engine.plan_revoke(address)
        assert [step.verb for step in plan.steps if step.id.startswith("older:")] == ["delete"] * (1 + twice)
        named = f"handle:{handle.cluster}/{handle.namespace}/{handle.name}"
        assert any("in its grace period until" in said and named in said for said in plan.warnings)
        outcome = await bench.engine.execute(plan)
        embedded.forget()
        assert outcome.whole, outcome
        assert not await bench.works(old)
        assert await bench.handles() == []
        assert bench.state.revocations() == []
        await asyncio.wait_for(bench.engine.settle(), 10)  # the timers of this process end quietly
        assert not any(entry.status == StepStatus.FAILED for entry in bench.state.entries())
        with pytest.raises(Already):
            await bench.engine.plan_revoke(address)


async def test_an_older_token_that_cannot_be_ended_is_left_and_ends_the_second_time(embedded: Arena) -> None:
    async with Bench(embedded, grace=timedelta(hours=1)) as bench:
        address, handle, old = await graced(bench)
        plan = await bench.engine.plan_revoke(address)
        with embedded.fault(FaultRule(Answer(403, "Forbidden", "no"), verb="delete", path=rf"/{handle.name}")):
            outcome = await bench.engine.execute(plan)
        assert outcome.ok
        assert not outcome.whole
        assert f"{handle.name}, was not ended" in outcome.left[0]
        assert await bench.works(old)
        again = await bench.engine.plan_revoke(address)
        assert "is revoked already" in again.warnings[0]
        assert (await bench.engine.execute(again)).whole
        embedded.forget()
        assert not await bench.works(old)
        assert await bench.handles() == []
        assert bench.state.revocations() == []


async def test_an_older_token_behind_a_finalizer_is_waited_for_and_left(
    embedded: Arena, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ending, "_PAUSE", 0.02)
    monkeypatch.setattr(ending, "LONGEST_HELD", 0.1)
    monkeypatch.setattr(ending, "until_refused", _refused)
    async with Bench(embedded, grace=timedelta(hours=1)) as bench:
        address, handle, _ = await graced(bench)
        held = {"metadata": {"finalizers": ["x.io/y"]}}
        await bench.client.patch(SECRETS, handle.name, held, namespace=handle.namespace)
        outcome = await bench.engine.execute(await bench.engine.plan_revoke(address, wait=True))
        assert outcome.ok
        assert outcome.left == (
            f"of an older token handle {handle.name} is still being deleted 0.1 s after: its finalizer holds it",
        )
        (said,) = [result for result in outcome.results if result.step == "refused"]
        assert (said.status, said.message) == (StepStatus.SKIPPED, outcome.left[0])
        await bench.client.patch(SECRETS, handle.name, {"metadata": {"finalizers": None}}, namespace=handle.namespace)


async def _refused(*_: object) -> Said:
    return Said.REFUSED


async def test_an_older_token_at_a_secret_that_is_gone_ends_the_second_time(embedded: Arena) -> None:
    async with Bench(embedded, grace=timedelta(hours=1)) as bench:
        issued = await bench.issue(embedded.spec(embedded.secret()))
        assert (await bench.engine.execute(await bench.engine.plan_rotate(issued.address))).ok
        assert issued.credential is not None
        handle = issued.credential.handle
        assert handle is not None
        plan = await bench.engine.plan_revoke(issued.address)
        with embedded.fault(FaultRule(Answer(403, "Forbidden", "no"), verb="delete", path=rf"/{handle.name}")):
            assert len((await bench.engine.execute(plan)).left) == 1
        assert (await bench.engine.execute(await bench.engine.plan_revoke(issued.address))).whole
        assert await bench.handles() == []


async def test_who_names_a_handle_ends_its_token_alone(embedded: Arena) -> None:
    async with Bench(embedded, grace=timedelta(hours=1)) as bench:
        _, handle, old = await graced(bench)
        (record,) = bench.state.export_records()
        newer = record.credential.handle
        assert newer is not None
        named = f"handle:{newer.cluster}/{newer.namespace}/{newer.name}"
        older_one = f"handle:{newer.cluster}/{newer.namespace}/{handle.name}"
        plan = await bench.engine.plan_revoke(Address.parse(named))
        assert any(f"`kubemint revoke {older_one}` ends it now" in said for said in plan.warnings)
        outcome = await bench.engine.execute(plan)
        assert outcome.whole
        assert older_one in outcome.hint
        assert await bench.works(old)
        assert (await bench.engine.execute(await bench.engine.plan_revoke(Address.parse(older_one)))).whole
        assert await bench.handles() == []


async def test_a_record_that_names_another_handle_keeps_no_token_alive(ebench: Bench) -> None:
    """The server accepts the token, and says with it what ends it."""
    arena = ebench.arena
    issued = await ebench.issue(arena.spec())
    record = ebench.state.export_record(issued.address)
    assert record is not None
    handle = record.credential.handle
    assert handle is not None
    wrong = msgspec.structs.replace(handle, uid="another", name="kubemint-robot-bcdfghjk")
    credential = msgspec.structs.replace(record.credential, handle=wrong, state=State.REVOKED)
    ebench.state.record_export(msgspec.structs.replace(record, credential=credential))
    plan = await ebench.engine.plan_revoke(issued.address)
    assert any("which is bound to another handle" in warning for warning in plan.warnings)
    assert (await ebench.engine.execute(plan)).whole
    assert await ebench.handles() == []


async def test_what_is_remembered_for_10_s_is_revoked_and_can_be_waited_for(
    ebench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ending, "_PAUSE", 0.02)
    arena = ebench.arena
    issued = await ebench.issue(arena.spec())
    assert (await ebench.engine.execute(await ebench.engine.plan_revoke(issued.address))).whole
    with pytest.raises(UsageError, match=r"the server accepted its token just now, as it may for 10 s") as caught:
        await ebench.engine.plan_revoke(issued.address)
    assert "--wait" in caught.value.hint
    plan = await ebench.engine.plan_revoke(issued.address, wait=True)
    arena.forget()
    outcome = await ebench.engine.execute(plan)
    assert outcome.whole, outcome
    assert [result.message for result in outcome.results if result.step == "handle"] == [
        "was gone already, and the server refuses the token"
    ]


# What cannot be tidied


def away(*, verb: str = "") -> FaultRule:
    return FaultRule(Answer(503, "ServiceUnavailable", "no"), verb=verb, path=r"/secrets/robot-credential")


async def test_a_place_that_cannot_be_tidied_keeps_no_token_alive(ebench: Bench) -> None:
    arena = ebench.arena
    issued = await ebench.issue(arena.spec(arena.secret()))
    token = await _token(ebench)
    plan = await ebench.engine.plan_revoke(issued.address)
    with arena.fault(away(verb="delete")):
        outcome = await ebench.engine.execute(plan)
    assert outcome.ok
    assert not outcome.whole
    (left,) = outcome.left
    assert left.startswith(f"{issued.address} could not be tidied")
    assert left.endswith("the server accepted the token in it just now, as it may for 10 s")
    assert await ebench.handles() == []
    arena.forget()
    assert not await ebench.works(token)
    assert ebench.state.revocations() == []


async def _token(bench: Bench) -> Any:
    return await reading.token(bench.engine._context, bench.arena.secret_address())


async def test_after_a_crash_too(embedded: Arena) -> None:
    async with Bench(embedded) as bench:
        issued = await bench.issue(embedded.spec(embedded.secret()))
    assert await asyncio.to_thread(Doomed().run, embedded, issued.address, "after:handle", revoke=True) == KILLED
    async with Bench(embedded) as bench:
        with embedded.fault(away(verb="delete")):
            (outcome,) = await bench.engine.recover()
        assert outcome.ok
        assert outcome.action is Action.RECOVER
        assert "could not be tidied" in outcome.left[0]
        assert await bench.handles() == []
        assert bench.state.revocations() == []


async def test_what_somebody_uses_again_is_not_recorded_as_revoked(ebench: Bench) -> None:
    """Its grace was over when this looked, and an undo took the record of it out before this had the lock."""
    issued = await ebench.issue(ebench.arena.spec())
    assert issued.credential is not None
    assert issued.credential.handle is not None
    engine, now = ebench.engine, datetime.now(UTC)
    recovery = Recovery(engine._context, engine._locks, engine._graces, None)
    taken_out = Revocation(plan="p", address=issued.address, handle=issued.credential.handle, due=now)
    outcome = await recovery._revoke(taken_out, recovery._begin("p", issued.address))
    assert [result.status for result in outcome.results] == [StepStatus.SKIPPED]
    (known,) = ebench.state.exports()
    assert known.state is State.VALID
    assert len(await ebench.handles()) == 1
