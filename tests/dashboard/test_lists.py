"""Lists all day: the whole filter is seen, what it gets wrong is named, columns stay, the worst comes first."""

from __future__ import annotations

from typing import Any

import pytest

from tests.dashboard.by_hand import NOW, Made, app, at_rest, keys, stopped
from tests.dashboard.conftest import Open
from tui.app import KubemintApp
from tui.fleet.fields import OF_AREA, on_screen
from tui.fleet.rows import RequestRow
from tui.fleet.store import Area
from tui.issuance.families.dpf.listing import REQUEST
from tui.issuance.families.tenants.listing import PUSH
from tui.screens.pages.hygiene import HygieneScreen
from tui.screens.pages.page import Listed
from tui.widgets.columns import Measured, cut
from tui.widgets.crumbs import Crumbs
from tui.widgets.telling import laid_out

__all__ = ["app", "stopped"]  # fixtures

LONG = "cluster:harbor !kind:file state:valid,due,expired ~kbmt lifetime>10m frontend-kubeconfig"


@pytest.mark.parametrize("size", [(80, 24), (120, 35)])
async def test_the_header_shows_the_whole_filter(dashboard: Open, size: tuple[int, int]) -> None:
    async with dashboard(size=size, only=["harbor"]) as driver:
        crumbs = driver.main.query_one(Crumbs)
        await driver.find("5", "robot")
        assert crumbs.size.height == 1
        await driver.shows("/robot")
        await driver.press("escape")
        await driver.find("5", LONG)
        shown = " ".join(driver.text().split())
        assert f"/{LONG}" in shown
        assert "of" in driver.text().splitlines()[crumbs.region.y]  # how many there are is still said
        await driver.find("6", LONG)
        assert f"/{LONG}" in " ".join(driver.text().split())
        await driver.press("escape")
        assert crumbs.size.height == 1


async def test_a_field_that_there_is_not_is_named_after_enter_too(dashboard: Open) -> None:
    async with dashboard(only=["harbor"]) as driver:
        await driver.find("5", "clustr:harbor")
        header, table = driver.main.query_one(Crumbs).region, driver.table.region
        said = "there is no field clustr; did you mean cluster:?"
        lines = driver.text().splitlines()
        assert said in " ".join(lines[header.y : header.bottom])
        assert said in " ".join(lines[table.y : table.bottom])
        await driver.find("6", "acton:rotate")
        await driver.shows("there is no field acton; did you mean action:?")


async def test_the_lines_of_a_page_are_filtered_by_their_fields(dashboard: Open) -> None:
    async with dashboard(only=["harbor"]) as driver:
        await driver.press("f")
        page = await driver.on(HygieneScreen)
        await driver.until(lambda: len(page.table.rows))
        everything = len(page.table.rows)
        await driver.press("slash")
        await driver.type("severity:high")
        await driver.press("enter")
        assert 0 < len(page.table.rows) < everything
        await driver.press("escape", "slash")
        await driver.type("sevrity:high")
        await driver.press("enter")
        said = "there is no field sevrity; did you mean severity:?"
        await driver.until(lambda: driver.text().count(said) == 2)  # above the lines and in their place


@pytest.mark.parametrize("size", [(80, 24), (120, 35)])
@pytest.mark.parametrize("area", "2345")
async def test_an_empty_result_keeps_its_columns(app: Made, area: str, size: tuple[int, int]) -> None:
    host: KubemintApp = app("dark")
    async with host.run_test(size=size) as pilot:
        await keys(area)(pilot)
        table = host.screen_stack[0].pane.table  # type: ignore[attr-defined]
        before = table._layout.sizes
        await pilot.press("slash", *"zzzz", "enter")
        await at_rest(pilot)
        assert not len(table.rows)
        assert [(column.id, size) for column, size in table._layout.sizes] == [(c.id, size) for c, size in before]


@pytest.mark.parametrize("size", [(80, 24), (120, 35)])
@pytest.mark.parametrize("area", "2345")
async def test_shift_and_the_arrows_scroll_a_list_sideways_with_its_first_columns_fixed(
    app: Made, area: str, size: tuple[int, int]
) -> None:
    host: KubemintApp = app("dark")
    async with host.run_test(size=size) as pilot:
        await keys(area)(pilot)
        table = host.screen_stack[0].pane.table  # type: ignore[attr-defined]

        def titles() -> str:
            return str(table.render_line(0).text)

        before, seen = titles(), {column.title for column, _ in table._layout.sizes}
        first = [column.title for column, _ in table._layout.sizes][: 3 if area in "45" else 1]
        said = {column.title for column in table.columns if column.id not in table._measured.empty}
        unseen = said - seen
        for _ in table.columns:
            await pilot.press("shift+right")
            shown = [(column.title, width) for column, width in table._layout.sizes]
            assert [title for title, _ in shown][: len(first)] == first
            assert all(width > 0 for _, width in shown)
            assert table.render_line(1).cell_length == table.size.width
            seen |= {title for title, _ in shown}
        assert said <= seen
        assert ("‹" in titles()) is bool(unseen)
        assert "›" not in titles(), "that was the last one"
        for _ in table.columns:
            await pilot.press("shift+left")
        assert titles() == before


def request(cluster: str, name: str, **given: Any) -> RequestRow:
    values = {"namespace": "default", "ready": "False", "reason": "SecretSyncedError", "kind": PUSH, **given}
    return RequestRow(cluster=cluster, name=name, **values)


@pytest.mark.parametrize("width", [80, 100, 120])
def test_rows_that_look_the_same_are_told_apart(width: int) -> None:
    """By the cluster, the kind, or both; and how each stands is still said."""
    fields = OF_AREA[Area.REQUESTS]
    rows: list[Any] = [
        request("harbor", "billing"), request("fjord", "billing"),
        request("harbor", "billing", kind=REQUEST), request("fjord", "billing", kind=REQUEST),
        request("harbor", "a-name-that-takes-all-of-the-room-there-is-on-a-line"),
    ]  # fmt: skip
    listed = Listed(rows, lambda row: str(row.key), "", str, fields)
    layout = laid_out(on_screen(fields), Measured.of(on_screen(fields), listed, lambda row: NOW, 0), width)
    shown = [[cut(column.cell(row, NOW).drawn, size) for column, size in layout.sizes] for row in rows]
    assert len(set(map(tuple, shown))) == len(rows)
    assert {"state", "ready", "name"} <= {column.id for column, _ in layout.sizes}
    assert sum(size + 2 for _, size in layout.sizes) - 2 <= width


def test_no_list_loses_its_state_while_columns_are_empty() -> None:
    """The columns in which nothing stands go first, what a row is called by never."""
    columns = on_screen(OF_AREA[Area.REQUESTS])
    rows: list[Any] = [request("harbor", f"a-request-whose-name-is-long-{number}") for number in range(4)]
    measured = Measured.of(columns, Listed(rows, lambda row: str(row.key), "", str), lambda row: NOW, 0)
    assert {"left", "secret"} <= measured.empty
    for width in range(60, 120):
        ids = {column.id for column, _ in laid_out(columns, measured, width).sizes}
        assert {"state", "ready", "name"} <= ids, width
        assert "left" not in ids or width > 80
