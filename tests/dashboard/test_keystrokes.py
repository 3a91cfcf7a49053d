"""What is typing and what acts, decided from when keys came: tables of strokes, no screen."""

from __future__ import annotations

import pytest

from tui.actions.questions import asks, how_many
from tui.settings import Confirm
from tui.widgets.keystrokes import AT_ONCE, Keystrokes, Pace, Sort, Stillness, Stroke, Verdict

PACE = Pace()
SORTS = {
    "j": Sort.MOVES, "k": Sort.MOVES, " ": Sort.MOVES, "s": Sort.AGAIN, "⏎": Sort.ENTER, "␛": Sort.TAKES_BACK,
    "↓": Sort.OTHER, "/": Sort.ASKS, "5": Sort.AGAIN,
}  # fmt: skip


def play(*keys: tuple[float, str], end: float = 60.0, pace: Pace = PACE, field_after_typing: bool = True) -> str:
    """What becomes of keys, each with the seconds since the one before: `[r]` acted, `“ro”` typed, `…⏎` submitted."""
    strokes, now, field = Keystrokes(pace), 100.0, False
    said: list[str] = []

    def told(verdict: Verdict) -> None:
        nonlocal field
        said.extend(f"[{one.key}]" for one in verdict.deliver)
        if verdict.typed:
            said.append(f"“{verdict.typed}”" + ("⏎" if verdict.submitted else ""))
            field = field_after_typing and not verdict.submitted
        if verdict.refused:
            said.append("(refused)")

    for after, key in keys:
        now += after
        if strokes.due is not None and strokes.due < now:
            told(strokes.expire(strokes.due))
        sort = Sort.FIELD if field else SORTS.get(key, Sort.ACTS)
        told(strokes.press(Stroke(key, "" if key in "⏎␛↓" else key, now), sort))
        if field and key == "⏎":
            field = False
    if strokes.due is not None:
        told(strokes.expire(min(strokes.due, now + end)))
    return "".join(said)


def typed(text: str, every: float) -> list[tuple[float, str]]:
    return [(every, char) for char in text]


@pytest.mark.parametrize("every", [0.0, 0.01, 0.05, 0.12, 0.19])
@pytest.mark.parametrize("word", ["api", "robot", "xray", "Dev", "Mr", "quay", "ssh-key", "tenant-a", "5r", "r/"])
def test_a_word_is_typing_however_fast(word: str, every: float) -> None:
    first = 3 if word.startswith("ss") else 2
    said = play(*typed(word + "⏎", every))
    rest = "".join(f"[{char}]" for char in word[first:] + "⏎")
    assert said == f"“{word[:first]}”{rest}", "what follows goes into the prompt"


@pytest.mark.parametrize(
    ("keys", "becomes"),
    [
        ([(1, "r")], "[r]"),
        ([(1, "r"), (0.21, "o")], "[r][o]"),  # slower than the hold: two keys
        ([(1, "r"), (0.1, "⏎")], "“r”⏎"),  # enter belongs to what was being typed
        ([(1, "r"), (0.3, "⏎")], "[r][⏎]"),
        ([(1, "r"), (0.1, "␛")], ""),  # taken back
        ([(1, "r"), (0.1, "↓"), (0.3, "r")], "[r][↓][r]"),  # an arrow is no letter
        ([(1, "r"), (0.1, "j")], "“rj”"),
        ([(1, "j"), (0.03, "j"), (0.03, "j"), (0.1, "r")], "[j][j][j][r]"),  # moving, then a key
        ([(1, "j"), (0.1, "o"), (0.1, "b")], "[j]“job”"),
        ([(1, "j"), (0.5, "o"), (0.1, "b")], "[j]“ob”"),
        ([(1, " "), (0.1, " "), (0.1, "r")], "[ ][ ][r]"),
        ([(1, "r"), (0.1, " ")], "“r ”"),
        ([(1, "/"), (0.01, "r")], "[/][r]"),  # what comes after / is for its prompt
        ([(1, "5"), (0.1, "/"), (0.1, "r")], "[5][/][r]"),
        ([(1, "r"), (0.1, "/")], "“r/”"),
        ([(1, "s"), (0.1, "s"), (0.1, "s")], "[s][s][s]"),  # the next column, three times
        ([(1, "s"), (0.1, "s"), (0.1, "h")], "“ssh”"),
    ],
)
def test_single_keys_act_and_pairs_do_not(keys: list[tuple[float, str]], becomes: str) -> None:
    assert play(*keys, field_after_typing=False) == becomes


def test_a_key_that_is_held_down_acts_once() -> None:
    repeating = [(1.0, "r"), (0.5, "r"), *((0.033, "r") for _ in range(60))]
    assert play(*repeating) == "[r]"
    for every in (0.0, 0.05, 0.08, 0.19):
        assert play((1, "r"), (every, "r")) == "“rr”", (
            "a letter twice is a word, and a key that bounces acts on nothing"
        )
    assert play((1, "r"), (0.9, "r")) == "[r][r]"
    assert play((1, "r"), (0.3, "↓"), (0.3, "r")) == "[r][↓][r]"
    assert play(*((0.033, "s") for _ in range(60))).count("[s]") == 8


def test_what_comes_right_with_a_text_belongs_to_it() -> None:
    """A terminal that brackets no paste sends lines as keys."""
    assert play(*typed("api⏎r", 0.001)) == "“ap”[i][⏎](refused)"
    strokes = Keystrokes(PACE)
    strokes.press(Stroke("enter", "", 1.0), Sort.FIELD)
    assert strokes.pasted(1.01), "an enter that meets the button of a form with the lines before it"
    assert not strokes.pasted(1.2)
    assert play(*typed("api⏎robot⏎", 0.001)) == "“ap”[i][⏎]“ro”[b][o][t][⏎]"
    assert play(*typed("api⏎", 0.1), (0.2, "r")) == "“ap”[i][⏎][r]", "a key of its own, as fast as hands are"


def test_letters_for_nobody_are_lost_to_the_end_of_the_word() -> None:
    strokes = Keystrokes(PACE)
    assert not strokes.press(Stroke("r", "r", 1.0), Sort.ACTS).deliver
    assert strokes.press(Stroke("o", "o", 1.1), Sort.ACTS).typed == "ro"
    strokes.lost(1.1)
    for at, char in ((1.8, "b"), (2.5, "x"), (3.2, "j")):
        assert strokes.press(Stroke(char, char, at), Sort.MOVES if char == "j" else Sort.ACTS) == ((), "", False, "")
    assert not strokes.press(Stroke("enter", "", 3.9), Sort.ENTER).deliver
    assert strokes.press(Stroke("enter", "", 4.0), Sort.ENTER).deliver, "one enter ends a word"


def test_nothing_is_held_for_whoever_drives_it_by_program() -> None:
    assert play(*typed("robot⏎", 0.0), pace=AT_ONCE) == "[r][o][b][o][t][⏎]"


def test_what_has_just_opened_and_what_was_typed_for_nobody_are_remembered() -> None:
    still = Stillness(PACE)
    assert not still.fresh(10.0)
    still.opened()
    assert still.fresh(60.0), "no frame has shown it"
    still.painted(60.0)
    assert still.fresh(59.9), "a key from before"
    for look in range(1, 8):
        still.looked(60.0 + look * 0.05)
    assert still.fresh(60.39)
    assert not still.fresh(60.41)
    assert still.take_stray() == ""
    still.stray("p")
    assert still.take_stray() == "p", "however slowly somebody types"
    assert still.take_stray() == ""
    still.stray("p")
    still.opened()
    assert still.take_stray() == ""


def test_time_in_which_the_program_was_held_up_is_no_time_in_which_a_question_was_seen() -> None:
    """A key that was pressed meanwhile is read, and stamped, when it goes on."""
    still = Stillness(PACE)
    still.opened()
    still.painted(10.0)
    still.looked(10.05)
    still.looked(10.1)
    assert still.fresh(10.9), "stopped for 0.8 s: the key came at any time of it"
    still.looked(10.9)
    assert still.fresh(11.0)
    for number in range(1, 4):  # each look is as late as it may be: a busy machine asks for no more patience than that
        still.looked(10.9 + number * 0.08)
    assert not still.fresh(11.2)
    assert not still.fresh(30.0), "it was seen for long: what is held up now keeps no answer back"
    still.renew()
    assert still.fresh(40.0), "what it asks about has not been painted"
    still.painted(40.0)
    assert still.fresh(40.3)


def test_nothing_is_held_back_from_a_program() -> None:
    still = Stillness(AT_ONCE)
    still.opened()
    assert not still.fresh(10.0)
    assert still.settled


def test_more_than_one_is_never_changed_without_being_asked_about() -> None:
    for confirm in Confirm:
        for verb in ("rotate", "undo", "keep", "re-activate", "revoke"):
            assert asks(verb, 2, confirm)
            assert asks(verb, 1, confirm) is (confirm is Confirm.ALWAYS)
        assert not asks("verify", 100, confirm)
    assert how_many(["a", "b", "a"]) == "3 in 2 clusters: a 2, b 1"
    assert how_many(["a", "a"]) == "2 in a"
    assert how_many(["", ""]) == "2 here"
    assert how_many(map(str, range(9))) == "9 in 9 clusters: 0 1, 1 1, 2 1, 3 1, 4 1, 5 1 and 3 more"
