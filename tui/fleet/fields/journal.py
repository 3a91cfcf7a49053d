"""The fields of the journal's entries, in the order of their JSON."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from tui.fleet.names import short_address
from tui.fleet.signs import STEPS, Tone
from tui.issuance import JournalEntry, StepStatus

from .field import LAST, NEVER, Cell, Field, said, signed

FIELDS: Final[tuple[Field[JournalEntry], ...]] = (
    Field("seq", json="seq", data=lambda row, now: row.seq),
    Field("at", "WHEN (UTC)", lambda row, now: Cell(moment(row.at, now), Tone.MUTE), at=lambda row: row.at, lengths=(),
          screen=1, prints=NEVER, least=8),
    Field("time", "AT", at=lambda row: row.at, lengths=(), sort="", json="at", screen=NEVER, prints=1),
    Field("plan", "PLAN", lambda row, now: said(row.plan[:8], Tone.MUTE), value=lambda row: row.plan, words=(),
          json="plan", screen=7, least=8, most=8, drop=5),
    Field("action", "ACTION", value=lambda row: row.action, json="action", screen=2, prints=2, least=6, drop=2),
    Field("address", "CREDENTIAL", lambda row, now: said(short_address(row.address), Tone.STRONG),
          value=lambda row: row.address, words=("name",), json="address",
          screen=5, prints=3, least=18, tight=30, most=60, middle=True),
    Field("step", "STEP", value=lambda row: row.step, json="step", screen=4, prints=4, least=6, most=20, drop=3),
    Field("status", "RESULT", lambda row, now: _status(row), value=lambda row: row.status, words=("state", "result"),
          json="status", screen=3, prints=5, least=9),
    Field("message", "SAYS", value=lambda row: row.message, words=("says",), json="message",
          screen=6, prints=6, least=16, tight=22, most=120, drop=1),
    Field("hash", "HASH", value=lambda row: row.hash, words=(), json="hash", screen=NEVER, prints=LAST),
)  # fmt: skip


def moment(at: datetime, now: datetime) -> str:
    """When it was: the time of today, or the day and the time."""
    return f"{at:%H:%M:%S}" if at.date() == now.date() else f"{at:%m-%d %H:%M:%S}"


def _status(row: JournalEntry) -> Cell:
    try:
        return signed(STEPS[StepStatus(row.status)])
    except ValueError:
        return said(row.status)
