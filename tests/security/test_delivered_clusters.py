"""Who may write only the Secret with a cluster's kubeconfig makes the operator do nothing with anybody else's login.

The attacker has exactly that right, and writes there where another of the operator's contexts leads: the same server,
the same authority, a login of the attacker's own. Once for Cluster API, once for a DPUCluster; pushed to, reconciled,
issued for and looked at. Also where the operator trusts what is delivered: then it is entered with that login alone.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import dataclasses
import socket
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.conftest import kubemint
from tests.fleet.conftest import FAST, until
from tui.demo.apiserver.storage import SECRETS as STORED, SERVICE_ACCOUNTS as ACCOUNTS
from tui.demo.fleet import EmbeddedFleet
from tui.demo.operators.dpf_kinds import REQUESTS
from tui.demo.running import FleetThread
from tui.fleet.fleet import Fleet
from tui.fleet.rows import Reach
from tui.issuance.families.tenants.wish import TenantPush
from tui.issuance.model.types import Identity
from tui.issuance.records.deliveries import Gate
from tui.issuance.records.entering import Allowed, NotEntered, Trust, TrustedSource
from tui.issuance.records.state import StateStore
from tui.kube.client import Client
from tui.kube.errors import Conflict, Forbidden, Unauthorized, Unreachable
from tui.kube.kubeconfig import load
from tui.kube.resource import SECRETS, SERVICE_ACCOUNTS, Resource
from tui.kube.sensitive import Sensitive

ROLES = Resource("rbac.authorization.k8s.io", "v1", "roles", "Role")
BINDINGS = Resource("rbac.authorization.k8s.io", "v1", "rolebindings", "RoleBinding")
HOST, TENANT, PROD = "harbor", "tenant-a", "tenant-b"
OPERATOR = "dpf-operator-system"
PLACES = {
    "Cluster API": ("clusters", f"{TENANT}-kubeconfig", "value"),
    "DPUCluster": (OPERATOR, f"{TENANT}-admin-kubeconfig", "admin.conf"),
}
"""Namespace, Secret and key of the kubeconfig that each kind delivers."""
NEAR = Trust(sources=(TrustedSource(context=HOST, allow=(Allowed.NEAR,), ask=True),))
"""The embedded fleet is on this machine: it may be asked about."""
NAMES = {kind: f"{HOST}/{namespace}/{TENANT}" for kind, (namespace, _, _) in PLACES.items()}


@pytest.fixture(scope="module")
def demo() -> Iterator[FleetThread]:
    """A management cluster with two tenants; `tenant-b` plays another cluster of the operator's."""
    with FleetThread(clusters=3, accounts=4, troubled=False, controller=False) as thread:
        yield thread


@pytest.fixture
def trusting(demo: FleetThread) -> Path:
    """The operator's kubeconfig, whose host vouches for the authority of every cluster in it."""
    return demo.kubeconfig


@pytest.fixture
def wary(demo: FleetThread, tmp_path: Path, home: Path) -> Path:
    """The same, vouching for nobody; what is on this machine may be asked about."""
    config = yaml.safe_load(demo.kubeconfig.read_text())
    for entry in config["clusters"]:
        entry["cluster"].pop("extensions", None)
    path = tmp_path / "kubeconfig"
    path.write_text(yaml.safe_dump(config))
    settings = home / ".config" / "kubemint" / "config.yaml"
    settings.parent.mkdir(parents=True)
    settings.write_text(f"trust: [{{context: {HOST}, allow: [near], ask: true}}]\n")
    return path


def evil(demo: FleetThread, *, leads_to: str) -> bytes:
    """A kubeconfig that leads where the operator's own context does, with a login of somebody else's."""
    entry = load(str(demo.kubeconfig)).endpoint(leads_to)
    ca = base64.b64encode(entry.ca or b"").decode()
    return yaml.safe_dump(
        {
            "apiVersion": "v1", "kind": "Config", "current-context": "c",
            "clusters": [{"name": "c", "cluster": {"server": entry.server, "certificate-authority-data": ca}}],
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
            "users": [{"name": "u", "user": {"token": "the-attackers-own"}}],
        }
    ).encode()  # fmt: skip


@pytest.fixture(params=list(PLACES))
def attacked(request: pytest.FixtureRequest, demo: FleetThread) -> Iterator[tuple[str, Callable[[str], None]]]:
    """What delivers the tenant, and the attack: with the right to patch its one Secret, let it lead elsewhere."""
    namespace, secret, key = PLACES[request.param]
    before = held(demo, HOST, namespace, secret)

    def attack(leads_to: str) -> None:
        asyncio.run(_attack(demo, namespace, secret, {"data": {key: b64(evil(demo, leads_to=leads_to))}}))

    yield request.param, attack

    async def put_back(fleet: EmbeddedFleet) -> None:
        storage = fleet.cluster(HOST).storage
        storage.update(STORED, {**(storage.get(STORED, secret, namespace) or {}), "data": before["data"]})

    demo.call(put_back)


async def _attack(demo: FleetThread, namespace: str, secret: str, patch: Mapping[str, Any]) -> None:
    own = load(str(demo.kubeconfig)).endpoint(HOST)
    async with Client(own) as admin:
        with contextlib.suppress(Conflict):
            await admin.create(SERVICE_ACCOUNTS, {"metadata": {"name": "mallory"}}, namespace=namespace)
            rule = {"apiGroups": [""], "resources": ["secrets"], "resourceNames": [secret], "verbs": ["patch"]}
            await admin.create(ROLES, {"metadata": {"name": "mallory"}, "rules": [rule]}, namespace=namespace)
            subject = {"kind": "ServiceAccount", "name": "mallory", "namespace": namespace}
            role = {"apiGroup": ROLES.group, "kind": "Role", "name": "mallory"}
            binding = {"metadata": {"name": "mallory"}, "roleRef": role, "subjects": [subject]}
            await admin.create(BINDINGS, binding, namespace=namespace)
        path = SERVICE_ACCOUNTS.path(namespace, "mallory") + "/token"
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
        answer = await admin.request("POST", path, body=body)
    token = Sensitive(yaml.safe_load(answer.body)["status"]["token"])
    async with Client(own.with_token(token)) as mallory:
        with pytest.raises(Forbidden):
            await mallory.get(SECRETS, secret, namespace=namespace)
        await mallory.patch(SECRETS, secret, patch, namespace=namespace)


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def held(demo: FleetThread, cluster: str, namespace: str, secret: str) -> dict[str, Any]:
    async def look(fleet: EmbeddedFleet) -> dict[str, Any]:
        return dict(fleet.cluster(cluster).storage.get(STORED, secret, namespace) or {})

    return demo.call(look)


def everything_in(demo: FleetThread, cluster: str) -> set[str]:
    """Every Secret and account of a cluster, with its version."""

    async def look(fleet: EmbeddedFleet) -> set[str]:
        storage = fleet.cluster(cluster).storage
        found = [obj["metadata"] for kind in (STORED, ACCOUNTS) for obj in storage.list(kind)]
        return {f"{meta['namespace']}/{meta['name']} {meta['uid']} {meta['resourceVersion']}" for meta in found}

    return demo.call(look)


Attacked = tuple[str, Callable[[str], None]]
both_ways = pytest.mark.parametrize("kubeconfig", ["wary", "trusting"])
anywhere = pytest.mark.parametrize("leads_to", [PROD, HOST])


@anywhere
@both_ways
def test_nothing_is_written_to_another_context(
    demo: FleetThread,
    attacked: Attacked,
    kubeconfig: str,
    leads_to: str,
    request: pytest.FixtureRequest,
    tmp_path: Path,
) -> None:
    config: Path = request.getfixturevalue(kubeconfig)
    kind, attack = attacked
    namespace, _, _ = PLACES[kind]
    attack(leads_to)
    before = everything_in(demo, leads_to)
    name, where = NAMES[kind], ("--kubeconfig", config)
    push = ("tenant", "push", TENANT, "-n", namespace, "--context", HOST, "--account", f"{namespace}/default")
    for verb in (
        push,
        ("issue", "robot", "-n", "default", "--create", "--context", name, "--out", tmp_path / "out"),
        ("issue", "robot", "-n", "default", "--create", "--context", name, "--secret", "default/robot"),
        ("identity", "create", "robot", "-n", "default", "--context", name, "--out", tmp_path),
    ):
        result = kubemint(*verb, *where)
        assert result.code == 1, result
        assert ("is not confirmed" if kubeconfig == "wary" else "refused") in result.err, result
    handles = {one for one in everything_in(demo, leads_to) - before if "kubemint-default-" not in one}
    assert handles == set()
    assert not (tmp_path / "out").exists()


@both_ways
async def test_the_fleet_enters_with_the_delivered_login_or_not_at_all(
    demo: FleetThread, attacked: Attacked, kubeconfig: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    config: Path = request.getfixturevalue(kubeconfig)
    kind, attack = attacked
    await asyncio.to_thread(attack, PROD)
    name, vouched = NAMES[kind], kubeconfig == "trusting"
    with contextlib.closing(StateStore.open(tmp_path / "state")) as state:
        gate = None if vouched else Gate(lambda: NEAR, state.trusted_place)
        fleet = Fleet(load(str(config)), state=state, timing=FAST, read_only=True, gate=gate)
        try:
            await fleet.start()
            await until(lambda: name in fleet.store.clusters, "it is a row of its own")
            await until(lambda: fleet.store.clusters[name].reach is not Reach.CONNECTING, "with a reach of its own")
            row = fleet.store.clusters[name]
            await until(lambda: fleet.store.clusters[PROD].reach is Reach.READY, "the operator's own is as it was")
            if not vouched:
                assert row.reach is Reach.UNTRUSTED
                assert row.hint == f"look at it and confirm it: kubemint trust {name}"
                with pytest.raises(NotEntered):
                    await fleet.client(name)
                return
            assert row.reach is Reach.NEEDS_LOGIN, "the attacker's login is refused there"
            login = (await fleet.client(name)).endpoint.login
            assert login.token == Sensitive("the-attackers-own")
            assert login.client_certificate is None
            own = (await fleet.client(PROD)).endpoint.login
            assert own.client_certificate is not None
            wish = TenantPush(
                identity=Identity(HOST, "clusters", "default"), namespace="clusters", cluster=TENANT, tenant=name
            )
            before = everything_in(demo, PROD)
            with pytest.raises(Unauthorized):
                await fleet.engine.plan(wish)
            assert everything_in(demo, PROD) == before
        finally:
            await fleet.stop()


def test_what_changes_after_a_yes_is_asked_about_again(demo: FleetThread, attacked: Attacked, wary: Path) -> None:
    kind, attack = attacked
    name, where = NAMES[kind], ("--kubeconfig", wary)
    assert kubemint("trust", name, "--yes", *where).code == 0
    accounts = ("list", "accounts", *where, "--context", name)
    assert kubemint(*accounts).code == 0
    was = load(str(wary)).endpoint(TENANT).server
    attack(PROD)
    refused = kubemint(*accounts)
    assert refused.code == 1
    for words in ("it changed since it was confirmed", f"its server was {was}", "its authority was"):
        assert words in refused.err
    shown = kubemint("trust", name, *where)
    assert f"its server was {was}" in shown.out
    assert f"your context {PROD}" in shown.out


def test_a_request_into_a_cluster_that_nobody_said_yes_to_is_not_touched(
    demo: FleetThread, wary: Path, tmp_path: Path
) -> None:
    """Nor is its status: that this machine's operator was not asked yet is nobody else's business."""
    where = ("--kubeconfig", wary, "--context", HOST)
    before = requests(demo)
    kept = kubemint("reconcile", "-n", "edge", "--take-over", "-o", "json", *where)
    assert kept.code == 3, kept
    errors = {item["address"]: item["result"] for item in kept.json["items"] if not item["ok"]}
    assert f"request:{HOST}/edge/kiosk" in errors
    assert all("is not confirmed" in said for said in errors.values())
    after = requests(demo)
    assert {key: after[key] for key in errors} == {key: before[key] for key in errors}
    rotated = kubemint("rotate", f"request:{HOST}/edge/kiosk", *where)
    assert rotated.code == 1
    assert f"kubemint trust {HOST}/{OPERATOR}/{TENANT}" in rotated.err


def requests(demo: FleetThread) -> dict[str, str]:
    """The version of each request, by its address."""

    async def look(fleet: EmbeddedFleet) -> dict[str, str]:
        found = [obj["metadata"] for obj in fleet.cluster(HOST).storage.list(REQUESTS)]
        return {f"request:{HOST}/{one['namespace']}/{one['name']}": one["resourceVersion"] for one in found}

    return demo.call(look)


def test_what_a_read_only_context_protects_is_protected_whichever_way_leads_there(
    demo: FleetThread, trusting: Path, home: Path, tmp_path: Path
) -> None:
    settings = home / ".config" / "kubemint" / "config.yaml"
    settings.parent.mkdir(parents=True)
    settings.write_text(f"readOnlyContexts: [{TENANT}]\n")
    before = everything_in(demo, TENANT)
    for name in (TENANT, *NAMES.values()):
        result = kubemint(
            "issue", "robot", "-n", "default", "--create", "--context", name, "--out", tmp_path / "out",
            "--kubeconfig", trusting,
        )  # fmt: skip
        assert result.code == 1, result
        assert "is read-only" in result.err
    assert everything_in(demo, TENANT) == before


@pytest.mark.parametrize("delivered", [True, False])
async def test_a_delivered_name_that_leads_to_this_machine_is_not_connected_to(
    demo: FleetThread, delivered: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name is looked up anew each time, by whoever answers for it then."""
    own = load(str(demo.kubeconfig)).endpoint(TENANT)
    server = own.server.replace("127.0.0.1", "tenant.example")
    looked_up = socket.getaddrinfo

    def answers(host: Any, *given: Any, **more: Any) -> Any:
        return looked_up("127.0.0.1" if host == "tenant.example" else host, *given, **more)

    monkeypatch.setattr(socket, "getaddrinfo", answers)
    way = dataclasses.replace(own, server=server, tls_server_name="127.0.0.1", delivered=delivered)
    async with Client(way) as client:
        if delivered:
            with pytest.raises(Unreachable, match=r"tenant\.example is this machine or its own link"):
                await client.request("GET", "/version")
        else:
            assert (await client.request("GET", "/version")).status == 200
