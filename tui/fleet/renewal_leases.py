"""Who renews in a cluster: one Lease in each, so that of several renewal loops one works and the others know which."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final

from tui.issuance import Address, Export, IssuanceError, Lease, LeaseHeld, LeaseLost, holder_name
from tui.kube.errors import Forbidden, KubeError, NotFound

if TYPE_CHECKING:
    from tui.kube.client import Client

LEASE: Final = "kubemint-renewal"
NAMESPACE: Final = "kube-system"
_PAUSE: Final = 5.0
_FRESH: Final = 30.0
"""Seconds for which it is not asked again where a file's renewal writes to."""


class RenewalLeases:
    """A candidate for the Lease of every cluster that a claim is made in, until `aclose`.

    `client` gives a cluster's client, `export` what this machine knows of a file, and `changed` is called whenever a
    claim may be answered differently. Where a Lease may not be taken at all, nothing is this loop's, unless it is not
    `needed`: someone sits in front of it and has said that it should renew.
    """

    def __init__(
        self,
        client: Callable[[str], Awaitable[Client]],
        export: Callable[[Address], Export | None],
        *,
        changed: Callable[[], None],
        namespace: str = NAMESPACE,
        needed: bool = True,
        pause: float = _PAUSE,
    ) -> None:
        self.holder = holder_name()
        self._client = client
        self._export = export
        self._changed = changed
        self._namespace = namespace
        self._needed = needed
        self._pause = pause
        self._why: dict[str, str] = {}
        """Why a cluster is not this loop's; empty where it is."""
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._written: dict[Address, tuple[frozenset[str] | None, float]] = {}
        """Where each file's renewal writes to, and until when that counts; looked up beside the loop."""
        self._finding: dict[Address, asyncio.Task[None]] = {}

    def claim(self, address: Address) -> str | None:
        """Why this credential is not this loop's to renew: empty where it is, None while that is being found out."""
        clusters = self._clusters(address)
        if clusters is None:
            return None
        answers: list[str | None] = []
        for cluster in clusters:
            if cluster not in self._tasks:
                self._tasks[cluster] = asyncio.create_task(self._stand(cluster), name=f"renewal lease of {cluster}")
            answers.append(self._why.get(cluster))
        return next((why for why in answers if why), None if None in answers else "")

    def held(self) -> dict[str, bool]:
        """Of each cluster whose Lease it stands for, whether it has it."""
        return {cluster: self._why.get(cluster) == "" for cluster in self._tasks}

    async def aclose(self) -> None:
        """Give every Lease back."""
        tasks = [*self._tasks.values(), *self._finding.values()]
        self._tasks, self._finding = {}, {}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _clusters(self, address: Address) -> frozenset[str] | None:
        """The clusters that a renewal writes to; None while that is being found out."""
        if not address.here:
            return frozenset({address.cluster})
        known, until = self._written.get(address, (None, 0.0))
        if until <= time.monotonic() and address not in self._finding:
            self._finding[address] = asyncio.create_task(self._find(address))
        return known

    async def _find(self, address: Address) -> None:
        """Ask the local state, which may keep one waiting: other processes write it too."""
        before = self._written.get(address, (None, 0.0))[0]
        found, fresh = before, self._pause
        try:
            found = await asyncio.to_thread(written_in, address, self._export)
            fresh = _FRESH
        except IssuanceError:
            pass  # it is asked again soon
        finally:
            self._finding.pop(address, None)
        self._written[address] = found, time.monotonic() + fresh
        if found != before:
            self._changed()

    async def _stand(self, cluster: str) -> None:
        lease, of = None, None
        while True:
            try:
                client = await self._client(cluster)
                if lease is None or client is not of:
                    lease, of = Lease(client, self._namespace, LEASE, holder=self.holder), client
                await lease.run(lambda: self._hold(cluster))
            except (LeaseHeld, LeaseLost) as error:
                self._answer(cluster, error.message)
            except (Forbidden, NotFound) as error:
                if not self._needed:
                    self._answer(cluster, "")
                    await asyncio.Event().wait()
                needs = f"a loop needs get, create and update on leases in {self._namespace}"
                self._answer(cluster, f"{error.message}; {needs}, or in another namespace with --lease-namespace")
            except (KubeError, IssuanceError) as error:
                self._answer(cluster, f"there is no Lease for it: {error.message}")
            await asyncio.sleep(self._pause)

    async def _hold(self, cluster: str) -> None:
        self._answer(cluster, "")
        try:
            await asyncio.Event().wait()
        finally:
            self._answer(cluster, "its Lease was lost")

    def _answer(self, cluster: str, why: str) -> None:
        if self._why.get(cluster) != why:
            self._why[cluster] = why
            self._changed()


def written_in(address: Address, export: Callable[[Address], Export | None]) -> frozenset[str]:
    """The clusters that a renewal of this credential writes to.

    What lies only on this machine needs no Lease: other machines do not know it, and locks keep two loops here apart.
    """
    if not address.here:
        return frozenset({address.cluster})
    found = export(address)
    if found is None:
        return frozenset()
    if found.spec is None:  # a copy: what it is one of is renewed
        return written_in(found.source, export) if found.source not in (None, address) else frozenset()
    return frozenset(place.cluster for place in found.spec.destinations if place.cluster)
