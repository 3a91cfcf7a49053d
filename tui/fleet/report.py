"""One report of a fleet: what exists, what ends, what is wrong, who can do what. Data alone; others write it down.

It is made of the fields that lists are made of, so that it says what they say. It never holds material.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from tui.issuance import Holder, HygieneReport, Severity, State, record_report, state_of
from tui.kube.amounts import count

from .calendar import DAYS, Calendar, calendar
from .fields import OF_AREA, Field, in_list, record
from .fields.findings import FIELDS as FINDINGS
from .moments import rfc3339
from .query import STATE_RANK, Area
from .rows import ClusterRow, CredentialRow, Row

OTHERS: Final = "others"
_COLUMNS: Final = 8
"""So many clusters have a column of their own in the calendar; a page is no wider."""
_ABSOLUTE: Final = ("expires", "state", "kind", "address", "account", "cluster")
"""What is said of each credential: a page that is read later says no `21m left`."""
_TONES: Final = {State.FAILED: "high", State.EXPIRED: "high", State.DUE: "medium"}
Now = Callable[[str], datetime]


@dataclass(frozen=True)
class Sheet:
    """One table of the report."""

    id: str
    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    says: str = ""
    """A sentence above it."""
    empty: str = "Nothing."
    tones: Sequence[str] = ()
    """For each row how bad it is: critical, high, medium, low; `quiet` where nothing is in it."""
    marks: Mapping[tuple[int, int], str] = field(default_factory=dict)
    """The same of single cells, by row and column."""
    counts: bool = False
    """Whether it is of numbers, most of them none."""


@dataclass(frozen=True)
class Report:
    """All of it: `sheets` for people, `document` for programs."""

    made_at: datetime
    numbers: tuple[tuple[str, str, str], ...]
    """What stands first: how many, of what, and in which tone."""
    sheets: tuple[Sheet, ...]
    gaps: tuple[str, ...]
    """What could not be read."""
    document: Mapping[str, Any] = field(default_factory=dict)


def made(
    clusters: Sequence[Row],
    credentials: Sequence[Row],
    accounts: Sequence[Row],
    hygiene: HygieneReport,
    holders: Sequence[Holder],
    gaps: Iterable[str],
    now: Now,
) -> Report:
    """The report. `now` gives a cluster's time (empty: this machine's)."""
    held = [row for row in credentials if isinstance(row, CredentialRow)]
    at = now("")
    unread = tuple(dict.fromkeys((*hygiene.not_looked_at, *gaps)))
    ends = calendar(held, lambda row: now(row.cluster), at.date())
    worst = sorted(holders, key=lambda one: (one.part, one.severity.rank))
    document = {
        "madeAt": rfc3339(at),
        "exists": {
            "clusters": [record(OF_AREA[Area.CLUSTERS], row, at) for row in clusters],
            "accounts": len(accounts),
            "credentials": [record(OF_AREA[Area.CREDENTIALS], row, now(row.cluster)) for row in held],
        },
        "ends": [
            {"day": None if day.day is None else day.iso, "cluster": cluster, "count": len(rows),
             "worst": day.worst[cluster].value, "addresses": [str(row.credential.address) for row in rows]}
            for day in ends.days for cluster, rows in day.ends.items()
        ],
        "wrong": record_report(hygiene),
        "whoCanDoWhat": [
            {"severity": one.severity.value, "subject": one.subject, "cluster": one.cluster, "why": one.why,
             "where": list(one.where), "through": list(one.through), "partOfKubernetes": one.part}
            for one in worst
        ],
        "notKnown": list(unread),
    }  # fmt: skip
    sheets = (
        _clusters(clusters, held, accounts, at),
        _ends(ends),
        _wrong(hygiene),
        _who(worst),
        _credentials(held, lambda row: now(row.cluster)),
    )
    return Report(at, _numbers(clusters, held, ends, hygiene, unread), sheets, unread, document)


def _numbers(
    clusters: Sequence[Row], held: Sequence[CredentialRow], ends: Calendar, hygiene: HygieneReport, gaps: Sequence[str]
) -> tuple[tuple[str, str, str], ...]:
    silent = sum(1 for row in clusters if isinstance(row, ClusterRow) and row.is_silent)
    over = sum(day.count for day in ends.days if day.day is None)
    soon = sum(day.count for day in ends.days if day.day is not None)
    bad = sum(1 for finding in hygiene.findings if finding.severity.at_least(Severity.HIGH))
    many = "clusters" if len(clusters) != 1 else "cluster"
    return (
        (f"{len(clusters)}", f"{many}, {silent} silent" if silent else many, "medium" if silent else ""),
        (f"{len(held)}", "credential" if len(held) == 1 else "credentials", ""),
        (f"{over}", "ended, and not renewed", "high" if over else ""),
        (f"{soon}", f"to end in the next {DAYS} days", ""),
        (f"{bad}", f"high or critical, of {count(len(hygiene.findings), 'finding')}", "high" if bad else ""),
        *([(f"{len(gaps)}", "not read: see below", "medium")] if gaps else []),
    )


def _clusters(clusters: Sequence[Row], held: Sequence[CredentialRow], accounts: Sequence[Row], at: datetime) -> Sheet:
    kept = Counter(row.cluster for row in held)
    owned = Counter(getattr(row, "cluster", "") for row in accounts)
    fields = in_list(OF_AREA[Area.CLUSTERS], wide=False)
    rows = [
        [*(one.printed(row, at) for one in fields), str(owned[row.name]), str(kept[row.name])]
        for row in clusters
        if isinstance(row, ClusterRow)
    ]
    states = Counter(state_of(row.credential, at).value for row in held)
    said = ", ".join(f"{number} {state}" for state, number in states.most_common())
    return Sheet(
        "exists", "What exists", [*(one.title for one in fields), "ACCOUNTS", "CREDENTIALS"], rows,
        f"{count(len(clusters), 'cluster')}, {count(len(accounts), 'account')}, {count(len(held), 'credential')}"
        + (f": {said}." if said else "."),
    )  # fmt: skip


def _ends(ends: Calendar) -> Sheet:
    names = ends.fullest()
    shown = sorted(names[:_COLUMNS]) if len(names) > _COLUMNS + 1 else sorted(names)
    others = [name for name in names if name not in shown]
    columns = [(name, [name]) for name in shown] + ([(OTHERS.upper(), others)] if others else [])
    rows, tones, marks = [], [], {}
    for number, day in enumerate(ends.days):
        worst = day.worst_of_all
        rows.append([day.title, str(day.count or ""), "" if worst in (None, State.VALID) else worst.value])
        tones.append("quiet" if not day.count else "weekend" if day.weekend else "")
        marks[number, 1] = marks[number, 2] = _TONES.get(worst, "") if worst else ""
        for place, (_, among) in enumerate(columns, len(rows[-1])):
            worst = min((day.worst[one] for one in among if one in day.worst), key=STATE_RANK.__getitem__, default=None)
            rows[-1].append(str(sum(len(day.of(one)) for one in among) or ""))
            marks[number, place] = _TONES.get(worst, "") if worst else ""
    said = f"Days are UTC. {count(ends.later, 'credential')} later, {ends.never} never or nobody knows when."
    return Sheet(
        "ends", f"What ends in the next {DAYS} days", ["DAY", "ENDS", "WORST", *(title for title, _ in columns)],
        rows, said, "Nothing ends.", tones, marks, counts=True,
    )  # fmt: skip


def _wrong(hygiene: HygieneReport) -> Sheet:
    fields = in_list(FINDINGS, wide=True)
    wanted = [one for one in fields if one.id not in ("rule", "fix")]
    rows = [[one.printed(finding, hygiene.checked_at) for one in wanted] for finding in hygiene.findings]
    tones = [finding.severity.value for finding in hygiene.findings]
    return Sheet("wrong", "What is wrong", [one.title for one in wanted], rows, "", "Nothing was found.", tones)


def _who(holders: Sequence[Holder]) -> Sheet:
    rows = [
        [one.severity.value, one.subject, one.cluster, one.why, ", ".join(one.where), "; ".join(one.through)]
        for one in holders
    ]
    columns = ["SEVERITY", "WHO", "CLUSTER", "WHICH MEANS", "WHERE", "THROUGH"]
    said = (
        "The most dangerous first, as Roles and bindings say; other authorizers are not seen. Parts of Kubernetes, "
        "with the rights that every server gives them, are last."
    )
    tones = ["quiet" if one.part else one.severity.value for one in holders]
    return Sheet("who", "Who can do what", columns, rows, said, "Nobody.", tones)


def _credentials(rows: Sequence[CredentialRow], now: Callable[[CredentialRow], datetime]) -> Sheet:
    known = {field.id: field for field in OF_AREA[Area.CREDENTIALS]}
    shown: list[Field[Any]] = [known[name] for name in _ABSOLUTE]
    cells = [[one.printed(row, now(row)) for one in shown] for row in rows]
    tones = [_TONES.get(state_of(row.credential, now(row)), "") for row in rows]
    return Sheet("credentials", "Every credential", [one.title for one in shown], cells, tones=tones)
