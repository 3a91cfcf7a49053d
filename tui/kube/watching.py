"""A watch: one request whose answer is a line of JSON for every change."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Generic, TypeVar

import msgspec

from .amounts import size as said
from .answers import is_object
from .errors import ProtocolError
from .limits import Sizes, values_in
from .request_info import describe
from .responses import Opaque, Request, Status, decode, refusal, status_error

if TYPE_CHECKING:
    from .client import Client

T = TypeVar("T")

CHANGES: Final = frozenset({"ADDED", "MODIFIED", "DELETED"})


@dataclass(frozen=True, slots=True)
class WatchEvent(Generic[T]):
    """`type` is ADDED, MODIFIED, DELETED or BOOKMARK; a bookmark has no object, only its resource version."""

    type: str
    object: T | None
    resource_version: str
    size: int = 0
    """Bytes that the object takes on the wire."""


class _Event(msgspec.Struct):
    type: str
    object: msgspec.Raw = msgspec.Raw()


class _Meta(msgspec.Struct, rename="camel"):
    resource_version: str = ""


class _Versioned(msgspec.Struct):
    metadata: _Meta = msgspec.field(default_factory=_Meta)


async def watched(
    client: Client, path: str, params: dict[str, str], accept: str, type_: type[T]
) -> AsyncGenerator[WatchEvent[T], None]:
    """The events of one watch until the server ends it.

    Raises KubeError: a refusal, or what the server says in an ERROR event.
    """
    cluster, info = client.endpoint.name, describe("GET", path, params)
    stream = await client.session.stream(Request("GET", path, params, {"Accept": accept}, client.timeouts.read))
    try:
        if stream.status >= 300:
            raise refusal(await stream.whole(), info, cluster)
        async for line in _lines(stream.chunks(), cluster, client.sizes):
            event = decode(line, _Event, cluster=cluster)
            raw = Opaque(event.object)
            if event.type == "ERROR":
                raise status_error(decode(raw, Status, cluster=cluster), info, cluster)
            version = decode(raw, _Versioned, cluster=cluster).metadata.resource_version
            if event.type == "BOOKMARK":
                yield WatchEvent(event.type, None, version)
            elif event.type in CHANGES:
                changed = decode(raw, type_, cluster=cluster)
                if type_ is dict and not is_object(changed):
                    raise ProtocolError("a watch event holds no object", cluster=cluster)
                yield WatchEvent(event.type, changed, version, len(raw))
    finally:
        await stream.close()


async def _lines(chunks: AsyncIterator[bytes], cluster: str, sizes: Sizes) -> AsyncIterator[Opaque]:
    """Whole lines out of chunks that end anywhere. Raises ProtocolError for one that is too large."""
    rest = bytearray()
    async for chunk in chunks:
        if b"\n" not in chunk:
            rest += chunk
            if len(rest) > sizes.event:
                raise ProtocolError(f"a watch event is larger than {said(sizes.event)}", cluster=cluster)
            continue
        *whole, tail = chunk.split(b"\n")
        whole[0] = bytes(rest) + whole[0]
        rest = bytearray(tail)
        for line in whole:
            if line.strip():
                _check(line, sizes, cluster)
                yield Opaque(line)
    if rest.strip():  # not a server's way of ending; whatever it is, it is not passed over
        _check(rest, sizes, cluster)
        yield Opaque(rest)


def _check(line: bytes | bytearray, sizes: Sizes, cluster: str) -> None:
    if len(line) > sizes.event:
        raise ProtocolError(f"a watch event is larger than {said(sizes.event)}", cluster=cluster)
    if values_in(line) > sizes.values:
        raise ProtocolError(f"a watch event has more than {sizes.values} values in it", cluster=cluster)
