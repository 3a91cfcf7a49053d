"""The journeys of `uv run poe journeys` that take about a second: none comes to a dead end."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.dashboard.conftest import Open
from tests.dashboard.journeys import JOURNEYS, Journey, walk

SLOW = {
    "rotate 20", "rotate and prove the old dead", "what can it do", "who uses it", "filter four ways", "a tenant",
    "a shoot", "a DPU request",
}  # fmt: skip
"""Others hold these to more, or they take long."""


def test_there_are_fifteen() -> None:
    assert len({journey.name for journey in JOURNEYS}) == len(JOURNEYS) == 15


@pytest.mark.parametrize("journey", [one for one in JOURNEYS if one.name not in SLOW], ids=lambda one: one.name)
async def test_a_journey_comes_to_its_end(dashboard: Open, tmp_path: Path, journey: Journey) -> None:
    async with dashboard(only=journey.only, grace=journey.grace) as driver:
        took = await walk(journey, driver, tmp_path)
        assert took.dead_end == ""
