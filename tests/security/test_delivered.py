"""What a cluster delivers is hostile: the table of what is taken from a kubeconfig, and of what refuses the whole."""

from __future__ import annotations

import base64
from itertools import pairwise
from typing import Any

import pytest
import yaml

from tests.issuance.samples import CA, TOKEN
from tests.kube.kubeconfigs import config
from tui.kube.addresses import AddressRefused, is_near, server
from tui.kube.delivered import Allow, DeliveredError, differences, read, read_all
from tui.kube.endpoint import Endpoint

CA64 = base64.b64encode(CA).decode()
KEY = b"-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n"
OTHER = b"-----BEGIN CERTIFICATE-----\nMIIC\n-----END CERTIFICATE-----\n"
KEY64 = base64.b64encode(KEY).decode()
SERVER = "https://api.prod.example.com:6443"
PAIR = {"client-certificate-data": CA64, "client-key-data": KEY64}


def text(
    cluster: dict[str, Any] | None = None, user: dict[str, Any] | None = None, current: str | None = "x", **more: Any
) -> bytes:
    """An honest kubeconfig as bytes, with what a test wants changed in it; None takes a field out."""
    document = config(
        cluster={"c": _with({"server": SERVER, "certificate-authority-data": CA64}, cluster)},
        user={"u": _with({"token": TOKEN.reveal()}, user)},
        context={"x": _with({"cluster": "c", "user": "u"}, more.pop("context", None))},
        current="x",
    )
    return yaml.safe_dump(_with(document, {"current-context": current} | more)).encode()


def _with(entry: dict[str, Any], changes: dict[str, Any] | None) -> dict[str, Any]:
    return {key: value for key, value in (entry | (changes or {})).items() if value is not None}


def beside(label: bytes) -> str:
    """An honest authority and another one, under a name by which only some readers trust it."""
    return base64.b64encode(CA + OTHER.replace(b"CERTIFICATE", label)).decode()


def test_an_honest_kubeconfig_is_reduced_to_a_server_an_authority_and_one_login() -> None:
    found = read(text({"tls-server-name": "kubernetes", "disable-compression": True}, context={"namespace": "jobs"}))
    assert found.endpoint.server == SERVER
    assert found.endpoint.ca == CA
    assert found.endpoint.tls_server_name == "kubernetes"
    assert (found.endpoint.name, found.endpoint.cluster_name, found.user) == ("x", "c", "u")
    assert found.endpoint.namespace == "jobs"
    assert found.token == TOKEN
    assert found.endpoint.login.client_certificate is None


def test_a_client_certificate_with_its_key_is_a_login() -> None:
    login = read(text(user={"token": None, **PAIR})).endpoint.login
    assert (login.token, login.client_certificate) == (None, CA)
    assert login.client_key is not None
    assert login.client_key.reveal_bytes() == KEY


def test_what_stands_between_certificates_does_not_come_along() -> None:
    said = base64.b64encode(b"# mine\n" + CA + b"# and\n" + OTHER).decode()
    found = read(text({"certificate-authority-data": said}))
    assert found.endpoint.ca is not None
    assert b"#" not in found.endpoint.ca
    assert not differences(found.endpoint, Endpoint("x", SERVER, ca=CA + OTHER, tls_server_name=None))


def test_line_breaks_around_a_token_are_not_part_of_it() -> None:
    assert read(text(user={"token": f"{TOKEN.reveal()}\n"})).token == TOKEN


ALIASES = b"a: &a x\n" + b"".join(
    b"%c: &%c [%s]\n" % (b, b, b",".join([b"*%c" % a] * 9)) for a, b in pairwise(b"abcdef")
)
IN = {"cluster": "c", "user": "u"}
UNCHECKED = {"insecure-skip-tls-verify": True, "certificate-authority-data": None}
EXEC = {"apiVersion": "client.authentication.k8s.io/v1", "command": "touch", "interactiveMode": "Never"}
REFUSED: dict[str, tuple[str, bytes]] = {
    "exec": ("exec", text(user={"exec": EXEC})),
    "exec without a token": ("exec", text(user={"token": None, "exec": EXEC})),
    "empty exec": ("exec", text(user={"exec": {}})),
    "exec of another type": ("a field", text(user={"exec": ["touch"]})),
    "auth provider": ("auth-provider", text(user={"auth-provider": {"name": "gcp"}})),
    "nameless auth provider": ("auth-provider", text(user={"auth-provider": {"config": {"cmd-path": "touch"}}})),
    "token file": ("tokenFile", text(user={"tokenFile": "/etc/passwd"})),
    "token file beside nothing": ("tokenFile", text(user={"token": None, "tokenFile": "t"})),
    "authority file": ("certificate-authority", text({"certificate-authority": "/tmp/ca"})),
    "authority file alone": ("certificate-authority", text({"certificate-authority": "x"})),
    "certificate file": ("client-certificate", text(user={"client-certificate": "/x"})),
    "key file": ("client-key", text(user={"client-key": "id_rsa"})),
    "impersonation": ("as", text(user={"as": "system:admin"})),
    "impersonated group": ("as", text(user={"as-groups": ["system:masters"]})),
    "impersonation of a wrong type": ("a field", text(user={"as": ["system:admin"]})),
    "basic auth": ("username and password", text(user={"username": "a", "password": "b"})),
    "password": ("username and password", text(user={"password": "b"})),
    "proxy": ("proxy-url", text({"proxy-url": "http://10.0.0.9:3128"})),
    "insecure": ("insecure-skip-tls-verify", text(UNCHECKED)),
    "insecure beside an authority": ("certificate-authority-data", text({"insecure-skip-tls-verify": True})),
    "insecure of a wrong type": ("a field", text({"insecure-skip-tls-verify": "true"})),
    "authority that is not base64": ("a field", text({"certificate-authority-data": "%%%"})),
    "authority that is none": ("certificate-authority-data", text({"certificate-authority-data": "aGVsbG8="})),
    "a key as authority": ("certificate-authority-data", text({"certificate-authority-data": KEY64})),
    "an authority that only OpenSSL reads": (
        "certificate-authority-data",
        text({"certificate-authority-data": beside(b"X509 CERTIFICATE")}),
    ),
    "an authority with what it is trusted for": (
        "certificate-authority-data",
        text({"certificate-authority-data": beside(b"TRUSTED CERTIFICATE")}),
    ),
    "too large an authority": (
        "certificate-authority-data",
        text({"certificate-authority-data": base64.b64encode(CA * 2000).decode()}),
    ),
    "server name": ("tls-server-name", text({"tls-server-name": "a b"})),
    "token and certificate": ("token", text(user=PAIR)),
    "certificate without key": ("client-key-data", text(user={"token": None, "client-certificate-data": CA64})),
    "key without certificate": ("client-certificate-data", text(user={"token": None, "client-key-data": KEY64})),
    "certificate that is none": (
        "client-certificate-data",
        text(user={"token": None, **PAIR, "client-certificate-data": KEY64}),
    ),
    "key that is none": ("client-key-data", text(user={"token": None, **PAIR, "client-key-data": CA64})),
    "no login": ("users", text(user={"token": None})),
    "token with a line in it": ("token", text(user={"token": "a\r\nX-Evil: 1"})),
    "token that is no ASCII": ("token", text(user={"token": "tökén"})),
    "too long a token": ("token", text(user={"token": "a" * 65537})),
    "token that is a number": ("a field", text().replace(f"token: {TOKEN.reveal()}".encode(), b"token: 12345")),
    "extra user": ("users", text(users=[{"name": n, "user": {"token": "t"}} for n in "uv"])),
    "extra cluster": ("clusters", text(clusters=[{"name": n, "cluster": {"server": SERVER}} for n in "cd"])),
    "extra context": ("contexts", text(contexts=[{"name": n, "context": IN} for n in ("x", "z")])),
    "the same name twice": ("a field", text(users=[{"name": "u", "user": {"token": "t"}}] * 2)),
    "no such context": ("current-context", text(current="z")),
    "no such user": ("contexts.context.user", text(context={"user": "v"})),
    "no such cluster": ("contexts.context.cluster", text(context={"cluster": "d"})),
    "no user": ("contexts.context.user", text(context={"user": ""})),
    "namespace": ("contexts.context.namespace", text(context={"namespace": "a;b"})),
    "a name with an escape": ("contexts", text(contexts=[{"name": "x\x1b[2J", "context": IN}])),
    "not a mapping": ("the text", b"- a\n"),
    "another kind": ("the text", text(kind="Secret")),
    "not YAML": ("the text", b"\x00\xff"),
    "nothing": ("current-context", b""),
    "too long a text": ("the text", text() + b"#" * 262144),
    "too many entries": ("users", text(users=[{"name": f"u{n}", "user": {"token": "t"}} for n in range(40)])),
    "aliases that multiply": (
        "the text",
        ALIASES,
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_more_than_that_refuses_the_whole_and_names_its_field(case: str) -> None:
    field, data = REFUSED[case]
    with pytest.raises(DeliveredError) as refused:
        read(data)
    assert refused.value.field == field, refused.value
    assert TOKEN.reveal() not in str(refused.value)


@pytest.mark.parametrize("case", [case for case in REFUSED if case != "extra context"])
def test_the_same_holds_where_several_contexts_are_right(case: str) -> None:
    field, data = REFUSED[case]
    with pytest.raises(DeliveredError) as refused:
        read_all(data)
    assert refused.value.field == field, refused.value


def two_contexts(current: str = "z") -> bytes:
    return text(
        clusters=[{"name": n, "cluster": {"server": f"https://{n}.example.com"}} for n in "cd"],
        contexts=[{"name": n, "context": {"cluster": c, "user": "u"}} for n, c in (("x", "c"), ("z", "d"))],
        current=current,
    )


def test_entering_a_cluster_takes_the_current_context_and_leaves_the_others_out() -> None:
    found = read(two_contexts(), Allow(others=True))
    assert (found.endpoint.name, found.endpoint.server) == ("z", "https://d.example.com")
    with pytest.raises(DeliveredError, match="current-context is not set, and there are 2 contexts"):
        read(two_contexts(""), Allow(others=True))


def test_what_honestly_has_several_contexts_gives_each_of_them_and_says_which_is_current() -> None:
    several = read_all(two_contexts())
    assert [way.endpoint.name for way in several.ways] == ["x", "z"]
    assert several.current is several.ways[1]
    evil = two_contexts().replace(b"https://c.example.com", b"https://127.0.0.1")
    assert read(evil, Allow(others=True)).endpoint.name == "z"
    with pytest.raises(DeliveredError, match="server is this machine"):
        read_all(evil)


def test_the_owner_of_the_machine_may_allow_what_is_refused_otherwise() -> None:
    near = text({"server": "https://127.0.0.1:6443"})
    assert read(near, Allow(near=True)).endpoint.server == "https://127.0.0.1:6443"
    proxied = text({"proxy-url": "http://10.0.0.9:3128"})
    assert read(proxied, Allow(proxy=True)).endpoint.proxy_url == "http://10.0.0.9:3128"
    unchecked = text(UNCHECKED)
    assert read(unchecked, Allow(insecure=True)).endpoint.insecure
    with pytest.raises(DeliveredError, match="server is not https"):
        read(text({"server": "http://127.0.0.1:8080"}), Allow(near=True, insecure=True, proxy=True, others=True))


@pytest.mark.parametrize(
    ("change", "known", "accepted"),
    [
        ({"server": "https://127.0.0.1:6443"}, {"server": "https://127.0.0.1:6443"}, True),
        ({"server": "https://127.0.0.1:6443"}, {"server": "https://127.0.0.1:6444"}, False),
        ({"proxy-url": "http://p:1"}, {"proxy_url": "http://p:1"}, True),
        ({"proxy-url": "http://p:1"}, {"proxy_url": "http://p:2"}, False),
        ({"proxy-url": "http://p:1"}, {"proxy_url": "http://p:1", "server": "https://else"}, False),
        (UNCHECKED, {"insecure": True}, True),
        (UNCHECKED, {"insecure": True, "server": "https://else"}, False),
    ],
)
def test_what_is_known_of_that_cluster_already_is_nothing_new(
    change: dict[str, Any], known: dict[str, Any], accepted: bool
) -> None:
    allow = Allow(known=Endpoint(**({"name": "prod", "server": SERVER} | known)))
    if accepted:
        assert read(text(change), allow)
    else:
        with pytest.raises(DeliveredError):
            read(text(change), allow)


NEAR = [
    *("localhost", "LOCALHOST", "localhost.", "a.localhost", "ip6-localhost", "ip6-loopback", "localhost.localdomain"),
    *("127.0.0.1", "127.8.8.8", "0.0.0.0", "0.1.2.3", "169.254.169.254", "224.0.0.1", "255.255.255.255"),
    *("[::1]", "[::]", "[fe80::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]", "[64:ff9b::7f00:1]"),
    *("[2002:7f00:1::]", "[ff02::1]"),
]  # fmt: skip


@pytest.mark.parametrize("host", NEAR)
def test_an_address_of_this_machine_or_its_link_is_refused(host: str) -> None:
    assert is_near(host.strip("[]"))
    with pytest.raises(AddressRefused, match="is this machine or its own link"):
        server(f"https://{host}:6443/")
    assert server(f"https://{host}:6443/", near=True) == f"https://{host}:6443"


@pytest.mark.parametrize(
    "host",
    [
        "127.1",
        "0x7f000001",
        "0x7f.1",
        "2130706433",
        "0177.0.0.1",
        "127.0.0.1.",
        "010.0.0.1",
        "1.2.3",
        "a.0x1",
        "08.8.8.8",
    ],
)
def test_a_number_written_so_that_only_some_readers_see_it_is_refused_even_where_near_is_allowed(host: str) -> None:
    for near in (False, True):
        with pytest.raises(AddressRefused, match="writes a number in a way that hides which"):
            server(f"https://{host}:6443", near=near)


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("", "is empty"),
        ("api.example.com:6443", "is not https"),
        ("http://api.example.com", "is not https"),
        ("ftp://api.example.com", "is not https"),
        ("https://user@api.example.com", "has a user in it"),
        ("https://user:secret@api.example.com", "has a user in it"),
        ("https://@api.example.com", "has a user in it"),
        ("https://api.example.com/?a=b", "has a query or a fragment"),
        ("https://api.example.com?", "has a query or a fragment"),
        ("https://api.example.com#x", "has a query or a fragment"),
        ("https://", "has no host that could be looked up"),
        ("https:///path", "has no host that could be looked up"),
        ("https://a..b", "has no host that could be looked up"),
        ("https://%31%32%37.0.0.1", "has no host that could be looked up"),
        ("https://a;b", "has no host that could be looked up"),
        (f"https://{'a' * 64}.example.com", "has no host that could be looked up"),
        (f"https://{'a.' * 130}com", "has no host that could be looked up"),
        ("https://[::1", "is not an address"),
        ("https://[v1.x]", "has no host that could be looked up"),
        ("https://api.example.com:0", "has no port that could be used"),
        ("https://api.example.com:", "has no port that could be used"),
        ("https://api.example.com:99999", "is not an address"),
        ("https://api.exa\nmple.com", "has characters that no address has"),
        ("https://api.example.com\t", "has characters that no address has"),
        ("https://api example.com", "has characters that no address has"),
        ("https://api.example.com\\@evil.example.com", "has characters that no address has"),
        ("https://①②⑦.⓪.⓪.①", "has characters that no address has"),
        ("https://" + "a" * 2048, "is longer than 2048 characters"),
    ],
)
def test_an_address_says_a_host_a_port_and_a_path_and_nothing_else(address: str, why: str) -> None:
    with pytest.raises(AddressRefused) as refused:
        server(address)
    assert str(refused.value) == why


@pytest.mark.parametrize(
    "address",
    [
        "https://api.prod.example.com:6443",
        "https://10.1.2.3:6443",
        "https://[2001:db8::1]:6443",
        "https://rancher.example.com/k8s/clusters/c-m-1",
        "https://kubernetes.default.svc",
        "https://xn--bcher-kva.example",
        "https://a_b.example.com.",
        "https://1e100.net",
    ],
)
def test_an_honest_address_stays_as_it_is(address: str) -> None:
    assert server(address) == address
    assert server(address + "/") == address


KNOWN = Endpoint("prod", "https://api.example.com:443/", ca=b"# the authority\n" + CA.replace(b"\n", b"\r\n"))


@pytest.mark.parametrize(
    ("way", "said"),
    [
        ({}, ()),
        ({"server": "https://API.example.com"}, ()),
        ({"server": "https://evil.example.com"}, ("its server is https://evil.example.com, the one known is",)),
        ({"server": "https://api.example.com:6443"}, ("its server is",)),
        ({"server": "https://api.example.com/x"}, ("its server is",)),
        ({"ca": OTHER}, ("it trusts another certificate authority",)),
        ({"ca": CA + OTHER}, ("it trusts another certificate authority",)),
        ({"ca": None}, ("it trusts another certificate authority",)),
        ({"tls_server_name": "evil"}, ("it expects the server to be called evil",)),
        ({"ca": None, "insecure": True}, ("it trusts another", "its server's certificate is not verified")),
        ({"proxy_url": "http://p:1"}, ("it goes through another proxy",)),
    ],
)
def test_where_a_way_differs_from_the_known_one_is_said(way: dict[str, Any], said: tuple[str, ...]) -> None:
    found = differences(Endpoint(**({"name": "x", "server": "https://api.example.com", "ca": CA} | way)), KNOWN)
    assert len(found) == len(said)
    assert all(text.startswith(start) for text, start in zip(found, said, strict=True)), found
