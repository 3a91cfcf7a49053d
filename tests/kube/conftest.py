"""A server for each test, and a client of it with short waits."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.kube.server import FakeServer
from tui.kube.client import Client, Timeouts

SHORT = Timeouts(connect=2, read=0.6, watch=2)


@pytest.fixture
async def server() -> AsyncIterator[FakeServer]:
    async with FakeServer() as running:
        yield running


@pytest.fixture
async def client(server: FakeServer) -> AsyncIterator[Client]:
    async with Client(server.endpoint(), timeouts=SHORT) as made:
        yield made
