"""The same objects as PartialObjectMetadata and as Table."""

from __future__ import annotations

from tests.contract.api import PARTIAL, PARTIAL_LIST, TABLE
from tests.contract.objects import configmap, configmaps, secret, secrets, widget, widgets
from tests.contract.server import Server


def test_metadata_of_one_object(server: Server, ns: str) -> None:
    whole = server.admin.post(secrets(ns), secret("a", {"token": "hidden"})).expect(201)
    body = server.admin.get(secrets(ns, "a"), accept=PARTIAL).expect(200)
    assert (body["kind"], body["apiVersion"]) == ("PartialObjectMetadata", "meta.k8s.io/v1")
    assert body["metadata"] == whole["metadata"]
    assert set(body) == {"kind", "apiVersion", "metadata"}


def test_metadata_lists_hold_no_data(server: Server, ns: str) -> None:
    server.admin.post(secrets(ns), secret("a", {"token": "hidden"})).expect(201)
    answer = server.admin.get(secrets(ns), accept=PARTIAL_LIST)
    body = answer.expect(200)
    assert (body["kind"], body["apiVersion"]) == ("PartialObjectMetadataList", "meta.k8s.io/v1")
    assert int(body["metadata"]["resourceVersion"]) > 0
    assert "a" in {item["metadata"]["name"] for item in body["items"]}
    assert all(set(item) <= {"metadata", "kind", "apiVersion"} for item in body["items"])
    assert b"aGlkZGVu" not in answer.content


def test_metadata_lists_come_in_pages(server: Server, ns: str) -> None:
    for name in ("a", "b", "c"):
        server.admin.post(configmaps(ns), configmap(name, labels={"x": "y"})).expect(201)
    first = server.admin.get(configmaps(ns), accept=PARTIAL_LIST, limit=2, labelSelector="x=y").expect(200)
    token = first["metadata"]["continue"]
    rest = server.admin.get(configmaps(ns), accept=PARTIAL_LIST, labelSelector="x=y", **{"continue": token}).expect(200)
    assert [item["metadata"]["name"] for item in first["items"] + rest["items"]] == ["a", "b", "c"]


def test_metadata_watch(server: Server, ns: str) -> None:
    version = server.admin.get(secrets(ns)).expect(200)["metadata"]["resourceVersion"]
    with server.admin.watch(secrets(ns), accept=PARTIAL, resourceVersion=version) as events:
        server.admin.post(secrets(ns), secret("a", {"token": "hidden"})).expect(201)
        event = events.until("ADDED", name="a")
        server.admin.delete(secrets(ns, "a")).expect(200)
        gone = events.until("DELETED", name="a")
    for each in (event, gone):
        assert each["object"]["kind"] == "PartialObjectMetadata"
        assert "data" not in each["object"]


def test_metadata_of_custom_objects(server: Server, widget_api: str, ns: str) -> None:
    server.admin.post(widgets(ns), widget("a")).expect(201)
    body = server.admin.get(widgets(ns), accept=PARTIAL_LIST).expect(200)
    assert body["kind"] == "PartialObjectMetadataList"
    assert [item["metadata"]["name"] for item in body["items"]] == ["a"]


def test_metadata_falls_back_where_several_types_are_accepted(server: Server, ns: str) -> None:
    body = server.admin.get(configmaps(ns), accept=f"{PARTIAL_LIST},application/json").expect(200)
    assert body["kind"] == "PartialObjectMetadataList"


def test_table_of_secrets(server: Server, ns: str) -> None:
    server.admin.post(secrets(ns), secret("a", {"x": "1", "y": "2"})).expect(201)
    body = server.admin.get(secrets(ns), accept=TABLE, fieldSelector="metadata.name=a").expect(200)
    assert (body["kind"], body["apiVersion"]) == ("Table", "meta.k8s.io/v1")
    assert [column["name"] for column in body["columnDefinitions"]] == ["Name", "Type", "Data", "Age"]
    (row,) = body["rows"]
    assert row["cells"][:3] == ["a", "Opaque", 2]
    assert row["object"]["kind"] == "PartialObjectMetadata"
    assert row["object"]["metadata"]["name"] == "a"
    assert {"name", "type", "format", "description", "priority"} <= set(body["columnDefinitions"][0])


def test_table_columns(server: Server, ns: str) -> None:
    server.account(ns)
    of_accounts = ["Name", "Age"] if server.has("no-secrets-of-accounts") else ["Name", "Secrets", "Age"]
    for path, columns in (
        (f"/api/v1/namespaces/{ns}/serviceaccounts", of_accounts),
        (configmaps(ns), ["Name", "Data", "Age"]),
        ("/api/v1/namespaces", ["Name", "Status", "Age"]),
        (f"/apis/rbac.authorization.k8s.io/v1/namespaces/{ns}/roles", ["Name", "Created At"]),
    ):
        body = server.admin.get(path, accept=TABLE).expect(200)
        shown = [column["name"] for column in body["columnDefinitions"] if column["priority"] == 0]
        assert shown == columns, path


def test_table_without_objects(server: Server, ns: str) -> None:
    server.admin.post(configmaps(ns), configmap("a")).expect(201)
    for row in server.admin.get(configmaps(ns), accept=TABLE, includeObject="None").expect(200)["rows"]:
        assert row["object"] is None


def test_table_with_whole_objects(server: Server, ns: str) -> None:
    server.admin.post(configmaps(ns), configmap("a", {"k": "v"})).expect(201)
    body = server.admin.get(configmaps(ns, "a"), accept=TABLE, includeObject="Object").expect(200)
    assert body["rows"][0]["object"]["data"] == {"k": "v"}


def test_table_watch(server: Server, ns: str) -> None:
    version = server.admin.get(secrets(ns)).expect(200)["metadata"]["resourceVersion"]
    with server.admin.watch(secrets(ns), accept=TABLE, resourceVersion=version) as events:
        server.admin.post(secrets(ns), secret("a")).expect(201)
        event = events.next()
    assert event["type"] == "ADDED"
    assert event["object"]["kind"] == "Table"
    assert len(event["object"]["rows"]) == 1


def test_table_of_custom_objects(server: Server, widget_api: str, ns: str) -> None:
    server.admin.post(widgets(ns), widget("a", size=3)).expect(201)
    body = server.admin.get(widgets(ns), accept=TABLE).expect(200)
    columns = {column["name"]: column for column in body["columnDefinitions"]}
    assert list(columns) == ["Name", "Size", "Ready", "Note", "Age"]
    assert columns["Note"]["priority"] == 1
    cells = body["rows"][0]["cells"]
    assert cells[:2] == ["a", 3]
    status = {"status": {"conditions": [{"type": "Other", "status": "False"}, {"type": "Ready", "status": "True"}]}}
    server.admin.patch(widgets(ns, "a", "status"), status).expect(200)
    cells = server.admin.get(widgets(ns), accept=TABLE).expect(200)["rows"][0]["cells"]
    assert cells[2] == "True"
