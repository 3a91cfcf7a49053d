"""Lists in pages: `limit` and `continue`, and starting over when a continue token is too old."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

import msgspec

from .answers import check_list
from .errors import Gone
from .responses import decode

if TYPE_CHECKING:
    from .client import Client

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One part of a list."""

    items: list[T]
    resource_version: str
    more: bool = False
    """Whether another page follows."""
    restarted: bool = False
    """The list began anew (a continue token was too old): forget the pages before this one."""
    remaining: int | None = None


class _ListMeta(msgspec.Struct, rename="camel"):
    resource_version: str = ""
    continue_: str = msgspec.field(default="", name="continue")
    remaining_item_count: int | None = None


class _List(msgspec.Struct, Generic[T]):
    kind: str = ""
    metadata: _ListMeta = msgspec.field(default_factory=_ListMeta)
    items: list[T] | msgspec.UnsetType | None = msgspec.UNSET


@lru_cache(maxsize=64)
def _list_of(type_: Any) -> Any:
    return _List[type_]


async def paged(
    client: Client, path: str, params: dict[str, str], accept: str, first: int, then: int, type_: type[T]
) -> AsyncGenerator[Page[T], None]:
    """The pages of one list."""
    token, limit, restarted = "", first, False
    while True:
        query = dict(params)
        if limit:
            query["limit"] = str(limit)
        if token:
            query["continue"] = token
        try:
            response = await client.request("GET", path, params=query, accept=accept)
        except Gone:
            if not token:
                raise
            # Too slow for the server's memory: like client-go, take everything at once instead of chasing tokens.
            token, limit, restarted = "", 0, True
            continue
        part: _List[T] = decode(response.body, _list_of(cast("Any", type_)), cluster=client.endpoint.name)
        check_list(part.kind, part.items, client.endpoint.name, untyped=type_ is dict)
        token = part.metadata.continue_
        yield Page(
            part.items or [],
            part.metadata.resource_version,
            more=bool(token),
            restarted=restarted,
            remaining=part.metadata.remaining_item_count,
        )
        if not token:
            return
        limit, restarted = then, False
