"""Conditions as DPF keeps them: each step has one, and `Ready` sums them up."""

from __future__ import annotations

from typing import Final

from tui.demo.apiserver.access import Object

STEPS: Final = ("ServiceAccountReconciled", "SecretReconciled")
_SEVERITY: Final = ("Pending", "Failure", "AwaitingDeletion")


def ensure(status: Object, now: str) -> None:
    """Adds what is missing as Unknown, so that nothing looks ready before anything was done."""
    conditions = status.setdefault("conditions", [])
    present = {condition["type"] for condition in conditions}
    for kind in ("Ready", *STEPS):
        if kind not in present:
            unknown = {"type": kind, "status": "Unknown", "reason": "Pending", "message": ""}
            conditions.append(unknown | {"lastTransitionTime": now})


def put(status: Object, kind: str, state: str, reason: str, message: str, now: str) -> None:
    """Sets one condition; its transition time moves only when its status changes."""
    for condition in status["conditions"]:
        if condition["type"] == kind:
            if condition["status"] != state:
                condition["lastTransitionTime"] = now
            condition |= {"status": state, "reason": reason, "message": message}


def succeeded(status: Object, kind: str, now: str) -> None:
    """The step is done."""
    put(status, kind, "True", "Success", "", now)


def failed(status: Object, kind: str, error: str, now: str) -> None:
    """The step failed, and why."""
    put(status, kind, "False", "Error", f"Error occurred: {error}", now)


def summarize(status: Object, now: str) -> None:
    """Sets `Ready` from all others: True when all are, else False with the most severe reason that has a rank."""
    bad = [c for c in status["conditions"] if c["type"] != "Ready" and c["status"] != "True"]
    if not bad:
        put(status, "Ready", "True", "Success", "", now)
        return
    ranked = [c["reason"] for c in bad if c["reason"] in _SEVERITY]
    reason = max(ranked, key=_SEVERITY.index, default="Pending")
    names = ", ".join(c["type"] for c in bad)
    put(status, "Ready", "False", reason, f"The following conditions are not ready: {names}", now)
