"""What every undo intends, and what is said before it."""

from __future__ import annotations

from datetime import datetime

from tui.issuance.errors import IssuanceError
from tui.issuance.model.countdown import human_left
from tui.issuance.model.types import Action, Address, Credential
from tui.issuance.records.intent import Intent, Revocation, new_id
from tui.issuance.users.grace_length import Length


def undo_intent(
    address: Address, revocation: Revocation, request: str, now: tuple[Credential, ...], old: Credential
) -> Intent:
    """What the journal is told; the wish in it is for the caller to fill in.

    Raises IssuanceError where too little is recorded.
    """
    from tui.issuance.model.types import IssueSpec

    if old.identity is None or old.issued_at is None or old.expires_at is None:
        raise IssuanceError(f"too little is recorded of the old credential of {address} to go back to it")
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


def undo_warnings(intent: Intent, now: datetime, warnings: list[str], lasts: Length) -> list[str]:
    """What to know before going back."""
    left = human_left((intent.expires_at or now) - now)
    return [f"the old one itself ends in {left}, and is due for renewal before that", *warnings, *lasts.warnings]
