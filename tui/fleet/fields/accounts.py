"""The fields of service accounts, in the order of their JSON."""

from __future__ import annotations

from typing import Final

from tui.fleet.moments import ago
from tui.fleet.query import place_of
from tui.fleet.rows import AccountRow
from tui.fleet.signs import Tone

from .field import NEVER, NOTHING, Cell, Field
from .labels import said

FIELDS: Final[tuple[Field[AccountRow], ...]] = (
    Field("cluster", "CLUSTER", value=lambda row: row.identity.cluster, key=place_of, words=("cluster", "ctx"),
          json="cluster", screen=3, prints=1, least=8, tight=14, most=28, drop=2, middle=True),
    Field("namespace", "NAMESPACE", value=lambda row: row.identity.namespace, words=("ns", "namespace"),
          json="namespace", screen=2, prints=2, least=9, tight=16, most=32, drop=1, middle=True),
    Field("name", "ACCOUNT", value=lambda row: row.identity.name, tone=Tone.STRONG, json="name",
          screen=1, prints=3, least=20, tight=30, most=64, middle=True),
    Field("account", words=("account", "sa"), value=lambda row: f"{row.identity.namespace}/{row.identity.name}"),
    Field("username", json="username", data=lambda row, now: row.identity.username),
    Field("uid", "UID", value=lambda row: row.uid, words=(), json="uid", screen=NEVER),
    Field("created", "CREATED", at=lambda row: row.created_at, sort="", lengths=(), json="createdAt",
          screen=NEVER, prints=4, most=20),
    Field("age", "AGE", lambda row, now: Cell(ago(row.created_at, now)) if row.created_at else NOTHING,
          at=lambda row: row.created_at, past=True, sort="created", screen=4, least=6, drop=3),
    Field("labels", "LABELS", value=said, tone=Tone.MUTE, words=("label",), json="labels",
          data=lambda row, now: row.labels, screen=5, least=12, tight=20, most=70, drop=5),
)  # fmt: skip
