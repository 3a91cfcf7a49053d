"""Who has what a Secret holds without being in its namespace: copies, and ExternalSecrets that fetch it from far."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.issuance.arena import Bench
from tests.issuance.test_lineage import branch, lines, put_pod, traced
from tui.demo import Answer, FaultRule
from tui.issuance.destinations.in_secret import SecretDestination
from tui.issuance.insight.lineage_tree import Part
from tui.issuance.model.kinds import CredentialKind
from tui.issuance.model.types import Address, Credential, Handle
from tui.issuance.objects.external_secrets import CLUSTER_STORES, EXTERNAL_SECRETS, STORES, tenant_store
from tui.issuance.users.external_views import StoreRef, external_view, store_view
from tui.issuance.users.far_users import LONGEST, Copied, Fetch, Overview, copies_of, far_use, fetchers, leads_to
from tui.issuance.users.grace_length import KUBELET, GraceWish, Sighting, Use, length
from tui.issuance.users.secret_users import SecretName, others
from tui.kube.endpoint import Endpoint
from tui.kube.resource import NAMESPACES

HOUR = timedelta(hours=1)
SERVER = "https://m.example:6443"


def store(namespace: str = "web", server: str = "https://kubernetes.default", provider: str = "kubernetes") -> Any:
    return store_view({"spec": {"provider": {provider: {"remoteNamespace": namespace, "server": {"url": server}}}}})


@pytest.mark.parametrize(
    ("seen", "within", "leads"),
    [
        (store(), True, True),
        (store(server=""), True, True),
        (store(server="kubernetes.default.svc:443"), True, True),
        (store(server=SERVER), True, True),
        (store(server=f"{SERVER}/"), False, True),
        (store_view(tenant_store(CLUSTER_STORES, SERVER, "web")), False, True),
        (store(), False, False),  # from another cluster that is another server
        (store("other"), True, False),
        (store(server="https://n.example:6443"), True, False),
        (store(provider="vault"), True, False),
        (store_view({"spec": {}}), True, False),
    ],
)
def test_which_store_reads_the_secrets_of_a_namespace(seen: Any, within: bool, leads: bool) -> None:
    assert leads_to(seen, SERVER, "web", within=within) is leads


def fetch(spec: dict[str, Any], *, cluster: str = "home", through: Any = "not there") -> Fetch:
    view = external_view({"spec": spec})
    return Fetch(cluster, "far", "copy", view, {} if through == "not there" else dict.fromkeys(view.stores, through))


NAMED: dict[str, Any] = {"dataFrom": [{"extract": {"key": "api"}}]}
FINDS: dict[str, Any] = {"dataFrom": [{"find": {"name": {"regexp": "(a+)+$"}}}]}


def test_who_fetches_it_and_how_long_that_takes() -> None:
    def found(*fetches: Fetch) -> list[Use]:
        seen = fetchers(Overview(fetches), SERVER, "web", "api", home="home")
        return [far_use(one, "home", KUBELET) for one in seen]

    (named,) = found(fetch(NAMED, through=store()))
    assert (named.kind, named.name, named.how) == ("ExternalSecret", "far/copy", "fetches it every 1h")
    assert named.sees == HOUR + KUBELET
    (by_key,) = found(fetch({"data": [{"remoteRef": {"key": "api", "property": "token"}}]}, through=store()))
    assert by_key.sees == named.sees
    (finds,) = found(fetch(FINDS, through=store()))
    assert "may fetch it, whose store it searches," in finds.how
    (unseen,) = found(fetch(NAMED, through=None))
    assert unseen.how == "may fetch it, through a store that could not be seen, every 1h"
    assert unseen.sees == named.sees, "who could not be seen is waited for"
    assert found(fetch(FINDS, through=None)) == [], "that nobody could see what it searches is said by itself"
    (both,) = found(fetch({"dataFrom": [*FINDS["dataFrom"], *NAMED["dataFrom"]]}, through=store()))
    assert both.how == "fetches it every 1h"
    (tenant,) = found(fetch(NAMED, cluster="tenant", through=store(server=SERVER)))
    assert tenant.name == "far/copy of tenant"
    assert found(fetch(NAMED), fetch(NAMED, through=store("other")), fetch({}, through=store())) == []
    (never,) = found(fetch(NAMED | {"refreshPolicy": "OnChange"}, through=store()))
    assert never.sees is None
    (wish,) = found(fetch(NAMED | {"refreshInterval": "8760h"}, through=store()))
    assert wish.sees is None, f"nobody far away keeps a token alive for longer than {LONGEST}"
    assert "users in other clusters are not waited for" in wish.how


OWN: dict[str, Any] = {"sourceRef": {"storeRef": {"name": "own", "kind": "ClusterSecretStore"}}}
"""What an entry says that comes from another store than the rest."""


@pytest.mark.parametrize(
    ("spec", "fetches"),
    [
        ({"data": [{"remoteRef": {"key": "api", "property": "token"}} | OWN]}, True),
        ({"dataFrom": [{"extract": {"key": "api"}} | OWN]}, True),
        ({"dataFrom": [{"find": {"name": {"regexp": "."}}} | OWN]}, True),
        ({"dataFrom": [{"extract": {"key": "other"}}, {"extract": {"key": "api"}} | OWN]}, True),
        ({"dataFrom": [{"extract": {"key": "api"}}, {"extract": {"key": "other"}} | OWN]}, False),
        ({"dataFrom": [{"extract": {"key": "api"}}]}, False),
        ({"dataFrom": [OWN, {"sourceRef": {"generatorRef": {"name": "api"}}}]}, False),
    ],
)
def test_every_entry_comes_through_its_own_store(spec: dict[str, Any], fetches: bool) -> None:
    """Fifth attack, hands 1: only `secretStoreRef` counted, which entries need not use, nor an object have."""
    view = external_view({"spec": spec | {"secretStoreRef": {"name": "usual"}}})
    stores = {StoreRef("usual"): store("elsewhere"), StoreRef("own", "ClusterSecretStore"): store("web")}
    one = Fetch("home", "far", "copy", view, stores)
    assert bool(list(fetchers(Overview([one]), SERVER, "web", "api", home="home"))) is fetches


def credential(name: str, *, bound: str = "", fingerprint: str = "") -> Credential:
    handle = Handle("home", "web", "h", bound) if bound else None
    return Credential(
        address=Address(CredentialKind.SECRET, "home", "web", name), bound_to=handle, fingerprint=fingerprint
    )


def test_what_is_a_copy_of_what_is_replaced() -> None:
    copied = Copied(frozenset({"uid"}), frozenset({"abc"}), (credential("here").address,))
    marked, another = credential("copy", bound="uid"), credential("other", bound="another")
    assert copies_of(copied, [marked, another], []) == [marked.address]
    assert copies_of(copied, [credential("here", fingerprint="abc")], []) == [credential("here").address]
    assert copies_of(copied, [credential("there", fingerprint="abc")], []) == [], "marks alone are no record of ours"
    assert copies_of(copied, [credential("here", fingerprint="newer")], []) == [], "it was written anew"
    assert copies_of(copied, [], ["home"]) == [credential("here").address], "nobody could look"
    assert copies_of(Copied(), [marked], ["home"]) == []


def test_a_copy_is_warned_of_and_nobody_is_waited_for() -> None:
    pod = Use(kind="Pod", name="p", how="volume v", sees=KUBELET)
    found = length(GraceWish(timedelta(seconds=30)), [Sighting(secret="web/c", uses=(pod, pod), copy=True)])
    assert (found.grace, found.reasons) == (timedelta(seconds=30), ())
    assert found.warnings == (
        "Secret web/c is a copy: it ends with the old one and is not renewed; used by 1 pod (p); export to it again",
    )
    (unused,) = length(GraceWish(HOUR), [Sighting(secret="web/c", copy=True)]).warnings
    assert unused == "Secret web/c is a copy: it ends with the old one and is not renewed; export to it again"
    (why,) = length(GraceWish(HOUR), [Sighting(secret="web/c", hidden=("x", "x")), Sighting(secret="d", hidden=("x",))]
    ).warnings  # fmt: skip
    assert why == "not looked at: x"


async def test_copies_and_whoever_uses_them_are_named_before_they_end(ebench: Bench) -> None:
    arena = ebench.arena
    issued = (await ebench.issue(arena.spec(arena.secret()))).credential
    copy = SecretDestination(arena.name, arena.namespace, "copied")
    assert (await ebench.engine.export(issued.address, copy)).ok
    await put_pod(ebench, "reader", "robot", volumes=[{"name": "v", "secret": {"secretName": "copied"}}])
    plan = await ebench.engine.plan_rotate(issued.address)
    said = f"Secret {arena.namespace}/copied is a copy: it ends with the old one and is not renewed; used by 1 pod "
    assert any(said + "(reader)" in warning for warning in plan.warnings)
    assert plan.grace == timedelta(0)
    async with Bench(arena, state="elsewhere") as other:  # no record there: what the marks in the cluster say
        assert any(said in warning for warning in (await other.engine.plan_rotate(issued.address)).warnings)
    async with Bench(arena, state="again") as again:
        with arena.fault(FaultRule(Answer(403), path=r"/api/v1/secrets$")):
            warned = (await again.engine.plan_rotate(issued.address)).warnings
        assert any(
            "not looked at: Secrets of other namespaces of harbor for copies of it (403)" in one for one in warned
        )
    outcome = await ebench.engine.execute(plan)
    assert outcome.ok
    assert not any("is a copy" in one for one in (await ebench.engine.plan_rotate(issued.address)).warnings)


async def test_who_fetches_it_into_another_namespace_is_waited_for_and_in_the_lineage(ebench: Bench) -> None:
    arena = ebench.arena
    issued = (await ebench.issue(arena.spec(arena.secret(), duration=timedelta(hours=8)))).credential
    far = f"{arena.namespace}-far"
    await ebench.client.create(NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": far}})
    made = {"apiVersion": STORES.api_version, "kind": "SecretStore", "metadata": {"name": "home"}}
    kubernetes = {"remoteNamespace": arena.namespace, "server": {"url": "https://kubernetes.default"},
                  "auth": {"serviceAccount": {"name": "robot"}}}  # fmt: skip
    await ebench.client.create(STORES, made | {"spec": {"provider": {"kubernetes": kubernetes}}}, namespace=far)
    external = {
        "apiVersion": EXTERNAL_SECRETS.api_version, "kind": "ExternalSecret", "metadata": {"name": "copy"},
        "spec": {"refreshInterval": "20m", "secretStoreRef": {"name": "home", "kind": "SecretStore"},
                 "target": {"name": "copy"}, "dataFrom": [{"extract": {"key": "robot-credential"}}]},
    }  # fmt: skip
    await ebench.client.create(EXTERNAL_SECRETS, external, namespace=far)
    plan = await ebench.engine.plan_rotate(issued.address)
    assert plan.grace_for == (f"ExternalSecret {far}/copy fetches it every 20m",)
    assert plan.grace == timedelta(minutes=23)
    uses = branch(await traced(ebench, issued), Part.USERS)
    assert f"ExternalSecret {far}/copy fetches it every 20m" in lines(uses)
    async with Bench(arena, state="blind") as blind:
        with arena.fault(FaultRule(Answer(403), path=r"external-secrets.io/v1/secretstores$")):
            waits = await blind.engine.plan_rotate(issued.address)
        assert waits.grace == timedelta(minutes=23)
        assert "through a store that could not be seen" in waits.grace_for[0]
    async with Bench(arena, state="few") as few:
        with arena.fault(FaultRule(Answer(403), path=r"external-secrets.io/v1/externalsecrets$")):
            warned = (await few.engine.plan_rotate(issued.address)).warnings
            said = branch(await traced(few, issued), Part.USERS).problem
    for text in ("; ".join(warned), said):
        assert "ExternalSecrets of other namespaces of harbor (403)" in text


def test_a_secret_under_another_name_of_its_server_is_no_copy_of_itself() -> None:
    """Two contexts of one server, of which one may not read what says that they are one."""
    ways: dict[str, Endpoint | None] = {
        "home": Endpoint("home", "https://a:6443", ca=b"x"),
        "dev": Endpoint("dev", "https://a:6443/", ca=b"x"),
        "far": Endpoint("far", "https://b:6443", ca=b"x"),
        "away": None,
        "lax": Endpoint("lax", "https://a:6443", ca=b"x", insecure=True),
    }
    mine = [SecretName("home", "web", "api")]
    dev, far, away, lax = (SecretName(name, "web", "api") for name in ("dev", "far", "away", "lax"))
    copy, again = SecretName("home", "web", "copy"), SecretName("dev", "web", "copy")
    assert others([mine[0], dev, far, away, lax], mine, ways) == [far, away, lax]
    assert others([copy, again], mine, ways) == [copy], "a copy is told once"
    assert others([dev], mine, {}) == [dev], "where they lead is not known"
