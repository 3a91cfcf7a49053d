"""The three patches of plain writes: JSON patch, JSON merge patch, and strategic merge patch."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import msgspec

from .fields import item_key
from .schema import Schema, child, list_type
from .status import StatusError, bad_request, invalid, invalid_value

Object = dict[str, Any]

JSON = "application/json-patch+json"
MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
APPLY = "application/apply-patch+yaml"

_MAX_OPERATIONS = 10_000


def rejected() -> StatusError:
    """422 without a cause: how real servers answer a JSON patch that cannot be applied."""
    return StatusError(422, "Invalid", "the server rejected our request due to an error in our request", {})


def json_patch(obj: Object, operations: Any) -> Object:
    """RFC 6902."""
    import jsonpatch  # few ever send one

    if not isinstance(operations, list):
        raise bad_request("json: cannot unmarshal object into Go value of type jsonpatch.Patch")
    if len(operations) > _MAX_OPERATIONS:
        raise bad_request(f"The allowed maximum operations in a JSON patch is {_MAX_OPERATIONS}, got {len(operations)}")
    try:
        result = jsonpatch.apply_patch(obj, operations)
    except (jsonpatch.JsonPatchException, jsonpatch.JsonPointerException, TypeError, KeyError) as error:
        raise rejected() from error
    if not isinstance(result, dict):
        raise rejected()
    return result


def check_object(patch: Any) -> Object:
    """A merge patch has to be an object."""
    if isinstance(patch, dict):
        return patch
    kind = "array" if isinstance(patch, list) else type(patch).__name__
    text = msgspec.json.encode(patch).decode()
    words = f"couldn't get version/kind; json parse error: json: cannot unmarshal {kind} into Go value of type struct"
    raise invalid("", "", "", [invalid_value("patch", text, words)])


def merge_patch(target: Any, patch: Any) -> Any:
    """RFC 7396."""
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge_patch(result.get(key), value)
    return result


_DIRECTIVES = ("$setElementOrder/", "$deleteFromPrimitiveList/")


def strategic_merge(schema: Schema, target: Any, patch: Mapping[str, Any]) -> Any:
    """A merge patch that merges lists by their keys, with the directives that kubectl writes."""
    directive = patch.get("$patch")
    if directive == "replace":
        return {k: copy.deepcopy(v) for k, v in patch.items() if k != "$patch"}
    if directive == "delete":
        return {}
    result: Object = dict(target) if isinstance(target, dict) else {}
    if "$retainKeys" in patch:
        result = {k: v for k, v in result.items() if k in patch["$retainKeys"]}
    for key, value in patch.items():
        if key in ("$patch", "$retainKeys") or key.startswith(_DIRECTIVES):
            continue
        sub = child(schema, key)
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict):
            result[key] = strategic_merge(sub, result.get(key), value)
        elif isinstance(value, list) and list_type(sub)[0] != "atomic":
            result[key] = _merge_list(sub, result.get(key) or [], value)
        else:
            result[key] = copy.deepcopy(value)
    for key, value in patch.items():
        name = key.partition("/")[2]
        if key.startswith("$deleteFromPrimitiveList/") and isinstance(result.get(name), list):
            result[name] = [item for item in result[name] if item not in value]
        elif key.startswith("$setElementOrder/") and isinstance(result.get(name), list):
            result[name] = _reordered(child(schema, name), result[name], value)
    return result


def _merge_list(schema: Schema, target: list[Any], patch: list[Any]) -> list[Any]:
    if any(isinstance(item, dict) and item.get("$patch") == "replace" for item in patch):
        return [copy.deepcopy(item) for item in patch if not (isinstance(item, dict) and item.get("$patch"))]
    found = {item_key(schema, item): item for item in target}
    for item in patch:
        key = item_key(schema, item)
        if isinstance(item, dict):
            if item.get("$patch") == "delete":
                found.pop(key, None)
                continue
            item = strategic_merge(schema.get("items", {}), found.get(key), item)
        found[key] = item
    return list(found.values())


def _reordered(schema: Schema, items: list[Any], order: list[Any]) -> list[Any]:
    """The items in the order that the patch names; what it does not name keeps its place behind what it followed."""
    ranks = {item_key(schema, item): rank for rank, item in enumerate(order)}
    placed: list[tuple[int, int, Any]] = []
    last = -1
    for index, item in enumerate(items):
        last = ranks.get(item_key(schema, item), last)
        placed.append((last, index, item))
    return [item for _, _, item in sorted(placed, key=lambda entry: entry[:2])]
