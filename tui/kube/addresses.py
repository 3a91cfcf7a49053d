"""Which address of a server another cluster may name: what a cluster delivered must not lead back to this machine.

An address is judged as it is written, every way that C libraries read a number as one included. A name that a DNS
server answers with an address of this machine is only seen once it is looked up: `is_near` judges that answer.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from typing import Final
from urllib.parse import urlsplit

MAX_ADDRESS: Final = 2048
MAX_NAME: Final = 253
_LABEL: Final = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")
_OWN_NAMES: Final = ("localhost", "localdomain", "ip6-localhost", "ip6-loopback")
_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")
_PORTS: Final = {"https": 443, "http": 80}
_THIS_NETWORK: Final = ipaddress.ip_network("0.0.0.0/8")


class AddressRefused(ValueError):
    """The address is none that a cluster may deliver. The message says what is wrong with it, after "it"."""


def server(text: str, *, near: bool = False) -> str:
    """The address of a server as it is kept, without a slash at the end. Raises AddressRefused.

    https only, with nothing but a host, a port and a path. With `near` it may be this machine or its link.
    """
    if not text:
        raise AddressRefused("is empty")
    if len(text) > MAX_ADDRESS:
        raise AddressRefused(f"is longer than {MAX_ADDRESS} characters")
    # Before anything takes it apart: URL readers drop line breaks and turn some letters into ASCII.
    if not text.isascii() or not text.isprintable() or " " in text or "\\" in text:
        raise AddressRefused("has characters that no address has")
    if "?" in text or "#" in text:
        raise AddressRefused("has a query or a fragment")
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise AddressRefused("is not an address") from None
    if parts.scheme != "https":
        raise AddressRefused("is not https")
    if "@" in parts.netloc:
        raise AddressRefused("has a user in it")
    if port == 0 or parts.netloc.endswith(":"):
        raise AddressRefused("has no port that could be used")
    if ("[" in parts.netloc) != (":" in host):
        raise AddressRefused("has no host that could be looked up")
    _check_host(host, near=near)
    return text.rstrip("/")


def place(text: str) -> tuple[str, str, int, str]:
    """Scheme, host, port and path of a server, by which two ways of writing the same one are the same.

    Raises ValueError where it is no address.
    """
    parts = urlsplit(text)
    port = _PORTS.get(parts.scheme) if parts.port is None else parts.port
    if port is None or not parts.hostname:
        raise ValueError("no address of a server")
    return parts.scheme, parts.hostname, port, parts.path.rstrip("/")


def same_place(one: str, other: str) -> bool:
    """Whether two servers are at the same place; what is no address is at none."""
    try:
        return place(one) == place(other)
    except ValueError:
        return False


def is_near(host: str) -> bool:
    """Whether a host, by name or number, is this machine or on its own link; what cannot be read is no number."""
    address = _number(host)
    if address is not None:
        return _leads_here(address)
    name = host.rstrip(".").lower()
    return name.rpartition(".")[2] in _OWN_NAMES


def leads_near(address: str) -> bool:
    """Whether the address of a server says this machine or its own link."""
    try:
        return is_near(urlsplit(address).hostname or "")
    except ValueError:
        return False


def _check_host(host: str, *, near: bool) -> None:
    address = _number(host)
    if address is None:
        labels = host.removesuffix(".").split(".")
        if len(host) > MAX_NAME or not all(_LABEL.fullmatch(label) for label in labels):
            raise AddressRefused("has no host that could be looked up")
        if labels[-1][:1].isdigit():  # no such domain exists: some reader takes it for a number
            raise AddressRefused("writes a number in a way that hides which")
    elif ":" not in host and str(address) != host:
        raise AddressRefused("writes a number in a way that hides which")
    if not near and is_near(host):
        raise AddressRefused("is this machine or its own link")


def _number(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """What the C library would read as a number: also 127.1, 0x7f000001 and 2130706433."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        pass
    if not re.fullmatch(r"[0-9][0-9a-fA-FxX.]*", host):
        return None
    try:
        return ipaddress.IPv4Address(socket.inet_aton(host.rstrip(".")))
    except (OSError, ValueError):
        return None


def _leads_here(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if inner is None and (address in _NAT64 or int(address) >> 32 == 0):  # and the old "IPv4-compatible" ones
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None and _leads_here(inner):
            return True
    elif address in _THIS_NETWORK or address == ipaddress.IPv4Address(0xFFFFFFFF):
        return True
    return address.is_loopback or address.is_link_local or address.is_unspecified or address.is_multicast
