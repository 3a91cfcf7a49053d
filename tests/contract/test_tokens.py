"""TokenRequest: what is granted, what is in the token, and what ends it."""

from __future__ import annotations

import base64
import datetime
import json
import time
from typing import Any

import pytest

from tests.contract.api import eventually
from tests.contract.objects import accounts, configmap, configmaps, pod, pods, secret, secrets
from tests.contract.server import Server, claims_of, review


@pytest.fixture
def robot(server: Server, ns: str) -> str:
    """The token path of a new account `robot`."""
    server.account(ns)
    return accounts(ns, "robot") + "/token"


def refused(server: Server, token: str) -> Any:
    """The status of a review that refuses the token; the server may be a moment behind what was deleted."""

    def ended() -> Any:
        status = review(server, token)
        return None if status.get("authenticated") else status

    return eventually(ended, "the token is refused", 15)


def test_e01_token_without_a_bound_object(server: Server, ns: str, robot: str) -> None:
    uid = server.admin.get(accounts(ns, "robot")).expect(200)["metadata"]["uid"]
    token = server.token(ns)
    claims = claims_of(token)
    assert claims["sub"] == f"system:serviceaccount:{ns}:robot"
    assert claims["iss"] == server.server
    assert claims["aud"] == [server.server]
    assert claims["kubernetes.io"] == {"namespace": ns, "serviceaccount": {"name": "robot", "uid": uid}}
    assert claims["nbf"] == claims["iat"]
    assert claims["exp"] - claims["iat"] == 3600
    assert ("jti" in claims) is server.has("token-ids")
    status = review(server, token)
    assert status["authenticated"] is True
    assert status["user"]["username"] == claims["sub"]
    assert status["user"]["uid"] == uid
    groups = ["system:serviceaccounts", f"system:serviceaccounts:{ns}", "system:authenticated"]
    assert status["user"]["groups"] == groups


def test_e01_token_ends_with_its_account(server: Server, ns: str, robot: str) -> None:
    token = server.token(ns)
    server.admin.delete(accounts(ns, "robot")).expect(200)
    status = refused(server, token)
    assert 'serviceaccounts "robot" not found' in status["error"]
    server.account(ns)
    assert "authenticated" not in review(server, token)
    server.as_token(token).get(secrets(ns)).fails(401, "Unauthorized")


def test_answer_of_a_token_request(server: Server, ns: str, robot: str) -> None:
    body = server.admin.post(robot, {"spec": {"expirationSeconds": 1200}}).expect(201)
    assert (body["kind"], body["apiVersion"]) == ("TokenRequest", "authentication.k8s.io/v1")
    assert body["spec"] == {"audiences": [server.server], "expirationSeconds": 1200, "boundObjectRef": None}
    expires = datetime.datetime.fromisoformat(body["status"]["expirationTimestamp"]).timestamp()
    assert expires == claims_of(body["status"]["token"])["exp"]
    assert abs(expires - time.time() - 1200) < 30


def test_header_names_the_key(server: Server, ns: str, robot: str) -> None:
    head = server.token(ns).split(".")[0]
    header = json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))
    keys = server.admin.get("/openid/v1/jwks", accept="application/jwk-set+json").expect(200)["keys"]
    assert header["alg"] == "RS256"
    assert header["kid"] in {key["kid"] for key in keys}


def test_empty_body(server: Server, robot: str) -> None:
    server.admin.post(robot, {}).expect(201)
    assert server.admin.request("POST", robot, b"").status == 400


def test_full_body(server: Server, ns: str, robot: str) -> None:
    body = {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenRequest",
        "spec": {"audiences": [], "expirationSeconds": 600},
    }
    assert server.admin.post(robot, body).expect(201)["spec"]["audiences"] == [server.server]


def test_dry_run_still_gives_a_token(server: Server, robot: str) -> None:
    token = server.admin.post(robot, {}, dryRun="All").expect(201)["status"]["token"]
    assert review(server, token)["authenticated"] is True


def test_missing_account(server: Server, ns: str) -> None:
    path = accounts(ns, "nope") + "/token"
    server.admin.post(path, {}).fails(404, "NotFound", 'serviceaccounts "nope" not found')
    server.admin.post(accounts("nope", "robot") + "/token", {}).fails(404, "NotFound")


def test_account_or_body_first(server: Server, ns: str) -> None:
    answer = server.admin.post(accounts(ns, "nope") + "/token", {"spec": {"expirationSeconds": 1}})
    assert answer.status == (404 if server.has("account-before-body") else 422)


LIMITS = [
    (599, "may not specify a duration less than 10 minutes"),
    (0, "may not specify a duration less than 10 minutes"),
    (600, ""),
    (4294967296, ""),
    (4294967297, "may not specify a duration larger than 2^32 seconds"),
]


@pytest.mark.parametrize(("seconds", "text"), LIMITS)
def test_e13_limits_of_the_lifetime(server: Server, robot: str, seconds: int, text: str) -> None:
    answer = server.admin.post(robot, {"spec": {"expirationSeconds": seconds}})
    if text:
        field = f"spec.expirationSeconds: Invalid value: {seconds}: {text}"
        status = answer.fails(422, "Invalid", f'TokenRequest.authentication.k8s.io "" is invalid: {field}')
        assert status["details"]["causes"][0]["field"] == "spec.expirationSeconds"
    else:
        assert answer.expect(201)["spec"]["expirationSeconds"] <= seconds


def test_e11_token_without_an_audience_works(server: Server, ns: str, robot: str) -> None:
    answer = server.as_token(server.token(ns)).get(secrets(ns))
    answer.fails(403, "Forbidden", f'User "system:serviceaccount:{ns}:robot" cannot list resource "secrets"')


def test_audiences(server: Server, ns: str, robot: str) -> None:
    token = server.token(ns, audiences=["vault", "vault", server.server])
    assert claims_of(token)["aud"] == ["vault", "vault", server.server]
    server.as_token(token).get(secrets(ns)).fails(403, "Forbidden")
    assert review(server, token, audiences=["vault", "other"])["audiences"] == ["vault"]


def test_foreign_audience(server: Server, ns: str, robot: str) -> None:
    token = server.token(ns, audiences=["vault"])
    server.as_token(token).get(secrets(ns)).fails(401, "Unauthorized")
    status = review(server, token)
    assert "authenticated" not in status
    assert f'token audiences ["vault"] is invalid for the target audiences ["{server.server}"]' in status["error"]
    assert review(server, token, audiences=["vault"])["authenticated"] is True


def test_an_empty_audience_is_kept(server: Server, ns: str, robot: str) -> None:
    token = server.token(ns, audiences=[""])
    assert claims_of(token)["aud"] == [""]
    server.as_token(token).get(secrets(ns)).fails(401, "Unauthorized")


def test_equal_requests_in_one_second(server: Server, ns: str, robot: str) -> None:
    """E17: before tokens had identifiers, two of one second are the same bytes."""
    for _ in range(5):
        tokens = [server.token(ns) for _ in range(2)]
        if len({claims_of(token)["iat"] for token in tokens}) == 1:
            break
    assert len(set(tokens)) == (2 if server.has("token-ids") else 1)


def test_bound_to_a_secret(server: Server, ns: str, robot: str) -> None:
    handle = server.admin.post(secrets(ns), secret("handle")).expect(201)["metadata"]
    reference = {"kind": "Secret", "apiVersion": "v1", "name": "handle", "uid": handle["uid"]}
    token = server.token(ns, boundObjectRef=reference)
    assert claims_of(token)["kubernetes.io"]["secret"] == {"name": "handle", "uid": handle["uid"]}
    assert review(server, token)["authenticated"] is True


def test_deleting_the_handle_revokes_a_fresh_token_at_once(server: Server, ns: str, robot: str) -> None:
    server.admin.post(secrets(ns), secret("handle")).expect(201)
    reference = {"kind": "Secret", "apiVersion": "v1", "name": "handle"}
    bound, free = server.token(ns, boundObjectRef=reference), server.token(ns)
    server.admin.delete(secrets(ns, "handle")).expect(200)
    patience = 2 if server.side == "embedded" else 15  # a busy real server may be a moment behind
    eventually(lambda: server.as_token(bound).get(secrets(ns)).status == 401, "the bound token is refused", patience)
    server.as_token(free).get(secrets(ns)).fails(403, "Forbidden")
    error = review(server, bound)["error"]
    text = (
        "service account token has been invalidated"
        if server.has("new-invalidation-text")
        else "Token has been invalidated"
    )
    assert text in error or 'secrets "handle" not found' in error
    server.admin.post(secrets(ns), secret("handle")).expect(201)
    assert "authenticated" not in review(server, bound)  # the same name is another object


def test_a_token_used_just_before_lives_on_for_ten_seconds(server: Server, cached_revocation: list[float]) -> None:
    """The server remembers a token that it has just seen; the fixture has been waiting since the server started."""
    (lasted,) = eventually(lambda: cached_revocation, "the used token is refused", 20)
    assert 7 < lasted < 11.5


def test_e03_bound_to_a_pod(server: Server, ns: str, robot: str) -> None:
    uid = server.pod(ns, "p")["metadata"]["uid"]
    reference = {"kind": "Pod", "apiVersion": "v1", "name": "p", "uid": uid}
    token = server.token(ns, boundObjectRef=reference)
    unseen = server.token(ns, boundObjectRef=reference, expirationSeconds=1200)
    assert claims_of(token)["kubernetes.io"]["pod"] == {"name": "p", "uid": uid}
    assert review(server, token)["user"]["extra"]["authentication.kubernetes.io/pod-name"] == ["p"]
    server.admin.delete(pods(ns, "p"), {"gracePeriodSeconds": 0}).expect(200)
    server.pod(ns, "p")
    refused(server, unseen)  # `token` has just been seen, and is remembered


def test_e05_pod_of_another_account(server: Server, ns: str, robot: str) -> None:
    server.account(ns, "other")
    server.pod(ns, "p", "other")
    answer = server.admin.post(robot, {"spec": {"boundObjectRef": {"kind": "Pod", "apiVersion": "v1", "name": "p"}}})
    text = 'cannot bind token for serviceaccount "robot" to pod running with different serviceaccount name.'
    answer.fails(400, "BadRequest", text)


def test_extended_lifetime_of_a_pods_token(server: Server, ns: str, robot: str) -> None:
    server.pod(ns, "p")
    spec = {"expirationSeconds": 3607, "boundObjectRef": {"kind": "Pod", "apiVersion": "v1", "name": "p"}}
    body = server.admin.post(robot, {"spec": spec}).expect(201)
    claims = claims_of(body["status"]["token"])
    assert claims["exp"] - claims["iat"] == 365 * 24 * 3600
    assert claims["kubernetes.io"]["warnafter"] == claims["iat"] + 3607
    shown = datetime.datetime.fromisoformat(body["status"]["expirationTimestamp"]).timestamp()
    assert shown - claims["iat"] == 3607


def test_e09_a_token_for_others_too_is_not_extended(server: Server, ns: str, robot: str) -> None:
    """Nor does anything in it say that it should have been renewed; old servers extended it all the same."""
    server.pod(ns, "p")
    reference = {"kind": "Pod", "apiVersion": "v1", "name": "p"}
    audiences = ["not-the-api", server.server]
    body = server.admin.post(
        robot, {"spec": {"expirationSeconds": 3607, "audiences": audiences, "boundObjectRef": reference}}
    ).expect(201)
    claims = claims_of(body["status"]["token"])
    kept = server.has("extends-for-the-api-only")
    assert claims["aud"] == audiences
    assert claims["exp"] - claims["iat"] == (3607 if kept else 365 * 24 * 3600)
    assert ("warnafter" in claims["kubernetes.io"]) is not kept
    shown = datetime.datetime.fromisoformat(body["status"]["expirationTimestamp"]).timestamp()
    assert shown - claims["iat"] == 3607


@pytest.mark.parametrize(
    ("reference", "code", "reason", "text"),
    [
        (
            {"kind": "ConfigMap", "name": "a"},
            400,
            "BadRequest",
            "cannot bind token to object of type /v1, Kind=ConfigMap",
        ),
        ({"kind": "secret", "name": "a"}, 400, "BadRequest", "cannot bind token to object of type /v1, Kind=secret"),
        ({"kind": "Secret", "name": "nope"}, 404, "NotFound", 'secrets "nope" not found'),
        ({"kind": "Pod", "name": "nope"}, 404, "NotFound", 'pods "nope" not found'),
        ({"kind": "Secret", "name": "a", "uid": "wrong"}, 409, "Conflict", "does not match the UID in record"),
    ],
    ids=["kind", "case", "secret", "pod", "uid"],
)
def test_bad_bound_object(
    server: Server, ns: str, robot: str, reference: dict[str, str], code: int, reason: str, text: str
) -> None:
    server.admin.post(configmaps(ns), configmap("a")).expect(201)
    server.admin.post(secrets(ns), secret("a")).expect(201)
    answer = server.admin.post(robot, {"spec": {"boundObjectRef": {"apiVersion": "v1", **reference}}})
    answer.fails(code, reason, text)


def test_e23_account_that_is_being_deleted(server: Server, ns: str) -> None:
    body = {"metadata": {"name": "robot", "finalizers": ["kubemint.io/hold"]}}
    server.admin.post(accounts(ns), body).expect(201)
    server.admin.delete(accounts(ns, "robot")).expect(200)
    token = server.token(ns)
    assert review(server, token)["authenticated"] is True
    server.admin.patch(accounts(ns, "robot"), {"metadata": {"finalizers": None}}).expect(200)


def test_token_signed_by_nobody(server: Server, ns: str, robot: str) -> None:
    head, claims, signature = server.token(ns).split(".")
    forged = f"{head}.{claims}.{signature[:-8]}{'A' * 8}"
    server.as_token(forged).get(secrets(ns)).fails(401, "Unauthorized")
    status = review(server, forged)
    assert "authenticated" not in status
    assert "invalid bearer token" in status["error"]


def test_pod_with_a_missing_account(server: Server, ns: str) -> None:
    server.needs_controllers()
    answer = server.admin.post(pods(ns), pod("p", "nope"))
    answer.fails(403, "Forbidden", "error looking up service account")
