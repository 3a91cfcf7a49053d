"""When someone must be told that a credential ends or could not be renewed: once for each entry, and never in storms.

What is in its window when it is first seen is not news: it was there before anybody looked, and lists show it. News is
what crosses into its window, or fails, while someone looks on. A credential is judged by its cluster's clock.

A credential that lives shorter than its window would be in it all its life. So of one that can be renewed only the
second half of the time between its renewal point and its end counts: before that, renewal is not late.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final, Protocol

from tui.issuance.model.renewal import OVER, state_of
from tui.issuance.model.types import Address, Credential, State

from .keeping import Watched


class Rule(Protocol):
    """When an alert is due and how it makes itself heard; the settings have one for each cluster."""

    @property
    def window(self) -> timedelta: ...
    @property
    def critical(self) -> timedelta: ...
    @property
    def bell(self) -> bool: ...
    @property
    def desktop(self) -> bool: ...


_SPARE: Final = 1000
"""Points of no use that may lie in the heap before it is made anew."""


class Level(StrEnum):
    """How bad it is."""

    ENDING = "ending"
    CRITICAL = "critical"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Alert:
    """One credential that someone should look at."""

    address: Address
    level: Level
    expires_at: datetime | None
    """By its cluster's clock."""
    rule: Rule
    message: str = ""


@dataclass(frozen=True, slots=True)
class News:
    """What one look found: what is to be announced, and when to look again (None: when something changes)."""

    alerts: tuple[Alert, ...] = ()
    next_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Snooze:
    """`until` is by the local clock; None is until the credential is another one."""

    until: datetime | None
    expires_at: datetime | None


@dataclass
class Alerts:
    """Who is in which window, what was announced, and what is snoozed."""

    rule_of: Callable[[str], Rule]
    """By the name of the cluster that a credential leads into."""
    clock: Callable[[], datetime]
    active: dict[Address, Alert] = field(default_factory=dict)
    _known: dict[Address, tuple[datetime | None, Level | None]] = field(default_factory=dict)
    _snoozed: dict[Address, Snooze] = field(default_factory=dict)
    _failures: dict[Address, tuple[datetime | None, str]] = field(default_factory=dict)
    _unheard: set[Address] = field(default_factory=set)
    """What was news while it was snoozed."""
    _points: list[tuple[datetime, int, Address]] = field(default_factory=list)
    """A heap: when something may be in another window, by the local clock; what `_next` does not say is out of date."""
    _next: dict[Address, datetime] = field(default_factory=dict)
    _order: Iterator[int] = field(default_factory=itertools.count)

    def look(self, watched: Iterable[Watched]) -> News:
        """Judge every credential anew."""
        now = self.clock()
        self._points.clear()
        self._next.clear()
        for address, snooze in self._snoozed.items():
            if snooze.until is not None and snooze.until > now:
                self._meet(address, snooze.until)
        before = set(self._known)
        found = self._judged(watched, now, before.discard)
        self._forget(before)
        return self._news(found)

    def look_at(self, some: Iterable[Watched], gone: Iterable[Address] = ()) -> News:
        """Judge these, as nothing else changed: what has become another one, and whose time has come; some are gone.

        As long as every one that `crossing` names is among them, this finds what a look at all of them would find.
        """
        found = self._judged(some, self.clock())
        self._forget(gone)
        return self._news(found)

    def crossing(self) -> list[Address]:
        """Those that may be in another window by now, or whose snooze is over; each is named once."""
        now, found = self.clock(), []
        while self._points and self._points[0][0] <= now:
            at, _, address = heapq.heappop(self._points)
            if self._next.get(address) == at:
                del self._next[address]
                found.append(address)
        return found

    def _judged(
        self, watched: Iterable[Watched], now: datetime, seen: Callable[[Address], object] = lambda address: None
    ) -> list[Alert]:
        news: list[Alert] = []
        for one in watched:
            credential, address = one.credential, one.credential.address
            seen(address)
            rule = self.rule_of(_cluster(credential))
            level, message, moves = self._judge(one, rule)
            snooze = self._snoozed.get(address)
            points = [now + (at - one.now) for at in moves]
            if snooze is not None and snooze.until is not None and snooze.until > now:
                points.append(snooze.until)
            if points:
                self._meet(address, min(points))
            known = self._known.get(address)
            self._known[address] = (credential.expires_at, level)
            if known is not None and known[0] != credential.expires_at:
                self._renewed(address)
                known = None
            if level is None:
                self.active.pop(address, None)
                self._unheard.discard(address)
                continue
            alert = self.active[address] = Alert(address, level, credential.expires_at, rule, message)
            if known is not None and known[1] is not level:
                self._unheard.add(address)
            if address in self._unheard and not self.is_snoozed(address):
                self._unheard.discard(address)
                news.append(alert)
        return news

    def _meet(self, address: Address, at: datetime) -> None:
        """Look at it again then. What was noted for it before stays in the heap, and counts for nothing there."""
        if self._next.get(address) != at:
            self._next[address] = at
            heapq.heappush(self._points, (at, next(self._order), address))

    def _forget(self, gone: Iterable[Address]) -> None:
        for address in gone:
            self._known.pop(address, None)
            self.active.pop(address, None)
            self._next.pop(address, None)
        if len(self._points) > 2 * len(self._next) + _SPARE:
            self._points = [(at, next(self._order), address) for address, at in self._next.items()]
            heapq.heapify(self._points)

    def _news(self, found: Iterable[Alert]) -> News:
        while self._points and self._next.get(self._points[0][2]) != self._points[0][0]:
            heapq.heappop(self._points)
        return News(tuple(found), self._points[0][0] if self._points else None)

    def failed(self, address: Address, message: str) -> None:
        """A renewal of it failed. Counts until it is another one."""
        if address in self._known:
            self._failures[address] = (self._known[address][0], message)

    def snooze(self, address: Address, lasts: timedelta | None) -> None:
        """Not to be heard of for so long; None: until it is renewed. What is still so afterwards is news then."""
        expires = self._known.get(address, (None, None))[0]
        self._snoozed[address] = Snooze(None if lasts is None else self.clock() + lasts, expires)
        if address in self.active and lasts is not None:
            self._unheard.add(address)
        if lasts is not None:
            self._meet(address, min(self.clock() + lasts, self._next.get(address, datetime.max.replace(tzinfo=UTC))))

    def wake(self, address: Address) -> None:
        """End its snooze; what someone has just read again is no news."""
        self._snoozed.pop(address, None)
        self._unheard.discard(address)

    def is_snoozed(self, address: Address) -> bool:
        """Whether someone does not want to hear of it now."""
        snooze = self._snoozed.get(address)
        if snooze is None:
            return False
        if snooze.until is None:
            return self._known.get(address, (snooze.expires_at, None))[0] == snooze.expires_at
        return self.clock() < snooze.until

    def snoozed_until(self, address: Address) -> datetime | None:
        """When its snooze ends; None where it is not snoozed, or until it is renewed."""
        return self._snoozed[address].until if self.is_snoozed(address) else None

    @property
    def waiting(self) -> int:
        """How many are `awake`."""
        return len(self.active) - sum(address in self.active and self.is_snoozed(address) for address in self._snoozed)

    @property
    def awake(self) -> list[Alert]:
        """What is in its window, or failed, and not snoozed; the worst first."""
        found = [alert for address, alert in self.active.items() if not self.is_snoozed(address)]
        return sorted(found, key=lambda alert: (_RANK[alert.level], alert.expires_at is None, alert.expires_at or 0))

    def _judge(self, one: Watched, rule: Rule) -> tuple[Level | None, str, list[datetime]]:
        """How bad it is now, and the instants (of its cluster) at which that may be worse."""
        credential, now = one.credential, one.now
        expires = credential.expires_at
        state = state_of(credential, now)
        failure = self._failures.get(credential.address)
        if state is State.FAILED:
            return Level.FAILED, credential.message, []
        if failure is not None and failure[0] == expires and state not in OVER:
            return Level.FAILED, failure[1], []
        if expires is None or expires <= now or state in OVER:
            return None, "", []
        window = rule.window
        if credential.rotate_at is not None and credential.rotate_at < expires:
            window = min(window, (expires - credential.rotate_at) / 2)
        critical = min(rule.critical, window)
        left = expires - now
        if left <= critical:
            return Level.CRITICAL, "", [expires]
        if left <= window:
            return Level.ENDING, "", [expires - critical]
        return None, "", [expires - window]

    def _renewed(self, address: Address) -> None:
        self._failures.pop(address, None)
        self._unheard.discard(address)
        snooze = self._snoozed.get(address)
        if snooze is not None and snooze.until is None:
            del self._snoozed[address]


_RANK = {Level.FAILED: 0, Level.CRITICAL: 1, Level.ENDING: 2}


def announcement(news: Iterable[Alert], name_of: Callable[[Address], str], left_of: Callable[[Alert], str]) -> str:
    """All of it in one line: the worst by name, the rest by number. Never a word of material."""
    alerts = sorted(news, key=lambda alert: _RANK[alert.level])
    if not alerts:
        return ""
    first = alerts[0]
    said = f"{name_of(first.address)} "
    said += "could not be renewed" if first.level is Level.FAILED else f"ends in {left_of(first)}"
    return said + (f", and {len(alerts) - 1} more" if len(alerts) > 1 else "")


def _cluster(credential: Credential) -> str:
    return credential.identity.cluster if credential.identity is not None else credential.address.cluster
