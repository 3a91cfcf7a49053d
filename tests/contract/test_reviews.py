"""Who am I, what may I do: TokenReview, SelfSubjectReview, access and rules reviews."""

from __future__ import annotations

import pytest

from tests.contract.api import eventually
from tests.contract.objects import rbac
from tests.contract.server import Server, review

TOKEN_REVIEWS = "/apis/authentication.k8s.io/v1/tokenreviews"
SELF = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
AUTHORIZATION = "/apis/authorization.k8s.io/v1"


def test_review_of_garbage(server: Server) -> None:
    status = review(server, "garbage")
    assert "authenticated" not in status
    assert status["user"] == {}
    assert "invalid bearer token" in status["error"]


def test_review_of_nothing(server: Server) -> None:
    server.admin.post(TOKEN_REVIEWS, {"spec": {"token": ""}}).fails(
        400, "BadRequest", "token is required for TokenReview"
    )


def test_review_needs_the_right(server: Server, ns: str) -> None:
    server.account(ns)
    token = server.token(ns)
    answer = server.as_token(token).post(TOKEN_REVIEWS, {"spec": {"token": token}})
    answer.fails(
        403,
        "Forbidden",
        f'tokenreviews.authentication.k8s.io is forbidden: User "system:serviceaccount:{ns}:robot" cannot create '
        'resource "tokenreviews" in API group "authentication.k8s.io" at the cluster scope',
    )


def test_e25_who_am_i(server: Server, ns: str) -> None:
    """E25: old servers answer 403 to an account and 404 to an administrator."""
    server.account(ns)
    account = server.as_token(server.token(ns)).post(SELF, {})
    admin = server.admin.post(SELF, {})
    if server.has("self-subject-review"):
        user = account.expect(201)["status"]["userInfo"]
        assert user["username"] == f"system:serviceaccount:{ns}:robot"
        assert user["extra"]["authentication.kubernetes.io/credential-id"][0].startswith("JTI=")
        assert "system:authenticated" in admin.expect(201)["status"]["userInfo"]["groups"]
    else:
        account.fails(403, "Forbidden", 'cannot create resource "selfsubjectreviews"')
        assert admin.status == 404


def access(server: Server, ns: str, **attributes: str) -> bool:
    """Whether the account robot of `ns` may."""
    robot = server.as_token(server.token(ns))
    body = {"spec": {"resourceAttributes": {"namespace": ns, **attributes}}}
    return bool(robot.post(f"{AUTHORIZATION}/selfsubjectaccessreviews", body).expect(201)["status"]["allowed"])


@pytest.fixture
def reader(server: Server, ns: str) -> str:
    """A namespace whose account robot may get the Secret `one` and mint for itself."""
    server.account(ns)
    rules = [
        {"apiGroups": [""], "resources": ["secrets"], "resourceNames": ["one"], "verbs": ["get"]},
        {"apiGroups": [""], "resources": ["serviceaccounts/token"], "resourceNames": ["robot"], "verbs": ["create"]},
    ]
    server.admin.post(rbac(ns, "roles"), {"metadata": {"name": "reader"}, "rules": rules}).expect(201)
    binding = {
        "metadata": {"name": "reader"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reader"},
        "subjects": [{"kind": "ServiceAccount", "name": "robot", "namespace": ns}],
    }
    server.admin.post(rbac(ns, "rolebindings"), binding).expect(201)
    eventually(lambda: access(server, ns, verb="get", resource="secrets", name="one"), "the rights are there")
    return ns


def test_self_access_review(server: Server, reader: str) -> None:
    assert access(server, reader, verb="get", resource="secrets", name="one")
    assert not access(server, reader, verb="get", resource="secrets", name="two")
    assert not access(server, reader, verb="get", resource="secrets")
    assert not access(server, reader, verb="list", resource="secrets")
    assert access(server, reader, verb="create", resource="serviceaccounts", subresource="token", name="robot")
    assert not access(server, reader, verb="create", resource="serviceaccounts", name="robot")


def test_self_access_review_says_why(server: Server, reader: str) -> None:
    robot = server.as_token(server.token(reader))
    attributes = {"namespace": reader, "verb": "get", "resource": "secrets", "name": "one"}
    body = {"spec": {"resourceAttributes": attributes}}
    status = robot.post(f"{AUTHORIZATION}/selfsubjectaccessreviews", body).expect(201)["status"]
    assert (
        f'RBAC: allowed by RoleBinding "reader/{reader}" of Role "reader" to ServiceAccount "robot/{reader}"'
        in status["reason"]
    )


def test_self_access_review_of_paths(server: Server, reader: str) -> None:
    robot = server.as_token(server.token(reader))
    for path, allowed in (("/version", True), ("/metrics", False)):
        body = {"spec": {"nonResourceAttributes": {"verb": "get", "path": path}}}
        answer = robot.post(f"{AUTHORIZATION}/selfsubjectaccessreviews", body)
        assert answer.expect(201)["status"]["allowed"] is allowed


def test_self_access_review_needs_one_question(server: Server, reader: str) -> None:
    answer = server.admin.post(f"{AUTHORIZATION}/selfsubjectaccessreviews", {"spec": {}})
    answer.fails(422, "Invalid", "exactly one of nonResourceAttributes or resourceAttributes must be specified")


def test_access_review_of_somebody_else(server: Server, reader: str) -> None:
    attributes = {"namespace": reader, "verb": "get", "resource": "secrets", "name": "one"}
    for user, allowed in ((f"system:serviceaccount:{reader}:robot", True), ("jane", False)):
        body = {"spec": {"user": user, "resourceAttributes": attributes}}
        status = server.admin.post(f"{AUTHORIZATION}/subjectaccessreviews", body).expect(201)["status"]
        assert status["allowed"] is allowed


def test_local_access_review(server: Server, reader: str) -> None:
    attributes = {"namespace": reader, "verb": "get", "resource": "secrets", "name": "one"}
    body = {
        "metadata": {"namespace": reader},
        "spec": {"user": f"system:serviceaccount:{reader}:robot", "resourceAttributes": attributes},
    }
    path = f"{AUTHORIZATION}/namespaces/{reader}/localsubjectaccessreviews"
    assert server.admin.post(path, body).expect(201)["status"]["allowed"] is True


def test_rules_review(server: Server, reader: str) -> None:
    robot = server.as_token(server.token(reader))
    status = robot.post(f"{AUTHORIZATION}/selfsubjectrulesreviews", {"spec": {"namespace": reader}}).expect(201)[
        "status"
    ]
    assert status["incomplete"] is False
    rules = status["resourceRules"]
    expected = {"verbs": ["get"], "apiGroups": [""], "resources": ["secrets"], "resourceNames": ["one"]}
    assert expected in rules
    assert any(rule["resources"] == ["serviceaccounts/token"] and rule["resourceNames"] == ["robot"] for rule in rules)
    assert any("/version" in rule.get("nonResourceURLs", []) for rule in status["nonResourceRules"])
    assert any("selfsubjectaccessreviews" in rule["resources"] for rule in rules)


def test_rules_review_needs_a_namespace(server: Server) -> None:
    answer = server.admin.post(f"{AUTHORIZATION}/selfsubjectrulesreviews", {"spec": {}})
    answer.fails(400, "BadRequest", "no namespace on request")
