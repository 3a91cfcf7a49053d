"""The fleet: every cluster there is with tasks of its own, one live store over all of them, and the engine.

One event loop, no threads. `start` returns at once; what is known appears in `store` as it arrives. The fleet is how
the issuance core reaches clusters by name (its `Clusters` protocol), so whoever has a fleet has an engine.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Collection, Coroutine, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Final

from tui.issuance import (
    CLOSED_GATE,
    AccessLevel,
    Address,
    Delivered,
    Delivery,
    EntryVerdict,
    Gate,
    GraceWish,
    Guard,
    Handle,
    IssuanceError,
    NotEntered,
    Outcome,
    StateError,
    UsageError,
    Yes,
    unguarded,
    unknown_cluster,
    utc_now,
)
from tui.kube import limits
from tui.kube.client import Client
from tui.kube.endpoint import Endpoint
from tui.kube.errors import ConfigError, KubeError
from tui.kube.kubeconfig import KubeConfig

from .apart import ClustersApart, Login
from .cluster_tasks import ClusterTasks, Source
from .coalescing import Coalescing
from .discovery import Look, context_source, delivered_source, fixed_source
from .found import FoundClusters, Tenant
from .handle_looks import HandleLooks
from .homes import Homes
from .kinds import kinds_of
from .logins import login_row
from .reach import Backoff, Timing
from .rows import ClusterRow, CredentialRow, DeliveredFacts, Reach
from .same import Way, compare
from .store import Area, FleetStore

if TYPE_CHECKING:
    from tui.issuance import Engine, StateStore

    from .local_files import LocalFiles

EVERYTHING: Final = frozenset(Area)
_FEW: Final = 60
"""So many clusters are compared at once when one changes; with more it waits `_EACH` second for each of them."""
_EACH: Final = 0.001


class Fleet:
    """Every context of a kubeconfig and every DPUCluster and Cluster API cluster in them, live.

    `only` names the contexts to use (default: all). `areas` limits what is followed, for whoever needs only one list.
    `reload` gives the kubeconfig anew when someone reconnects after a login. `endpoints` are
    clusters beside those contexts (the one this process runs in). Nothing is changed in clusters that the `guard`
    protects, and none that another one delivers is entered unless the `gate` lets it in (default: the yeses in
    `state`). Of several ways to one server, one that is `named` shows what is in it. Without `state` there is no engine
    and nothing local is shown.
    """

    def __init__(
        self,
        config: KubeConfig,
        *,
        state: StateStore | None,
        clock: Callable[[], datetime] = utc_now,
        only: Sequence[str] | None = None,
        read_only: bool = False,
        areas: Collection[Area] = EVERYTHING,
        namespace: str | None = None,
        timing: Timing = Timing(),  # noqa: B008 - frozen
        grace: timedelta | GraceWish = timedelta(seconds=30),
        reload: Callable[[], KubeConfig] | None = None,
        endpoints: Sequence[Endpoint] = (),
        guard: Guard = unguarded,
        gate: Gate | None = None,
        named: Collection[str] = (),
        foresees: bool = False,
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
        self._state = state
        self._gate = gate or (CLOSED_GATE if state is None else Gate(yes=state.trusted_place))
        self._engine: Engine | None = None
        self._files: LocalFiles | None = None
        self._clock = clock
        self._named = frozenset(named)
        self._areas = frozenset(areas)
        self._namespace = namespace
        self._timing = timing
        self._reload = reload
        self._endpoints = tuple(endpoints)
        self._tasks: dict[str, ClusterTasks] = {}
        self._homes = Homes(self.store, self._ways)
        self._apart = ClustersApart(self.store, self._tasks, clock)
        self._found = FoundClusters(
            self.client,
            follow=self._found_one,
            leave=self._remove,
            again=self._again,
            about=self._said_of,
            crowded=self._delivers_too_many,
        )
        if state is not None:  # who only lists needs none of it
            from tui.issuance import Engine

            from .local_files import LocalFiles

            self._engine = Engine(
                self, state, clock=clock, grace=grace, guard=guard, gate=self._gate, foresees=foresees
            )
            if Area.CREDENTIALS in self._areas:
                self._files = LocalFiles(state, self.store, clock, self._engine.elsewhere, namespace)
        self._handles = HandleLooks(self.store, self.client, self._engine.verify if self._engine is not None else None)
        self._helpers: set[asyncio.Task[None]] = set()
        self._leaving: set[ClusterTasks] = set()
        """The tasks of clusters that are gone, until they are stopped."""
        self._stopped = False
        self._comparing: asyncio.Handle | None = None

    @property
    def engine(self) -> Engine:
        if self._engine is None:
            raise StateError("there is no local state to work with", "make the state folder writable")
        return self._engine

    def elsewhere(self, address: Address) -> str:
        """What is to be said of a file that is of another cluster than the one that is called so now; else empty."""
        return self._files.elsewhere.get(address, "") if self._files is not None else ""

    # The issuance core's view of the clusters

    def names(self) -> Sequence[str]:
        return tuple(self._tasks) or self._contexts

    def endpoint(self, name: str) -> Endpoint:
        tasks = self._tasks.get(name)
        row = tasks.row if tasks is not None else None
        if row is not None and row.delivered is not None and row.reach in (Reach.UNTRUSTED, Reach.UNUSABLE):
            raise NotEntered(row.message, cluster=name, hint=row.hint)
        if tasks is not None and tasks.endpoint is not None:
            return tasks.endpoint
        if name in self._contexts:
            return self._config.endpoint(name)
        if tasks is not None:
            raise ConfigError("its kubeconfig is not known yet", cluster=name, hint="wait until it is connected")
        raise unknown_cluster(name, tuple(self.names()))

    async def client(self, name: str) -> Client:
        tasks = self._tasks.get(name)
        if tasks is None:
            raise unknown_cluster(name, tuple(self.names()))
        return await tasks.client()

    def tenants(self) -> list[Tenant]:
        """Every cluster that was found in another one, whatever else leads to it."""
        return self._found.tenants()

    async def delivery(self, name: str) -> tuple[Delivered, EntryVerdict]:
        """What another cluster delivers about this one, read anew, and whether it is entered. Raises UsageError,
        KubeError."""
        found = await self._found.look(name)
        return found, await self._gate.verdict(found)

    async def trust(self, delivery: Delivery) -> None:
        """The operator says yes to exactly this: remember it, and enter. Raises StateError where it cannot be kept."""
        if self._state is None:
            raise StateError("there is no local state to remember that in", "make the state folder writable")
        await asyncio.to_thread(self._state.trust, Yes(delivery.by, delivery.place, self._clock()))
        self._again(delivery.by.cluster)

    def skew(self, cluster: str) -> float | None:
        """Server time minus local time in seconds, where it is known."""
        row = self.store.clusters.get(cluster)
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
        self._help(self._handles.follow(self._timing.handles))
        if self._engine is not None and not self.read_only:
            self._help(self._recover(self._engine))

    async def stop(self) -> None:
        """End every task and close every connection. What the last events would begin is not begun any more."""
        self._stopped = True
        helpers, self._helpers = self._helpers, set()
        for helper in helpers:
            helper.cancel()
        await asyncio.gather(*helpers, return_exceptions=True)
        if self._engine is not None:
            await self._engine.aclose()
        await asyncio.gather(*(tasks.stop() for tasks in (*self._tasks.values(), *self._leaving)))
        self._notices.stop()

    async def settled(self, timeout: float, only: Collection[str] = ()) -> bool:  # noqa: ASYNC109 - it may give up
        """Wait until every cluster (of `only`, where any are named) is synced or known to be bad.

        False where some are neither after `timeout`. A cluster that another one delivers is there once that is settled.
        """

        def unsettled() -> list[ClusterTasks]:
            meant = (tasks for name, tasks in self._tasks.items() if not only or name in only)
            return [tasks for tasks in meant if not tasks.settled.is_set()]

        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                while waiting := unsettled():
                    await asyncio.gather(*(tasks.settled.wait() for tasks in waiting))
                await self._handles.look()
                if self._files is not None:
                    await self._files.look()  # what should be listed by now, and is not
                return True
        return False

    async def reconnect(self, cluster: str) -> None:
        """Connect anew at once, with what the kubeconfig says now: after a login, or because the user asks."""
        tasks = self._tasks.get(cluster)
        if tasks is None:
            raise unknown_cluster(cluster, tuple(self._tasks))
        if self._reload is not None:
            with contextlib.suppress(
                KubeError
            ):  # a kubeconfig that is being written: what was read before still counts
                self._config = await asyncio.to_thread(self._reload)
        await tasks.restart()

    async def enter(self, name: str, level: AccessLevel) -> ClusterRow:
        """Enter a cluster apart because the user says so, with a certificate in memory that is renewed before it ends.

        Gives its row once it is known how that went.
        """
        facts = self._apart.open(name)
        if name in self._tasks:
            await self.leave(name)
        login = Login(facts, level, partial(self.client, facts.host))
        self._add(login.source, host=False, login=login.row)
        tasks = self._tasks[name]
        self._help(self._renew_login(login, tasks))
        await tasks.settled.wait()
        return tasks.row

    async def leave(self, name: str) -> None:
        """Leave it again; its certificate is forgotten."""
        tasks = self._tasks.get(name)
        if tasks is None or not tasks.row.told_only:
            raise UsageError(f"{name} is no cluster that was entered with a certificate in memory")
        del self._tasks[name]
        tasks.settled.set()
        await self._stop_and_forget(tasks)

    async def pending(self) -> Collection[Handle]:
        """The handles that the journal of this machine still works on: new ones, and old ones that are to go."""
        return await asyncio.to_thread(self._pending) if self._state is not None else ()

    def _pending(self) -> list[Handle]:
        assert self._state is not None
        found = [one.handle for one in self._state.revocations()]
        for plan in self._state.open_plans():
            found += [one for one in (plan.handle, *plan.old_handles) if one is not None]
        return found

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
        delivered: DeliveredFacts | None = None,
        login: Callable[[Endpoint], CredentialRow | None] = login_row,
    ) -> None:
        name = source.name
        watched = kinds_of(
            name,
            self._areas,
            clusters=partial(self._found.seen, name) if host else None,
            told=self._apart.told,
            apart=self._apart.seen if host else None,
            handles=self.store.handles,
            ended=self.store.ended if self._areas & {Area.CREDENTIALS, Area.REQUESTS} else None,
            homes=self._homes,
            namespace=self._namespace,
        )
        tasks = self._tasks[name] = ClusterTasks(
            source,
            self.store,
            clock=self._clock,
            timing=self._timing,
            watched=watched,
            namespace=self._namespace,
            resolved=partial(self._resolved, name),
            login=login if Area.CREDENTIALS in self._areas else lambda endpoint: None,
            delivered=delivered,
            changed=self._compare,
        )
        tasks.start()

    def _found_one(self, name: str, look: Look, delivered: DeliveredFacts) -> None:
        """Follow a cluster that another one delivers. A context that is called the same stays what it is."""
        if name not in self._contexts and name not in self._tasks and not self._stopped:
            self._add(delivered_source(name, look, self._gate, delivered), host=False, delivered=delivered)

    def _delivers_too_many(self, host: str) -> None:
        self._tasks[host].kind_missing(
            "delivered clusters", f"there are more than {limits.CLUSTERS_DELIVERED}, the others are left out"
        )

    def _said_of(self, name: str, delivered: DeliveredFacts) -> None:
        if self._is_delivered(name):
            self._tasks[name].about_delivery(delivered)

    def _is_delivered(self, name: str) -> bool:
        return name in self._tasks and self._tasks[name].row.delivered is not None

    def _resolved(self, name: str, endpoint: Endpoint) -> None:
        """It is known where a cluster is."""
        if not self._is_delivered(name):  # what a cluster delivers says nothing about clusters apart
            self._apart.reached(name, endpoint)
        self._compare()

    def _compare(self) -> None:
        """Compare all clusters in a moment: once, however many of them have changed until then."""
        if self._comparing is None:
            loop, more = asyncio.get_running_loop(), len(self._tasks) - _FEW
            self._comparing = (
                loop.call_later(more * _EACH, self._compare_now) if more > 0 else loop.call_soon(self._compare_now)
            )

    def _compare_now(self) -> None:
        """Find out which clusters lead to the same server, and which of those shows what is in it."""
        self._comparing = None
        ways = self._ways()
        found = compare({name: Way(way, self._tasks[name].row) for name, way in ways.items()}, self._named)
        for name, tasks in self._tasks.items():
            tasks.same_as(*found.get(name, ((), "")))
        self._homes.look()

    def _ways(self) -> dict[str, Endpoint]:
        """The ways into all clusters that are known by now, and that may be entered."""
        return {
            name: tasks.endpoint
            for name, tasks in self._tasks.items()
            if tasks.endpoint is not None and tasks.row.reach is not Reach.UNTRUSTED
        }

    async def _renew_login(self, login: Login, tasks: ClusterTasks) -> None:
        while self._tasks.get(login.name) is tasks:
            due = login.renew_at
            now = self._clock() + timedelta(seconds=self.skew(login.name) or 0)  # its server decides when it ends
            wait = (due - now).total_seconds() if due is not None else self._timing.login_first
            await asyncio.sleep(max(wait, self._timing.retry_first))
            if due is not None and due == login.renew_at and self._tasks.get(login.name) is tasks:
                login.renew_at = None  # until the next one is there: asking for it takes a moment
                await tasks.restart()

    def _remove(self, name: str) -> None:
        if self._is_delivered(name):
            tasks = self._tasks.pop(name)
            tasks.settled.set()
            self._leaving.add(tasks)
            self._help(self._stop_and_forget(tasks))
            self._compare()

    def _again(self, name: str) -> None:
        """The way into a cluster that was found has changed."""
        if self._is_delivered(name):
            self._help(self._tasks[name].restart())

    async def _stop_and_forget(self, tasks: ClusterTasks) -> None:
        self._leaving.add(tasks)
        await tasks.stop()
        self._leaving.discard(tasks)
        tasks.forget()
        self._apart.left(tasks.source.name)

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
        if self._stopped:
            work.close()
            return
        task = asyncio.create_task(work)
        self._helpers.add(task)
        task.add_done_callback(self._helpers.discard)
