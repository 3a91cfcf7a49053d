"""What stands between here and the API server answered in its place: said in words, with what to do about it.

Load balancers, gateways and login pages answer with a number and a page for browsers. The number is not thrown away,
but nobody should have to know what it stands for. What an API server says itself stays as it is.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

from .shell import command

_GATEWAY: Final = {
    502: "a load balancer or proxy got no proper answer from the API server behind it",
    503: "nothing serves the API there now: it is down, starting, or a load balancer has none to pass this on to",
    504: "a load balancer or proxy waited too long for the API server behind it",
}
BEHIND: Final = "look whether the API server runs, and what stands before it; kubectl meets the same"
BUSY: Final = "the server has more to do than it takes on now (HTTP 429)"
LOGIN_PAGE: Final = (
    "a login page or another site answers: check server and proxy-url in the kubeconfig, "
    "and whether this network wants a login in a browser first"
)
_HOST: Final = re.compile(r"[A-Za-z0-9.:\[\]-]{1,253}")


def gateway(code: int, said: str = "") -> tuple[str, str]:
    """Message and hint for an answer of 5xx that is no API server's own; empty where nothing is known of the number."""
    if code not in _GATEWAY:
        return said, ""
    return f"{_GATEWAY[code]} (HTTP {code}{f': {said}' if said else ''})", BEHIND


def too_many(seconds: float | None) -> str:
    """The hint for 429."""
    if not seconds:
        return "try again later"
    return f"the server asks to wait {seconds:g} s before the next try"


def redirected(code: int, location: str) -> str:
    """What is said of a redirect: where to, without anything that such an address may hold."""
    try:
        parts = urlsplit(location)
    except ValueError:
        parts = urlsplit("")
    known = parts.scheme in ("http", "https") and _HOST.fullmatch(parts.netloc)
    to = f" to {parts.scheme}://{parts.netloc}" if known else ""
    return f"redirected elsewhere{to} (HTTP {code}), which is not followed"


def no_namespace(name: str) -> tuple[str, str]:
    """Message and hint where the namespace itself is not there."""
    return f'there is no namespace "{name}" (namespaces "{name}" not found)', (
        f"make it first ({command('kubectl', 'create', 'namespace', name)}), or name another one with -n"
    )


ENDING: Final = "the namespace is being deleted: wait until it is gone, or name another one with -n"


def ends(message: str) -> bool:
    """Whether a refusal says that the namespace is on its way out."""
    return message.endswith("because it is being terminated")
