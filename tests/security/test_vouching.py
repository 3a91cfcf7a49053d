"""What vouches for a claim: the table of the decision, and what is shown of it. No servers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from tui.issuance.formats import Format
from tui.issuance.model.kinds import CredentialKind
from tui.issuance.model.types import Address, Credential, Handle, Identity, State
from tui.issuance.objects import managed, token_secret
from tui.issuance.trust import handle_names, vouchers
from tui.issuance.trust.handle_names import Meant
from tui.issuance.trust.handles import Named, Seen
from tui.issuance.trust.vouchers import Claim, Facts, Record, Word
from tui.kube.sensitive import Sensitive

A = Identity("harbor", "ns", "admin")
B = Identity("harbor", "ns", "robot")
PLACE = "ns/kept"
MEANT = Meant(account="ns/admin", request="r1", secrets=(PLACE,), requested=timedelta(hours=1))
NAME = handle_names.fresh(MEANT)
HANDLE = Handle("harbor", "ns", NAME, "uid-1")
OTHER = Handle("harbor", "ns", "kubemint-admin-kjhgfdcb", "uid-2")
CLAIM = Claim(identity=A, place=PLACE, uid="secret-1", handle=HANDLE)
BESIDE = Seen(
    namespace="ns", name=NAME, uid="uid-1", type=managed.HANDLE_TYPE, account="ns/admin", request="r1",
    secrets=(PLACE,), requested=timedelta(hours=1),
)  # fmt: skip
OLD_HANDLE = Handle("harbor", "ns", "kubemint-admin-bcdfghjk", "uid-1")
"""Of before names said what handles are made for."""
OLD = msgspec.structs.replace(BESIDE, name=OLD_HANDLE.name)
OLDER = msgspec.structs.replace(OLD, type="Opaque", marked=True)
OLD_CLAIM = msgspec.structs.replace(CLAIM, handle=OLD_HANDLE)
THEN = datetime(2026, 1, 1, tzinfo=UTC)
CONFIRMED = Facts(
    word=Word.CONFIRMED, identity=A, handle=HANDLE, fingerprint="f1", issued_at=THEN, expires_at=THEN + timedelta(1)
)
RECORD = Record(identity=A, fingerprint="f1", handle=HANDLE, request="r2", requested=timedelta(hours=2), uid="secret-1")


def claim(**fields: Any) -> Claim:
    return msgspec.structs.replace(CLAIM, **fields)


def facts(word: Word = Word.CONFIRMED, **fields: Any) -> Facts:
    return msgspec.structs.replace(CONFIRMED, word=word, **fields)


def beside(**fields: Any) -> Seen:
    """The same, changed by somebody afterwards."""
    return msgspec.structs.replace(BESIDE, **fields)


def made(**fields: Any) -> Seen:
    """A handle that was made for that from the beginning, so that its name says it too."""
    name = handle_names.fresh(msgspec.structs.replace(MEANT, **fields))
    return beside(name=name, **fields)


def of_old(**fields: Any) -> Facts:
    return facts(**{"handle": OLD_HANDLE} | fields)


def record(**fields: Any) -> Record:
    return msgspec.structs.replace(RECORD, **fields)


NOTHING = Facts(word=Word.NONE)
ALONE = "annotations alone"
CHANGED = "were changed since it was made"
MANGLED = Facts(word=Word.UNREADABLE, fingerprint="f9")
REFUSED = facts(Word.REFUSED)
RULES = [
    # What vouches while the token works.
    ("the token and its handle", CLAIM, CONFIRMED, BESIDE, None, ""),
    ("this machine's record", CLAIM, CONFIRMED, None, RECORD, ""),
    ("a token bound to nothing, which this machine wrote", claim(handle=None), facts(handle=None), None,
     record(handle=None), ""),
    ("marks that name no handle", claim(handle=None), CONFIRMED, BESIDE, None, ""),
    ("marks that name another handle", claim(handle=OTHER), CONFIRMED, BESIDE, None, ""),
    # What does not.
    ("marks without an account", claim(identity=None), CONFIRMED, BESIDE, RECORD, "do not say whose"),
    ("another account's token", CLAIM, facts(identity=B), BESIDE, None, "robot (namespace ns"),
    ("another account's token, and a record", CLAIM, facts(identity=B), BESIDE, record(fingerprint="f1"),
     "robot (namespace ns"),
    ("a token of nobody", CLAIM, facts(identity=None), BESIDE, RECORD, "of no service account"),
    ("a token bound to nothing", CLAIM, facts(handle=None), None, None, "bound to nothing"),
    ("its handle is being deleted", CLAIM, CONFIRMED, beside(deleted=True), None, "it is being deleted"),
    ("no token, and its handle is being deleted", CLAIM, NOTHING, beside(deleted=True), None, "it is being deleted"),
    ("its handle is being deleted, and a record", CLAIM, REFUSED, beside(deleted=True), RECORD, ""),  # see replacing
    ("a copy: its handle was made for another place", CLAIM, CONFIRMED, beside(secrets=("ns/original",)), None,
     "was made for ns/original, not for ns/kept"),
    ("a copy: its handle was made for a file", CLAIM, CONFIRMED, beside(secrets=()), None, "was made for no Secret"),
    ("a copy in another cluster under the same name", claim(place="edge:ns/kept"), CONFIRMED, BESIDE, None,
     "not for edge:ns/kept"),
    ("its handle is gone", CLAIM, CONFIRMED, None, None, "was gone already"),
    ("its handle is another one by now", CLAIM, CONFIRMED, beside(uid="uid-3"), None, "another Secret has its name"),
    ("its handle is an ordinary Secret", CLAIM, CONFIRMED, beside(type="Opaque"), None, "type Opaque"),
    ("its handle, which the token names, was given data", CLAIM, CONFIRMED, beside(keys=("x",)), None, ""),
    ("a handle that nobody's token names holds data", CLAIM, facts(Word.UNASKED), beside(keys=("x",)), None,
     "holds data"),
    ("its handle is not called as the account's", CLAIM, facts(handle=msgspec.structs.replace(HANDLE, name="db")),
     beside(name="db"), None, "no handle of admin is called db"),
    ("its handle lies elsewhere", CLAIM, facts(handle=msgspec.structs.replace(HANDLE, namespace="mine")), BESIDE, None,
     "is not beside the account"),
    ("its handle lies in another cluster", CLAIM, facts(handle=msgspec.structs.replace(HANDLE, cluster="mine")), BESIDE,
     None, "is not beside the account"),
    ("a record of another token", CLAIM, CONFIRMED, None, record(fingerprint="f2"), "was gone already"),
    ("a record without a fingerprint", CLAIM, facts(fingerprint=""), None, record(fingerprint=""), "was gone already"),
    ("a record of another account", CLAIM, CONFIRMED, None, record(identity=B), "was gone already"),
    ("a record of nobody", CLAIM, CONFIRMED, None, record(identity=None), "was gone already"),
    # The record is of the very Secret that was written.
    ("a record of another Secret of that name", claim(uid="secret-2"), CONFIRMED, None, RECORD, "was gone already"),
    ("a record of another Secret of that name, and no token", claim(uid="secret-2"), NOTHING, None, RECORD,
     "no token in it"),
    ("a record of another Secret of that name, and the old token", claim(uid="secret-2"), REFUSED, None, RECORD,
     "which the server refuses"),
    ("a record, and a server that says no UID", claim(uid=""), CONFIRMED, None, RECORD, "was gone already"),
    ("a record of another Secret of that name, and a token that works", claim(uid="secret-2"), CONFIRMED, BESIDE,
     RECORD, ""),
    ("a record of another Secret of that name, and a handle", claim(uid="secret-2"), NOTHING, BESIDE, RECORD,
     "another Secret of that name, with UID secret-1; this one, with UID secret-2,"),
    ("a record of another Secret of that name, a handle, and the old token", claim(uid="secret-2"), REFUSED, BESIDE,
     RECORD, "was made since"),
    ("an earlier record, and a handle", CLAIM, NOTHING, BESIDE, record(uid=""), ""),
    # A handle knows a place by its name: alone it vouches for none that was made since, and for none elsewhere.
    ("made with its handle", claim(made=THEN + timedelta(minutes=9)), NOTHING, beside(made=THEN), None, ""),
    ("made before its handle", claim(made=THEN), NOTHING, beside(made=THEN + timedelta(9)), None, ""),
    ("made long after its handle", claim(made=THEN + timedelta(minutes=11)), NOTHING, beside(made=THEN), None,
     "for one that had its name before"),
    ("made long after its handle, and the old token", claim(made=THEN + timedelta(1)), REFUSED, beside(made=THEN),
     None, "made at 2026-01-02 00:00:00 UTC, and handle"),
    ("made long after its handle, and a token that works", claim(made=THEN + timedelta(1)), CONFIRMED,
     beside(made=THEN), None, ""),
    ("made long after its handle, which this machine knows", claim(made=THEN + timedelta(1)), MANGLED,
     beside(made=THEN), RECORD, ""),
    ("far, and a token that works", claim(far=True), CONFIRMED, BESIDE, None, ""),
    ("far, and no token", claim(far=True), NOTHING, BESIDE, None, "another one may be called so by now"),
    ("far, and a token that is refused", claim(far=True), REFUSED, BESIDE, None, "another one may be called so"),
    ("far, and nobody could be asked", claim(far=True), facts(Word.UNASKED), BESIDE, None, "another one may be"),
    ("far, and no token where this machine wrote", claim(far=True), NOTHING, None, RECORD, ""),
    ("far, and a mangled token where this machine wrote", claim(far=True), MANGLED, BESIDE, RECORD, ""),
    ("far, and the token that this machine wrote", claim(far=True), REFUSED, None, RECORD, ""),
    ("far, and nobody knows where this machine wrote", claim(far=True), REFUSED, BESIDE, record(sure=False),
     "another one may be called so"),
    ("far, nobody knows where this machine wrote, and no token", claim(far=True), NOTHING, BESIDE, record(sure=False),
     "another one may be called so"),
    ("far, nobody knows where this machine wrote, and a token that works", claim(far=True), CONFIRMED, None,
     record(sure=False), ""),
    ("far, and an earlier record", claim(far=True), NOTHING, BESIDE, record(uid=""), "another one may be called so"),
    ("an earlier record, and a token that works", CLAIM, CONFIRMED, None, record(uid="", sure=False), ""),
    ("an earlier record, and no token", CLAIM, NOTHING, None, record(uid=""), "no token in it"),
    ("an earlier record of nobody knows which cluster", CLAIM, REFUSED, None, record(uid="", sure=False),
     "which the server refuses"),
    ("an earlier record of this cluster, and the token that it wrote", CLAIM, REFUSED, None, record(uid=""), ""),
    ("a record of nobody knows which cluster, of that very Secret", CLAIM, REFUSED, None, record(sure=False), ""),
    # Where no token works, the handle that the marks name says so itself, or the record.
    ("no token, a handle", CLAIM, NOTHING, BESIDE, None, ""),
    ("no token, a record", CLAIM, NOTHING, None, RECORD, ""),
    ("no token, a record of another account", CLAIM, NOTHING, None, record(identity=B), "no token in it"),
    ("no token, nothing", CLAIM, NOTHING, None, None, "no token in it"),
    ("no token, no handle named", claim(handle=None), NOTHING, BESIDE, None, "no handle beside the account"),
    ("no token, another UID", CLAIM, NOTHING, beside(uid="uid-3"), None, "another Secret has its name"),
    ("no token, a handle for another place", CLAIM, NOTHING, beside(secrets=("ns/original",)), None, "was made for"),
    ("no token, a handle of another account", CLAIM, NOTHING, beside(account="ns/robot"), None, "of ns/robot"),
    ("no token, an older handle", CLAIM, NOTHING, beside(type="Opaque", marked=True), None, "type Opaque"),
    ("mangled, a handle", CLAIM, MANGLED, BESIDE, None, ""),
    ("mangled, a record of what was there", CLAIM, MANGLED, None, RECORD, "not a token that can be read"),
    ("mangled, nothing", CLAIM, MANGLED, None, None, "not a token that can be read"),
    ("refused, a handle", CLAIM, REFUSED, BESIDE, None, ""),
    ("refused, a record", CLAIM, REFUSED, None, RECORD, ""),
    ("refused, a record of another token", CLAIM, REFUSED, None, record(fingerprint="f2"), "which the server refuses"),
    ("refused, and another account's", CLAIM, facts(Word.REFUSED, identity=B), BESIDE, RECORD, "robot (namespace ns"),
    ("refused, and of another handle", CLAIM, facts(Word.REFUSED, handle=OTHER), BESIDE, None, ""),
    ("nobody could be asked, a handle", CLAIM, facts(Word.UNASKED), BESIDE, None, ""),
    ("nobody could be asked, and it names another handle", CLAIM, facts(Word.UNASKED, handle=OTHER), BESIDE, None,
     "which is not confirmed"),
    ("nobody could be asked, a record", CLAIM, facts(Word.UNASKED), None, RECORD, ""),
    # What else the token is for must be said by the voucher too.
    ("more audiences than its handle was made for", claim(audiences=("vault", "x")), CONFIRMED,
     made(audiences=("vault",)), None, "audiences: vault, x, and vault"),
    ("none where its handle was made for one", CLAIM, CONFIRMED, made(audiences=("vault",)), None,
     "audiences: nothing, and vault"),
    ("an audience that its handle says too", claim(audiences=("vault",)), CONFIRMED, made(audiences=("vault",)), None,
     ""),
    ("an audience that the record does not say", claim(audiences=("vault",)), CONFIRMED, None, RECORD, "audiences"),
    ("a push that its handle does not say", claim(push="{}"), CONFIRMED, BESIDE, None, "its push: {}, and nothing"),
    ("a push to somewhere else", claim(push='{"a"}'), CONFIRMED, made(pushes={PLACE: '{"b"}'}), None,
     'its push: {"a"}, and {"b"}'),
    ("a push of another Secret", claim(push='{"a"}'), CONFIRMED, made(pushes={"ns/x": '{"a"}'}), None, "push"),
    ("a push that its handle says too", claim(push='{"a"}'), CONFIRMED, made(pushes={PLACE: '{"a"}'}), None, ""),
    # What a handle says by its annotations, its name must say too: whoever may patch it may write them.
    ("a token, a handle of another place that was changed", CLAIM, CONFIRMED,
     msgspec.structs.replace(made(secrets=("ns/else",)), secrets=(PLACE,)), None, CHANGED),
    ("no token, a handle of another place that was changed", CLAIM, NOTHING,
     msgspec.structs.replace(made(secrets=("ns/else",)), secrets=(PLACE,)), None, CHANGED),
    ("a handle that was given an audience", claim(audiences=("vault",)), CONFIRMED, beside(audiences=("vault",)), None,
     CHANGED),
    ("a handle that was given a push", claim(push='{"a"}'), CONFIRMED, beside(pushes={PLACE: '{"a"}'}), None, CHANGED),
    ("a handle that was given a longer life", CLAIM, CONFIRMED, beside(requested=timedelta(9)), None, CHANGED),
    ("a handle that was given another wish", CLAIM, CONFIRMED, beside(request="r9"), None, CHANGED),
    ("a handle that was changed, and the record", CLAIM, CONFIRMED, beside(request="r9"), RECORD, ""),
    ("another request's handle that was changed", claim(place="", request="r9"), CONFIRMED, beside(request="r9"), None,
     CHANGED),
    # Handles from before names said for what: the token, for as long as it works.
    ("a handle of old", OLD_CLAIM, of_old(), OLD, None, ""),
    ("a handle of old and the audience in its token", claim(audiences=("vault",)), of_old(audiences=("vault",)), OLD,
     None, ""),
    ("a handle of old that was given an audience", claim(audiences=("vault",)), of_old(),
     msgspec.structs.replace(OLD, audiences=("vault",)), None, "audiences: vault, and nothing"),
    ("a handle of old that was given a push", claim(push='{"a"}'), of_old(),
     msgspec.structs.replace(OLD, pushes={PLACE: '{"a"}'}), None, 'its push: {"a"}, and nothing'),
    ("a handle of old for another place", OLD_CLAIM, of_old(), msgspec.structs.replace(OLD, secrets=("ns/x",)), None,
     "was made for ns/x"),
    ("no token, a handle of old", OLD_CLAIM, NOTHING, OLD, None, ALONE),
    ("refused, a handle of old", OLD_CLAIM, of_old(word=Word.REFUSED), OLD, None, ALONE),
    ("mangled, a handle of old", OLD_CLAIM, MANGLED, OLD, None, ALONE),
    ("nobody could be asked, a handle of old", OLD_CLAIM, of_old(word=Word.UNASKED), OLD, None, ALONE),
    ("mangled, a handle of old that the record names too", OLD_CLAIM, MANGLED, OLD, record(handle=OLD_HANDLE), ""),
    ("mangled, a handle of old, and another in the record", OLD_CLAIM, MANGLED, OLD, RECORD, ALONE),
    ("mangled, a handle of old, and another account in the record", OLD_CLAIM, MANGLED, OLD,
     record(handle=OLD_HANDLE, identity=B), ALONE),
    ("mangled, a handle of old that is gone, and the record", OLD_CLAIM, MANGLED, None, record(handle=OLD_HANDLE),
     "was gone already"),
    ("mangled, a handle of old that the record names, and an audience", claim(audiences=("x",), handle=OLD_HANDLE),
     MANGLED, OLD, record(handle=OLD_HANDLE), "audiences"),
    # And from before they said for what at all.
    ("an older handle", OLD_CLAIM, of_old(), OLDER, None, ""),
    ("an older handle and an audience", claim(audiences=("vault",)), of_old(audiences=("vault",)), OLDER, None, ""),
    ("an older handle, and the audience of every token", CLAIM, of_old(audiences=("https://kubernetes.default.svc",)),
     OLDER, None, ""),
    ("an older handle and another audience", claim(audiences=("vault", "x")), of_old(audiences=("vault",)), OLDER,
     None, "audiences"),
    # What a DPU request keeps: its handle is made for the request.
    ("a request", claim(place="", request="r1"), CONFIRMED, BESIDE, None, ""),
    ("another request's handle", claim(place="", request="r9"), CONFIRMED, BESIDE, None, "not made for this request"),
    ("a request's handle of another account", claim(place="", request="r1"), CONFIRMED, beside(account="ns/robot"),
     None, "not made for this request"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("says", "token", "handle", "known", "why"), [rule[1:] for rule in RULES], ids=[rule[0] for rule in RULES]
)
def test_what_vouches(says: Claim, token: Facts, handle: Seen | None, known: Record | None, why: str) -> None:
    verdict = vouchers.judge(says, token, handle, known)
    assert verdict.ok is (why == ""), verdict
    assert why in verdict.why
    assert bool(verdict.hint) is not verdict.ok


def test_a_verdict_says_what_its_voucher_says() -> None:
    by_token = vouchers.judge(CLAIM, CONFIRMED, BESIDE, None)
    assert (by_token.handle, by_token.named, by_token.request) == (HANDLE, Named.BY_TOKEN, "r1")
    assert by_token.requested == timedelta(hours=1)
    by_record = vouchers.judge(CLAIM, CONFIRMED, BESIDE, record(handle=None))
    assert (by_record.handle, by_record.named, by_record.request) == (None, Named.BY_JOURNAL, "r2")
    assert by_record.requested == timedelta(hours=2)
    by_handle = vouchers.judge(CLAIM, NOTHING, BESIDE, None)
    assert (by_handle.handle, by_handle.named) == (HANDLE, Named.BY_WALK)
    assert vouchers.judge(claim(handle=OTHER), CONFIRMED, BESIDE, None).handle == HANDLE, "the one that was signed"
    for beside in (OLD, OLDER):
        older = vouchers.judge(OLD_CLAIM, of_old(), beside, None)
        assert older.requested == timedelta(1), "as long as the token lives"
        assert (older.handle, older.named, older.request) == (OLD_HANDLE, Named.BY_TOKEN, "r1")
    kept = vouchers.judge(OLD_CLAIM, MANGLED, OLD, record(handle=OLD_HANDLE))
    assert (kept.by, kept.named, kept.request) == ("this machine's record", Named.BY_JOURNAL, "r2")


@pytest.mark.parametrize("times", [{"issued_at": None}, {"expires_at": None}, {"issued_at": None, "expires_at": None}])
def test_a_token_without_both_its_times_says_no_lifetime(times: dict[str, Any]) -> None:
    verdict = vouchers.judge(OLD_CLAIM, of_old(**times), OLDER, None)
    assert verdict.ok
    assert verdict.requested is None


def test_a_verdict_says_everything_that_its_voucher_says_and_nothing_of_the_marks() -> None:
    asked = claim(audiences=("vault",), push="{}", handle=OTHER)
    known = record(audiences=("vault",), push="{}", bound_to=OTHER, expires_at=THEN)
    assert vouchers.judge(asked, CONFIRMED, None, known) == vouchers.Verdict(
        ok=True,
        by="this machine's record",
        named=Named.BY_JOURNAL,
        handle=HANDLE,
        bound_to=OTHER,
        expires_at=THEN,
        audiences=("vault",),
        requested=timedelta(hours=2),
        push="{}",
        request="r2",
    )
    handle = made(audiences=("vault",), pushes={PLACE: "{}"})
    assert vouchers.judge(asked, CONFIRMED, handle, None) == vouchers.Verdict(
        ok=True,
        by=f"handle {handle.name}",
        named=Named.BY_TOKEN,
        handle=HANDLE,
        audiences=("vault",),
        requested=timedelta(hours=1),
        push="{}",
        request="r1",
    )


ROBOT = "for robot (namespace ns, cluster harbor)"
ADMIN = "for admin (namespace ns, cluster harbor)"
MARKED = f"its annotations say it is {ADMIN} with handle ns/{NAME}, the token in it is "


@pytest.mark.parametrize(
    ("says", "token", "why"),
    [
        (CLAIM, facts(identity=B, handle=OTHER),
         MARKED + f"{ROBOT} with handle ns/kubemint-admin-kjhgfdcb"),
        (CLAIM, facts(identity=B, handle=None), MARKED + f"{ROBOT} and is bound to nothing"),
        (CLAIM, facts(identity=B, handle=None, bound="Pod a"),
         MARKED + f"{ROBOT} and is bound to Pod a"),
        (CLAIM, facts(identity=None, handle=None),
         MARKED + "of no service account and is bound to nothing"),
        (claim(handle=None), facts(identity=B, handle=OTHER),
         MARKED.replace(f" with handle ns/{NAME}", "")
         + f"{ROBOT} with handle ns/kubemint-admin-kjhgfdcb"),
        (CLAIM, facts(Word.UNASKED, handle=OTHER),
         MARKED + f"{ADMIN} with handle ns/kubemint-admin-kjhgfdcb, which is not confirmed"),
        (CLAIM, facts(Word.REFUSED, identity=B),
         MARKED + f"{ROBOT} with handle ns/{NAME}, which the server refuses"),
    ],
)  # fmt: skip
def test_both_readings_are_said_and_no_more(says: Claim, token: Facts, why: str) -> None:
    assert vouchers.judge(says, token, BESIDE, None).why == why


MARKS = Credential(
    address=Address(CredentialKind.SECRET, "harbor", "ns", "kept"), identity=A, format=Format.TOKEN, handle=HANDLE,
    issued_at=THEN, expires_at=THEN + timedelta(1), fingerprint="f1", state=State.VALID,
)  # fmt: skip
OK = vouchers.judge(CLAIM, CONFIRMED, BESIDE, None)
NO = vouchers.judge(CLAIM, NOTHING, None, None)
LATE = vouchers.Verdict(ok=False, handle=HANDLE, audiences=("x",), requested=timedelta(9), why="too late")


@pytest.mark.parametrize(
    ("marks", "token", "verdict", "state", "said", "handle"),
    [
        ({}, CONFIRMED, OK, State.VALID, "", HANDLE),
        ({"identity": B}, CONFIRMED, NO, State.UNKNOWN, "harbor/ns/robot, the token in it says harbor/ns/admin", None),
        ({"handle": OTHER}, CONFIRMED, OK, State.UNKNOWN, "its handle is ns/kubemint-admin-kjhgfdcb", HANDLE),
        ({"expires_at": THEN + timedelta(99)}, CONFIRMED, OK, State.UNKNOWN, "it ends at 2026-04-10", HANDLE),
        ({"issued_at": THEN - timedelta(9)}, CONFIRMED, OK, State.UNKNOWN, "it was issued at 2025-12-23", HANDLE),
        ({"fingerprint": ""}, CONFIRMED, OK, State.UNKNOWN, "its fingerprint is nothing, the token in", HANDLE),
        ({}, CONFIRMED, LATE, State.UNKNOWN, "too late", None),
        ({"fingerprint": "x"}, CONFIRMED, OK, State.UNKNOWN, "its fingerprint is x, the token in it says f1", HANDLE),
        ({"handle": None}, CONFIRMED, NO, State.VALID, f"a copy: it ends with handle {NAME}", None),
        ({"handle": None}, CONFIRMED, OK, State.VALID, "", HANDLE),
        ({}, CONFIRMED, NO, State.UNKNOWN, "its annotations say it is for", None),
        ({}, NOTHING, NO, State.UNKNOWN, "there is no token in it", None),
        ({}, NOTHING, OK, State.UNKNOWN, "there is no token in it", HANDLE),
        ({}, MANGLED, OK, State.UNKNOWN, "not a token that can be read", HANDLE),
        ({"fingerprint": "x"}, REFUSED, OK, State.UNKNOWN, "another token than its annotations say", HANDLE),
        ({}, REFUSED, OK, State.UNKNOWN, "the server refuses its token", HANDLE),
        ({}, facts(Word.UNASKED), OK, State.VALID, "", HANDLE),
        ({}, facts(Word.UNASKED, note="no right"), NO, State.UNKNOWN, "its token is not confirmed: no right", None),
    ],
    ids=lambda value: value.replace(NAME, "NAME") if isinstance(value, str) else None,  # the same in every worker
)  # fmt: skip
def test_what_a_credential_is_shown_as(
    marks: dict[str, Any], token: Facts, verdict: vouchers.Verdict, state: State, said: str, handle: Handle | None
) -> None:
    shown = vouchers.shown(msgspec.structs.replace(MARKS, **marks), token, verdict, THEN)
    assert (shown.state, shown.handle) == (state, handle)
    assert said in shown.message
    assert bool(said) is bool(shown.message)
    if token.word is Word.CONFIRMED:
        assert (shown.identity, shown.expires_at, shown.fingerprint) == (A, token.expires_at, "f1")


def test_what_is_shown_is_what_was_signed_and_what_vouches() -> None:
    marks = msgspec.structs.replace(
        MARKS, audiences=("marked",), requested=timedelta(3), granted=timedelta(4), rotate_at=THEN, kept_in="Secret x"
    )
    signed = facts(issued_at=THEN, expires_at=THEN + timedelta(1))
    verdict = msgspec.structs.replace(OK, audiences=("vault",), requested=timedelta(2))
    expected = msgspec.structs.replace(
        marks,
        audiences=("vault",),
        requested=timedelta(2),
        granted=timedelta(1),
        rotate_at=managed.renewal_point(THEN, THEN + timedelta(1), "f1"),
    )
    assert vouchers.shown(marks, signed, verdict, THEN) == expected
    refused = vouchers.shown(marks, signed, LATE, THEN)
    assert (refused.audiences, refused.requested) == (("marked",), timedelta(3)), "a refusal says nothing of the rest"
    for time in ("issued_at", "expires_at"):
        bare = vouchers.shown(marks, msgspec.structs.replace(CONFIRMED, **{time: None}), verdict, THEN)
        assert (bare.granted, bare.rotate_at, bare.state) == (None, None, State.UNKNOWN)


ENDS = THEN + timedelta(1)


@pytest.mark.parametrize(
    ("token", "vouched", "now", "cut"),
    [
        (REFUSED, OK, THEN, True),
        (REFUSED, OK, ENDS - timedelta(seconds=11), True),
        (REFUSED, OK, ENDS - timedelta(seconds=10), False),  # clocks
        (REFUSED, OK, ENDS + timedelta(1), False),  # it ended by itself
        (CONFIRMED, OK, THEN, False),
        (facts(Word.UNASKED), OK, THEN, False),
        (NOTHING, OK, THEN, False),
        (MANGLED, OK, THEN, False),
        (facts(Word.REFUSED, expires_at=None), OK, THEN, False),
        (facts(Word.REFUSED, handle=OTHER), OK, THEN, False),  # somebody put another one there
        (facts(Word.REFUSED, handle=None), OK, THEN, False),
        (facts(Word.REFUSED, handle=OTHER), vouchers.Verdict(ok=True), THEN, True),  # a copy
        (facts(Word.REFUSED, handle=None), vouchers.Verdict(ok=True), THEN, True),  # bound to nothing
    ],
)
def test_what_was_cut_short(token: Facts, vouched: vouchers.Verdict, now: datetime, cut: bool) -> None:
    assert vouchers.is_cut_short(token, vouched, now) is cut


LATER = THEN + timedelta(5)


@pytest.mark.parametrize(
    ("marks", "token", "verdict", "ends", "by"),
    [
        # When it ends, and with which handle, marks say last of all.
        ({"expires_at": LATER}, REFUSED, OK, ENDS, None),
        ({"expires_at": THEN}, facts(Word.UNASKED), OK, ENDS, None),
        ({}, NOTHING, vouchers.Verdict(ok=True, expires_at=LATER), LATER, None),
        ({}, NOTHING, OK, ENDS, None),
        ({"handle": None}, REFUSED, vouchers.Verdict(ok=True, bound_to=OTHER), ENDS, HANDLE),
        ({"handle": None, "bound_to": HANDLE}, NOTHING, vouchers.Verdict(ok=True, bound_to=OTHER), ENDS, OTHER),
        ({"handle": None, "bound_to": HANDLE}, NOTHING, NO, ENDS, HANDLE),
        ({"handle": None, "bound_to": OTHER}, CONFIRMED, NO, ENDS, HANDLE),
        ({"handle": None, "bound_to": OTHER}, CONFIRMED, OK, ENDS, None),
        # The attack: a mark names a handle that is gone, and a live token that is bound to nothing counts as revoked.
        ({"handle": None, "bound_to": OTHER}, facts(handle=None), NO, ENDS, None),
        ({"handle": None, "bound_to": OTHER}, facts(Word.UNASKED, handle=None), NO, ENDS, None),
    ],
)
def test_what_ends_it_and_when(
    marks: dict[str, Any], token: Facts, verdict: vouchers.Verdict, ends: datetime, by: Handle | None
) -> None:
    shown = vouchers.shown(msgspec.structs.replace(MARKS, **marks), token, verdict, THEN)
    assert (shown.expires_at, shown.bound_to) == (ends, by)


def test_what_has_expired_is_no_contradiction() -> None:
    assert vouchers.shown(MARKS, REFUSED, OK, THEN + timedelta(1)).state is State.VALID, "at that very moment"
    over = THEN + timedelta(2)
    assert vouchers.shown(MARKS, REFUSED, OK, over).state is State.VALID, "its stamps say that it is over"
    longer = msgspec.structs.replace(MARKS, expires_at=THEN + timedelta(99))
    assert vouchers.shown(longer, REFUSED, OK, over).state is State.UNKNOWN


TOKEN = Sensitive(b"x")


def claims(**fields: Any) -> Any:
    from tui.issuance.model.claims import Bound, Claims

    given: dict[str, Any] = {
        "legacy": True, "namespace": "ns", "service_account": "robot", "service_account_uid": "u",
        "bound": Bound("Secret", "robot-token"),
    }  # fmt: skip
    return Claims(**given | fields)


@pytest.mark.parametrize(
    ("kind", "account", "uid", "token", "said", "why"),
    [
        (token_secret.TYPE, "robot", "u", TOKEN, claims(), ""),
        (token_secret.TYPE, "robot", "", None, None, ""),
        ("Opaque", "robot", "u", TOKEN, claims(), "of type Opaque"),
        (token_secret.TYPE, "", "u", TOKEN, claims(), "names no account"),
        (token_secret.TYPE, "robot", "u", TOKEN, None, "not a token that can be read"),
        (token_secret.TYPE, "robot", "", TOKEN, claims(), "no UID"),
        (token_secret.TYPE, "robot", "v", TOKEN, claims(), "account robot (v)"),
        (token_secret.TYPE, "admin", "u", TOKEN, claims(), "says account ns/robot"),
        (token_secret.TYPE, "robot", "u", TOKEN, claims(namespace="other"), "says account other/robot"),
        (token_secret.TYPE, "robot", "u", TOKEN, claims(legacy=False), "the token in it says"),
        (token_secret.TYPE, "robot", "u", TOKEN, claims(bound=None), "Secret none"),
    ],
)
def test_a_token_secret_and_its_token_say_the_same(
    kind: str, account: str, uid: str, token: Sensitive | None, said: Any, why: str
) -> None:
    found = token_secret.why_none(kind, "ns", "robot-token", account, uid, token, said)
    assert why in found
    assert bool(why) is bool(found)
