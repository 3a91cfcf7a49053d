"""Requests that cannot be kept: targets that are away or wrong, lost answers, kills at any point, two at once."""

from __future__ import annotations

import asyncio
import base64
import itertools
from datetime import timedelta
from typing import Any

import pytest

from tui.demo import Answer, Cut, Drop, FaultRule, Hang
from tui.issuance.errors import ChangedMeanwhile
from tui.issuance.families.dpf import DPU_REQUESTS, credential_of
from tui.issuance.families.dpf.keeper import Keeper
from tui.issuance.families.dpf.renewal_work import look
from tui.issuance.families.dpf.resources import MARKS
from tui.issuance.families.dpf.target import TargetClusters
from tui.issuance.families.dpf.tending import controller_of
from tui.issuance.model.clusters import KubeconfigClusters
from tui.issuance.model.types import State
from tui.kube.client import Client, Timeouts
from tui.kube.resource import SECRETS

from .dpf_place import CLOCK, Place


def conditions(request: Any) -> dict[str, tuple[str, str, str]]:
    return {c.type: (c.status, c.reason, c.message) for c in request.conditions}


GOOD = dict.fromkeys(("Ready", "ServiceAccountReconciled", "SecretReconciled"), ("True", "Success", ""))


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
    [(b"", "no key admin.conf"), (b"clusters: [", "is no kubeconfig"), (b"kind: Config", "current-context")],
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
    token = await place.token()
    assert not (await place.keep()).issued, "the token says whose it is, and its cluster confirms it"
    assert (await place.read()).problems == ()
    assert await place.token() == token


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
    place.faults("harbor", FaultRule(Answer(403), verb="patch", path="/secrets/out$"))
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
    assert not (await place.keep()).issued, "it is taken for what it is"
    assert await place.token() == published
    assert await place.works(published)
    assert len(await place.handles()) == 1, "what it replaced is gone"
    assert not await place.works(old) or await place.refused(old)
    request = await place.read()
    assert conditions(request) == GOOD
    assert request.marks["kubemint.io/fingerprint"] == published.fingerprint


async def test_a_write_that_is_still_on_its_way_leaves_no_dead_token(place: Place) -> None:
    await place.want()
    await place.keep()
    old = await place.token()
    place.faults("harbor", FaultRule(Hang(), verb="patch", path="/secrets/out$", times=1))
    async with KubeconfigClusters(str(place.config), timeouts=Timeouts(read=1)) as hasty:
        clusters = TargetClusters(hasty)
        keeper = Keeper(clusters, clock=place.clock, grace=place.grace)
        rest = await keeper.reconcile(place.host, place.ns, "req", renew="by hand")
        await clusters.aclose()
    assert "no answer" in rest.error
    place.faults(clear=True)  # the server comes to it now
    assert not (await place.keep()).issued
    assert await place.token() == old, "what came late was refused"
    assert await place.works(old)
    assert len(await place.handles()) == 1


@pytest.mark.parametrize(
    "notes",
    [
        {"kubemint.io/leftovers": '[{"kind":"handle","name":"a/b","due":"2020-01-01T00:00:00"}]'},
        {"kubemint.io/leftovers": '[{"kind":"handle","name":"a/b","due":"not a time"}]'},
        {"kubemint.io/expires": "2030-01-01T00:00:00"},
    ],
    ids=["leftover without a zone", "no time", "expiry without a zone"],
)
async def test_mangled_annotations_are_no_crash(place: Place, notes: dict[str, str]) -> None:
    await place.want()
    await place.keep()
    meta = {"metadata": {"annotations": notes}}
    await place.client.patch(DPU_REQUESTS, "req", meta, namespace=place.ns)
    found = await place.client.list(DPU_REQUESTS, namespace=place.ns)
    controller_of(found, place.clock())
    await place.keep()
    await place.delete()
    assert (await place.keep()).request is None


async def test_a_token_that_is_no_text_is_issued_anew(place: Place) -> None:
    await place.want(type="tokenFile")
    await place.keep()
    unmarked = {"metadata": {"annotations": dict.fromkeys(MARKS)}}
    await place.client.patch(DPU_REQUESTS, "req", unmarked, namespace=place.ns)
    broken = {"data": {"TOKEN_FILE": base64.b64encode(b"\xff\xfe").decode()}}
    await place.client.patch(SECRETS, "out", broken, namespace=place.ns)
    await place.change(type="kubeconfig")
    assert (await place.keep()).reason == "the Secret is gone or holds no token"
    assert await place.works(await place.token())


async def test_no_right_to_make_handles_is_said(place: Place) -> None:
    place.faults("tenant-a", FaultRule(Answer(403), verb="create", path="/secrets$"))
    await place.want()
    rest = await place.keep()
    assert any("cannot be revoked" in note for note in rest.notes)
    assert (await place.read()).handle is None
    assert await place.works(await place.token())


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
    CLOCK.ahead += timedelta(minutes=2)
    await place.keep()
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
    await both.change(metadata={"labels": {"a": "b"}})
    work = await look(both.clusters, await both.read())
    await both.client.patch(SECRETS, "out", {"metadata": {"labels": {"x": "y"}}}, namespace=both.ns)
    token = await both.token()
    with pytest.raises(ChangedMeanwhile, match="was changed by another client"):
        await work.write(None)
    assert await both.token() == token
