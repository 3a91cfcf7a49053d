"""Answers read whole: unpacked in steps, measured as they grow, given up as soon as they are too large to be honest.

What was packed without being asked for is refused, and so is what is packed twice. Between two steps others get their
turn on the event loop, whatever a server sends.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator, Iterator
from typing import Final, Protocol

from .amounts import size as said
from .limits import STEP, values_in
from .responses import Opaque

GZIP: Final = "gzip"
_GZIP_WINDOW: Final = 31
"""zlib's word for the gzip format alone."""
_MEMBERS: Final = 16


class TooLarge(Exception):
    """An answer is larger than it may be; the text says by which measure."""


class Unasked(Exception):
    """An answer is packed in a way that was not requested."""


class Content(Protocol):
    """The body of an answer as it arrives."""

    def iter_any(self) -> AsyncIterator[bytes]:
        """Chunks of any length."""
        ...


def packing(encoding: str | None, *, asked: bool) -> bool:
    """Whether a body with this Content-Encoding is to be unpacked. Raises Unasked, also for two packings at once."""
    named = (encoding or "").strip().lower()
    if named in ("", "identity"):
        return False
    if asked and named == GZIP:
        return True
    raise Unasked("the answer is packed in a way that was not requested")


async def whole(content: Content, *, packed: bool, most: int, values: int) -> Opaque:
    """All of a body, unpacked. Raises TooLarge where it has more bytes than `most` or more JSON values than `values`.

    zlib.error and EOFError say that it was packed wrongly or not to the end.
    """
    parts: list[bytes] = []
    size = counted = since = 0
    unpacker = _Unpacker() if packed else None
    async for chunk in content.iter_any():
        for part in unpacker.steps(chunk) if unpacker is not None else (chunk,):
            parts.append(part)
            size += len(part)
            counted += values_in(part)
            if size > most:
                raise TooLarge(f"the answer is larger than {said(most)}")
            if counted > values:
                raise TooLarge(f"the answer has more than {values} values in it")
            since += len(part)
            if since >= STEP:
                since = 0
                await asyncio.sleep(0)
    if unpacker is not None:
        unpacker.end()
    return Opaque(b"".join(parts))


class _Unpacker:
    """gzip, some bytes at a time."""

    def __init__(self) -> None:
        self._inner = zlib.decompressobj(_GZIP_WINDOW)
        self._empty = True
        self._members = 1

    def steps(self, chunk: bytes) -> Iterator[bytes]:
        """What a chunk unpacks to, in parts of at most one step."""
        while chunk:
            self._empty = False
            if self._inner.eof:  # one member after another is one file, says the format; thousands are an attack
                self._members += 1
                if self._members > _MEMBERS:
                    raise TooLarge("the answer is packed in too many pieces")
                self._inner = zlib.decompressobj(_GZIP_WINDOW)
            part = self._inner.decompress(chunk, STEP)
            chunk = self._inner.unused_data if self._inner.eof else self._inner.unconsumed_tail
            if part:
                yield part

    def end(self) -> None:
        """Nothing more comes. Raises EOFError where something should."""
        if not (self._empty or self._inner.eof):
            raise EOFError
