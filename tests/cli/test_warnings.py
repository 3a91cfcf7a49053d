"""What a server warns of: a line on stderr as kubectl says it, once each, and nothing of it in the data."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tests.cli.conftest import kubemint
from tests.issuance.arena import new_arena
from tests.issuance.test_failures import capped

if TYPE_CHECKING:
    from tui.demo.running import FleetThread


def test_a_warning_is_said_once(embedded_fleet: FleetThread, tmp_path: Path) -> None:
    arena = new_arena("embedded", embedded_fleet.kubeconfig, "harbor", tmp_path, embedded_fleet)
    where = ("--context", "harbor", "--kubeconfig", arena.kubeconfig)
    made = []
    with capped(arena, 7200):
        for name in ("one", "two"):
            out = tmp_path / name
            wish = ("issue", name, "-n", arena.namespace, "--create", "--duration", "4h", "--out", out)
            made.append(kubemint(*where, *wish))
        renewed = kubemint(*where, "rotate", "--grace", "0s", tmp_path / "one", tmp_path / "two")
    for result in (*made, renewed):
        assert result.code == 0, result
        said = [line for line in result.err.splitlines() if line.startswith("Warning: ")]
        assert said == ["Warning: requested expiration of 14400 seconds shortened to 7200 seconds"]
        assert "shortened" not in result.out
