"""The one gate before whatever acts or answers: by a key, a click, an entry of the palette, or what a panel offers.

Pure: what a press is for goes in with what came before it, and a refusal comes out, or None. A press acts once, on what
was seen when it came, and nothing that has just opened takes an answer that was meant for something else. (What of
printable keys is typing is decided before, in `tui.widgets.keystrokes`.)
"""

from __future__ import annotations

from enum import Enum
from typing import Final, NamedTuple

from .keystrokes import Pace

_LONG: Final = float("inf")

_MOVES: Final = frozenset(
    {
        "move",
        "aside",
        "page",
        "edge",
        "step",
        "page_up",
        "page_down",
        "page_left",
        "page_right",
        "to_list",
        "mark",
        "mark_range",
    }
)
"""The actions that only move a cursor, a picture or a mark."""
_AGAIN: Final = frozenset({
    "area", "step_area", "step_panel", "enlarge", "last_view", "sort_next", "sort_reverse", "span", "next_theme",
})  # fmt: skip
"""Those that change only what is looked at, and are pressed several times in a row."""
_ALSO_LOOKS: Final = frozenset({
    "focus_next", "focus_previous", "first", "last", "command_list", "recall", "complete", "show_overlay", "copy_text",
    "toggle_button", "select", "press", "submit", "open", "look", "back", "leave", "cancel", "dismiss",
    "suspend_process",
})  # fmt: skip
"""Those that are free besides: they change nothing, or enter is known for what they answer."""
_ANSWERS: Final = ("accept", "carry_out")


class Effect(Enum):
    """What a press leads to."""

    LOOKS = "changes a text or what is looked at, and may come as often as it likes"
    ENTERS = "something inside of a question, which does not end it: a list opens, a box is ticked; once, too"
    ACTS = "something begins: once, however long the key is held down"
    ACCEPTS = "a question is answered, or what is chosen in it is done"


class Focus(Enum):
    """What has the focus."""

    TEXT = "takes text"
    BUTTON = "a button"
    CHOICES = "the entries that a question is about"
    OTHER = "something else"


class Press(NamedTuple):
    """A press, and where it came. `action` is what the key is bound to there; empty where to nothing."""

    key: str
    action: str = ""
    printable: bool = False
    focus: Focus = Focus.OTHER
    own: bool = False
    """Whether what has the focus binds the key itself: to move in its text, or to delete some."""
    modal: bool = False
    """Whether a question is in front."""
    by_letter: bool = False
    """Whether single letters are answers there."""
    enter_accepts: bool = False
    """Whether enter in a field there is the answer, and not the way to the next field."""


def name_of(action: str) -> str:
    """The name of an action without whose it is and without what it is given."""
    return action.partition("(")[0].removeprefix("app.").removeprefix("screen.")


def moves(name: str) -> bool:
    """Whether an action only moves something."""
    return name in _MOVES or name.startswith(("scroll_", "cursor_"))


def comes_again(name: str) -> bool:
    """Whether an action only changes what is looked at, and comes several times in a row."""
    return name in _AGAIN


def effect_of(press: Press) -> Effect:
    """What a press would lead to."""
    name = name_of(press.action)
    text = press.focus is Focus.TEXT
    if press.modal and (press.key == "enter" or (press.key == "space" and press.focus is Focus.BUTTON)):
        if text:
            return Effect.ACCEPTS if press.enter_accepts else Effect.LOOKS
        ends = press.focus is not Focus.OTHER or name in _ANSWERS
        return Effect.ACCEPTS if ends else Effect.ENTERS
    if press.printable:
        return Effect.ENTERS if press.modal and press.by_letter and not text else Effect.LOOKS
    if press.key in ("escape", "backspace") or not name or (text and press.own):
        return Effect.LOOKS
    if name in _ANSWERS:
        return Effect.ACCEPTS
    return Effect.LOOKS if moves(name) or comes_again(name) or name in _ALSO_LOOKS else Effect.ACTS


class Deed(NamedTuple):
    """What a press leads to, and what was before it. Times are seconds."""

    what: str
    """What people call it: `enter`, `^s`, `a click`."""
    effect: Effect
    modal: bool = False
    opened: float = _LONG
    """For how long what is in front has been seen."""
    again: float = _LONG
    """Since the same came, where nothing else came between."""
    quiet: float = _LONG
    """Since any key came."""
    first: bool = False
    """Whether it would run an entry that was not chosen: nothing was pressed in the palette before."""
    pasted: bool = False
    """Whether it came with a text, faster than anybody presses keys."""
    stray: str = ""
    """What was typed before it and means nothing there."""
    rests: bool = False
    """Whether it has to come out of silence: it shows material."""
    moved: bool = False
    """Whether what it is for is not what was seen."""


class Refusal(NamedTuple):
    """A press that does nothing. `words` are for people; empty where nothing is to be reported, as of key repeats."""

    words: str = ""


def refusal(deed: Deed, pace: Pace) -> Refusal | None:
    """Why nothing comes of it; None where it goes on."""
    what, effect = deed.what, deed.effect
    if deed.moved:
        return Refusal(f"{what} did nothing: its row has just moved away")
    answers = effect in (Effect.ENTERS, Effect.ACCEPTS)
    if deed.modal and answers and deed.opened < pace.still:
        return Refusal(f"this has just opened: {what} was not taken as an answer")
    if answers and deed.stray:
        return Refusal(f"{what} came after {deed.stray}, which means nothing here: press it again if you mean it")
    if answers and deed.pasted:
        return Refusal(f"{what} came with the text before it: press it again if you mean it")
    if effect is Effect.ACCEPTS and deed.again < pace.repeat:
        return Refusal(f"{what} came twice or is held down: press it once more on its own to do this")
    if effect is Effect.ACCEPTS and deed.first and pace.still:
        return Refusal(f"nothing is chosen yet: type, or press {what} once more for the first entry")
    if effect in (Effect.ACTS, Effect.ENTERS) and deed.again < pace.repeat:
        return Refusal()
    if deed.rests and deed.quiet < pace.rest:
        return Refusal(f"{what} came right after other keys: press it again on its own")
    return None


class Presses:
    """What came last, and when."""

    def __init__(self) -> None:
        self._last = ""
        self._at = -_LONG

    def came(self, name: str, at: float) -> tuple[float, float]:
        """Something came. Hands back the seconds since the same came (endless where something else was between), and
        since anything came."""
        since, same = at - self._at, name == self._last
        self._last, self._at = name, at
        return since if same else _LONG, since
