"""Clusters apart as clusters of the fleet: another one tells of them, and a person alone enters them.

Until then one has a row that says what its host says, and no tasks. Where a context leads to its API server already,
that cluster's row says it too, and it has no row of its own.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

import msgspec

from tui.issuance import AccessLevel, ApartFacts, Entered, IssuanceError, UsageError, clusters_apart, rotate_at
from tui.kube.addresses import place
from tui.kube.client import Client
from tui.kube.endpoint import Endpoint
from tui.kube.errors import ConfigError

from .cluster_tasks import ClusterTasks, Source
from .logins import login_row
from .rows import ENTER, ClusterRow, CredentialRow, Reach
from .store import FleetStore

Place = tuple[str, str, int, str]
"""Where a server is: scheme, host, port and path."""
LIFETIME: Final = timedelta(hours=1)
"""Of the certificate that is kept in memory. It cannot be revoked."""


def row_apart(facts: ApartFacts, since: datetime) -> ClusterRow:
    """The row of one that is not entered."""
    return ClusterRow(
        name=facts.cluster,
        server=facts.ways[0] if facts.ways else "",
        source=facts.sort.source,
        version=facts.version,
        reach=Reach.NOT_CONNECTED,
        since=since,
        message=facts.message,
        hint=facts.hint or ENTER,
        apart=facts,
    )


class Login:
    """A way into one: a client certificate that is asked for when it is needed and kept in memory alone."""

    def __init__(self, facts: ApartFacts, level: AccessLevel, host: Callable[[], Awaitable[Client]]) -> None:
        self.name = facts.cluster
        self.source = Source(self.name, facts.sort.source, self.resolve)
        self.renew_at: datetime | None = None
        """When to ask for another; None while there is none."""
        self._made: Entered | None = None
        self._facts, self._level, self._host = facts, level, host

    async def resolve(self) -> Endpoint:
        """Ask for a certificate and enter with it. Raises KubeError."""
        try:
            made = await self._facts.sort.enter(await self._host(), self._facts, self._level, LIFETIME)
        except IssuanceError as error:
            raise ConfigError(error.message, cluster=self.name, hint=error.hint) from error
        self._made = made
        self.renew_at = rotate_at(made.issued_at, made.expires_at)
        return replace(made.way, name=self.name)

    def row(self, endpoint: Endpoint) -> CredentialRow | None:
        """The certificate as a credential, so that its countdown shows."""
        row, made = login_row(endpoint), self._made
        if row is None or made is None:
            return row
        kept = msgspec.structs.replace(
            row.credential,
            kept_in="memory, until kubemint ends",
            issued_at=made.issued_at,
            requested=LIFETIME,
            granted=made.granted,
            rotate_at=self.renew_at,
            message=made.says,
        )
        return msgspec.structs.replace(row, credential=kept)


class ClustersApart:
    """What is known of each, and which row says it. `tasks` are those of the fleet, by the cluster's name."""

    def __init__(self, store: FleetStore, tasks: Mapping[str, ClusterTasks], clock: Callable[[], datetime]) -> None:
        self._store = store
        self._tasks = tasks
        self._clock = clock
        self.told = [one for sort in clusters_apart() for one in sort.told()]
        self._known: dict[str, ApartFacts] = {}
        """By the fleet's name."""
        self._since: dict[str, datetime] = {}
        self._places: dict[Place, str] = {}
        """Which cluster of the fleet answers there."""

    def seen(self, changes: Iterable[tuple[str, ApartFacts | None]]) -> None:
        """Something else is said of these; None: they went."""
        for name, facts in changes:
            if facts is not None:
                self._known[name] = facts
                self._since.setdefault(name, self._clock())
                self._show(name)
                continue
            known = self._known.pop(name, None)
            self._since.pop(name, None)
            if known is not None:
                holder = self._holder(name, known)
                if holder is None:
                    self._store.drop(ClusterRow, name)
                else:
                    holder.about(None)

    def reached(self, name: str, endpoint: Endpoint) -> None:
        """It is known where a cluster of the fleet is."""
        there = _place(endpoint.server)
        self._places[there] = name
        self._show_those_at(frozenset({there}))

    def left(self, name: str) -> None:
        """A cluster of the fleet has no tasks any more."""
        gone = frozenset(there for there, known in self._places.items() if known == name)
        for there in gone:
            del self._places[there]
        self._show_those_at(gone)

    def open(self, name: str) -> ApartFacts:
        """What is said of one that can be entered. Raises UsageError where there is none, or it cannot."""
        facts = self._known.get(name)
        if facts is None:
            raise UsageError(f"{name} is no cluster that another one tells of")
        if facts.closed:
            raise UsageError(f"{name} {facts.closed}", facts.hint)
        return facts

    def _show_those_at(self, places: frozenset[Place]) -> None:
        for name, facts in self._known.items():
            if not places.isdisjoint(map(_place, facts.ways)):
                self._show(name)

    def _show(self, name: str) -> None:
        facts = self._known[name]
        holder = self._holder(name, facts)
        if holder is None:
            self._store.put(row_apart(facts, self._since[name]))
            return
        holder.about(facts)
        if holder.source.name != name:
            self._store.drop(ClusterRow, name)

    def _holder(self, name: str, facts: ApartFacts) -> ClusterTasks | None:
        """The tasks of the cluster that this one is, if it has any."""
        owners = (self._places.get(_place(url), "") for url in facts.ways)
        return next((self._tasks[owner] for owner in (name, *owners) if owner in self._tasks), None)


def _place(server: str) -> Place:
    try:
        return place(server)
    except ValueError:  # no address at all: at the place of nothing but its like
        return "", server, 0, ""
