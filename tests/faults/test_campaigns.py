"""The campaign of random kills, run short; by hand it is `python -m tests.faults.campaign kills`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tests.faults.killing import kills

if TYPE_CHECKING:
    from tui.demo.running import FleetThread


def test_after_random_kills_nothing_is_torn_lost_orphaned_locked_or_left(
    tmp_path: Path, embedded_fleet: FleetThread
) -> None:
    found = kills(tmp_path, embedded_fleet, number=5, operators=1)
    assert found.problems() == []
    assert found.number >= 5
