"""Lineage: what leads to a row and who uses it, as a tree that fills branch by branch; Enter goes to a row.

It is read again when a job of this page has ended, and when what was issued for its account is no longer the same;
until a branch is known anew, what was known of it stays, and the cursor stays on its line.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from tui.actions.fitting import address_of
from tui.actions.jobs import Job
from tui.fleet.fields import Cell, Field
from tui.fleet.fields.field import signed
from tui.fleet.fields.lifetimes import SOON
from tui.fleet.moments import relative, stamp
from tui.fleet.names import LIMIT
from tui.fleet.query import identity_of
from tui.fleet.rows import CredentialRow, Row
from tui.fleet.signs import SEVERITIES, STATES, Tone
from tui.fleet.store import FleetChange
from tui.issuance import (
    Credential,
    Identity,
    LineageNode,
    LineagePart,
    LineageSubject,
    UsageError,
    countdown,
    lineage_root,
    subject_of,
    subject_of_account,
    trace_lineage,
)
from tui.kube.paths import short_path
from tui.kube.text import safe_text
from tui.screens.describe import title_of
from tui.screens.session import Session
from tui.widgets.facts import Fact, Section
from tui.widgets.table import FleetTable

from .page import Page

if TYPE_CHECKING:
    from tui.screens.shell.main import MainScreen


@dataclass(frozen=True, slots=True)
class Line:
    """One node, and the lines of the tree that lead to it."""

    node: LineageNode
    lead: str
    key: str

    @property
    def text(self) -> str:
        node = self.node
        name = short_path(node.name) if node.kind in ("file",) else node.name
        return f"{self.lead}{node.kind} {name}".rstrip()


def lines(node: LineageNode, lead: str = "", stem: str = "", key: str = "") -> Iterator[Line]:
    """The tree as lines, from the trunk down. A key says what a line is, not where, so that it outlives a new order."""
    key = f"{key}/{node.kind} {node.name}"
    yield Line(node, lead, key)
    seen: Counter[tuple[str, str]] = Counter()
    for number, child in enumerate(node.children, 1):
        last = number == len(node.children)
        seen[child.kind, child.name] += 1
        yield from lines(
            child,
            f"{stem}{'└─' if last else '├─'} ",
            f"{stem}{'   ' if last else '│  '}",
            f"{key}#{seen[child.kind, child.name]}",
        )


def _what(line: Line) -> Cell:
    parts = {part.value for part in LineagePart}
    branch = line.node.kind in parts
    return Cell(safe_text(line.text, LIMIT), Tone.INFO if branch else Tone.STRONG if line.node.here else Tone.PLAIN)


def _left(line: Line, now: datetime) -> Cell:
    node = line.node
    if node.expires_at is not None:
        left = node.expires_at - now
        tone = Tone.BAD if left.total_seconds() <= 0 else Tone.WARN if left <= SOON else Tone.STRONG
        return Cell(countdown(node.expires_at, now)[0], tone)
    if node.state is not None:
        return signed(STATES[node.state])
    if node.severity is not None:
        return signed(SEVERITIES[node.severity])
    return Cell("")


def _says(line: Line) -> Cell:
    node = line.node
    if node.problem:
        return Cell(safe_text(f"! {node.problem}", LIMIT), Tone.WARN)
    here = "◂ this one" if node.here else ""
    return Cell(safe_text(" · ".join(filter(None, (here, node.note))), LIMIT), Tone.STRONG if here else Tone.MUTE)


FIELDS: Final[tuple[Field[Line], ...]] = (
    Field("what", "WHAT", lambda item, now: _what(item), least=30, tight=44, most=90),
    Field("left", "LEFT / RISK", _left, least=10,
           changes=lambda item, now: countdown(item.node.expires_at, now)[1] if item.node.expires_at else None),
    Field("says", "WHICH", lambda item, now: _says(item), least=16, tight=24, most=160),
)  # fmt: skip


class LineageScreen(Page[Line]):
    """The tree of one row."""

    noun = "line"
    fields = FIELDS
    help_text = (
        "Where a credential comes from and where it goes: its account, the Roles and bindings that reach it, what was "
        "issued for it, files and kubeconfig entries on this machine, and who uses it: pods, volumes, CSI drivers, "
        "External Secrets. What may not be read says so in its place. Enter goes to the row where the fleet has one; "
        "the keys of the lists work on it too."
    )

    def __init__(self, session: Session, main: MainScreen, row: Row) -> None:
        self.trail = ("Lineage", title_of(row))
        super().__init__(session)
        self._main = main
        self._of = row
        self._subject: LineageSubject | None = None
        self._issued: list[Credential] = []
        """What was issued for its account when the tree was last asked for."""
        self._parts: dict[str, LineageNode] = {}
        self._unsubscribe: Callable[[], None] = lambda: None

    def on_mount(self) -> None:
        self._unsubscribe = self.session.store.subscribe(self._store_changed)

    def on_unmount(self) -> None:
        self._unsubscribe()

    def _store_changed(self, change: FleetChange) -> None:
        identity = self._subject.identity if self._subject is not None else None
        if identity is not None and self._issued_for(identity) != self._issued:
            self.load()

    def show_job(self, job: Job) -> None:
        super().show_job(job)
        if not job.running and not job.quiet:
            self.load()

    async def fetch(self) -> Sequence[Line]:
        fleet = self.session.fleet
        assert fleet is not None
        self._subject, self._issued = subject, credentials = await self._found()
        tree = await trace_lineage(fleet, subject, credentials=credentials, config=fleet.config, on_part=self._arrived)
        return list(lines(tree))

    def _arrived(self, node: LineageNode) -> None:
        """Show a branch as soon as it is known; of the others what was known before."""
        assert self._subject is not None
        self._parts[node.kind] = node
        known = [self._parts.get(part.value) or LineageNode(kind=part.value, note="asking …") for part in LineagePart]
        self.items = list(lines(lineage_root(self._subject, known)))
        self.show_items()

    async def _found(self) -> tuple[LineageSubject, list[Credential]]:
        row = self._of
        identity = identity_of(row)
        if identity is not None:
            return subject_of_account(identity, address_of(row)), self._issued_for(identity)
        if isinstance(row, CredentialRow) and self.session.fleet is not None:
            subject = await subject_of(self.session.fleet, row.credential)
            return subject, [row.credential]
        raise UsageError("this row does not say whose credential it is", "its lineage cannot be followed")

    def _issued_for(self, identity: Identity) -> list[Credential]:
        return [found.credential for found in self.session.store.credentials_of(identity)]

    def key_of(self, item: Line) -> str:
        return item.key

    def words_of(self, item: Line) -> str:
        return f"{item.node.kind} {item.node.name} {item.node.note} {item.node.problem}"

    def chosen(self) -> list[Row]:
        line = self.item if self.is_mounted else None
        row = self._row(line.node) if line is not None else None
        if row is None and line is not None and line.node.address is not None:
            return []  # it is a credential that no list shows, or not any more: keys there are not for another one
        return [row if row is not None else self._of]

    def describe(self, item: Line) -> Sequence[Section]:
        node = item.node
        facts = []
        if node.problem:
            facts.append(Fact("not known", node.problem, Tone.WARN))
        if node.note:
            facts.append(Fact("which", node.note))
        if node.severity is not None:
            facts.append(Fact("risk", SEVERITIES[node.severity].text, SEVERITIES[node.severity].tone))
        if node.state is not None:
            facts.append(Fact("state", STATES[node.state].text, STATES[node.state].tone))
        if node.expires_at is not None:
            now = self.session.clock()
            facts.append(Fact("expires", stamp(node.expires_at), Tone.STRONG, relative(node.expires_at, now)))
        if node.address is not None:
            facts.append(Fact("address", str(node.address), Tone.MUTE))
        goes = self._row(node)
        facts.append(
            Fact("enter", f"goes to {title_of(goes)}" if goes is not None else "no row of the fleet", Tone.MUTE)
        )
        return [Section(f"{node.kind} {node.name}".strip(), facts)]

    def on_fleet_table_opened(self, event: FleetTable.Opened) -> None:
        event.stop()
        row = self._row(event.row.node)
        if row is not None:
            self.dismiss(None)
            self._main.reveal_row(row)

    def _row(self, node: LineageNode) -> Row | None:
        store = self.session.store
        if node.address is not None:
            address = node.address
            if address.kind.traits.wished:
                return store.requests.get(f"{address.cluster}/{address.namespace}/{address.name}")
            return store.credentials.get(str(address))
        if node.identity is not None:
            return store.accounts.get(str(node.identity))
        return store.clusters.get(node.cluster) if node.kind in ("cluster", "kubeconfig entry") else None
