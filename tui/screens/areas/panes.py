"""The list of one area: its table, what it is narrowed to, and on wide terminals the facts at the cursor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widget import Widget

from tui.actions.spoken import in_dashboard
from tui.fleet.fields import OF_AREA, Cell, Field, on_screen
from tui.fleet.fields.lifetimes import due_by, with_undo, with_work
from tui.fleet.filter import parse, wrong
from tui.fleet.query import AREA_OF, Query
from tui.fleet.rows import ClusterRow
from tui.fleet.signs import REACHES, Tone
from tui.fleet.store import Area, FleetChange, sorts
from tui.issuance import Identity, request_kinds
from tui.kube.text import safe_text
from tui.screens.session import Session
from tui.widgets.table import FleetTable

from .attention import cluster_says, since
from .beside import Beside

NOUNS: Final[dict[Area, str]] = {
    Area.CLUSTERS: "cluster",
    Area.ACCOUNTS: "service account",
    Area.REQUESTS: "request",
    Area.CREDENTIALS: "credential",
}


@dataclass(frozen=True, slots=True)
class Scope:
    """What a list is narrowed to, and how it is sorted."""

    cluster: str | None = None
    namespace: str | None = None
    identity: Identity | None = None
    between: tuple[datetime, datetime] | None = None
    """Only what ends or is due in here."""
    keys: frozenset[str] | None = None
    """Only these rows."""
    text: str = ""
    sort: str = ""
    reverse: bool = False

    @property
    def query(self) -> Query:
        return Query(
            text=self.text, cluster=self.cluster, namespace=self.namespace, identity=self.identity,
            between=self.between, keys=self.keys, sort=self.sort, reverse=self.reverse,
        )  # fmt: skip


class Pane(Horizontal):
    """What every area has: a table, and a name."""

    table: FleetTable
    title: str = ""
    help_text: str = ""
    text: str = ""
    """What the list is filtered by."""
    fields: tuple[Field[Any], ...] = ()
    """What can be said of its rows."""

    def filter(self, text: str) -> None:
        """Narrow what is shown to what holds these words."""

    def sorts(self) -> Sequence[str]:
        """What it can be sorted by, the default first."""
        return ()

    def sort(self, by: str, reverse: bool | None = None) -> None:
        """Sort by this; without a direction again for the other way round."""

    def sort_names(self) -> dict[str, str]:
        """What a person may call what it can be sorted by: the columns' titles, and the sorts themselves."""
        titles = {column.title.lower().split()[0]: column.sort for column in self.table.columns if column.sort}
        return {**titles, **{name: name for name in self.sorts()}}

    def sort_next(self) -> None:
        """Sort by the next column."""
        names = self.sorts()
        if names:
            self.sort(names[(names.index(self.table.sorted_by) + 1) % len(names)], reverse=False)

    def changed(self, change: FleetChange | None) -> None:
        """The store has something new (None: look at everything)."""

    def show_starting(self) -> None:
        """The fleet is further than it was, and not there yet: what says so is drawn again."""
        self.table.refresh()

    def take_focus(self) -> None:
        """The area is shown now. At once, and not in a moment: a prompt that opens next must keep the focus."""
        self.screen.set_focus(self.table)

    def panels(self) -> Sequence[Widget]:
        """What can have the focus besides the list, whether it is seen or not."""
        return ()

    def amounts(self) -> dict[str, int]:
        """How many rows areas have, by what is shown: the digits above say no other number than the list."""
        return {}

    def facts(self) -> list[tuple[str, Tone]]:
        """What is said about the list at the right end of the breadcrumbs."""
        return []

    @property
    def wrong(self) -> str:
        """What is wrong with its filter, and what was meant; empty where nothing is."""
        return wrong(self.text, self.fields)


class ListPane(Pane):
    """One of the four lists of the fleet."""

    def __init__(self, area: Area, session: Session, id: str) -> None:
        super().__init__(id=id)
        self.area = area
        self.session = session
        self.scope = Scope()
        self.title = area.value.capitalize()
        self.help_text = _HELP[area]
        self.fields = OF_AREA[area]
        columns = on_screen(self.fields, getattr(session.settings.columns, area.value))
        self.table = FleetTable(
            with_work(with_undo(columns, session.undo_until), session.working_on),
            now=session.now,
            id=f"{area.value}-table",
        )
        self.table.empty = self._empty
        self.table.above.due = due_by(self.fields)
        self._side = Beside(session, f"{area.value}-facts")
        self._total = 0
        self._dirty = True

    def compose(self) -> ComposeResult:
        yield self.table
        yield self._side

    def on_mount(self) -> None:
        self.set_interval(5.0, self._passing)
        self.reload()

    @property
    def text(self) -> str:  # type: ignore[override]
        return self.scope.text

    def narrow(self, scope: Scope, cursor: str = "") -> None:
        """Show another part of the area from its first row, or from the row with this key."""
        if scope != self.scope:
            self.scope = scope
            self.table.reset()
        self.reload()
        if cursor:
            self.table.go_to(cursor)

    def filter(self, text: str) -> None:
        self.scope = replace(self.scope, text=text)
        self.reload()

    def sorts(self) -> Sequence[str]:
        return sorts(self.area)

    def sort(self, by: str, reverse: bool | None = None) -> None:
        if by not in self.sorts():
            return
        if reverse is None:
            reverse = not self.scope.reverse if by == (self.scope.sort or self.sorts()[0]) else False
        self.scope = replace(self.scope, sort=by, reverse=reverse)
        self.reload()

    def _passing(self) -> None:
        """A filter by state or by what is left finds other rows as time passes."""
        if self.display and any(term.timed for term in parse(self.scope.text)):
            self.reload()

    def changed(self, change: FleetChange | None) -> None:
        kinds = change.kinds if change is not None else ()
        mine = any(kind is ClusterRow or AREA_OF.get(kind) is self.area for kind in kinds)
        self._dirty = self._dirty or change is None or mine
        if self._dirty and self.display:
            self.reload()

    def on_show(self) -> None:
        if self._dirty:
            self.reload()

    def reload(self) -> None:
        """Ask the store again."""
        self._dirty = False
        view = self.session.view(self.area, self.scope.query)
        self._total = view.total
        sort = self.scope.sort or sorts(self.area)[0]
        self.table.show(view, sorted_by=sort, reverse=self.scope.reverse)
        self.table.keep_marks(getattr(self.session.store, self.area.value))

    def amounts(self) -> dict[str, int]:
        return {self.area.value: self._total}

    def facts(self) -> list[tuple[str, Tone]]:
        shown = len(self.table.rows)
        noun = NOUNS[self.area]
        facts: list[tuple[str, Tone]] = []
        narrowed = shown != self._total
        plural = "" if (self._total if narrowed else shown) == 1 else "s"
        if self._total or self.session.looked:
            said = f"{shown} of {self._total} {noun}{plural}" if narrowed else f"{shown} {noun}{plural}"
            facts.append((said, Tone.MUTE))
        if self.scope.namespace:
            facts.append((f"namespace {safe_text(self.scope.namespace, 40)}", Tone.INFO))
        if self.table.marks:
            facts.append((marks_said(self.table), Tone.WARN))
        return facts

    def panels(self) -> Sequence[Widget]:
        return (self._side,)

    def on_fleet_table_moved(self, event: FleetTable.Moved) -> None:
        self._describe()

    def on_resize(self) -> None:
        self._describe()

    def _describe(self) -> None:
        self._side.about(self.table.row)

    def _empty(self) -> Sequence[Cell]:
        return empty_lines(self.area, self.scope, self._total, self.session)


def marks_said(table: FleetTable) -> str:
    """How many rows are marked, and how many of them are not seen."""
    hidden = table.marks_hidden
    return f"◆ {len(table.marks)} marked" + (f", {hidden} hidden by the filter" if hidden else "")


def misspelt(text: str, fields: Sequence[Field[Any]]) -> list[Cell]:
    """What is wrong with a filter that finds nothing, as a line of the empty list."""
    said = wrong(text, tuple(fields))
    return [Cell(safe_text(said, 120), Tone.WARN)] if said else []


def empty_lines(area: Area, scope: Scope, total: int, session: Session) -> list[Cell]:
    """Why a list is empty, honestly, and what can be done."""
    noun = NOUNS[area]
    if session.fleet is None:
        return [Cell(session.starting.words, Tone.INFO)]
    clusters = session.store.clusters
    if not clusters:
        return [
            Cell("There is no cluster yet.", Tone.STRONG),
            Cell(
                "The kubeconfig has no context; set KUBECONFIG, or start with --kubeconfig FILE or --demo.", Tone.MUTE
            ),
        ]
    if scope.text and total:
        return [
            Cell(f"No {noun} matches /{safe_text(scope.text, 40)}", Tone.STRONG),
            *misspelt(scope.text, OF_AREA[area]),
            Cell("esc clears the filter; words must all match, !word must not, ~word is fuzzy", Tone.MUTE),
        ]
    if scope.between is not None:
        start, end = scope.between
        return [
            Cell(f"Nothing ends or is due between {start:%H:%M} and {end:%H:%M} UTC any more.", Tone.STRONG),
            Cell("what was there has been renewed or revoked since; esc goes back to the timeline", Tone.MUTE),
        ]
    if scope.keys is not None:
        return [
            Cell("None of these is there any more.", Tone.STRONG),
            Cell("they were renewed, revoked or removed since; esc goes back", Tone.MUTE),
        ]
    if scope.identity is not None:
        name = safe_text(f"{scope.identity.namespace}/{scope.identity.name}")
        return [
            Cell(f"Nothing was issued for {name} that kubemint can see.", Tone.STRONG),
            Cell("n issues a credential for it, esc goes back", Tone.MUTE),
        ]
    asked = [clusters[scope.cluster]] if scope.cluster in clusters and scope.cluster is not None else clusters.values()
    answering = [row for row in asked if row.answers]
    if not answering:
        one = scope.cluster or len(clusters) == 1
        lines = [Cell("The cluster does not answer:" if one else "No cluster answers yet:", Tone.STRONG)]
        for row in list(asked)[:6]:
            sign = REACHES[row.reach]
            if scope.cluster:
                lines.append(Cell(safe_text(f"{sign.glyph} {row.name} {since(row, session.now())}"), sign.tone))
                lines += [
                    Cell(safe_text(text), Tone.MUTE) for text in map(in_dashboard, (row.message, row.hint)) if text
                ]
            else:
                lines.append(Cell(safe_text(f"{sign.glyph} {row.name} {cluster_says(row, session.now())}"), sign.tone))
        tries = "R tries again now, d shows details, esc goes back"
        lines.append(Cell(tries if scope.cluster else "2 shows the clusters, R there tries again now", Tone.MUTE))
        return lines
    where = f" in {safe_text(scope.cluster)}" if scope.cluster else ""
    lines = [Cell(f"No {noun}{where}.", Tone.STRONG)]
    if area is Area.REQUESTS:
        kinds = [kind for kind in request_kinds() if kind.unserved]
        for kind in kinds:
            if without := [row.name for row in answering if kind.title in row.lacks]:
                names = safe_text(", ".join(without), 60)
                lines.append(Cell(f"No {kind.name} kind on {names}: {kind.unserved}", Tone.MUTE))
        if any(kind.title not in row.lacks for kind in kinds for row in answering):
            lines.append(Cell("n makes one where the kind is known", Tone.MUTE))
    elif area is Area.CREDENTIALS:
        lines.append(Cell("n issues the first one", Tone.MUTE))
    return lines


_HELP: Final[dict[Area, str]] = {
    Area.CLUSTERS: "Every context of the kubeconfig and every DPUCluster found in them, with how it answers. Enter "
    "shows its credentials ([ and ] its accounts and requests), d its details, R reconnects at once.",
    Area.ACCOUNTS: "The service accounts of every cluster. Enter shows what was issued for one, n issues a credential.",
    Area.REQUESTS: "Requests kept in clusters: DPUServiceCredentialRequests, PushSecrets, ExternalSecrets and "
    "CSI drivers that ask for tokens, with the stores they go through (/push, /store … show one kind). Enter shows "
    "conditions and findings; r renews at once whatever a request or a push carries, n makes one.",
    Area.CREDENTIALS: "Everything that was issued and can end. LEFT counts down in the server's time; what failed or "
    "has expired comes first. GRANTED / ASKED shows where a server granted less than was requested.",
}
