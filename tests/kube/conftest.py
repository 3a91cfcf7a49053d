"""A server for each test, and a client of it with short waits."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
import stamina

from tests.kube.server import FakeServer
from tui.kube.client import Client, Timeouts

SHORT = Timeouts(connect=5, read=0.6, watch=2)


@pytest.fixture(autouse=True)
def no_waits_between_attempts() -> Iterator[None]:
    """As many attempts as ever, without the pauses between them."""
    with stamina.set_testing(True, attempts=100, cap=True):
        yield


@pytest.fixture
async def server() -> AsyncIterator[FakeServer]:
    async with FakeServer() as running:
        yield running


@pytest.fixture
async def client(server: FakeServer) -> AsyncIterator[Client]:
    async with Client(server.endpoint(), timeouts=SHORT) as made:
        yield made
