"""Structural schemas (OpenAPI v3 as CustomResourceDefinitions carry it): pruning, defaults, and checks.

Built-in kinds are described in the same way, so that patches, field ownership and `kubectl explain` know one language.
"""

from __future__ import annotations

import copy
import functools
import ipaddress
import math
import re
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence, Sized
from datetime import datetime
from typing import Any

import msgspec

from .status import Cause, invalid_value, not_supported, required

Schema = dict[str, Any]

_EMPTY: Schema = {}
_DURATION = re.compile(
    r"[-+]?(\d+(\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h|d|w)((\d+(\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h|d|w))*|0"
)


def child(schema: Schema, key: str) -> Schema:
    """The schema of one entry of an object."""
    properties = schema.get("properties")
    if properties is not None and key in properties:
        found: Schema = properties[key]
        return found
    extra = schema.get("additionalProperties")
    return extra if isinstance(extra, dict) else _EMPTY


def declared(schema: Schema, key: str) -> bool:
    """Whether an object has this field of its own, instead of being a map that happens to hold the key."""
    return key in schema.get("properties", ())


def list_type(schema: Schema) -> tuple[str, tuple[str, ...]]:
    """How a list is merged: `atomic`, `set`, or `map` with the keys that tell its items apart."""
    kind = schema.get("x-kubernetes-list-type", "atomic")
    return kind, tuple(schema.get("x-kubernetes-list-map-keys", ())) if kind == "map" else ()


def atomic_map(schema: Schema) -> bool:
    """Whether an object is replaced as a whole."""
    return schema.get("x-kubernetes-map-type") == "atomic"


def keeps_unknown(schema: Schema) -> bool:
    """Whether fields that the schema does not name are kept."""
    return bool(
        schema.get("x-kubernetes-preserve-unknown-fields")
        or schema.get("additionalProperties")
        or not (schema.get("properties") or schema.get("type") == "object" or "items" in schema)
    )


_ROOT = ("apiVersion", "kind", "metadata")


def prune(schema: Schema, value: Any, path: str = "", *, root: bool = True) -> list[str]:
    """Drop, in place, every field that the schema does not name. Gives the paths of what was dropped."""
    dropped: list[str] = []
    if isinstance(value, dict):
        embedded = root or schema.get("x-kubernetes-embedded-resource")
        keep = keeps_unknown(schema)
        for key in list(value):
            where = f"{path}.{key}" if path else key
            if embedded and key in _ROOT:
                continue
            if declared(schema, key):
                dropped += prune(schema["properties"][key], value[key], where, root=False)
            elif isinstance(schema.get("additionalProperties"), dict):
                dropped += prune(schema["additionalProperties"], value[key], where, root=False)
            elif not keep:
                del value[key]
                dropped.append(where)
    elif isinstance(value, list) and isinstance(schema.get("items"), dict):
        for index, item in enumerate(value):
            dropped += prune(schema["items"], item, f"{path}[{index}]", root=False)
    return dropped


def apply_defaults(schema: Schema, value: Any) -> None:
    """Fill in, in place, what is absent and has a default. A null that the schema forbids is dropped."""
    if isinstance(value, dict):
        for key, sub in schema.get("properties", _EMPTY).items():
            if key in value and value[key] is None and not sub.get("nullable") and sub.get("type"):
                del value[key]
            if "default" in sub and key not in value:
                value[key] = copy.deepcopy(sub["default"])
            if key in value:
                apply_defaults(sub, value[key])
        extra = schema.get("additionalProperties")
        if isinstance(extra, dict):
            for key in value:
                if not declared(schema, key):
                    apply_defaults(extra, value[key])
    elif isinstance(value, list) and isinstance(schema.get("items"), dict):
        for item in value:
            apply_defaults(schema["items"], item)


def check(schema: Schema, value: Any, path: str = "") -> list[Cause]:
    """The causes for everything in which a value differs from its schema."""
    return list(_check(schema, value, path))


def _check(schema: Schema, value: Any, path: str) -> Iterator[Cause]:
    if value is None and schema.get("nullable"):
        return
    problem = _type_problem(schema, value)
    if problem:
        actual = type_name(value)
        yield invalid_value(path, actual, f'{path} in body must be of type {problem}: "{actual}"')
    if "enum" in schema and not any(_same(value, allowed) for allowed in schema["enum"]):
        yield not_supported(path, value, schema["enum"])
    if problem:
        return
    if isinstance(value, str):
        yield from _check_string(schema, value, path)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield from _check_number(schema, value, path)
    elif isinstance(value, list):
        yield from _check_list(schema, value, path)
    elif isinstance(value, dict):
        yield from _check_object(schema, value, path)
    yield from _check_combined(schema, value, path)


def type_name(value: Any) -> str:
    """The JSON type of a value."""
    return _TYPES.get(type(value), "object")


_TYPES = {type(None): "null", bool: "boolean", int: "integer", float: "number", str: "string", list: "array"}


def _type_problem(schema: Schema, value: Any) -> str:
    """The type that was wanted, empty where the value has it."""
    if schema.get("x-kubernetes-int-or-string"):
        fits = isinstance(value, int | str) and not isinstance(value, bool)
        return "" if fits else "integer,string"
    wanted: str = schema.get("type", "")
    actual = type_name(value)
    if not wanted or actual == wanted or (wanted == "number" and actual == "integer"):
        return ""
    if wanted == "integer" and isinstance(value, float) and value.is_integer():
        return ""
    return wanted


def _same(value: Any, allowed: Any) -> bool:
    return bool(value == allowed) and isinstance(value, bool) == isinstance(allowed, bool)


@functools.lru_cache(512)
def _pattern(text: str) -> re.Pattern[str]:
    # RE2's absolute end is \z; Python spells it \Z. Its POSIX classes do not exist in Python.
    return re.compile(text.replace(r"\z", r"\Z").replace("[[:alnum:]]", "[A-Za-z0-9]"), re.ASCII)


def _check_string(schema: Schema, value: str, path: str) -> Iterator[Cause]:
    most, least = schema.get("maxLength"), schema.get("minLength")
    if most is not None and len(value) > most:
        yield Cause("FieldValueTooLong", f"Too long: may not be longer than {most}", path)
    if least is not None and len(value) < least:
        yield invalid_value(path, value, f"{path} in body should be at least {least} chars long")
    if "pattern" in schema and not _pattern(schema["pattern"]).search(value):
        yield invalid_value(path, value, f"{path} in body should match '{schema['pattern']}'")
    kind = schema.get("format", "")
    if kind and not _has_format(kind, value):
        yield invalid_value(path, value, f'{path} in body must be of type {kind}: "{value}"')


def _has_format(kind: str, value: str) -> bool:
    if kind == "duration":
        return _DURATION.fullmatch(value) is not None
    try:
        _READERS.get(kind, str)(value)
    except ValueError:
        return False
    return kind != "date-time" or "T" in value.upper()


_READERS: Mapping[str, Callable[[str], object]] = {
    "date-time": datetime.fromisoformat,
    "date": lambda text: datetime.strptime(text, "%Y-%m-%d"),  # noqa: DTZ007 - only its form is of interest
    **dict.fromkeys(("uuid", "uuid3", "uuid4", "uuid5"), uuid.UUID),
    "ipv4": ipaddress.IPv4Address,
    "ipv6": ipaddress.IPv6Address,
    "cidr": lambda text: ipaddress.ip_network(text, strict=False),
}
"""What raises ValueError for a text that does not have a format; a format that is not named here every text has."""


def _check_number(schema: Schema, value: float, path: str) -> Iterator[Cause]:
    if "maximum" in schema:
        most = schema["maximum"]
        if value > most or (schema.get("exclusiveMaximum") and value == most):
            words = "less than" if schema.get("exclusiveMaximum") else "less than or equal to"
            yield invalid_value(path, value, f"{path} in body should be {words} {most}")
    if "minimum" in schema:
        least = schema["minimum"]
        if value < least or (schema.get("exclusiveMinimum") and value == least):
            words = "greater than" if schema.get("exclusiveMinimum") else "greater than or equal to"
            yield invalid_value(path, value, f"{path} in body should be {words} {least}")
    if schema.get("multipleOf") and not math.isclose(value % schema["multipleOf"], 0, abs_tol=1e-9):
        yield invalid_value(path, value, f"{path} in body should be a multiple of {schema['multipleOf']}")


def _check_list(schema: Schema, value: Sequence[Any], path: str) -> Iterator[Cause]:
    yield from _check_count(schema, value, path, "items")
    items = schema.get("items")
    if isinstance(items, dict):
        for index, item in enumerate(value):
            yield from _check(items, item, f"{path}[{index}]")
    kind, keys = list_type(schema)
    if kind != "atomic":
        yield from _check_unique(value, keys, path)


def _check_count(schema: Schema, value: Sized, path: str, what: str) -> Iterator[Cause]:
    most, least = (schema.get(f"{end}{what.capitalize()}") for end in ("max", "min"))
    if most is not None and len(value) > most:
        yield Cause("FieldValueTooMany", f"Too many: {len(value)}: must have at most {most} items", path)
    if least is not None and len(value) < least:
        yield invalid_value(path, len(value), f"{path} in body should have at least {least} {what}")


def _check_unique(value: Sequence[Any], keys: Sequence[str], path: str) -> Iterator[Cause]:
    seen: set[bytes] = set()
    for index, item in enumerate(value):
        shown = {key: item.get(key) for key in keys if key in item} if keys and isinstance(item, dict) else item
        mark = msgspec.json.encode(shown, order="sorted")
        if mark in seen:
            yield Cause("FieldValueDuplicate", f"Duplicate value: {mark.decode()}", f"{path}[{index}]")
        seen.add(mark)


def _check_object(schema: Schema, value: dict[str, Any], path: str) -> Iterator[Cause]:
    dot = f"{path}." if path else ""
    for name in sorted(schema.get("required", ())):
        if name not in value:
            yield required(f"{dot}{name}")
    yield from _check_count(schema, value, path, "properties")
    for key, item in value.items():
        if not path and key in _ROOT:
            continue
        if declared(schema, key):
            yield from _check(schema["properties"][key], item, f"{dot}{key}")
        elif isinstance(schema.get("additionalProperties"), dict):
            yield from _check(schema["additionalProperties"], item, f"{dot}{key}")


def _check_combined(schema: Schema, value: Any, path: str) -> Iterator[Cause]:
    for part in schema.get("allOf", ()):
        yield from _check(part, value, path)
    if "anyOf" in schema and not any(not check(part, value, path) for part in schema["anyOf"]):
        yield invalid_value(path, _plain(value), f"{path} in body must validate at least one schema (anyOf)")
    if "oneOf" in schema and sum(not check(part, value, path) for part in schema["oneOf"]) != 1:
        yield invalid_value(path, _plain(value), f"{path} in body must validate one and only one schema (oneOf)")
    if "not" in schema and not check(schema["not"], value, path):
        yield invalid_value(path, _plain(value), f"{path} in body must not validate the schema (not)")


def _plain(value: Any) -> Any:
    return value if not isinstance(value, dict | list) else type_name(value)
