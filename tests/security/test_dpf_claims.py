"""What a DPUServiceCredentialRequest says, its status, its annotations and what it names are claims of whoever may
write them: nothing is minted, copied, marked or deleted on them alone."""

from __future__ import annotations

import base64
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.issuance.dpf_place import CLOCK, Place
from tui.demo import Answer, FaultRule
from tui.issuance.dpf.aside import left_to
from tui.issuance.dpf.resources import DPU_REQUESTS, FIELD_MANAGER, FINALIZER, MARKS
from tui.issuance.dpf.tending import trace, waits_until
from tui.kube import kubeconfig as loading
from tui.kube.errors import NotFound
from tui.kube.resource import SECRETS, SERVICE_ACCOUNTS


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
    assert "nobody else may set" in rest.error
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


MADE = datetime(2030, 1, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("more", "waits"),
    [
        ({}, True),
        ({"status": {}}, True),
        ({"status": {"conditions": []}}, False),
        ({"finalizers": [FINALIZER]}, False),
        ({"finalizers": ["somebody.else/s"]}, True),
        ({"deletionTimestamp": "2030-01-01T12:00:01Z"}, False),
        ({"creationTimestamp": None}, False),
        ({"creationTimestamp": "soon"}, False),
    ],
)
def test_only_what_nobody_has_touched_is_left_a_minute(more: dict[str, Any], waits: bool) -> None:
    meta = {"creationTimestamp": "2030-01-01T12:00:00Z"} | {key: more[key] for key in more if key != "status"}
    until = waits_until({"metadata": meta} | {key: more[key] for key in more if key == "status"})
    assert (until == MADE + timedelta(minutes=1)) is waits
    assert (until > MADE) is waits
