"""Argo CD's tokens are held against the cluster that their address leads to, and are unknown until that is seen."""

from __future__ import annotations

import base64
import dataclasses
from typing import Any

import pytest

from tests.fleet.test_handles import HANDLE, HOUR, NOW, SECRET, changed
from tui.fleet.decode import HandleMeta, HandleSecret, credential_row
from tui.fleet.ended import Seen
from tui.fleet.homes import Homes
from tui.fleet.rows import ClusterRow
from tui.fleet.store import FleetStore
from tui.issuance.families.argocd import secret
from tui.issuance.model.kinds import CredentialKind
from tui.issuance.model.types import Address, Credential, Identity, State
from tui.issuance.records.intent import Dead
from tui.issuance.transaction import dead_tokens
from tui.issuance.trust.showing import known_home
from tui.kube.endpoint import Endpoint
from tui.kube.sensitive import Sensitive


def authority(name: str) -> bytes:
    return (
        f"-----BEGIN CERTIFICATE-----\n{base64.b64encode(name.encode()).decode()}\n-----END CERTIFICATE-----\n".encode()
    )


AT = Address(CredentialKind.ARGO_CD, "harbor", "argocd", "edge")
OWN = "harbor/argocd/edge"
HARBOR = Endpoint(name="harbor", server="https://10.0.0.1:6443", ca=authority("harbor"))
THERE = Endpoint(name="edge", server="https://10.0.0.1:6443", ca=authority("harbor"), delivered=True)
TOKEN = changed(
    SECRET,
    address=AT,
    identity=Identity(OWN, "default", "robot"),
    handle=changed(HANDLE, cluster=OWN),
    fingerprint="aa",
)


class Known:
    """A store with clusters that become known."""

    def __init__(self, **ways: Endpoint) -> None:
        self.ways = ways
        self.store = FleetStore(clock=lambda: NOW)
        self.homes = Homes(self.store, lambda: dict(self.ways))
        self.store.put(*(ClusterRow(name=name) for name in ways))

    def put(self, credential: Credential = TOKEN, leads: Endpoint | None = THERE) -> None:
        self.store.put(credential_row(self.homes.placed(credential, leads)))

    def list_handle(self, cluster: str, *, there: bool) -> None:
        obj = HandleSecret(metadata=HandleMeta(name=HANDLE.name, namespace=HANDLE.namespace, uid=HANDLE.uid))
        key = f"{HANDLE.namespace}/{HANDLE.name}"
        told = self.store.handles.listed(cluster, whole=True)
        told.begin(None)
        told.seen(key, obj)
        self.store.ended.handle(cluster, key, obj if there else None)
        if not there:
            told.seen(key, None)
        told.complete()

    def shown(self) -> Credential:
        return self.store.credentials[str(AT)].credential


def test_the_handle_is_looked_for_where_the_address_leads() -> None:
    known = Known(harbor=HARBOR)
    known.put()
    assert known.shown().identity == Identity("harbor", "default", "robot")
    assert known.shown().handle == changed(HANDLE, cluster="harbor")
    known.put(leads=changed_way(server="https://elsewhere:6443", ca=authority("another")))
    assert known.shown().identity == TOKEN.identity, "where no known cluster is that, it is called as what is delivered"
    known.put(leads=None)
    assert known.shown().identity == TOKEN.identity


def changed_way(**fields: Any) -> Endpoint:
    return dataclasses.replace(THERE, **fields)


def test_a_cluster_that_becomes_known_later_takes_it() -> None:
    known = Known(other=Endpoint(name="other", server="https://10.0.0.9:6443", ca=authority("other")))
    known.put()
    known.homes.look()
    assert known.shown().handle == TOKEN.handle
    known.ways["harbor"] = HARBOR
    known.homes.look()
    assert known.shown().handle == changed(HANDLE, cluster="harbor")
    known.list_handle("harbor", there=True)
    assert known.shown().state is State.VALID
    del known.ways["harbor"]
    known.homes.look()
    assert (known.shown().handle, known.shown().state) == (TOKEN.handle, State.UNKNOWN)


def test_it_is_unknown_until_its_handle_was_seen() -> None:
    """The attack: a forged token, and one whose handle is gone, were "valid" by chance."""
    known = Known(harbor=HARBOR)
    known.put()
    assert known.shown().state is State.UNKNOWN
    assert "nothing was seen of its handle default/kubemint-robot-bcdfghjk so far" in known.shown().message
    known.list_handle("harbor", there=True)
    assert (known.shown().state, known.shown().message) == (State.VALID, "")
    login = changed(TOKEN, address=Address.login(OWN), handle=None)
    known.store.put(ClusterRow(name=OWN, same=("harbor",)), ClusterRow(name="harbor", same=(OWN,)))
    known.store.ended.note_unasked(login)
    assert known.shown().state is State.VALID, "that it was not entered yet says nothing of a handle that is there"
    known.store.ended.note_answer(login, "Unauthorized")
    assert (known.shown().state, known.shown().message) == (State.REVOKED, "the server refuses it: Unauthorized")


def test_what_is_gone_is_revoked() -> None:
    known = Known(harbor=HARBOR)
    known.put()
    known.list_handle("harbor", there=False)
    assert known.shown().state is State.REVOKED


def test_its_server_says_more_than_what_was_not_seen() -> None:
    known = Known(harbor=HARBOR)
    known.store.put(ClusterRow(name=OWN, same=("harbor",)), ClusterRow(name="harbor", same=(OWN,)))
    known.put()
    known.store.ended.note_answer(changed(TOKEN, address=Address.login(OWN), handle=None))
    assert known.shown().state is State.VALID
    known.store.ended.there("harbor", "default/robot", Seen("u1", NOW - HOUR))
    assert known.shown().state is State.VALID


def test_what_this_machine_revoked_stays_revoked_by_its_uid() -> None:
    known = Known()
    known.store.handles.ended({HANDLE.uid: NOW})
    known.put()
    assert known.shown().state is State.REVOKED
    assert "was deleted by this machine, which revoked it" in known.shown().message
    another = changed(TOKEN, handle=changed(HANDLE, cluster=OWN, uid="uid-9"))
    known.put(another)
    assert known.shown().state is State.UNKNOWN
    known.store.handles.ended({HANDLE.uid: NOW, "uid-9": NOW})
    assert known.shown().state is State.REVOKED, "also once it is shown"


@pytest.mark.parametrize(("address", "kept"), [(AT, True), (SECRET.address, False), (None, False)])
def test_only_of_what_nothing_else_shows_an_end_is_remembered(address: Address | None, kept: bool) -> None:
    found = dead_tokens.ended(HANDLE, "aa", NOW, kept=address)
    wanted = {"dead": [Dead(secret=AT, account_uid="", fingerprint="aa", handle=HANDLE.uid, at=NOW)]}
    assert found == (wanted if kept else {})


def test_one_order_on_every_start() -> None:
    """The operator's own first, then what this very object delivers, whoever was found first."""
    mine, near = (
        Endpoint(name="zebra", server=HARBOR.server, ca=HARBOR.ca),
        changed_way(server=HARBOR.server, ca=HARBOR.ca),
    )
    ways = {"a/ns/first": near, OWN: near, "zebra": mine}
    assert known_home(THERE, ways, AT) == "zebra"
    assert known_home(THERE, {name: way for name, way in ways.items() if way.delivered}, AT) == OWN
    others = {"b/ns/x": near, "a/ns/x": near}
    assert known_home(THERE, others, AT) == "a/ns/x"


def test_an_authority_that_several_clusters_have_leads_to_none_of_them() -> None:
    """A company's authority, or a bundle: the server is one of theirs by a name that no context knows it by."""
    first = Endpoint(name="first", server="https://first.example:6443", ca=HARBOR.ca)
    second = Endpoint(name="second", server="https://second.example:6443", ca=HARBOR.ca)
    delivered = changed_way(server="https://third.example:6443", ca=HARBOR.ca)
    balancer = Endpoint(name="", server="https://balancer.example", ca=HARBOR.ca)
    assert known_home(balancer, {"first": first, "second": second}, AT) == ""
    assert known_home(balancer, {"first": first}, AT) == "first"
    assert known_home(balancer, {"a/ns/x": delivered, "first": first}, AT) == "first"
    direct = Endpoint(name="", server="https://second.example:6443", ca=HARBOR.ca)
    assert known_home(direct, {"first": first, "second": second}, AT) == "second"


def test_the_cluster_that_argo_cd_runs_in_leads_nowhere_else() -> None:
    def of(server: str) -> dict[str, Sensitive]:
        return {"server": Sensitive(server), "config": Sensitive('{"bearerToken": "t", "tlsClientConfig": {}}')}

    assert secret.leads("edge", of(secret.IN_CLUSTER)) is None
    there = secret.leads("edge", of("https://edge.example:6443"))
    assert there is not None
    assert (there.server, there.login.token) == ("https://edge.example:6443", None), "no material is kept"
