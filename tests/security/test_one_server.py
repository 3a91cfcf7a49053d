"""Which names are one server, for who is to act on what lies in it: the decision, and what a handle's word is worth."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from tests.certificates import Authority
from tui.issuance.errors import UsageError
from tui.issuance.model.kinds import CredentialKind
from tui.issuance.model.types import Address
from tui.issuance.trust.handles import Seen
from tui.issuance.trust.one_server import Side, are_one, once, other_names
from tui.kube.endpoint import Endpoint

PROD, OTHER = Authority("prod").pem, Authority("other").pem
URL, ELSEWHERE = "https://prod.example:6443", "https://prod.attacker.example:6443"
OWN = Endpoint("prod", URL, PROD)
DELIVERED = Endpoint("host/ns/tenant", URL, PROD, delivered=True)
PROXY, ROUTED = "http://attacker.example:3128", "node-1"

CASES = [
    ("two contexts", OWN, replace(OWN, name="b"), "s", "u", True),
    ("two contexts, written otherwise", OWN, replace(OWN, server="https://PROD.example:6443/"), "s", "u", True),
    ("an address of its own for who is inside", OWN, replace(OWN, server="https://10.0.0.1"), "s", "u", True),
    ("and nobody may say which cluster it is", OWN, replace(OWN, server="https://10.0.0.1"), "", "u", False),
    ("an authority that was renewed", OWN, replace(OWN, ca=OTHER), "s", "u", True),
    ("another address and authority, and the UIDs", OWN, Endpoint("b", ELSEWHERE, OTHER), "s", "u", False),
    ("another cluster at that address", OWN, OWN, "another", "u", False),
    ("another Secret of that name", OWN, OWN, "s", "another", False),
    ("a Secret without a UID", OWN, OWN, "s", "", False),
    ("not verified", OWN, replace(OWN, ca=None, insecure=True), "s", "u", False),
    ("neither verified", replace(OWN, ca=None, insecure=True), replace(OWN, ca=None, insecure=True), "s", "u", False),
    ("the other alone verified", replace(OWN, ca=None, insecure=True), OWN, "s", "u", False),
    ("the same way, delivered", OWN, DELIVERED, "s", "u", True),
    ("delivered, and its login may not see kube-system", OWN, DELIVERED, "", "u", True),
    ("a proxy in front, which repeats the UIDs", OWN, replace(DELIVERED, server=ELSEWHERE, ca=OTHER), "s", "u", False),
    ("and has a certificate of that authority", OWN, replace(DELIVERED, server=ELSEWHERE), "s", "u", False),
    ("that address with an authority of theirs", OWN, replace(DELIVERED, ca=OTHER), "s", "u", False),
    ("no authority", OWN, replace(DELIVERED, ca=None), "s", "u", False),
    ("delivered through a proxy", OWN, replace(DELIVERED, proxy_url=PROXY), "s", "u", False),
    ("for another name of a server", OWN, replace(DELIVERED, tls_server_name=ROUTED), "s", "u", False),
    ("delivered, not verified", OWN, replace(DELIVERED, ca=None, insecure=True), "s", "u", False),
    ("what was delivered with prod's server and authority is not prod", DELIVERED, OWN, "s", "u", False),
    ("nor another delivered one", DELIVERED, replace(DELIVERED, name="host/ns/b"), "s", "u", False),
]


@pytest.mark.parametrize(
    ("way", "other", "system", "uid", "one"), [row[1:] for row in CASES], ids=[r[0] for r in CASES]
)
def test_names_of_one_server(way: Endpoint, other: Endpoint, system: str, uid: str, *, one: bool) -> None:
    """`system` and `uid` are what the other one says; whoever runs it can repeat those of prod."""
    asked = Side(way, "s", uid and "u")
    assert are_one(asked, Side(other, system, uid)) is one


def test_a_secret_counts_once_by_whichever_contexts_of_its_server() -> None:
    ways = {"prod": OWN, "b": replace(OWN, name="b", server="https://PROD.example:6443/")}
    ways |= {"proxied": replace(OWN, proxy_url=PROXY), "other": Endpoint("other", ELSEWHERE, OTHER)}
    ways |= {"open": replace(OWN, ca=None, insecure=True)}

    class Clusters:
        def endpoint(self, name: str) -> Endpoint:
            if name not in ways:
                raise UsageError(f"no {name}")
            return ways[name]

    def at(cluster: str, name: str = "x") -> Address:
        return Address(CredentialKind.SECRET, cluster, "ns", name)

    all_ = [at("b"), at("prod"), at("proxied"), at("other"), at("open"), at("gone"), at("prod", "y"), at("b", "y")]
    found = once(SimpleNamespace(clusters=Clusters()), all_)  # type: ignore[arg-type]
    assert found == (at("b"), at("proxied"), at("other"), at("open"), at("gone"), at("prod", "y"))


def test_a_handle_says_where_to_look_for_that_very_secret_alone() -> None:
    asked = Address(CredentialKind.SECRET, "prod", "ns", "x")
    seen = Seen(secrets=("a/b/c/ns/x", "prod/ns/x", "ns/x", "other/ns/y", "other/else/x", "other/ns/x", "a/b/c/ns/x"))
    assert other_names(asked, seen, "home") == ["a/b/c", "home", "other"]
    assert other_names(asked, None, "home") == []
