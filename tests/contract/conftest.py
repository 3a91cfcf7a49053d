"""The servers that every check runs against."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.contract.objects import WIDGET_DEFINITION, WIDGETS_API, secret, secrets
from tests.contract.server import Server
from tests.controlplane import RealControlPlane
from tui.demo.running import FleetThread

SIDES = ("embedded", "embedded-1.20", pytest.param("real", marks=pytest.mark.real))
CONTEXTS = {"embedded": "tenant-a", "embedded-1.20": "tenant-b"}


@pytest.fixture(scope="session")
def contract_fleet() -> Iterator[FleetThread]:
    """Four quiet embedded clusters that no other test looks at."""
    with FleetThread(accounts=0, troubled=False) as fleet:
        yield fleet


@pytest.fixture(scope="session", params=SIDES)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Server:
    """A cluster of the embedded fleet that plays a new release, one that plays 1.20, and the real control plane."""
    folder = tmp_path_factory.mktemp("server")
    if request.param == "real":
        return real_server(request.getfixturevalue("real_control_plane"), folder)
    return embedded_server(request.getfixturevalue("contract_fleet"), CONTEXTS[request.param], folder)


def real_server(plane: RealControlPlane, folder: Path) -> Server:
    authority = plane.clusters[0].authority

    def sign(user: str, groups: Sequence[str]) -> tuple[bytes, bytes]:
        pair = authority.client(user, groups)
        return pair.certificate, pair.key

    return Server("real", plane.kubeconfig, "real", sign, plane.compact, plane.has_controllers, folder)


def embedded_server(fleet: FleetThread, context: str, folder: Path) -> Server:
    assert fleet.fleet is not None
    cluster = fleet.fleet.cluster(context)

    def sign(user: str, groups: Sequence[str]) -> tuple[bytes, bytes]:
        pair = cluster.authority.client(user, groups)
        return pair.certificate, pair.key.reveal_bytes()

    def forget() -> None:
        async def compact(_: object) -> None:
            cluster.storage.compact()

        fleet.call(compact)

    return Server("embedded", fleet.kubeconfig, context, sign, forget, True, folder)


@pytest.fixture(scope="session", autouse=True)
def cached_revocation(server: Server) -> Iterator[list[float]]:
    """How long a token worked after its handle was deleted, in seconds, when it had been used just before.

    That takes ten seconds, so it is measured beside the other checks, from the moment the server is there.
    """
    ns = server.new_namespace("cached")
    server.account(ns)
    server.admin.post(secrets(ns), secret("handle")).expect(201)
    token = server.token(ns, boundObjectRef={"kind": "Secret", "apiVersion": "v1", "name": "handle"})
    lasted: list[float] = []
    stopped = threading.Event()

    def measure() -> None:
        robot = server.as_token(token)
        robot.get(secrets(ns)).fails(403, "Forbidden")
        server.admin.delete(secrets(ns, "handle")).expect(200)
        start = time.monotonic()
        while not stopped.wait(0.1):
            if robot.get(secrets(ns)).status == 401:
                lasted.append(time.monotonic() - start)
                return

    thread = threading.Thread(target=measure, daemon=True)
    thread.start()
    yield lasted
    stopped.set()
    thread.join(timeout=5)


@pytest.fixture(scope="session")
def other_server(server: Server, request: pytest.FixtureRequest) -> Server:
    """Another cluster of the same side."""
    if server.side == "embedded":
        return dataclasses.replace(server, context="tenant-c")
    plane: RealControlPlane = request.getfixturevalue("real_control_plane")
    return dataclasses.replace(server, context=plane.clusters[1].context)


@pytest.fixture(scope="session")
def other_token(other_server: Server) -> str:
    """A token of another cluster of the same side."""
    ns = other_server.new_namespace()
    other_server.account(ns)
    return other_server.token(ns)


@pytest.fixture(scope="session")
def widget_api(server: Server) -> str:
    """The path of an API group that the checks define themselves, served and ready."""
    server.define(WIDGET_DEFINITION)
    return WIDGETS_API


@pytest.fixture
def ns(server: Server) -> str:
    """A fresh namespace."""
    return server.new_namespace()
