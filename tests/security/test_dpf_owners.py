"""Who may write a DPU request, its status or its Secret gets nobody else's account, token or Secret by that, has no
token shown to another cluster, and keeps none alive: what decides is what he cannot write."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.issuance.dpf_place import Place
from tui.issuance.dpf.resources import DPU_REQUESTS, FIELD_MANAGER, NAME_LABEL, old_ownership
from tui.kube.errors import NotFound
from tui.kube.resource import SECRETS, SERVICE_ACCOUNTS

LONG = "site-amsterdam-rack-0042-blade-07-storage-gateway-operator-credentials-prod"
CUT = old_ownership("ns", LONG)[NAME_LABEL]
"""What earlier versions wrote for it, and a name that anybody may give his own request."""


def aimed(place: Place, account: str, secret: str) -> dict[str, Any]:
    return {
        "serviceAccount": {"name": account, "namespace": place.ns}, "secret": {"name": secret, "namespace": place.ns},
    }  # fmt: skip


def marks(obj: Any) -> tuple[Any, Any, Any]:
    meta: Mapping[str, Any] = obj["metadata"] if isinstance(obj, Mapping) else obj.metadata
    return meta.get("uid"), meta.get("labels"), meta.get("annotations")


# Whose an account or a Secret is


@pytest.mark.parametrize("label", ["old", "new"])
async def test_a_request_that_is_called_like_the_label_of_another_gets_nothing_of_it(both: Place, label: str) -> None:
    await both.want(LONG, **aimed(both, "gateway", "gateway"))
    await both.keep(LONG)
    if label == "old":
        once = {"metadata": {"labels": old_ownership(both.ns, LONG)}}
        await (await both.member()).patch(SERVICE_ACCOUNTS, "gateway", once, namespace=both.ns)
        await both.client.patch(SECRETS, "gateway", once, namespace=both.ns)
    account, secret = marks(await both.account("gateway")), marks(await both.secret("gateway"))
    await both.want(CUT, **aimed(both, "gateway", "loot"))
    await both.want("third", **aimed(both, "third", "gateway"))
    assert "already in use" in (await both.keep(CUT, ok=False)).error
    assert "already in use" in (await both.keep("third", ok=False)).error
    with pytest.raises(NotFound):
        await both.secret("loot")
    await both.delete(CUT)
    assert (await both.keep(CUT)).request is None
    assert (marks(await both.account("gateway")), marks(await both.secret("gateway"))) == (account, secret)
    assert (await both.keep(LONG)).error == "", "it goes on being kept, whatever earlier versions called it"
    assert marks(await both.account("gateway"))[0] == account[0]


async def test_a_request_made_again_does_not_inherit_what_the_first_one_left(both: Place) -> None:
    """Nor does one of the same name in another host, whose DPUCluster leads to the same cluster."""
    await both.want()
    await both.keep()
    account, secret = marks(await both.account()), marks(await both.secret())
    bare: dict[str, Any] = {"metadata": {"finalizers": []}}
    await both.client.patch(DPU_REQUESTS, "req", bare, namespace=both.ns)
    await both.delete()
    made = await both.want()
    rest = await both.keep(ok=False)
    assert "already in use: it was made for another request of this name" in rest.error
    assert f"annotate serviceaccount test-service-account --overwrite kubemint.io/request={made.uid}" in rest.hint
    await both.delete()
    assert (await both.keep()).request is None
    assert (marks(await both.account()), marks(await both.secret())) == (account, secret)


async def test_a_field_manager_and_a_status_do_not_vouch(both: Place) -> None:
    """DPF's first controller wrote no labels: what it made for others is nobody's who only says so."""
    client = await both.member()
    bare = {"automountServiceAccountToken": False}
    await client.apply(SERVICE_ACCOUNTS, "admin", bare, namespace=both.ns, manager=FIELD_MANAGER, force=True)
    data = {"type": "Opaque", "data": {"kubeconfig": "eA=="}}
    await both.client.apply(SECRETS, "vault", data, namespace=both.ns, manager=FIELD_MANAGER, force=True)
    account, secret = marks(await both.account("admin")), marks(await both.secret("vault"))
    await both.want(**aimed(both, "admin", "vault"))
    await both.status(
        serviceAccount=f"{both.ns}/admin", targetCluster=f"{both.ns}/{both.members[0]}", secret=f"{both.ns}/vault"
    )
    rest = await both.keep(ok=False)
    assert "already in use: its labels do not say that it was made for this request" in rest.error
    await both.delete()
    assert (await both.keep()).request is None
    assert (marks(await both.account("admin")), marks(await both.secret("vault"))) == (account, secret)


async def without_uid(place: Place) -> None:
    """As DPF's controller leaves them, and as earlier versions did: labels, and no UID."""
    bare = {"metadata": {"annotations": {"kubemint.io/request": None}}}
    await (await place.member()).patch(SERVICE_ACCOUNTS, "test-service-account", bare, namespace=place.ns)
    await place.client.patch(SECRETS, "out", bare, namespace=place.ns)


async def test_what_was_made_before_uids_were_written_is_known_by_its_token_and_marked(both: Place) -> None:
    await both.want()
    await both.keep()
    await without_uid(both)
    token = await both.token()
    assert not (await both.keep()).issued
    uid = (await both.read()).uid
    assert marks(await both.account())[2] == {"kubemint.io/request": uid}
    assert (await both.secret()).metadata["annotations"]["kubemint.io/request"] == uid
    assert await both.token() == token
    await both.client.delete(SECRETS, "out", namespace=both.ns)
    assert (await both.keep()).issued, "now that its UID is there, no token has to vouch any more"


@pytest.mark.parametrize("way", ["changed", "deleted"])
async def test_an_account_without_a_uid_goes_with_its_request_while_its_token_says_whose_it_is(
    both: Place, way: str
) -> None:
    await both.want()
    await both.keep()
    await without_uid(both)
    await both.change(serviceAccount={"name": "next", "namespace": both.ns})
    if way == "deleted":
        await both.change(serviceAccount={"name": "test-service-account", "namespace": both.ns})
        await both.delete()
    await both.keep()
    await both.keep()
    assert await both.account() is None


async def test_an_account_without_a_uid_whose_token_nobody_confirms_is_left_alone(place: Place) -> None:
    await place.want()
    await place.keep()
    await without_uid(place)
    await place.client.delete(SECRETS, "out", namespace=place.ns)
    rest = await place.keep(ok=False)
    assert "nothing says that it was made for this one" in rest.error
    await place.delete()
    rest = await place.keep()
    assert any("service account" in note and "was left alone" in note for note in rest.notes), rest.notes
    assert await place.account() is not None
