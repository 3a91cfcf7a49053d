"""Conditions of a request's status, by the reference controller's rules.

`Ready` is a summary of the others. One thing differs: before anything was looked at the conditions are Unknown and
Pending, so that a request is never Ready because nothing was tried yet.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from tui.issuance.model.durations import rfc3339

from .objects import READY, Condition

ACCOUNT: Final = "ServiceAccountReconciled"
SECRET: Final = "SecretReconciled"
ALL: Final = (READY, ACCOUNT, SECRET)

SUCCESS: Final = "Success"
ERROR: Final = "Error"
PENDING: Final = "Pending"
FAILURE: Final = "Failure"
AWAITING_DELETION: Final = "AwaitingDeletion"

_SEVERITY: Final = {PENDING: 1, FAILURE: 2, AWAITING_DELETION: 3}
_MESSAGE_LIMIT: Final = 32768


def ensure(conditions: Iterable[Condition], now: datetime) -> tuple[Condition, ...]:
    """Every condition of a request is there; those that were not are Unknown and Pending."""
    present = tuple(conditions)
    known = {condition.type for condition in present}
    missing = [kind for kind in ALL if kind not in known]
    return present + tuple(_make(kind, "Unknown", PENDING, "", now) for kind in missing)


def succeeded(conditions: Iterable[Condition], kind: str, now: datetime, generation: int = 0) -> tuple[Condition, ...]:
    """`kind` is True."""
    return _put(conditions, _make(kind, "True", SUCCESS, "", now, generation))


def failed(
    conditions: Iterable[Condition], kind: str, message: str, now: datetime, generation: int = 0, reason: str = ERROR
) -> tuple[Condition, ...]:
    """`kind` is False. An error's message begins the way the reference controller begins it."""
    text = f"Error occurred: {message}" if reason == ERROR else message
    return _put(conditions, _make(kind, "False", reason, text, now, generation))


def summarize(conditions: Iterable[Condition], now: datetime, generation: int = 0) -> tuple[Condition, ...]:
    """`Ready` from all the others."""
    present = tuple(conditions)
    bad = [condition for condition in present if condition.type != READY and condition.status != "True"]
    if not bad:
        return succeeded(present, READY, now, generation)
    names = ", ".join(condition.type for condition in bad)
    message = f"The following conditions are not ready: {names}"
    return _put(present, _make(READY, "False", severest(c.reason for c in bad), message, now, generation))


def severest(reasons: Iterable[str]) -> str:
    """The worst reason of all. Those without a rank, `Error` among them, count for nothing; the least is Pending."""
    ranked = [reason for reason in reasons if reason in _SEVERITY]
    return max(ranked, key=_SEVERITY.__getitem__, default=PENDING)


def to_status(conditions: Sequence[Condition]) -> list[dict[str, Any]]:
    """As the API writes them."""
    written = []
    for condition in conditions:
        entry: dict[str, Any] = {
            "type": condition.type,
            "status": condition.status,
            "reason": condition.reason or PENDING,
            "message": condition.message,
            "lastTransitionTime": rfc3339(condition.last_transition_time or datetime.fromtimestamp(0, UTC)),
        }
        if condition.observed_generation:
            entry["observedGeneration"] = condition.observed_generation
        written.append(entry)
    return written


def _make(kind: str, status: str, reason: str, message: str, now: datetime, generation: int = 0) -> Condition:
    return Condition(
        type=kind,
        status=status,
        reason=reason,
        message=message[:_MESSAGE_LIMIT],
        last_transition_time=now,
        observed_generation=generation or None,
    )


def _put(conditions: Iterable[Condition], new: Condition) -> tuple[Condition, ...]:
    """`new` in place of its predecessor; the time of transition only moves when the status changes."""
    present = list(conditions)
    for index, old in enumerate(present):
        if old.type == new.type:
            if old.status == new.status and old.last_transition_time is not None:
                new = msgspec.structs.replace(new, last_transition_time=old.last_transition_time)
            present[index] = new
            return tuple(present)
    return (*present, new)
