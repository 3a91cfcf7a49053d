"""The engine's arenas: a new embedded server, an old one, and the real control plane."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.issuance.arena import Arena, Bench, new_arena

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
