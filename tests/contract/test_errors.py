"""What a server refuses, with which code, reason and words."""

from __future__ import annotations

import pytest

from tests.contract.api import JSON
from tests.contract.objects import accounts, configmap, configmaps, secret, secrets
from tests.contract.server import Server


def test_not_found_names_the_object(server: Server, ns: str) -> None:
    status = server.admin.get(accounts(ns, "nope")).fails(404, "NotFound", 'serviceaccounts "nope" not found')
    assert status["details"] == {"name": "nope", "kind": "serviceaccounts"}
    assert status["metadata"] == {}


def test_not_found_names_the_group(server: Server, ns: str) -> None:
    path = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{ns}/roles/nope"
    status = server.admin.get(path).fails(404, "NotFound", 'roles.rbac.authorization.k8s.io "nope" not found')
    assert status["details"] == {"name": "nope", "group": "rbac.authorization.k8s.io", "kind": "roles"}


def test_already_exists(server: Server, ns: str) -> None:
    server.admin.post(secrets(ns), secret("a")).expect(201)
    status = server.admin.post(secrets(ns), secret("a")).fails(409, "AlreadyExists", 'secrets "a" already exists')
    assert status["details"] == {"name": "a", "kind": "secrets"}


def unit(server: Server) -> str:
    return "bytes" if server.has("lengths-in-bytes") else "characters"


def test_bad_name(server: Server, ns: str) -> None:
    status = server.admin.post(secrets(ns), secret("Not_A_Name")).fails(
        422,
        "Invalid",
        'Secret "Not_A_Name" is invalid: metadata.name: Invalid value: "Not_A_Name": a',
    )
    assert "must consist of lower case alphanumeric characters, '-' or '.'" in status["message"]
    assert (status["details"]["name"], status["details"]["kind"]) == ("Not_A_Name", "Secret")
    cause = status["details"]["causes"][0]
    assert (cause["reason"], cause["field"]) == ("FieldValueInvalid", "metadata.name")
    assert cause["message"].startswith('Invalid value: "Not_A_Name": ')


def test_name_too_long(server: Server, ns: str) -> None:
    status = server.admin.post(secrets(ns), secret("a" * 254)).fails(422, "Invalid")
    assert f"must be no more than 253 {unit(server)}" in status["message"]


def test_missing_name(server: Server, ns: str) -> None:
    status = server.admin.post(secrets(ns), {"metadata": {}}).fails(
        422, "Invalid", 'Secret "" is invalid: metadata.name: Required value: name or generateName is required'
    )
    assert status["details"]["causes"][0]["reason"] == "FieldValueRequired"


@pytest.mark.parametrize(
    ("labels", "text"),
    [
        ({"bad key": "x"}, 'metadata.labels: Invalid value: "bad key": name part must consist of'),
        ({"k": "bad value"}, 'metadata.labels: Invalid value: "bad value": a'),
        ({"k": "x" * 64}, "must be no more than 63 {unit}"),
    ],
    ids=["key", "value", "long"],
)
def test_bad_label(server: Server, ns: str, labels: dict[str, str], text: str) -> None:
    server.admin.post(configmaps(ns), configmap("a", labels=labels)).fails(
        422, "Invalid", text.replace("{unit}", unit(server))
    )


def test_several_causes_come_as_a_list(server: Server, ns: str) -> None:
    sent = configmap("Bad", labels={"k": "bad value"})
    status = server.admin.post(configmaps(ns), sent).fails(
        422, "Invalid", 'ConfigMap "Bad" is invalid: [metadata.name: '
    )
    assert status["message"].endswith("]")
    assert {cause["field"] for cause in status["details"]["causes"]} == {"metadata.name", "metadata.labels"}


def test_namespace_of_the_body_must_be_that_of_the_path(server: Server, ns: str) -> None:
    text = "the namespace of the provided object does not match the namespace sent on the request"
    server.admin.post(configmaps(ns), configmap("a", namespace="default")).fails(400, "BadRequest", text)


def test_create_with_a_resource_version(server: Server, ns: str) -> None:
    text = "resourceVersion should not be set on objects to be created"
    body = server.admin.post(configmaps(ns), configmap("a", resourceVersion="1")).expect(500)
    assert text in body["message"]


def test_body_that_is_not_json(server: Server, ns: str) -> None:
    server.admin.post(configmaps(ns), b"{nope").fails(400, "BadRequest")


def test_body_of_another_kind(server: Server, ns: str) -> None:
    text = 'Secret in version "v1" cannot be handled as a ConfigMap'
    server.admin.post(configmaps(ns), secret("a")).fails(400, "BadRequest", text)


def test_body_with_a_wrong_type(server: Server, ns: str) -> None:
    sent = {**configmap("a"), "data": {"k": 1}}
    server.admin.post(configmaps(ns), sent).fails(400, "BadRequest", 'ConfigMap in version "v1" cannot be handled as a')


def test_unknown_resource(server: Server, ns: str) -> None:
    assert server.admin.get(f"/api/v1/namespaces/{ns}/nopes").status == 404


def test_method_that_the_path_does_not_have(server: Server, ns: str) -> None:
    answer = server.admin.post(configmaps(ns, "a"), configmap("a"))
    answer.fails(405, "MethodNotAllowed", "the server does not allow this method on the requested resource")


def test_content_type_that_nobody_reads(server: Server, ns: str) -> None:
    answer = server.admin.request("POST", configmaps(ns), b"x", content_type="text/plain")
    answer.fails(415, "UnsupportedMediaType", "the body of the request was in an unknown format")


def test_yaml_is_read_too(server: Server, ns: str) -> None:
    text = b"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\ndata:\n  k: v\n"
    answer = server.admin.request("POST", configmaps(ns), text, content_type="application/yaml")
    assert answer.expect(201)["data"] == {"k": "v"}


def test_media_type_that_the_server_cannot_write(server: Server, ns: str) -> None:
    answer = server.admin.get(configmaps(ns), accept="text/html")
    assert answer.status == 406


def test_accept_lists_fall_back_to_json(server: Server, ns: str) -> None:
    answer = server.admin.get(configmaps(ns), accept=f"application/vnd.unknown, {JSON};q=0.9, */*;q=0.1")
    assert answer.expect(200)["kind"] == "ConfigMapList"


def test_bad_token(server: Server, ns: str) -> None:
    answer = server.as_token("nobody").get(configmaps(ns))
    body = answer.fails(401, "Unauthorized")
    assert body["message"] == "Unauthorized"
    assert body["metadata"] == {}
