"""The main screen: six areas, breadcrumbs that lead in and out of them, a prompt, and the job that runs."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import ContentSwitcher

from tui.actions.jobs import Job
from tui.fleet.deeds import Deed
from tui.fleet.query import AREA_OF
from tui.fleet.rows import AccountRow, ClusterRow, CredentialRow, Reach, RequestRow, Row
from tui.fleet.signs import Tone
from tui.fleet.store import Area, FleetChange
from tui.kube.sensitive import looks_secret
from tui.kube.text import safe_text
from tui.screens.acting.by_hand import Journal
from tui.screens.areas.activity import Activity
from tui.screens.areas.overview import Overview
from tui.screens.areas.panes import ListPane, Pane, Scope
from tui.screens.session import Session
from tui.widgets.crumbs import Crumbs
from tui.widgets.enlarged import lessen
from tui.widgets.job_panel import JobPanel
from tui.widgets.key_line import KeyLine
from tui.widgets.notices import Notices
from tui.widgets.prompt import Prompt
from tui.widgets.table import FleetTable
from tui.widgets.timeline import Timeline
from tui.widgets.top_bar import AreaTabs, TopBar

from .commanding import CommandingScreen
from .memory import Memory, Sorted
from .mending import mend
from .panels import go_to_topic, next_panel
from .trail import Crumb, Trail, Visit

AREAS: Final = (
    ("overview", "Overview"),
    ("clusters", "Clusters"),
    ("accounts", "Accounts"),
    ("requests", "Requests"),
    ("credentials", "Credentials"),
    ("activity", "Activity"),
)

_IN_ORDER: Final = "the overview keeps what ends next first; in the credentials (5) any column sorts"


class MainScreen(CommandingScreen):
    """Everything but the details and the dialogs."""

    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-normal"), (160, "-wide")]  # noqa: RUF012 - Textual's own way
    VERTICAL_BREAKPOINTS = [(0, "-short"), (30, "-tall")]  # noqa: RUF012 - Textual's own way

    BINDINGS: ClassVar[list[BindingType]] = [
        *(
            Binding(str(number), f"area('{area}')", title, show=False, id=area)
            for number, (area, title) in enumerate(AREAS, 1)
        ),
        Binding("slash", "filter", "filter", key_display="/", id="filter", priority=True),
        Binding("colon", "command", "command", key_display=":", id="command", priority=True),
        Binding("question_mark", "help", "help", key_display="?", id="help"),
        Binding("escape", "back", "back", show=False, key_display="esc", id="back"),
        Binding("minus,backspace", "last_view", "the last view", show=False, key_display="-", id="last_view"),
        Binding("s", "sort_next", "sort by the next column", show=False, id="sort"),
        Binding("S", "sort_reverse", "reverse the sort order", show=False, id="sort_reverse"),
        Binding("N", "sort_by('name')", "sort by name", show=False, id="sort_name"),
        Binding("P", "sort_by('namespace')", "sort by namespace", show=False, id="sort_namespace"),
        Binding("A", "sort_by('expires')", "sort by what ends next", show=False, id="sort_expires"),
        Binding("0", "everywhere", "all clusters and namespaces", show=False, id="everywhere"),
        Binding("ctrl+a", "app.command_palette", "every command", show=False, id="palette"),
        Binding("T", "span", "timeline", show=False, id="timeline"),
        Binding("ctrl+r", "retry", "retry what failed", show=False, id="retry"),
        Binding("ctrl+x", "cancel_rest", "cancel the rest", show=False, id="cancel"),
        Binding("right_square_bracket", "step_area(1)", "next area", show=False, id="next_area"),
        Binding("left_square_bracket", "step_area(-1)", "previous area", show=False, id="previous_area"),
        Binding("tab", "step_panel(1)", "next panel", show=False, id="next_panel"),
        Binding("shift+tab", "step_panel(-1)", "previous panel", show=False, id="previous_panel"),
    ]

    def __init__(self, session: Session, memory: Memory | None = None) -> None:
        super().__init__()
        self.session = session
        self.memory = memory or Memory()
        self._trail = Trail()
        self._panes: dict[str, Pane] = {
            "overview": Overview(session, "overview", self.memory.needed),
            **{area.value: ListPane(area, session, area.value) for area in Area},
            "activity": Activity(session, "activity"),
        }

    def compose(self) -> ComposeResult:
        yield TopBar(embedded=self.session.embedded, id="top")
        yield AreaTabs(AREAS, id="tabs")
        yield Crumbs(id="crumbs")
        with ContentSwitcher(initial="overview", id="areas"):
            yield from self._panes.values()
        yield JobPanel(self.session.clock, undo_until=self.session.undo_until_of, id="jobs")
        yield Prompt(id="prompt")
        yield KeyLine(id="keys")

    def on_mount(self) -> None:
        self.query_one(JobPanel).display = False
        self.query_one(AreaTabs).current = "overview"
        self.set_interval(1.0, self._second)
        self.changed(None)
        self._recall()

    def _recall(self) -> None:
        """Be where the user was the last time."""
        memory = self.memory
        for name, by in memory.sorts.items():
            if name in self._panes:
                self._panes[name].sort(by.by, by.reverse)
        if memory.area in self._panes:
            self.go(memory.area)
            self.pane.filter(memory.filter)
            if memory.cursor:
                self.pane.table.await_row(memory.cursor)
        self.pane.table.focus()
        self.show_status()

    def remember(self) -> Memory:
        """What the next time begins with."""
        memory, pane = self.memory, self.pane
        memory.area, memory.filter = pane.id or "overview", "" if looks_secret(pane.text) else pane.text
        memory.cursor = pane.table.cursor_key
        overview = self._panes["overview"]
        if isinstance(overview, Overview):
            memory.needed = overview.needed(memory.needed)
        memory.sorts = {
            name: Sorted(pane.table.sorted_by, pane.table.reverse)
            for name, pane in self._panes.items()
            if pane.sorts() and (pane.table.reverse or pane.table.sorted_by != pane.sorts()[0])
        }
        return memory

    # What others ask

    @property
    def pane(self) -> Pane:
        return self._panes[self.query_one(ContentSwitcher).current or "overview"]

    def chosen(self) -> list[Row]:
        if self._at is not None:
            return [self._at]
        if not self.is_mounted or isinstance(self.focused, Timeline | Notices):
            return []  # keys that act need rows that are seen
        table = self.pane.table
        if table.marks:
            found = [self._row(key) for key in table.marked_shown]
            return [row for row in found if row is not None]
        row = table.row
        pane = self.pane
        if row is None and isinstance(pane, ListPane):
            row = self.session.store.clusters.get(pane.scope.cluster or "")  # an empty list is about its cluster
        return [row] if isinstance(row, ClusterRow | AccountRow | RequestRow | CredentialRow) else []

    @property
    def help_text(self) -> str:  # type: ignore[override]
        return self.pane.help_text

    @property
    def table_of_rows(self) -> FleetTable | None:
        return self.pane.table

    def journal(self) -> Journal | None:
        pane = self.pane if self.is_mounted else None
        shown = isinstance(pane, Activity) and self.focused is pane.table and len(pane.table.rows)
        return pane if isinstance(pane, Activity) and shown else None

    @property
    def marks_hidden(self) -> int:
        return self.pane.table.marks_hidden if self.is_mounted else 0

    def done_with_marks(self) -> None:
        self.pane.table.forget_marks(shown=True)

    def changed(self, change: FleetChange | None) -> None:
        """The store has something new (None: everything may be new)."""
        if not self.is_mounted:
            return
        for pane in self._panes.values():
            pane.changed(change)
        self.show_status()

    def show_starting(self) -> None:
        """The fleet is further than it was, and not there yet."""
        if self.is_mounted and self.session.fleet is None:
            self.pane.show_starting()

    def reread(self) -> None:
        """The journal has something new that no job says."""
        activity = self._panes["activity"]
        if isinstance(activity, Activity) and activity.display:
            activity.read()

    def show_job(self, job: Job) -> None:
        """A job began or changed."""
        panel = self.query_one(JobPanel)
        shown = panel.job
        if job.quiet and shown is not job:
            pass  # it was not asked for just now; the header and Activity tell of it
        elif shown is None and not job.running and panel.display is False and job.failed == []:
            self.show_status()
        elif shown is None or shown is job or job.begun_at >= shown.begun_at:
            panel.show(job)
        activity = self._panes["activity"]
        if isinstance(activity, Activity) and activity.display:
            activity.show_jobs(read=not job.running)
        else:
            self.pane.table.remeasure()
        self.show_status()

    def go(self, area: str, scope: Scope | None = None, cursor: str = "") -> None:
        lessen(self)
        pane = self._panes[area]
        switcher = self.query_one(ContentSwitcher)
        before = self.pane
        if (before.id, _scope_of(before)) != (area, scope or Scope()):
            self._trail.left(Visit(before.id or "", _scope_of(before), before.text, before.table.cursor_key))
        if isinstance(pane, ListPane):
            pane.narrow(scope or Scope(sort=pane.scope.sort, reverse=pane.scope.reverse), cursor)
        switcher.current = area
        self._trail.arrived()
        self.query_one(AreaTabs).current = area
        pane.take_focus()
        if isinstance(pane, Activity):
            pane.show_jobs()
        self.show_status()

    def reveal_row(self, row: Row) -> None:
        """Go to a row, wherever it is listed."""
        self._trail.leave()
        self.go(AREA_OF[type(row)].value, Scope(), row.key)

    def list_found(self, area: str, text: str) -> None:
        """Show what a filter finds in a list."""
        self._trail.leave()
        self.go(area, Scope(text=text))

    # Moving about

    def action_area(self, area: str) -> None:
        self._trail.leave()
        self.go(area)

    def action_step_area(self, by: int) -> None:
        names = [area for area, _ in AREAS]
        current = self.query_one(ContentSwitcher).current or names[0]
        area, scope = names[(names.index(current) + by) % len(names)], _scope_of(self.pane)
        if self._trail and scope.cluster and isinstance(self._panes[area], ListPane) and area != "clusters":
            self.go(area, Scope(cluster=scope.cluster))  # what else lies in the cluster that was opened
        else:
            self.action_area(area)

    def action_step_panel(self, by: int) -> None:
        next_panel(self, by)

    def on_crumbs_chosen(self, event: Crumbs.Chosen) -> None:
        if (crumb := self._trail.back(event.number)) is not None:
            self.go(crumb.area, crumb.scope, crumb.cursor)

    def on_top_bar_chosen(self, event: TopBar.Chosen) -> None:
        go_to_topic(self, event.topic)

    def on_area_tabs_chosen(self, event: AreaTabs.Chosen) -> None:
        self.action_area(event.area)

    def on_fleet_table_opened(self, event: FleetTable.Opened) -> None:
        event.stop()
        self.open(event.row)

    def on_timeline_opened(self, event: Timeline.Opened) -> None:
        event.stop()
        bucket = event.bucket
        # From now on, where it began before: what ended in it already is not what was counted.
        between = (max(bucket.start, self.session.clock()), bucket.end)
        self.deeper("credentials", Scope(between=between), f"{event.span}, {bucket.label}")

    def on_overview_wanted(self, event: Overview.Wanted) -> None:
        mend(self, event.notice)

    def _do_at(self, row: Row, name: str) -> None:
        with self.at(row):
            self.do(name)

    def open(self, row: object) -> None:
        """Go deeper: a cluster's credentials, an account's credentials, everything else in full."""
        if isinstance(row, ClusterRow) and row.reach is Reach.NOT_CONNECTED:
            self._do_at(row, "connect")
        elif isinstance(row, ClusterRow) and row.reach is Reach.UNTRUSTED and not self.session.read_only:
            self._do_at(row, "trust")
        elif isinstance(row, ClusterRow):
            # of one that does not answer, an empty list says why
            self.deeper("credentials" if row.answers else "accounts", Scope(cluster=row.name), row.name)
        elif isinstance(row, AccountRow):
            self.deeper("credentials", Scope(identity=row.identity), f"{row.identity.namespace}/{row.identity.name}")
        elif isinstance(row, RequestRow) and not self.session.read_only:
            self._do_at(row, row.kind.enter)
        elif isinstance(row, RequestRow | CredentialRow):
            self._do_at(row, "details")
        elif isinstance(row, Deed):
            from tui.screens.pages.deeds import StepsScreen, TasksScreen

            job = next((job for job in self.session.jobs.all if job.id == row.job), None)
            if job is not None and len(job.tasks) == 1:
                self.query_one(JobPanel).reopen(job)
            else:
                self.app.push_screen(StepsScreen(self.session, row) if job is None else TasksScreen(self.session, job))

    def action_back(self) -> None:
        """The innermost thing that is open, one at a time."""
        panel = self.query_one(JobPanel)
        pane = self.pane
        if lessen(self):
            pass
        elif self.focused in pane.panels():
            pane.table.focus()
        elif panel.display:
            panel.close()
            pane.table.focus()
        elif pane.text:
            pane.filter("")
        elif pane.table.marks:
            pane.table.forget_marks()
        elif (crumb := self._trail.back()) is not None:
            self.go(crumb.area, crumb.scope, crumb.cursor)
        elif isinstance(pane, ListPane) and (pane.scope.cluster or pane.scope.namespace):
            self.go(pane.area.value, replace(pane.scope, cluster=None, namespace=None))
        self.show_status()

    # Small keys

    def action_sort_next(self) -> None:
        if self.pane.sorts():
            self.pane.sort_next()
        else:
            self.notify(_IN_ORDER, markup=False, severity="warning", timeout=4)

    def action_sort_by(self, by: str) -> None:
        if by in self.pane.sorts():
            self.pane.sort(by)
        else:
            self.notify(f"this list cannot be sorted by {by}", markup=False, severity="warning", timeout=4)

    def action_sort_reverse(self) -> None:
        if self.pane.sorts():
            self.pane.sort(self.pane.table.sorted_by)
        else:
            self.notify(_IN_ORDER, markup=False, severity="warning", timeout=4)

    def on_fleet_table_sort_wanted(self, event: FleetTable.SortWanted) -> None:
        pane = self.pane
        if isinstance(pane, Overview):
            self.action_area("credentials")
            pane = self.pane
        pane.sort(event.sort)

    def action_span(self) -> None:
        pane = self._panes["overview"]
        if not isinstance(pane, Overview):
            return
        if not pane.display:
            self.notify("the timeline is in the overview: 1", markup=False, severity="warning", timeout=4)
        else:
            pane.next_span()

    def on_fleet_table_moved(self, event: FleetTable.Moved) -> None:
        self.show_status()

    def on_fleet_table_marked(self, event: FleetTable.Marked) -> None:
        self.show_status()

    # How

    def deeper(self, area: str, scope: Scope, name: str, cursor: str = "") -> None:
        """Show what was opened here, narrowed to `scope`; esc leads back."""
        current = self.query_one(ContentSwitcher).current or "overview"
        pane = self.pane
        row = pane.table.row
        key = row.key if isinstance(row, ClusterRow | AccountRow) else ""
        here = _scope_of(pane)
        self._trail.deeper(Crumb(current, here, key, safe_text(name, 80)))
        self.go(area, scope, cursor)

    def _row(self, key: str) -> Row | None:
        store = self.session.store
        return (
            store.credentials.get(key) or store.requests.get(key) or store.accounts.get(key) or store.clusters.get(key)
        )

    def _second(self) -> None:
        panel = self.query_one(JobPanel)
        if panel.display:
            panel.tick()
        self._show_time_status()

    def _show_time_status(self) -> None:
        """How the renewal loop and the alerts stand, which time changes too."""
        top, renewing = self.query_one(TopBar), self.kubemint.renewing
        top.loop = renewing.said(self.session.clock()) if renewing.on else ""
        top.alerts = self.kubemint.alerting.alerts.waiting

    def show_status(self) -> None:
        session = self.session
        running = sum(job.running for job in session.jobs.all)
        self.query_one(TopBar).show(
            None if session.fleet is None else session.reaches(),
            skew=session.worst_skew(),
            read_only=session.read_only,
            running=running,
        )
        self._show_time_status()
        store = session.store
        counts = {area.value: len(getattr(store, area.value)) for area in Area} | self.pane.amounts()
        self.query_one(AreaTabs).count({area: number for area, number in counts.items() if number or session.looked})
        trail = self._trail.names(dict(AREAS))
        trail.append(self.pane.title.lower() if trail else self.pane.title)
        typing = self.query_one(Prompt).display  # it says itself what the word lacks that is being typed
        wrong = "" if typing else self.pane.wrong
        self.query_one(Crumbs).show(trail, self._scope_facts() + self.pane.facts(), self.pane.text, wrong)
        self.bindings_may_differ()

    def _scope_facts(self) -> list[tuple[str, Tone]]:
        pane = self.pane
        if isinstance(pane, ListPane) and pane.scope.cluster and not self._trail:
            return [(safe_text(f"cluster {pane.scope.cluster}", 40), Tone.INFO)]
        clusters = self.session.store.clusters
        if len(clusters) == 1:
            row = next(iter(clusters.values()))
            return [(safe_text(f"{row.name} / {row.namespace}", 40), Tone.PLAIN)]
        return []


def _scope_of(pane: Pane) -> Scope:
    return pane.scope if isinstance(pane, ListPane) else Scope()
