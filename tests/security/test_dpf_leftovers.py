"""What a request leaves behind, from facts alone: what may go after a change, and what it still needs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from tests.security.test_dpf_judging import KEPT, REQUEST
from tui.issuance.families.dpf import cleanup
from tui.issuance.families.dpf.cleanup import Leftover
from tui.issuance.families.dpf.kept import Kept
from tui.issuance.families.dpf.objects import DPURequest, NamespacedName
from tui.issuance.families.dpf.resources import LEFTOVERS, MADE_IN
from tui.issuance.model.types import Handle, Identity

DUE = datetime(2030, 1, 2, tzinfo=UTC)
TENANT = "dpf/tenant"
OLD = Handle("harbor/dpf/tenant", "sa", "kubemint-robot-x", "h1")
NEW = Handle("harbor/dpf/tenant", "sa", "kubemint-robot-y", "h2")
HANDLE = Leftover(kind="handle", name="sa/kubemint-robot-x", target=TENANT, uid="h1", due=DUE)
ACCOUNT = Leftover(kind="account", name="sa/robot", target=TENANT, uid="a1", due=DUE)
SECRET = Leftover(kind="secret", name="ns/out", uid="s1", due=DUE)
BARE: dict[str, Any] = {"status_service_account": None, "status_target": None, "status_secret": None}


def request(**fields: Any) -> DPURequest:
    return msgspec.structs.replace(REQUEST, **fields)


def changed(one: Any, **fields: Any) -> Any:
    return msgspec.structs.replace(one, **fields)


def test_what_is_written_down_is_read_again() -> None:
    text = cleanup.written([HANDLE, SECRET, HANDLE])
    assert text is not None
    assert cleanup.leftovers_of(request(annotations={LEFTOVERS: text})) == (HANDLE, SECRET)
    assert cleanup.written([]) is None
    twice = text[:-1] + "," + text[1:]
    assert cleanup.leftovers_of(request(annotations={LEFTOVERS: twice})) == (HANDLE, SECRET)


@pytest.mark.parametrize("text", ["", "[", "{}", '[{"kind": "node", "name": "x"}]', "\ud800", '[{"kind": "handle"}]'])
def test_what_is_mangled_is_nothing(text: str) -> None:
    assert cleanup.leftovers_of(request(annotations={LEFTOVERS: text})) == ()
    assert cleanup.leftovers_of(request(annotations={})) == ()


def test_nobody_has_us_look_for_thousands_or_reckon_with_odd_times() -> None:
    many = [changed(SECRET, name=f"ns/{number}") for number in range(65)]
    assert cleanup.leftovers_of(request(annotations={LEFTOVERS: cleanup.written(many)})) == tuple(many[:64])
    odd = [changed(SECRET, due=DUE.replace(year=year)) for year in (1969, 1970, 9998, 9999)]
    read = cleanup.leftovers_of(request(annotations={LEFTOVERS: cleanup.written(odd)}))
    assert [one.due.year for one in read] == [1970, 9998]


def replaced(
    asked: DPURequest = REQUEST, kept: Kept = KEPT, new: Handle | None = NEW, *, new_token: bool = True
) -> list[Leftover]:
    return named(cleanup.replaced_by_change(asked, DUE, kept, "s1", new=new, new_token=new_token))


def named(left: list[Leftover]) -> list[Leftover]:
    """Without what says where it was made, which `test_where_it_was_made_goes_with_what_is_left` looks at."""
    return [changed(one, made=(), target_uid="") for one in left]


def test_where_it_was_made_goes_with_what_is_left() -> None:
    marked = request(annotations=REQUEST.annotations | {MADE_IN: "none https://a"}, secret=NamespacedName("sa", "x"))
    left = cleanup.replaced_by_change(marked, DUE, KEPT, "s1", new=NEW, new_token=True)
    assert left == [changed(HANDLE, made=("none https://a",), target_uid="t1"), SECRET]
    elsewhere = cleanup.everything(changed(marked, status_target=NamespacedName("dpf", "mallory")), DUE, KEPT)
    assert [(one.made, one.target_uid) for one in elsewhere] == [((), "")] * 3, "marks are of what the status names"


def test_a_new_token_makes_the_old_ones_handle_superfluous() -> None:
    assert replaced() == [HANDLE]
    assert replaced(new=None) == [HANDLE]
    assert replaced(new=OLD) == []
    assert replaced(new_token=False) == []
    assert replaced(request(annotations={})) == [HANDLE]
    assert replaced(kept=Kept()) == [HANDLE], "the marks name one too"
    theirs = changed(KEPT, handle=changed(OLD, name="kubemint-robot-z", uid="h3"))
    assert replaced(kept=theirs) == [changed(HANDLE, name="sa/kubemint-robot-z", uid="h3"), HANDLE]
    assert replaced(request(annotations={}), changed(KEPT, handle=None)) == []
    on_the_host = request(status_target=None, target=None, annotations={})
    here = changed(KEPT, home=None)
    assert replaced(on_the_host, here) == [changed(HANDLE, target="")]
    forged = request(status_target=NamespacedName("dpf", "mallory"))
    assert replaced(forged) == [HANDLE], "it is where the token is good, whatever the status says"
    assert replaced(changed(forged, target=None), here) == [changed(HANDLE, target="")]
    assert replaced(forged, Kept()) == [changed(HANDLE, target="dpf/mallory"), changed(ACCOUNT, target="dpf/mallory")]


def test_another_account_target_or_secret_makes_the_old_one_superfluous() -> None:
    moved = NamespacedName("sa", "other")
    assert replaced(request(service_account=moved), new=OLD) == [ACCOUNT]
    assert replaced(request(target=None), new=OLD) == [ACCOUNT]
    assert replaced(request(target=NamespacedName("dpf", "b")), new=OLD) == [ACCOUNT]
    assert replaced(request(secret=moved), new=OLD) == [SECRET]
    assert replaced(request(secret=moved, status_secret=None), new=OLD) == []
    assert replaced(request(service_account=moved, status_service_account=None), new=OLD) == []
    here = changed(KEPT, home=None)
    left = replaced(request(service_account=moved, status_target=None), here, OLD)
    assert left == [changed(ACCOUNT, target="")]


@pytest.mark.parametrize(
    ("asked", "kept", "uid"),
    [
        ({}, KEPT, "a1"),
        ({}, changed(KEPT, account_uid="a9"), "a9"),
        ({}, Kept(), "a1"),
        ({"annotations": {}}, Kept(), ""),
        ({"status_service_account": None}, KEPT, ""),
        ({"status_service_account": None}, Kept(), "a1"),
        # The token is another account's: neither it nor the marks say anything of this one.
        ({}, changed(KEPT, identity=Identity("harbor/dpf/tenant", "sa", "other")), ""),
        ({}, changed(KEPT, identity=Identity("harbor/dpf/tenant", "other", "robot")), ""),
    ],
)
def test_which_account_the_status_names(asked: dict[str, Any], kept: Kept, uid: str) -> None:
    assert cleanup.account_uid(request(**asked), kept) == uid


def test_everything_goes_with_a_deleted_request() -> None:
    own = [HANDLE, ACCOUNT, changed(SECRET, uid="")]
    assert named(cleanup.everything(REQUEST, DUE, KEPT)) == own
    assert named(cleanup.everything(REQUEST, DUE)) == own, "by the marks alone"
    left = changed(SECRET, name="ns/before")
    written = REQUEST.annotations | {LEFTOVERS: str(cleanup.written([left]))}
    assert named(cleanup.everything(request(annotations=written), DUE, KEPT)) == [left, *own]
    theirs = changed(KEPT, handle=NEW)
    assert named(cleanup.everything(REQUEST, DUE, theirs)) == [
        changed(HANDLE, name="sa/kubemint-robot-y", uid="h2"),
        *own,
    ]
    assert cleanup.everything(request(**BARE), DUE, Kept()) == []
    bare = cleanup.everything(request(status_target=None, annotations={}), DUE, changed(KEPT, home=None))
    assert bare == [changed(HANDLE, target=""), changed(ACCOUNT, target=""), changed(SECRET, uid="")]


def test_what_was_begun_goes_with_a_deleted_request() -> None:
    account = changed(ACCOUNT, uid="")
    secret = changed(SECRET, uid="")
    assert cleanup.begun(REQUEST, DUE) == []
    assert cleanup.begun(request(**BARE), DUE) == [account, secret]
    assert cleanup.begun(request(status_service_account=None), DUE) == [account]
    assert cleanup.begun(request(status_target=None), DUE) == [account]
    assert cleanup.begun(request(status_secret=NamespacedName("ns", "before")), DUE) == [secret]
    assert cleanup.begun(request(**BARE | {"target": None}), DUE) == [changed(account, target=""), secret]


@pytest.mark.parametrize(
    ("asked", "one", "live", "used"),
    [
        ({}, ACCOUNT, "", True),
        ({}, changed(ACCOUNT, name="sa/other"), "", False),
        ({}, changed(ACCOUNT, target=""), "", False),
        ({"target": None}, changed(ACCOUNT, target=""), "", True),
        ({"target": None}, ACCOUNT, "", False),
        ({}, SECRET, "", True),
        ({}, changed(SECRET, target=TENANT), "", True),
        ({}, changed(SECRET, name="ns/before"), "", False),
        ({}, HANDLE, "h1", True),
        ({}, HANDLE, "h2", False),
        ({}, HANDLE, "", False),
        ({}, changed(HANDLE, uid=""), "", False),
    ],
)
def test_what_is_named_again_is_in_use(asked: dict[str, Any], one: Leftover, live: str, used: bool) -> None:
    assert cleanup._is_in_use(request(**asked), one, live) is used


def test_where_it_lies_is_said() -> None:
    assert [cleanup._words(one) for one in (HANDLE, ACCOUNT, SECRET)] == [
        "handle sa/kubemint-robot-x",
        "service account sa/robot",
        "secret ns/out",
    ]
    assert cleanup._place(REQUEST, ACCOUNT) == "harbor/dpf/tenant"
    assert cleanup._place(REQUEST, changed(ACCOUNT, target="")) == "harbor"
    assert cleanup._place(REQUEST, changed(SECRET, target=TENANT)) == "harbor"
    assert cleanup._place(REQUEST, changed(ACCOUNT, target="mangled")) == "mangled"
