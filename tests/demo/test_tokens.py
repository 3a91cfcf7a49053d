"""Tokens of the embedded fleet where time passes: what the contract cannot wait for on a real server."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.contract.objects import accounts, pod, pods, secret, secrets
from tests.contract.server import Server, claims_of, review
from tests.demo.conftest import MovableClock
from tui.demo.apiserver.access import UserInfo
from tui.demo.apiserver.features import Features
from tui.demo.apiserver.pki import signing_key
from tui.demo.apiserver.storage import SERVICE_ACCOUNTS, Storage, rfc3339
from tui.demo.apiserver.tokens import YEAR, Lifetime, TokenIssuer, TokenPolicy
from tui.demo.apiserver.verify import TokenRefused, TokenVerifier
from tui.demo.fleet import EmbeddedFleet
from tui.demo.operators.objects import account

HOUR = 3600


def issuer(version: str = "v1.34.1", **policy: Any) -> TokenIssuer:
    return TokenIssuer(
        signing_key(0),
        TokenPolicy("https://demo", ("https://demo",), **policy),
        Features.of(version),
        lambda: datetime.now(UTC),
        lambda: str(uuid.uuid4()),
    )


def test_e03_a_token_dies_with_its_pod(tenant: Server, clock: MovableClock) -> None:
    ns = tenant.new_namespace()
    tenant.account(ns)
    made = tenant.pod(ns, "p")
    token = tenant.token(ns, boundObjectRef={"kind": "Pod", "apiVersion": "v1", "name": "p"})
    assert claims_of(token)["kubernetes.io"]["pod"] == {"name": "p", "uid": made["metadata"]["uid"]}
    assert review(tenant, token)["authenticated"] is True
    tenant.admin.delete(pods(ns, "p"), gracePeriodSeconds=0).expect(200)
    with clock.moved(seconds=11):
        assert "service account token has been invalidated" in review(tenant, token)["error"]
        again = tenant.pod(ns, "p")
        assert again["metadata"]["uid"] != made["metadata"]["uid"]
        assert "does not match service account pod ref claim" in review(tenant, token)["error"]
        tenant.as_token(token).get(secrets(ns)).fails(401, "Unauthorized")


def test_e05_pod_of_another_account(tenant: Server) -> None:
    ns = tenant.new_namespace()
    tenant.account(ns)
    tenant.account(ns, "other")
    tenant.admin.post(pods(ns), pod("p", "other")).expect(201)
    body = {"spec": {"boundObjectRef": {"kind": "Pod", "apiVersion": "v1", "name": "p"}}}
    tenant.admin.post(accounts(ns, "robot") + "/token", body).fails(
        400,
        "BadRequest",
        'cannot bind token for serviceaccount "robot" to pod running with different serviceaccount name.',
    )


@pytest.mark.parametrize("name", ["tenant", "old"])
def test_e07_expired(name: str, request: pytest.FixtureRequest, clock: MovableClock) -> None:
    server: Server = request.getfixturevalue(name)
    ns = server.new_namespace()
    server.account(ns)
    token = server.token(ns, expirationSeconds=600)
    with clock.moved(minutes=10, seconds=50):
        assert review(server, token)["authenticated"] is True, "a minute of leeway"
    with clock.moved(minutes=11, seconds=5):
        text = "Token has expired" if name == "old" else "service account token has expired"
        assert text in review(server, token)["error"]
        answer = server.as_token(token).get(secrets(ns))
        answer.fails(401, "Unauthorized")
        date = datetime.strptime(answer.headers["Date"], "%a, %d %b %Y %H:%M:%S GMT").replace(tzinfo=UTC)
        assert abs(date - clock()) < timedelta(seconds=5), "the server's own time is on every answer"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (599, "may not specify a duration less than 10 minutes"),
        (600, ""),
        (1 << 32, ""),
        ((1 << 32) + 1, "may not specify a duration larger than 2^32 seconds"),
    ],
)
def test_e13_limits_on_a_server_with_a_cap(fleet: EmbeddedFleet, capped: Server, seconds: int, text: str) -> None:
    cluster = fleet.cluster("tenant-c")
    assert cluster.tokens.policy.max_seconds == HOUR
    ns = capped.new_namespace()
    capped.account(ns)
    answer = capped.admin.post(accounts(ns, "robot") + "/token", {"spec": {"expirationSeconds": seconds}})
    if text:
        answer.fails(422, "Invalid", f"spec.expirationSeconds: Invalid value: {seconds}: {text}")
        return
    body = answer.expect(201)
    granted = min(seconds, HOUR)
    assert body["spec"]["expirationSeconds"] == granted
    assert claims_of(body["status"]["token"])["exp"] - claims_of(body["status"]["token"])["iat"] == granted
    shortened = f'299 - "requested expiration of {seconds} seconds shortened to {HOUR} seconds"'
    assert answer.headers.get("Warning") == (shortened if granted < seconds else None)


@pytest.mark.parametrize(
    ("policy", "seconds"),
    [
        ({"extend": False, "max_seconds": 5 * HOUR}, 3607),
        ({"extend": True, "extended_max_seconds": 5 * HOUR}, 5 * HOUR),
        ({"extend": True, "max_seconds": 2 * YEAR}, YEAR),
        ({"extend": True, "max_seconds": 5 * HOUR}, YEAR),
        ({"extend": False}, 3607),
        ({"extend": False, "max_seconds": 1800}, 1800),
    ],
)
def test_e15_age_of_a_pod_token(policy: dict[str, Any], seconds: int) -> None:
    lifetime = issuer(**policy).lifetime(3607, ("https://demo",), pod=True)
    assert lifetime.token_seconds == seconds
    assert lifetime.granted_seconds == min(3607, policy.get("max_seconds", 3607))
    assert (lifetime.warn_after is not None) == (seconds > 3607)


def test_only_pod_tokens_for_the_api_are_extended() -> None:
    assert issuer().lifetime(3607, ("https://demo",), pod=False) == Lifetime(3607, 3607)
    assert issuer().lifetime(3607, ("https://demo", "vault"), pod=True) == Lifetime(3607, 3607)
    assert issuer("v1.20.2").lifetime(3607, ("vault",), pod=True) == Lifetime(3607, YEAR, 3607)
    assert issuer().lifetime(3600, ("https://demo",), pod=True) == Lifetime(3600, 3600)


@pytest.mark.parametrize(("ago", "accepted"), [(0, True), (60, True), (61, False)])
@pytest.mark.parametrize("version", ["v1.34.1", "v1.20.2"])
def test_e21_accounts_that_end(ago: int, accepted: bool, version: str) -> None:
    now = datetime(2030, 1, 1, 12, tzinfo=UTC)
    storage, tokens = Storage(lambda: now), issuer(version)
    ending = account("robot", "default")
    ending["metadata"] |= {
        "finalizers": ["example.org/held"],
        "deletionTimestamp": rfc3339(now - timedelta(seconds=ago)),
    }
    stored = storage.create(SERVICE_ACCOUNTS, ending)
    token, _ = tokens.bound_token(stored, Lifetime(HOUR, HOUR), issued_at=now)
    verifier = TokenVerifier(storage, tokens, lambda: now)
    if accepted:
        assert verifier.verify(token).user.username == "system:serviceaccount:default:robot"
    else:
        with pytest.raises(TokenRefused, match="has been deleted"):
            verifier.verify(token)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-59, ""),
        (-61, "service account token is not valid yet"),
        (HOUR + 59, ""),
        (HOUR + 61, "service account token has expired"),
    ],
)
def test_a_minute_of_leeway_on_both_sides(seconds: int, text: str) -> None:
    issued = datetime(2030, 1, 1, tzinfo=UTC)
    storage, tokens = Storage(lambda: issued), issuer()
    stored = storage.create(SERVICE_ACCOUNTS, account("robot", "default"))
    token, _ = tokens.bound_token(stored, Lifetime(HOUR, HOUR), issued_at=issued)
    verifier = TokenVerifier(storage, tokens, lambda: issued + timedelta(seconds=seconds))
    if not text:
        assert verifier.verify(token).audiences == ("https://demo",)
    else:
        with pytest.raises(TokenRefused, match=text):
            verifier.verify(token)


def test_no_cluster_takes_the_token_of_another(fleet: EmbeddedFleet, tenant: Server, old: Server) -> None:
    ns = tenant.new_namespace()
    tenant.account(ns)
    token = tenant.token(ns)
    old.as_token(token).get("/api/v1/namespaces").fails(401, "Unauthorized")
    assert review(old, token)["error"].startswith("invalid bearer token")
    assert len({cluster.tokens.policy.issuer for cluster in fleet.clusters.values()}) == len(fleet.clusters)


def test_mints_are_counted(fleet: EmbeddedFleet, tenant: Server) -> None:
    ns = tenant.new_namespace()
    tenant.account(ns)
    tenant.token(ns, expirationSeconds=1200, audiences=["vault"])
    tenant.admin.post(accounts(ns, "robot") + "/token", {"spec": {"expirationSeconds": 1}}).fails(422, "Invalid")
    (minted,) = [minted for minted in fleet.cluster("tenant-a").tokens.minted if minted.namespace == ns]
    assert (minted.account, minted.audiences, minted.granted_seconds) == ("robot", ("vault",), 1200)


def test_static_tokens_for_tests(fleet: EmbeddedFleet, tenant: Server) -> None:
    fleet.cluster("tenant-a").authenticator.static["not-a-jwt"] = UserInfo("robin", groups=("system:authenticated",))
    tenant.as_token("not-a-jwt").get("/api/v1/secrets").fails(403, "Forbidden", 'User "robin" cannot list')


def test_a_used_token_outlives_its_handle_by_ten_seconds(tenant: Server, clock: MovableClock) -> None:
    ns = tenant.new_namespace()
    tenant.account(ns)
    tenant.admin.post(secrets(ns), secret("handle")).expect(201)
    token = tenant.token(ns, boundObjectRef={"kind": "Secret", "apiVersion": "v1", "name": "handle"})
    robot = tenant.as_token(token)
    robot.get(secrets(ns)).fails(403, "Forbidden")
    tenant.admin.delete(secrets(ns, "handle")).expect(200)
    with clock.moved(seconds=8):
        robot.get(secrets(ns)).fails(403, "Forbidden")
    with clock.moved(seconds=10.5):
        robot.get(secrets(ns)).fails(401, "Unauthorized")
