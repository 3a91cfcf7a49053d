"""JSON, merge and strategic patches."""

from __future__ import annotations

import pytest

from tests.contract.api import JSON_PATCH, MERGE_PATCH, STRATEGIC_PATCH
from tests.contract.objects import accounts, configmap, configmaps, pods
from tests.contract.server import Server


@pytest.fixture
def path(server: Server, ns: str) -> str:
    """A ConfigMap `a` with two keys."""
    server.admin.post(configmaps(ns), configmap("a", {"k": "1", "l": "2"}, labels={"x": "1", "y": "2"})).expect(201)
    return configmaps(ns, "a")


def test_merge_patch(server: Server, path: str) -> None:
    body = server.admin.patch(path, {"data": {"k": None, "m": "3"}, "metadata": {"labels": {"x": None}}}).expect(200)
    assert body["data"] == {"l": "2", "m": "3"}
    assert body["metadata"]["labels"] == {"y": "2"}


def test_merge_patch_of_nothing_keeps_the_version(server: Server, path: str) -> None:
    before = server.admin.get(path).expect(200)["metadata"]["resourceVersion"]
    assert server.admin.patch(path, {"data": {"k": "1"}}).expect(200)["metadata"]["resourceVersion"] == before


def test_json_patch(server: Server, path: str) -> None:
    operations = [
        {"op": "test", "path": "/data/k", "value": "1"},
        {"op": "replace", "path": "/data/k", "value": "9"},
        {"op": "remove", "path": "/data/l"},
        {"op": "add", "path": "/metadata/annotations", "value": {"kubemint.io/a_b": "c"}},
    ]
    body = server.admin.patch(path, operations, JSON_PATCH).expect(200)
    assert body["data"] == {"k": "9"}
    assert body["metadata"]["annotations"] == {"kubemint.io/a_b": "c"}
    escaped = [{"op": "remove", "path": "/metadata/annotations/kubemint.io~1a_b"}]
    assert "annotations" not in server.admin.patch(path, escaped, JSON_PATCH).expect(200)["metadata"]


def test_json_patch_whose_test_fails(server: Server, path: str) -> None:
    operations = [{"op": "test", "path": "/data/k", "value": "x"}, {"op": "remove", "path": "/data/k"}]
    server.admin.patch(path, operations, JSON_PATCH).fails(422, "Invalid", "the server rejected our request")
    assert server.admin.get(path).expect(200)["data"] == {"k": "1", "l": "2"}


def test_json_patch_of_a_missing_path(server: Server, path: str) -> None:
    operations = [{"op": "remove", "path": "/data/nope"}]
    server.admin.patch(path, operations, JSON_PATCH).fails(422, "Invalid")


def test_json_patch_that_is_a_map(server: Server, path: str) -> None:
    server.admin.patch(path, {"data": {}}, JSON_PATCH).fails(400, "BadRequest")


def test_patch_with_an_old_version_conflicts(server: Server, path: str) -> None:
    old = server.admin.get(path).expect(200)["metadata"]["resourceVersion"]
    server.admin.patch(path, {"data": {"k": "2"}}).expect(200)
    patch = {"metadata": {"resourceVersion": old}, "data": {"k": "3"}}
    text = "the object has been modified; please apply your changes to the latest version"
    server.admin.patch(path, patch).fails(409, "Conflict", text)


def test_patch_with_the_current_version(server: Server, path: str) -> None:
    version = server.admin.get(path).expect(200)["metadata"]["resourceVersion"]
    patch = {"metadata": {"resourceVersion": version}, "data": {"k": "3"}}
    assert server.admin.patch(path, patch).expect(200)["data"]["k"] == "3"


def test_patch_of_the_uid(server: Server, path: str) -> None:
    patch = {"metadata": {"uid": "00000000-0000-4000-8000-000000000000"}}
    server.admin.patch(path, patch).fails(422, "Invalid", "metadata.uid: Invalid value:")


def test_patch_what_does_not_exist(server: Server, ns: str) -> None:
    for kind, patch in ((MERGE_PATCH, {"data": {}}), (STRATEGIC_PATCH, {"data": {}}), (JSON_PATCH, [])):
        server.admin.patch(configmaps(ns, "nope"), patch, kind).fails(404, "NotFound", 'configmaps "nope" not found')


def test_patch_of_the_name(server: Server, path: str) -> None:
    answer = server.admin.patch(path, {"metadata": {"name": "b"}})
    assert answer.status in (400, 422)
    assert "name" in answer.body["message"]


def test_patch_of_another_content_type(server: Server, path: str) -> None:
    answer = server.admin.patch(path, {"data": {}}, "application/json")
    answer.fails(415, "UnsupportedMediaType")


def test_strategic_patch_merges_lists_by_key(server: Server, ns: str) -> None:
    server.account(ns)
    server.pod(ns, "p")
    patch = {"spec": {"containers": [{"name": "main", "image": "example.org/none:2"}]}}
    containers = server.admin.patch(pods(ns, "p"), patch, STRATEGIC_PATCH).expect(200)["spec"]["containers"]
    assert [(c["name"], c["image"]) for c in containers] == [("main", "example.org/none:2")]


def test_strategic_patch_adds_to_and_removes_from_named_lists(server: Server, ns: str) -> None:
    account = {"metadata": {"name": "robot"}, "secrets": [{"name": "one"}]}
    server.admin.post(accounts(ns), account).expect(201)
    added = {"secrets": [{"name": "two"}]}
    server.admin.patch(accounts(ns, "robot"), added, STRATEGIC_PATCH).expect(200)
    removed = {"secrets": [{"$patch": "delete", "name": "one"}]}
    body = server.admin.patch(accounts(ns, "robot"), removed, STRATEGIC_PATCH).expect(200)
    names = [entry["name"] for entry in body["secrets"]]
    assert "two" in names
    assert "one" not in names


def test_strategic_patch_replaces_maps_when_told(server: Server, path: str) -> None:
    patch = {"data": {"$patch": "replace", "only": "this"}}
    assert server.admin.patch(path, patch, STRATEGIC_PATCH).expect(200)["data"] == {"only": "this"}


def test_merge_patch_replaces_lists(server: Server, ns: str) -> None:
    account = {"metadata": {"name": "robot"}, "imagePullSecrets": [{"name": "one"}]}
    server.admin.post(accounts(ns), account).expect(201)
    patch = {"imagePullSecrets": [{"name": "two"}]}
    body = server.admin.patch(accounts(ns, "robot"), patch).expect(200)
    assert body["imagePullSecrets"] == [{"name": "two"}]
