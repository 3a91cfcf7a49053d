"""What `:ns`, `:ctx` and `:cluster` alone offer: every name there is with what lies in it; enter chooses one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from tui.fleet.fields import Cell, Field
from tui.fleet.fields.field import signed
from tui.fleet.query import cluster_of, namespace_of
from tui.fleet.rows import Row
from tui.fleet.signs import REACHES, Tone
from tui.issuance import State
from tui.kube.text import safe_text
from tui.screens.session import Session
from tui.widgets.facts import Fact, Section
from tui.widgets.table import FleetTable

from .page import Page

if TYPE_CHECKING:
    from tui.fleet.rows import Reach

_URGENT: Final = frozenset({State.DUE, State.EXPIRED, State.FAILED, State.MISSING})
ALL: Final = "all"
"""The line that ends a narrowing."""


@dataclass(frozen=True, slots=True)
class Name:
    """One name, and how much of what lies in it."""

    name: str
    """Empty: all of them."""
    credentials: int = 0
    accounts: int = 0
    requests: int = 0
    urgent: int = 0
    """Credentials that are due, ended, or failed."""
    reach: Reach | None = None
    """Of a cluster."""


def _number(value: int, tone: Tone = Tone.PLAIN) -> Cell:
    return Cell(str(value), tone) if value else Cell("–", Tone.MUTE)


def _reach(item: Name, now: datetime) -> Cell:
    return signed(REACHES[item.reach]) if item.reach is not None else Cell("")


_COUNTS: Final[tuple[Field[Name], ...]] = (
    Field("credentials", "CREDENTIALS", lambda item, now: _number(item.credentials), least=11, most=12),
    Field("urgent", "DUE OR ENDED", lambda item, now: _number(item.urgent, Tone.WARN), least=12, most=13),
    Field("accounts", "ACCOUNTS", lambda item, now: _number(item.accounts), least=8, most=9),
    Field("requests", "REQUESTS", lambda item, now: _number(item.requests), least=8, most=9),
)
_NAME: Final[Field[Name]] = Field(
    "name", "NAME", lambda item, now: Cell(safe_text(item.name or ALL), Tone.STRONG), least=20, tight=30, most=60
)
_REACH: Final[Field[Name]] = Field("reach", "STATE", _reach, least=12, most=20)


class NamesScreen(Page[Name]):
    """The names of one kind. Hands back the one that was chosen, empty for all of them; None where none was."""

    help_text = "Every name there is, with how much lies in it. Enter narrows the lists to it; all shows everything."

    def __init__(self, session: Session, kind: str, cluster: str = "") -> None:
        self.kind = kind
        self.noun = kind
        self.trail = (f"Choose a {kind}", *((f"in {cluster}",) if cluster and kind == "namespace" else ()))
        self.fields = (_NAME, *((_REACH,) if kind == "cluster" else ()), *_COUNTS)
        super().__init__(session)
        self._cluster = cluster if kind == "namespace" else ""

    async def fetch(self) -> Sequence[Name]:
        store = self.session.store
        name_of = cluster_of if self.kind == "cluster" else namespace_of
        rows: list[Row] = [*store.credentials.values(), *store.accounts.values(), *store.requests.values()]
        rows = [row for row in rows if not self._cluster or cluster_of(row) == self._cluster]
        names = set(store.clusters) if self.kind == "cluster" else {name_of(row) for row in rows}
        counted = []
        for name in ("", *sorted(names - {""})):
            credentials = [row for row in store.credentials.values() if self._within(row, name)]
            counted.append(
                Name(
                    name,
                    credentials=len(credentials),
                    urgent=sum(row.credential.state in _URGENT for row in credentials),
                    accounts=sum(self._within(row, name) for row in store.accounts.values()),
                    requests=sum(self._within(row, name) for row in store.requests.values()),
                    reach=store.clusters[name].reach if self.kind == "cluster" and name else None,
                )
            )
        return counted

    def _within(self, row: Row, name: str) -> bool:
        if self._cluster and cluster_of(row) != self._cluster:
            return False
        return not name or (cluster_of(row) if self.kind == "cluster" else namespace_of(row)) == name

    def key_of(self, item: Name) -> str:
        return item.name

    def words_of(self, item: Name) -> str:
        return item.name or ALL

    def describe(self, item: Name) -> Sequence[Section]:
        where = f"the lists show only {self.kind} {item.name}" if item.name else f"the lists show every {self.kind}"
        return [Section(item.name or ALL, [Fact("enter", where)])]

    def on_fleet_table_opened(self, event: FleetTable.Opened) -> None:
        event.stop()
        self.dismiss(event.row.name)
