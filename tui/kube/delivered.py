"""What a cluster delivered: a kubeconfig from a Secret or an answer, read as what its worst writer may write.

Nothing of it is passed on. It is taken apart into a server, an authority and one login that stand in the text itself,
and whoever writes it down renders it anew from those. What would run a program, read a file of this machine, go
through someone's proxy or impersonate another user refuses the whole; `Allow` says what whoever owns this machine
does not mind.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from .addresses import AddressRefused, same_place, server as checked_server
from .amounts import size
from .bare_token import INSTEAD, is_bare
from .endpoint import Endpoint, Login
from .entries import ClusterEntry, ContextEntry, Document, UserEntry, read_document
from .errors import ConfigError
from .sensitive import Sensitive
from .text import safe_text
from .yaml_loading import load_first
from .yaml_values import YAMLError

MAX_TEXT: Final = 256 * 1024
MAX_ENTRIES: Final = 32
"""Clusters, users and contexts, each."""
MAX_NODES: Final = 10_000
MAX_PEM: Final = 64 * 1024
MAX_TOKEN: Final = 64 * 1024
MAX_NAME: Final = 253
_LABEL: Final = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_HOST: Final = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.:-]{0,252})")
_TOKEN: Final = re.compile(rb"[\x21-\x7e]+")
_CERTIFICATE: Final = re.compile(rb"-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----")
_BLOCK: Final = b"-----BEGIN"
_PRIVATE: Final = b"PRIVATE KEY-----"
_WHERE: Final = "(delivered by a cluster)"


class DeliveredError(ConfigError):
    """What a cluster delivered is not used. `field` says what it is in it that is not."""

    def __init__(self, field: str, why: str, *, hint: str = "") -> None:
        self.field = field
        super().__init__(f"what the cluster delivered is not used: {field} {why}", hint=hint)


@dataclass(frozen=True, slots=True)
class Allow:
    """What the owner of this machine does not mind in a kubeconfig that a cluster delivered; by itself nothing."""

    near: bool = False
    """A server on this machine or its own link."""
    insecure: bool = False
    """A server whose certificate is not verified."""
    proxy: bool = False
    others: bool = False
    """Entries beyond those of the one context; they are left out, and never looked into."""
    nobody: bool = False
    """A way without a login, for who only asks where it leads."""
    known: Endpoint | None = None
    """The way to that cluster that is known already: what is as in there (server, proxy, insecure) is nothing new."""


NOTHING: Final = Allow()
ONLY_LOOKING: Final = Allow(near=True, insecure=True, proxy=True, others=True)
"""For who wants to see the login that is in it, and neither goes there nor writes it down."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """One way into a cluster, reduced to what stands in the text itself.

    Its endpoint's name is that of the context. Its login is a token, or a client certificate with its key.
    """

    endpoint: Endpoint
    user: str = ""
    """What the entry of its user is called."""

    @property
    def token(self) -> Sensitive | None:
        """The token that it enters with; None where that is a certificate."""
        return self.endpoint.login.token


@dataclass(frozen=True, slots=True)
class Several:
    """Every way into one cluster that honestly has several, in the order of the text."""

    ways: tuple[Delivered, ...]
    current: Delivered


def read(data: bytes, allow: Allow = NOTHING) -> Delivered:
    """The way in that current-context names, or the only context there is. Raises DeliveredError."""
    document = _document(data)
    name = _current(document)
    way = _way(document, document.contexts[name], allow)
    if not allow.others:
        _nothing_else(document, {name})
    return way


def read_all(data: bytes, allow: Allow = NOTHING) -> Several:
    """Every context of a kubeconfig that honestly has several. Raises DeliveredError."""
    document = _document(data)
    current = _current(document)
    ways = {name: _way(document, context, allow) for name, context in document.contexts.items()}
    if not allow.others:
        _nothing_else(document, set(ways))
    return Several(tuple(ways.values()), ways[current])


def _current(document: Document) -> str:
    names = list(document.contexts)
    name = document.current_context or (names[0] if len(names) == 1 else "")
    if not name:
        raise DeliveredError("current-context", f"is not set, and there are {len(names)} contexts")
    if name not in document.contexts:
        raise DeliveredError("current-context", "names a context that is not there")
    return name


def of_parts(server: str, ca: bytes | None, token: Sensitive | None, allow: Allow = NOTHING) -> Delivered:
    """The same for what was delivered in pieces, under no names. Raises DeliveredError."""
    cluster = ClusterEntry("", server=server, certificate_authority_data=ca or None)
    return _entered(cluster, UserEntry("", token=token or None), ContextEntry(""), allow)


def is_same_way(one: Endpoint | None, other: Endpoint | None) -> bool:
    """Whether two names lead to one server in the same way, whoever logs in there; False where either is not known."""
    return one is not None and other is not None and not (one.insecure or other.insecure or differences(one, other))


def differences(way: Endpoint, known: Endpoint) -> tuple[str, ...]:
    """In what a way differs from the one known to the same cluster, in words; none where a token is as safe there."""
    said = []
    if not same_place(way.server, known.server):
        said.append(f"its server is {safe_text(way.server)}, the one known is {safe_text(known.server)}")
    if not same_authority(way.ca, known.ca) and not (way.insecure and known.insecure):
        said.append("it trusts another certificate authority than the one known")
    if (way.tls_server_name or "") != (known.tls_server_name or ""):
        said.append(f"it expects the server to be called {safe_text(way.tls_server_name or 'what its address says')}")
    if way.insecure and not known.insecure:
        said.append("its server's certificate is not verified")
    if (way.proxy_url or "") != (known.proxy_url or ""):
        said.append("it goes through another proxy")
    return tuple(said)


def same_authority(one: bytes | None, other: bytes | None) -> bool:
    """Whether two are the same certificates, however they are written down."""
    return _blocks(one) == _blocks(other)


def _document(data: bytes) -> Document:
    if len(data) > MAX_TEXT:
        raise DeliveredError("the text", f"is larger than {size(MAX_TEXT)}")
    if is_bare(data):
        raise DeliveredError("this", "is a bare token", hint=INSTEAD)
    try:
        document = read_document(load_first(data, nodes=MAX_NODES), None, _WHERE)
    except YAMLError as error:
        why = str(error)
    except ConfigError as error:
        why = error.message
    else:
        _whole(document)
        return document
    raise DeliveredError("the text", f"is no kubeconfig: {why}")


def _whole(document: Document) -> None:
    """Nothing unreadable, and no more of it than anything honest has."""
    for what, entries in (("clusters", document.clusters), ("users", document.users), ("contexts", document.contexts)):
        if len(entries) > MAX_ENTRIES:
            raise DeliveredError(what, f"has more than {MAX_ENTRIES} entries")
        for name in entries:
            if not name or len(name) > MAX_NAME or safe_text(name) != name:
                raise DeliveredError(what, "has a name that no honest entry has")
    if document.problems:
        raise DeliveredError("a field", f"cannot be read: {document.problems[0].message}")


def _nothing_else(document: Document, contexts: set[str]) -> None:
    needed = [document.contexts[name] for name in contexts]
    for what, entries, used in (
        ("contexts", document.contexts, contexts),
        ("clusters", document.clusters, {context.cluster for context in needed}),
        ("users", document.users, {context.user for context in needed}),
    ):
        extra = sorted(set(entries) - used)
        if extra:
            raise DeliveredError(what, f"has entries beyond what is needed: {', '.join(extra[:3])}")


def _way(document: Document, context: ContextEntry, allow: Allow) -> Delivered:
    cluster, user = document.clusters.get(context.cluster), document.users.get(context.user)
    if cluster is None:
        raise DeliveredError("contexts.context.cluster", "names a cluster that is not there")
    if user is None:
        raise DeliveredError("contexts.context.user", "names a user that is not there")
    return _entered(cluster, user, context, allow)


def _entered(cluster: ClusterEntry, user: UserEntry, context: ContextEntry, allow: Allow) -> Delivered:
    if context.namespace and not _LABEL.fullmatch(context.namespace):
        raise DeliveredError("contexts.context.namespace", "is no name of a namespace")
    for field, why in (*_refused_in_cluster(cluster), *_refused_in_user(user)):
        raise DeliveredError(field, why)
    server = _server(cluster, allow)
    known = allow.known if allow.known is not None and same_place(allow.known.server, server) else None
    if cluster.insecure and not (allow.insecure or (known is not None and known.insecure)):
        raise DeliveredError("insecure-skip-tls-verify", "would let anyone in between read the credential")
    if cluster.proxy_url and not (allow.proxy or (known is not None and known.proxy_url == cluster.proxy_url)):
        raise DeliveredError("proxy-url", "would send the credential through a proxy")
    return Delivered(
        Endpoint(
            name=context.name,
            server=server,
            ca=_authority(cluster),
            insecure=cluster.insecure,
            tls_server_name=cluster.tls_server_name or None,
            proxy_url=cluster.proxy_url or None,
            disable_compression=cluster.disable_compression,
            namespace=context.namespace or "default",
            cluster_name=cluster.name,
            login=_login(user, allow),
            delivered=True,
        ),
        user.name,
    )


def _refused_in_cluster(cluster: ClusterEntry) -> Iterator[tuple[str, str]]:
    if cluster.certificate_authority:
        yield "certificate-authority", "names a file of the machine that reads it"
    if cluster.insecure and cluster.certificate_authority_data:
        yield "certificate-authority-data", "stands beside insecure-skip-tls-verify"
    if cluster.tls_server_name and not _HOST.fullmatch(cluster.tls_server_name):
        yield "tls-server-name", "is no name of a server"


def _refused_in_user(user: UserEntry) -> Iterator[tuple[str, str]]:
    if user.exec is not None:
        yield "exec", "would run a program on the machine that reads it"
    if user.auth_provider:
        yield "auth-provider", "would run a program on the machine that reads it"
    for field, value in (
        ("tokenFile", user.token_file),
        ("client-certificate", user.client_certificate),
        ("client-key", user.client_key),
    ):
        if value:
            yield field, "names a file of the machine that reads it"
    if user.impersonate is not None:
        yield "as", "would impersonate another user"
    if user.username or user.password:
        yield "username and password", "is no login that Kubernetes still has"


def _server(cluster: ClusterEntry, allow: Allow) -> str:
    near = allow.near or (allow.known is not None and same_place(allow.known.server, cluster.server))
    try:
        return checked_server(cluster.server, near=near)
    except AddressRefused as error:
        why = str(error)
    raise DeliveredError("server", why, hint="settings can allow this")


def _authority(cluster: ClusterEntry) -> bytes | None:
    data = cluster.certificate_authority_data
    if data is None:
        return None  # the system's authorities, as for kubectl
    if len(data) > MAX_PEM:
        raise DeliveredError("certificate-authority-data", f"is larger than {size(MAX_PEM)}")
    found = _certificates(data)
    if found is None:
        raise DeliveredError("certificate-authority-data", "holds no certificate, or more than certificates")
    return found


def _certificates(data: bytes) -> bytes | None:
    """The certificates of a bundle, without what stands between them; None where there is none, or anything else.

    Readers differ in what else they trust: OpenSSL also believes blocks called X509 or TRUSTED CERTIFICATE.
    """
    found = _CERTIFICATE.findall(data)
    if not found or data.count(_BLOCK) != len(found):
        return None
    return data if not _CERTIFICATE.sub(b"", data).strip() else b"\n".join(found) + b"\n"


def _login(user: UserEntry, allow: Allow) -> Login:
    certificate, key = user.client_certificate_data, user.client_key_data
    token = Sensitive(user.token.reveal_bytes().strip()) if user.token is not None else None
    if token and (certificate or key):
        raise DeliveredError("token", "stands beside a client certificate; one login is expected")
    if token:
        if len(token) > MAX_TOKEN or not _TOKEN.fullmatch(token.reveal_bytes()):
            raise DeliveredError("token", "is not what a token looks like")
        return Login(token=token)
    if not certificate and not key:
        if allow.nobody:
            return Login()
        raise DeliveredError("users", "holds neither a token nor a client certificate")
    if not certificate or not key:
        missing = "client-key-data" if certificate else "client-certificate-data"
        raise DeliveredError(missing, "is missing; certificate and key belong together")
    chain = _certificates(certificate) if len(certificate) <= MAX_PEM else None
    if chain != certificate:  # comments belong to bundles of authorities; in a login something was put beside it
        raise DeliveredError("client-certificate-data", "is no client certificate")
    if len(key) > MAX_PEM or _PRIVATE not in key.reveal_bytes():
        raise DeliveredError("client-key-data", "is no private key")
    return Login(client_certificate=certificate, client_key=key)


def _blocks(bundle: bytes | None) -> frozenset[bytes]:
    """The certificates of a bundle, whatever stands between them."""
    if bundle is None:
        return frozenset()
    found = re.findall(rb"-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----", bundle, re.DOTALL)
    return frozenset(b"".join(block.split()) for block in found)
