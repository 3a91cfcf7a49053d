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


def _message(described: str, **parts: Any) -> Message:
    """A message from `NUMBER=NAME` and `NUMBER=NAME:TYPE`; text without a type, `s*` is a list, `{s}` a map.

    Fields called as one of `parts` have that type.
    """
    fields: Message = {}
    for field in described.split():
        number, _, named = field.partition("=")
        name, _, kind = named.partition(":")
        written: Any = [kind[0]] if kind.endswith("*") else ("map", kind[1]) if kind.startswith("{") else kind or "s"
        fields[int(number)] = (name, parts.get(name, written))
    return fields


_META: Message = _message(
    "1=name 2=generateName 3=namespace 5=uid 6=resourceVersion 11=labels:{s} 12=annotations:{s} 13=ownerReferences "
    "14=finalizers:s*",
    ownerReferences=[_message("1=kind 3=name 4=uid 5=apiVersion 6=controller:? 7=blockOwnerDeletion:?")],
)


def _object(described: str = "", **parts: Any) -> Message:
    """A message that begins with an object's metadata."""
    return {1: ("metadata", _META)} | _message(described, **parts)


def _spec(described: str, **parts: Any) -> Message:
    return _object("2=spec", spec=_message(described, **parts))


_TIME: Message = _message("1=seconds:i 2=nanos:i")
_REFERENCE = _message("1=kind 2=namespace 3=name 4=uid 5=apiVersion 6=resourceVersion 7=fieldPath")
_ROLE = _object(
    "2=rules", rules=[_message("1=verbs:s* 2=apiGroups:s* 3=resources:s* 4=resourceNames:s* 5=nonResourceURLs:s*")]
)
_BINDING = _object(
    "2=subjects 3=roleRef",
    subjects=[_message("1=kind 2=apiGroup 3=name 4=namespace")],
    roleRef=_message("1=apiGroup 2=kind 3=name"),
)
_WANTED = {
    "resourceAttributes": _message("1=namespace 2=verb 3=group 4=version 5=resource 6=subresource 7=name"),
    "nonResourceAttributes": _message("1=path 2=verb"),
}
_ACCESS = _spec("1=resourceAttributes 2=nonResourceAttributes 3=user 4=groups:s* 6=uid", **_WANTED)
_MESSAGES: dict[str, Message] = {
    "Secret": _object("2=data:{b} 3=type 4=stringData:{s} 5=immutable:?"),
    "ConfigMap": _object("2=data:{s} 3=binaryData:{b} 4=immutable:?"),
    "Namespace": _spec("1=finalizers:s*"),
    "ServiceAccount": _object(
        "2=secrets 3=imagePullSecrets 4=automountServiceAccountToken:?",
        secrets=[_REFERENCE],
        imagePullSecrets=[_message("1=name")],
    ),
    "Role": _ROLE,
    "ClusterRole": _ROLE,
    "RoleBinding": _BINDING,
    "ClusterRoleBinding": _BINDING,
    "Lease": _spec("1=holderIdentity 2=leaseDurationSeconds:i 3=acquireTime:t 4=renewTime:t 5=leaseTransitions:i"),
    "TokenRequest": _spec(
        "1=audiences:s* 3=boundObjectRef 4=expirationSeconds:i",
        boundObjectRef=_message("1=kind 2=apiVersion 3=name 4=uid"),
    ),
    "TokenReview": _spec("1=token 2=audiences:s*"),
    "SelfSubjectReview": _object(),
    "SelfSubjectAccessReview": _spec("1=resourceAttributes 2=nonResourceAttributes", **_WANTED),
    "SubjectAccessReview": _ACCESS,
    "LocalSubjectAccessReview": _ACCESS,
    "SelfSubjectRulesReview": _spec("1=namespace"),
    "DeleteOptions": _message(
        "1=gracePeriodSeconds:i 2=preconditions 3=orphanDependents:? 4=propagationPolicy 5=dryRun:s*",
        preconditions=_message("1=uid 2=resourceVersion"),
    ),
}
_ENVELOPE = _message("1=type 2=raw:raw", type=_message("1=apiVersion 2=kind"))


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
        case "raw" | "i":
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
