"""The fields of a form, filled in by keys alone (`to`, `fill`, `choose`) or by mouse (`pick`, `put`)."""

from __future__ import annotations

from typing import Any

from textual import events
from textual.widgets import Input, OptionList, Select

from tests.dashboard.conftest import Driver
from tests.dashboard.test_equivalents import parses
from tui.screens.dialogs.form import Form


async def asks_for(driver: Driver, action: str) -> Form[Any]:
    """Wait for the form of an action, and hand it back."""
    form: Form[Any] = await driver.on(Form)
    assert form.action.name == action
    return form


async def to(driver: Driver, field: str) -> None:
    """Go on to a field with Tab."""
    for _ in driver.app.screen.focus_chain:
        if _at(driver, field):
            return
        await driver.press("tab")
    await driver.until(lambda: _at(driver, field))


async def fill(driver: Driver, field: str, text: str) -> None:
    """Paste into a field, in place of what is there."""
    await to(driver, field)
    await driver.press("end", "ctrl+u")
    driver.app.post_message(events.Paste(text))
    await driver.until(lambda: driver.app.screen.query_one(f"#{field}", Input).value == text)


async def choose(driver: Driver, field: str, option: str) -> None:
    """Choose from a list, by keys."""
    await to(driver, field)
    await driver.press("enter")
    select, options = _list(driver, field)
    await driver.until(lambda: select.expanded and options.has_focus)
    line = _prompts(options).index(option)
    for _ in options.options:
        if options.highlighted == line:
            break
        await driver.press("down")
    await driver.press("enter")
    await driver.until(lambda: not select.expanded)


async def pick(driver: Driver, field: str, option: str) -> None:
    """Choose from a list, by mouse."""
    await driver.pilot.click(f"#{field}")
    select, options = _list(driver, field)
    await driver.until(lambda: select.expanded and options.region)
    line = _prompts(options).index(option)
    await driver.pilot.click(options, offset=(2, options.gutter.top + line - round(options.scroll_y)))
    await driver.until(lambda: not select.expanded)
    assert options.highlighted == line


async def put(driver: Driver, field: str, text: str) -> None:
    """Click on a field and paste into it, in place of what is there."""
    await driver.pilot.click(f"#{field}")
    await driver.until(lambda: _at(driver, field))
    await fill(driver, field, text)


async def command(driver: Driver) -> str:
    """The command line that would do the same as the form, as its key copies it; the program takes it."""
    driver.app.copy_to_clipboard("")
    await driver.press("ctrl+y")
    await driver.until(lambda: driver.app.clipboard)
    assert parses(driver.app.clipboard)
    return driver.app.clipboard


def _list(driver: Driver, field: str) -> tuple[Select[Any], OptionList]:
    select: Select[Any] = driver.app.screen.query_one(f"#{field}", Select)
    return select, select.query_one(OptionList)


def _prompts(options: OptionList) -> list[str]:
    """The words of each option, which is one line each."""
    return [str(option.prompt) for option in options.options]


def _at(driver: Driver, field: str) -> bool:
    focused = driver.app.screen.focused
    return focused is not None and focused.id == field
