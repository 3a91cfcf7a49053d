"""Pushing a management cluster's account into a tenant in one apply, on the embedded fleet and on real servers."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.issuance.arena import Arena
from tests.issuance.tenancy import Tenancy, decoded
from tui.issuance.errors import Unasked, UsageError
from tui.issuance.model.kinds import CredentialKind
from tui.issuance.model.types import Address, StepStatus
from tui.kube.client import Client
from tui.kube.errors import Forbidden, NotFound
from tui.kube.resource import ROLE_BINDINGS, ROLES, SECRETS, SERVICE_ACCOUNTS
from tui.kube.sensitive import Sensitive

TENANTS = {"embedded": "tenant-a", "embedded-1.20": "tenant-a", "real": "real-2"}
NAME = "management-serviceaccount-token"


@pytest.fixture
async def tenancy(arena: Arena) -> AsyncIterator[Tenancy]:
    async with Tenancy(arena, TENANTS[arena.side]) as ready:
        yield ready


@pytest.fixture
async def etenancy(embedded: Arena) -> AsyncIterator[Tenancy]:
    async with Tenancy(embedded, "tenant-a") as ready:
        yield ready


async def test_j01_push_creates_an_opaque_secret_with_equal_data(tenancy: Tenancy) -> None:
    outcome = await tenancy.push()
    assert outcome.ok, outcome
    assert str(outcome.address) == f"secret:{tenancy.tenant}/{tenancy.box}/{NAME}"
    secret = await tenancy.pushed()
    assert secret["type"] == "Opaque"
    assert sorted(secret["data"]) == ["ca.crt", "namespace", "token"]
    assert decoded(secret, "namespace") == tenancy.arena.namespace
    ca = tenancy.clusters.endpoint(tenancy.arena.name).ca
    assert decoded(secret, "ca.crt").encode() == ca
    assert await tenancy.works(Sensitive(decoded(secret, "token")))
    assert [entry["manager"] for entry in secret["metadata"]["managedFields"]] == ["kubemint"]


async def test_j13_nothing_of_a_token_secret_is_ever_sent(tenancy: Tenancy) -> None:
    assert (await tenancy.push()).ok
    secret = await tenancy.pushed()
    assert secret["type"] == "Opaque"
    assert not [key for key in secret["metadata"]["annotations"] if key.startswith("kubernetes.io/")]
    assert "ownerReferences" not in secret["metadata"]


async def test_rotating_changes_all_keys_in_one_apply_and_ends_the_old_token(tenancy: Tenancy) -> None:
    address = (await tenancy.push()).address
    before = await tenancy.pushed()
    await tenancy.rotate(address)
    after = await tenancy.pushed()
    assert after["data"]["token"] != before["data"]["token"]
    assert after["metadata"]["uid"] == before["metadata"]["uid"]
    assert len(await tenancy.handles()) == 1
    assert await tenancy.works(Sensitive(decoded(after, "token")))


async def test_revoking_ends_the_token_and_removes_what_was_pushed(tenancy: Tenancy) -> None:
    address = (await tenancy.push()).address
    outcome = await tenancy.engine.execute(await tenancy.engine.plan_revoke(address))
    assert outcome.ok, outcome
    assert await tenancy.handles() == []
    with pytest.raises(NotFound):
        await tenancy.pushed()


async def test_revoking_leaves_the_keys_of_others(tenancy: Tenancy) -> None:
    address = (await tenancy.push()).address
    extra = {"data": {"note": "aGVsbG8="}}
    await tenancy.there.apply(SECRETS, NAME, extra, namespace=tenancy.box, manager="somebody")
    await tenancy.rotate(address)  # an apply of ours leaves it too
    assert decoded(await tenancy.pushed(), "note") == "hello"
    outcome = await tenancy.engine.execute(await tenancy.engine.plan_revoke(address))
    assert outcome.ok, outcome
    left = await tenancy.pushed()
    assert list(left["data"]) == ["note"]
    assert "app.kubernetes.io/managed-by" not in (left["metadata"].get("labels") or {})


async def test_what_others_keep_is_not_taken_without_force(tenancy: Tenancy) -> None:
    theirs = {"type": "Opaque", "data": {"token": "dGhlaXJz"}}
    await tenancy.there.apply(SECRETS, NAME, theirs, namespace=tenancy.box, manager="external-secrets")
    with pytest.raises(UsageError) as refused:
        await tenancy.push()
    assert "token by external-secrets" in refused.value.message
    assert "--force" in refused.value.hint
    assert decoded(await tenancy.pushed(), "token") == "theirs"
    outcome = await tenancy.push(force=True)
    assert outcome.ok, outcome
    assert await tenancy.works(Sensitive(decoded(await tenancy.pushed(), "token")))


async def test_a_key_that_somebody_took_since_stops_the_rotation_and_names_them(tenancy: Tenancy) -> None:
    address = (await tenancy.push()).address
    before = await tenancy.pushed()
    plan = await tenancy.engine.plan_rotate(address)
    theirs = {"data": {"namespace": "b3RoZXI="}}
    await tenancy.there.apply(SECRETS, NAME, theirs, namespace=tenancy.box, manager="gitops", force=True)
    outcome = await tenancy.engine.execute(plan)
    assert not outcome.ok
    assert (await tenancy.pushed())["data"]["token"] == before["data"]["token"]
    again = await tenancy.engine.execute(await tenancy.engine.plan_rotate(address))
    assert not again.ok
    assert "gitops keeps some of its keys" in again.error
    assert len(await tenancy.handles()) == 1  # the old one lives, the new ones are gone


async def test_a_token_secret_is_never_written_to(tenancy: Tenancy) -> None:
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "theirs"}}
    await tenancy.there.create(SERVICE_ACCOUNTS, account, namespace=tenancy.box)
    meta = {"name": NAME, "annotations": {"kubernetes.io/service-account.name": "theirs"}}
    secret = {"metadata": meta, "type": "kubernetes.io/service-account-token"}
    await tenancy.there.create(SECRETS, {"apiVersion": "v1", "kind": "Secret"} | secret, namespace=tenancy.box)
    with pytest.raises(UsageError) as refused:
        await tenancy.push(force=True)
    assert "token controller" in refused.value.hint


async def test_a_push_that_fails_leaves_nothing_behind(tenancy: Tenancy) -> None:
    outcome = await tenancy.push(remote_namespace="not-there", reads=("settings",))
    assert not outcome.ok
    assert "not there yet" in outcome.hint or "not-there" in outcome.error
    assert outcome.results[-1].status is StepStatus.UNDONE
    assert await tenancy.handles() == []
    for resource in (ROLES, ROLE_BINDINGS):
        assert await tenancy.client.list(resource, namespace=tenancy.arena.namespace) == []


@pytest.mark.parametrize("point", ["after:role", "after:binding", "after:handle", "after:prove"])
async def test_rights_go_again_where_the_process_is_killed(etenancy: Tenancy, point: str) -> None:
    def die(at: str) -> None:
        if at == point:
            raise KeyboardInterrupt

    etenancy.engine.checkpoint = die
    with pytest.raises(KeyboardInterrupt):
        await etenancy.push(reads=("settings",))
    etenancy.engine.checkpoint = lambda _point: None
    outcomes = await etenancy.engine.recover()
    assert [outcome.ok for outcome in outcomes] == [True]
    assert await etenancy.handles() == []
    for resource in (ROLES, ROLE_BINDINGS):
        assert await etenancy.client.list(resource, namespace=etenancy.arena.namespace) == []


async def test_rights_are_made_where_they_are_asked_for(tenancy: Tenancy) -> None:
    for name in ("settings", "other"):
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}}
        await tenancy.client.create(SECRETS, secret, namespace=tenancy.arena.namespace)
    plan = await tenancy.engine.plan(tenancy.wish(reads=("settings",)))
    assert [step.id for step in plan.steps][:3] == ["intent", "role", "binding"]
    assert (await tenancy.engine.execute(plan)).ok
    token = Sensitive(decoded(await tenancy.pushed(), "token"))
    async with Client(tenancy.clusters.endpoint(tenancy.arena.name).with_token(token)) as bearer:
        assert (await bearer.get(SECRETS, "settings", namespace=tenancy.arena.namespace))["metadata"]["name"]
        with pytest.raises(Forbidden):
            await bearer.get(SECRETS, "other", namespace=tenancy.arena.namespace)
    again = tenancy.wish(reads=("settings", "other"))
    with pytest.raises(Unasked, match="is a live credential of"):
        await tenancy.engine.plan(again)
    outcome = await tenancy.engine.execute(await tenancy.engine.plan(again, replace=True))  # up to date
    assert outcome.ok, outcome


async def test_the_journal_tells_of_a_push(etenancy: Tenancy) -> None:
    outcome = await etenancy.push()
    entries = [entry for entry in etenancy.state.entries() if entry.plan == outcome.plan]
    assert {"intent", "token", "prove", "write:0", "check:0", "commit"} <= {entry.step for entry in entries}
    assert Address(CredentialKind.SECRET, "tenant-a", etenancy.box, NAME) == outcome.address
