"""Reading the protobuf bodies that kubectl's typed clients send (`create secret`, `create token`, `auth can-i`).

Answers are always JSON, which those clients accept as well. A message is described by its fields' numbers, names and
types; a body whose kind is not described here is refused, and fields that are not described are skipped.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from .status import bad_request

Message = dict[int, tuple[str, Any]]
"""Field number to name and type: "s" text, "b" bytes, "i" integer, "?" truth, "t" time, a message, or a list with one
of them for a repeated field. `("map", "s")` is a map of text to that type."""

MEDIA_TYPE = "application/vnd.kubernetes.protobuf"
_MAGIC = b"k8s\x00"

_TIME: Message = {1: ("seconds", "i"), 2: ("nanos", "i")}
_OWNER: Message = {
    1: ("kind", "s"),
    3: ("name", "s"),
    4: ("uid", "s"),
    5: ("apiVersion", "s"),
    6: ("controller", "?"),
    7: ("blockOwnerDeletion", "?"),
}
_META: Message = {
    1: ("name", "s"),
    2: ("generateName", "s"),
    3: ("namespace", "s"),
    5: ("uid", "s"),
    6: ("resourceVersion", "s"),
    11: ("labels", ("map", "s")),
    12: ("annotations", ("map", "s")),
    13: ("ownerReferences", [_OWNER]),
    14: ("finalizers", ["s"]),
}
_REFERENCE: Message = {
    1: ("kind", "s"),
    2: ("namespace", "s"),
    3: ("name", "s"),
    4: ("uid", "s"),
    5: ("apiVersion", "s"),
    6: ("resourceVersion", "s"),
    7: ("fieldPath", "s"),
}
_RULE: Message = {
    1: ("verbs", ["s"]),
    2: ("apiGroups", ["s"]),
    3: ("resources", ["s"]),
    4: ("resourceNames", ["s"]),
    5: ("nonResourceURLs", ["s"]),
}
_SUBJECT: Message = {1: ("kind", "s"), 2: ("apiGroup", "s"), 3: ("name", "s"), 4: ("namespace", "s")}
_ROLE_REF: Message = {1: ("apiGroup", "s"), 2: ("kind", "s"), 3: ("name", "s")}
_ROLE: Message = {1: ("metadata", _META), 2: ("rules", [_RULE])}
_BINDING: Message = {1: ("metadata", _META), 2: ("subjects", [_SUBJECT]), 3: ("roleRef", _ROLE_REF)}
_RESOURCE_ATTRIBUTES: Message = {
    1: ("namespace", "s"),
    2: ("verb", "s"),
    3: ("group", "s"),
    4: ("version", "s"),
    5: ("resource", "s"),
    6: ("subresource", "s"),
    7: ("name", "s"),
}
_PATH_ATTRIBUTES: Message = {1: ("path", "s"), 2: ("verb", "s")}
_SELF_ACCESS: Message = {
    1: ("resourceAttributes", _RESOURCE_ATTRIBUTES),
    2: ("nonResourceAttributes", _PATH_ATTRIBUTES),
}
_ACCESS: Message = _SELF_ACCESS | {3: ("user", "s"), 4: ("groups", ["s"]), 6: ("uid", "s")}
_TOKEN_SPEC: Message = {
    1: ("audiences", ["s"]),
    3: ("boundObjectRef", {1: ("kind", "s"), 2: ("apiVersion", "s"), 3: ("name", "s"), 4: ("uid", "s")}),
    4: ("expirationSeconds", "i"),
}
_LEASE_SPEC: Message = {
    1: ("holderIdentity", "s"),
    2: ("leaseDurationSeconds", "i"),
    3: ("acquireTime", "t"),
    4: ("renewTime", "t"),
    5: ("leaseTransitions", "i"),
}


def _with_spec(spec: Message) -> Message:
    return {1: ("metadata", _META), 2: ("spec", spec)}


_MESSAGES: dict[str, Message] = {
    "Secret": {
        1: ("metadata", _META),
        2: ("data", ("map", "b")),
        3: ("type", "s"),
        4: ("stringData", ("map", "s")),
        5: ("immutable", "?"),
    },
    "ConfigMap": {
        1: ("metadata", _META),
        2: ("data", ("map", "s")),
        3: ("binaryData", ("map", "b")),
        4: ("immutable", "?"),
    },
    "Namespace": {1: ("metadata", _META), 2: ("spec", {1: ("finalizers", ["s"])})},
    "ServiceAccount": {
        1: ("metadata", _META),
        2: ("secrets", [_REFERENCE]),
        3: ("imagePullSecrets", [{1: ("name", "s")}]),
        4: ("automountServiceAccountToken", "?"),
    },
    "Role": _ROLE,
    "ClusterRole": _ROLE,
    "RoleBinding": _BINDING,
    "ClusterRoleBinding": _BINDING,
    "Lease": _with_spec(_LEASE_SPEC),
    "TokenRequest": _with_spec(_TOKEN_SPEC),
    "TokenReview": _with_spec({1: ("token", "s"), 2: ("audiences", ["s"])}),
    "SelfSubjectReview": {1: ("metadata", _META)},
    "SelfSubjectAccessReview": _with_spec(_SELF_ACCESS),
    "SubjectAccessReview": _with_spec(_ACCESS),
    "LocalSubjectAccessReview": _with_spec(_ACCESS),
    "SelfSubjectRulesReview": _with_spec({1: ("namespace", "s")}),
    "DeleteOptions": {
        1: ("gracePeriodSeconds", "i"),
        2: ("preconditions", {1: ("uid", "s"), 2: ("resourceVersion", "s")}),
        3: ("orphanDependents", "?"),
        4: ("propagationPolicy", "s"),
        5: ("dryRun", ["s"]),
    },
}
_ENVELOPE: Message = {1: ("type", {1: ("apiVersion", "s"), 2: ("kind", "s")}), 2: ("raw", "raw")}


def decode(body: bytes) -> dict[str, Any]:
    """A body as the JSON object that it stands for."""
    if not body.startswith(_MAGIC):
        raise bad_request("provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]")
    try:
        envelope = _read(body[len(_MAGIC) :], _ENVELOPE)
        head = envelope.get("type", {})
        message = _MESSAGES.get(head.get("kind", ""))
        if message is None:
            raise bad_request(f"no protobuf description of the kind {head.get('kind', '')!r}; send JSON")
        return {"apiVersion": head.get("apiVersion", ""), "kind": head["kind"]} | _read(envelope["raw"], message)
    except (IndexError, ValueError, KeyError) as error:
        raise bad_request(f"cannot read the protobuf body: {type(error).__name__}") from error


def _read(data: bytes, message: Message) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for number, value in _parts(data):
        if number not in message:
            continue
        name, kind = message[number]
        if isinstance(kind, list):
            out.setdefault(name, []).append(_value(value, kind[0]))
        elif isinstance(kind, tuple):
            entry = _read(_bytes(value), {1: ("key", "s"), 2: ("value", kind[1])})
            out.setdefault(name, {})[entry.get("key", "")] = entry.get("value", "")
        else:
            read = _value(value, kind)
            if read != "":
                out[name] = read
    return out


def _value(value: int | bytes, kind: Any) -> Any:
    match kind:
        case "s":
            return _bytes(value).decode()
        case "b":
            return base64.b64encode(_bytes(value)).decode()
        case "raw":
            return value
        case "i":
            return value
        case "?":
            return bool(value)
        case "t":
            parts = _read(_bytes(value), _TIME)
            moment = datetime.fromtimestamp(parts.get("seconds", 0), UTC)
            return moment.strftime("%Y-%m-%dT%H:%M:%S") + f".{parts.get('nanos', 0) // 1000:06d}Z"
        case _:
            return _read(_bytes(value), kind)


def _bytes(value: int | bytes) -> bytes:
    if isinstance(value, int):
        raise ValueError("a number where a message was expected")
    return value


def _parts(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """The fields of a message: number and content."""
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        match tag & 7:
            case 0:
                value, at = _varint(data, at)
                yield tag >> 3, value
            case 2:
                length, at = _varint(data, at)
                if at + length > len(data):
                    raise ValueError("cut short")
                yield tag >> 3, data[at : at + length]
                at += length
            case 1:
                at += 8
            case 5:
                at += 4
            case _:
                raise ValueError("unknown wire type")


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return (value - (1 << 64) if value >= 1 << 63 else value), at
        shift += 7
        if shift > 63:
            raise ValueError("a number that is too long")
