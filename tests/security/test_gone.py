"""What is called deleted was looked for again: the decision, and what the finalizers that others set make of it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import tui
from tests.issuance.arena import Arena, Bench
from tests.issuance.dpf_place import Place
from tui.demo import Answer as Answered, FaultRule
from tui.issuance.families.dpf import DPU_REQUESTS
from tui.issuance.families.dpf.request_keeping import said
from tui.issuance.objects import accounts
from tui.issuance.objects.deleting import NO_RIGHT, Answer, End, Ended, Meta, NotGone, Seen, delete, judge
from tui.kube.errors import NotFound, ProtocolError
from tui.kube.resource import SECRETS, SERVICE_ACCOUNTS

HELD = {"metadata": {"finalizers": ["example.com/held"]}}
FREE = {"metadata": {"finalizers": None}}
BY = "held by finalizer example.com/held"


def seen(uid: str = "u1", *finalizers: str, stamp: bool = False) -> Seen:
    return Seen(Meta(uid=uid, deletion_timestamp="2030-01-01T00:00:00Z" if stamp else None, finalizers=[*finalizers]))


THERE, OTHER = seen("u1", "a/b"), seen("u2", stamp=True)
GOING = seen("u1", "a/b", "c/d", stamp=True)


@pytest.mark.parametrize(
    ("answer", "found", "end", "end_of_version"),
    [
        (Answer.ACCEPTED, None, End.DELETED, End.DELETED),
        (Answer.ACCEPTED, OTHER, End.DELETED, End.DELETED),
        (Answer.ACCEPTED, GOING, End.HELD, End.HELD),
        (Answer.ACCEPTED, THERE, End.THERE, End.THERE),
        (Answer.ACCEPTED, NO_RIGHT, End.TOLD, End.TOLD),
        (Answer.ABSENT, None, End.ABSENT, End.ABSENT),
        (Answer.ABSENT, OTHER, End.ABSENT, End.ABSENT),
        (Answer.ABSENT, GOING, End.HELD, End.HELD),
        (Answer.ABSENT, THERE, End.THERE, End.THERE),
        (Answer.ABSENT, NO_RIGHT, End.ABSENT, End.ABSENT),
        (Answer.REFUSED, None, End.ABSENT, End.ABSENT),
        (Answer.REFUSED, OTHER, End.ANOTHER, End.ANOTHER),
        (Answer.REFUSED, GOING, End.HELD, End.HELD),
        (Answer.REFUSED, THERE, End.THERE, End.CHANGED),
        (Answer.REFUSED, NO_RIGHT, End.UNKNOWN, End.CHANGED),
    ],
)
def test_what_became_of_it(answer: Answer, found: Seen | str | None, end: End, end_of_version: End) -> None:
    assert judge(answer, found, uid="u1").end is end
    assert judge(answer, found, uid="u1", version=True).end is end_of_version


def test_without_a_uid_whatever_has_the_name_is_it() -> None:
    assert judge(Answer.ACCEPTED, OTHER).end is End.HELD
    assert judge(Answer.ACCEPTED, THERE).end is End.THERE


def test_what_holds_it_is_named() -> None:
    assert str(judge(Answer.ACCEPTED, GOING, uid="u1")) == "is being deleted, held by finalizers a/b, c/d"
    assert str(judge(Answer.ACCEPTED, seen(stamp=True), uid="u1")) == "is being deleted"
    assert str(Ended(End.HELD, ("a\x1b[2J",))).isprintable()
    assert str(Ended(End.DELETED)) == "deleted"
    assert [one for one in End if Ended(one).was_there] == [End.DELETED, End.HELD, End.TOLD]
    assert [one for one in End if Ended(one).is_held] == [End.HELD]


def test_whatever_is_deleted_goes_through_the_one_home() -> None:
    """A call with a namespace is one to a server; nobody else makes one."""
    calls = []
    for path in Path(tui.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "delete":
                named = {word.arg for word in node.keywords}
                if any(word.arg == "dry_run" and ast.unparse(word.value) == "True" for word in node.keywords):
                    continue  # it deletes nothing
                module = ast.unparse(node.func.value)
                if ("namespace" in named or "uid" in named) and "storage" not in module and module != "deleting":
                    calls.append(path.name)
    assert calls == ["deleting.py"]


@pytest.mark.parametrize("code", [404, 409])
async def test_a_server_that_lies_is_not_believed(embedded: Arena, code: int) -> None:
    async with Bench(embedded) as bench:
        uid = await bench.make_account("liar")
        words = {404: 'serviceaccounts "liar" not found', 409: "Precondition failed: UID in precondition: x"}[code]
        with (
            embedded.fault(FaultRule(Answered(code, message=words), verb="delete", path="/serviceaccounts/liar")),
            pytest.raises((NotGone, ProtocolError), match=r"still there|without a word of"),
        ):
            await delete(bench.client, SERVICE_ACCOUNTS, "liar", namespace=embedded.namespace, uid=uid)
        assert await bench.client.get_metadata(SERVICE_ACCOUNTS, "liar", namespace=embedded.namespace)


async def test_a_revoked_secret_that_a_finalizer_holds_is_not_called_deleted(bench: Bench) -> None:
    """Whoever may patch the Secret sets a finalizer; the token ends, and the Secret that stays is named."""
    arena = bench.arena
    issued = (await bench.issue(arena.spec(arena.secret()))).credential
    name = issued.address.name
    await bench.client.patch(SECRETS, name, HELD, namespace=arena.namespace)
    outcome = await bench.engine.execute(await bench.engine.plan_revoke(issued.address))
    said = next(one.message for one in outcome.results if one.step == "secret:0")
    assert said == f"is being deleted, {BY}"
    assert await bench.client.get_metadata(SECRETS, name, namespace=arena.namespace)
    await bench.client.patch(SECRETS, name, FREE, namespace=arena.namespace)
    with pytest.raises(NotFound):
        await bench.client.get_metadata(SECRETS, name, namespace=arena.namespace)


async def test_an_account_that_is_taken_back_and_held_is_named(ebench: Bench) -> None:
    identity = ebench.arena.spec().identity
    uid = await ebench.make_account(identity.name, annotations={"kubemint.io/plan": "p1"}, **HELD["metadata"])
    said = await accounts.discard(ebench.client, identity, "p1", later=False)
    assert said == f"service account {identity.namespace}/{identity.name} is being deleted, {BY}"
    ended = await delete(ebench.client, SERVICE_ACCOUNTS, identity.name, namespace=identity.namespace, uid=uid)
    assert ended == (End.HELD, ("example.com/held",)), "asking again changes nothing"
    await ebench.client.patch(SERVICE_ACCOUNTS, identity.name, FREE, namespace=identity.namespace)


@pytest.mark.parametrize("held", ["account", "secret", "handle"])
async def test_a_request_stays_while_what_was_made_for_it_is_there(both: Place, held: str) -> None:
    """A finalizer on what it made: "deleted" is not said, and the request's own finalizer is not dropped."""
    await both.want()
    await both.keep()
    member = await both.member()
    client, resource, name = {
        "account": (member, SERVICE_ACCOUNTS, "test-service-account"),
        "secret": (both.client, SECRETS, "out"),
        "handle": (member, SECRETS, (await both.handles())[0]),
    }[held]
    await client.patch(resource, name, HELD, namespace=both.ns)
    await both.delete()
    for _ in range(2):  # whoever comes back finds it in the same way
        rest = await both.keep(ok=False)
        assert "is being deleted" in rest.error
        assert "example.com/held" in rest.error
        assert not any(f"/{name} deleted" in note for note in rest.notes), rest.notes
        assert (await both.read()).finalizers, "it is still looked after"
        assert await both.secret(), "by the token in it the others are known"
    await client.patch(resource, name, FREE, namespace=both.ns)
    assert (await both.keep()).request is None
    with pytest.raises(NotFound):
        await both.read()
    with pytest.raises(NotFound):
        await both.secret()


async def test_a_held_account_can_be_abandoned_and_is_named(place: Place) -> None:
    await place.want()
    await place.keep()
    member = await place.member()
    await member.patch(SERVICE_ACCOUNTS, "test-service-account", HELD, namespace=place.ns)
    await place.delete()
    rest = await place.keep(abandon=True)
    assert rest.request is None
    assert any("left behind" in note and BY in note for note in rest.notes), rest.notes


async def test_a_request_that_others_hold_is_not_called_gone(place: Place) -> None:
    await place.want()
    await place.keep()
    more = {"metadata": {"finalizers": [*(await place.read()).finalizers, "example.com/held"]}}
    await place.client.patch(DPU_REQUESTS, "req", more, namespace=place.ns)
    await place.delete()
    rest = await place.keep()
    assert rest.request is not None
    assert rest.request.finalizers == ("example.com/held",)
    assert said(rest) == f"it is being deleted, {BY}" + "".join(f"; {note}" for note in rest.notes)
    await place.client.patch(DPU_REQUESTS, "req", FREE, namespace=place.ns)


async def test_a_deletion_that_is_only_tried_deletes_nothing(bench: Bench) -> None:
    """On a real server too, which does not look at the query of a deletion that has options."""
    made = await bench.client.create(SECRETS, {"metadata": {"name": "kept"}}, namespace=bench.arena.namespace)
    uid = made["metadata"]["uid"]
    await bench.client.delete(SECRETS, "kept", namespace=bench.arena.namespace, dry_run=True)
    found = await bench.client.get_metadata(SECRETS, "kept", namespace=bench.arena.namespace)
    assert found["metadata"]["uid"] == uid
    assert "deletionTimestamp" not in found["metadata"]
