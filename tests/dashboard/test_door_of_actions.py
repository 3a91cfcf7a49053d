"""The door: one definition is a form, a command line, what is refused, and `$`, each in its own words."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import click
import msgspec
import pytest
from click.testing import CliRunner
from textual.widgets import Checkbox, Input

from tests.dashboard.test_dialogs import asked, problems
from tui.actions.action import Action, AnyAction
from tui.actions.spoken import in_dashboard
from tui.actions.table import ACTIONS, NOVELTIES
from tui.headless.doing import options_of, refuse, said_of
from tui.headless.options import Options
from tui.issuance.errors import UsageError
from tui.issuance.families import asking as ask
from tui.issuance.model.fields import Control, Fault, Field, Said, Values
from tui.screens.acting.by_hand import BY_HAND
from tui.screens.acting.working import WorkingScreen
from tui.screens.dialogs.form import Form, wrongs
from tui.screens.shell.main import MainScreen


class Wish(msgspec.Struct, frozen=True):
    name: str
    loudly: bool


def both(said: Said, values: Values) -> list[Fault]:
    return [Fault("name", "nobody hears it: {loudly} is meant")] if not values.get("loudly") else []


CALL: Action[Wish] = Action(
    name="call", title="Call", says="say a name", verb=("call",),
    fields=(
        Field(id="name", label="Name", metavar="NAME", read=ask.a_name("service account"), missing="say whom"),
        Field(id="loudly", label="so that it is heard", flags=("--loudly",), control=Control.TICK, default=False),
        Field(id="times", label="Times", flags=("--times",), metavar="N", default="1"),
    ),
    begin=lambda asked, row: {}, check=both, make=lambda values: Wish(values["name"], values["loudly"]),
)  # fmt: skip


async def test_a_form_is_made_from_it() -> None:
    async with asked(Form(CALL, {})) as (app, pilot):
        assert "Name: say whom" in problems(app)
        await pilot.press(*"robot")
        assert "nobody hears it: so that it is heard is meant" in problems(app)
        app.screen.query_one("#f-loudly", Checkbox).value = True
        app.screen.query_one("#f-times", Input).value = "2"
        await pilot.pause()
        assert "$ kubemint call robot --loudly --times 2" in str(app.screen.query_one("#equivalent").render())
        await pilot.press("ctrl+s")
        await pilot.pause()
    assert app.answers == [Wish("robot", True)]


def test_a_command_line_is_made_from_it() -> None:
    given: dict[str, Any] = {}
    command = click.command("call")(options_of(CALL)(lambda **words: given.update(words)))
    assert CliRunner().invoke(command, ["robot", "--times", "2"], catch_exceptions=False).exit_code == 0
    said = said_of(CALL, given, Options())
    assert CALL.line(said) == ["kubemint", "call", "robot", "--times", "2"]
    with pytest.raises(UsageError, match="NAME: nobody hears it: --loudly is meant"):
        refuse(CALL, said)
    assert CALL.wish({**said, "loudly": True}) == Wish("robot", True)


def test_the_core_speaks_of_options_and_a_form_of_ticks() -> None:
    said = "say --loudly, or leave --other away"
    assert in_dashboard(said, CALL.fields) == "tick “so that it is heard”, or leave --other away"
    (issue,) = (action for action in ACTIONS if action.name == "new_credential")
    said = "pass --create to create it"
    assert in_dashboard(said, issue.fields) == "tick “Create the account if missing” to create it"
    assert in_dashboard(said) == "create it"


def test_the_core_speaks_of_commands_and_the_dashboard_of_keys() -> None:
    assert (
        in_dashboard("`kubemint rotate` renews it now, `kubemint reconcile` keeps it") == "r renews it now, K keeps it"
    )
    assert in_dashboard("`kubemint reconcile --abandon` gives up") == ":abandon gives up"
    assert in_dashboard("run `kubemint rotate file:/a`") == "run `kubemint rotate file:/a`"


FORMS = [action for action in ACTIONS if action.make is not None]


@pytest.mark.parametrize("action", FORMS, ids=[action.name for action in FORMS])
def test_no_form_says_an_option(action: AnyAction) -> None:
    """What it says of fields that are empty, of what none of them takes, with everything ticked and of each choice."""
    choices = [[(one.id, choice.value) for choice in one.choices] for one in action.fields if one.choices]
    for text, ticked in product(("", "/\\ x", "x" * 300), (False, True)):
        said = {one.id: ticked if one.control is Control.TICK else text for one in action.fields}
        for chosen in product(*choices):
            for problem in wrongs(action, {**said, **dict(chosen)}):
                assert "--" not in problem.message, problem


def test_every_action_can_be_done() -> None:
    """Nothing is listed that no key, form or page stands behind."""
    of_screens = {"settings"}
    for action in ACTIONS:
        assert hasattr(WorkingScreen, f"action_{action.name}") or action.name in of_screens
        assert not action.fields or len({field.id for field in action.fields}) == len(action.fields)
    assert hasattr(MainScreen, "action_settings")
    assert set(BY_HAND) <= {action.name for action in ACTIONS}
    assert [action.menu.rank for action in NOVELTIES] == sorted({action.menu.rank for action in NOVELTIES})


def test_what_a_form_begins_with_is_what_the_dollar_names(tmp_path: Path) -> None:
    from tests.dashboard.test_dialogs import _credential
    from tui.actions.exporting import EXPORT, begun

    said = begun(_credential(), tmp_path)
    assert EXPORT.line(said)[-2:] == ["--out", said["path"]]
