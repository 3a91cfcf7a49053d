"""What a DPUServiceCredentialRequest waits for, in words: who has to do what next, and what is in the way."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from tui.issuance.model.types import State

from .conditions import ACCOUNT, AWAITING_DELETION, SECRET

_FOR_THE_CONTROLLER = ": it waits for DPF's controller to issue one."
_FOR_SOMEBODY = ", and no controller is at work here: `kubemint reconcile` issues one now."
_STEPS = {ACCOUNT: "make its service account and token", SECRET: "write its Secret"}


def waits_for(
    *,
    state: State,
    conditions: Iterable[tuple[str, str, str, str]],
    deleted_at: datetime | None,
    tended: str,
) -> list[str]:
    """Sentences, the most important first. `conditions` are type, status, reason and message; `tended` is what shows
    that DPF's controller is at work, empty where nothing does."""
    bad = [(kind, reason, message) for kind, status, reason, message in conditions if status == "False" and message]
    found = list(_in_the_way(bad))
    if deleted_at is not None:
        who = "DPF's controller removes" if tended else "somebody removes"
        lines = [
            f"It is being deleted since {deleted_at:%Y-%m-%d %H:%M:%S} UTC: it stays until {who} what was made for it."
            + ("" if tended else " `kubemint reconcile` does that."),
            *found,
        ]
        if found:
            lines.append(
                "If that can never be reached again, `kubemint reconcile --abandon` gives up and leaves it behind."
            )
        return lines
    lines = []
    if state in (State.PENDING, State.UNKNOWN):
        what = "Nothing was issued yet" if state is State.PENDING else "When its token was issued is not known"
        lines.append(what + (_FOR_THE_CONTROLLER if tended else _FOR_SOMEBODY))
    elif state in (State.DUE, State.EXPIRED):
        said = "has expired" if state is State.EXPIRED else "should have been renewed by now"
        lines.append(
            f"Its token {said}: `kubemint rotate` renews it now"
            + ("." if tended else ", `kubemint reconcile` keeps the request.")
        )
    elif not found:
        lines.append("Nothing: it is up to date.")
    lines += found
    if tended:
        lines.append(f"DPF's controller is at work here: {tended}.")
    elif state not in (State.PENDING, State.UNKNOWN):
        lines.append("No controller is at work here: `kubemint reconcile` applies changes.")
    return lines


def _in_the_way(bad: list[tuple[str, str, str]]) -> Iterable[str]:
    for kind, reason, message in bad:
        text = message.removeprefix("Error occurred: ")
        if reason == AWAITING_DELETION and kind in _STEPS:
            yield f"The last try said: {text}"
        elif kind in _STEPS:
            yield f"The last try to {_STEPS[kind]} failed: {text}"
