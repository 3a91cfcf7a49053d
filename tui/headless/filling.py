"""A template of JSONPath is filled from one document: what it finds there, and how kubectl prints that."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from .jsonpath import Deep, Every, Literal, Name, Part, Path, PathError, Piece, Range, Step, Text, Union, Where

Document = Any
"""What JSON has: dicts, lists, texts, numbers, true, false, null."""


def filled(pieces: Sequence[Piece], document: Document) -> str:
    """The text of a template for one document. Raises PathError."""
    parts = []
    for piece in pieces:
        match piece:
            case Text():
                parts.append(piece.text)
            case Path():
                parts.append(" ".join(map(shown, find(piece, document))))
            case Range():
                parts += [filled(piece.body, one) for one in find(piece.path, document)]
    return "".join(parts)


def results(pieces: Sequence[Piece], document: Document) -> list[Any]:
    """All that the paths of a template find, as `jsonpath-as-json` prints it. Raises PathError."""
    found: list[Any] = []
    for piece in pieces:
        if isinstance(piece, Path):
            found += find(piece, document)
        elif isinstance(piece, Range):
            for one in find(piece.path, document):
                found += results(piece.body, one)
    return found


def find(path: Path, document: Document) -> list[Any]:
    """All values that a path leads to. What is missing is left out. Raises PathError."""
    return _walk(path.steps, [document])


def shown(value: Any) -> str:
    """A value as kubectl prints it: texts bare, objects and lists as JSON."""
    if isinstance(value, str):
        return value
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


def _walk(steps: Sequence[Step], values: list[Any]) -> list[Any]:
    for step in steps:
        values = list(_step(step, values))
    return values


def _step(step: Step, values: list[Any]) -> Iterator[Any]:
    match step:
        case Literal():
            yield step.value
        case Name():
            yield from (value[step.name] for value in values if isinstance(value, dict) and step.name in value)
        case Every():
            for value in values:
                yield from _inside(value)
        case Deep():
            for value in values:
                yield from _deep(value)
        case Union():
            for part in step.parts:
                yield from _walk(part, values)
        case Part():
            for value in values:
                if value is not None:
                    yield from _part(step, value)
        case Where():
            for value in values:
                if not isinstance(value, list):
                    raise PathError(f"{_what(value)} is no list and cannot be searched")
                yield from (one for one in value if _passes(step, one))


def _inside(value: Any) -> list[Any]:
    return list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []


def _deep(value: Any) -> Iterator[Any]:
    if inside := _inside(value):
        yield value
        for one in inside:
            yield from _deep(one)


def _part(part: Part, value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise PathError(f"{_what(value)} is no list")
    count = len(value)
    start = part.start or 0
    start += count if start < 0 else 0
    if part.one:
        if not 0 <= start < count:
            raise PathError(f"there is no [{part.start}]: the list has {count}")
        return [value[start]]
    stop = count if part.stop is None else part.stop
    stop += count if stop < 0 else 0
    if start == stop:
        return []
    if not 0 <= start < count or not 0 <= stop <= count or start > stop:
        raise PathError(f"there is no [{start}:{stop}]: the list has {count}")
    if part.step is not None and part.step < 1:
        raise PathError("the third number of a slice is 1 or more")
    return value[start : stop : part.step or 1]


def _passes(where: Where, one: Any) -> bool:
    lefts = _walk(where.left, [one])
    if not where.sign:
        return bool(lefts)
    rights = _walk(where.right, [one])
    if len(lefts) > 1 or len(rights) > 1:
        raise PathError("only one value can be compared with another")
    if not lefts or not rights:
        return False
    left, right = lefts[0], rights[0]
    alike = type(left) is type(right) or (_number(left) and _number(right))
    if where.sign in ("==", "!="):
        return (alike and left == right) is (where.sign == "==")
    if not alike or not isinstance(left, str | int | float) or isinstance(left, bool):
        return False
    return bool({"<": left < right, "<=": left <= right, ">": left > right, ">=": left >= right}[where.sign])


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _what(value: Any) -> str:
    text = shown(value)
    return text if len(text) <= 40 else f"{text[:40]}…"
