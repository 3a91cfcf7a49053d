"""What a press leads to, and when nothing comes of it: tables of presses, no screen."""

from __future__ import annotations

import pytest

from tui.actions.table import ACTIONS
from tui.widgets.gate import Deed, Effect, Focus, Press, Presses, effect_of, refusal
from tui.widgets.keystrokes import AT_ONCE, Pace

PACE = Pace()
LOOKS, ENTERS, ACTS, ACCEPTS = Effect.LOOKS, Effect.ENTERS, Effect.ACTS, Effect.ACCEPTS


@pytest.mark.parametrize("action", [action.name for action in ACTIONS if action.mutates or action.writes])
@pytest.mark.parametrize("key", ["f5", "ctrl+x", "enter", "down", "insert"])
def test_whatever_changes_something_acts_on_any_key_that_it_was_moved_to(action: str, key: str) -> None:
    assert effect_of(Press(key, action)) is ACTS


@pytest.mark.parametrize(
    ("press", "effect"),
    [
        (Press("ctrl+s", "accept", modal=True), ACCEPTS),
        (Press("ctrl+s", "accept", modal=True, focus=Focus.TEXT), ACCEPTS),
        (Press("ctrl+s", "accept", modal=True, focus=Focus.BUTTON), ACCEPTS),
        (Press("f9", "carry_out", modal=True), ACCEPTS),
        (Press("enter", "carry_out", modal=True), ACCEPTS),
        (Press("enter", "press", modal=True, focus=Focus.BUTTON), ACCEPTS),
        (Press("space", "press", modal=True, focus=Focus.BUTTON, printable=True), ACCEPTS),
        (Press("enter", "select", modal=True, focus=Focus.CHOICES), ACCEPTS),
        (Press("enter", "submit", modal=True, focus=Focus.TEXT, own=True), LOOKS),
        (Press("enter", "submit", modal=True, focus=Focus.TEXT, own=True, enter_accepts=True), ACCEPTS),
        (Press("enter", "toggle_button", modal=True), ENTERS),
        (Press("enter", modal=True), ENTERS),
        (Press("space", "toggle_button", modal=True, printable=True), LOOKS),
        (Press("v", "choose('viewer')", modal=True, printable=True, by_letter=True), ENTERS),
        (Press("c", "choose('new_credential')", modal=True, printable=True), LOOKS),
        (Press("v", modal=True, printable=True, by_letter=True, focus=Focus.TEXT), LOOKS),
        (Press("r", "rotate", printable=True), LOOKS),  # `Keystrokes` holds what is printable
        (Press("enter", "open"), LOOKS),
        (Press("ctrl+r", "retry"), ACTS),
        (Press("ctrl+r", "again"), ACTS),
        (Press("ctrl+r", "foresee", modal=True, focus=Focus.TEXT), ACTS),
        (Press("ctrl+x", "cancel_rest"), ACTS),
        (Press("f3", "mark_all"), ACTS),
        (Press("delete", "delete_right", focus=Focus.TEXT, own=True), LOOKS),
        (Press("down", "move(1)"), LOOKS),
        (Press("pagedown", "command_list('page_down')", modal=True, focus=Focus.TEXT), LOOKS),
        (Press("tab", "app.focus_next", modal=True), LOOKS),
        (Press("tab", "step_panel(1)"), LOOKS),
        (Press("ctrl+space", "mark_range"), LOOKS),
        (Press("escape", "cancel", modal=True), LOOKS),
        (Press("f7"), LOOKS),
    ],
)
def test_what_a_press_leads_to(press: Press, effect: Effect) -> None:
    assert effect_of(press) is effect


@pytest.mark.parametrize(
    ("deed", "why"),
    [
        # What has just opened takes no answer, whatever key or click it is.
        (Deed("^s", ACCEPTS, modal=True, opened=0.13), "just opened: ^s was not taken"),
        (Deed("enter", ENTERS, modal=True, opened=0.39), "just opened: enter was not taken"),
        (Deed("a click", ACCEPTS, modal=True, opened=0.0), "just opened"),
        (Deed("enter", ACCEPTS, modal=True, opened=-0.5), "just opened"),  # pressed before, read after
        (Deed("enter", ACCEPTS, modal=True, opened=0.4), None),
        (Deed("enter", LOOKS, modal=True, opened=0.1), None),
        (Deed("f5", ACTS, opened=0.1), None),
        (Deed("enter", ACCEPTS, opened=0.1), None),  # no question is in front
        # The repeat of a key answers nothing, however long ago it opened; nor does it begin anything.
        (Deed("^s", ACCEPTS, modal=True, opened=9, again=0.033), "^s came twice or is held down"),
        (Deed("^s", ACCEPTS, modal=True, opened=9, again=0.69), "^s came twice"),
        (Deed("^s", ACCEPTS, modal=True, opened=9, again=0.7), None),
        (Deed("enter", ENTERS, modal=True, opened=9, again=0.1), ""),  # a box that is ticked on the way through a form
        (Deed("enter", ENTERS, modal=True, opened=9, again=0.7), None),
        (Deed("enter", LOOKS, again=0.1), None),
        (Deed("f5", ACTS, again=0.033), ""),
        (Deed("a click", ACTS, again=0.45), ""),
        (Deed("a click", ACTS, again=0.7), None),
        # What belongs to something else.
        (Deed("enter", ACCEPTS, modal=True, pasted=True), "with the text before it"),
        (Deed("enter", ENTERS, modal=True, stray="p"), "enter came after p"),
        (Deed("enter", ACCEPTS, modal=True, stray="p", again=0.1), "enter came after p"),
        (Deed("enter", ACCEPTS, modal=True, first=True), "nothing is chosen yet"),
        (Deed("enter", ACCEPTS, modal=True, first=True, opened=0.12), "just opened"),
        # What is seen is what it acts on.
        (Deed("r", ACTS, moved=True), "r did nothing: its row has just moved away"),
        (Deed("x", ACTS, rests=True, quiet=0.49), "x came right after other keys"),
        (Deed("x", ACTS, rests=True, quiet=0.5), None),
        (Deed("r", ACTS, quiet=0.1), None),
        (Deed("r", ACTS), None),
    ],
)
def test_when_nothing_comes_of_it(deed: Deed, why: str | None) -> None:
    refused = refusal(deed, PACE)
    assert (refused is None) is (why is None)
    if refused is not None and why is not None:
        assert why in refused.words if why else not refused.words


def test_nothing_is_kept_from_whoever_drives_it_by_program() -> None:
    for effect in Effect:
        hurried = Deed("enter", effect, modal=True, opened=0.0, again=0.0, quiet=0.0, first=True, rests=True)
        assert refusal(hurried, AT_ONCE) is None
    assert refusal(Deed("r", ACTS, moved=True), AT_ONCE) is not None


def test_the_same_again_is_what_had_nothing_between() -> None:
    presses, never = Presses(), float("inf")
    assert presses.came("f5", 10.0) == (never, never)
    assert presses.came("f5", 10.5) == (0.5, 0.5)
    assert presses.came("r", 10.75) == (never, 0.25)
    assert presses.came("f5", 11.0) == (never, 0.25)
