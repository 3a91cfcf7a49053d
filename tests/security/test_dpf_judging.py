"""What is decided of the claims of a DPU request, from facts alone: whose a token and an account are, who keeps it."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import msgspec
import pytest

from tui.issuance.families.dpf.aside import holds
from tui.issuance.families.dpf.kept import Decision, Kept, decide, read
from tui.issuance.families.dpf.objects import DPURequest, NamespacedName
from tui.issuance.families.dpf.owned import Seen, Witness, foreign, left_alone, seen_in, way_out
from tui.issuance.families.dpf.resources import EXPIRES, FIELD_MANAGER, FINALIZER, NAME_LABEL, old_ownership, ownership
from tui.issuance.families.dpf.steps import format_in
from tui.issuance.families.dpf.tending import tended, trace, waits_until
from tui.issuance.formats import Format
from tui.issuance.model.renewal import rotate_at, spread
from tui.issuance.model.types import Handle, Identity
from tui.issuance.trust.showing import home_of
from tui.issuance.trust.vouchers import Word
from tui.kube.endpoint import Endpoint
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
    issued_at=MADE, expires_at=MADE + timedelta(hours=1), fingerprint="f1", home=NamespacedName("dpf", "tenant"),
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
        ({}, {"identity": None}, {}, "a token of no account"),
        ({}, {"identity": Identity("harbor/dpf/tenant", "sa", "other")}, {}, "a token of"),
        ({}, {"identity": Identity("harbor/dpf/tenant", "other", "robot")}, {}, "a token of"),
        ({}, {"identity": Identity("harbor", "sa", "robot")}, {}, "a token of"),
        ({}, {"lost": True}, {}, "of which cluster"),
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
SINCE = MADE - timedelta(days=1)
LONG = "site-amsterdam-rack-0042-blade-07-storage-gateway-operator-credentials-prod"
CUT = old_ownership("ns", LONG)[NAME_LABEL]
"""What earlier versions called it in a label, which another request may be called."""
NAMES = [
    # a label that says so, and the UID of the request beside it
    ("req", {"made_for": "r1"}, {}, ""),
    ("req", {"made_for": "r1", "labels": MINE | {"other": "x"}}, {}, ""),
    ("req", {"made_for": "r1", "made_at": None}, {"here": True}, ""),
    ("req", {"made_for": "r2"}, {}, "another request of this name"),
    ("req", {"made_for": "r2"}, {"here": True}, "another request of this name"),
    ("req", {"made_for": "r2"}, {"witness": Witness("u1", True)}, "another request of this name"),
    ("req", {"made_for": "r1", "labels": {}}, {"here": True, "witness": Witness("u1", True)}, "labels do not say"),
    ("req", {"made_for": "r1", "labels": ownership("ns", "other")}, {"here": True}, "labels do not say"),
    ("req", {"made_for": "r1", "labels": ownership("other", "req")}, {"here": True}, "labels do not say"),
    *[
        ("req", {"made_for": "r1", "labels": {key: MINE[key] for key in MINE if key != left}}, {"here": True},
         "labels do not say")
        for left in MINE
    ],
    # no UID: made by DPF's controller, or by an earlier version
    ("req", {}, {"here": True}, ""),
    ("req", {"made_at": SINCE}, {"here": True}, ""),
    ("req", {"made_at": SINCE - timedelta(seconds=1)}, {"here": True}, "nothing says that it was made for this one"),
    ("req", {"made_at": None}, {"here": True}, "nothing says"),
    ("req", {}, {}, "nothing says"),
    ("req", {}, {"witness": Witness("u1", True)}, ""),
    ("req", {}, {"witness": Witness("u2", True)}, "nothing says"),
    ("req", {"uid": ""}, {}, "nothing says"),
    ("req", {}, {"witness": Witness("u1")}, ""),
    ("req", {}, {"witness": Witness("u2")}, "nothing says"),
    ("req", {"uid": ""}, {"witness": Witness("", True)}, "nothing says"),
    ("req", {"made_at": SINCE - timedelta(minutes=1)}, {"witness": Witness("u1")}, ""),
    ("req", {"made_at": SINCE - timedelta(seconds=61)}, {"witness": Witness("u1")}, "nothing says"),
    ("req", {"made_at": SINCE - timedelta(seconds=61)}, {"witness": Witness("u1", True)}, ""),
    ("req", {"made_at": None}, {"witness": Witness("u1")}, "nothing says"),
    ("req", {"made_at": SINCE - timedelta(seconds=1)}, {"here": True, "witness": Witness("u1")}, "nothing says"),
    ("req", {"labels": {}}, {"here": True, "witness": Witness("u1", True)}, "labels do not say"),
    # a name that was cut
    (LONG, {"labels": ownership("ns", LONG), "made_for": "r1"}, {}, ""),
    (LONG, {"labels": ownership("ns", LONG)}, {"here": True}, ""),
    (LONG, {"labels": old_ownership("ns", LONG), "made_for": "r1"}, {}, ""),
    (LONG, {"labels": old_ownership("ns", LONG)}, {"witness": Witness("u1", True)}, ""),
    (LONG, {"labels": old_ownership("ns", LONG)}, {"here": True}, "nothing says"),
    (LONG, {"labels": old_ownership("ns", LONG)}, {"witness": Witness("u1")}, "nothing says"),
    (CUT, {"labels": old_ownership("ns", LONG)}, {"witness": Witness("u1")}, "nothing says"),
    (CUT, {"labels": old_ownership("ns", LONG), "made_for": "r2"}, {"here": True}, "another request"),
    (CUT, {"labels": old_ownership("ns", LONG)}, {"here": True}, "nothing says"),
    (CUT, {"labels": old_ownership("ns", LONG), "made_for": "r1"}, {"here": True}, ""),
    (CUT, {"labels": ownership("ns", LONG), "made_for": "r1"}, {"here": True}, "labels do not say"),
]  # fmt: skip


def owned(**changes: Any) -> Seen:
    return msgspec.structs.replace(Seen(uid="u1", labels=MINE, made_at=MADE), **changes)


def wanting(name: str = "req") -> DPURequest:
    return msgspec.structs.replace(REQUEST, name=name, created_at=SINCE)


@pytest.mark.parametrize(("name", "seen", "given", "why"), NAMES)
def test_it_is_the_requests_by_labels_and_uid_or_by_what_nobody_can_write(
    name: str, seen: dict[str, Any], given: dict[str, Any], why: str
) -> None:
    """Nobody's status, and no field manager: whoever may write a request may write these."""
    found = foreign(owned(**seen), wanting(name), **({"here": False} | given))
    assert why in found if why else found == ""


def test_a_request_of_which_nothing_is_known_owns_nothing() -> None:
    assert foreign(owned(), REQUEST, here=True) != ""
    assert foreign(owned(made_for=""), msgspec.structs.replace(wanting(), uid=""), here=False) != ""


@pytest.mark.parametrize(
    ("kind", "changes", "uid", "why"),
    [
        ("account", {}, "u1", ""),
        ("account", {}, "u2", "another one has its name"),
        ("account", {}, "", ""),
        ("account", {"made_for": ""}, "u1", "nothing says"),
        ("account", {"made_for": "r2"}, "u1", "another request of this name"),
        ("account", {"labels": {}}, "u1", "its labels do not say"),
        ("account", {"labels": ownership("ns", "other")}, "u1", "labels"),
        ("secret", {"type": "Opaque"}, "", ""),
        ("secret", {"type": "Opaque"}, "u1", ""),
        ("secret", {"type": "Opaque"}, "u2", "another one has its name"),
        ("secret", {"type": "Opaque", "labels": {}}, "u1", "labels"),
        ("secret", {"type": "kubernetes.io/tls"}, "u1", "it is of type"),
        ("secret", {"type": "kubernetes.io/service-account-token"}, "", "of type"),
        ("secret", {}, "u1", "it is of type"),
    ],
)
def test_removed_is_only_what_was_made_for_this_very_request(
    kind: Literal["account", "secret"], changes: dict[str, Any], uid: str, why: str
) -> None:
    found = left_alone(kind, owned(**({"made_for": "r1"} | changes)), wanting(), uid, here=False)
    assert why in found if why else found == ""


def test_what_is_not_marked_is_removed_where_it_might_be_used() -> None:
    assert left_alone("account", owned(), wanting(), "", here=True) == ""
    assert left_alone("account", owned(), wanting(), "", here=False, witness=Witness("u1", True)) == ""
    assert left_alone("account", owned(), wanting(), "", here=False, witness=Witness("u2", True)) != ""
    assert left_alone("account", owned(), wanting(), "u2", here=True) != ""


def test_the_way_out_names_what_to_write_and_where() -> None:
    where = NamespacedName("robots", "gateway")
    said = way_out("account", where, wanting())
    assert "kubectl -n robots label serviceaccount gateway --overwrite" in said
    assert "svc.dpu.nvidia.com/credential-request-name=req" in said
    assert said.endswith("kubectl -n robots annotate serviceaccount gateway --overwrite kubemint.io/request=r1")
    assert "annotate secret gateway" in way_out("secret", where, wanting())
    hostile = way_out("secret", NamespacedName("robots", "$(reboot)"), wanting())
    assert "'$(reboot)'" in hostile


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


HOUR = {"iat": MADE.timestamp(), "exp": (MADE + timedelta(hours=1)).timestamp()}


@pytest.mark.parametrize(
    ("found", "minute", "holds_"),
    [
        (None, 1, False),
        (Sensitive(b"no token"), 1, False),
        (token(**HOUR), 1, True),
        (token(iat=HOUR["iat"], exp=HOUR["exp"] - 2), 1, True),
        (token(iat=HOUR["iat"], exp=HOUR["exp"] - 3), 1, False),
        (token(iat=HOUR["iat"], exp=(MADE + timedelta(hours=9)).timestamp()), 1, True),
        (token(sub="x"), 1, False),
        (token(exp=HOUR["exp"]), 1, False),
        (token(iat=HOUR["iat"]), 1, False),
        # until it should have been renewed, by what it says itself
        (token(**HOUR), 48.9, True),
        (token(**HOUR), 49, False),
        (token(**HOUR), 61, False),
    ],
)
def test_a_status_counts_where_its_token_is_in_the_secret(found: Sensitive | None, minute: float, holds_: bool) -> None:
    now = MADE + timedelta(minutes=minute)
    assert holds(REQUEST, found, now) is holds_
    assert not holds(msgspec.structs.replace(REQUEST, expires_at=None), found, now)
    forged = msgspec.structs.replace(REQUEST, issued_at=MADE + timedelta(minutes=59, seconds=59))
    assert holds(forged, found, now) is holds_, "the status says when it was issued, and others may write that"


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
        "uid": "u1", "labels": {"a": "b"}, "annotations": {"kubemint.io/request": "r1"}, "creationTimestamp": stamp(0),
    }  # fmt: skip
    assert seen_in(meta, "Opaque") == Seen(uid="u1", labels={"a": "b"}, made_for="r1", made_at=MADE, type="Opaque")
    assert seen_in({}) == seen_in({"labels": None, "annotations": None, "creationTimestamp": "soon"}) == Seen()


# To whom a token may be shown


CA, OTHER_CA = (f"-----BEGIN CERTIFICATE-----{text}-----END CERTIFICATE-----".encode() for text in ("MIIB", "MIIC"))
KNOWN = {
    "host": Endpoint(name="host", server="https://host:6443", ca=CA),
    "tenant": Endpoint(name="tenant", server="https://tenant:6443", ca=OTHER_CA),
    "open": Endpoint(name="open", server="https://open:6443"),
    "unsafe": Endpoint(name="unsafe", server="https://unsafe:6443", insecure=True),
    "forged": Endpoint(name="forged", server="https://mallory:6443", ca=CA),
}


@pytest.mark.parametrize(
    ("server", "ca", "said", "home"),
    [
        ("https://host:6443", CA, "host", "host"),
        ("https://host:6443", CA, "tenant", "host"),
        ("https://host:6443", CA, "forged", "host"),
        ("https://tenant:6443", OTHER_CA, "tenant", "tenant"),
        ("https://tenant:6443", OTHER_CA, "host", "tenant"),
        ("https://moved:6443", OTHER_CA + b"\n", "tenant", "tenant"),
        ("https://10.96.0.1", CA, "host", "host"),
        ("https://10.96.0.1", CA, "forged", ""),
        ("https://10.96.0.1", CA, "tenant", ""),
        ("https://mallory:6443", CA, "forged", "forged"),
        ("https://tenant:6443", None, "tenant", ""),
        ("https://tenant:6443", b"another", "tenant", ""),
        ("https://10.96.0.1", b"-----BEGIN CERTIFICATE-----X-----END CERTIFICATE-----", "host", "host"),
        ("https://10.96.0.1", b"-----BEGIN CERTIFICATE-----X-----END CERTIFICATE-----", "tenant", ""),
        ("https://open:6443", None, "open", "open"),
        ("https://open:6443", None, "tenant", "open"),
        ("https://elsewhere:6443", None, "open", ""),
        ("https://unsafe:6443", None, "unsafe", ""),
        ("", None, "host", "host"),
        ("", None, "tenant", ""),
        ("https://tenant:6443", OTHER_CA, "gone", "tenant"),
        ("https://gone:6443", b"x", "gone", ""),
    ],
)
def test_a_token_is_of_the_cluster_to_which_its_place_leads(
    server: str, ca: bytes | None, said: str, home: str
) -> None:
    address = Endpoint(name="", server=server, ca=ca) if server else None
    assert home_of(address, KNOWN, said, "host") == home


@pytest.mark.parametrize(
    ("declared", "keys", "read"),
    [
        (Format.TOKEN_FILE, (*Format.TOKEN_FILE.rules.keys, "kubeconfig"), Format.TOKEN_FILE),
        (Format.KUBECONFIG, (*Format.TOKEN_FILE.rules.keys, "kubeconfig"), Format.KUBECONFIG),
        (Format.TOKEN_FILE, ("TOKEN_FILE", "kubeconfig"), None),
        (Format.TOKEN_FILE, ("kubeconfig", "theirs"), Format.KUBECONFIG),
        (Format.KUBECONFIG, Format.TOKEN_FILE.rules.keys, Format.TOKEN_FILE),
        (None, ("kubeconfig",), Format.KUBECONFIG),
        (Format.KUBECONFIG, ("theirs",), None),
    ],
)
def test_a_secret_is_read_in_the_format_that_is_declared(
    declared: Format | None, keys: tuple[str, ...], read: Format | None
) -> None:
    assert format_in(declared, keys) == read
