"""The part of kubectl's JSONPath that printed columns use: fields, indexes, wildcards, and filters on one field."""

from __future__ import annotations

import functools
import operator as op
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

_STEP = re.compile(
    r"""\.\.(?P<deep>[\w\-]+)
      | \.(?P<field>(?:[\w\-/*]|\\.)+)
      | \['(?P<quoted>[^']+)'\]
      | \["(?P<double>[^"]+)"\]
      | \[(?P<index>-?\d+|\*|)\]
      | \[(?P<slice>-?\d*:-?\d*)\]
      | \[\?\(\s*@(?P<path>(?:\.[\w\-/\\.]+)?)\s*
          (?:(?P<op>==|!=|<=|>=|<|>)\s*(?P<value>'[^']*'|"[^"]*"|[^\s)]+)\s*)?\)\]
    """,
    re.VERBOSE,
)

Step = Callable[[Any], Iterator[Any]]


@functools.lru_cache(256)
def compile_path(text: str) -> Callable[[Any], list[Any]]:
    """A function that finds everything a path names. Raises ValueError where the path cannot be read."""
    source = text.strip()
    if source.startswith("{") and source.endswith("}"):
        source = source[1:-1]
    source = source.removeprefix("$")
    if source and source[0] not in ".[":
        source = f".{source}"
    steps: list[Step] = []
    at = 0
    while at < len(source):
        if source[at:] == ".":
            break
        found = _STEP.match(source, at)
        if found is None:
            raise ValueError(f"cannot read the JSONPath {text!r} at {source[at:]!r}")
        steps.append(_step(found))
        at = found.end()

    def run(value: Any) -> list[Any]:
        values: Iterable[Any] = [value]
        for step in steps:
            values = [out for item in values for out in step(item)]
        return list(values)

    return run


def _step(found: re.Match[str]) -> Step:
    name = found["field"] or found["quoted"] or found["double"]
    if name is not None:
        return _every if name == "*" else functools.partial(_field, name=name.replace("\\", ""))
    if found["deep"] is not None:
        return functools.partial(_descend, name=found["deep"])
    if found["index"] is not None:
        return _every if found["index"] in ("*", "") else functools.partial(_index, index=int(found["index"]))
    if found["slice"] is not None:
        low, _, high = found["slice"].partition(":")
        part = slice(int(low) if low else None, int(high) if high else None)
        return functools.partial(_slice, part=part)
    return functools.partial(
        _filter, path=found["path"].lstrip("."), operator=found["op"] or "", wanted=_literal(found["value"])
    )


def _field(value: Any, name: str) -> Iterator[Any]:
    if isinstance(value, dict) and name in value:
        yield value[name]


def _descend(value: Any, name: str) -> Iterator[Any]:
    yield from _field(value, name)
    for item in _every(value):
        yield from _descend(item, name)


def _every(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, list):
        yield from value


def _index(value: Any, index: int) -> Iterator[Any]:
    if isinstance(value, list) and -len(value) <= index < len(value):
        yield value[index]


def _slice(value: Any, part: slice) -> Iterator[Any]:
    if isinstance(value, list):
        yield from value[part]


def _filter(value: Any, path: str, operator: str, wanted: Any) -> Iterator[Any]:
    for item in _every(value):
        actual = item
        for part in path.replace("\\", "").split(".") if path else ():
            actual = actual.get(part) if isinstance(actual, dict) else None
        if (actual is not None) if not operator else _holds(actual, operator, wanted):
            yield item


def _holds(actual: Any, operator: str, wanted: Any) -> bool:
    try:
        return bool(_COMPARED[operator](actual, wanted))
    except TypeError:
        return False


_COMPARED = {"==": op.eq, "!=": op.ne, "<": op.lt, ">": op.gt, "<=": op.le, ">=": op.ge}


def _literal(text: str | None) -> Any:
    if text is None:
        return None
    if text[:1] in "'\"":
        return text[1:-1]
    if text in ("true", "false"):
        return text == "true"
    try:
        return int(text)
    except ValueError:
        return text
