"""From stored objects to the bytes of answers: single objects, lists, tables, and the events of watches.

Objects are encoded once, without `apiVersion` and `kind`; here those bytes are put into their frames.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec

from .kinds import Kind
from .negotiation import Shape
from .storage import Stored
from .tables import cells, definitions

_encode = msgspec.json.Encoder().encode
_PARTIAL = b'{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1","metadata":'


def _headed(kind: str, api_version: str, bare: bytes) -> bytes:
    return b'{"kind":"%s","apiVersion":"%s",%s' % (kind.encode(), api_version.encode(), bare[1:])


def whole(kind: Kind, item: Stored) -> bytes:
    """An object with its kind and version."""
    return _headed(kind.kind, kind.api_version, item.bare)


def plain(kind: Kind, obj: dict[str, Any]) -> bytes:
    """An object that is not stored in this state (a dry run)."""
    head = {"kind": kind.kind, "apiVersion": kind.api_version}
    return _encode(head | {k: v for k, v in obj.items() if k not in head})


def partial(item: Stored) -> bytes:
    """Only the metadata of an object."""
    return _PARTIAL + item.metadata + b"}"


class Printer:
    """Writes objects of one kind in one shape."""

    def __init__(self, kind: Kind, shape: Shape, now: datetime, include: str = "") -> None:
        self._kind = kind
        self._shape = shape
        self._now = now
        self._include = include or "Metadata"
        self._declared = False

    def one(self, item: Stored) -> bytes:
        """One object, as the answer to a get."""
        match self._shape:
            case Shape.TABLE:
                return self._table([item], {"resourceVersion": str(item.version)})
            case Shape.METADATA:
                return partial(item)
            case _:
                return whole(self._kind, item)

    def event(self, item: Stored, now: datetime) -> bytes:
        """One object, as a watch sends it. A table's columns are declared in the first event only."""
        self._now = now
        return self.one(item)

    def many(self, items: Sequence[Stored], metadata: dict[str, Any]) -> bytes:
        """A list."""
        match self._shape:
            case Shape.TABLE:
                return self._table(items, metadata)
            case Shape.METADATA:
                return _list("PartialObjectMetadataList", "meta.k8s.io/v1", metadata, map(partial, items))
            case _:
                kind = self._kind
                bodies = (whole(kind, item) for item in items) if kind.custom else (item.bare for item in items)
                return _list(kind.lists_as, kind.api_version, metadata, bodies)

    def bookmark(self, version: int, annotations: dict[str, str] | None = None) -> bytes:
        """The object of a bookmark: nothing but a resourceVersion."""
        metadata: dict[str, Any] = {"resourceVersion": str(version), "creationTimestamp": None}
        if annotations:
            metadata["annotations"] = annotations
        match self._shape:
            case Shape.TABLE:
                return self._table([], {"resourceVersion": str(version)})
            case Shape.METADATA:
                return _PARTIAL + _encode(metadata) + b"}"
            case _:
                return _headed(self._kind.kind, self._kind.api_version, _encode({"metadata": metadata}))

    def _table(self, items: Iterable[Stored], metadata: dict[str, Any]) -> bytes:
        columns = [] if self._declared else definitions(self._kind.columns)
        self._declared = True
        rows = b",".join(self._row(item) for item in items)
        head = b'{"kind":"Table","apiVersion":"meta.k8s.io/v1","metadata":%s,"columnDefinitions":%s,"rows":[%s]}'
        return head % (_encode(metadata), _encode(columns), rows)

    def _row(self, item: Stored) -> bytes:
        line = _encode(cells(self._kind.columns, item.object, self._now))
        shown = whole(self._kind, item) if self._include == "Object" else partial(item)
        if self._include == "None":
            shown = b"null"
        return b'{"cells":%s,"object":%s}' % (line, shown)


def _list(kind: str, api_version: str, metadata: dict[str, Any], bodies: Iterable[bytes]) -> bytes:
    return _headed(kind, api_version, b'{"metadata":%s,"items":[%s]}\n' % (_encode(metadata), b",".join(bodies)))
