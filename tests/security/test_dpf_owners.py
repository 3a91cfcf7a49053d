"""Who may write a DPU request, its status or its Secret gets nobody else's account, token or Secret by that, has no
token shown to another cluster, and keeps none alive: what decides is what he cannot write."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.issuance.arena import Arena, Bench
from tests.issuance.dpf_place import Place
from tui.issuance.errors import UsageError
from tui.issuance.families.dpf.resources import DPU_REQUESTS, FIELD_MANAGER, NAME_LABEL, old_ownership
from tui.issuance.formats.kubeconfig import kubeconfig
from tui.issuance.model.kinds import CredentialKind
from tui.issuance.model.types import Address, Identity
from tui.kube.client import Client
from tui.kube.endpoint import Endpoint
from tui.kube.errors import APIError, NotFound, Unauthorized
from tui.kube.resource import SECRETS, SERVICE_ACCOUNTS
from tui.kube.sensitive import Sensitive

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


# To whom its token is shown, and where what it replaces is looked for


@pytest.fixture
def shown_at(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Sensitive]]:
    """The servers that are entered with a token, and with which."""
    seen: list[tuple[str, Sensitive]] = []
    enter = Endpoint.with_token

    def entered(self: Endpoint, token: Sensitive) -> Endpoint:
        seen.append((self.server, token))
        return enter(self, token)

    monkeypatch.setattr(Endpoint, "with_token", entered)
    return seen


async def of_the_host(place: Place, **spec: Any) -> Sensitive:
    """A request for an account of the host, whose status somebody changes: it says a tenant's cluster."""
    await place.want(targetCluster=None, **spec)
    await place.keep()
    token = await place.token()
    await place.status(targetCluster=f"{place.ns}/{place.members[0]}")
    return token


async def works_in_the_host(place: Place, token: Sensitive) -> bool:
    place.clock.ahead += timedelta(seconds=11)
    async with Client(place.known.endpoint(place.host).with_token(token)) as bearer:
        try:
            await bearer.get(SERVICE_ACCOUNTS, "default", namespace=place.ns)
        except Unauthorized:
            return False
        except APIError:
            return True
        return True


async def test_a_token_is_not_shown_to_the_cluster_that_a_status_names(
    place: Place, tmp_path: Path, shown_at: list[tuple[str, Sensitive]]
) -> None:
    token = await of_the_host(place)
    address = Address(CredentialKind.REQUEST, place.host, place.ns, "req")
    async with Bench(Arena(place.side, place.config, place.host, tmp_path, place.ns)) as bench:
        verified = await bench.engine.verify(address)
        assert verified.ok, verified
        assert f"asked of {place.host}, to which it leads" in verified.message
        plan = await bench.engine.plan_revoke(address)
        assert not any("not revoked" in warning for warning in plan.warnings)
        rotated = await bench.rotate(address)
        assert rotated.ok, rotated
    assert {server for server, shown in shown_at if shown == token} == {place.known.endpoint(place.host).server}
    assert not await works_in_the_host(place, token)


async def test_what_is_replaced_is_ended_where_it_is_whatever_the_status_says(
    place: Place, shown_at: list[tuple[str, Sensitive]]
) -> None:
    token = await of_the_host(place)
    rest = await place.keep()
    assert rest.issued
    assert any("handle" in note and " deleted; " in note for note in rest.notes), rest.notes
    assert not any("gone already" in note for note in rest.notes), rest.notes
    tenant = place.known.endpoint(place.members[0]).server
    assert (tenant, token) not in shown_at
    assert not await works_in_the_host(place, token)


async def test_a_token_that_nothing_shows_the_cluster_of_is_shown_to_none(
    place: Place, tmp_path: Path, shown_at: list[tuple[str, Sensitive]]
) -> None:
    await place.want()
    await place.keep()
    token = await place.token()
    shown_at.clear()
    tenants = f"{place.ns}/{place.members[1]}"
    other = {"name": place.members[1], "namespace": place.ns}
    await place.change(targetCluster=other)
    await place.status(targetCluster=tenants)
    address = Address(CredentialKind.REQUEST, place.host, place.ns, "req")
    async with Bench(Arena(place.side, place.config, place.host, tmp_path, place.ns)) as bench:
        with pytest.raises(UsageError, match="it is sent to none"):
            await bench.engine.verify(address)
        plan = await bench.engine.plan_revoke(address)
        found = f"its handle is in {place.members[0]}, by its UID"
        assert any(found in said for said in plan.warnings), "the handle itself is where it is, without the token"
    rest = await place.keep()
    assert rest.issued
    assert any("it is good until" in note for note in rest.notes), rest.notes
    assert token not in [shown for _, shown in shown_at]


# Which keys of its Secret are read


async def test_a_key_of_another_format_is_not_read(place: Place) -> None:
    """Whoever may patch the Secret once would have a new token issued at every look."""
    await place.want(type="tokenFile", targetCluster=None)
    await place.keep()
    values = (await place.secret()).values()
    host = place.known.endpoint(place.host)
    older = kubeconfig(Sensitive(b"e30.e30.c2ln"), host, Identity(host.name, place.ns, "test-service-account"))
    foreign = {"data": {"kubeconfig": base64.b64encode(older.reveal_bytes()).decode()}}
    await place.client.patch(SECRETS, "out", foreign, namespace=place.ns)
    for _ in range(2):
        assert not (await place.keep()).issued
    assert (await place.secret()).values()["TOKEN_FILE"] == values["TOKEN_FILE"]
    await place.change(type="kubeconfig")
    assert (await place.keep()).issued, "another type was asked for, and what is there is not this request's"
