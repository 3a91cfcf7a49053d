"""Typing is not acting: words without their `/`, keys for several rows, questions that have just opened, by keys whose
times are exact."""

from __future__ import annotations

from collections.abc import Sequence

from textual import events
from textual.widgets import Button, Input

from tests.dashboard.conftest import Driver, Open, done
from tui.screens.choose_new import ChooseNewScreen
from tui.screens.confirm import ConfirmScreen
from tui.screens.detail import DetailScreen
from tui.screens.foresee import ForeseeScreen
from tui.screens.hygiene import HygieneScreen
from tui.screens.loop_dialog import LoopScreen
from tui.screens.page import Page
from tui.screens.reveal import RevealScreen
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
            self.now += every
            if every >= Pace().hold:
                await self.wait(driver, 0)
        await self.wait(driver, 1.0)

    async def press(self, driver: Driver, key: str) -> None:
        name = {"/": "slash", ":": "colon", "-": "minus", "⏎": "enter"}.get(key, key)
        event = events.Key(name, key if len(key) == 1 and key != "⏎" else None)
        event.time = self.now
        driver.app.post_message(event)
        await driver.settle()

    async def paste(self, driver: Driver, text: str) -> None:
        """As a terminal does that says what was pasted."""
        event = events.Paste(text)
        event.time = self.now
        driver.app.post_message(event)
        await self.wait(driver, 1.0)

    async def wait(self, driver: Driver, seconds: float) -> None:
        self.now += seconds
        driver.app.call_later(driver.app.keyboard.due)
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
        assert "looks like a credential" in told(driver)
        assert "eyJ" not in driver.text()
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
        await driver.until(lambda: "renew at once" in driver.text())
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
