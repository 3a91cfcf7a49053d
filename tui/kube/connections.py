"""Pools of connections that can be ended at once, for a direct way or through aiohttp's proxies."""

from __future__ import annotations

import asyncio
import weakref
from typing import Any

import aiohttp


class ProxyRefused(aiohttp.ClientConnectionError):
    """A SOCKS proxy is not there, or does not connect us."""


class Connections(aiohttp.TCPConnector):
    """A pool that can end every connection it ever made, also those that it gave up and that still say goodbye.

    An answer that is not read to its end (every watch) has its connection closed by aiohttp, which forgets it at once.
    TLS then waits for the server's own goodbye: in a program that ends, until after the end of the loop.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._made: weakref.WeakSet[asyncio.BaseTransport] = weakref.WeakSet()

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Any],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - the base class names it
    ) -> aiohttp.connector.Connection:
        connection = await super().connect(req, traces, timeout)
        if connection.transport is not None:
            self._made.add(connection.transport)
        return connection

    async def end(self) -> None:
        """Close all of them, without TLS's goodbye."""
        await self.close(abort_ssl=True)
        for transport in self._made:
            if isinstance(transport, asyncio.WriteTransport):
                transport.abort()
