"""What is taken from a delivered kubeconfig, and what the gate does with it."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import yaml

from tests.certificates import Authority
from tui.issuance.errors import StateError
from tui.issuance.records.deliveries import CLOSED, Delivered, Gate, authorities, take
from tui.issuance.records.entering import (
    NO_AUTHORITY,
    Allowed,
    DeliveredBy,
    Entry,
    Place,
    SourceKind,
    Trust,
    TrustedSource,
    Untrusted,
    Unusable,
    fingerprint,
)
from tui.kube.endpoint import Endpoint
from tui.kube.sensitive import Sensitive

BY = DeliveredBy(SourceKind.CLUSTER_API, "harbor", "clusters", "edge")
AUTHORITY = Authority("edge")
HOST = Endpoint(name="harbor", server="https://harbor.example")


def config(**cluster: Any) -> bytes:
    given = {
        "server": "https://edge.example:6443",
        "certificate-authority-data": base64.b64encode(AUTHORITY.pem).decode(),
    } | cluster
    return yaml.safe_dump(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "c",
            "clusters": [{"name": "c", "cluster": {k: v for k, v in given.items() if v is not None}}],
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
            "users": [{"name": "u", "user": {"token": "its-own"}}],
        }
    ).encode()


def taken(host: Endpoint = HOST, **cluster: Any) -> Delivered:
    return take(config(**cluster), BY, host, "Secret clusters/edge-kubeconfig")


def test_the_facts_are_those_of_the_text_and_the_login_is_its_own() -> None:
    found = taken(replace(HOST, vouches=("x",)), **{"tls-server-name": "kubernetes"})
    place = Place("https://edge.example:6443", fingerprint(AUTHORITY.pem), "kubernetes", host=HOST.server)
    assert found.delivery.by == BY
    assert found.delivery.place == place
    assert (found.delivery.near, found.delivery.insecure, found.delivery.proxy, found.delivery.nested) == (False,) * 4
    assert found.vouched == ("x",)
    endpoint = found.endpoint
    assert (endpoint.name, endpoint.delivered, endpoint.vouches) == ("harbor/clusters/edge", True, ())
    assert endpoint.login.token == Sensitive("its-own")


@pytest.mark.parametrize(
    ("cluster", "fact"),
    [
        ({"server": "https://127.0.0.1:6443"}, "near"),
        ({"server": "https://localhost"}, "near"),
        ({"server": "https://169.254.169.254"}, "near"),
        ({"insecure-skip-tls-verify": True, "certificate-authority-data": None}, "insecure"),
        ({"proxy-url": "http://proxy.example:3128"}, "proxy"),
    ],
)
def test_what_is_only_entered_where_settings_allow_it_is_seen(cluster: dict[str, Any], fact: str) -> None:
    delivery = taken(**cluster).delivery
    assert {name for name in ("near", "insecure", "proxy", "nested") if getattr(delivery, name)} == {fact}


def test_what_a_delivered_host_delivers_is_nested_and_an_extension_in_it_vouches_for_nobody() -> None:
    vouching = {"extensions": [{"name": "kubemint.io/trust", "extension": {"authorities": ["a"]}}]}
    found = taken(replace(HOST, delivered=True), **vouching)
    assert found.delivery.nested
    assert found.endpoint.vouches == ()


def test_the_host_is_told_by_its_authority_not_by_its_name() -> None:
    assert taken(HOST).delivery.place.host == HOST.server
    assert taken(replace(HOST, ca=AUTHORITY.pem)).delivery.place.host == fingerprint(AUTHORITY.pem)
    assert taken(replace(HOST, ca=b"nonsense")).delivery.place.host == HOST.server


def test_without_an_authority_there_is_none_to_vouch_for() -> None:
    nothing: dict[str, Any] = {"certificate-authority-data": None}
    place = taken(HOST, **nothing).delivery.place
    assert place == Place("https://edge.example:6443", NO_AUTHORITY, host=HOST.server)


@pytest.mark.parametrize(
    "data",
    [
        b"[",
        b"",
        config(server="http://edge.example"),
        config(**{"certificate-authority": "/etc/ca.crt", "certificate-authority-data": None}),
        config(**{"certificate-authority-data": base64.b64encode(b"-----BEGIN CERTIFICATE-----\n").decode()}),
        config().replace(b"token: its-own", b"exec: {command: evil, apiVersion: client.authentication.k8s.io/v1}"),
        config().replace(b"token: its-own", b"tokenFile: /etc/passwd"),
    ],
)
def test_what_is_never_used_is_refused_with_its_place(data: bytes) -> None:
    with pytest.raises(Unusable, match=r"Secret clusters/edge-kubeconfig: ") as caught:
        take(data, BY, HOST, "Secret clusters/edge-kubeconfig")
    assert caught.value.cluster == "harbor/clusters/edge"
    assert caught.value.hint in ("", "settings can allow this")


# The gate


def trusting(**rule: Any) -> Callable[[], Trust]:
    return lambda: Trust(sources=(TrustedSource(context="harbor", **rule),))


async def test_nobody_is_let_in_without_a_word() -> None:
    for gate in (CLOSED, Gate(), Gate(yes=lambda by: None)):
        with pytest.raises(Untrusted) as caught:
            await gate.admit(taken())
        assert caught.value.verdict.entry is Entry.ASK
        assert caught.value.delivery.by == BY


async def test_a_yes_to_exactly_that_lets_in() -> None:
    found = taken()
    asked: list[DeliveredBy] = []

    def yes(by: DeliveredBy) -> Place:
        asked.append(by)
        return found.delivery.place

    assert await Gate(yes=yes).admit(found) is found.endpoint
    assert asked == [BY]
    with pytest.raises(Untrusted, match="it changed"):
        await Gate(yes=yes).admit(taken(server="https://elsewhere.example"))


async def test_settings_are_asked_each_time() -> None:
    said = Trust()
    gate = Gate(lambda: said)
    with pytest.raises(Untrusted):
        await gate.admit(taken())
    said = trusting()()
    assert (await gate.admit(taken())).name == "harbor/clusters/edge"


async def test_what_the_operators_kubeconfig_vouches_for_is_let_in() -> None:
    host = replace(HOST, vouches=(fingerprint(AUTHORITY.pem),))
    assert (await CLOSED.admit(taken(host, server="https://127.0.0.1:1"))).server == "https://127.0.0.1:1"
    with pytest.raises(Untrusted):
        await CLOSED.admit(taken(replace(host, delivered=True)))


async def test_what_settings_do_not_allow_is_refused_whatever_was_said() -> None:
    found = taken(server="https://127.0.0.1:1")
    with pytest.raises(Untrusted) as caught:
        await Gate(yes=lambda by: found.delivery.place).admit(found)
    assert caught.value.verdict.entry is Entry.REFUSE
    assert await Gate(trusting(allow=(Allowed.NEAR,))).admit(found)


@pytest.mark.parametrize("error", [StateError("broken"), OSError("gone")])
async def test_a_memory_that_cannot_be_read_has_said_nothing(error: Exception) -> None:
    def yes(by: DeliveredBy) -> Place:
        raise error

    assert (await Gate(yes=yes).verdict(taken())).entry is Entry.ASK


def test_authorities_are_named_for_people() -> None:
    assert authorities(None) == []
    [(subject, digest)] = authorities(AUTHORITY.pem)
    assert "edge" in subject
    assert digest == fingerprint(AUTHORITY.pem)
    junk = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    assert [subject for subject, _ in authorities(AUTHORITY.pem + junk)][1] == "a certificate that cannot be read"
