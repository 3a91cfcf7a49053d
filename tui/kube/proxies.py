"""Which proxy a server is reached through: the rules of Go's golang.org/x/net/http/httpproxy, which kubectl has.

Python's own reading of the same variables differs: it knows no networks, takes `.example.com` for `example.com` too,
and prefers the lower case.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final
from urllib.parse import SplitResult, urlsplit

from .endpoint import Endpoint
from .errors import ConfigError

SOCKS: Final = ("socks5", "socks5h")
"""Names are looked up by the proxy with both, as in Go."""
_SCHEMES: Final = ("http", "https", *SOCKS)
_PORTS: Final = {"http": "80", "https": "443"}


def proxy_for(endpoint: Endpoint, environ: Mapping[str, str] = os.environ) -> str | None:
    """The URL of the proxy to `endpoint`: the cluster's own, else the environment's, and never one of that for this
    machine. Raises ConfigError where no proxy can be used like that.
    """
    parts = urlsplit(endpoint.server)
    proxy = endpoint.proxy_url
    if proxy is None:
        proxy = _any(environ, f"{parts.scheme.upper()}_PROXY")
        if proxy and not urlsplit_or_none(proxy):
            proxy = f"http://{proxy}"
        if not proxy or _bypassed(parts, _any(environ, "NO_PROXY")):
            return None
    found = urlsplit_or_none(proxy)
    if found is None or found.scheme not in _SCHEMES:
        raise ConfigError(
            "the proxy is no address of one",
            cluster=endpoint.name,
            hint="write http://HOST:PORT, https://HOST:PORT or socks5://HOST:PORT into proxy-url or HTTPS_PROXY",
        )
    return proxy


def urlsplit_or_none(text: str) -> SplitResult | None:
    """The parts of a URL with a scheme, a host and no impossible port; else None."""
    try:
        parts = urlsplit(text)
        return parts if parts.scheme and parts.hostname and parts.port != 0 else None
    except ValueError:
        return None


def is_loopback(host: str) -> bool:
    """Whether a host, as it is written, is this machine."""
    address = _address(host)
    return host == "localhost" or (address is not None and address.is_loopback)


def _any(environ: Mapping[str, str], name: str) -> str:
    return environ.get(name) or environ.get(name.lower()) or ""


def _bypassed(server: SplitResult, no_proxy: str) -> bool:
    host = (server.hostname or "").lower()
    port = str(server.port or _PORTS[server.scheme])
    return is_loopback(host) or any(_matches(one.strip().lower(), host, port) for one in no_proxy.split(","))


def _matches(entry: str, host: str, port: str) -> bool:
    """Whether one entry of NO_PROXY is about this server: `*`, a network, an address or a domain, maybe with a port."""
    if entry in ("", "*"):
        return entry == "*"
    address = _address(host)
    if "/" in entry:
        try:
            return address is not None and address in ip_network(entry, strict=False)
        except ValueError:
            pass  # no network: no domain either, but Go compares it like one
    name, only = _with_port(entry)
    if only not in ("", port) or not name:
        return False
    if (wanted := _address(name)) is not None:
        return wanted == address
    domain = name.removeprefix("*") if name.startswith("*.") else name
    return host.endswith(domain) if domain.startswith(".") else host == domain or host.endswith(f".{domain}")


def _with_port(entry: str) -> tuple[str, str]:
    if entry.startswith("["):
        name, _, port = entry[1:].partition("]")
        return name, port.removeprefix(":")
    name, colon, port = entry.rpartition(":")
    return (name, port) if colon and ":" not in name else (entry, "")


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
