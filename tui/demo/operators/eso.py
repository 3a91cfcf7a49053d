"""A small External Secrets Operator for an embedded cluster: what becomes of PushSecrets, stores and ExternalSecrets.

It keeps the real one's words and habits: `Ready` with Synced or Errored, no look at the source between two refreshes,
what was pushed to a store is taken out of it when another one is named, and stores of another operator are left alone.
"""

from __future__ import annotations

import copy
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from tui.demo.apiserver.access import Object
from tui.demo.apiserver.status import StatusError
from tui.demo.apiserver.storage import SECRETS, Change, Collection, rfc3339

from .eso_kinds import CLUSTER_STORES, EXTERNAL_SECRETS, PUSH_SECRETS, STORES, definitions
from .eso_provider import Connection, ProviderError, Unknown, connect, store_at
from .objects import made
from .worker import Worker

if TYPE_CHECKING:
    from tui.demo.cluster import EmbeddedCluster

__all__ = ["PushController", "definitions", "run_operator"]

FINALIZER: Final = "pushsecret.externalsecrets.io/finalizer"
_RETRY: Final = 5.0
_STORE_CHECK: Final = 30.0
_DURATION: Final = re.compile(r"([0-9]+)(h|m|s)")
_UNIT: Final = {"h": 3600, "m": 60, "s": 1}

Named = tuple[str, str]


def run_operator(home: EmbeddedCluster, clusters: Mapping[str, EmbeddedCluster]) -> None:
    """Let the operator run in `home`; it can reach `clusters`."""
    home.workers += [
        StoreController(home, clusters, STORES).worker,
        StoreController(home, clusters, CLUSTER_STORES).worker,
        PushController(home, clusters).worker,
        ExternalController(home, clusters).worker,
    ]


class _Controller:
    """What the four have in common: a queue of names, and where they look."""

    collection: Collection

    def __init__(self, home: EmbeddedCluster, clusters: Mapping[str, EmbeddedCluster], *, delay: float = 0.05) -> None:
        self._home = home
        self._clusters = clusters
        self._storage = home.storage
        self.worker: Worker[Named] = Worker(self._reconcile, delay)
        self._storage.subscribe(self._changed, self.collection)
        for found in self._storage.list(self.collection):
            self.worker.add((found["metadata"].get("namespace", ""), found["metadata"]["name"]))

    def _changed(self, change: Change) -> None:
        if change.type != "DELETED":
            self.worker.add(change.now.key[1:])

    def _reconcile(self, key: Named) -> float | None:
        found = self._storage.get(self.collection, key[1], key[0])
        return None if found is None else self._keep(copy.deepcopy(found))

    def _keep(self, obj: Object) -> float | None:
        raise NotImplementedError

    def _wait(self, obj: Object) -> float | None:
        """Seconds until it is looked at again: none where it was changed, None where it never is."""
        status = obj.setdefault("status", {})
        interval = _interval(obj)
        if status.get("syncedResourceVersion") != _mark(obj["metadata"]):
            return 0
        if not interval:
            return None
        due = datetime.fromisoformat(status["refreshTime"]) + timedelta(seconds=interval)
        return max(0.0, (due - self._home.clock()).total_seconds())

    def _failed(self, obj: Object, reason: str, message: str) -> float:
        if _condition(obj["status"], "False", reason, message, self._home.clock()):
            self._storage.update(self.collection, obj)
        return _RETRY

    def _refreshed(self, obj: Object, reason: str, message: str, more: Object) -> float | None:
        now = self._home.clock()
        _condition(obj["status"], "True", reason, message, now)
        obj["status"] |= {"refreshTime": rfc3339(now), "syncedResourceVersion": _mark(obj["metadata"]), **more}
        self._storage.update(self.collection, obj)
        return float(_interval(obj)) or None

    def _connect(self, reference: Object, namespace: str) -> Connection:
        kind = reference.get("kind") or "SecretStore"
        store = store_at(self._home, kind, reference["name"], namespace)
        return connect(self._home, self._clusters, store, namespace)


class StoreController(_Controller):
    """Says of each store whether its login is good for anything."""

    def __init__(self, home: EmbeddedCluster, clusters: Mapping[str, EmbeddedCluster], collection: Collection) -> None:
        self.collection = collection
        super().__init__(home, clusters)

    def _keep(self, store: Object) -> float | None:
        if not _ours(store):
            return None
        status = store.setdefault("status", {})
        said = ("True", "Valid", "store validated")
        try:
            connect(self._home, self._clusters, store).check()
        except Unknown as error:
            said = ("Unknown", "ValidationUnknown", str(error))
        except ProviderError as error:
            reason = "InvalidProviderConfig" if str(error).startswith("could not get client") else "ValidationFailed"
            said = ("False", reason, str(error))
        changed = _condition(status, *said, self._home.clock())
        if changed or status.get("capabilities") != "ReadWrite":
            status["capabilities"] = "ReadWrite"
            self._storage.update(self.collection, store)
        return _STORE_CHECK


class PushController(_Controller):
    """Keeps the PushSecrets."""

    collection = PUSH_SECRETS

    def _keep(self, push: Object) -> float | None:
        metadata, spec = push["metadata"], push["spec"]
        if metadata.get("deletionTimestamp"):
            return self._delete(push)
        if spec.get("deletionPolicy") == "Delete" and FINALIZER not in (metadata.get("finalizers") or ()):
            metadata.setdefault("finalizers", []).append(FINALIZER)
            self._storage.update(PUSH_SECRETS, push)
            return 0.0
        if not self._managed_stores(push):
            return None
        status = push.setdefault("status", {})
        if (wait := self._wait(push)) != 0:
            return wait
        before: Object = status.get("syncedPushSecrets") or {}
        try:
            synced = {_store_key(ref): self._push(push, ref) for ref in spec["secretStoreRefs"]}
            if spec.get("deletionPolicy") == "Delete":
                self._withdraw(metadata["namespace"], before, synced)
        except (ProviderError, StatusError) as error:
            return self._failed(push, "Errored", f"set secret failed: {error}")
        return self._refreshed(push, "Synced", "PushSecret synced successfully", {"syncedPushSecrets": synced})

    def _managed_stores(self, push: Object) -> bool:
        """Whether any of its stores is this operator's; those that are missing count, so that this can be said."""
        for ref in push["spec"]["secretStoreRefs"]:
            try:
                store = store_at(self._home, ref.get("kind", "SecretStore"), ref["name"], push["metadata"]["namespace"])
            except ProviderError:
                return True
            if _ours(store):
                return True
        return False

    def _push(self, push: Object, reference: Object) -> Object:
        namespace, spec = push["metadata"]["namespace"], push["spec"]
        name = (spec["selector"].get("secret") or {}).get("name")
        if not name:
            raise ProviderError("could not get source secret: this operator takes one by its name alone")
        source = self._storage.get(SECRETS, name, namespace)
        if source is None:
            raise ProviderError(f'could not get source secret: secrets "{name}" not found')
        connection = self._connect(reference, namespace)
        shaped = _shaped(spec, source)
        synced: Object = {}
        for entry in spec.get("data") or ():
            connection.push(entry, shaped, replace=spec.get("updatePolicy") != "IfNotExists")
            remote = entry["match"]["remoteRef"]
            synced["/".join(filter(None, (remote["remoteKey"], remote.get("property", ""))))] = entry
        return synced

    def _withdraw(self, namespace: str, before: Object, now: Object) -> None:
        """Take out of every store what is no longer pushed there."""
        for store, entries in before.items():
            gone = [entry for key, entry in entries.items() if key not in now.get(store, {})]
            if gone:
                kind, _, name = store.partition("/")
                connection = self._connect({"kind": kind, "name": name}, namespace)
                for entry in gone:
                    connection.delete(entry)

    def _delete(self, push: Object) -> float | None:
        metadata = push["metadata"]
        if FINALIZER not in (metadata.get("finalizers") or ()):
            return None
        try:
            self._withdraw(metadata["namespace"], (push.get("status") or {}).get("syncedPushSecrets") or {}, {})
        except ProviderError:
            return _RETRY
        metadata["finalizers"].remove(FINALIZER)
        self._storage.update(PUSH_SECRETS, push)
        return None


class ExternalController(_Controller):
    """Keeps the ExternalSecrets: what they name over there becomes a Secret here."""

    collection = EXTERNAL_SECRETS

    def _keep(self, external: Object) -> float | None:
        metadata, spec = external["metadata"], external["spec"]
        if metadata.get("deletionTimestamp"):
            return None
        if (wait := self._wait(external)) != 0:
            return wait
        try:
            if "secretStoreRef" not in spec:
                raise ProviderError("this operator goes through the one store of the object alone")
            connection = self._connect(spec["secretStoreRef"], metadata["namespace"])
            data = dict(_fetched(connection, spec))
        except (ProviderError, StatusError) as error:
            return self._failed(external, "SecretSyncedError", f"could not get secret data from provider: {error}")
        self._write(external, data)
        return self._refreshed(external, "SecretSynced", "secret synced", {})

    def _write(self, external: Object, data: Object) -> None:
        metadata = external["metadata"]
        name = (external["spec"].get("target") or {}).get("name") or metadata["name"]
        found = self._storage.get(SECRETS, name, metadata["namespace"])
        if found is not None:
            changed = copy.deepcopy(found) | {"data": data}
            if changed != found:
                self._storage.update(SECRETS, changed)
            return
        owner = {key: external[key] for key in ("apiVersion", "kind")} | {key: metadata[key] for key in ("name", "uid")}
        secret = made("Secret", name, metadata["namespace"], type="Opaque", data=data)
        secret["metadata"]["ownerReferences"] = [owner]
        self._storage.create(SECRETS, secret)


def _fetched(connection: Connection, spec: Object) -> Iterator[tuple[str, str]]:
    for entry in spec.get("dataFrom") or ():
        yield from (connection.read(entry["extract"]["key"]).get("data") or {}).items()
    for entry in spec.get("data") or ():
        remote = entry["remoteRef"]
        found = connection.read(remote["key"]).get("data") or {}
        if remote.get("property") not in found:
            raise ProviderError(f"property {remote.get('property')} does not exist in key {remote['key']}")
        yield entry["secretKey"], found[remote["property"]]


def _ours(store: Object) -> bool:
    """Whether a store is meant for this operator and no other."""
    return not store["spec"].get("controller")


def _shaped(spec: Object, source: Object) -> Object:
    """What is pushed: any template resets type and metadata, without one the source's are copied."""
    shaping = source if spec.get("template") is None else spec["template"]
    given = shaping.get("metadata") or {}
    metadata = {key: dict(given.get(key) or {}) for key in ("labels", "annotations")}
    return {"type": shaping.get("type") or "Opaque", "metadata": metadata, "data": source.get("data") or {}}


def _store_key(reference: Object) -> str:
    return f"{reference.get('kind') or 'SecretStore'}/{reference['name']}"


def _mark(metadata: Object) -> str:
    """What changes when somebody changes the object itself."""
    notes = json.dumps([metadata.get("annotations"), metadata.get("labels")], sort_keys=True)
    return f"{metadata.get('generation', 1)}-{hashlib.sha256(notes.encode()).hexdigest()[:32]}"


def _condition(status: Object, value: str, reason: str, message: str, now: datetime) -> bool:
    """Set Ready; False where it says that already."""
    wanted = {"type": "Ready", "status": value, "reason": reason, "message": message}
    before: Object = next(iter(status.get("conditions") or ()), {})
    if all(before.get(key) == text for key, text in wanted.items()):
        return False
    status["conditions"] = [wanted | {"lastTransitionTime": rfc3339(now)}]
    return True


def _interval(obj: Object) -> int:
    text = obj["spec"].get("refreshInterval", "1h")
    return sum(int(number) * _UNIT[unit] for number, unit in _DURATION.findall(text))
