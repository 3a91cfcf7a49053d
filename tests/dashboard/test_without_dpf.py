"""Where DPF is not installed the list of requests and the form say so before anything is tried."""

from __future__ import annotations

from tests.dashboard.conftest import Open
from tui.fleet.store import Area
from tui.screens.areas.panes import Scope, empty_lines
from tui.screens.dialogs.new_request import NewRequestScreen


async def test_the_list_and_the_form_say_that_dpf_is_not_installed(dashboard: Open) -> None:
    async with dashboard(only=["tenant-a"]) as driver:
        said = " ".join(str(cell.text) for cell in empty_lines(Area.REQUESTS, Scope(), 0, driver.app.session))
        assert "No DPUServiceCredentialRequest kind on tenant-a: DPF is not installed there" in said
        assert "n makes one" not in said
        await driver.press("n", "d")
        await driver.on(NewRequestScreen)
        await driver.shows("· Cluster: DPF is not installed there")
