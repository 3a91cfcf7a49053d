"""What a credential's cells say about time and state, and when that will next be different."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Final

from tui.fleet.moments import ago, lifetime
from tui.fleet.signs import STATES, Tone
from tui.issuance.countdown import countdown, human_left
from tui.issuance.kinds import CredentialKind
from tui.issuance.renewal import state_of
from tui.issuance.types import Credential, State

from .columns import Cell

SOON: Final = timedelta(minutes=5)
NONE: Final = Cell("–", Tone.MUTE)
_TICK: Final = timedelta(milliseconds=1)


def left(credential: Credential | None, now: datetime) -> Cell:
    """How much time a credential has."""
    if credential is None:
        return NONE
    if credential.state is State.REVOKED:
        return Cell("invalid" if credential.invalid_since is not None else "revoked", Tone.MUTE)
    if credential.expires_at is None:
        endless = credential.state is State.ENDLESS
        return Cell("never" if endless else "–", Tone.WARN if endless else Tone.MUTE)
    text, _ = countdown(credential.expires_at, now)
    remaining = credential.expires_at - now
    if remaining <= timedelta(0):
        return Cell(text, Tone.BAD)
    return Cell(text, Tone.WARN if remaining <= SOON else Tone.STRONG)


def left_changes(credential: Credential | None, now: datetime) -> datetime | None:
    if credential is None or credential.expires_at is None or credential.state is State.REVOKED:
        return None
    return countdown(credential.expires_at, now)[1]


def state(credential: Credential | None, now: datetime) -> Cell:
    """The state as a sign."""
    sign = STATES[State.PENDING if credential is None else state_of(credential, now)]
    return Cell(sign.text, sign.tone)


def state_changes(credential: Credential | None, now: datetime) -> datetime | None:
    """The next instant at which the stamps give another state."""
    if credential is None:
        return None
    stamps = [at + _TICK for at in (credential.rotate_at, credential.expires_at) if at is not None and at >= now]
    return min(stamps, default=None)


def renews(credential: Credential | None, now: datetime) -> Cell:
    """When renewal is due."""
    if credential is None or credential.rotate_at is None or credential.state is State.REVOKED:
        return Cell("no", Tone.MUTE) if credential is not None and not _renewable(credential) else NONE
    if credential.expires_at is not None and credential.expires_at <= now:
        return Cell("overdue", Tone.BAD)
    remaining = credential.rotate_at - now
    return Cell("now", Tone.WARN) if remaining <= timedelta(0) else Cell(human_left(remaining))


def renews_changes(credential: Credential | None, now: datetime) -> datetime | None:
    if credential is None or credential.rotate_at is None:
        return None
    return countdown(credential.rotate_at, now)[1] or state_changes(credential, now)


def undoable(until: datetime | None, now: datetime) -> Cell | None:
    """How long the last rotation can still be undone; None where it cannot."""
    if until is None or until <= now:
        return None
    return Cell(f"↶ undo {human_left(until - now)}", Tone.INFO)


def undoable_changes(until: datetime | None, now: datetime) -> datetime | None:
    if until is None or until <= now:
        return None
    return countdown(until, now)[1] or until


def granted(credential: Credential | None, now: datetime) -> Cell:
    """`1h / 8h` for granted and asked; capped ones stand out. Long-lived tokens say when they were used last."""
    if credential is not None and credential.address.kind is CredentialKind.LEGACY:
        return _long_lived(credential, now)
    if credential is None or (credential.granted is None and credential.requested is None):
        return NONE
    if credential.granted is None:
        return Cell(f"– / {lifetime(credential.requested)}", Tone.MUTE)
    if credential.requested is None:
        return Cell(f"{lifetime(credential.granted)} / –")
    text = f"{lifetime(credential.granted)} / {lifetime(credential.requested)}"
    capped = credential.requested - credential.granted > timedelta(seconds=1)
    return Cell(f"{text} capped", Tone.WARN) if capped else Cell(text)


def _long_lived(credential: Credential, now: datetime) -> Cell:
    if credential.invalid_since is not None:
        return Cell(f"invalid {_days(credential.invalid_since, now)}", Tone.WARN)
    if credential.last_used is not None:
        return Cell(f"used {_days(credential.last_used, now)}")
    return Cell(f"{ago(credential.issued_at, now)} old", Tone.MUTE) if credential.issued_at is not None else NONE


def _days(day: date, now: datetime) -> str:
    away = (now.date() - day).days
    return "today" if away <= 0 else f"{away}d ago"


def _renewable(credential: Credential) -> bool:
    return not credential.address.own
