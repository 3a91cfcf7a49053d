"""Facts about one thing, in sections: what whoever knows it says, before anybody draws it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Tone(StrEnum):
    """How a piece of text is meant. How that looks is for the widgets."""

    PLAIN = ""
    GOOD = "good"
    WARN = "warn"
    BAD = "bad"
    INFO = "info"
    MUTE = "mute"
    STRONG = "strong"


@dataclass(frozen=True, slots=True)
class Fact:
    """One line: what it is, what it says, and quietly what that means."""

    label: str
    value: str
    tone: Tone = Tone.PLAIN
    note: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """Facts under a title."""

    title: str
    facts: Sequence[Fact]
