"""Findings in the dashboard: what is known shows while a slow cluster is still being asked."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from tests.dashboard.conftest import Open, clear, done, fault
from tui.demo.apiserver.faults import FaultRule, Hang
from tui.demo.apiserver.storage import SECRETS
from tui.demo.running import FleetThread
from tui.demo.scenery.population import Settler
from tui.issuance.insight.hygiene import RULES
from tui.screens.dialogs.confirm import ConfirmScreen
from tui.screens.pages.hygiene import HygieneScreen


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


async def test_a_handle_that_nobody_keeps_is_ended_by_its_key_after_one_question(
    dashboard: Open, demo: FleetThread
) -> None:
    async def lose(fleet: Any) -> str:
        """Somebody deletes a managed Secret by hand."""
        cluster = fleet.cluster("tenant-a")
        settler = Settler(cluster)
        owner = settler.account("payments", "api")
        age, lifetime = timedelta(hours=2), timedelta(hours=8)
        secret = settler.managed("lost-credential", owner, age=age, lifetime=lifetime)
        cluster.storage.delete(SECRETS, "lost-credential", "payments")
        handle = str(secret["metadata"]["annotations"]["kubemint.io/handle"])
        return f"handle:tenant-a/{handle.rpartition('/')[0]}"

    subject = demo.call(lose)
    async with dashboard(only=["tenant-a"]) as driver:
        await driver.press("f")
        screen = driver.app.screen
        assert isinstance(screen, HygieneScreen)
        await driver.until(lambda: subject in {finding.subject for finding in screen.items}, 60)
        await driver.until(lambda: not screen.loading_says)
        place = [finding.subject for finding in screen.items].index(subject)
        await driver.press(*["down"] * place)
        assert screen.item is not None
        assert screen.item.subject == subject
        await driver.press("F")
        await driver.on(ConfirmScreen)
        await driver.shows("Delete the handle")
        job = await driver.act("ctrl+s")
        assert done(job), f"{job.tasks[0].message} {job.tasks[0].hint}"
        assert (subject, "handle", "done") in driver.journal("revoke")
        await driver.press("ctrl+r")
        await driver.until(lambda: subject not in {finding.subject for finding in screen.items}, 60)
