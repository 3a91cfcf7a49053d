"""The servers that every check runs against."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Iterator

import pytest

from tests.contract.objects import WIDGET_DEFINITION, WIDGETS_API, secret, secrets
from tests.contract.server import Server
from tests.controlplane import RealControlPlane

SIDES = ("embedded", "embedded-1.20", "real")


@pytest.fixture(scope="session", params=SIDES)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The embedded fleet's newest-looking cluster, its oldest-looking one, and the real control plane."""
    folder = tmp_path_factory.mktemp("server")
    if request.param == "real":
        plane: RealControlPlane = request.getfixturevalue("real_control_plane")
        authority = plane.clusters[0].authority

        def sign(user: str, groups: object) -> tuple[bytes, bytes]:
            pair = authority.client(user, list(groups))  # type: ignore[call-overload]
            return pair.certificate, pair.key

        yield Server("real", plane.kubeconfig, "real", sign, plane.compact, plane.has_controllers, folder)
    else:
        pytest.skip("not built yet")


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
def other_token(server: Server, request: pytest.FixtureRequest) -> str | None:
    """A token of another cluster of the same side."""
    other: Server | None = None
    if server.side == "real":
        plane: RealControlPlane = request.getfixturevalue("real_control_plane")
        if len(plane.clusters) > 1:
            other = dataclasses.replace(server, context=plane.clusters[1].context)
    if other is None:
        return None
    ns = other.new_namespace()
    other.account(ns)
    return other.token(ns)


@pytest.fixture(scope="session")
def widget_api(server: Server) -> str:
    """The path of an API group that the checks define themselves, served and ready."""
    server.define(WIDGET_DEFINITION)
    return WIDGETS_API


@pytest.fixture
def ns(server: Server) -> str:
    """A fresh namespace."""
    return server.new_namespace()
