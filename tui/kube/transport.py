"""One HTTP session to one API server, on the `kubernetes` package's aio transport.

Its `Configuration` and `RESTClientObject` give the session and its settings; requests go out with our own timeouts,
no redirects, no cookies, no `~/.netrc`, and bodies that are already encoded. This module is the only one that
imports aiohttp and, by `client_package`, kubernetes, which takes a while: `tui.kube.client` loads it on first use and
beside the loop.

Errors of aiohttp quote requests with their headers, and travel with frames that hold them. None leaves this module:
each is classified first, and what is raised then has neither cause nor context.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import socket
import ssl
import zlib
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from tui import __version__

from . import limits
from .addresses import is_near
from .bodies import GZIP, TooLarge, Unasked, packing, whole
from .client_package import Configuration, RESTClientObject
from .connections import Connections, ProxyRefused
from .endpoint import Endpoint
from .errors import ConnectionLost, KubeError, ProtocolError, TimedOut, TLSFailed, Unreachable
from .proxies import SOCKS, is_loopback, proxy_for
from .responses import Opaque, Request, Response
from .tls import failed

_MAX_REFUSAL: Final = 1024 * 1024
_TOO_LARGE: Final = "no API server that is asked like this answers so much; is it one, and whose?"
USER_AGENT: Final = f"kubemint/{__version__}"
_KEEPALIVE: Final = (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 4))

# Retries are announced as warnings; without any logging set up Python would print them over the screen.
logging.getLogger("stamina").addHandler(logging.NullHandler())


class Secrets(CIMultiDict[str]):
    """Headers that do not show in a repr, and so not in a traceback with local variables."""

    def __repr__(self) -> str:
        return f"<{len(self)} headers>"


class Transport(RESTClientObject):
    """The session of one endpoint with one TLS context."""

    def __init__(self, endpoint: Endpoint, context: ssl.SSLContext) -> None:
        # Not the base class's __init__: it reads the system's authorities once more for every cluster. What only its
        # own `request` would need is left out: requests go out here, and what it closes is what is made here.
        self.endpoint = endpoint
        self.host = urlsplit(endpoint.server).hostname or ""
        self.configuration = Configuration(
            host=endpoint.server,
            tls_server_name=endpoint.tls_server_name,
            proxy=proxy_for(endpoint),
            connection_pool_maxsize=0,  # the client counts requests itself: watches must not take their places
            client_session_kwargs={
                "trust_env": False,
                "cookie_jar": aiohttp.DummyCookieJar(),
                "auto_decompress": False,  # unpacked here, in steps, with a limit
                "read_bufsize": 2**18,
                "raise_for_status": False,
            },
        )
        self.ssl_context = context
        self.proxy = self.configuration.proxy
        self.pool_manager: aiohttp.ClientSession | None = None
        self.retry_client = None
        self._open: set[aiohttp.ClientResponse] = set()
        self.users = 0
        self._retired = False
        self.sizes = limits.sizes_for(delivered=endpoint.delivered)
        self.plain = endpoint.disable_compression or endpoint.delivered or is_loopback(self.host)
        """Whether nothing is to come packed: for this machine it only costs time, from strangers it may be anything."""

    async def close(self) -> None:
        """Closes the session, and wakes whoever still reads a stream."""
        for answer in self._open:
            answer.content.set_exception(aiohttp.ClientConnectionError("closed"))
        if self.pool_manager is not None and isinstance(self.pool_manager.connector, Connections):
            await self.pool_manager.connector.end()
        await super().close()

    async def retire(self) -> None:
        """Closes the session as soon as it is not used: another certificate must not break what is on its way."""
        self._retired = True
        if not self.users:
            await self.close()

    async def _unused(self) -> None:
        self.users -= 1
        if self._retired and not self.users:
            await self.close()

    def _session(self) -> aiohttp.ClientSession:
        if self.pool_manager is None:
            settings = self.configuration.client_session_kwargs
            self.pool_manager = aiohttp.ClientSession(connector=self._connector(), **settings)
        return self.pool_manager

    def _connector(self) -> Connections:
        # A name says where it leads only now. Where a proxy is used, that is the proxy's to look up.
        if self.proxy and urlsplit(self.proxy).scheme in SOCKS:
            from .socks import SocksConnections

            return SocksConnections.behind(self.proxy, limit=0, ssl=self.ssl_context)
        strange = self.endpoint.delivered and not self.proxy and not is_near(self.host)
        return Connections(limit=0, ssl=self.ssl_context, socket_factory=_socket_elsewhere if strange else _socket)

    async def exchange(self, sent: Request, headers: Secrets, connect: float) -> Response:
        """One request and its whole answer, whatever its status; `connect` in seconds. Raises KubeError."""
        read = sent.read
        total = limits.whole_answer(connect, read)
        timeouts = aiohttp.ClientTimeout(total=total, connect=connect, sock_connect=connect, sock_read=read)
        failure: KubeError
        self.users += 1
        try:
            answer = await self._request(sent, headers, timeouts)
            async with answer:
                packed = packing(answer.headers.get("Content-Encoding"), asked=not self.plain)
                body = await whole(answer.content, packed=packed, most=sent.most, values=self.sizes.values)
                return Response(answer.status, answer.headers, body)
        except (TooLarge, Unasked, *_TROUBLE) as error:
            failure = self.classify(error, read, total)
        finally:
            await self._unused()
        raise failure

    async def stream(self, sent: Request, headers: Secrets, connect: float, stall: float) -> Stream:
        """A GET whose answer arrives bit by bit. Headers are due within its `read`, each further bit within `stall`.

        All in seconds. Raises KubeError.
        """
        timeouts = aiohttp.ClientTimeout(total=None, connect=connect, sock_connect=connect, sock_read=stall)
        failure: KubeError
        self.users += 1
        try:
            async with asyncio.timeout(connect + sent.read):
                answer = await self._request(sent, headers, timeouts, packed=False)
            try:
                packing(answer.headers.get("Content-Encoding"), asked=False)
            except Unasked:
                answer.close()
                raise
            self._open.add(answer)
            return Stream(self, answer, sent.read, stall)
        except (Unasked, *_TROUBLE) as error:
            failure = self.classify(error, sent.read)
            await self._unused()
        except BaseException:
            await self._unused()
            raise
        raise failure

    async def end(self, answer: aiohttp.ClientResponse) -> None:
        """Takes back the answer of a stream. A watch is never read to its end, so its connection is not used again."""
        answer.close()
        if answer in self._open:
            self._open.discard(answer)
            await self._unused()

    async def _request(
        self, sent: Request, headers: Secrets, timeouts: aiohttp.ClientTimeout, *, packed: bool = True
    ) -> aiohttp.ClientResponse:
        session = self._session()
        proxy = self.proxy if self.proxy and urlsplit(self.proxy).scheme not in SOCKS else None
        headers = Secrets(headers)
        headers["User-Agent"] = USER_AGENT
        headers["Accept-Encoding"] = GZIP if packed and not self.plain else "identity"
        query = f"?{urlencode(sent.params)}" if sent.params else ""
        url = URL(f"{self.endpoint.server}{sent.path}{query}", encoded=True)  # escaped already; never twice
        options: dict[str, Any] = {"headers": headers, "data": sent.data, "timeout": timeouts, "proxy": proxy}
        return await session.request(sent.method, url, allow_redirects=False, **options)

    def classify(self, error: BaseException, waited: float, total: float = 0.0) -> KubeError:
        """What went wrong, in our words; nothing of `error` but its kind and the system's own text is kept.

        `waited` is how long nothing may come, `total` how long the whole may take, in seconds.
        """
        where = self.endpoint.name
        host = self.endpoint.tls_server_name or self.host
        if (refused := _tls_error(error)) is not None:
            problem = failed(refused, host)
            return TLSFailed(problem.message, cluster=where, hint=problem.hint)
        if isinstance(error, aiohttp.ConnectionTimeoutError):
            return TimedOut("no connection in time", cluster=where)
        if isinstance(error, TooLarge):
            return ProtocolError(str(error), cluster=where, hint=_TOO_LARGE)
        if isinstance(error, Unasked):
            return ProtocolError(str(error), cluster=where)
        if isinstance(error, zlib.error | EOFError):
            return ProtocolError("the answer cannot be unpacked", cluster=where)
        if isinstance(error, TimeoutError) and total and not isinstance(error, aiohttp.ServerTimeoutError):
            return TimedOut(f"the answer was not complete within {total:g} s", cluster=where)
        if isinstance(error, TimeoutError):
            return TimedOut(f"no answer within {waited:g} s", cluster=where)
        if isinstance(error, (aiohttp.ClientProxyConnectionError, aiohttp.ClientHttpProxyError, ProxyRefused)):
            return Unreachable("the proxy cannot be reached or refused", cluster=where, hint="check proxy-url")
        if isinstance(error, aiohttp.ClientConnectorDNSError):
            return Unreachable(f"unknown host {self.host}", cluster=where)
        if isinstance(error, aiohttp.ClientConnectorError) and isinstance(error.os_error, _LeadsHere):
            said = f"{self.host} is this machine or its own link"
            return Unreachable(said, cluster=where, hint="what another cluster delivers may not")
        if isinstance(error, aiohttp.ClientConnectorError):
            reason = _system_text(error.os_error, "no connection")
            return Unreachable(f"{reason} ({error.host}:{error.port})", cluster=where)
        if isinstance(error, aiohttp.ClientPayloadError):
            return ConnectionLost("the connection broke in the middle of the answer", cluster=where)
        if isinstance(error, (aiohttp.ServerDisconnectedError, ConnectionError)):
            return ConnectionLost("the server closed the connection", cluster=where)
        if isinstance(error, aiohttp.ClientResponseError):
            return ProtocolError("the answer is not HTTP", cluster=where)
        if isinstance(error, OSError):
            return ConnectionLost(_system_text(error, "the connection broke"), cluster=where)
        if isinstance(error, aiohttp.ClientConnectionError):
            return Unreachable("the connection is closed", cluster=where)
        if isinstance(error, RuntimeError):
            return Unreachable("the session is closed", cluster=where)
        return ProtocolError(f"the request or its answer is malformed ({type(error).__name__})", cluster=where)


class Stream:
    """The answer to a streaming GET, its status known and its body still to come."""

    def __init__(self, transport: Transport, answer: aiohttp.ClientResponse, read: float, stall: float) -> None:
        self._transport, self._answer, self._read, self._stall = transport, answer, read, stall
        self.status = answer.status
        self.headers: Mapping[str, str] = answer.headers

    async def close(self) -> None:
        """Ends it; always to be called."""
        await self._transport.end(self._answer)

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body as it comes. Raises Unreachable or TimedOut where it breaks off."""
        failure: KubeError | None = None
        try:
            async for chunk in self._answer.content.iter_any():
                yield chunk
        except (aiohttp.ClientError, OSError, TimeoutError, ssl.SSLError) as error:
            failure = self._transport.classify(error, self._stall)
        if failure is not None:
            raise failure

    async def whole(self) -> Response:
        """All of a short answer: the refusal of a watch. It is not waited for longer than for any other answer."""
        body, failure = Opaque(), None
        try:
            async with asyncio.timeout(self._read):
                async for chunk in self.chunks():
                    body = Opaque(body + chunk[:_MAX_REFUSAL])
                    if len(body) > _MAX_REFUSAL:
                        break
        except TimeoutError as error:
            failure = self._transport.classify(error, self._read)
        if failure is not None:
            raise failure
        return Response(self.status, self.headers, body)


_TROUBLE: Final = (
    aiohttp.ClientError, OSError, TimeoutError, ssl.SSLError, ValueError, RuntimeError, zlib.error, EOFError,
)  # fmt: skip
"""What a request may raise; each is classified."""


def _socket(info: Any) -> socket.socket:
    """A socket that notices within a minute that its peer is gone, so that no watch hangs on a dead connection."""
    family, kind, protocol, *_ = info
    made = socket.socket(family, kind, protocol)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEPALIVE:
        if hasattr(socket, name):
            made.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    return made


class _LeadsHere(OSError):
    """The name of a server that another cluster delivered is this machine or its own link."""


def _socket_elsewhere(info: Any) -> socket.socket:
    """The same for an address that is not near."""
    if is_near(str(info[4][0]).partition("%")[0]):
        raise _LeadsHere(errno.EACCES, os.strerror(errno.EACCES))
    return _socket(info)


def _system_text(error: OSError, otherwise: str) -> str:
    return os.strerror(error.errno).lower() if error.errno else otherwise


def _tls_error(error: BaseException) -> ssl.SSLError | None:
    """The TLS error behind aiohttp's, if there is one; an alert may only come when the first answer is read."""
    seen: BaseException | None = error
    for _ in range(4):
        inner = getattr(seen, "certificate_error", None) or getattr(seen, "os_error", None) or seen
        if isinstance(inner, ssl.SSLError):
            return inner
        seen = seen.__cause__ or seen.__context__ if seen is not None else None
    return None
