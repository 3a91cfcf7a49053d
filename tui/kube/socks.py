"""Connections through a SOCKS5 proxy, which looks names up itself. Loaded where a cluster has one."""

from __future__ import annotations

from typing import Any

import aiohttp
from aiohttp_socks import ProxyConnectionError, ProxyConnector, ProxyError, ProxyTimeoutError

from .connections import Connections, ProxyRefused


class SocksConnections(Connections, ProxyConnector):
    """The same pool, behind the proxy of `url`."""

    @classmethod
    def behind(cls, url: str, **options: Any) -> SocksConnections:
        """Raises ValueError where `url` is no address of a SOCKS5 proxy."""
        made = cls.from_url(url.replace("socks5h:", "socks5:", 1), **options)
        assert isinstance(made, SocksConnections)
        return made

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Any],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - the base class names it
    ) -> aiohttp.connector.Connection:
        try:
            return await super().connect(req, traces, timeout)
        except ProxyTimeoutError:
            failure: Exception = TimeoutError()
        except (ProxyConnectionError, ProxyError):
            failure = ProxyRefused()
        raise failure
