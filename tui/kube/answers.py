"""Whether an answer is one that an API server gives to this very request.

Whatever stands between client and server (a balancer, a login page, a gateway) may answer 200 as well, or 404, and so
may a hostile server. What is done next depends on it: a handle that is "deleted" is never looked for again. So an
answer counts only where it says what API servers say: the object that was asked for by kind, name and UID; a Status
of success for a deletion; a Status that names the object where it is said not to be there.

The decisions are pure functions: what was asked and what came back in, what is wrong in words out.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import msgspec

from .errors import APIError, KubeError, NotFound, ProtocolError
from .request_info import RequestInfo
from .responses import Opaque, decode, decoder, masked

STATUS: Final = "Status"
METADATA_KIND: Final = "PartialObjectMetadata"
_SHORT: Final = 64 * 1024
"""Bytes. A Status is short; what is longer is read as what it should be, and refused there where it is not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What an answer must fit."""

    info: RequestInfo
    kind: str = ""
    """The kind of the object to come; empty where any may (a subresource has kinds of its own)."""
    name: str = ""
    """Its name; empty where the server chooses it, or there is none (a review)."""
    uid: str = ""
    """Its UID, where only that very one was meant."""
    kept: bool = True
    """Whether the server keeps such objects, so that it has a UID; a review or a token request is only answered."""


class Details(msgspec.Struct, frozen=True):
    """`Status.details`, as far as it names what a Status is about."""

    name: str = ""
    uid: str = ""


class Head(msgspec.Struct, frozen=True):
    """What every answer of an API server begins with, be it an object or a Status."""

    kind: str = ""
    metadata: Meta | None = None
    status: msgspec.Raw = msgspec.Raw()
    """An object's own status, or a Status's word."""
    message: msgspec.Raw = msgspec.Raw()
    details: msgspec.Raw = msgspec.Raw()

    @property
    def word(self) -> str:
        """`Success` or `Failure` of a Status; empty for everything else."""
        return _read(self.status, str, "") if self.kind == STATUS else ""

    @property
    def about(self) -> Details:
        """What a Status is about."""
        found: Details = _read(self.details, Details, Details())
        return found


class Meta(msgspec.Struct, frozen=True, rename="camel"):
    """The part of ObjectMeta by which one object is told from another."""

    name: str = ""
    uid: str = ""
    deletion_timestamp: str | None = None


class _MadeMeta(msgspec.Struct, frozen=True, rename="camel"):
    creation_timestamp: datetime | None = None


class _Made(msgspec.Struct, frozen=True):
    metadata: _MadeMeta = msgspec.field(default_factory=_MadeMeta)


def wrong_object(asked: Asked, head: Head) -> str:
    """What is wrong with the answer to a request for one object, created, changed or read; empty where nothing is."""
    if head.kind == STATUS:
        return _of_status(head, "the object")
    meta = head.metadata
    if meta is None or not head.kind:
        return "it is not an object: kind or metadata is missing"
    if asked.kind and head.kind not in (asked.kind, METADATA_KIND):
        return f"it is a {masked(head.kind)}, asked was a {asked.kind}"
    if asked.name and meta.name != asked.name:
        return f"it is {masked(meta.name) or 'something without a name'}, asked was {asked.name}"
    if asked.uid and meta.uid != asked.uid:
        return "it has another UID than the requested object"
    if asked.kept and not meta.uid:
        return "it has no UID, so it was never stored"
    return ""


def wrong_deletion(asked: Asked, head: Head) -> str:
    """What is wrong with the answer to a deletion; empty where it says that this very object went, or is on its way."""
    if head.kind != STATUS:
        return wrong_object(asked, head)
    if head.word != "Success":
        return _of_status(head, "success")
    about = head.about
    if asked.name and about.name and about.name != asked.name:
        return f"it speaks of {masked(about.name)}, asked was {asked.name}"
    if asked.uid and about.uid != asked.uid:
        return "it does not name the UID that was to be deleted"
    return ""


def wrong_list(kind: str, *, items: bool) -> str:
    """What is wrong with the answer to a list; `items` says whether it has any such field. An empty list has one."""
    if kind == STATUS:
        return "it is a Status where a list belongs"
    if not items or not (kind == "" or kind.endswith("List")):
        return "it is not a list"
    return ""


def wrong_else(head: Head) -> str:
    """What is wrong with any other answer: what is neither an object nor a list is never a Status."""
    return _of_status(head, "an answer") if head.kind == STATUS else ""


_ALWAYS_SERVED: Final = frozenset({"", "rbac.authorization.k8s.io", "certificates.k8s.io", "coordination.k8s.io"})
"""Groups whose kinds, as kubemint asks for them, every API server has since 1.19."""


def absent(error: NotFound, asked: Asked) -> KubeError:
    """What a 404 means where one object was asked for: that it is not there, or that this was not said.

    Only a Status that names the object says so. Where a kind is not served that is 404 as well; core kinds, and those
    of a few more groups, always are. Who has seen the object before knows that its kind is served: `insist_gone`.
    """
    group = asked.info.resource.partition(".")[2]
    return _unsaid(error, asked.info, asked.name) if not error.gone and group in _ALWAYS_SERVED else error


def insist_gone(error: NotFound) -> None:
    """Raises ProtocolError where the server does not say, naming it, that something is not there that was there."""
    if not error.gone:
        raise _unsaid(error, error.about, error.about.name) from error


def _unsaid(error: NotFound, info: RequestInfo, name: str) -> ProtocolError:
    return ProtocolError(
        f"answered 404 to {info.verb} {info.resource} without a word of {name}",
        cluster=error.cluster,
        hint="something in between answers instead of the server; whether the object exists is not known",
    )


def contradicted(error: APIError, asked: Asked) -> KubeError:
    """What a 409 means where one object is deleted: only a Status says that it is another one by now."""
    if error.reason == "Conflict":
        return error
    return ProtocolError(
        f"answered 409 to {asked.info.verb} {asked.info.resource} without a reason", cluster=error.cluster
    )


def check_object(body: Opaque, asked: Asked, cluster: str) -> None:
    """Raises ProtocolError where this is not the object."""
    _refuse(wrong_object(asked, head_of(body, cluster)), cluster)


def check_deletion(body: Opaque, asked: Asked, cluster: str) -> None:
    """Raises ProtocolError where this does not say that it was deleted."""
    _refuse(wrong_deletion(asked, head_of(body, cluster)), cluster)


def check_list(kind: str, items: Any, cluster: str, *, untyped: bool) -> None:
    """Raises ProtocolError where this is no list of objects; `items` is UNSET where the answer has none.

    Objects that are not read into a type of their own (`untyped`) have at least metadata with a name.
    """
    wrong = wrong_list(kind, items=items is not msgspec.UNSET)
    if not wrong and untyped and not all(is_object(item) for item in items or ()):
        wrong = "an entry of the list is not an object"
    _refuse(wrong, cluster)


def check_any(body: Opaque, cluster: str) -> None:
    """Raises ProtocolError for a Status where something else belongs; what is not JSON is judged by who reads it."""
    if len(body) <= _SHORT and body.count(b'"Status"'):
        try:
            head: Head = decoder(Head).decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return
        _refuse(wrong_else(head), cluster)


def is_object(value: object) -> bool:
    """Whether what was read from JSON is an object of the API, as far as everybody relies on it."""
    meta = value.get("metadata") if isinstance(value, dict) else None
    return isinstance(meta, dict) and isinstance(meta.get("name"), str)


def created_at(body: Opaque) -> float | None:
    """When the server says that it made what it answers with, in seconds since the epoch: its own clock, just now."""
    try:
        made: _Made = decoder(_Made).decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    at = made.metadata.creation_timestamp
    return at.timestamp() if at is not None and at.tzinfo is not None else None


def head_of(body: Opaque, cluster: str) -> Head:
    """The beginning of an answer. Raises ProtocolError for what is no JSON object."""
    return decode(body, Head, cluster=cluster)


def _of_status(head: Head, instead: str) -> str:
    said = masked(_read(head.message, str, ""))
    word = masked(head.word) or "?"
    return f"it is a Status ({word}) where {instead} belongs" + (f": {said}" if said else "")


def _refuse(wrong: str, cluster: str) -> None:
    if wrong:
        raise ProtocolError(f"the answer is not what was requested: {wrong}", cluster=cluster)


def _read(raw: msgspec.Raw, type_: Any, otherwise: Any) -> Any:
    try:
        return decoder(type_).decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return otherwise
