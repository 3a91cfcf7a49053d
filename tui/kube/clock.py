"""Which time it is at a server, from what its answers say, and whether that can be believed.

Tokens are stamped by the API server, so its clock decides when they end. A Date header may come from whatever stands
in between, and anybody there could make every credential look expired. So a Date is followed only where it is near this
machine's clock and steady; the stamp on a token or an object that was just made says for certain, and what contradicts
it is not followed. What is not followed is said.

All ranges are seconds of the server's time minus this machine's: a stamp of whole seconds gives a range, not a number.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

FAR: Final = 600.0
"""Seconds between a Date and this machine's clock beyond which one of the two is wrong. Tokens live ten minutes and
more, so that less makes nothing that is fresh look expired."""
JUMP: Final = 60.0
"""Seconds by which the answers of one cluster may differ: it may have several servers. Tokens have as much leeway."""
LOOKS: Final = 16
"""How many answers are looked back on; so many that agree make a clock steady again."""


_ABSURD: Final = 10 * 366 * 86400.0
"""Seconds; a stamp of another decade says nothing about the time."""


@dataclass(frozen=True, slots=True)
class Range:
    """Between which bounds something lies."""

    low: float
    high: float

    @property
    def middle(self) -> float:
        """The best guess."""
        return (self.low + self.high) / 2

    def moved(self, by: float) -> Range:
        """The same, so much further on."""
        return Range(self.low + by, self.high + by)

    def gap(self, other: Range) -> float:
        """How far the two are apart; 0 where they touch."""
        return max(0.0, self.low - other.high, other.low - self.high)

    def both(self, other: Range) -> Range | None:
        """What lies in both."""
        low, high = max(self.low, other.low), min(self.high, other.high)
        return Range(low, high) if low <= high else None


@dataclass(frozen=True, slots=True)
class Verdict:
    """The skew to reckon with, None where nothing is known that can be believed; and what to say about it."""

    skew: float | None
    words: str = ""


def judge(
    dates: Sequence[Range], stamped: Range | None = None, set_by: float = 0.0, others: Sequence[Range] = ()
) -> Verdict:
    """What to believe of the `dates` seen last, the newest last, and of what was just `stamped`.

    `set_by` is by how many seconds this machine's clock was set since the first of them was seen. `others` are the
    stamps of other clusters: where they agree with a Date it is this machine's clock that is wrong.
    """
    if stamped is not None and abs(stamped.middle) > _ABSURD:
        stamped = None
    if not dates:
        return Verdict(None if stamped is None else stamped.middle)
    said = _narrowed(dates)
    jumps = max(one.gap(other) for one in dates for other in dates)
    if stamped is not None:
        if jumps <= JUMP and said.gap(stamped) <= JUMP:
            return Verdict((said.both(stamped) or stamped).middle)
        if jumps > JUMP:
            return Verdict(
                stamped.middle,
                f"the time in its answers jumps by {_long(jumps)}; its stamps on tokens and objects count",
            )
        off = said.middle - stamped.middle
        return Verdict(
            stamped.middle, f"the time in its answers is {_off(off)} its stamps on tokens and objects, which count"
        )
    if jumps > JUMP:
        return Verdict(None, f"the time in its answers jumps by {_long(jumps)}; it is not followed")
    near = min(abs(said.middle), abs(said.middle + set_by)) <= FAR
    if not near and all(said.gap(other) > JUMP for other in others):
        where = f"{_off(said.middle)} this machine's"
        return Verdict(None, f"the time in its answers is {where}; it is not followed, look which of the two is wrong")
    return Verdict(said.middle)


def _narrowed(dates: Sequence[Range]) -> Range:
    """Each answer gives a range of a second, together they give a narrow one; else the newest counts."""
    found = dates[0]
    for one in dates[1:]:
        found = found.both(one) or one
    return found


def _off(seconds: float) -> str:
    return f"{_long(abs(seconds))} {'ahead of' if seconds > 0 else 'behind'}"


def _long(seconds: float) -> str:
    """Seconds for people, with two units at most."""
    whole = round(seconds)
    for unit, name, inner, within in ((86400, "d", 3600, "h"), (3600, "h", 60, "m"), (60, "m", 1, "s")):
        if whole >= unit:
            rest = whole % unit // inner
            return f"{whole // unit}{name}" + (f" {rest}{within}" if rest else "")
    return f"{whole}s"


def steady() -> float:
    """Seconds by a clock that is never set and that goes on while the machine sleeps, where there is one."""
    return time.clock_gettime(_STEADY) if _STEADY is not None else time.monotonic()


_STEADY: Final[int | None] = getattr(time, "CLOCK_BOOTTIME", None)


def steady_beside(wall: Callable[[], float]) -> Callable[[], float]:
    """The clock to hold a wall clock against. One that a test made stands for itself."""
    return steady if wall is time.time else wall
