"""What the dashboard looks at and works with: the fleet, its engine, the clock, and the jobs that run.

Screens ask the session; the session asks the fleet and the engine. Until the fleet is there everything is empty.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from tui.actions.fitting import address_of
from tui.actions.jobs import Job, Jobs
from tui.actions.working_on import worked_on
from tui.fleet.query import Query, clock_of
from tui.fleet.rows import Reach, Row
from tui.fleet.store import Area, FleetStore, View
from tui.issuance import Address, Credential, StateError, utc_now
from tui.settings import Loaded, Settings, default_path

from .starting import Starting

if TYPE_CHECKING:
    from tui.fleet.fleet import Fleet
    from tui.issuance import Alerts, Engine, UndoWindow
    from tui.kube.sensitive import Sensitive
    from tui.settings.writing import Change

    from .renewing import Renewing
    from .shell.alerting import Alerting
    from .shell.job_desk import JobDesk
    from .shell.keyboard import Keyboard


class PageName(StrEnum):
    """The pages that lie over the main screen (`pages.made` makes them)."""

    DETAIL = "detail"
    LINEAGE = "lineage"
    POWERS = "powers"
    WHO = "who"
    FINDINGS = "findings"
    CALENDAR = "calendar"


class Shell(Protocol):
    """What screens ask of the application around them."""

    command_options: tuple[str, ...]

    @property
    def export_folder(self) -> Path: ...
    @property
    def renewing(self) -> Renewing: ...
    @property
    def alerting(self) -> Alerting: ...
    @property
    def keyboard(self) -> Keyboard: ...
    @property
    def desk(self) -> JobDesk: ...
    def open_page(self, page: PageName, row: Row | None) -> None: ...
    def open_found(self, pasted: Sensitive) -> None: ...
    def reconnect(self, cluster: str) -> None: ...
    def change_settings(self, values: Mapping[str, object], change: Change | None) -> None: ...


class Session:
    """The one object that every screen is given."""

    def __init__(
        self, *, clock: Callable[[], datetime] = utc_now, settings: Loaded | None = None, embedded: bool = False
    ):
        self.clock = clock
        self.loaded = settings or Loaded(Settings(), default_path())
        self.read_only = bool(self.loaded.why_all_read_only())
        self.embedded = embedded
        self.fleet: Fleet | None = None
        self.starting = Starting()
        """How far it is, until it is there."""
        self.store = FleetStore(clock=clock)
        self.jobs = Jobs(clock)
        self._worked: dict[Address, str] | None = None
        self.jobs.listen(self._job_changed)
        self.loop_says: Callable[[Credential], str] = lambda credential: ""
        """What the renewal loop says of one credential; empty where it does not keep it."""
        self.alerts: Alerts | None = None
        """Who is in an alert window; the application keeps it."""
        self.undone: set[Address] = set()
        """Whose last rotation the user took back; the renewal loop leaves them alone until they are rotated by hand."""

    def open(self, fleet: Fleet) -> None:
        """From now on the rows are this fleet's."""
        self.fleet = fleet
        self.store = fleet.store
        self.read_only = self.read_only or fleet.read_only

    @property
    def settings(self) -> Settings:
        """What counts now; the settings screen may change it."""
        return self.loaded.settings

    def why_read_only(self, *clusters: str) -> str:
        """Why nothing may be changed in one of these clusters (or anywhere); empty where everything may."""
        if self.read_only and not self.loaded.why_all_read_only():
            return "kubemint is read-only"
        reasons = (self.loaded.why_read_only(cluster) for cluster in clusters or ("",))
        return next((why for why in reasons if why), "")

    @property
    def engine(self) -> Engine:
        if self.fleet is None:
            raise StateError("the fleet is not open yet", "try again in a moment")
        return self.fleet.engine

    def now(self, row: Row | None = None) -> datetime:
        """The time as the row's cluster has it: stamps are the server's, so countdowns use the server's clock."""
        now = self.clock()
        if row is None or self.fleet is None:
            return now
        skew = self.fleet.skew(clock_of(row))
        return now if skew is None or abs(skew) < 2 else now + timedelta(seconds=skew)

    def read_only_in(self, cluster: str) -> bool:
        """Whether nothing may be changed in this cluster."""
        return bool(self.why_read_only(cluster))

    def undo_window(self, credential: Credential | None) -> UndoWindow | None:
        """Until when the rotation that made this credential can be undone."""
        if credential is None or self.fleet is None:
            return None
        return self.engine.undo_window(credential.fingerprint)

    def working_on(self, row: Row) -> str:
        """What a job is doing with a row at this moment, such as `rotating`; empty for nothing."""
        if self._worked is None:
            self._worked = worked_on(self.jobs.all)
        address = address_of(row) if self._worked else None
        return self._worked.get(address, "") if address is not None else ""

    def _job_changed(self, job: Job) -> None:
        self._worked = None

    def undo_until(self, credential: Credential | None, now: datetime) -> datetime | None:
        """The same where this process still has the old one, by the clock that says `now`."""
        window = self.undo_window(credential)
        return now + (window.until - self.clock()) if window is not None and window.kept else None

    def undo_until_of(self, job: Job) -> datetime | None:
        """Until when all that a job rotated can be undone."""
        outcomes = [task.outcome for task in job.tasks]
        ends = [self.undo_until(outcome.credential, self.clock()) for outcome in outcomes if outcome is not None]
        return min((end for end in ends if end is not None), default=None)

    def view(self, area: Area, query: Query) -> View:
        return self.store.view(area, query=query)

    def reaches(self) -> dict[Reach, int]:
        """How many clusters are in each state."""
        return Counter(row.reach for row in self.store.clusters.values())

    @property
    def looked(self) -> bool:
        """Whether nothing seen is nothing there: every cluster has answered, or will not."""
        return self.fleet is not None and Reach.CONNECTING not in self.reaches()

    def worst_skew(self) -> tuple[str, float] | None:
        """The cluster whose clock is furthest off, where that is more than a minute."""
        skews = [(row.name, row.skew) for row in self.store.clusters.values() if row.skew is not None]
        worst = max(skews, key=lambda pair: abs(pair[1]), default=None)
        return worst if worst is not None and abs(worst[1]) > 60 else None
