"""Keeping requests from wish to rest: group B of the scenarios, A23, and mistakes of the reference not to repeat."""

from __future__ import annotations

import asyncio
import base64
import dataclasses
from datetime import timedelta
from typing import Any

import pytest

from tui.demo.running import FleetThread
from tui.issuance.families.dpf import credential_of
from tui.issuance.families.dpf.objects import NamespacedName
from tui.issuance.families.dpf.resources import DPU_CLUSTERS, FINALIZER
from tui.issuance.families.dpf.steps import fetch, look_secret
from tui.issuance.model.types import State
from tui.kube import kubeconfig as loading
from tui.kube.resource import SECRETS, SERVICE_ACCOUNTS

from .dpf_place import CLOCK, Clock, Place, embedded_place

HOUR = timedelta(hours=1)

MINUTE = timedelta(minutes=1)


def conditions(request: Any) -> dict[str, tuple[str, str, str]]:
    return {c.type: (c.status, c.reason, c.message) for c in request.conditions}


GOOD = dict.fromkeys(("Ready", "ServiceAccountReconciled", "SecretReconciled"), ("True", "Success", ""))


async def test_b01_a_kubeconfig_from_wish_to_rest(both: Place) -> None:
    await both.want()
    rest = await both.keep()
    assert rest.issued
    found = await both.read()
    assert found.finalizers.count(FINALIZER) == 1
    assert found.status_service_account == NamespacedName(both.ns, "test-service-account")
    assert found.status_target == NamespacedName(both.ns, both.members[0])
    assert found.status_secret == NamespacedName(both.ns, "out")
    assert found.issued_at is not None
    assert found.expires_at is not None
    assert abs(found.expires_at - both.clock() - HOUR) < MINUTE
    assert conditions(found) == GOOD
    endpoint = both.known.endpoint(both.members[0])
    token = await both.token()
    values = (await both.secret()).values()
    assert list(values) == ["kubeconfig"]
    assert values["kubeconfig"].reveal() == (
        "apiVersion: v1\n"
        "clusters:\n"
        "- cluster:\n"
        f"    certificate-authority-data: {base64.b64encode(endpoint.ca or b'').decode()}\n"
        f"    server: {endpoint.server}\n"
        f"  name: {endpoint.cluster_name}\n"
        "contexts:\n"
        "- context:\n"
        f"    cluster: {endpoint.cluster_name}\n"
        f"    namespace: {both.ns}\n"
        "    user: test-service-account\n"
        "  name: test-service-account\n"
        "current-context: test-service-account\n"
        "kind: Config\n"
        "preferences: {}\n"
        "users:\n"
        "- name: test-service-account\n"
        "  user:\n"
        f"    token: {token.reveal()}\n"
    )
    assert await both.works(token)
    account = await both.account()
    assert account is not None
    assert account["automountServiceAccountToken"] is False
    credential = credential_of(both.host, found, both.clock())
    assert (credential.state, credential.fingerprint) == (State.VALID, token.fingerprint)
    assert credential.handle is not None
    assert [credential.handle.name] == await both.handles()
    again = await both.keep()
    assert not again.issued
    assert (await both.read()).resource_version == found.resource_version, "at rest nothing is written"


async def test_b03_a_token_file(both: Place) -> None:
    await both.want(type="tokenFile")
    await both.keep()
    values = {key: value.reveal() for key, value in (await both.secret()).values().items()}
    endpoint = both.known.endpoint(both.members[0])
    token = values.pop("TOKEN_FILE")
    host, _, port = endpoint.server.removeprefix("https://").rpartition(":")
    assert values == {
        "KUBERNETES_SERVICE_HOST": host,
        "KUBERNETES_SERVICE_PORT": port,
        "KUBERNETES_CA_DATA": (endpoint.ca or b"").decode(),
    }
    assert token
    assert token == token.strip()


async def test_b07_no_duration_is_an_hour(both: Place) -> None:
    await both.want(duration=None)
    await both.keep()
    found = await both.read()
    assert found.expires_at is not None
    assert found.issued_at is not None
    assert found.expires_at - found.issued_at == HOUR
    assert not (await both.keep()).issued


async def test_b09_an_account_of_somebody_else_is_left_alone(place: Place) -> None:
    theirs = {"metadata": {"name": "test-service-account", "labels": {"owner": "them"}}}
    made = await (await place.member()).create(SERVICE_ACCOUNTS, theirs, namespace=place.ns)
    await place.want()
    rest = await place.keep(ok=False)
    assert "is already in use" in rest.error
    found = await place.read()
    status, reason, message = conditions(found)["ServiceAccountReconciled"]
    assert (status, reason) == ("False", "Error")
    assert "is already in use" in message
    assert conditions(found)["Ready"][0] == "False"
    assert await place.account() == made
    await place.delete()
    assert (await place.keep()).request is None
    assert await place.account() == made


async def test_a_secret_of_somebody_else_is_left_alone(place: Place) -> None:
    await place.client.create(SECRETS, {"metadata": {"name": "out"}, "data": {"x": "eA=="}}, namespace=place.ns)
    before = (await place.secret()).metadata["resourceVersion"]
    await place.want()
    await place.keep(ok=False)
    found = await place.read()
    assert "secret" in conditions(found)["SecretReconciled"][2]
    assert "is already in use" in conditions(found)["SecretReconciled"][2]
    assert (await place.secret()).metadata["resourceVersion"] == before
    assert await place.handles() == [], "nothing was minted for nothing"
    await place.delete()
    await place.keep()
    assert (await place.secret()).metadata["resourceVersion"] == before


async def test_two_requests_never_share_an_account(place: Place) -> None:
    await place.want("one")
    await place.want("two", secret={"name": "other", "namespace": place.ns})
    await place.keep("one")
    await place.keep("two", ok=False)
    await place.delete("two")
    await place.keep("two")
    assert await place.works(await place.token()), "the first one's account survived the second"


async def test_b11_a_target_that_was_created_again_gets_a_new_token(place: Place) -> None:
    await place.want()
    await place.keep()
    before = await place.read()
    await place.client.delete(DPU_CLUSTERS, "tenant-a", namespace=place.ns)
    await place.dpu_cluster("tenant-a", "tenant-c")
    rest = await place.keep()
    assert "target cluster was deleted and created again" in rest.reason or "account was deleted" in rest.reason
    assert await place.account(number=1) is not None
    after = await place.read()
    assert after.marks["kubemint.io/target-uid"] != before.marks["kubemint.io/target-uid"]
    assert not (await place.keep()).issued


async def test_b17_a_fresh_token_is_kept_and_nothing_is_written(both: Place) -> None:
    await both.want(metadata={"labels": {"a": "1"}})
    await both.keep()
    before, request, account = await both.secret(), await both.read(), await both.account()
    await asyncio.sleep(1.1)  # an apply that changes nothing is a new version on 1.20 once its second has passed
    for _ in range(3):
        assert not (await both.keep()).issued
    after = await both.secret()
    assert after.metadata == before.metadata, "resourceVersion and the times of who wrote what among it"
    assert after.data == before.data
    assert (await both.read()).resource_version == request.resource_version
    assert await both.account() == account


@pytest.mark.parametrize(
    ("meddle", "comes_back"),
    [
        ({"metadata": {"labels": {"a": "other"}}}, True),
        ({"metadata": {"labels": {"a": None}}}, True),
        ({"metadata": {"annotations": {"n": None}}}, True),
        ({"data": {"kubeconfig": "eA=="}}, True),
        ({"metadata": {"labels": {"theirs": "x"}}}, False),
        ({"data": {"theirs": "eA=="}}, False),
    ],
)
async def test_only_what_is_ours_and_differs_is_written_anew(
    place: Place, meddle: dict[str, Any], comes_back: bool
) -> None:
    await place.want(metadata={"labels": {"a": "1"}, "annotations": {"n": "x"}})
    await place.keep()
    await place.client.patch(SECRETS, "out", meddle, namespace=place.ns)
    before = (await place.secret()).metadata["resourceVersion"]
    await place.keep()
    secret = await place.secret()
    assert (secret.metadata["resourceVersion"] != before) is comes_back
    assert secret.metadata["labels"]["a"] == "1"
    assert secret.metadata["annotations"]["n"] == "x"
    assert await place.works(await place.token())


async def test_b19_a_secret_that_was_deleted_comes_back_with_data(both: Place) -> None:
    await both.want()
    await both.keep()
    await both.client.delete(SECRETS, "out", namespace=both.ns)
    rest = await both.keep()
    assert rest.reason == "the Secret is gone or holds no token"
    assert await both.works(await both.token())
    assert len(await both.handles()) == 1


async def test_b21_labels_that_leave_the_spec_leave_the_secret(both: Place) -> None:
    await both.want(metadata={"labels": {"a": "1", "b": "2"}, "annotations": {"n": "x"}})
    await both.keep()
    await both.client.patch(SECRETS, "out", {"metadata": {"labels": {"foreign": "yes"}}}, namespace=both.ns)
    token = await both.token()
    await both.change(metadata={"labels": {"b": None}, "annotations": None})
    assert not (await both.keep()).issued
    meta = (await both.secret()).metadata
    assert meta["labels"]["a"] == "1"
    assert meta["labels"]["foreign"] == "yes"
    assert "b" not in meta["labels"]
    assert "n" not in meta.get("annotations", {})
    assert await both.token() == token


async def test_another_type_is_applied_at_once_and_without_a_new_token(place: Place) -> None:
    await place.want()
    await place.keep()
    token = await place.token()
    await place.change(type="tokenFile")
    assert not (await place.keep()).issued
    values = (await place.secret()).values()
    assert sorted(values) == ["KUBERNETES_CA_DATA", "KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT", "TOKEN_FILE"]
    assert values["TOKEN_FILE"] == token


async def test_foreign_keys_in_the_secret_stay_foreign(place: Place) -> None:
    await place.want()
    await place.keep()
    await place.client.patch(SECRETS, "out", {"data": {"theirs": "eA=="}}, namespace=place.ns)
    await place.keep(renew="by hand")
    secret = await place.secret()
    assert sorted(secret.values()) == ["kubeconfig", "theirs"]
    await place.client.patch(SECRETS, "out", {"data": {"theirs": None}}, namespace=place.ns)
    assert sorted((await place.secret()).values()) == ["kubeconfig"]


@pytest.mark.parametrize("again", [False, True])
async def test_a_token_whose_account_was_deleted_is_replaced(place: Place, again: bool) -> None:
    await place.want()
    await place.keep()
    member = await place.member()
    await member.delete(SERVICE_ACCOUNTS, "test-service-account", namespace=place.ns)
    if again:
        labels = {
            f"svc.dpu.nvidia.com/credential-request-{key}": value
            for key, value in (("name", "req"), ("namespace", place.ns))
        }
        labels["svc.dpu.nvidia.com/managed-by-controller"] = "dpuservicecredentialrequestcontroller"
        theirs = {"metadata": {"name": "test-service-account", "labels": labels}}
        await member.create(SERVICE_ACCOUNTS, theirs, namespace=place.ns)
        refused = await place.keep(ok=False)  # no UID of a request on it, and no token that says whose it is
        assert "already in use" in refused.error
        assert f"kubemint.io/request={(await place.read()).uid}" in refused.hint
        said = {"metadata": {"annotations": {"kubemint.io/request": (await place.read()).uid}}}
        await member.patch(SERVICE_ACCOUNTS, "test-service-account", said, namespace=place.ns)
    rest = await place.keep()
    assert "service account was deleted" in rest.reason
    assert await place.works(await place.token())


async def test_a23_a_server_that_grants_less_is_asked_once(place: Place) -> None:
    def cap(seconds: int | None) -> None:
        assert place.fleet is not None

        async def work(fleet: Any) -> None:
            tokens = fleet.cluster("tenant-a").tokens
            tokens.policy = dataclasses.replace(tokens.policy, max_seconds=seconds)

        place.fleet.call(work)

    cap(7200)
    try:
        await place.want(duration="24h")
        issued = [(await place.keep()).issued for _ in range(10)]
        assert issued == [True] + [False] * 9
        credential = credential_of(place.host, await place.read(), place.clock())
        assert (credential.requested, credential.granted) == (24 * HOUR, 2 * HOUR)
        assert "asked 24h, got 2h" in (await place.keep(renew="by hand")).notes
    finally:
        cap(None)


async def test_renewal_at_the_point_everybody_computes(place: Place) -> None:
    await place.want()
    rest = await place.keep()
    old = await place.token()
    credential = credential_of(place.host, await place.read(), place.clock())
    assert rest.wake is not None
    assert credential.rotate_at is not None
    assert timedelta(0) < rest.wake - credential.rotate_at < timedelta(seconds=1)
    CLOCK.ahead += rest.wake - place.clock() - timedelta(seconds=5)
    assert not (await place.keep()).issued
    CLOCK.ahead += timedelta(seconds=6)
    assert (await place.keep()).reason == "it is due"
    assert await place.works(await place.token())
    assert await place.refused(old), "the old one was revoked after the (here empty) grace"


async def test_the_host_cluster_itself_is_a_target(place: Place) -> None:
    await place.want(targetCluster=None)
    await place.keep()
    found = await place.read()
    assert found.status_target is None
    config = loading.parse((await place.secret()).values()["kubeconfig"].reveal_bytes())
    assert list(config.clusters) == ["incluster"]
    assert config.endpoint().server == place.known.endpoint(place.host).server
    inside = config.endpoint().server
    text = (await place.secret()).values()["kubeconfig"].reveal().replace(inside, "https://10.0.0.1:443")
    patch = {"data": {"kubeconfig": base64.b64encode(text.encode()).decode()}}
    await place.client.patch(SECRETS, "out", patch, namespace=place.ns)
    await place.keep(renew="by hand")
    config = loading.parse((await place.secret()).values()["kubeconfig"].reveal_bytes())
    assert config.endpoint().server == "https://10.0.0.1:443", "an address from inside of the cluster is kept"


async def test_a_handle_is_found_by_its_clusters_name(place: Place) -> None:
    await place.want()
    await place.keep()
    handle = (await place.read()).handle
    assert handle is not None
    client = await place.clusters.client(handle.cluster)
    await client.delete(SECRETS, handle.name, namespace=handle.namespace, uid=handle.uid)
    assert await place.refused(await place.token())


async def test_beside_dpfs_own_controller(embedded_fleet: FleetThread) -> None:
    """A rotation by hand stands: the controller, which runs there, sees a fresh token and keeps it."""
    async with embedded_place(embedded_fleet, Clock()) as place:
        operator = "dpf-operator-system"
        before = await fetch(place.client, place.host, operator, "flannel")
        assert before.status_secret is not None
        rest = await place.keeper.reconcile(place.host, operator, "flannel", renew="by hand")
        assert rest.issued
        wanted = await look_secret(place.client, before, before.status_secret)

        async def controller_looks(fleet: Any) -> None:
            fleet.controller.look()

        embedded_fleet.call(controller_looks)
        await asyncio.sleep(0.3)
        after = await fetch(place.client, place.host, operator, "flannel")
        assert rest.request is not None
        assert (after.expires_at, after.marks) == (rest.request.expires_at, rest.request.marks)
        assert conditions(after) == GOOD
        there = await look_secret(place.client, after, before.status_secret)
        assert there.token == wanted.token
        assert there.ours
