"""Keeping all requests of a cluster, for as long as it is wanted: watched, and looked at again when it is time."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from tui.issuance.errors import ChangedMeanwhile, explain
from tui.issuance.model.cluster_time import ahead, now_at, utc_now
from tui.issuance.model.renewal import retry_at
from tui.kube.reflector import Listing, Lost, Remove, Synced, Upsert, reflect

from .aside import left_to
from .keeper import Keeper, Rest
from .resources import DPU_REQUESTS
from .tending import waits_until

if TYPE_CHECKING:
    from tui.kube.client import Client

Key = tuple[str, str]
AT_ONCE: Final = 4
RESYNC: Final = timedelta(minutes=1)
"""Accounts and Secrets are not watched: each request is looked at this often, whatever its own times are."""
_AGAIN: Final = timedelta(milliseconds=200)
_LEFT: Final = Rest(request=None)
"""It is left to DPF's controller."""
_LONGEST_NAP: Final = 5.0
"""The wall clock may jump; it is looked at this often."""


@dataclass
class Keeping:
    """The loop over the requests of one cluster, or of one namespace of it."""

    keeper: Keeper
    client: Client
    cluster: str
    namespace: str | None = None
    on_rest: Callable[[Key, Rest], None] = lambda key, rest: None
    say: Callable[[str], None] = lambda line: None
    clock: Callable[[], datetime] = utc_now
    resync: timedelta = RESYNC
    take_over: bool = False
    """Keep them although DPF's controller seems to."""
    _objects: dict[Key, Mapping[str, Any]] = field(default_factory=dict)
    _due: dict[Key, datetime] = field(default_factory=dict)
    _failures: dict[Key, int] = field(default_factory=dict)
    _busy: set[Key] = field(default_factory=set)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _synced: bool = False
    _left: dict[Key, str] = field(default_factory=dict)
    """What is left to DPF's controller, and why."""

    async def run(self) -> None:
        """Until it is cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._watch())
            group.create_task(self._work(group))

    async def _watch(self) -> None:
        fresh: dict[Key, Mapping[str, Any]] = {}
        async with aclosing(reflect(self.client, DPU_REQUESTS, namespace=self.namespace)) as changes:
            async for change in changes:
                match change:
                    case Listing(items=items, resets=resets):
                        if resets:
                            fresh = {}
                        fresh |= {_key(item): item for item in items}
                    case Synced():
                        for gone in self._objects.keys() - fresh.keys():
                            self._forget(gone)
                        for item in fresh.values():
                            self._put(item)
                        fresh, self._synced = {}, True
                    case Upsert(object=item):
                        self._put(item)
                    case Remove(object=item):
                        self._forget(_key(item))
                    case Lost(error=error, retry_in=wait):
                        self.say(f"{error}; trying again in {wait:.0f} s")
                self._changed.set()

    def _put(self, item: Mapping[str, Any]) -> None:
        key = _key(item)
        if _essence(self._objects.get(key)) != _essence(item):
            self._due[key] = self.clock()
        self._objects[key] = item

    def _forget(self, key: Key) -> None:
        for kept in (self._objects, self._due, self._failures, self._left):
            kept.pop(key, None)

    async def _work(self, group: asyncio.TaskGroup) -> None:
        slots = asyncio.Semaphore(AT_ONCE)
        while True:
            now = self.clock()
            if self._synced:
                for key in [key for key, due in self._due.items() if due <= now and key not in self._busy]:
                    self._busy.add(key)
                    group.create_task(self._one(key, slots))
            waits = [(due - now).total_seconds() for key, due in self._due.items() if key not in self._busy]
            self._changed.clear()
            try:
                async with asyncio.timeout(min([*(max(wait, 0.05) for wait in waits), _LONGEST_NAP])):
                    await self._changed.wait()
            except TimeoutError:
                continue

    async def _aside(self, key: Key) -> bool:
        """Whether this one is left to DPF's controller; said whenever that changes."""
        if self.take_over or key not in self._objects:
            return False
        item, now = self._objects[key], now_at(self.client, self.clock)
        others = (other for at, other in self._objects.items() if at != key)
        why, before = await left_to(self.client, self.cluster, item, others, now), self._left.get(key, "")
        if bool(why) != bool(before):
            address = f"request:{self.cluster}/{key[0]}/{key[1]}"
            how = f"left to DPF's controller: {why}" if why else "DPF's controller is not seen to keep it any more"
            self.say(f"{address}: {how}")
        self._left[key] = why
        if why:
            new_for = waits_until(item) - now
            again = min(self.resync, new_for) if new_for > timedelta(0) else self.resync
            self._due[key] = self.clock() + again
        return bool(why)

    async def _one(self, key: Key, slots: asyncio.Semaphore) -> None:
        try:
            async with slots:
                rest = await self._reconcile(key)
                if rest is _LEFT:
                    return
                if rest is None:
                    self._due[key] = self.clock() + _AGAIN
                    return
                if key not in self._objects and rest.request is None:
                    self._forget(key)
                else:
                    self._plan(key, rest)
                self.on_rest(key, rest)
        finally:
            self._busy.discard(key)
            self._changed.set()

    async def _reconcile(self, key: Key) -> Rest | None:
        """How it was left; None where it was changed meanwhile, so that it must be looked at again."""
        try:
            if await self._aside(key):
                return _LEFT
            return await self.keeper.reconcile(self.cluster, *key)
        except ChangedMeanwhile:
            return None
        except Exception as error:  # noqa: BLE001 - whatever is wrong with one request, the others are kept
            message, hint = explain(error)
            return Rest(request=None, error=message, hint=hint)

    def _plan(self, key: Key, rest: Rest) -> None:
        now = self.clock()
        if rest.error:
            self._failures[key] = self._failures.get(key, 0) + 1
            ends = rest.request.expires_at if rest.request is not None else None
            expires = ends - ahead(self.client) if ends is not None else None
            self._due[key] = retry_at(now, expires, self._failures[key], random.random())  # noqa: S311
            return
        self._failures.pop(key, None)
        self._due[key] = min(rest.wake or now + self.resync, now + self.resync)


def _key(item: Mapping[str, Any]) -> Key:
    meta = item.get("metadata") or {}
    return str(meta.get("namespace", "")), str(meta.get("name", ""))


def _essence(item: Mapping[str, Any] | None) -> tuple[Any, ...]:
    """What a reconcile depends on; writing its own status must not wake it."""
    meta = (item or {}).get("metadata") or {}
    return meta.get("uid"), meta.get("generation"), meta.get("deletionTimestamp")
