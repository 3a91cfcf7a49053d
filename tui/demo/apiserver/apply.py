"""Server-side apply, and who owns which field: what `managedFields` means.

An apply merges a partial object into the live one, refuses where it would change what somebody else owns (unless
forced), and removes what this manager applied before and no longer does, unless somebody else owns it too.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from . import fields
from .fields import PathSet
from .schema import Schema, atomic_map, child, list_type
from .status import StatusError

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Manager:
    """Who owns fields: managers are told apart by all four."""

    name: str
    operation: str
    """Apply or Update."""
    api_version: str
    subresource: str = ""

    def words(self) -> str:
        """As conflict messages name it."""
        text = f'"{self.name}"'
        if self.subresource:
            text += f' with subresource "{self.subresource}"'
        return f"{text} using {self.api_version}" if self.operation == "Update" else text


@dataclass(frozen=True, slots=True)
class _Owner:
    fields: PathSet
    time: str


Owners = dict[Manager, _Owner]


def read_owners(obj: Mapping[str, Any]) -> Owners:
    """The owners that an object's metadata lists."""
    owners: Owners = {}
    for entry in obj["metadata"].get("managedFields") or ():
        version, part = entry.get("apiVersion", ""), entry.get("subresource", "")
        manager = Manager(entry.get("manager", ""), entry.get("operation", "Update"), version, part)
        found = fields.decode(entry.get("fieldsV1") or {})
        if manager in owners:
            found |= owners[manager].fields
        owners[manager] = _Owner(found, entry.get("time", ""))
    return owners


def write_owners(obj: Object, owners: Owners) -> None:
    """Put owners into an object's metadata, those who apply first, then by time and name."""
    entries = []
    for manager, owner in sorted(
        owners.items(), key=lambda pair: (pair[0].operation, pair[1].time, pair[0].name, pair[0].api_version)
    ):
        if not owner.fields:
            continue
        entry = {
            "manager": manager.name,
            "operation": manager.operation,
            "apiVersion": manager.api_version,
            "time": owner.time,
            "fieldsType": "FieldsV1",
            "fieldsV1": fields.encode(owner.fields),
        }
        if manager.subresource:
            entry["subresource"] = manager.subresource
        entries.append(entry)
    if entries:
        obj["metadata"]["managedFields"] = entries
    else:
        obj["metadata"].pop("managedFields", None)


def record_update(schema: Schema, old: Object | None, new: Object, manager: Manager, now: str) -> None:
    """Note in `new` who owns what after a write that was not an apply; whoever writes a field takes it over.

    A list of managers in `new` replaces the one before; one that is absent or empty keeps it, and `[{}]` drops it.
    """
    sent = new["metadata"].get("managedFields")
    if sent == [{}]:
        new["metadata"].pop("managedFields")
        return
    owners = read_owners(new) if sent else read_owners(old) if old is not None else {}
    changed, removed = fields.compare(schema, old if old is not None else {"metadata": {}}, new)
    if changed or removed:
        for other, owner in list(owners.items()):
            if other != manager:
                owners[other] = _Owner(owner.fields - changed - removed, owner.time)
        mine = owners.get(manager)
        before: PathSet = mine.fields if mine is not None else frozenset()
        after = (before | changed) - removed
        if after != before or changed:
            owners[manager] = _Owner(after, now)
    write_owners(new, owners)


def merge(schema: Schema, live: Any, patch: Any) -> Any:
    """The live value with a partial one put over it."""
    if isinstance(live, dict) and isinstance(patch, dict) and not atomic_map(schema):
        merged = dict(live)
        for key, item in patch.items():
            merged[key] = merge(child(schema, key), live[key], item) if key in live else copy.deepcopy(item)
        return merged
    if isinstance(live, list) and isinstance(patch, list) and list_type(schema)[0] != "atomic":
        return _merge_lists(schema, live, patch)
    return copy.deepcopy(patch)


def _merge_lists(schema: Schema, live: list[Any], patch: list[Any]) -> list[Any]:
    """The items of both: those of the patch in its order, the others where they were before the next one of it."""
    items = schema.get("items", {})
    mine = {fields.item_key(schema, item): item for item in patch}
    theirs = {fields.item_key(schema, item): item for item in live}
    out: list[Any] = []
    done: set[str] = set()
    order = list(mine)
    for key, item in theirs.items():
        if key not in mine:
            out.append(item)
            continue
        if key in done:
            continue
        for wanted in order[: order.index(key) + 1]:
            if wanted not in done and (wanted == key or wanted not in theirs):
                out.append(merge(items, theirs[wanted], mine[wanted]) if wanted in theirs else mine[wanted])
                done.add(wanted)
    out += [copy.deepcopy(mine[key]) for key in order if key not in done]
    return out


def apply(schema: Schema, live: Object, patch: Object, manager: Manager, now: str, *, force: bool) -> Object:
    """The object after an apply, with its owners noted. `live` has just its metadata where the object is new."""
    owners = read_owners(live)
    mine = fields.owned(schema, patch)
    before: PathSet = owners[manager].fields if manager in owners else frozenset()
    merged: Object = merge(schema, live, {k: v for k, v in patch.items() if k not in ("apiVersion", "kind")})
    merged = _without_dropped(schema, merged, before, mine, owners, manager)
    changed, removed = fields.compare(schema, live, merged)
    conflicts = [
        (other, path) for other, owner in owners.items() if other != manager for path in sorted(owner.fields & changed)
    ]
    if conflicts and not force:
        raise _conflict(conflicts)
    for other, owner in list(owners.items()):
        if other != manager:
            taken = frozenset(path for who, path in conflicts if who == other)
            owners[other] = _Owner(owner.fields - taken - removed, owner.time)
    kept_time = owners[manager].time if manager in owners and before == mine and not (changed or removed) else now
    owners[manager] = _Owner(mine, kept_time)
    write_owners(merged, owners)
    return merged


def _without_dropped(
    schema: Schema, merged: Object, before: PathSet, mine: PathSet, owners: Owners, manager: Manager
) -> Object:
    """Without what this manager applied before and no longer does, as far as nobody else owns it or a part of it."""
    others = {path for other, owner in owners.items() if other != manager for path in owner.fields}
    keep = {path[:i] for path in (others | mine) for i in range(1, len(path) + 1)}
    dropped = frozenset(path for path in before - mine if path not in keep)
    result: Object = fields.remove(schema, merged, dropped) if dropped else merged
    return result


def _conflict(conflicts: list[tuple[Manager, fields.Path]]) -> StatusError:
    by_manager: dict[str, list[str]] = {}
    for manager, path in conflicts:
        by_manager.setdefault(manager.words(), []).append(fields.dotted(path))
    causes = [
        {"reason": "FieldManagerConflict", "message": f"conflict with {words}", "field": path}
        for words, paths in by_manager.items()
        for path in paths
    ]
    if len(conflicts) == 1:
        words, paths = next(iter(by_manager.items()))
        message = f"Apply failed with 1 conflict: conflict with {words}: {paths[0]}"
    else:
        listed = "\n".join(
            f"conflicts with {words}:\n" + "\n".join(f"- {path}" for path in paths)
            for words, paths in by_manager.items()
        )
        message = f"Apply failed with {len(conflicts)} conflicts: {listed}"
    return StatusError(HTTPStatus.CONFLICT, "Conflict", message, {"causes": causes})


def untyped(schema: Schema, value: Any, path: str = "", *, closed: bool = True) -> str:
    """Why an applied object does not fit its schema: its first field that is not declared (where `closed`) or that is
    a map, a list or a scalar where it should be another; empty where it fits."""
    wanted, actual = _SHAPES.get(schema.get("type", ""), ""), _shape(value)
    if value is not None and wanted and actual != wanted:
        return f"{path}: expected {wanted}, got {actual}"
    if isinstance(value, dict):
        only = closed and bool(schema.get("properties")) and not schema.get("additionalProperties")
        only = only and not schema.get("x-kubernetes-preserve-unknown-fields")
        for key, item in value.items():
            if not path and key in ("apiVersion", "kind"):
                continue
            if only and key not in schema["properties"]:
                return f"{path}.{key}: field not declared in schema"
            if found := untyped(child(schema, key), item, f"{path}.{key}", closed=closed):
                return found
    elif isinstance(value, list):
        for item in value:
            if found := untyped(schema.get("items", {}), item, path, closed=closed):
                return found
        if list_type(schema)[0] == "map" and not all(isinstance(item, dict) for item in value):
            return f"{path}: associative list with keys may not have non-map elements"
    return ""


_SHAPES = {"object": "map", "array": "list", "string": "scalar", "integer": "scalar", "boolean": "scalar"}


def _shape(value: Any) -> str:
    return "map" if isinstance(value, dict) else "list" if isinstance(value, list) else "scalar"
