"""Everything between a client and the wire: who we are, the connections, how many requests at once, what is measured.

A session keeps one transport for the authority and certificate in use. Where a plugin gives another certificate, or a
file of the kubeconfig holds another one by now, the next request opens another transport, and the old one ends when
its last request has.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from .auth import Authenticator, Identity, impersonation_headers
from .endpoint import Endpoint
from .errors import ConfigError, TLSFailed, Unreachable
from .exec_plugin import PLUGINS
from .meters import Meters
from .responses import Request, Response, warnings_of
from .warnings import emit

if TYPE_CHECKING:
    from ssl import SSLContext

    from .transport import Secrets, Stream, Transport


class Session:
    """The way to one endpoint. Repeats a request only to show a renewed credential after a 401."""

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        connect: float,
        stall: float,
        exec_timeout: float,
        in_flight: int,
        wall: Callable[[], float],
    ) -> None:
        self.meters = Meters(wall, own=not endpoint.delivered)
        self._connect, self._stall = connect, stall
        self._slots = asyncio.Semaphore(in_flight)
        self._auth = Authenticator(endpoint, plugins=PLUGINS, exec_timeout=exec_timeout)
        self._opening = asyncio.Lock()
        self._transport: Transport | None = None
        self._retired: list[Transport] = []
        self._trusted: tuple[object, ...] = ()
        self._closed = False

    @property
    def endpoint(self) -> Endpoint:
        """Where it leads, with authority and certificate as their files held them at the last look."""
        return self._auth.endpoint

    @property
    def logging_in(self) -> str:
        """What its credential plugin is doing, in words; empty where none runs or waits."""
        return PLUGINS.says(self.endpoint)

    async def close(self) -> None:
        """Closes every connection; nothing is sent any more."""
        self._closed = True
        transports = [*self._retired, *([self._transport] if self._transport is not None else [])]
        self._transport = None
        self._retired.clear()
        for transport in transports:
            await transport.close()

    async def exchange(self, sent: Request) -> Response:
        """One request and its whole answer, whatever its status."""
        async with self._slots:
            identity = await self._auth.identity()
            response = await self._send(identity, sent)
            if response.status == 401 and await self._auth.renewed(identity):
                response = await self._send(await self._auth.identity(), sent)
            return response

    async def stream(self, sent: Request) -> Stream:
        """A GET whose answer goes on; it takes no place among the requests. To be closed by the caller."""
        identity = await self._auth.identity()
        stream = await self._stream(identity, sent)
        try:
            renewed = stream.status == 401 and await self._auth.renewed(identity)
        except BaseException:
            await stream.close()
            raise
        if renewed:
            await stream.close()
            stream = await self._stream(await self._auth.identity(), sent)
        return stream

    async def _stream(self, identity: Identity, sent: Request) -> Stream:
        transport = await self._transport_for(identity)
        with self._doubting():
            return await transport.stream(sent, self._headers(sent, identity), self._connect, self._stall)

    async def _send(self, identity: Identity, sent: Request) -> Response:
        transport = await self._transport_for(identity)
        with self._doubting(), self.meters.measure() as note:
            response = await transport.exchange(sent, self._headers(sent, identity), self._connect)
            note(response.headers.get("Date"))
        for warning in warnings_of(response.header_values("Warning")):
            emit(warning)
        return response

    @contextmanager
    def _doubting(self) -> Iterator[None]:
        """A handshake that fails may be the fault of what lies in a file, and may have been mended there."""
        try:
            yield
        except TLSFailed:
            self._auth.doubted()
            raise

    def _headers(self, sent: Request, identity: Identity) -> Secrets:
        from .transport import Secrets

        made = Secrets(sent.headers.items())
        if identity.authorization is not None:
            made.add("Authorization", identity.authorization.reveal())
        for key, value in impersonation_headers(self.endpoint.login.impersonate):
            made.add(key, value)
        return made

    async def _transport_for(self, identity: Identity) -> Transport:
        """The transport for this certificate; another one, or another authority, means another transport."""
        endpoint = self.endpoint
        trusted = (endpoint.ca, identity.certificate, identity.key)
        async with self._opening:
            if self._transport is None or self._trusted != trusted:
                self._check_open()
                made, context = await asyncio.to_thread(_prepare, endpoint, identity)
                self._check_open()
                old, self._transport, self._trusted = self._transport, made(endpoint, context), trusted
                if old is not None:
                    self._retired = [transport for transport in self._retired if transport.users] + [old]
                    await old.retire()
            return self._transport

    def _check_open(self) -> None:
        if self._closed:
            raise Unreachable("the client is closed", cluster=self.endpoint.name)


def _prepare(endpoint: Endpoint, identity: Identity) -> tuple[type[Transport], SSLContext]:
    """Beside the loop: the first call imports the transport, and reading authorities takes its time too."""
    from .tls import context_for
    from .transport import Transport

    try:
        context = context_for(
            ca=endpoint.ca,
            insecure=endpoint.insecure,
            certificate=identity.certificate,
            key=identity.key,
            server_name=endpoint.tls_server_name,
        )
    except ConfigError as error:
        raise ConfigError(error.message, cluster=endpoint.name, hint=error.hint) from None
    return Transport, context
