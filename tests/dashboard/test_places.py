"""How one gets about: names to choose from, a cluster's credentials, and the view before this one."""

from __future__ import annotations

import pytest

from tests.dashboard.conftest import Driver, Open
from tui.screens.areas.panes import ListPane
from tui.screens.pages.names import NamesScreen


async def say(driver: Driver, command: str) -> None:
    await driver.press("colon")
    await driver.type(command)
    await driver.press("enter")


def narrowed(driver: Driver) -> tuple[str | None, str | None, str | None]:
    pane = driver.main.pane
    assert isinstance(pane, ListPane)
    return pane.id, pane.scope.cluster, pane.scope.namespace


async def test_a_word_that_takes_a_name_lists_the_names_with_what_lies_in_them(dashboard: Open) -> None:
    async with dashboard(only=["tenant-a", "tenant-b"]) as driver:
        await driver.press("5")
        everything = len(driver.rows)
        here = {cluster: sum(row.cluster == cluster for row in driver.rows) for cluster in ("tenant-a", "tenant-b")}
        for word in ("ctx", "cluster"):
            await say(driver, word)
            page = await driver.on(NamesScreen)
            await driver.until(lambda page=page: len(page.items))
            await driver.shows("CREDENTIALS", "ACCOUNTS", "REQUESTS", "tenant-a", "tenant-b", "all")
            assert {item.name: item.credentials for item in page.items} == {"": everything, **here}
            await driver.press("escape")
        await say(driver, "ctx")
        await driver.on(NamesScreen)
        await driver.press("slash", *"tenant-b", "enter", "enter")
        await driver.closed()
        assert narrowed(driver) == ("credentials", "tenant-b", None)

        await say(driver, "ns")
        page = await driver.on(NamesScreen)
        await driver.until(lambda: len(page.items))
        assert page.items[0].credentials == here["tenant-b"], "those of the cluster that is shown"
        await driver.press("slash", *"monitoring", "enter", "enter")
        await driver.closed()
        assert narrowed(driver) == ("credentials", "tenant-b", "monitoring")
        await say(driver, "ns")
        await driver.on(NamesScreen)
        await driver.press("g", "enter")
        await driver.closed()
        assert narrowed(driver) == ("credentials", "tenant-b", None)


@pytest.mark.parametrize("key", ["minus", "backspace"])
async def test_a_key_leads_to_the_last_view_and_back(dashboard: Open, key: str) -> None:
    async with dashboard(only=["tenant-a", "tenant-b"]) as driver:
        await driver.find("5", "prometheus")
        await driver.press("down")
        cursor = driver.table.cursor_key
        await driver.press("2", "enter")
        name = narrowed(driver)[1]
        assert narrowed(driver) == ("credentials", name, None)
        await driver.press(key)
        assert driver.main.pane.id == "clusters"
        await driver.press(key)
        assert narrowed(driver) == ("credentials", name, None)
        await driver.shows(f"Clusters › {name}")
        await driver.press("escape")
        assert driver.main.pane.id == "clusters"

        await driver.find("5", "prometheus")
        await driver.press("down")
        assert driver.table.cursor_key == cursor
        await driver.press("6", key)
        assert (driver.main.pane.id, driver.main.pane.text) == ("credentials", "prometheus")
        assert driver.table.cursor_key == cursor
        await driver.press(key)
        assert driver.main.pane.id == "activity"


async def test_enter_on_a_cluster_shows_its_credentials_and_brackets_what_else_lies_in_it(dashboard: Open) -> None:
    async with dashboard(only=["tenant-a", "tenant-b"]) as driver:
        await driver.find("2", "tenant-b")
        await driver.press("enter")
        assert narrowed(driver) == ("credentials", "tenant-b", None)
        assert {row.cluster for row in driver.rows} == {"tenant-b"}
        for area in ("requests", "accounts"):
            await driver.press("left_square_bracket")
            assert narrowed(driver) == (area, "tenant-b", None)
        await driver.press("escape")
        assert driver.main.pane.id == "clusters"
