"""Ways in: client certificates, impersonation, nobody at all."""

from __future__ import annotations

import base64
import ssl

from tests.certificates import Authority
from tests.contract.objects import secrets
from tests.contract.server import Server, claims_of

ACCESS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
ANYTHING = {"spec": {"resourceAttributes": {"verb": "*", "group": "*", "resource": "*"}}}


def test_certificate_names_user_and_groups(server: Server, ns: str) -> None:
    server.as_user("jane", "people").get(secrets(ns)).fails(
        403, "Forbidden", 'User "jane" cannot list resource "secrets"'
    )
    masters = server.as_user("root", "system:masters")
    assert masters.post(ACCESS, ANYTHING).expect(201)["status"]["allowed"] is True
    assert masters.get(secrets(ns)).status == 200


def test_certificate_of_another_authority(server: Server, ns: str) -> None:
    pair = Authority("somebody else").client("root", ["system:masters"])
    try:
        answer = server.as_pair(pair.certificate, pair.key).get(secrets(ns))
    except (ssl.SSLError, ConnectionError):
        return  # refused in the handshake, which is as good
    answer.fails(401, "Unauthorized")


def test_nobody(server: Server, ns: str) -> None:
    answer = server.anonymous().get(secrets(ns))
    answer.fails(403, "Forbidden", 'User "system:anonymous" cannot list resource "secrets"')


def test_anonymous_may_create_nothing(server: Server) -> None:
    server.anonymous().post(ACCESS, ANYTHING).fails(403, "Forbidden", 'User "system:anonymous" cannot create resource')


def test_a_bad_token_is_not_nobody(server: Server, ns: str) -> None:
    server.account(ns)
    token = server.token(ns)
    server.as_token(token + "x").get(secrets(ns)).fails(401, "Unauthorized")
    server.as_token("").get(secrets(ns)).fails(403, "Forbidden", "system:anonymous")


def test_authorization_that_is_not_bearer(server: Server, ns: str) -> None:
    basic = {"Authorization": "Basic " + base64.b64encode(b"user:password").decode()}
    answer = server.anonymous().with_headers(basic).get(secrets(ns))
    answer.fails(403, "Forbidden", "system:anonymous")


def test_impersonation(server: Server, ns: str) -> None:
    as_jane = server.admin.with_headers({"Impersonate-User": "jane", "Impersonate-Group": "system:masters"})
    assert as_jane.get(secrets(ns)).status == 200
    as_jane = server.admin.with_headers({"Impersonate-User": "jane"})
    as_jane.get(secrets(ns)).fails(403, "Forbidden", 'User "jane" cannot list resource "secrets"')


def test_impersonation_of_an_account_brings_its_groups(server: Server, ns: str) -> None:
    user = f"system:serviceaccount:{ns}:robot"
    answer = server.admin.with_headers({"Impersonate-User": user}).get("/api")
    assert answer.status == 200  # system:authenticated may discover


def test_impersonation_needs_the_right(server: Server, ns: str) -> None:
    server.account(ns)
    robot = server.as_token(server.token(ns))
    answer = robot.with_headers({"Impersonate-User": "jane"}).get(secrets(ns))
    if server.has("constrained-impersonation"):
        answer.fails(403, "Forbidden", 'cannot impersonate-on:user-info:list resource "secrets" in API group ""')
    else:
        answer.fails(403, "Forbidden", 'users "jane" is forbidden: User "system:serviceaccount:')


def test_tokens_of_another_cluster(server: Server, ns: str, other_token: str) -> None:
    assert claims_of(other_token)["iss"] != server.server
    server.as_token(other_token).get(secrets(ns)).fails(401, "Unauthorized")
