"""What a request leaves behind: old accounts, handles and Secrets after a change, and everything when it is deleted."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tui.demo import Answer, Drop, FaultRule
from tui.issuance.families.dpf.cleanup import Leftover, leftovers_of, written
from tui.issuance.families.dpf.keeper import Keeper
from tui.issuance.families.dpf.objects import NamespacedName
from tui.issuance.families.dpf.resources import (
    CONTROLLER_LABEL,
    DPU_CLUSTERS,
    DPU_REQUESTS,
    FIELD_MANAGER,
    FINALIZER,
    LEFTOVERS,
    NAME_LABEL,
    NAMESPACE_LABEL,
)
from tui.issuance.model.claims import read_token
from tui.kube.errors import NotFound, ProtocolError
from tui.kube.resource import SECRETS, SERVICE_ACCOUNTS

from .dpf_place import CLOCK, Place

MINUTE = timedelta(minutes=1)


def conditions(request: Any) -> dict[str, tuple[str, str, str]]:
    return {c.type: (c.status, c.reason, c.message) for c in request.conditions}


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


@pytest.mark.parametrize("said", ["404 page not found", "the server could not find the requested resource"])
async def test_a_404_that_names_nobody_is_no_word_of_a_request_that_was_there(place: Place, said: str) -> None:
    """What a balancer without a backend says, and a server whose custom resources are not up yet."""
    await place.want()
    await place.keep()
    token = await place.token()
    await place.delete()
    unsaid = FaultRule(Answer(404, message=said), verb="get", path=r"/dpuservicecredentialrequests/req$")
    place.faults("harbor", unsaid)
    with pytest.raises(ProtocolError, match="answered 404 to get dpuservicecredentialrequests"):
        await place.keeper.reconcile("harbor", place.ns, "req")
    place.faults(clear=True)
    assert FINALIZER in (await place.read()).finalizers
    assert await place.works(token), "so it is not called deleted"
    assert (await place.keep()).request is None
    assert await place.refused(token)


@pytest.mark.parametrize("what", ["404", "kubeconfig", "name"])
async def test_what_was_made_went_with_its_cluster_only_where_the_server_names_that_as_gone(
    place: Place, what: str
) -> None:
    """A balancer's 404, a kubeconfig that is renewed just now, or a DPUCluster that names none: the token lives."""
    await place.want()
    await place.keep()
    token = await place.token()
    cluster = await place.client.get(DPU_CLUSTERS, "tenant-a", namespace=place.ns)
    secret = await place.client.get(SECRETS, cluster["spec"]["kubeconfig"], namespace=place.ns)
    await place.delete()
    if what == "404":
        place.faults("harbor", FaultRule(Answer(404, message="404 page not found"), verb="get", path="/dpuclusters/"))
    elif what == "name":
        await place.client.patch(DPU_CLUSTERS, "tenant-a", {"spec": {"kubeconfig": "none"}}, namespace=place.ns)
    else:
        await place.client.delete(SECRETS, secret["metadata"]["name"], namespace=place.ns)
    rest = await place.keep(ok=False)
    assert not any("went with its cluster" in note for note in rest.notes)
    assert FINALIZER in (await place.read()).finalizers
    assert await place.works(token)
    place.faults(clear=True)
    if what == "name":
        back = {"spec": {"kubeconfig": secret["metadata"]["name"]}}
        await place.client.patch(DPU_CLUSTERS, "tenant-a", back, namespace=place.ns)
    elif what == "kubeconfig":
        for key in ("uid", "resourceVersion", "creationTimestamp"):
            secret["metadata"].pop(key, None)
        await place.client.create(SECRETS, secret, namespace=place.ns)
    assert (await place.keep()).request is None
    assert await place.refused(token)


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
    place.keeper = Keeper(place.clusters, clock=place.clock, grace=MINUTE)
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


async def leave(place: Place, *leftovers: Leftover, name: str = "req") -> None:
    """Write these into the annotation, as whoever may edit the request can."""
    notes = {"metadata": {"annotations": {LEFTOVERS: written(leftovers)}}}
    await place.client.patch(DPU_REQUESTS, name, notes, namespace=place.ns)


def account_of(place: Place, name: str) -> Leftover:
    target = f"{place.ns}/{place.members[0]}"
    return Leftover(kind="account", name=f"{place.ns}/{name}", target=target, due=place.clock() - MINUTE)


async def without_labels(place: Place, name: str) -> None:
    """An account as the reference controller's first versions made it: no labels, and its field manager."""
    client = await place.member()
    body = {"automountServiceAccountToken": False}
    await client.apply(SERVICE_ACCOUNTS, name, body, namespace=place.ns, manager=FIELD_MANAGER, force=True)


async def test_a_request_cannot_have_another_requests_account_removed(both: Place) -> None:
    """Not even one that an old controller made without labels, so that nothing says whose it is."""
    await without_labels(both, "theirs")
    await both.want()
    await both.keep()
    await leave(both, account_of(both, "theirs"))
    rest = await both.keep()
    assert any(
        "theirs was left alone: its labels do not say that it was made for this request" in note for note in rest.notes
    ), rest.notes
    assert await both.account("theirs") is not None


async def test_a_request_cannot_have_another_requests_token_revoked(place: Place) -> None:
    await place.want()
    await place.keep()
    await place.want("other", serviceAccount={"name": "other", "namespace": place.ns}, secret={"name": "out-2"})
    rest = await place.keep("other")
    assert rest.request is not None
    handle = rest.request.handle
    assert handle is not None
    target = f"{place.ns}/{place.members[0]}"
    lie = Leftover(kind="handle", name=f"{handle.namespace}/{handle.name}", target=target, uid=handle.uid,
                   due=place.clock() - MINUTE)  # fmt: skip
    await leave(place, lie)
    rest = await place.keep()
    assert any("it is another credential's" in note for note in rest.notes), rest.notes
    assert handle.name in await place.handles()


async def test_an_account_that_lost_its_labels_is_left_alone_and_said(both: Place) -> None:
    """The status alone says whose it is, and whoever may patch that may name any account."""
    await both.want()
    await both.keep()
    client = await both.member()
    bare = {"metadata": {"labels": dict.fromkeys((NAME_LABEL, NAMESPACE_LABEL, CONTROLLER_LABEL))}}
    await client.patch(SERVICE_ACCOUNTS, "test-service-account", bare, namespace=both.ns)
    await both.change(serviceAccount={"name": "next", "namespace": both.ns})
    rest = await both.keep()
    assert any("left alone: its labels do not say" in note for note in rest.notes), rest.notes
    assert await both.account() is not None
    assert await both.account("next") is not None
    assert leftovers_of(await both.read()) == ()


async def test_changing_there_and_back_within_the_grace_keeps_what_is_in_use(place: Place) -> None:
    place.keeper = Keeper(place.clusters, clock=place.clock, grace=MINUTE)
    first = {"name": "test-service-account", "namespace": place.ns}
    await place.want()
    await place.keep()
    await place.change(serviceAccount={"name": "next", "namespace": place.ns}, secret={"name": "next"})
    await place.keep()
    await place.change(serviceAccount=first, secret={"name": "out"})
    await place.keep()
    CLOCK.ahead += 2 * MINUTE
    await place.keep()
    assert await place.account() is not None
    assert await place.account("next") is None
    assert await place.works(await place.token())
    assert leftovers_of(await place.read()) == ()
