"""The JSONPath of kubectl is read here: a text with `{.paths}` in it, which `filling` fills from one document.

It is a dialect of kubectl's own (`{range}…{end}`, `\\.` in names, text between braces, what is missing is nothing),
which no library speaks; `tests/kubectl` runs both beside each other. Two things are meant to differ: a text without
braces that begins as a path is one, and values of different types differ instead of ending the command.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final


class PathError(ValueError):
    """What is wrong with a template, or with it and the document, in a sentence."""


@dataclass(frozen=True, slots=True)
class Text:
    """What is printed as it is."""

    text: str


@dataclass(frozen=True, slots=True)
class Name:
    """`.name` or `['name']`."""

    name: str


@dataclass(frozen=True, slots=True)
class Every:
    """`.*` or `[*]`: all that is in a list or an object."""


@dataclass(frozen=True, slots=True)
class Deep:
    """`..`: all lists and objects, however deep."""


@dataclass(frozen=True, slots=True)
class Part:
    """`[2]`, `[1:]`, `[-1:]`, `[0:4:2]`; `one` where it was a single number."""

    start: int | None
    stop: int | None
    step: int | None
    one: bool


@dataclass(frozen=True, slots=True)
class Union:
    """`['a','b']`, `[0,2]`."""

    parts: tuple[tuple[Step, ...], ...]


@dataclass(frozen=True, slots=True)
class Where:
    """`[?(@.a=="x")]`; without a sign: it is there."""

    left: tuple[Step, ...]
    sign: str
    right: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Literal:
    """A number, `true` or `false`, or a text in quotes inside of a comparison."""

    value: Any


Step = Name | Every | Deep | Part | Union | Where | Literal


@dataclass(frozen=True, slots=True)
class Path:
    """What stands between braces."""

    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Range:
    """`{range PATH}` … `{end}`, or to the end of the template."""

    path: Path
    body: tuple[Piece, ...]


Piece = Text | Path | Range

_PATHLIKE: Final = re.compile(r"\s*[.$@\[][^{}]*")
_RELAXED: Final = re.compile(r"\{\.?([^{}]+)\}|\.?([^{}]+)")
_NAME: Final = re.compile(r"(?:\\.|[^.,\[\]$@{}\s\\])+")
_SLICE: Final = re.compile(r"(-?\d*)(:-?\d*)?(:-?\d*)?")
_COMPARED: Final = re.compile(r"([^!<>=]+)([!<>=]+)(.+)", re.DOTALL)
_SIGNS: Final = ("==", "!=", "<", "<=", ">", ">=")
_NUMBER: Final = re.compile(r"[+-]?\d+(\.\d+)?")
_DEPTH: Final = 32
LONGEST: Final = 8192
"""So many characters a template may have."""


def template(text: str) -> tuple[Piece, ...]:
    """What is written after `jsonpath=`. Raises PathError."""
    if len(text) > LONGEST:
        raise PathError(f"it has more than {LONGEST} characters")
    if not text:
        raise PathError("nothing stands after it")
    if _PATHLIKE.fullmatch(text):
        text = f"{{{text}}}"
    body, end = _pieces(list(_cut(text)), 0, 0)
    if end is not None:
        raise PathError("{end} without {range}")
    return body


def relaxed(text: str) -> Path:
    """One path, with or without braces and the first dot, as custom columns and sorting take it. Raises PathError."""
    found = _RELAXED.fullmatch(text.strip())
    if found is None or len(text) > LONGEST:
        raise PathError(f"{text!r} is no path, write it as .name, {{.name}} or name")
    return Path(_steps(f".{found[1] or found[2]}"))


def _cut(text: str) -> Iterator[tuple[bool, str]]:
    """(whether it stood between braces, the text) for each part."""
    at = 0
    while at < len(text):
        brace = text.find("{", at)
        if brace != at:
            yield False, text[at : len(text) if brace < 0 else brace]
        if brace < 0:
            return
        end = _until(text, brace + 1, "}")
        if end < 0:
            raise PathError(f"the brace at {text[brace : brace + 20]!r} is not closed")
        yield True, text[brace + 1 : end].strip()
        at = end + 1


def _until(text: str, at: int, sign: str) -> int:
    """Where `sign` stands outside of quotes; -1 for nowhere."""
    quote = ""
    while at < len(text):
        one = text[at]
        if one == "\\":
            at += 1
        elif quote:
            quote = "" if one == quote else quote
        elif one in "'\"":
            quote = one
        elif one == sign:
            return at
        at += 1
    return -1


def _pieces(parts: list[tuple[bool, str]], depth: int, at: int) -> tuple[tuple[Piece, ...], int | None]:
    """The pieces from `at` on, and where `{end}` stood; None where there is none."""
    if depth > _DEPTH:
        raise PathError(f"more than {_DEPTH} ranges lie in each other")
    found: list[Piece] = []
    while at < len(parts):
        braced, text = parts[at]
        at += 1
        if not braced:
            found.append(Text(text))
        elif text == "end":
            return tuple(found), at
        elif text.startswith("range") and not text[5:6].isalnum():
            body, end = _pieces(parts, depth + 1, at)
            end = len(parts) if end is None else end
            found.append(Range(Path(_steps(text[5:].strip())), body))
            at = end
        elif text[:1] in ("'", '"'):
            found.append(Text(_unquoted(text)))
        else:
            found.append(Path(_steps(text)))
    return tuple(found), None


def _unquoted(text: str) -> str:
    try:
        value = ast.literal_eval(text.replace("\n", "\\n"))
    except (ValueError, SyntaxError):
        value = None
    if not isinstance(value, str):
        raise PathError(f"the quotes of {text} are not closed, or it is more than one text")
    return value


def _steps(text: str) -> tuple[Step, ...]:
    found: list[Step] = []
    at = 0
    while at < len(text):
        one = text[at]
        if one in "@$" or one.isspace():
            at += 1
        elif text.startswith("..", at):
            found.append(Deep())
            at += 2
            at = _name(text, at, found) if _NAME.match(text, at) else at
        elif one == ".":
            at = _name(text, at + 1, found) if text[at + 1 : at + 2] not in ("", "[") else at + 1
        elif one == "[":
            end = _until(text, at + 1, "]")
            if text.startswith("?(", at + 1):
                closing = _until(text, at + 3, ")")
                end = closing + 1 if closing >= 0 and text[closing + 1 : closing + 2] == "]" else -1
            if end < 0:
                raise PathError(f"the bracket at {text[at : at + 20]!r} is not closed")
            found += _bracket(text[at + 1 : end].strip())
            at = end + 1
        else:
            raise PathError(f"{text[at : at + 20]!r} is no path, which begins with a dot: {{.name}}")
    return tuple(found)


def _name(text: str, at: int, found: list[Step]) -> int:
    named = _NAME.match(text, at)
    if named is None:
        raise PathError(f"a name is missing in {text!r}")
    found.append(Every() if named[0] == "*" else Name(named[0].replace("\\", "")))
    return named.end()


def _bracket(text: str) -> tuple[Step, ...]:
    if text.startswith("?("):
        return (_where(text[2:-1]),)
    parts = _apart(text)
    if len(parts) > 1:
        return (Union(tuple(_bracket(part.strip()) for part in parts)),)
    if text == "*":
        return (Every(),)
    if len(text) > 1 and text[0] == text[-1] == "'":
        return _steps(f".{text[1:-1]}")  # to kubectl a dot divides names in quotes too, unless `\` stands before it
    found = _SLICE.fullmatch(text)
    if found is None or text == "-":
        raise PathError(f"[{text}] is no index: write [0], [*], [1:3], ['name'] or [?(@.name==\"x\")]")
    start, stop, step = (int(part.lstrip(":")) if (part or "").strip(":-") else None for part in found.groups())
    return (Part(start, stop, step, one=found[2] is None),)


def _apart(text: str) -> list[str]:
    """The parts between commas that are outside of quotes."""
    parts, at = [], 0
    while (comma := _until(text, at, ",")) >= 0:
        parts.append(text[at:comma])
        at = comma + 1
    return [*parts, text[at:]]


def _where(text: str) -> Where:
    found = _COMPARED.fullmatch(text)
    if found is None:
        return Where(_steps(text.strip()), "", ())
    if found[2] not in _SIGNS:
        raise PathError(f"{found[2]} does not compare; there is {' '.join(_SIGNS)}")
    return Where(_side(found[1].strip()), found[2], _side(found[3].strip()))


def _side(text: str) -> tuple[Step, ...]:
    if text[:1] in ("'", '"'):
        return (Literal(_unquoted(text)),)
    if text in ("true", "false"):
        return (Literal(text == "true"),)
    if _NUMBER.fullmatch(text):
        return (Literal(float(text) if "." in text else int(text)),)
    return _steps(text)
