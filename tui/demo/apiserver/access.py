"""Who asks, for what, and whether they may: the words that authentication, authorization and the server share."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

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
