"""What every undo intends, and how its plan reads."""

from __future__ import annotations

from datetime import datetime

from .countdown import human_left
from .durations import format_duration
from .errors import IssuanceError
from .grace_length import Length
from .intent import Intent, Revocation, new_id
from .shared_steps import COMMIT, revoke_step
from .types import Action, Address, Credential, Plan, Step
from .work import Context


def undo_intent(
    address: Address, revocation: Revocation, request: str, now: tuple[Credential, ...], old: Credential
) -> Intent:
    """What the journal is told; the wish in it is for the caller to fill in.

    Raises IssuanceError where too little is recorded.
    """
    from .types import IssueSpec

    if old.identity is None or old.issued_at is None or old.expires_at is None:
        raise IssuanceError(f"what is recorded of the old credential of {address} is not enough to go back to it")
    return Intent(
        plan=new_id(),
        action=Action.UNDO,
        address=address,
        request=request,
        spec=IssueSpec(identity=old.identity, destinations=()),
        handle=revocation.handle,
        fingerprint=old.fingerprint,
        requested=old.requested,
        granted=old.granted or old.expires_at - old.issued_at,
        issued_at=old.issued_at,
        expires_at=old.expires_at,
        old=now,
        undoes=revocation,
    )


def undo_plan(
    context: Context, intent: Intent, now: datetime, steps: list[Step], warnings: list[str], lasts: Length
) -> Plan:
    """The plan of an undo: its own steps, the commit, and the newer handle at the end of its grace."""
    steps = [*steps, COMMIT]
    grace = format_duration(intent.lasting(context.grace))
    steps += [
        revoke_step(number, one, f"Revoke the newer one after {grace}") for number, one in enumerate(intent.old_handles)
    ]
    left = human_left((intent.expires_at or now) - now)
    warnings = [f"the old one itself ends in {left}, and is due for renewal before that", *warnings]
    return Plan(
        id=intent.plan,
        action=Action.UNDO,
        address=intent.address,
        steps=tuple(steps),
        warnings=(*warnings, *lasts.warnings),
        grace=lasts.grace if intent.old_handles else None,
        grace_for=lasts.reasons,
    )
