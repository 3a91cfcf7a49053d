"""One at a time in a cluster: leadership by a coordination.k8s.io Lease, with client-go's rules.

The Kubernetes client's own leader election runs in threads, or on that client's own connections; this one uses
kubemint's clients. A Lease that another client holds is only taken over after it was *seen* unchanged for its whole
duration, so that clocks that differ cannot make two holders. Every write names the version it replaces.

What stands in a Lease is a claim of whoever may write it: its stamps decide nothing, its duration counts only as far as
a holder of ours would wait, and a number that cannot be read is none. Who goes on renewing it keeps it.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self, TypeVar

from tui.issuance.errors import IssuanceError
from tui.issuance.model.cluster_time import now_at, utc_now
from tui.issuance.model.durations import parse_time
from tui.issuance.objects import managed
from tui.kube.errors import APIError, Conflict, KubeError, NotFound, Unreachable
from tui.kube.resource import Resource

if TYPE_CHECKING:
    from tui.kube.client import Client

T = TypeVar("T")
LEASES: Final = Resource("coordination.k8s.io", "v1", "leases", "Lease")
DURATION: Final = timedelta(seconds=15)
"""client-go's default: what kubemint writes, and what counts where a Lease says nothing that makes sense."""
LONGEST: Final = timedelta(minutes=1)
"""The longest duration that is believed; a Lease may say any, and would block everybody for as long."""
_TRANSITIONS: Final = 2**31 - 1
"""The server takes no greater number of them."""
_LOOKS: Final = 4
"""How often in the time between two tries a holder is looked at: whether it renews is then known soon."""


class LeaseHeld(IssuanceError):
    """Another process is at it."""


class LeaseLost(IssuanceError):
    """It could not be renewed in time, or someone took it."""


def holder_name() -> str:
    """A name for this process that no other has."""
    return f"{socket.gethostname()}_{managed.MANAGER}-{secrets.token_hex(4)}"


class Lease:
    """One Lease and one candidate for it."""

    def __init__(
        self,
        client: Client,
        namespace: str,
        name: str,
        *,
        holder: str = "",
        duration: timedelta = DURATION,
        renew_within: timedelta = timedelta(seconds=10),
        retry: timedelta = timedelta(seconds=2),
        now: Callable[[], datetime] = utc_now,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.namespace, self.name = namespace, name
        self.holder = holder or holder_name()
        self._client = client
        self._duration, self._renew_within, self._retry = duration, renew_within, retry
        self._now, self._monotonic = now, monotonic
        self._seen: tuple[Record | None, float] = (None, 0.0)
        """What the other holder wrote last, and when that was first seen here."""
        self._spec: dict[str, Any] = {}
        self._renewed = 0.0
        """When the last renewal that was carried out was sent: from then on, at the earliest, others count."""

    async def try_once(self) -> bool:
        """Take or renew it where that is allowed right now."""
        try:
            found = await self._client.get(LEASES, self.name, namespace=self.namespace)
        except NotFound:
            return await self._create()
        spec = _spec_of(found)
        record = Record.of(spec)
        if record.holder not in ("", self.holder):
            if self._seen[0] != record:
                self._seen = (record, self._monotonic())
            if self._monotonic() < self._seen[1] + believed(spec.get("leaseDurationSeconds"), self._duration):
                self._spec = spec
                return False
        mine = self._record(spec if record.holder == self.holder else None)
        mine["leaseTransitions"] = transitions(spec.get("leaseTransitions"), changes=record.holder != self.holder)
        return await self._replace(found, mine)

    async def acquire(self) -> None:
        """Take it, once its holder was seen not to renew it. Raises LeaseHeld where he does: he is not waited for."""
        first = None
        while not await self.try_once():
            first = first or self._seen[0]
            if self._seen[0] != first:
                renewed = parse_time(self._spec.get("renewTime"))
                said = f"{renewed:%H:%M:%S}" if renewed is not None else "an unknown time"
                raise LeaseHeld(
                    f"{self._spec.get('holderIdentity')} holds the Lease {self.namespace}/{self.name}",
                    f"it renewed it at {said} UTC; let it work, or stop it and try again",
                )
            await asyncio.sleep(self._retry.total_seconds() / _LOOKS)

    async def release(self) -> None:
        """Give it back, so that the next one need not wait. An error here would not help."""
        with contextlib.suppress(KubeError):
            found = await self._client.get(LEASES, self.name, namespace=self.namespace)
            spec = _spec_of(found)
            if spec.get("holderIdentity") == self.holder:
                spec |= {"holderIdentity": "", "leaseDurationSeconds": 1, "renewTime": _micro(self._time())}
                await self._client.replace(LEASES, found | {"spec": spec}, namespace=self.namespace, name=self.name)

    async def run(self, work: Callable[[], Awaitable[T]]) -> T:
        """Do the work as the holder. It is cancelled, and LeaseLost raised, where the Lease cannot be kept."""
        await self.acquire()
        task = asyncio.ensure_future(work())
        keeping = asyncio.create_task(self._keep())
        try:
            await asyncio.wait((task, keeping), return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                return task.result()
            keeping.result()  # raises LeaseLost
            raise LeaseLost(f"the Lease {self.namespace}/{self.name} is no longer kept")
        finally:
            for one in (task, keeping):
                one.cancel()
            await asyncio.gather(task, keeping, return_exceptions=True)
            await self.release()

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(self._retry.total_seconds())
            deadline = self._renewed + self._renew_within.total_seconds()
            try:
                async with asyncio.timeout(max(0.0, deadline - self._monotonic())):  # all tries together have this long
                    kept = await self.try_once()
            except (Unreachable, TimeoutError):
                kept = None
            except APIError as error:
                if not error.retriable:
                    raise LeaseLost(f"the Lease {self.namespace}/{self.name} cannot be renewed: {error}") from error
                kept = None
            if kept:
                continue
            if self._spec.get("holderIdentity") not in (None, "", self.holder):
                raise LeaseLost(f"{self._spec['holderIdentity']} took the Lease {self.namespace}/{self.name}")
            if self._monotonic() >= deadline:
                raise LeaseLost(f"the Lease {self.namespace}/{self.name} could not be renewed in time")

    def _time(self) -> datetime:
        """The cluster's: whoever else looks at the Lease can know that one too."""
        return now_at(self._client, self._now)

    async def _create(self) -> bool:
        spec = self._record(None) | {"leaseTransitions": 0}
        wish = {
            "apiVersion": LEASES.api_version,
            "kind": LEASES.kind,
            "metadata": {
                "name": self.name,
                "namespace": self.namespace,
                "labels": {managed.MANAGED_BY: managed.MANAGER},
            },
            "spec": spec,
        }
        sent = self._monotonic()
        try:
            await self._client.create(LEASES, wish, namespace=self.namespace)
        except Conflict:
            return False
        except NotFound as error:
            error.hint = f"there is no namespace {self.namespace}; choose another for the Lease"
            raise
        self._spec, self._renewed = spec, sent
        return True

    async def _replace(self, found: dict[str, Any], spec: dict[str, Any]) -> bool:
        sent = self._monotonic()
        try:
            await self._client.replace(LEASES, found | {"spec": spec}, namespace=self.namespace, name=self.name)
        except Conflict:  # another process was faster
            return False
        self._spec, self._renewed = spec, sent
        return True

    def _record(self, before: dict[str, Any] | None) -> dict[str, Any]:
        now = _micro(self._time())
        return {
            "holderIdentity": self.holder,
            "leaseDurationSeconds": max(1, int(self._duration.total_seconds())),
            "acquireTime": (before or {}).get("acquireTime") or now,
            "renewTime": now,
        }


class Record(NamedTuple):
    """What a holder changes each time it renews: while this stays the same, none was seen at work."""

    holder: str
    renewed: str

    @classmethod
    def of(cls, spec: Mapping[str, Any]) -> Self:
        """From a Lease's spec, whose fields may be of any kind."""
        return cls(str(spec.get("holderIdentity") or ""), str(spec.get("renewTime") or ""))


def believed(duration: object, ours: timedelta) -> float:
    """For how many seconds a holder that is not seen to renew is left alone, whatever duration the Lease says."""
    if isinstance(duration, bool) or not isinstance(duration, (int, float)) or not duration > 0:
        return ours.total_seconds()
    return min(float(duration), max(LONGEST, ours).total_seconds())


def transitions(before: object, *, changes: bool) -> int:
    """How often it changed hands, as the server takes it; counted anew after what it would not take."""
    if isinstance(before, bool) or not isinstance(before, int) or not 0 <= before < _TRANSITIONS:
        before = 0
    return before + changes


def _spec_of(lease: Mapping[str, Any]) -> dict[str, Any]:
    spec = lease.get("spec")
    return dict(spec) if isinstance(spec, Mapping) else {}


def _micro(at: datetime) -> str:
    """A time as Kubernetes writes MicroTime."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
