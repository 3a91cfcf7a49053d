"""What a DPUServiceCredentialRequest says, its status, its annotations and what it names are claims of whoever may
write them: nothing is minted, copied, marked or deleted on them alone."""

from __future__ import annotations

import base64
import contextlib
import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import msgspec
import pytest

from tests.issuance.arena import Arena, Bench
from tests.issuance.dpf_place import CLOCK, Place
from tui.demo import Answer, Cut, FaultRule
from tui.issuance.destinations.in_file import FileDestination
from tui.issuance.errors import ChangedMeanwhile, UsageError
from tui.issuance.families.dpf.aside import left_to
from tui.issuance.families.dpf.cleanup import Leftover, leftovers_of, written
from tui.issuance.families.dpf.keeper import Keeper
from tui.issuance.families.dpf.renewal_work import look
from tui.issuance.families.dpf.resources import DPU_REQUESTS, FIELD_MANAGER, HANDLE, LEFTOVERS, MARKS, ownership
from tui.issuance.families.dpf.tending import trace
from tui.issuance.families.tenants.wish import PushWish
from tui.issuance.model.claims import read_token
from tui.issuance.model.kinds import CredentialKind
from tui.issuance.model.types import Address, Identity, Push
from tui.issuance.objects import managed
from tui.issuance.objects.external_secrets import PUSH_SECRETS, push_secret
from tui.issuance.objects.token_request import request_token
from tui.kube import kubeconfig as loading
from tui.kube.errors import KubeError, NotFound
from tui.kube.resource import SECRETS, SERVICE_ACCOUNTS
from tui.kube.sensitive import Sensitive


def conditions(request: Any) -> dict[str, tuple[str, str, str]]:
    return {c.type: (c.status, c.reason, c.message) for c in request.conditions}


# What a request asks to be written into another namespace


@pytest.mark.parametrize(
    "metadata",
    [
        {"labels": {"app.kubernetes.io/managed-by": "kubemint", "kubemint.io/role": "credential"}},
        {"annotations": {"kubemint.io/account": "kube-system/admin"}},
        {"annotations": {"kubernetes.io/service-account.name": "default"}},
        {"labels": {"svc.dpu.nvidia.com/credential-request-name": "theirs"}},
    ],
)
async def test_a_request_cannot_have_marks_written_for_it(both: Place, metadata: dict[str, Any]) -> None:
    await both.want(metadata=metadata)
    rest = await both.keep(ok=False)
    assert "only kubemint may set" in rest.error
    with pytest.raises(NotFound):
        await both.secret()
    found = await both.read()
    assert conditions(found)["SecretReconciled"][:2] == ("False", "Error")
    assert await both.account() is None
    assert await both.handles() == []


async def test_marks_that_come_later_do_not_reach_the_secret_and_cost_it_nothing(place: Place) -> None:
    await place.want()
    await place.keep()
    token = await place.token()
    await place.change(metadata={"labels": {"kubemint.io/role": "credential"}})
    await place.keep(ok=False)
    await place.keep(ok=False, renew="by hand")
    assert "kubemint.io/role" not in (await place.secret()).metadata["labels"]
    assert await place.token() == token
    assert await place.works(token)
    await place.change(metadata={"labels": {"kubemint.io/role": None}})
    assert not (await place.keep()).issued


# Conditions say only what was established


async def test_an_account_that_was_never_made_is_not_called_reconciled(both: Place) -> None:
    await both.client.create(SECRETS, {"metadata": {"name": "out"}, "data": {"x": "eA=="}}, namespace=both.ns)
    await both.want()
    await both.keep(ok=False)
    assert await both.account() is None
    said = conditions(await both.read())
    assert said["ServiceAccountReconciled"][0] == "Unknown"
    assert said["SecretReconciled"][:2] == ("False", "Error")
    assert said["Ready"][0] == "False"


async def test_what_is_gone_is_not_called_reconciled_any_more(place: Place) -> None:
    await place.want()
    await place.keep()
    assert conditions(await place.read())["ServiceAccountReconciled"][0] == "True"
    await (await place.member()).delete(SERVICE_ACCOUNTS, "test-service-account", namespace=place.ns)
    await place.change(metadata={"labels": {"kubemint.io/role": "credential"}})
    await place.keep(ok=False)
    assert conditions(await place.read())["ServiceAccountReconciled"][:2] == ("False", "Pending")
    await place.change(metadata=None)
    await place.keep()
    await place.client.delete(SECRETS, "out", namespace=place.ns)
    place.faults("tenant-a", FaultRule(Answer(500), verb="create", path="/token$"))
    await place.keep(ok=False)
    said = conditions(await place.read())
    assert said["ServiceAccountReconciled"][:2] == ("False", "Error")
    assert said["SecretReconciled"][:2] == ("False", "Pending")


# What is there already


@pytest.mark.parametrize("authority", ["its own", "none"])
async def test_an_address_of_another_cluster_in_the_secret_is_not_kept(place: Place, authority: str) -> None:
    """Whoever may patch the Secret once would have every later token sent to his server."""
    await place.want(targetCluster=None)
    await place.keep()
    own = place.known.endpoint(place.host).server
    text = (await place.secret()).values()["kubeconfig"].reveal().replace(own, "https://evil.example:443")
    found = place.known.endpoint(place.host).ca
    assert found is not None
    written = base64.b64encode(found).decode()
    theirs = base64.b64encode(place.known.endpoint("tenant-a").ca or b"").decode()
    text = text.replace(written, theirs) if authority == "its own" else re.sub(".*certificate-authority.*\n", "", text)
    patch = {"data": {"kubeconfig": base64.b64encode(text.encode()).decode()}}
    await place.client.patch(SECRETS, "out", patch, namespace=place.ns)
    await place.keep()
    config = loading.parse((await place.secret()).values()["kubeconfig"].reveal_bytes())
    assert config.endpoint().server == own
    assert config.endpoint().ca == found


# Who keeps a request


async def as_the_controller(place: Place, name: str, body: dict[str, Any], subresource: str = "") -> None:
    """A write under the controller's name, which anybody may give who may write the request."""
    await place.client.request(
        "PATCH",
        DPU_REQUESTS.path(place.ns, name, subresource or None),
        params={"fieldManager": FIELD_MANAGER},
        body=body,
        content_type="application/merge-patch+json",
    )


async def raw(place: Place, name: str) -> dict[str, Any]:
    found: dict[str, Any] = await place.client.get(DPU_REQUESTS, name, namespace=place.ns)
    return found


async def test_a_forged_field_manager_stops_nobody_else(both: Place) -> None:
    """A name in managedFields is a claim of whoever wrote that request, and says nothing of the others."""
    await both.want("forged", serviceAccount={"name": "a", "namespace": both.ns}, secret={"name": "a"})
    await as_the_controller(both, "forged", {"metadata": {"labels": {"x": "y"}}})
    await both.want("mine")
    forged, mine = await raw(both, "forged"), await raw(both, "mine")
    now = both.clock()
    assert FIELD_MANAGER in await left_to(both.client, both.host, forged, [mine], now)
    new = await left_to(both.client, both.host, mine, [forged], now)
    assert new.startswith("it is new, and a controller seems to be at work here: ")
    later = now + timedelta(seconds=70)
    assert await left_to(both.client, both.host, mine, [forged], later) == ""
    assert await left_to(both.client, both.host, forged, [mine], now + timedelta(minutes=11)) == ""
    await both.keep("mine")
    mine = await raw(both, "mine")
    assert await left_to(both.client, both.host, mine, [forged], now) == "", "what kubemint keeps goes on at once"


async def test_a_name_among_the_managers_does_not_outlast_a_token_that_nobody_renews(place: Place) -> None:
    await place.want()
    await place.keep()
    CLOCK.ahead += timedelta(minutes=52)
    await as_the_controller(place, "req", {"metadata": {"labels": {"x": "y"}}})
    assert await left_to(place.client, place.host, await raw(place, "req"), [], place.clock()) == ""
    assert (await place.keep()).reason == "it is due"


@pytest.mark.parametrize("there", ["nothing", "another token", "no token"])
async def test_a_status_without_its_token_in_the_secret_stops_nobody(both: Place, there: str) -> None:
    """It may say that it was renewed in time, and until when, for as long as its writer likes."""
    await both.want()
    await both.keep()
    unmarked = {"metadata": {"annotations": dict.fromkeys(MARKS)}}
    await both.client.patch(DPU_REQUESTS, "req", unmarked, namespace=both.ns)
    request = await raw(both, "req")
    assert "was renewed in time" in await left_to(both.client, both.host, request, [], both.clock())
    if there == "nothing":
        await both.client.delete(SECRETS, "out", namespace=both.ns)
    elif there == "no token":
        await both.client.patch(SECRETS, "out", {"data": {"kubeconfig": "eA=="}}, namespace=both.ns)
    else:
        await both.status(expirationTimestamp="2090-01-01T00:00:00Z")
    request = await raw(both, "req")
    assert trace(request, both.clock()), "that is what it says"
    assert await left_to(both.client, both.host, request, [], both.clock()) == ""


# The token that lies in the Secret


async def token_of(place: Place, account: str) -> Sensitive:
    """A working token of another account in the DPU cluster, whose owner has nothing to do with the request."""
    client = await place.member()
    await client.create(SERVICE_ACCOUNTS, {"metadata": {"name": account}}, namespace=place.ns)
    identity = Identity(place.members[0], place.ns, account)
    return (await request_token(client, identity, timedelta(hours=1), (), None)).token


async def put(place: Place, token: Sensitive | str, name: str = "out") -> None:
    """Put this token into the Secret, as whoever may patch it can."""
    old, new = await place.token(name), token if isinstance(token, str) else token.reveal()
    text = (await place.secret(name)).values()["kubeconfig"].reveal().replace(old.reveal(), new)
    patch = {"data": {"kubeconfig": base64.b64encode(text.encode()).decode()}}
    await place.client.patch(SECRETS, name, patch, namespace=place.ns)


async def unmark(place: Place, name: str = "req") -> None:
    """Take every mark off the request, as whoever may edit it can, and as DPF's controller leaves them."""
    unmarked = {"metadata": {"annotations": dict.fromkeys(MARKS)}}
    await place.client.patch(DPU_REQUESTS, name, unmarked, namespace=place.ns)


@pytest.mark.parametrize("marks", ["none", "those of the old token"])
async def test_another_accounts_token_is_not_carried_on(both: Place, marks: str) -> None:
    """A fingerprint that nobody wrote down matches nothing: whose token it is stands in the token."""
    await both.want()
    await both.keep()
    victim = await token_of(both, "victim")
    await put(both, victim)
    if marks == "none":
        await unmark(both)
    await both.change(secret={"name": "copied", "namespace": both.ns})
    rest = await both.keep()
    assert (
        rest.reason
        == f"the Secret holds a token of {Identity(f'{both.host}/{both.ns}/{both.members[0]}', both.ns, 'victim')}"
    )
    copied = await both.token("copied")
    assert copied != victim
    assert read_token(copied).service_account == "test-service-account"
    assert await both.works(copied)


async def test_a_token_of_an_account_that_was_made_anew_is_not_carried_on(place: Place) -> None:
    await place.want()
    await place.keep()
    client, account = await place.member(), await place.account()
    assert account is not None
    await client.delete(SERVICE_ACCOUNTS, "test-service-account", namespace=place.ns)
    again = {key: account["metadata"][key] for key in ("name", "labels", "annotations")}
    await client.create(SERVICE_ACCOUNTS, {"metadata": again}, namespace=place.ns)
    await unmark(place)
    assert (await place.keep()).reason == "its service account was deleted and created again"


def unsigned(claims: dict[str, Any]) -> str:
    def part(value: dict[str, Any]) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    return f"{part({'alg': 'RS256', 'kid': 'x'})}.{part(claims)}.{'c2ln' * 20}"


@pytest.mark.parametrize("marked", [False, True])
async def test_a_token_that_nobody_signed_is_not_carried_on(both: Place, marked: bool) -> None:
    await both.want()
    await both.keep()
    payload = (await both.token()).reveal().split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    forged = Sensitive(unsigned(claims | {"exp": claims["exp"]}).encode())
    await put(both, forged)
    marks: dict[str, Any] = {"kubemint.io/fingerprint": forged.fingerprint} if marked else dict.fromkeys(MARKS)
    await both.client.patch(DPU_REQUESTS, "req", {"metadata": {"annotations": marks}}, namespace=both.ns)
    await both.change(secret={"name": "copied", "namespace": both.ns})
    assert (await both.keep()).issued
    assert await both.works(await both.token("copied"))


async def test_what_nobody_could_confirm_is_neither_carried_on_nor_replaced(place: Place) -> None:
    await place.want()
    await place.keep()
    token = await place.token()
    place.faults("tenant-a", FaultRule(Answer(500), verb="create", path="reviews$"))
    await place.change(secret={"name": "copied", "namespace": place.ns})
    rest = await place.keep(ok=False)
    assert "could not be confirmed" in rest.error
    with pytest.raises(NotFound):
        await place.secret("copied")
    place.faults(clear=True)
    assert not (await place.keep()).issued
    assert await place.token("copied") == token


async def test_a_status_that_says_another_time_is_set_right_and_costs_no_token(both: Place) -> None:
    """By the status alone the token would never be renewed, and die."""
    await both.want()
    await both.keep()
    before, token = await both.read(), await both.token()
    await both.status(expirationTimestamp="2090-01-01T00:00:00Z", issuedAt="2089-01-01T00:00:00Z")
    rest = await both.keep()
    assert not rest.issued
    assert await both.token() == token
    after = await both.read()
    assert (after.issued_at, after.expires_at, after.marks) == (before.issued_at, before.expires_at, before.marks)
    assert len(await both.handles()) == 1


async def test_an_old_token_that_somebody_puts_back_within_its_grace_ends_all_the_same(place: Place) -> None:
    place.keeper = Keeper(place.clusters, clock=place.clock, grace=timedelta(minutes=1))
    await place.want()
    await place.keep()
    leaked = await place.token()
    await place.keep(renew="it leaked")
    await put(place, leaked)
    await unmark(place)
    assert (await place.keep()).reason == "the Secret holds another token"
    CLOCK.ahead += timedelta(minutes=2)
    await place.keep()
    assert await place.refused(leaked)
    assert await place.works(await place.token())


async def test_a_secret_that_only_the_status_names_is_not_given_out(place: Place, tmp_path: Path) -> None:
    """Whoever may patch the status would have its operator export, or verify, whatever lies anywhere."""
    await place.want("theirs", serviceAccount={"name": "theirs", "namespace": place.ns},
                     secret={"name": "theirs", "namespace": place.ns})  # fmt: skip
    await place.keep("theirs")
    await place.want()
    await place.keep()
    await place.status(secret=f"{place.ns}/theirs", serviceAccount=f"{place.ns}/theirs")
    async with Bench(Arena(place.side, place.config, place.host, tmp_path, place.ns)) as bench:
        address = Address(CredentialKind.REQUEST, place.host, place.ns, "req")
        with pytest.raises(UsageError, match="was not made for it"):
            await bench.engine.export(address, FileDestination(str(tmp_path / "copy")))
        assert not (tmp_path / "copy").exists()
        with pytest.raises(UsageError, match="was not made for it"):
            await bench.engine.verify(address)


async def test_labels_on_a_pushed_secret_do_not_have_a_request_renewed_that_does_not_keep_it(
    place: Place, tmp_path: Path
) -> None:
    await place.want()
    await place.keep()
    bait = {"metadata": {"name": "bait", "labels": ownership(place.ns, "req")}}
    await place.client.create(SECRETS, bait, namespace=place.ns)
    for name in ("bait", "out"):
        push = push_secret(Push(name, "store", "tenant-a", place.ns, "there"), place.ns, name, "x")
        await place.client.create(PUSH_SECRETS, push, namespace=place.ns)
    async with Bench(Arena(place.side, place.config, place.host, tmp_path, place.ns)) as bench:
        plan = await bench.engine.plan(PushWish(place.host, place.ns, "bait"))
        assert [step.id for step in plan.steps] == ["touch", "arrive"]
        assert "which does not keep it" in plan.warnings[0]
        plan = await bench.engine.plan(PushWish(place.host, place.ns, "out"))
        assert "token" in [step.id for step in plan.steps]


async def test_the_handle_of_a_killed_try_is_used_by_the_next(both: Place) -> None:
    await both.want()
    work = await look(both.clusters, await both.read())
    await work.account()
    made = await work.bind("keeper-dead", "another process")
    assert made is not None
    await both.keep()
    assert await both.handles() == [made.name]
    bound = read_token(await both.token()).bound
    assert bound is not None
    assert bound.uid == made.uid
    assert await both.works(await both.token())
    await work.unbind()  # the dead one comes back to life, and would tidy up after itself
    assert await both.handles() == [made.name]


# Whose an account or a Secret is


async def test_an_account_without_managers_is_not_taken_over_by_a_status_that_names_it(both: Place) -> None:
    """Not even on a cluster that strips managedFields: nothing there says that the controller made it."""
    client = await both.member()
    await client.create(SERVICE_ACCOUNTS, {"metadata": {"name": "admin"}}, namespace=both.ns)
    await client.patch(SERVICE_ACCOUNTS, "admin", {"metadata": {"managedFields": [{}]}}, namespace=both.ns)
    assert not ((await both.account("admin")) or {})["metadata"].get("managedFields")
    before = await both.account("admin")
    await both.want(serviceAccount={"name": "admin", "namespace": both.ns})
    await both.status(serviceAccount=f"{both.ns}/admin", targetCluster=f"{both.ns}/{both.members[0]}")
    rest = await both.keep(ok=False)
    assert "is already in use" in rest.error
    after = await both.account("admin")
    assert before is not None
    assert after is not None
    assert [one["metadata"].get(key) for one in (before, after) for key in ("labels", "annotations")] == [None] * 4
    with pytest.raises(NotFound):
        await both.secret()


# What may be removed


async def lie(place: Place, *leftovers: Leftover) -> None:
    """Write this into the annotation, as whoever may edit the request can."""
    notes = {"metadata": {"annotations": {LEFTOVERS: written(leftovers)}}}
    await place.client.patch(DPU_REQUESTS, "req", notes, namespace=place.ns)


def claimed(place: Place, kind: Literal["handle", "account", "secret"], name: str, uid: str = "") -> Leftover:
    target = "" if kind == "secret" else f"{place.ns}/{place.members[0]}"
    due = place.clock() - timedelta(minutes=1)
    return Leftover(kind=kind, name=f"{place.ns}/{name}", target=target, uid=uid, due=due)


@pytest.mark.parametrize("way", ["changed", "deleted"])
async def test_accounts_and_secrets_that_a_status_names_are_not_removed_for_that(both: Place, way: str) -> None:
    """Whoever may patch the status may name any: another request's, one of the first controllers, anybody's."""
    await both.want(
        "theirs",
        serviceAccount={"name": "theirs", "namespace": both.ns},
        secret={"name": "theirs", "namespace": both.ns},
    )
    await both.keep("theirs")
    client = await both.member()
    await client.apply(
        SERVICE_ACCOUNTS, "old", {"automountServiceAccountToken": False}, namespace=both.ns, manager=FIELD_MANAGER,
        force=True,
    )  # fmt: skip
    await both.client.apply(
        SECRETS, "old", {"type": "Opaque", "data": {"x": "eA=="}}, namespace=both.ns, manager=FIELD_MANAGER, force=True
    )
    await both.want()
    await both.keep()
    for name in ("theirs", "old"):
        await both.status(serviceAccount=f"{both.ns}/{name}", secret=f"{both.ns}/{name}")
        if way == "deleted":
            continue
        rest = await both.keep()
        assert sum("left alone: its labels do not say" in note for note in rest.notes) == 2, rest.notes
    if way == "deleted":
        await both.delete()
        assert (await both.keep()).request is None
    for name in ("theirs", "old"):
        assert await both.account(name) is not None
        assert await both.secret(name)
    assert await both.works(await both.token("theirs"))


async def test_what_an_annotation_calls_left_over_is_looked_at_before_it_goes(both: Place) -> None:
    """A Secret with data, a long-lived token, another handle: none goes although all marks of a handle are on it."""
    await both.want()
    await both.keep()
    await both.want(
        "theirs",
        serviceAccount={"name": "theirs", "namespace": both.ns},
        secret={"name": "theirs", "namespace": both.ns},
    )
    await both.keep("theirs")
    request, theirs, client = await both.read(), await both.read("theirs"), await both.member()
    handle = theirs.handle
    assert handle is not None
    labels = {managed.MANAGED_BY: managed.MANAGER, managed.ROLE: "handle"}
    notes = {managed.REQUEST: request.uid, managed.ACCOUNT: f"{both.ns}/test-service-account"}
    names = []
    for kind, more in (("precious", {"data": {"x": "eA=="}}), ("empty", {}), ("named-as-one", {})):
        name = "kubemint-test-service-account-bcdfghjk" if kind == "named-as-one" else kind
        names.append(name)
        metadata = {"name": name, "labels": labels, "annotations": notes}
        await client.create(SECRETS, {"metadata": metadata, "type": "Opaque"} | more, namespace=both.ns)
    name = "kubemint-test-service-account-kjhgfdcb"
    token_secret = {"name": name, "labels": labels,
                    "annotations": notes | {"kubernetes.io/service-account.name": "theirs"}}  # fmt: skip
    body = {"metadata": token_secret, "type": "kubernetes.io/service-account-token"}
    await client.create(SECRETS, body, namespace=both.ns)
    names += [name, handle.name]
    lies = []
    for name in names:
        found = await client.get_metadata(SECRETS, name, namespace=both.ns)
        lies += [claimed(both, "handle", name, found["metadata"]["uid"]), claimed(both, "handle", name)]
        lies.append(claimed(both, "account", name))
    await lie(both, *lies)
    rest = await both.keep()
    assert sum("left alone" in note for note in rest.notes) == 2 * len(names), rest.notes
    for name in names:
        assert await client.get_metadata(SECRETS, name, namespace=both.ns)
    assert leftovers_of(await both.read()) == ()


async def test_what_is_left_over_is_read_in_measure(place: Place) -> None:
    """Thousands of names to look for, and times that no clock can reckon with."""
    await place.want()
    await place.keep()
    times = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC), datetime(1, 1, 1, tzinfo=UTC)
    account = claimed(place, "account", "far")
    far = [msgspec.structs.replace(account, due=at) for at in times]
    await lie(place, *far, *(claimed(place, "account", f"name-{number}") for number in range(900)))
    before = await place.token()
    rest = await place.keep()
    assert len([note for note in rest.notes if "name-" in note]) == 64
    assert leftovers_of(await place.read()) == ()
    assert await place.token() == before


async def test_a_mark_on_a_handle_of_another_does_not_have_it_revoked(place: Place) -> None:
    """Nor does a forged mark keep the old token alive: what it is bound to stands in it."""
    await place.want()
    await place.keep()
    await place.want(
        "theirs",
        serviceAccount={"name": "theirs", "namespace": place.ns},
        secret={"name": "theirs", "namespace": place.ns},
    )
    await place.keep("theirs")
    mine, theirs, old = (await place.read()).handle, (await place.read("theirs")).handle, await place.token()
    assert mine is not None
    assert theirs is not None
    forged = {HANDLE: f"{theirs.namespace}/{theirs.name}/{theirs.uid}"}
    await place.client.patch(DPU_REQUESTS, "req", {"metadata": {"annotations": forged}}, namespace=place.ns)
    await place.keep(renew="by hand")
    handles = await place.handles()
    assert theirs.name in handles
    assert mine.name not in handles
    assert await place.refused(old)
    assert await place.works(await place.token("theirs"))


async def test_the_handle_of_the_token_in_use_is_not_left_over_whatever_the_annotations_say(place: Place) -> None:
    await place.want()
    await place.keep()
    handle = (await place.read()).handle
    assert handle is not None
    await lie(place, claimed(place, "handle", handle.name, handle.uid))
    await place.client.patch(DPU_REQUESTS, "req", {"metadata": {"annotations": {HANDLE: None}}}, namespace=place.ns)
    await place.keep()
    await place.keep()
    assert await place.works(await place.token())


async def test_an_account_that_was_made_and_never_used_goes_with_its_request(place: Place) -> None:
    await place.want()
    place.faults("tenant-a", FaultRule(Answer(500), verb="create", path="/token$"))
    await place.keep(ok=False)
    assert await place.account() is not None
    place.faults(clear=True)
    await place.delete()
    assert (await place.keep()).request is None
    assert await place.account() is None


# Tries that fail


TRIES = 4
WHERE = {
    "handle": ("tenant-a", "create", "/secrets$"),
    "token": ("tenant-a", "create", "/token$"),
    "prove": ("tenant-a", "create", "reviews$"),
    "write": ("harbor", "patch", "/secrets/out$"),
    "annotate": ("harbor", "patch", "/dpuservicecredentialrequests/req$"),
    "status": ("harbor", "patch", "/status$"),
}


FAULTS = [(point, "500", "first") for point in WHERE] + [(point, "cut", "renewal") for point in WHERE]
FAULTS += [("handle", "cut", "first"), ("write", "500", "renewal"), ("write", "cut", "first")]


@pytest.mark.parametrize(("point", "trouble", "when"), FAULTS)
async def test_tries_that_fail_leave_no_handles(place: Place, point: str, trouble: str, when: str) -> None:
    """However often it is tried, and whether or not the server did what it did not answer for."""
    first = when == "first"
    await place.want()
    if not first:
        await place.keep()
        CLOCK.ahead += timedelta(minutes=50)
    cluster, verb, path = WHERE[point]
    # The finalizer and the first conditions are there, so that the fault meets what comes after the handle.
    if first and point in ("annotate", "status"):
        place.faults("tenant-a", FaultRule(Answer(500), verb="create", path="/token$"))
        await place.keep(ok=False)
        place.faults(clear=True)
    action = Answer(400 if point == "prove" else 500) if trouble == "500" else Cut()  # proving is patient by itself
    place.faults(cluster, FaultRule(action, verb=verb, path=path))
    for _ in range(TRIES if (point, trouble) != ("prove", "cut") else 1):
        with contextlib.suppress(KubeError, ChangedMeanwhile):
            await place.keeper.reconcile(place.host, place.ns, "req")
    left = await place.handles()
    place.faults(clear=True)
    await place.keep()
    assert await place.works(await place.token())
    assert len(left) <= 2, left
    CLOCK.ahead += timedelta(minutes=2)
    await place.keep()
    await place.keep()
    assert len(await place.handles()) == 1
    assert await place.works(await place.token())
