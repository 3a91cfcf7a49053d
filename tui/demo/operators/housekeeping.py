"""Controllers that clean up and publish: namespaces that end, objects whose owners are gone, the cluster's CA."""

from __future__ import annotations

import copy
from typing import Final

from tui.demo.apiserver.access import Object
from tui.demo.apiserver.kinds import Registry
from tui.demo.apiserver.storage import CONFIG_MAPS, NAMESPACES, Change, Collection, Key, Storage

from .account_controllers import is_active
from .objects import made
from .worker import Worker

ROOT_CA: Final = "kube-root-ca.crt"
_AGAIN: Final = 0.1


class NamespaceController:
    """Empties a namespace that is being deleted, then lets it go."""

    def __init__(self, storage: Storage, delay: float) -> None:
        self._storage = storage
        self.worker: Worker[str] = Worker(self._reconcile, delay)
        storage.subscribe(self._changed, NAMESPACES)

    def _changed(self, change: Change) -> None:
        if change.type != "DELETED" and change.now.object["metadata"].get("deletionTimestamp"):
            self.worker.add(change.now.key[2])

    def _reconcile(self, name: str) -> float | None:
        namespace = self._storage.get(NAMESPACES, name)
        if namespace is None or not namespace["metadata"].get("deletionTimestamp"):
            return None
        left = 0
        for collection in self._storage.collections():
            for obj in self._storage.list(collection, name) if collection != NAMESPACES else ():
                _, gone = self._storage.delete(collection, obj["metadata"]["name"], name)
                left += not gone
        if left:
            return _AGAIN
        finished = copy.deepcopy(namespace)
        finished["spec"] = {k: v for k, v in (namespace.get("spec") or {}).items() if k != "finalizers"}
        self._storage.update(NAMESPACES, finished)
        return None


class RootCAPublisher:
    """Every active namespace has a ConfigMap with the cluster's CA."""

    def __init__(self, storage: Storage, ca: bytes, delay: float) -> None:
        self._storage = storage
        self._data = {"ca.crt": ca.decode()}
        self.worker: Worker[str] = Worker(self._reconcile, delay)
        storage.subscribe(self._namespace, NAMESPACES)
        storage.subscribe(self._config_map, CONFIG_MAPS)
        for namespace in storage.list(NAMESPACES):
            self.worker.add(namespace["metadata"]["name"])

    def _namespace(self, change: Change) -> None:
        if change.type == "ADDED":
            self.worker.add(change.now.key[2])

    def _config_map(self, change: Change) -> None:
        _, namespace, name = change.now.key
        if name == ROOT_CA:
            self.worker.add(namespace)

    def _reconcile(self, namespace: str) -> None:
        if not is_active(self._storage, namespace):
            return
        found = self._storage.get(CONFIG_MAPS, ROOT_CA, namespace)
        if found is None:
            self._storage.create(CONFIG_MAPS, made("ConfigMap", ROOT_CA, namespace, data=dict(self._data)))
        elif found.get("data") != self._data:
            self._storage.update(CONFIG_MAPS, copy.deepcopy(found) | {"data": dict(self._data)})


class GarbageCollector:
    """Deletes an object when the last of its owners is gone."""

    def __init__(self, storage: Storage, kinds: Registry, delay: float) -> None:
        self._storage = storage
        self._kinds = kinds
        self._dependents: dict[str, set[Key]] = {}
        self.worker: Worker[Key] = Worker(self._reconcile, delay)
        storage.subscribe(self._changed)
        for collection in storage.collections():
            for obj in storage.list(collection):
                self._index((collection, obj["metadata"].get("namespace", ""), obj["metadata"]["name"]), obj)

    def _index(self, key: Key, obj: Object) -> None:
        owners = obj["metadata"].get("ownerReferences") or ()
        for owner in owners:
            self._dependents.setdefault(owner["uid"], set()).add(key)
        if owners:
            self.worker.add(key)

    def _changed(self, change: Change) -> None:
        if change.type == "DELETED":
            for key in self._dependents.pop(change.now.object["metadata"]["uid"], ()):
                self.worker.add(key)
        elif "ownerReferences" in change.now.object["metadata"]:
            self._index(change.now.key, change.now.object)

    def _reconcile(self, key: Key) -> None:
        collection, namespace, name = key
        obj = self._storage.get(collection, name, namespace)
        if obj is None or obj["metadata"].get("deletionTimestamp"):
            return
        owners = obj["metadata"].get("ownerReferences") or ()
        if owners and not any(self._exists(owner, namespace) for owner in owners):
            self._storage.delete(collection, name, namespace, uid=obj["metadata"]["uid"])

    def _exists(self, owner: Object, namespace: str) -> bool:
        kind = self._kinds.by_kind(owner["apiVersion"], owner["kind"])
        if kind is None:
            return True
        collection: Collection = kind.collection
        found = self._storage.get(collection, owner["name"], namespace if kind.namespaced else "")
        return found is not None and found["metadata"]["uid"] == owner["uid"]
