"""Fields in the dashboard: hidden ones can be shown, a filter completes and names those of its list."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.widgets import Input

from tests.dashboard.conftest import Open
from tui.fleet.fields import OF_AREA, Field
from tui.fleet.rows import AccountRow
from tui.fleet.store import Area
from tui.settings import load as load_settings
from tui.widgets.prompt import Prompt


async def test_one_field_more_is_a_column_that_sorts_and_filters(
    dashboard: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    field = Field[AccountRow]("owner", "OWNER", value=lambda row: f"team-{len(row.identity.name)}", least=8)
    monkeypatch.setitem(OF_AREA, Area.ACCOUNTS, (*OF_AREA[Area.ACCOUNTS], field))
    async with dashboard(size=(200, 40), only=["harbor"]) as driver:
        await driver.press("3")
        await driver.shows("OWNER", "team-6")
        await driver.press("colon")
        await driver.type("sort ow")
        await driver.press("tab", "enter")
        await driver.until(lambda: driver.table.sorted_by == "owner")
        await driver.shows("OWNER ▲")
        await driver.press("slash")
        await driver.type("ow")
        await driver.press("tab")
        entry = driver.main.query_one(Prompt).query_one("#prompt-input", Input)
        await driver.until(lambda: entry.value == "owner:")
        await driver.type("team-6")
        await driver.until(lambda: {len(row.identity.name) for row in driver.rows} == {6})


async def test_a_filter_says_what_its_rows_do_not_have(dashboard: Open) -> None:
    async with dashboard(only=["harbor"]) as driver:
        await driver.press("3", "slash")
        await driver.type("target:x")
        await driver.shows("these rows have no target")
        await driver.press("escape", "4", "slash")
        await driver.type("stat:x")
        await driver.shows("there is no field stat; did you mean state:?")
        await driver.press("escape", "slash")
        await driver.type("target:")
        await driver.shows("target: what it is, several with commas")


async def test_the_settings_show_fields_that_have_no_place_of_their_own(dashboard: Open, home: Path) -> None:
    path = home / ".config/kubemint/config.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("columns: {credentials: [address, expires, issued]}\n")
    async with dashboard(size=(160, 40), only=["harbor"], settings=load_settings()) as driver:
        assert driver.app.session.loaded.findings == ()
        await driver.press("5")
        await driver.shows("ADDRESS", "EXPIRES", "ISSUED", "secret:harbor/")
