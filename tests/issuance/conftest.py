"""The engine's arenas (new and old embedded servers, the real control plane), and places that keep DPU requests."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.issuance.arena import Arena, Bench, new_arena
from tests.issuance.dpf_place import CLOCK, Clock, Place, embedded_place, real_place

if TYPE_CHECKING:
    from tests.controlplane import RealControlPlane
    from tui.demo.running import FleetThread

EMBEDDED = {"embedded": "harbor", "embedded-1.20": "tenant-b"}


def _embedded(request: pytest.FixtureRequest, side: str, tmp_path: Path) -> Arena:
    fleet: FleetThread = request.getfixturevalue("embedded_fleet")
    return new_arena(side, fleet.kubeconfig, EMBEDDED[side], tmp_path, fleet)


@pytest.fixture(params=[*EMBEDDED, pytest.param("real", marks=pytest.mark.real)])
def arena(request: pytest.FixtureRequest, tmp_path: Path) -> Arena:
    """A fresh namespace, on each of the three sides."""
    if request.param == "real":
        plane: RealControlPlane = request.getfixturevalue("real_control_plane")
        return new_arena("real", plane.kubeconfig, "real", tmp_path)
    return _embedded(request, request.param, tmp_path)


@pytest.fixture
def embedded(request: pytest.FixtureRequest, tmp_path: Path) -> Arena:
    """A fresh namespace on the embedded fleet's management cluster, where faults can be injected."""
    return _embedded(request, "embedded", tmp_path)


@pytest.fixture
def embedded_old(request: pytest.FixtureRequest, tmp_path: Path) -> Arena:
    """The same on the embedded cluster that behaves like 1.20."""
    return _embedded(request, "embedded-1.20", tmp_path)


@pytest.fixture
async def bench(arena: Arena) -> AsyncIterator[Bench]:
    """An engine on each side; old handles are revoked at once."""
    async with Bench(arena) as ready:
        yield ready


@pytest.fixture
async def ebench(embedded: Arena) -> AsyncIterator[Bench]:
    """An engine on the embedded side."""
    async with Bench(embedded) as ready:
        yield ready


@pytest.fixture(scope="module")
def kept_fleet() -> Iterator[FleetThread]:
    """An embedded fleet without DPF's controller, on a clock that tests move."""
    from tui.demo.running import FleetThread

    with FleetThread(clusters=4, accounts=0, troubled=False, controller=False, clock=CLOCK) as fleet:
        yield fleet


@pytest.fixture
def hosting(kept_fleet: FleetThread) -> tuple[FleetThread, Clock]:
    """The embedded fleet that places are in, and the clock of who works there; a module may have others."""
    return kept_fleet, CLOCK


@pytest.fixture
async def place(hosting: tuple[FleetThread, Clock]) -> AsyncIterator[Place]:
    """A host with two DPU clusters, embedded, where faults can be injected."""
    async with embedded_place(*hosting) as ready:
        yield ready


@pytest.fixture(params=["embedded", pytest.param("real", marks=pytest.mark.real)])
async def both(request: pytest.FixtureRequest) -> AsyncIterator[Place]:
    """The same on the embedded fleet and on the real control plane."""
    if request.param == "real":
        plane: RealControlPlane = request.getfixturevalue("real_control_plane")
        async with real_place(plane) as ready:
            yield ready
        return
    async with embedded_place(*request.getfixturevalue("hosting")) as ready:
        yield ready
