"""The question before a delivered cluster is entered, by keys and by mouse: no is the default."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from typing import Any

import pytest
from textual.widgets import Button

from tests.dashboard.conftest import Driver, Open
from tui.demo.apiserver.storage import SECRETS
from tui.demo.operators.kubeconfigs import admin_kubeconfig
from tui.demo.running import FleetThread
from tui.fleet.rows import ClusterRow, Reach
from tui.issuance.records.entering import Allowed, Trust, TrustedSource
from tui.screens.dialogs.trust import TrustScreen
from tui.screens.pages.detail import DetailScreen

API = "harbor/clusters/tenant-a"
DPU = "harbor/dpf-operator-system/tenant-a"
ASKING = Trust(sources=(TrustedSource(context="harbor", allow=(Allowed.NEAR,), ask=True),))


@pytest.fixture(scope="module")
def demo() -> Iterator[FleetThread]:
    """A management cluster with one tenant."""
    with FleetThread(clusters=2, accounts=4, troubled=False) as thread:
        yield thread


def row(driver: Driver, name: str = API) -> ClusterRow:
    return driver.app.session.store.clusters[name]


def yeses(driver: Driver) -> list[str]:
    return [yes.by.cluster for yes in driver.app.session.engine.state.trusted()]


async def waiting(driver: Driver, name: str = API) -> None:
    """The cursor is on a row that waits for a yes."""
    await driver.until(lambda: name in driver.app.session.store.clusters)
    await driver.until(lambda: row(driver, name).reach is Reach.UNTRUSTED)
    await driver.find("2", name)
    await driver.until(lambda: driver.table.row == row(driver, name))


async def test_by_keys_no_is_the_default_and_a_yes_enters_it(dashboard: Open, demo: FleetThread) -> None:
    async with dashboard(only=["harbor", "tenant-a"], trust=ASKING) as driver:
        await waiting(driver)
        await driver.shows("untrusted")
        await driver.press("enter")
        dialog = await driver.on(TrustScreen)
        server = driver.app.session.store.clusters["tenant-a"].server
        await driver.shows(
            f"Enter {API}?", f"server     {server}", "SHA-256", "Cluster API's cluster clusters/tenant-a in harbor",
            "same server as your own tenant-a", f"$ kubemint trust {API}",
        )  # fmt: skip
        assert dialog.query_one("#cancel", Button).has_focus
        await driver.press("enter")
        await driver.closed()
        assert yeses(driver) == []
        assert row(driver).reach is Reach.UNTRUSTED

        await driver.press("d")
        await driver.on(DetailScreen)
        await driver.shows("delivered by", "what to do")
        await driver.press("Y")
        await driver.on(TrustScreen)
        await driver.shows("SHA-256")
        await driver.press("escape", "escape")
        await driver.closed()
        assert yeses(driver) == []

        await driver.press("Y")
        await driver.on(TrustScreen)
        await driver.shows("SHA-256")
        await driver.press("ctrl+s")
        await driver.closed()
        await driver.until(lambda: row(driver).reach is Reach.READY)
        assert yeses(driver) == [API]
        assert row(driver, DPU).reach is Reach.UNTRUSTED, "a yes is for one source"
        await driver.press("enter")
        await driver.shows("Accounts")
        assert driver.table.rows, "what is in it shows, by whichever way"
        await driver.press("escape")

        async def lead_elsewhere(fleet: Any) -> None:
            storage = fleet.cluster("harbor").storage
            secret = storage.get(SECRETS, "tenant-a-kubeconfig", "clusters")
            data = {"value": b64encode(admin_kubeconfig(fleet.cluster("harbor"))).decode()}
            storage.update(SECRETS, {**secret, "data": data})

        demo.call(lead_elsewhere)
        await waiting(driver)
        await driver.press("enter")
        await driver.on(TrustScreen)
        await driver.shows("Since you confirmed it", f"its server was {server}")


async def test_by_mouse(dashboard: Open) -> None:
    async with dashboard(only=["harbor"], trust=ASKING) as driver:
        await driver.shows("2 delivered clusters", "wait for your confirmation")
        assert driver.text().count("for your confirmation") == 1, "what needs you says it in one line"
        await waiting(driver)
        await driver.click("confirm")
        dialog = await driver.on(TrustScreen)
        await driver.shows("SHA-256")
        await driver.click("Cancel", within=dialog)
        await driver.closed()
        assert yeses(driver) == []
        await driver.click("confirm")
        dialog = await driver.on(TrustScreen)
        await driver.shows("SHA-256")
        await driver.click("Enter it", within=dialog)
        await driver.closed()
        await driver.until(lambda: row(driver).reach is Reach.READY)
        assert yeses(driver) == [API]


async def test_what_is_refused_cannot_be_said_yes_to(dashboard: Open) -> None:
    async with dashboard(only=["harbor"], trust=Trust()) as driver:
        await waiting(driver)
        await driver.press("enter")
        dialog = await driver.on(TrustScreen)
        await driver.shows("its server is on this machine or its own link", "config.yaml")
        assert dialog.query_one("#accept", Button).disabled
        await driver.press("ctrl+s")
        assert driver.app.screen is dialog
        await driver.press("escape")
        await driver.closed()
        assert yeses(driver) == []


async def test_where_nothing_may_be_changed_nobody_is_asked(dashboard: Open) -> None:
    async with dashboard(only=["harbor"], trust=ASKING, read_only=True) as driver:
        await waiting(driver)
        await driver.press("Y")
        await driver.shows("read-only")
        assert driver.app.screen is driver.main
