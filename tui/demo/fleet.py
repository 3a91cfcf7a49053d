"""The embedded fleet: several clusters on loopback ports, populated, and one kubeconfig that leads to all of them.

    async with EmbeddedFleet() as fleet:
        …  # fleet.kubeconfig is a file for kubectl, kubemint or a test

Everything it writes lies in one private temporary folder, which goes away when the fleet stops or the process ends.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import shutil
import string
import tempfile
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from .apiserver.faults import ServerState
from .apiserver.pki import SigningKey, repeatable_key, signing_key
from .apiserver.storage import DEFINITIONS
from .cluster import EmbeddedCluster
from .operators.dpf import CredentialController
from .operators.eso import run_operator
from .operators.gardener import Garden
from .operators.kubeconfigs import fleet_kubeconfig, write_private
from .scenery.gardener_seed import ALONE, add_garden
from .scenery.seed import OPERATOR, populate, settle
from .scenery.unattended import NAME as UNATTENDED, populate_unattended
from .scenery.untidy import leave_untidy, untidy_entries

Clock = Callable[[], datetime]

MANAGEMENT: Final = "harbor"
NEW: Final = "v1.34.1"
OLD: Final = "v1.20.15"
OPERATOR_CRD: Final = "secretstores.external-secrets.io"
_PREFIX: Final = "kubemint-demo-"
TROUBLED: Final = {"fjord": ServerState.SLOW, "island": ServerState.UNREACHABLE, "vault": ServerState.LOGIN}


def utc_now() -> datetime:
    """The real time."""
    return datetime.now(UTC)


class EmbeddedFleet:
    """An async context manager. `clusters` counts the healthy ones: `harbor`, which manages, and its tenants.

    Order and stamps depend on `seed` and `clock` alone. With `first_port` addresses, UIDs and tokens do too: that is
    for pictures that can be made again, because anybody who knows the seed knows the key. Without it no two fleets
    have a UID in common, as no two clusters have. With `unattended` there is a
    second cluster that manages, without DPF's controller. `progress` is told how many servers are up, and of how many.
    """

    def __init__(
        self,
        *,
        clusters: int = 4,
        accounts: int = 40,
        folder: Path | None = None,
        clock: Clock = utc_now,
        seed: int = 1,
        troubled: bool = True,
        first_port: int | None = None,
        controller: bool = True,
        unattended: bool = False,
        progress: Callable[[int, int], object] = lambda up, servers: None,
    ) -> None:
        if clusters < 1:
            raise ValueError("an embedded fleet has at least one cluster")
        self._healthy = clusters
        self._accounts = accounts
        self._given = folder
        self._clock = clock
        self._seed = seed
        self._troubled = troubled
        self._first_port = first_port
        self._controller = controller
        self._unattended = unattended
        self._progress = progress
        self.controller: CredentialController | None = None
        """DPF's controller in the management cluster; it keeps the requests of one namespace."""
        self.garden: Garden | None = None
        """The management cluster is a Gardener garden too; tenants play its shoots."""
        self._clusters: dict[str, EmbeddedCluster] = {}
        self._shoots: dict[str, EmbeddedCluster] = {}
        """Clusters to which only the garden leads."""
        self.folder: Path | None = None
        self.kubeconfig: Path = Path()
        """The kubeconfig, mode 0600; there once the fleet has started."""

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    def cluster(self, name: str) -> EmbeddedCluster:
        """One cluster by its context's name, or a shoot by its own."""
        return self._shoots[name] if name in self._shoots else self._clusters[name]

    @property
    def clusters(self) -> Mapping[str, EmbeddedCluster]:
        """Every cluster by name, the management cluster first."""
        return self._clusters

    async def start(self) -> None:
        """Makes the clusters, populates them, opens their ports and writes the kubeconfig."""
        self.folder = make_folder(self._given)
        atexit.register(self._remove_folder)
        try:
            names = cluster_names(self._healthy, self._troubled) + ([UNATTENDED] if self._unattended else [])
            every = [*names, *ALONE]
            self._progress(0, len(every))
            keys = await self._keys(len(every))
            for index, (name, key) in enumerate(zip(every, keys, strict=True)):
                (self._clusters if index < len(names) else self._shoots)[name] = EmbeddedCluster(
                    name,
                    version=OLD if name == "tenant-b" else NEW,
                    key=key,
                    clock=self._clock,
                    seed=self._seed,
                    port=0 if self._first_port is None else self._first_port + index,
                    repeatable=self._first_port is not None,
                    state=TROUBLED.get(name, ServerState.NORMAL),
                )
            attended = {name: cluster for name, cluster in self._clusters.items() if name != UNATTENDED}
            populate(attended, accounts=self._accounts)
            if self._unattended:
                populate_unattended(self._clusters[UNATTENDED], attended)
            for shoot in self._shoots.values():
                settle(shoot)
            self.garden = add_garden(next(iter(self._clusters.values())), self._clusters, self._shoots)
            leave_untidy(next(iter(self._clusters.values())))
            if self._controller:
                self._keep_requests()
            for up, (name, cluster) in enumerate((self._clusters | self._shoots).items(), 1):
                private = self.folder / name
                private.mkdir(mode=0o700)
                await cluster.start(private)
                self._progress(up, len(every))
            self.kubeconfig = self.folder / "kubeconfig"
            untidy = untidy_entries(next(iter(self._clusters.values())), self.folder)
            write_private(self.kubeconfig, fleet_kubeconfig(self._clusters, self.folder, untidy))
        except BaseException:
            await self.stop()
            raise

    async def _keys(self, count: int) -> list[SigningKey]:
        if self._first_port is not None:
            return [await asyncio.to_thread(repeatable_key, self._seed)] * count
        return await asyncio.gather(*(asyncio.to_thread(signing_key, index) for index in range(count)))

    def _keep_requests(self) -> None:
        management = next(iter(self._clusters.values()))
        self.controller = CredentialController(management, self._clusters, namespaces=frozenset({OPERATOR}))
        management.workers.append(self.controller.worker)
        for cluster in self._clusters.values():
            if cluster.storage.get(DEFINITIONS, OPERATOR_CRD) is not None:
                run_operator(cluster, self._clusters)

    async def stop(self) -> None:
        """Closes every port and removes the folder. May be called twice."""
        await asyncio.gather(*(cluster.stop() for cluster in (*self._clusters.values(), *self._shoots.values())))
        self._clusters.clear()
        self._shoots.clear()
        self._remove_folder()
        atexit.unregister(self._remove_folder)

    def _remove_folder(self) -> None:
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder = None


def make_folder(parent: Path | None = None) -> Path:
    """A new private folder that names this process, after sweeping those of processes that were killed."""
    parent = parent or Path(tempfile.gettempdir())
    for left in parent.glob(f"{_PREFIX}*-*"):
        pid = left.name.removeprefix(_PREFIX).partition("-")[0]
        ours = left.is_dir() and not left.is_symlink() and left.stat().st_uid == os.getuid()
        if ours and pid.isdigit() and not _alive(int(pid)):
            shutil.rmtree(left, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=parent))


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def cluster_names(healthy: int, troubled: bool) -> list[str]:
    """`harbor`, `tenant-a`, …, `tenant-z`, `tenant-aa`, …, then the troubled ones."""
    names = [MANAGEMENT]
    for number in range(healthy - 1):
        letters = ""
        number += 1
        while number:
            number, rest = divmod(number - 1, 26)
            letters = string.ascii_lowercase[rest] + letters
        names.append(f"tenant-{letters}")
    return names + list(TROUBLED) if troubled else names
