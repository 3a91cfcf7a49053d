"""Everything about one row, live, with the same keys as the list it came from."""

from __future__ import annotations

from datetime import date
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from tui.actions.jobs import Job
from tui.fleet.query import AREA_OF
from tui.fleet.rows import AccountRow, ClusterRow, CredentialRow, Row
from tui.fleet.signs import Tone
from tui.kube.text import safe_text
from tui.screens.acting.working import WorkingScreen
from tui.screens.areas.panes import NOUNS
from tui.screens.describe import describe, identity_section, title_of
from tui.screens.session import Session
from tui.widgets.crumbs import Crumbs
from tui.widgets.facts import Fact, FactsView, Section
from tui.widgets.job_panel import JobPanel
from tui.widgets.key_line import KeyLine


class DetailScreen(WorkingScreen):
    """The facts of one row. It follows the store; where the row goes away it says so and keeps what was known."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "leave", "back", key_display="esc"),
        Binding("ctrl+r", "retry", "retry", show=False),
        Binding("ctrl+x", "cancel_rest", "cancel the rest", show=False),
        Binding("down,j", "scroll_by(1)", "down", show=False),
        Binding("up,k", "scroll_by(-1)", "up", show=False),
        Binding("question_mark", "help", "help", key_display="?"),
    ]
    help_text = "Everything that is known about one thing, live. The keys of the lists work here too."

    def __init__(self, session: Session, row: Row) -> None:
        super().__init__()
        self.session = session
        self._row = row
        self._trail: list[str] = []
        self._more: list[Section] = []
        """What is read live, beside what the store knows."""
        self._noted: date | None = None

    def compose(self) -> ComposeResult:
        yield Crumbs(id="detail-crumbs")
        yield FactsView(id="detail-facts")
        yield JobPanel(self.session.clock, undo_until=self.session.undo_until_of, id="detail-jobs")
        yield KeyLine(id="keys")

    def on_mount(self) -> None:
        self.query_one(JobPanel).display = False
        cluster = "" if isinstance(self._row, ClusterRow) else self._row.cluster
        self._trail = [
            NOUNS[AREA_OF[type(self._row)]].capitalize(),
            *([cluster] if cluster else []),
            title_of(self._row),
        ]
        self.query_one(Crumbs).show([safe_text(name, 120) for name in self._trail], [])
        self.set_interval(1.0, self.follow)
        self.follow()
        self._look()
        self.query_one(FactsView).focus()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return False if action == "details" else super().check_action(action, parameters)

    def chosen(self) -> list[Row]:
        return [self._row]

    def follow(self) -> None:
        """Draw what the store says now."""
        current = self._current()
        if current is not None:
            self._row = current
        sections = [*describe(self._row, self.session, self._noted), *self._more]
        if current is None:
            sections = [Section("This is gone: what follows is what was last known.", []), *sections]
        self.query_one(FactsView).show(sections)
        panel = self.query_one(JobPanel)
        if panel.display:
            panel.tick()
        self.bindings_may_differ()

    def show_job(self, job: Job) -> None:
        """A job began or changed."""
        self.query_one(JobPanel).show(job)
        if not job.running:
            self.follow()
            self._look()

    def _look(self) -> None:
        """Of an account, read also whether it is an identity: its rights are in no list; of a long-lived token since
        when its cluster notes uses."""
        if isinstance(self._row, CredentialRow) and self._row.credential.address.kind.traits.own_handle:
            self.run_worker(self._read_noted(), group="noted", exclusive=True, exit_on_error=False)
        if isinstance(self._row, AccountRow) and self.session.fleet is not None:
            self._more = self._more or [Section("identity", [Fact("", "◌ reading …", Tone.MUTE)])]
            self.run_worker(self._read_identity(), group="identity", exclusive=True, exit_on_error=False)

    async def _read_identity(self) -> None:
        assert isinstance(self._row, AccountRow)
        self._more = [await identity_section(self._row, self.session)]
        self.follow()

    async def _read_noted(self) -> None:
        assert isinstance(self._row, CredentialRow)
        if self.session.fleet is not None:
            self._noted = await self.session.engine.notes_use_since(self._row.credential.address.cluster)
            self.follow()

    def on_crumbs_chosen(self, event: Crumbs.Chosen) -> None:
        if event.number < len(self._trail) - 1:
            self.dismiss(None)

    def action_leave(self) -> None:
        panel = self.query_one(JobPanel)
        if panel.display:
            panel.close()
        else:
            self.dismiss(None)

    def action_scroll_by(self, lines: int) -> None:
        self.query_one(FactsView).scroll_relative(y=lines, animate=False)

    def _current(self) -> Row | None:
        rows: dict[str, Row] = getattr(self.session.store, AREA_OF[type(self._row)].value)
        return rows.get(self._row.key)
