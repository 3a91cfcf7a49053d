"""What a DPUServiceCredentialRequest says, its status, its annotations and what it names are claims of whoever may
write them: nothing is minted, copied, marked or deleted on them alone."""

from __future__ import annotations

import base64
import re
from typing import Any

import pytest

from tests.issuance.dpf_place import Place
from tui.demo import Answer, FaultRule
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
