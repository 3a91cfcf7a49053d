"""The dashboard's application: opens the fleet behind the first frame, runs jobs, and never shows what it must not.

Nothing but Textual and light modules is needed for the first frame; kubeconfigs, API clients and the engine come in
behind it.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import traceback
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, ClassVar, Final

from rich.text import Text
from textual import events
from textual.app import SystemCommand
from textual.binding import Binding, BindingType
from textual.command import Provider
from textual.notifications import SeverityLevel
from textual.screen import Screen

from tui.actions.jobs import Job
from tui.fleet.rows import Row
from tui.fleet.store import FleetChange
from tui.issuance import utc_now, write_preferences
from tui.kube.home import expanded
from tui.kube.text import safe_text
from tui.screens.renewing import Renewing
from tui.screens.session import PageName, Session
from tui.screens.starting import Starting
from tui.settings import Loaded, Settings, default_path
from tui.widgets import terminal
from tui.widgets.inside_textual import InsideTextual
from tui.widgets.job_panel import JobPanel
from tui.widgets.keystrokes import Pace
from tui.widgets.themes import THEMES, known_theme, next_theme, short_name, stylesheets

from .screens.acting import undoing_job
from .screens.acting.working import WorkingScreen
from .screens.shell.alerting import Alerting
from .screens.shell.collecting import Collecting
from .screens.shell.job_desk import JobDesk
from .screens.shell.keyboard import Keyboard
from .screens.shell.main import MainScreen
from .screens.shell.memory import beginning, read as read_memory, write as write_memory
from .screens.shell.news import JobNews, Recovered
from .screens.shell.pages import found, made
from .screens.shell.pressing import why_nothing

if TYPE_CHECKING:
    from tui.fleet.fleet import Fleet
    from tui.settings.vocabulary import Vocabulary
    from tui.settings.writing import Change

    from .screens.pages.found import Pasted

STOP_SECONDS: Final = 3.0
"""How long leaving may wait for clusters that hang."""

REMEMBER: Final = 20.0
"""Seconds between two looks at what to keep for the next start, so that a crash or a kill loses little."""

UNUSED: Final = 4.0
"""Seconds that it is shown why a key did nothing, and not said again."""

Opener = Callable[[Starting], "Fleet"]
"""Gives the fleet, and says meanwhile how far it is; called in a thread."""


def palette() -> type[Provider]:
    """What the command palette lists, once it is opened."""
    from .screens.shell.palette import Commands

    return Commands


class KubemintApp(InsideTextual[int]):
    """The dashboard. `fleet` is what it shows, or `opener` makes one once the first frame stands."""

    TITLE = "kubemint"
    CSS_PATH = stylesheets()
    COMMANDS: ClassVar[set[Any]] = {palette}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+q,q", "quit", "quit", show=False, key_display="q", id="quit"),
        Binding("t", "next_theme", "the next theme", show=False, id="theme"),
        Binding("ctrl+z", "suspend_process", "to the shell; fg returns", show=False, key_display="^z", id="suspend"),
    ]

    def __init__(
        self,
        fleet: Fleet | None = None,
        *,
        opener: Opener | None = None,
        clock: Callable[[], datetime] = utc_now,
        read_only: bool = False,
        embedded: bool = False,
        theme: str | None = None,
        export_folder: Path | None = None,
        settings: Loaded | None = None,
        memory: Path | None = None,
        begin: str = "",
        start: bool = True,
        command_options: tuple[str, ...] = (),
        pace: Pace | None = None,
        ticks: Callable[[], float] = monotonic,
    ) -> None:
        super().__init__()
        given = settings or Loaded(Settings(), default_path())
        loaded = vocabulary().check(given.with_flags(theme=theme, read_only=read_only))
        write_preferences(loaded.settings.preferences)
        self.session = Session(clock=clock, settings=loaded, embedded=embedded)
        self.failure: Exception | None = None
        """Why the dashboard could not open; `run` raises it again outside."""
        self.command_options = command_options
        """What an equivalent command line needs besides, to mean the same clusters."""
        self._opener = opener
        self._given = fleet
        self._start = start
        self._folder = export_folder
        self._unsubscribe: Callable[[], None] | None = None
        self.keyboard = Keyboard(self, super().on_event, pace or Pace(), ticks)
        self._memory = memory
        """Where it is kept what the next start begins with; None: nowhere."""
        self._kept = b""
        self._news = JobNews(self._show_job, self.set_timer)
        self._unused = ("", 0.0)
        """What was said last of a key that did nothing, and when."""
        self._main = MainScreen(self.session, beginning(read_memory(memory), begin))
        self.desk = self.session.jobs.desk = JobDesk(self.session, self, self._main)
        self.renewing = Renewing(self.session, self)
        self.session.loop_says = self.renewing.keeps
        self.alerting = Alerting(self.session, self)
        self.session.alerts = self.alerting.alerts
        self.collecting = Collecting(lambda: self.session.store.size)
        self._recovered = Recovered(self.session, self)
        for known in THEMES:
            self.register_theme(known)
        self.theme = known_theme(loaded.settings.theme)
        self.set_keymap(loaded.settings.keymap)

    # Life

    def get_default_screen(self) -> Screen[Any]:
        return self._main

    def on_mount(self) -> None:
        self.session.jobs.listen(self._news.changed)
        self.screen_change_signal.subscribe(self, self.keyboard.opened, immediate=True)
        self.app_resume_signal.subscribe(self, self._goes_on)
        self._say_findings()
        self.session.jobs.listen(self.alerting.job_changed)
        self.set_interval(REMEMBER, self.remember)
        self.set_interval(1.0, self.alerting.look)
        self.set_interval(1.0, self.collecting.look)
        if not self.is_headless:  # where it has the process for itself
            self.collecting.begin()
        self.set_interval(1.0, self._say_recovered)
        if not self.is_headless and terminal.is_there():
            self.set_interval(terminal.LOOK, self._leave_without_terminal)
            terminal.on_signals(self.exit)
        if self._given is not None:
            self._open(self._given)
            if self._start:
                self.run_worker(self._given.start(), group="fleet", exit_on_error=False)
        elif self._opener is not None:
            self.call_after_refresh(self._open_behind)

    async def on_event(self, event: events.Event) -> None:
        """What is typed while the screens are being closed is dropped; everything else goes through the keyboard."""
        if isinstance(event, events.InputEvent) and not self.screen_stack:
            return
        if isinstance(event, events.InputEvent):
            self.collecting.touched()
        if not event.is_forwarded and await self.keyboard.took(event):
            return
        await super().on_event(event)

    def simulate_key(self, key: str) -> None:
        """The user clicked on what a key does."""
        self.post_message(self.keyboard.click(events.Key(key, None)))

    def action_offer(self, name: str, number: int) -> None:
        """The user clicked on what the panel of a job offers: it is about that job, whatever the cursor is on."""
        job = next((job for job in self.session.jobs.all if job.id == number), None)
        if not self.keyboard.offered(name):
            return
        if name == "retry":
            self.desk.retry(job)
        elif name == "cancel":
            self.desk.cancel_rest(job)
        elif isinstance(self.screen, WorkingScreen):
            undoing_job.undo(self.screen, job)

    def on_key(self, event: events.Key) -> None:
        """A key that does nothing says why; one that is held down says it once."""
        if event.key == "ctrl+z" and self.screen.is_modal:  # whose keys are its own, but it is no reason to stay
            self.action_suspend_process()
            return
        why = why_nothing(self.screen, event)
        now = monotonic()
        if why and (why != self._unused[0] or now - self._unused[1] > UNUSED):
            self._unused = (why, now)
            self.notify(safe_text(why), markup=False, severity="warning", timeout=UNUSED)

    def action_suspend_process(self) -> None:
        """Back to the shell, until it says `fg`."""
        if not self.is_headless and terminal.has_shell():
            self.stop_for_a_while()
        else:
            self.notify("no shell waits behind this window: q leaves", markup=False, severity="warning", timeout=UNUSED)

    def words_of_a_stop(self) -> str:
        running = sum(job.running for job in self.session.jobs.all)
        waits = (["one job"] if running == 1 else [f"{running} jobs"]) if running else []
        waits += ["the renewal loop"] if self.renewing.on else []
        return f"kubemint: stopped until fg, and with it {' and '.join(waits)}" if waits else ""

    def _goes_on(self, _: object) -> None:
        """Time has passed meanwhile, and watches may have ended: what is seen is read again from what is known now."""
        self.alerting.look()
        self._say_recovered()
        if self._main.is_mounted:
            self._main.changed(None)
        self.renewing.wake()
        self.refresh(layout=True)

    def _leave_without_terminal(self) -> None:
        """A window that was closed does not always end what ran in it; nobody could ever leave it then."""
        if not terminal.is_there():
            terminal.end_at_last(terminal.HANGUP)
            self.exit(terminal.HANGUP)

    def _say_findings(self) -> None:
        """What is wrong with the settings, in one notice."""
        findings = self.session.loaded.findings
        if findings:
            more = f"\nand {len(findings) - 3} more" if len(findings) > 3 else ""
            lines = "\n".join(str(finding) for finding in findings[:3])
            said = f"{lines}{more}\nDefaults count for these; `kubemint config check` shows them."
            self.notify(said, title="settings", markup=False, severity="warning", timeout=20)

    def _say_recovered(self) -> None:
        if self._recovered.look() and self._main.is_mounted:
            self._main.reread()

    def _open_behind(self) -> None:
        self.run_worker(self._open_later(), group="fleet", exit_on_error=False)

    async def _open_later(self) -> None:
        assert self._opener is not None
        self.session.starting.listen(self._main.show_starting)
        try:
            fleet = await asyncio.to_thread(self._opener, self.session.starting)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is said in one line outside
            self.failure = error
            self.exit(1)
            return
        self._open(fleet)
        await fleet.start()

    def _open(self, fleet: Fleet) -> None:
        self.session.open(fleet)
        self._unsubscribe = fleet.store.subscribe(self._store_changed)
        self._main.changed(None)
        for said in fleet.engine.state.said:
            self.notify(safe_text("; ".join(said)), title="state", markup=False, severity="error", timeout=60)

    async def on_unmount(self) -> None:
        self.session.starting.left()
        self.collecting.end()
        if self._unsubscribe is not None:
            self._unsubscribe()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_SECONDS):
                await self.renewing.aclose()
        if self.session.fleet is not None and self._start:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(STOP_SECONDS):
                    await self.session.fleet.stop()

    # What screens ask

    def remember(self) -> None:
        """Keep what the next start begins with, where it is not kept already."""
        if self._memory is not None and self._main.is_mounted:
            self._kept = write_memory(self._memory, self._main.remember(), self._kept)

    def exit(self, result: int | None = None, return_code: int = 0, message: Any | None = None) -> None:
        self.remember()
        if message is None and not result and not self.session.embedded:
            message = self._left_behind()
        super().exit(result, return_code, message)

    def _left_behind(self) -> Text | None:
        """For the terminal that stays: old tokens whose grace period is not over, and who revokes them."""
        from tui.issuance import IssuanceError, due_here

        fleet, left = self.session.fleet, []
        with contextlib.suppress(IssuanceError):  # a state that cannot be read must not block leaving
            known = fleet.engine.state.revocations() if fleet is not None else []
            left = [one for one in known if not one.trial]  # what is tried out ends with the dashboard
        if not left:
            return None
        what = "one old token still works" if len(left) == 1 else f"{len(left)} old tokens still work"
        due = max(due_here(one, self.session.clock) for one in left)
        return Text(f"kubemint: {what}; the next start of kubemint after {due:%H:%M:%S} UTC revokes what is left")

    @property
    def export_folder(self) -> Path:
        """Where exports go by default: where the settings say, unless whoever opened the fleet says another."""
        return self._folder or expanded(self.session.settings.export_folder)

    @export_folder.setter
    def export_folder(self, folder: Path) -> None:
        self._folder = folder

    def open_page(self, page: PageName, row: Row | None) -> None:
        """Show a page over the main screen."""
        screen = made(page, self.session, self._main, row)
        if screen is not None:
            self.push_screen(screen)

    def open_found(self, pasted: Pasted) -> None:
        """Show whose it is what was pasted, in the place of what was pasted before."""
        screen = found(pasted, self.session, self._main)
        if isinstance(self.screen, type(screen)):
            self.switch_screen(screen)
        else:
            self.push_screen(screen)

    def on_job_panel_opened(self, event: JobPanel.Opened) -> None:
        """The user wants to see each of the many of a job."""
        from .screens.pages.deeds import TasksScreen

        self.push_screen(TasksScreen(self.session, event.job))

    def change_settings(self, values: Mapping[str, object], change: Change | None) -> None:
        """Let these values count from now on, and write them where there is a change to write."""
        from tui.issuance import IssuanceError
        from tui.settings.writing import write_change

        from .actions.spoken import in_dashboard
        from .kube.paths import short_path

        if change is not None:
            try:
                write_change(change)
            except IssuanceError as error:
                said = f"{error.message}; {error.hint}" if error.hint else error.message
                self.notify(
                    in_dashboard(said), title="settings are not written", markup=False, severity="error", timeout=15
                )
                return
            self.notify(f"written to {short_path(str(change.path))}", title="settings", markup=False, timeout=4)
        loaded = self.session.loaded = self.session.loaded.with_values(values, kept=change is not None)
        self.theme = known_theme(loaded.settings.theme)
        if self.session.fleet is not None and "grace" in values:
            self.session.engine.set_grace(loaded.settings.grace)

    def reconnect(self, cluster: str) -> None:
        """Connect to a cluster anew, at once."""
        self.run_worker(self._reconnect(cluster), group=f"reconnect-{cluster}", exclusive=True, exit_on_error=False)

    async def _reconnect(self, cluster: str) -> None:
        from tui.issuance import IssuanceError
        from tui.kube.errors import KubeError

        if self.session.fleet is None:
            return
        try:
            await self.session.fleet.reconnect(cluster)
        except (IssuanceError, KubeError) as error:
            self.notify(str(error), markup=False, severity="warning")

    # News

    def _store_changed(self, change: FleetChange) -> None:
        if self.is_running:
            self._main.changed(change)
            self.renewing.wake()
            self.alerting.changed(change)

    def _show_job(self, job: Job) -> None:
        if not self.is_running:
            return
        for screen in reversed(self.screen_stack):
            if isinstance(screen, WorkingScreen) and screen.is_mounted:
                screen.show_job(job)
                break

    def notify(
        self,
        message: str,
        *,
        title: str = "",
        severity: SeverityLevel = "information",
        timeout: float | None = None,
        markup: bool = True,
    ) -> None:
        """Say something in the lines above the keys, its title in the same line."""
        said = f"{title}: {message}" if title else message
        super().notify(said, severity=severity, timeout=timeout, markup=markup)

    def soon(self, work: Callable[[], None]) -> None:
        """Call it once what is waiting, keys above all, had its turn."""
        self.set_timer(0.02, work)

    def announce(self, text: str, *, worse: bool) -> None:
        """An alert, in one line."""
        self.notify(text, title="alert", markup=False, severity="error" if worse else "warning", timeout=6)

    # Themes

    def action_theme(self, name: str) -> None:
        self.theme = known_theme(name)

    def action_next_theme(self) -> None:
        self.theme = next_theme(self.theme)
        self.notify(f"theme {short_name(self.theme)}", markup=False, timeout=2)

    # What must not get out

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """None of Textual's own: its Screenshot saves whatever is on the screen."""
        return ()

    def export_screenshot(self, *, title: str | None = None, simplify: bool = False) -> str:
        """Pictures never show material: what is revealed is masked while the picture is taken."""
        from .screens.dialogs.reveal import RevealScreen

        revealing = [screen for screen in self.screen_stack if isinstance(screen, RevealScreen)]
        for screen in revealing:
            screen.conceal(True)
        try:
            return super().export_screenshot(title=title, simplify=simplify)
        finally:
            for screen in revealing:
                screen.conceal(False)

    def words_of_a_mistake(self) -> str:
        """A mistake in the dashboard: where it happened, and nothing of what was in memory."""
        kind, error, trace = sys.exc_info()
        places = [f"  {frame.filename}:{frame.lineno} in {frame.name}" for frame in traceback.extract_tb(trace)[-8:]]
        name = kind.__name__ if kind is not None else type(error).__name__
        lines = [f"kubemint: a bug in the dashboard ({name}); please report these lines:", *places]
        return "\n".join(lines)


def vocabulary() -> Vocabulary:
    """The names of themes, actions and columns that the settings may use."""
    from .screens.shell.vocabulary import vocabulary

    return vocabulary(KubemintApp)
