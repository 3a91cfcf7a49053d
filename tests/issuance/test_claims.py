"""Reading tokens that may be hostile."""

from __future__ import annotations

import base64
import contextlib
import json
import traceback
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, strategies as st

from tui.issuance.model.claims import Bound, Claims, ClaimsError, read_token
from tui.issuance.model.types import Identity
from tui.kube.sensitive import Sensitive

from .samples import jwt

BOUND = {
    "aud": ["https://kubernetes.default.svc"],
    "exp": 1_700_003_600,
    "iat": 1_700_000_000,
    "iss": "https://kubernetes.default.svc",
    "jti": "11111111-2222-3333-4444-555555555555",
    "kubernetes.io": {
        "namespace": "shop",
        "pod": {"name": "web-0", "uid": "u-pod"},
        "node": {"name": "node-1", "uid": "u-node"},
        "serviceaccount": {"name": "robot", "uid": "u-sa"},
        "warnafter": 1_700_000_000 + 3607,
    },
    "nbf": 1_700_000_000,
    "sub": "system:serviceaccount:shop:robot",
}
LEGACY = {
    "iss": "kubernetes/serviceaccount",
    "kubernetes.io/serviceaccount/namespace": "shop",
    "kubernetes.io/serviceaccount/secret.name": "robot-token-abcde",
    "kubernetes.io/serviceaccount/service-account.name": "robot",
    "kubernetes.io/serviceaccount/service-account.uid": "u-sa",
    "sub": "system:serviceaccount:shop:robot",
}
CANARY = "Q0FOQVJZ-canary-material"


def at(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def test_a_bound_token() -> None:
    assert read_token(jwt(BOUND)) == Claims(
        subject="system:serviceaccount:shop:robot",
        issuer="https://kubernetes.default.svc",
        audiences=("https://kubernetes.default.svc",),
        issued_at=at(1_700_000_000),
        not_before=at(1_700_000_000),
        expires_at=at(1_700_003_600),
        warn_after=at(1_700_003_607),
        id="11111111-2222-3333-4444-555555555555",
        namespace="shop",
        service_account="robot",
        service_account_uid="u-sa",
        bound=Bound("Pod", "web-0", "u-pod"),
        node="node-1",
        algorithm="RS256",
        key_id="k",
    )


def test_a_long_lived_token() -> None:
    claims = read_token(jwt(LEGACY))
    assert claims.legacy
    assert claims.expires_at is None
    assert claims.lifetime is None
    assert claims.bound == Bound("Secret", "robot-token-abcde")
    assert claims.identity("c") == Identity("c", "shop", "robot")
    assert claims.service_account_uid == "u-sa"


def test_the_intended_end_of_an_extended_token_counts() -> None:
    claims = read_token(jwt({**BOUND, "exp": 1_700_000_000 + 31_536_000}))
    assert claims.lifetime == timedelta(days=365)
    assert claims.warn_after == at(1_700_003_607)
    assert read_token(jwt({**BOUND, "kubernetes.io": {"namespace": "shop"}})).warn_after is None


def test_a_handle_bound_token_and_a_foreign_one() -> None:
    handle = {**BOUND, "kubernetes.io": {"secret": {"name": "h", "uid": "u"}, "namespace": "n"}}
    assert read_token(jwt(handle)).bound == Bound("Secret", "h", "u")
    foreign = read_token(jwt({"sub": "alice", "aud": "dashboard", "exp": 1_700_003_600.5}))
    assert (foreign.identity("c"), foreign.audiences) == (None, ("dashboard",))


USER = "system:serviceaccount:"
ABOUT = {"namespace": "shop", "serviceaccount": {"name": "robot"}}
OLD = {key: LEGACY[key] for key in LEGACY if "service-account.name" in key or key.endswith("/namespace")}


@pytest.mark.parametrize(
    ("said", "namespace", "name"),
    [
        # What Kubernetes signs of it by itself counts, where that is there.
        ({"kubernetes.io": ABOUT, "sub": f"{USER}other:admin"}, "shop", "robot"),
        ({**OLD, "sub": f"{USER}other:admin"}, "shop", "robot"),
        ({**OLD, "kubernetes.io": {"namespace": "other", "serviceaccount": {"name": "admin"}}}, "shop", "robot"),
        ({"kubernetes.io": ABOUT, "sub": "alice"}, "shop", "robot"),
        ({"kubernetes.io": ABOUT}, "shop", "robot"),
        # Else the subject.
        ({"sub": f"{USER}shop:robot"}, "shop", "robot"),
        ({"sub": f"{USER}shop:a:b"}, "shop", "a:b"),
        ({"kubernetes.io": {"namespace": "other"}, "sub": f"{USER}shop:robot"}, "shop", "robot"),
        ({"kubernetes.io": {"serviceaccount": {"name": "admin"}}, "sub": f"{USER}shop:robot"}, "shop", "robot"),
        ({"sub": "alice:bob"}, "", ""),
        ({"sub": f"a {USER}shop:robot"}, "", ""),
        ({"sub": f"{USER}shop"}, "shop", ""),
        ({"kubernetes.io": {"serviceaccount": {"name": "robot"}}}, "", "robot"),
        ({}, "", ""),
    ],
)
def test_whose_token_it_says_that_it_is(said: dict[str, Any], namespace: str, name: str) -> None:
    claims = read_token(jwt(said))
    assert (claims.namespace, claims.service_account) == (namespace, name)
    assert claims.identity("c") == (Identity("c", namespace, name) if namespace and name else None)


@pytest.mark.parametrize(
    ("said", "bound"),
    [
        ({"kubernetes.io": {"node": {"name": "n", "uid": "u"}}}, Bound("Node", "n", "u")),
        ({"kubernetes.io": {"pod": {"name": "p", "uid": "u"}, "node": {"name": "n"}}}, Bound("Pod", "p", "u")),
        ({"kubernetes.io": {"secret": {"name": "s", "uid": "u"}, "pod": {"name": "p"}}}, Bound("Secret", "s", "u")),
        ({"kubernetes.io": {"secret": {}}}, None),
        ({**OLD, "kubernetes.io": {"secret": {"name": "s", "uid": "u"}}}, None),
        (OLD, None),
    ],
)
def test_what_it_says_that_it_dies_with(said: dict[str, Any], bound: Bound | None) -> None:
    assert read_token(jwt(said)).bound == bound


def test_no_text_and_no_token_is_longer_than_anybody_reads() -> None:
    long = "x" * 5000
    assert len(read_token(jwt({"aud": long})).audiences[0]) == 1024
    assert len(read_token(jwt({"aud": [long]})).audiences[0]) == 1024
    with pytest.raises(ClaimsError, match="not JSON objects"):
        read_token(Sensitive("a.b." + "c" * (64 * 1024 - 4)))
    with pytest.raises(ClaimsError, match="65537 bytes long"):
        read_token(Sensitive("a.b." + "c" * (64 * 1024 - 3)))


def test_a_line_break_around_the_token_does_not_matter() -> None:
    assert read_token(Sensitive(f"\n{jwt(BOUND).reveal()}\n")) == read_token(jwt(BOUND))


def test_text_in_claims_is_harmless() -> None:
    claims = read_token(jwt({"sub": "a\x1b[31m\u202eb", "iss": "x" * 5000, "aud": ["\n"]}))
    assert "\x1b" not in claims.subject
    assert "\u202e" not in claims.subject
    assert len(claims.issuer) == 1024
    assert claims.audiences == (" ",)


def raw(header: bytes, payload: bytes) -> Sensitive:
    return Sensitive(b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in (header, payload, b"s")))


HEADER = json.dumps({"alg": "RS256", "kid": CANARY}).encode()


@pytest.mark.parametrize(
    ("token", "message"),
    [
        (Sensitive(""), "is empty"),
        (Sensitive(" \n"), "is empty"),
        (Sensitive(CANARY), "not a JSON Web Token"),
        (Sensitive(f"{CANARY}.b"), "not a JSON Web Token"),
        (Sensitive(f"{CANARY}.b.c.d"), "not a JSON Web Token"),
        (Sensitive(f"{CANARY}.ä.c"), "not a JSON Web Token"),
        (Sensitive(f"{CANARY}.b+/=.c"), "not a JSON Web Token"),
        (Sensitive(f"{CANARY} b.b.c"), "not a JSON Web Token"),
        (Sensitive(b"\xff\xfe.\x00.c"), "not a JSON Web Token"),
        (Sensitive(f"{CANARY}.b.c"), "not JSON objects"),
        (Sensitive("a.b." + "c" * 70_000), "70004 bytes long"),
        (raw(HEADER, b'["' + CANARY.encode() + b'"]'), "not JSON objects"),
        (raw(HEADER, b'"' + CANARY.encode() + b'"'), "not JSON objects"),
        (raw(b"[]", b"{}"), "not JSON objects"),
        (raw(HEADER, b"\xff" + CANARY.encode()), "not JSON objects"),
        (raw(HEADER, b"[" * 30_000), "not JSON objects"),
        (raw(HEADER, b'{"a":' * 8_000), "not JSON objects"),
        (jwt({"exp": CANARY}), "claim exp has the wrong type"),
        (jwt({"exp": True}), "claim exp has the wrong type"),
        (jwt({"exp": 10**30}), "claim exp has the wrong type or is out of range"),
        (raw(HEADER, b'{"exp": NaN}'), "claim exp"),
        (raw(HEADER, b'{"exp": 1e999}'), "claim exp"),
        (jwt({"iat": [CANARY]}), "claim iat"),
        (jwt({"nbf": {"x": CANARY}}), "claim nbf"),
        (jwt({"aud": [CANARY, 1]}), "claim aud"),
        (jwt({"aud": {"x": CANARY}}), "claim aud"),
        (jwt({"sub": 5}), "claim sub"),
        (jwt({"kubernetes.io": CANARY}), "claim kubernetes.io"),
        (jwt({"kubernetes.io": {"serviceaccount": [CANARY]}}), "claim serviceaccount"),
        (jwt({"kubernetes.io": {"secret": {"name": {"x": CANARY}}}}), "claim name"),
        (jwt({"kubernetes.io": {"warnafter": "soon"}}), "claim warnafter"),
    ],
)
def test_hostile_tokens_are_refused_without_an_echo(token: Sensitive, message: str) -> None:
    with pytest.raises(ClaimsError) as caught:
        read_token(token)
    assert message in str(caught.value)
    shown = "".join(traceback.format_exception(caught.value)) + caught.value.hint
    assert CANARY not in shown


@given(st.text() | st.binary(max_size=300))
def test_anything_is_claims_or_a_clear_error(material: str | bytes) -> None:
    token = Sensitive(material.encode("utf-8", "surrogatepass") if isinstance(material, str) else material)
    with pytest.raises(ClaimsError, match=r"token|JSON"):
        read_token(token)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["name", "uid", "secret"]), inner),
    max_leaves=6,
)
names = st.sampled_from(["aud", "exp", "iat", "nbf", "sub", "iss", "jti", "kubernetes.io"])


@given(st.dictionaries(names, values))
def test_any_claims_are_read_or_refused(claims: dict[str, object]) -> None:
    with contextlib.suppress(ClaimsError):
        assert isinstance(read_token(jwt(claims)), Claims)
