"""Every area and every dialog on the smallest and on the largest terminal: all of it on the screen, and a way back."""

from __future__ import annotations

import pytest
from textual.containers import VerticalScroll
from textual.geometry import Region
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Button, Input, Select

from tests.dashboard.conftest import Driver, Open
from tui.actions.table import NOVELTIES
from tui.screens.dialogs.dialog import Dialog
from tui.widgets.key_line import KeyHints, KeyLine
from tui.widgets.table import FleetTable

SECRET = "cluster:tenant-a kind:secret prometheus-kubeconfig"
DIALOGS: list[tuple[str, str, tuple[str, ...]]] = [
    *(("5", SECRET, (key,)) for key in ("e", "D", "i", "y", "d", "x", "ctrl+d", "z", "l", "w", "f", "p", "a")),
    *(("5", SECRET, (key,)) for key in ("question_mark", "comma", "dollar_sign", "enter", "ctrl+p")),
    *(("3", "cluster:tenant-a prometheus", ("n", entry.menu.key)) for entry in NOVELTIES if entry.menu.key != "m"),
    ("2", "tenant-a kubeconfig", ("d",)),
]  # fmt: skip


def outside(driver: Driver) -> list[str]:
    """What should be seen and is not, or only in part."""
    screen = driver.app.screen
    found = []
    for widget in screen.query(Widget):
        if not widget.display or not all(parent.display for parent in widget.ancestors if isinstance(parent, Widget)):
            continue
        region = widget.region
        scrolled = any(isinstance(parent, Widget) and parent.is_scrollable for parent in widget.ancestors
                       if parent is not screen and not isinstance(parent, FleetTable))  # fmt: skip
        if (
            scrolled
            or isinstance(widget, VerticalScroll)
            or not isinstance(widget, Button | Input | Select | FleetTable | KeyLine)
        ):
            if region.right > screen.size.width and not scrolled:
                found.append(f"{widget} reaches over the edge: {region}")
            continue
        if not region.area:
            found.append(f"{widget} has no room")
        elif not screen.region.contains_region(region):
            found.append(f"{widget} lies outside: {region}")
        elif isinstance(widget, Button) and not all(around.contains_region(region) for around in _frames(widget)):
            found.append(f"{widget} is cut off by its dialog: {region}")
    return found


def _frames(widget: Widget) -> list[Region]:
    """The regions of what it stands in."""
    return [parent.region for parent in widget.ancestors if isinstance(parent, Widget)]


def focus_is_seen(driver: Driver) -> bool:
    """Whether what has the focus is on the screen."""
    screen, focused = driver.app.screen, driver.app.focused
    return focused is not None and bool(focused.region.area) and screen.region.overlaps(focused.region)


@pytest.mark.parametrize("size", [(60, 20), (250, 80)], ids=lambda size: f"{size[0]}x{size[1]}")
async def test_every_area_has_room(dashboard: Open, size: tuple[int, int]) -> None:
    async with dashboard(size=size, only=["harbor", "tenant-a"]) as driver:
        for area in "123456":
            await driver.press(area)
            assert outside(driver) == [], area
            assert focus_is_seen(driver), area
            lines = driver.text().splitlines()
            assert all(key in lines[-1] for key in ("⏎ open", "? help")), area
            assert max(map(len, lines)) <= size[0]


@pytest.mark.parametrize("part", range(3))
@pytest.mark.parametrize("size", [(60, 20), (250, 80)], ids=lambda size: f"{size[0]}x{size[1]}")
async def test_every_dialog_has_room_and_a_way_back(dashboard: Open, size: tuple[int, int], part: int) -> None:
    async with dashboard(size=size, only=["harbor", "tenant-a"]) as driver:
        trouble, there = {}, ("", "")
        for area, words, keys in DIALOGS[part * len(DIALOGS) // 3 : (part + 1) * len(DIALOGS) // 3]:
            if (area, words) != there:
                there = (area, words)
                await driver.press("escape", "escape")
                await driver.find(area, words)
            row = driver.table.rows.key_at(driver.table.cursor)
            await driver.press(*keys)
            screen = driver.app.screen
            said = [] if screen is not driver.main else ["nothing opened"]
            said += outside(driver)
            said += [] if focus_is_seen(driver) or isinstance(screen, ModalScreen) else ["the focus is nowhere"]
            for _ in range(3):
                if driver.app.screen is not driver.main:
                    await driver.press("escape")
            if driver.app.screen is not driver.main:
                said.append("esc does not lead back")
                while len(driver.app.screen_stack) > 1:
                    driver.app.pop_screen()
            elif driver.table.rows.key_at(driver.table.cursor) != row or not driver.table.has_focus:
                said.append("esc leads elsewhere")
            if said:
                trouble[keys] = said
        assert trouble == {}


LONG = [("5", ("a",)), ("5", ("e",)), ("5", ("comma",)), ("5", ("ctrl+d",)), *(
    ("3", ("n", entry.menu.key)) for entry in NOVELTIES if entry.menu.key not in "ms")]  # fmt: skip
"""Dialogs with fields, of a fleet that has much to say in them."""


async def test_every_form_keeps_its_button_and_its_keys_at_80x24(dashboard: Open) -> None:
    async with dashboard(size=(80, 24)) as driver:
        for area, keys in LONG:
            await driver.press(area)
            await driver.press(*keys)
            await driver.until(lambda: isinstance(driver.app.screen, ModalScreen))
            await driver.until(lambda: isinstance(driver.app.screen, Dialog) or len(driver.app.screen_stack) == 2)
            screen = driver.app.screen
            if isinstance(screen, Dialog):
                await driver.until(lambda: driver.app.screen.query_one("#accept").region.area)
                assert outside(driver) == [], keys
                hints = screen.query_one(KeyHints)
                for hint in hints.all:
                    assert hint in driver.text(), (keys, hint)
            while len(driver.app.screen_stack) > 1:
                await driver.press("escape")
