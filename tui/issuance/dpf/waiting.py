"""What a DPUServiceCredentialRequest waits for, in words: who has to do what next, and what is in the way."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from tui.issuance.types import State

from .conditions import ACCOUNT, AWAITING_DELETION, SECRET

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
    who = "DPF's controller" if tended else "kubemint (K keeps it)"
    bad = [(kind, reason, message) for kind, status, reason, message in conditions if status == "False" and message]
    found = list(_in_the_way(bad))
    if deleted_at is not None:
        since = f"It is being deleted since {deleted_at:%Y-%m-%d %H:%M:%S} UTC."
        lines = [f"{since} It stays until {who} has removed what was made for it."]
        if found:
            return [*lines, *found, "Where that can never be reached again, :abandon lets it go and leaves the rest."]
        return lines
    lines = []
    if state in (State.PENDING, State.UNKNOWN):
        lines.append(f"Nothing was issued yet: it waits for {who} to do that.")
    elif state in (State.DUE, State.EXPIRED):
        said = "has expired" if state is State.EXPIRED else "should have been renewed by now"
        lines.append(f"Its token {said}: it waits for {who} to renew it; r renews it at once.")
    elif not found:
        lines.append("Nothing: everything is as it should be.")
    lines += found
    if tended:
        lines.append(f"DPF's controller is at work here: {tended}.")
    elif state not in (State.PENDING, State.UNKNOWN):
        lines.append("No controller is seen at work here: K keeps it, and changes of it take effect only then.")
    return lines


def _in_the_way(bad: list[tuple[str, str, str]]) -> Iterable[str]:
    for kind, reason, message in bad:
        if kind not in _STEPS:
            continue
        what = "clean up" if reason == AWAITING_DELETION else _STEPS[kind]
        yield f"The last try to {what} failed: {message.removeprefix('Error occurred: ')}"
