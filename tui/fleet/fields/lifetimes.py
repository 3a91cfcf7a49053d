"""What is said of a credential's time and state, and when that will next be different."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from tui.fleet.moments import ago, lifetime
from tui.fleet.query import STATE_RANK
from tui.fleet.signs import STATES, Tone
from tui.issuance import OVER_STATES, Credential, State, countdown, human_left, rotate_at, state_of

from .field import NOTHING, Cell, Field, signed

PAST: Final = "past"
"""What is said of the day on which something ended that was not renewed."""
SOON: Final = timedelta(minutes=5)
_TICK: Final = timedelta(milliseconds=1)
_BEFORE_ALL: Final = -1e12
_FAR: Final = 9e11
"""In seconds since 1970: before and after every instant that a stamp may name."""
STATE_CELLS: Final = {state: signed(sign) for state, sign in STATES.items()}
STATE_WORDS: Final = {state: f"{state.value}\n{sign.word}" for state, sign in STATES.items()}
"""What a filter finds each state by."""


def ends_at(credential: Credential | None) -> datetime | None:
    """When it will have no time left; None where that is unknown, where it never ends, or has ended already."""
    return None if credential is None or credential.state is State.REVOKED else credential.expires_at


def ends_on(credential: Credential | None, now: datetime) -> str:
    """The day (UTC) on which it ends, `2026-12-05`; `PAST` where it has ended, empty where nobody waits for its end."""
    ends = ends_at(credential)
    if credential is None or ends is None or state_of(credential, now) in OVER_STATES:
        return ""
    return PAST if ends <= now else ends.astimezone(UTC).date().isoformat()


def worst_first(credential: Credential | None, *, failed: bool = False) -> float | None:
    """What lists are sorted by where nobody says otherwise: what failed, then what has ended, then what ends next.

    `failed` says so of the request that it is for. None, which comes last, for what has no end ahead or behind.
    """
    ends = ends_at(credential)
    at = None if ends is None else ends.timestamp()
    if failed or (credential is not None and credential.state is State.FAILED):
        return _BEFORE_ALL + (_FAR if at is None else at)
    return at


def due_at(credential: Credential | None) -> datetime | None:
    """When its renewal is due by its stamps, None where they do not say."""
    if credential is None:
        return None
    if credential.rotate_at is not None or credential.issued_at is None or credential.expires_at is None:
        return credential.rotate_at
    return rotate_at(credential.issued_at, credential.expires_at)


def renews_at(credential: Credential | None) -> datetime | None:
    """When it will be renewed; None for what was revoked and for what kubemint does not renew."""
    if credential is None or credential.state is State.REVOKED or _left_alone(credential):
        return None
    return credential.rotate_at or due_at(credential)


def _left_alone(credential: Credential) -> bool:
    """Whether it ends and no loop renews it: the operator's own login, and what is renewed by hand alone."""
    traits = credential.address.kind.traits
    return not (traits.renewable or traits.endless)


def until(at: datetime, now: datetime) -> Cell:
    """How long it is until then."""
    return Cell(human_left(at - now))


def until_changes(at: datetime, now: datetime) -> datetime | None:
    return countdown(at, now)[1]


def left(credential: Credential | None, now: datetime) -> Cell:
    """How much time a credential has."""
    if credential is None:
        return NOTHING
    if state_of(credential, now) is State.ENDING and credential.ends_by is not None:
        return Cell(human_left(credential.ends_by - now), Tone.WARN)
    if credential.state is State.REVOKED:
        return Cell("invalid" if credential.invalid_since is not None else "revoked", Tone.MUTE)
    if credential.expires_at is None:
        return Cell("never", Tone.WARN) if credential.state is State.ENDLESS else NOTHING
    remaining = credential.expires_at - now
    text = human_left(remaining)
    if remaining <= timedelta(0):
        return Cell(text, Tone.BAD)
    return Cell(text, Tone.WARN if remaining <= SOON else Tone.STRONG)


def left_changes(credential: Credential | None, now: datetime) -> datetime | None:
    ends = ends_at(credential)
    if credential is not None and state_of(credential, now) is State.ENDING:
        ends = credential.ends_by
    return None if ends is None else countdown(ends, now)[1]


def seconds_left(credential: Credential | None, now: datetime) -> int | None:
    """How many seconds its stamp leaves it, whatever became of it."""
    ends = credential.expires_at if credential is not None else None
    return None if ends is None else int((ends - now).total_seconds())


def state(credential: Credential | None, now: datetime) -> State:
    return State.PENDING if credential is None else state_of(credential, now)


def due_by(fields: Sequence[Field[Any]]) -> Callable[[Any, datetime], bool] | None:
    """Says of rows with these fields whether somebody should see to one now; None where they never need that."""
    rank = next((field.rank for field in fields if field.rank is not None), None)
    return None if rank is None else lambda row, now: rank(row, now) <= STATE_RANK[State.DUE]


def state_changes(credential: Credential | None, now: datetime) -> datetime | None:
    """The next instant at which the stamps give another state."""
    if credential is None:
        return None
    moments = (credential.rotate_at, credential.expires_at, credential.ends_by)
    stamps = [at + _TICK for at in moments if at is not None and at >= now]
    return min(stamps, default=None)


def renews(credential: Credential | None, now: datetime) -> Cell:
    """When renewal is due."""
    due = renews_at(credential)
    if credential is None or due is None:
        return Cell("no", Tone.MUTE) if credential is not None and _left_alone(credential) else NOTHING
    if credential.expires_at is not None and credential.expires_at <= now:
        return Cell("overdue", Tone.BAD)
    return Cell("now", Tone.WARN) if due <= now else until(due, now)


def renews_changes(credential: Credential | None, now: datetime) -> datetime | None:
    due = renews_at(credential)
    return None if due is None else countdown(due, now)[1] or state_changes(credential, now)


def granted(credential: Credential | None, now: datetime) -> Cell:
    """`1h / 8h` for granted and asked; capped ones stand out. Long-lived tokens say when they were used last."""
    if credential is not None and credential.address.kind.traits.own_handle:
        return _long_lived(credential, now)
    if credential is None or (credential.granted is None and credential.requested is None):
        return NOTHING
    if credential.granted is None:
        return Cell(f"– / {lifetime(credential.requested)}", Tone.MUTE)
    if credential.requested is None:
        return Cell(f"{lifetime(credential.granted)} / –")
    text = f"{lifetime(credential.granted)} / {lifetime(credential.requested)}"
    capped = credential.requested - credential.granted > timedelta(seconds=1)
    return Cell(f"{text} capped", Tone.WARN) if capped else Cell(text)


def with_undo(
    fields: Sequence[Field[Any]], until: Callable[[Credential | None, datetime], datetime | None]
) -> tuple[Field[Any], ...]:
    """The fields with RENEWS saying how long the last rotation of a credential can still be undone."""

    def changed(field: Field[Any]) -> Field[Any]:
        if field.id != "renews" or field.changes is None:
            return field
        plain, moves = field.cell, field.changes

        def cell(row: Any, now: datetime) -> Cell:
            end = until(row.credential, now)
            if end is None or end <= now:
                return plain(row, now)
            return Cell(f"undo {human_left(end - now)}", Tone.INFO, "↶")

        def changes(row: Any, now: datetime) -> datetime | None:
            end = until(row.credential, now)
            return moves(row, now) if end is None or end <= now else countdown(end, now)[1] or end

        return replace(field, cell=cell, changes=changes)

    return tuple(map(changed, fields))


def with_work(fields: Sequence[Field[Any]], working: Callable[[Any], str]) -> tuple[Field[Any], ...]:
    """The fields with STATE saying what is being done with a row, while it is."""

    def changed(field: Field[Any]) -> Field[Any]:
        if field.id != "state":
            return field
        plain = field.cell

        def cell(row: Any, now: datetime) -> Cell:
            doing = working(row)
            return Cell(doing, Tone.INFO, "◌") if doing else plain(row, now)

        return replace(field, cell=cell)

    return tuple(map(changed, fields))


def _long_lived(credential: Credential, now: datetime) -> Cell:
    if credential.invalid_since is not None:
        return Cell(f"invalid {_days(credential.invalid_since, now)}", Tone.WARN)
    if credential.last_used is not None:
        return Cell(f"used {_days(credential.last_used, now)}")
    return Cell(f"{ago(credential.issued_at, now)} old", Tone.MUTE) if credential.issued_at is not None else NOTHING


def _days(day: date, now: datetime) -> str:
    away = (now.date() - day).days
    return "today" if away <= 0 else f"{away}d ago"
