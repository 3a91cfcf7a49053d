"""Long-lived token Secrets and the controllers that fill and clear them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.api import eventually
from tests.contract.objects import accounts, secret, secrets
from tests.contract.server import Server, claims_of, decoded, review

TYPE = "kubernetes.io/service-account-token"
NAME = "kubernetes.io/service-account.name"
UID = "kubernetes.io/service-account.uid"


@pytest.fixture(autouse=True)
def _controllers(server: Server) -> None:
    server.needs_controllers()


def ask(server: Server, ns: str, name: str = "robot-token", **metadata: Any) -> Any:
    """Creates a token Secret for robot and waits until it is filled."""
    annotations = {NAME: "robot", **metadata.pop("annotations", {})}
    body = {**secret(name, type=TYPE), "metadata": {"name": name, "annotations": annotations, **metadata}}
    server.admin.post(secrets(ns), body).expect(201)

    def filled() -> Any:
        body = server.found(secrets(ns, name))
        return body if body and "token" in body.get("data", {}) else None

    return eventually(filled, f"{name} is filled")


def test_token_secret_is_filled(server: Server, ns: str) -> None:
    account = server.account(ns)
    body = ask(server, ns)
    assert set(body["data"]) == {"token", "ca.crt", "namespace"}
    assert decoded(body, "namespace") == ns
    assert decoded(body, "ca.crt").strip() == server.authority.strip()
    assert body["metadata"]["annotations"][UID] == account["metadata"]["uid"]
    claims = claims_of(decoded(body, "token"))
    assert claims["iss"] == "kubernetes/serviceaccount"
    assert claims["sub"] == f"system:serviceaccount:{ns}:robot"
    assert claims["kubernetes.io/serviceaccount/secret.name"] == "robot-token"
    assert "exp" not in claims


def test_its_token_works(server: Server, ns: str) -> None:
    server.account(ns)
    token = decoded(ask(server, ns), "token")
    assert review(server, token)["user"]["username"] == f"system:serviceaccount:{ns}:robot"
    server.as_token(token).get(secrets(ns)).fails(403, "Forbidden")


def test_the_same_name_gives_the_same_token(server: Server, ns: str) -> None:
    server.account(ns)
    first = decoded(ask(server, ns), "token")
    server.admin.delete(secrets(ns, "robot-token")).expect(200)
    eventually(lambda: "authenticated" not in review(server, first), "the token is refused", 15)
    assert decoded(ask(server, ns), "token") == first
    eventually(lambda: review(server, first).get("authenticated"), "the token works again", 15)
    assert decoded(ask(server, ns, "another"), "token") != first


def test_cleared_data_comes_back(server: Server, ns: str) -> None:
    server.account(ns)
    first = ask(server, ns)
    server.admin.patch(secrets(ns, "robot-token"), {"data": {"token": None, "ca.crt": None}}).expect(200)

    def filled() -> Any:
        return server.admin.get(secrets(ns, "robot-token")).expect(200).get("data") == first["data"]

    eventually(filled, "the same data again")


def test_token_secrets_end_with_the_account(server: Server, ns: str) -> None:
    """F03: other Secrets stay."""
    server.account(ns)
    ask(server, ns)
    server.admin.post(secrets(ns), secret("plain", {"k": "v"})).expect(201)
    server.admin.delete(accounts(ns, "robot")).expect(200)
    server.gone(secrets(ns, "robot-token"))
    server.admin.get(secrets(ns, "plain")).expect(200)


def test_token_secret_of_nobody_is_deleted(server: Server, ns: str) -> None:
    body = {**secret("lost", type=TYPE), "metadata": {"name": "lost", "annotations": {NAME: "nobody"}}}
    server.admin.post(secrets(ns), body).expect(201)
    server.gone(secrets(ns, "lost"))


def test_token_secret_of_a_former_account_is_deleted(server: Server, ns: str) -> None:
    server.account(ns)
    annotations = {NAME: "robot", UID: "00000000-0000-4000-8000-000000000000"}
    body = {**secret("former", type=TYPE), "metadata": {"name": "former", "annotations": annotations}}
    server.admin.post(secrets(ns), body).expect(201)
    server.gone(secrets(ns, "former"))


def test_token_secret_must_name_its_account(server: Server, ns: str) -> None:
    answer = server.admin.post(secrets(ns), secret("a", type=TYPE))
    answer.fails(422, "Invalid", f"metadata.annotations[{NAME}]: Required value")


def test_a_copy_of_another_type_is_left_alone(server: Server, ns: str) -> None:
    server.account(ns)
    token = ask(server, ns)["data"]["token"]
    copy = {"metadata": {"name": "copy", "annotations": {NAME: "nobody", UID: "1"}}, "data": {"token": token}}
    server.admin.post(secrets(ns), copy).expect(201)
    ask(server, ns, "later")  # the controller has been past it by then
    assert server.admin.get(secrets(ns, "copy")).expect(200)["data"] == {"token": token}


def test_accounts_get_a_token_secret_only_from_old_servers(server: Server, ns: str) -> None:
    server.account(ns)
    if server.has("no-auto-token-secrets"):
        ask(server, ns)
        assert "secrets" not in server.admin.get(accounts(ns, "robot")).expect(200)
    else:
        (entry,) = eventually(
            lambda: server.admin.get(accounts(ns, "robot")).expect(200).get("secrets"), "the account's own token Secret"
        )
        assert entry["name"].startswith("robot-token-")
        body = server.admin.get(secrets(ns, entry["name"])).expect(200)
        assert body["type"] == TYPE
        assert body["metadata"]["annotations"][NAME] == "robot"
