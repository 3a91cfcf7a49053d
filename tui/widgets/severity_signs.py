"""The sign of every severity: a glyph, a word and a tone, like the signs of states."""

from __future__ import annotations

from typing import Final

from tui.fleet.signs import Sign, Tone
from tui.issuance.severity import Severity

from .columns import Cell

SEVERITIES: Final[dict[Severity, Sign]] = {
    Severity.CRITICAL: Sign("✖", "critical", Tone.BAD),
    Severity.HIGH: Sign("▲", "high", Tone.BAD),
    Severity.MEDIUM: Sign("◆", "medium", Tone.WARN),
    Severity.LOW: Sign("·", "low", Tone.MUTE),
}


def severity_cell(severity: Severity) -> Cell:
    sign = SEVERITIES[severity]
    return Cell(sign.text, sign.tone)
