"""Overview: what is to come, what needs attention, how the clusters are, and everything that ends, the worst first."""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import Static

from tui.fleet.fields import OF_AREA, Cell, on_screen
from tui.fleet.fields.lifetimes import due_by, with_undo, with_work
from tui.fleet.query import STATE_RANK, Query
from tui.fleet.rows import ClusterRow, Reach
from tui.fleet.same import echoes
from tui.fleet.signs import REACHES, STATES, Tone
from tui.fleet.store import Area, FleetChange
from tui.issuance import State
from tui.kube.amounts import count
from tui.kube.text import safe_text
from tui.screens.session import Session
from tui.widgets.enlarged import enlarge, lessen
from tui.widgets.notices import Notices, Told
from tui.widgets.table import FleetTable
from tui.widgets.themes import style_of
from tui.widgets.timeline import Timeline
from tui.widgets.top_bar import Part, packed

from .attention import Notice, Survey, survey
from .beside import Beside
from .counting import StateCounts
from .panes import Pane, Scope, empty_lines, marks_said
from .since import LastTime, compared, kept

EVERY = 0.25
"""Seconds between two looks over the fleet, at least; a look that takes long makes the next one wait longer."""


class Overview(Pane):
    """The first thing one sees."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,right", "picture", "into the timeline", show=False),
    ]

    title = "Overview"
    help_text = (
        "Bars are credentials that end, diamonds below them are renewal points; T changes hour, day, week and month. "
        "← and → go into the picture, enter there shows the credentials of one bar, esc leads back. tab goes into what "
        "needs you: enter there goes to the row and offers what mends it. The table is "
        "everything over all clusters: what failed or has ended first, then what ends next; every key works on it."
    )

    class Wanted(Message):
        """The user wants to go to what needs somebody, and to what mends it."""

        def __init__(self, notice: Notice) -> None:
            super().__init__()
            self.notice = notice

    def __init__(self, session: Session, id: str, last: LastTime | None = None) -> None:
        super().__init__(id=id)
        self.session = session
        self._last = last or LastTime()
        columns = on_screen(OF_AREA[Area.CREDENTIALS], session.settings.columns.credentials)
        self.table = FleetTable(
            with_work(with_undo(columns, session.undo_until), session.working_on), now=session.now, id="next-table"
        )
        self.table.empty = self._empty
        self.table.above.due = due_by(OF_AREA[Area.CREDENTIALS])
        self.found = Survey()
        self._counts = StateCounts(session)
        self._timeline = Timeline(id="timeline")
        self._notices = Notices(id="notices")
        self._side = Beside(session, "overview-facts")
        self._pending: Timer | None = None
        self._cost = 0.0
        self._came_from: Widget | None = None
        """The picture that something was opened in, where esc will lead back to."""

    def compose(self) -> ComposeResult:
        with Vertical():
            with Horizontal(id="pictures"):
                yield self._timeline
                yield self._notices
            yield Static("", id="health", markup=False)
            with Horizontal(id="listed"):
                yield self.table
                yield self._side

    def on_mount(self) -> None:
        self.set_interval(10.0, self._later)
        self.set_interval(1.0, self._passing)
        self.look()

    def on_show(self) -> None:
        self.look()

    def next_span(self) -> None:
        """Hour, day, month, and again."""
        self._timeline.next_span()
        self.look()

    def on_resize(self) -> None:
        self._later()
        self._side.about(self.table.row)

    def on_fleet_table_moved(self, event: FleetTable.Moved) -> None:
        self._side.about(self.table.row)

    def action_picture(self) -> None:
        """Put the cursor into the timeline."""
        self._timeline.focus()

    def take_focus(self) -> None:
        self.screen.set_focus(self._came_from or self.table)
        self._came_from = None

    def panels(self) -> Sequence[Widget]:
        return (self._side, self._notices, self._timeline)

    def on_timeline_wanted(self) -> None:
        self.next_span()

    def on_timeline_left(self, event: Timeline.Left) -> None:
        event.stop()
        self._left()

    def on_timeline_opened(self, event: Timeline.Opened) -> None:
        self._came_from = self._timeline

    def on_notices_left(self, event: Notices.Left) -> None:
        event.stop()
        self._left()

    def on_notices_wanted(self, event: Notices.Wanted) -> None:
        event.stop()
        self._notices.focus()
        enlarge(self._notices)

    def _left(self) -> None:
        """What was enlarged is as small as before; else the list has the focus again."""
        if not lessen(self.screen):
            self.table.focus()

    def on_notices_opened(self, event: Notices.Opened) -> None:
        event.stop()
        notice = next((notice for notice in self.found.notices if notice.key == event.key), None)
        if notice is not None:
            self._came_from = self._notices
            self.post_message(self.Wanted(notice))

    def needed(self, last: LastTime) -> LastTime:
        """What the next start compares with what needs attention then."""
        session = self.session
        return last if session.fleet is None else kept(self.found.notices, last, session.store, session.clock())

    def show_starting(self) -> None:
        super().show_starting()
        self.query_one("#health", Static).update(self._health())

    def changed(self, change: FleetChange | None) -> None:
        if not self.display:
            return
        first = not self._counts.states
        self._rows()
        if change is None or first:  # the first rows and what is said of them come together
            self.look()
        else:
            self._later()

    def look(self) -> None:
        """Count and word everything anew."""
        self._pending = None
        if not self.is_mounted or not self.display:
            return
        begun = perf_counter()
        now = self.session.now()
        self.found = survey(self.session, self._timeline.reach(now))
        self._timeline.show(now, self.found.ends, self.found.renews, known=self.session.looked)
        store = self.session.store
        self.found.notices, since = compared(self.found.notices, self._last, store, now)
        told = [
            Told(one.key, one.sign.glyph, one.who, one.why, style_of(one.sign.tone), one.new)
            for one in self.found.notices
        ]
        if untold := self.found.untold:
            told.append(Told("", "…", f"{untold} more", "were not looked at: mend the first ones", "$mute"))
        self._notices.show(told, known=bool(store.credentials or store.accounts), since=since)
        self._rows()
        self.query_one("#health", Static).update(self._health())
        self._cost = perf_counter() - begun

    def amounts(self) -> dict[str, int]:
        return {"credentials": len(self.table.rows)}

    def facts(self) -> list[tuple[str, Tone]]:
        facts: list[tuple[str, Tone]] = []
        if self.table.rows or self.session.looked:
            facts.append((f"{len(self.table.rows)} credentials", Tone.MUTE))
        if self.table.marks:
            facts.append((marks_said(self.table), Tone.WARN))
        return facts

    def _later(self) -> None:
        if self._pending is None:
            self._pending = self.set_timer(max(EVERY, 20 * self._cost), self.look)

    def _rows(self) -> None:
        """Show the list, and count what is in it."""
        view = self.session.view(Area.CREDENTIALS, Query())
        self.table.show(view, sorted_by="expires")
        self.table.keep_marks(self.session.store.credentials)
        if self._counts.count(view):
            self.query_one("#health", Static).update(self._health())

    def _passing(self) -> None:
        """What is due, or ends, is counted at that moment."""
        if self.display and self._counts.passed():
            self._rows()

    def _health(self) -> Content:
        """How many credentials are in each state, and where there is room how each cluster is."""
        width, short = max(self.size.width - 4, 20), self.size.height < 24 or self.size.width < 100
        states: list[Part] = []
        loading = self.session.reaches().get(Reach.CONNECTING, 0)
        if loading:
            states.append((f"{REACHES[Reach.CONNECTING].glyph} {count(loading, 'cluster')} still loading", "$info"))
        for state in sorted(State, key=STATE_RANK.__getitem__):
            number = self._counts.states[state]
            if number:
                states.append((f"{STATES[state].glyph} {number} {STATES[state].word}", style_of(STATES[state].tone)))
        if self.session.fleet is None:
            return Content.styled(self.session.starting.words, "$info")
        if not self._counts.states:
            states.append(("no credential is known yet", "$mute"))
        lines = packed(states, width, 2)
        if not short:
            clusters = [
                (f"{REACHES[row.reach].glyph} {safe_text(row.name, 48)}", style_of(REACHES[row.reach].tone))
                for row in self.session.view(Area.CLUSTERS, Query(sort="reach"))
                if isinstance(row, ClusterRow)
                and row.reach not in (Reach.READY, Reach.NOT_CONNECTED, Reach.CONNECTING)
                and not echoes(row, self.session.store.clusters)
            ]
            ready = self.session.reaches().get(Reach.READY, 0)
            if ready:
                sign = REACHES[Reach.READY]
                clusters.append((f"{sign.glyph} {ready} ready", style_of(sign.tone)))
            lines += packed(clusters, width, 2) if clusters else []
        return Content("\n").join(lines)

    def _empty(self) -> Sequence[Cell]:
        return empty_lines(Area.CREDENTIALS, Scope(), 0, self.session)
