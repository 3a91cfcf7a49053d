"""Alerts in the dashboard: the core says what is news; this rings, notifies and says it in one line.

It looks when something changed or an instant comes at which something will, never more often than once a second, and
rings once in a while however much comes in.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final, Protocol

from tui.actions.jobs import Job
from tui.fleet.names import short_address
from tui.fleet.renewing import watched
from tui.fleet.rows import ClusterRow, CredentialRow
from tui.fleet.store import FleetChange
from tui.issuance import Address, Alert, Alerts, News, StepStatus, Watched, announcement, human_left
from tui.screens.session import Session
from tui.widgets.desktop import notification

_QUIET: Final = timedelta(seconds=10)
"""Between two announcements; what comes meanwhile is in the next one."""
_AT_ONCE: Final = 250
"""Credentials that are judged before keys get their turn."""


class Terminal(Protocol):
    """What is rung and written to; the application is one."""

    def bell(self) -> None: ...
    def write_to_terminal(self, sequence: str) -> None: ...
    def soon(self, work: Callable[[], None]) -> None: ...
    def announce(self, text: str, *, worse: bool) -> None: ...


class Alerting:
    """Everything about alerts that is not a decision."""

    def __init__(self, session: Session, terminal: Terminal, environment: Mapping[str, str] | None = None) -> None:
        self.alerts = Alerts(rule_of=lambda cluster: session.settings.alert(cluster), clock=session.clock)
        self._session = session
        self._terminal = terminal
        self._environment = os.environ if environment is None else environment
        self._pending: list[Alert] = []
        self._all = True
        """Whether every credential has to be judged: at first, and where the rules or a clock are others by now."""
        self._touched: set[Address] = set()
        self._rests_on: tuple[object, ...] = ()
        self._next: datetime | None = None
        self._announced: datetime | None = None
        self.said: Callable[[], None] = lambda: None
        """Called after a look, for whoever shows how many there are."""

    def changed(self, change: FleetChange) -> None:
        """The fleet has something new."""
        self._touched |= change.credentials
        if ClusterRow in change.kinds and self._resting() != self._rests_on:
            self._all = True

    def job_changed(self, job: Job) -> None:
        """A renewal by the loop may have failed."""
        if job.quiet and not job.running:
            for task in job.tasks:
                if task.status is StepStatus.FAILED and task.address is not None:
                    self.alerts.failed(task.address, task.message)
                    self._touched.add(task.address)

    def look(self) -> None:
        """Once a second: judge where something may be different, and announce what is news."""
        session = self._session
        now = session.clock()
        due = self._next is not None and now >= self._next
        if session.fleet is not None and (
            self._all or self._touched or due or self._rests_on[0] is not session.settings
        ):
            news = self._news()
            self._next = news.next_at
            self._pending += news.alerts
            self.said()
        if self._pending and (self._announced is None or now - self._announced >= _QUIET):
            pending, self._pending = self._pending, []
            still = [alert for alert in pending if alert.address in self.alerts.active]
            if still:
                self._announced = now
                self._announce(still)

    def _news(self) -> News:
        """Of all, where that is needed; else of what changed, and of those whose time has come."""
        session = self._session
        known = session.store.credentials
        if self._all or self._rests_on[0] is not session.settings:
            self._all, self._rests_on = False, self._resting()
            self._touched.clear()
            return self.alerts.look(self._watched(known.values()))
        touched = self.alerts.crossing()
        while self._touched and len(touched) < _AT_ONCE:
            touched.append(self._touched.pop())
        if self._touched:  # a fleet that is being listed; keys come first
            self._terminal.soon(self.look)
        rows = [known.get(str(address)) for address in touched]
        gone = [address for address, row in zip(touched, rows, strict=True) if row is None]
        return self.alerts.look_at(self._watched(row for row in rows if row is not None), gone)

    def _watched(self, rows: Iterable[CredentialRow]) -> Iterable[Watched]:
        fleet = self._session.fleet
        assert fleet is not None
        return watched(rows, fleet, clock=self._session.clock)

    def _resting(self) -> tuple[object, ...]:
        """What every judgement rests on beside the credential: the rules, and how far each cluster's clock is off."""
        session = self._session
        fleet = session.fleet
        skews = {} if fleet is None else {name: round(fleet.skew(name) or 0) for name in session.store.clusters}
        return session.settings, {name: skew for name, skew in skews.items() if skew}

    def snooze(self, address: Address, lasts: timedelta | None) -> None:
        """Nothing of it for so long; None until it is renewed: what is shown is meant, not what the last look saw."""
        self._touched.add(address)
        self.look()
        self.alerts.snooze(address, lasts)
        self._touched.add(address)
        self.look()

    def wake(self, address: Address) -> None:
        """End its snooze."""
        self.alerts.wake(address)
        self._touched.add(address)
        self.look()

    def _announce(self, alerts: list[Alert]) -> None:
        text = announcement(alerts, lambda address: short_address(str(address)), self._left)
        self._terminal.announce(text, worse=any(alert.level.value == "failed" for alert in alerts))
        if any(alert.rule.bell for alert in alerts):
            self._terminal.bell()
        if any(alert.rule.desktop for alert in alerts):
            self._terminal.write_to_terminal(notification("kubemint", text, self._environment))

    def _left(self, alert: Alert) -> str:
        now = self._session.now(self._session.store.credentials.get(str(alert.address)))
        return human_left(alert.expires_at - now) if alert.expires_at is not None else "an unknown time"
