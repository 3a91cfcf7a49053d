"""What every screen with credentials on it can do with them: rotate, export, issue, verify, inspect, revoke, and so on.

A screen says which rows are meant; this says which actions are possible for them, asks where something is destroyed,
and hands the rest to jobs.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partialmethod
from typing import TYPE_CHECKING, ClassVar, TypeVar, cast

from textual.binding import ActiveBinding, Binding, BindingType
from textual.screen import Screen
from textual.widget import Widget

from tui.actions import jobs
from tui.actions.action import AnyAction, Needs
from tui.actions.around import Around
from tui.actions.fitting import address_of
from tui.actions.intended import Intended
from tui.actions.jobs import Job, Task
from tui.actions.lines import Asked
from tui.actions.questions import asks, how_many
from tui.actions.table import ACTIONS, BY_NAME
from tui.fleet.query import cluster_of, clusters_of
from tui.fleet.rows import Row
from tui.issuance import Address, explain, format_duration
from tui.kube.text import safe_text
from tui.screens.describe import title_of, what_it_is
from tui.screens.session import Session, Shell
from tui.widgets.enlarged import enlarge, lessen
from tui.widgets.job_panel import JobPanel
from tui.widgets.table import FleetTable

from . import doing, undoing_job
from .by_hand import BY_HAND, Journal

if TYPE_CHECKING:
    from tui.screens.dialogs.dialog import Dialog, Wrong

Wish = TypeVar("Wish")


def binding_of(action: AnyAction) -> Binding:
    """The key of an action."""
    return Binding(
        action.key,
        action.name,
        action.label or action.name,
        show=action.footer,
        key_display=action.key_display,
        id=action.follows or action.name,
        tooltip=action.says,
    )


class WorkingScreen(Screen[None]):
    """A screen whose rows can be acted on."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *(binding_of(action) for action in ACTIONS if action.key),
        Binding("J", "results", "read the newest job's results", show=False, id="results"),
        Binding("plus", "enlarge", "enlarge the panel, and back", show=False, key_display="+", id="enlarge"),
        Binding("U", "undo_job", "undo what the job that is shown rotated", show=False, id="undo_job"),
    ]

    session: Session
    help_text: str = ""
    of_its_own: Sequence[str] = ()
    """Actions of this screen alone that are not always possible."""
    _possible: tuple[bool | None, ...] = ()
    _at: Row | None = None
    """The row that was opened, while that is done."""
    _focused_before: Widget | None = None
    """What had the focus before the results of a job."""

    @property
    def kubemint(self) -> Shell:
        return cast("Shell", self.app)

    def chosen(self) -> list[Row]:
        """The marked rows, or the one under the cursor."""
        return []

    def show_job(self, job: Job) -> None:
        """A job began or changed."""

    def journal(self) -> Journal | None:
        """What is shown of the journal, where it is what keys are for."""
        return None

    @property
    def marking(self) -> bool:
        """Whether rows are marked, seen or not: what is chosen then is never the one under the cursor."""
        table = self.table_of_rows
        return table is not None and bool(table.marks)

    @contextmanager
    def at(self, row: Row) -> Iterator[None]:
        """For what is done to the row that was opened: it is chosen, whatever is marked."""
        before, self._at = self._at, row
        try:
            yield
        finally:
            self._at = before

    @property
    def marks_hidden(self) -> int:
        """How many marked rows the filter hides; nothing happens to them."""
        return 0

    def done_with_marks(self) -> None:
        """The marked rows that are shown were acted on."""

    @property
    def rested(self) -> bool:
        """Whether what is chosen has been chosen for a moment, so that the material of another row is not seen."""
        table = self.table_of_rows
        return table is None or table.rested >= self.kubemint.keyboard.pace.rest

    @property
    def table_of_rows(self) -> FleetTable | None:
        """The table whose row is chosen, where it is one's."""
        return None

    def left_alone(self) -> list[str]:
        """For a question: that nothing happens to marked rows that are not seen."""
        return ["", f"{_hidden(self.marks_hidden)}: nothing happens to them."] if self.marks_hidden else []

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Greyed where nothing may be changed; not offered where it makes no sense for what is chosen."""
        known = BY_NAME.get(action)
        if known is None:
            return True
        if known.needs is Needs.NOTHING:
            if known.mutates and self.session.why_read_only():
                return None
            return self.session.fleet is not None or None
        if known.needs is Needs.JOURNAL:
            return self.journal() is not None and (not self.why_not_for(known) or None)
        if not known.possible(self.chosen()):
            return False
        return None if self.why_not_for(known) else True

    def why_not_for(self, known: AnyAction) -> str:
        """Why an action that suits what is chosen may not be done; empty where it may."""
        if known.writes and (why := self.session.why_read_only()):
            return why
        return self.why_not() if known.mutates else ""

    def why_not(self) -> str:
        """Why what is chosen may not be changed; empty where it may."""
        clusters = {cluster for row in self.chosen() for cluster in clusters_of(row) if cluster}
        return self.session.why_read_only(*sorted(clusters))

    def why_not_key(self, key: str, found: ActiveBinding | None) -> str:
        """Why a key of an action does nothing: it is greyed, or does not suit what is chosen. Empty for other keys."""
        if found is not None:
            known = BY_NAME.get(found.binding.action)
            return self.why_not_for(known) if known is not None and not found.enabled else ""
        keys = self.session.settings.keymap
        meant = (action for action in ACTIONS if key in keys.get(action.name, action.key).split(","))
        return next((why for action in meant if (why := self.why_not_these(action))), "")

    def why_not_these(self, action: AnyAction) -> str:
        """Why this cannot be done to what is chosen; empty where it can."""
        rows, name = self.chosen(), (action.label or action.name).replace("_", " ")
        if action.needs in (Needs.NOTHING, Needs.JOURNAL):
            return ""
        if not rows:
            hidden = self.marks_hidden
            return f"{_hidden(hidden)}: change the filter, or press esc" if hidden else f"{name}: nothing is selected"
        if len(rows) > 1 and action.needs is Needs.ONE:
            return f"{name} is for one row, {len(rows)} are marked: esc unmarks them"
        unfit = [title_of(row) for row in rows if not action.fits(row)]
        if not unfit:
            return ""
        if len(rows) == 1:
            return f"{name} is for {action.suits}; {unfit[0]} is {what_it_is(rows[0])}"
        more = f" and {len(unfit) - 3} more" if len(unfit) > 3 else ""
        return f"{name} does not suit {len(unfit)} of the {len(rows)} marked: {', '.join(unfit[:3])}{more}"

    def bindings_may_differ(self) -> None:
        """Draw the keys anew where others are possible than before."""
        names = (*(action.name for action in ACTIONS), *self.of_its_own)
        possible_now = tuple(self.check_action(name, ()) for name in names)
        if possible_now != self._possible:
            self._possible = possible_now
            self.refresh_bindings()

    def do(self, name: str) -> None:
        """Do what an action does to what is chosen."""
        action = BY_NAME[name]
        if name in BY_HAND:
            BY_HAND[name](self)
        elif action.begin is not None:
            doing.by_form(self, action)
        elif action.only_shows:
            doing.foresee_chosen(self, action)
        else:
            doing.to_chosen(self, action)

    def action_enlarge(self) -> None:
        """Give the panel that has the focus all the room there is; again for what was before."""
        if self.focused is None or lessen(self):
            return
        if not enlarge(self.focused):
            self.notify("nothing lies beside it", markup=False, timeout=3)

    def action_results(self) -> None:
        """Go into the panel of the newest job, or back; one that was put away comes back."""
        panel = next(iter(self.query(JobPanel)), None)
        jobs = self.session.jobs.all
        if panel is None or not (panel.display or jobs):
            self.notify("nothing was started yet", markup=False, timeout=3)
        elif panel.has_focus:
            self.set_focus(self._focused_before)
        else:
            self._focused_before = self.focused
            if not panel.display:
                panel.reopen(jobs[-1])
            panel.focus()

    def action_undo_job(self) -> None:
        """Undo what the job in the panel rotated, whatever the cursor is on."""
        undoing_job.undo(self, next((panel.job for panel in self.query(JobPanel) if panel.display), None))

    def action_retry(self) -> None:
        self.kubemint.desk.retry(self.query_one(JobPanel).job)

    def action_cancel_rest(self) -> None:
        self.kubemint.desk.cancel_rest(self.query_one(JobPanel).job)

    def action_help(self) -> None:
        from tui.screens.dialogs.help import HelpScreen

        self.app.push_screen(HelpScreen(self.help_text, self))

    # What the modules beside this one ask

    def what_is_asked(self) -> Asked:
        """What is chosen, and what else forms and command lines depend on."""
        rows, session = self.chosen(), self.session
        contexts = [row.name for row in session.store.clusters.values() if row.source == "kubeconfig"]
        clusters = self.writable_clusters(cluster_of(rows[0]) if rows else "")
        lifetime = format_duration(session.settings.lifetime)
        return Asked(
            rows, self.kubemint.export_folder, contexts, session.clock(), clusters, lifetime, self.marking,
            Around(session.store, session.fleet),
        )  # fmt: skip

    def chosen_addresses(self) -> list[Address]:
        """What the engine calls the chosen rows."""
        return [address for row in self.chosen() if (address := address_of(row)) is not None]

    def writable_clusters(self, first: str) -> list[str]:
        """Clusters that something can be made in, those that answer where any does, the one at hand first."""
        rows = self.session.store.clusters.values()
        names = sorted(row.name for row in rows if row.answers)
        names = names or sorted(row.name for row in rows)
        names = [name for name in names if not self.session.why_read_only(name)] or names
        return sorted(names, key=lambda name: (name != first, name))

    def ask(
        self,
        dialog: Dialog[Wish | None],
        verb: str,
        made: Callable[[Wish], object],
        intended: Callable[[Wish], Intended],
        tries: Callable[[Wish], Awaitable[Wrong | None]] | None = None,
    ) -> None:
        """Ask for a wish, which is then `made`; what is `intended` with it can be shown before. Until it `tries` well
        the dialog stays."""

        def answered(wish: Wish | None) -> None:
            if wish is not None:
                made(wish)

        def foreseen(wish: Wish | None) -> None:
            if wish is not None:
                self.foresee(verb, [intended(wish)], dialog.action_cancel)

        async def tried(wish: Wish | None) -> Wrong | None:
            return await tries(wish) if tries is not None and wish is not None else None

        if getattr(dialog, "foresees", True):
            dialog.foresee = foreseen
        if tries is not None:
            dialog.tries = tried
        self.app.push_screen(dialog, answered)

    def foresee(self, verb: str, intended: Sequence[Intended], begun: Callable[[], object] = lambda: None) -> None:
        """Show what would be done; where that is wanted, do it. `begun` is told."""
        from tui.screens.dialogs.foresee import ForeseeScreen

        def wanted(possible: list[Intended] | None) -> None:
            if possible:
                begun()
                self.begin(verb, [jobs.as_foreseen(self.session, one) for one in possible], asked=True)

        if intended:
            self.app.push_screen(ForeseeScreen(self.session, verb, intended), wanted)

    def begin(self, verb: str, tasks: Sequence[Task], *, asked: bool = False, again: bool = False) -> None:
        """Begin a job; where the user was not asked yet and has to be (see `asking`), only after a yes. What is
        tried `again` has nothing to do with the marks."""
        if not tasks:
            return

        def sure(yes: bool | None) -> None:
            if yes:
                self.session.jobs.begin(verb, tasks)
                if again:
                    return
                self.done_with_marks()
                if self.marks_hidden:
                    self.notify(f"{_hidden(self.marks_hidden)}: left alone, still marked", markup=False, timeout=6)

        if asked or not asks(verb, len(tasks), self.session.settings.confirm):
            sure(True)
            return
        from tui.screens.dialogs.confirm import ConfirmScreen

        several = [f"{how_many(task.cluster for task in tasks)}:", ""] if len(tasks) > 1 else []
        body = several + [task.title for task in tasks[:8]] + (["…"] if len(tasks) > 8 else [])
        body += [] if again else self.left_alone()
        title = f"{verb.capitalize()} {len(tasks)} now?" if several else f"{verb.capitalize()} now?"
        self.app.push_screen(ConfirmScreen(title, body, verb=verb.capitalize()), sure)

    def failed(self, error: Exception) -> None:
        """Say why something could not even be planned."""
        message, hint = explain(error)
        said = f"{message}: {hint}" if hint else message
        self.notify(safe_text(said), markup=False, severity="error", timeout=15)


def _hidden(number: int) -> str:
    return f"{number} marked row{' is' if number == 1 else 's are'} hidden by the filter"


for _action in ACTIONS:
    if _action.name in BY_HAND or _action.of is not None or _action.begin is not None:
        setattr(WorkingScreen, f"action_{_action.name}", partialmethod(WorkingScreen.do, _action.name))
