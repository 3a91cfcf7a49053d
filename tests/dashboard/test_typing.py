"""Typing is not acting: words without their `/`, keys for several rows, questions that have just opened, by keys whose
times are exact."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from time import sleep

import pytest
from textual import events
from textual.widgets import Button, Input

from tests.dashboard.conftest import Driver, Open, done
from tui.screens.dialogs.choosing import ChooseNewScreen
from tui.screens.dialogs.confirm import ConfirmScreen
from tui.screens.dialogs.foresee import ForeseeScreen
from tui.screens.dialogs.loop_dialog import LoopScreen
from tui.screens.dialogs.reveal import RevealScreen
from tui.screens.pages.detail import DetailScreen
from tui.screens.pages.found import FoundScreen
from tui.screens.pages.hygiene import HygieneScreen
from tui.screens.pages.page import Page
from tui.widgets.keystrokes import Pace
from tui.widgets.prompt import Prompt


class Hands:
    """Types into a dashboard by a clock of its own."""

    def __init__(self) -> None:
        self.now = 1000.0

    def clock(self) -> float:
        return self.now

    async def type(self, driver: Driver, keys: str | Sequence[str], every: float = 0.1) -> None:
        """Keys, so many seconds apart, and then none for a second."""
        for key in keys:
            await self.press(driver, key)
            if every >= Pace().hold:
                await self.wait(driver, every)
            else:
                self.now += every
        await self.wait(driver, 1.0)

    async def press(self, driver: Driver, key: str) -> None:
        name = {"/": "slash", ":": "colon", "-": "minus", "⏎": "enter"}.get(key, key)
        event = events.Key(name, key if len(key) == 1 and key != "⏎" else None)
        event.time = self.now
        driver.app.post_message(event)
        await driver.settle()

    @staticmethod
    async def area(driver: Driver) -> None:
        """Secrets, the first one under the cursor, by the real clock."""
        terminal = Terminal(driver)
        terminal.key("5")
        await asyncio.sleep(0.5)
        await driver.until(lambda: driver.table.row is not None)

    async def paste(self, driver: Driver, text: str) -> None:
        """As a terminal does that says what was pasted."""
        event = events.Paste(text)
        event.time = self.now
        driver.app.post_message(event)
        await self.wait(driver, 1.0)

    async def wait(self, driver: Driver, seconds: float) -> None:
        end = self.now + seconds
        keyboard = driver.app.keyboard
        while self.now < end and (keyboard.holds or keyboard.fresh.watches):
            self.now = min(self.now + Pace().late, end)  # no faster than a clock that is looked at in time
            driver.app.call_later(keyboard.due)
            await driver.settle()
            keyboard.fresh.look()
        self.now = end
        await driver.settle()


def jobs(driver: Driver) -> list[tuple[str, int]]:
    return [(job.verb, len(job.tasks)) for job in driver.app.session.jobs.all]


def told(driver: Driver) -> str:
    return "\n".join(notice.message for notice in driver.app._notifications)


async def test_a_word_typed_without_its_slash_filters_and_changes_nothing(dashboard: Open) -> None:
    hands = Hands()
    async with dashboard(only=["tenant-a"], grace=300, pace=Pace(), ticks=hands.clock) as driver:
        await hands.type(driver, "5")
        for word in ("api", "robot", "Mr"):
            await hands.type(driver, [*word, "⏎"])
            assert driver.app.screen is driver.main
            assert driver.main.pane.text == word
            assert driver.app.session.jobs.all == []
            assert not driver.app.renewing.on
            assert not driver.table.marks
            await hands.type(driver, ["escape"])
        await hands.type(driver, ["r", "⏎"])
        assert driver.main.pane.text == "r", "enter belongs to what is being typed"
        await hands.type(driver, ["escape"])

        await hands.paste(driver, "robot\n")
        assert driver.main.query_one(Prompt).display
        assert driver.main.query_one(Prompt).query_one(Input).value == "robot"
        await hands.type(driver, ["escape"])
        await hands.paste(driver, "eyJhbGciOiJSUzI1NiJ9.e30.c2ln")
        page = await driver.on(FoundScreen)
        await driver.until(lambda: not page.loading_says)
        assert "eyJ" not in driver.text()
        await hands.press(driver, "escape")
        assert driver.app.screen is driver.main
        assert driver.app.session.jobs.all == []

        # By slow hands each letter is a key. What they open takes no enter at the end of the word.
        await hands.type(driver, [*"api", "⏎"], every=0.5)
        loop = await driver.on(LoopScreen)
        assert "after" in told(driver)
        assert not driver.app.renewing.on
        await hands.type(driver, ["⏎"])
        assert not loop.is_current, "enter means No"
        assert not driver.app.renewing.on
        assert driver.app.session.jobs.all == []


async def test_one_row_is_rotated_by_one_key_and_several_after_a_yes(dashboard: Open) -> None:
    hands = Hands()
    async with dashboard(only=["tenant-a", "tenant-c"], grace=300, pace=Pace(), ticks=hands.clock) as driver:
        await hands.type(driver, ["5", "/", *"kind:secret", "⏎"])
        many = len(driver.table.rows)
        assert many > 3
        places = {row.cluster for row in driver.rows}
        await hands.press(driver, "r")
        assert " r  rotate" in driver.text() or " r rotate" in driver.text()
        assert jobs(driver) == [], "it may be the beginning of a word"
        await hands.wait(driver, 0.2)
        await driver.until(lambda: jobs(driver) == [("rotate", 1)])
        assert driver.app.screen is driver.main
        assert done(await driver.job(0))

        async def asked() -> None:
            question = await driver.on(ConfirmScreen)
            assert f"Rotate {many} credentials?" in driver.text()
            assert f"{many} in {len(places)} clusters: " in driver.text()
            assert isinstance(driver.app.focused, Button)
            assert driver.app.focused.id == "cancel"
            assert jobs(driver) == [("rotate", 1)]
            await hands.type(driver, ["⏎"])
            assert not question.is_current
            assert jobs(driver) == [("rotate", 1)]

        await hands.type(driver, ["escape", "M"])
        await hands.press(driver, "r")
        await hands.wait(driver, 0.2)
        await hands.press(driver, "⏎")
        assert "just opened" in told(driver)
        await hands.wait(driver, 1)
        await asked()
        await driver.click("r rotate")
        await hands.wait(driver, 1)
        await asked()
        await hands.type(driver, [":", *"rotate", "⏎"])
        await asked()
        await driver.press("ctrl+p")
        await driver.until(lambda: driver.app.screen is not driver.main)
        await driver.until(lambda: isinstance(driver.app.focused, Input))
        await hands.type(driver, "Rotate")
        await driver.until(lambda: "renew now" in driver.text())
        await hands.type(driver, ["⏎"])
        await asked()

        await hands.type(driver, ["u"])
        await driver.on(ConfirmScreen)
        assert f"Undo {many} now?" in driver.text()
        await hands.type(driver, ["escape", "r"])
        await driver.on(ConfirmScreen)
        await driver.press("ctrl+s")
        await driver.until(lambda: jobs(driver)[1:] == [("rotate", many)])


async def test_material_is_shown_only_where_a_row_and_the_keys_have_been_still(dashboard: Open) -> None:
    hands = Hands()
    async with dashboard(only=["tenant-a"], grace=300, pace=Pace(), ticks=hands.clock) as driver:
        await hands.type(driver, ["5", "/", *"kind:secret prometheus", "⏎"])
        await hands.type(driver, ["j", "x"], every=0.3)
        assert driver.app.screen is driver.main
        assert "x came right after other keys" in told(driver)
        await hands.wait(driver, 1)
        driver.table._cursor._since += 60  # another row has moved under the cursor by itself
        await hands.type(driver, "x")
        assert driver.app.screen is driver.main
        assert "has only just come under the cursor" in told(driver)
        driver.table._cursor._since -= 120
        await hands.type(driver, "x")
        reveal = await driver.on(RevealScreen)
        await driver.until(lambda: reveal.revealed)
        await hands.type(driver, "xc")
        assert driver.app.clipboard == "", "two letters at once are a word here too"
        await hands.type(driver, ["escape"])

        # Where there is no line for commands, what follows a colon is for nobody.
        await hands.type(driver, "d")
        details = await driver.on(DetailScreen)
        await hands.type(driver, [":", *"xray", "⏎"], every=0.3)
        assert details.is_current
        await hands.type(driver, "rv")
        assert "“rv” was typed" in told(driver)
        assert jobs(driver) == []
        await hands.type(driver, ["escape", "f"])
        page = await driver.on(HygieneScreen)
        await driver.until(lambda: page.items)
        await hands.type(driver, ["/", "x", "F", "⏎"], every=0.01)
        assert page.text == "xF"
        await hands.type(driver, ["escape"])
        await hands.type(driver, [*"Fix", "⏎"])
        assert isinstance(driver.app.screen, Page)
        assert page.text == "Fix"
        assert jobs(driver) == []


async def test_a_dry_run_is_not_carried_out_by_the_end_of_a_word(dashboard: Open) -> None:
    hands = Hands()
    async with dashboard(only=["tenant-a"], grace=300, pace=Pace(), ticks=hands.clock) as driver:
        await hands.type(driver, ["5", "/", *"kind:secret prometheus", "⏎"])
        await hands.type(driver, [*"Dev"], every=0.5)
        plan = await driver.on(ForeseeScreen)
        await driver.until(lambda: "enter does exactly this" in driver.text())
        await hands.wait(driver, 1)
        await hands.type(driver, ["⏎"])
        assert plan.is_current
        assert jobs(driver) == []
        await hands.type(driver, ["⏎"])
        await driver.until(lambda: jobs(driver) == [("rotate", 1)])
        await driver.job(0)
        await hands.type(driver, ["escape", "n"])
        await driver.on(ChooseNewScreen)
        await hands.type(driver, ["⏎"])
        assert driver.app.screen is not driver.main, "a menu is answered after a moment"


class Terminal:
    """Sends keys as a terminal does, by the real clock: they are read by themselves, whatever the loop does."""

    def __init__(self, driver: Driver) -> None:
        self.app = driver.app
        self.driver = driver

    def key(self, key: str) -> None:
        self.app.post_message(events.Key("slash" if key == "/" else key, key if len(key) == 1 else None))

    async def stalled(self, first: str, then: str, before: float, stall: float) -> None:
        """The program stops some time after the first key; what is typed meanwhile is read when it goes on, but after
        the timers that are over then."""
        loop = asyncio.get_running_loop()
        self.key(first)
        await asyncio.sleep(before)
        sleep(stall)

        def read(left: int = 3) -> None:
            if left:
                loop.call_soon(read, left - 1)
            else:
                for key in then:
                    self.key(key)

        read()
        await asyncio.sleep(0.6)
        await self.driver.settle()


@pytest.mark.parametrize(("before", "stall"), [(0.1, 0.1), (0.1, 0.15), (0.1, 0.3), (0.02, 0.5), (0.1, 0.095)])
async def test_a_word_is_typing_where_the_program_stops_in_it(dashboard: Open, before: float, stall: float) -> None:
    async with dashboard(only=["tenant-a"], grace=300, pace=Pace()) as driver:
        await Hands.area(driver)
        terminal = Terminal(driver)
        await terminal.stalled("r", "unner", before, stall)
        assert driver.app.session.jobs.all == []
        await driver.until(lambda: driver.main.query_one(Prompt).query_one(Input).value == "runner")


async def test_keys_that_are_read_a_moment_after_a_stall_are_the_same_word(dashboard: Open) -> None:
    """The terminal is read by a thread of its own, which was stopped too: the timer that is over comes first."""
    async with dashboard(only=["tenant-a"], grace=300, pace=Pace()) as driver:
        await Hands.area(driver)
        terminal = Terminal(driver)
        terminal.key("r")
        await asyncio.sleep(0.1)
        sleep(0.4)
        await asyncio.sleep(0.08)
        terminal.key("u")
        await driver.until(lambda: driver.main.query_one(Prompt).query_one(Input).value == "ru")
        assert driver.app.session.jobs.all == []


async def test_a_key_by_itself_acts_and_a_doubled_one_does_not(dashboard: Open) -> None:
    async with dashboard(only=["tenant-a"], grace=300, pace=Pace()) as driver:
        await Hands.area(driver)
        terminal = Terminal(driver)
        terminal.key("r")
        await asyncio.sleep(0.08)
        terminal.key("r")
        await driver.until(lambda: driver.main.query_one(Prompt).query_one(Input).value == "rr")
        assert driver.app.session.jobs.all == []
        await driver.press("escape")
        await asyncio.sleep(0.8)
        await terminal.stalled("r", "", 0.1, 0.4)
        await driver.until(lambda: jobs(driver) == [("rotate", 1)])


@pytest.mark.parametrize("word", ["/runner", "runner", "/rr", "jrunner"])
async def test_keys_that_waited_come_into_the_filter_in_their_order(dashboard: Open, word: str) -> None:
    async with dashboard(only=["tenant-a"], grace=300, pace=Pace()) as driver:
        await Hands.area(driver)
        terminal = Terminal(driver)
        for key in word:  # all of them were waiting
            terminal.key(key)
        await asyncio.sleep(0.4)
        await driver.settle()
        assert driver.main.query_one(Prompt).query_one(Input).value == word.removeprefix("/")
        assert driver.app.session.jobs.all == []
