"""The hygiene pass over a fleet: what it follows already, plus one survey of each cluster that answers.

Asking is done on the event loop, everything that computes in a thread, so that a dashboard with 50,000 rows goes on
ticking; `progress` hears how far it is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from tui.issuance import Clusters, ClusterSurvey, Handle, HygieneReport, IssuanceError, examine, look_at_disk, survey
from tui.kube.amounts import number
from tui.kube.errors import KubeError

from .orphans import Accounts, sort
from .rows import AccountRow, CredentialRow, Row

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
    async def pending(self) -> Collection[Handle]: ...


PATIENCE: Final = 1.0
"""Seconds after which what is known is told, while slow clusters are still being asked."""


async def check(
    fleet: Surveyed,
    *,
    credentials: Iterable[Row],
    accounts: Iterable[Row],
    config: KubeConfig,
    paths: Sequence[Path] = (),
    namespace: str | None = None,
    progress: Told = lambda words: None,
    partly: Callable[[HygieneReport], None] | None = None,
) -> HygieneReport:
    """Look at everything. Never raises for a cluster: what could not be seen is among the report's gaps.

    `partly` hears what is known so far, so that one slow cluster does not delay the others.
    """
    held = [row.credential for row in credentials if isinstance(row, CredentialRow)]
    identities = [row.identity for row in accounts if isinstance(row, AccountRow)]
    clusters = tuple(fleet.store.clusters.values())
    answering = sorted(row.name for row in clusters if row.answers)
    shown_by = {row.name: row.carried_by for row in clusters if row.carried_by}
    unseen = {row.name: row.word for row in clusters if not row.answers and not row.carried_by}
    beyond = sorted(set(config.contexts) - {row.name for row in clusters})
    wanted = {identity.cluster for identity in identities} | {one.address.cluster for one in held}
    names = [name for name in answering if name in wanted]
    now = fleet.now()
    skews = {name: timedelta(seconds=fleet.skew(name) or 0) for name in fleet.store.clusters}
    exports = [one.address.name for one in held if one.address.is_file]
    disk = await asyncio.to_thread(look_at_disk, config, exports, paths, now)
    loop = asyncio.get_running_loop()

    def told(done: int, total: int) -> None:
        loop.call_soon_threadsafe(progress, f"{number(done)} of {number(total)} looked at")

    def moment(cluster: str) -> datetime:
        return now + skews.get(cluster, timedelta(0))

    async def report(told: Callable[[int, int], None]) -> HygieneReport:
        walked = [one for found in surveys.values() for one in found.handles or ()]
        lost, doubts = sort(walked, Accounts(fleet.store, await fleet.pending(), namespace, walked), moment)
        work = partial(
            examine, held, identities, dict(surveys), disk, moment, told,
            lost=lost, doubts=doubts, shown_by=shown_by, unseen=unseen, beyond=beyond,
        )  # fmt: skip
        return await asyncio.to_thread(work)

    surveys: dict[str, ClusterSurvey] = {}
    asking = {asyncio.create_task(_survey(fleet, name, namespace)) for name in names}
    told_of = -1
    try:
        while asking:
            finished, asking = await asyncio.wait(
                asking, timeout=PATIENCE if partly else None, return_when=asyncio.FIRST_COMPLETED
            )
            surveys |= {found.cluster: found for found in (task.result() for task in finished)}
            progress(f"asked {len(surveys)} of {len(names)} clusters")
            if partly is not None and asking and not finished and len(surveys) > told_of:
                told_of = len(surveys)
                partly(await report(lambda done, total: None))
    finally:
        for task in asking:
            task.cancel()
    return await report(told)


async def _survey(fleet: Surveyed, name: str, namespace: str | None) -> ClusterSurvey:
    try:
        return await survey(await fleet.client(name), name, namespace)
    except (KubeError, IssuanceError) as error:
        return ClusterSurvey(cluster=name, gaps=(str(error),))
