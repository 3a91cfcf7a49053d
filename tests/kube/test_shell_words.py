"""Words as a shell reads them: each sign alone, at the edges of what is shown, coded, offered or kept back."""

from __future__ import annotations

import string

import pytest

from tui.kube.shell import command, harmless, in_quotes, plain, quoted


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("", "''"),
        ("prod", "prod"),
        (5, "5"),
        ("a b", "'a b'"),
        ("$x", "'$x'"),
        ("größe", "'größe'"),
        ("\x1b[2J", r"$'\x1b[2J'"),
        ("a\nb", r"$'a\x0ab'"),
        ("it's\x07", r"$'it\x27s\x07'"),
        ("a\\n\x07", r"$'a\x5cn\x07'"),
        ("\x7f", r"$'\x7f'"),
        ("X\x07", r"$'X\x07'"),
        ("\x80", r"$'\U00000080'"),
        ("a\u202eb", r"$'a\U0000202eb'"),
        ("\U000e0001", r"$'\U000e0001'"),
        # Bytes of a file's name that are no text are those bytes; what only looks like one is not.
        ("\udc80\udcff", r"$'\x80\xff'"),
        ("\udc7f", r"$'\U0000dc7f'"),
        ("\udd00", r"$'\U0000dd00'"),
    ],
)
def test_a_word_is_quoted_or_written_as_its_codes(word: object, expected: str) -> None:
    assert quoted(word) == expected
    assert command("x", word, "y") == f"x {expected} y"


def test_a_value_of_a_variable_stands_in_quotes_always() -> None:
    assert in_quotes("") == "''"
    assert in_quotes("a") == "'a'"
    assert in_quotes("'a'b") == r"''\''a'\''b'"


ANYWHERE = string.ascii_letters + string.digits + "_./:@ß"
INSIDE = "%+=-"
NOWHERE = "".join(sign for sign in map(chr, range(256)) if not sign.isalnum() and sign not in ANYWHERE + INSIDE)


def test_which_signs_are_taken_for_a_name_and_where() -> None:
    assert all(harmless(sign) and plain(sign) and plain(f"a{sign}") for sign in ANYWHERE)
    assert all(harmless(sign) and not plain(sign) and plain(f"a{sign}") for sign in INSIDE)
    assert not any(harmless(word) or plain(word) for sign in NOWHERE for word in (sign, f"a{sign}", f"a{sign}b"))
    assert not harmless("")
    assert not plain("")
