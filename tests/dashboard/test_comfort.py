"""What makes a day with the dashboard pleasant: settings, keys of one's own, filters, ranges, the mouse, a restart."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from textual.command import CommandPalette
from textual.widgets import Input

from tests.dashboard.conftest import Driver, Open, done
from tui.fleet.rows import AccountRow
from tui.screens.dialogs.confirm import ConfirmScreen
from tui.screens.dialogs.settings import SettingsScreen
from tui.screens.pages.detail import DetailScreen
from tui.screens.shell.memory import read
from tui.settings import load as load_settings
from tui.widgets.crumbs import Crumbs
from tui.widgets.key_line import KeyLine
from tui.widgets.prompt import Prompt
from tui.widgets.themes import COLOUR_BLIND, DARK, LIGHT, TERMINAL
from tui.widgets.top_bar import AreaTabs


def names(driver: Driver) -> list[str]:
    """The names of the rows that are shown, in order."""
    rows = [driver.table.rows[index] for index in range(len(driver.table.rows))]
    return [row.identity.name if isinstance(row, AccountRow) else row.name for row in rows]


async def say(driver: Driver, line: str) -> None:
    """Type a command and enter it."""
    await driver.press("colon")
    await driver.type(line)
    await driver.press("enter")
    await driver.settle()


def write_config(home: Path, text: str) -> Path:
    file = home / ".config" / "kubemint" / "config.yaml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


async def test_a_notice_covers_neither_what_is_typed_nor_the_keys(dashboard: Open) -> None:
    async with dashboard(only=["harbor"], size=(80, 24)) as driver:
        driver.app.notify("one\ntwo\nthree", title="alert", timeout=60)
        await driver.press("5", "slash")
        await driver.type("state:")
        await driver.until(lambda: "three" in driver.text())
        *lines, keys = driver.text().rstrip().splitlines()
        prompt = [line for line in lines if "state:" in line][-1]
        assert "several with commas" in prompt, "and what can follow"
        assert "esc" in keys or "help" in keys
        assert "three" not in prompt + keys


@pytest.mark.parametrize("size", [(80, 24), (120, 35)])
async def test_a_notice_covers_no_row_and_no_key(dashboard: Open, size: tuple[int, int]) -> None:
    async with dashboard(only=["harbor"], size=size) as driver:
        await driver.press("5")
        table = driver.table
        await driver.press(*["j"] * (table.size.height - 2))
        before = driver.text().splitlines()
        driver.app.notify("it is said", title="alert", timeout=60)
        await driver.shows("alert: it is said")
        *lines, keys = driver.text().splitlines()
        assert keys == before[-1], "the keys stay"
        at = next(number for number, line in enumerate(lines) if "it is said" in line)
        assert at == len(lines) - 1, "it has the line above them"
        assert table.region.bottom <= at, "and the list ends before it"
        row = table.row
        assert row is not None
        assert any("▸" in line for line in lines[: table.region.bottom]), "what it may be about is seen"
        await driver.press("n", "c")
        button = driver.app.screen.query_one("#accept").region.y
        await driver.shows("alert: it is said", "esc cancel")
        lines = driver.text().splitlines()
        assert driver.app.screen.query_one("#accept").region.y == button, "and a dialog stands still"
        assert "it is said" in lines[-1]
        assert "esc cancel" in lines[button]


async def test_filter_and_commands_by_keys(dashboard: Open) -> None:
    async with dashboard(only=["harbor", "tenant-a"]) as driver:
        everything = len(driver.app.session.store.credentials)
        await driver.find("5", "kind:secret !~fluent")
        found = names(driver)
        assert 0 < len(found) < everything
        assert all("fluent" not in name for name in found)
        await driver.press("escape", "slash")
        await driver.type("expires<")
        await driver.shows("30m, 2h, 7d")  # what is not finished says what to type
        assert len(driver.table.rows) == everything
        await driver.type("1h")
        assert 0 < len(driver.table.rows) < everything
        await driver.press("enter", "escape")

        await driver.press("slash", "up", "up")
        assert driver.main.query_one(Prompt).query_one("#prompt-input", Input).value == "kind:secret !~fluent"
        await driver.press("down", "enter")
        assert driver.main.pane.text == "expires<1h"
        await driver.press("escape")

        await say(driver, "ctx harbor")
        assert {row.cluster for row in driver.rows} | {"harbor"} >= {"harbor"}
        await driver.shows("cluster harbor")
        narrowed = len(driver.table.rows)
        assert 0 < narrowed < everything
        await say(driver, "ns ci")
        assert {row.namespace for row in driver.rows} == {"ci"}
        await say(driver, "ns all")
        assert len(driver.table.rows) == narrowed
        await driver.press("escape")
        assert len(driver.table.rows) == everything

        await say(driver, "secrets")
        assert driver.main.pane.text == "kind:secret"
        await say(driver, "sa")
        assert driver.main.pane.id == "accounts"
        await driver.press("colon")
        await driver.type("sort na")
        await driver.press("tab")
        assert driver.main.query_one(Prompt).query_one("#prompt-input", Input).value == "sort namespace"
        await driver.press("enter")
        assert driver.table.sorted_by == "namespace"
        await say(driver, "sort -labels")
        assert (driver.table.sorted_by, driver.table.reverse) == ("labels", True)
        await say(driver, "7")
        assert driver.table.cursor == 6
        await say(driver, "100000")
        assert driver.table.cursor == len(driver.table.rows) - 1
        await say(driver, "theme colour")
        assert driver.app.theme == COLOUR_BLIND
        await say(driver, "ctx nowhere")
        await driver.until(lambda: "there is no cluster 'nowhere'" in driver.text())


async def test_what_is_typed_right_after_the_prompts_key_never_acts_on_rows(dashboard: Open) -> None:
    async with dashboard(only=["tenant-a"]) as driver:
        from textual import events

        await driver.press("5")
        for key, character in [("colon", ":"), ("r", "r"), ("x", "x"), ("c", "c")]:
            driver.app.post_message(events.Key(key, character))
        await driver.until(lambda: driver.main.query_one(Prompt).query_one("#prompt-input", Input).value == "rxc")
        assert driver.app.session.jobs.all == []
        assert driver.app.screen is driver.main


async def test_ranges_and_inverted_marks(dashboard: Open) -> None:
    async with dashboard(only=["harbor"]) as driver:
        await driver.press("3", "down", "space", "down", "down", "ctrl+space")
        rows = driver.table.rows
        assert driver.table.marked == [rows.key_at(index) for index in range(1, 5)]
        await driver.press("asterisk")
        assert len(driver.table.marks) == len(rows) - 4
        await driver.press("escape", "space", "slash")
        await driver.type("zzzz")
        await driver.press("enter")
        await driver.shows("1 marked, 1 hidden by the filter")


async def test_every_column_sorts_by_its_title(dashboard: Open) -> None:
    async with dashboard(size=(250, 50), only=["harbor", "tenant-a"]) as driver:
        for area in "23456":
            await driver.press(area)
            assert [column.id for column in driver.table.columns if not column.sort] == []
            for column, start, _ in driver.table._layout.places():
                await driver.pilot.click(driver.table, offset=(start + 2, 0))
                await driver.until(lambda by=column.sort: driver.table.sorted_by == by)
            await driver.pilot.click(driver.table, offset=(start + 2, 0))
            await driver.until(lambda title=column.title: f"{title} ▼" in driver.text())


async def test_the_mouse_goes_everywhere(dashboard: Open) -> None:
    async with dashboard(only=["harbor", "tenant-a"]) as driver:
        tabs = driver.main.query_one(AreaTabs)
        for start, _, area in list(tabs._spans):
            await driver.pilot.click(tabs, offset=(start + 1, 0))
            assert driver.main.pane.id == area
        await driver.press("2")
        await driver.pilot.click(driver.table, offset=(10, 1), times=2)
        assert driver.main.pane.id == "credentials"
        await driver.press("left_square_bracket", "left_square_bracket")
        assert driver.main.pane.id == "accounts"
        await driver.pilot.click(driver.table, offset=(10, 2), times=2)
        assert driver.main.pane.id == "credentials"
        crumbs = driver.main.query_one(Crumbs)
        shown = driver.text().splitlines()[2]
        await driver.pilot.click(crumbs, offset=(shown.index("harbor" if "harbor" in shown else "tenant-a") + 1, 0))
        assert driver.main.pane.id == "accounts"
        await driver.pilot.click(crumbs, offset=(2, 0))
        assert driver.main.pane.id == "clusters"

        await driver.press("5")
        await driver.pilot.click(driver.table, offset=(20, 4))
        assert driver.table.cursor == 3
        await driver.pilot._post_mouse_events([_scroll_down()], driver.table, offset=(20, 4))
        await driver.pilot.pause(0.2)
        assert driver.table.scroll_y > 0
        keys = driver.main.query_one(KeyLine)
        start = next(start for start, _, key in keys._spans if key == "d")
        await driver.pilot.click(keys, offset=(start + 1, 0))
        await driver.until(lambda: isinstance(driver.app.screen, DetailScreen))
        await driver.pilot.click(driver.app.screen.query_one(Crumbs), offset=(2, 0))
        await driver.until(lambda: driver.app.screen is driver.main)


def _scroll_down() -> type[Any]:
    from textual import events

    return events.MouseScrollDown


async def test_settings_of_ones_own(dashboard: Open, home: Path) -> None:
    file = write_config(
        home,
        "theme: light\nkeymap: {rotate: f5, details: n, new: H, bogus: q}\nreadOnlyContexts: [harb*]\n"
        "confirm: always\nlifetime: 2h\ncolumns: {credentials: [name, left, state]}\n",
    )
    async with dashboard(only=["harbor", "tenant-a"], settings=load_settings()) as driver:
        assert driver.app.theme == LIGHT
        await driver.until(lambda: "keymap.bogus" in driver.text())
        assert [str(found).partition(": ")[0] for found in driver.app.session.loaded.findings] == [f"{file}:2"]
        await driver.find("5", "cluster:tenant-a kind:secret")
        assert [column.id for column in driver.table.columns] == ["name", "left", "state"]
        await driver.shows("f5 rotate")
        await driver.press("r")
        assert driver.app.session.jobs.all == []
        await driver.press("f5")
        await driver.on(ConfirmScreen)  # it always asks
        await driver.press("escape", "f5")
        job = await driver.act("ctrl+s")
        assert done(job), job.tasks[0].message

        await driver.press("escape", "escape", "slash")
        await driver.type("cluster:harbor kind:secret !tenant")
        await driver.press("enter", "f5")
        await driver.until(lambda: "harbor is read-only ('harb*'" in driver.text().replace("\n", " "))
        assert len(driver.app.session.jobs.all) == 1
        assert driver.main.check_action("rotate", ()) is None, "greyed"


async def test_the_settings_screen_shows_previews_and_writes(dashboard: Open, home: Path) -> None:
    file = write_config(home, "# mine\ntheme: dark   # for now\n")
    async with dashboard(only=["tenant-a"], settings=load_settings(), embedded=False) as driver:
        await driver.press("comma")
        await driver.on(SettingsScreen)
        await driver.shows("line 2")
        await driver.press("enter", "down", "enter")
        await driver.until(lambda: driver.app.theme == LIGHT)
        await driver.shows("+theme: light   # for now")
        await driver.press("escape")
        assert driver.app.theme == DARK, "left without an answer: nothing changed"
        assert file.read_text() == "# mine\ntheme: dark   # for now\n"
        await driver.press("comma", "enter", "down", "enter", "tab", "tab", "end", "backspace", "x")
        await driver.until(lambda: "is not a duration" in driver.text())
        await driver.press("backspace", "m", "ctrl+s")
        await driver.until(lambda: driver.app.screen is driver.main)
        assert file.read_text() == "# mine\ntheme: light   # for now\ngrace: 30m\n"
        assert driver.app.theme == LIGHT
        assert driver.app.session.settings.grace == timedelta(minutes=30)
        assert driver.app.session.engine._context.grace == timedelta(minutes=30)
        await say(driver, "read-only")
        await driver.until(lambda: driver.main.check_action("rotate", ()) is not True)
        assert driver.app.session.why_read_only("tenant-a")


async def test_it_opens_where_it_was_left(dashboard: Open, tmp_path: Path) -> None:
    memory = tmp_path / "dashboard.json"
    async with dashboard(only=["harbor"], memory=memory) as driver:
        await driver.press("2", "S", "3")
        await driver.press("slash")
        await driver.type("ns:ci")
        await driver.press("enter", "down")
        row = driver.table.cursor_key
        driver.app.exit()
    assert memory.stat().st_mode & 0o777 == 0o600
    assert read(memory).filters == ["ns:ci"]
    async with dashboard(only=["harbor"], memory=memory) as driver:
        await driver.until(lambda: driver.table.cursor_key == row)
        assert (driver.main.pane.id, driver.main.pane.text) == ("accounts", "ns:ci")
        assert driver.main._panes["clusters"].table.reverse
        await driver.press("t")
        assert driver.app.theme != DARK
    async with dashboard(only=["harbor"], memory=memory, begin="sa /ns:ci name:runner") as driver:
        await driver.shows(" of ", "/ns:ci name:runner")
        assert (driver.main.pane.id, driver.main.pane.text) == ("accounts", "ns:ci name:runner")


AREAS = ("overview", "clusters", "accounts", "requests", "credentials", "activity")


@pytest.mark.parametrize("theme", ["dark", "terminal"])
async def test_without_colour_every_state_is_a_glyph_and_a_word(
    dashboard: Open, monkeypatch: pytest.MonkeyPatch, theme: str
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with dashboard(only=["harbor", "tenant-a", "vault"]) as driver:
        await say(driver, f"theme {theme}")
        await driver.until(lambda: driver.app.theme == (TERMINAL if theme == "terminal" else DARK))
        expected = {
            "overview": ("● ", "◐ ", "LEFT ▲", "▲ vault", "next hour"),
            "clusters": ("● ready", "▲ needs login"),
            "accounts": ("CLUSTER ▲", "▸"),
            "requests": ("● valid", "✓ yes", "✖ no"),
            "credentials": ("● valid", "◐ due", "◆"),
            "activity": ("The journal is empty", "r rotates"),
        }
        for number, area in enumerate(AREAS, 1):
            await driver.press(str(number))
            if area == "credentials":
                await driver.press("space")
            await driver.until(lambda area=area: all(word in driver.text() for word in expected[area]))
            segments = [segment for strip in driver.app.screen._compositor.render_strips() for segment in strip]
            filtered = [segment for strip in _filtered(driver) for segment in strip]
            assert len(filtered) >= len(segments) // 2
            for segment in filtered:
                colour = segment.style.color if segment.style else None
                assert colour is None or colour.is_default or len(set(colour.get_truecolor())) == 1, segment
            if area == "credentials":
                await driver.shows("◆ 1 marked")


def _filtered(driver: Driver) -> list[Any]:
    """What reaches the terminal: the lines after Textual's filters."""
    from textual.color import Color

    lines = driver.app.screen._compositor.render_strips()
    for one in driver.app._filters:
        lines = [line.apply_filter(one, Color(0, 0, 0)) for line in lines]
    return lines


@pytest.mark.parametrize("size", [(60, 20), (250, 80)])
async def test_every_area_at_the_smallest_and_the_largest_terminal(dashboard: Open, size: tuple[int, int]) -> None:
    async with dashboard(size=size, only=["harbor", "tenant-a"]) as driver:
        for number in range(1, 7):
            await driver.press(str(number))
            lines = driver.text().splitlines()
            assert len(lines) == size[1]
            assert driver.main.pane.table.size.height >= 4, "room for rows"
            assert f"▸{number} " in lines[1], "the areas can be told apart, and the one we are in"
        await driver.press("5")
        await driver.until(lambda: len(driver.table.rows))
        assert isinstance(driver.table.row, object)
        await driver.shows("LEFT", "STATE", "CREDENTIAL")


async def test_what_somebody_who_knows_k9s_tries_first(dashboard: Open) -> None:
    async with dashboard(only=["harbor", "tenant-a"]) as driver:
        await say(driver, "ctx harbor")
        await say(driver, "ns ci")
        narrowed = len(driver.table.rows)
        await driver.press("0")
        assert len(driver.table.rows) > narrowed, "0 shows every namespace"
        for key, by in (("N", "name"), ("A", "expires")):
            await driver.press(key)
            assert driver.table.sorted_by == by
        await driver.press("N", "N")
        assert driver.table.reverse
        await driver.press("G", "ctrl+b", "g", "space", "j", "ctrl+space")
        assert len(driver.table.marks) == 3
        await driver.press("ctrl+backslash")
        assert not driver.table.marks
        await say(driver, "pulses")
        assert driver.main.pane.id == "overview"
        await driver.press("ctrl+a")
        await driver.until(lambda: isinstance(driver.app.screen, CommandPalette))
        await driver.press("escape")
        await driver.until(lambda: driver.app.screen is driver.main)
