"""How material is written down: kubeconfig, DPF's tokenFile, or the bare token.

The bytes are those of DPF's reference controller, except where it loses what is needed to connect: tls-server-name,
proxy-url and the insecure flag stay, and a server without a port gets 443.
"""

from __future__ import annotations

import base64
from typing import Final
from urllib.parse import urlsplit

from tui.kube.endpoint import Endpoint
from tui.kube.sensitive import Sensitive

from .errors import UsageError
from .types import Format, Identity
from .yaml_text import dump

KUBECONFIG_KEY: Final = "kubeconfig"
TOKEN_KEY: Final = "token"
TOKEN_FILE_KEY: Final = "TOKEN_FILE"
HOST_KEY: Final = "KUBERNETES_SERVICE_HOST"
PORT_KEY: Final = "KUBERNETES_SERVICE_PORT"
CA_KEY: Final = "KUBERNETES_CA_DATA"
ROOT_CA_KEY: Final = "ca.crt"
NAMESPACE_KEY: Final = "namespace"

KEYS: Final[dict[Format, tuple[str, ...]]] = {
    Format.KUBECONFIG: (KUBECONFIG_KEY,),
    Format.TOKEN_FILE: (CA_KEY, HOST_KEY, PORT_KEY, TOKEN_FILE_KEY),
    Format.TOKEN: (TOKEN_KEY,),
    Format.SERVICE_ACCOUNT: (ROOT_CA_KEY, NAMESPACE_KEY, TOKEN_KEY),
}
"""The keys each format has in a Secret's data."""


def render(form: Format, token: Sensitive, endpoint: Endpoint, identity: Identity) -> dict[str, Sensitive]:
    """The data of a Secret: everything that `identity` needs to enter `endpoint` with `token`."""
    if form is Format.KUBECONFIG:
        return {KUBECONFIG_KEY: kubeconfig(token, endpoint, identity)}
    if form is Format.TOKEN_FILE:
        host, port = host_and_port(endpoint)
        return {
            CA_KEY: Sensitive(endpoint.ca or b""),
            HOST_KEY: Sensitive(host),
            PORT_KEY: Sensitive(port),
            TOKEN_FILE_KEY: bare(token),
        }
    if form is Format.SERVICE_ACCOUNT:
        return {
            ROOT_CA_KEY: Sensitive(endpoint.ca or b""),
            NAMESPACE_KEY: Sensitive(identity.namespace),
            TOKEN_KEY: bare(token),
        }
    return {TOKEN_KEY: bare(token)}


def render_file(form: Format, token: Sensitive, endpoint: Endpoint, identity: Identity) -> Sensitive:
    """The content of a file: the kubeconfig, the token without a line break, or for tokenFile its four values.

    Those four are written as shell assignments in single quotes (`. FILE` and dotenv readers understand them), so
    that one atomic write replaces them together.
    """
    return as_file(form, render(form, token, endpoint, identity))


def as_file(form: Format, data: dict[str, Sensitive]) -> Sensitive:
    """What `render` or a Secret holds, as the content of one file."""
    if form is Format.TOKEN_FILE:
        return Sensitive("".join(f"{key}={_shell_quoted(data[key].reveal())}\n" for key in KEYS[form]))
    return data[TOKEN_KEY if form is Format.SERVICE_ACCOUNT else KEYS[form][0]]


def token_of(form: Format, data: dict[str, Sensitive]) -> Sensitive | None:
    """The token inside of what `render` made, None where there is none that can be found."""
    if form is Format.KUBECONFIG:
        from tui.kube.errors import KubeError
        from tui.kube.kubeconfig import parse

        text = data.get(KUBECONFIG_KEY)
        if text is None:
            return None
        try:
            return parse(text.reveal_bytes()).endpoint().login.token
        except KubeError:
            return None
    found = data.get(TOKEN_FILE_KEY if form is Format.TOKEN_FILE else TOKEN_KEY)
    return bare(found) if found and found.reveal_bytes().isascii() else None


def kubeconfig(token: Sensitive, endpoint: Endpoint, identity: Identity) -> Sensitive:
    """A kubeconfig with one cluster, one user and one context, as DPF writes it."""
    cluster_name = endpoint.cluster_name or endpoint.name
    document = {
        "apiVersion": "v1",
        "clusters": [{"cluster": cluster_entry(endpoint), "name": cluster_name}],
        "contexts": [
            {
                "context": {"cluster": cluster_name, "namespace": identity.namespace, "user": identity.name},
                "name": identity.name,
            }
        ],
        "current-context": identity.name,
        "kind": "Config",
        "preferences": {},
        "users": [{"name": identity.name, "user": {"token": bare(token).reveal()}}],
    }
    return Sensitive(dump(document))


def cluster_entry(endpoint: Endpoint) -> dict[str, object]:
    """The way to an API server as a kubeconfig's `cluster` says it."""
    cluster: dict[str, object] = {}
    if endpoint.ca and not endpoint.insecure:
        cluster["certificate-authority-data"] = base64.b64encode(endpoint.ca).decode()
    if endpoint.disable_compression:
        cluster["disable-compression"] = True
    if endpoint.insecure:
        cluster["insecure-skip-tls-verify"] = True
    if endpoint.proxy_url:
        cluster["proxy-url"] = endpoint.proxy_url
    cluster["server"] = endpoint.server
    if endpoint.tls_server_name:
        cluster["tls-server-name"] = endpoint.tls_server_name
    return cluster


def bare(token: Sensitive) -> Sensitive:
    """The token without the line break or blanks that others may have put around it."""
    text = token.reveal_bytes()
    stripped = text.strip()
    return token if stripped == text else Sensitive(stripped)


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


def losses(form: Format, endpoint: Endpoint) -> tuple[str, ...]:
    """What `form` cannot carry of the way to this cluster, in words, for a plan's warnings."""
    if form is Format.KUBECONFIG:
        return ()
    if form is Format.TOKEN:
        return ("a bare token does not say which cluster it is for",)
    if form is Format.SERVICE_ACCOUNT:
        said = "ca.crt is empty: the cluster's address is trusted by the system's authorities, or not checked at all"
        return () if endpoint.ca else (said,)
    lost = [
        ("tls-server-name", endpoint.tls_server_name is not None),
        ("proxy-url", endpoint.proxy_url is not None),
        ("insecure-skip-tls-verify", endpoint.insecure),
    ]
    return tuple(f"the format tokenFile cannot carry {what} of this cluster" for what, there in lost if there)


def _shell_quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"
