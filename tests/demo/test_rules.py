"""RBAC's rules as pure functions, and how grants are kept from growing."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.objects import accounts, rbac, secrets
from tests.contract.server import Server
from tui.demo.apiserver.rules import allows_path, allows_resource, compact, uncovered

SECRETS = {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "list"]}
ONE_TOKEN = {
    "apiGroups": [""],
    "resources": ["serviceaccounts/token"],
    "resourceNames": ["robot"],
    "verbs": ["create"],
}


@pytest.mark.parametrize(
    ("rule", "request_", "allowed"),
    [
        (SECRETS, {"verb": "get", "group": "", "resource": "secrets", "name": "a"}, True),
        (SECRETS, {"verb": "delete", "group": "", "resource": "secrets"}, False),
        (SECRETS, {"verb": "get", "group": "apps", "resource": "secrets"}, False),
        (SECRETS, {"verb": "get", "group": "", "resource": "secrets", "subresource": "status"}, False),
        (
            ONE_TOKEN,
            {"verb": "create", "group": "", "resource": "serviceaccounts", "subresource": "token", "name": "robot"},
            True,
        ),
        (
            ONE_TOKEN,
            {"verb": "create", "group": "", "resource": "serviceaccounts", "subresource": "token", "name": "other"},
            False,
        ),
        (ONE_TOKEN, {"verb": "create", "group": "", "resource": "serviceaccounts", "name": "robot"}, False),
        (
            {"apiGroups": ["*"], "resources": ["*/status"], "verbs": ["*"]},
            {"verb": "patch", "group": "x", "resource": "y", "subresource": "status"},
            True,
        ),
        (
            {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]},
            {"verb": "x", "group": "y", "resource": "z", "subresource": "s"},
            True,
        ),
    ],
)
def test_resources(rule: dict[str, Any], request_: dict[str, str], allowed: bool) -> None:
    assert allows_resource(rule, **request_) is allowed


@pytest.mark.parametrize(
    ("url", "path", "allowed"),
    [
        ("/healthz", "/healthz", True),
        ("/healthz", "/healthz/etcd", False),
        ("/apis/*", "/apis/apps", True),
        ("*", "/x", True),
    ],
)
def test_paths(url: str, path: str, allowed: bool) -> None:
    assert allows_path({"verbs": ["get"], "nonResourceURLs": [url]}, verb="get", path=path) is allowed


def test_what_a_grant_would_add() -> None:
    assert uncovered([SECRETS], [{**SECRETS, "verbs": ["get"]}]) == []
    assert uncovered([SECRETS], [{**SECRETS, "verbs": ["get", "delete"]}]) == [{**SECRETS, "verbs": ["delete"]}]
    named = {**SECRETS, "resourceNames": ["a"]}
    assert uncovered([SECRETS], [named]) == []
    assert len(uncovered([named], [SECRETS])) == 2, "a right on one name is not a right on all"
    assert uncovered([], [{"verbs": ["get"], "nonResourceURLs": ["/x"]}])
    assert compact(ONE_TOKEN) == (
        '{APIGroups:[""], Resources:["serviceaccounts/token"], ResourceNames:["robot"], Verbs:["create"]}'
    )


def test_e19_a_refusal_names_the_missing_right(tenant: Server) -> None:
    ns = tenant.new_namespace()
    tenant.account(ns)
    robot = tenant.as_token(tenant.token(ns))
    robot.post(accounts(ns, "robot") + "/token", {}).fails(
        403,
        "Forbidden",
        f'serviceaccounts "robot" is forbidden: User "system:serviceaccount:{ns}:robot" cannot create resource '
        f'"serviceaccounts/token" in API group "" in the namespace "{ns}"',
    )


def test_nobody_grants_more_than_he_holds(tenant: Server) -> None:
    ns = tenant.new_namespace()
    tenant.account(ns)
    manage = {"apiGroups": ["rbac.authorization.k8s.io"], "resources": ["roles", "rolebindings"], "verbs": ["*"]}
    body = {"metadata": {"name": "manager"}, "rules": [manage | {"verbs": ["create", "get"]}, SECRETS]}
    tenant.admin.post(rbac(ns, "roles"), body).expect(201)
    binding: dict[str, Any] = {
        "metadata": {"name": "manager"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "manager"},
        "subjects": [{"kind": "ServiceAccount", "name": "robot", "namespace": ns}],
    }
    tenant.admin.post(rbac(ns, "rolebindings"), binding).expect(201)
    robot = tenant.as_token(tenant.token(ns))
    robot.post(rbac(ns, "roles"), {"metadata": {"name": "less"}, "rules": [SECRETS]}).expect(201)
    refused = robot.post(rbac(ns, "roles"), {"metadata": {"name": "more"}, "rules": [ONE_TOKEN]})
    refused.fails(403, "Forbidden", "is attempting to grant RBAC permissions not currently held:\n")
    assert compact(ONE_TOKEN) in refused.body["message"]
    admin = {**binding, "metadata": {"name": "admin"}, "roleRef": {**binding["roleRef"], "kind": "ClusterRole"}}
    admin["roleRef"]["name"] = "cluster-admin"
    robot.post(rbac(ns, "rolebindings"), admin).fails(403, "Forbidden", "not currently held")
    robot.get(secrets(ns)).expect(200)
