"""The core says options as the command line does, so that a form without them can leave them away, and no keys."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Final

import pytest

import tui
from tui.issuance import Control, Field, spoken_in_form

ROOMS: Final = ("kube", "settings", "issuance", "fleet")
"""What the dashboard shows of these is worded by it."""
_OPTION: Final = re.compile(r"(?<![\w-])--[a-z][a-z-]+")
_KEYS: Final = re.compile(
    r"(?<![\w'])(?:press|ctrl\+[abd-z]|(?:enter|[a-zA-Z]) (?:shows|opens|renews|keeps|issues|asks|does|looks|goes))\b"
    r"|:abandon"
)
_NO_SENTENCES: Final = {"help", "flags"}
"""What only a command line shows."""
EXEMPT: Final = ("its own cluster, or of --context", "Of --shoot: log in with its identity provider (kubelogin).")
"""Help of options that stands in no such argument."""


def said(rooms: Sequence[str] = ROOMS) -> Iterator[tuple[str, int, str]]:
    """Every text of more than one word, with its file and line; what is put in is an …."""
    root = Path(tui.__file__).parent
    for path in (file for room in rooms for file in sorted((root / room).rglob("*.py"))):
        tree = ast.parse(path.read_text())
        left = {
            id(inner)
            for node in ast.walk(tree)
            for part in (
                [node.value] if isinstance(node, ast.Expr)
                else [node.value] if isinstance(node, ast.keyword) and node.arg in _NO_SENTENCES
                else node.values if isinstance(node, ast.JoinedStr)
                else []
            )
            for inner in (ast.walk(part) if isinstance(node, ast.keyword) else [part])
            if not (isinstance(node, ast.Expr) and not isinstance(part, ast.Constant))
        }  # fmt: skip
        for node in ast.walk(tree):
            if id(node) in left:
                continue
            if isinstance(node, ast.JoinedStr):
                text = "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                text = node.value
            else:
                continue
            if " " in text.strip() and text not in EXEMPT:
                yield str(path.relative_to(root)), node.lineno, text


@cache
def texts(rooms: Sequence[str] = ROOMS) -> tuple[tuple[str, int, str], ...]:
    """The same, read once."""
    return tuple(said(rooms))


def plain(text: str) -> str:
    """Without the commands to run."""
    return re.sub(r"`[^`]*`", "", text)


def test_a_form_that_asks_for_none_of_them_shows_no_option() -> None:
    left = [one for one in texts() if _OPTION.search(plain(spoken_in_form(one[2], ())))]
    assert not left, "\n".join(map(str, left))


def test_neither_the_core_nor_a_verb_names_a_key() -> None:
    left = [one for one in texts((*ROOMS, "headless")) if _KEYS.search(plain(one[2]))]
    assert not left, "\n".join(map(str, left))


TICK: Final = Field(id="create", label="Create it", flags=("--create",), control=Control.TICK)
LEVEL: Final = Field(id="level", label="Level", flags=("--level",))


@pytest.mark.parametrize(
    ("text", "form", "none"),
    [
        ("pass --create to create it", "tick “Create it” to create it", "create it"),
        ("create it with --create, or wait", "create it with “Create it” ticked, or wait", "create it, or wait"),
        ("get one with --level=admin", "get one with Level “admin”", "get one"),
        ("fill it in with --level LEVEL", "fill it in with Level", "fill it in"),
        ("give one (--level, --create)", "give one (Level, “Create it” ticked)", "give one"),
        ("Gone. Use --level FILE or rotate again.", "Gone. Use Level or rotate again.", "Gone. Rotate again."),
        ("use --level FILE or rotate again", "use Level or rotate again", "rotate again"),
        ("run `kubemint issue --create`", "run `kubemint issue --create`", "run `kubemint issue --create`"),
        ("it begins with -----BEGIN", "it begins with -----BEGIN", "it begins with -----BEGIN"),
        ("has it `--level`?", "has it `--level`?", "has it `--level`?"),
    ],
)  # fmt: skip
def test_options_are_the_labels_of_a_form_or_left_away(text: str, form: str, none: str) -> None:
    assert spoken_in_form(text, (TICK, LEVEL)) == form
    assert spoken_in_form(text, ()) == none
