"""Who asks, for what, and whether they may: the words that authentication, authorization and the server share."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from .kinds import Kind
from .status import StatusError, forbidden

if TYPE_CHECKING:
    from aiohttp import web

    from .storage import Storage

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class UserInfo:
    """An authenticated caller."""

    username: str
    uid: str = ""
    groups: tuple[str, ...] = ()
    extra: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


ANONYMOUS = UserInfo("system:anonymous", groups=("system:unauthenticated",))


@dataclass(frozen=True, slots=True)
class Attributes:
    """What a request wants, as an authorizer sees it. `path` alone counts where `resource` is empty."""

    verb: str
    group: str = ""
    version: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    path: str = ""

    @property
    def is_resource(self) -> bool:
        """Whether this is about a resource and not about a plain URL such as `/version`."""
        return bool(self.resource)


@dataclass(frozen=True, slots=True)
class Decision:
    """What an authorizer says; `reason` is appended to the message of a refusal."""

    allowed: bool
    reason: str = ""


@dataclass(slots=True)
class Admission:
    """A write that is about to happen. `obj` may be changed in place; None for a deletion. `old` None for a create."""

    operation: str
    """CREATE, UPDATE or DELETE."""
    kind: Kind
    namespace: str
    name: str
    user: UserInfo
    obj: Object | None
    old: Object | None
    storage: Storage
    subresource: str = ""
    dry_run: bool = False


@dataclass(slots=True)
class Call:
    """One request to a subresource or to a review kind."""

    user: UserInfo
    attributes: Attributes
    kind: Kind
    """The kind in the path: the parent of a subresource, or the review kind itself."""
    method: str
    body: Object | None
    query: Mapping[str, str]
    dry_run: bool
    storage: Storage
    request: web.Request


@dataclass(slots=True)
class Reply:
    """What a handler answers. A response of aiohttp may be returned in its place."""

    body: Object
    status: int = 200
    warnings: tuple[str, ...] = ()


Authenticate = Callable[["web.Request"], Awaitable[UserInfo | None]]
"""None: there were no credentials. Credentials that do not hold raise `status.unauthorized()`."""
Authorize = Callable[[UserInfo, Attributes], Decision]
Admit = Callable[[Admission], None]
"""Refuses by raising `StatusError`."""
Handler = Callable[[Call], Awaitable["Reply | web.StreamResponse"]]


@dataclass(frozen=True, slots=True)
class Subresource:
    """A subresource that somebody else serves (`serviceaccounts/token`)."""

    handler: Handler
    kind: str
    """The kind of its body, for discovery (`TokenRequest`)."""
    group: str = ""
    version: str = ""
    verbs: tuple[str, ...] = ("create",)


@dataclass(frozen=True, slots=True)
class Virtual:
    """A kind that can only be created and is never stored (`tokenreviews`)."""

    kind: Kind
    handler: Handler


Faults = Callable[["web.Request", Attributes, UserInfo | None], Awaitable["web.StreamResponse | int | None"]]
"""Called for every request once its attributes and its user are known (None: not authenticated). It may sleep, hang, or
close `request.transport`, answer in the server's place, or say after how many bytes of the body to break off."""


def refusal(user: UserInfo, attributes: Attributes, reason: str = "") -> StatusError:
    """The 403 of a request that was not allowed, in the server's words."""
    because = f": {reason}" if reason else ""
    if not attributes.is_resource:
        why = f'User "{user.username}" cannot {attributes.verb} path "{attributes.path}"{because}'
        return StatusError(HTTPStatus.FORBIDDEN, "Forbidden", f"forbidden: {why}", {})
    resource = attributes.resource + (f"/{attributes.subresource}" if attributes.subresource else "")
    where = f'in the namespace "{attributes.namespace}"' if attributes.namespace else "at the cluster scope"
    what = f'resource "{resource}" in API group "{attributes.group}"'
    why = f'User "{user.username}" cannot {attributes.verb} {what} {where}{because}'
    return forbidden(attributes.group, attributes.resource, attributes.name, why)


_VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "GET": "get", "HEAD": "get", "DELETE": "delete"}


def attributes(method: str, raw_path: str, query: Mapping[str, str]) -> Attributes:
    """What a request wants. A path that names no resource has only `path` and the method as its verb."""
    parts = [unquote(part) for part in raw_path.split("/") if part]
    plain = Attributes(verb=method.lower(), path="/" + "/".join(parts))
    if len(parts) >= 3 and parts[0] == "api":
        group, version, rest = "", parts[1], parts[2:]
    elif len(parts) >= 4 and parts[0] == "apis":
        group, version, rest = parts[1], parts[2], parts[3:]
    else:
        return plain
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 1:
        namespace = rest[1]
        if len(rest) > 2 and rest[2] not in ("status", "finalize"):
            rest = rest[2:]
    name = rest[1] if len(rest) > 1 else ""
    return Attributes(
        verb=_verb(method, name, query),
        group=group,
        version=version,
        resource=rest[0],
        subresource="/".join(rest[2:]),
        namespace=namespace,
        name=name or _selected_name(method, query),
        path=plain.path,
    )


def _verb(method: str, name: str, query: Mapping[str, str]) -> str:
    verb = _VERBS.get(method, method.lower())
    if verb == "get" and query.get("watch", "").lower() not in ("", "0", "false"):
        return "watch"
    return verb if name else {"get": "list", "delete": "deletecollection"}.get(verb, verb)


def _selected_name(method: str, query: Mapping[str, str]) -> str:
    """A list of one name counts as being about that name, so that resourceNames can allow it."""
    if method != "GET":
        return ""
    for term in query.get("fieldSelector", "").split(","):
        field, equals, value = term.replace("==", "=").partition("=")
        if field == "metadata.name" and equals:
            return value
    return ""
