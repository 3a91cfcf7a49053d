"""A small External Secrets Operator for the management cluster: its definitions, and what PushSecrets do.

It keeps the real one's order and words: one get and one write for each key, the remote type from the template or the
source, `Ready` with Synced or Errored, and no look at the source between two refreshes.
"""

from __future__ import annotations

import copy
import hashlib
import json
import re
from base64 import b64decode
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from .access import Object
from .status import StatusError
from .storage import SECRETS, Change, rfc3339
from .worker import Worker

if TYPE_CHECKING:
    from .cluster import EmbeddedCluster

GROUP: Final = "external-secrets.io"
PUSH_SECRETS: Final = (GROUP, "pushsecrets")
STORES: Final = (GROUP, "secretstores")
FINALIZER: Final = "pushsecret.externalsecrets.io/finalizer"
_RETRY: Final = 5.0
_DURATION: Final = re.compile(r"([0-9]+)(h|m|s)")
_UNIT: Final = {"h": 3600, "m": 60, "s": 1}

Named = tuple[str, str]


def _open(**properties: Any) -> Object:
    return {"type": "object", "properties": properties}


_STRING: Final = {"type": "string"}
_ANY: Final = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
_TEXTS: Final = {"type": "object", "additionalProperties": _STRING}
_REFERENCE: Final = _open(name=_STRING, namespace=_STRING, key=_STRING)
_CONDITIONS: Final = {
    "type": "array",
    "items": _open(type=_STRING, status=_STRING, reason=_STRING, message=_STRING, lastTransitionTime=_STRING),
}
_KUBERNETES: Final = _open(
    remoteNamespace=_STRING,
    server=_open(
        url=_STRING,
        caBundle=_STRING,
        caProvider=_open(
            type={"type": "string", "enum": ["Secret", "ConfigMap"]}, name=_STRING, namespace=_STRING, key=_STRING
        ),
    ),
    auth=_open(
        cert=_open(clientCert=_REFERENCE, clientKey=_REFERENCE),
        token=_open(bearerToken=_REFERENCE),
        serviceAccount=_open(name=_STRING, namespace=_STRING, audiences={"type": "array", "items": _STRING}),
    ),
)
_STORE: Final = _open(provider=_open(kubernetes=_KUBERNETES)) | {"required": ["provider"]}
_MATCH: Final = _open(
    secretKey=_STRING, remoteRef=_open(remoteKey=_STRING, property=_STRING) | {"required": ["remoteKey"]}
)
_PUSH: Final = _open(
    refreshInterval=_STRING | {"default": "1h0m0s"},
    deletionPolicy=_STRING | {"enum": ["Delete", "None"], "default": "None"},
    updatePolicy=_STRING | {"enum": ["Replace", "IfNotExists"], "default": "Replace"},
    secretStoreRefs={"type": "array", "items": _open(name=_STRING, kind=_STRING | {"default": "SecretStore"})},
    selector=_open(secret=_open(name=_STRING)),
    template=_open(type=_STRING, metadata=_open(annotations=_TEXTS, labels=_TEXTS)),
    data={"type": "array", "items": _open(match=_MATCH, metadata=_ANY) | {"required": ["match"]}},
) | {"required": ["secretStoreRefs", "selector"]}
_EXTERNAL: Final = _open(
    refreshInterval=_STRING | {"default": "1h0m0s"},
    secretStoreRef=_open(name=_STRING, kind=_STRING),
    target=_open(name=_STRING, creationPolicy=_STRING, deletionPolicy=_STRING),
    data={"type": "array", "items": _open(secretKey=_STRING, remoteRef=_open(key=_STRING, property=_STRING))},
    dataFrom={"type": "array", "items": _open(extract=_open(key=_STRING))},
)
_STATUS: Final = _open(
    conditions=_CONDITIONS,
    capabilities=_STRING,
    refreshTime=_STRING,
    syncedResourceVersion=_STRING,
    syncedPushSecrets=_ANY,
)


def _definition(kind: str, spec: Object, versions: tuple[str, ...], short: str, *, namespaced: bool = True) -> Object:
    plural = f"{kind.lower()}s"
    ready = ".status.conditions[?(@.type=='Ready')]"
    schema = _open(apiVersion=_STRING, kind=_STRING, metadata={"type": "object"}, spec=spec, status=_STATUS)
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "names": {
                "kind": kind,
                "listKind": f"{kind}List",
                "plural": plural,
                "singular": kind.lower(),
                "shortNames": [short],
            },
            "scope": "Namespaced" if namespaced else "Cluster",
            "versions": [
                {
                    "name": version,
                    "served": True,
                    "storage": number == 0,
                    "schema": {"openAPIV3Schema": schema},
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": [
                        {"name": "Age", "jsonPath": ".metadata.creationTimestamp", "type": "date"},
                        {"name": "Status", "jsonPath": f"{ready}.reason", "type": "string"},
                        {"name": "Ready", "jsonPath": f"{ready}.status", "type": "string"},
                    ],
                }
                for number, version in enumerate(versions)
            ],
        },
    }


def definitions(*versions: str) -> tuple[Object, ...]:
    """The definitions, with stores and external secrets in these versions (`v1`, or `v1beta1` before 0.17)."""
    served = versions or ("v1",)
    return tuple(
        copy.deepcopy(definition)
        for definition in (
            _definition("SecretStore", _STORE, served, "ss"),
            _definition("ClusterSecretStore", _STORE, served, "css", namespaced=False),
            _definition("ExternalSecret", _EXTERNAL, served, "es"),
            _definition("PushSecret", _PUSH, ("v1alpha1",), "ps"),
        )
    )


class PushError(Exception):
    """Why a push did not work; the text goes into the condition."""


class PushController:
    """Keeps the PushSecrets of the management cluster."""

    def __init__(
        self, management: EmbeddedCluster, clusters: Mapping[str, EmbeddedCluster], *, delay: float = 0.05
    ) -> None:
        self._management = management
        self._clusters = clusters
        self._storage = management.storage
        self.worker: Worker[Named] = Worker(self._reconcile, delay)
        self._storage.subscribe(self._changed, PUSH_SECRETS)
        for push in self._storage.list(PUSH_SECRETS):
            self.worker.add((push["metadata"]["namespace"], push["metadata"]["name"]))

    def _changed(self, change: Change) -> None:
        if change.type != "DELETED":
            self.worker.add(change.now.key[1:])

    def _reconcile(self, key: Named) -> float | None:
        push = self._storage.get(PUSH_SECRETS, key[1], key[0])
        if push is None:
            return None
        push = copy.deepcopy(push)
        metadata, spec = push["metadata"], push["spec"]
        if metadata.get("deletionTimestamp"):
            return self._delete(push)
        if spec.get("deletionPolicy") == "Delete" and FINALIZER not in (metadata.get("finalizers") or ()):
            metadata.setdefault("finalizers", []).append(FINALIZER)
            self._storage.update(PUSH_SECRETS, push)
            return 0.0
        now = self._management.clock()
        interval = _seconds(spec.get("refreshInterval", "1h"))
        status = push.setdefault("status", {})
        if not _due(status, _mark(metadata), interval, now):
            return None
        try:
            synced = {f"SecretStore/{ref['name']}": self._push(push, ref["name"]) for ref in spec["secretStoreRefs"]}
        except (PushError, StatusError) as error:
            if not _condition(status, "False", "Errored", f"set secret failed: {error}", now):
                return _RETRY
            self._storage.update(PUSH_SECRETS, push)
            return _RETRY
        _condition(status, "True", "Synced", "PushSecret synced successfully", now)
        status |= {
            "refreshTime": rfc3339(now),
            "syncedResourceVersion": _mark(metadata),
            "syncedPushSecrets": synced,
        }
        self._storage.update(PUSH_SECRETS, push)
        return float(interval) if interval else None

    def _push(self, push: Object, store: str) -> Object:
        namespace = push["metadata"]["namespace"]
        target, remote_namespace = self._target(namespace, store)
        name = push["spec"]["selector"]["secret"]["name"]
        source = self._storage.get(SECRETS, name, namespace)
        if source is None:
            raise PushError(f'could not get source secret: secrets "{name}" not found')
        synced: Object = {}
        for entry in push["spec"].get("data") or ():
            match = entry["match"]
            key, remote = match["secretKey"], match["remoteRef"]
            if key not in (source.get("data") or {}):
                raise PushError(f"secret key {key} does not exist")
            self._set(target, remote_namespace, remote, source["data"][key], _shape(push["spec"], source))
            synced[f"{remote['remoteKey']}/{remote['property']}"] = entry
        return synced

    def _set(self, target: EmbeddedCluster, namespace: str, remote: Object, value: str, shape: Object) -> None:
        found = target.storage.get(SECRETS, remote["remoteKey"], namespace)
        if found is None:
            secret = {
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {
                    "name": remote["remoteKey"],
                    "namespace": namespace,
                    "uid": target.new_id(),
                    "creationTimestamp": rfc3339(target.clock()),
                    **copy.deepcopy(shape["metadata"]),
                },
                "type": shape["type"],
                "data": {remote["property"]: value},
            }
            target.storage.create(SECRETS, secret)
        elif (found.get("data") or {}).get(remote["property"]) != value:
            changed = copy.deepcopy(found)
            changed.setdefault("data", {})[remote["property"]] = value
            target.storage.update(SECRETS, changed)

    def _target(self, namespace: str, store: str) -> tuple[EmbeddedCluster, str]:
        found = self._storage.get(STORES, store, namespace)
        if found is None:
            raise PushError(f'could not get SecretStore "{store}", secretstores.{GROUP} "{store}" not found')
        kubernetes = found["spec"]["provider"].get("kubernetes") or {}
        auth = kubernetes["auth"]["cert"]["clientCert"]
        secret = self._storage.get(SECRETS, auth["name"], namespace)
        certificate = b64decode(((secret or {}).get("data") or {}).get(auth["key"], ""))
        if b"BEGIN CERTIFICATE" not in certificate:
            raise PushError(f'could not get client: cannot find secret data for key: "{auth["key"]}"')
        for cluster in self._clusters.values():
            if cluster.url == kubernetes["server"]["url"]:
                return cluster, kubernetes.get("remoteNamespace") or "default"
        raise PushError(f"dial tcp: lookup {kubernetes['server']['url']}: no such host")

    def _delete(self, push: Object) -> float | None:
        metadata = push["metadata"]
        if FINALIZER not in (metadata.get("finalizers") or ()):
            return None
        for store, synced in ((push.get("status") or {}).get("syncedPushSecrets") or {}).items():
            try:
                target, namespace = self._target(metadata["namespace"], store.partition("/")[2])
            except PushError:
                return _RETRY
            for entry in synced.values():
                _unset(target, namespace, entry["match"]["remoteRef"])
        metadata["finalizers"].remove(FINALIZER)
        self._storage.update(PUSH_SECRETS, push)
        return None


def _shape(spec: Object, source: Object) -> Object:
    """Type and metadata of the remote Secret: any template resets them, without one the source's are copied."""
    template = spec.get("template")
    if template is None:
        kept = {key: source["metadata"].get(key) or {} for key in ("labels", "annotations")}
        return {"type": source.get("type", "Opaque"), "metadata": kept}
    given = template.get("metadata") or {}
    metadata = {key: given[key] for key in ("labels", "annotations") if given.get(key)}
    return {"type": template.get("type") or "Opaque", "metadata": metadata}


def _unset(target: EmbeddedCluster, namespace: str, remote: Object) -> None:
    found = target.storage.get(SECRETS, remote["remoteKey"], namespace)
    if found is None:
        return
    changed = copy.deepcopy(found)
    changed.get("data", {}).pop(remote["property"], None)
    if changed.get("data"):
        target.storage.update(SECRETS, changed)
    else:
        target.storage.delete(SECRETS, remote["remoteKey"], namespace)


def _mark(metadata: Object) -> str:
    """What changes when somebody changes the PushSecret itself."""
    notes = json.dumps([metadata.get("annotations"), metadata.get("labels")], sort_keys=True)
    return f"{metadata.get('generation', 1)}-{hashlib.sha256(notes.encode()).hexdigest()[:32]}"


def _due(status: Object, mark: str, interval: int, now: datetime) -> bool:
    if status.get("syncedResourceVersion") != mark:
        return True
    if not interval:
        return False
    refreshed = datetime.fromisoformat(status["refreshTime"])
    return refreshed + timedelta(seconds=interval) <= now


def _condition(status: Object, value: str, reason: str, message: str, now: datetime) -> bool:
    """Set Ready; False where it says that already."""
    wanted = {"type": "Ready", "status": value, "reason": reason, "message": message}
    before: Object = next(iter(status.get("conditions") or ()), {})
    if all(before.get(key) == text for key, text in wanted.items()):
        return False
    status["conditions"] = [wanted | {"lastTransitionTime": rfc3339(now)}]
    return True


def _seconds(text: str) -> int:
    return sum(int(number) * _UNIT[unit] for number, unit in _DURATION.findall(text))
