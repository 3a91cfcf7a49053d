"""What TokenRequest and the reviews may hold, and reading their bodies as a server does: wrong types are a 400."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from .access import Object, UserInfo
from .builtin import OBJECT_META
from .decoding import decode_object
from .kinds import Kind
from .options import WriteOptions
from .schema import Schema

AUTHENTICATION: Final = "authentication.k8s.io"
AUTHORIZATION: Final = "authorization.k8s.io"

_S: Final[Schema] = {"type": "string"}
_STRINGS: Final[Schema] = {"type": "array", "items": _S}


def _object(**properties: Schema) -> Schema:
    return {"type": "object", "properties": properties}


_RESOURCE: Final = _object(
    **dict.fromkeys(("namespace", "verb", "group", "version", "resource", "subresource", "name"), _S)
)
_ACCESS: Final = {"resourceAttributes": _RESOURCE, "nonResourceAttributes": _object(path=_S, verb=_S)}
_SUBJECT: Final = _object(
    user=_S, uid=_S, groups=_STRINGS, extra={"type": "object", "additionalProperties": _STRINGS}, **_ACCESS
)
_SPECS: Final[dict[str, Schema]] = {
    "TokenRequest": _object(
        audiences=_STRINGS,
        expirationSeconds={"type": "integer"},
        boundObjectRef=_object(kind=_S, apiVersion=_S, name=_S, uid=_S),
    ),
    "TokenReview": _object(token=_S, audiences=_STRINGS),
    "SelfSubjectReview": _object(),
    "SelfSubjectAccessReview": _object(**_ACCESS),
    "SubjectAccessReview": _SUBJECT,
    "LocalSubjectAccessReview": _SUBJECT,
    "SelfSubjectRulesReview": _object(namespace=_S),
}
_NOBODY: Final = UserInfo("")


def read(kind: Kind, body: Any) -> Object:
    """The body as an object of `kind` (one of those above). Raises 400 where it is none."""
    properties = {"apiVersion": _S, "kind": _S, "metadata": OBJECT_META, "spec": _SPECS[kind.kind]}
    schema: Schema = {"type": "object", "properties": properties}
    return decode_object(replace(kind, schema=schema), body, WriteOptions(_NOBODY))
