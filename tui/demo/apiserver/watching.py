"""Watches: the changes of a collection as a stream of lines, from a version on, without a gap and without polling."""

from __future__ import annotations

import asyncio
import copy
import time
from collections import deque
from collections.abc import Callable, Iterator
from datetime import datetime

import msgspec
from aiohttp import web

from .encoding import Printer
from .kinds import Kind
from .options import ListOptions, parse_version
from .reading import selector
from .selectors import Test
from .status import StatusError
from .storage import Change, Storage, Stored

_LONGEST = 1800.0
_BACKLOG = 20_000
_LOOK = 5.0
"""Seconds after which a silent watch looks whether its client is still there."""


class Watch:
    """One watch of one client. `run` sends until the time is over, the client leaves, or the server closes."""

    def __init__(
        self,
        storage: Storage,
        kind: Kind,
        namespace: str | None,
        options: ListOptions,
        printer: Printer,
        clock: Callable[[], datetime],
        bookmark_every: float,
    ) -> None:
        self._storage = storage
        self._kind = kind
        self._namespace = namespace
        self._options = options
        self._printer = printer
        self._clock = clock
        self._bookmark_every = bookmark_every
        self._test: Test = selector(kind, options) or (lambda _: True)
        self._after = parse_version(options.version)
        self._pending: deque[Change] = deque()
        self._wake = asyncio.Event()
        self._closing = False

    def close(self) -> None:
        """End the stream cleanly."""
        self._closing = True
        self._wake.set()

    async def run(self, response: web.StreamResponse, request: web.Request) -> None:
        """Send the stream; the response is prepared."""
        stop = self._storage.subscribe(self._arrived, self._kind.collection)
        try:
            try:
                first = list(self._first())
            except StatusError as error:
                await response.write(_line(b"ERROR", msgspec.json.encode(error.body())))
                return
            for start in range(0, len(first), 500):
                await response.write(b"".join(first[start : start + 500]))
            await self._follow(response, request)
        finally:
            stop()

    def _arrived(self, change: Change) -> None:
        self._pending.append(change)
        self._wake.set()

    def _first(self) -> Iterator[bytes]:
        """What the client gets at once: the present as ADDED, or what happened since the version it knows."""
        if self._after == 0 or self._options.initial_events:
            self._after = self._storage.version
            for item in self._storage.items(self._kind.collection, self._namespace):
                if self._test(item.object):
                    yield self._event("ADDED", item)
            if self._options.initial_events and self._options.bookmarks:
                yield self._bookmark({"k8s.io/initial-events-end": "true"})
        elif self._after <= self._storage.version:
            for change in self._storage.changes(self._kind.collection, self._after):
                self._after = change.version
                yield from self._events(change)
            self._after = max(self._after, self._storage.version)

    async def _follow(self, response: web.StreamResponse, request: web.Request) -> None:
        end = time.monotonic() + min(self._options.timeout or _LONGEST, _LONGEST)
        next_bookmark = time.monotonic() + self._bookmark_every
        while not self._closing:
            lines = [line for change in self._drain() for line in self._events(change)]
            if lines:
                await response.write(b"".join(lines))
            now = time.monotonic()
            if now >= end:
                break
            if self._options.bookmarks and now >= next_bookmark:
                await response.write(self._bookmark())
                next_bookmark = now + self._bookmark_every
            if request.transport is None or request.transport.is_closing() or len(self._pending) > _BACKLOG:
                return
            self._wake.clear()
            if self._pending or self._closing:
                continue
            limit = min(end, next_bookmark, now + _LOOK) if self._options.bookmarks else min(end, now + _LOOK)
            try:
                async with asyncio.timeout(max(limit - now, 0.001)):
                    await self._wake.wait()
            except TimeoutError:
                continue
        if self._options.bookmarks and not self._closing:
            await response.write(self._bookmark())

    def _drain(self) -> Iterator[Change]:
        while self._pending:
            change = self._pending.popleft()
            if change.version > self._after:
                self._after = change.version
                yield change

    def _events(self, change: Change) -> Iterator[bytes]:
        """What this client sees of a change: an object that leaves its selection is deleted for it."""
        if self._namespace is not None and change.now.key[1] != self._namespace:
            return
        before = change.before is not None and self._test(change.before.object)
        after = change.type != "DELETED" and self._test(change.now.object)
        if after:
            yield self._event("MODIFIED" if before else "ADDED", change.now)
        elif before:
            yield self._event("DELETED", change.now if change.type == "DELETED" else _left(change))

    def _event(self, kind: str, item: Stored) -> bytes:
        return _line(kind.encode(), self._printer.event(item, self._clock()))

    def _bookmark(self, annotations: dict[str, str] | None = None) -> bytes:
        version = max(self._after, self._storage.version) if not self._pending else self._after
        return _line(b"BOOKMARK", self._printer.bookmark(version, annotations))


def _left(change: Change) -> Stored:
    """The last state that a client saw of an object that left its selection, with the version of the change."""
    assert change.before is not None
    last = copy.deepcopy(change.before.object)
    last["metadata"]["resourceVersion"] = str(change.version)
    return Stored(change.before.key, last, change.version)


def _line(kind: bytes, obj: bytes) -> bytes:
    return b'{"type":"%s","object":%s}\n' % (kind, obj)
