"""`.metadata.name` and its like: where people who know kubectl look for what stands beside a row's own fields here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

WORD: Final = "metadata"
_FIELDS: Final = {
    "name": ("name",), "namespace": ("namespace",), "uid": ("uid",), "labels": ("labels",),
    "creationTimestamp": ("createdAt", "issuedAt"),
}  # fmt: skip
"""By kubectl's word for it, what it is called here."""


def with_metadata(item: Mapping[str, Any]) -> dict[str, Any]:
    """A row's document with what kubectl's words find there; its own fields stay as they are."""
    found = {
        word: next(item[name] for name in names if item.get(name) is not None)
        for word, names in _FIELDS.items()
        if any(item.get(name) is not None for name in names)
    }
    return {WORD: found, **item} if found else dict(item)


def as_kubectl_asks(document: Mapping[str, Any]) -> dict[str, Any]:
    """The same for a list: each of its items, and where it has one that one's, as kubectl prints what has a name."""
    items = document.get("items")
    if not isinstance(items, list):
        return with_metadata(document)
    seen = [with_metadata(item) if isinstance(item, dict) else item for item in items]
    alone = {WORD: seen[0][WORD]} if len(seen) == 1 and isinstance(seen[0], dict) and WORD in seen[0] else {}
    return {**alone, **document, "items": seen}
