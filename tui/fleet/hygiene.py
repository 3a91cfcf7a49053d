"""The hygiene pass over a fleet: what it follows already, plus one survey of each cluster that answers.

Asking is done on the event loop, everything that computes in a thread, so that a dashboard with 50,000 rows goes on
ticking; `progress` hears how far it is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from tui.issuance.clusters import Clusters
from tui.issuance.errors import IssuanceError
from tui.issuance.hygiene import Report, Survey, examine, look_at_disk, survey
from tui.issuance.types import CredentialKind
from tui.kube.errors import KubeError

from .rows import AccountRow, CredentialRow, Reach, Row

if TYPE_CHECKING:
    from tui.kube.kubeconfig import KubeConfig

    from .store import FleetStore

Told = Callable[[str], None]


class Surveyed(Clusters, Protocol):
    """What is asked of a fleet."""

    @property
    def store(self) -> FleetStore: ...
    def skew(self, cluster: str) -> float | None: ...
    def now(self) -> datetime: ...


async def check(
    fleet: Surveyed,
    *,
    credentials: Iterable[Row],
    accounts: Iterable[Row],
    config: KubeConfig,
    paths: Sequence[Path] = (),
    namespace: str | None = None,
    progress: Told = lambda words: None,
) -> Report:
    """Look at everything. Never raises for a cluster: what could not be seen is among the report's gaps."""
    held = [row.credential for row in credentials if isinstance(row, CredentialRow)]
    identities = [row.identity for row in accounts if isinstance(row, AccountRow)]
    names = sorted(row.name for row in fleet.store.clusters.values() if row.reach in (Reach.READY, Reach.SLOW))
    wanted = {identity.cluster for identity in identities} | {one.address.cluster for one in held}
    surveys = await _surveys(fleet, [name for name in names if name in wanted], namespace, progress)
    now = fleet.now()
    skews = {name: timedelta(seconds=fleet.skew(name) or 0) for name in fleet.store.clusters}
    exports = [one.address.name for one in held if one.address.kind is CredentialKind.FILE]
    loop = asyncio.get_running_loop()

    def told(done: int, total: int) -> None:
        loop.call_soon_threadsafe(progress, f"{done:,} of {total:,} looked at".replace(",", " "))

    def work() -> Report:
        disk = look_at_disk(config, exports, paths, now)
        return examine(held, identities, surveys, disk, lambda name: now + skews.get(name, timedelta(0)), told)

    return await asyncio.to_thread(work)


async def _surveys(fleet: Surveyed, names: Sequence[str], namespace: str | None, progress: Told) -> dict[str, Survey]:
    done = 0

    async def one(name: str) -> Survey:
        nonlocal done
        try:
            found = await survey(await fleet.client(name), name, namespace)
        except (KubeError, IssuanceError) as error:
            found = Survey(cluster=name, gaps=(str(error),))
        done += 1
        progress(f"asked {done} of {len(names)} clusters")
        return found

    return {found.cluster: found for found in await asyncio.gather(*map(one, names))}
