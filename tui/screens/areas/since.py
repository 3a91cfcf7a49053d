"""What needs attention now and did not when the dashboard was last open, and what does not any more.

Kept is no name and no material: for each cluster a short hash of each row's key, and what was said of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import blake2s
from typing import Final

import msgspec

from tui.fleet.query import cluster_of, name_of
from tui.fleet.rows import Reach
from tui.fleet.signs import Sign, Tone
from tui.fleet.store import FleetStore

from .attention import Needing, Notice

MOST: Final = 3000
"""So many rows are kept, the worst first."""
MENDED: Final = Sign("✓", "mended", Tone.GOOD)
_NAMED: Final = 12


class LastTime(msgspec.Struct, frozen=True, kw_only=True):
    """What needed attention when the dashboard was last open: by cluster, by the hash of a row's key, in a word."""

    at: datetime | None = None
    rows: dict[str, dict[str, str]] = {}

    def moment(self, now: datetime) -> str:
        """When that was, as short as it is clear."""
        at = self.at
        if at is None:
            return ""
        near = now - at < timedelta(days=6)
        return f"{at:%H:%M}" if at.date() == now.date() else f"{at:%a %H:%M}" if near else f"{at:%Y-%m-%d}"


def marked(row: Needing) -> str:
    """A row's key as it is kept."""
    return blake2s(f"{type(row).__name__} {row.key}".encode(), digest_size=6).hexdigest()


def _settled(cluster: str, store: FleetStore) -> bool:
    """Whether all that is in a cluster is known by now."""
    row = store.clusters.get(cluster)
    return row is not None and row.reach in (Reach.READY, Reach.SLOW) and row.synced_at is not None


def kept(notices: Sequence[Notice], last: LastTime, store: FleetStore, now: datetime) -> LastTime:
    """What the next time is compared with. Of a cluster that is not known yet, what was known last time as well."""
    rows: dict[str, dict[str, str]] = {}
    for cluster, known in last.rows.items():
        if not _settled(cluster, store):
            rows[cluster] = dict(known)
    number = sum(map(len, rows.values()))
    for notice in notices:
        for row in notice.rows if notice.sign is not MENDED else ():
            if number < MOST:
                number += 1
                rows.setdefault(cluster_of(row), {})[marked(row)] = notice.sign.word
    return LastTime(at=now.replace(second=0, microsecond=0), rows=rows)


def compared(notices: Sequence[Notice], last: LastTime, store: FleetStore, now: datetime) -> tuple[list[Notice], str]:
    """The same with what is new first among its equals, and last what is mended; and that in a few words."""
    if last.at is None:
        return list(notices), ""
    left = {cluster: dict(known) for cluster, known in last.rows.items()}
    found: list[Notice] = []
    new = 0
    for notice in notices:
        fresh = [_word(left, row) != notice.sign.word for row in notice.rows]
        new += sum(fresh)
        found.append(replace(notice, new=any(fresh)))
    found.sort(key=lambda notice: (notice.rank, not notice.new, notice.who))
    mended = _mended(left, store)
    number = sum(len(known) for cluster, known in left.items() if _settled(cluster, store))
    parts = [f"{new} new"] if new else []
    if number:
        parts.append(f"{number} mended")
    if mended:
        found.append(_as_notice(mended, number, last.moment(now)))
    return found, f"{', '.join(parts) or 'nothing new'} since {last.moment(now)}"


def _word(left: Mapping[str, dict[str, str]], row: Needing) -> str:
    """What was said of a row last time; it is taken out of what is `left`."""
    return left.get(cluster_of(row), {}).pop(marked(row), "")


def _mended(left: Mapping[str, dict[str, str]], store: FleetStore) -> list[Needing]:
    """The rows that needed attention last time and do not now, where they are there yet and all of them is known."""
    asked = {cluster for cluster, known in left.items() if known and _settled(cluster, store)}
    if not asked:
        return []
    rows: list[Needing] = [*store.clusters.values(), *store.requests.values(), *store.credentials.values()]
    return [row for row in rows if (name := cluster_of(row)) in asked and marked(row) in left[name]]


def _as_notice(rows: Sequence[Needing], number: int, moment: str) -> Notice:
    names = [name_of(row) for row in rows]
    named = f": {', '.join(names[:_NAMED])}{' …' if len(names) > _NAMED else ''}" if len(rows) > 1 else ""
    who = names[0] if number == 1 else f"{number} mended"
    return Notice(30, MENDED, who, f"needs nothing since {moment}{named}", tuple(rows), mends="")
