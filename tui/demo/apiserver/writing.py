"""Writes: from a body that a client sent to an object in the storage, with everything a server does in between."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import msgspec

from . import apply as applying, patches
from .access import Admission, Admit
from .decoding import decode_object, other_kind
from .definitions import check_definition, fill_definition
from .kinds import Kind
from .metadata import check_metadata, count_generation, for_create, for_update, other_uid
from .options import DeleteOptions, WriteOptions
from .schema import check, prune
from .status import (
    MODIFIED,
    Cause,
    StatusError,
    already_exists,
    bad_request,
    conflict,
    forbidden,
    go_value,
    invalid,
    invalid_value,
    not_found,
)
from .storage import DEFINITIONS, NAMESPACES, Storage, rfc3339
from .validation import check_kind, fill

Object = dict[str, Any]

_NAMES_NAMESPACES = 21
"""From this minor version on every namespace carries its name as a label."""
_IMMORTAL = ("default", "kube-system", "kube-public")


class Writer:
    """Creates, updates, patches, applies and deletes objects of any kind. Raises `StatusError` for every refusal."""

    def __init__(
        self, storage: Storage, clock: Callable[[], datetime], admit: Sequence[Admit] = (), minor: int = 30
    ) -> None:
        self._storage = storage
        self._clock = clock
        self._admit = admit
        self._minor = minor

    # The five verbs

    def create(self, kind: Kind, namespace: str, body: Any, options: WriteOptions) -> Object:
        """A new object from a whole one."""
        return self._create(kind, namespace, decode_object(kind, body, options), options, None)

    def update(
        self, kind: Kind, namespace: str, name: str, body: Any, options: WriteOptions, subresource: str = ""
    ) -> Object:
        """An object replaced by a whole one."""
        obj = decode_object(kind, body, options)
        if not obj["metadata"].get("name"):
            raise bad_request(f"the name of the object ({name} based on URL) was undeterminable: name must be provided")
        self._check_address(kind, namespace, name, obj)
        old = self._storage.get(kind.collection, name, namespace)
        if old is None:
            if uid := obj["metadata"].get("uid"):
                raise other_uid(kind, f"{namespace}/{name}", name, uid, "")
            raise not_found(kind.group, kind.plural, name)
        return self._update(kind, obj, old, options, subresource, must_name_version=kind.custom)

    def patch(
        self,
        kind: Kind,
        namespace: str,
        name: str,
        body: Any,
        media_type: str,
        options: WriteOptions,
        subresource: str = "",
    ) -> Object:
        """An object changed by a JSON patch, a merge patch or a strategic merge patch."""
        stored = self._storage.get(kind.collection, name, namespace)
        if stored is None:
            raise not_found(kind.group, kind.plural, name)
        old = _as_version(kind, stored)
        if media_type == patches.JSON:
            patched = patches.json_patch(old, body)
        elif media_type == patches.MERGE:
            patched = patches.merge_patch(old, patches.check_object(body))
        else:
            patched = patches.strategic_merge(kind.schema or {}, old, patches.check_object(body))
        try:
            obj = decode_object(kind, copy.deepcopy(patched), options)
        except StatusError as error:
            if error.reason != "BadRequest" or kind.custom:
                raise
            detail = error.message.partition(": ")[2]
            text = f"Invalid value: {go_value(msgspec.json.encode(body).decode())}: {detail}"
            raise invalid("", "", "", [Cause("FieldValueInvalid", text, "patch")]) from error
        self._check_address(kind, namespace, name, obj)
        uid = obj["metadata"].setdefault("uid", old["metadata"]["uid"])
        if uid != old["metadata"]["uid"]:
            raise invalid(kind.group, kind.kind, name, [invalid_value("metadata.uid", uid, "field is immutable")])
        return self._update(kind, obj, old, options, subresource)

    def apply(
        self, kind: Kind, namespace: str, name: str, body: Any, options: WriteOptions, subresource: str = ""
    ) -> tuple[Object, bool]:
        """A server-side apply. Also says whether it created the object."""
        if not isinstance(body, dict):
            raise bad_request(
                "error decoding YAML: error unmarshaling JSON: while decoding JSON: json: cannot unmarshal array into "
                "Go value of type map[string]interface {}"
            )
        if body.get("apiVersion") != kind.api_version:
            words = f"Specified patch version: {body.get('apiVersion', '')}, expected: {kind.api_version}"
            raise bad_request(f"Incorrect version specified in apply patch. {words}")
        if body.get("kind") != kind.kind:
            raise other_kind(kind, kind.api_version, body.get("kind", ""))
        patch = copy.deepcopy(body)
        schema = kind.schema or {}
        problem = applying.untyped(schema, patch, closed=not kind.custom or options.validation == "Strict")
        if problem:
            raise StatusError(500, "", f"failed to create typed patch object: {problem}")
        metadata = patch["metadata"] = patch.get("metadata") or {}
        if metadata.get("managedFields") is not None:
            raise bad_request("metadata.managedFields must be nil")
        if kind.custom:
            prune(schema, patch)
        metadata.setdefault("name", name)
        self._check_address(kind, namespace, name, patch)
        if kind.namespaced:
            metadata["namespace"] = namespace
        manager = applying.Manager(options.manager, "Apply", kind.api_version, subresource)
        now = rfc3339(self._clock())
        old = self._storage.get(kind.collection, name, namespace)
        if old is None:
            if subresource:
                raise not_found(kind.group, kind.plural, name)
            if uid := metadata.get("uid"):
                words = f"uid mismatch: the provided object specified uid {uid}, and no existing object was found"
                raise conflict(kind.group, kind.plural, name, words)
            merged = applying.apply(schema, {"metadata": {}}, patch, manager, now, force=options.force)
            merged |= {"apiVersion": patch["apiVersion"], "kind": patch.get("kind", "")}
            obj = decode_object(kind, merged, options)
            return self._create(kind, namespace, obj, options, merged["metadata"].get("managedFields") or []), True
        old = _as_version(kind, old)
        version = metadata.pop("resourceVersion", None)
        if version and version != old["metadata"]["resourceVersion"]:
            raise conflict(kind.group, kind.plural, name, MODIFIED)
        if metadata.pop("uid", old["metadata"]["uid"]) != old["metadata"]["uid"]:
            raise conflict(kind.group, kind.plural, name, "uid mismatch: the object was deleted and recreated")
        if kind.status:
            patch = _part(patch, subresource)
        merged = applying.apply(schema, old, patch, manager, now, force=options.force)
        obj = decode_object(kind, copy.deepcopy(merged), options)
        entries = merged["metadata"].get("managedFields") or []
        return self._update(kind, obj, old, options, subresource, owners=entries), False

    def delete(self, kind: Kind, namespace: str, name: str, options: DeleteOptions) -> tuple[Object, bool]:
        """Delete one object; gives its last state and whether it is gone."""
        old = self._storage.get(kind.collection, name, namespace)
        if old is None:
            raise not_found(kind.group, kind.plural, name)
        if kind.collection == NAMESPACES and name in _IMMORTAL:
            raise forbidden("", "namespaces", name, "this namespace may not be deleted")
        metadata = old["metadata"]
        for what, wanted, found, happened in (
            ("UID", options.uid, metadata["uid"], "deleted and then recreated"),
            ("ResourceVersion", options.version, metadata["resourceVersion"], "modified"),
        ):
            if wanted is not None and wanted != found:
                why = f"the {what} in the precondition ({wanted}) does not match the {what} in record ({found}). "
                raise conflict(kind.group, kind.kind, name, f"{why}The object might have been {happened}")
        review = Admission("DELETE", kind, namespace, name, options.user, None, old, self._storage, "", options.dry_run)
        for admit in self._admit:
            admit(review)
        if options.propagation == "Orphan" and not options.dry_run:
            self._orphan(metadata["uid"])
        return self._storage.delete(kind.collection, name, namespace, dry_run=options.dry_run)

    # What they share

    def _check_address(self, kind: Kind, namespace: str, name: str, obj: Object) -> None:
        metadata = obj["metadata"]
        given = metadata.setdefault("name", name)
        if given != name:
            raise bad_request(f"the name of the object ({given}) does not match the name on the URL ({name})")
        _check_namespace(kind, namespace, metadata)

    def _create(
        self, kind: Kind, namespace: str, obj: Object, options: WriteOptions, owners: list[Any] | None
    ) -> Object:
        metadata = obj["metadata"]
        _check_namespace(kind, namespace, metadata)
        for_create(kind, obj, namespace)
        if kind.namespaced:
            self._check_home(kind, namespace, metadata.get("name", ""))
        if kind.custom and kind.status:
            obj.pop("status", None)
        self._fill(kind, obj, None)
        self._admitted("CREATE", kind, obj, None, options)
        self._validate(kind, obj, None, "")
        if self._storage.get(kind.collection, metadata["name"], namespace) is not None:
            raise already_exists(kind.group, kind.plural, metadata["name"])
        if owners is None:
            manager = applying.Manager(options.manager, "Update", kind.api_version)
            applying.record_update(kind.schema or {}, None, obj, manager, rfc3339(self._clock()))
        elif owners:
            metadata["managedFields"] = owners
        return self._storage.create(kind.collection, _stored(kind, obj), dry_run=options.dry_run)

    def _update(
        self,
        kind: Kind,
        obj: Object,
        old: Object,
        options: WriteOptions,
        subresource: str,
        *,
        must_name_version: bool = False,
        owners: list[Any] | None = None,
    ) -> Object:
        if subresource in ("status", "finalize"):
            obj = _only(obj, old, "status" if subresource == "status" else "spec")
        elif kind.status:
            obj.pop("status", None)
            if "status" in old:
                obj["status"] = copy.deepcopy(old["status"])
        for_update(kind, obj, old, must_name_version=must_name_version)
        if subresource != "finalize":
            self._fill(kind, obj, old)
        self._admitted("UPDATE", kind, obj, old, options, subresource)
        self._validate(kind, obj, old, subresource)
        if subresource != "status":
            count_generation(kind, obj, old)
        if owners is not None:
            obj["metadata"].pop("managedFields", None)
            if owners:
                obj["metadata"]["managedFields"] = owners
        else:
            manager = applying.Manager(options.manager, "Update", kind.api_version, subresource)
            applying.record_update(kind.schema or {}, old, obj, manager, rfc3339(self._clock()))
        stored = _stored(kind, obj)
        if _without_times(stored) == _without_times(_stored(kind, old)):
            return old
        return self._storage.update(kind.collection, stored, dry_run=options.dry_run)

    def _fill(self, kind: Kind, obj: Object, old: Object | None) -> None:
        if kind.custom:
            return
        if kind.collection == DEFINITIONS:
            if isinstance(obj.get("spec"), dict) and not check_definition(obj, None):
                fill_definition(obj, self._clock())
            return
        if kind.collection == NAMESPACES and self._minor >= _NAMES_NAMESPACES:
            obj["metadata"].setdefault("labels", {})["kubernetes.io/metadata.name"] = obj["metadata"].get("name", "")
        fill(kind, obj, old)

    def _admitted(
        self, operation: str, kind: Kind, obj: Object, old: Object | None, options: WriteOptions, subresource: str = ""
    ) -> None:
        namespace, name = (obj["metadata"].get(field, "") for field in ("namespace", "name"))
        dry_run = options.dry_run
        review = Admission(
            operation, kind, namespace, name, options.user, obj, old, self._storage, subresource, dry_run
        )
        for admit in self._admit:
            admit(review)

    def _validate(self, kind: Kind, obj: Object, old: Object | None, subresource: str) -> None:
        causes = check_metadata(kind, obj, old)
        if kind.custom:
            causes += check(kind.schema or {}, obj)
        elif kind.collection == DEFINITIONS:
            causes += check_definition(obj, old)
        elif not subresource:
            causes += check_kind(kind, obj, old)
        if causes:
            raise invalid(kind.group, kind.kind, obj["metadata"].get("name", ""), causes)

    def _check_home(self, kind: Kind, namespace: str, name: str) -> None:
        home = self._storage.get(NAMESPACES, namespace)
        if home is None:
            raise not_found("", "namespaces", namespace)
        if home["metadata"].get("deletionTimestamp"):
            why = f"unable to create new content in namespace {namespace} because it is being terminated"
            said = f"namespace {namespace} is being terminated"
            cause = Cause("NamespaceTerminating", said, "metadata.namespace")
            raise forbidden(kind.group, kind.plural, name, why, [cause])

    def _orphan(self, uid: str) -> None:
        """Let go of every dependent of an owner."""
        for collection in self._storage.collections():
            for obj in self._storage.list(collection):
                owners = obj["metadata"].get("ownerReferences") or ()
                if any(owner.get("uid") == uid for owner in owners):
                    freed = copy.deepcopy(obj)
                    freed["metadata"]["ownerReferences"] = [owner for owner in owners if owner.get("uid") != uid]
                    self._storage.update(collection, freed)


def _check_namespace(kind: Kind, namespace: str, metadata: Object) -> None:
    given = metadata.get("namespace", "")
    if given and given != namespace and kind.namespaced:
        raise bad_request("the namespace of the provided object does not match the namespace sent on the request")


def _as_version(kind: Kind, obj: Object) -> Object:
    """A stored object in the version of the request."""
    return obj if obj["apiVersion"] == kind.api_version else obj | {"apiVersion": kind.api_version}


def _stored(kind: Kind, obj: Object) -> Object:
    """An object in the version in which it is stored."""
    if not kind.storage_version or kind.storage_version == kind.version:
        return obj
    return obj | {"apiVersion": f"{kind.group}/{kind.storage_version}"}


def _part(patch: Object, subresource: str) -> Object:
    """What an apply may claim: everything but the status, or of the status alone."""
    if subresource == "status":
        return {k: v for k, v in patch.items() if k in ("apiVersion", "kind", "status")} | {"metadata": {}}
    return {k: v for k, v in patch.items() if k != "status"}


def _only(obj: Object, old: Object, part: str) -> Object:
    """The old object with one part of the new one."""
    merged = copy.deepcopy({k: v for k, v in old.items() if k != part})
    if part in obj:
        merged[part] = obj[part]
    merged["metadata"]["resourceVersion"] = obj["metadata"].get("resourceVersion", "")
    merged["metadata"]["uid"] = obj["metadata"].get("uid", merged["metadata"]["uid"])
    if "managedFields" in obj["metadata"]:
        merged["metadata"]["managedFields"] = obj["metadata"]["managedFields"]
    return merged


def _without_times(obj: Object) -> Object:
    """An object to compare: when a manager last wrote makes no difference."""
    metadata = dict(obj["metadata"])
    entries = metadata.pop("managedFields", None) or ()
    metadata["managedFields"] = [{k: v for k, v in entry.items() if k != "time"} for entry in entries]
    return obj | {"metadata": metadata}
