"""The shoots of Gardener gardens as clusters of the fleet.

A garden says where its shoots are and how they stand; to enter one, a client certificate has to be asked for, which
nobody but a person decides. Until then a shoot has a row that says what the garden says, and no tasks. Where a context
leads to a shoot's API server already, that cluster's row says it too, and the shoot has no row of its own.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

import msgspec

from tui.issuance import (
    ADVERTISED_ADDRESS,
    AccessLevel,
    IssuanceError,
    Project,
    Shoot,
    ShootAccess,
    ShootKubeconfig,
    UsageError,
    choose_shoot_way,
    request_shoot_kubeconfig,
    rotate_at,
)
from tui.kube.addresses import place
from tui.kube.client import Client
from tui.kube.endpoint import Endpoint
from tui.kube.errors import ConfigError
from tui.kube.text import safe_text

from .cluster_tasks import ClusterTasks, Source
from .logins import login_row
from .rows import ENTER, SHOOT, ClusterRow, ConditionRow, CredentialRow, Reach, ShootFacts
from .store import FleetStore

Place = tuple[str, str, int, str]
"""Where a server is: scheme, host, port and path."""
LIFETIME: Final = timedelta(hours=1)
"""Of the certificate that is kept in memory. It cannot be revoked."""
ASLEEP: Final = "a kubeconfig cannot connect until it is woken up in the garden"
UNBORN: Final = "it has no address yet: wait until it is created"


def shoot_name(garden: str, namespace: str, name: str) -> str:
    """What the fleet calls a shoot."""
    return f"{garden}/{namespace}/{name}"


def facts_of(garden: str, shoot: Shoot, project: str = "") -> ShootFacts:
    """What a garden says of one shoot. `project` is named after its namespace unless someone knows better."""
    meta, status, last = shoot.metadata, shoot.status, shoot.status.last_operation
    return ShootFacts(
        garden=garden,
        namespace=meta.namespace,
        name=meta.name,
        project=project or meta.namespace.removeprefix("garden-"),
        seed=safe_text(status.seed_name or shoot.spec.seed_name),
        gardener=safe_text(status.gardener.version),
        version=safe_text(f"v{shoot.spec.kubernetes.version}" if shoot.spec.kubernetes.version else ""),
        hibernation=shoot.hibernation,
        operation=shoot.operation,
        operated_at=last.last_update_time if last is not None else None,
        health=shoot.health,
        conditions=tuple(
            ConditionRow(
                type=safe_text(one.type),
                status=safe_text(one.status),
                reason=safe_text(one.reason),
                message=safe_text(one.message),
            )
            for one in status.conditions or ()
        ),
        errors=tuple(
            safe_text(one.description + (f" ({', '.join(one.codes)})" if one.codes else ""))
            for one in status.last_errors or ()
        ),
        addresses=tuple((safe_text(one.name), safe_text(one.url)) for one in shoot.addresses),
        issuer=safe_text(shoot.oidc.issuer_url) if shoot.oidc is not None else "",
        labels=meta.labels or {},
    )


def shoot_row(facts: ShootFacts, since: datetime) -> ClusterRow:
    """The row of a shoot that is not entered."""
    ways = _ways(facts)
    if not ways:
        hint = UNBORN
    elif facts.hibernation == "Hibernated":
        hint = ASLEEP
    else:
        hint = ENTER
    return ClusterRow(
        name=shoot_name(facts.garden, facts.namespace, facts.name),
        server=ways[0] if ways else "",
        source=SHOOT,
        version=facts.version,
        reach=Reach.NOT_CONNECTED,
        since=since,
        message=f"{facts.hibernation}, {facts.operation}",
        hint=hint,
        shoot=facts,
    )


class ShootLogin:
    """A way into one shoot: a client certificate that is asked for when it is needed and kept in memory alone."""

    def __init__(self, access: ShootAccess, garden: Callable[[], Awaitable[Client]]) -> None:
        self.name = shoot_name(access.garden, access.namespace, access.name)
        self.renew_at: datetime | None = None
        """When to ask for another; None while there is none."""
        self._made: ShootKubeconfig | None = None
        self._access = access
        self._garden = garden

    @property
    def source(self) -> Source:
        """The shoot as a source of a cluster."""
        return Source(self.name, SHOOT, self.resolve)

    async def resolve(self) -> Endpoint:
        """Ask for a certificate and enter with it. Raises KubeError."""
        try:
            made = await request_shoot_kubeconfig(await self._garden(), self._access, LIFETIME)
            way, _ = await choose_shoot_way(made, "")
        except IssuanceError as error:
            raise ConfigError(error.message, cluster=self.name, hint=error.hint) from error
        self._made = made
        self.renew_at = rotate_at(made.issued_at, made.expires_at)
        return replace(way, name=self.name)

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
            message=f"{made.shoot.level.value} of {made.shoot.namespace}/{made.shoot.name}: {made.speaks_for}",
        )
        return msgspec.structs.replace(row, credential=kept)


class Shoots:
    """What is known of every shoot, and which row says it. `tasks` are those of the fleet, by the cluster's name."""

    def __init__(self, store: FleetStore, tasks: Mapping[str, ClusterTasks], clock: Callable[[], datetime]) -> None:
        self._store = store
        self._tasks = tasks
        self._clock = clock
        self._shoots: dict[str, ShootFacts] = {}
        """By the fleet's name."""
        self._since: dict[str, datetime] = {}
        self._projects: dict[tuple[str, str], str] = {}
        """The project of each garden's namespace."""
        self._places: dict[Place, str] = {}
        """Which cluster of the fleet answers there."""

    def seen(self, garden: str, key: str, shoot: Shoot | None) -> None:
        """A shoot came, changed or went."""
        namespace, _, short = key.partition("/")
        name = shoot_name(garden, namespace, short)
        if shoot is not None:
            self._shoots[name] = facts_of(garden, shoot, self._projects.get((garden, namespace), ""))
            self._since.setdefault(name, self._clock())
            self._show(name)
            return
        known = self._shoots.pop(name, None)
        self._since.pop(name, None)
        if known is not None:
            holder = self._holder(name, known)
            if holder is None:
                self._store.drop(ClusterRow, name)
            else:
                holder.about(None)

    def project_seen(self, garden: str, key: str, project: Project | None) -> None:
        """A project came, changed or went; its shoots may have been listed before it."""
        if project is None or not project.spec.namespace:
            return  # its namespace, and every shoot in it, was gone before
        title, namespace = safe_text(key.partition("/")[2]), project.spec.namespace
        self._projects[garden, namespace] = title
        for name, facts in self._shoots.items():
            if (facts.garden, facts.namespace) == (garden, namespace):
                self._shoots[name] = msgspec.structs.replace(facts, project=title)
                self._show(name)

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

    def access(self, name: str, level: AccessLevel) -> ShootAccess:
        """The shoot of that name as a way in. Raises UsageError where there is none, or none can be had."""
        facts = self._shoots.get(name)
        if facts is None:
            raise UsageError(f"{name} is no shoot that kubemint knows")
        if not _ways(facts):
            raise UsageError(f"{name} has no addresses yet: {facts.operation}", UNBORN)
        if facts.hibernation == "Hibernated":
            raise UsageError(f"{name} is hibernated: its API server is off", ASLEEP)
        return ShootAccess(facts.garden, facts.namespace, facts.name, level)

    def _show_those_at(self, places: frozenset[Place]) -> None:
        for name, facts in self._shoots.items():
            if not places.isdisjoint(map(_place, _ways(facts))):
                self._show(name)

    def _show(self, name: str) -> None:
        facts = self._shoots[name]
        holder = self._holder(name, facts)
        if holder is None:
            self._store.put(shoot_row(facts, self._since[name]))
            return
        holder.about(facts)
        if holder.source.name != name:
            self._store.drop(ClusterRow, name)

    def _holder(self, name: str, facts: ShootFacts) -> ClusterTasks | None:
        """The tasks of the cluster that this shoot is, if it has any."""
        owners = (self._places.get(_place(url), "") for url in _ways(facts))
        return next((self._tasks[owner] for owner in (name, *owners) if owner in self._tasks), None)


def _ways(facts: ShootFacts) -> tuple[str, ...]:
    """The addresses of its API server; others are those of issuers and dashboards."""
    return tuple(url for name, url in facts.addresses if name in ADVERTISED_ADDRESS)


def _place(server: str) -> Place:
    try:
        return place(server)
    except ValueError:  # no address at all: at the place of nothing but its like
        return "", server, 0, ""
