"""Requests about resources: which kind, which verb, and the answer, from a body to bytes."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aiohttp import web

from . import encoding, negotiation, patches
from .access import Admit, Attributes, Call, Handler, Subresource, UserInfo, Virtual
from .kinds import Kind, Registry
from .negotiation import Shape
from .options import DeleteOptions, WriteOptions, delete_options, list_options, parse_version, write_options
from .plain import json_response
from .reading import read_page, selector
from .status import StatusError, method_not_allowed, no_resource, not_found, unsupported_media_type
from .storage import NAMESPACES, PODS, SERVICE_ACCOUNTS, Storage, Stored
from .watching import Watch
from .writing import Writer

Object = dict[str, Any]

_READS = ("list", "watch")
_NAMED = {"create": False, "update": True, "patch": True}
"""Whether a path names an object, where a verb needs to know."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """One request about a resource that is served."""

    request: web.Request
    kind: Kind
    wanted: Attributes
    user: UserInfo

    @property
    def namespace(self) -> str:
        return self.wanted.namespace if self.kind.namespaced else ""

    @property
    def shape(self) -> Shape:
        return negotiation.shape(self.request.headers.get("Accept", ""))

    async def body(self, kind: str = "") -> Any:
        media = self.request.headers.get("Content-Type", "")
        return negotiation.decode(await self.request.read(), media, kind or self.kind.kind)


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
            _warn(response, kind.warning)
        return response

    async def _answer(
        self, request: web.Request, wanted: Attributes, user: UserInfo, cut: int | None
    ) -> web.StreamResponse:
        virtual = self._virtual.get((wanted.group, wanted.resource))
        if virtual is not None and virtual.kind.version == wanted.version and not wanted.subresource:
            if request.method != "POST":
                raise method_not_allowed()
            return await self._call(_Asked(request, virtual.kind, wanted, user), virtual.handler)
        kind = self._kinds.get(wanted.group, wanted.version, wanted.resource)
        if kind is None:
            known = [*self._kinds, *(virtual.kind for virtual in self._virtual.values())]
            if any((k.group, k.version) == (wanted.group, wanted.version) for k in known):
                raise no_resource()
            return web.Response(status=404, text="404 page not found\n")
        asked = _Asked(request, kind, wanted, user)
        if wanted.subresource:
            part = self._subresources.get((*kind.collection, wanted.subresource))
            if part is not None:
                if wanted.verb not in part.verbs:
                    raise method_not_allowed()
                return await self._call(asked, part.handler)
            _check_subresource(kind, wanted)
        if kind.namespaced and not wanted.namespace and request.path.rstrip("/").rpartition("/")[2] != kind.plural:
            raise no_resource()
        if not kind.namespaced and wanted.namespace and kind.collection != NAMESPACES:
            raise no_resource()
        if wanted.verb not in kind.verbs or (kind.namespaced and not wanted.namespace and wanted.verb not in _READS):
            raise method_not_allowed()
        if bool(wanted.name) is not _NAMED.get(wanted.verb, bool(wanted.name)):
            raise method_not_allowed()
        match wanted.verb:
            case "get":
                return self._get(asked)
            case "list":
                return self._list(asked)
            case "watch":
                return await self._watch(asked, cut)
            case "create":
                return await self._create(asked)
            case "update":
                return await self._update(asked)
            case "patch":
                return await self._patch(asked)
            case "delete":
                return await self._delete(asked)
            case _:
                return await self._delete_collection(asked)

    # Reading

    def _get(self, asked: _Asked) -> web.Response:
        kind, name, shape = asked.kind, asked.wanted.name, asked.shape
        parse_version(asked.request.query.get("resourceVersion", ""))
        found = self._storage.stored(kind.collection, name, asked.namespace)
        if found is None:
            raise not_found(kind.group, kind.plural, name)
        return _json(self._printer(asked, shape).one(found))

    def _list(self, asked: _Asked) -> web.Response:
        printer, options = self._printer(asked, asked.shape), list_options(asked.request.query)
        return _json(printer.many(*read_page(self._storage, asked.kind, asked.namespace or None, options)))

    async def _watch(self, asked: _Asked, cut: int | None) -> web.StreamResponse:
        request, kind = asked.request, asked.kind
        printer, options = self._printer(asked, asked.shape), list_options(request.query)
        where = asked.namespace or None
        watch = Watch(self._storage, kind, where, options, printer, self._clock, self.bookmark_every)
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        if kind.warning:
            _warn(response, kind.warning)
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

    def _printer(self, asked: _Asked, shape: Shape) -> encoding.Printer:
        return encoding.Printer(asked.kind, shape, self._clock(), asked.request.query.get("includeObject", ""))

    # Writing

    async def _create(self, asked: _Asked) -> web.Response:
        body, options = await asked.body(), self._options(asked)
        obj = self.writer.create(asked.kind, asked.namespace, body, options)
        return self._written(asked, obj, options, 201)

    async def _update(self, asked: _Asked) -> web.Response:
        body, options = await asked.body(), self._options(asked)
        wanted = asked.wanted
        obj = self.writer.update(asked.kind, asked.namespace, wanted.name, body, options, wanted.subresource)
        return self._written(asked, obj, options, 200)

    async def _patch(self, asked: _Asked) -> web.Response:
        media = negotiation.media_type(asked.request.headers.get("Content-Type", ""))
        known = (patches.JSON, patches.MERGE, patches.APPLY)
        if asked.kind.custom and media == patches.STRATEGIC:
            raise unsupported_media_type(media, known)
        if media not in (*known, patches.STRATEGIC):
            raise StatusError(415, "UnsupportedMediaType", "415: Unsupported Media Type", {})
        raw = await asked.request.read()
        options = self._options(asked, is_apply=media == patches.APPLY)
        where = (asked.kind, asked.namespace, asked.wanted.name)
        part, created = asked.wanted.subresource, False
        if media == patches.APPLY:
            obj, created = self.writer.apply(*where, negotiation.decode_yaml(raw), options, part)
        else:
            obj = self.writer.patch(*where, negotiation.decode_patch(raw), media, options, part)
        return self._written(asked, obj, options, 201 if created else 200)

    def _options(self, asked: _Asked, *, is_apply: bool = False) -> WriteOptions:
        request, checks = asked.request, self._checks_fields
        agent, verb = request.headers.get("User-Agent", ""), asked.wanted.verb
        return write_options(request.query, asked.user, agent, verb, checks_fields=checks, is_apply=is_apply)

    def _written(self, asked: _Asked, obj: Object, options: WriteOptions, status: int) -> web.Response:
        metadata, shape = obj["metadata"], asked.shape
        key = (asked.kind.collection, metadata.get("namespace", ""), metadata["name"])
        version = metadata.get("resourceVersion", "0")
        item = Stored(key, obj, int(version) if version.isdecimal() else 0)
        response = _json(self._printer(asked, shape).one(item), status)
        _warn(response, *options.warnings)
        return response

    # Deleting

    async def _delete(self, asked: _Asked) -> web.Response:
        kind, name = asked.kind, asked.wanted.name
        obj, gone = self.writer.delete(kind, asked.namespace, name, await _delete_options(asked))
        if not gone or kind.collection in (SERVICE_ACCOUNTS, PODS):
            return _json(encoding.plain(kind, obj))
        named = {"name": name, "group": kind.group, "kind": kind.plural, "uid": obj["metadata"]["uid"]}
        details = {key: value for key, value in named.items() if value}
        status = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}
        return json_response(status | {"details": details})

    async def _delete_collection(self, asked: _Asked) -> web.Response:
        kind, options = asked.kind, await _delete_options(asked)
        test = selector(kind, list_options(asked.request.query))
        items = self._storage.items(kind.collection, asked.namespace or None)
        items = [item for item in items if test is None or test(item.object)]
        for item in items:
            self.writer.delete(kind, item.key[1], item.key[2], options)
        printer = encoding.Printer(kind, Shape.OBJECT, self._clock())
        return _json(printer.many(items, {"resourceVersion": str(self._storage.version)}))

    # What others serve

    async def _call(self, asked: _Asked, handler: Handler) -> web.StreamResponse:
        request, kind = asked.request, asked.kind
        body = await asked.body() if request.method in ("POST", "PUT", "PATCH") else None
        dry_run = request.query.get("dryRun") == "All"
        reply = await handler(
            Call(asked.user, asked.wanted, kind, request.method, body, request.query, dry_run, self._storage, request)
        )
        if isinstance(reply, web.StreamResponse):
            return reply
        response = json_response(reply.body, reply.status)
        _warn(response, *reply.warnings)
        return response


def _check_subresource(kind: Kind, wanted: Attributes) -> None:
    served = {"status": kind.status, "finalize": kind.collection == NAMESPACES}
    if not served.get(wanted.subresource):
        raise no_resource()
    if wanted.verb not in (("get", "update", "patch") if wanted.subresource == "status" else ("update",)):
        raise method_not_allowed()


async def _delete_options(asked: _Asked) -> DeleteOptions:
    body = await asked.body("DeleteOptions") if await asked.request.read() else None
    return delete_options(asked.request.query, body, asked.user)


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


def _warn(response: web.StreamResponse, *texts: str) -> None:
    for text in texts:
        escaped = text.replace("\\", "\\\\").replace('"', '\\"')
        response.headers.add("Warning", f'299 - "{escaped}"')
