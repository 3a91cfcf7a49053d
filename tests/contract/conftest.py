"""The servers that every check runs against."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.contract.objects import WIDGET_DEFINITION, WIDGETS_API
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


@pytest.fixture(scope="session")
def widget_api(server: Server) -> str:
    """The path of an API group that the checks define themselves, served and ready."""
    server.define(WIDGET_DEFINITION)
    return WIDGETS_API


@pytest.fixture
def ns(server: Server) -> str:
    """A fresh namespace."""
    return server.new_namespace()
