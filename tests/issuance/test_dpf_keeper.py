"""Keeping requests: group B of the scenarios, A23, and the mistakes of the reference that must not be repeated."""

from __future__ import annotations

import asyncio
import base64
import dataclasses
import itertools
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any

import pytest

from tests.controlplane import RealControlPlane
from tui.demo import Answer, Cut, Drop, FaultRule
from tui.demo.running import FleetThread
from tui.issuance.claims import read_token
from tui.issuance.dpf import credential_of
from tui.issuance.dpf.cleanup import Leftover, leftovers_of, written
from tui.issuance.dpf.objects import NamespacedName
from tui.issuance.dpf.renewal_work import look
from tui.issuance.dpf.resources import DPU_CLUSTERS, DPU_REQUESTS, FINALIZER, LEFTOVERS
from tui.issuance.dpf.steps import fetch, look_secret
from tui.issuance.errors import ChangedMeanwhile
from tui.issuance.types import State
from tui.kube import kubeconfig as loading
from tui.kube.client import Client
from tui.kube.errors import NotFound
from tui.kube.resource import SECRETS, SERVICE_ACCOUNTS

from .dpf_place import Clock, Place, embedded_place, real_place

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
CLOCK = Clock()


@pytest.fixture(scope="module")
def kept_fleet() -> Iterator[FleetThread]:
    """An embedded fleet without the controller, on a clock that tests move."""
    with FleetThread(clusters=4, accounts=0, troubled=False, controller=False, clock=CLOCK) as fleet:
        yield fleet


@pytest.fixture
async def place(kept_fleet: FleetThread) -> AsyncIterator[Place]:
    async with embedded_place(kept_fleet, CLOCK) as ready:
        yield ready


@pytest.fixture(params=["embedded", pytest.param("real", marks=pytest.mark.real)])
async def both(request: pytest.FixtureRequest) -> AsyncIterator[Place]:
    """The same on the embedded fleet and on the real control plane."""
    if request.param == "real":
        plane: RealControlPlane = request.getfixturevalue("real_control_plane")
        async with real_place(plane) as ready:
            yield ready
        return
    async with embedded_place(request.getfixturevalue("kept_fleet"), CLOCK) as ready:
        yield ready


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


async def test_b05_the_target_is_gone_when_the_request_goes(place: Place) -> None:
    await place.want()
    await place.keep()
    await place.client.delete(DPU_CLUSTERS, "tenant-a", namespace=place.ns)
    await place.delete()
    rest = await place.keep()
    assert rest.request is None
    assert any("went with its cluster" in note for note in rest.notes)
    with pytest.raises(NotFound):
        await place.read()
    with pytest.raises(NotFound):
        await place.secret()


async def test_deleting_removes_everything_that_was_made(both: Place) -> None:
    await both.want()
    await both.keep()
    token = await both.token()
    await both.delete()
    assert (await both.keep()).request is None
    assert await both.account() is None
    assert await both.handles() == []
    assert await both.refused(token)
    with pytest.raises(NotFound):
        await both.secret()
    assert (await both.keep()).request is None, "nothing is left to do"


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


async def test_b13_a_target_that_does_not_answer_leaves_the_old_credential(place: Place) -> None:
    await place.want()
    await place.keep()
    before, token = await place.read(), await place.token()
    place.faults("tenant-c", FaultRule(Drop()))
    await place.change(targetCluster={"name": "tenant-c"})
    rest = await place.keep(ok=False)
    after = await place.read()
    assert await place.token() == token
    assert await place.works(token)
    assert (after.status_target, after.expires_at) == (before.status_target, before.expires_at)
    assert rest.error in conditions(after)["ServiceAccountReconciled"][2]
    place.faults(clear=True)
    assert (await place.keep()).reason == "the target cluster changed"
    assert await place.works(await place.token(), 1)
    assert await place.account(number=0) is None, "the account in the OLD cluster is the one that goes"
    assert await place.account(number=1) is not None
    assert conditions(await place.read()) == GOOD


async def test_b15_another_account_takes_over_before_the_old_one_goes(both: Place) -> None:
    await both.want()
    await both.keep()
    before, old = await both.read(), await both.token()
    await both.change(serviceAccount={"name": "other"})
    rest = await both.keep()
    assert rest.reason.startswith("the service account changed")
    after = await both.read()
    assert after.status_service_account == NamespacedName(both.ns, "other")
    assert after.marks["kubemint.io/fingerprint"] != before.marks["kubemint.io/fingerprint"]
    assert read_token(await both.token()).service_account == "other"
    assert await both.account("test-service-account") is None
    assert await both.account("other") is not None
    assert await both.refused(old)
    assert await both.works(await both.token())
    assert len(await both.handles()) == 1
    assert leftovers_of(after) == ()


async def test_b15_the_old_account_lives_through_the_grace(place: Place) -> None:
    place.keeper._grace = MINUTE
    await place.want()
    await place.keep()
    old = await place.token()
    await place.change(serviceAccount={"name": "other"})
    rest = await place.keep()
    assert rest.wake is not None
    assert abs(rest.wake - place.clock() - MINUTE) < timedelta(seconds=5)
    assert await place.works(old)
    assert [leftover.kind for leftover in leftovers_of(await place.read())] == ["handle", "account"]
    CLOCK.ahead += 2 * MINUTE
    await place.keep()
    assert leftovers_of(await place.read()) == ()
    assert await place.account("test-service-account") is None
    assert await place.works(await place.token())


@pytest.mark.parametrize("uid", ["", "its own"])
async def test_whoever_may_edit_a_request_cannot_have_other_secrets_deleted(place: Place, uid: str) -> None:
    """What a request says it has left over is removed only where it is a handle."""
    await place.want()
    await place.keep()
    member = await place.member()
    made: dict[str, Any] = await member.create(SECRETS, {"metadata": {"name": "precious"}}, namespace=place.ns)
    lie = Leftover(
        kind="handle",
        name=f"{place.ns}/precious",
        target=f"{place.ns}/{place.members[0]}",
        uid=uid and made["metadata"]["uid"],
        due=place.clock() - MINUTE,
    )
    notes = {"metadata": {"annotations": {LEFTOVERS: written([lie])}}}
    await place.client.patch(DPU_REQUESTS, "req", notes, namespace=place.ns)
    rest = await place.keep()
    assert any("left alone" in note for note in rest.notes), rest.notes
    assert await member.get_metadata(SECRETS, "precious", namespace=place.ns)
    assert leftovers_of(await place.read()) == ()


async def test_b17_a_fresh_token_is_kept_and_nothing_is_written(both: Place) -> None:
    await both.want(metadata={"labels": {"a": "1"}})
    await both.keep()
    before = (await both.secret()).metadata["resourceVersion"]
    token = await both.token()
    for _ in range(3):
        assert not (await both.keep()).issued
    if both.side != "real":  # 1.20 counts an apply that changes nothing as a new version when its second has passed
        assert (await both.secret()).metadata["resourceVersion"] == before
    assert await both.token() == token


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


async def test_another_secret_name_carries_the_token_over(place: Place) -> None:
    await place.want()
    await place.keep()
    token = await place.token()
    await place.change(secret={"name": "renamed"})
    assert not (await place.keep()).issued
    assert await place.token("renamed") == token
    with pytest.raises(NotFound):
        await place.secret("out")
    assert (await place.read()).status_secret == NamespacedName(place.ns, "renamed")


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
    rest = await place.keep()
    assert "service account was deleted" in rest.reason
    assert await place.works(await place.token())


async def test_b27_the_key_admin_conf_is_missing(place: Place) -> None:
    await place.client.patch(
        SECRETS, "tenant-a-admin", {"data": {"admin.conf": None, "other": "eA=="}}, namespace=place.ns
    )
    await place.want()
    rest = await place.keep(ok=False)
    assert f"{place.ns}/tenant-a-admin" in rest.error
    assert "admin.conf" in rest.error
    assert rest.error in conditions(await place.read())["ServiceAccountReconciled"][2]


@pytest.mark.parametrize(
    ("conf", "says"),
    [(b"", "no key admin.conf"), (b"clusters: [", "is not a kubeconfig"), (b"kind: Config", "is not a kubeconfig")],
)
async def test_b27_other_admin_kubeconfigs_that_are_none(place: Place, conf: bytes, says: str) -> None:
    patch = {"data": {"admin.conf": base64.b64encode(conf).decode()}}
    await place.client.patch(SECRETS, "tenant-a-admin", patch, namespace=place.ns)
    await place.want()
    assert says in (await place.keep(ok=False)).error


async def test_b27_several_users_follow_the_current_context(place: Place) -> None:
    secret = await place.client.get(SECRETS, "tenant-a-admin", namespace=place.ns)
    text = base64.b64decode(secret["data"]["admin.conf"]).decode()
    both = text.replace("users:\n", "users:\n- name: another\n  user: {token: x}\n").replace(
        "contexts:\n", "contexts:\n- name: another\n  context: {cluster: elsewhere, user: another}\n"
    )
    patch = {"data": {"admin.conf": base64.b64encode(both.encode()).decode()}}
    await place.client.patch(SECRETS, "tenant-a-admin", patch, namespace=place.ns)
    await place.want()
    assert (await place.keep()).issued


async def test_a_target_without_kubeconfig_or_without_object(place: Place) -> None:
    await place.dpu_cluster("unborn", "tenant-a", kubeconfig="")
    await place.want("a", targetCluster={"name": "unborn", "namespace": place.ns})
    assert "names no kubeconfig Secret yet" in (await place.keep("a", ok=False)).error
    await place.want("b", targetCluster={"name": "nowhere", "namespace": place.ns})
    assert "does not exist" in (await place.keep("b", ok=False)).error


async def test_b29_a_target_that_is_down_keeps_a_deleted_request_visible(place: Place) -> None:
    await place.want()
    await place.keep()
    place.faults("tenant-a", FaultRule(Drop()))
    await place.delete()
    rest = await place.keep(ok=False)
    found = await place.read()
    assert FINALIZER in found.finalizers
    status, reason, message = conditions(found)["ServiceAccountReconciled"]
    assert (status, reason) == ("False", "AwaitingDeletion")
    where = f"harbor/{place.ns}/tenant-a"
    assert f"cannot clean up service account {place.ns}/test-service-account in {where}" in message
    assert conditions(found)["Ready"][1] == "AwaitingDeletion"
    assert "abandon" in rest.hint
    place.faults(clear=True)
    assert (await place.keep()).request is None, "it is tried again"
    assert await place.account() is None


async def test_b29_it_can_be_abandoned_with_a_warning(place: Place) -> None:
    await place.want()
    await place.keep()
    place.faults("tenant-a", FaultRule(Drop()))
    await place.delete()
    rest = await place.keep(abandon=True)
    assert rest.request is None
    assert any(note.startswith("left behind: cannot clean up service account") for note in rest.notes)
    with pytest.raises(NotFound):
        await place.read()


async def test_b31_an_expiry_without_issue_is_issued_anew(place: Place) -> None:
    await place.want()
    await place.keep()
    await place.status(issuedAt=None)
    assert credential_of(place.host, await place.read(), place.clock()).state is State.UNKNOWN
    rest = await place.keep()
    assert rest.reason == "when the token was issued is not known"
    assert credential_of(place.host, await place.read(), place.clock()).state is State.VALID


async def test_b23_a_mangled_status_is_no_crash(place: Place) -> None:
    await place.want()
    await place.keep()
    await place.status(serviceAccount="no-slash", targetCluster="a/b/c", secret="/")
    assert "status.serviceAccount: 'no-slash' is not of the form NAMESPACE/NAME" in (await place.read()).problems
    assert (await place.keep()).issued
    assert (await place.read()).problems == ()


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


async def test_a_failed_renewal_keeps_the_old_one_and_leaves_no_handle(place: Place) -> None:
    await place.want()
    await place.keep()
    before, token = await place.read(), await place.token()
    handles = await place.handles()
    place.faults("tenant-a", FaultRule(Answer(500, "InternalError", "no"), verb="create", path="/token$"))
    await place.keep(ok=False, renew="by hand")
    after = await place.read()
    assert (await place.token(), after.expires_at) == (token, before.expires_at)
    assert await place.handles() == handles
    assert credential_of(place.host, after, place.clock()).state is State.FAILED
    place.faults(clear=True)
    place.faults("harbor", FaultRule(Answer(403, "Forbidden", "no"), verb="patch", path="/secrets/out$"))
    rest = await place.keep(ok=False, renew="by hand")
    assert await place.handles() == handles, "a token that could not be published is taken back"
    assert rest.error in conditions(await place.read())["SecretReconciled"][2]
    assert await place.works(token)
    place.faults(clear=True)
    await place.keep(renew="by hand")
    assert conditions(await place.read()) == GOOD


async def test_a_write_whose_answer_was_lost_stays_good(place: Place) -> None:
    await place.want()
    await place.keep()
    old = await place.token()
    place.faults("harbor", FaultRule(Cut(), verb="patch", path="/secrets/out$", times=1))
    await place.keep(ok=False, renew="by hand")
    published = await place.token()
    assert published != old, "the server did it, and only its answer was lost"
    assert await place.works(published)
    assert (await place.keep()).reason == "the Secret holds another token"
    assert await place.works(await place.token())
    assert conditions(await place.read()) == GOOD


async def test_no_right_to_make_handles_is_said(place: Place) -> None:
    place.faults("tenant-a", FaultRule(Answer(403, "Forbidden", "no"), verb="create", path="/secrets$"))
    await place.want()
    rest = await place.keep()
    assert any("cannot be revoked" in note for note in rest.notes)
    assert (await place.read()).handle is None
    assert await place.works(await place.token())


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


async def test_a_wrong_wish_is_a_condition(place: Place) -> None:
    await place.want(duration="1ms")
    rest = await place.keep(ok=False)
    assert "may not specify a duration less than 10 minutes" in rest.error
    assert await place.account() is None


class Killed(BaseException):
    """What a process does not survive."""


@pytest.mark.parametrize("moment", ["before", "after"])
async def test_killed_at_any_request_the_next_look_ends_with_one_credential(
    place: Place, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    await place.want()
    await place.keep()
    real, left = Client.request, [0]

    async def request(self: Client, method: str, path: str, **options: Any) -> Any:
        left[0] -= 1
        if left[0] == 0 and moment == "before":
            raise Killed
        answer = await real(self, method, path, **options)
        if left[0] == 0:
            raise Killed
        return answer

    for step in itertools.count(1):
        left[0] = step
        with monkeypatch.context() as patch:
            patch.setattr(Client, "request", request)
            try:
                await place.keeper.reconcile(place.host, place.ns, "req", renew="by hand")
                break
            except Killed:
                left[0] = 0
        published = await place.token()
        assert await place.works(published), f"what is published works after a kill at request {step}"
        await place.keep()
        assert await place.works(await place.token())
        assert conditions(await place.read()) == GOOD
    assert step > 12
    CLOCK.ahead += timedelta(minutes=11)
    await place.keep(renew="by hand")
    assert len(await place.handles()) == 1, "handles that nobody published are found and removed"
    assert await place.works(await place.token())


async def test_two_keepers_at_once_end_with_one_good_credential(place: Place) -> None:
    await place.want()
    await asyncio.gather(
        *(place.keeper.reconcile(place.host, place.ns, "req") for _ in range(3)), return_exceptions=True
    )
    await place.keep()
    token = await place.token()
    assert await place.works(token)
    assert (await place.read()).marks["kubemint.io/fingerprint"] == token.fingerprint
    assert conditions(await place.read()) == GOOD


async def test_a_secret_that_changed_since_it_was_looked_at_is_not_replaced(both: Place) -> None:
    await both.want()
    await both.keep()
    work = await look(both.clusters, await both.read())
    await both.client.patch(SECRETS, "out", {"metadata": {"labels": {"x": "y"}}}, namespace=both.ns)
    token = await both.token()
    with pytest.raises(ChangedMeanwhile, match="was changed by somebody else"):
        await work.write(None)
    assert await both.token() == token


async def test_a_finalizer_of_somebody_else_stays(place: Place) -> None:
    await place.want()
    await place.keep()
    await place.client.patch(
        DPU_REQUESTS, "req", {"metadata": {"finalizers": ["example.com/theirs", FINALIZER]}}, namespace=place.ns
    )
    await place.delete()
    await place.keep()
    assert (await place.read()).finalizers == ("example.com/theirs",)
    await place.client.patch(DPU_REQUESTS, "req", {"metadata": {"finalizers": None}}, namespace=place.ns)


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
