"""Alerts in the dashboard: the core says what is news; this rings, notifies and says it in one line.

It looks when something changed or an instant comes at which something will, never more often than once a second, and
rings once in a while however much comes in.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Final, Protocol

from tui.actions.jobs import Job
from tui.fleet.names import short_address
from tui.fleet.renewing import watched
from tui.issuance import Address, Alert, Alerts, StepStatus, announcement, human_left
from tui.screens.session import Session
from tui.widgets.desktop import notification

_QUIET: Final = timedelta(seconds=10)
"""Between two announcements; what comes meanwhile is in the next one."""


class Terminal(Protocol):
    """What is rung and written to; the application is one."""

    def bell(self) -> None: ...
    def write_to_terminal(self, sequence: str) -> None: ...
    def announce(self, text: str, *, worse: bool) -> None: ...


class Alerting:
    """Everything about alerts that is not a decision."""

    def __init__(self, session: Session, terminal: Terminal, environment: Mapping[str, str] | None = None) -> None:
        self.alerts = Alerts(rule_of=lambda cluster: session.settings.alert(cluster), clock=session.clock)
        self._session = session
        self._terminal = terminal
        self._environment = os.environ if environment is None else environment
        self._pending: list[Alert] = []
        self._changed = True
        self._next: datetime | None = None
        self._announced: datetime | None = None
        self.said: Callable[[], None] = lambda: None
        """Called after a look, for whoever shows how many there are."""

    def changed(self) -> None:
        """The fleet has something new."""
        self._changed = True

    def job_changed(self, job: Job) -> None:
        """A renewal by the loop may have failed."""
        if job.quiet and not job.running:
            for task in job.tasks:
                if task.status is StepStatus.FAILED and task.address is not None:
                    self.alerts.failed(task.address, task.message)
                    self._changed = True

    def look(self) -> None:
        """Once a second: judge where something may be different, and announce what is news."""
        session = self._session
        now = session.clock()
        if session.fleet is not None and (self._changed or (self._next is not None and now >= self._next)):
            self._changed = False
            rows = list(session.store.credentials.values())
            news = self.alerts.look(watched(rows, session.fleet, clock=session.clock))
            self._next = news.next_at
            self._pending += news.alerts
            self.said()
        if self._pending and (self._announced is None or now - self._announced >= _QUIET):
            pending, self._pending = self._pending, []
            still = [alert for alert in pending if alert.address in self.alerts.active]
            if still:
                self._announced = now
                self._announce(still)

    def snooze(self, address: Address, lasts: timedelta | None) -> None:
        """Nothing of it for so long; None until it is renewed: what is shown is meant, not what the last look saw."""
        self._changed = True
        self.look()
        self.alerts.snooze(address, lasts)
        self._changed = True
        self.look()

    def wake(self, address: Address) -> None:
        """End its snooze."""
        self.alerts.wake(address)
        self._changed = True
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
