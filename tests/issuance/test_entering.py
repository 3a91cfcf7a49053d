"""Who is entered: the decision in tables, what a yes is remembered for, and what a bundle is known by."""

from __future__ import annotations

import base64
import hashlib
import json
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from tests.kube.kubeconfigs import config
from tui.issuance.model.kinds import CredentialKind
from tui.issuance.model.types import Action, Address, StepResult, StepStatus
from tui.issuance.records.deliveries import take
from tui.issuance.records.entering import (
    NO_AUTHORITY,
    Allowed,
    DeliveredBy,
    Deliverer,
    Delivery,
    Entry,
    Place,
    SourceKind,
    Trust,
    TrustedSource,
    Untrusted,
    Yes,
    certificates,
    decide,
    described,
    fingerprint,
)
from tui.issuance.records.state import StateStore
from tui.kube.endpoint import Endpoint

AT = datetime(2030, 1, 2, tzinfo=UTC)
CA = "a" * 64
OTHER = "b" * 64
BY = DeliveredBy(SourceKind.DPU_CLUSTER, "harbor", "dpf", "edge")
PLACE = Place("https://edge.example:6443", CA)
PLAIN = Delivery(by=BY, place=PLACE)


PROXY = "http://proxy.example:3128"


def with_(delivery: Delivery = PLAIN, *, insecure: bool = False, proxy: bool = False, **changed: object) -> Delivery:
    made = msgspec.structs.replace(delivery, **changed)
    way = msgspec.structs.replace(made.place, unchecked=insecure, proxy=PROXY if proxy else "")
    return msgspec.structs.replace(made, place=way)


def place(**changed: object) -> Place:
    return msgspec.structs.replace(PLACE, **changed)


def rules(
    *allow: Allowed, source: Deliverer = Deliverer.ANY, context: str = "harbor", namespaces: tuple[str, ...] = ()
) -> Trust:
    return Trust(sources=(TrustedSource(source=source, context=context, namespaces=namespaces, allow=allow),))


ASKING = Trust(sources=(TrustedSource(context="harbor", allow=(Allowed.NEAR,), ask=True),))
ANYTHING = Trust(sources=(TrustedSource(context="harbor", allow=tuple(Allowed), ask=True),))
EVERYTHING = Trust(everything=True)
CASES: list[tuple[str, Delivery, dict[str, object], Entry]] = [
    ("nobody said anything", PLAIN, {}, Entry.ASK),
    ("exactly what was said yes to", PLAIN, {"yes": PLACE}, Entry.ENTER),
    ("another server", PLAIN, {"yes": place(server="https://edge.example:6444")}, Entry.ASK),
    ("another authority", PLAIN, {"yes": place(authority=OTHER)}, Entry.ASK),
    ("the system's authorities instead", with_(place=place(authority=NO_AUTHORITY)), {"yes": PLACE}, Entry.ASK),
    ("another name of the server", with_(place=place(server_name="prod")), {"yes": PLACE}, Entry.ASK),
    ("a rule for it", PLAIN, {"trust": rules()}, Entry.ENTER),
    ("a rule for its kind", PLAIN, {"trust": rules(source=Deliverer.DPU_CLUSTERS)}, Entry.ENTER),
    ("a rule for the other kind", PLAIN, {"trust": rules(source=Deliverer.CLUSTER_API)}, Entry.ASK),
    ("a rule for another context", PLAIN, {"trust": rules(context="quay")}, Entry.ASK),
    ("a rule that asks all the same", PLAIN, {"trust": ASKING}, Entry.ASK),
    (
        "a rule that asks, and another that does not",
        PLAIN,
        {"trust": Trust(sources=(*ASKING.sources, *rules().sources))},
        Entry.ENTER,
    ),
    ("near, by a rule that asks", with_(near=True), {"trust": ASKING}, Entry.ASK),
    ("near, by a rule that asks, with a yes", with_(near=True), {"trust": ASKING, "yes": PLACE}, Entry.ENTER),
    ("a rule without a context", PLAIN, {"trust": rules(context="")}, Entry.ASK),
    ("a rule by pattern", PLAIN, {"trust": rules(context="har*")}, Entry.ENTER),
    ("a rule for its namespace", PLAIN, {"trust": rules(namespaces=("x", "d?f"))}, Entry.ENTER),
    ("a rule for another namespace", PLAIN, {"trust": rules(namespaces=("x", "dpf-*"))}, Entry.ASK),
    ("a rule, by a delivered host", with_(nested=True), {"trust": rules(context="*")}, Entry.ASK),
    ("vouched for", PLAIN, {"vouched": (OTHER, CA)}, Entry.ENTER),
    ("another one is vouched for", PLAIN, {"vouched": (OTHER,)}, Entry.ASK),
    ("vouched for by a delivered host", with_(nested=True), {"vouched": (CA,)}, Entry.ASK),
    (
        "nobody vouches for the system's",
        with_(place=place(authority=NO_AUTHORITY)),
        {"vouched": (NO_AUTHORITY,)},
        Entry.ASK,
    ),
    ("a yes counts for a delivered host's too", with_(nested=True), {"yes": PLACE}, Entry.ENTER),
    ("everything", PLAIN, {"trust": EVERYTHING}, Entry.ENTER),
    ("near", with_(near=True), {}, Entry.REFUSE),
    ("near, with a yes", with_(near=True), {"yes": PLACE}, Entry.REFUSE),
    ("near, by a rule that does not say so", with_(near=True), {"trust": rules()}, Entry.REFUSE),
    ("near, by a rule", with_(near=True), {"trust": rules(Allowed.NEAR)}, Entry.ENTER),
    (
        "near, by a rule for another",
        with_(near=True),
        {"trust": rules(Allowed.NEAR, context="quay"), "yes": PLACE},
        Entry.REFUSE,
    ),
    (
        "near, of a delivered host",
        with_(near=True, nested=True),
        {"trust": rules(Allowed.NEAR, context="*")},
        Entry.REFUSE,
    ),
    ("near, vouched for", with_(near=True), {"vouched": (CA,)}, Entry.ENTER),
    ("near, another is vouched for", with_(near=True), {"vouched": (OTHER,), "yes": PLACE}, Entry.REFUSE),
    ("near, everything", with_(near=True), {"trust": EVERYTHING}, Entry.ENTER),
    ("insecure", with_(insecure=True), {"yes": PLACE}, Entry.REFUSE),
    ("insecure, everything", with_(insecure=True), {"trust": EVERYTHING}, Entry.REFUSE),
    ("insecure, vouched for", with_(insecure=True), {"vouched": (CA,)}, Entry.REFUSE),
    ("insecure, by a rule", with_(insecure=True), {"trust": rules(Allowed.INSECURE)}, Entry.ENTER),
    (
        "insecure and near, half allowed",
        with_(insecure=True, near=True),
        {"trust": rules(Allowed.INSECURE)},
        Entry.REFUSE,
    ),
    ("insecure since a yes", with_(insecure=True), {"trust": ANYTHING, "yes": PLACE}, Entry.ASK),
    ("insecure as at the yes", with_(insecure=True), {"trust": ANYTHING, "yes": place(unchecked=True)}, Entry.ENTER),
    ("checked since a yes", PLAIN, {"trust": ANYTHING, "yes": place(unchecked=True)}, Entry.ASK),
    ("a proxy since a yes", with_(proxy=True), {"trust": ANYTHING, "yes": PLACE}, Entry.ASK),
    ("another proxy since a yes", with_(proxy=True), {"trust": ANYTHING, "yes": place(proxy="http://x")}, Entry.ASK),
    ("a proxy as at the yes", with_(proxy=True), {"trust": ANYTHING, "yes": place(proxy=PROXY)}, Entry.ENTER),
    ("a proxy", with_(proxy=True), {"yes": PLACE}, Entry.REFUSE),
    ("a proxy, everything", with_(proxy=True), {"trust": EVERYTHING}, Entry.REFUSE),
    ("a proxy, by a rule", with_(proxy=True), {"trust": rules(Allowed.PROXY)}, Entry.ENTER),
    ("a proxy, by a rule for something else", with_(proxy=True), {"trust": rules(Allowed.NEAR)}, Entry.REFUSE),
]


@pytest.mark.parametrize(("what", "delivery", "said", "entry"), CASES, ids=[case[0] for case in CASES])
def test_the_decision(what: str, delivery: Delivery, said: dict[str, object], entry: Entry) -> None:
    assert decide(delivery, **said).entry is entry, what  # type: ignore[arg-type]


def test_what_changed_since_the_last_yes_is_said() -> None:
    before = Place("https://old:6443", OTHER, "kubernetes")
    assert decide(PLAIN, yes=before).why == (
        "its server was https://old:6443",
        f"its authority was {OTHER}",
        "its server's name was kubernetes",
    )
    assert decide(PLAIN, yes=place(server="https://old:6443")).why == ("its server was https://old:6443",)
    assert decide(with_(place=place(server_name="x")), yes=PLACE).why == ("its server's name was that of its address",)
    assert decide(PLAIN).why == ()
    odd = with_(insecure=True, proxy=True)
    assert decide(odd, yes=PLACE, trust=ANYTHING).why == ("its server's certificate was verified", "its proxy was none")
    assert decide(PLAIN, yes=odd.place).why == ("its certificate was not verified", f"its proxy was {PROXY}")
    assert "its server's certificate is not verified, it goes through the proxy" in described(odd)


def test_a_yes_is_to_what_this_very_host_delivers() -> None:
    here = with_(place=place(host="h1"))
    assert decide(here, yes=place(host="h1")).entry is Entry.ENTER
    assert decide(here, yes=place()).entry is Entry.ENTER  # of an earlier version, which did not say
    other = decide(here, yes=place(host="h2"))
    assert other.entry is Entry.ASK
    assert other.why == ("another cluster delivered it, which was called like this one",)


def test_a_yes_is_remembered_with_its_proxy_but_not_with_a_login_for_that() -> None:
    said = config(
        cluster={"c": {"server": "https://edge.example", "proxy-url": "http://me:hush@proxy.example:3128/?a"}},
        user={"u": {"token": "t"}},
        context={"x": {"cluster": "c", "user": "u"}},
        current="x",
    )
    found = take(json.dumps(said).encode(), BY, Endpoint("harbor", "https://harbor.example"), "the Secret")
    assert found.delivery.place.proxy.startswith(PROXY)
    assert "hush" not in found.delivery.place.proxy


def test_every_refusal_is_said_and_only_those() -> None:
    verdict = decide(with_(near=True, proxy=True, insecure=True), trust=rules(Allowed.PROXY))
    assert verdict.why == (
        "its server is on this machine or its own link",
        "its server's certificate would not be verified",
    )


def test_the_error_names_server_authority_source_and_what_to_run() -> None:
    error = Untrusted(PLAIN, decide(PLAIN))
    for word in (PLACE.server, CA, "DPUCluster dpf/edge in harbor", "is not confirmed"):
        assert word in error.message
    assert error.message == (
        f"entering it is not confirmed yet (server {PLACE.server}, authority {CA}, "
        "delivered by DPUCluster dpf/edge in harbor)"
    )
    assert error.hint == "look at it and confirm it: kubemint trust harbor/dpf/edge"
    assert (error.cluster, error.delivery) == (BY.cluster, PLAIN)
    assert error.verdict.entry is Entry.ASK
    changed = Untrusted(PLAIN, decide(PLAIN, yes=place(server="https://old")))
    assert "it changed since it was confirmed" in changed.message
    assert "its server was https://old" in changed.message
    assert changed.verdict.entry is Entry.ASK
    refused = Untrusted(with_(near=True), decide(with_(near=True)))
    assert "this machine" in refused.message
    assert "kubemint trust" not in refused.hint
    assert refused.verdict.entry is Entry.REFUSE


def test_without_an_authority_the_systems_are_named() -> None:
    api = DeliveredBy(SourceKind.CLUSTER_API, "harbor", "clusters", "edge")
    said = described(Delivery(by=api, place=Place("https://x", NO_AUTHORITY, "y")))
    assert (
        said
        == "server https://x as y, the system's authorities, delivered by Cluster API's cluster clusters/edge in harbor"
    )


def pem(*ders: bytes, between: bytes = b"") -> bytes:
    blocks = [
        b"-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(der) + b"-----END CERTIFICATE-----\n" for der in ders
    ]
    return between.join(blocks)


def test_a_bundle_is_known_by_its_certificates_whatever_stands_around_and_in_which_order() -> None:
    one, two = b"one" * 50, b"two" * 50
    assert fingerprint(None) == NO_AUTHORITY
    assert fingerprint(pem(one)) == hashlib.sha256(one).hexdigest()
    assert fingerprint(pem(one, one)) == fingerprint(pem(one))
    assert fingerprint(b"# issuing\n" + pem(one, two, between=b"# root\r\n")) == fingerprint(pem(two, one))
    both = sorted([hashlib.sha256(one).digest(), hashlib.sha256(two).digest()])
    assert fingerprint(pem(one, two)) == hashlib.sha256(b"".join(both)).hexdigest()
    assert len({fingerprint(pem(*these)) for these in ((one,), (two,), (one, two))}) == 3
    assert certificates(pem(one, two)) == [one, two]


@pytest.mark.parametrize(
    "bundle",
    [
        b"",
        b"no certificate",
        pem(b"x").replace(b"CERTIFICATE", b"X509 CERTIFICATE"),
        pem(b"x") + pem(b"y").replace(b"CERTIFICATE", b"TRUSTED CERTIFICATE"),
        pem(b"x") + b"-----BEGIN CERTIFICATE-----\nAAAA\n",
        b"-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n",
        pem(b"x") + b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
    ],
)
def test_a_bundle_in_which_something_else_would_be_trusted_too_has_no_fingerprint(bundle: bytes) -> None:
    with pytest.raises(ValueError, match="certificate"):
        fingerprint(bundle)


# What is remembered


def test_a_yes_is_remembered_for_exactly_its_source_and_the_last_one_counts(tmp_path: Path) -> None:
    store = StateStore.open(tmp_path)
    assert store.trusted_place(BY) is None
    store.trust(Yes(BY, PLACE, AT))
    store.trust(Yes(BY, place(authority=OTHER), AT))
    others = [msgspec.structs.replace(BY, **{field: "other"}) for field in ("host", "namespace", "name")] + [
        msgspec.structs.replace(BY, kind=SourceKind.CLUSTER_API)
    ]
    assert [store.trusted_place(by) for by in others] == [None] * 4
    assert store.trusted_place(BY) == place(authority=OTHER)
    store.close()
    again = StateStore.open(tmp_path)
    assert again.trusted() == [Yes(BY, place(authority=OTHER), AT)]
    again.forget_trust(others[0])
    assert again.trusted_place(BY) is not None
    again.forget_trust(BY)
    assert again.trusted_place(BY) is None
    again.close()


def test_a_state_of_the_version_before_is_brought_up_with_everything_in_it(tmp_path: Path) -> None:
    store = StateStore.open(tmp_path)
    address = Address(CredentialKind.FILE, "", "", "/home/me/robot")
    store.append(Action.ISSUE, address, StepResult(plan="p", step="s", title="T", status=StepStatus.DONE, at=AT))
    store.close()
    with sqlite3.connect(tmp_path / "state.db") as db:
        for table in ("trusted", "secrets", "dead", "meta"):  # what later versions have made
            db.execute(f"DROP TABLE {table}")
        db.execute("PRAGMA user_version = 1")
    (tmp_path / "journal.anchor").unlink()
    store = StateStore.open(tmp_path)
    assert len(store.entries()) == 1
    assert store.verify_chain().ok
    assert store.trusted() == []
    store.trust(Yes(BY, PLACE, AT))
    assert store.trusted_place(BY) == PLACE
    store.close()


def test_a_record_that_was_put_under_another_name_is_not_believed(tmp_path: Path) -> None:
    store = StateStore.open(tmp_path)
    store.trust(Yes(BY, PLACE, AT))
    with sqlite3.connect(tmp_path / "state.db") as db:
        db.execute("UPDATE trusted SET name = 'other'")
    assert store.trusted_place(msgspec.structs.replace(BY, name="other")) is None
    store.close()
