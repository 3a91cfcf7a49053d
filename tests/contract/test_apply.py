"""Server-side apply: ownership of fields, conflicts, and what managedFields says."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.api import APPLY_PATCH
from tests.contract.objects import configmap, configmaps, secret, secrets
from tests.contract.server import Server


@pytest.fixture
def path(ns: str) -> str:
    return configmaps(ns, "a")


def managers(body: Any) -> dict[tuple[str, str], Any]:
    """Field sets by manager and operation."""
    return {(entry["manager"], entry["operation"]): entry["fieldsV1"] for entry in body["metadata"]["managedFields"]}


def test_apply_creates_and_then_updates(server: Server, path: str) -> None:
    body = server.admin.apply(path, configmap("a", {"k": "1"})).expect(201)
    assert body["data"] == {"k": "1"}
    body = server.admin.apply(path, configmap("a", {"k": "2"})).expect(200)
    assert body["data"] == {"k": "2"}


def test_apply_again_keeps_the_version(server: Server, path: str) -> None:
    first = server.admin.apply(path, configmap("a", {"k": "1"})).expect(201)
    again = server.admin.apply(path, configmap("a", {"k": "1"})).expect(200)
    assert again["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]


def test_apply_records_the_fields(server: Server, path: str) -> None:
    body = server.admin.apply(path, configmap("a", {"k": "1"}, labels={"x": "y"})).expect(201)
    (entry,) = body["metadata"]["managedFields"]
    assert (entry["manager"], entry["operation"], entry["apiVersion"]) == ("check", "Apply", "v1")
    assert entry["fieldsType"] == "FieldsV1"
    assert entry["time"]
    assert entry["fieldsV1"]["f:data"] == {"f:k": {}}
    assert entry["fieldsV1"]["f:metadata"]["f:labels"]["f:x"] == {}


def test_update_records_the_fields(server: Server, ns: str, path: str) -> None:
    server.admin.apply(path, configmap("a", {"k": "1"})).expect(201)
    body = server.admin.patch(path, {"data": {"m": "2"}}, fieldManager="somebody").expect(200)
    fields = managers(body)
    assert fields[("somebody", "Update")]["f:data"]["f:m"] == {}
    assert "f:k" not in fields[("somebody", "Update")]["f:data"]
    assert fields[("check", "Apply")]["f:data"] == {"f:k": {}}


def test_apply_removes_only_what_it_owned(server: Server, path: str) -> None:
    server.admin.apply(path, configmap("a", {"k": "1", "l": "2"}, labels={"mine": "1"})).expect(201)
    server.admin.patch(path, {"data": {"m": "3"}, "metadata": {"labels": {"foreign": "1"}}}).expect(200)
    body = server.admin.apply(path, configmap("a", {"k": "1"})).expect(200)
    assert body["data"] == {"k": "1", "m": "3"}
    assert body["metadata"]["labels"] == {"foreign": "1"}


def test_apply_of_a_foreign_field_conflicts(server: Server, path: str) -> None:
    server.admin.apply(path, configmap("a", {"k": "1"}), manager="first").expect(201)
    status = server.admin.apply(path, configmap("a", {"k": "2"}), manager="second").fails(
        409, "Conflict", 'Apply failed with 1 conflict: conflict with "first": .data.k'
    )
    cause = status["details"]["causes"][0]
    assert cause == {"reason": "FieldManagerConflict", "message": 'conflict with "first"', "field": ".data.k"}
    assert server.admin.get(path).expect(200)["data"] == {"k": "1"}


def test_several_conflicts_are_counted(server: Server, path: str) -> None:
    server.admin.apply(path, configmap("a", {"k": "1", "l": "1"}), manager="first").expect(201)
    answer = server.admin.apply(path, configmap("a", {"k": "2", "l": "2"}), manager="second")
    answer.fails(409, "Conflict", 'Apply failed with 2 conflicts: conflicts with "first":\n- .data.k\n- .data.l')


def test_apply_by_force_takes_over(server: Server, path: str) -> None:
    server.admin.apply(path, configmap("a", {"k": "1"}), manager="first").expect(201)
    body = server.admin.apply(path, configmap("a", {"k": "2"}), manager="second", force=True).expect(200)
    assert body["data"] == {"k": "2"}
    assert ("first", "Apply") not in managers(body)


def test_the_same_value_is_shared(server: Server, path: str) -> None:
    server.admin.apply(path, configmap("a", {"k": "1"}), manager="first").expect(201)
    body = server.admin.apply(path, configmap("a", {"k": "1"}), manager="second").expect(200)
    assert {("first", "Apply"), ("second", "Apply")} <= set(managers(body))
    body = server.admin.apply(path, configmap("a"), manager="first").expect(200)
    assert body["data"] == {"k": "1"}


def test_apply_conflicts_with_an_update_too(server: Server, path: str) -> None:
    server.admin.apply(path, configmap("a", {"k": "1"})).expect(201)
    server.admin.patch(path, {"data": {"k": "2"}}, fieldManager="hand").expect(200)
    answer = server.admin.apply(path, configmap("a", {"k": "3"}))
    answer.fails(409, "Conflict", 'Apply failed with 1 conflict: conflict with "hand" using v1')


def test_apply_needs_a_field_manager(server: Server, path: str) -> None:
    answer = server.admin.patch(path, configmap("a"), APPLY_PATCH)
    text = "fieldManager: Required value: is required for apply patch"
    answer.fails(422, "Invalid", text)


def test_apply_refuses_managed_fields(server: Server, path: str) -> None:
    body = configmap("a", managedFields=[{"manager": "x", "operation": "Apply", "apiVersion": "v1"}])
    server.admin.apply(path, body).fails(400, "BadRequest", "metadata.managedFields must be nil")


def test_apply_with_an_old_version_conflicts(server: Server, path: str) -> None:
    old = server.admin.apply(path, configmap("a", {"k": "1"})).expect(201)["metadata"]["resourceVersion"]
    server.admin.apply(path, configmap("a", {"k": "2"})).expect(200)
    body = configmap("a", {"k": "3"}, resourceVersion=old)
    server.admin.apply(path, body).fails(409, "Conflict", "the object has been modified")


def test_apply_with_a_uid_never_creates(server: Server, path: str) -> None:
    body = configmap("a", uid="00000000-0000-4000-8000-000000000000")
    answer = server.admin.apply(path, body)
    assert answer.status == 409
    assert server.admin.get(path).status == 404


def test_apply_of_yaml(server: Server, ns: str) -> None:
    text = f"# a comment\napiVersion: v1\nkind: Secret\nmetadata: {{name: s, namespace: {ns}}}\nstringData: {{k: v}}\n"
    body = server.admin.apply(secrets(ns, "s"), text.encode()).expect(201)
    assert body["data"] == {"k": "dg=="}


def test_apply_of_a_whole_secret_changes_all_keys_at_once(server: Server, ns: str) -> None:
    old = {**secret("s"), "data": {"token": "MQ==", "ca.crt": "MQ=="}}
    new = {**secret("s"), "data": {"token": "Mg==", "ca.crt": "Mg=="}}
    first = server.admin.apply(secrets(ns, "s"), old).expect(201)
    with server.admin.watch(secrets(ns), resourceVersion=first["metadata"]["resourceVersion"]) as events:
        server.admin.apply(secrets(ns, "s"), new).expect(200)
        assert events.until("MODIFIED", name="s")["object"]["data"] == {"token": "Mg==", "ca.crt": "Mg=="}


def test_managed_fields_can_be_cleared(server: Server, path: str) -> None:
    server.admin.apply(path, configmap("a", {"k": "1"})).expect(201)
    body = server.admin.patch(path, {"metadata": {"managedFields": [{}]}}).expect(200)
    assert "managedFields" not in body["metadata"]
