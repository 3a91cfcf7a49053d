"""The `push` mark: who may write one Secret gets no PushSecret by it, points none elsewhere, and hangs nobody."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from tests.issuance.arena import Arena
from tests.issuance.tenancy import Tenancy
from tests.issuance.test_tenant_stores import SOURCE, TENANT, make_store, push, wish
from tui.issuance.destinations.tenant import leads_elsewhere
from tui.issuance.errors import UsageError
from tui.issuance.formats import Format
from tui.issuance.model.types import Push
from tui.issuance.objects import managed
from tui.issuance.objects.external_secrets import PUSH_SECRETS, push_secret
from tui.kube.errors import NotFound
from tui.kube.resource import SECRETS

PUSH = Push("reader", "tenant-a", "tenant-a", "kube-system", "box")
FOUND: dict[str, Any] = push_secret(PUSH, "ns", "kept", "f1")


def changed(**spec: Any) -> dict[str, Any]:
    return FOUND | {"spec": FOUND["spec"] | spec}


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (FOUND, ""),
        (changed(refreshInterval="5m", updatePolicy="Replace"), ""),
        (changed(data=[entry | {"conversionStrategy": "None"} for entry in FOUND["spec"]["data"]]), ""),
        (FOUND | {"metadata": {"name": "reader", "labels": {}}}, "not kubemint's"),
        (FOUND | {"metadata": FOUND["metadata"] | {"deletionTimestamp": "now"}}, "being deleted"),
        (changed(selector={"secret": {"name": "other"}}), "does not take from Secret kept"),
        (changed(selector={"generatorRef": {"name": "x"}, "secret": {"name": "kept"}}), "does not take from"),
        (changed(selector={}), "does not take from"),
        (changed(selector=None), "does not take from"),
        (changed(secretStoreRefs=[{"name": "mallory", "kind": "SecretStore"}]), "does not push to kube-system/box"),
        (changed(secretStoreRefs=[{"name": "tenant-a", "kind": "ClusterSecretStore"}]), "does not push to"),
        (changed(secretStoreRefs=FOUND["spec"]["secretStoreRefs"] * 2), "does not push to"),
        (changed(data=FOUND["spec"]["data"][:1]), "does not push to"),
        (changed(data=[{"match": {"secretKey": "token", "remoteRef": {"remoteKey": "x"}}}] * 3), "does not push to"),
        (changed(data=None), "does not push to"),
        (changed(dataTo=[{"storeRef": {"name": "mallory"}}]), "does not push to"),
        (changed(template=None), "does not push to"),
        (changed(deletionPolicy="None"), "does not push to"),
        ({"metadata": FOUND["metadata"]}, "does not take from"),
    ],
)  # fmt: skip
def test_where_a_push_secret_leads(found: dict[str, Any], why: str) -> None:
    said = leads_elsewhere(found, PUSH, "kept")
    assert why in said
    assert bool(why) is bool(said)


@pytest.fixture
async def pushed(embedded: Arena) -> AsyncIterator[tuple[Tenancy, Any]]:
    async with Tenancy(embedded, TENANT) as tenancy:
        assert (await make_store(tenancy)).ok
        outcome = await push(tenancy)
        assert outcome.ok, outcome
        yield tenancy, outcome


async def mark(tenancy: Tenancy, push_: Push | None, secret: str = SOURCE) -> None:
    """What whoever may patch the Secret writes into it."""
    text = msgspec.json.encode(push_).decode() if push_ is not None else None
    patch = {"metadata": {"annotations": {managed.PUSH: text}}}
    await tenancy.client.patch(SECRETS, secret, patch, namespace=tenancy.arena.namespace)


async def mark_of(tenancy: Tenancy) -> Push:
    found = await tenancy.client.get_metadata(SECRETS, SOURCE, namespace=tenancy.arena.namespace)
    return msgspec.json.decode(managed.push_of(found), type=Push)


async def test_a_mark_makes_and_points_no_push_secret(pushed: tuple[Tenancy, Any]) -> None:
    """B(10): the right to write one Secret became PushSecrets with any store and any remote key."""
    tenancy, outcome = pushed
    namespace = tenancy.arena.namespace
    name = f"{TENANT}-robot"
    own = await mark_of(tenancy)
    before = await tenancy.client.get(PUSH_SECRETS, name, namespace=namespace)
    for lie in (
        msgspec.structs.replace(own, store="mallory", secret="mallory"),
        msgspec.structs.replace(own, name="another"),
        msgspec.structs.replace(own, wait=timedelta(days=3650)),
        None,
    ):
        await mark(tenancy, lie)
        with pytest.raises(UsageError, match="different things of its push"):
            await tenancy.engine.plan_rotate(outcome.address)
    with pytest.raises(NotFound):
        await tenancy.client.get(PUSH_SECRETS, "another", namespace=namespace)
    after = await tenancy.client.get(PUSH_SECRETS, name, namespace=namespace)
    assert after["spec"] == before["spec"]
    await mark(tenancy, own)
    rotated = await tenancy.engine.execute(await tenancy.engine.plan_rotate(outcome.address))
    assert rotated.ok, rotated
    again = await tenancy.client.get(PUSH_SECRETS, name, namespace=namespace)
    assert again["spec"] == before["spec"]
    assert again["metadata"]["uid"] == before["metadata"]["uid"]


async def test_a_plain_credential_is_pushed_nowhere_by_a_mark(pushed: tuple[Tenancy, Any]) -> None:
    tenancy, _ = pushed
    arena = tenancy.arena
    spec = arena.spec(arena.secret("plain"), identity=arena.identity("robot"), format=Format.SERVICE_ACCOUNT)
    issued = await tenancy.engine.execute(await tenancy.engine.plan(spec))
    assert issued.ok, issued
    await mark(tenancy, msgspec.structs.replace(PUSH, name="mallory"), "plain")
    with pytest.raises(UsageError, match="different things of its push"):
        await tenancy.engine.plan_rotate(issued.address)
    with pytest.raises(NotFound):
        await tenancy.client.get(PUSH_SECRETS, "mallory", namespace=arena.namespace)


async def test_a_push_secret_that_leads_elsewhere_by_now_is_left_alone(pushed: tuple[Tenancy, Any]) -> None:
    tenancy, outcome = pushed
    namespace, name = tenancy.arena.namespace, f"{TENANT}-robot"
    elsewhere = {"spec": {"secretStoreRefs": [{"name": "mallory", "kind": "SecretStore"}]}}
    await tenancy.client.patch(PUSH_SECRETS, name, elsewhere, namespace=namespace)
    with pytest.raises(UsageError, match="does not push to kube-system"):
        await tenancy.engine.plan_rotate(outcome.address)
    await tenancy.client.patch(PUSH_SECRETS, name, {"metadata": {"finalizers": ["test/held"]}}, namespace=namespace)
    await tenancy.client.delete(PUSH_SECRETS, name, namespace=namespace)
    with pytest.raises(UsageError, match="is being deleted"):
        await tenancy.engine.plan_rotate(outcome.address)
    await tenancy.client.patch(PUSH_SECRETS, name, {"metadata": {"finalizers": None}}, namespace=namespace)
    with pytest.raises(UsageError, match="is gone: nothing pushes"):
        await tenancy.engine.plan_rotate(outcome.address)
    with pytest.raises(NotFound):
        await tenancy.client.get(PUSH_SECRETS, name, namespace=namespace)


async def test_nobody_waits_for_ten_years(embedded: Arena) -> None:
    async with Tenancy(embedded, TENANT) as tenancy:
        assert (await make_store(tenancy)).ok
        with pytest.raises(UsageError, match="at most 10m"):
            await tenancy.engine.plan(wish(tenancy, wait=timedelta(days=3650)))
