"""Looking into anything, and giving nothing away."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
import yaml
from hypothesis import given, strategies as st

from tui.issuance.errors import IssuanceError
from tui.issuance.formats import Format
from tui.issuance.formats.kubeconfig import kubeconfig
from tui.issuance.insight.inspecting import NotInspectable, inspect
from tui.issuance.insight.inspection import InspectedCertificate, InspectedToken, Inspection, Kind, sections

from .samples import ENDPOINT, IDENTITY, jwt
from .test_certificate import EC, LEAF, RSA, START, make, pem
from .test_claims import LEGACY

NOW = START + timedelta(minutes=10)
CLAIMS: dict[str, Any] = {
    "sub": "system:serviceaccount:shop:robot",
    "iss": "https://kubernetes.default.svc",
    "aud": ["https://kubernetes.default.svc"],
    "iat": int(START.timestamp()),
    "nbf": int(START.timestamp()),
    "exp": int(START.timestamp()) + 3600,
    "kubernetes.io": {"namespace": "shop", "serviceaccount": {"name": "robot", "uid": "u"}, "secret": {"name": "h"}},
}
KEY = pem(EC)


def look(data: bytes | str, now: datetime = NOW) -> Inspection:
    return inspect(data.encode() if isinstance(data, str) else data, now=now)


def said(inspection: Inspection) -> list[str]:
    return [str(problem) for problem in inspection.problems]


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def token(**change: Any) -> bytes:
    claims = {key: value for key, value in (CLAIMS | change).items() if value is not None}
    return jwt(claims).reveal_bytes()


def test_a_good_token_has_no_problems() -> None:
    found = look(token() + b"\n")
    assert (found.kind, said(found)) == (Kind.TOKEN, [])
    assert found.expires_at == START + timedelta(hours=1)
    rows = dict(sections(found)[0].rows)
    assert rows["subject"] == "system:serviceaccount:shop:robot"
    assert rows["expires"] == "2026-01-01T01:00:00Z (50m left)"
    assert (rows["bound to"], rows["lifetime"]) == ("Secret h", "1h")


@pytest.mark.parametrize(
    ("data", "now", "problem"),
    [
        (token(), START + timedelta(hours=1, minutes=2, seconds=5), "expired 2 minutes ago"),
        (token(), START - timedelta(minutes=30), "not yet valid: it begins in 30 minutes"),
        (token(exp=None), NOW, "never expires"),
        (jwt(LEGACY).reveal_bytes(), NOW, "never expires; deleting the Secret robot-token-abcde revokes it"),
        (token(aud=["vault"]), NOW, "is for vault: the API server answers 401 to it"),
        (token(aud=[""]), NOW, "is for an empty audience"),
        (token(aud=[]), NOW, "has no audience"),
        (token(exp=int(START.timestamp()) + 800 * 86400), NOW, "lives for 800 days"),
        (token(**{"kubernetes.io": {"namespace": "n", "serviceaccount": {"name": "x"}}}), NOW, "bound to nothing"),
        (token(**{"kubernetes.io": {"pod": {"name": "p"}, "warnafter": 1767225607}}), NOW, "was meant to end at 2026-"),
        (jwt(CLAIMS, {"alg": "none"}).reveal_bytes(), NOW, "is not signed"),
    ],
)
def test_what_is_wrong_with_a_token(data: bytes, now: datetime, problem: str) -> None:
    assert any(problem in message for message in said(look(data, now)))


def test_a_certificate() -> None:
    found = look(LEAF)
    assert (found.kind, said(found)) == (Kind.CERTIFICATE, [])
    assert found.expires_at == START + timedelta(hours=1)
    assert dict(sections(found)[0].rows)["common name"] == "gardener.cloud:admin:alice"
    assert said(look(LEAF, NOW + timedelta(days=3))) == ["expired 2 days ago"]
    assert said(look(LEAF, START - timedelta(hours=1)))[0].startswith("not yet valid: it begins in an hour")
    assert said(look(LEAF + KEY)) == ["a private key is beside the certificate"]
    assert said(look(b"# bundle\n" + make(EC, "CA", ca=True))) == []


def config(user: dict[str, Any], cluster: dict[str, Any] | None = None, current: str = "x", **top: Any) -> str:
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": cluster or {"server": "https://h"}}],
        "users": [{"name": "u", "user": user}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": current,
    }
    return yaml.safe_dump(document | top)


def test_a_kubeconfig_of_ours() -> None:
    mine = kubeconfig(jwt(CLAIMS), replace(ENDPOINT, ca=make(EC, "CA", ca=True)), IDENTITY)
    found = look(mine.reveal_bytes())
    assert (found.kind, said(found)) == (Kind.KUBECONFIG, [])
    assert [item.__struct_config__.tag for item in found.items] == ["context", "cluster", "token"]
    titles = [section.title for section in sections(found)]
    assert titles == ["context test-service-account", "cluster c1", "token user test-service-account"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (config({"token": "opaque"}), "user u: this is not a JSON Web Token"),
        (config({"token": token(aud=["x"]).decode()}), "user u: is for x"),
        (config({"tokenFile": "/t", "token": "a"}), "user u: has a token and a tokenFile: kubectl uses the file"),
        (config({"tokenFile": "/t"}), "tokenFile is a file (/t)"),
        (config({"exec": {"command": "aws", "apiVersion": "v1"}}), "user u: runs the program aws to log in"),
        (config({"username": "a", "password": "b"}), "has a password"),
        (config({"auth-provider": {"name": "gcp"}}), "uses the auth-provider gcp"),
        (config({"as": "root"}), "acts as root"),
        (config({"client-certificate-data": b64(LEAF)}), "its client certificate has no key"),
        (config({"client-certificate-data": b64(LEAF), "client-key-data": b64(pem(RSA))}), "does not belong"),
        (config({"client-certificate-data": b64(b"x")}), "user u: this is not a PEM certificate"),
        (config({}, {"server": "https://h", "insecure-skip-tls-verify": True}), "cluster c: insecure-skip-tls-verify"),
        (config({}, {"server": "http://h"}), "cluster c: is reached without encryption"),
        (config({}, {"proxy-url": "http://p"}), "cluster c: no server is given"),
        (config({}, {"server": "https://h", "certificate-authority": "ca.pem"}), "its authority is a file (ca.pem)"),
        (
            config({}, {"server": "https://h", "certificate-authority-data": b64(b"x")}),
            "its authority: this is not a PEM certificate",
        ),
        (
            config({}, contexts=[{"name": "x", "context": {"cluster": "no", "user": "me"}}]),
            "its user me does not exist",
        ),
        (config({}, current="gone"), "current-context names gone, which does not exist"),
        (config({}, current=""), "current-context is not set"),
        (config({}, users=[{"name": 12, "user": {}}]), "kubectl cannot read this"),
    ],
)
def test_what_is_wrong_with_a_kubeconfig(text: str, problem: str) -> None:
    found = look(text)
    assert found.kind is Kind.KUBECONFIG
    assert any(problem in message for message in said(found)), said(found)


def test_an_authority_that_has_expired() -> None:
    cluster = {"server": "https://h", "certificate-authority-data": b64(make(EC, "CA", ca=True))}
    assert said(look(config({}, cluster), NOW + timedelta(hours=1))) == [
        "cluster c: its authority expired 10 minutes ago"
    ]


def test_a_client_certificate_with_its_key() -> None:
    found = look(config({"client-certificate-data": b64(LEAF), "client-key-data": b64(KEY)}))
    assert said(found) == []
    inside = next(item for item in found.items if isinstance(item, InspectedCertificate))
    assert inside.has_key


def test_a_password_in_a_url_is_not_shown() -> None:
    found = look(config({}, {"server": "https://a:s3cret@h", "proxy-url": "http://b:s3cret@p:1"}))
    assert "s3cret" not in msgspec.json.encode(found).decode()
    assert "p:1" in msgspec.json.encode(found).decode()


def secret(data: dict[str, bytes], **more: Any) -> str:
    meta = {"name": "s", "namespace": "n", "annotations": more.pop("annotations", {})}
    document = {"apiVersion": "v1", "kind": "Secret", "metadata": meta}
    return json.dumps(document | {"data": {key: b64(value) for key, value in data.items()}} | more)


def test_a_secret_with_everything_in_it() -> None:
    mine = kubeconfig(jwt(CLAIMS), ENDPOINT, IDENTITY).reveal_bytes()
    text = secret({"kubeconfig": mine, "token": token() + b"\n", "tls.crt": LEAF, "tls.key": KEY, "x": b"\xff"})
    found = look(text)
    assert found.kind is Kind.SECRET
    tags = [item.__struct_config__.tag for item in found.items]
    assert tags == ["secret", "context", "cluster", "token", "certificate", "token"]
    assert "token: a line break or blank follows the token" in said(found)
    rows = dict(sections(found)[1].rows)
    assert (rows["name"], rows["type"]) == ("n/s", "Opaque")
    assert rows["keys"] == "kubeconfig, tls.crt, tls.key, token, x"


def test_what_is_wrong_with_a_secret() -> None:
    applied = {"kubectl.kubernetes.io/last-applied-configuration": '{"data":{"token":"x"}}'}
    assert "repeats its data" in said(look(secret({}, annotations=applied)))[0]
    empty = secret({}, type="kubernetes.io/service-account-token")
    assert said(look(empty)) == ["the token controller has not filled it yet"]
    assert "tls.crt: the private key does not belong to the certificate" in said(
        look(secret({"tls.crt": LEAF, "tls.key": pem(RSA)}))
    )
    assert said(look('{"kind":"Secret","stringData":{"token":"' + token().decode() + '"}}')) == []


def test_a_list_of_secrets() -> None:
    items = [json.loads(secret({"token": token(exp=None)})), json.loads(secret({"x": b"y"}))]
    found = look(json.dumps({"kind": "List", "apiVersion": "v1", "items": items}))
    assert (found.kind, said(found)) == (Kind.SECRET, ["n/s token: never expires"])
    assert [item.__struct_config__.tag for item in found.items] == ["secret", "token", "secret"]
    for nothing in ('{"kind": "List"}', '{"kind": "List", "items": [1, {"kind": "Pod"}]}'):
        with pytest.raises(NotInspectable, match="without a Secret"):
            look(nothing)


def test_the_format_tokenfile_and_base64_and_a_token_request() -> None:
    text = Format.TOKEN_FILE.rules.render_file(jwt(CLAIMS), ENDPOINT, IDENTITY).reveal_bytes()
    assert (look(text).kind, said(look(text))) == (Kind.TOKEN, [])
    assert said(look(b64(token()))) == ["is encoded in base64; what it holds is shown"]
    answer = {"kind": "TokenRequest", "status": {"token": token().decode()}}
    assert look(json.dumps(answer)).kind is Kind.TOKEN
    with pytest.raises(NotInspectable, match="the question, not the answer"):
        look('{"kind": "TokenRequest", "spec": {}}')


def test_an_exec_credential() -> None:
    status = {
        "token": token().decode(),
        "clientCertificateData": LEAF.decode(),
        "clientKeyData": KEY.decode(),
        "expirationTimestamp": "2026-01-01T01:00:00Z",
    }
    found = look(
        json.dumps({"kind": "ExecCredential", "apiVersion": "client.authentication.k8s.io/v1", "status": status})
    )
    assert (found.kind, said(found)) == (Kind.EXEC_CREDENTIAL, [])
    assert said(look('{"kind": "ExecCredential"}')) == ["holds neither a token nor a certificate"]


def test_others_who_may_read_the_file() -> None:
    found = inspect(token(), now=NOW, readable_by="every user on this machine")
    assert said(found) == ["can be read by every user on this machine"]
    assert sections(found)[0].rows == (("!", "can be read by every user on this machine"),)


@pytest.mark.parametrize(
    "data",
    [b"", b" \n", b"hello", b"- a\n- b\n", b"kind: Pod\n", b"{", b"\x00\x01", b"a: [", b"x" * (17 << 20), b"12",
     b"null", b"a: &a [x]\nb: " + b"[" * 100],
)  # fmt: skip
def test_what_is_nothing(data: bytes) -> None:
    with pytest.raises(NotInspectable) as caught:
        look(data)
    assert len(str(caught.value)) < 200


def test_nothing_gives_material_away() -> None:
    mine = kubeconfig(jwt(CLAIMS), ENDPOINT, IDENTITY).reveal_bytes()
    user = {
        "client-certificate-data": b64(LEAF),
        "client-key-data": b64(KEY),
        "token": token().decode(),
        "password": "pw1",
    }
    for data in (
        token(),
        mine,
        LEAF + KEY,
        config(user).encode(),
        secret({"kubeconfig": mine, "token": token(), "tls.crt": LEAF, "tls.key": KEY}).encode(),
    ):
        found = look(data)
        shown = msgspec.json.encode(found).decode() + repr(found) + repr(sections(found))
        for part in (token().decode(), *token().decode().split("."), KEY.decode()[30:60], b64(KEY)[40:80], "pw1"):
            if len(part) > 12 or part == "pw1":
                assert part not in shown
        assert msgspec.json.decode(msgspec.json.encode(found), type=Inspection) == found


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_are_inspected_or_refused(data: bytes) -> None:
    try:
        found = look(data)
    except IssuanceError:
        return
    assert all(isinstance(item, InspectedToken) for item in found.items)


json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "kind",
                    "clusters",
                    "contexts",
                    "users",
                    "user",
                    "cluster",
                    "name",
                    "data",
                    "status",
                    "token",
                    "metadata",
                ]
            ),
            inner,
        )
    ),
    max_leaves=12,
)


@given(st.sampled_from(["Config", "Secret", "ExecCredential", "TokenRequest", "x"]), json_like)
def test_any_document_is_inspected_or_refused(kind: str, inside: object) -> None:
    document = inside if isinstance(inside, dict) else {"data": inside, "users": inside}
    try:
        look(json.dumps(document | {"kind": kind}))
    except IssuanceError as error:
        assert error.message  # noqa: PT017 - either is right


def test_now_is_the_wall_clock_by_default() -> None:
    assert abs(inspect(token()).checked_at - datetime.now(UTC)) < timedelta(minutes=1)
