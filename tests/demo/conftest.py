"""An embedded fleet whose clock the tests move."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.contract.server import Server
from tui.demo.apiserver.faults import ServerState
from tui.demo.cluster import EmbeddedCluster
from tui.demo.fleet import EmbeddedFleet
from tui.demo.running import FleetThread


class MovableClock:
    """The real time, and how far tests have moved it."""

    def __init__(self) -> None:
        self.offset = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.offset

    @contextlib.contextmanager
    def moved(self, **by: float) -> Iterator[None]:
        """The same block of time, later: `with clock.moved(minutes=11)`."""
        self.offset += timedelta(**by)
        try:
            yield
        finally:
            self.offset -= timedelta(**by)


@pytest.fixture(scope="session")
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture(scope="session")
def running(clock: MovableClock) -> Iterator[FleetThread]:
    """A small fleet for all tests of this folder; each works in namespaces of its own."""
    with FleetThread(accounts=12, clock=clock) as thread:
        yield thread


@pytest.fixture(scope="session")
def fleet(running: FleetThread) -> EmbeddedFleet:
    assert running.fleet is not None
    return running.fleet


def side(running: FleetThread, context: str, folder: Path) -> Server:
    """One cluster of the fleet, as the contract's checks see it."""
    assert running.fleet is not None
    cluster: EmbeddedCluster = running.fleet.cluster(context)

    def sign(user: str, groups: Sequence[str]) -> tuple[bytes, bytes]:
        pair = cluster.authority.client(user, groups)
        return pair.certificate, pair.key.reveal_bytes()

    return Server("embedded", running.kubeconfig, context, sign, cluster.storage.compact, True, folder)


def enter(running: FleetThread, context: str, state: ServerState) -> None:
    """Puts one server into a state."""

    async def change(fleet: EmbeddedFleet) -> None:
        await fleet.cluster(context).enter(state)

    running.call(change)


@pytest.fixture(scope="session")
def harbor(running: FleetThread, tmp_path_factory: pytest.TempPathFactory) -> Server:
    """The management cluster, a new release."""
    return side(running, "harbor", tmp_path_factory.mktemp("harbor"))


@pytest.fixture(scope="session")
def tenant(running: FleetThread, tmp_path_factory: pytest.TempPathFactory) -> Server:
    """A tenant, a new release."""
    return side(running, "tenant-a", tmp_path_factory.mktemp("tenant"))


@pytest.fixture(scope="session")
def old(running: FleetThread, tmp_path_factory: pytest.TempPathFactory) -> Server:
    """The cluster that plays 1.20."""
    return side(running, "tenant-b", tmp_path_factory.mktemp("old"))


@pytest.fixture(scope="session")
def capped(running: FleetThread, tmp_path_factory: pytest.TempPathFactory) -> Server:
    """The cluster that grants an hour at most."""
    return side(running, "tenant-c", tmp_path_factory.mktemp("capped"))
