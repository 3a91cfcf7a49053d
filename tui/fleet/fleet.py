"""The fleet: every cluster there is with tasks of its own, one live store over all of them, and the engine.

One event loop, no threads. `start` returns at once; what is known appears in `store` as it arrives. The fleet is how
the issuance core reaches clusters by name (its `Clusters` protocol), so whoever has a fleet has an engine.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Collection, Coroutine, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final

from tui.issuance.clusters import Guard, unguarded, unknown_cluster
from tui.issuance.engine import Engine
from tui.issuance.errors import IssuanceError, StateError, UsageError
from tui.issuance.state import StateStore
from tui.issuance.types import AccessLevel, Outcome
from tui.kube.client import Client
from tui.kube.endpoint import Endpoint
from tui.kube.errors import ConfigError, KubeError
from tui.kube.kubeconfig import KubeConfig

from .cluster_tasks import ClusterTasks, Source
from .coalescing import Coalescing
from .discovery import context_source, fixed_source, same_address, same_server
from .found import FoundClusters, Tenant
from .kinds import kinds_of
from .local_files import LocalFiles
from .logins import login_row
from .reach import Backoff, Timing
from .renaming import rename
from .rows import SHOOT, ClusterRow, CredentialRow
from .shoots import ShootLogin, Shoots
from .store import Area, FleetStore

EVERYTHING: Final = frozenset(Area)


class Fleet:
    """Every context of a kubeconfig and every DPUCluster and Cluster API cluster in them, live.

    `only` names the contexts to use (default: all). `areas` limits what is followed, for whoever needs only one list.
    `reload` gives the kubeconfig anew when somebody reconnects after a login. `endpoints` are
    clusters beside those contexts (the one this process runs in). Nothing is changed in clusters that the `guard`
    protects. Without `state` there is no engine and
    nothing local is shown.
    """

    def __init__(
        self,
        config: KubeConfig,
        *,
        state: StateStore | None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        only: Sequence[str] | None = None,
        read_only: bool = False,
        areas: Collection[Area] = EVERYTHING,
        namespace: str | None = None,
        timing: Timing = Timing(),  # noqa: B008 - frozen
        grace: timedelta = timedelta(seconds=30),
        reload: Callable[[], KubeConfig] | None = None,
        endpoints: Sequence[Endpoint] = (),
        guard: Guard = unguarded,
    ) -> None:
        for name in only or ():
            if name not in config.contexts:
                raise unknown_cluster(name, tuple(config.contexts))
        self.read_only = read_only
        self.recovered: list[Outcome] = []
        """What the engine finished or undid of what was open when the fleet started, or stayed open since."""
        self._notices = Coalescing(timing.coalesce, lambda: self.store.flush())
        self.store = FleetStore(clock=clock, schedule=self._notices.soon)
        self._config = config
        self._contexts = tuple(dict.fromkeys(only)) if only else tuple(config.contexts)
        self._engine = None if state is None else Engine(self, state, clock=clock, grace=grace, guard=guard)
        self._clock = clock
        self._areas = frozenset(areas)
        self._namespace = namespace
        self._timing = timing
        self._reload = reload
        self._endpoints = tuple(endpoints)
        self._tasks: dict[str, ClusterTasks] = {}
        self._shoots = Shoots(self.store, self._tasks, clock)
        self._found = FoundClusters(
            self.client, follow=partial(self._add, host=False, found=True), leave=self._remove, again=self._again
        )
        shown = state if Area.CREDENTIALS in self._areas else None
        self._files = LocalFiles(shown, self.store) if shown is not None else None
        self._helpers: set[asyncio.Task[None]] = set()

    @property
    def engine(self) -> Engine:
        if self._engine is None:
            raise StateError("there is no local state to work with", "make the state folder writable")
        return self._engine

    # The issuance core's view of the clusters

    def names(self) -> Sequence[str]:
        return (*self._tasks, *self._found.aliases) if self._tasks else self._contexts

    def endpoint(self, name: str) -> Endpoint:
        name = self._found.known_as(name)
        tasks = self._tasks.get(name)
        if tasks is not None and tasks.endpoint is not None:
            return tasks.endpoint
        if name in self._contexts:
            return self._config.endpoint(name)
        if tasks is not None:
            raise ConfigError("its kubeconfig is not known yet", cluster=name, hint="wait until it is connected")
        raise unknown_cluster(name, tuple(self.names()))

    async def client(self, name: str) -> Client:
        tasks = self._tasks.get(self._found.known_as(name))
        if tasks is None:
            raise unknown_cluster(name, tuple(self.names()))
        return await tasks.client()

    def tenants(self) -> list[Tenant]:
        """Every cluster that was found in another one, whatever else leads to it."""
        return self._found.tenants()

    def skew(self, cluster: str) -> float | None:
        """Server time minus local time in seconds, where it is known."""
        row = self.store.clusters.get(self._found.known_as(cluster))
        return row.skew if row is not None else None

    def now(self) -> datetime:
        """This machine's time."""
        return self._clock()

    @property
    def config(self) -> KubeConfig:
        """The kubeconfig as it was read last."""
        return self._config

    # Life

    async def start(self) -> None:
        """Begin to connect to everything. Open plans of the journal are finished or undone on the way."""
        for name in self._contexts:
            self._add(context_source(self._current_config, name))
        for endpoint in self._endpoints:
            self._add(fixed_source(endpoint, "in-cluster"))
        if self._files is not None:
            await self._files.look()
            self._help(self._files.follow(self._timing.exports))
        if self._engine is not None and not self.read_only:
            self._help(self._recover(self._engine))

    async def stop(self) -> None:
        """End every task and close every connection."""
        helpers, self._helpers = self._helpers, set()
        for helper in helpers:
            helper.cancel()
        await asyncio.gather(*helpers, return_exceptions=True)
        if self._engine is not None:
            await self._engine.aclose()
        await asyncio.gather(*(tasks.stop() for tasks in self._tasks.values()))
        self._notices.stop()

    async def settled(self, timeout: float) -> bool:  # noqa: ASYNC109 - giving up is part of what it means
        """Wait until every cluster is synced or known to be bad; False where some are neither after `timeout`."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                while waiting := [tasks for tasks in self._tasks.values() if not tasks.settled.is_set()]:
                    await asyncio.gather(*(tasks.settled.wait() for tasks in waiting))
                return True
        return False

    async def reconnect(self, cluster: str) -> None:
        """Connect anew at once, with what the kubeconfig says now: after a login, or because somebody asks."""
        tasks = self._tasks.get(cluster)
        if tasks is None:
            raise unknown_cluster(cluster, tuple(self._tasks))
        if self._reload is not None:
            with contextlib.suppress(
                KubeError
            ):  # a kubeconfig that is being written: what was read before still counts
                self._config = await asyncio.to_thread(self._reload)
        await tasks.restart()

    async def connect_shoot(self, name: str, level: AccessLevel) -> ClusterRow:
        """Enter a shoot because somebody says so, with a certificate in memory that is renewed before it ends.

        Gives its row once it is known how that went.
        """
        access = self._shoots.access(name, level)
        if name in self._tasks:
            await self.disconnect_shoot(name)
        login = ShootLogin(access, partial(self.client, access.garden))
        self._found.entered(login.source)
        self._add(login.source, host=False, login=login.row)
        tasks = self._tasks[name]
        self._help(self._renew_login(login, tasks))
        await tasks.settled.wait()
        return tasks.row

    async def disconnect_shoot(self, name: str) -> None:
        """Leave a shoot again; its certificate is forgotten."""
        tasks = self._tasks.get(name)
        if tasks is None or tasks.source.label != SHOOT:
            raise UsageError(f"{name} is no shoot that was entered with a certificate in memory")
        self._found.left(name)
        del self._tasks[name]
        tasks.settled.set()
        await self._stop_and_forget(tasks)

    def refresh_exports(self) -> None:
        """Show what the local state holds now, in a moment."""
        if self._files is not None:
            self._help(self._files.look())

    # Clusters

    def _current_config(self) -> KubeConfig:
        return self._config

    def _add(
        self,
        source: Source,
        *,
        host: bool = True,
        found: bool = False,
        login: Callable[[Endpoint], CredentialRow | None] = login_row,
    ) -> None:
        name = source.name
        watched = kinds_of(
            name,
            self._areas,
            known_as=self._found.known_as,
            found=partial(self._found.dpu_cluster, name) if host else None,
            labelled=partial(self._found.cluster_secret, name) if host else None,
            shoots=partial(self._shoots.seen, name) if host else None,
            projects=partial(self._shoots.project_seen, name) if host else None,
            namespace=self._namespace,
        )
        tasks = self._tasks[name] = ClusterTasks(
            source,
            self.store,
            clock=self._clock,
            timing=self._timing,
            watched=watched,
            namespace=self._namespace,
            resolved=partial(self._resolved, name, host),
            login=login if Area.CREDENTIALS in self._areas else lambda endpoint: None,
            found=found,
        )
        tasks.start()

    def _resolved(self, name: str, host: bool, endpoint: Endpoint) -> bool:
        """It is known where a cluster is; False where something else leads there already."""
        if not (host or self._is_new(name, endpoint)):
            return False
        self._shoots.reached(name, endpoint)
        return True

    async def _renew_login(self, login: ShootLogin, tasks: ClusterTasks) -> None:
        while self._tasks.get(login.name) is tasks:
            due = login.renew_at
            now = self._clock() + timedelta(seconds=self.skew(login.name) or 0)  # the shoot decides when it ends
            wait = (due - now).total_seconds() if due is not None else self._timing.login_first
            await asyncio.sleep(max(wait, self._timing.retry_first))
            if due is not None and due == login.renew_at and self._tasks.get(login.name) is tasks:
                login.renew_at = None  # until the next one is there: asking for it takes a moment
                await tasks.restart()

    def _remove(self, name: str) -> None:
        tasks = self._tasks.pop(name, None)
        if tasks is not None:
            tasks.settled.set()
            self._help(self._stop_and_forget(tasks))

    def _again(self, name: str) -> None:
        """The way into a cluster that was found has changed."""
        if name in self._tasks:
            self._help(self._tasks[name].restart())

    async def _stop_and_forget(self, tasks: ClusterTasks) -> None:
        await tasks.stop()
        tasks.forget()
        self._shoots.left(tasks.source.name)

    def _is_new(self, name: str, endpoint: Endpoint) -> bool:
        """Whether nothing else leads to the same server. Where something does, `name` becomes its alias."""
        others = (other for other in self._found if other != name and other in self._tasks)
        for other in (*self._contexts, *others):
            if not self._may_lead_to(other, endpoint):
                continue
            try:
                known = self.endpoint(other)
            except KubeError:
                continue
            if same_server(known, endpoint):
                self._found.alias(name, other)
                self._remove(name)
                rename(self.store, name, other)
                return False
        return True

    def _may_lead_to(self, name: str, endpoint: Endpoint) -> bool:
        """Whether it is worth a look. The files that a context names are not read for one that is elsewhere."""
        tasks, context = self._tasks.get(name), self._config.contexts.get(name)
        cluster = self._config.clusters.get(context.cluster) if context is not None else None
        if cluster is None or (tasks is not None and tasks.endpoint is not None):
            return True
        return same_address(cluster.server, endpoint.server)

    async def _recover(self, engine: Engine) -> None:
        """At the start and ever after: a cluster that is away just then, or is only found later, comes back."""
        backoff = Backoff(self._timing.recover_first, self._timing.recover_longest)
        while True:
            outcomes: list[Outcome] = []
            with contextlib.suppress(IssuanceError, KubeError, OSError):  # the journal keeps what stays open
                outcomes = await engine.recover()
            if all(outcome.ok for outcome in outcomes):
                backoff.reset()
            self.recovered += [outcome for outcome in outcomes if outcome.ok]
            if outcomes and self._files is not None:
                await self._files.look()
            await asyncio.sleep(backoff.next())

    # Its own tasks

    def _help(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.create_task(work)
        self._helpers.add(task)
        task.add_done_callback(self._helpers.discard)
