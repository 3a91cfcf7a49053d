"""The fleet's small parts alone: verdicts, latency, back-off, logins, token Secrets, DPUClusters' kubeconfigs, YAML."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.certificates import Authority
from tui.fleet.decode import Meta
from tui.fleet.logins import login_row
from tui.fleet.objects import masked
from tui.fleet.reach import Backoff, Latency, concerns_all, judge
from tui.fleet.rows import Reach
from tui.issuance.families.dpf import listing as requests
from tui.issuance.families.dpf.objects import NamespacedName
from tui.issuance.families.dpf.target import TargetError, delivered
from tui.issuance.families.listing import Noted as NotedObject, NotedMeta
from tui.issuance.families.token_secret.listing import credential as token_secret_credential
from tui.issuance.model.types import Identity, State
from tui.issuance.records.entering import NotEntered, Unusable
from tui.kube import errors
from tui.kube.endpoint import Endpoint, ExecPlugin, Login
from tui.kube.responses import decode, encode
from tui.kube.sensitive import Sensitive


@pytest.mark.parametrize(
    ("error", "reach"),
    [
        (errors.NeedsLogin("log in", command="gcloud auth login"), Reach.NEEDS_LOGIN),
        (errors.ExecPluginError("not found"), Reach.NEEDS_LOGIN),
        (errors.Unauthorized(401), Reach.NEEDS_LOGIN),
        (errors.Forbidden(403), Reach.FORBIDDEN),
        (errors.TLSFailed("unknown authority"), Reach.TLS_FAILED),
        (errors.Unreachable("refused"), Reach.UNREACHABLE),
        (errors.TimedOut("no answer"), Reach.UNREACHABLE),
        (errors.ConnectionLost("went away"), Reach.UNREACHABLE),
        (errors.ServerError(503), Reach.SERVER_ERROR),
        (errors.TooManyRequests(429), Reach.THROTTLED),
        (errors.LoginPage("HTML"), Reach.LOGIN_PAGE),
        (errors.ProtocolError("no JSON"), Reach.WRONG_ANSWER),
        (errors.NotFound(404), Reach.WRONG_ANSWER),
        (errors.ConfigError("no such cluster"), Reach.UNUSABLE),
        (Unusable("it would run a program"), Reach.UNUSABLE),
        (NotEntered("nobody said yes"), Reach.UNTRUSTED),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_every_error_has_a_verdict(error: errors.KubeError, reach: Reach) -> None:
    verdict = judge(error)
    assert verdict.reach is reach
    assert verdict.message == error.message
    assert verdict.hint == error.hint
    ours = (Reach.NEEDS_LOGIN, Reach.TLS_FAILED, Reach.UNTRUSTED)
    assert concerns_all(error) is (reach in ours or isinstance(error, errors.ConfigError))


def test_slow_begins_above_a_second_and_ends_well_below() -> None:
    latency = Latency()

    def slow(*seconds: float) -> bool:
        for each in seconds:
            latency.add(each)
        return latency.slow

    assert not slow(0.1)
    assert not slow(1.5), "one slow answer is no slow cluster"
    assert slow(*[1.5] * 5)
    assert slow(0.9)
    assert not slow(*[0.05] * 4)


def test_waits_double_up_to_a_limit_and_are_never_nothing() -> None:
    longest = Backoff(1, 60, jitter=lambda: 1.0)
    assert [longest.next() for _ in range(8)] == [1, 2, 4, 8, 16, 32, 60, 60]
    longest.reset()
    assert longest.next() == 1
    shortest = Backoff(1, 60, jitter=lambda: 0.0)
    assert [shortest.next() for _ in range(3)] == [0.2, 0.2, 0.2]


def endpoint(**login: Any) -> Endpoint:
    return Endpoint(name="harbor", server="https://harbor:6443", login=Login(**login))


def test_a_client_certificate_is_a_login_that_ends() -> None:
    pair = Authority("test").client("alice", ["ops"])
    row = login_row(endpoint(client_certificate=pair.certificate, client_key=Sensitive(pair.key)))
    assert row is not None
    credential = row.credential
    assert str(credential.address) == "login:harbor"
    assert credential.expires_at is not None
    assert credential.issued_at is not None
    assert credential.message == "alice"
    assert credential.rotate_at == credential.expires_at  # nothing here renews it, so it is never merely due


def jwt(payload: bytes) -> Sensitive:
    parts = (b'{"alg":"RS256"}', payload, b"signature")
    return Sensitive(".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts))


def test_a_service_account_token_is_a_login_with_an_identity() -> None:
    token = jwt(b'{"iat":1767225600,"exp":1767229200,"sub":"system:serviceaccount:ops:robot"}')
    row = login_row(endpoint(token=token))
    assert row is not None
    assert row.credential.identity == Identity("harbor", "ops", "robot")
    assert row.credential.expires_at == datetime(2026, 1, 1, 1, tzinfo=UTC)
    assert token.reveal() not in repr(row)


@pytest.mark.parametrize(
    ("login", "kept", "state"),
    [
        ({"token": Sensitive("opaque")}, "token in the kubeconfig", State.UNKNOWN),
        ({"token": jwt(b'{"sub":"x"}')}, "token in the kubeconfig", State.ENDLESS),
        ({"token": Sensitive("ignored"), "token_file": "/run/token"}, "/run/token", State.UNKNOWN),
        ({"exec": ExecPlugin("aws")}, "exec plugin aws", State.UNKNOWN),
        ({"username": "me", "password": Sensitive("pw")}, "password in the kubeconfig", State.UNKNOWN),
        ({"client_certificate": b"garbage"}, "kubeconfig", State.UNKNOWN),
    ],
    ids=["opaque", "endless", "file", "exec", "password", "garbage"],
)
def test_logins_whose_end_is_not_known(login: dict[str, Any], kept: str, state: State) -> None:
    row = login_row(endpoint(**login))
    assert row is not None
    assert (row.credential.kept_in, row.credential.state, row.credential.expires_at) == (kept, state, None)
    assert row.credential.message


def test_no_login_is_no_row() -> None:
    assert login_row(endpoint()) is None


ACCOUNT = {"kubernetes.io/service-account.name": "bot"}
FILLED = {**ACCOUNT, "kubernetes.io/service-account.uid": "1"}


@pytest.mark.parametrize(
    ("annotations", "labels", "state", "message"),
    [
        (FILLED, {}, State.ENDLESS, ""),
        (FILLED, {"kubernetes.io/legacy-token-last-used": "2026-01-02"}, State.ENDLESS, "last used 2026-01-02"),
        (
            FILLED,
            {"kubernetes.io/legacy-token-invalid-since": "2026-01-02"},
            State.REVOKED,
            "deletion due on 2027-01-02",
        ),
        (FILLED, {"kubernetes.io/legacy-token-invalid-since": "long ago"}, State.REVOKED, "on long ago; re-activating"),
        (ACCOUNT, {}, State.PENDING, "not filled"),
    ],
    ids=["f09-valid", "f09-used", "f09-invalidated", "f09-no-day", "f05-empty"],
)
def test_f09_token_secrets(annotations: dict[str, str], labels: dict[str, str], state: State, message: str) -> None:
    meta = NotedMeta(name="bot-token", namespace="ci", annotations=annotations, labels=labels)
    credential = token_secret_credential("harbor", NotedObject(meta))
    assert credential is not None
    assert credential.state is state
    assert message in credential.message
    assert credential.identity == Identity("harbor", "ci", "bot")


def test_a_token_secret_of_nobody_is_no_credential() -> None:
    assert token_secret_credential("harbor", NotedObject(NotedMeta(name="x"))) is None
    assert Meta().labels is None


class OneSecret:
    """A client that knows one Secret."""

    endpoint = Endpoint(name="harbor", server="https://harbor")

    def __init__(self, secret: dict[str, Any] | None) -> None:
        self._secret = secret

    async def get(self, *_: object, type: type[Any], **__: object) -> Any:  # noqa: A002 - the client's own name for it
        if self._secret is None:
            raise errors.NotFound(404)
        return decode(encode({"metadata": {"name": "admin"}, **self._secret}), type)


@pytest.mark.parametrize(
    ("secret", "data", "problem"),
    [
        ("", None, "names no kubeconfig Secret yet"),
        ("admin", None, "Secret dpf/admin with the kubeconfig of DPUCluster dpf/c1 does not exist"),
        ("admin", {"data": {"super-admin.conf": "eA=="}}, "Secret dpf/admin has no key admin.conf"),
        ("admin", {"data": None}, "Secret dpf/admin has no key admin.conf"),
        ("admin", {"data": {"admin.conf": "%%"}}, "is not base64"),
        ("admin", {"data": {"admin.conf": base64.b64encode(b"[").decode()}}, "is no kubeconfig"),
    ],
    ids=["unnamed", "missing", "b27-no-key", "empty", "no-base64", "no-kubeconfig"],
)
async def test_b27_what_is_wrong_with_a_dpu_cluster_is_said(
    secret: str, data: dict[str, Any] | None, problem: str
) -> None:
    client: Any = OneSecret(data)
    with pytest.raises((TargetError, Unusable), match=problem):
        await delivered(client, "harbor", NamespacedName("dpf", "c1"), secret)


async def test_a_dpu_clusters_kubeconfig_brings_no_plugin_and_no_file() -> None:
    config = (
        b"clusters:\n- name: c\n  cluster: {server: 'https://c:6443'}\n"
        b"contexts:\n- name: c\n  context: {cluster: c, user: u}\ncurrent-context: c\n"
        b"users:\n- name: u\n  user: {tokenFile: /etc/passwd}\n"
    )
    client: Any = OneSecret({"data": {"admin.conf": base64.b64encode(config).decode()}})
    with pytest.raises(Unusable, match="tokenFile"):
        await delivered(client, "harbor", NamespacedName("dpf", "c1"), "admin")


def test_a_request_that_makes_no_sense_is_listed_with_the_reason() -> None:
    obj = {"metadata": {"namespace": "dpf", "name": "odd"}, "spec": {"serviceAccount": 5}}
    row = requests.read("harbor", obj)
    assert (row.namespace, row.name) == ("dpf", "odd")
    assert row.credential is not None
    assert row.credential.state is State.UNKNOWN
    assert row.credential.message


def test_yaml_of_a_secret_shows_no_data() -> None:
    secret = {
        "kind": "Secret",
        "metadata": {
            "name": "x",
            "managedFields": [{}],
            "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "s3cr3t", "note": "kept"},
        },
        "data": {"token": "s3cr3t"},
        "stringData": {"token": "s3cr3t"},
    }
    shown = masked(secret)
    assert "s3cr3t" not in repr(shown)
    assert shown["metadata"]["annotations"]["note"] == "kept"
    assert "managedFields" not in shown["metadata"]
    assert secret["data"] == {"token": "s3cr3t"}
