"""How material is written down: kubeconfig, DPF's tokenFile, or the bare token.

The bytes are those of DPF's reference controller, except where it loses what is needed to connect: tls-server-name,
proxy-url and the insecure flag stay, and a server without a port gets 443.
"""

from __future__ import annotations

import base64
import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from tui.kube.endpoint import Endpoint
from tui.kube.sensitive import Sensitive
from tui.kube.shell import in_quotes

from .errors import UsageError
from .types import Format, Identity
from .yaml_text import dump

if TYPE_CHECKING:
    from tui.kube.delivered import Allow, Delivered, Several

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
_MOST_ASSIGNED: Final = 256 * 1024
"""Bytes of a file with assignments that are looked through for them."""


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
        return Sensitive("".join(f"{key}={in_quotes(data[key].reveal())}\n" for key in KEYS[form]))
    return data[TOKEN_KEY if form is Format.SERVICE_ACCOUNT else KEYS[form][0]]


def from_file(form: Format, content: Sensitive) -> dict[str, Sensitive]:
    """What `as_file` wrote, as the data it was made of; of assignments the known ones. Never raises."""
    if form is not Format.TOKEN_FILE:
        return {TOKEN_KEY if form is Format.SERVICE_ACCOUNT else KEYS[form][0]: content}
    if len(content) > _MOST_ASSIGNED:
        return {}
    try:
        words = shlex.split(content.reveal())
    except ValueError:  # not text, or quotes that do not close
        return {}
    found = {key: value for key, equals, value in (word.partition("=") for word in words) if equals}
    return {key: Sensitive(value) for key, value in found.items() if key in KEYS[form]}


def taken_apart(form: Format, data: Mapping[str, Sensitive], allow: Allow) -> Delivered:
    """Where the kubeconfig or the tokenFile that a Secret or a file holds leads, and with what.

    Raises DeliveredError for what is not to be used, UsageError for the formats that do not say where they lead.
    """
    from tui.kube import delivered

    if form not in (Format.KUBECONFIG, Format.TOKEN_FILE):
        raise UsageError(f"the format {form} does not say which cluster it is for")
    missing = next((key for key in KEYS[form] if key not in data), "")
    if missing:
        raise delivered.DeliveredError(missing, "is missing")
    if form is Format.KUBECONFIG:
        return delivered.read(data[KUBECONFIG_KEY].reveal_bytes(), allow)
    try:
        host, port = data[HOST_KEY].reveal(), data[PORT_KEY].reveal()
    except UnicodeDecodeError:
        host = port = ""
    server = f"https://[{host}]:{port or 443}" if ":" in host else f"https://{host}:{port or 443}"
    return delivered.of_parts(server, data[CA_KEY].reveal_bytes(), bare(data[TOKEN_FILE_KEY]), allow)


def token_of(form: Format, data: Mapping[str, Sensitive]) -> Sensitive | None:
    """The token inside of what `render` made, None where there is none that can be found."""
    if form is Format.KUBECONFIG:
        from tui.kube.delivered import ONLY_LOOKING, DeliveredError

        try:
            return taken_apart(form, data, ONLY_LOOKING).token
        except DeliveredError:
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


def several(ways: Several) -> Sensitive:
    """A kubeconfig with a cluster and a context for each way and one user, as Gardener writes it."""
    login, user = ways.current.endpoint.login, ways.current.user
    entry: dict[str, object] = {}
    if login.client_certificate is not None and login.client_key is not None:
        entry["client-certificate-data"] = base64.b64encode(login.client_certificate).decode()
        entry["client-key-data"] = base64.b64encode(login.client_key.reveal_bytes()).decode()
    if login.token is not None:
        entry["token"] = bare(login.token).reveal()
    endpoints = [way.endpoint for way in ways.ways]
    contexts = [{"context": {"cluster": way.cluster_name, "user": user}, "name": way.name} for way in endpoints]
    clusters = {way.cluster_name: cluster_entry(way) for way in endpoints}
    document = {
        "apiVersion": "v1",
        "clusters": [{"cluster": cluster, "name": name} for name, cluster in clusters.items()],
        "contexts": contexts,
        "current-context": ways.current.endpoint.name,
        "kind": "Config",
        "preferences": {},
        "users": [{"name": user, "user": entry}],
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
