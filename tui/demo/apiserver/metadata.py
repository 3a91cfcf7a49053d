"""The metadata of objects on the server's side: what a client may set, what the server sets, what never changes."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any

from . import names
from .builtin import OBJECT_META
from .kinds import Kind
from .schema import check
from .status import (
    MODIFIED,
    Cause,
    StatusError,
    bad_request,
    conflict,
    field_forbidden,
    go_value,
    invalid,
    invalid_value,
    required,
)
from .storage import NAMESPACES

Object = dict[str, Any]

# Without vowels, so that no word comes out; the alphabet of the original.
_SUFFIX_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
_SEGMENT_NAMES = "rbac.authorization.k8s.io"
_STANDARD_FINALIZERS = ("kubernetes", "orphan", "foregroundDeletion")
_SERVER_SET = ("uid", "creationTimestamp", "generation", "deletionTimestamp", "deletionGracePeriodSeconds", "selfLink")


def decode_metadata(kind: Kind, obj: Object, *, decoding: str) -> None:
    """Refuse metadata that is not an ObjectMeta, and drop what it does not know."""
    metadata = obj.setdefault("metadata", {})
    if not isinstance(metadata, dict):
        raise bad_request(f"{decoding}: json: cannot unmarshal {type(metadata).__name__} into ObjectMeta")
    for key in list(metadata):
        if metadata[key] is None or key not in OBJECT_META["properties"]:
            del metadata[key]
    for field in ("labels", "annotations"):
        if isinstance(metadata.get(field), dict):
            metadata[field] = {k: "" if v is None else v for k, v in metadata[field].items()}
        if metadata.get(field) == {}:
            del metadata[field]
    for field in ("finalizers", "ownerReferences"):
        if not metadata.get(field, True):
            del metadata[field]
    if problems := check(OBJECT_META, metadata, "metadata"):
        raise bad_request(f"{decoding}: {problems[0].text()}")


def for_create(kind: Kind, obj: Object, namespace: str) -> None:
    """Prepare the metadata of a new object, in place: its namespace, its name, nothing that only the server sets."""
    metadata = obj["metadata"]
    if metadata.get("resourceVersion"):
        raise StatusError(500, "", "resourceVersion should not be set on objects to be created")
    for field in _SERVER_SET:
        metadata.pop(field, None)
    metadata.pop("resourceVersion", None)
    if kind.namespaced:
        metadata["namespace"] = namespace
    else:
        metadata.pop("namespace", None)
    if not metadata.get("name") and metadata.get("generateName"):
        stem = metadata["generateName"][:58]
        metadata["name"] = stem + "".join(secrets.choice(_SUFFIX_ALPHABET) for _ in range(5))
    if kind.generation:
        metadata["generation"] = 1


def for_update(kind: Kind, obj: Object, old: Object, *, must_name_version: bool) -> None:
    """Prepare the metadata of a changed object, in place. Raises 409 for another uid or resourceVersion."""
    metadata, before = obj["metadata"], old["metadata"]
    name = before["name"]
    version = metadata.get("resourceVersion", "")
    if metadata.get("uid") and metadata["uid"] != before["uid"]:
        path = f"{before['namespace']}/{name}" if "namespace" in before else name
        raise other_uid(kind, path, name, metadata["uid"], before["uid"])
    if version in ("", "0"):
        if must_name_version:
            words = "Invalid value: 0: must be specified for an update"
            cause = Cause("FieldValueInvalid", words, "metadata.resourceVersion")
            raise invalid(kind.group, kind.plural, name, [cause])
    elif not version.isdecimal():
        raise StatusError(500, "", f'strconv.ParseUint: parsing "{version}": invalid syntax')
    elif version != before["resourceVersion"]:
        raise conflict(kind.group, kind.plural, name, MODIFIED)
    for field in (*_SERVER_SET, "generateName", "name", "namespace", "resourceVersion"):
        if field in before:
            metadata[field] = before[field]
        elif field != "generateName":
            metadata.pop(field, None)


def other_uid(kind: Kind, path: str, name: str, sent: str, there: str) -> StatusError:
    """409 for a write of an object that is another one by now."""
    why = (
        f"StorageError: invalid object, Code: 4, Key: /registry/{kind.plural}/{path}, ResourceVersion: 0, "
        f"AdditionalErrorMsg: Precondition failed: UID in precondition: {sent}, UID in object meta: {there}"
    )
    return conflict(kind.group, kind.plural, name, why)


def count_generation(kind: Kind, obj: Object, old: Object) -> None:
    """Raise the generation, in place, where something other than metadata and status changed."""
    if not kind.generation:
        return
    ignored = {"metadata", "apiVersion", "kind"} | ({"status"} if kind.status else set())
    before, after = ({k: v for k, v in one.items() if k not in ignored} for one in (old, obj))
    if before != after:
        obj["metadata"]["generation"] = old["metadata"].get("generation", 1) + 1


def check_metadata(kind: Kind, obj: Object, old: Object | None) -> list[Cause]:
    """The causes for which metadata is refused."""
    metadata = obj["metadata"]
    name = metadata.get("name", "")
    causes: list[Cause] = []
    if not name:
        causes.append(required("metadata.name", "name or generateName is required"))
    elif old is None:
        causes += [invalid_value("metadata.name", name, problem) for problem in _name_problems(kind, name)]
    causes += names.check_labels(metadata.get("labels") or {}, "metadata.labels")
    causes += names.check_annotations(metadata.get("annotations") or {}, "metadata.annotations")
    causes += _check_owners(metadata.get("ownerReferences") or ())
    for index, finalizer in enumerate(metadata.get("finalizers") or ()):
        problems = names.qualified_problems(finalizer)
        if not kind.custom and not problems and "/" not in finalizer and finalizer not in _STANDARD_FINALIZERS:
            problems = ["name is neither a standard finalizer name nor is it fully qualified"]
        causes += [invalid_value(f"metadata.finalizers[{index}]", finalizer, problem) for problem in problems]
    if old is not None and old["metadata"].get("deletionTimestamp"):
        held = old["metadata"].get("finalizers") or ()
        added = [finalizer for finalizer in metadata.get("finalizers") or () if finalizer not in held]
        if added:
            shown = "[]string{" + ", ".join(go_value(item) for item in added) + "}"
            words = f"no new finalizers can be added if the object is being deleted, found new finalizers {shown}"
            causes.append(field_forbidden("metadata.finalizers", words))
    return causes


def _check_owners(owners: Sequence[Object]) -> list[Cause]:
    path = "metadata.ownerReferences"
    causes = [
        invalid_value(f"{path}.{field}", "", f"{field} must not be empty")
        for owner in owners
        for field in ("apiVersion", "kind", "name", "uid")
        if not owner.get(field)
    ]
    controllers = [owner.get("name", "") for owner in owners if owner.get("controller")]
    if len(controllers) > 1:
        named = " and ".join(controllers[:2])
        words = f'Only one reference can have Controller set to true. Found "true" in references for {named}'
        causes.append(invalid_value(path, list(owners), words))
    return causes


def _name_problems(kind: Kind, name: str) -> list[str]:
    if kind.group == _SEGMENT_NAMES:
        return names.segment_problems(name)
    if kind.collection == NAMESPACES:
        return names.label_problems(name)
    return names.subdomain_problems(name)
