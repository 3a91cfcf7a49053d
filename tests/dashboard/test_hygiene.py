"""Findings in the dashboard: what is known shows while a slow cluster is still being asked."""

from __future__ import annotations

from tests.dashboard.conftest import Open, clear, fault
from tui.demo.faults import FaultRule, Hang
from tui.demo.running import FleetThread
from tui.issuance.hygiene import RULES
from tui.screens.hygiene import HygieneScreen


async def test_a_hanging_cluster_keeps_no_finding_back(dashboard: Open, demo: FleetThread) -> None:
    async with dashboard(only=["harbor", "tenant-a"]) as driver:
        fault(demo, "harbor", FaultRule(Hang(), path="clusterrolebindings"))
        await driver.press("f")
        screen = driver.app.screen
        assert isinstance(screen, HygieneScreen)
        await driver.until(lambda: screen.items)
        await driver.shows("◌ asked")  # one is still being asked
        assert {finding.cluster for finding in screen.items} >= {"harbor", "tenant-a"}
        await driver.shows(RULES[screen.items[0].rule].title)
        assert "admin-token" not in {finding.rule for finding in screen.items}

        clear(demo)
        await driver.press("ctrl+r")
        await driver.until(lambda: "admin-token" in {finding.rule for finding in screen.items}, 60)
        await driver.until(lambda: not screen.loading_says)
