"""RBAC: what is refused, in which words, and how rights are given."""

from __future__ import annotations

import pytest

from tests.contract.api import eventually
from tests.contract.objects import accounts, configmap, configmaps, rbac, secret, secrets
from tests.contract.server import Server

GROUP = "rbac.authorization.k8s.io"


def grant(server: Server, ns: str, *rules: dict[str, list[str]], name: str = "role", account: str = "robot") -> None:
    """A Role and its RoleBinding for an account."""
    server.admin.post(rbac(ns, "roles"), {"metadata": {"name": name}, "rules": list(rules)}).expect(201)
    bind(server, ns, "Role", name, {"kind": "ServiceAccount", "name": account, "namespace": ns})


def bind(server: Server, ns: str, kind: str, role: str, subject: dict[str, str]) -> None:
    body = {
        "metadata": {"generateName": "binding-"},
        "roleRef": {"apiGroup": GROUP, "kind": kind, "name": role},
        "subjects": [subject],
    }
    server.admin.post(rbac(ns, "rolebindings"), body).expect(201)


@pytest.mark.parametrize(
    ("method", "path", "text"),
    [
        (
            "GET",
            "/api/v1/namespaces/{ns}/secrets",
            'cannot list resource "secrets" in API group "" in the namespace "{ns}"',
        ),
        (
            "GET",
            "/api/v1/namespaces/{ns}/secrets/a",
            'secrets "a" is forbidden: User "{user}" cannot get resource "secrets"',
        ),
        ("DELETE", "/api/v1/namespaces/{ns}/secrets/a", 'cannot delete resource "secrets"'),
        ("DELETE", "/api/v1/namespaces/{ns}/secrets", 'cannot deletecollection resource "secrets"'),
        ("GET", "/api/v1/namespaces/{ns}/secrets?watch=true", 'cannot watch resource "secrets"'),
        (
            "GET",
            "/api/v1/secrets",
            'secrets is forbidden: User "{user}" cannot list resource "secrets" in API group "" at the',
        ),
        (
            "GET",
            "/api/v1/namespaces/{ns}",
            'namespaces "{ns}" is forbidden: User "{user}" cannot get resource "namespaces"',
        ),
        (
            "GET",
            "/apis/rbac.authorization.k8s.io/v1/clusterroles",
            'in API group "rbac.authorization.k8s.io" at the cluster',
        ),
        ("GET", "/metrics", 'forbidden: User "{user}" cannot get path "/metrics"'),
    ],
)
def test_refusals(server: Server, ns: str, method: str, path: str, text: str) -> None:
    server.account(ns)
    user = f"system:serviceaccount:{ns}:robot"
    answer = server.as_token(server.token(ns)).request(method, path.format(ns=ns))
    answer.fails(403, "Forbidden", text.format(ns=ns, user=user))


@pytest.mark.parametrize(
    ("method", "verb"), [("POST", "create"), ("PUT", "update"), ("PATCH", "patch")], ids=["create", "update", "patch"]
)
def test_refused_writes(server: Server, ns: str, method: str, verb: str) -> None:
    server.account(ns)
    path = configmaps(ns) if method == "POST" else configmaps(ns, "a")
    kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
    answer = server.as_token(server.token(ns)).request(method, path, configmap("a"), content_type=kind)
    answer.fails(403, "Forbidden", f'cannot {verb} resource "configmaps" in API group "" in the namespace "{ns}"')


def test_e19_refused_token_names_the_missing_right(server: Server, ns: str) -> None:
    server.account(ns)
    server.account(ns, "other")
    answer = server.as_token(server.token(ns)).post(accounts(ns, "other") + "/token", {})
    status = answer.fails(
        403,
        "Forbidden",
        f'serviceaccounts "other" is forbidden: User "system:serviceaccount:{ns}:robot" cannot create resource '
        f'"serviceaccounts/token" in API group "" in the namespace "{ns}"',
    )
    assert status["details"] == {"name": "other", "kind": "serviceaccounts"}


def test_l03_an_account_that_mints_for_itself(server: Server, ns: str) -> None:
    server.account(ns)
    server.account(ns, "other")
    rule = {"apiGroups": [""], "resources": ["serviceaccounts/token"], "resourceNames": ["robot"], "verbs": ["create"]}
    grant(server, ns, rule)
    robot = server.as_token(server.token(ns))
    eventually(lambda: robot.post(accounts(ns, "robot") + "/token", {}).status == 201, "it mints for itself")
    assert robot.post(accounts(ns, "other") + "/token", {}).status == 403


def test_rights_come_and_go_at_once(server: Server, ns: str) -> None:
    server.account(ns)
    robot = server.as_token(server.token(ns))
    robot.get(secrets(ns)).fails(403, "Forbidden")
    grant(server, ns, {"apiGroups": [""], "resources": ["secrets"], "verbs": ["list"]})
    eventually(lambda: robot.get(secrets(ns)).status == 200, "the right is there")
    server.admin.delete(rbac(ns, "roles", "role")).expect(200)
    eventually(lambda: robot.get(secrets(ns)).status == 403, "the right is gone")


def test_rights_end_at_the_namespace(server: Server, ns: str) -> None:
    server.account(ns)
    grant(server, ns, {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]})
    robot = server.as_token(server.token(ns))
    eventually(lambda: robot.get(secrets(ns)).status == 200, "the right is there")
    robot.get(secrets("default")).fails(403, "Forbidden", 'in the namespace "default"')
    robot.get("/api/v1/secrets").fails(403, "Forbidden", "at the cluster scope")


def test_groups_of_accounts(server: Server, ns: str) -> None:
    server.account(ns)
    bind(
        server, ns, "ClusterRole", "view", {"apiGroup": GROUP, "kind": "Group", "name": f"system:serviceaccounts:{ns}"}
    )
    robot = server.as_token(server.token(ns))
    eventually(lambda: robot.get(configmaps(ns)).status == 200, "view shows ConfigMaps")
    assert robot.get(secrets(ns)).status == 403


def test_users_by_certificate(server: Server, ns: str) -> None:
    bind(server, ns, "ClusterRole", "edit", {"apiGroup": GROUP, "kind": "User", "name": "jane"})
    jane = server.as_user("jane")
    eventually(lambda: jane.post(secrets(ns), secret("a")).status in (201, 409), "edit may create Secrets")
    assert jane.get(rbac(ns, "roles")).status == 403


def test_nobody_grants_more_than_they_have(server: Server, ns: str) -> None:
    rule = {"apiGroups": [GROUP], "resources": ["roles"], "verbs": ["create", "get", "list"]}
    server.account(ns)
    grant(server, ns, rule)
    robot = server.as_token(server.token(ns))
    eventually(lambda: robot.get(rbac(ns, "roles")).status == 200, "robot may see roles")
    greedy = {
        "metadata": {"name": "greedy"},
        "rules": [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}],
    }
    answer = robot.post(rbac(ns, "roles"), greedy)
    answer.fails(403, "Forbidden", "is attempting to grant RBAC permissions not currently held")
    modest = {
        "metadata": {"name": "modest"},
        "rules": [{"apiGroups": [GROUP], "resources": ["roles"], "verbs": ["get"]}],
    }
    robot.post(rbac(ns, "roles"), modest).expect(201)


def test_a_bindings_role_is_immutable(server: Server, ns: str) -> None:
    server.account(ns)
    grant(server, ns, {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]})
    name = server.admin.get(rbac(ns, "rolebindings")).expect(200)["items"][0]["metadata"]["name"]
    patch = {"roleRef": {"apiGroup": GROUP, "kind": "Role", "name": "other"}}
    answer = server.admin.patch(rbac(ns, "rolebindings", name), patch)
    answer.fails(422, "Invalid", "cannot change roleRef")


def test_the_usual_roles_exist(server: Server) -> None:
    path = f"/apis/{GROUP}/v1/clusterroles"
    for name in ("cluster-admin", "admin", "edit", "view", "system:basic-user", "system:discovery"):
        assert server.admin.get(f"{path}/{name}").expect(200)["rules"]
