"""The sign of every state: a glyph, a word and a tone. The word always says it; the other two only help the eye."""

from __future__ import annotations

from typing import Final, NamedTuple

from tui.issuance import Severity, State, StepStatus, Tone as Tone

from .rows import Reach


class Sign(NamedTuple):
    """A state as it is shown."""

    glyph: str
    word: str
    tone: Tone

    @property
    def text(self) -> str:
        return f"{self.glyph} {self.word}"


STATES: Final[dict[State, Sign]] = {
    State.VALID: Sign("●", "valid", Tone.GOOD),
    State.DUE: Sign("◐", "due", Tone.WARN),
    State.EXPIRED: Sign("○", "expired", Tone.BAD),
    State.FAILED: Sign("✖", "failed", Tone.BAD),
    State.REVOKED: Sign("⊘", "revoked", Tone.MUTE),
    State.ENDING: Sign("⊘", "ending", Tone.WARN),
    State.PENDING: Sign("◌", "pending", Tone.INFO),
    State.ENDLESS: Sign("∞", "never", Tone.WARN),
    State.MISSING: Sign("∅", "missing", Tone.WARN),
    State.UNKNOWN: Sign("?", "unknown", Tone.WARN),
}

REACHES: Final[dict[Reach, Sign]] = {
    Reach.READY: Sign("●", "ready", Tone.GOOD),
    Reach.SLOW: Sign("◐", "slow", Tone.WARN),
    Reach.CONNECTING: Sign("◌", "connecting", Tone.INFO),
    Reach.NEEDS_LOGIN: Sign("▲", "needs login", Tone.WARN),
    Reach.FORBIDDEN: Sign("⊘", "forbidden", Tone.BAD),
    Reach.UNREACHABLE: Sign("✖", "unreachable", Tone.BAD),
    Reach.SERVER_ERROR: Sign("✖", "server error", Tone.BAD),
    Reach.THROTTLED: Sign("◐", "throttled", Tone.WARN),
    Reach.LOGIN_PAGE: Sign("▲", "login page", Tone.WARN),
    Reach.WRONG_ANSWER: Sign("✖", "wrong answer", Tone.BAD),
    Reach.TLS_FAILED: Sign("✖", "TLS failed", Tone.BAD),
    Reach.UNUSABLE: Sign("✖", "unusable", Tone.BAD),
    Reach.NOT_READY: Sign("◒", "not ready", Tone.WARN),
    Reach.UNTRUSTED: Sign("?", "untrusted", Tone.WARN),
    Reach.NOT_CONNECTED: Sign("◇", "not connected", Tone.MUTE),
}

STEPS: Final[dict[StepStatus, Sign]] = {
    StepStatus.RUNNING: Sign("◌", "running", Tone.INFO),
    StepStatus.DONE: Sign("✓", "done", Tone.GOOD),
    StepStatus.FAILED: Sign("✖", "failed", Tone.BAD),
    StepStatus.SKIPPED: Sign("–", "skipped", Tone.MUTE),
    StepStatus.UNDONE: Sign("↺", "undone", Tone.WARN),
}

SEVERITIES: Final[dict[Severity, Sign]] = {
    Severity.CRITICAL: Sign("✖", "critical", Tone.BAD),
    Severity.HIGH: Sign("▲", "high", Tone.BAD),
    Severity.MEDIUM: Sign("◆", "medium", Tone.WARN),
    Severity.LOW: Sign("·", "low", Tone.MUTE),
}
