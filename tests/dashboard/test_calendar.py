"""The calendar: what ends on which of the next 30 days, per cluster; by keys, by mouse, and at the smallest size."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, cast

from tests.dashboard.by_hand import Made, app, issued, stopped
from tests.dashboard.conftest import Driver
from tui.app import KubemintApp
from tui.fleet.calendar import Day
from tui.fleet.rows import CredentialRow
from tui.issuance.model.kinds import CredentialKind
from tui.issuance.model.types import State
from tui.screens.pages.calendar import CalendarScreen, titles

__all__ = ["app", "stopped"]  # fixtures
SATURDAY = timedelta(days=3)  # the clock stands still on Wednesday 2030-01-02


def more(clusters: int = 0) -> list[CredentialRow]:
    """What ends later than today, and in how many other clusters something does on the same day."""
    sites = [
        issued(
            CredentialKind.SECRET,
            f"edge-{number:02}",
            "web",
            "site-kubeconfig",
            left=timedelta(days=9),
            life=timedelta(days=20),
        )
        for number in range(clusters)
    ]
    return [
        issued(CredentialKind.SECRET, "harbor", "ci", "weekend-kubeconfig", left=SATURDAY, life=timedelta(days=90)),
        issued(CredentialKind.SECRET, "fjord", "web", "shop-kubeconfig", left=SATURDAY, state=State.FAILED),
        issued(CredentialKind.SECRET, "fjord", "web", "later-kubeconfig", left=timedelta(days=45)),
        *sites,
    ]


@asynccontextmanager
async def shown(
    made: KubemintApp, rows: Sequence[CredentialRow] = (), size: tuple[int, int] = (120, 35)
) -> AsyncIterator[tuple[Driver, CalendarScreen]]:
    """The calendar, opened by its key."""
    async with made.run_test(size=size, notifications=True) as pilot:
        driver = Driver(made, pilot, cast("Any", None))
        await driver.settle()
        made.session.store.put(*rows)
        await driver.press("C")
        screen = await driver.on(CalendarScreen)
        await driver.until(lambda: not screen.loading_says)
        yield driver, screen


def days(screen: CalendarScreen) -> list[Day]:
    return [screen.table.rows[index] for index in range(len(screen.table.rows))]


def line(driver: Driver, words: str) -> str:
    return next(text for text in driver.text().splitlines() if words in text)


async def test_every_day_has_a_line_and_the_worst_of_each_cluster_its_sign(app: Made) -> None:
    async with shown(app("dark"), more()) as (driver, screen):
        assert [day.iso for day in days(screen)][:2] == ["past", "2030-01-02"]
        assert len(days(screen)) == 31
        await driver.shows("DAY", "ENDS", "harbor", "fjord", "tenant-a")
        assert line(driver, "before now").split()[3:5] == ["○", "1"]
        saturday = line(driver, "Sat 2030-01-05")
        assert "✖ 2" in saturday, "one of two failed: the day has the sign of the worst"
        assert saturday.count("✖") == 2
        assert line(driver, "Thu 2030-01-03").split()[2:4] == ["·", "·"]
        assert "today" in line(driver, "Wed 2030-01-02")
        await driver.shows("1 later, 1 without a date", "no answer from island, vault")
        await driver.press("down", "down", "down", "down")
        await driver.shows("weekend", "shop", "✖ failed")


async def test_enter_lists_just_what_ends_on_that_day(app: Made) -> None:
    async with shown(app("dark"), more()) as (driver, screen):
        listed = days(screen)
        for at in (0, 1, 4):
            day = listed[at]
            screen.table.go_to(day.iso)
            await driver.press("enter")
            await driver.closed()
            pane = driver.main.pane
            assert (pane.id, pane.text) == ("credentials", f"ends:{day.iso}")
            assert {row.key for row in driver.rows} == {row.key for rows in day.ends.values() for row in rows}
            await driver.shows(f"ends:{day.iso}")
            await driver.press("C")
            screen = await driver.on(CalendarScreen)
            await driver.until(lambda screen=screen: not screen.loading_says)
        screen.table.go_to("2030-01-03")
        await driver.press("enter")
        await driver.shows("nothing ends on Thu 2030-01-03")
        assert driver.app.screen is screen


async def test_a_day_is_opened_by_mouse_and_the_calendar_by_its_word(app: Made) -> None:
    async with shown(app("dark"), more()) as (driver, _):
        await driver.click("Sat 2030-01-05", times=2)
        await driver.closed()
        assert driver.main.pane.text == "ends:2030-01-05"
        assert len(driver.rows) == 2
        await driver.press("minus")
        assert driver.main.pane.id == "overview", "back where the calendar was opened"
        await driver.press("colon")
        await driver.type("calendar")
        await driver.press("enter")
        await driver.on(CalendarScreen)


async def test_it_follows_the_store(app: Made) -> None:
    async with shown(app("dark")) as (driver, _):
        assert "fjord" not in driver.text()
        driver.app.session.store.put(*more())
        await driver.until(lambda: "✖ 2" in driver.text(), 15)
        assert "fjord" in driver.text()


async def test_at_the_smallest_size_clusters_are_a_step_to_the_side(app: Made) -> None:
    async with shown(app("dark"), more(clusters=12), (80, 24)) as (driver, _):
        await driver.shows("DAY", "ENDS", "harbor")
        assert "edge-11" not in driver.text()
        await driver.shows("shift+→ shows 10 more of the clusters")
        for _ in range(20):
            await driver.press("shift+right")
            if "edge-11" in driver.text():
                break
        await driver.shows("DAY", "ENDS", "edge-11", "Fri 2030-01-11")
        assert line(driver, "Fri 2030-01-11").split()[2:4] == ["◐", "12"], "the sum stays in sight"


def test_names_of_clusters_are_as_short_as_they_can_be_told_apart() -> None:
    assert titles(["harbor", "fjord"]) == ["harbor", "fjord"]
    long = ["harbor/dpf-operator-system/tenant-a", "harbor/dpf-operator-system/tenant-b"]
    assert titles(long) == ["harbo…nant-a", "harbo…nant-b"]
    same = ["harbor/dpf-operator-system/tenant-a", "harbor/clusters/tenant-a"]
    assert len(set(titles(same))) == 2
    assert titles(["a\x1b[31mb"]) == ["a·[31mb"]
