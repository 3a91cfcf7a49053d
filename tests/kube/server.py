"""A tiny HTTPS server that says exactly what a test wants, for what a healthy API server never does."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import ssl
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Self
from urllib.parse import unquote

from aiohttp import web

from tests.certificates import Authority
from tui.kube.endpoint import Endpoint, Login
from tui.kube.sensitive import Sensitive

AUTHORITY = Authority("tests")
TOKEN = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJodW50ZXIyIn0.aHVudGVyMi1zaWduYXR1cmU"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class FakeServer:
    """Answers each request with the next of its `answers`; the last one stays. Records what it was asked."""

    def __init__(self, *, names: tuple[str, ...] = ("127.0.0.1",), client_authority: bytes | None = None) -> None:
        self.answers: list[Handler] = []
        self.requests: list[web.Request] = []
        self.bodies: list[bytes] = []
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with AUTHORITY.serving(names).on_disk() as path:
            self._context.load_cert_chain(path)
        if client_authority is not None:
            self._context.verify_mode = ssl.CERT_REQUIRED
            self._context.load_verify_locations(cadata=client_authority.decode())
        self.port = 0
        self._runner: web.ServerRunner | None = None

    def says(self, *answers: Handler) -> Self:
        self.answers = list(answers)
        self.requests.clear()
        self.bodies.clear()
        return self

    async def start(self, port: int = 0) -> None:
        self._runner = web.ServerRunner(web.Server(self._handle), shutdown_timeout=0.05)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", port, ssl_context=self._context, reuse_address=True)
        await site.start()
        self.port = int(self._runner.addresses[0][1])

    async def stop(self) -> None:
        if self._runner is not None:
            runner, self._runner = self._runner, None
            await runner.cleanup()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.stop()

    def endpoint(self, *, host: str = "127.0.0.1", login: Login | None = None, **given: Any) -> Endpoint:
        made = Endpoint(
            "fake", f"https://{host}:{self.port}", ca=AUTHORITY.pem, login=login or Login(token=Sensitive(TOKEN))
        )
        return dataclasses.replace(made, **given)

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        assert isinstance(request, web.BaseRequest)
        self.requests.append(request)  # type: ignore[arg-type]
        self.bodies.append(await request.read())
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return await answer(request)  # type: ignore[arg-type]


def gives(document: object, status: int = 200, **headers: str) -> Handler:
    """JSON, or bytes as they are."""

    async def handler(_: web.Request) -> web.StreamResponse:
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        named = {"Content-Type": "application/json"} | {key.replace("_", "-"): value for key, value in headers.items()}
        return web.Response(status=status, body=body, headers=named)

    return handler


def refuses(code: int, reason: str, message: str = "", details: object = None, **headers: str) -> Handler:
    """A Status, as API servers refuse."""
    status: dict[str, object] = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code}
    status |= {"reason": reason, "message": message or f"{reason} it is"}
    if details is not None:
        status["details"] = details
    return gives(status, code, **headers)


async def hangs(_: web.Request) -> web.StreamResponse:
    await asyncio.sleep(60)
    raise AssertionError("nobody waits this long")


async def drops(request: web.Request) -> web.StreamResponse:
    """Closes the connection without a word."""
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def cuts(request: web.Request) -> web.StreamResponse:
    """Promises more than it gives, and closes in the middle."""
    answer = web.StreamResponse(headers={"Content-Type": "application/json", "Content-Length": "1000"})
    await answer.prepare(request)
    await answer.write(b'{"items": [')
    assert request.transport is not None
    request.transport.close()
    return answer


def watches(*events: object, then: str = "ends", pieces: int = 0) -> Handler:
    """A watch: its events line by line (or in `pieces` of a few bytes), then it ends, drops, or stays open."""

    async def handler(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Type": "application/json"})
        answer.enable_chunked_encoding()
        await answer.prepare(request)
        data = b"".join((e if isinstance(e, bytes) else json.dumps(e).encode()) + b"\n" for e in events)
        for start in range(0, len(data), pieces or max(1, len(data))):
            await answer.write(data[start : start + (pieces or len(data))])
            if pieces:
                await asyncio.sleep(0)
        if then == "stays":
            await asyncio.sleep(60)
        if then == "drops":
            await asyncio.sleep(0.02)
            assert request.transport is not None
            request.transport.abort()
        return answer

    return handler


async def as_asked(request: web.Request) -> web.StreamResponse:
    """What an API server says where all is well: the Secret (or namespace) that the path or body names."""
    body = await _read(request)
    path = [unquote(part) for part in request.raw_path.partition("?")[0].removeprefix("/api/v1/").split("/")]
    plural, names = (path[2], path[3:]) if len(path) > 2 else (path[0], path[1:])
    given = body.get("metadata", {}).get("name") if isinstance(body, dict) else None
    name = names[0] if names else given or "x"
    if request.method == "DELETE":
        uid = body.get("preconditions", {}).get("uid", "uid-1")
        return await gives(deleted(name, uid, plural))(request)
    return await gives(thing(name) | {"kind": "Namespace" if plural == "namespaces" else "Secret"})(request)


async def _read(request: web.Request) -> Any:
    body = await request.read()
    return json.loads(body) if body else {}


def deleted(name: str, uid: str = "uid-1", plural: str = "secrets") -> dict[str, Any]:
    """The Status after a deletion."""
    details = {"name": name, "kind": plural, "uid": uid}
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}


def thing(name: str, version: str = "1") -> dict[str, Any]:
    """A Secret."""
    metadata = {"name": name, "uid": "uid-1", "resourceVersion": version}
    return {"kind": "Secret", "apiVersion": "v1", "metadata": metadata}


def event(kind: str, name: str, version: str) -> dict[str, Any]:
    return {"type": kind, "object": thing(name, version)}


def listing(*names: str, version: str = "10", more: str = "") -> dict[str, Any]:
    metadata = {"resourceVersion": version} | ({"continue": more} if more else {})
    return {"kind": "List", "metadata": metadata, "items": [thing(name) for name in names]}
