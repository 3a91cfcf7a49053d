"""Paths that name no resource: versions, health, discovery, OpenAPI, and what others add (`/openid/v1/jwks`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from aiohttp import web

from . import openapi
from .access import Attributes, Call, Handler, Reply, UserInfo
from .discovery import Discovery
from .kinds import Kind, Registry
from .negotiation import wants_aggregated
from .status import method_not_allowed, no_resource, not_acceptable
from .storage import Storage

_HEALTH = ("/healthz", "/livez", "/readyz")
_OPENAPI_V2_PROTOBUF = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"
# An OpenAPI v2 document without a single definition: `swagger: "2.0"` and `info: {title: "", version: ""}`. kubectl
# falls back to it for kinds that no v3 document names, and then leaves validation to the server.
_EMPTY_OPENAPI_V2 = b"\n\x032.0\x12\x04\n\x00\x12\x00"
_NOTHING = Kind("", "", "", "")


class PlainPaths:
    """Answers for one server."""

    def __init__(
        self,
        storage: Storage,
        kinds: Registry,
        discovery: Discovery,
        version_info: Mapping[str, str],
        paths: Mapping[str, Handler],
    ) -> None:
        self._storage = storage
        self._kinds = kinds
        self._discovery = discovery
        self._version = dict(version_info)
        self._paths = paths

    async def answer(self, request: web.Request, wanted: Attributes, user: UserInfo) -> web.StreamResponse:
        """The answer to one request."""
        path = wanted.path
        if path in self._paths:
            call = Call(user, wanted, _NOTHING, request.method, None, request.query, False, self._storage, request)
            reply: Reply | web.StreamResponse = await self._paths[path](call)
            return reply if isinstance(reply, web.StreamResponse) else json_response(reply.body, reply.status)
        if request.method not in ("GET", "HEAD"):
            raise method_not_allowed()
        if path.startswith(_HEALTH):
            passed = f"[+]ping ok\n[+]log ok\n[+]etcd ok\n{path[1:]} check passed\n"
            return web.Response(text=passed if path in _HEALTH and "verbose" in request.query else "ok")
        accept = request.headers.get("Accept", "")
        if path in ("/api", "/apis") and (version := wants_aggregated(accept)) in ("v2", "v2beta1"):
            document = self._discovery.aggregated(core=path == "/api", version=version)
            form = f"application/json;g=apidiscovery.k8s.io;v={version};as=APIGroupDiscoveryList"
            return web.Response(body=msgspec.json.encode(document), headers={"Content-Type": form})
        found = self._document(path, request.host)
        if found is not None:
            return json_response(found)
        if path == "/openapi/v2":
            return self._openapi_v2(accept)
        if path.startswith("/api/"):
            raise no_resource()
        if path.startswith("/apis/"):
            return web.Response(status=404, text="404 page not found\n")
        return json_response({"paths": self._listed()}, 404)

    def _document(self, path: str, host: str) -> dict[str, Any] | None:
        parts = path.strip("/").split("/")
        match parts:
            case ["version"]:
                return self._version
            case ["api"]:
                return self._discovery.core(host)
            case ["apis"]:
                return self._discovery.group_list()
            case ["api", version]:
                return self._discovery.resources("", version)
            case ["apis", group]:
                return self._discovery.group(group)
            case ["apis", group, version]:
                return self._discovery.resources(group, version)
            case ["openapi", "v3"]:
                return openapi.index(self._kinds)
            case ["openapi", "v3", *rest]:
                return openapi.document(self._kinds, "/".join(rest))
            case [""]:
                return {"paths": self._listed()}
            case _:
                return None

    def _listed(self) -> list[str]:
        groups = [f"/apis/{group}" for group in self._discovery.groups()]
        return sorted(["/api", "/api/v1", "/apis", *groups, *_HEALTH, *self._paths, "/openapi/v3", "/version"])

    def _openapi_v2(self, accept: str) -> web.Response:
        if _OPENAPI_V2_PROTOBUF in accept:
            return web.Response(body=_EMPTY_OPENAPI_V2, headers={"Content-Type": _OPENAPI_V2_PROTOBUF})
        if accept and "json" not in accept and "*/*" not in accept:
            raise not_acceptable()
        info = {"title": "Kubernetes", "version": self._version.get("gitVersion", "")}
        return json_response({"swagger": "2.0", "info": info, "paths": {}, "definitions": {}})


def json_response(document: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """A document as JSON."""
    body = msgspec.json.encode(document)
    return web.Response(body=body, status=status, headers=headers, content_type="application/json")
