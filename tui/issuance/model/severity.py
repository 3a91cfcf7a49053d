"""How bad something is: one scale for what a credential may do and for what is wrong with it."""

from __future__ import annotations

from enum import StrEnum


class Severity(StrEnum):
    """The worst first. The values are what people read and what `--fail-on` takes."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"

    @property
    def rank(self) -> int:
        """0 is the worst, so that sorting by it puts the worst first."""
        return _ORDER[self]

    def at_least(self, other: Severity) -> bool:
        """Whether this is as bad as `other` or worse."""
        return self.rank <= other.rank


_ORDER: dict[Severity, int] = {severity: number for number, severity in enumerate(Severity)}
