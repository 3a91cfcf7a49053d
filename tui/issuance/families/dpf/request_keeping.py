"""Keeping, deleting and abandoning one DPUServiceCredentialRequest as a plan: what `reconcile` does, from the engine.

The requests of a cluster are kept under a Lease, by one kubemint at a time. What DPF's controller is seen to keep is
left to it, with the reason, unless someone takes over.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from tui.issuance.errors import ChangedMeanwhile, IssuanceError, StepFailed, UsageError
from tui.issuance.model.cluster_time import now_at
from tui.issuance.model.durations import format_duration
from tui.issuance.model.sight import Sight
from tui.issuance.model.types import Action, Address, Credential, Plan, StepInfo, StepStatus
from tui.issuance.objects.deleting import delete
from tui.issuance.records.intent import new_id
from tui.issuance.transaction.lease import LEASES, Lease, LeaseLost
from tui.issuance.transaction.running import Note, Run
from tui.issuance.transaction.step import Step, Transaction
from tui.issuance.transaction.turns import Turns
from tui.issuance.transaction.work import Context, Finished
from tui.issuance.users.grace_length import Length
from tui.issuance.users.secret_users import secrets_of_request
from tui.kube.errors import Forbidden, KubeError

from . import DPU_REQUESTS, DPURequest, credential_of, parse
from .aside import left_to
from .cleanup import Leftover, everything, leftovers_of
from .ends_with_account import others
from .keeper import Keeper, Rest
from .renewal_work import UNBOUND, look
from .resources import FINALIZER
from .sweeps import Sweep, Sweeps
from .tending import waits_until

LEASE: Final = "kubemint-dpu-credential-requests"
LEASE_NAMESPACE: Final = "kube-system"
_TRIES: Final = 3
_FRESH: Final = 5.0
"""Seconds for which the requests are not listed again: many new ones may be kept at once."""


@dataclass(slots=True)
class Keepers:
    """What an engine keeps requests with: a Lease for each cluster, timers, and whether a controller was seen."""

    context: Context
    sweeps: Sweeps = field(init=False)
    _turns: dict[str, Turns] = field(default_factory=dict)
    _seen: dict[str, tuple[float, list[dict[str, Any]]]] = field(default_factory=dict)
    _looking: dict[str, asyncio.Lock] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.sweeps = Sweeps(self.context)

    async def settle(self) -> None:
        """Wait until everything that is left over is gone."""
        await self.sweeps.settle()

    def left_of(self, plan: str) -> tuple[str, ...]:
        """What this plan was to remove and has not, in words."""
        return self.sweeps.left_of(plan)

    async def aclose(self) -> None:
        """Stop the timers."""
        await self.sweeps.aclose()

    async def turns(self, cluster: str) -> Turns:
        """The Lease of this cluster."""
        if cluster not in self._turns:
            client = await self.context.clusters.client(cluster)
            self._turns[cluster] = Turns(Lease(client, LEASE_NAMESPACE, LEASE))
        return self._turns[cluster]

    async def controller(self, address: Address) -> str:
        """What shows that DPF's controller keeps this request; empty where nothing does."""
        cluster, now = address.cluster, await self.context.now(address.cluster)
        host = await self.context.clusters.client(cluster)
        obj = await host.get(DPU_REQUESTS, address.name, namespace=address.namespace)
        others: list[dict[str, Any]] = []
        if waits_until(obj) > now:
            others = [one for one in await self._others(cluster, address.namespace) if _uid(one) != _uid(obj)]
        return await left_to(host, cluster, obj, others, now)

    async def _others(self, cluster: str, namespace: str) -> list[dict[str, Any]]:
        async with self._looking.setdefault(cluster, asyncio.Lock()):
            at, seen = self._seen.get(cluster, (0.0, []))
            if not at or time.monotonic() - at > _FRESH:
                seen = await self._requests(cluster, namespace)
                self._seen[cluster] = time.monotonic(), seen
            return seen

    async def _requests(self, cluster: str, namespace: str) -> list[dict[str, Any]]:
        client = await self.context.clusters.client(cluster)
        try:
            return await client.list(DPU_REQUESTS)
        except Forbidden:
            return await client.list(DPU_REQUESTS, namespace=namespace)


@dataclass(kw_only=True)
class KeepRequest(Transaction):
    """One request to rest. `delete` begins with its deletion, `abandon` lets it go whatever is left behind."""

    keepers: Keepers
    address: Address
    request: DPURequest
    keeps: str = ""
    """What keeping it means, as it was planned; empty where DPF's controller does it."""
    tended: str = ""
    """What shows that the controller does."""
    delete: bool = False
    abandon: bool = False
    sight: Sight = field(default_factory=Sight)
    _held: contextlib.AsyncExitStack = field(default_factory=contextlib.AsyncExitStack, init=False)
    _rest: Rest | None = field(default=None, init=False)

    @property
    def context(self) -> Context:
        return self.keepers.context

    @property
    def addresses(self) -> tuple[Address, ...]:
        return (self.address,)

    @property
    def fallback(self) -> Credential | None:
        return credential_of(self.address.cluster, self.request, self.context.clock())

    @property
    def steps(self) -> tuple[Step, ...]:
        at = self.address
        itself = {"cluster": at.cluster, "namespace": at.namespace, "name": at.name, "resource": DPU_REQUESTS.name}
        delete = StepInfo(id="delete", title=f"Delete the request {at.namespace}/{at.name}", verb="delete", **itself)
        first = (Step(info=delete, do=self._delete, final=True),) if self.delete else ()
        if self.tended:
            what = "the cleaning up" if self.delete else "it"
            aside = StepInfo(id="aside", title=f"Leave {what} to DPF's controller", cluster=at.cluster)
            return (*first, Step(info=aside, do=self._aside))
        lease = StepInfo(
            id="lease", title="Take the Lease, so that no other kubemint reconciles them meanwhile", verb="update",
            resource=LEASES.name, cluster=at.cluster, namespace=LEASE_NAMESPACE, name=LEASE,
        )  # fmt: skip
        keep = StepInfo(id="keep", title=self.keeps, verb="patch", **itself)
        return (*first, Step(info=lease, do=self._lease), Step(info=keep, do=self._keep))

    async def run(self, run: Run) -> Finished:
        try:
            async with self._held:
                await super().run(run)
        except LeaseLost as error:  # it ended the work in the middle of a step
            run.report(run.result("keep", StepStatus.FAILED, error.message))
            raise StepFailed("keep", error.message, "look again: the holder of the Lease continues") from error
        return Finished(self.fallback) if self._rest is None else await self._finished(self._rest)

    def hints(self) -> list[str]:
        return [one for one in self._rest.notes if UNBOUND in one] if self._rest is not None else []

    async def _delete(self, note: Note) -> None:
        at, client = self.address, await self.context.clusters.client(self.address.cluster)
        ended = await delete(client, DPU_REQUESTS, at.name, namespace=at.namespace, uid=self.request.uid)
        note.message = "it waits for its finalizer" if ended.held_by == (FINALIZER,) else str(ended)

    async def _aside(self, note: Note) -> None:
        note.skip(f"DPF's controller keeps it: {self.tended}")

    async def _lease(self, note: Note) -> None:
        turns = await self.keepers.turns(self.address.cluster)
        await self._held.enter_async_context(turns.hold())
        note.message = f"{LEASE_NAMESPACE}/{LEASE}"

    async def _keep(self, note: Note) -> None:
        self._rest = await self._kept()
        note.message = said(self._rest)

    async def _kept(self) -> Rest:
        address = self.address
        keeper = Keeper(
            self.context.clusters, clock=self.context.clock, grace=self.context.wish, owner=self.context.owner
        )
        for last in range(_TRIES):
            try:
                rest = await keeper.reconcile(address.cluster, address.namespace, address.name, abandon=self.abandon)
            except ChangedMeanwhile:
                if last == _TRIES - 1:
                    raise
            else:
                if rest.error:
                    raise IssuanceError(rest.error, rest.hint)
                return rest
        raise AssertionError("the last try returns or raises")

    async def _finished(self, rest: Rest) -> Finished:
        now, request = await self.context.now(self.address.cluster), rest.request
        if request is None:
            return Finished(None)
        later = [leftover.due for leftover in leftovers_of(request) if leftover.due > now]
        finished = Finished(credential_of(self.address.cluster, request, now))
        if later:
            sweep, sweeps = Sweep(address=self.address, due=max(later)), self.keepers.sweeps
            finished.after.append(lambda run: sweeps.schedule(sweep, run, "sweep:0"))
        return finished


def said(rest: Rest) -> str:
    """How a request was left, in words."""
    request = rest.request
    if request is None:
        return "; ".join(("gone", *rest.notes))
    if rest.held:
        return "; ".join((rest.held, *rest.notes))
    parts = ["up to date"]
    if rest.reason:
        parts = [f"issued, because {rest.reason}"]
    if request.expires_at is not None:
        parts.append(f"good until {request.expires_at:%Y-%m-%d %H:%M:%S} UTC")
    return "; ".join((*parts, *rest.notes))


async def prepare_keeping(keepers: Keepers, address: Address, *, take_over: bool = False) -> tuple[Plan, KeepRequest]:
    """The plan for bringing a request to its desired state."""
    request, sight = await _seen(keepers.context, address)
    tended = "" if take_over else await keepers.controller(address)
    if tended:
        work = KeepRequest(keepers=keepers, address=address, request=request, tended=tended, sight=sight)
        return work.plan(new_id(), Action.KEEP, address, warnings=(tended,)), work
    title, warning = await _foreseen(keepers.context, request)
    warnings = (warning,) if warning else ()
    lasts = Length(grace=keepers.context.grace)
    later: tuple[StepInfo, ...] = ()
    if request.deleted_at is None and request.expires_at is not None:
        now = credential_of(address.cluster, request, keepers.context.clock())
        lasts = await keepers.context.length(secrets_of_request(request), [now])
        later = (StepInfo(id="sweep:0", title=f"Remove what it replaces after {format_duration(lasts.grace)}"),)
    work = KeepRequest(keepers=keepers, address=address, request=request, keeps=title, sight=sight)
    plan = work.plan(new_id(), Action.KEEP, address, warnings=warnings + lasts.warnings, lasts=lasts)
    return msgspec.structs.replace(plan, steps=(*plan.steps, *later)), work


async def prepare_deletion(keepers: Keepers, address: Address, *, take_over: bool = False) -> tuple[Plan, KeepRequest]:
    """The plan for deleting a request with all that was made for it."""
    request, sight = await _seen(keepers.context, address)
    if request.deleted_at is not None:
        raise UsageError(
            f"{address} is being deleted since {request.deleted_at:%Y-%m-%d %H:%M:%S} UTC",
            "reconcile it to clean up, or abandon it if that cannot be reached",
        )
    tended = "" if take_over else await keepers.controller(address)
    work = KeepRequest(
        keepers=keepers,
        address=address,
        request=request,
        keeps="Remove what was made for it, then its finalizer",
        tended=tended,
        delete=True,
        sight=sight,
    )
    made = everything(request, keepers.context.clock())
    warnings = (*ends_with(request, made), *await others(keepers.context, request, made))
    return work.plan(new_id(), Action.DELETE, address, warnings=warnings), work


async def prepare_abandonment(keepers: Keepers, address: Address) -> tuple[Plan, KeepRequest]:
    """The plan for letting a deleted request go although what was made for it cannot all be removed."""
    request, sight = await _seen(keepers.context, address)
    if request.deleted_at is None:
        raise UsageError(f"{address} is not being deleted", "delete it first; only what is stuck is abandoned")
    warnings = ["what can be reached is removed; what cannot stays, and nothing manages it any more:"]
    warnings += [_words(leftover) for leftover in everything(request, keepers.context.clock())]
    work = KeepRequest(
        keepers=keepers,
        address=address,
        request=request,
        keeps="Remove what can be reached, then the finalizer whatever is left",
        abandon=True,
        sight=sight,
    )
    return work.plan(new_id(), Action.DELETE, address, warnings=warnings), work


def ends_with(request: DPURequest, made: Sequence[Leftover]) -> tuple[str, ...]:
    """What goes when the request goes."""
    lines = [f"{_words(leftover)} goes with it" for leftover in made]
    if request.expires_at is not None:
        lines.append("users of its credential are refused within 10 s")
    return tuple(dict.fromkeys(lines))


async def _seen(context: Context, address: Address) -> tuple[DPURequest, Sight]:
    """The request that is meant. What it wants may change: it is brought to whatever it wants by then."""
    sight = Sight()
    request = await sight.see(
        str(address), lambda: _request(context, address), lambda found: (found.uid, found.deleted_at is None)
    )
    return request, sight


async def _request(context: Context, address: Address) -> DPURequest:
    client = await context.clusters.client(address.cluster)
    found: Mapping[str, Any] = await client.get(DPU_REQUESTS, address.name, namespace=address.namespace)
    return parse(address.cluster, found)


def _uid(obj: Mapping[str, Any]) -> str:
    return str((obj.get("metadata") or {}).get("uid", ""))


async def _foreseen(context: Context, request: DPURequest) -> tuple[str, str]:
    """What keeping it will do, from reading alone; and what is in the way."""
    if request.deleted_at is not None:
        return "Remove what was made for it, then its finalizer", ""
    try:
        work = await look(context.clusters, request)
        work.check()
    except (KubeError, IssuanceError) as error:
        return "Try to bring it to its desired state", str(error)
    reason = work.reason(now_at(work.client, context.clock))
    return (f"Issue a token, because {reason}" if reason else "Compare everything with what is wanted"), ""


def _words(leftover: Leftover) -> str:
    what = {"handle": "the handle", "account": "the service account", "secret": "the Secret"}[leftover.kind]
    where = f" in {leftover.target}" if leftover.target and leftover.kind != "secret" else ""
    return f"{what} {leftover.name}{where}"
