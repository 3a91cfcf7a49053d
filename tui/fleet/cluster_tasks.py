"""One cluster's own tasks: connect, follow what is in it, notice when it is slow or gone, and try again.

Nothing here is shared with other clusters but the store, so a cluster that hangs costs the others nothing. The row of
the cluster always says how it stands, since when, why, and what a person can do.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import msgspec

from tui.issuance import ApartFacts, Unusable, leads_otherwise, wall_of
from tui.kube.client import Client
from tui.kube.discovery import Discovery
from tui.kube.endpoint import Endpoint
from tui.kube.errors import ConfigError, Forbidden, KubeError, ProtocolError, Unauthorized
from tui.kube.responses import decode

from .reach import PATIENT, Backoff, Latency, Timing, Verdict, asked_to_wait, concerns_all, concerns_connection, judge
from .rows import NO_RIGHT, ClusterRow, CredentialRow, DeliveredFacts, Reach
from .store import FleetStore
from .watching import Follower, Watched


@dataclass(frozen=True, slots=True)
class Source:
    """Where a cluster comes from. `resolve` finds out where it is, each time someone connects anew."""

    name: str
    label: str
    resolve: Callable[[], Awaitable[Endpoint]]


class _Version(msgspec.Struct, rename="camel"):
    git_version: str = ""


class ClusterTasks:
    """Runs until `stop`. `settled` is set once the cluster is synced or known to be bad."""

    def __init__(
        self,
        source: Source,
        store: FleetStore,
        *,
        clock: Callable[[], datetime],
        timing: Timing,
        watched: Sequence[Watched],
        namespace: str | None = None,
        resolved: Callable[[Endpoint], None] = lambda endpoint: None,
        login: Callable[[Endpoint], CredentialRow | None] = lambda endpoint: None,
        delivered: DeliveredFacts | None = None,
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        self.source = source
        self.settled = asyncio.Event()
        self.endpoint: Endpoint | None = None
        self._store = store
        self._clock = clock
        self._timing = timing
        self._watched = watched
        asked = [kind.needs or kind.resource for kind in watched if kind.needs is not None or not kind.builtin]
        self._groups = tuple({resource.group for resource in asked})
        self._resolved = resolved
        self._login = login
        self._own: CredentialRow | None = None
        """What it logs in with."""
        self._client: Client | None = None
        self._connecting = asyncio.Lock()
        self._restarting = asyncio.Lock()
        self._changed = changed
        self._row = ClusterRow(name=source.name, source=source.label, since=clock(), delivered=delivered)
        self._latency = Latency()
        self._followers = {kind.label: Follower(kind, store, self, namespace=namespace) for kind in watched}
        self._waiting_for: set[str] = set()
        self._missing: dict[str, str] = {}
        self._probe_now = asyncio.Event()
        self._turned = False
        """Whether what is in it is shown by another cluster since, or no longer."""
        self._fatal: KubeError | None = None
        self._task: asyncio.Task[None] | None = None
        self._change()

    @property
    def row(self) -> ClusterRow:
        return self._row

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name=f"cluster {self.source.name}")

    async def stop(self) -> None:
        """End every task and close the client. The rows stay."""
        task = self._task
        if task is not None:
            task.cancel()
            await asyncio.wait([task])  # whoever cancels this leaves it to the next `stop` to wait for it
            self._task = None if self._task is task else self._task
        await self._drop_client()

    async def restart(self) -> None:
        """Forget what is known of the way in, and connect anew at once."""
        async with self._restarting:
            await self.stop()
            self.settled.clear()
            self._enter(Reach.CONNECTING)
            self.start()

    def about(self, apart: ApartFacts | None) -> None:
        """What another cluster says of this one."""
        self._change(apart=apart)

    def about_delivery(self, delivered: DeliveredFacts) -> None:
        """Who delivers it and what is said of it there, where that changed."""
        self._change(delivered=delivered, source=delivered.by.kind.value)
        if self._row.answers and self.settled.is_set():
            self._enter_answering()

    def same_as(self, others: tuple[str, ...], carried_by: str) -> None:
        """Which clusters lead to the same server, and which of them shows what is in it (empty: this one)."""
        if (others, carried_by) == (self._row.same, self._row.carried_by):
            return
        self._turned = self._turned or bool(carried_by) is not bool(self._row.carried_by)
        self._change(same=others, carried_by=carried_by)
        if self._turned:
            if self._row.answers and not carried_by:
                self.settled.clear()  # until what is in it is listed
            self._probe_now.set()

    def forget(self) -> None:
        """Take every row of this cluster out of the store."""
        for follower in self._followers.values():
            follower.forget()
        self._store.drop(ClusterRow, self.source.name)
        if self._own is not None:
            self._store.drop(CredentialRow, self._own.key)

    async def client(self) -> Client:
        """The client of this cluster, which is shared by everything that talks to it. Raises KubeError."""
        async with self._connecting:
            if self._client is None:
                found = await self.source.resolve()
                if self.endpoint is not None and leads_otherwise(self.endpoint, found):
                    for follower in self._followers.values():  # what was listed is another cluster's, and not gone
                        follower.forget()
                self.endpoint = found
                self._client = Client(self.endpoint, wall=wall_of(self._clock))
            return self._client

    # What followers report

    def kind_settled(self, label: str) -> None:
        self._waiting_for.discard(label)
        if not self._waiting_for:
            self._sync()

    def kind_missing(self, label: str, reason: str) -> None:
        if reason:
            self._missing[label] = reason
        else:
            self._missing.pop(label, None)
        self._change(missing=tuple(f"{kind}: {why}" for kind, why in sorted(self._missing.items())))

    def kind_lost(self, label: str, error: KubeError) -> None:
        if concerns_all(error):
            self._fatal = error
        if concerns_all(error) or concerns_connection(error):
            self._probe_now.set()

    # The life of the cluster

    async def _run(self) -> None:
        patient = Backoff(self._timing.login_first, self._timing.login_longest)
        eager = Backoff(self._timing.retry_first, self._timing.retry_longest)
        while True:
            try:
                discovery = await self._connect()
                patient.reset()
                eager.reset()
                ended = await self._session(discovery)
                if ended is None:
                    continue
                error = ended
            except KubeError as failure:
                error = failure
            except Exception as failure:  # noqa: BLE001 - a mistake of ours must not leave a cluster without tasks
                error = KubeError(f"internal error ({type(failure).__name__})", cluster=self.source.name)
            if isinstance(error, Unauthorized):
                self._note_login(error.message or "Unauthorized")
            verdict = self._judged(error)
            wait = (patient if verdict.reach in PATIENT else eager).next()
            wait = max(wait, min(asked_to_wait(error), self._timing.retry_longest))
            self._enter(*_spread(verdict), retry_at=self._clock() + timedelta(seconds=wait))
            for follower in self._followers.values():
                follower.mark_stale()
            self.settled.set()
            await asyncio.sleep(wait)
            if verdict.reach in PATIENT:
                await self._drop_client()  # the next one reads certificates and tokens again

    def _judged(self, error: KubeError) -> Verdict:
        """What the error says, after what is said of the cluster where it is delivered."""
        verdict, said = judge(error), self._row.delivered
        unborn = isinstance(error, ConfigError) and not isinstance(error, Unusable)
        if said is not None and not said.ready and unborn:
            return Verdict(Reach.NOT_READY, verdict.message, verdict.hint)
        return verdict

    async def _connect(self) -> Discovery:
        """Resolve, say hello, ask what there is."""
        waiting = asyncio.create_task(self._say_waiting())
        try:
            client = await self.client()
            assert self.endpoint is not None
            self._resolved(self.endpoint)
            await self._describe(self.endpoint)
            version = await self._hello(client)
            self._note_login("")
            self._change(version=version)
            try:
                return await client.discover(self._groups)
            except Forbidden:
                return Discovery()  # what is always there can be tried without
        finally:
            waiting.cancel()

    async def _session(self, discovery: Discovery) -> KubeError | None:
        """Follow everything until the cluster is lost; gives the reason, or None where it is to begin anew."""
        self._fatal, self._turned = None, False
        self._probe_now.clear()
        if self._row.carried_by:
            for follower in self._followers.values():
                follower.forget()
            self._change(missing=(), lacks=())
            self._missing.clear()
            self._waiting_for = set()
            self._measure()
            self._sync()
            return await self._heartbeats()
        present, absent = self._sorted(discovery)
        self._without(discovery, absent)
        self._waiting_for = {watched.label for watched in present}
        tasks = [asyncio.create_task(self._follow(watched)) for watched in present]
        self._measure()
        if not present:
            self._sync()
        try:
            if absent:
                tasks.append(asyncio.create_task(self._look_for(absent, tasks)))
            return await self._heartbeats()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _heartbeats(self) -> KubeError | None:
        client = await self.client()
        while True:
            try:
                async with asyncio.timeout(self._pause()):
                    await self._probe_now.wait()
            except TimeoutError:
                if self._waiting_for:
                    continue  # lists under way have limits of their own, and a small request would wait behind them
            self._probe_now.clear()
            if self._turned:
                return None
            if self._fatal is not None:
                return self._fatal
            try:
                await self._hello(client)
            except KubeError as error:
                return error
            self._measure()

    def _pause(self) -> float:
        timing = self._timing
        return min(timing.heartbeat, timing.slow) if self._latency.slow else timing.heartbeat

    async def _hello(self, client: Client) -> str:
        """One small request, measured; gives the server's version. While it takes long the row already says so.

        The limit is on the answer alone: a credential plugin that runs first may take its own time.
        """
        slow = asyncio.get_running_loop().call_later(self._timing.probe / 4, self._say_slow)
        try:
            response = await client.request("GET", "/version", timeout=self._timing.probe)
        finally:
            slow.cancel()
        if client.latency is not None:
            self._latency.add(client.latency)
        if not (said := decode(response.body, _Version, cluster=self.source.name).git_version):
            raise ProtocolError("the answer to /version names no version", cluster=self.source.name)
        return said

    async def _follow(self, watched: Watched) -> None:
        try:
            await self._followers[watched.label].run(await self.client(), self._timing, watched.resource.version)
        except Exception as error:  # noqa: BLE001 - one kind that cannot be read must not end the others
            self.kind_missing(watched.label, f"cannot be read: {type(error).__name__}")
            self.kind_settled(watched.label)

    async def _look_for(self, absent: list[Watched], tasks: list[asyncio.Task[Any]]) -> None:
        """Custom resources may be installed at any time."""
        client = await self.client()
        while absent:
            await asyncio.sleep(self._timing.rediscover)
            try:
                discovery = await client.discover(self._groups)
            except KubeError:
                continue  # heartbeats tell whether the cluster is there
            present, absent = self._sorted(discovery, absent)
            self._without(discovery, absent)
            tasks += [asyncio.create_task(self._follow(watched)) for watched in present]

    def _sorted(
        self, discovery: Discovery, among: Sequence[Watched] | None = None
    ) -> tuple[list[Watched], list[Watched]]:
        """Which kinds the server has, in the version it has them in, and which it has not."""
        present: list[Watched] = []
        absent: list[Watched] = []
        for watched in self._watched if among is None else among:
            resource = watched.resource
            if watched.any_version:
                version = discovery.version_of(resource.group, resource.plural) or resource.version
                resource = msgspec.structs.replace(resource, version=version)
                watched = replace(watched, resource=resource)
            asked = watched.needs or (None if watched.builtin else resource)
            if asked is None or discovery.serves(asked.group, asked.plural, asked.version):
                present.append(watched)
            else:
                absent.append(watched)
        return present, absent

    # The row

    def _without(self, discovery: Discovery, absent: Iterable[Watched]) -> None:
        """The server does not have these kinds, unless it would not say."""
        asked = absent if discovery.versions else ()
        unsaid = {where.partition("/")[0] for where in discovery.failed}
        self._change(lacks=tuple(watched.label for watched in asked if watched.resource.group not in unsaid))

    async def _describe(self, endpoint: Endpoint) -> None:
        self._own = await asyncio.to_thread(self._login, endpoint)  # the first certificate imports what reads it
        if self._own is not None:
            self._store.put(self._own)
            if endpoint.delivered:  # what it says of itself anybody may have written
                self._store.ended.note_unasked(self._own.credential)
        self._change(server=endpoint.server, namespace=endpoint.namespace)

    def _note_login(self, refused: str) -> None:
        """The server took this login, or says why it does not: its row, and the same elsewhere, say so too."""
        if self._own is not None:
            self._store.ended.note_answer(self._own.credential, refused)

    def _measure(self) -> None:
        """The cluster just answered."""
        client = self._client
        skew = client.skew if client is not None else None
        clock = client.clock if client is not None else ""
        latency = self._latency.value
        self._change(
            skew=round(skew, 1) if skew is not None else None if clock else self._row.skew,
            latency=None if latency is None else round(latency, 3),
            clock=clock,
        )
        if self._waiting_for and self._row.reach is Reach.CONNECTING:
            return
        if not self._waiting_for:
            self._change(synced_at=self._clock())
        self._enter_answering()

    def _sync(self) -> None:
        """Everything that can be listed is."""
        if self._row.synced_at is None or not self._row.answers:
            self._change(synced_at=self._clock())
        self._enter_answering()
        self.settled.set()

    def _enter_answering(self) -> None:
        forbidden = {label for label, why in self._missing.items() if why.startswith(NO_RIGHT)}
        core = {watched.label for watched in self._watched if not (watched.resource.group or watched.optional)}
        said = self._row.delivered
        if core and core <= forbidden:
            self._enter(
                Reach.FORBIDDEN,
                f"this login may not list {' or '.join(sorted(core))}",
                "ask for list and watch on them, or name a namespace you may read",
            )
        elif said is not None and not said.ready:
            self._enter(
                Reach.NOT_READY, f"its {said.by.kind.value} is {said.phase}" + (f": {said.says}" if said.says else "")
            )
        elif self._latency.slow:
            self._enter(Reach.SLOW, f"answers take {self._latency.value or 0:.1f} s")
        else:
            self._enter(Reach.READY)

    async def _say_waiting(self) -> None:
        """While it connects: what is waited for, a login or the server."""
        patience, waited = self._timing.probe / 4, 0.0
        step = min(patience, 0.5)
        while True:
            await asyncio.sleep(step)
            waited += step
            login = self._client.session.logging_in if self._client is not None else ""
            said = login or ("waiting for an answer" if waited >= patience else "")
            if self._row.reach is Reach.CONNECTING and said != self._row.message:
                self._change(message=said)

    def _say_slow(self) -> None:
        if self._row.reach is Reach.READY:
            self._enter(Reach.SLOW, "waiting for an answer")

    def _enter(self, reach: Reach, message: str = "", hint: str = "", *, retry_at: datetime | None = None) -> None:
        since = self._row.since if reach is self._row.reach else self._clock()
        self._change(reach=reach, since=since, message=message, hint=hint, retry_at=retry_at)

    def _change(self, **fields: Any) -> None:
        before, self._row = self._row, msgspec.structs.replace(self._row, **fields)
        self._store.put(self._row)
        if (before.reach, before.missing) != (self._row.reach, self._row.missing):
            self._changed()

    async def _drop_client(self) -> None:
        client, self._client = self._client, None
        try:
            if client is not None:
                await client.close()
        except asyncio.CancelledError:
            self._client = self._client or client  # it is closed by whoever stops this next
            raise


def _spread(verdict: Verdict) -> tuple[Reach, str, str]:
    return verdict.reach, verdict.message, verdict.hint
