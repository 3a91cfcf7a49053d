"""What every test may use: a home folder of its own, a real control plane, and the embedded fleet.

Each worker of pytest-xdist has a control plane and a fleet of its own, on ports of their own.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import hypothesis
import pytest

from tests.binaries import API_SERVER, ETCD, MissingBinaries, binary_version, find_binary
from tests.controlplane import RealControlPlane
from tests.scheduling import LongestFirst
from tui.issuance.records import state_schema

if TYPE_CHECKING:
    from pathlib import Path

    from xdist.remote import Producer

    from tui.demo.running import FleetThread

NO_CONTROL_PLANE = "no real control plane"

# How long an example takes, and making it, says how busy the machine is.
hypothesis.settings.register_profile(
    "unhurried", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("unhurried")

# By default Python looks for garbage after every 700 new objects, over a heap that holds every test: a fourth of the
# whole run's time. What is there once the tests are known stays, and is not looked through again.
gc.set_threshold(50_000, 10, 10)


def pytest_collection_finish() -> None:
    """From here on only what tests make is looked through for garbage."""
    gc.collect()
    gc.freeze()


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """A long text is no name: keys, certificates and files in an id are made anew by each worker, which then differ."""
    text = val.decode(errors="replace") if isinstance(val, bytes) else val
    return argname if isinstance(text, str) and ("\n" in text or len(text) > 100) else None


def pytest_sessionstart(session: pytest.Session) -> None:
    """Who names the folder of the binaries means the real control plane to be used: nothing is quietly skipped."""
    missing = [name for name in (ETCD, API_SERVER) if find_binary(name)[0] is None]
    if missing and (folder := os.environ.get("KUBEBUILDER_ASSETS")):
        raise pytest.UsageError(f"KUBEBUILDER_ASSETS is {folder}, but there is no {' and no '.join(missing)} in it")


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """Four workers, since tests mostly wait for servers; none where a few files are named, which is over sooner."""
    if "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ:
        return None
    return 0 if config.args and all(".py" in argument for argument in config.args) else 4


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LongestFirst | None:
    """Files by our own order, unless another way of sharing out was asked for."""
    return LongestFirst(config, log) if config.getvalue("dist") == "loadfile" else None


def pytest_report_header() -> str:
    """Whether there is a real control plane, and of which version."""
    return f"real control plane: {control_plane()}"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """How many tests the lack of a control plane left out, in one line, and what a second try made good."""
    for report in terminalreporter.stats.get("rerun", []):
        terminalreporter.section(f"first try of {report.nodeid}", "-")
        terminalreporter.write_line(report.longreprtext)
    skipped = [
        report for report in terminalreporter.stats.get("skipped", []) if NO_CONTROL_PLANE in report.longreprtext
    ]
    if skipped:
        terminalreporter.write_line(f"{len(skipped)} tests skipped without a real control plane: {control_plane()}")


def control_plane() -> str:
    """The version and the folder of the control plane's binaries, or where they were looked for."""
    path, looked = find_binary(API_SERVER)
    if path is None:
        return f"none, looked at {', '.join(looked)}"
    return "{}.{}, {}".format(*binary_version(path), path.parent)


@pytest.fixture(scope="session", autouse=True)
def no_power_cuts() -> Iterator[None]:
    """No test waits for the disk: a program that is killed keeps what it has written, and the power stays on."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(state_schema, "SYNCHRONOUS", "OFF")
        patch.setattr(os, "fsync", lambda descriptor: None)
        yield


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
        pytest.skip(f"{NO_CONTROL_PLANE}: {missing}")
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
