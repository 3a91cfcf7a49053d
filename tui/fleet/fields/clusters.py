"""The fields of clusters, in the order of their JSON."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from tui.fleet.moments import ago, rfc3339, seconds
from tui.fleet.query import REACH_RANK
from tui.fleet.rows import ENTER, ClusterRow
from tui.fleet.signs import REACHES, Tone
from tui.issuance import Apart, clusters_apart
from tui.kube import shell
from tui.kube.text import safe_text

from .field import NEVER, NOTHING, Cell, Field
from .labels import LABELS


def _told_by(sort: Apart) -> Callable[[ClusterRow, datetime], Any]:
    """What is said of a cluster apart of this sort."""

    def data(row: ClusterRow, _now: datetime) -> dict[str, Any] | None:
        return sort.record(row.apart) if row.apart is not None and row.apart.sort is sort else None

    return data


FIELDS: Final[tuple[Field[ClusterRow], ...]] = (
    Field("name", "CLUSTER", value=lambda row: row.name, tone=Tone.STRONG, words=("name", "cluster", "ctx"),
          json="name", screen=1, prints=1, least=12, tight=20, most=44, middle=True),
    Field("server", "SERVER", value=lambda row: row.server, json="server",
          screen=5, prints=4, least=18, tight=26, most=52, drop=5, middle=True),
    Field("source", "SOURCE", value=lambda row: row.source, words=("source", "kind"), also=lambda row: _words(row),
          json="source", screen=8, least=8, most=24, drop=8),
    Field("user", "USER", value=lambda row: row.user, words=("account", "sa"), plain=True, screen=NEVER, prints=NEVER),
    Field("version", "VERSION", value=lambda row: row.version, json="version",
          data=lambda row, now: row.version or None, screen=4, prints=3, least=8, most=16, drop=2),
    Field("namespace", json="namespace", data=lambda row, now: row.namespace),
    Field("reach", "REACH", lambda row, now: reach(row), value=lambda row: row.word, also=lambda row: row.reach.value,
          key=lambda row: float(REACH_RANK[row.reach]), words=("state", "reach"),
          json="state", data=lambda row, now: row.reach.value, screen=2, prints=2, least=13),
    Field("since", "SINCE", lambda row, now: Cell(ago(row.since, now)) if row.since else NOTHING,
          at=lambda row: row.since, past=True, lengths=("age", "since"), json="since", screen=3, least=6, drop=4),
    Field("synced", json="syncedAt", data=lambda row, now: rfc3339(row.synced_at)),
    Field("skew", "SKEW", lambda row, now: skew(row), key=lambda row: None if row.skew is None else abs(row.skew),
          json="skewSeconds", data=lambda row, now: row.skew, screen=7, least=6, drop=7),
    Field("clock", json="clock", data=lambda row, now: row.clock or None),
    Field("latency", "ANSWERS IN", lambda row, now: Cell(seconds(row.latency)), key=lambda row: row.latency,
          json="latencySeconds", data=lambda row, now: row.latency, screen=6, least=8, drop=6),
    Field("message", "SAYS", value=lambda row: says(row), tone=Tone.MUTE, words=("says",), json="message",
          data=lambda row, now: row.message, screen=9, prints=5, least=16, tight=22, most=90, drop=3),
    Field("hint", "WHAT TO DO", value=lambda row: hint_of(row), words=(), json="hint", screen=NEVER, prints=6, most=60),
    Field("missing", json="missing", data=lambda row, now: list(row.missing)),
    Field("delivered", json="deliveredBy", data=lambda row, now: _deliverer(row)),
    Field("phase", json="phase", data=lambda row, now: row.delivered.phase or None if row.delivered else None),
    Field("same", json="sameServerAs", data=lambda row, now: list(row.same)),
    Field("shown_by", "SHOWN BY", value=lambda row: row.carried_by, words=(), json="shownBy",
          data=lambda row, now: row.carried_by or None, screen=NEVER, prints=7),
    *(Field(sort.json, json=sort.json, data=_told_by(sort)) for sort in clusters_apart()),
    LABELS,
)  # fmt: skip


def reach(row: ClusterRow) -> Cell:
    """How it stands, in a word."""
    sign = REACHES[row.reach]
    return Cell(safe_text(row.word, 18), sign.tone, sign.glyph)


def skew(row: ClusterRow) -> Cell:
    """How far its clock is from this machine's."""
    if row.skew is None:
        return NOTHING
    off = abs(row.skew) > 60
    return Cell(f"{row.skew:+.1f} s" if abs(row.skew) < 100 else f"{row.skew:+.0f} s", Tone.WARN if off else Tone.PLAIN)


def says(row: ClusterRow) -> str:
    """Why it stands so; of one that answers also what cannot be had from it."""
    lacks = (row.clock, f"no {', '.join(row.missing)}" if row.missing else "") if row.answers else ()
    return "; ".join(filter(None, (row.message, *lacks)))


def hint_of(row: ClusterRow) -> str:
    """What can be done about it, in commands: a row of the dashboard may name its keys."""
    if row.hint != ENTER or row.apart is None:
        return row.hint
    return f"`{shell.command(*row.apart.sort.line(row.apart))}` writes a kubeconfig for it"


def _words(row: ClusterRow) -> str:
    """What a filter finds a cluster apart by."""
    return row.apart.sort.words(row.apart) if row.apart is not None else ""


def _deliverer(row: ClusterRow) -> dict[str, str] | None:
    """Which object in which cluster leads to it; None for one's own."""
    if row.delivered is None:
        return None
    by = row.delivered.by
    return {"kind": by.kind.value, "cluster": by.host, "namespace": by.namespace, "name": by.name}
