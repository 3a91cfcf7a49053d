"""Beside a list on a wide terminal: the facts of the row under the cursor, and a moment later its lineage.

The lineage is read when the cursor rests, from metadata, Roles and pods, never from a Secret's data. What is known of
an account is kept until something else is issued for it, or for some minutes.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from textual.timer import Timer

from tui.fleet.query import identity_of
from tui.fleet.rows import Row
from tui.fleet.signs import SEVERITIES, Tone
from tui.issuance import Credential, Identity, LineagePart, explain
from tui.kube.paths import short_path
from tui.screens.describe import describe
from tui.screens.session import Session
from tui.widgets.facts import Fact, FactsView, Section

if TYPE_CHECKING:
    from tui.issuance import LineageNode

RESTS: Final = 0.5
"""Seconds that the cursor has been on a row before anything is asked of a cluster."""
GOOD_FOR: Final = timedelta(minutes=5)
_KEPT: Final = 50
"""So many lineages are kept."""
_CALLED: Final = {
    LineagePart.RIGHTS: "rights",
    LineagePart.ISSUED: "issued",
    LineagePart.REQUESTS: "requests",
    LineagePart.MACHINE: "on disk",
    LineagePart.RUNS: "runs as it",
    LineagePart.USERS: "used by",
}
"""The branches, as short as the facts above them are called, so that these stay where they are."""
_EACH: Final = 4
"""So many lines of a branch are shown; the page of the lineage has all of them."""


class _Known(NamedTuple):
    """The lineage of an account, when it was read, and what was issued for it then."""

    section: Section
    at: datetime
    issued: Sequence[Credential]


class Beside(FactsView):
    """Facts and lineage of one row. It asks nothing while it is not seen."""

    def __init__(self, session: Session, id: str) -> None:
        super().__init__(id=id, classes="side")
        self._session = session
        self._row: Row | None = None
        self._known: dict[Identity, _Known] = {}
        self._resting: Timer | None = None
        self._awaited: Identity | None = None
        """Whose lineage is on its way, or is asked for once the cursor has rested."""

    def about(self, row: Row | None) -> None:
        """Show what is known of a row from now on."""
        before, self._row = self._row, row
        if not self.display:
            return
        self._draw_row()
        if row is None or before is None or row.key != before.key:
            self.scroll_home(animate=False)
        identity = self._followed(row)
        if identity != self._awaited:
            self._stop()
            if identity is not None and self._lacks(identity):
                self._awaited = identity
                self._resting = self.set_timer(RESTS, self._ask)

    def on_hide(self) -> None:
        self._stop()

    def _followed(self, row: Row | None) -> Identity | None:
        """The account whose lineage is shown with a row, where its cluster can be asked."""
        identity = identity_of(row) if row is not None else None
        if identity is None or self._session.fleet is None or identity.cluster not in self._session.fleet.names():
            return None
        cluster = self._session.store.clusters.get(identity.cluster)
        return identity if cluster is not None and cluster.answers else None

    def _issued_for(self, identity: Identity) -> list[Credential]:
        return [found.credential for found in self._session.store.credentials_of(identity)]

    def _lacks(self, identity: Identity) -> bool:
        """Whether what is known of an account is too old, or nothing is."""
        known = self._known.get(identity)
        return (
            known is None or self._session.clock() - known.at > GOOD_FOR or known.issued != self._issued_for(identity)
        )

    def _stop(self) -> None:
        if self._resting is not None:
            self._resting.stop()
        self._resting, self._awaited = None, None
        self.workers.cancel_group(self, "lineage")

    def _ask(self) -> None:
        if self._awaited is not None and self.display and self.screen.is_current:
            self.run_worker(self._trace(self._awaited), group="lineage", exclusive=True, exit_on_error=False)
        else:
            self._awaited = None

    async def _trace(self, identity: Identity) -> None:
        fleet = self._session.fleet
        assert fleet is not None
        issued = self._issued_for(identity)
        from tui.issuance import subject_of_account, trace_lineage  # a first frame needs none of what reads rights

        subject = subject_of_account(identity)
        try:
            tree = await trace_lineage(fleet, subject, credentials=issued, config=fleet.config)
            facts = _facts(tree)
        except Exception as error:  # noqa: BLE001 - a mistake must not end the dashboard
            facts = [Fact("", f"! {explain(error)[0]}", Tone.WARN)]
        while len(self._known) >= _KEPT:
            del self._known[next(iter(self._known))]
        self._known.pop(identity, None)
        self._known[identity] = _Known(Section("lineage", facts), self._session.clock(), issued)
        self._awaited = None
        self._draw_row()

    def _draw_row(self) -> None:
        row = self._row
        if row is None:
            self.show([])
            return
        sections = list(describe(row, self._session))
        identity = self._followed(row)
        if identity is not None:
            known = self._known.get(identity)
            asking = Section("lineage", [Fact("", "◌ asking …", Tone.INFO)])
            sections.append(known.section if known is not None else asking)
        self.show(sections)


def _facts(tree: LineageNode) -> list[Fact]:
    """The branches, a few lines of each."""
    branches = {branch.kind: branch for branch in tree.children}
    return [fact for part, name in _CALLED.items() if (branch := branches.get(part)) for fact in _branch(name, branch)]


def _branch(name: str, branch: LineageNode) -> list[Fact]:
    if branch.problem and not branch.children:
        return [Fact(name, f"! {branch.problem}", Tone.WARN)]
    if not branch.children:
        return [Fact(name, branch.note or "nothing", Tone.MUTE)]
    facts = [_leaf(name if not number else "", node) for number, node in enumerate(branch.children[:_EACH])]
    if (more := len(branch.children) - _EACH) > 0:
        facts.append(Fact("", f"and {more} more: l shows all", Tone.MUTE))
    return facts


def _leaf(label: str, node: LineageNode) -> Fact:
    name = short_path(node.name) if node.kind == "file" else node.name
    tone = SEVERITIES[node.severity].tone if node.severity is not None else Tone.PLAIN
    said = f"! {node.problem}" if node.problem else node.note
    return Fact(label, f"{node.kind} {name}".strip(), tone, said)
