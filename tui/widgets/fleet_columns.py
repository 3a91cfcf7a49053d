"""What each area's table shows of a row: the columns of clusters, accounts, requests, credentials and the journal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from tui.fleet.moments import ago, seconds
from tui.fleet.names import LIMIT, credential_name, short_address, short_path
from tui.fleet.query import Area
from tui.fleet.rows import AccountRow, ClusterRow, CredentialRow, RequestRow
from tui.fleet.signs import REACHES, STEPS, Tone
from tui.issuance.journal import JournalEntry
from tui.issuance.types import Credential, StepStatus, kind_label
from tui.kube.text import safe_text

from .columns import Cell, Column
from .lifetime_cells import (
    NONE,
    granted,
    left,
    left_changes,
    renews,
    renews_changes,
    state,
    state_changes,
    undoable,
    undoable_changes,
)  # fmt: skip
from .request_columns import REQUESTS


def _text(value: str, tone: Tone = Tone.PLAIN) -> Cell:
    return Cell(safe_text(value, LIMIT), tone) if value else NONE


CREDENTIALS: Final = (
    Column(
        "left",
        "LEFT",
        lambda row, now: left(row.credential, now),
        least=8,
        sort="expires",
        changes=lambda row, now: left_changes(row.credential, now),
    ),
    Column(
        "state",
        "STATE",
        lambda row, now: _stale_state(row, now),
        least=9,
        sort="state",
        drop=1,
        changes=lambda row, now: state_changes(row.credential, now),
    ),
    Column(
        "name",
        "CREDENTIAL",
        lambda row, now: Cell(credential_name(row), Tone.STRONG),
        least=18,
        tight=30,
        most=64,
        sort="name",
        middle=True,
    ),
    Column(
        "cluster",
        "CLUSTER",
        lambda row, now: _text(row.cluster),
        least=8,
        tight=14,
        most=28,
        drop=3,
        sort="cluster",
        middle=True,
    ),
    Column("kind", "KIND", lambda row, now: Cell(kind_label(row.credential)), least=6, drop=4, sort="kind"),
    Column(
        "granted", "GRANTED / ASKED", lambda row, now: granted(row.credential, now), least=8, drop=6, sort="granted"
    ),
    Column(
        "renews",
        "RENEWS",
        lambda row, now: renews(row.credential, now),
        least=7,
        drop=2,
        sort="rotate",
        changes=lambda row, now: renews_changes(row.credential, now),
    ),
    Column(
        "kept",
        "KEPT IN",
        lambda row, now: _text(short_path(row.credential.kept_in)),
        least=10,
        tight=28,
        most=44,
        drop=7,
        sort="kept",
        middle=True,
    ),
    Column(
        "account",
        "SPEAKS FOR",
        lambda row, now: _account(row.credential),
        least=10,
        tight=20,
        most=40,
        drop=8,
        sort="account",
        middle=True,
    ),
)


def _stale_state(row: CredentialRow, now: datetime) -> Cell:
    cell = state(row.credential, now)
    return Cell(f"{cell.text} (stale)", Tone.MUTE) if row.stale else cell


def _account(credential: Credential) -> Cell:
    identity, shoot = credential.identity, credential.shoot
    if identity is None and shoot is not None:
        return _text(f"{shoot.level.value} of {shoot.namespace}/{shoot.name}")
    return _text(f"{identity.namespace}/{identity.name}" if identity else "")


ACCOUNTS: Final = (
    Column(
        "name",
        "ACCOUNT",
        lambda row, now: Cell(safe_text(row.identity.name, LIMIT), Tone.STRONG),
        least=20,
        tight=30,
        most=64,
        sort="name",
        middle=True,
    ),
    Column(
        "namespace",
        "NAMESPACE",
        lambda row, now: _text(row.identity.namespace),
        least=9,
        tight=16,
        most=32,
        sort="namespace",
        drop=1,
        middle=True,
    ),
    Column(
        "cluster",
        "CLUSTER",
        lambda row, now: _text(row.identity.cluster),
        least=8,
        tight=14,
        most=28,
        drop=2,
        sort="cluster",
        middle=True,
    ),
    Column("age", "AGE", lambda row, now: Cell(ago(row.created_at, now)), least=6, drop=3, sort="created"),
    Column("labels", "LABELS", lambda row, now: _labels(row), least=12, tight=20, most=70, drop=5, sort="labels"),
)


def _labels(row: AccountRow) -> Cell:
    return _text(" ".join(f"{key}={value}" for key, value in sorted(row.labels.items())), Tone.MUTE)


CLUSTERS: Final = (
    Column(
        "name",
        "CLUSTER",
        lambda row, now: Cell(safe_text(row.name, LIMIT), Tone.STRONG),
        least=12,
        tight=20,
        most=44,
        sort="name",
        middle=True,
    ),
    Column("reach", "REACH", lambda row, now: reach(row), least=13, sort="reach"),
    Column("since", "SINCE", lambda row, now: Cell(ago(row.since, now)), least=6, drop=4, sort="since"),
    Column("version", "VERSION", lambda row, now: _text(row.version), least=8, most=16, drop=2, sort="version"),
    Column(
        "server",
        "SERVER",
        lambda row, now: _text(row.server),
        least=18,
        tight=26,
        most=52,
        drop=5,
        sort="server",
        middle=True,
    ),
    Column("latency", "ANSWERS IN", lambda row, now: Cell(seconds(row.latency)), least=8, drop=6, sort="latency"),
    Column("skew", "SKEW", lambda row, now: skew(row), least=6, drop=7, sort="skew"),
    Column("source", "SOURCE", lambda row, now: _text(row.source), least=8, most=24, drop=8, sort="source"),
    Column(
        "message",
        "SAYS",
        lambda row, now: _text(row.message or _missing(row), Tone.MUTE),
        least=16,
        tight=22,
        most=90,
        drop=3,
        sort="message",
    ),
)


def reach(row: ClusterRow) -> Cell:
    sign = REACHES[row.reach]
    return Cell(safe_text(f"{sign.glyph} {row.word}", 20), sign.tone)


def skew(row: ClusterRow) -> Cell:
    if row.skew is None:
        return NONE
    off = abs(row.skew) > 60
    return Cell(f"{row.skew:+.1f} s" if abs(row.skew) < 100 else f"{row.skew:+.0f} s", Tone.WARN if off else Tone.PLAIN)


def _missing(row: ClusterRow) -> str:
    if not row.answers:
        return ""
    return "; ".join(filter(None, (row.clock, f"no {', '.join(row.missing)}" if row.missing else "")))


JOURNAL: Final = (
    Column("at", "WHEN (UTC)", lambda row, now: Cell(_journal_time(row, now), Tone.MUTE), least=8, sort="at"),
    Column("action", "ACTION", lambda row, now: _text(row.action), least=6, drop=2, sort="action"),
    Column("status", "RESULT", lambda row, now: _status(row), least=9, sort="status"),
    Column("step", "STEP", lambda row, now: _text(row.step), least=6, most=20, drop=3, sort="step"),
    Column(
        "address",
        "CREDENTIAL",
        lambda row, now: Cell(safe_text(short_address(row.address), LIMIT), Tone.STRONG),
        least=18,
        tight=30,
        most=60,
        sort="address",
        middle=True,
    ),
    Column(
        "message", "SAYS", lambda row, now: _text(row.message), least=16, tight=22, most=120, drop=1, sort="message"
    ),
    Column("plan", "PLAN", lambda row, now: _text(row.plan[:8], Tone.MUTE), least=8, most=8, drop=5, sort="plan"),
)


def _journal_time(row: JournalEntry, now: datetime) -> str:
    return f"{row.at:%H:%M:%S}" if row.at.date() == now.date() else f"{row.at:%m-%d %H:%M:%S}"


def _status(row: JournalEntry) -> Cell:
    try:
        sign = STEPS[StepStatus(row.status)]
    except ValueError:
        return _text(row.status)
    return Cell(sign.text, sign.tone)


def chosen(columns: Sequence[Column], names: Sequence[str]) -> tuple[Column, ...]:
    """The columns with these names in this order; all of them where none is named."""
    by_name = {column.id: column for column in columns}
    picked = tuple(by_name[name] for name in dict.fromkeys(names) if name in by_name)
    return picked or tuple(columns)


def with_undo(
    columns: tuple[Column, ...], until: Callable[[Credential | None, datetime], datetime | None]
) -> tuple[Column, ...]:
    """The columns with RENEWS saying how long the last rotation of a credential can still be undone."""

    def changed(column: Column) -> Column:
        if column.id != "renews" or column.changes is None:
            return column
        plain, moves = column.cell, column.changes

        def cell(row: CredentialRow | RequestRow, now: datetime) -> Cell:
            return undoable(until(row.credential, now), now) or plain(row, now)

        def changes(row: CredentialRow | RequestRow, now: datetime) -> datetime | None:
            return undoable_changes(until(row.credential, now), now) or moves(row, now)

        return replace(column, cell=cell, changes=changes)

    return tuple(changed(column) for column in columns)


OF_AREA: Final[dict[Area, tuple[Column, ...]]] = {
    Area.CLUSTERS: CLUSTERS,
    Area.ACCOUNTS: ACCOUNTS,
    Area.REQUESTS: REQUESTS,
    Area.CREDENTIALS: CREDENTIALS,
}
