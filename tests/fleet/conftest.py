"""A fleet over embedded clusters, with waits short enough for tests."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from tui.demo.fleet import EmbeddedFleet
from tui.fleet.fleet import Fleet
from tui.fleet.reach import Timing
from tui.issuance.records.state import StateStore
from tui.kube.kubeconfig import load

FAST = Timing(
    heartbeat=0.2,
    probe=1.0,
    rediscover=0.2,
    forbidden=0.2,
    retry_first=0.05,
    retry_longest=0.2,
    login_first=0.2,
    login_longest=0.4,
    coalesce=0.02,
    exports=0.05,
    handles=0.1,
    recover_first=0.5,
    recover_longest=1.0,
)


async def until(condition: Callable[..., object], what: str = "", timeout: float = 10.0) -> None:
    """Wait for something the fleet is to notice; looks often, so that nothing sleeps longer than it must."""
    try:
        async with asyncio.timeout(timeout):
            while not condition():
                await asyncio.sleep(0.01)
    except TimeoutError:
        pytest.fail(f"did not happen within {timeout:g} s: {what}")


@contextlib.asynccontextmanager
async def over(embedded: EmbeddedFleet, folder: Path, **options: Any) -> AsyncIterator[Fleet]:
    """A started fleet over every cluster of `embedded`, its state in `folder`."""
    state = StateStore.open(folder / "state")
    options.setdefault("timing", FAST)
    options.setdefault("read_only", True)
    fleet = Fleet(load(str(embedded.kubeconfig)), state=state, **options)
    try:
        await fleet.start()
        yield fleet
    finally:
        await fleet.stop()
        state.close()


@pytest.fixture
async def harbor() -> AsyncIterator[EmbeddedFleet]:
    """One healthy cluster."""
    async with EmbeddedFleet(clusters=1, accounts=5, troubled=False, controller=False) as embedded:
        yield embedded


@pytest.fixture
async def two() -> AsyncIterator[EmbeddedFleet]:
    """`harbor`, which manages, and `tenant-a`."""
    async with EmbeddedFleet(clusters=2, accounts=5, troubled=False, controller=False) as embedded:
        yield embedded
