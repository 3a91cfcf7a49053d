"""Which cluster a record is of: the decision, as a table, and what is stamped onto what."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest

from tui.issuance.destinations.in_secret import SecretDestination
from tui.issuance.model.kinds import CredentialKind
from tui.issuance.model.types import Action, Address, Credential, Handle, Identity, IssueSpec, Push, ShootAccess
from tui.issuance.records.intent import Export, Intent, Revocation
from tui.issuance.records.state import as_destination
from tui.issuance.records.whereabouts import (
    UNREADABLE,
    Same,
    Verdict,
    Whereabouts,
    agrees,
    as_read,
    judge,
    leads_elsewhere,
    named_in,
    of_cluster,
    of_endpoint,
    stamped,
)
from tui.kube.endpoint import Endpoint

A, B = "https://a.example:6443", "https://b.example:6443"


def at(server: str = A, authority: str = "a" * 64, uid: str = "u1", cluster: str = "default") -> Whereabouts:
    return Whereabouts(cluster, server, authority, uid)


RULES = [
    ("the same in everything", at(), at(), Same.SAME),
    ("another name, and the same in everything", at(cluster="dev"), at(), Same.SAME),
    ("the same address written otherwise", at(server="https://A.example:6443/", uid=""), at(), Same.SAME),
    ("another UID at the same address", at(), at(uid="u2"), Same.OTHER),
    ("another UID elsewhere", at(), at(B, "b" * 64, "u2"), Same.OTHER),
    ("the same UID at another address", at(), at(B), Same.SAME),
    ("the same UID with another authority", at(), at(authority="b" * 64), Same.SAME),
    ("the same UID elsewhere with another authority", at(), at(B, "b" * 64), Same.UNKNOWN),
    ("the same UID elsewhere, the system's authorities", at(authority="none"), at(B, "none"), Same.UNKNOWN),
    ("no UID then", at(uid=""), at(), Same.SAME),
    ("no UID now", at(), at(uid=""), Same.SAME),
    ("no UID at all", at(uid=""), at(uid=""), Same.SAME),
    ("no UID then, another address", at(uid=""), at(B), Same.UNKNOWN),
    ("no UID now, another address", at(), at(B, uid=""), Same.UNKNOWN),
    ("no UID, another authority", at(uid=""), at(authority="b" * 64), Same.UNKNOWN),
    ("no UID, the system's authorities", at(authority="none", uid=""), at(authority="none"), Same.SAME),
    ("no UID, an authority nobody can tell", at(authority=UNREADABLE, uid=""), at(authority=UNREADABLE), Same.UNKNOWN),
    ("nothing written down", None, at(), Same.UNKNOWN),
    ("a name alone", Whereabouts("default"), at(), Same.UNKNOWN),
    ("a name alone, and nothing known now", Whereabouts("default"), Whereabouts("default"), Same.UNKNOWN),
]


@pytest.mark.parametrize(("then", "now", "same"), [rule[1:] for rule in RULES], ids=[rule[0] for rule in RULES])
def test_whether_it_is_the_same(then: Whereabouts | None, now: Whereabouts, same: Same) -> None:
    assert judge(then, now) is same


@pytest.mark.parametrize(
    ("verdict", "said"),
    [
        (Verdict(Same.OTHER, "default", at(B), at()), (A, B, "authority aaaaaaaaaaaa", "another cluster")),
        (Verdict(Same.OTHER, "default", at(uid="u2"), at()), (A, "another one by now", "UID")),
        (Verdict(Same.UNKNOWN, "default", at(B), at(uid="")), (A, B, "not known to be the same")),
        (Verdict(Same.UNKNOWN, "default", at(B)), (B, "without saying of which cluster", "'default'")),
        (Verdict(Same.UNKNOWN, "default", at(B), Whereabouts("default")), (B, "earlier versions")),
    ],
)
def test_both_are_named(verdict: Verdict, said: tuple[str, ...]) -> None:
    for one in said:
        assert one in verdict.words


@pytest.mark.parametrize(
    ("own", "elsewhere", "same"),
    [
        (Endpoint("x", A), False, True),
        (Endpoint("x", B), True, False),
        (Endpoint("x", B, ca=b"nonsense"), True, False),
        (Endpoint("x", A, ca=b"nonsense"), False, False),
    ],
)
def test_what_a_kubeconfig_says_itself(own: Endpoint, elsewhere: bool, same: bool) -> None:
    known = Endpoint("default", A)
    assert leads_elsewhere(own, known) is elsewhere
    assert agrees(own, known) is same


def test_the_same_authority_at_another_address_may_be_the_same() -> None:
    pem = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    assert not leads_elsewhere(Endpoint("x", B, ca=pem), Endpoint("y", A, ca=pem))
    assert of_endpoint(Endpoint("y", A, ca=pem), "y", "u1").uid == "u1"
    assert of_endpoint(Endpoint("y", A)) == Whereabouts("", A)
    assert of_endpoint(Endpoint("y", A), "x", "u1") == Whereabouts("x", A, uid="u1")
    assert of_endpoint(Endpoint("y", A, ca=b"nonsense"), "y").authority == UNREADABLE


def record() -> Export:
    identity = Identity("default", "ns", "robot")
    push = Push("p", "s", "tenant", "ns", "secret")
    spec = IssueSpec(identity=identity, destinations=(SecretDestination("edge", "ns", "s", push=push),))
    return Export(
        credential=Credential(address=Address(CredentialKind.FILE, "", "", "/x"), identity=identity),
        request="r",
        spec=spec,
        source=Address(CredentialKind.SECRET, "host/ns/dpu", "ns", "s"),
    )


def test_every_cluster_that_a_record_names_is_stamped() -> None:
    assert named_in([record()]) == {"default", "edge", "host/ns/dpu"}
    known = {"default": at(), "edge": at(B, cluster="edge"), "nobody": at(cluster="nobody")}
    written = stamped(record(), known)
    assert written.at == (at(), at(B, cluster="edge"))
    assert of_cluster(written, "edge") == at(B, cluster="edge")
    assert of_cluster(written, "host/ns/dpu") is None
    assert named_in([written]) == named_in([record()])


def test_a_garden_is_a_cluster_too() -> None:
    shoot = ShootAccess("garden", "garden-dev", "shoot")
    assert "garden" in named_in([Credential(address=Address(CredentialKind.FILE, "", "", "/x"), shoot=shoot)])


def test_what_was_stamped_stays_so_when_it_is_written_again() -> None:
    before = stamped(record(), {"default": at()})
    assert stamped(before, {"default": at(B, uid="u2")}) == before


def test_a_record_of_earlier_versions_does_not_become_one_of_this_cluster() -> None:
    """Else whoever writes it again under another cluster of that name would make it one of that."""
    data = msgspec.json.encode(record())
    read = as_read(msgspec.json.decode(data, type=Export, dec_hook=as_destination))
    assert judge(of_cluster(read, "default"), at()) is Same.UNKNOWN
    again = stamped(read, {"default": at(), "edge": at(B, cluster="edge")})
    assert judge(of_cluster(again, "default"), at()) is Same.UNKNOWN


def test_what_has_no_clusters_to_say_is_read_as_it_is() -> None:
    name = Identity("default", "ns", "robot")
    assert as_read(name) is name
    written = stamped(record(), {"default": at()})
    assert as_read(written) is written


def test_plans_and_revocations_are_stamped_with_all_they_name() -> None:
    handle = Handle("default", "ns", "h", "u")
    due = Revocation(plan="p", address=Address(CredentialKind.SECRET, "edge", "ns", "s"), handle=handle, due=NOW)
    assert named_in([due]) == {"default", "edge"}
    spec = IssueSpec(identity=Identity("home", "ns", "robot"), destinations=())
    intent = Intent(plan="p", action=Action.UNDO, address=due.address, request="r", spec=spec, undoes=due)
    assert named_in([intent]) == {"default", "edge", "home"}


NOW = datetime(2026, 11, 30, tzinfo=UTC)
