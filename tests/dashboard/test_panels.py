"""Every panel takes the focus by tab, is enlarged by + and left by esc; wide terminals show lineage beside the list."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from textual.pilot import Pilot

from tests.dashboard.by_hand import Made, app, at_rest, issued, stopped
from tests.dashboard.conftest import Open
from tui import issuance
from tui.fleet.fleet import Fleet
from tui.issuance import trace_lineage
from tui.issuance.model.kinds import CredentialKind
from tui.issuance.model.types import State
from tui.kube.client import Client
from tui.screens.pages.page import Page
from tui.screens.shell.main import MainScreen
from tui.widgets.enlarged import is_large
from tui.widgets.facts import FactsView
from tui.widgets.job_panel import JobPanel

__all__ = ["app", "stopped"]


def main(pilot: Pilot[Any]) -> MainScreen:
    screen = pilot.app.screen_stack[0]
    assert isinstance(screen, MainScreen)
    return screen


def focused(pilot: Pilot[Any]) -> str:
    assert pilot.app.screen.focused is not None
    return pilot.app.screen.focused.id or ""


async def press(pilot: Pilot[Any], *keys: str) -> None:
    for key in keys:
        await pilot.press(key)
        await at_rest(pilot)


WIDE, NARROW = (200, 50), (100, 30)
OVERVIEW = ["next-table", "notices", "timeline"]


@pytest.mark.parametrize(
    ("area", "size", "ids"),
    [
        ("1", NARROW, OVERVIEW),
        ("1", WIDE, ["next-table", "overview-facts", "notices", "timeline"]),
        ("5", WIDE, ["credentials-table", "credentials-facts"]),
    ],
)
async def test_tab_goes_through_what_is_seen_and_plus_enlarges_it(
    app: Made, area: str, size: tuple[int, int], ids: list[str]
) -> None:
    async with app("dark").run_test(size=size) as pilot:
        await press(pilot, area)
        screen = main(pilot)
        for number, name in enumerate(ids):
            assert focused(pilot) == name
            panel = screen.query_one(f"#{name}")
            small = panel.region
            await press(pilot, "plus")
            assert focused(pilot) == name
            assert panel.region.width == size[0]
            assert panel.region.height >= size[1] - 4, "all but header and keys"
            others = [other for other in ids if other != name]
            assert not any(screen.query_one(f"#{other}").is_on_screen for other in others)
            await press(pilot, "escape")
            assert panel.region == small, "everything is where it was"
            assert focused(pilot) == name, "esc makes it small first"
            await press(pilot, "plus", "plus")
            assert panel.region == small, "and so does + again"
            await press(pilot, "escape")
            assert focused(pilot) == ids[0], "then esc leads to the list"
            await press(pilot, *["tab"] * (number + 1))
        assert focused(pilot) == ids[0], "after the last comes the first"
        await press(pilot, "shift+tab")
        assert focused(pilot) == ids[-1]


async def test_areas_stay_on_brackets_and_leave_nothing_enlarged(app: Made) -> None:
    async with app("dark").run_test(size=NARROW) as pilot:
        await press(pilot, "tab", "plus", "right_square_bracket")
        assert main(pilot).pane.id == "clusters"
        await press(pilot, "left_square_bracket")
        assert main(pilot).pane.id == "overview"
        assert not is_large(main(pilot))
        await press(pilot, "tab", "plus", "tab")
        assert not is_large(main(pilot)), "whoever goes on sees everything again"
        assert focused(pilot) == "timeline"


async def test_whoever_only_passes_through_the_list_stays_on_what_comes_first(app: Made) -> None:
    application = app("dark")
    async with application.run_test(size=NARROW) as pilot:
        await press(pilot, "tab")
        left = timedelta(minutes=1)
        row = issued(CredentialKind.SECRET, "harbor", "ci", "first", left=left, state=State.FAILED)
        application.session.store.put(row)
        await press(pilot, "escape")
        assert main(pilot).pane.table.rows[0].name == "first"
        assert main(pilot).pane.table.cursor == 0


async def test_how_many_more_there_are_is_clicked_for_all_of_them(app: Made) -> None:
    async with app("dark").run_test(size=(80, 24)) as pilot:
        await at_rest(pilot)
        panel = main(pilot).query_one("#notices")
        await pilot.click(panel, offset=(4, panel.size.height))
        await at_rest(pilot)
        assert panel.region.width == 80
        assert "more" not in "\n".join(str(panel.render()).splitlines())


async def test_the_results_of_a_job_are_a_panel_too(dashboard: Open) -> None:
    async with dashboard(only=["harbor"], size=NARROW) as driver:
        await driver.find("5", "kind:secret ingress-nginx-kubeconfig")
        await driver.act("v")
        await driver.until(lambda: driver.panel.display)
        small = driver.panel.region
        await driver.press("tab", "plus")
        assert driver.panel.has_focus
        await driver.until(lambda: driver.panel.region.height >= NARROW[1] - 5)
        await driver.press("escape")
        await driver.until(lambda: driver.panel.region == small)
        await driver.press("escape")
        assert not driver.panel.display
        assert driver.table.has_focus

        await driver.press("f")
        page = await driver.on(Page)
        await driver.until(lambda: page.items)
        await driver.press("tab")
        assert isinstance(page.focused, FactsView)
        await driver.press("plus")
        await driver.until(lambda: page.query_one(FactsView).region.height >= NARROW[1] - 6)
        await driver.press("escape", "escape")
        assert page.table.has_focus
        assert driver.app.screen is page, "esc left the facts, not the page"
        await driver.press("escape")
        await driver.closed()
        assert not driver.main.query_one(JobPanel).display


async def test_a_wide_terminal_shows_the_lineage_once_the_cursor_rests(
    dashboard: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    async def traced(fleet: Fleet, subject: Any, **given: Any) -> Any:
        asked.append(f"{subject.identity.namespace}/{subject.identity.name}")
        return await trace_lineage(fleet, subject, **given)

    monkeypatch.setattr(issuance, "trace_lineage", traced)
    read: list[str] = []
    get = Client.get

    async def got(self: Client, resource: Any, *given: Any, **more: Any) -> Any:
        read.append(resource.plural)
        return await get(self, resource, *given, **more)

    monkeypatch.setattr(Client, "get", got)
    async with dashboard(only=["harbor"], size=WIDE) as driver:
        read.clear()
        await driver.press(*"jjjjj", *"kkkkk")
        assert len(asked) <= 1, "nothing is asked for rows that are only passed"
        for area in ("1", "5"):
            await driver.press(area, *"jjj")  # the first ones are of clusters that do not answer
            await driver.shows("lineage", "runs as it", "used by")
        await driver.find("3", "ns:monitoring prometheus")
        await driver.until(lambda: "monitoring/prometheus" in asked)
        await driver.until(lambda: "runs as it" in driver.text() and "asking" not in driver.text())
        number = len(asked)
        await driver.press("j", "k")
        await driver.until(lambda: "asking" not in driver.text())
        assert asked[number:].count("monitoring/prometheus") == 0, "what is known is not asked for again"
        assert "secrets" not in read, "nothing but metadata of Secrets"

        await driver.pilot.resize_terminal(120, 35)
        await driver.settle()
        number = len(asked)
        await driver.press("escape", *"jjjj")
        await driver.settle()
        assert len(asked) == number, "nothing is asked where it is not seen"
