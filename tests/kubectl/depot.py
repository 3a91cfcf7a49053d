"""Servers that write down by which way each request came, and as whom: an API server and the proxies before it.

The API server is a small one (discovery and a list of accounts) behind several certificates. Each proxy leads to it
whatever host it is asked for, so that a name nobody can look up works through a proxy and nowhere else.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Final

from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.certificates import Pair

from . import pki

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[Any, Any, None]]
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
_ACCOUNT: Final = {
    "metadata": {
        "name": "default",
        "namespace": "default",
        "uid": "5f2c",
        "resourceVersion": "1",
        "creationTimestamp": "2026-01-01T00:00:00Z",
    }
}
_RESOURCES: Final = [("serviceaccounts", "ServiceAccount", True), ("namespaces", "Namespace", False)]
_BODIES: Final[dict[str, Any]] = {
    "/api": {"kind": "APIVersions", "versions": ["v1"]},
    "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": []},
    "/version": {"major": "1", "minor": "32", "gitVersion": "v1.32.4"},
    "/api/v1": {
        "kind": "APIResourceList",
        "groupVersion": "v1",
        "resources": [
            {"name": name, "namespaced": namespaced, "kind": kind, "verbs": ["list", "watch", "get"]}
            for name, kind, namespaced in _RESOURCES
        ],
    },
}


@dataclass(frozen=True, order=True)
class Seen:
    """As whom one request came, and which way: "direct", "http", "https" or "socks5"."""

    way: str
    authorization: str = ""
    certificate: str = ""
    impersonated: tuple[tuple[str, str], ...] = ()


@dataclass
class Depot:
    """All of them, in a thread of their own. `ports` has one for each serving certificate and each proxy."""

    seen: set[Seen] = field(default_factory=set)
    proxied: set[str] = field(default_factory=set)
    """What proxies were given as Proxy-Authorization, or as name and password of SOCKS."""
    ports: dict[str, int] = field(default_factory=dict)
    open: int = 0
    """How many connections there are."""

    def __enter__(self) -> Depot:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(20)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def settle(self) -> None:
        """Wait until every client has gone: what is seen afterwards is not theirs."""
        deadline = time.monotonic() + 5
        while self.open and time.monotonic() < deadline:
            time.sleep(0.005)

    def forget(self) -> None:
        self.settle()
        self.seen.clear()
        self.proxied.clear()

    async def _start(self) -> None:
        issuing, root = pki.issuing(), pki.root()
        good = issuing.issue("api", names=pki.NAMES)
        chain = Pair(good.certificate + issuing.pem, good.key)
        cn_only = root.issue("localhost")
        for name, pair in {
            "chain": chain,
            "leaf-alone": good,
            "other-name": root.issue("api", names=["elsewhere.example"]),
            "name-as-common-name": cn_only,
            "ended": root.issue("api", names=pki.NAMES, days=-1),
            "for-clients": root.issue("api", names=pki.NAMES, purpose=ExtendedKeyUsageOID.CLIENT_AUTH),
        }.items():
            await self._listen(name, self._api("direct"), pair)
        await self._listen("plain", self._api("direct"))
        for way in ("http", "https", "socks5"):
            await self._listen(f"behind-{way}", self._api(way), chain)
        await self._listen("http-proxy", self._proxy("http"))
        await self._listen("https-proxy", self._proxy("https"), chain)
        await self._listen("socks5-proxy", self._socks())
        await self._listen("refusing-proxy", self._refuse)

    async def _listen(
        self,
        name: str,
        serve: Serve,
        pair: Pair | None = None,
    ) -> None:
        context = None
        if pair is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            with pair.on_disk() as path:
                context.load_cert_chain(path)
            context.verify_mode = ssl.CERT_OPTIONAL
            context.load_verify_locations(cadata=pki.root().pem.decode())
        for bound in _on_both():
            await asyncio.start_server(self._quietly(serve), sock=bound, ssl=context)
            self.ports[name] = bound.getsockname()[1]

    def _api(self, way: str) -> Serve:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while request := await _head(reader):
                (path, _, query), headers = request[0].split()[1].partition("?"), request[1]
                await reader.readexactly(int(headers.get("content-length", "0")))
                certificate = writer.get_extra_info("peercert") or {}
                self.seen.add(
                    Seen(
                        way,
                        headers.get("authorization", ""),
                        ",".join(value for part in certificate.get("subject", ()) for _, value in part),
                        tuple(sorted((k, v) for k, v in headers.items() if k.startswith("impersonate-"))),
                    )
                )
                if "watch=" in query:
                    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
                    await writer.drain()
                    await reader.read()  # nothing happens here: until the client goes
                    return
                listed: dict[str, Any] = {
                    "kind": "List",
                    "apiVersion": "v1",
                    "metadata": {"resourceVersion": "1"},
                    "items": [],
                }
                if path.endswith("serviceaccounts"):
                    listed |= {"kind": "ServiceAccountList", "items": [_ACCOUNT]}
                body = json.dumps(_BODIES.get(path.rstrip("/"), listed)).encode()
                writer.write(
                    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
                    % (len(body), body)
                )
                await writer.drain()

        return serve

    def _proxy(self, way: str) -> Serve:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            request = await _head(reader)
            if request is None or not request[0].startswith("CONNECT"):
                return
            if given := request[1].get("proxy-authorization"):
                self.proxied.add(base64.b64decode(given.removeprefix("Basic ")).decode())
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
            await self._tunnel(way, (reader, writer))

        return serve

    def _socks(self) -> Serve:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            methods = await reader.readexactly((await reader.readexactly(2))[1])
            writer.write(b"\x05\x02" if 2 in methods else b"\x05\x00")
            if 2 in methods:
                name = await reader.readexactly((await reader.readexactly(2))[1])
                word = await reader.readexactly((await reader.readexactly(1))[0])
                self.proxied.add(f"{name.decode()}:{word.decode()}")
                writer.write(b"\x01\x00")
            kind = (await reader.readexactly(4))[3]
            length = {1: 4, 4: 16}.get(kind) or (await reader.readexactly(1))[0]
            await reader.readexactly(length + 2)
            writer.write(b"\x05\x00\x00\x01" + bytes(6))
            await self._tunnel("socks5", (reader, writer))

        return serve

    async def _refuse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _head(reader)
        writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()

    def _quietly(self, serve: Serve) -> Serve:
        async def served(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self.open += 1
            try:
                with contextlib.suppress(OSError, EOFError, ssl.SSLError, ValueError):
                    await serve(reader, writer)
            finally:
                self.open -= 1
                writer.close()

        return served

    async def _tunnel(self, way: str, one: Streams) -> None:
        other = await asyncio.open_connection("127.0.0.1", self.ports[f"behind-{way}"])
        await asyncio.gather(_pipe(one[0], other[1]), _pipe(other[0], one[1]))


def _on_both() -> tuple[socket.socket, socket.socket]:
    """Sockets for every IPv4 address and for IPv6's own machine, at one port that nobody else has bound."""
    while True:
        every, own = socket.socket(socket.AF_INET), socket.socket(socket.AF_INET6)
        try:
            every.bind(("0.0.0.0", 0))
            own.bind(("::1", every.getsockname()[1]))
            return every, own
        except OSError:
            every.close()
            own.close()


async def _head(reader: asyncio.StreamReader) -> tuple[str, dict[str, str]] | None:
    line, headers = (await reader.readline()).decode(), {}
    while header := (await reader.readline()).decode().strip():
        name, _, value = header.partition(":")
        headers[name.lower()] = value.strip()
    return (line, headers) if line.strip() else None


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()
