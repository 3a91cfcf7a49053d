"""One at a time in a cluster: leadership by a coordination.k8s.io Lease, with client-go's rules.

The Kubernetes client's own leader election runs in threads, or on that client's own connections; this one uses
kubemint's clients. A Lease that somebody else holds is only taken over after it was *seen* unchanged for its whole
duration, so that clocks that differ cannot make two holders. Every write names the version it replaces.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, TypeVar

from tui.kube.errors import APIError, Conflict, KubeError, NotFound, Unreachable
from tui.kube.resource import Resource

from . import managed
from .cluster_time import now_at, utc_now
from .durations import parse_time
from .errors import IssuanceError

if TYPE_CHECKING:
    from tui.kube.client import Client

T = TypeVar("T")
LEASES: Final = Resource("coordination.k8s.io", "v1", "leases", "Lease")


class LeaseHeld(IssuanceError):
    """Somebody else is at it."""


class LeaseLost(IssuanceError):
    """It could not be renewed in time, or somebody took it."""


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
        duration: timedelta = timedelta(seconds=15),
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
        self._seen: tuple[str, float] = ("", 0.0)
        """The other holder's version, and when it was first seen here."""
        self._spec: dict[str, Any] = {}
        self._renewed = 0.0
        """When the last renewal that was carried out was sent: from then on, at the earliest, others count."""

    async def try_once(self) -> bool:
        """Take or renew it where that is allowed right now."""
        try:
            found = await self._client.get(LEASES, self.name, namespace=self.namespace)
        except NotFound:
            return await self._create()
        spec = dict(found.get("spec") or {})
        version = str((found.get("metadata") or {}).get("resourceVersion", ""))
        other = spec.get("holderIdentity") or ""
        if other not in ("", self.holder):
            if self._seen[0] != version:
                self._seen = (version, self._monotonic())
            if self._monotonic() < self._seen[1] + float(spec.get("leaseDurationSeconds") or 0):
                self._spec = spec
                return False
        mine = self._record(spec if other == self.holder else None)
        mine["leaseTransitions"] = int(spec.get("leaseTransitions") or 0) + (other != self.holder)
        return await self._replace(found, mine)

    async def acquire(self) -> None:
        """Take it. A holder who seems to be alive is not waited for: raises LeaseHeld."""
        first = ""
        while not await self.try_once():
            renewed = parse_time(self._spec.get("renewTime"))
            duration = timedelta(seconds=float(self._spec.get("leaseDurationSeconds") or 0))
            first = first or self._seen[0]
            # Its clock may be wrong: what was seen to be renewed is alive, a time far in the future says nothing.
            if self._seen[0] != first or (renewed is not None and abs(self._time() - renewed) < duration):
                said = f"{renewed:%H:%M:%S}" if renewed is not None else "an unknown time"
                raise LeaseHeld(
                    f"{self._spec.get('holderIdentity')} holds the Lease {self.namespace}/{self.name}",
                    f"it renewed it at {said} UTC; leave the work to it, or end it and try again",
                )
            await asyncio.sleep(self._retry.total_seconds())

    async def release(self) -> None:
        """Give it back, so that the next one need not wait. Nobody is helped by an error here."""
        with contextlib.suppress(KubeError):
            found = await self._client.get(LEASES, self.name, namespace=self.namespace)
            spec = dict(found.get("spec") or {})
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
        except Conflict:  # somebody was faster
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


def _micro(at: datetime) -> str:
    """A time as Kubernetes writes MicroTime."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
