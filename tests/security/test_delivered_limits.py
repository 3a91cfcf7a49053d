"""What a cluster delivered, at the edges: exactly as much as may be and one more, and every part of what decides."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from tests.issuance.samples import CA, TOKEN
from tests.security.test_delivered import CA64, KEY, KEY64, OTHER, PAIR, REFUSED, SERVER, text
from tui.kube.delivered import (
    MAX_ENTRIES,
    MAX_NAME,
    MAX_PEM,
    MAX_TEXT,
    MAX_TOKEN,
    NOTHING,
    Allow,
    DeliveredError,
    differences,
    of_parts,
    read,
    read_all,
)
from tui.kube.endpoint import Endpoint


def of_size(pem: bytes, size: int) -> str:
    """The same PEM in so many bytes, as a kubeconfig has it."""
    return base64.b64encode(pem.ljust(size, b"\n")).decode()


def entries(what: str, count: int) -> bytes:
    """A kubeconfig with so many clusters, users or contexts."""
    honest: dict[str, Any] = {
        "clusters": [{"name": f"c{n or ''}", "cluster": {"server": SERVER}} for n in range(count)],
        "users": [{"name": f"u{n or ''}", "user": {"token": TOKEN.reveal()}} for n in range(count)],
        "contexts": [{"name": f"x{n or ''}", "context": {"cluster": "c", "user": "u"}} for n in range(count)],
    }
    return text(**{what: honest[what]})


def named(what: str, size: int) -> bytes:
    """A kubeconfig whose cluster, user or context is called by a name of so many letters."""
    name = "n" * size
    return {
        "clusters": text(context={"cluster": name}, clusters=[{"name": name, "cluster": {"server": SERVER}}]),
        "users": text(context={"user": name}, users=[{"name": name, "user": {"token": "t"}}]),
        "contexts": text(contexts=[{"name": name, "context": {"cluster": "c", "user": "u"}}], current=None),
    }[what]


LONGEST = "a" * (MAX_TEXT - len(text()))
OTHERS = Allow(others=True)
EDGES: dict[str, tuple[str, Allow, bytes, bytes]] = {
    "text": ("the text", NOTHING, text() + f"#{LONGEST[1:]}".encode(), text() + f"#{LONGEST}".encode()),
    "token": ("token", NOTHING, text(user={"token": "a" * MAX_TOKEN}), text(user={"token": "a" * (MAX_TOKEN + 1)})),
    "authority": (
        "certificate-authority-data",
        NOTHING,
        text({"certificate-authority-data": of_size(CA, MAX_PEM)}),
        text({"certificate-authority-data": of_size(CA, MAX_PEM + 1)}),
    ),
    "certificate": (
        "client-certificate-data",
        NOTHING,
        text(user={"token": None, **PAIR, "client-certificate-data": of_size(CA, MAX_PEM)}),
        text(user={"token": None, **PAIR, "client-certificate-data": of_size(CA, MAX_PEM + 1)}),
    ),
    "key": (
        "client-key-data",
        NOTHING,
        text(user={"token": None, **PAIR, "client-key-data": of_size(KEY, MAX_PEM)}),
        text(user={"token": None, **PAIR, "client-key-data": of_size(KEY, MAX_PEM + 1)}),
    ),
    **{what: (what, OTHERS, entries(what, MAX_ENTRIES), entries(what, MAX_ENTRIES + 1))
       for what in ("clusters", "users", "contexts")},
    **{f"name of {what}": (what, NOTHING, named(what, MAX_NAME), named(what, MAX_NAME + 1))
       for what in ("clusters", "users", "contexts")},
    "one context unnamed": ("current-context", OTHERS, text(current=None),
                            entries("contexts", 2).replace(b"current-context: x\n", b"")),
    "namespace": (
        "contexts.context.namespace",
        NOTHING,
        text(context={"namespace": "n" * 63}),
        text(context={"namespace": "n" * 64}),
    ),
    "server name": (
        "tls-server-name",
        NOTHING,
        text({"tls-server-name": "n" * 253}),
        text({"tls-server-name": "n" * 254}),
    ),
}  # fmt: skip


@pytest.mark.parametrize("edge", EDGES)
def test_as_much_as_may_be_is_taken_and_one_more_is_not(edge: str) -> None:
    field, allow, most, more = EDGES[edge]
    assert read(most, allow).token or read(most, allow).endpoint.login.client_key
    assert read_all(most, allow).ways
    with pytest.raises(DeliveredError) as refused:
        read(more, allow)
    assert refused.value.field == field, refused.value


@pytest.mark.parametrize("what", ["clusters", "users", "contexts"])
def test_an_entry_without_a_name_is_no_honest_one(what: str) -> None:
    with pytest.raises(DeliveredError) as refused:
        read(named(what, 0), OTHERS)
    assert refused.value.field == what


@pytest.mark.parametrize(
    ("field", "user"),
    [
        ("token", {"client-certificate-data": CA64}),
        ("token", {"client-key-data": KEY64}),
        ("client-certificate-data", {"token": None, **PAIR, "client-certificate-data": of_size(CA + KEY, 0)}),
        ("client-certificate-data", {"token": None, **PAIR, "client-certificate-data": "aGVsbG8="}),
        ("token", {"token": "a\x7f"}),
        ("token", {"token": "a b"}),
    ],
)
def test_one_login_and_nothing_beside_it(field: str, user: dict[str, Any]) -> None:
    with pytest.raises(DeliveredError) as refused:
        read(text(user=user))
    assert refused.value.field == field


def test_every_sign_that_a_token_may_have_is_taken() -> None:
    token = "".join(map(chr, range(0x21, 0x7F)))
    found = read(text(user={"token": token})).token
    assert found is not None
    assert found.reveal() == token


def test_the_endpoint_is_marked_as_delivered_and_says_what_the_text_says() -> None:
    plain = read(text()).endpoint
    assert plain.delivered
    assert (plain.namespace, plain.disable_compression, plain.insecure) == ("default", False, False)
    assert (plain.tls_server_name, plain.proxy_url) == (None, None)
    assert read(text({"disable-compression": True})).endpoint.disable_compression is True


def test_what_came_in_pieces_is_judged_the_same_and_has_no_name() -> None:
    found = of_parts(SERVER, CA, TOKEN)
    way = found.endpoint
    assert found.user == ""
    assert (way.name, way.cluster_name, way.server, way.ca, way.login.token) == ("", "", SERVER, CA, TOKEN)
    assert way.delivered
    assert of_parts(SERVER, b"", TOKEN).endpoint.ca is None
    near = "https://127.0.0.1:6443"
    assert of_parts(near, CA, TOKEN, Allow(near=True)).endpoint.server == near
    assert of_parts(SERVER, CA, None, Allow(nobody=True)).endpoint.login.token is None
    for server, ca, token, field in ((near, CA, TOKEN, "server"), (SERVER, KEY, TOKEN, "certificate-authority-data"),
                                     (SERVER, CA, None, "users")):  # fmt: skip
        with pytest.raises(DeliveredError) as refused:
            of_parts(server, ca, token)
        assert refused.value.field == field


def test_what_the_owner_allows_counts_for_every_context() -> None:
    assert read_all(text({"server": "https://127.0.0.1"}), Allow(near=True)).current.endpoint.server
    assert not read_all(text(user={"token": None}), Allow(nobody=True)).current.token


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"a: b: c", "line 1"),
        (b"\x00\xff", "not YAML"),
        (text(kind="Secret"), "(delivered by a cluster)"),
        (text(kind="Secret"), "'Secret'"),
        (text({"server": "http://h"}), "is not https"),
        (text({"insecure-skip-tls-verify": "true"}), "clusters[0].cluster.insecure-skip-tls-verify: not true or false"),
        (entries("users", 5), "u1, u2, u3"),
    ],
)
def test_a_refusal_says_what_is_wrong_and_where(data: bytes, says: str) -> None:
    with pytest.raises(DeliveredError) as refused:
        read(data)
    assert says in refused.value.message, refused.value


def test_only_where_settings_can_help_they_are_named() -> None:
    for field, data in REFUSED.values():
        with pytest.raises(DeliveredError) as refused:
            read(data)
        assert not refused.value.hint, field
    with pytest.raises(DeliveredError) as refused:
        read(text({"server": "https://127.0.0.1"}))
    assert "settings can allow" in refused.value.hint


WRAPPED = b"-----BEGIN CERTIFICATE-----\nMI IB\n-----END CERTIFICATE-----\n"


@pytest.mark.parametrize(
    ("way", "known", "different"),
    [
        ({"server": "https://[2001:db8::1]"}, {"server": "https://[2001:DB8::1]:443/"}, 0),
        ({"server": "https://[2001:db8::1]:443"}, {"server": "https://[2001:db8::1]:6443"}, 1),
        ({"server": "https://h:443"}, {"server": "http://h:443"}, 1),
        ({"server": "https://h/x"}, {"server": "https://H:443/x/"}, 0),
        ({"server": "https://h/x"}, {"server": "https://h/X"}, 1),
        ({"server": "no address"}, {"server": "no address"}, 1),
        ({"ca": CA}, {"ca": WRAPPED}, 0),
        ({"ca": CA + OTHER}, {"ca": OTHER + CA}, 0),
        ({"ca": None}, {"ca": None}, 0),
        ({"ca": None}, {"ca": OTHER}, 1),
        ({"insecure": True}, {"insecure": True, "ca": OTHER}, 0),
        ({"insecure": True}, {"ca": OTHER}, 2),
        ({"insecure": True}, {}, 1),
        ({}, {"insecure": True}, 0),
        ({}, {"insecure": True, "ca": OTHER}, 1),
        ({"tls_server_name": "a"}, {"tls_server_name": "a"}, 0),
        ({"tls_server_name": ""}, {"tls_server_name": None}, 0),
        ({}, {"tls_server_name": "a"}, 1),
        ({"proxy_url": ""}, {"proxy_url": None}, 0),
        ({"proxy_url": "http://p"}, {"proxy_url": "http://p"}, 0),
        ({}, {"proxy_url": "http://p"}, 1),
    ],
)
def test_two_ways_differ_where_a_token_would_be_less_safe(
    way: dict[str, Any], known: dict[str, Any], different: int
) -> None:
    one, other = (Endpoint(**({"name": "x", "server": SERVER} | changes)) for changes in (way, known))
    assert len(differences(one, other)) == different


def test_a_bundle_of_certificates_alone_stays_as_it_is_and_others_become_one() -> None:
    def authority(data: bytes) -> bytes | None:
        return read(text({"certificate-authority-data": base64.b64encode(data).decode()})).endpoint.ca

    spaced = CA + b"\n \n" + OTHER
    assert authority(spaced) == spaced
    assert authority(b"# ours\n" + CA + b"# theirs\n" + OTHER + b"end") == CA + OTHER
