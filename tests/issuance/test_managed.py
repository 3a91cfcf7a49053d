"""The marks on what kubemint keeps in clusters: names that fit, and annotations that anybody may have mangled."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, strategies as st

from tui.issuance.formats import Format
from tui.issuance.model.kinds import CredentialKind
from tui.issuance.model.renewal import state_of
from tui.issuance.model.types import Address, Credential, Handle, Identity, State
from tui.issuance.objects import managed

ISSUED = datetime(2026, 1, 2, 3, 0, tzinfo=UTC)
LABELS = {managed.MANAGED_BY: "kubemint", managed.ROLE: "credential"}


def credential(**fields: Any) -> Credential:
    given: dict[str, Any] = {
        "address": Address(CredentialKind.SECRET, "harbor", "default", "out"),
        "identity": Identity("harbor", "kube-system", "robot"),
        "format": Format.TOKEN_FILE,
        "audiences": ("vault", "a,b"),
        "requested": timedelta(hours=24),
        "granted": timedelta(hours=2),
        "issued_at": ISSUED,
        "expires_at": ISSUED + timedelta(hours=2),
        "kept_in": "Secret default/out",
        "fingerprint": "0123456789abcdef",
        "handle": Handle("harbor", "kube-system", "kubemint-robot-x", "uid-1"),
        "state": State.VALID,
    }
    given |= fields
    given["rotate_at"] = managed.renewal_point(given["issued_at"], given["expires_at"], given["fingerprint"])
    return Credential(**given)


def metadata(held: Credential, *, cluster: str = "harbor") -> dict[str, Any]:
    notes = managed.annotations_for(held, cluster=cluster, request="r1")
    kept = {key: value for key, value in notes.items() if value is not None}
    return {"metadata": {"name": "out", "namespace": "default", "labels": LABELS, "annotations": kept}}


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"audiences": ()},
        {"requested": None},
        {"handle": None},
        {"handle": None, "bound_to": Handle("harbor", "kube-system", "kubemint-robot-x", "uid-1")},
        {"identity": Identity("tenant/a:b", "x", "y"), "handle": Handle("tenant/a:b", "x", "h", "u")},
    ],
)
def test_what_is_written_is_read_back(fields: dict[str, Any]) -> None:
    held = credential(**fields)
    assert managed.credential_from_secret("harbor", metadata(held)) == held
    assert managed.credential_from_secret("harbor", metadata(held)["metadata"]) == held
    assert managed.request_of(metadata(held)) == "r1"


def test_durations_and_times_are_written_as_kubernetes_writes_them() -> None:
    notes = managed.annotations_for(credential(), cluster="harbor", request="r1", copies=2)
    assert notes[managed.REQUESTED] == "24h0m0s"
    assert notes[managed.EXPIRES] == "2026-01-02T05:00:00Z"
    assert notes[managed.HANDLE] == "kube-system/kubemint-robot-x/uid-1"
    assert notes[managed.COPIES] == "2"
    assert notes[managed.ACCOUNT_CLUSTER] is None


def test_only_marked_secrets_are_credentials() -> None:
    assert managed.credential_from_secret("harbor", {"metadata": {"name": "x", "namespace": "y"}}) is None
    handle = managed.handle_object(
        Handle("c", "ns", "h", ""), account="a", account_uid="u", request="r", plan="p", issued_by="me"
    )
    assert managed.credential_from_secret("harbor", handle) is None
    assert managed.is_managed(handle, managed.Role.HANDLE)
    assert "data" not in handle


HANDLE = Handle("harbor", "ns", "kubemint-robot-bcdfghjk", "")


def test_a_handle_is_written_whole() -> None:
    given: dict[str, Any] = {"account": "robot", "account_uid": "", "request": "r", "plan": "p", "issued_by": "me"}
    notes = {
        "kubemint.io/request": "r",
        "kubemint.io/account": "ns/robot",
        "kubemint.io/plan": "p",
        "kubemint.io/issued-by": "me",
    }
    plain = {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "kubemint.io/handle",
        "metadata": {
            "name": "kubemint-robot-bcdfghjk",
            "namespace": "ns",
            "labels": {"app.kubernetes.io/managed-by": "kubemint", "kubemint.io/role": "handle"},
            "annotations": notes,
        },
    }
    assert managed.handle_object(HANDLE, **given) == plain
    full = managed.handle_object(
        HANDLE,
        **given | {"account_uid": "u"},
        secrets=["ns/a", "edge/ns/b"],
        audiences=("vault", "a,b"),
        requested=timedelta(hours=2),
        pushes={"ns/a": "{}"},
    )
    assert full["metadata"].pop("ownerReferences") == [
        {"apiVersion": "v1", "kind": "ServiceAccount", "name": "robot", "uid": "u"}
    ]
    more = {
        "kubemint.io/secrets": '["ns/a", "edge/ns/b"]',
        "kubemint.io/audiences": '["vault", "a,b"]',
        "kubemint.io/requested": "2h0m0s",
        "kubemint.io/pushes": '{"ns/a": "{}"}',
    }
    assert full == plain | {"metadata": plain["metadata"] | {"annotations": notes | more}}  # type: ignore[operator]
    assert managed.handle_secrets(full) == ("ns/a", "edge/ns/b")
    assert managed.handle_wish(full) == (("vault", "a,b"), timedelta(hours=2), {"ns/a": "{}"})
    assert managed.handle_secrets(plain) == ()
    assert managed.handle_wish(plain) == ((), None, {})


@pytest.mark.parametrize("text", ["", "[", "{", "5", "null", "true", '"ns/a"', '{"ns/a": 1}x'])
def test_what_is_neither_a_list_nor_an_object_says_nothing(text: str) -> None:
    notes = {managed.SECRETS: text, managed.AUDIENCES: text, managed.PUSHES: text, managed.REQUESTED: text}
    assert managed.handle_secrets({"annotations": notes}) == ()
    assert managed.handle_wish({"annotations": notes}) == ((), None, {})


def test_a_list_is_no_object_nor_an_object_a_list() -> None:
    notes = {managed.SECRETS: '{"ns/a": 1}', managed.AUDIENCES: '{"vault": 1}', managed.PUSHES: '["ns/a"]'}
    assert managed.handle_secrets({"annotations": notes}) == ()
    assert managed.handle_wish({"annotations": notes}) == ((), None, {})


def test_a_secret_is_named_with_its_cluster_where_that_is_another() -> None:
    assert managed.place_name(Address(CredentialKind.SECRET, "harbor", "ns", "a"), "harbor") == "ns/a"
    assert managed.place_name(Address(CredentialKind.SECRET, "harbor", "ns", "a"), "edge") == "harbor/ns/a"


def test_what_carries_no_mark_says_nothing() -> None:
    marks: list[Any] = [None, {}, {"annotations": None, "labels": None}]
    for bare in ({}, *({"metadata": each} for each in marks)):
        assert managed.request_of(bare) == managed.push_of(bare) == ""
        assert managed.handle_secrets(bare) == ()
        assert managed.handle_wish(bare) == ((), None, {})
    assert managed.push_of({"metadata": {"annotations": {managed.PUSH: "{}"}}}) == "{}"
    assert managed.credential_from_secret("harbor", {"labels": LABELS}) == Credential(
        address=Address(CredentialKind.SECRET, "harbor", "", ""),
        identity=None,
        kept_in="Secret /",
        state=State.UNKNOWN,
        message="its annotations are incomplete or contradict each other",
    )


WRONG = st.one_of(
    st.text(), st.sampled_from(["2026", "1d", "-1h", "a/b", "a/b/c/d", "[", "{}", "9999-99-99T00:00:00Z"])
)


@given(st.dictionaries(st.sampled_from([
    managed.ACCOUNT, managed.ACCOUNT_CLUSTER, managed.FORMAT, managed.AUDIENCES, managed.REQUESTED, managed.GRANTED,
    managed.ISSUED, managed.EXPIRES, managed.HANDLE, managed.FINGERPRINT,
]), WRONG))  # fmt: skip
def test_mangled_annotations_are_unknown_and_never_an_exception(mangled: dict[str, str]) -> None:
    whole = metadata(credential())
    whole["metadata"]["annotations"] |= mangled
    held = managed.credential_from_secret("harbor", whole)
    assert held is not None
    if held.identity is None or held.issued_at is None or held.expires_at is None:
        assert held.state is State.UNKNOWN


@pytest.mark.parametrize(
    ("issued", "expires"),
    [
        ("9999-12-31T12:00:00Z", "9999-12-31T23:59:59Z"),
        ("0001-01-01T00:00:00+14:00", "0001-01-02T00:00:00Z"),
        ("2026-01-01T00:00:00", "2026-01-01T01:00:00"),
    ],
    ids=["the end of time", "before its beginning", "no zone"],
)
def test_times_that_no_clock_shows_are_unknown(issued: str, expires: str) -> None:
    whole = metadata(credential())
    whole["metadata"]["annotations"] |= {managed.ISSUED: issued, managed.EXPIRES: expires}
    held = managed.credential_from_secret("harbor", whole)
    assert held is not None
    assert (held.state, held.rotate_at) == (State.UNKNOWN, None)


def test_a_list_that_is_nested_without_end_is_none() -> None:
    whole = metadata(credential())
    whole["metadata"]["annotations"] |= {managed.AUDIENCES: "[" * 100_000, managed.SECRETS: "[" * 100_000}
    held = managed.credential_from_secret("harbor", whole)
    assert held is not None
    assert held.audiences == ()
    assert managed.handle_secrets(whole) == ()


def test_expiry_before_issue_is_unknown() -> None:
    whole = metadata(credential())
    whole["metadata"]["annotations"][managed.EXPIRES] = "2026-01-02T02:00:00Z"
    held = managed.credential_from_secret("harbor", whole)
    assert held is not None
    assert held.state is State.UNKNOWN
    assert held.rotate_at is None


def test_what_ends_as_it_begins_is_unknown() -> None:
    assert managed.renewal_point(ISSUED, ISSUED, "f") is None
    whole = metadata(credential())
    whole["metadata"]["annotations"][managed.EXPIRES] = whole["metadata"]["annotations"][managed.ISSUED]
    held = managed.credential_from_secret("harbor", whole)
    assert held is not None
    assert held.state is State.UNKNOWN


def test_without_a_fingerprint_everybody_computes_the_same_renewal_point_too() -> None:
    whole = metadata(credential())
    del whole["metadata"]["annotations"][managed.FINGERPRINT]
    held = managed.credential_from_secret("harbor", whole)
    assert held is not None
    assert held.rotate_at == managed.renewal_point(held.issued_at, held.expires_at, "")
    assert held.rotate_at is not None


def test_everybody_computes_the_same_renewal_point() -> None:
    first = managed.renewal_point(ISSUED, ISSUED + timedelta(hours=1), "f1")
    assert first == managed.renewal_point(ISSUED, ISSUED + timedelta(hours=1), "f1")
    assert first != managed.renewal_point(ISSUED, ISSUED + timedelta(hours=1), "f2")
    assert managed.renewal_point(ISSUED, None, "f1") is None


@pytest.mark.parametrize(
    ("expires", "granted", "ends", "odd"),
    [
        (timedelta(hours=2), timedelta(hours=2), timedelta(hours=2), False),
        (timedelta(hours=2, seconds=2), timedelta(hours=2), timedelta(hours=2, seconds=2), False),
        (timedelta(hours=2, seconds=3), timedelta(hours=2), timedelta(hours=2), True),
        (timedelta(days=999), timedelta(hours=2), timedelta(hours=2), True),
        (timedelta(hours=1), timedelta(hours=2), timedelta(hours=1), True),
        (timedelta(days=999), None, timedelta(days=999), False),
    ],
)
def test_marks_that_contradict_each_other_are_odd_and_due_by_the_earlier_end(
    expires: timedelta, granted: timedelta | None, ends: timedelta, odd: bool
) -> None:
    """Whoever may patch one Secret writes that it lives for years, so that nobody renews it in time."""
    held = credential(expires_at=ISSUED + expires, granted=granted)
    found = managed.credential_from_secret("harbor", metadata(held))
    assert found is not None
    assert found.expires_at == ISSUED + ends
    assert (state_of(found, ISSUED + timedelta(minutes=1)) is State.UNKNOWN) is odd
    assert ("its token's own lifetime counts" in found.message) is odd
    assert state_of(found, ISSUED + ends - timedelta(seconds=1)) is State.DUE


def test_no_end_is_made_up_of_marks_that_are_missing() -> None:
    assert managed.earlier_end(None, timedelta(hours=1), ISSUED) == (ISSUED, "")
    assert managed.earlier_end(ISSUED, timedelta(hours=1), None) == (None, "")
