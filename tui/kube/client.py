"""A client of one API server: get, create, replace, patch, apply, delete, list, watch.

It speaks plain JSON and decodes into the type that it is asked for; a `Sensitive` inside of a body is written as its
text, and a type that says `Sensitive` reads one. One session, at most `in_flight` requests at a time (watches do not
count), a limit on every wait, and only typed errors (`tui.kube.errors`).
"""

# ruff: noqa: A002 - `type=` reads best where the caller writes it

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self, TypedDict

import msgspec
from typing_extensions import TypeVar, Unpack

from .answers import Asked, absent, check_any, check_deletion, check_object, contradicted, created_at
from .endpoint import Endpoint
from .errors import Conflict, NotFound, ReadOnly
from .limits import Ledger, bounded, sizes_for
from .pages import Page, paged
from .request_info import describe
from .resource import Resource
from .responses import Request, Response, decode, encode, is_page, refusal
from .retrying import attempts
from .session import Session
from .watching import WatchEvent, watched

if TYPE_CHECKING:
    from .discovery import Discovery

T = TypeVar("T", default=dict[str, Any])

METADATA: Final = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
METADATA_LIST: Final = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
_OF_THE_OBJECT: Final = (None, "status", "finalize")
"""Subresources that are answered with the object itself; the others have kinds of their own."""
_DICT: Any = dict
_APPLY: Final = "application/apply-patch+yaml"


List = list  # `Client.list` hides the builtin inside of the class


class Timeouts(msgspec.Struct, frozen=True):
    """Seconds that each wait may take."""

    connect: float = 5
    read: float = 30
    watch: float = 300
    """How long the server keeps one watch open."""
    exec: float = 30
    """How long a credential plugin may run."""


class PatchKind(StrEnum):
    """The patch formats, by their content type."""

    MERGE = "application/merge-patch+json"
    JSON = "application/json-patch+json"
    STRATEGIC = "application/strategic-merge-patch+json"


class Selection(TypedDict, total=False):
    """Which objects of a resource, and whether their metadata is all that is wanted."""

    namespace: str | None
    metadata_only: bool
    labels: str
    fields: str


@dataclass(frozen=True, slots=True)
class About:
    """Which object a request is about."""

    resource: Resource
    namespace: str | None
    name: str | None
    subresource: str | None = None
    uid: str = ""

    @property
    def path(self) -> str:
        return self.resource.path(self.namespace, self.name, self.subresource)

    def asked(self, method: str, called: str = "") -> Asked:
        """What the answer has to be; `called` names an object that the path does not."""
        info = describe(method, self.path)
        if self.subresource not in _OF_THE_OBJECT:
            return Asked(info=info, kept=False)
        kind = self.resource.kind
        kept = not kind.endswith("Review")
        return Asked(info=info, kind=kind, name=called or self.name or "", uid=self.uid, kept=kept)


class Client:
    """One API server. Use it as an async context manager, or `close` it."""

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        timeouts: Timeouts = Timeouts(),  # noqa: B008
        in_flight: int = 4,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.wall = wall
        """This machine's clock, against which the server's is measured."""
        self.read_only = ""
        """Why nothing may be changed through this client; empty where it may."""
        self.timeouts = timeouts
        self.sizes = sizes_for(delivered=endpoint.delivered)
        """What it may send."""
        self.ledger = Ledger(self.sizes.kept, endpoint.name)
        """What is kept of it, by whoever follows it."""
        self.session = Session(
            endpoint,
            connect=timeouts.connect,
            stall=timeouts.watch + timeouts.read,
            exec_timeout=timeouts.exec,
            in_flight=in_flight,
            wall=wall,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes the session. Watches that still run end with Unreachable."""
        await self.session.close()

    @property
    def endpoint(self) -> Endpoint:
        """Where it leads; authority and certificate as their files held them at the last look."""
        return self.session.endpoint

    @property
    def _name(self) -> str:
        return self.endpoint.name

    @property
    def skew(self) -> float | None:
        """Server time minus local time in seconds, as far as what its answers and tokens say can be believed."""
        return self.session.meters.skew

    @property
    def clock(self) -> str:
        """What is to be said about the time in its answers, where that is not followed; else empty."""
        return self.session.meters.verdict.words

    @property
    def latency(self) -> float | None:
        """Seconds the last request took that was not a watch."""
        return self.session.meters.latency

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: object = None,
        content_type: str = "application/json",
        accept: str = "application/json",
        timeout: float | None = None,  # noqa: ASYNC109
        most: int | None = None,
        tried: bool = False,
    ) -> Response:
        """One request, repeated where that is safe. Raises a KubeError for anything but success.

        `timeout` is how many seconds nothing may come, `most` how many bytes the answer may have. Where a deadline is
        around it (`tui.kube.limits`) it ends with that, as OutOfTime. `tried` says that it asks for a dry run,
        which may be sent where nothing may be changed. Whether an object, a list or a deletion is the one that was
        asked for is checked by the methods for these.
        """
        params = params or {}
        data = None if body is None else encode(body)
        headers = {"Accept": accept} | ({} if data is None else {"Content-Type": content_type})
        info = describe(method, path, params)
        if self.read_only and info.changes and not tried:
            raise ReadOnly(self.read_only)
        read = timeout if timeout is not None else self.timeouts.read
        sent = Request(method, path, params, headers, read, data, self.sizes.answer if most is None else most)
        async for attempt in attempts(reads=method in ("GET", "HEAD")):
            with attempt:
                async with bounded(self.endpoint.name):
                    response = await self.session.exchange(sent)
                if response.status >= 300 or is_page(response):
                    raise refusal(response, info, self._name)
                if not info.resource:
                    check_any(response.body, self._name)
                return response
        raise AssertionError("the last attempt returns or raises")

    async def get(
        self,
        resource: Resource,
        name: str,
        *,
        namespace: str | None = None,
        subresource: str | None = None,
        type: type[T] = _DICT,
    ) -> T:
        """One object."""
        about = About(resource, namespace, name, subresource)
        return decode((await self._about_one("GET", about)).body, type, cluster=self._name)

    async def get_metadata(self, resource: Resource, name: str, *, namespace: str | None = None) -> dict[str, Any]:
        """One object's metadata, so that a Secret's data stays where it is."""
        response = await self._about_one("GET", About(resource, namespace, name), accept=METADATA)
        return decode(response.body, dict, cluster=self._name)

    async def create(
        self,
        resource: Resource,
        obj: object,
        *,
        namespace: str | None = None,
        name: str | None = None,
        subresource: str | None = None,
        dry_run: bool = False,
        type: type[T] = _DICT,
    ) -> T:
        """Creates an object, or with `name` and `subresource` posts to a subresource such as `token`."""
        params = {"dryRun": "All"} if dry_run else None
        about = About(resource, namespace, name, subresource)
        with self.session.meters.stamping() as stamped:
            tried = dry_run and subresource is None  # a token that is asked for is made all the same
            response = await self.request("POST", about.path, params=params, body=obj, tried=tried)
            check_object(response.body, about.asked("POST", called=name or _name_in(obj)), self._name)
            stamped(created_at(response.body))
        return decode(response.body, type, cluster=self._name)

    async def replace(
        self,
        resource: Resource,
        obj: object,
        *,
        namespace: str | None = None,
        name: str,
        subresource: str | None = None,
    ) -> dict[str, Any]:
        """PUT; the object's resourceVersion says which state it replaces."""
        return await self._changed("PUT", About(resource, namespace, name, subresource), body=obj)

    async def patch(
        self,
        resource: Resource,
        name: str,
        patch: object,
        *,
        namespace: str | None = None,
        subresource: str | None = None,
        kind: PatchKind = PatchKind.MERGE,
    ) -> dict[str, Any]:
        """PATCH with one of the three classic formats."""
        about = About(resource, namespace, name, subresource)
        return await self._changed("PATCH", about, body=patch, content_type=kind.value)

    async def apply(
        self,
        resource: Resource,
        name: str,
        obj: Mapping[str, Any],
        *,
        namespace: str | None = None,
        subresource: str | None = None,
        manager: str = "kubemint",
        force: bool = False,
    ) -> dict[str, Any]:
        """Server-side apply. Without `force` another manager's fields raise Conflict. Kind and name are filled in."""
        named = dict(obj.get("metadata") or {}) | {"name": name}
        if resource.namespaced and namespace is not None:
            named["namespace"] = namespace
        whole = {"apiVersion": resource.api_version, "kind": resource.kind, **obj, "metadata": named}
        params = {"fieldManager": manager} | ({"force": "true"} if force else {})
        about = About(resource, namespace, name, subresource)
        # JSON is YAML, which is what the content type promises.
        return await self._changed("PATCH", about, params=params, body=whole, content_type=_APPLY)

    async def _changed(self, method: str, about: About, **given: Any) -> dict[str, Any]:
        response = await self.request(method, about.path, **given)
        check_object(response.body, about.asked(method), self._name)
        return decode(response.body, dict, cluster=self._name)

    async def delete(
        self,
        resource: Resource,
        name: str,
        *,
        namespace: str | None = None,
        uid: str | None = None,
        resource_version: str | None = None,
        grace_seconds: int | None = None,
        dry_run: bool = False,
    ) -> None:
        """Deletes one object; with `uid` or `resource_version` only that very one, else Conflict.

        Returns where the server says that this very object went, or is on its way. Raises ProtocolError for any other
        answer: then it is not known. Where it has finalizers it is still there afterwards.
        """
        options: dict[str, Any] = {"apiVersion": "v1", "kind": "DeleteOptions"}
        preconditions = {"uid": uid, "resourceVersion": resource_version}
        if wanted := {key: value for key, value in preconditions.items() if value is not None}:
            options["preconditions"] = wanted
        if grace_seconds is not None:
            options["gracePeriodSeconds"] = grace_seconds
        if dry_run:  # in the body: servers do not look at the query of a deletion that has one
            options["dryRun"] = ["All"]
        await self._about_one("DELETE", About(resource, namespace, name, uid=uid or ""), body=options, tried=dry_run)

    async def _about_one(self, method: str, about: About, **given: Any) -> Response:
        """A request about one object that is there, whose absence has to be said in words."""
        asked = about.asked(method)
        try:
            response = await self.request(method, about.path, **given)
        except NotFound as error:
            raise absent(error, asked) from None
        except Conflict as error:
            raise contradicted(error, asked) from None
        (check_deletion if method == "DELETE" else check_object)(response.body, asked, self._name)
        return response

    def pages(
        self,
        resource: Resource,
        *,
        first: int = 500,
        then: int = 5000,
        type: type[T] = _DICT,
        **which: Unpack[Selection],
    ) -> AsyncGenerator[Page[T], None]:
        """A list page by page: a small one first so that something shows, then large ones."""
        accept = METADATA_LIST if which.get("metadata_only") else "application/json"
        return paged(self, resource.path(which.get("namespace")), _selectors(which), accept, first, then, type)

    async def list(
        self,
        resource: Resource,
        *,
        first: int = 500,
        then: int = 5000,
        type: type[T] = _DICT,
        **which: Unpack[Selection],
    ) -> List[T]:
        """The whole list."""
        items: List[T] = []
        async for page in self.pages(resource, first=first, then=then, type=type, **which):
            if page.restarted:
                items.clear()
            items += page.items
        return items

    def watch(
        self, resource: Resource, *, resource_version: str, type: type[T] = _DICT, **which: Unpack[Selection]
    ) -> AsyncGenerator[WatchEvent[T], None]:
        """Changes after `resource_version`; ends when the server's time for one watch is over. Raises Gone at 410."""
        params = _selectors(which) | {
            "watch": "1",
            "allowWatchBookmarks": "true",
            "resourceVersion": resource_version,
            "timeoutSeconds": str(max(1, int(self.timeouts.watch))),
        }
        accept = METADATA if which.get("metadata_only") else "application/json"
        return watched(self, resource.path(which.get("namespace")), params, accept, type)

    async def version(self) -> str:
        """The server's version, `v1.20.2`."""
        response = await self.request("GET", "/version")
        return str(decode(response.body, dict, cluster=self._name).get("gitVersion", ""))

    async def discover(self, groups: tuple[str, ...] | None = None) -> Discovery:
        """What the server serves; with `groups` only those are asked for in detail."""
        from .discovery import discover

        return await discover(self, groups)


def _name_in(obj: object) -> str:
    """The name that a body gives its object; empty where it leaves that to the server."""
    meta = obj.get("metadata") if isinstance(obj, Mapping) else getattr(obj, "metadata", None)
    name = meta.get("name") if isinstance(meta, Mapping) else None
    return name if isinstance(name, str) else ""


def _selectors(which: Selection) -> dict[str, str]:
    given = {"labelSelector": which.get("labels", ""), "fieldSelector": which.get("fields", "")}
    return {key: value for key, value in given.items() if value}
