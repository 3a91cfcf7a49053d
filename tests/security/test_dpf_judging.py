"""What is decided of the claims of a DPU request, from facts alone: whose a token and an account are, who keeps it."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import msgspec
import pytest

from tui.issuance.dpf.aside import holds
from tui.issuance.dpf.kept import Decision, Kept, decide, read
from tui.issuance.dpf.objects import DPURequest, NamespacedName
from tui.issuance.dpf.owned import Seen, belongs, left_alone, seen_in
from tui.issuance.dpf.resources import EXPIRES, FIELD_MANAGER, FINALIZER, ownership
from tui.issuance.dpf.tending import tended, trace, waits_until
from tui.issuance.renewal import rotate_at, spread
from tui.issuance.types import Handle, Identity
from tui.issuance.vouchers import Word
from tui.kube.sensitive import Sensitive

MADE = datetime(2030, 1, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("more", "waits"),
    [
        ({}, True),
        ({"status": {}}, True),
        ({"status": {"conditions": []}}, False),
        ({"finalizers": [FINALIZER]}, False),
        ({"finalizers": ["somebody.else/s"]}, True),
        ({"deletionTimestamp": "2030-01-01T12:00:01Z"}, False),
        ({"creationTimestamp": None}, False),
        ({"creationTimestamp": "soon"}, False),
    ],
)
def test_only_what_nobody_has_touched_is_left_a_minute(more: dict[str, Any], waits: bool) -> None:
    meta = {"creationTimestamp": "2030-01-01T12:00:00Z"} | {key: more[key] for key in more if key != "status"}
    until = waits_until({"metadata": meta} | {key: more[key] for key in more if key == "status"})
    assert (until == MADE + timedelta(minutes=1)) is waits
    assert (until > MADE) is waits


REQUEST = DPURequest(
    cluster="harbor", namespace="ns", name="req", uid="r1", type="kubeconfig", duration="1h",
    service_account=NamespacedName("sa", "robot"), target=NamespacedName("dpf", "tenant"),
    secret=NamespacedName("ns", "out"), status_service_account=NamespacedName("sa", "robot"),
    status_target=NamespacedName("dpf", "tenant"), status_secret=NamespacedName("ns", "out"),
    issued_at=MADE, expires_at=MADE + timedelta(hours=1),
    annotations={
        EXPIRES: "2030-01-01T13:00:00Z", "kubemint.io/requested": "1h", "kubemint.io/handle": "sa/kubemint-robot-x/h1",
        "kubemint.io/fingerprint": "f1", "kubemint.io/account-uid": "a1", "kubemint.io/target-uid": "t1",
    },
)  # fmt: skip
ROBOT = Identity("harbor/dpf/tenant", "sa", "robot")
KEPT = Kept(
    word=Word.CONFIRMED, identity=ROBOT, account_uid="a1",
    handle=Handle("harbor/dpf/tenant", "sa", "kubemint-robot-x", "h1"),
    issued_at=MADE, expires_at=MADE + timedelta(hours=1), fingerprint="f1",
)  # fmt: skip
UNMARKED: dict[str, Any] = {"annotations": {}}
UNBOUND = {key: value for key, value in REQUEST.annotations.items() if key != "kubemint.io/handle"}
UNASKED = {key: value for key, value in REQUEST.annotations.items() if key != "kubemint.io/requested"}
ENDS = MADE + timedelta(hours=1)
POINT = rotate_at(MADE, ENDS, spread(f"r1{ENDS.isoformat()}"))
STAYS, ADOPT, UNSURE = Decision(), Decision(adopt=True), Decision(unsure=True)


@pytest.mark.parametrize(
    ("request_", "kept", "facts", "decision"),
    [
        ({}, {}, {}, STAYS),
        ({}, {"word": Word.UNASKED}, {}, UNSURE),
        ({}, {"word": Word.REFUSED}, {}, "the target cluster refuses"),
        ({}, {"word": Word.NONE, "identity": None}, {}, "is gone or holds no token"),
        ({}, {"word": Word.UNREADABLE, "identity": None}, {}, "is gone or holds no token"),
        ({}, {"identity": None}, {}, "a token of nobody"),
        ({}, {"identity": Identity("harbor/dpf/tenant", "sa", "other")}, {}, "a token of"),
        ({}, {"identity": Identity("harbor/dpf/tenant", "other", "robot")}, {}, "a token of"),
        ({}, {"identity": Identity("harbor", "sa", "robot")}, {}, "a token of"),
        ({}, {"account_uid": ""}, {}, "deleted and created again"),
        ({}, {"account_uid": "a2"}, {}, "deleted and created again"),
        ({}, {}, {"account_uid": ""}, "its service account was deleted"),
        ({}, {}, {"target_uid": "t2"}, "its target cluster was deleted and created again"),
        ({}, {}, {"target_uid": ""}, "its target cluster was deleted and created again"),
        ({"annotations": REQUEST.annotations | {"kubemint.io/target-uid": ""}}, {}, {}, "its target cluster"),
        ({}, {"expires_at": None}, {}, "from when to when"),
        ({}, {"issued_at": None}, {}, "from when to when"),
        ({}, {"issued_at": MADE + timedelta(hours=2)}, {}, "from when to when"),
        ({"duration": "2h"}, {}, {}, "the wanted lifetime changed"),
        ({"annotations": REQUEST.annotations | {"kubemint.io/requested": "2h"}}, {}, {}, "the wanted lifetime"),
        ({"annotations": REQUEST.annotations | {"kubemint.io/requested": "soon"}}, {}, {}, "the wanted lifetime"),
        ({}, {}, {"now": MADE + timedelta(minutes=55)}, "it is due"),
        ({}, {"word": Word.REFUSED}, {"now": MADE + timedelta(minutes=55)}, "it is due"),
        ({"issued_at": None}, {}, {}, "when the token was issued is not known"),
        ({"issued_at": MADE + timedelta(hours=1)}, {}, {}, "when the token was issued is not known"),
        ({"status_service_account": NamespacedName("sa", "old")}, {}, {}, "the service account changed"),
        ({"status_target": None}, {}, {}, "the target cluster changed"),
        # of DPF's controller: no marks, bound to nothing
        (UNMARKED, {"handle": None, "fingerprint": "f9"}, {}, STAYS),
        (UNMARKED, {"handle": None, "word": Word.UNASKED}, {}, UNSURE),
        (UNMARKED | {"duration": "2h"}, {"handle": None}, {}, "the wanted lifetime changed"),
        # what the request does not say, or says otherwise
        (UNMARKED, {}, {}, "the Secret holds another token"),
        (UNMARKED, {"ours": True}, {}, ADOPT),
        (UNMARKED, {"ours": True, "word": Word.UNASKED}, {}, UNSURE),
        ({}, {"fingerprint": "f2"}, {}, "the Secret holds another token"),
        ({}, {"fingerprint": "f2", "ours": True}, {}, ADOPT),
        ({}, {"handle": None, "ours": True}, {}, ADOPT),
        ({"annotations": REQUEST.annotations | {"kubemint.io/handle": "sa/theirs/h9"}}, {"ours": True}, {}, ADOPT),
        ({"expires_at": MADE + timedelta(days=9)}, {"ours": True}, {}, ADOPT),
        ({"expires_at": MADE + timedelta(days=9)}, {}, {}, "the Secret holds another token"),
        ({"issued_at": MADE + timedelta(seconds=2)}, {}, {}, STAYS),
        ({"issued_at": MADE + timedelta(seconds=3)}, {"ours": True}, {}, ADOPT),
        ({"expires_at": MADE + timedelta(seconds=3602)} | UNMARKED, {"handle": None}, {}, STAYS),
        ({"expires_at": MADE + timedelta(seconds=3603)} | UNMARKED, {"handle": None, "ours": True}, {}, ADOPT),
        ({"annotations": {**REQUEST.annotations, "kubemint.io/handle": ""}}, {"handle": None}, {}, "another token"),
        ({"annotations": UNBOUND}, {"handle": None}, {}, STAYS),
        ({"annotations": UNBOUND}, {}, {}, "another token"),
        # lifetimes
        ({}, {"issued_at": MADE + timedelta(hours=1)}, {}, "from when to when"),
        ({"annotations": UNASKED, "duration": ""}, {}, {}, STAYS),
        ({"annotations": UNASKED}, {}, {}, "the wanted lifetime changed"),
        (UNMARKED | {"duration": "3600.5s"}, {"handle": None}, {}, STAYS),
        (UNMARKED, {"handle": None, "expires_at": MADE + timedelta(seconds=3600.5)}, {}, STAYS),
        (UNMARKED | {"duration": "3601s"}, {"handle": None}, {}, "the wanted lifetime changed"),
        ({}, {}, {"now": POINT}, STAYS),
        ({}, {}, {"now": POINT + timedelta(seconds=1)}, "it is due"),
        # the first one
        ({"expires_at": None, "issued_at": None}, {"ours": True}, {}, ADOPT),
        ({"expires_at": None, "issued_at": None}, {}, {}, "the Secret holds another token"),
        ({"expires_at": None}, {"word": Word.NONE, "identity": None}, {}, "nothing was issued yet"),
        ({"status_service_account": None}, {}, {"account_uid": ""}, "nothing was issued yet"),
    ],
)
def test_a_token_stays_only_where_everything_is_established(
    request_: dict[str, Any], kept: dict[str, Any], facts: dict[str, Any], decision: Decision | str
) -> None:
    given: dict[str, Any] = {"account_uid": "a1", "target_uid": "t1", "now": MADE + timedelta(minutes=1)} | facts
    found = decide(
        msgspec.structs.replace(REQUEST, **request_), ROBOT, given["account_uid"], given["target_uid"],
        msgspec.structs.replace(KEPT, **kept), given["now"],
    )  # fmt: skip
    if isinstance(decision, str):
        assert decision in found.mint
        assert not found.adopt
        assert not found.unsure
    else:
        assert found == decision


# Whose an account or a Secret is


MINE = ownership("ns", "req")


@pytest.mark.parametrize(
    ("seen", "named", "belongs_"),
    [
        (Seen(labels=MINE), False, True),
        (Seen(labels=MINE), True, True),
        (Seen(labels=MINE | {"other": "x"}), False, True),
        (Seen(labels=MINE, managers=frozenset({"kubectl"})), False, True),
        (Seen(labels=ownership("ns", "other"), managers=frozenset({FIELD_MANAGER})), True, False),
        (Seen(labels=ownership("other", "req"), managers=frozenset({FIELD_MANAGER})), True, False),
        *[
            (Seen(labels={key: MINE[key] for key in MINE if key != left}, managers=frozenset({FIELD_MANAGER})), True,
             False)
            for left in MINE
        ],
        (Seen(managers=frozenset({FIELD_MANAGER})), True, True),
        (Seen(managers=frozenset({FIELD_MANAGER, "kubectl"})), True, True),
        (Seen(managers=frozenset({FIELD_MANAGER})), False, False),
        (Seen(managers=frozenset({"kubectl"})), True, False),
        (Seen(), True, False),
        (Seen(), False, False),
        (Seen(made_for="r1"), True, False),
    ],
)  # fmt: skip
def test_it_belongs_to_the_request_that_its_labels_name(seen: Seen, named: bool, belongs_: bool) -> None:
    """Or, of the controller's first versions, to the one whose status names it, with the field manager really there."""
    assert belongs(seen, REQUEST, named=named) is belongs_


LABELLED = Seen(uid="u1", labels=MINE)


@pytest.mark.parametrize(
    ("kind", "seen", "uid", "why"),
    [
        ("account", LABELLED, "u1", ""),
        ("account", LABELLED, "u2", "another one has its name"),
        ("account", LABELLED, "", "nothing says that it is the account"),
        ("account", msgspec.structs.replace(LABELLED, made_for="r1"), "", ""),
        ("account", msgspec.structs.replace(LABELLED, made_for="r1"), "u1", ""),
        ("account", msgspec.structs.replace(LABELLED, made_for="r1"), "u2", "another one has its name"),
        ("account", msgspec.structs.replace(LABELLED, made_for="r2"), "u1", "another request of this name"),
        ("account", msgspec.structs.replace(LABELLED, labels={}, made_for="r1"), "u1", "its labels do not say"),
        ("account", msgspec.structs.replace(LABELLED, labels={}, managers=frozenset({FIELD_MANAGER})), "u1", "labels"),
        ("account", msgspec.structs.replace(LABELLED, labels=ownership("ns", "other")), "u1", "labels"),
        ("secret", msgspec.structs.replace(LABELLED, type="Opaque"), "", ""),
        ("secret", msgspec.structs.replace(LABELLED, type="Opaque"), "u1", ""),
        ("secret", msgspec.structs.replace(LABELLED, type="Opaque"), "u2", "another one has its name"),
        ("secret", msgspec.structs.replace(LABELLED, type="Opaque", labels={}), "u1", "labels"),
        ("secret", msgspec.structs.replace(LABELLED, type="kubernetes.io/tls"), "u1", "it is of type"),
        ("secret", msgspec.structs.replace(LABELLED, type="kubernetes.io/service-account-token"), "", "of type"),
        ("secret", LABELLED, "u1", "it is of type"),
    ],
)
def test_removed_is_only_what_was_made_for_this_very_request(
    kind: Literal["account", "secret"], seen: Seen, uid: str, why: str
) -> None:
    found = left_alone(kind, seen, REQUEST, uid)
    assert why in found if why else found == ""


# Who keeps a request


def stamp(minutes: float) -> str:
    return f"{MADE + timedelta(minutes=minutes):%Y-%m-%dT%H:%M:%SZ}"


def request_obj(*managers: dict[str, Any], marks: dict[str, str] | None = None, **changes: Any) -> dict[str, Any]:
    """A request with a token of an hour that DPF's controller issued at MADE."""
    meta = {
        "name": "req", "namespace": "ns", "uid": "r1", "creationTimestamp": stamp(-9), "finalizers": [FINALIZER],
        "managedFields": list(managers), "annotations": marks or {},
    }  # fmt: skip
    status = {"issuedAt": stamp(0), "expirationTimestamp": stamp(60), "serviceAccount": "sa/robot", "secret": "ns/out"}
    meta |= {key: value for key, value in changes.items() if key in meta}
    status |= {key: value for key, value in changes.items() if key in status}
    spec = {"serviceAccount": {"name": "robot"}, "secret": {"name": "out"}, "type": "kubeconfig"}
    return {"metadata": meta, "spec": spec, "status": {key: value for key, value in status.items() if value}}


def wrote(manager: str = FIELD_MANAGER, at: float = 0, subresource: str = "") -> dict[str, Any]:
    return {"manager": manager, "time": stamp(at), "subresource": subresource, "operation": "Update"}


OURS = {EXPIRES: stamp(60), "kubemint.io/fingerprint": "f1"}


@pytest.mark.parametrize(
    ("obj", "minute", "seen"),
    [
        # by its token, which is not kubemint's
        (request_obj(), 0, "was renewed in time"),
        (request_obj(), -1, "was renewed in time"),
        (request_obj(), -2, ""),
        (request_obj(), 48.9, "was renewed in time"),
        (request_obj(), 49, ""),
        (request_obj(expirationTimestamp=stamp(40 * 60)), 32 * 60 + 0.9, "was renewed in time"),
        (request_obj(expirationTimestamp=stamp(40 * 60)), 32 * 60 + 1, ""),
        (request_obj(finalizers=[]), 1, ""),
        (request_obj(issuedAt=""), 1, ""),
        (request_obj(expirationTimestamp=""), 1, ""),
        (request_obj(marks=OURS), 1, ""),
        (request_obj(marks={EXPIRES: stamp(61)}), 1, ""),
        (request_obj(marks={EXPIRES: stamp(59)}), 1, "was renewed in time"),
        # by who wrote it lately
        (request_obj(wrote(), marks=OURS), 9.9, f"{FIELD_MANAGER} wrote the status of ns/req at 12:00:00 UTC"),
        (request_obj(wrote(), marks=OURS), 10, ""),
        (request_obj(wrote("dpf-operator", 0, "status"), marks=OURS), 1, "dpf-operator wrote"),
        (request_obj(wrote("dpf-operator"), marks=OURS), 1, ""),
        (request_obj(wrote("kubemint", 0, "status"), marks=OURS), 1, ""),
        (request_obj(wrote("kubectl-edit", 0, "status"), marks=OURS), 1, ""),
        (request_obj(wrote(at=48), marks=OURS), 48.9, "wrote the status"),
        (request_obj(wrote(at=48), marks=OURS), 49, ""),
        (request_obj(wrote(at=55), marks=OURS), 55, ""),
        (request_obj(wrote(at=100), issuedAt="", marks=OURS), 109, "wrote the status"),
        (request_obj(wrote(at=100), expirationTimestamp="", marks={}), 109, "wrote the status"),
        (request_obj(wrote(at=100), expirationTimestamp="", marks={}), 110, ""),
        (request_obj({"manager": FIELD_MANAGER, "time": "soon"}, marks=OURS), 1, ""),
        (request_obj({"time": stamp(0)}, wrote(), marks=OURS), 1, "wrote the status"),
        ({"metadata": {}, "spec": {}}, 1, ""),
    ],
)
def test_what_shows_that_the_controller_keeps_it(obj: dict[str, Any], minute: float, seen: str) -> None:
    found = trace(obj, MADE + timedelta(minutes=minute))
    assert seen in found if seen else found == ""


def test_only_a_new_one_is_left_for_what_is_seen_in_others() -> None:
    kept, now = request_obj(), MADE + timedelta(seconds=30)
    new = {"metadata": {"name": "new", "creationTimestamp": stamp(0)}, "spec": {}}
    old = {"metadata": {"name": "old", "creationTimestamp": stamp(-1)}, "spec": {}}
    assert tended(kept, [], now) == trace(kept, now)
    assert tended(new, [kept], now) == f"it is new, and a controller seems to be at work here: {trace(kept, now)}"
    assert tended(new, [], now) == tended(new, [new, old], now) == ""
    assert tended(old, [kept], now) == ""
    assert tended(new, [kept], MADE + timedelta(minutes=1)) == ""


def token(**claims: Any) -> Sensitive:
    """A token that says this; nobody signed it."""

    def part(value: dict[str, Any]) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    return Sensitive(f"{part({'alg': 'none'})}.{part(claims)}.c2ln".encode())


@pytest.mark.parametrize(
    ("found", "holds_"),
    [
        (None, False),
        (Sensitive(b"no token"), False),
        (token(exp=(MADE + timedelta(hours=1)).timestamp()), True),
        (token(exp=(MADE + timedelta(hours=1)).timestamp() - 2), True),
        (token(exp=(MADE + timedelta(hours=1)).timestamp() - 3), False),
        (token(exp=(MADE + timedelta(hours=9)).timestamp()), True),
        (token(sub="x"), False),
    ],
)
def test_a_status_counts_where_its_token_is_in_the_secret(found: Sensitive | None, holds_: bool) -> None:
    assert holds(REQUEST, found) is holds_
    assert not holds(msgspec.structs.replace(REQUEST, expires_at=None), found)


PRIVATE = {"namespace": "sa", "serviceaccount": {"name": "robot", "uid": "a1"}}


def test_what_a_token_says_of_itself_is_not_confirmed_by_that() -> None:
    bound = token(iat=1, exp=2, **{"kubernetes.io": PRIVATE | {"secret": {"name": "h", "uid": "h1"}}})
    kept = read(bound, "c")
    assert (kept.word, kept.identity, kept.account_uid) == (Word.UNASKED, Identity("c", "sa", "robot"), "a1")
    assert (kept.handle, kept.fingerprint, kept.ours) == (Handle("c", "sa", "h", "h1"), bound.fingerprint, False)
    assert read(token(**{"kubernetes.io": PRIVATE}), "c").ours
    assert not read(token(**{"kubernetes.io": PRIVATE | {"pod": {"name": "p", "uid": "u"}}}), "c").ours
    assert read(None, "c").word is Word.NONE
    assert read(Sensitive(b"x"), "c").word is Word.UNREADABLE


def test_whose_an_object_is_is_read_from_any_metadata() -> None:
    meta = {
        "uid": "u1", "labels": {"a": "b"}, "annotations": {"kubemint.io/request": "r1"},
        "managedFields": [{"manager": "m"}, "mangled", {"manager": None}],
    }  # fmt: skip
    assert seen_in(meta, "Opaque") == Seen(
        uid="u1", labels={"a": "b"}, managers=frozenset({"m", "None"}), made_for="r1", type="Opaque"
    )
    assert seen_in({}) == seen_in({"labels": None, "annotations": None, "managedFields": None}) == Seen()
