"""Following one kind of object in one cluster, from the wire into rows.

A `Follower` lists and watches through `tui.kube.reflect`, remembers which rows each object gave, and takes back exactly
those when the object changes or goes. Where the whole cluster may not be listed it looks at one namespace instead.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

import msgspec

from tui.kube.client import Client
from tui.kube.errors import APIError, Forbidden, KubeError, NotFound, ProtocolError
from tui.kube.limits import Ledger
from tui.kube.reflector import Backoff, Listing, Lost, Remove, Synced, Upsert, reflect
from tui.kube.resource import Resource

from .reach import Timing
from .rows import NO_RIGHT, CredentialRow, Row
from .store import FleetStore

_BREATH: Final = 500
"""After so many rows of one page others get their turn, so that a big list never blocks the loop for long."""

RowKey = tuple[type[Row], str]


@dataclass(frozen=True, slots=True)
class Watched:
    """One kind to follow: what to ask for, and which rows an object gives."""

    label: str
    """What people call it, in the plural."""
    resource: Resource
    rows: Callable[[Any], Iterable[Row]]
    type: Any = dict
    metadata_only: bool = False
    labels: str = ""
    fields: str = ""
    seen: Callable[[str, Any | None], None] | None = None
    """Told of every object that came, changed (`namespace/name`, object) or went (None)."""
    told: Told | None = None
    """Told the same, and what of it is known to be whole."""
    optional: bool = False
    """Whether people miss nothing they asked for where it cannot be listed."""
    builtin: bool = False
    """Whether every server has it, so that it need not be asked."""
    any_version: bool = False
    """Whether it is followed in whichever version is served."""
    needs: Resource | None = None
    """It is only looked for where this kind is served."""


class Told(Protocol):
    """Who is told what is listed of a kind, and how much of it that is."""

    def begin(self, namespace: str | None) -> None:
        """A list of this namespace (None: of all) begins."""

    def seen(self, key: str, obj: Any | None) -> None:
        """An object came or changed (`namespace/name`, object), or is not in the list any more (None)."""

    def complete(self) -> None:
        """The list is complete, and is kept true from now on."""

    def lost(self, *, closed: bool = False) -> None:
        """It is not kept true any more; `closed` where it may not be listed here."""

    def forget(self) -> None:
        """It is not followed any more. What it held may still be there."""


class Listener(Protocol):
    """Who a follower reports to: the tasks of its cluster."""

    def kind_settled(self, label: str) -> None:
        """Its list is complete, or it is known why there is none."""

    def kind_missing(self, label: str, reason: str) -> None:
        """Why it cannot be listed, for people; empty where it can."""

    def kind_lost(self, label: str, error: KubeError) -> None:
        """Its list or watch broke; it goes on trying."""


class Follower:
    """Keeps the rows of one kind up to date until it is cancelled."""

    def __init__(self, watched: Watched, store: FleetStore, listener: Listener, *, namespace: str | None) -> None:
        self._watched = watched
        self._store = store
        self._listener = listener
        self._namespace = namespace
        self._rows: dict[str, tuple[RowKey, ...]] = {}
        self._sizes: dict[str, int] = {}
        """Bytes of each object on the wire: what is kept of a cluster has a limit over all kinds."""
        self._ledger: Ledger | None = None
        self._fresh: dict[str, tuple[RowKey, ...]] | None = None
        """What the list that is under way has given so far; None where none is."""

    async def run(self, client: Client, timing: Timing, version: str = "") -> None:
        """Follow it in this version (as it was asked for where none is given)."""
        if version:
            resource = msgspec.structs.replace(self._watched.resource, version=version)
            self._watched = replace(self._watched, resource=resource)
        if self._ledger is not client.ledger:  # a new client knows nothing of what is kept already
            self._ledger = client.ledger
            self._ledger.forget(self._watched.label)
            self._ledger.keep(self._watched.label, sum(self._sizes.values()))
        while True:
            error = await self._follow(client, timing, self._namespace)
            alone = client.endpoint.namespace if self._watched.resource.namespaced else ""
            if self._namespace is None and alone and isinstance(error, Forbidden):
                self._missing(f"only those in namespace {alone}: {_reason(error)} in all namespaces")
                error = await self._follow(client, timing, alone)
            self._missing(_reason(error))
            if isinstance(error, NotFound):
                self.forget()
            else:
                self.mark_stale(closed=isinstance(error, Forbidden))
            self._settled()
            await asyncio.sleep(timing.forbidden)

    def forget(self) -> None:
        """Take back every row."""
        if self._watched.told is not None:
            self._watched.told.forget()
        for key in tuple(self._rows):
            self._drop(key)
        self._sizes.clear()
        if self._ledger is not None:
            self._ledger.forget(self._watched.label)

    def mark_stale(self, *, closed: bool = False) -> None:
        """Say of every credential that it was true once. Rows of other kinds have their cluster's row to say so."""
        if self._watched.told is not None:
            self._watched.told.lost(closed=closed)
        stale = []
        for keys in self._rows.values():
            for kind, key in keys:
                row = self._store.credentials.get(key) if kind is CredentialRow else None
                if row is not None and not row.stale:
                    stale.append(msgspec.structs.replace(row, stale=True))
        self._store.put(*stale)

    async def _follow(self, client: Client, timing: Timing, namespace: str | None) -> KubeError:
        """Until the server says that this kind may not be listed (403) or does not exist (404)."""
        watched = self._watched
        changes = reflect(
            client,
            watched.resource,
            namespace=namespace,
            metadata_only=watched.metadata_only,
            labels=watched.labels,
            fields=watched.fields,
            type=watched.type,
            once=timing.once,
            backoff=Backoff(
                first=timing.retry_first,
                longest=timing.retry_longest,
                first_for_people=timing.login_first,
                longest_for_people=timing.login_longest,
            ),
        )
        self._fresh = None
        if watched.told is not None:
            watched.told.begin(namespace)
        try:
            async for change in changes:
                match change:
                    case Listing(items=items, resets=resets, size=size):
                        await self._page(items, size // max(1, len(items)), resets=resets)
                    case Synced():
                        self._complete(scoped=namespace is not None and self._namespace is None)
                    case Upsert(object=obj, size=size):
                        self._put([obj], size)
                    case Remove(object=obj):
                        self._drop(_key(obj))
                    case Lost(error=error):
                        if isinstance(error, Forbidden | NotFound):
                            return error
                        self._interrupted(error)
        except ProtocolError as error:  # more than may be kept of one cluster: what is too much is not kept at all
            self.forget()
            return error
        finally:
            await changes.aclose()
        raise AssertionError("a reflection never ends on its own")

    async def _page(self, items: Sequence[Any], size: int, *, resets: bool) -> None:
        if resets or self._fresh is None:
            self._fresh = {}
        for start in range(0, len(items), _BREATH):
            part = items[start : start + _BREATH]
            self._fresh.update(self._put(part, size))
            await asyncio.sleep(0)

    def _complete(self, *, scoped: bool) -> None:
        """A list is complete: what it did not hold is gone."""
        fresh, self._fresh = self._fresh, None
        if fresh is not None:
            for key in self._rows.keys() - fresh.keys():
                self._drop(key)
        if self._watched.told is not None:
            self._watched.told.complete()
        if not scoped:
            self._missing("")
        self._settled()

    def _interrupted(self, error: KubeError) -> None:
        """The rows are no longer kept true. Why is said here only where the cluster itself is there."""
        self.mark_stale()
        if isinstance(error, APIError | ProtocolError):
            self._missing(_reason(error))
        self._settled()
        self._listener.kind_lost(self._watched.label, error)

    def _put(self, objects: Iterable[Any], size: int) -> dict[str, tuple[RowKey, ...]]:
        """Keep the rows of objects that take `size` bytes each. Raises ProtocolError where there is too much."""
        put: dict[str, tuple[RowKey, ...]] = {}
        rows: list[Row] = []
        for obj in objects:
            key = _key(obj)
            self._account(key, size)
            given = tuple(self._watched.rows(obj))
            rows += given
            put[key] = tuple((type(row), row.key) for row in given)
            self._retract(set(self._rows.get(key, ())) - set(put[key]))
            self._rows[key] = put[key]
            if self._watched.seen is not None:
                self._watched.seen(key, obj)
            if self._watched.told is not None:
                self._watched.told.seen(key, obj)
        self._store.put(*rows)
        return put

    def _account(self, key: str, size: int) -> None:
        before, self._sizes[key] = self._sizes.get(key, 0), size
        if self._ledger is not None:
            self._ledger.keep(self._watched.label, size - before)

    def _drop(self, key: str) -> None:
        if self._ledger is not None:
            self._ledger.keep(self._watched.label, -self._sizes.pop(key, 0))
        self._retract(self._rows.pop(key, ()))
        if self._fresh is not None:
            self._fresh.pop(key, None)
        if self._watched.seen is not None:
            self._watched.seen(key, None)
        if self._watched.told is not None:
            self._watched.told.seen(key, None)

    def _retract(self, keys: Iterable[RowKey]) -> None:
        for kind, key in keys:
            self._store.drop(kind, key)

    def _missing(self, reason: str) -> None:
        if not self._watched.optional:
            self._listener.kind_missing(self._watched.label, reason)

    def _settled(self) -> None:
        self._listener.kind_settled(self._watched.label)


def _key(obj: Any) -> str:
    """`namespace/name` of an object, decoded or not."""
    if isinstance(obj, dict):
        meta = obj.get("metadata") or {}
        return f"{meta.get('namespace', '')}/{meta.get('name', '')}"
    return f"{obj.metadata.namespace}/{obj.metadata.name}"


def _reason(error: KubeError) -> str:
    if isinstance(error, NotFound):
        return ""
    if isinstance(error, Forbidden):
        return f"{NO_RIGHT} {error.about.verb} {error.about.resource}"
    return error.message
