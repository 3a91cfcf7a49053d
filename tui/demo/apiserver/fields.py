"""Sets of fields, as `managedFields` writes them: which fields an object has, and in which two objects differ.

A set is the tree that FieldsV1 shows: `f:name` is a field, `k:{…}` an item of a list by its keys, `v:…` an item of a
set by its value, and `.` says that the node itself belongs to the set (a node without children always does).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from .schema import Schema, atomic_map, child, declared, list_type

Fields = dict[str, Any]
Path = tuple[str, ...]

# What no manager ever owns.
_OF_METADATA = (
    "name namespace creationTimestamp deletionTimestamp deletionGracePeriodSeconds selfLink uid generation "
    "managedFields resourceVersion"
)
_UNOWNED = frozenset({("f:apiVersion",), ("f:kind",), ("f:metadata",)}) | {
    ("f:metadata", f"f:{name}") for name in _OF_METADATA.split()
}

PathSet = frozenset[Path]


def item_key(schema: Schema, item: Any) -> str:
    """How an item of a `map` or `set` list is named in a path."""
    kind, keys = list_type(schema)
    if kind == "map" and isinstance(item, dict):
        defaults = schema.get("items", {}).get("properties", {})
        named = {k: item.get(k, defaults.get(k, {}).get("default")) for k in keys}
        shown = {k: v for k, v in sorted(named.items()) if v is not None}
        return "k:" + json.dumps(shown, separators=(",", ":"))
    return "v:" + json.dumps(item, separators=(",", ":"))


def owned(schema: Schema, obj: Mapping[str, Any]) -> PathSet:
    """The fields that an applied object claims."""
    found: set[Path] = set()
    _collect(schema, obj, (), found)
    return frozenset(found - _UNOWNED)


def _collect(schema: Schema, value: Any, path: Path, found: set[Path]) -> None:
    if isinstance(value, dict) and not atomic_map(schema):
        for key, item in value.items():
            where = (*path, f"f:{key}")
            if where in (("f:metadata", "f:managedFields"), ("f:apiVersion",), ("f:kind",)):
                continue
            _collect(child(schema, key), item, where, found)
            if item is None or item == {} or not declared(schema, key):
                found.add(where)
    elif isinstance(value, list) and list_type(schema)[0] != "atomic":
        for item in value:
            where = (*path, item_key(schema, item))
            _collect(schema.get("items", {}), item, where, found)
            found.add(where)
    elif path:
        found.add(path)


def compare(schema: Schema, old: Any, new: Any) -> tuple[PathSet, PathSet]:
    """The fields that `new` sets or changes, and those that it no longer has."""
    changed: set[Path] = set()
    removed: set[Path] = set()
    _compare(schema, old, new, (), changed, removed)
    return frozenset(changed - _UNOWNED), frozenset(removed - _UNOWNED)


_ABSENT = object()


def _compare(schema: Schema, old: Any, new: Any, path: Path, changed: set[Path], removed: set[Path]) -> None:
    if path == ("f:metadata", "f:managedFields") or old == new:
        return
    old_children = _children(schema, old)
    new_children = _children(schema, new)
    if old_children is None and new_children is None:
        (removed if new is _ABSENT else changed).add(path)
        return
    if path and new is _ABSENT:
        removed.add(path)
    elif path and (old is _ABSENT or old_children is None or new_children is None):
        changed.add(path)
    before, after = old_children or {}, new_children or {}
    for key in before.keys() | after.keys():
        a_schema, a = before.get(key, (schema, _ABSENT))
        b_schema, b = after.get(key, (schema, _ABSENT))
        _compare(b_schema if b is not _ABSENT else a_schema, a, b, (*path, key), changed, removed)


def _children(schema: Schema, value: Any) -> dict[str, tuple[Schema, Any]] | None:
    """The parts of a value that are owned one by one, None where the value is owned as a whole."""
    if isinstance(value, dict) and not atomic_map(schema):
        return {f"f:{key}": (child(schema, key), item) for key, item in value.items()}
    if isinstance(value, list) and list_type(schema)[0] != "atomic":
        return {item_key(schema, item): (schema.get("items", {}), item) for item in value}
    return None


def encode(paths: PathSet) -> Fields:
    """A set as FieldsV1."""
    tree: Fields = {}
    inner = {path[:i] for path in paths for i in range(1, len(path))}
    for path in sorted(paths):
        node = tree
        for part in path:
            node = node.setdefault(part, {})
        if path in inner:
            node["."] = {}
    return _ordered(tree)


def _ordered(tree: Fields) -> Fields:
    return {key: _ordered(tree[key]) for key in sorted(tree)}


def decode(tree: Mapping[str, Any]) -> PathSet:
    """FieldsV1 as a set."""
    return frozenset(_walk(tree, ()))


def _walk(tree: Mapping[str, Any], path: Path) -> Iterator[Path]:
    for key, sub in tree.items():
        where = path if key == "." else (*path, key)
        if sub and key != ".":
            yield from _walk(sub, where)
        else:
            yield where


def remove(schema: Schema, value: Any, paths: PathSet) -> Any:
    """A copy of `value` without the fields in `paths`; a field goes with everything below it.

    What is empty afterwards goes as well.
    """
    top = {path[0] for path in paths if len(path) == 1}
    deeper: dict[str, set[Path]] = {}
    for path in paths:
        if len(path) > 1:
            deeper.setdefault(path[0], set()).add(path[1:])

    def kept(key: str, sub: Schema, item: Any) -> Any:
        if key in top:
            return _ABSENT
        if key not in deeper:
            return item
        left = remove(sub, item, frozenset(deeper[key]))
        return _ABSENT if left in ({}, []) else left

    if isinstance(value, dict):
        named = {k: kept(f"f:{k}", child(schema, k), v) for k, v in value.items()}
        return {k: v for k, v in named.items() if v is not _ABSENT}
    if isinstance(value, list) and list_type(schema)[0] != "atomic":
        items = schema.get("items", {})
        left = [kept(item_key(schema, item), items, item) for item in value]
        return [item for item in left if item is not _ABSENT]
    return value


def dotted(path: Path) -> str:
    """A path as conflict messages write it: `.data.a`, `.conditions[type="Ready"].status`."""
    text = ""
    for part in path:
        kind, _, rest = part.partition(":")
        if kind == "f":
            text += f".{rest}"
        elif kind == "k":
            keys = ",".join(f"{k}={json.dumps(v)}" for k, v in json.loads(rest).items())
            text += f"[{keys}]"
        else:
            text += f"[={rest}]"
    return text
