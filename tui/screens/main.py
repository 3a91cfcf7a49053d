"""The main screen: six areas, breadcrumbs that lead in and out of them, a prompt, and the job that runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import ContentSwitcher

from tui.fleet.rows import AccountRow, ClusterRow, CredentialRow, RequestRow, Row
from tui.fleet.store import Area, FleetChange
from tui.issuance.journal import JournalEntry
from tui.kube.text import safe_text
from tui.widgets.job_panel import JobPanel
from tui.widgets.key_line import KeyLine
from tui.widgets.prompt import Prompt
from tui.widgets.signs import Tone
from tui.widgets.table import FleetTable
from tui.widgets.top_bar import AreaTabs, Crumbs, TopBar

from .actions import words
from .activity import Activity
from .jobs import Job
from .overview import Overview
from .panes import ListPane, Pane, Scope
from .session import Session
from .working import WorkingScreen

AREAS: Final = (
    ("overview", "Overview"),
    ("clusters", "Clusters"),
    ("accounts", "Accounts"),
    ("requests", "Requests"),
    ("credentials", "Credentials"),
    ("activity", "Activity"),
)


@dataclass(frozen=True, slots=True)
class Crumb:
    """Where somebody came from: an area, what it was narrowed to, and the row the cursor was on."""

    area: str
    scope: Scope
    cursor: str
    name: str


class MainScreen(WorkingScreen):
    """Everything but the details and the dialogs."""

    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-normal"), (160, "-wide")]  # noqa: RUF012 - Textual's own way
    VERTICAL_BREAKPOINTS = [(0, "-short"), (30, "-tall")]  # noqa: RUF012 - Textual's own way

    BINDINGS: ClassVar[list[BindingType]] = [
        *(
            Binding(str(number), f"area('{area}')", title, show=False, id=area)
            for number, (area, title) in enumerate(AREAS, 1)
        ),
        Binding("slash", "filter", "filter", key_display="/", id="filter"),
        Binding("colon", "command", "command", key_display=":", id="command"),
        Binding("question_mark", "help", "help", key_display="?", id="help"),
        Binding("escape", "back", "back", show=False, key_display="esc", id="back"),
        Binding("s", "sort_next", "sort by the next column", show=False, id="sort"),
        Binding("S", "sort_reverse", "sort the other way round", show=False, id="sort_reverse"),
        Binding("T", "span", "timeline", show=False, id="timeline"),
        Binding("ctrl+r", "retry", "retry what failed", show=False, id="retry"),
        Binding("ctrl+x", "cancel_rest", "cancel the rest", show=False, id="cancel"),
        Binding("right_square_bracket,tab", "step_area(1)", "next area", show=False, id="next_area"),
        Binding("left_square_bracket,shift+tab", "step_area(-1)", "previous area", show=False, id="previous_area"),
    ]

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self._trail: list[Crumb] = []
        self._panes: dict[str, Pane] = {
            "overview": Overview(session, "overview"),
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
        self.pane.table.focus()

    # What others ask

    @property
    def pane(self) -> Pane:
        """The area that is shown."""
        return self._panes[self.query_one(ContentSwitcher).current or "overview"]

    def chosen(self) -> list[Row]:
        if not self.is_mounted:
            return []
        table = self.pane.table
        if table.marks:
            found = [self._row(key) for key in table.marked]
            return [row for row in found if row is not None]
        row = table.row
        pane = self.pane
        if row is None and isinstance(pane, ListPane):
            row = self.session.store.clusters.get(pane.scope.cluster or "")  # an empty list is about its cluster
        return [row] if isinstance(row, ClusterRow | AccountRow | RequestRow | CredentialRow) else []

    def done_with_marks(self) -> None:
        self.pane.table.forget_marks()

    def changed(self, change: FleetChange | None) -> None:
        """The store has something new (None: everything may be new)."""
        if not self.is_mounted:
            return
        for pane in self._panes.values():
            pane.changed(change)
        self._tell()

    def show_job(self, job: Job) -> None:
        """A job began or changed."""
        panel = self.query_one(JobPanel)
        shown = panel.job
        if job.quiet and shown is not job:
            pass  # nobody asked for it just now; the header and Activity tell of it
        elif shown is None and not job.running and panel.display is False and job.failed == []:
            self._tell()
        elif shown is None or shown is job or job.begun_at >= shown.begun_at:
            panel.show(job)
        activity = self._panes["activity"]
        if isinstance(activity, Activity) and activity.display:
            activity.show_jobs()
        self._tell()

    def go(self, area: str, scope: Scope | None = None, cursor: str = "") -> None:
        """Show an area, its list narrowed to `scope`."""
        pane = self._panes[area]
        switcher = self.query_one(ContentSwitcher)
        if isinstance(pane, ListPane):
            pane.narrow(scope or Scope(), cursor)
        switcher.current = area
        self.query_one(AreaTabs).current = area
        pane.table.focus()
        if isinstance(pane, Activity):
            pane.show_jobs()
        self._tell()

    # Moving about

    def action_area(self, area: str) -> None:
        self._trail.clear()
        self.go(area)

    def action_step_area(self, by: int) -> None:
        names = [area for area, _ in AREAS]
        current = self.query_one(ContentSwitcher).current or names[0]
        self.action_area(names[(names.index(current) + by) % len(names)])

    def on_area_tabs_chosen(self, event: AreaTabs.Chosen) -> None:
        self.action_area(event.area)

    def on_fleet_table_opened(self, event: FleetTable.Opened) -> None:
        event.stop()
        self.open(event.row)

    def open(self, row: object) -> None:
        """Go deeper: a cluster's accounts, an account's credentials, everything else in full."""
        if isinstance(row, ClusterRow):
            self._deeper("accounts", Scope(cluster=row.name), row.name)
        elif isinstance(row, AccountRow):
            self._deeper("credentials", Scope(identity=row.identity), f"{row.identity.namespace}/{row.identity.name}")
        elif isinstance(row, RequestRow | CredentialRow):
            self.action_details()
        elif isinstance(row, JournalEntry):
            job = next(
                (job for job in self.session.jobs.all
                 for task in job.tasks if task.plan is not None and task.plan.id == row.plan),
                None,
            )  # fmt: skip
            if job is not None:
                self.query_one(JobPanel).reopen(job)
            else:
                self._say_filter(row.plan[:8])

    def action_back(self) -> None:
        """The innermost thing that is open, one at a time."""
        panel = self.query_one(JobPanel)
        pane = self.pane
        if panel.display:
            panel.close()
            pane.table.focus()
        elif (isinstance(pane, ListPane) and pane.scope.text) or (isinstance(pane, Activity) and pane.text):
            pane.filter("")
        elif pane.table.marks:
            pane.table.forget_marks()
        elif self._trail:
            crumb = self._trail.pop()
            self.go(crumb.area, crumb.scope, crumb.cursor)
        self._tell()

    # Filter and command

    def action_filter(self) -> None:
        pane = self.pane
        if isinstance(pane, Overview):
            self.action_area("credentials")
            pane = self.pane
        text = pane.scope.text if isinstance(pane, ListPane) else pane.text if isinstance(pane, Activity) else ""
        self.query_one(Prompt).open("/", text, placeholder="words that must all match, !word must not")
        self._note_count()

    def action_command(self) -> None:
        offered = [area for area, _ in AREAS] + list(self.session.store.clusters) + list(_COMMANDS)
        self.query_one(Prompt).open(
            ":", words=[safe_text(word) for word in offered], placeholder="an area, a cluster, rotate, dark, light, q …"
        )

    def on_prompt_changed(self, event: Prompt.Changed) -> None:
        if event.kind == "/":
            self._say_filter(event.text)
            self._note_count()

    def on_prompt_submitted(self, event: Prompt.Submitted) -> None:
        self.pane.table.focus()
        if event.kind == ":":
            self._command(event.text.strip())
        self._tell()

    def on_prompt_left(self, event: Prompt.Left) -> None:
        if event.kind == "/":
            self._say_filter("")
        self.pane.table.focus()
        self._tell()

    async def _run_named(self, action: str) -> None:
        if self.check_action(action.partition("(")[0], ()):
            await self.run_action(action)
        else:
            self.notify("that is not possible for what is chosen", markup=False, severity="warning", timeout=4)

    def _command(self, text: str) -> None:
        word = text.lower()
        if not word:
            return
        areas = [area for area, _ in AREAS]
        match = [area for area in areas if area == word] or [area for area in areas if area.startswith(word)]
        if word in _COMMANDS:
            self.call_later(self._run_named, _COMMANDS[word])
        elif match:
            self.action_area(match[0])
        elif (cluster := self._cluster(text)) is not None:
            self.action_area("clusters")
            self._panes["clusters"].table.go_to(cluster)
            self.open(self.session.store.clusters[cluster])
        else:
            self.notify(
                f"there is no command {safe_text(text, 40)!r}; ? shows what there is",
                markup=False, severity="warning", timeout=5,
            )  # fmt: skip

    # Small keys

    def action_sort_next(self) -> None:
        if isinstance(self.pane, ListPane):
            self.pane.sort_next()

    def action_sort_reverse(self) -> None:
        pane = self.pane
        if isinstance(pane, ListPane):
            pane.sort(pane.table.sorted_by)

    def on_fleet_table_sort_wanted(self, event: FleetTable.SortWanted) -> None:
        pane = self.pane
        if isinstance(pane, Overview):
            self.action_area("credentials")
            pane = self.pane
        if isinstance(pane, ListPane):
            pane.sort(event.sort)

    def action_span(self) -> None:
        pane = self._panes["overview"]
        if isinstance(pane, Overview):
            pane.next_span()

    def action_retry(self) -> None:
        self.kubemint.retry(self.query_one(JobPanel).job)

    def action_cancel_rest(self) -> None:
        self.kubemint.cancel_rest(self.query_one(JobPanel).job)

    def action_help(self) -> None:
        from .help import HelpScreen

        self.app.push_screen(HelpScreen(self.pane.help_text, self))

    def on_fleet_table_moved(self, event: FleetTable.Moved) -> None:
        self._tell()

    def on_fleet_table_marked(self, event: FleetTable.Marked) -> None:
        self._tell()

    # How

    def _deeper(self, area: str, scope: Scope, name: str) -> None:
        current = self.query_one(ContentSwitcher).current or "overview"
        pane = self.pane
        row = pane.table.row
        key = row.key if isinstance(row, ClusterRow | AccountRow) else ""
        here = pane.scope if isinstance(pane, ListPane) else Scope()
        self._trail.append(Crumb(current, here, key, safe_text(name, 80)))
        self.go(area, scope)

    def _say_filter(self, text: str) -> None:
        pane = self.pane
        if isinstance(pane, ListPane | Activity):
            pane.filter(text)

    def _note_count(self) -> None:
        facts = self.pane.facts()
        self.query_one(Prompt).note(next((text for text, tone in facts if tone is Tone.MUTE), ""))

    def _row(self, key: str) -> Row | None:
        store = self.session.store
        return (
            store.credentials.get(key) or store.requests.get(key) or store.accounts.get(key) or store.clusters.get(key)
        )

    def _cluster(self, text: str) -> str | None:
        names = list(self.session.store.clusters)
        exact = [name for name in names if name == text]
        starting = [name for name in names if name.lower().startswith(text.lower())]
        return next(iter(exact or starting), None)

    def _second(self) -> None:
        panel = self.query_one(JobPanel)
        if panel.display:
            panel.tick()
        self._tell_loop()

    def _tell_loop(self) -> None:
        """How the renewal loop stands, which time changes too."""
        renewing = self.kubemint.renewing
        self.query_one(TopBar).loop = renewing.said(self.session.clock()) if renewing.on else ""

    def _tell(self) -> None:
        """Header, tabs, breadcrumbs and footer say what is so now."""
        session = self.session
        running = sum(job.running for job in session.jobs.all)
        self.query_one(TopBar).tell(
            session.reaches(), skew=session.worst_skew(), read_only=session.read_only, running=running
        )
        self._tell_loop()
        store = session.store
        self.query_one(AreaTabs).count({
            "clusters": len(store.clusters), "accounts": len(store.accounts), "requests": len(store.requests),
            "credentials": len(store.credentials),
        })  # fmt: skip
        names = [_title(crumb.area) if number == 0 else "" for number, crumb in enumerate(self._trail)]
        trail: list[str] = []
        for name, crumb in zip(names, self._trail, strict=True):
            trail += [*([name] if name else []), crumb.name]
        trail.append(self.pane.title.lower() if trail else self.pane.title)
        self.query_one(Crumbs).tell(trail, self._scope_facts() + self.pane.facts())
        self.bindings_may_differ()

    def _scope_facts(self) -> list[tuple[str, Tone]]:
        clusters = self.session.store.clusters
        if len(clusters) == 1:
            row = next(iter(clusters.values()))
            return [(safe_text(f"{row.name} / {row.namespace}", 40), Tone.PLAIN)]
        return []


_COMMANDS: Final[dict[str, str]] = {
    "q": "app.quit",
    "quit": "app.quit",
    "dark": "app.theme('dark')",
    "light": "app.theme('light')",
    "help": "help",
    **words(),
}


def _title(area: str) -> str:
    return dict(AREAS)[area]
