"""Reading YAML that anybody may have written, the way kubectl's reader types it.

The document is built straight from libyaml's events, so every limit holds before memory is spent: size, nesting
depth, number of nodes, and how much aliases may multiply. Only what kubectl would read as a boolean, number or null
is one (PyYAML turns `2024-01-01` into a date and `1:30` into 90); such a scalar keeps its text as a `Plain`, so that
the schema, not the spelling, decides. Of several documents only the first counts.
"""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Final

import yaml
from yaml.events import (
    AliasEvent,
    DocumentEndEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from .amounts import size
from .yaml_values import DoubledDict, LinedDict, LinedList, Plain, YAMLError

MAX_BYTES: Final = 16 * 1024 * 1024
MAX_DEPTH: Final = 64
MAX_NODES: Final = 1_000_000
"""Nodes of the whole tree, each alias counted with everything it stands for."""

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_TAG: Final = "tag:yaml.org,2002:"
_MERGE: Final = f"{_TAG}merge"
_BINARY: Final = f"{_TAG}binary"
_PLAIN: Final = frozenset(f"{_TAG}{kind}" for kind in ("bool", "int", "float", "null"))

_NULL: Final = frozenset({"", "~", "null", "Null", "NULL"})
_TRUE: Final = frozenset({"true", "True", "TRUE", "y", "Y", "yes", "Yes", "YES", "on", "On", "ON"})
_FALSE: Final = frozenset({"false", "False", "FALSE", "n", "N", "no", "No", "NO", "off", "Off", "OFF"})
_ENDLESS: Final = {
    **{f"{sign}.{word}": float(f"{sign}inf") for sign in ("", "+", "-") for word in ("inf", "Inf", "INF")},
    **{f".{word}": math.nan for word in ("nan", "NaN", "NAN")},
}
_INT: Final = re.compile(r"[-+]?(0[bB][01]+|0[oO]?[0-7]+|0[xX][0-9a-fA-F]+|0|[1-9][0-9]*)")
_OCTAL: Final = re.compile(r"[-+]?0[oO]?[0-7]")
_BETWEEN: Final = re.compile(r"(?<=[0-9])_(?=[0-9])")
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")


def load_first(data: bytes, *, lined: bool = False, nodes: int = MAX_NODES) -> object:
    """The first document as dict, list, str, None or `Plain`; None where there is none.

    A mapping in which a key stands twice is a `DoubledDict`: the last one counts, as for kubectl.
    With `lined` its mappings and sequences are `LinedDict` and `LinedList`; `nodes` is the most values it may have.
    Raises YAMLError, also for what is too large, too deep or has too many aliases.
    """
    if len(data) > MAX_BYTES:
        raise YAMLError(f"larger than {size(MAX_BYTES)}")
    try:
        return _Builder(yaml.parse(data, Loader=_Loader), lined, nodes).document()
    except yaml.YAMLError as error:
        message = _describe(error)
    except UnicodeError:
        message = "not UTF-8 text"
    # Raised outside of the handlers: PyYAML's errors carry snippets of the text, which may be material.
    raise YAMLError(message)


def is_fraction(key: str) -> bool:
    """Whether a key reads as a number that is not whole: without quotes kubectl's reader writes it another way."""
    value = _plain(key)
    return isinstance(value, Plain) and isinstance(value.value, float)


class _Builder:
    def __init__(self, events: Iterator[Any], lined: bool, most: int) -> None:
        self._events = events
        self._most = most
        self._lined = lined
        self._anchors: dict[str, tuple[object, int]] = {}
        self._nodes = 0

    def document(self) -> object:
        for event in self._events:
            if isinstance(event, DocumentEndEvent):
                return None
            if isinstance(event, (ScalarEvent, MappingStartEvent, SequenceStartEvent, AliasEvent)):
                return self._node(event, 1)
        return None

    def _node(self, event: Any, depth: int) -> object:
        if depth > MAX_DEPTH:
            raise YAMLError(f"{_line(event)}: nested deeper than {MAX_DEPTH} levels")
        if isinstance(event, AliasEvent):
            if event.anchor not in self._anchors:
                raise YAMLError(f"{_line(event)}: unknown alias")
            value, weight = self._anchors[event.anchor]
            self._count(weight, event)
            return value
        before = self._nodes
        self._count(1, event)
        if isinstance(event, ScalarEvent):
            value = _scalar(event)
        elif isinstance(event, MappingStartEvent):
            value = self._mapping(depth)
        else:
            value = self._sequence(depth)
        if event.anchor is not None:
            self._anchors[event.anchor] = (value, self._nodes - before)
        return value

    def _sequence(self, depth: int) -> list[object]:
        items: list[object] = LinedList() if self._lined else []
        for event in self._events:
            if isinstance(event, SequenceEndEvent):
                break
            items.append(self._node(event, depth + 1))
            if isinstance(items, LinedList):
                items.lines.append(event.start_mark.line + 1)
        return items

    def _mapping(self, depth: int) -> dict[str, object]:
        items: dict[str, object] = LinedDict() if self._lined else {}
        merged: dict[str, object] = {}
        twice: dict[str, int] = {}
        merges = 0
        for event in self._events:
            if isinstance(event, MappingEndEvent):
                break
            line: int = event.start_mark.line + 1
            key = self._node(event, depth + 1)
            value = self._node(next(self._events), depth + 1)
            if isinstance(key, Plain):
                key = _key(key)
            if not isinstance(key, str):
                raise YAMLError(f"{_line(event)}: a key that is not a string")
            if _is_merge(event):
                merges += 1
                if merges > 1:
                    twice[key] = line
                for source in value if isinstance(value, list) else [value]:
                    if not isinstance(source, dict):
                        raise YAMLError(f"{_line(event)}: only a mapping can be merged into a mapping")
                    merged = {**source, **merged}
                    # kubectl's reader takes them in the order of the text: what stands above is overruled.
                    twice |= {name: line for name in source if name in items and items[name] != source[name]}
                    self._count(len(source), event)
                    if isinstance(items, LinedDict):
                        items.lines = dict.fromkeys(source, line) | items.lines
                    if isinstance(source, DoubledDict):
                        twice.update(source.twice)
            else:
                if key in items:
                    twice[key] = line
                if isinstance(items, LinedDict):
                    items.lines[key] = line
                items[key] = value
        return _whole(items, merged, twice)

    def _count(self, nodes: int, event: Any) -> None:
        self._nodes += nodes
        if self._nodes > self._most:
            raise YAMLError(f"{_line(event)}: more than {self._most} values (aliases count in full)")


def _whole(items: dict[str, object], merged: dict[str, object], twice: dict[str, int]) -> dict[str, object]:
    """A mapping with what was merged into it, whose keys never replace its own, and with what stood there twice."""
    if not (merged or twice):
        return items
    found = items if isinstance(items, LinedDict) else DoubledDict() if twice else {}
    found.update({**merged, **items})
    if isinstance(found, DoubledDict):
        found.twice.update(twice)
    return found


def _key(plain: Plain) -> str:
    """What kubectl's reader makes of a key without quotes: `yes` is "true" and `0x1F` is "31". Fractions stay text."""
    if isinstance(plain.value, bool):
        return "true" if plain.value else "false"
    return str(plain.value) if isinstance(plain.value, int) else plain.text


def _is_merge(event: Any) -> bool:
    """Whether a key is the one by which another mapping is merged in."""
    if not isinstance(event, ScalarEvent) or event.value != "<<":
        return False
    return bool(event.implicit[0]) or event.tag == _MERGE


def _scalar(event: ScalarEvent) -> object:
    text: str = event.value
    if event.tag == _BINARY:
        return _decoded(text, event)
    if event.tag in _PLAIN:
        value = _plain(text)
        if isinstance(value, str):
            raise YAMLError(f"{_line(event)}: a value that is not what its tag says")
        return value
    if not event.implicit[0]:  # quoted, a block, or a text by its tag
        return text
    return _plain(text)


def _decoded(text: str, event: ScalarEvent) -> str:
    """What kubectl's reader makes of `!!binary`: the text behind the base64, also where it is a key.

    Line breaks are skipped as Go skips them, and nothing else.
    """
    with suppress(ValueError):
        return base64.b64decode(text.replace("\n", "").replace("\r", ""), validate=True).decode()
    raise YAMLError(f"{_line(event)}: a binary value that is no text")


def _plain(text: str) -> object:
    if text in _NULL:
        return None
    if text in _TRUE:
        return Plain(text, True)
    if text in _FALSE:
        return Plain(text, False)
    if text in _ENDLESS:
        return Plain(text, _ENDLESS[text])
    if text[0] == "_":
        return text
    number = _number(_BETWEEN.sub("", text) if text[0] == "." else text.replace("_", ""))
    return text if number is None else Plain(text, number)


def _number(digits: str) -> int | float | None:
    """What kubectl's reader takes for a number: whole ones have 64 bits, others end; the rest is text."""
    if _INT.fullmatch(digits):
        with suppress(ValueError):  # more digits than Python reads
            whole = int(digits, 8 if _OCTAL.match(digits) else 0)  # YAML 1.1: a leading zero means octal
            if -(2**63) <= whole < (2**64 if digits[0].isdigit() else 2**63):
                return whole
    if _FLOAT.fullmatch(digits) and math.isfinite(float(digits)):
        return float(digits)
    return None


def _line(event: Any) -> str:
    return f"line {event.start_mark.line + 1}"


def _describe(error: yaml.YAMLError) -> str:
    mark: Any = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or "not YAML"
    return str(problem) if mark is None else f"line {mark.line + 1}: {problem}"
