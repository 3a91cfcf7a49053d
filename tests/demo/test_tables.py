"""What `kubectl get` shows: ages, columns of built-in and custom kinds, and the JSONPath behind them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tui.demo.apiserver.builtin import KINDS, kinds_of_version
from tui.demo.apiserver.jsonpath import compile_path
from tui.demo.apiserver.tables import cells, custom_columns, definitions, human_duration

NOW = datetime(2026, 1, 2, 0, 0, 0, tzinfo=UTC)
COLUMNS = {kind.plural: kind.columns for kind in KINDS}


def test_durations_as_kubectl_writes_them() -> None:
    seen = {
        seconds: human_duration(seconds)
        for seconds in (-5, -0.5, 0, 119, 120, 125, 599, 600, 10799, 10800, 10860, 28800, 172799, 172800, 176400)
    }
    assert seen == {
        -5: "<invalid>",
        -0.5: "0s",
        0: "0s",
        119: "119s",
        120: "2m",
        125: "2m5s",
        599: "9m59s",
        600: "10m",
        10799: "179m",
        10800: "3h",
        10860: "3h1m",
        28800: "8h",
        172799: "47h",
        172800: "2d",
        176400: "2d1h",
    }
    day = 86400
    assert [human_duration(day * d) for d in (8, 100, 729, 730, 800, 3650)] == [
        "8d", "100d", "729d", "2y", "2y70d", "10y",
    ]  # fmt: skip


def row(plural: str, **obj: Any) -> list[Any]:
    metadata = {"name": "x", "creationTimestamp": "2026-01-01T23:59:00Z"} | obj.pop("metadata", {})
    return cells(COLUMNS[plural], {"metadata": metadata, **obj}, NOW)


def test_built_in_rows() -> None:
    assert row("secrets", type="Opaque", data={"a": "", "b": ""}) == ["x", "Opaque", 2, "60s"]
    assert row("secrets", type="Opaque") == ["x", "Opaque", 0, "60s"]
    assert row("serviceaccounts", secrets=[{"name": "s"}]) == ["x", 1, "60s"]
    assert row("configmaps", data={"a": ""}, binaryData={"b": ""}) == ["x", 2, "60s"]
    assert row("namespaces", status={"phase": "Active"}) == ["x", "Active", "60s"]
    assert row("leases", spec={"holderIdentity": "me"}) == ["x", "me", "60s"]
    ref = {"kind": "Role", "name": "r"}
    subjects = [
        {"kind": "User", "name": "u"},
        {"kind": "Group", "name": "g"},
        {"kind": "ServiceAccount", "name": "s", "namespace": "n"},
    ]
    assert row("rolebindings", roleRef=ref, subjects=subjects) == ["x", "Role/r", "60s", "u", "g", "n/s"]
    ready = {"conditions": [{"type": "Ready", "status": "True"}], "nodeInfo": {"kubeletVersion": "v1"}}
    labels = {"labels": {"node-role.kubernetes.io/control-plane": ""}}
    assert row("nodes", status=ready, metadata=labels) == ["x", "Ready", "control-plane", "60s", "v1"]
    pod = {"spec": {"containers": [{}, {}]}, "status": {"phase": "Running", "containerStatuses": [{"ready": True}]}}
    assert row("pods", **pod)[:5] == ["x", "1/2", "Running", 0, "60s"]


CONDITIONS = {
    "status": {
        "conditions": [
            {"type": "Synced", "status": "False", "reason": "Waiting"},
            {"type": "Ready", "status": "True", "reason": "Success"},
        ]
    }
}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        (".status.conditions[?(@.type=='Ready')].status", ["True"]),
        ('.status.conditions[?(@.type=="Ready")].reason', ["Success"]),
        (".status.conditions[?(@.type!='Ready')].reason", ["Waiting"]),
        (".status.conditions[?(@.missing)].reason", []),
        (".status.conditions[*].type", ["Synced", "Ready"]),
        (".status.conditions[0].type", ["Synced"]),
        (".status.conditions[-1].type", ["Ready"]),
        (".status.conditions[5].type", []),
        ("{.status.conditions[1]['type']}", ["Ready"]),
        ("$..reason", ["Waiting", "Success"]),
        (".missing.deeper", []),
        (".metadata.labels.kubemint\\.io/x", ["y"]),
        (".", [CONDITIONS | {"metadata": {"labels": {"kubemint.io/x": "y"}}}]),
    ],
)
def test_paths(path: str, found: list[Any]) -> None:
    obj = CONDITIONS | {"metadata": {"labels": {"kubemint.io/x": "y"}}}
    assert compile_path(path)(obj) == found


@pytest.mark.parametrize("path", [".a[", ".a[?(@.b=]", "..", ".a.{"])
def test_paths_that_cannot_be_read(path: str) -> None:
    with pytest.raises(ValueError, match="JSONPath"):
        compile_path(path)


def test_custom_columns() -> None:
    columns = custom_columns(
        [
            {"name": "Ready", "type": "string", "jsonPath": ".status.conditions[?(@.type=='Ready')].status"},
            {"name": "Count", "type": "integer", "jsonPath": ".spec.count", "priority": 1},
            {"name": "Flag", "type": "boolean", "jsonPath": ".spec.flag"},
            {"name": "Since", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
        ]
    )
    obj = CONDITIONS | {"metadata": {"name": "x", "creationTimestamp": "2026-01-01T00:00:00Z"}, "spec": {"count": "no"}}
    assert cells(columns, obj, NOW) == ["x", "True", None, None, "24h"]
    assert [(d["name"], d["type"], d["priority"]) for d in definitions(columns)] == [
        ("Name", "string", 0),
        ("Ready", "string", 0),
        ("Count", "integer", 1),
        ("Flag", "boolean", 0),
        ("Since", "date", 0),
    ]
    assert [column.name for column in custom_columns([])] == ["Name", "Age"]


def test_old_servers_lack_the_columns_of_fields_they_lack() -> None:
    names = {
        minor: [c.name for k in kinds_of_version(minor) if k.plural == "csidrivers" for c in k.columns]
        for minor in (20, 30)
    }
    assert names[20] == ["Name", "AttachRequired", "PodInfoOnMount", "Modes", "Age"]
    assert "TokenRequests" in names[30]
