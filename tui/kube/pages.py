"""Lists in pages: `limit` and `continue`, and starting over when a continue token is too old."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

import msgspec

from .amounts import size as said
from .answers import check_list
from .errors import Gone, ProtocolError
from .limits import STEP
from .responses import decode, decode_each

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
    size: int = 0
    """Bytes that its objects take on the wire."""


class _ListMeta(msgspec.Struct, rename="camel"):
    resource_version: str = ""
    continue_: str = msgspec.field(default="", name="continue")
    remaining_item_count: int | None = None


class _List(msgspec.Struct):
    kind: str = ""
    metadata: _ListMeta = msgspec.field(default_factory=_ListMeta)
    items: list[msgspec.Raw] | msgspec.UnsetType | None = msgspec.UNSET


async def paged(
    client: Client, path: str, params: dict[str, str], accept: str, first: int, then: int, type_: type[T]
) -> AsyncGenerator[Page[T], None]:
    """The pages of one list."""
    sizes, cluster = client.sizes, client.endpoint.name
    token, limit, restarted = "", min(first, sizes.asked), False
    total = pages = 0
    while True:
        query = dict(params)
        if limit:
            query["limit"] = str(limit)
        if token:
            query["continue"] = token
        try:
            response = await client.request("GET", path, params=query, accept=accept, most=sizes.page)
        except Gone:
            if not token:
                raise
            # Too slow for the server's memory: like client-go, take everything at once instead of chasing tokens.
            token, limit, restarted, total = "", 0, True, 0
            continue
        part = decode(response.body, _List, cluster=cluster)
        check_list(part.kind, part.items, cluster, untyped=False)
        raw = part.items or []
        total, pages = total + len(response.body), pages + 1
        if len(raw) > sizes.objects:
            raise ProtocolError(f"a page of the list has more than {sizes.objects} objects", cluster=cluster)
        if total > sizes.kept or pages > sizes.pages:
            what = f"larger than {said(sizes.kept)}" if total > sizes.kept else f"in more than {sizes.pages} pages"
            raise ProtocolError(f"the list is {what}", cluster=cluster, hint="look at one namespace with -n")
        items = await _decoded(raw, type_, cluster)
        check_list(part.kind, items, cluster, untyped=type_ is dict)
        token = part.metadata.continue_
        yield Page(
            items,
            part.metadata.resource_version,
            more=bool(token),
            restarted=restarted,
            remaining=part.metadata.remaining_item_count,
            size=len(response.body),
        )
        if not token:
            return
        limit, restarted = min(then, sizes.asked), False


async def _decoded(raw: list[msgspec.Raw], type_: type[T], cluster: str) -> list[T]:
    """The objects of a page. Decoding holds Python's lock, in a thread as well, so it is done in steps."""
    items: list[T] = []
    begin = size = 0
    for end, one in enumerate(raw, start=1):
        size += len(one)
        if size >= STEP or end == len(raw):
            items += decode_each(raw[begin:end], type_, cluster=cluster)
            begin, size = end, 0
            await asyncio.sleep(0)
    return items
