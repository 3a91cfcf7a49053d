"""Handles and a server: what is written into a new one, and what becomes of one that may not be looked at."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from tests.issuance.arena import Arena, Bench
from tui.demo import Answer, FaultRule
from tui.issuance.destinations.in_file import FileDestination
from tui.issuance.destinations.in_secret import SecretDestination
from tui.issuance.model.kinds import CredentialKind
from tui.issuance.model.types import Action, Address, Credential, Handle, Identity, IssueSpec, Push
from tui.issuance.objects import deleting, managed
from tui.issuance.objects.deleting import End
from tui.issuance.records.intent import Intent, Revocation
from tui.issuance.trust import handles
from tui.issuance.trust.handle_names import Meant, fits
from tui.issuance.trust.handles import Ending, Named, Seen, journaled, may_be_token_secret
from tui.kube.errors import Forbidden
from tui.kube.resource import SECRETS, SERVICE_ACCOUNTS

KIND = "kubernetes.io/service-account-token"


# What there is to know of a Secret


def test_everything_that_is_known_of_a_secret() -> None:
    notes = {
        "kubemint.io/account": "ns/robot",
        "kubemint.io/request": "r1",
        "kubemint.io/plan": "p1",
        "kubemint.io/secrets": '["ns/kept"]',
        "kubemint.io/audiences": '["vault"]',
        "kubemint.io/requested": "1h0m0s",
        "kubemint.io/pushes": '{"ns/kept": "{}"}',
        "kubernetes.io/service-account.name": "robot",
    }
    labels = {"app.kubernetes.io/managed-by": "kubemint", "kubemint.io/role": "handle"}
    meta = {"name": "x", "namespace": "ns", "uid": "u", "labels": labels, "annotations": notes}
    expected = Seen(
        namespace="ns",
        name="x",
        uid="u",
        type=KIND,
        keys=("a", "b"),
        marked=True,
        account="ns/robot",
        request="r1",
        plan="p1",
        secrets=("ns/kept",),
        audiences=("vault",),
        requested=timedelta(hours=1),
        pushes={"ns/kept": "{}"},
        token_of="robot",
    )
    assert handles.seen_in({"metadata": meta, "type": KIND, "data": {"b": "", "a": ""}}) == expected
    ends = {"deletionTimestamp": "2026-01-01T00:00:00Z", "finalizers": ["one", "two"]}
    found = handles.seen_in({"metadata": meta | ends, "type": KIND, "data": {"b": "", "a": ""}})
    assert found == msgspec.structs.replace(expected, deleted=True, finalizers=("one", "two"))


@pytest.mark.parametrize(
    "obj",
    [
        {},
        {"metadata": None},
        {"metadata": {"annotations": None, "labels": None, "finalizers": None}, "type": "", "data": None},
        {"metadata": {"annotations": {}, "labels": {"kubemint.io/role": "handle"}, "finalizers": []}, "data": {}},
        {"metadata": {"labels": {"app.kubernetes.io/managed-by": "kubemint", "kubemint.io/role": "credential"}}},
    ],
)
def test_what_says_nothing_is_nothing(obj: dict[str, Any]) -> None:
    assert handles.seen_in(obj) == Seen(type="Opaque")


@pytest.mark.parametrize(
    ("kind", "may_be"),
    [(kind, kind in (CredentialKind.LEGACY, CredentialKind.FILE, CredentialKind.PLACE)) for kind in CredentialKind],
)
def test_which_credentials_may_be_their_own_handle(kind: CredentialKind, may_be: bool) -> None:
    assert may_be_token_secret(kind) is may_be


ROBOT = Identity("harbor", "ns", "robot")
HANDLE = Handle("harbor", "ns", "kubemint-robot-bcdfghjk", "uid-1")
OLD = Credential(
    address=Address(CredentialKind.SECRET, "harbor", "ns", "kept"), identity=Identity("harbor", "ns", "old")
)


@pytest.mark.parametrize(
    ("kind", "fields", "account", "token_secret"),
    [
        (CredentialKind.SECRET, {"account": "robot", "old": OLD}, "robot", False),
        (CredentialKind.LEGACY, {"account": "robot"}, "robot", True),
        (CredentialKind.FILE, {"old": OLD}, "old", True),
        (CredentialKind.REQUEST, {"old": msgspec.structs.replace(OLD, identity=None)}, "", False),
        (CredentialKind.SECRET, {}, "", False),
    ],
)
def test_what_the_journal_says_is_to_go(
    kind: CredentialKind, fields: dict[str, Any], account: str, token_secret: bool
) -> None:
    due = datetime(2026, 1, 1, tzinfo=UTC)
    revocation = Revocation(plan="p", address=Address(kind, "harbor", "ns", "x"), handle=HANDLE, due=due, **fields)
    assert journaled(revocation) == Ending(
        handle=HANDLE, named=Named.BY_JOURNAL, account=account, token_secret=token_secret
    )


# A new one


def intent(arena: Arena, handle: Handle | None, *places: SecretDestination | FileDestination, **spec: Any) -> Intent:
    return Intent(
        plan="p1", action=Action.ISSUE, address=arena.secret_address(), request="r1", handle=handle,
        spec=IssueSpec(identity=arena.identity(), destinations=places, **spec),
    )  # fmt: skip


def named(asked: Intent) -> Intent:
    """The same with a new handle for it."""
    meant = handles.meant_for(asked.spec.identity, asked.request, asked.spec)
    return msgspec.structs.replace(asked, handle=handles.new(asked.spec.identity, meant))


def test_what_is_not_there_yet_has_no_uid() -> None:
    meant = handles.meant_for(ROBOT, "r1")
    assert meant == Meant(account="ns/robot", request="r1")
    made = handles.new(ROBOT, meant)
    assert made == Handle("harbor", "ns", made.name, "")
    assert fits(made.name, meant)


@pytest.mark.parametrize(
    ("said", "held"),
    [("is being deleted; its tokens are refused within 60 s", True), ("was gone already", False), ("deleted", False)],
)
def test_what_is_still_there_is_held_back(said: str, held: bool) -> None:
    assert handles.is_held(said) is held
    assert not handles.is_only_reported(said)


async def test_a_new_handle_says_for_what_its_token_is_made(ebench: Bench) -> None:
    arena, ns = ebench.arena, ebench.arena.namespace
    push = Push("p", "store", "tenant", "ns", "secret")
    pushed = msgspec.structs.replace(arena.secret("pushed"), push=push)
    elsewhere = SecretDestination("edge", "there", "kept")
    asked = intent(
        arena, None, arena.secret("one"), pushed, elsewhere, arena.file(), audiences=("vault",),
        duration=timedelta(hours=2),
    )  # fmt: skip
    asked = named(asked)
    made = await handles.create(ebench.client, asked, "", "me")
    found = await handles.look(ebench.client, ns, made.name)
    assert found is not None
    assert found.uid
    assert asked.handle is not None
    assert made == msgspec.structs.replace(asked.handle, uid=found.uid)
    assert found.is_as_made
    assert found == Seen(
        namespace=ns,
        name=made.name,
        uid=made.uid,
        type=managed.HANDLE_TYPE,
        marked=True,
        account=f"{ns}/robot",
        request="r1",
        plan="p1",
        secrets=(f"{ns}/one", f"{ns}/pushed", "edge/there/kept"),
        audiences=("vault",),
        requested=timedelta(hours=2),
        pushes={f"{ns}/pushed": msgspec.json.encode(push).decode()},
        made=found.made,
    )
    raw = await ebench.client.get_metadata(SECRETS, made.name, namespace=ns)
    assert raw["metadata"]["annotations"][managed.ISSUED_BY] == "me"
    assert "ownerReferences" not in raw["metadata"]
    with pytest.raises(ValueError, match="names no handle"):
        await handles.create(ebench.client, intent(arena, None), "", "me")
    with pytest.raises(ValueError, match="not one for what it is made for"):
        await handles.create(ebench.client, msgspec.structs.replace(asked, request="r2"), "", "me")


async def test_who_is_known_by_uid_owns_its_handles(ebench: Bench) -> None:
    """Its handles go with the account."""
    arena, client = ebench.arena, ebench.client
    account: dict[str, Any] = await client.create(
        SERVICE_ACCOUNTS, {"metadata": {"name": "robot"}}, namespace=arena.namespace
    )  # fmt: skip
    uid = account["metadata"]["uid"]
    made = await handles.create(client, named(intent(arena, None)), uid, "me")
    raw = await client.get_metadata(SECRETS, made.name, namespace=arena.namespace)
    assert [(one["name"], one["uid"]) for one in raw["metadata"]["ownerReferences"]] == [("robot", uid)]


# Who may delete but not look


@contextmanager
def unseen(arena: Arena) -> Iterator[None]:
    with arena.fault(FaultRule(Answer(403), verb="get", path="/secrets/")):
        yield


async def put(bench: Bench, name: str = "", **fields: Any) -> Handle:
    """A handle as kubemint makes it for `robot`, changed by `fields`."""
    arena = bench.arena
    fresh = handles.new(arena.identity(), handles.meant_for(arena.identity(), "r"))
    handle = msgspec.structs.replace(fresh, name=name or fresh.name)
    wish = managed.handle_object(handle, account="robot", account_uid="", request="r", plan="p1", issued_by="me")
    made: dict[str, Any] = await bench.client.create(SECRETS, wish | fields, namespace=arena.namespace)
    return msgspec.structs.replace(handle, uid=str(made["metadata"]["uid"]))


async def is_there(bench: Bench, handle: Handle) -> bool:
    return await handles.look(bench.client, handle.namespace, handle.name) is not None


@pytest.mark.parametrize(
    ("named", "account", "name", "more", "goes"),
    [
        (Named.BY_JOURNAL, "robot", "", {}, True),
        (Named.BY_JOURNAL, "", "", {}, True),
        (Named.BY_JOURNAL, "robot", "robot-token", {"token_secret": True}, True),
        (Named.BY_JOURNAL, "robot", "precious", {}, False),
        (Named.BY_JOURNAL, "admin", "", {}, False),
        (Named.BY_JOURNAL, "", "precious", {}, False),
        (Named.BY_TOKEN, "robot", "", {}, False),
        (Named.BY_TOKEN, "robot", "robot-token", {"token_secret": True}, False),
        (Named.BY_WALK, "robot", "", {}, False),
    ],
)
async def test_unseen_only_what_this_machine_made_is_deleted(
    ebench: Bench, named: Named, account: str, name: str, more: dict[str, bool], goes: bool
) -> None:
    handle = await put(ebench, name)
    ending = Ending(handle=handle, named=named, account=account, **more)
    with unseen(ebench.arena):
        if goes:
            said = await handles.delete(ebench.clusters, ending)
            assert said.startswith("deleted, says the server; no right to read it here; ")
        else:
            with pytest.raises(Forbidden) as refused:
                await handles.delete(ebench.clusters, ending)
            assert refused.value.hint
    assert await is_there(ebench, handle) is not goes


async def test_unseen_nothing_is_deleted_whose_uid_nobody_knows(ebench: Bench) -> None:
    handle = await put(ebench)
    ending = Ending(handle=msgspec.structs.replace(handle, uid=""), named=Named.BY_JOURNAL, account="robot")
    with unseen(ebench.arena), pytest.raises(Forbidden):
        await handles.delete(ebench.clusters, ending)
    assert await is_there(ebench, handle)


async def test_unseen_what_has_its_name_by_now_stays(ebench: Bench) -> None:
    """The server is told the UID, and deletes no other."""
    handle = await put(ebench)
    old = msgspec.structs.replace(handle, uid="11111111-1111-4111-8111-111111111111")
    ending = Ending(handle=old, named=Named.BY_JOURNAL, account="robot")
    with unseen(ebench.arena), pytest.raises(deleting.NotGone, match="is not known"):
        await handles.delete(ebench.clusters, ending)
    assert await is_there(ebench, handle)
    assert "another Secret has its name now" in await handles.delete(ebench.clusters, ending)
    assert await is_there(ebench, handle)


async def test_unseen_what_is_gone_is_gone(ebench: Bench) -> None:
    handle = await put(ebench)
    ending = Ending(handle=handle, named=Named.BY_JOURNAL, account="robot")
    await ebench.client.delete(SECRETS, handle.name, namespace=handle.namespace)
    with unseen(ebench.arena):
        assert await handles.delete(ebench.clusters, ending) == "was gone already"


# What a plan that came to naught may have made


async def test_what_a_plan_may_have_made_is_discarded(ebench: Bench) -> None:
    handle = await put(ebench)
    unknown = msgspec.structs.replace(handle, uid="")
    said = await handles.discard(ebench.clusters, unknown, "another-plan", "robot")
    assert said == "another Secret has its name; it was left alone"
    assert await is_there(ebench, handle)
    with pytest.raises(handles.NotAHandle, match="no handle of admin"):
        await handles.discard(ebench.clusters, unknown, "p1", "admin")
    assert await is_there(ebench, handle)
    assert (await handles.discard(ebench.clusters, unknown, "p1", "robot")).startswith("deleted; ")
    assert not await is_there(ebench, handle)
    assert await handles.discard(ebench.clusters, unknown, "p1", "robot") == handles.NEVER
    assert await handles.discard(ebench.clusters, handle, "p1", "robot") == "was gone already"
    with unseen(ebench.arena):
        assert await handles.discard(ebench.clusters, unknown, "p1", "robot") == handles.NEVER
        again = await put(ebench, handle.name)
        assert await handles.discard(ebench.clusters, unknown, "p1", "robot") == End.TOLD
    assert not await is_there(ebench, again)
