"""What may be deleted: only a handle of ours, called as the account's handles are, with the very UID that was vouched
for; and without data where nobody vouches for that."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from tests.issuance.arena import Arena, Bench
from tui.demo import Answer, FaultRule
from tui.issuance.errors import is_given_up
from tui.issuance.formats import Format
from tui.issuance.model.types import Action, Address, Handle, Identity
from tui.issuance.objects import deleting, managed
from tui.issuance.records.intent import Revocation
from tui.issuance.revoking.sought import Sought
from tui.issuance.transaction.after_ending import delete_secret
from tui.issuance.trust import handle_names, handles
from tui.issuance.trust.handle_names import Meant
from tui.issuance.trust.handles import Ending, Fate, Named, Seen
from tui.kube.errors import Invalid, ProtocolError
from tui.kube.resource import SECRETS
from tui.kube.sensitive import Sensitive

NAME = "kubemint-robot-bcdfghjk"
HANDLE = Handle("harbor", "ns", NAME, "uid-1")
WANTED = Ending(handle=HANDLE, named=Named.BY_TOKEN, account="robot")
SEEN = Seen(
    namespace="ns", name=NAME, uid="uid-1", type=managed.HANDLE_TYPE, marked=True, account="ns/robot", request="r1"
)
OLDER = msgspec.structs.replace(SEEN, type="Opaque")
LONG_LIVED = Seen(
    namespace="ns", name="robot-token", uid="uid-1", type=handles.TOKEN_SECRET, keys=("token",), token_of="robot"
)


def wanted(**fields: Any) -> Ending:
    return msgspec.structs.replace(WANTED, **fields)


def seen(**fields: Any) -> Seen:
    return msgspec.structs.replace(SEEN, **fields)


def named(name: str) -> Handle:
    return msgspec.structs.replace(HANDLE, name=name)


LONG = "a" * 45 + "-admin"
CUT = named(f"kubemint-{'a' * 45}-bcdfghjk")
LONG_ONE = named(handle_names.fresh(Meant(account=f"ns/{LONG}")))
NEW = named(handle_names.fresh(Meant(account="ns/robot", request="r1")))
RULES = [
    ("a handle of ours", WANTED, SEEN, Fate.DELETE, ""),
    ("by the journal", wanted(named=Named.BY_JOURNAL), SEEN, Fate.DELETE, ""),
    ("by a walk", wanted(named=Named.BY_WALK), SEEN, Fate.DELETE, ""),
    ("by a walk, at its own word", wanted(named=Named.BY_WALK, account=""), SEEN, Fate.DELETE, ""),
    ("gone", WANTED, None, Fate.GONE, ""),
    ("made anew", WANTED, seen(uid="uid-2"), Fate.ANOTHER, ""),
    ("nobody knows its UID", wanted(handle=msgspec.structs.replace(HANDLE, uid="")), SEEN, Fate.LEFT_ALONE, "UID"),
    ("nobody knows its UID, nor does it have one", wanted(handle=msgspec.structs.replace(HANDLE, uid="")),
     seen(uid=""), Fate.LEFT_ALONE, "UID"),
    ("an ordinary Secret", WANTED, seen(type="Opaque", marked=False), Fate.LEFT_ALONE, "type Opaque"),
    ("an ordinary Secret that got every mark", wanted(handle=named("precious")), seen(name="precious", type="Opaque"),
     Fate.LEFT_ALONE, "no handle of robot is called precious"),
    ("an older handle that the token names", WANTED, OLDER, Fate.DELETE, ""),
    ("an ordinary Secret that a walk came by", wanted(named=Named.BY_WALK), OLDER, Fate.LEFT_ALONE, "type Opaque"),
    ("a Secret for TLS", wanted(named=Named.BY_JOURNAL), seen(type="kubernetes.io/tls"), Fate.LEFT_ALONE, "tls"),
    ("an older handle that the journal knows", wanted(named=Named.BY_JOURNAL), OLDER, Fate.DELETE, ""),
    ("the same without its label", wanted(named=Named.BY_JOURNAL),
     msgspec.structs.replace(OLDER, marked=False), Fate.LEFT_ALONE, "type Opaque"),
    ("the same with data", wanted(named=Named.BY_JOURNAL),
     msgspec.structs.replace(OLDER, keys=("password",)), Fate.LEFT_ALONE, "holds data (password)"),
    ("somebody put data into it, and the token names its UID", WANTED, seen(keys=("a", "b")), Fate.DELETE, ""),
    ("the same, and the journal does", wanted(named=Named.BY_JOURNAL), seen(keys=("a", "b")), Fate.DELETE, ""),
    ("the same, and nobody knew its UID before", wanted(named=Named.BY_JOURNAL, own_uid=True), seen(keys=("a", "b")),
     Fate.LEFT_ALONE, "holds data (a, b)"),
    ("the same without data", wanted(named=Named.BY_JOURNAL, own_uid=True), SEEN, Fate.DELETE, ""),
    ("the same, at its own word", wanted(named=Named.BY_WALK), seen(keys=("a", "b")), Fate.LEFT_ALONE,
     "holds data (a, b)"),
    ("the same, of another account", wanted(account="admin"), seen(keys=("a",)), Fate.LEFT_ALONE, "no handle of admin"),
    ("an older handle with data that the token names", WANTED, msgspec.structs.replace(OLDER, keys=("password",)),
     Fate.LEFT_ALONE, "holds data (password)"),
    ("labels are no matter", WANTED, seen(marked=False), Fate.DELETE, ""),
    ("of another account by its name", wanted(account="admin"), SEEN, Fate.LEFT_ALONE, "no handle of admin"),
    ("of an account with a longer name", wanted(account="rob"), SEEN, Fate.LEFT_ALONE, "no handle of rob "),
    ("of an account whose name ends like one of ours", wanted(handle=named("kubemint-robot-x-bcdfghjk")),
     seen(name="kubemint-robot-x-bcdfghjk"), Fate.LEFT_ALONE, "no handle of robot"),
    ("an account that nobody knows any more", wanted(account="", named=Named.BY_JOURNAL), SEEN, Fate.DELETE, ""),
    ("the same under a name that no handle has", wanted(account="", handle=named("database")),
     seen(name="database"), Fate.LEFT_ALONE, "no handle of any account"),
    ("a walk to what is of another account", wanted(named=Named.BY_WALK, account="robot"),
     seen(account="ns/admin"), Fate.LEFT_ALONE, "of ns/admin"),
    ("a walk to what is of another namespace", wanted(named=Named.BY_WALK, account=""),
     seen(account="kube-system/robot"), Fate.LEFT_ALONE, "says that it is of kube-system/robot"),
    ("a walk to what says nothing", wanted(named=Named.BY_WALK, account=""), seen(account=""),
     Fate.LEFT_ALONE, "of no account"),
    ("a walk to what says one thing and is called another", wanted(named=Named.BY_WALK, account=""),
     seen(account="ns/admin"), Fate.LEFT_ALONE, "no handle of admin"),
    ("a walk to one of old whose account's name is cut short", wanted(named=Named.BY_WALK, account="", handle=CUT),
     seen(name=CUT.name, account=f"ns/{LONG}"), Fate.LEFT_ALONE, f"has not the whole of {LONG} in it"),
    ("the same, by its token", wanted(handle=CUT, account=LONG), seen(name=CUT.name, account="ns/x"), Fate.DELETE, ""),
    ("the same, by the journal", wanted(handle=CUT, account=LONG, named=Named.BY_JOURNAL), seen(name=CUT.name),
     Fate.DELETE, ""),
    ("a walk to a long one that says its account", wanted(named=Named.BY_WALK, account="", handle=LONG_ONE),
     seen(name=LONG_ONE.name, account=f"ns/{LONG}"), Fate.DELETE, ""),
    ("a walk to a long one that says another", wanted(named=Named.BY_WALK, account="", handle=LONG_ONE),
     seen(name=LONG_ONE.name, account=f"ns/{LONG[:-1]}"), Fate.LEFT_ALONE, f"no handle of {LONG[:-1]} "),
    ("a long one by the token of another", wanted(handle=LONG_ONE, account=LONG[:-1]), seen(name=LONG_ONE.name),
     Fate.LEFT_ALONE, f"no handle of {LONG[:-1]} "),
    ("a walk to one whose other annotations were changed", wanted(named=Named.BY_WALK, account="", handle=NEW),
     seen(name=NEW.name, request="r9"), Fate.DELETE, ""),
    ("a long-lived token where none is expected", wanted(handle=named("robot-token")), LONG_LIVED,
     Fate.LEFT_ALONE, "long-lived token of its own"),
    ("a long-lived token", wanted(handle=named("robot-token"), token_secret=True), LONG_LIVED, Fate.DELETE, ""),
    ("of an account that nobody knows", wanted(handle=named("robot-token"), token_secret=True, account=""),
     LONG_LIVED, Fate.DELETE, ""),
    ("a long-lived token of somebody else", wanted(handle=named("robot-token"), token_secret=True, account="admin"),
     LONG_LIVED, Fate.LEFT_ALONE, "of robot"),
    ("a Secret that only says that it is a token", wanted(handle=named("robot-token"), token_secret=True),
     msgspec.structs.replace(LONG_LIVED, type="Opaque"), Fate.LEFT_ALONE, "type Opaque"),
    ("a file's handle", wanted(token_secret=True), SEEN, Fate.DELETE, ""),
]  # fmt: skip


@pytest.mark.parametrize(
    ("ending", "found", "fate", "why"), [rule[1:] for rule in RULES], ids=[one[0] for one in RULES]
)
def test_what_may_be_deleted(ending: Ending, found: Seen | None, fate: Fate, why: str) -> None:
    verdict = handles.judge(ending, found)
    assert verdict.fate is fate, verdict
    assert why in verdict.why
    assert bool(verdict.why) is (fate is Fate.LEFT_ALONE)


BY_JOURNAL = wanted(named=Named.BY_JOURNAL)


@pytest.mark.parametrize(
    ("ending", "found", "for_good"),
    [
        (wanted(handle=msgspec.structs.replace(HANDLE, uid="")), SEEN, True),
        (BY_JOURNAL, seen(type="kubernetes.io/tls"), True),
        (wanted(account="admin"), SEEN, True),
        (wanted(handle=named("robot-token")), LONG_LIVED, True),
        # Whoever may patch it may take that back, or has put it there.
        (BY_JOURNAL, msgspec.structs.replace(OLDER, keys=("password",)), False),
        (BY_JOURNAL, msgspec.structs.replace(OLDER, marked=False), False),
        (wanted(named=Named.BY_WALK), seen(keys=("a",)), False),
        (wanted(named=Named.BY_JOURNAL, own_uid=True), seen(keys=("a",)), False),
        (wanted(handle=named("robot-token"), token_secret=True, account="admin"), LONG_LIVED, False),
        (BY_JOURNAL, SEEN, False),
        (BY_JOURNAL, None, False),
    ],
)
def test_what_can_never_be_a_handle_is_told_from_what_somebody_changed(
    ending: Ending, found: Seen | None, for_good: bool
) -> None:
    assert handles.judge(ending, found).for_good is for_good


@pytest.mark.parametrize(
    ("account", "request_id", "right"),
    [("ns/robot", "r1", True), ("ns/robot", "r2", False), ("ns/admin", "r1", False), ("", "", False)],
)
def test_made_for_needs_both_the_account_and_the_wish(account: str, request_id: str, right: bool) -> None:
    """The mutant with `or` for `and`, which every test of old let pass."""
    found = seen(account=account, request=request_id)
    assert handles.made_for(found, Identity("harbor", "ns", "robot"), "r1") is right


def test_a_secret_is_seen_without_its_values() -> None:
    obj = {
        "type": "Opaque",
        "data": {"password": "c2VjcmV0", "a": "eA=="},
        "metadata": {"name": "x", "namespace": "ns", "uid": "u", "deletionTimestamp": "now", "finalizers": ["held"]},
    }
    found = handles.seen_in(obj)
    assert found.keys == ("a", "password")
    assert found.deleted
    assert found.finalizers == ("held",)
    assert "c2VjcmV0" not in repr(found)


class Table:
    """A namespace with a handle in it, and what deleting that says."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench

    async def handle(self, **fields: Any) -> Ending:
        """A handle as kubemint makes it, changed by `fields`."""
        arena = self.bench.arena
        handle = handles.new(arena.identity(), handles.meant_for(arena.identity(), "r"))
        wish = managed.handle_object(handle, account="robot", account_uid="", request="r", plan="p", issued_by="me")
        made: dict[str, Any] = await self.bench.client.create(SECRETS, wish | fields, namespace=arena.namespace)
        handle = msgspec.structs.replace(handle, uid=str(made["metadata"]["uid"]))
        return Ending(handle=handle, named=Named.BY_TOKEN, account="robot")

    async def delete(self, ending: Ending) -> str:
        return await handles.delete(self.bench.clusters, ending)

    async def is_there(self, ending: Ending) -> bool:
        return await handles.look(self.bench.client, ending.handle.namespace, ending.handle.name) is not None


async def test_a_handle_is_deleted_and_looked_for(bench: Bench) -> None:
    table = Table(bench)
    ending = await table.handle()
    assert (await table.delete(ending)).startswith("deleted; ")
    assert not await table.is_there(ending)
    assert await table.delete(ending) == "was gone already"


async def test_no_other_secret_can_become_a_handle(bench: Bench) -> None:
    """Whoever may patch a Secret may give it every mark, but not the type; and what holds data is none."""
    table, namespace = Table(bench), bench.arena.namespace
    ordinary = await table.handle(type="Opaque")
    for ending, why in (
        (msgspec.structs.replace(ordinary, named=Named.BY_WALK), "of type Opaque"),
        (
            msgspec.structs.replace(await table.handle(data={"password": "eA=="}), named=Named.BY_WALK),
            r"holds data \(password\)",
        ),
    ):
        with pytest.raises(handles.NotAHandle, match=why) as refused:
            await table.delete(ending)
        assert f"{ending.named.value} says that Secret" in refused.value.message
        assert await table.is_there(ending)
    with pytest.raises(Invalid, match="immutable"):
        await bench.client.patch(
            SECRETS, ordinary.handle.name, {"type": managed.HANDLE_TYPE}, namespace=namespace
        )  # fmt: skip


@pytest.mark.parametrize("by", ["place", "handle", "token"])
async def test_data_in_a_handle_keeps_no_token_alive(bench: Bench, by: str) -> None:
    """One patch of the handle was enough: nothing revoked it any more, neither by its place nor by its token."""
    arena, namespace = bench.arena, bench.arena.namespace
    issued = (await bench.issue(arena.spec(arena.secret(), format=Format.TOKEN))).credential
    name = issued.handle.name
    found: dict[str, Any] = await bench.client.get(SECRETS, issued.address.name, namespace=namespace)
    token = Sensitive(base64.b64decode(found["data"]["token"]))
    await bench.client.patch(SECRETS, name, {"data": {"x": "eA=="}}, namespace=namespace)
    if by == "token":
        plan = await bench.engine.plan_revoke_sought(Sought(token=token), [arena.name])
    else:
        at = issued.address if by == "place" else Address.handle(arena.name, namespace, name)
        plan = await bench.engine.plan_revoke(at)
    done = await bench.engine.execute(plan)
    assert done.ok, done
    assert name not in await bench.secrets()


async def test_what_a_rotation_left_is_revoked_whatever_is_in_its_handle(bench: Bench) -> None:
    arena = bench.arena
    issued = (await bench.issue(arena.spec(arena.secret()))).credential
    await bench.client.patch(SECRETS, issued.handle.name, {"data": {"x": "eA=="}}, namespace=arena.namespace)
    rotated = await bench.rotate(issued.address)
    assert await bench.handles() == [rotated.credential.handle.name]
    assert bench.state.revocations() == []


@pytest.mark.parametrize(
    ("kind", "forgotten"), [("Opaque", False), ("example.com/other", True)], ids=["changed", "can never be one"]
)
async def test_a_record_of_what_may_live_is_not_forgotten(ebench: Bench, kind: str, forgotten: bool) -> None:
    """What was refused for what somebody can take back is tried again, as it is said to be."""
    table, arena = Table(ebench), ebench.arena
    ending = await table.handle(type=kind, data={"x": "eA=="})
    due = Revocation(
        plan="p", address=arena.secret_address(), handle=ending.handle, due=datetime.now(UTC), account="robot"
    )
    ebench.state.record(Action.ROTATE, due.address, revocations=[due])
    (outcome,) = await ebench.engine.recover()
    assert not outcome.ok
    assert is_given_up(outcome.error) is forgotten, outcome.error
    assert (ebench.state.revocations() == []) is forgotten
    if forgotten:
        return
    await ebench.client.patch(SECRETS, ending.handle.name, {"data": None}, namespace=arena.namespace)
    (again,) = await ebench.engine.recover()
    assert again.ok, again
    assert ebench.state.revocations() == []
    assert not await table.is_there(ending)


async def test_what_a_finalizer_holds_back_is_not_called_gone(bench: Bench) -> None:
    table, namespace = Table(bench), bench.arena.namespace
    ending = await table.handle()
    patch = {"metadata": {"finalizers": ["example.com/held"]}}
    await bench.client.patch(SECRETS, ending.handle.name, patch, namespace=namespace)
    assert "until its finalizer example.com/held is gone" in await table.delete(ending)
    await bench.client.patch(SECRETS, ending.handle.name, {"metadata": {"finalizers": None}}, namespace=namespace)


@pytest.mark.parametrize("code", [404, 409])
async def test_a_server_that_says_it_is_gone_is_not_believed_before_it_was_looked_for(
    embedded: Arena, code: int
) -> None:
    async with Bench(embedded) as bench:
        table = Table(bench)
        ending = await table.handle()
        with (
            embedded.fault(FaultRule(Answer(code), verb="delete", path="/secrets/kubemint-")),
            pytest.raises((deleting.NotGone, ProtocolError), match=r"still there: the token lives|without a word of"),
        ):
            await table.delete(ending)
        assert await table.is_there(ending)


async def test_a_page_not_found_is_no_word_about_a_handle(embedded: Arena) -> None:
    """A proxy answers 404 to what it does not know; that is not the API server saying that the Secret is gone."""
    async with Bench(embedded) as bench:
        table = Table(bench)
        ending = await table.handle()
        rule = FaultRule(Answer(404, reason="page not found"), verb="get", path="/secrets/kubemint-")
        with embedded.fault(rule), pytest.raises(ProtocolError):
            await table.delete(ending)
        assert await table.is_there(ending)


async def test_a_conflict_that_nobody_may_look_behind_is_no_end_of_a_handle(embedded: Arena) -> None:
    """Another Secret of that name is a claim of whoever answers; unseen, the token counts as alive."""
    async with Bench(embedded) as bench:
        table = Table(bench)
        ending = msgspec.structs.replace(await table.handle(), named=Named.BY_JOURNAL)
        name, uid = ending.handle.name, ending.handle.uid
        words = (
            f'Operation cannot be fulfilled on secrets "{name}": StorageError: invalid object, Code: 4, Precondition '
            f"failed: UID in precondition: {uid}, UID in object meta: another"
        )
        with (
            embedded.fault(FaultRule(Answer(409, message=words), verb="delete", path="/secrets/kubemint-")),
            embedded.fault(FaultRule(Answer(403), verb="get", path="/secrets/kubemint-")),
            pytest.raises((deleting.NotGone, ProtocolError)),
        ):
            await table.delete(ending)
        assert await table.is_there(ending)


async def test_a_secret_without_a_token_is_not_deleted_for_its_marks(embedded: Arena) -> None:
    """Its own handle's mark on a Secret that holds something else by now is whoever's who may write there."""
    async with Bench(embedded) as bench:
        issued = (await bench.issue(embedded.spec(embedded.secret()))).credential
        name, namespace = issued.address.name, embedded.namespace
        theirs = {"data": {"kubeconfig": None, "precious": "Yg=="}}
        await bench.client.patch(SECRETS, name, theirs, namespace=namespace)
        said = await delete_secret(bench.engine._context, issued.address, issued.handle, issued.fingerprint)
        assert said.startswith("left alone")
        assert "precious" in (await bench.client.get(SECRETS, name, namespace=namespace))["data"]
