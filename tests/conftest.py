"""What every test may use: a home folder of its own, a real control plane, and the embedded fleet."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.binaries import MissingBinaries
from tests.controlplane import RealControlPlane

if TYPE_CHECKING:
    from pathlib import Path

    from tui.demo.running import FleetThread


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home: no test reads or writes the kubeconfig, state or configuration of whoever runs it."""
    folder = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("KUBECONFIG", str(folder / ".kube" / "config"))
    for variable, name in (
        ("XDG_STATE_HOME", ".local/state"),
        ("XDG_CONFIG_HOME", ".config"),
        ("XDG_CACHE_HOME", ".cache"),
        ("XDG_DATA_HOME", ".local/share"),
    ):
        monkeypatch.setenv(variable, str(folder / name))
    for variable in ("XDG_RUNTIME_DIR", "KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"):
        monkeypatch.delenv(variable, raising=False)
    return folder


@pytest.fixture(scope="session")
def real_control_plane() -> Iterator[RealControlPlane]:
    """Two real API servers with their controllers, contexts `real` and `real-2`; skipped without the binaries."""
    try:
        plane = RealControlPlane(clusters=2)
    except MissingBinaries as missing:
        pytest.skip(str(missing))
    with plane:
        yield plane


@pytest.fixture(scope="session")
def real_cluster(real_control_plane: RealControlPlane) -> RealControlPlane:
    """The same plane, for tests that need one cluster: its context is `real`."""
    return real_control_plane


@pytest.fixture(scope="session")
def embedded_fleet() -> Iterator[FleetThread]:
    """The embedded fleet in a thread of its own, shared by all tests that leave its clusters as they found them."""
    from tui.demo.running import FleetThread

    with FleetThread(accounts=10) as fleet:
        yield fleet
