"""Slips of the hand: keys held down, double clicks, answers that were meant for something else, whose undo it is."""

from __future__ import annotations

import asyncio
from pathlib import Path

from textual.command import CommandPalette
from textual.widgets import Button

from tests.dashboard.conftest import Driver, Open, done
from tests.dashboard.test_equivalents import listed
from tests.dashboard.test_typing import Hands, jobs, told
from tui.actions.jobs import Task
from tui.screens.dialogs.confirm import ConfirmScreen
from tui.screens.dialogs.loop_dialog import LoopScreen
from tui.screens.dialogs.new_credential import NewCredentialScreen
from tui.screens.pages.detail import DetailScreen
from tui.settings import Loaded, Settings
from tui.widgets.keystrokes import Pace


async def hold(hands: Hands, driver: Driver, key: str, seconds: float = 2.0) -> None:
    """A key held down: once, after 0.4 s again, then every 33 ms."""
    await hands.press(driver, key)
    await hands.wait(driver, 0.4)
    for _ in range(round(seconds / 0.033)):
        await hands.press(driver, key)
        hands.now += 0.033


async def test_nothing_that_has_just_opened_takes_an_answer_and_no_repeat_is_one(
    dashboard: Open, tmp_path: Path
) -> None:
    hands = Hands()
    async with dashboard(only=["tenant-a"], grace=300, pace=Pace(), ticks=hands.clock) as driver:
        await hands.type(driver, ["5", "/", *"kind:secret", "⏎", "M"])
        await hands.press(driver, "r")
        await hands.wait(driver, 0.2)
        question = await driver.on(ConfirmScreen)
        hands.now += 0.13
        await hands.press(driver, "ctrl+s")
        assert "this has just opened: ^s was not taken as an answer" in told(driver)
        await hold(hands, driver, "ctrl+s", 1)
        assert question.is_current, "neither it nor its repeats are the answer"
        assert jobs(driver) == []
        await hands.wait(driver, 1)
        await hands.type(driver, ["escape"])

        await hands.press(driver, "a")
        await hands.wait(driver, 0.2)
        await driver.on(LoopScreen)
        hands.now += 0.8  # the program was stopped: the key came at any time of it
        await hands.press(driver, "ctrl+s")
        assert not driver.app.renewing.on
        await hands.wait(driver, 1)
        await hands.type(driver, ["escape", "escape", "escape"], every=0.3)
        assert driver.app.screen is driver.main
        assert not driver.table.marks

        # Of the palette nobody has chosen anything yet.
        await hands.press(driver, "ctrl+p")
        await driver.on(CommandPalette)
        await driver.shows("Rotate")
        hands.now += 0.12
        await hands.press(driver, "⏎")
        hands.now += 1
        assert jobs(driver) == []
        await hands.type(driver, ["escape"])
        await driver.closed()
        await hands.press(driver, "ctrl+p")
        await driver.on(CommandPalette)
        await driver.shows("Rotate")
        await hands.wait(driver, 2)
        await hands.press(driver, "⏎")
        assert "nothing is chosen yet" in told(driver)
        hands.now += 1
        await hands.press(driver, "⏎")
        await driver.until(lambda: jobs(driver) == [("rotate", 1)])
        await driver.job(0)

        # A form is walked through, not sent off; and what it asks then is another question.
        await hands.type(driver, ["escape", "3", "/", *"prometheus", "⏎", "n", "c"], every=0.5)
        form = await driver.on(NewCredentialScreen)
        begun = form.said
        await hold(hands, driver, "⏎", 1)
        assert form.said == begun, "no box was ticked and nothing chosen on the way"
        await hands.wait(driver, 1)
        form.query_one("#f-path").focus()
        await hold(hands, driver, "⏎", 1)
        assert form.is_current
        assert isinstance(driver.app.focused, Button)
        assert "enter came twice or is held down" in told(driver)
        assert len(jobs(driver)) == 1
        path = Path(str(form.said["path"])).expanduser()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("precious notes of somebody\n")
        await hands.wait(driver, 1)
        await hands.press(driver, "ctrl+s")
        question = await driver.on(ConfirmScreen)
        hands.now += 0.5
        for _ in range(20):
            await hands.press(driver, "ctrl+s")
            hands.now += 0.033
        assert question.is_current
        assert path.read_text() == "precious notes of somebody\n"
        assert len(jobs(driver)) == 1
        await hands.wait(driver, 1)
        await hands.press(driver, "ctrl+s")
        await driver.until(lambda: jobs(driver)[1:] == [("issue", 1)])
        await driver.job(1)


async def test_a_key_acts_once_on_the_row_that_was_seen_however_it_is_pressed(dashboard: Open, tmp_path: Path) -> None:
    hands = Hands()
    moved = Loaded(Settings(keymap={"rotate": "f5"}), tmp_path / "config.yaml")
    async with dashboard(only=["tenant-a"], grace=300, pace=Pace(), ticks=hands.clock, settings=moved) as driver:
        await hands.type(driver, ["5", "/", *"kind:secret", "⏎"])
        await hold(hands, driver, "f5", 3)
        await driver.until(lambda: jobs(driver) == [("rotate", 1)])
        assert done(await driver.job(0))
        await hands.wait(driver, 1)

        await driver.click("rotate", line="verify")
        hands.now += 0.45
        await driver.click("rotate", line="verify")
        await driver.until(lambda: len(jobs(driver)) == 2)
        assert done(await driver.job(1))
        await driver.settle()
        assert jobs(driver) == [("rotate", 1)] * 2, "a double click is one"


async def test_a_held_key_acts_on_no_row_of_another_table(dashboard: Open) -> None:
    hands = Hands()
    async with dashboard(only=["tenant-a"], grace=300, pace=Pace(), ticks=hands.clock) as driver:
        await driver.until(lambda: len(driver.table.rows) > 1)
        await hands.type(driver, "j")
        seen = driver.table.cursor_key
        await hands.press(driver, "r")
        await driver.click("Credentials", line="Overview")
        await hands.wait(driver, 1)
        assert driver.main.pane.id == "credentials"
        assert driver.table.row is not None
        assert driver.table.row.key != seen
        assert "r did nothing: its row has just moved away" in told(driver)
        assert jobs(driver) == []

        # Nor does an entry of the palette, where another row came under the cursor behind it.
        await hands.press(driver, "ctrl+p")
        await driver.on(CommandPalette)
        await hands.type(driver, "Rotate")
        await driver.shows("renew now")
        assert driver.table.go_to(seen)
        await hands.type(driver, "⏎")
        await driver.closed()
        assert "this did nothing: its row has just moved away" in told(driver)
        assert jobs(driver) == []


async def test_the_panel_undoes_what_its_job_rotated_whatever_the_cursor_is_on(dashboard: Open) -> None:
    async with dashboard(only=["tenant-a"], grace=300) as driver:
        await driver.find("5", "kind:secret !spark !fluent")
        many = len(driver.table.rows)
        assert many > 1
        await driver.act("r")
        await driver.press("j")
        second = driver.credential("the second").credential
        assert second is not None
        job = await driver.act("r")
        assert job.tasks[0].address == second.address
        await driver.press("k")
        job = await driver.clicked("U undo this")
        assert (job.verb, [task.address for task in job.tasks]) == ("undo", [second.address])
        assert done(job)
        assert [address for address, step, _ in driver.journal("undo") if step == "commit"] == [str(second.address)]

        await driver.press("escape", "M", "r")
        await driver.on(ConfirmScreen)
        job = await driver.act("ctrl+s")
        addresses = {task.address for task in job.tasks}
        assert len(addresses) == many
        assert not driver.table.marks
        await driver.press("U")
        await driver.on(ConfirmScreen)
        assert f"Undo {many} rotations?" in driver.text()
        assert str(second.name if hasattr(second, "name") else second.address.name) in driver.text()
        assert isinstance(driver.app.focused, Button)
        assert driver.app.focused.id == "cancel"
        job = await driver.act("ctrl+s")
        assert {task.address for task in job.tasks} == addresses
        assert done(job), [task.message for task in job.tasks]

        # What another job has changed since is not what would come back.
        await driver.press("escape")
        first = await driver.act("r")
        await driver.act("r")
        await driver.press("escape")
        driver.panel.reopen(first)
        job = await driver.act("U")
        assert "was changed since this job rotated it" in job.tasks[0].message


async def test_no_second_job_works_on_what_one_of_this_dashboard_works_on(dashboard: Open) -> None:
    async with dashboard(only=["tenant-a"], grace=300) as driver:
        await driver.find("5", "kind:secret prometheus")
        credential = driver.credential("prometheus").credential
        assert credential is not None
        go_on = asyncio.Event()

        async def slow(task: Task) -> None:
            await go_on.wait()

        running = driver.app.session.jobs.begin("rotate", [Task("slow", slow, address=credential.address)])
        await driver.press("r")
        assert driver.app.session.jobs.all == [running]
        assert f"{credential.address} is being worked on here: rotate is not over yet" in told(driver)
        assert done(await driver.act("v")), "what changes nothing may"
        await driver.press("escape", "d")
        await driver.on(DetailScreen)
        go_on.set()
        await driver.until(lambda: not running.running)
        assert done(await driver.act("r"))


async def test_one_mark_is_a_mark(dashboard: Open) -> None:
    """Marked is what the loop keeps, were it one row or hidden; and what is opened is the row under the cursor."""
    async with dashboard(only=["harbor"], grace=300) as driver:
        renewing = driver.app.renewing
        await driver.find("5", "managed due !expired !wallboard")
        await driver.press("space")
        (key,) = driver.table.marks
        other = driver.table.cursor_key
        assert other != key, "a mark moves the cursor on"
        await driver.press("a")
        await driver.on(LoopScreen)
        await driver.shows("only the one that is marked")
        await driver.shows("It would keep 1, 1 of them due now:")
        await driver.press("escape")
        await driver.closed()

        await driver.press("dollar_sign")
        assert "renewal_loop" not in await listed(driver), "no command is for what is marked alone"
        await driver.press("escape")
        await driver.closed()

        await driver.press("enter")  # opens what it is on, not what is marked
        page = await driver.on(DetailScreen)
        assert [row.key for row in page.chosen()] == [other]
        await driver.press("escape")
        await driver.closed()

        await driver.press("escape")
        await driver.find("5", "nothing-is-called-so")
        await driver.press("a")
        await driver.until(lambda: "none is marked" in told(driver))
        assert driver.app.screen is driver.main
        assert not renewing.on

        await driver.press("escape", "escape")
        assert not driver.table.marks
        await driver.press("a")
        await driver.on(LoopScreen)
        await driver.shows("It would keep")
        assert "that is marked" not in driver.text()
