"""Label and field selectors: from their text to a test of one object."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from .names import qualified_problems, value_problems
from .status import bad_request

Object = dict[str, Any]
Test = Callable[[Object], bool]

_TOKEN = re.compile(r"\s*(?:(==|!=|[=!(),<>])|([^\s=!(),<>]+))")
_OPERATORS = "'=', '!=', '==', 'in', notin'"

# Which fields can be selected, beyond the name and the namespace that every kind has.
_FIELDS: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("", "secrets"): ("type",),
    ("", "namespaces"): ("status.phase",),
    ("", "pods"): (
        *(f"spec.{field}" for field in ("nodeName", "restartPolicy", "schedulerName", "serviceAccountName")),
        *("status.phase", "status.podIP"),
    ),
    ("", "nodes"): ("spec.unschedulable",),
    ("", "events"): (
        *(f"involvedObject.{field}" for field in ("kind", "namespace", "name", "uid", "apiVersion")),
        *("involvedObject.resourceVersion", "involvedObject.fieldPath"),
        *("reason", "reportingComponent", "source", "type"),
    ),
}


def label_selector(text: str) -> Test | None:
    """The test for a label selector, None for an empty one. Raises 400 where it cannot be read."""
    if not text.strip():
        return None
    requirements = _Labels(text).read()

    def matches(obj: Object) -> bool:
        labels = obj["metadata"].get("labels") or {}
        return all(requirement(labels) for requirement in requirements)

    return matches


class _Labels:
    """A reader of the selector grammar, with the messages of the original."""

    def __init__(self, text: str) -> None:
        self._tokens = [m.group(1) or m.group(2) for m in _TOKEN.finditer(text)]
        self._at = 0

    def read(self) -> list[Callable[[Mapping[str, str]], bool]]:
        """All requirements, which are joined by AND."""
        out = [self._requirement()]
        while (token := self._next()) != "":
            if token != ",":
                raise bad_request(f"unable to parse requirement: found '{token}', expected: {_OPERATORS}")
            out.append(self._requirement())
        return out

    def _peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _next(self) -> str:
        token = self._peek()
        self._at += 1
        return token

    def _requirement(self) -> Callable[[Mapping[str, str]], bool]:
        if self._peek() == "!":
            self._next()
            absent = self._key()
            return lambda labels: absent not in labels
        key = self._key()
        if self._peek() in ("", ","):
            return lambda labels: key in labels
        match self._next():
            case "=" | "==":
                wanted = self._value(key)
                return lambda labels: labels.get(key) == wanted
            case "!=":
                unwanted = self._value(key)
                return lambda labels: labels.get(key) != unwanted
            case "in":
                some = self._values()
                return lambda labels: labels.get(key) in some
            case "notin":
                none = self._values()
                return lambda labels: labels.get(key) not in none
            case "<" | ">" as operator:
                bound = self._value(key)
                return lambda labels: _compares(labels.get(key), operator, bound)
            case found:
                raise bad_request(f"unable to parse requirement: found '{found}', expected: {_OPERATORS}")

    def _key(self) -> str:
        key = self._next()
        if key == ",":
            raise bad_request("found ',', expected: !, identifier, or 'end of string'")
        if not key or key in "=!(),<>" or key in ("==", "!="):
            raise bad_request(f"unable to parse requirement: found '{key}', expected: identifier")
        if problems := qualified_problems(key):
            raise bad_request(f'unable to parse requirement: invalid label key "{key}": ' + "; ".join(problems))
        return key

    def _value(self, key: str) -> str:
        value = "" if self._peek() in ("", ",") else self._next()
        if problems := value_problems(value):
            opening = f'unable to parse requirement: invalid label value: "{value}": at key: "{key}": '
            raise bad_request(opening + "; ".join(problems))
        return value

    def _values(self) -> frozenset[str]:
        if (opening := self._next()) != "(":
            raise bad_request(f"unable to parse requirement: found '{opening}' expected: '('")
        values: set[str] = set()
        while (token := self._next()) != ")":
            if token == "":
                raise bad_request("unable to parse requirement: found '', expected: ',', ')' or identifier")
            if token != ",":
                values.add(token)
        return frozenset(values)


def _compares(value: str | None, operator: str, bound: str) -> bool:
    try:
        return value is not None and (int(value) < int(bound) if operator == "<" else int(value) > int(bound))
    except ValueError:
        return False


def field_selector(text: str, collection: tuple[str, str]) -> Test | None:
    """The test for a field selector, None for an empty one. Raises 400 for a field that cannot be selected."""
    if not text.strip():
        return None
    known = ("metadata.name", "metadata.namespace", *_FIELDS.get(collection, ()))
    terms: list[tuple[tuple[str, ...], bool, str]] = []
    for term in text.split(","):
        if not term:
            continue
        found = re.fullmatch(r"([^=!]+)(==|!=|=)(.*)", term)
        if found is None:
            raise bad_request(f"invalid selector: '{text}'; can't understand '{term}'")
        path, operator, value = found.groups()
        if path not in known:
            raise bad_request(f"field label not supported: {path}")
        terms.append((tuple(path.split(".")), operator != "!=", value))

    def matches(obj: Object) -> bool:
        return all((_field(obj, path) == value) is wanted for path, wanted, value in terms)

    return matches


def _field(obj: Object, path: tuple[str, ...]) -> str:
    if path == ("source",):
        return str(obj.get("source", {}).get("component") or obj.get("reportingComponent") or "")
    value: Any = obj
    for part in path:
        value = value.get(part) if isinstance(value, dict) else None
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "false" if path == ("spec", "unschedulable") else ""
    return str(value)


def both(first: Test | None, second: Test | None) -> Test | None:
    """The test that passes what both pass."""
    if first is None or second is None:
        return first or second
    a, b = first, second
    return lambda obj: a(obj) and b(obj)
