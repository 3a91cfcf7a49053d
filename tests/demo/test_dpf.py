"""The demo's DPF controller: the reference's steps without its faults."""

from __future__ import annotations

import base64
from typing import Any

import pytest
import yaml

from tests.contract.api import eventually
from tests.contract.objects import accounts, secret, secrets
from tests.contract.server import Server, claims_of, decoded
from tests.demo.conftest import MovableClock, enter
from tui.demo.apiserver.faults import ServerState
from tui.demo.fleet import EmbeddedFleet
from tui.demo.running import FleetThread

NS = "dpf-operator-system"
FINALIZER = "dpu.nvidia.com/dpuservicecredentialrequest"


def path(name: str = "", subresource: str = "", plural: str = "dpuservicecredentialrequests") -> str:
    group = "provisioning" if plural == "dpuclusters" else "svc"
    whole = f"/apis/{group}.dpu.nvidia.com/v1alpha1/namespaces/{NS}/{plural}"
    return "/".join(part for part in (whole, name, subresource) if part)


def request(name: str, target: str | None = "tenant-a", form: str = "kubeconfig", **spec: Any) -> dict[str, Any]:
    wanted: dict[str, Any] = {
        "serviceAccount": {"name": name, "namespace": "default"},
        "type": form,
        "secret": {"name": f"{name}-out", "namespace": NS},
        **spec,
    }
    if target:
        wanted["targetCluster"] = {"name": target, "namespace": NS}
    return {
        "apiVersion": "svc.dpu.nvidia.com/v1alpha1",
        "kind": "DPUServiceCredentialRequest",
        "metadata": {"name": name},
        "spec": wanted,
    }


def conditions(body: Any) -> dict[str, tuple[str, str]]:
    return {c["type"]: (c["status"], c["reason"]) for c in body.get("status", {}).get("conditions", [])}


def message(body: Any, kind: str) -> str:
    return next(str(c["message"]) for c in body["status"]["conditions"] if c["type"] == kind)


def ready(server: Server, name: str) -> Any:
    def done() -> Any:
        found = server.admin.get(path(name)).expect(200)
        return found if conditions(found).get("Ready") == ("True", "Success") else None

    return eventually(done, f"{name} is ready")


def failed(server: Server, name: str, text: str, kind: str = "ServiceAccountReconciled") -> Any:
    def done() -> Any:
        found = server.admin.get(path(name)).expect(200)
        has = conditions(found).get(kind) == ("False", "Error") and text in message(found, kind)
        return found if has else None

    return eventually(done, f"{name} says {text!r}")


def made(server: Server, name: str, **fields: Any) -> Any:
    server.admin.post(path(), request(name, **fields)).expect(201)
    return ready(server, name)


def mints(fleet: EmbeddedFleet, name: str) -> int:
    return sum(m.account == name for cluster in fleet.clusters.values() for m in cluster.tokens.minted)


def look(running: FleetThread, fleet: EmbeddedFleet) -> None:
    """Lets the controller look at everything now, and waits until it has."""

    async def now(_: object) -> None:
        assert fleet.controller is not None
        fleet.controller.look()
        await fleet.cluster("harbor").settled()

    running.call(now)


def test_b01_kubeconfig_in_another_cluster(harbor: Server, tenant: Server) -> None:
    body = made(harbor, "b01", duration="1h")
    assert body["metadata"]["finalizers"] == [FINALIZER]
    status = body["status"]
    assert status["serviceAccount"] == "default/b01"
    assert status["targetCluster"] == f"{NS}/tenant-a"
    assert status["secret"] == f"{NS}/b01-out"
    assert conditions(body) == dict.fromkeys(
        ("Ready", "ServiceAccountReconciled", "SecretReconciled"), ("True", "Success")
    )
    out = harbor.admin.get(secrets(NS, "b01-out")).expect(200)
    assert set(out["data"]) == {"kubeconfig"}
    text = decoded(out, "kubeconfig")
    config = yaml.safe_load(text)
    token = config["users"][0]["user"]["token"]
    assert text == TEMPLATE.format(
        ca=base64.b64encode(tenant.authority.encode()).decode(), server=tenant.server, name="b01", token=token
    )
    claims = claims_of(token)
    assert claims["exp"] - claims["iat"] == 3600
    assert tenant.admin.get(accounts("default", "b01")).expect(200)["automountServiceAccountToken"] is False
    tenant.as_token(token).get("/api/v1/nodes").fails(403, "Forbidden", "system:serviceaccount:default:b01")


TEMPLATE = """\
apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: {ca}
    server: {server}
  name: tenant-a
contexts:
- context:
    cluster: tenant-a
    namespace: default
    user: {name}
  name: {name}
current-context: {name}
kind: Config
preferences: {{}}
users:
- name: {name}
  user:
    token: {token}
"""


def test_b03_token_file(harbor: Server, old: Server) -> None:
    made(harbor, "b03", target="tenant-b", form="tokenFile")
    out = harbor.admin.get(secrets(NS, "b03-out")).expect(200)
    host, port = old.server.removeprefix("https://").split(":")
    assert decoded(out, "KUBERNETES_SERVICE_HOST") == host
    assert decoded(out, "KUBERNETES_SERVICE_PORT") == port
    assert decoded(out, "KUBERNETES_CA_DATA") == old.authority
    token = decoded(out, "TOKEN_FILE")
    assert token == token.strip()
    old.as_token(token).get("/api/v1/nodes").fails(403, "Forbidden")


def test_b07_no_duration(harbor: Server) -> None:
    made(harbor, "b07")
    config = yaml.safe_load(decoded(harbor.admin.get(secrets(NS, "b07-out")).expect(200), "kubeconfig"))
    claims = claims_of(config["users"][0]["user"]["token"])
    assert claims["exp"] - claims["iat"] == 3600


def test_b09_account_of_somebody_else(harbor: Server, tenant: Server) -> None:
    tenant.account("default", "b09")
    harbor.admin.post(path(), request("b09")).expect(201)
    failed(harbor, "b09", "is already in use")
    assert "labels" not in tenant.admin.get(accounts("default", "b09")).expect(200)["metadata"]
    harbor.admin.delete(path("b09")).expect(200)
    harbor.gone(path("b09"))
    assert tenant.admin.get(accounts("default", "b09")).status == 200


def test_b09_secret_of_somebody_else(
    harbor: Server, tenant: Server, fleet: EmbeddedFleet, running: FleetThread
) -> None:
    harbor.admin.post(secrets(NS), secret("b09-secret-out", {"mine": "x"})).expect(201)
    harbor.admin.post(path(), request("b09-secret")).expect(201)
    failed(harbor, "b09-secret", "is already in use", "SecretReconciled")
    look(running, fleet)
    assert set(harbor.admin.get(secrets(NS, "b09-secret-out")).expect(200)["data"]) == {"mine"}
    assert mints(fleet, "b09-secret") == 0, "nothing is issued that could not be written"
    assert tenant.admin.get(accounts("default", "b09-secret")).status == 404
    harbor.admin.delete(path("b09-secret")).expect(200)
    harbor.gone(path("b09-secret"))
    assert harbor.admin.get(secrets(NS, "b09-secret-out")).status == 200


def test_the_cluster_that_is_left_is_unreachable(
    harbor: Server, running: FleetThread, fleet: EmbeddedFleet, old: Server
) -> None:
    """What works stays, until the account in the old cluster can be taken away."""
    before = made(harbor, "leaving", target="tenant-b")["status"]

    enter(running, "tenant-b", ServerState.UNREACHABLE)
    try:
        harbor.admin.patch(path("leaving"), {"spec": {"targetCluster": {"name": "tenant-a"}}}).expect(200)
        after = failed(harbor, "leaving", "connection refused")["status"]
    finally:
        enter(running, "tenant-b", ServerState.NORMAL)
    assert after["expirationTimestamp"] == before["expirationTimestamp"]
    assert mints(fleet, "leaving") == 1
    look(running, fleet)
    assert ready(harbor, "leaving")["status"]["targetCluster"] == f"{NS}/tenant-a"
    old.admin.get(accounts("default", "leaving")).fails(404, "NotFound")


def test_b13_unreachable_while_switching(harbor: Server, tenant: Server) -> None:
    before = made(harbor, "b13")
    target = {"spec": {"targetCluster": {"name": "island", "namespace": NS}}}
    harbor.admin.patch(path("b13"), target).expect(200)
    after = failed(harbor, "b13", "connection refused")
    assert after["status"]["targetCluster"] == before["status"]["targetCluster"]
    out = yaml.safe_load(decoded(harbor.admin.get(secrets(NS, "b13-out")).expect(200), "kubeconfig"))
    tenant.as_token(out["users"][0]["user"]["token"]).get("/api/v1/nodes").fails(403, "Forbidden")


def test_b15_another_account(harbor: Server, tenant: Server) -> None:
    made(harbor, "b15")
    harbor.admin.patch(path("b15"), {"spec": {"serviceAccount": {"name": "b15-new"}}}).expect(200)
    tenant.gone(accounts("default", "b15"))
    body = ready(harbor, "b15")
    assert body["status"]["serviceAccount"] == "default/b15-new"
    out = yaml.safe_load(decoded(harbor.admin.get(secrets(NS, "b15-out")).expect(200), "kubeconfig"))
    assert out["users"][0]["name"] == "b15-new"


def test_b15_another_cluster(harbor: Server, tenant: Server, old: Server) -> None:
    """The account of the old cluster goes, not one of the same name in the new."""
    made(harbor, "b15-move")
    harbor.admin.patch(path("b15-move"), {"spec": {"targetCluster": {"name": "tenant-b"}}}).expect(200)
    tenant.gone(accounts("default", "b15-move"))
    assert old.admin.get(accounts("default", "b15-move")).status == 200
    assert ready(harbor, "b15-move")["status"]["targetCluster"] == f"{NS}/tenant-b"


def test_b17_nothing_to_do(harbor: Server, running: FleetThread, fleet: EmbeddedFleet) -> None:
    made(harbor, "b17", duration="30m")
    before = harbor.admin.get(secrets(NS, "b17-out")).expect(200)["metadata"]["resourceVersion"]
    for _ in range(3):
        look(running, fleet)
    assert mints(fleet, "b17") == 1
    assert harbor.admin.get(secrets(NS, "b17-out")).expect(200)["metadata"]["resourceVersion"] == before


def test_a23_a_capped_lifetime_is_not_asked_again(harbor: Server, running: FleetThread, fleet: EmbeddedFleet) -> None:
    made(harbor, "a23", target="tenant-c", duration="24h")
    for _ in range(10):
        look(running, fleet)
    assert mints(fleet, "a23") == 1


def test_b19_a_deleted_secret_comes_back_whole(harbor: Server) -> None:
    made(harbor, "b19")
    harbor.admin.delete(secrets(NS, "b19-out")).expect(200)
    found = eventually(lambda: harbor.found(secrets(NS, "b19-out")), "the Secret is back")
    assert set(found["data"]) == {"kubeconfig"}


def test_a_deleted_account_comes_back_with_a_new_token(harbor: Server, tenant: Server, fleet: EmbeddedFleet) -> None:
    made(harbor, "gone")
    tenant.admin.delete(accounts("default", "gone")).expect(200)
    eventually(lambda: tenant.admin.get(accounts("default", "gone")).status == 200, "the account is back")
    eventually(lambda: mints(fleet, "gone") == 2, "another token")
    out = yaml.safe_load(decoded(harbor.admin.get(secrets(NS, "gone-out")).expect(200), "kubeconfig"))
    tenant.as_token(out["users"][0]["user"]["token"]).get("/api/v1/nodes").fails(403, "Forbidden")


def test_another_type_is_written_at_once(harbor: Server, fleet: EmbeddedFleet) -> None:
    made(harbor, "retyped")
    harbor.admin.patch(path("retyped"), {"spec": {"type": "tokenFile"}}).expect(200)
    eventually(lambda: "TOKEN_FILE" in harbor.admin.get(secrets(NS, "retyped-out")).expect(200)["data"], "the new form")
    assert set(harbor.admin.get(secrets(NS, "retyped-out")).expect(200)["data"]) == {
        "KUBERNETES_CA_DATA",
        "KUBERNETES_SERVICE_HOST",
        "KUBERNETES_SERVICE_PORT",
        "TOKEN_FILE",
    }
    assert mints(fleet, "retyped") == 1, "the same token in another form"


def test_b21_labels_that_are_no_longer_wanted(harbor: Server) -> None:
    made(harbor, "b21", metadata={"labels": {"a": "1", "b": "2"}})
    harbor.admin.patch(secrets(NS, "b21-out"), {"metadata": {"labels": {"foreign": "x"}}}).expect(200)
    harbor.admin.patch(path("b21"), {"spec": {"metadata": {"labels": {"b": None}}}}).expect(200)

    def labels() -> dict[str, str]:
        found: dict[str, str] = harbor.admin.get(secrets(NS, "b21-out")).expect(200)["metadata"]["labels"]
        return found

    eventually(lambda: "b" not in labels(), "label b is gone")
    assert labels()["a"] == "1"
    assert labels()["foreign"] == "x"


def test_b27_no_admin_conf(harbor: Server) -> None:
    name = {"name": "keyless", "namespace": NS}
    harbor.admin.post(
        path(plural="dpuclusters"),
        {
            "apiVersion": "provisioning.dpu.nvidia.com/v1alpha1",
            "kind": "DPUCluster",
            "metadata": {"name": "keyless"},
            "spec": {"type": "static", "version": "v1.34.1", "kubeconfig": "keyless"},
        },
    ).expect(201)
    harbor.admin.post(
        secrets(NS), {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "keyless"}, "data": {"other": "eA=="}}
    ).expect(201)
    harbor.admin.post(path(), request("b27", targetCluster=name, target=None)).expect(201)
    failed(harbor, "b27", f"secret {NS}/keyless has no key admin.conf")


def test_b29_target_down_at_the_end(harbor: Server, running: FleetThread, fleet: EmbeddedFleet, old: Server) -> None:
    made(harbor, "b29", target="tenant-b")

    enter(running, "tenant-b", ServerState.UNREACHABLE)
    try:
        harbor.admin.delete(path("b29")).expect(200)
        failed(harbor, "b29", "cannot clean up service account default/b29")
    finally:
        enter(running, "tenant-b", ServerState.NORMAL)
    look(running, fleet)
    harbor.gone(path("b29"))
    old.admin.get(accounts("default", "b29")).fails(404, "NotFound")


def test_b05_deleted_target(harbor: Server) -> None:
    cluster = harbor.admin.get(path("tenant-a", plural="dpuclusters")).expect(200)
    copied = {**cluster, "metadata": {"name": "short-lived"}}
    harbor.admin.post(path(plural="dpuclusters"), copied).expect(201)
    made(harbor, "b05", target="short-lived")
    harbor.admin.delete(path("short-lived", plural="dpuclusters")).expect(200)
    harbor.admin.delete(path("b05")).expect(200)
    harbor.gone(path("b05"))
    harbor.gone(secrets(NS, "b05-out"))


def test_b31_expiry_without_issue(harbor: Server, fleet: EmbeddedFleet, running: FleetThread) -> None:
    made(harbor, "b31")
    harbor.admin.patch(path("b31", "status"), {"status": {"issuedAt": None}}).expect(200)
    look(running, fleet)
    assert "issuedAt" in ready(harbor, "b31")["status"]
    assert mints(fleet, "b31") == 2


def test_renewal_when_80_percent_are_over(
    harbor: Server, fleet: EmbeddedFleet, running: FleetThread, clock: MovableClock
) -> None:
    before = made(harbor, "renewed", duration="10m")["status"]
    with clock.moved(minutes=7, seconds=50):
        look(running, fleet)
        assert harbor.admin.get(path("renewed")).expect(200)["status"] == before
    with clock.moved(minutes=8, seconds=5):
        look(running, fleet)
        after = harbor.admin.get(path("renewed")).expect(200)["status"]
    assert after["expirationTimestamp"] > before["expirationTimestamp"]
    # Back to the present for those who share the fleet: what was issued in the future is issued anew.
    harbor.admin.delete(path("renewed")).expect(200)


@pytest.mark.parametrize(("duration", "text"), [("1ms", "Invalid value: 0"), ("9m59s", "less than 10 minutes")])
def test_durations_that_the_server_refuses(harbor: Server, duration: str, text: str) -> None:
    name = f"short-{duration}"
    harbor.admin.post(path(), request(name, duration=duration)).expect(201)
    failed(harbor, name, text)


def test_other_namespaces_are_left_alone(harbor: Server, running: FleetThread, fleet: EmbeddedFleet) -> None:
    """So that the demo has requests that only people rotate."""
    kiosk = path("kiosk").replace(NS, "edge")
    look(running, fleet)
    assert "status" not in harbor.admin.get(kiosk).expect(200)
