"""DPF's tokenFile: host, port, authority and token as four values, in the bytes of its reference controller.

In a file they are shell assignments in single quotes (`. FILE` and dotenv readers understand them), so that one atomic
write replaces them together.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from tui.issuance.errors import UsageError
from tui.kube.sensitive import Sensitive
from tui.kube.shell import in_quotes

from .base import Owner, Rules, bare, token_under

if TYPE_CHECKING:
    from tui.kube.delivered import Allow, Delivered
    from tui.kube.endpoint import Endpoint

TOKEN_FILE_KEY: Final = "TOKEN_FILE"
HOST_KEY: Final = "KUBERNETES_SERVICE_HOST"
PORT_KEY: Final = "KUBERNETES_SERVICE_PORT"
CA_KEY: Final = "KUBERNETES_CA_DATA"
_MOST_ASSIGNED: Final = 256 * 1024
"""Bytes of a file with assignments that are looked through for them."""


class TokenFile(Rules):
    name = "tokenFile"
    keys = (CA_KEY, HOST_KEY, PORT_KEY, TOKEN_FILE_KEY)
    suffix = "env"
    says_where = True

    def render(self, token: Sensitive, endpoint: Endpoint, owner: Owner) -> dict[str, Sensitive]:
        host, port = host_and_port(endpoint)
        return {
            CA_KEY: Sensitive(endpoint.ca or b""),
            HOST_KEY: Sensitive(host),
            PORT_KEY: Sensitive(port),
            TOKEN_FILE_KEY: bare(token),
        }

    def as_file(self, data: Mapping[str, Sensitive]) -> Sensitive:
        return Sensitive("".join(f"{key}={in_quotes(data[key].reveal())}\n" for key in self.keys))

    def from_file(self, content: Sensitive) -> dict[str, Sensitive]:
        if len(content) > _MOST_ASSIGNED:
            return {}
        try:
            words = shlex.split(content.reveal())
        except ValueError:  # not text, or quotes that do not close
            return {}
        found = {key: value for key, equals, value in (word.partition("=") for word in words) if equals}
        return {key: Sensitive(value) for key, value in found.items() if key in self.keys}

    def token_of(self, data: Mapping[str, Sensitive]) -> Sensitive | None:
        return token_under(TOKEN_FILE_KEY, data)

    def losses(self, endpoint: Endpoint) -> tuple[str, ...]:
        lost = [
            ("tls-server-name", endpoint.tls_server_name is not None),
            ("proxy-url", endpoint.proxy_url is not None),
            ("insecure-skip-tls-verify", endpoint.insecure),
        ]
        return tuple(f"the format tokenFile cannot carry {what} of this cluster" for what, there in lost if there)

    def _way(self, data: Mapping[str, Sensitive], allow: Allow) -> Delivered:
        from tui.kube import delivered

        try:
            host, port = data[HOST_KEY].reveal(), data[PORT_KEY].reveal()
        except UnicodeDecodeError:
            host = port = ""
        server = f"https://[{host}]:{port or 443}" if ":" in host else f"https://{host}:{port or 443}"
        return delivered.of_parts(server, data[CA_KEY].reveal_bytes(), bare(data[TOKEN_FILE_KEY]), allow)


def host_and_port(endpoint: Endpoint) -> tuple[str, str]:
    """What tokenFile says of the server. IPv6 hosts have no brackets, and no port means the scheme's own.

    Raises UsageError for addresses that the format cannot say.
    """
    what = "the format tokenFile cannot say where this cluster is"
    try:
        url = urlsplit(endpoint.server if "://" in endpoint.server else f"https://{endpoint.server}")
        host, port = url.hostname or "", url.port
    except ValueError:
        host, port, url = "", None, urlsplit("")
    if not host:
        raise UsageError(f"{what}: {endpoint.server!r} is not the address of a server")
    if url.path.strip("/"):
        raise UsageError(f"{what}: its address has the path {url.path}", "use the type kubeconfig")
    if url.scheme != "https":
        raise UsageError(f"{what}: clients of this format speak https, not {url.scheme}", "use the type kubeconfig")
    written = url.netloc.rpartition("@")[2]  # `hostname` would be in lower case
    host = written[1 : written.index("]")] if written.startswith("[") else written.partition(":")[0]
    return host, str(port or 443)
