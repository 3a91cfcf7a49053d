"""What a request waits for, in words that name who has to act and what is in the way."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tui.issuance.families.dpf.waiting import waits_for
from tui.issuance.model.types import State

AT = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
GOOD = [(kind, "True", "Success", "") for kind in ("Ready", "ServiceAccountReconciled", "SecretReconciled")]
SEEN = "dpuservicecredentialrequestcontroller wrote the status of a/b at 03:00:00 UTC"


def failed(kind: str, message: str, reason: str = "Error") -> list[tuple[str, str, str, str]]:
    summary = ("Ready", "False", "Pending", f"The following conditions are not ready: {kind}")
    return [summary, (kind, "False", reason, message)]


@pytest.mark.parametrize(
    ("state", "tended", "first"),
    [
        (State.PENDING, "", "Nothing was issued yet, and no controller is at work here: `kubemint reconcile` issues"),
        (State.PENDING, SEEN, "Nothing was issued yet: it waits for DPF's controller"),
        (State.UNKNOWN, "", "When its token was issued is not known, and no controller"),
        (State.DUE, "", "Its token should have been renewed by now: `kubemint rotate` renews it now"),
        (State.EXPIRED, SEEN, "Its token has expired: `kubemint rotate` renews it now."),
        (State.VALID, SEEN, "Nothing: it is up to date."),
        (State.VALID, "", "Nothing: it is up to date."),
    ],
)
def test_the_first_sentence_says_who_has_to_act(state: State, tended: str, first: str) -> None:
    lines = waits_for(state=state, conditions=GOOD, deleted_at=None, tended=tended)
    assert lines[0].startswith(first)
    assert any(SEEN in line for line in lines) is bool(tended)


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("ServiceAccountReconciled", "The last try to make its service account and token failed: it is in use"),
        ("SecretReconciled", "The last try to write its Secret failed: it is in use"),
    ],
)
def test_what_is_in_the_way_is_said_once(kind: str, says: str) -> None:
    conditions = failed(kind, "Error occurred: it is in use")
    lines = waits_for(state=State.FAILED, conditions=conditions, deleted_at=None, tended="")
    assert lines[0] == says
    assert sum("it is in use" in line for line in lines) == 1


def test_b29_a_deletion_says_what_holds_it_and_the_way_out() -> None:
    going = waits_for(state=State.VALID, conditions=GOOD, deleted_at=AT, tended="")
    assert len(going) == 1
    assert going[0].startswith("It is being deleted since 2030-01-02 03:04:05 UTC: it stays until somebody removes")
    assert going[0].endswith("`kubemint reconcile` does that.")
    text = "cannot clean up service account a/b in island: connection refused"
    conditions = failed("ServiceAccountReconciled", text, "AwaitingDeletion")
    stuck = waits_for(state=State.EXPIRED, conditions=conditions, deleted_at=AT, tended=SEEN)
    assert "until DPF's controller removes" in stuck[0]
    assert stuck[1] == f"The last try said: {text}"
    assert "`kubemint reconcile --abandon`" in stuck[2]
