"""A SecretStore is held against the tenant that is known: who may patch one gets no token through it (fifth attack,
hands 4)."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any, Final

import pytest

from tests.issuance.arena import Arena
from tests.issuance.tenancy import Tenancy
from tests.issuance.test_tenant_stores import SOURCE, TENANT, make_store, push, wish
from tui.demo import Answer, FaultRule
from tui.issuance.destinations.secret import SecretPlace
from tui.issuance.destinations.tenant import PushedPlace
from tui.issuance.destinations.tenant_store import _Untold, _way, elsewhere
from tui.issuance.errors import UsageError
from tui.issuance.families.tenants.wish import PushWish
from tui.issuance.objects.external_secrets import PUSH_SECRETS, STORES
from tui.issuance.objects.secret_object import SecretObject
from tui.kube.endpoint import Endpoint
from tui.kube.errors import Forbidden, NotFound
from tui.kube.resource import SECRETS, Resource
from tui.kube.sensitive import Sensitive

CA = b"-----BEGIN CERTIFICATE-----\nb25l\n-----END CERTIFICATE-----\n"
OTHER = b"-----BEGIN CERTIFICATE-----\nb3RoZXI=\n-----END CERTIFICATE-----\n"
KNOWN = Endpoint("tenant", "https://a.example:6443", CA, tls_server_name="a", proxy_url="http://p")
UNCHECKED = Endpoint("tenant", "https://a.example:6443", insecure=True)
SYSTEM = Endpoint("tenant", "https://a.example:6443")


def text(value: bytes) -> str:
    return base64.b64encode(value).decode()


def kubeconfig(server: str, ca: bytes) -> bytes:
    return (
        f'{{"apiVersion": "v1", "kind": "Config", "current-context": "c", "contexts": [{{"name": "c", "context": '
        f'{{"cluster": "c", "user": "u"}}}}], "users": [{{"name": "u", "user": {{"token": "t"}}}}], "clusters": '
        f'[{{"name": "c", "cluster": {{"server": "{server}", "certificate-authority-data": "{text(ca)}"}}}}]}}'
    ).encode()


class Beside:
    """What lies beside a store, as a client sees it."""

    secrets: Final[dict[str, dict[str, bytes]]] = {
        "auth": {"ca": CA, "other": OTHER, "both": CA + OTHER, "odd": b"nothing", "mixed": CA + b"-----BEGIN X-----",
                 "kubeconfig": kubeconfig("https://a.example:6443", CA),
                 "theirs": kubeconfig("https://b.example:6443", OTHER)},
    }  # fmt: skip

    async def get(self, resource: Resource, name: str, *, namespace: str, type: Any = None) -> Any:  # noqa: A002
        assert namespace == "ns"
        if name == "hidden":
            raise Forbidden(403, "Forbidden", "no")
        if name not in self.secrets:
            raise NotFound(404, "NotFound", "no")
        if resource.kind == "ConfigMap":
            return {"data": {key: value.decode() for key, value in self.secrets[name].items()}}
        return SecretObject(
            metadata={}, data={key: Sensitive(text(value)) for key, value in self.secrets[name].items()}
        )


def spec(url: Any = "https://a.example:6443", into: Any = "kube-system", **server: Any) -> dict[str, Any]:
    given = server or {"caProvider": {"type": "Secret", "name": "auth", "key": "ca"}}
    return {"provider": {"kubernetes": {"remoteNamespace": into, "server": {"url": url, **given}}}}


def provided(key: str = "ca", name: str = "auth", kind: str = "Secret", **more: str) -> dict[str, Any]:
    return {"caProvider": {"type": kind, "name": name, "key": key, **more}}


def by_kubeconfig(key: str) -> dict[str, Any]:
    found = spec("https://a.example:6443")
    found["provider"]["kubernetes"]["authRef"] = {"name": "auth", "key": key}
    return found


@pytest.mark.parametrize(
    ("known", "store", "why"),
    [
        (KNOWN, spec(), ""),
        (KNOWN, spec("https://A.example:6443/"), ""),
        (KNOWN, spec("a.example:6443"), ""),
        (KNOWN, spec(caBundle=text(CA)), ""),
        (KNOWN, spec(**provided(kind="ConfigMap")), ""),
        (KNOWN, spec(caBundle=text(CA), **provided("other")), ""),  # the bundle counts, as for the operator
        (KNOWN, by_kubeconfig("kubeconfig"), "it expects the server to be called"),
        (SYSTEM, spec(caBundle=""), ""),
        (UNCHECKED, spec(), ""),
        (KNOWN, spec("https://b.example:6443"), "its server is https://b.example:6443, the one known is"),
        (KNOWN, spec("https://a.example:6444"), "its server is"),
        (KNOWN, spec("https://a.example:6443/b"), "its server is"),
        (KNOWN, spec("https://a.example:6443@b.example"), "has a user"),
        (KNOWN, spec("https://a.example:6443\\@b.example"), "its server"),
        (KNOWN, spec("http://a.example:6443"), "is not https"),
        (KNOWN, spec(""), "its server is https://kubernetes.default"),
        (KNOWN, spec(7), "its server"),
        (KNOWN, spec(caBundle=text(OTHER)), "another certificate authority"),
        (KNOWN, spec(caBundle=text(CA + OTHER)), "another certificate authority"),
        (KNOWN, spec(caBundle=text(OTHER), **provided()), "another certificate authority"),
        (KNOWN, spec(**provided("both")), "another certificate authority"),
        (KNOWN, spec(caBundle=""), "another certificate authority"),  # it trusts the system's
        (SYSTEM, spec(), "another certificate authority"),
        (KNOWN, spec(caBundle="?"), "not base64"),
        (KNOWN, spec(caBundle=text(text(CA).encode())), "cannot be read"),
        (KNOWN, spec(**provided("odd")), "cannot be read"),
        (KNOWN, spec(**provided("mixed")), "cannot be read"),
        (KNOWN, spec(**provided("gone")), "is not there"),
        (KNOWN, spec(**provided(name="gone")), "is not there"),
        (KNOWN, spec(**provided(name="hidden")), "you may not read"),
        (KNOWN, spec(**provided(namespace="other")), "not beside it"),
        (KNOWN, spec(**provided("")), "not beside it"),
        (UNCHECKED, spec("https://b.example"), "its server is"),
        (KNOWN, by_kubeconfig("theirs"), "its server is https://b.example:6443"),
        (KNOWN, by_kubeconfig("odd"), "is not understood"),
        (KNOWN, spec(into="default"), "writes to the namespace default, not to kube-system"),
        (KNOWN, spec(into=None), "writes to the namespace default"),
        (KNOWN, {"provider": {"vault": {"server": "https://a.example:6443"}}}, "it is one of vault"),
        (KNOWN, {"provider": spec()["provider"] | {"vault": {}}}, "it is one of kubernetes, vault"),
        (KNOWN, {}, "it is one of nothing"),
        (KNOWN, None, "it is one of nothing"),
        (KNOWN, {"provider": {"kubernetes": "x"}}, "its server is"),
    ],
)  # fmt: skip
async def test_where_a_store_leads(known: Endpoint, store: Any, why: str) -> None:
    try:
        way = await _way(Beside(), "ns", store, known)  # type: ignore[arg-type]
        said = "; ".join(elsewhere(way, known, "kube-system"))
    except _Untold as error:
        said = error.why
    assert why in said
    assert bool(why) is bool(said), said


@pytest.fixture
async def stored(embedded: Arena) -> AsyncIterator[Tenancy]:
    async with Tenancy(embedded, TENANT) as tenancy:
        assert (await make_store(tenancy)).ok
        yield tenancy


async def lead_away(tenancy: Tenancy) -> dict[str, Any]:
    """What whoever may patch that one store does: it leads to a cluster of his own. Gives what it was before."""
    namespace = tenancy.arena.namespace
    before = await tenancy.client.get(STORES, TENANT, namespace=namespace)
    theirs = tenancy.clusters.endpoint("tenant-b")
    kubernetes = {"server": {"url": theirs.server, "caBundle": text(theirs.ca or b""), "caProvider": None}}
    patch = {"spec": {"provider": {"kubernetes": kubernetes}}}
    await tenancy.client.patch(STORES, TENANT, patch, namespace=namespace)
    return before["spec"]  # type: ignore[no-any-return]


async def lead_back(tenancy: Tenancy, spec: dict[str, Any]) -> None:
    server = {"caBundle": None} | spec["provider"]["kubernetes"]["server"]
    patch = {"spec": {"provider": {"kubernetes": {"server": server}}}}
    await tenancy.client.patch(STORES, TENANT, patch, namespace=tenancy.arena.namespace)


async def nothing_got_there(tenancy: Tenancy) -> None:
    theirs = await tenancy.clusters.client("tenant-b")
    with pytest.raises(NotFound):
        await theirs.get_metadata(SECRETS, tenancy.box, namespace="kube-system")


async def test_a_store_that_leads_elsewhere_gets_nothing(stored: Tenancy) -> None:
    await lead_away(stored)
    with pytest.raises(UsageError, match="does not match tenant-a: its server is https") as refused:
        await stored.engine.plan(wish(stored))
    assert "another certificate authority than the one known" in refused.value.message
    assert "kubemint tenant store tenant-a" in refused.value.hint
    assert await stored.handles() == []


async def test_nor_where_it_is_changed_after_the_plan(stored: Tenancy) -> None:
    plan = await stored.engine.plan(wish(stored))
    await lead_away(stored)
    outcome = await stored.engine.execute(plan)
    assert not outcome.ok
    assert "does not match tenant-a" in outcome.error
    assert await stored.handles() == []
    await nothing_got_there(stored)


async def test_nor_where_it_is_changed_right_before_it_is_announced(
    stored: Tenancy, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = SecretPlace.write

    async def written(place: SecretPlace, writing: Any) -> str:
        said = await write(place, writing)
        await lead_away(stored)
        return said

    monkeypatch.setattr(SecretPlace, "write", written)
    outcome = await push(stored)
    assert not outcome.ok
    assert "does not match tenant-a" in outcome.error
    assert await stored.handles() == []
    with pytest.raises(NotFound):
        await stored.client.get(PUSH_SECRETS, f"{TENANT}-robot", namespace=stored.arena.namespace)
    await nothing_got_there(stored)


async def test_what_got_elsewhere_for_a_moment_is_taken_back(stored: Tenancy, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that was turned away and back again behind the announcement; at the least the token does not live on."""
    announce = PushedPlace._announce

    async def announced(place: PushedPlace, fingerprint: str) -> None:
        before = await lead_away(stored)
        await announce(place, fingerprint)
        await lead_back(stored, before)

    monkeypatch.setattr(PushedPlace, "_announce", announced)
    outcome = await push(stored)
    assert not outcome.ok
    assert f"SecretStore {stored.arena.namespace}/{TENANT} was changed while the token was on its way" in outcome.error
    assert await stored.handles() == []


async def test_a_rotation_is_not_carried_elsewhere(stored: Tenancy) -> None:
    address = (await push(stored)).address
    before = await stored.client.get(SECRETS, SOURCE, namespace=stored.arena.namespace)
    plan = await stored.engine.plan_rotate(address)
    spec = await lead_away(stored)
    for planned in (stored.engine.plan_rotate(address), again(stored)):
        with pytest.raises(UsageError, match=r"does not match .*tenant-a"):
            await planned
    outcome = await stored.engine.execute(plan)
    assert not outcome.ok
    after = await stored.client.get(SECRETS, SOURCE, namespace=stored.arena.namespace)
    assert after["data"] == before["data"], "what is in use stays in use"
    await lead_back(stored, spec)
    assert (await stored.engine.execute(await stored.engine.plan_rotate(address))).ok


async def again(tenancy: Tenancy, name: str = f"{TENANT}-robot") -> Any:
    return await tenancy.engine.plan(PushWish(tenancy.arena.name, tenancy.arena.namespace, name))


async def test_somebody_elses_push_is_announced_through_no_tenants_store_that_leads_elsewhere(stored: Tenancy) -> None:
    namespace = stored.arena.namespace
    source = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "theirs"}, "data": {"token": text(b"x")}}
    await stored.client.create(SECRETS, source, namespace=namespace)
    entry = {"match": {"secretKey": "token", "remoteRef": {"remoteKey": stored.box, "property": "token"}}}
    body = {
        "apiVersion": PUSH_SECRETS.api_version, "kind": "PushSecret", "metadata": {"name": "theirs"},
        "spec": {"refreshInterval": "1h", "selector": {"secret": {"name": "theirs"}}, "data": [entry],
                 "secretStoreRefs": [{"name": name, "kind": "SecretStore"} for name in (TENANT, "no-tenant")]},
    }  # fmt: skip
    await stored.client.create(PUSH_SECRETS, body, namespace=namespace)
    plan = await again(stored, "theirs")
    before = await lead_away(stored)
    with pytest.raises(UsageError, match=r"does not match .*tenant-a"):
        await again(stored, "theirs")
    outcome = await stored.engine.execute(plan)
    assert f"does not match harbor/{namespace}/{TENANT}" in outcome.error
    await lead_back(stored, before)
    await again(stored, "theirs")


@contextmanager
def hidden(tenancy: Tenancy) -> Iterator[None]:
    """The tenant lets nobody look at what was pushed."""
    rule, fleet = FaultRule(Answer(403), path=rf"/secrets/{tenancy.box}$"), tenancy.arena.fleet
    assert fleet is not None

    async def put(running: Any) -> None:
        running.cluster(TENANT).faults.add(rule)

    async def take(running: Any) -> None:
        running.cluster(TENANT).faults.remove(rule)

    fleet.call(put)
    try:
        yield
    finally:
        fleet.call(take)


async def test_what_could_not_be_looked_at_in_the_tenant_is_said(stored: Tenancy) -> None:
    with hidden(stored):
        outcome = await push(stored)
    assert outcome.ok, outcome
    (checked,) = [one.message for one in outcome.results if one.step == "check:0"]
    assert checked == "not seen in tenant-a, which cannot be looked into: External Secrets says it is there"
    seen = await stored.engine.execute(await stored.engine.plan_rotate(outcome.address))
    assert [one.message for one in seen.results if one.step == "check:0"] == [""]


async def test_what_went_elsewhere_unseen_is_taken_back(stored: Tenancy, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same where nobody can look into the tenant: the operator's word alone would do."""
    announce = PushedPlace._announce

    async def announced(place: PushedPlace, fingerprint: str) -> None:
        await lead_away(stored)
        await announce(place, fingerprint)

    monkeypatch.setattr(PushedPlace, "_announce", announced)
    with hidden(stored):
        outcome = await push(stored)
    assert not outcome.ok
    assert "does not match tenant-a" in outcome.error
    assert await stored.handles() == []
