"""What the table of requests shows: wishes of every kind beside each other, and the stores that they go through."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from tui.fleet.names import LIMIT
from tui.fleet.rows import RequestKind, RequestRow
from tui.fleet.signs import STATES, Tone
from tui.issuance.countdown import countdown, human_left
from tui.kube.text import safe_text

from .columns import Cell, Column
from .lifetime_cells import NONE, left, left_changes, renews, renews_changes, state_changes

REQUESTS: Final = (
    Column(
        "left", "LEFT", lambda row, now: left(row.credential, now),
        least=8, sort="expires", changes=lambda row, now: left_changes(row.credential, now),
    ),
    Column(
        "state", "STATE", lambda row, now: _state(row, now),
        least=9, drop=1, sort="state", changes=lambda row, now: state_changes(row.credential, now),
    ),
    Column(
        "name", "REQUEST", lambda row, now: Cell(request_name(row), Tone.STRONG),
        least=18, tight=30, most=64, sort="name", middle=True,
    ),
    Column("kind", "KIND", lambda row, now: Cell(row.kind.label), least=8, drop=3, sort="kind"),
    Column("ready", "READY", lambda row, now: ready(row), least=7, tight=12, drop=2, sort="ready", most=24),
    Column(
        "cluster", "KEPT BY", lambda row, now: _text(row.cluster),
        least=7, tight=10, most=28, drop=4, sort="cluster", middle=True,
    ),
    Column("type", "TYPE", lambda row, now: _text(row.type), least=6, drop=6, sort="type"),
    Column(
        "renews", "RENEWS", lambda row, now: _renews(row, now),
        least=7, drop=5, sort="rotate", changes=lambda row, now: _renews_changes(row, now),
    ),
    Column(
        "account", "ACCOUNT", lambda row, now: _text(account(row)),
        least=10, tight=20, most=40, drop=8, sort="account", middle=True,
    ),
    Column(
        "target", "TARGET", lambda row, now: _target(row),
        least=8, tight=18, most=32, drop=7, sort="target", middle=True,
    ),
    Column(
        "secret", "SECRET", lambda row, now: _text(row.secret),
        least=10, tight=22, most=40, drop=9, sort="secret", middle=True,
    ),
)  # fmt: skip


def request_name(row: RequestRow) -> str:
    """A request as lists call it; what lies in no namespace has none in its name."""
    return safe_text("/".join(filter(None, (row.namespace, row.name))), LIMIT)


def account(row: RequestRow) -> str:
    """Whose credential it is about: the account that is asked for, or that of what is carried."""
    identity = row.credential.identity if row.credential is not None else None
    return row.service_account or (f"{identity.namespace}/{identity.name}" if identity else "")


def ready(row: RequestRow) -> Cell:
    """The condition Ready: for DPF yes or no, elsewhere the reason, which is the telling part."""
    if row.deleted_at is not None:
        return Cell("◌ going", Tone.WARN)
    if not row.ready:
        return Cell("– none", Tone.MUTE)
    if row.ready == "True":
        return Cell(f"✓ {_why(row, 'yes')}", Tone.GOOD)
    return Cell(f"✖ {_why(row, 'no')}", Tone.BAD) if row.ready == "False" else Cell(
        f"? {_why(row, row.ready)}", Tone.WARN
    )  # fmt: skip


def _why(row: RequestRow, otherwise: str) -> str:
    return safe_text(otherwise if row.kind is RequestKind.DPU else row.reason or otherwise, 28)


def _text(value: str) -> Cell:
    return Cell(safe_text(value, LIMIT)) if value else NONE


def _state(row: RequestRow, now: datetime) -> Cell:
    sign = STATES[row.state_at(now)]
    return Cell(sign.text, sign.tone)


def _target(row: RequestRow) -> Cell:
    if row.target:
        return _text(row.target)
    return Cell("same cluster", Tone.MUTE) if row.kind is RequestKind.DPU else NONE


def _renews(row: RequestRow, now: datetime) -> Cell:
    if row.kind is RequestKind.DPU:
        return renews(row.credential, now)
    if row.next_at is None:
        return NONE
    return Cell("now", Tone.INFO) if row.next_at <= now else Cell(human_left(row.next_at - now))


def _renews_changes(row: RequestRow, now: datetime) -> datetime | None:
    if row.kind is RequestKind.DPU:
        return renews_changes(row.credential, now)
    return countdown(row.next_at, now)[1] if row.next_at is not None and row.next_at > now else None
