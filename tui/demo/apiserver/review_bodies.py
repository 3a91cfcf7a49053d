"""What TokenRequest and the reviews may hold, and reading their bodies as a server does: wrong types are a 400."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from .access import Object, UserInfo
from .builtin import headed
from .decoding import decode_object
from .kinds import Kind
from .options import WriteOptions
from .schema import Schema
from .shapes import TEXT, WHOLE, each, listed, mapped, record

AUTHENTICATION: Final = "authentication.k8s.io"
AUTHORIZATION: Final = "authorization.k8s.io"

_ACCESS: Final = {
    "resourceAttributes": record(each("namespace verb group version resource subresource name")),
    "nonResourceAttributes": record(each("path verb")),
}
_SUBJECT: Final = record(each("user uid"), groups=listed(), extra=mapped(listed()), **_ACCESS)
_SPECS: Final[dict[str, Schema]] = {
    "TokenRequest": record(
        audiences=listed(),
        expirationSeconds=WHOLE,
        boundObjectRef=record(each("kind apiVersion name uid")),
    ),
    "TokenReview": record(token=TEXT, audiences=listed()),
    "SelfSubjectReview": record(),
    "SelfSubjectAccessReview": record(_ACCESS),
    "SubjectAccessReview": _SUBJECT,
    "LocalSubjectAccessReview": _SUBJECT,
    "SelfSubjectRulesReview": record(namespace=TEXT),
}
_NOBODY: Final = UserInfo("")


def read(kind: Kind, body: Any) -> Object:
    """The body as an object of `kind` (one of those above). Raises 400 where it is none."""
    return decode_object(replace(kind, schema=headed(spec=_SPECS[kind.kind])), body, WriteOptions(_NOBODY))
