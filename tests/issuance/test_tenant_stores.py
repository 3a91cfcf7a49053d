"""SecretStores for tenants and pushes by External Secrets, against the embedded fleet's own small operator."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from tests.issuance.arena import Arena
from tests.issuance.tenancy import Tenancy, decoded
from tui.demo.operators.eso import definitions
from tui.issuance.destinations import tenant as tenant_places
from tui.issuance.errors import UsageError
from tui.issuance.families.tenants.wish import PushWish, StoreWish, TenantPush
from tui.issuance.objects.capi import CLUSTER_LABEL, cluster_of
from tui.issuance.objects.external_secrets import EXTERNAL_SECRETS, PUSH_SECRETS, STORES, gap, secret_store, served
from tui.kube.errors import ConfigError, NotFound
from tui.kube.resource import SECRETS, Resource
from tui.kube.sensitive import Sensitive

CRDS = Resource("apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", namespaced=False)
TENANT = "tenant-a"
SOURCE = f"{TENANT}-robot-token"


@pytest.fixture
async def tenancy(embedded: Arena) -> AsyncIterator[Tenancy]:
    async with Tenancy(embedded, TENANT) as ready:
        yield ready


@pytest.fixture
async def stored(tenancy: Tenancy) -> Tenancy:
    """With the store there already."""
    assert (await make_store(tenancy)).ok
    return tenancy


async def make_store(tenancy: Tenancy, cluster: str = TENANT) -> Any:
    plan = await tenancy.engine.plan(StoreWish(tenancy.arena.name, tenancy.arena.namespace, cluster))
    return await tenancy.engine.execute(plan)


def wish(tenancy: Tenancy, **changes: Any) -> TenantPush:
    given = {"external_secrets": True, "remote_namespace": "kube-system", "remote_secret": tenancy.box}
    return tenancy.wish(**given | {"wait": timedelta(seconds=10)} | changes)


async def push(tenancy: Tenancy, **changes: Any) -> Any:
    return await tenancy.engine.execute(await tenancy.engine.plan(wish(tenancy, **changes)))


async def arrived(tenancy: Tenancy) -> dict[str, Any]:
    return await tenancy.pushed("kube-system", tenancy.box)


async def test_the_store_is_what_the_kyverno_policy_generates(tenancy: Tenancy) -> None:
    outcome = await make_store(tenancy)
    assert outcome.ok, outcome
    namespace = tenancy.arena.namespace
    auth = await tenancy.client.get(SECRETS, f"{TENANT}-secretstore-auth", namespace=namespace)
    assert auth["type"] == "Opaque"
    assert auth["metadata"]["labels"]["argocd.argoproj.io/secret-type"] == "cluster"
    assert sorted(auth["data"]) == ["caData", "clientCert", "clientKey"]
    assert decoded(auth, "clientCert").startswith("-----BEGIN CERTIFICATE")
    store = await tenancy.client.get(STORES, TENANT, namespace=namespace)
    name = f"{TENANT}-secretstore-auth"
    assert store["spec"]["provider"]["kubernetes"] == {
        "remoteNamespace": "kube-system",
        "server": {
            "url": tenancy.clusters.endpoint(TENANT).server,
            "caProvider": {"type": "Secret", "name": name, "key": "caData"},
        },
        "auth": {
            "cert": {"clientCert": {"name": name, "key": "clientCert"}, "clientKey": {"name": name, "key": "clientKey"}}
        },
    }
    assert (await make_store(tenancy)).ok  # it is ours: brought up to date


async def test_a_store_of_somebody_else_is_not_adopted(tenancy: Tenancy) -> None:
    namespace = tenancy.arena.namespace
    theirs = secret_store(STORES, TENANT, namespace, "https://elsewhere.example")
    theirs["metadata"]["labels"] = {"app.kubernetes.io/managed-by": "kyverno"}
    await tenancy.client.create(STORES, theirs, namespace=namespace)
    with pytest.raises(UsageError, match=r"SecretStore .* is already in use"):
        await make_store(tenancy)
    with pytest.raises(NotFound):
        await tenancy.client.get_metadata(SECRETS, f"{TENANT}-secretstore-auth", namespace=namespace)


async def test_a_kubeconfig_without_a_certificate_makes_no_store(tenancy: Tenancy) -> None:
    config = (
        "apiVersion: v1\nkind: Config\ncurrent-context: a\n"
        "clusters: [{name: a, cluster: {server: 'https://eks.example'}}]\n"
        "users: [{name: a, user: {token: short}}]\n"
        "contexts: [{name: a, context: {cluster: a, user: a}}]\n"
    )
    data = {"value": base64.b64encode(config.encode()).decode()}
    await tenancy.client.create(SECRETS, tenancy.cluster_secret("eks", data=data), namespace=tenancy.arena.namespace)
    with pytest.raises(UsageError, match="no client certificate"):
        await make_store(tenancy, "eks")


async def test_the_masked_objects_hold_no_material(tenancy: Tenancy) -> None:
    found = await tenancy.engine.tenant_store(tenancy.arena.name, tenancy.arena.namespace, TENANT)
    secret, store = found.manifests()
    assert set(secret["data"].values()) == {"***"}
    assert store["apiVersion"] == "external-secrets.io/v1"


@pytest.mark.parametrize("version", ["v1", "v1beta1"])
async def test_j19_the_version_that_is_served(embedded: Arena, version: str) -> None:
    async with Tenancy(embedded, TENANT) as tenancy:
        other = await tenancy.clusters.client("tenant-c")
        wanted = [
            one for one in definitions(version) if one["spec"]["names"]["kind"] in ("SecretStore", "ExternalSecret")
        ]
        for definition in wanted:
            await other.create(CRDS, definition)
        try:
            assert (await served(other, STORES)).api_version == f"external-secrets.io/{version}"
            assert (await served(other, EXTERNAL_SECRETS)).version == version
            with pytest.raises(UsageError, match="does not serve pushsecrets"):
                await served(other, PUSH_SECRETS)
        finally:
            for definition in wanted:
                await other.delete(CRDS, definition["metadata"]["name"])


async def test_a_push_by_external_secrets_arrives_opaque_and_proved(stored: Tenancy) -> None:
    outcome = await push(stored)
    assert outcome.ok, outcome
    assert str(outcome.address) == f"secret:harbor/{stored.arena.namespace}/{SOURCE}"
    secret = await arrived(stored)
    assert secret["type"] == "Opaque"
    assert not secret["metadata"].get("annotations")
    assert decoded(secret, "namespace") == stored.arena.namespace
    assert await stored.works(Sensitive(decoded(secret, "token")))
    pushed = await stored.client.get(PUSH_SECRETS, f"{TENANT}-robot", namespace=stored.arena.namespace)
    assert pushed["spec"]["template"] == {"type": "Opaque", "metadata": {"annotations": {}, "labels": {}}}


async def test_j13_the_naive_copy_is_deleted_by_the_tenant(tenancy: Tenancy) -> None:
    """Why the template is there: a token Secret copied as it is does not live in another cluster."""
    notes = {"kubernetes.io/service-account.name": "robot", "kubernetes.io/service-account.uid": "of-another-cluster"}
    naive = {"metadata": {"name": "naive", "annotations": notes}, "type": "kubernetes.io/service-account-token"}
    try:
        await tenancy.there.create(SECRETS, {"apiVersion": "v1", "kind": "Secret"} | naive, namespace=tenancy.box)
    except NotFound:
        return  # refused at once
    async with asyncio.timeout(60):
        while True:
            try:
                await tenancy.there.get_metadata(SECRETS, "naive", namespace=tenancy.box)
            except NotFound:
                break
            await asyncio.sleep(0.05)


async def test_rotating_the_source_waits_until_it_has_arrived(stored: Tenancy) -> None:
    address = (await push(stored)).address
    before = decoded(await arrived(stored), "token")
    await stored.rotate(address)
    after = decoded(await arrived(stored), "token")
    assert before != after
    assert await stored.works(Sensitive(after))
    assert len(await stored.handles()) == 1


async def test_what_is_never_written_over_is_not_pushed_again(stored: Tenancy) -> None:
    """IfNotExists: the new token would not arrive, and the old one, which lies there, would end."""
    await push(stored)
    before = decoded(await arrived(stored), "token")
    name, namespace = f"{TENANT}-robot", stored.arena.namespace
    await stored.client.patch(PUSH_SECRETS, name, {"spec": {"updatePolicy": "IfNotExists"}}, namespace=namespace)
    with pytest.raises(UsageError, match="never writes over what is there already") as refused:
        await stored.engine.plan(PushWish(stored.arena.name, namespace, name))
    assert "updatePolicy to Replace" in str(refused.value.hint)
    assert decoded(await arrived(stored), "token") == before


async def test_revoking_the_source_takes_the_pushed_keys_away(stored: Tenancy) -> None:
    address = (await push(stored)).address
    outcome = await stored.engine.execute(await stored.engine.plan_revoke(address))
    assert outcome.ok, outcome
    assert await stored.handles() == []
    async with asyncio.timeout(60):
        while True:
            try:
                await arrived(stored)
            except NotFound:
                break
            await asyncio.sleep(0.05)


async def test_j07_an_operator_that_fails_is_quoted_and_the_last_good_copy_stays(
    stored: Tenancy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And it is not waited for longer than ever, however long the push was given."""
    address = (await push(stored)).address
    before = await arrived(stored)
    auth = f"{TENANT}-secretstore-auth"
    broken = {"data": {"clientCert": "bm90aGluZw=="}}
    await stored.client.apply(SECRETS, auth, broken, namespace=stored.arena.namespace, manager="vandal", force=True)
    monkeypatch.setattr(tenant_places, "LONGEST_WAIT", timedelta(seconds=1.5))
    outcome = await stored.engine.execute(await stored.engine.plan_rotate(address))
    assert not outcome.ok
    assert "within 1.5 s" in outcome.error
    assert "could not get client" in outcome.error
    after = await arrived(stored)
    assert after["data"] == before["data"]
    assert await stored.works(Sensitive(decoded(after, "token")))
    assert len(await stored.handles()) == 1


async def test_j07_no_store_is_said_before_anything_is_issued(tenancy: Tenancy) -> None:
    with pytest.raises(UsageError, match="there is no SecretStore") as refused:
        await push(tenancy)
    assert f"kubemint tenant store {TENANT}" in refused.value.hint


async def test_j11_another_remote_namespace_needs_a_direct_push(stored: Tenancy) -> None:
    with pytest.raises(UsageError, match="kube-system alone") as refused:
        await push(stored, remote_namespace="elsewhere")
    assert "--via=direct" in refused.value.hint


async def test_the_renewal_gap_is_warned_of(stored: Tenancy) -> None:
    plan = await stored.engine.plan(wish(stored))
    assert any("may have an expired one for up to 48m" in warning for warning in plan.warnings)
    fast = await stored.engine.plan(wish(stored, interval=timedelta(minutes=5)))
    assert not any("dead" in warning for warning in fast.warnings)


def test_the_rule_of_the_gap() -> None:
    hour = timedelta(hours=1)
    assert "12m" in gap(hour, hour)
    assert gap(timedelta(minutes=11), hour) == ""
    assert gap(timedelta(minutes=12), hour) != ""


def test_j17_the_label_names_the_cluster() -> None:
    def found(name: str, label: str) -> str | None:
        return cluster_of(name, {CLUSTER_LABEL: label})

    assert found("x-kubeconfig", "x") == "x"
    assert found("x-kubeconfig-kubeconfig", "x-kubeconfig") == "x-kubeconfig"
    assert found("x-user-kubeconfig", "x") is None
    assert found("x-ca", "x") is None
    assert cluster_of("x-kubeconfig", {}) is None
    assert cluster_of("x-kubeconfig", None) is None


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"type": "kubernetes.io/tls"}, "is not Cluster API's"),
        ({"data": {"other": "eA=="}}, "has no key value"),
        ({"metadata": {"name": "y-kubeconfig"}}, "is not Cluster API's"),
    ],
)
async def test_j17_what_is_not_cluster_apis_is_said(tenancy: Tenancy, changes: dict[str, Any], said: str) -> None:
    if changes.get("type") == "kubernetes.io/tls":
        changes = changes | {"data": {"tls.crt": "eA==", "tls.key": "eA=="}}
    secret = tenancy.cluster_secret("y", **changes)
    await tenancy.client.create(SECRETS, secret, namespace=tenancy.arena.namespace)
    with pytest.raises(ConfigError, match=said):
        await make_store(tenancy, "y")
