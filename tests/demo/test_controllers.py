"""The embedded fleet's controllers: token Secrets, default accounts, owners."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from tests.contract.api import eventually
from tests.contract.objects import accounts, configmaps, secret, secrets
from tests.contract.server import Server, decoded, review
from tests.demo.conftest import MovableClock

TYPE = "kubernetes.io/service-account-token"
NAME = "kubernetes.io/service-account.name"
UID = "kubernetes.io/service-account.uid"


def token_secret(name: str, account: str = "robot", **data: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "annotations": {NAME: account}},
        "type": TYPE,
        "data": {key.replace("_", "."): base64.b64encode(value.encode()).decode() for key, value in data.items()},
    }


def filled(server: Server, ns: str, name: str) -> Any:
    def complete() -> Any:
        found = server.admin.get(secrets(ns, name)).expect(200)
        return found if {"token", "ca.crt", "namespace"} <= set(found.get("data") or {}) else None

    return eventually(complete, f"secret {name} is filled")


@pytest.mark.parametrize("name", ["tenant", "old"])
def test_f01_token_secrets_are_filled(name: str, request: pytest.FixtureRequest) -> None:
    server: Server = request.getfixturevalue(name)
    ns = server.new_namespace()
    uid = server.account(ns)["metadata"]["uid"]
    server.admin.post(secrets(ns), token_secret("empty")).expect(201)
    server.admin.post(secrets(ns), token_secret("partly", ca_crt="another authority", namespace="custom")).expect(201)

    empty = filled(server, ns, "empty")
    assert decoded(empty, "namespace") == ns
    assert decoded(empty, "ca.crt") == server.authority
    assert empty["metadata"]["annotations"] == {NAME: "robot", UID: uid}
    assert review(server, decoded(empty, "token"))["user"]["uid"] == uid

    partly = filled(server, ns, "partly")
    assert decoded(partly, "namespace") == "custom", "what somebody put there stays"
    assert decoded(partly, "ca.crt") == server.authority, "a wrong authority does not"

    token = decoded(empty, "token")
    server.admin.patch(secrets(ns, "empty"), {"data": {"token": None}}).expect(200)
    assert decoded(filled(server, ns, "empty"), "token") == token, "the same Secret gives the same token"


def test_f01_token_secret_of_nobody_goes(tenant: Server) -> None:
    ns = tenant.new_namespace()
    tenant.account(ns)
    tenant.admin.post(secrets(ns), token_secret("nobody", account="nope")).expect(201)
    wrong = token_secret("other-uid")
    wrong["metadata"]["annotations"][UID] = "00000000-0000-4000-8000-000000000000"
    tenant.admin.post(secrets(ns), wrong).expect(201)
    tenant.gone(secrets(ns, "nobody"))
    tenant.gone(secrets(ns, "other-uid"))


@pytest.mark.parametrize("name", ["tenant", "old"])
def test_f03_token_secrets_go_with_their_account(name: str, request: pytest.FixtureRequest) -> None:
    server: Server = request.getfixturevalue(name)
    ns = server.new_namespace()
    server.account(ns)
    server.admin.post(secrets(ns), token_secret("mine")).expect(201)
    opaque = secret("not-a-token")
    opaque["metadata"]["annotations"] = {NAME: "robot"}
    server.admin.post(secrets(ns), opaque).expect(201)
    token = decoded(filled(server, ns, "mine"), "token")
    server.admin.delete(accounts(ns, "robot")).expect(200)
    server.gone(secrets(ns, "mine"))
    assert server.admin.get(secrets(ns, "not-a-token")).status == 200
    assert "authenticated" not in review(server, token)


def test_old_servers_give_every_account_a_token(old: Server, tenant: Server) -> None:
    for server, expected in ((old, 1), (tenant, 0)):
        ns = server.new_namespace()
        server.account(ns)
        if expected:
            eventually(lambda s=server, n=ns: "secrets" in s.found(accounts(n, "robot")), "a token is referenced")
        references = server.admin.get(accounts(ns, "robot")).expect(200).get("secrets", [])
        assert len(references) == expected
        assert all(reference["name"].startswith("robot-token-") for reference in references)


def test_deleted_auto_token_is_replaced(old: Server) -> None:
    ns = old.new_namespace()
    old.account(ns)
    first = eventually(lambda: old.found(accounts(ns, "robot")).get("secrets"), "a token")[0]["name"]
    old.admin.delete(secrets(ns, first)).expect(200)

    def another() -> bool:
        names = [reference["name"] for reference in old.found(accounts(ns, "robot")).get("secrets", [])]
        return len(names) == 1 and names != [first]

    eventually(another, "another token")


def test_what_an_account_owns_goes_with_it(tenant: Server) -> None:
    ns = tenant.new_namespace()
    owner = tenant.account(ns)["metadata"]
    other = tenant.account(ns, "other")["metadata"]

    def reference(metadata: dict[str, Any]) -> dict[str, str]:
        return {"apiVersion": "v1", "kind": "ServiceAccount", "name": metadata["name"], "uid": metadata["uid"]}

    for name, owners in (("one", [owner]), ("two", [owner, other])):
        handle = secret(name)
        handle["metadata"]["ownerReferences"] = [reference(metadata) for metadata in owners]
        tenant.admin.post(secrets(ns), handle).expect(201)
    tenant.admin.delete(accounts(ns, "robot")).expect(200)
    tenant.gone(secrets(ns, "one"))
    assert tenant.admin.get(secrets(ns, "two")).status == 200, "another owner is left"
    tenant.admin.delete(accounts(ns, "other")).expect(200)
    tenant.gone(secrets(ns, "two"))


def test_an_owner_that_never_was(tenant: Server) -> None:
    ns = tenant.new_namespace()
    orphan = secret("orphan")
    orphan["metadata"]["ownerReferences"] = [
        {"apiVersion": "v1", "kind": "ServiceAccount", "name": "nope", "uid": "00000000-0000-4000-8000-000000000000"}
    ]
    tenant.admin.post(secrets(ns), orphan).expect(201)
    tenant.gone(secrets(ns, "orphan"))


def test_the_root_ca_comes_back(tenant: Server) -> None:
    ns = tenant.new_namespace()
    path = configmaps(ns, "kube-root-ca.crt")
    eventually(lambda: tenant.admin.get(path).status == 200, "the root CA")
    tenant.admin.patch(path, {"data": {"ca.crt": "mine"}}).expect(200)
    eventually(lambda: tenant.found(path)["data"]["ca.crt"] == tenant.authority, "the root CA is right again")


def test_use_of_a_legacy_token_is_tracked(tenant: Server, old: Server, clock: MovableClock) -> None:
    """And the label that invalidates it can be taken away again."""
    used, since = "kubernetes.io/legacy-token-last-used", "kubernetes.io/legacy-token-invalid-since"
    for server in (tenant, old):
        ns = server.new_namespace()
        server.account(ns)
        server.admin.post(secrets(ns), token_secret("mine")).expect(201)
        robot = server.as_token(decoded(filled(server, ns, "mine"), "token"))
        robot.get(secrets(ns)).fails(403, "Forbidden")
        labels = server.admin.get(secrets(ns, "mine")).expect(200)["metadata"].get("labels", {})
        if server is old:
            assert labels == {}
            continue
        assert labels == {used: clock().strftime("%Y-%m-%d")}
        server.admin.patch(secrets(ns, "mine"), {"metadata": {"labels": {since: "2026-01-01"}}}).expect(200)
        with clock.moved(seconds=11):
            robot.get(secrets(ns)).fails(401, "Unauthorized")
            server.admin.patch(secrets(ns, "mine"), {"metadata": {"labels": {since: None}}}).expect(200)
            robot.get(secrets(ns)).fails(403, "Forbidden")
