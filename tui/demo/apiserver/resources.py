"""Requests about resources: which kind, which verb, and the answer, from a body to bytes."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from aiohttp import web

from . import encoding, negotiation, patches
from .access import Admit, Attributes, Call, Reply, Subresource, UserInfo, Virtual
from .kinds import Kind, Registry
from .negotiation import Shape
from .options import WriteOptions, delete_options, list_options, parse_version, write_options
from .plain import json_response
from .reading import read_page, selector
from .status import StatusError, method_not_allowed, no_resource, not_found, unsupported_media_type
from .storage import NAMESPACES, PODS, SERVICE_ACCOUNTS, Storage, Stored
from .watching import Watch
from .writing import Writer

Object = dict[str, Any]

_READS = ("list", "watch")


class Resources:
    """Answers for one server. `watches` are the streams that are open now."""

    def __init__(
        self,
        storage: Storage,
        kinds: Registry,
        clock: Callable[[], datetime],
        admit: Sequence[Admit],
        subresources: Mapping[tuple[str, str, str], Subresource],
        virtual: Mapping[tuple[str, str], Virtual],
        minor: int,
    ) -> None:
        self._storage = storage
        self._kinds = kinds
        self._clock = clock
        self.writer = Writer(storage, clock, admit, minor)
        self._subresources = subresources
        self._virtual = virtual
        self._checks_fields = minor >= 25
        self.bookmark_every = 60.0
        self.watches: dict[Watch, web.Request] = {}

    async def answer(
        self, request: web.Request, wanted: Attributes, user: UserInfo, cut: int | None
    ) -> web.StreamResponse:
        """The answer to one request about a resource, with a warning where its version is deprecated."""
        response = await self._answer(request, wanted, user, cut)
        kind = self._kinds.get(wanted.group, wanted.version, wanted.resource)
        if kind is not None and kind.warning and not response.prepared:
            response.headers.add("Warning", _warning(kind.warning))
        return response

    async def _answer(
        self, request: web.Request, wanted: Attributes, user: UserInfo, cut: int | None
    ) -> web.StreamResponse:
        virtual = self._virtual.get((wanted.group, wanted.resource))
        if virtual is not None and virtual.kind.version == wanted.version and not wanted.subresource:
            if request.method != "POST":
                raise method_not_allowed()
            return await self._call(request, wanted, user, virtual.kind, virtual.handler)
        kind = self._kinds.get(wanted.group, wanted.version, wanted.resource)
        if kind is None:
            known = [*self._kinds, *(virtual.kind for virtual in self._virtual.values())]
            if any((k.group, k.version) == (wanted.group, wanted.version) for k in known):
                raise no_resource()
            return web.Response(status=404, text="404 page not found\n")
        if wanted.subresource:
            part = self._subresources.get((*kind.collection, wanted.subresource))
            if part is not None:
                if wanted.verb not in part.verbs:
                    raise method_not_allowed()
                return await self._call(request, wanted, user, kind, part.handler)
            self._check_subresource(kind, wanted)
        if kind.namespaced and not wanted.namespace and request.path.rstrip("/").rpartition("/")[2] != kind.plural:
            raise no_resource()
        if not kind.namespaced and wanted.namespace and kind.collection != NAMESPACES:
            raise no_resource()
        if wanted.verb not in kind.verbs or (kind.namespaced and not wanted.namespace and wanted.verb not in _READS):
            raise method_not_allowed()
        match wanted.verb:
            case "get":
                return self._get(request, kind, wanted)
            case "list":
                return self._list(request, kind, wanted)
            case "watch":
                return await self._watch(request, kind, wanted, cut)
            case "create":
                return await self._create(request, kind, wanted, user)
            case "update":
                return await self._update(request, kind, wanted, user)
            case "patch":
                return await self._patch(request, kind, wanted, user)
            case "delete":
                return await self._delete(request, kind, wanted, user)
            case _:
                return await self._delete_collection(request, kind, wanted, user)

    def _check_subresource(self, kind: Kind, wanted: Attributes) -> None:
        served = (wanted.subresource == "status" and kind.status) or (
            wanted.subresource == "finalize" and kind.collection == NAMESPACES
        )
        if not served:
            raise no_resource()
        if wanted.verb not in (("get", "update", "patch") if wanted.subresource == "status" else ("update",)):
            raise method_not_allowed()

    def _namespace(self, kind: Kind, wanted: Attributes) -> str:
        return wanted.namespace if kind.namespaced else ""

    # Reading

    def _get(self, request: web.Request, kind: Kind, wanted: Attributes) -> web.Response:
        shape = negotiation.shape(request.headers.get("Accept", ""))
        parse_version(request.query.get("resourceVersion", ""))
        found = self._storage.stored(kind.collection, wanted.name, self._namespace(kind, wanted))
        if found is None:
            raise not_found(kind.group, kind.plural, wanted.name)
        return _json(self._printer(request, kind, shape).one(found))

    def _list(self, request: web.Request, kind: Kind, wanted: Attributes) -> web.Response:
        shape = negotiation.shape(request.headers.get("Accept", ""))
        namespace = self._namespace(kind, wanted) or None
        items, metadata = read_page(self._storage, kind, namespace, list_options(request.query))
        return _json(self._printer(request, kind, shape).many(items, metadata))

    async def _watch(self, request: web.Request, kind: Kind, wanted: Attributes, cut: int | None) -> web.StreamResponse:
        shape = negotiation.shape(request.headers.get("Accept", ""))
        options = list_options(request.query)
        printer = self._printer(request, kind, shape)
        namespace = self._namespace(kind, wanted) or None
        watch = Watch(self._storage, kind, namespace, options, printer, self._clock, self.bookmark_every)
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        if kind.warning:
            response.headers.add("Warning", _warning(kind.warning))
        response.enable_chunked_encoding()
        self.watches[watch] = request
        try:
            with contextlib.suppress(ConnectionError):  # the client left: the usual end of a watch
                await response.prepare(request)
                await watch.run(_Cutting(request, response, cut) if cut is not None else response, request)
                await response.write_eof()
        finally:
            del self.watches[watch]
        return response

    def _printer(self, request: web.Request, kind: Kind, shape: Shape) -> encoding.Printer:
        return encoding.Printer(kind, shape, self._clock(), request.query.get("includeObject", ""))

    # Writing

    async def _create(self, request: web.Request, kind: Kind, wanted: Attributes, user: UserInfo) -> web.Response:
        if wanted.name:
            raise method_not_allowed()
        body = negotiation.decode(await request.read(), request.headers.get("Content-Type", ""), kind.kind)
        options = self._options(request, user, "create")
        obj = self.writer.create(kind, self._namespace(kind, wanted), body, options)
        return self._written(request, kind, obj, options, 201)

    async def _update(self, request: web.Request, kind: Kind, wanted: Attributes, user: UserInfo) -> web.Response:
        if not wanted.name:
            raise method_not_allowed()
        body = negotiation.decode(await request.read(), request.headers.get("Content-Type", ""), kind.kind)
        options = self._options(request, user, "update")
        namespace = self._namespace(kind, wanted)
        obj = self.writer.update(kind, namespace, wanted.name, body, options, wanted.subresource)
        return self._written(request, kind, obj, options, 200)

    async def _patch(self, request: web.Request, kind: Kind, wanted: Attributes, user: UserInfo) -> web.Response:
        if not wanted.name:
            raise method_not_allowed()
        media = negotiation.media_type(request.headers.get("Content-Type", ""))
        known = (patches.JSON, patches.MERGE, patches.APPLY)
        if kind.custom and media == patches.STRATEGIC:
            raise unsupported_media_type(media, known)
        if media not in (*known, patches.STRATEGIC):
            raise StatusError(415, "UnsupportedMediaType", "415: Unsupported Media Type", {})
        raw = await request.read()
        options = self._options(request, user, "patch", is_apply=media == patches.APPLY)
        namespace, name, part = self._namespace(kind, wanted), wanted.name, wanted.subresource
        created = False
        if media == patches.APPLY:
            body = negotiation.decode_yaml(raw)
            obj, created = self.writer.apply(kind, namespace, name, body, options, part)
        else:
            obj = self.writer.patch(kind, namespace, name, negotiation.decode_patch(raw), media, options, part)
        return self._written(request, kind, obj, options, 201 if created else 200)

    def _options(self, request: web.Request, user: UserInfo, verb: str, *, is_apply: bool = False) -> WriteOptions:
        agent = request.headers.get("User-Agent", "")
        return write_options(request.query, user, agent, verb, checks_fields=self._checks_fields, is_apply=is_apply)

    def _written(
        self, request: web.Request, kind: Kind, obj: Object, options: WriteOptions, status: int
    ) -> web.Response:
        shape = negotiation.shape(request.headers.get("Accept", ""))
        metadata = obj["metadata"]
        key = (kind.collection, metadata.get("namespace", ""), metadata["name"])
        version = metadata.get("resourceVersion", "0")
        item = Stored(key, obj, int(version) if version.isdecimal() else 0)
        response = _json(self._printer(request, kind, shape).one(item), status)
        for warning in options.warnings:
            response.headers.add("Warning", _warning(warning))
        return response

    # Deleting

    async def _delete(self, request: web.Request, kind: Kind, wanted: Attributes, user: UserInfo) -> web.Response:
        options = delete_options(request.query, await self._optional_body(request), user)
        obj, gone = self.writer.delete(kind, self._namespace(kind, wanted), wanted.name, options)
        if not gone or kind.collection in (SERVICE_ACCOUNTS, PODS):
            return _json(encoding.plain(kind, obj))
        details = {"name": wanted.name, "group": kind.group, "kind": kind.plural, "uid": obj["metadata"]["uid"]}
        return json_response(
            {
                "kind": "Status",
                "apiVersion": "v1",
                "metadata": {},
                "status": "Success",
                "details": {key: value for key, value in details.items() if value},
            }
        )

    async def _delete_collection(
        self, request: web.Request, kind: Kind, wanted: Attributes, user: UserInfo
    ) -> web.Response:
        options = delete_options(request.query, await self._optional_body(request), user)
        namespace = self._namespace(kind, wanted) or None
        test = selector(kind, list_options(request.query))
        items = [item for item in self._storage.items(kind.collection, namespace) if test is None or test(item.object)]
        for item in items:
            self.writer.delete(kind, item.key[1], item.key[2], options)
        printer = encoding.Printer(kind, Shape.OBJECT, self._clock())
        return _json(printer.many(items, {"resourceVersion": str(self._storage.version)}))

    async def _optional_body(self, request: web.Request) -> Any:
        raw = await request.read()
        return negotiation.decode(raw, request.headers.get("Content-Type", ""), "DeleteOptions") if raw else None

    # What others serve

    async def _call(
        self,
        request: web.Request,
        wanted: Attributes,
        user: UserInfo,
        kind: Kind,
        handler: Callable[[Call], Any],
    ) -> web.StreamResponse:
        raw = await request.read()
        body: Any = None
        if request.method in ("POST", "PUT", "PATCH"):
            body = negotiation.decode(raw, request.headers.get("Content-Type", ""), kind.kind)
        dry_run = request.query.get("dryRun") == "All"
        call = Call(user, wanted, kind, request.method, copy.copy(body), request.query, dry_run, self._storage, request)
        reply: Reply | web.StreamResponse = await handler(call)
        if isinstance(reply, web.StreamResponse):
            return reply
        response = json_response(reply.body, reply.status)
        for warning in reply.warnings:
            response.headers.add("Warning", _warning(warning))
        return response


class _Cutting(web.StreamResponse):
    """A stream that breaks off after so many bytes, for a fault."""

    def __init__(self, request: web.Request, inner: web.StreamResponse, after: int) -> None:
        super().__init__()
        self._broken = request
        self._inner = inner
        self._left = after

    async def write(self, data: bytes | bytearray | memoryview) -> None:
        """Pass on what is still allowed, then close the connection."""
        part = bytes(data[: self._left])
        self._left -= len(part)
        await self._inner.write(part)
        if self._left <= 0 and self._broken.transport is not None:
            self._broken.transport.close()
            raise ConnectionResetError("cut by a fault rule")


def _json(body: bytes, status: int = 200) -> web.Response:
    return web.Response(body=body, status=status, content_type="application/json")


def _warning(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'299 - "{escaped}"'
