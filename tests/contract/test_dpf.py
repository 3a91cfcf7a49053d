"""DPF's definitions, our own copy and the real ones, and the objects that kubemint writes for them."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.contract.api import TABLE
from tests.contract.server import Server
from tui.demo.operators.dpf_kinds import MANAGEMENT_CRDS
from tui.issuance.families.dpf import DPURequestDraft, manifest
from tui.issuance.families.dpf.conditions import ALL, ensure, failed, succeeded, summarize, to_status

PUBLISHED = Path(__file__).resolve().parents[3] / "shared" / "crds"
REQUESTS = "/apis/svc.dpu.nvidia.com/v1alpha1/namespaces/{ns}/dpuservicecredentialrequests"
CLUSTERS = "/apis/provisioning.dpu.nvidia.com/v1alpha1/namespaces/{ns}/dpuclusters"
NOW = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)


@pytest.fixture(scope="session", params=["own", "published"])
def management(request: pytest.FixtureRequest, server: Server, other_server: Server) -> Server:
    """A cluster with DPF's definitions: those of the embedded fleet, or those that DPF publishes."""
    if request.param == "own":
        for definition in MANAGEMENT_CRDS:
            server.define(definition)
        return server
    files = sorted(PUBLISHED.glob("*.dpu.nvidia.com_*.yaml"))
    if not files:
        pytest.skip(f"no published definitions in {PUBLISHED}")
    for file in files:
        other_server.define(yaml.load(file.read_bytes(), Loader=yaml.CSafeLoader))
    return other_server


def draft(ns: str, **changes: Any) -> DPURequestDraft:
    fields: dict[str, Any] = {
        "cluster": "harbor",
        "namespace": ns,
        "name": "dpu-01",
        "service_account": "dpu-agent",
        "target_cluster": "dpf/tenant-a",
        "duration": "1h30m",
        "secret": "dpu-01-credential",
        "labels": {"dpu.nvidia.com/node": "worker-1"},
        "annotations": {"note": "any text: “yes”"},
    }
    return DPURequestDraft(**{**fields, **changes})


@pytest.fixture
def requests(management: Server) -> str:
    """The path of a fresh namespace's credential requests."""
    return REQUESTS.format(ns=management.new_namespace("dpf"))


def test_a_request_as_kubemint_writes_it(management: Server, requests: str) -> None:
    ns = requests.split("/")[5]
    body = management.admin.post(requests, manifest(draft(ns))).expect(201)
    assert body["spec"] == manifest(draft(ns))["spec"]  # nothing pruned, nothing defaulted
    smallest = manifest(draft(ns, name="b", target_cluster=None, duration=None, labels={}, annotations={}))
    management.admin.post(requests, smallest).expect(201)
    token_file = manifest(draft(ns, name="c", type="tokenFile"))
    assert management.admin.post(requests, token_file).expect(201)["spec"]["type"] == "tokenFile"


@pytest.mark.parametrize("duration", ["1", "1d", "-1h", "1us", "", "1h "])
def test_b25_durations_that_the_definition_refuses(management: Server, requests: str, duration: str) -> None:
    body = manifest(draft(requests.split("/")[5]))
    body["spec"]["duration"] = duration
    status = management.admin.post(requests, body).fails(422, "Invalid", "spec.duration")
    assert r"^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$" in status["message"]


@pytest.mark.parametrize("missing", ["serviceAccount", "secret", "type"])
def test_required_fields(management: Server, requests: str, missing: str) -> None:
    body = manifest(draft(requests.split("/")[5]))
    del body["spec"][missing]
    management.admin.post(requests, body).fails(422, "Invalid", f"spec.{missing}: Required value")


def test_unknown_type(management: Server, requests: str) -> None:
    body = manifest(draft(requests.split("/")[5]))
    body["spec"]["type"] = "certificate"
    answer = management.admin.post(requests, body)
    answer.fails(422, "Invalid", 'supported values: "kubeconfig", "tokenFile"')


def test_conditions_as_kubemint_writes_them(management: Server, requests: str) -> None:
    ns = requests.split("/")[5]
    management.admin.post(requests, manifest(draft(ns))).expect(201)
    conditions = ensure([], NOW)
    for kind in ALL[1:]:
        conditions = succeeded(conditions, kind, NOW, 1)
    status: dict[str, Any] = {
        "conditions": to_status(summarize(conditions, NOW, 1)),
        "serviceAccount": "default/dpu-agent",
        "targetCluster": "dpf/tenant-a",
        "secret": "default/dpu-01-credential",
        "issuedAt": "2026-01-02T03:04:05Z",
        "expirationTimestamp": "2026-01-02T04:34:05Z",
    }
    if management.empty_strings_are_null:
        for condition in status["conditions"]:
            condition["message"] = condition["message"] or "done"
    path = f"{requests}/dpu-01"
    body = management.admin.patch(f"{path}/status", {"status": status}).expect(200)
    assert body["status"] == status
    table = management.admin.get(path, accept=TABLE).expect(200)
    assert [column["name"] for column in table["columnDefinitions"]] == ["Name", "Ready", "Phase", "Age"]
    assert table["rows"][0]["cells"][:3] == ["dpu-01", "True", "Success"]
    broken = {"conditions": to_status(summarize(failed(conditions, ALL[1], "unreachable", NOW, 1), NOW))}
    if management.empty_strings_are_null:
        broken = {"conditions": [{**condition, "message": "text"} for condition in broken["conditions"]]}
    body = management.admin.patch(f"{path}/status", {"status": broken}).expect(200)
    assert {c["type"]: c["status"] for c in body["status"]["conditions"]}["Ready"] == "False"


def test_clusters(management: Server) -> None:
    path = CLUSTERS.format(ns=management.new_namespace("dpf"))
    body: dict[str, Any] = {
        "apiVersion": "provisioning.dpu.nvidia.com/v1alpha1",
        "kind": "DPUCluster",
        "metadata": {"name": "tenant-a"},
        "spec": {"type": "kamaji", "version": "v1.30.2", "kubeconfig": "tenant-a-admin-kubeconfig"},
    }
    assert management.admin.post(path, body).expect(201)["spec"]["maxNodes"] == 1000
    for phase, code in (("Ready", 200), ("Asleep", 422)):
        assert management.admin.patch(f"{path}/tenant-a/status", {"status": {"phase": phase}}).status == code
    del body["spec"]["version"]
    management.admin.post(path, {**body, "metadata": {"name": "b"}}).fails(
        422, "Invalid", "spec.version: Required value"
    )
