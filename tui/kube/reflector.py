"""Keeping a list true: list it, watch it, list again where that is needed, for as long as someone listens.

    async for change in reflect(client, SECRETS, metadata_only=True):
        match change: …

A watch that merely ends or breaks is taken up where it stopped. Where that does not work at once the cluster counts as
lost: the listener hears `Lost` with the reason and the wait (exponential, full jitter), and then everything is listed
again, since it is not known what became of the server meanwhile. The generator never ends by itself.
"""

# ruff: noqa: A002 - `type=` reads best where the caller writes it

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Generic

from typing_extensions import TypeVar, Unpack

from .errors import APIError, ConfigError, ConnectionLost, ExecPluginError, Gone, KubeError, NeedsLogin
from .resource import Resource

if TYPE_CHECKING:
    from .client import Client, Selection

T = TypeVar("T", default=dict[str, Any])

_DICT: Any = dict
EARLY_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class Listing(Generic[T]):
    """A page of a list. Where `resets` is true a new list begins: what is not in it until `Synced` is gone."""

    items: list[T]
    more: bool
    resets: bool = False
    remaining: int | None = None
    """How many the server says are still to come, where it does."""
    size: int = 0
    """Bytes that the page takes on the wire."""


@dataclass(frozen=True, slots=True)
class Synced:
    """Everything is there and being watched. Comes after each complete list."""


@dataclass(frozen=True, slots=True)
class Upsert(Generic[T]):
    """An object was added or changed."""

    object: T
    size: int = 0
    """Bytes that it takes on the wire."""


@dataclass(frozen=True, slots=True)
class Remove(Generic[T]):
    """An object was deleted; this is how it looked last."""

    object: T


@dataclass(frozen=True, slots=True)
class Lost:
    """The list is no longer kept true: `error` is why, and in `retry_in` seconds it is tried again."""

    error: KubeError
    retry_in: float


Change = Listing[T] | Synced | Upsert[T] | Remove[T] | Lost


@dataclass(slots=True)
class Backoff:
    """How long to wait after how many failures in a row: exponential with full jitter.

    What only a person can change (rights, logins, configuration) is asked for less often.
    """

    first: float = 1.0
    longest: float = 60.0
    first_for_people: float = 15.0
    longest_for_people: float = 300.0
    steady: float = 30.0
    """A watch that lived this long proves the cluster well: the count starts over."""
    jitter: Callable[[], float] = random.random
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    clock: Callable[[], float] = time.monotonic
    failures: int = field(default=0, init=False)

    def after(self, error: KubeError) -> float:
        """The wait after one more failure."""
        for_people = isinstance(error, (NeedsLogin, ExecPluginError, ConfigError)) or (
            isinstance(error, APIError) and not error.retriable and not isinstance(error, Gone)
        )
        first = self.first_for_people if for_people else self.first
        longest = self.longest_for_people if for_people else self.longest
        ceiling = min(longest, first * 2.0 ** min(self.failures, 16))
        self.failures += 1
        wait = max(float(ceiling * self.jitter()), first / 10)
        asked = error.retry_after if isinstance(error, APIError) else None
        return max(wait, min(asked, longest)) if asked is not None else wait

    def lived(self, seconds: float) -> None:
        """Notes how long a watch lasted."""
        if seconds >= self.steady:
            self.failures = 0


async def reflect(
    client: Client,
    resource: Resource,
    *,
    type: type[T] = _DICT,
    once: bool = False,
    backoff: Backoff | None = None,
    **which: Unpack[Selection],
) -> AsyncGenerator[Change[T], None]:
    """The list as a stream of changes; where it is made `once` nothing comes after it is complete."""
    backoff = backoff or Backoff()
    mirror: _Mirror[T] = _Mirror(client, resource, which, type, once, backoff)
    while True:
        lost: KubeError
        try:
            async with aclosing(mirror.list_and_watch()) as changes:
                async for change in changes:
                    yield change
            continue
        except KubeError as error:
            lost = error
        wait = backoff.after(lost)
        yield Lost(lost, wait)
        await backoff.sleep(wait)


@dataclass(slots=True)
class _Mirror(Generic[T]):
    client: Client
    resource: Resource
    which: Selection
    type: type[T]
    once: bool
    backoff: Backoff

    async def list_and_watch(self) -> AsyncGenerator[Change[T], None]:
        """One list and every watch that follows from it; returns where it must be listed again at once."""
        version, resets = "", True
        pages = self.client.pages(self.resource, type=self.type, **self.which)
        async with aclosing(pages):
            async for page in pages:
                yield Listing(page.items, page.more, resets or page.restarted, page.remaining, page.size)
                version, resets = page.resource_version, False
        yield Synced()
        if self.once:
            await asyncio.Event().wait()
        hiccup = False  # the last watch ended early without having shown anything
        while True:
            started, known = self.backoff.clock(), version
            failure: KubeError | None = None
            try:
                watch = self.client.watch(self.resource, resource_version=version, type=self.type, **self.which)
                async with aclosing(watch) as events:
                    async for event in events:
                        version = event.resource_version or version
                        if event.object is not None:
                            gone = event.type == "DELETED"
                            yield Remove(event.object) if gone else Upsert(event.object, event.size)
            except Gone as error:
                failure = error
            except ConnectionLost as error:
                if hiccup:
                    raise
                failure = error
            lasted = self.backoff.clock() - started
            self.backoff.lived(lasted)
            hiccup = version == known and lasted < EARLY_SECONDS
            if isinstance(failure, Gone):
                if hiccup:  # too old at once, right after a list: do not list in circles
                    raise failure
                return
            if hiccup and failure is None:
                await self.backoff.sleep(1.0)  # a server that ends each watch at once is not asked a thousand times
