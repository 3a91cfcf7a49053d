"""Older tokens of a place: which of them end with a revocation, and what is said of the others."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from tui.fleet.marked import said_of
from tui.issuance.model.types import Address, Credential, Handle, Identity, State, StepInfo
from tui.issuance.records.intent import Revocation
from tui.issuance.revoking import older

DUE = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
A, B, C = (Address.parse(f"file:/{name}") for name in "abc")


def waiting(address: Address, name: str, account: str = "robot", **fields: Any) -> Revocation:
    return Revocation(
        plan="p", address=address, handle=Handle("harbor", "ns", name, name), due=DUE, account=account, **fields
    )


def test_what_outlives_a_revocation() -> None:
    pending = [
        waiting(A, "here"),
        waiting(A, "here-of-another", "other"),
        waiting(B, "copy"),
        waiting(B, "copy-of-another", "other"),
        waiting(C, "elsewhere"),
        waiting(A, "itself"),
    ]
    found = older.outliving(pending, pending[-1].handle, "robot", A, {B})
    assert [one.handle.name for one in found] == ["here", "here-of-another", "copy"]
    for beside in (Handle("harbor", "ns2", "itself", "itself"), Handle("edge", "ns", "itself", "itself")):
        assert older.outliving(pending, beside, "robot", C, {B}) == (pending[4],)
    assert older.outliving(pending, pending[-1].handle, "robot", Address.parse("file:/z"), {B}) == (pending[2],)
    assert older.outliving(pending, pending[-1].handle, "robot", Address.parse("file:/z"), ()) == ()


def test_it_is_named_by_its_handle() -> None:
    one = waiting(A, "old")
    assert older.address_of(one) == "handle:harbor/ns/old"
    assert Address.parse(older.address_of(one)) == Address.parse("handle:harbor/ns/old")


def test_what_is_left_says_until_when_and_what_ends_it() -> None:
    said = older.lives_on(waiting(A, "old"))
    assert said.startswith("an older token of file:/a still works until kubemint runs after 2030-01-02 03:04:05 UTC; ")
    assert said.endswith("`kubemint revoke handle:harbor/ns/old` ends it now")


def test_what_ends_too_says_what_it_was_left_to() -> None:
    grace = older.ends_too(waiting(A, "old"))
    assert grace == (
        "an older token of file:/a, in its grace period until 2030-01-02 03:04:05 UTC, ends too: handle:harbor/ns/old"
    )
    assert older.ends_too(waiting(A, "old", ending=True)) == (
        "an older token of file:/a, ends too: handle:harbor/ns/old"
    )


def test_its_step_deletes_the_very_handle() -> None:
    assert older.step(3, waiting(A, "old")) == StepInfo(
        id="older:3", title="Delete the handle old of an older token, which ends its grace period",
        verb="delete", resource="secrets", cluster="harbor", namespace="ns", name="old",
    )  # fmt: skip
    legacy = older.step(3, waiting(Address.parse("legacy:harbor/ns/old"), "old"))
    assert legacy.title == "Delete the Secret old of an older token, which ends its grace period"


def test_what_is_open_still_is_due_now() -> None:
    now = datetime(2029, 1, 1, tzinfo=UTC)
    first, gone, last = (waiting(A, name) for name in ("first", "gone", "last"))
    again = msgspec.structs.replace(first, plan="another")
    other = msgspec.structs.replace(gone, handle=msgspec.structs.replace(gone.handle, uid="another"))
    expected = [msgspec.structs.replace(one, due=now, ending=True) for one in (first, last)]
    assert older.due_at(now, [first, gone, last], [last, other, again]) == expected
    assert older.due_at(now, [first], []) == []


def test_what_a_rotation_left_is_a_credential_of_its_own() -> None:
    message = "a rotation left it to its grace period"
    one = waiting(A, "old", fingerprint="f")
    assert older.credential_of(one, B) == Credential(
        address=B, identity=Identity("harbor", "ns", "robot"), handle=one.handle, fingerprint="f", message=message
    )
    assert older.credential_of(waiting(A, "old", account=""), B).identity is None
    before = Credential(
        address=A, identity=Identity("harbor", "ns", "robot"), handle=Handle("edge", "x", "y", "z"), fingerprint="g",
        audiences=("vault",), state=State.VALID, message="well",
    )  # fmt: skip
    assert older.credential_of(waiting(A, "old", old=before), B) == msgspec.structs.replace(
        before, address=B, handle=one.handle, state=State.UNKNOWN, message=message
    )


def test_a_long_lived_token_has_the_place_of_those_under_its_earlier_names() -> None:
    def rotated(name: str, newer: str) -> Revocation:
        address, after = (Address.parse(f"legacy:harbor/ns/{one}") for one in (name, newer))
        return waiting(address, name, newer=after)

    pending = [
        rotated("b", "c"),
        rotated("a", "b"),
        rotated("x", "y"),
        waiting(Address.parse("legacy:harbor/ns/c"), "of-c"),
    ]
    for address, before in {"c": ["b", "a", "of-c"], "b": ["b", "a"], "a": ["a"], "y": ["x"], "z": []}.items():
        found = older.of_place(pending, Address.parse(f"legacy:harbor/ns/{address}"))
        assert [one.handle.name for one in found] == before, address
    for place in ("legacy:harbor/ns/b", "file:/copy"):  # a file is at the place of the token Secret that it has from
        outlives = older.outliving(pending, Handle("harbor", "ns", "b", "b"), "robot", Address.parse(place), ())
        assert [one.handle.name for one in outlives] == ["a"], place
    assert older.address_of(pending[0]) == "legacy:harbor/ns/b"


def test_what_the_row_says_of_what_is_to_be_revoked_still() -> None:
    before, after = DUE - timedelta(hours=1), DUE
    at = "2030-01-02 03:04:05 UTC"
    own = Credential(address=A, handle=waiting(A, "own").handle)
    other = waiting(A, "old")
    assert said_of(own, [], before) == ""
    assert said_of(own, [other], before) == f"an older token works until {at}"
    assert said_of(own, [other], after) == f"an older token was to end at {at}, and may be accepted still"
    assert said_of(own, [other, other, other], before) == f"an older token works until {at}, and 2 more"
    assert said_of(own, [other, other], before) == f"an older token works until {at}, and 1 more"
    failed = waiting(A, "old", ending=True)
    assert said_of(own, [failed], before) == (
        "the revocation of an older token is not done yet: it may be accepted still"
    )
    mine = waiting(A, "own", ending=True)
    assert said_of(own, [mine], before) == "its revocation is not done yet: it may be accepted still"
    rotated = waiting(A, "own")  # a long-lived token: the newer one has another name
    assert said_of(own, [rotated], before) == f"it was rotated, and works until {at}"
    assert said_of(own, [rotated], after) == f"it was rotated and was to end at {at}, and may be accepted still"
