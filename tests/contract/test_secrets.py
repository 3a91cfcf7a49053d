"""Secrets: keys, types, and what can never change."""

from __future__ import annotations

import base64

from tests.contract.objects import configmap, configmaps, secret, secrets
from tests.contract.server import Server


def test_string_data_becomes_data(server: Server, ns: str) -> None:
    body = server.admin.post(secrets(ns), secret("a", {"k": "välue"})).expect(201)
    assert body["data"] == {"k": base64.b64encode("välue".encode()).decode()}
    assert "stringData" not in body
    assert body["type"] == "Opaque"


def test_string_data_wins_over_data(server: Server, ns: str) -> None:
    sent = {**secret("a", {"k": "new"}), "data": {"k": "b2xk", "l": "b2xk"}}
    assert server.admin.post(secrets(ns), sent).expect(201)["data"] == {"k": "bmV3", "l": "b2xk"}


def test_data_must_be_base64(server: Server, ns: str) -> None:
    sent = {**secret("a"), "data": {"k": "not base64!"}}
    server.admin.post(secrets(ns), sent).fails(400, "BadRequest", "illegal base64 data at input byte")


def test_bad_key(server: Server, ns: str) -> None:
    answer = server.admin.post(secrets(ns), secret("a", {"bad/key": "x"}))
    status = answer.fails(
        422, "Invalid", 'Secret "a" is invalid: data[bad/key]: Invalid value: "bad/key": a valid config key'
    )
    assert status["details"]["causes"][0]["field"] == "data[bad/key]"


def test_type_is_immutable(server: Server, ns: str) -> None:
    """F11: the server explains a change of type."""
    server.admin.post(secrets(ns), secret("a")).expect(201)
    answer = server.admin.patch(secrets(ns, "a"), {"type": "example.org/other"})
    text = 'Secret "a" is invalid: type: Invalid value: "example.org/other": field is immutable'
    answer.fails(422, "Invalid", text)


def test_immutable_secret(server: Server, ns: str) -> None:
    server.admin.post(secrets(ns), secret("a", {"k": "1"}, immutable=True)).expect(201)
    answer = server.admin.patch(secrets(ns, "a"), {"stringData": {"k": "2"}})
    status = answer.fails(422, "Invalid", "data: Forbidden: field is immutable when `immutable` is set")
    assert status["details"]["causes"][0]["reason"] == "FieldValueForbidden"
    answer = server.admin.patch(secrets(ns, "a"), {"immutable": False})
    answer.fails(422, "Invalid", "immutable: Forbidden: field is immutable when `immutable` is set")
    labelled = server.admin.patch(secrets(ns, "a"), {"metadata": {"labels": {"x": "y"}}}).expect(200)
    assert labelled["metadata"]["labels"] == {"x": "y"}


def test_immutable_configmap(server: Server, ns: str) -> None:
    server.admin.post(configmaps(ns), {**configmap("a", {"k": "1"}), "immutable": True}).expect(201)
    answer = server.admin.patch(configmaps(ns, "a"), {"data": {"k": "2"}})
    answer.fails(422, "Invalid", "data: Forbidden: field is immutable when `immutable` is set")


def test_typed_secret_needs_its_keys(server: Server, ns: str) -> None:
    sent = secret("a", {"tls.crt": "x"}, type="kubernetes.io/tls")
    server.admin.post(secrets(ns), sent).fails(422, "Invalid", "data[tls.key]: Required value")


def test_secret_too_large(server: Server, ns: str) -> None:
    sent = secret("a", {"k": "x" * (1024 * 1024 + 1)})
    words = "may not be more than" if server.has("lengths-in-bytes") else "must have at most"
    server.admin.post(secrets(ns), sent).fails(422, "Invalid", f"data: Too long: {words} 1048576")


def test_empty_secret(server: Server, ns: str) -> None:
    body = server.admin.post(secrets(ns), secret("handle")).expect(201)
    assert "data" not in body
