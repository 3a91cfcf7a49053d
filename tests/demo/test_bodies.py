"""Nonsense in the bodies of TokenRequest, reviews and grants, and in headers: refused as by a real server, no 500."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.contract.objects import accounts, pods, rbac, secrets
from tests.contract.server import Server

NONSENSE: list[Any] = [None, 1, "x", [], {}, [None], [1], ["x"], [{}], {"a": None}, True, 1.5]
REVIEWS = "/apis/authorization.k8s.io/v1"
ROLE_REF = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "r"}


def bodies(junk: Any, ns: str) -> Iterator[tuple[str, Any]]:
    token = accounts(ns, "robot") + "/token"
    reference = {"kind": "Secret", "apiVersion": "v1", "name": "x"}
    for spec in (
        junk,
        {"audiences": junk},
        {"expirationSeconds": junk},
        {"boundObjectRef": junk},
        *({"boundObjectRef": reference | {field: junk}} for field in (*reference, "uid")),
    ):
        yield token, {"spec": spec}
    for body in (junk, {"metadata": junk}, {"metadata": {"name": junk, "uid": junk}}, {"kind": junk}):
        yield token, body
    for plural in ("selfsubjectaccessreviews", "subjectaccessreviews", "selfsubjectrulesreviews"):
        yield f"{REVIEWS}/{plural}", junk
        for spec in (
            junk,
            {"resourceAttributes": junk},
            {"nonResourceAttributes": junk},
            {"user": junk, "resourceAttributes": {"verb": junk, "resource": junk, "name": junk}},
            {"user": "x", "groups": junk, "extra": junk, "resourceAttributes": {"verb": "get"}},
            {"namespace": junk},
        ):
            yield f"{REVIEWS}/{plural}", {"spec": spec}
    for spec in (junk, {"token": junk}, {"token": "x", "audiences": junk}):
        yield "/apis/authentication.k8s.io/v1/tokenreviews", {"spec": spec}
    yield "/apis/authentication.k8s.io/v1/selfsubjectreviews", junk
    for rules in (junk, [{"verbs": junk, "apiGroups": junk, "resources": junk, "resourceNames": junk}]):
        yield rbac(ns, "roles"), {"metadata": {"generateName": "r-"}, "rules": rules}
    for binding in (
        {"roleRef": junk},
        {"roleRef": ROLE_REF | {"kind": junk}},
        {"roleRef": ROLE_REF | {"name": junk}},
        {"roleRef": ROLE_REF, "subjects": junk},
        {"roleRef": ROLE_REF, "subjects": [{"kind": junk, "name": junk, "namespace": junk}]},
    ):
        yield rbac(ns, "rolebindings"), {"metadata": {"generateName": "b-"}, **binding}
    for spec in (junk, {"serviceAccountName": junk}):
        yield pods(ns), {"metadata": {"generateName": "p-"}, "spec": spec}
    typed = {"type": "kubernetes.io/service-account-token"}
    yield secrets(ns), {**typed, "metadata": {"generateName": "s-", "annotations": junk}}


@pytest.mark.parametrize("junk", NONSENSE, ids=repr)
@pytest.mark.parametrize("name", ["tenant", "old"])
def test_nonsense_is_refused(name: str, junk: Any, request: pytest.FixtureRequest) -> None:
    server: Server = request.getfixturevalue(name)
    ns = server.new_namespace()
    server.account(ns)
    robin = server.as_user("robin", "editors")
    binding = {
        "metadata": {"name": "robin"},
        "roleRef": {**ROLE_REF, "kind": "ClusterRole", "name": "admin"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "robin"}],
    }
    server.admin.post(rbac(ns, "rolebindings"), binding).expect(201)
    for caller in (server.admin, robin):
        for path, body in bodies(junk, ns):
            answer = caller.post(path, body)
            # "No API token found" of old servers is a 500 by right: the caller is to try again.
            assert answer.status < 500 or answer.body["reason"] == "ServerTimeout", (path, body, answer.content)


@pytest.mark.parametrize(
    "token",
    [
        "x",
        "a.b.c",
        "..",
        "x" * 5000,
        "eyJhbGciOiJub25lIn0.e30.",
        "eyJhbGciOiJSUzI1NiJ9.bnVsbA.AAAA",
        "eyJhbGciOiJSUzI1NiJ9.e30.AAAA",
        "eyJhbGciOiJSUzI1NiJ9.WzFd.AAAA",
        "ÿ",
    ],
    ids=lambda token: token[:12],
)
def test_tokens_that_are_none(tenant: Server, token: str) -> None:
    tenant.as_token(token).get("/api/v1/secrets").fails(401, "Unauthorized")


def test_wrong_types_are_named(tenant: Server) -> None:
    ns = tenant.new_namespace()
    tenant.account(ns)
    body = {"spec": {"expirationSeconds": "600"}}
    text = 'TokenRequest in version "v1" cannot be handled as a TokenRequest: json: cannot unmarshal string'
    tenant.admin.post(accounts(ns, "robot") + "/token", body).fails(400, "BadRequest", text)


def test_impersonation_of_no_text(tenant: Server) -> None:
    tenant.admin.with_headers({"Impersonate-User": "\xff"}).get("/api/v1/secrets").fails(400, "BadRequest")
