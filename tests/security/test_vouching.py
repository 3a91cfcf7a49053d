"""What vouches for a claim: attacks by somebody who may patch one Secret, and the table of the decision.

Each attacker here writes into a Secret whatever he likes, labels, annotations and data; then the admin rotates,
revokes or undoes what kubemint shows him.
"""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import msgspec
import pytest

from tests.issuance.arena import Arena, Bench, handle_of, token_in
from tests.issuance.dpf_place import Clock
from tui.issuance import handle_names, managed, replacing, token_secret, vouchers
from tui.issuance.errors import ChangedMeanwhile, UsageError
from tui.issuance.formats import Format
from tui.issuance.handle_names import Meant
from tui.issuance.handles import Named, Seen
from tui.issuance.identity import IdentityWish
from tui.issuance.kinds import CredentialKind
from tui.issuance.types import Address, Credential, FileDestination, Handle, Identity, State
from tui.issuance.vouchers import Claim, Facts, Record, Word
from tui.kube.client import Client
from tui.kube.errors import Forbidden
from tui.kube.resource import SECRETS, SERVICE_ACCOUNTS, Resource
from tui.kube.sensitive import Sensitive

A = Identity("harbor", "ns", "admin")
B = Identity("harbor", "ns", "robot")
PLACE = "ns/kept"
MEANT = Meant(account="ns/admin", request="r1", secrets=(PLACE,), requested=timedelta(hours=1))
NAME = handle_names.fresh(MEANT)
HANDLE = Handle("harbor", "ns", NAME, "uid-1")
OTHER = Handle("harbor", "ns", "kubemint-admin-kjhgfdcb", "uid-2")
CLAIM = Claim(identity=A, place=PLACE, handle=HANDLE)
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
RECORD = Record(identity=A, fingerprint="f1", handle=HANDLE, request="r2", requested=timedelta(hours=2))


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
CHANGED = "not those that it was made with"
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
    ("another account's token", CLAIM, facts(identity=B), BESIDE, None, "harbor/ns/robot"),
    ("another account's token, and a record", CLAIM, facts(identity=B), BESIDE, record(fingerprint="f1"),
     "harbor/ns/robot"),
    ("a token of nobody", CLAIM, facts(identity=None), BESIDE, RECORD, "of no service account"),
    ("a token bound to nothing", CLAIM, facts(handle=None), None, None, "bound to nothing"),
    ("a copy: its handle was made for another place", CLAIM, CONFIRMED, beside(secrets=("ns/original",)), None,
     "was made for ns/original, not for ns/kept"),
    ("a copy: its handle was made for a file", CLAIM, CONFIRMED, beside(secrets=()), None, "was made for no Secret"),
    ("a copy in another cluster under the same name", claim(place="edge:ns/kept"), CONFIRMED, BESIDE, None,
     "not for edge:ns/kept"),
    ("its handle is gone", CLAIM, CONFIRMED, None, None, "was gone already"),
    ("its handle is another one by now", CLAIM, CONFIRMED, beside(uid="uid-3"), None, "another Secret has its name"),
    ("its handle is an ordinary Secret", CLAIM, CONFIRMED, beside(type="Opaque"), None, "type Opaque"),
    ("its handle holds data", CLAIM, CONFIRMED, beside(keys=("x",)), None, "holds data"),
    ("its handle is not called as the account's", CLAIM, facts(handle=msgspec.structs.replace(HANDLE, name="db")),
     beside(name="db"), None, "no handle of admin is called db"),
    ("its handle lies elsewhere", CLAIM, facts(handle=msgspec.structs.replace(HANDLE, namespace="mine")), BESIDE, None,
     "does not lie beside the account"),
    ("its handle lies in another cluster", CLAIM, facts(handle=msgspec.structs.replace(HANDLE, cluster="mine")), BESIDE,
     None, "does not lie beside the account"),
    ("a record of another token", CLAIM, CONFIRMED, None, record(fingerprint="f2"), "was gone already"),
    ("a record without a fingerprint", CLAIM, facts(fingerprint=""), None, record(fingerprint=""), "was gone already"),
    ("a record of another account", CLAIM, CONFIRMED, None, record(identity=B), "was gone already"),
    ("a record of nobody", CLAIM, CONFIRMED, None, record(identity=None), "was gone already"),
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
    ("refused, and another account's", CLAIM, facts(Word.REFUSED, identity=B), BESIDE, RECORD, "harbor/ns/robot"),
    ("refused, and of another handle", CLAIM, facts(Word.REFUSED, handle=OTHER), BESIDE, None, ""),
    ("nobody could be asked, a handle", CLAIM, facts(Word.UNASKED), BESIDE, None, ""),
    ("nobody could be asked, and it names another handle", CLAIM, facts(Word.UNASKED, handle=OTHER), BESIDE, None,
     "which nobody confirmed"),
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
    known = record(audiences=("vault",), push="{}")
    assert vouchers.judge(asked, CONFIRMED, None, known) == vouchers.Verdict(
        ok=True,
        by="this machine's record",
        named=Named.BY_JOURNAL,
        handle=HANDLE,
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


MARKED = f"its annotations say it is for harbor/ns/admin with handle ns/{NAME}, the token in it is "


@pytest.mark.parametrize(
    ("says", "token", "why"),
    [
        (CLAIM, facts(identity=B, handle=OTHER),
         MARKED + "for harbor/ns/robot with handle ns/kubemint-admin-kjhgfdcb"),
        (CLAIM, facts(identity=B, handle=None), MARKED + "for harbor/ns/robot and is bound to nothing"),
        (CLAIM, facts(identity=B, handle=None, bound="Pod a"),
         MARKED + "for harbor/ns/robot and is bound to Pod a"),
        (CLAIM, facts(identity=None, handle=None),
         MARKED + "of no service account and is bound to nothing"),
        (claim(handle=None), facts(identity=B, handle=OTHER),
         MARKED.replace(f" with handle ns/{NAME}", "")
         + "for harbor/ns/robot with handle ns/kubemint-admin-kjhgfdcb"),
        (CLAIM, facts(Word.UNASKED, handle=OTHER),
         MARKED + "for harbor/ns/admin with handle ns/kubemint-admin-kjhgfdcb, which nobody confirmed"),
        (CLAIM, facts(Word.REFUSED, identity=B),
         MARKED + f"for harbor/ns/robot with handle ns/{NAME}, which the server refuses"),
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


def test_what_has_expired_is_no_contradiction() -> None:
    assert vouchers.shown(MARKS, REFUSED, OK, THEN + timedelta(1)).state is State.VALID, "at that very moment"
    over = THEN + timedelta(2)
    assert vouchers.shown(MARKS, REFUSED, OK, over).state is State.VALID, "its stamps say that it is over"
    longer = msgspec.structs.replace(MARKS, expires_at=THEN + timedelta(99))
    assert vouchers.shown(longer, REFUSED, OK, over).state is State.UNKNOWN


# Attacks

RBAC = "rbac.authorization.k8s.io"
ROLES = Resource(RBAC, "v1", "roles", "Role")
BINDINGS = Resource(RBAC, "v1", "rolebindings", "RoleBinding")


class Attacker:
    """Somebody who may get and patch one Secret of the namespace, and do nothing else."""

    def __init__(self, bench: Bench, secret: str) -> None:
        self.bench, self.secret = bench, secret
        self.namespace = bench.arena.namespace

    async def __aenter__(self) -> Attacker:
        admin = self.bench.client
        name = f"mallory-{self.secret}"
        await admin.create(SERVICE_ACCOUNTS, {"metadata": {"name": name}}, namespace=self.namespace)
        rule = {"apiGroups": [""], "resources": ["secrets"], "resourceNames": [self.secret], "verbs": ["get", "patch"]}
        await admin.create(ROLES, {"metadata": {"name": name}, "rules": [rule]}, namespace=self.namespace)
        binding = {
            "metadata": {"name": name},
            "roleRef": {"apiGroup": RBAC, "kind": "Role", "name": name},
            "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": self.namespace}],
        }
        await admin.create(BINDINGS, binding, namespace=self.namespace)
        answer: dict[str, Any] = await admin.create(
            SERVICE_ACCOUNTS, {"spec": {}}, namespace=self.namespace, name=name, subresource="token"
        )
        self.token = Sensitive(answer["status"]["token"])
        endpoint = self.bench.clusters.endpoint(self.bench.arena.name)
        self.client = Client(endpoint.with_token(self.token))
        with pytest.raises(Forbidden):
            await self.client.list(SECRETS, namespace=self.namespace)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.client.close()

    async def marks(self, **marks: str | None) -> None:
        """Write annotations of ours; `account_cluster` for `account-cluster`."""
        notes = {f"kubemint.io/{key.replace('_', '-')}": value for key, value in marks.items()}
        await self.write({"metadata": {"annotations": notes}})

    async def write(self, patch: dict[str, Any]) -> None:
        """A real authorizer learns of new Roles a moment later."""
        await self.client.patch(SECRETS, self.secret, patch, namespace=self.namespace)

    async def call_it_managed(self, **marks: str | None) -> None:
        labels = {managed.MANAGED_BY: managed.MANAGER, managed.ROLE: "credential"}
        await self.write({"metadata": {"labels": labels}})
        await self.marks(**marks)

    async def put(self, token: Sensitive) -> None:
        value = base64.b64encode(token.reveal_bytes()).decode()
        await self.write({"data": {"token": value, "kubeconfig": None}})


async def ordinary(bench: Bench, name: str = "mine") -> None:
    """An ordinary Secret of the namespace."""
    wish = {"metadata": {"name": name}, "data": {"key": "eA=="}}
    await bench.client.create(SECRETS, wish, namespace=bench.arena.namespace)


@pytest.fixture
async def victim(bench: Bench) -> tuple[Bench, Any]:
    """A powerful account with a credential in a Secret of its namespace, which nobody else may read."""
    arena = bench.arena
    issued = await bench.issue(arena.spec(arena.secret("admin-credential"), format=Format.TOKEN))
    return bench, issued


def marks_of(issued: Any) -> dict[str, str]:
    """What everybody who lists metadata sees of it."""
    credential = issued.credential
    handle = credential.handle
    return {
        "account": f"{handle.namespace}/{credential.identity.name}",
        "format": "token",
        "handle": f"{handle.namespace}/{handle.name}/{handle.uid}",
        "fingerprint": credential.fingerprint,
        "issued": f"{credential.issued_at:%Y-%m-%dT%H:%M:%SZ}",
        "expires": f"{credential.expires_at:%Y-%m-%dT%H:%M:%SZ}",
    }


async def test_a_secret_that_is_marked_as_a_neighbours_gets_no_token(victim: tuple[Bench, Any]) -> None:
    """B(1): the admin's rotation wrote the token of a powerful account of the same namespace into it."""
    bench, issued = victim
    await ordinary(bench)
    before = await bench.handles()
    mine = bench.arena.secret_address("mine")
    async with Attacker(bench, "mine") as mallory:
        attempts: list[dict[str, str | None]] = [
            {"account": marks_of(issued)["account"], "format": "token"},
            {**marks_of(issued), "request": "r"},
            {**marks_of(issued), "handle": None},
            {**marks_of(issued), "fingerprint": None},
        ]
        for marks in attempts:
            await mallory.call_it_managed(**marks)
            with pytest.raises(UsageError, match="its annotations say it is for"):
                await bench.engine.plan_rotate(mine)
        await mallory.put(mallory.token)  # a token that works, of somebody else
        with pytest.raises(
            UsageError, match=r"annotations say it is for .*/robot.* token in it is for .*/mallory-mine"
        ):
            await bench.engine.plan_rotate(mine)
        forged = jwt.encode(
            jwt.decode(mallory.token.reveal(), options={"verify_signature": False})
            | {"sub": f"system:serviceaccount:{bench.arena.namespace}:robot"},
            "x" * 32,
        )
        await mallory.put(Sensitive(forged))
        with pytest.raises(UsageError, match="annotations say it is for"):
            await bench.engine.plan_rotate(mine)
        assert (await bench.engine.lookup(mine)).state is State.UNKNOWN
    assert await bench.handles() == before


async def test_a_copy_of_a_neighbours_token_is_no_credential_of_ones_own(victim: tuple[Bench, Any]) -> None:
    """Whoever once saw a token may put it into a Secret of his: the next one does not come there."""
    bench, issued = victim
    await ordinary(bench)
    token = await _token_in_secret(bench, "admin-credential")
    async with Attacker(bench, "mine") as mallory:
        await mallory.call_it_managed(**marks_of(issued))
        await mallory.put(token)
        with pytest.raises(UsageError, match=r"was made for .*admin-credential, not for .*mine"):
            await bench.engine.plan_rotate(bench.arena.secret_address("mine"))


async def test_another_machine_is_told_the_same_by_the_handle_alone(victim: tuple[Bench, Any]) -> None:
    """Honest Secrets are rotated where nothing is recorded, also when their token is gone."""
    bench, issued = victim
    async with Bench(bench.arena, state="elsewhere") as other:
        rotated = await other.engine.execute(await other.engine.plan_rotate(issued.address))
        assert rotated.ok, rotated
        await other.engine.settle()
        assert await other.handles() == [handle_of(rotated)], "the old one went, by the token's word"
    async with Attacker(bench, "admin-credential") as vandal, Bench(bench.arena, state="third") as third:
        await vandal.write({"data": {"token": None}})
        again = await third.engine.execute(await third.engine.plan_rotate(issued.address))
        assert again.ok, again
        assert await bench.works(await _token_in_secret(bench, "admin-credential"))


async def test_wishes_are_not_widened_by_marks(ebench: Bench) -> None:
    """A token for vault does not become one for the API server, nor one for a year, by an annotation."""
    arena = ebench.arena
    spec = arena.spec(arena.secret(), format=Format.TOKEN, audiences=("vault",), duration=timedelta(hours=1))
    issued = await ebench.issue(spec)
    async with Attacker(ebench, "robot-credential") as mallory, Bench(arena, state="other") as other:
        for marks in ({"audiences": None}, {"audiences": '["vault", "https://kubernetes.default.svc"]'}):
            await mallory.marks(**marks)
            for engine in (ebench.engine, other.engine):
                with pytest.raises(UsageError, match="different things of its audiences"):
                    await engine.plan_rotate(issued.address)
        await mallory.marks(audiences='["vault"]', requested="8760h0m0s")
        rotated = await other.engine.execute(await other.engine.plan_rotate(issued.address))
        assert rotated.ok, rotated
        assert rotated.credential is not None
        assert rotated.credential.granted == timedelta(hours=1)


async def test_another_wishs_id_leads_no_token_anywhere(ebench: Bench, tmp_path: Path) -> None:
    """B(8): the `request` mark was believed, so an exported copy of a forged Secret got somebody else's next token."""
    arena = ebench.arena
    config = tmp_path / "config"
    theirs = await ebench.issue(arena.spec(arena.secret("theirs"), FileDestination(str(config), merge=True)))
    mine = await ebench.issue(arena.spec(arena.secret("mine"), identity=arena.identity("other")))
    found = await ebench.client.get_metadata(SECRETS, "theirs", namespace=arena.namespace)
    async with Attacker(ebench, "mine") as mallory:
        await mallory.marks(request=found["metadata"]["annotations"][managed.REQUEST])
        copy = arena.file("copy")
        assert (await ebench.engine.export(mine.address, copy)).ok
        before = Path(copy.path).read_bytes(), config.read_bytes()
        await ebench.rotate(theirs.address)
        assert Path(copy.path).read_bytes() == before[0]
        merged = config.read_bytes()
        assert merged != before[1]
        await ebench.rotate(mine.address)
        assert config.read_bytes() == merged, "nor does its own token go to another wish's entries"
    arena.forget()
    assert not (await ebench.engine.verify(Address(CredentialKind.FILE, "", "", copy.path))).ok


async def test_a_revoked_file_is_no_place_of_anything_any_more(ebench: Bench) -> None:
    """B(8): by then the admin's own kubeconfig may lie at that path."""
    arena = ebench.arena
    file = arena.file("was-ours")
    issued = await ebench.issue(arena.spec(arena.secret(), file))
    record = ebench.state.export_record(Address(CredentialKind.FILE, "", "", file.path))
    assert record is not None
    revoked = msgspec.structs.replace(record.credential, state=State.REVOKED)
    ebench.state.record_export(msgspec.structs.replace(record, credential=revoked))
    Path(file.path).write_text("apiVersion: v1\nkind: Config\nusers: [{name: a}, {name: b}]\n")
    await ebench.rotate(issued.address)
    assert "name: b" in Path(file.path).read_text()


@pytest.mark.parametrize("verb", ["revoke", "rotate", "export", "undo"])
async def test_no_mark_ends_somebody_elses_token(victim: tuple[Bench, Any], verb: str) -> None:
    """B(9): other accounts' handles, token Secrets and ordinary Secrets were deleted because a mark named them."""
    bench, issued = victim
    arena = bench.arena
    own = await bench.issue(arena.spec(arena.secret("mine"), identity=arena.identity("other"), format=Format.TOKEN))
    await ordinary(bench, "precious")
    precious: dict[str, Any] = await bench.client.get(SECRETS, "precious", namespace=arena.namespace)
    admins = issued.credential.handle
    lies = {
        "another account's handle": f"{admins.namespace}/{admins.name}/{admins.uid}",
        "an ordinary Secret": f"{arena.namespace}/precious/{precious['metadata']['uid']}",
    }
    async with (
        Attacker(bench, "mine") as mallory,
        Bench(arena, state=f"other-{verb}", grace=timedelta(hours=1)) as slow,
    ):
        for lie in lies.values():
            await mallory.marks(handle=lie)
            if verb == "revoke":
                plan = await slow.engine.plan_revoke(own.address)
                gone = [step.name for step in plan.steps if step.verb == "delete"]
                assert gone == [own.credential.handle.name, "mine"]
            elif verb == "rotate":
                own = await slow.engine.execute(await slow.engine.plan_rotate(own.address))
                assert own.ok, own
            elif verb == "export":
                copy = arena.folder / "copy"
                assert (await slow.engine.export(own.address, FileDestination(str(copy)))).ok
                record = slow.state.export_record(Address(CredentialKind.FILE, "", "", str(copy)))
                assert record is not None
                assert record.credential.handle == own.credential.handle
            else:
                await slow.engine.execute(await slow.engine.plan_rotate(own.address))
                await mallory.marks(handle=lie)
                undo = await slow.engine.execute(await slow.engine.plan_undo(own.address))
                assert undo.ok, undo
    async with Bench(arena, state=f"other-{verb}", clock=lambda: datetime.now(UTC) + timedelta(days=1)) as later:
        await later.engine.recover()
        await later.engine.settle()
        left = await later.secrets()
    assert admins.name in left
    assert "precious" in left


async def test_what_a_file_names_is_ended_by_the_token_in_it(ebench: Bench) -> None:
    """B(9): a file's copy believed the `handle` mark of its source; its revocation is told by the token."""
    arena = ebench.arena
    victims = await ebench.issue(arena.spec(arena.file("victim"), identity=arena.identity("victim")))
    mine = await ebench.issue(arena.spec(arena.secret("mine")))
    handle = victims.credential.handle
    async with Attacker(ebench, "mine") as mallory:
        await mallory.marks(handle=f"{handle.namespace}/{handle.name}/{handle.uid}")
        copy = FileDestination(str(arena.folder / "copy"))
        assert (await ebench.engine.export(mine.address, copy)).ok
        address = Address(CredentialKind.FILE, "", "", copy.path)
        assert (await ebench.engine.execute(await ebench.engine.plan_revoke(address))).ok
    assert await ebench.handles() == [handle.name]
    arena.forget()
    assert not await ebench.works(token_in(copy.path))
    assert await ebench.works(token_in(arena.file("victim").path))


async def test_a_mark_alone_keeps_no_old_token_alive(embedded: Arena) -> None:
    """B(9): a mark patched back during the grace let the old token live, with exit 0 and the record dropped."""
    clock = Clock()
    async with Bench(embedded, clock=clock, grace=timedelta(hours=1)) as bench:
        issued = await bench.issue(embedded.spec(embedded.secret()))
        old = issued.credential.handle
        before = await bench.client.get_metadata(SECRETS, "robot-credential", namespace=embedded.namespace)
        assert (await bench.engine.execute(await bench.engine.plan_rotate(issued.address))).ok
        async with Attacker(bench, "robot-credential") as mallory:
            notes = before["metadata"]["annotations"]
            await mallory.write({"metadata": {"annotations": notes}})
        clock.ahead = timedelta(hours=2)
        bench.engine._graces.look_again()
        await bench.engine.settle()
        assert old.name not in await bench.handles()
        assert bench.state.revocations() == []
        said = [entry.message for entry in bench.state.entries() if entry.step == "revoke:0"]
        assert "deleted" in said[-1]


async def test_what_lies_elsewhere_is_told_by_its_token(embedded: Arena) -> None:
    """A mark that says it still holds the old token spares it no revocation."""
    async with Bench(embedded) as bench:
        first = await bench.issue(embedded.spec(embedded.secret("one"), embedded.secret("two"), format=Format.TOKEN))
        handle = first.credential.handle
        other = embedded.spec(embedded.secret("two"), format=Format.TOKEN)
        assert (await bench.engine.execute(await bench.engine.plan_issue(other, replace=True))).ok
        async with Attacker(bench, "two") as mallory:
            await mallory.marks(handle=f"{handle.namespace}/{handle.name}/{handle.uid}")
        wanted = embedded.spec(embedded.secret("one"), format=Format.TOKEN)
        plan = await bench.engine.plan_issue(wanted, replace=True)
        assert any(step.name == handle.name for step in plan.steps if step.id.startswith("revoke")), plan.warnings


@pytest.mark.parametrize("kind", ["Opaque", "kubernetes.io/tls"])
async def test_only_a_token_secret_is_a_long_lived_token(bench: Bench, kind: str) -> None:
    """B(11): `legacy:` took any Secret with the annotation, whatever its type."""
    arena = bench.arena
    await bench.make_account("robot")
    data = {"tls.crt": "eA==", "tls.key": "eA==", "token": "eA=="}
    await bench.client.create(
        SECRETS, {"metadata": {"name": "precious"}, "type": kind, "data": data}, namespace=arena.namespace
    )
    address = Address(CredentialKind.LEGACY, arena.name, arena.namespace, "precious")
    async with Attacker(bench, "precious") as mallory:
        account: dict[str, Any] = await bench.client.get(SERVICE_ACCOUNTS, "robot", namespace=arena.namespace)
        notes = {token_secret.ACCOUNT_NAME: "robot", token_secret.ACCOUNT_UID: account["metadata"]["uid"]}
        await mallory.write({"metadata": {"annotations": notes}})
    for asked in (
        bench.engine.plan_revoke(address),
        bench.engine.plan_rotate(address),
        bench.engine.lookup(address),
        bench.engine.material(address),
        bench.engine.plan_reactivate(address),
    ):
        with pytest.raises(UsageError, match=f"not a service-account token: it is of type {kind}"):
            await asked
    assert "precious" in await bench.secrets()


TOKEN = Sensitive(b"x")


def claims(**fields: Any) -> Any:
    from tui.issuance.claims import Bound, Claims

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


def legacy(arena: Arena, name: str) -> Address:
    return Address(CredentialKind.LEGACY, arena.name, arena.namespace, name)


async def create(bench: Bench, **wish: Any) -> Any:
    wanted = IdentityWish(identity=bench.arena.identity("rok"), **{"folder": str(bench.arena.folder)} | wish)
    return await bench.engine.execute(await bench.engine.plan_create_identity(wanted))


async def test_a_revoked_long_lived_token_never_comes_back(bench: Bench) -> None:
    """D(7): `identity create` under the same name made the very same token again, byte for byte."""
    arena = bench.arena
    first = await create(bench)
    path = arena.folder / f"{arena.namespace}-rok.token"
    dead = Sensitive(path.read_bytes())
    assert (await bench.engine.execute(await bench.engine.plan_revoke(first.address))).ok
    again = await create(bench)
    assert again.ok, again
    assert again.address.name.startswith("rok-token-")
    assert Sensitive(path.read_bytes()) != dead
    if arena.fleet is not None:
        arena.forget()
        assert not await bench.works(dead)
    once_more = await create(bench)
    assert once_more.address == again.address, "what is there is used"
    with pytest.raises(UsageError, match="was revoked here"):
        await create(bench, secret="rok-token")


async def test_another_machine_gives_it_another_name_too(bench: Bench) -> None:
    first = await create(bench)
    assert (await bench.engine.execute(await bench.engine.plan_revoke(first.address))).ok
    async with Bench(bench.arena, state="other") as other:
        again = await create(other, folder=str(bench.arena.folder / "other"))
        assert again.ok, again
        assert again.address != first.address


async def test_what_somebody_else_made_again_is_told_by_its_fingerprint(ebench: Bench) -> None:
    """A Secret that was made anew by hand holds the dead token: kubemint publishes and re-activates it no more."""
    arena = ebench.arena
    first = await create(ebench)
    dead = Sensitive((arena.folder / f"{arena.namespace}-rok.token").read_bytes())
    assert (await ebench.engine.execute(await ebench.engine.plan_revoke(first.address))).ok
    await ebench.client.create(
        SECRETS, token_secret.manifest(arena.identity("rok"), "rok-token"), namespace=arena.namespace
    )
    found = await token_secret.wait_for_token(ebench.client, arena.identity("rok"), "rok-token")
    assert found == dead
    with pytest.raises(UsageError, match="was revoked here"):
        await create(ebench)
    labels = {"metadata": {"labels": {token_secret.INVALID_SINCE: "2026-01-02"}}}
    await ebench.client.patch(SECRETS, "rok-token", labels, namespace=arena.namespace)
    with pytest.raises(UsageError, match="was revoked here"):
        await ebench.engine.plan_reactivate(legacy(arena, "rok-token"))


async def test_what_a_rotation_ended_is_dead_too(ebench: Bench) -> None:
    first = await create(ebench)
    dead = Sensitive((ebench.arena.folder / f"{ebench.arena.namespace}-rok.token").read_bytes())
    await ebench.rotate(first.address)
    (known,) = ebench.state.dead()
    assert (known.secret, known.fingerprint) == (legacy(ebench.arena, "rok-token"), dead.fingerprint)
    with pytest.raises(UsageError, match="was revoked here"):
        await create(ebench, secret="rok-token")


async def _token_in_secret(bench: Bench, name: str) -> Sensitive:
    found: dict[str, Any] = await bench.client.get(SECRETS, name, namespace=bench.arena.namespace)
    return Sensitive(base64.b64decode(found["data"]["token"]))


async def test_what_was_replaced_while_it_was_looked_at_is_not_called_revoked(
    ebench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two plan for one Secret: one has read the old token when the other ends its handle."""
    issued = await ebench.issue(ebench.arena.spec(ebench.arena.secret()))
    rotated: list[bool] = []
    is_gone = replacing.is_gone

    async def late(*given: Any) -> bool:
        if not rotated:
            rotated.append(True)
            await ebench.rotate(issued.address)
        return await is_gone(*given)

    monkeypatch.setattr(replacing, "is_gone", late)
    with pytest.raises(ChangedMeanwhile, match="changed by somebody else"):
        await ebench.engine.plan_rotate(issued.address)
    assert (await ebench.engine.lookup(issued.address)).state is State.VALID
    assert rotated


async def test_a_secret_that_calls_itself_managed_and_says_nothing_else_is_told_so(ebench: Bench) -> None:
    issued = await ebench.issue(ebench.arena.spec(ebench.arena.secret()))
    marks = {"metadata": {"labels": {managed.ROLE: None}}}
    await ebench.client.patch(SECRETS, "robot-credential", marks, namespace=ebench.arena.namespace)
    with pytest.raises(UsageError, match="says that it is kubemint's, but not that it keeps a credential"):
        await ebench.engine.lookup(issued.address)
