"""The fields of deeds: what was done here, one row for each job."""

from __future__ import annotations

from typing import Final

from tui.fleet.deeds import Deed
from tui.fleet.names import short_address
from tui.fleet.signs import STEPS, Tone
from tui.issuance import StepStatus

from .field import Field, said, signed
from .journal import moment

RANKS: Final = (StepStatus.FAILED, StepStatus.RUNNING, StepStatus.UNDONE)
"""What has to be looked at comes first."""


def _rank(row: Deed) -> float:
    return float(RANKS.index(row.status)) if row.status in RANKS else float(len(RANKS))


FIELDS: Final[tuple[Field[Deed], ...]] = (
    Field("at", "WHEN (UTC)", lambda row, now: said(moment(row.at, now), Tone.MUTE), at=lambda row: row.at, lengths=(),
          screen=1, least=8),
    Field("status", "RESULT", lambda row, now: signed(STEPS[row.status]), value=lambda row: row.status.value,
          rank=lambda row, now: _rank(row), words=("state", "result"), screen=2, least=9),
    Field("action", "ACTION", value=lambda row: row.action, screen=3, least=6),
    Field("address", "CREDENTIAL", lambda row, now: said(short_address(row.about), Tone.STRONG),
          value=lambda row: row.about, words=("name",), screen=4, least=36, tight=36, most=60, middle=True),
    Field("message", "SAYS", value=lambda row: row.says, words=("says",), screen=5, least=16, tight=22, most=120,
          drop=1),
    Field("step", "STEPS", lambda row, now: said(str(len(row.entries) or ""), Tone.MUTE),
          key=lambda row: float(len(row.entries)), screen=6, least=5, drop=3),
    Field("plan", "PLAN", lambda row, now: said(row.plan[:8], Tone.MUTE), value=lambda row: row.plan, words=(),
          screen=7, least=8, most=8, drop=5),
)  # fmt: skip
