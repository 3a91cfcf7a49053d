"""The fields of requests, in the order of their JSON: wishes of every kind, and the stores that they go through."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from tui.fleet.moments import rfc3339
from tui.fleet.query import STATE_RANK, place_of
from tui.fleet.rows import RequestRow
from tui.fleet.signs import Sign, Tone
from tui.kube.text import safe_text

from . import lifetimes
from .field import LAST, NEVER, NOTHING, Cell, Field, said
from .labels import LABELS

FIELDS: Final[tuple[Field[RequestRow], ...]] = (
    Field("address", "ADDRESS", value=lambda row: address(row), json="address",
          screen=NEVER, prints=5, sort="", least=18, tight=30, most=90, middle=True),
    Field("cluster", "KEPT BY", value=lambda row: row.cluster, key=place_of, words=("cluster", "ctx"), json="cluster",
          screen=6, prints=NEVER, least=7, tight=10, most=28, drop=4, middle=True),
    Field("namespace", "NAMESPACE", value=lambda row: row.namespace, words=("ns", "namespace"), json="namespace",
          screen=NEVER, prints=NEVER, middle=True),
    Field("name", "REQUEST", value=lambda row: row.place, tone=Tone.STRONG, json="name",
          data=lambda row, now: row.name, screen=3, prints=NEVER, least=18, tight=30, most=64, middle=True),
    Field("kind", "KIND", value=lambda row: row.kind.label, also=lambda row: row.kind.name, json="kind",
          data=lambda row, now: row.kind.name, screen=4, prints=3, least=8, drop=3),
    Field("type", "TYPE", value=lambda row: row.type, json="type", screen=7, prints=8, least=6, drop=6),
    Field("duration", "DURATION", value=lambda row: row.duration, words=(), json="duration",
          data=lambda row, now: row.duration or None, screen=NEVER),
    Field("account", "ACCOUNT", value=lambda row: row.account, words=("account", "sa"), json="serviceAccount",
          data=lambda row, now: row.service_account, screen=9, prints=6, least=10, tight=20, most=40, drop=8,
          middle=True),
    Field("target", "TARGET", lambda row, now: said(_target(row), Tone.PLAIN if row.target else Tone.MUTE),
          value=lambda row: _target(row), json="targetCluster", data=lambda row, now: row.target or None,
          screen=10, prints=7, least=8, tight=18, most=32, drop=7, middle=True),
    Field("secret", "SECRET", value=lambda row: row.secret, words=("kept",), json="secret",
          screen=11, least=10, tight=22, most=40, drop=9, middle=True),
    Field("ready", "READY", lambda row, now: ready(row), value=lambda row: _ready(row).word,
          also=lambda row: row.reason, key=lambda row: _ready_first(row), json="ready",
          data=lambda row, now: row.ready or None,
          screen=5, prints=4, least=7, tight=12, most=24, drop=2),
    Field("reason", json="reason", data=lambda row, now: row.reason or None),
    Field("conditions", json="conditions", data=lambda row, now: _conditions(row)),
    Field("why", "WHY", value=lambda row: _why(row), words=(), screen=NEVER, prints=LAST, most=90),
    Field("created", "CREATED", at=lambda row: row.created_at, lengths=(), json="createdAt", screen=NEVER,
          prints=NEVER, most=20),
    Field("issued", "ISSUED", at=lambda row: row.credential.issued_at if row.credential else None, past=True,
          lengths=("age",), json="issuedAt", screen=NEVER, prints=NEVER, most=20),
    Field("granted", "GRANTED / ASKED", lambda row, now: lifetimes.granted(row.credential, now),
          length=lambda row: row.credential.granted if row.credential else None, lengths=("lifetime", "granted"),
          screen=NEVER, prints=NEVER),
    Field("expires", "EXPIRES", at=lambda row: row.credential.expires_at if row.credential else None, sort="",
          lengths=(), json="expiresAt", screen=NEVER, prints=NEVER, most=20),
    Field("rotate", json="rotateAt", at=lambda row: lifetimes.due_at(row.credential)),
    Field("left", "LEFT", lambda row, now: lifetimes.left(row.credential, now),
          at=lambda row: lifetimes.ends_at(row.credential), key=lambda row: _worst_first(row), sort="expires",
          lengths=("expires", "left"),
          json="secondsLeft", data=lambda row, now: lifetimes.seconds_left(row.credential, now),
          changes=lambda row, now: lifetimes.left_changes(row.credential, now), screen=1, prints=1, least=8),
    Field("next", json="nextAt", at=lambda row: row.next_at),
    Field("state", "STATE", lambda row, now: lifetimes.STATE_CELLS[row.state_at(now)],
          rank=lambda row, now: STATE_RANK[row.state_at(now)], words=("state",),
          looks=lambda row, now: lifetimes.STATE_WORDS[row.state_at(now)],
          json="state", data=lambda row, now: row.state_at(now).value,
          changes=lambda row, now: lifetimes.state_changes(row.credential, now), screen=2, prints=2, least=9, drop=1),
    Field("renews", "RENEWS", lambda row, now: _renews(row, now), at=lambda row: _renews_at(row), sort="rotate",
          changes=lambda row, now: _renews_changes(row, now), screen=8, prints=9, least=7, drop=5),
    LABELS,
)  # fmt: skip

_GOING: Final = Sign("◌", "going", Tone.WARN)
_NONE: Final = Sign("–", "none", Tone.MUTE)
_READY_FIRST: Final = {"False": "0", "Unknown": "1", "": "3", "True": "4"}
"""What is not ready comes before what is not known, that before what is going (2), has nothing to say, and is ready."""


def address(row: RequestRow) -> str:
    """Its address; kinds that have none are called by their kind and place."""
    return str(row.address or row.key)


def ready(row: RequestRow) -> Cell:
    """The condition Ready: its reason where the kind has telling ones, else yes or no."""
    sign = _ready(row)
    return Cell(safe_text(sign.word, 28), sign.tone, sign.glyph)


def _ready(row: RequestRow) -> Sign:
    if row.deleted_at is not None:
        return _GOING
    if not row.ready:
        return _NONE
    if row.ready == "True":
        return Sign("✓", row.reason or "yes", Tone.GOOD)
    if row.ready == "False":
        return Sign("✖", row.reason or "no", Tone.BAD)
    return Sign("?", row.reason or row.ready, Tone.WARN)


def _ready_first(row: RequestRow) -> tuple[str, ...]:
    first = "2" if row.deleted_at is not None else _READY_FIRST.get(row.ready, "1")
    return (first, _ready(row).word.casefold())


def _worst_first(row: RequestRow) -> float | None:
    return lifetimes.worst_first(row.credential, failed=row.ready == "False")


def _target(row: RequestRow) -> str:
    return row.target or row.kind.within


def _renews_at(row: RequestRow) -> datetime | None:
    """When it is next seen to: its credential renewed, or what it carries looked at anew."""
    return lifetimes.renews_at(row.credential) if row.kind.address is not None else row.next_at


def _renews(row: RequestRow, now: datetime) -> Cell:
    if row.kind.address is not None:
        return lifetimes.renews(row.credential, now)
    if row.next_at is None:
        return NOTHING
    return Cell("now", Tone.INFO) if row.next_at <= now else lifetimes.until(row.next_at, now)


def _renews_changes(row: RequestRow, now: datetime) -> datetime | None:
    if row.kind.address is not None:
        return lifetimes.renews_changes(row.credential, now)
    return lifetimes.until_changes(row.next_at, now) if row.next_at is not None and row.next_at > now else None


def _why(row: RequestRow) -> str:
    return "; ".join(c.message for c in row.conditions if c.status != "True" and c.message)


def _conditions(row: RequestRow) -> list[dict[str, str | None]]:
    return [
        {
            "type": c.type,
            "status": c.status,
            "reason": c.reason,
            "message": c.message,
            "since": rfc3339(c.changed_at),
        }
        for c in row.conditions
    ]
