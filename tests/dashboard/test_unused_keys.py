"""A key that does nothing where it is pressed says why, in one line; one that does something says nothing."""

from __future__ import annotations

from textual.widgets import Input, Select

from tests.dashboard.conftest import Driver, Open
from tui.screens.dialogs.choosing import ChooseNewScreen
from tui.screens.dialogs.help import HelpScreen
from tui.screens.dialogs.new_credential import NewCredentialScreen


async def says(driver: Driver, key: str, words: str) -> None:
    """Press it, wait for a notice with these words, and take every notice away."""
    await driver.press(key)
    await driver.until(lambda: any(words in note.message for note in driver.app._notifications))
    driver.app.clear_notifications()


def notices(driver: Driver) -> list[str]:
    return [note.message for note in driver.app._notifications]


async def test_keys_that_nothing_is_bound_to_say_so(dashboard: Open) -> None:
    async with dashboard(only=["tenant-a"]) as driver:
        await says(driver, "o", "o does nothing here: ? lists the keys")
        await says(driver, "minus", "there is no view before this one")
        await says(driver, "ctrl+k", "^k does nothing here: ^d revokes")
        await says(driver, "8", "there are six areas, 1 to 6")
        await says(driver, "s", "the overview keeps what ends next first")
        await says(driver, "S", "the overview keeps what ends next first")
        await says(driver, "0", "every cluster and namespace is shown here")
        await says(driver, "ctrl+r", "nothing failed")
        await says(driver, "ctrl+x", "nothing runs")
        await driver.press("5")
        await says(driver, "T", "the timeline is in the overview")


async def test_keys_of_actions_say_what_they_are_for(dashboard: Open) -> None:
    async with dashboard(only=["tenant-a"]) as driver:
        await driver.press("2")
        await driver.until(lambda: len(driver.table.rows) == 1)
        await says(driver, "r", "rotate is for credentials, DPU requests and PushSecrets; tenant-a is a cluster")
        await says(driver, "ctrl+d", "revoke is for what was issued; tenant-a is a cluster")
        await driver.press("3")
        await says(driver, "K", "keep is for DPU requests; ")
        await says(driver, "R", "reconnect is for clusters; ")
        await driver.find("5", "kind:login")
        await says(driver, "r", "tenant-a is a login")
        await driver.find("5", "nothing-is-called-so")
        await driver.until(lambda: len(driver.table.rows) == 0)
        await says(driver, "r", "rotate: nothing is selected")


async def test_a_key_that_is_held_down_is_answered_once(dashboard: Open) -> None:
    async with dashboard(only=["tenant-a"]) as driver:
        await driver.press(*"ooooo")
        await driver.until(lambda: notices(driver) == ["o does nothing here: ? lists the keys"])


async def test_keys_that_do_something_get_no_notice(dashboard: Open) -> None:
    async with dashboard(only=["tenant-a"]) as driver:
        await driver.press(*"1gG5jksS23 46/x", "escape", *"5n", "escape", "question_mark", "escape", "escape")
        assert notices(driver) == []


async def test_dialogs_answer_too_and_what_is_typed_is_typed(dashboard: Open) -> None:
    async with dashboard(only=["tenant-a"]) as driver:
        await driver.press("question_mark")
        await driver.on(HelpScreen)
        await says(driver, "x", "x does nothing here: esc leads back")
        await driver.press("escape", "n")
        await driver.on(ChooseNewScreen)
        await says(driver, "m", "choose one in a list first")
        await driver.press("c")
        dialog = await driver.on(NewCredentialScreen)
        field = dialog.query("Input").first()
        field.focus()
        await driver.until(lambda: field.has_focus)
        await driver.type("oxz")
        assert notices(driver) == []
        await driver.press("escape")
        await driver.until(lambda: driver.app.screen is driver.main)
        await driver.press("slash")
        await driver.until(lambda: isinstance(driver.main.focused, Input))
        await driver.type("oxz")
        assert notices(driver) == []


async def test_a_filter_begun_in_the_overview_gets_what_is_typed(dashboard: Open) -> None:
    """The list that the filter leads to takes the focus first; were it later, letters would act on its rows."""
    async with dashboard(only=["tenant-a"]) as driver:
        for _ in range(3):
            await driver.press("1", "slash")
            await driver.type("xo")
            await driver.until(lambda: driver.main.pane.text == "xo")
            assert driver.app.screen is driver.main
            await driver.press("escape", "escape")


async def test_an_option_is_found_by_typing_its_name(dashboard: Open) -> None:
    async with dashboard(only=["tenant-a", "tenant-b"]) as driver:
        await driver.press("n", "c")
        dialog = await driver.on(NewCredentialScreen)
        choice = dialog.query_one("#f-cluster", Select)
        other = {"tenant-a": "tenant-b", "tenant-b": "tenant-a"}[str(choice.value)]
        choice.focus()
        await driver.until(lambda: choice.has_focus)
        await driver.press("enter")
        await driver.until(lambda: choice.expanded)
        await driver.type(other[-2:])
        await driver.press("enter")
        await driver.until(lambda: choice.value == other)
        assert notices(driver) == []
