"""The calendar: which credentials end on each of the next 30 days, per cluster. Days are UTC, as stamps are.

What has ended and was not renewed comes first, as a day of its own. Pure; the report and the dashboard draw it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Final

from tui.issuance import State, state_of

from .fields.lifetimes import PAST, ends_on
from .query import STATE_RANK
from .rows import CredentialRow

DAYS: Final = 30
HERE: Final = "this machine"
"""Where files are counted whose cluster is not known."""
_SATURDAY: Final = 5


@dataclass(frozen=True, slots=True)
class Day:
    """One day, and what ends on it."""

    day: date | None
    """None: before now."""
    ends: Mapping[str, Sequence[CredentialRow]] = field(default_factory=dict)
    """By cluster, what ends first first."""
    worst: Mapping[str, State] = field(default_factory=dict)
    """The worst state that any of them is in now, by cluster."""

    @property
    def count(self) -> int:
        return sum(map(len, self.ends.values()))

    @property
    def worst_of_all(self) -> State | None:
        return min(self.worst.values(), key=STATE_RANK.__getitem__, default=None)

    @property
    def weekend(self) -> bool:
        return self.day is not None and self.day.weekday() >= _SATURDAY

    @property
    def iso(self) -> str:
        """`2026-12-05`, or what stands for the time before now: what `ends:` of a filter finds its rows by."""
        return PAST if self.day is None else self.day.isoformat()

    @property
    def title(self) -> str:
        """`Sat 2026-12-05`."""
        return "before now" if self.day is None else f"{self.day:%a %Y-%m-%d}"

    def of(self, cluster: str) -> Sequence[CredentialRow]:
        return self.ends.get(cluster, ())


@dataclass(frozen=True, slots=True)
class Calendar:
    """Every day from today on, the empty ones too; before them what has ended, where there is any."""

    days: tuple[Day, ...]
    clusters: tuple[str, ...]
    """Those in which anything ends, by name."""
    later: int = 0
    """How many end after the last day."""
    never: int = 0
    """How many never end, or do not say when."""

    def fullest(self) -> list[str]:
        """The clusters, those first in which most ends."""
        ends = Counter({name: sum(len(day.of(name)) for day in self.days) for name in self.clusters})
        return sorted(self.clusters, key=lambda name: (-ends[name], name))


def calendar(rows: Iterable[CredentialRow], now: Callable[[CredentialRow], datetime], today: date) -> Calendar:
    """The calendar of these credentials. `now` gives the time as a row's cluster has it; `today` is the first day."""
    found: defaultdict[str, defaultdict[str, list[CredentialRow]]] = defaultdict(lambda: defaultdict(list))
    states: defaultdict[str, dict[str, State]] = defaultdict(dict)
    last, later, never = today + timedelta(days=DAYS - 1), 0, 0
    for row in rows:
        at = now(row)
        day = ends_on(row.credential, at)
        if not day:
            never += row.credential.expires_at is None
        elif day != PAST and day > last.isoformat():
            later += 1
        else:
            day = day if day == PAST else max(day, today.isoformat())  # a clock that is behind ours is in yesterday
            cluster, state = row.cluster or HERE, state_of(row.credential, at)
            found[day][cluster].append(row)
            known = states[day].get(cluster, state)
            states[day][cluster] = min(known, state, key=STATE_RANK.__getitem__)
    days = [today + timedelta(days=number) for number in range(DAYS)]
    clusters = {cluster for by_cluster in found.values() for cluster in by_cluster}
    dated = [(None, PAST)] if PAST in found else []
    return Calendar(
        tuple(_day(day, found[iso], states[iso]) for day, iso in [*dated, *((day, day.isoformat()) for day in days)]),
        tuple(sorted(clusters, key=lambda name: (name == HERE, name))), later, never,
    )  # fmt: skip


def _day(day: date | None, ends: Mapping[str, list[CredentialRow]], worst: Mapping[str, State]) -> Day:
    def soonest(row: CredentialRow) -> float:
        ends_at = row.credential.expires_at
        return ends_at.timestamp() if ends_at is not None else 0.0

    return Day(day, {name: sorted(ends[name], key=soonest) for name in sorted(ends)}, dict(worst))
