"""The objects of one embedded cluster: what etcd and the watch cache are to a real API server.

Objects are plain JSON dictionaries, kept by collection (`(group, plural)`), namespace and name, with `apiVersion` and
`kind` set. **They are never changed in place**: whoever wants to change one copies it and calls `update`. Every write
takes the next number of one counter, which becomes its resourceVersion, and is announced to subscribers in order,
at once. Each object is encoded at most once; lists and watches send those bytes.
"""

from __future__ import annotations

import bisect
import copy
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from .status import MODIFIED, already_exists, conflict, expired, not_found

Object = dict[str, Any]
Collection = tuple[str, str]
"""Group and plural."""
Key = tuple[Collection, str, str]
"""Collection, namespace ("" for what has none) and name."""

NAMESPACES: Collection = ("", "namespaces")
SECRETS: Collection = ("", "secrets")
SERVICE_ACCOUNTS: Collection = ("", "serviceaccounts")
CONFIG_MAPS: Collection = ("", "configmaps")
PODS: Collection = ("", "pods")
EVENTS: Collection = ("", "events")
NODES: Collection = ("", "nodes")
ROLES: Collection = ("rbac.authorization.k8s.io", "roles")
ROLE_BINDINGS: Collection = ("rbac.authorization.k8s.io", "rolebindings")
CLUSTER_ROLES: Collection = ("rbac.authorization.k8s.io", "clusterroles")
CLUSTER_ROLE_BINDINGS: Collection = ("rbac.authorization.k8s.io", "clusterrolebindings")
LEASES: Collection = ("coordination.k8s.io", "leases")
CSI_DRIVERS: Collection = ("storage.k8s.io", "csidrivers")
DEFINITIONS: Collection = ("apiextensions.k8s.io", "customresourcedefinitions")

_encode = msgspec.json.Encoder().encode


def rfc3339(moment: datetime) -> str:
    """A time as objects carry it: UTC, whole seconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Stored:
    """One state of one object, with its encoded forms."""

    __slots__ = ("_bare", "_metadata", "key", "object", "version")

    def __init__(self, key: Key, obj: Object, version: int) -> None:
        self.key = key
        self.object = obj
        self.version = version
        self._bare: bytes | None = None
        self._metadata: bytes | None = None

    @property
    def bare(self) -> bytes:
        """The object in JSON without `apiVersion` and `kind`, so that one encoding serves every version and list."""
        if self._bare is None:
            self._bare = _encode({k: v for k, v in self.object.items() if k not in ("apiVersion", "kind")})
        return self._bare

    @property
    def metadata(self) -> bytes:
        """The metadata in JSON."""
        if self._metadata is None:
            self._metadata = _encode(self.object["metadata"])
        return self._metadata


@dataclass(frozen=True, slots=True)
class Change:
    """One write. `type` is ADDED, MODIFIED or DELETED; for the last, `now` is the final state, with its own version."""

    type: str
    now: Stored
    before: Stored | None

    @property
    def version(self) -> int:
        """The resourceVersion of this write."""
        return self.now.version

    @property
    def collection(self) -> Collection:
        """Where it happened."""
        return self.now.key[0]


_SNAPSHOTS_LAST: Final = timedelta(seconds=75)
Subscriber = Callable[[Change], None]
Items = list[Stored]
Objects = list[Object]


class Storage:
    """All objects of one cluster. Synchronous; belongs to one event loop."""

    def __init__(
        self,
        clock: Callable[[], datetime],
        *,
        history: int = 20_000,
        new_id: Callable[[str], str] = lambda path: str(uuid.uuid4()),
        snapshots: bool = False,
    ) -> None:
        """`snapshots`: lists of a forgotten moment are still read for a while, as servers since 1.34 do."""
        self._clock = clock
        self.new_id = new_id
        """The UID of the next object."""
        self._objects: dict[Collection, dict[tuple[str, str], Stored]] = {}
        self._sorted: dict[Collection, list[Stored] | None] = {}
        self._log: deque[Change] = deque(maxlen=history)
        self._floor = 0
        """From which version on watches can begin."""
        self._snapshots = snapshots
        self._compacted: tuple[int, datetime] | None = None
        """The oldest version that is still read though it is forgotten, and since when that is so."""
        self._subscribers: dict[int, tuple[Subscriber, Collection | None]] = {}
        self._next_subscriber = 0
        self.version = 1
        """The resourceVersion of the last write."""

    # Reading

    def get(self, collection: Collection, name: str, namespace: str = "") -> Object | None:
        """The object, None where there is none. Do not change it."""
        found = self._objects.get(collection, {}).get((namespace, name))
        return found.object if found is not None else None

    def stored(self, collection: Collection, name: str, namespace: str = "") -> Stored | None:
        """The object with its encoded forms."""
        return self._objects.get(collection, {}).get((namespace, name))

    def list(self, collection: Collection, namespace: str | None = None) -> Objects:
        """The objects of a collection by namespace and name; of every namespace where none is named."""
        return [item.object for item in self.items(collection, namespace)]

    def items(self, collection: Collection, namespace: str | None = None) -> Items:
        """As `list`, with the encoded forms."""
        ordered = self._sorted.get(collection)
        if ordered is None:
            found = self._objects.get(collection, {})
            ordered = [found[key] for key in sorted(found)]
            self._sorted[collection] = ordered
        if namespace is None:
            return ordered
        low = bisect.bisect_left(ordered, namespace, key=lambda item: item.key[1])
        high = bisect.bisect_right(ordered, namespace, key=lambda item: item.key[1])
        return ordered[low:high]

    def collections(self) -> Iterator[Collection]:
        """Every collection that ever held an object."""
        return iter(tuple(self._objects))

    # Writing

    def create(self, collection: Collection, obj: Object, *, dry_run: bool = False) -> Object:
        """Store a new object; gives it uid, creationTimestamp and resourceVersion. Takes `obj` over."""
        metadata = obj["metadata"]
        namespace, name = metadata.get("namespace", ""), metadata["name"]
        objects = self._objects.setdefault(collection, {})
        if (namespace, name) in objects:
            raise already_exists(*collection, name)
        metadata.setdefault("uid", self.new_id(f"{'/'.join(collection)}/{namespace}/{name}"))
        metadata.setdefault("creationTimestamp", rfc3339(self._clock()))
        metadata.pop("resourceVersion", None)
        if not dry_run:
            self._write("ADDED", (collection, namespace, name), obj, None)
        return obj

    def update(
        self, collection: Collection, obj: Object, *, version: str | None = None, dry_run: bool = False
    ) -> Object:
        """Replace an object; `version` refuses where the stored one is another. What changes nothing is no write.

        An object that is being deleted and whose last finalizer this takes away is deleted.
        """
        metadata = obj["metadata"]
        namespace, name = metadata.get("namespace", ""), metadata["name"]
        before = self.stored(collection, name, namespace)
        if before is None:
            raise not_found(*collection, name)
        if version and version != str(before.version):
            raise conflict(*collection, name, MODIFIED)
        metadata["resourceVersion"] = str(before.version)
        if metadata.get("deletionTimestamp") and not finalizers(collection, obj):
            if not dry_run:
                self._write("DELETED", before.key, obj, before)
            return obj
        if obj != before.object and not dry_run:
            self._write("MODIFIED", before.key, obj, before)
        return obj

    def delete(
        self,
        collection: Collection,
        name: str,
        namespace: str = "",
        *,
        uid: str | None = None,
        version: str | None = None,
        dry_run: bool = False,
    ) -> tuple[Object, bool]:
        """Delete an object, or mark it where finalizers hold it. Gives its last state, and whether it is gone."""
        before = self.stored(collection, name, namespace)
        if before is None:
            raise not_found(*collection, name)
        metadata = before.object["metadata"]
        if uid is not None and uid != metadata["uid"]:
            why = f"Precondition failed: UID in precondition: {uid}, UID in object meta: {metadata['uid']}"
            raise conflict(*collection, name, why)
        if version is not None and version != str(before.version):
            why = (
                f"Precondition failed: ResourceVersion in precondition: {version}, "
                f"ResourceVersion in object meta: {before.version}"
            )
            raise conflict(*collection, name, why)
        if finalizers(collection, before.object):
            if metadata.get("deletionTimestamp"):
                return before.object, False
            marked = copy.deepcopy(before.object)
            marked["metadata"]["deletionTimestamp"] = rfc3339(self._clock())
            if collection == NAMESPACES:
                marked["status"] = {"phase": "Terminating"}
            else:
                marked["metadata"]["deletionGracePeriodSeconds"] = 0
            if "generation" in marked["metadata"]:
                marked["metadata"]["generation"] += 1
            if not dry_run:
                self._write("MODIFIED", before.key, marked, before)
            return marked, False
        if not dry_run:
            self._write("DELETED", before.key, copy.deepcopy(before.object), before)
        return before.object, True

    def _write(self, kind: str, key: Key, obj: Object, before: Stored | None) -> None:
        collection, objects = key[0], self._objects.setdefault(key[0], {})
        self.version += 1
        obj["metadata"]["resourceVersion"] = str(self.version)
        now = Stored(key, obj, self.version)
        if kind == "DELETED":
            del objects[key[1:]]
        else:
            objects[key[1:]] = now
        self._sorted[collection] = None
        if self._log.maxlen is not None and len(self._log) == self._log.maxlen:
            self._floor = max(self._floor, self._log[0].version)
            if self._compacted is not None:
                self._compacted = max(self._compacted[0], self._log[0].version), self._compacted[1]
        change = Change(kind, now, before)
        self._log.append(change)
        for subscriber, wanted in tuple(self._subscribers.values()):
            if wanted is None or wanted == collection:
                subscriber(change)

    # Following

    def subscribe(self, subscriber: Subscriber, collection: Collection | None = None) -> Callable[[], None]:
        """Call `subscriber` with every change from now on, of one collection or of all. Returns how to stop."""
        number = self._next_subscriber = self._next_subscriber + 1
        self._subscribers[number] = (subscriber, collection)

        def stop() -> None:
            self._subscribers.pop(number, None)

        return stop

    def changes(self, collection: Collection, after: int) -> Iterable[Change]:
        """The changes of a collection after a version. Raises 410 where they are no longer all known."""
        if after < self._floor:
            raise expired(f"too old resource version: {after} ({self._floor})")
        start = bisect.bisect_right(self._log, after, key=lambda change: change.version)
        return [self._log[i] for i in range(start, len(self._log)) if self._log[i].collection == collection]

    def compact(self) -> None:
        """Forget the history: watches and continue tokens from before now answer 410; with snapshots, those later."""
        if self._snapshots:
            self._compacted = self._oldest(), self._clock()
        self._floor = self.version
        if not self._snapshots:
            self._log.clear()

    def _oldest(self) -> int:
        """The oldest version that lists can still be read at."""
        if self._compacted is not None and self._clock() - self._compacted[1] < _SNAPSHOTS_LAST:
            return self._compacted[0]
        return self._floor

    def at(self, collection: Collection, version: int) -> Items:
        """What a collection held at a version, by namespace and name. Raises 410 where that is no longer known.

        The history is walked back from now, so that nothing has to be kept for a list that is read in pages.
        """
        if version >= self.version:
            return self.items(collection)
        if version < self._oldest():
            raise expired("The resourceVersion for the provided list is too old.")
        objects = dict(self._objects.get(collection, {}))
        for change in reversed(self._log):
            if change.version <= version:
                break
            if change.collection == collection:
                if change.before is None:
                    objects.pop(change.now.key[1:], None)
                else:
                    objects[change.now.key[1:]] = change.before
        return [objects[key] for key in sorted(objects)]


def finalizers(collection: Collection, obj: Object) -> list[str]:
    """What holds an object back from being deleted; namespaces have some of their own in `spec`."""
    held = list(obj["metadata"].get("finalizers") or ())
    if collection == NAMESPACES:
        held += obj.get("spec", {}).get("finalizers") or ()
    return held
