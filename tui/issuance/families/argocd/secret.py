"""What an Argo CD cluster Secret says, read as what its worst writer may write.

It is rendered anew as a kubeconfig, so that one set of rules judges everything that a cluster delivers. Argo CD takes
keys of `config` in any case, and of two alike the last: what could be read in two ways is not read at all.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

import msgspec

from tui.issuance.formats import Format
from tui.issuance.formats.base import bare
from tui.issuance.model.claims import Claims, ClaimsError, read_token
from tui.issuance.model.kinds import CredentialKind
from tui.issuance.model.types import Address, Credential, Handle, State
from tui.kube.addresses import same_place
from tui.kube.amounts import size
from tui.kube.delivered import MAX_TEXT, ONLY_LOOKING, Delivered, DeliveredError, read
from tui.kube.endpoint import Endpoint, Login
from tui.kube.sensitive import Sensitive

LABEL: Final = "argocd.argoproj.io/secret-type"
IS_CLUSTER: Final = "cluster"
SELECTOR: Final = f"{LABEL}={IS_CLUSTER}"
SERVER: Final = "server"
CONFIG: Final = "config"
LEADS: Final = frozenset({SERVER, CONFIG})
"""The keys without which it leads nowhere."""
IN_CLUSTER: Final = "https://kubernetes.default.svc"
"""What Argo CD calls the cluster that it runs in."""
_TOKEN: Final = "bearerToken"
_TLS: Final = "tlsClientConfig"
_PROGRAMS: Final = ("awsAuthConfig", "execProviderConfig")
_TEXTS: Final = (_TOKEN, "username", "password", "proxyUrl")
_TLS_TEXTS: Final = ("serverName", "caData", "certData", "keyData")
_KNOWN: Final = (_TLS, "disableCompression", *_PROGRAMS, *_TEXTS)
_TLS_KNOWN: Final = ("insecure", *_TLS_TEXTS)


def is_cluster(labels: Mapping[str, str] | None) -> bool:
    """Whether the labels of a Secret say that it is one."""
    return (labels or {}).get(LABEL) == IS_CLUSTER


def kubeconfig(name: str, values: Mapping[str, Sensitive]) -> Sensitive:
    """The same as a kubeconfig with one context, all called `name`. Raises DeliveredError for what is never used."""
    config = _read(values.get(CONFIG))
    tls = config.get(_TLS) or {}
    for key in _PROGRAMS:
        if config.get(key) is not None:
            raise DeliveredError(key, "would run a program on the machine that reads it")
    cluster = {
        "server": _server(values),
        "certificate-authority-data": tls.get("caData"),
        "insecure-skip-tls-verify": tls.get("insecure"),
        "tls-server-name": tls.get("serverName"),
        "proxy-url": config.get("proxyUrl"),
        "disable-compression": config.get("disableCompression"),
    }
    user = {
        "token": config.get(_TOKEN),
        "username": config.get("username"),
        "password": config.get("password"),
        "client-certificate-data": tls.get("certData"),
        "client-key-data": tls.get("keyData"),
    }
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": {key: value for key, value in cluster.items() if value}}],
        "users": [{"name": name, "user": {key: value for key, value in user.items() if value}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "current-context": name,
    }
    return Sensitive(json.dumps(document))


def way(name: str, values: Mapping[str, Sensitive]) -> Delivered:
    """Where it leads, and with what: to look at, and to hold against what is known. Raises DeliveredError."""
    return read(kubeconfig(name, values).reveal_bytes(), ONLY_LOOKING)


def leads(name: str, values: Mapping[str, Sensitive]) -> Endpoint | None:
    """Where its token is good, without any login; None for the cluster that it lies in. Raises DeliveredError."""
    endpoint = way(name, values).endpoint
    return None if same_place(endpoint.server, IN_CLUSTER) else replace(endpoint, login=Login())


def token_of(values: Mapping[str, Sensitive]) -> Sensitive | None:
    """Its bearer token; None where there is none, or it is not known which."""
    try:
        found = _read(values.get(CONFIG)).get(_TOKEN)
    except DeliveredError:
        return None
    token = bare(Sensitive(found)) if found else None
    return token or None


def written(values: Mapping[str, Sensitive], token: Sensitive) -> Sensitive:
    """Its `config` with this token, and every other field as it is. Raises DeliveredError."""
    config = _read(values.get(CONFIG))
    if not config.get(_TOKEN):
        raise DeliveredError(f"{CONFIG}.{_TOKEN}", "is not there, and nothing else is written over")
    return Sensitive(json.dumps(config | {_TOKEN: token.reveal()}, separators=(",", ":")))


def credential(cluster: str, namespace: str, name: str, values: Mapping[str, Sensitive]) -> Credential | None:
    """What its token says of itself: an index. None where it holds no token.

    Where it leads (`leads`) is held against the clusters that are known by whoever knows those, so the cluster of its
    account is called as the delivered one is.
    """
    token = token_of(values)
    if token is None:
        return None
    shown = Credential(
        address=Address(CredentialKind.ARGO_CD, cluster, namespace, name),
        format=Format.KUBECONFIG,
        kept_in=f"Secret {namespace}/{name}",
        fingerprint=token.fingerprint,
    )
    try:
        claims = read_token(token)
    except ClaimsError as error:
        return msgspec.structs.replace(shown, message=error.message)
    here = values[SERVER].reveal_bytes().rstrip(b"/") == IN_CLUSTER.encode() if SERVER in values else False
    home = cluster if here else f"{cluster}/{namespace}/{name}"
    ends = min(filter(None, (claims.expires_at, claims.warn_after)), default=None)
    return msgspec.structs.replace(
        shown,
        identity=claims.identity(home),
        audiences=claims.audiences if claims.issuer not in claims.audiences else (),
        granted=ends - claims.issued_at if ends is not None and claims.issued_at is not None else None,
        issued_at=claims.issued_at,
        expires_at=ends,
        handle=_handle(claims, home),
        state=State.VALID if ends is not None else State.ENDLESS,
    )


def _handle(claims: Claims, cluster: str) -> Handle | None:
    bound = claims.bound
    if bound is None or bound.kind != "Secret" or not bound.uid or not claims.namespace:
        return None
    return Handle(cluster, claims.namespace, bound.name, bound.uid)


def _server(values: Mapping[str, Sensitive]) -> str:
    try:
        return values[SERVER].reveal()
    except (KeyError, UnicodeDecodeError):
        pass
    raise DeliveredError(SERVER, "is missing, or is no text")


def _read(data: Sensitive | None) -> dict[str, Any]:
    """Its `config`. Raises DeliveredError where anything in it is not what it must be, or may be read in two ways."""
    text, problem, config = data.reveal_bytes() if data is not None else b"", "is missing or empty", None
    if len(text) > MAX_TEXT:
        raise DeliveredError(CONFIG, f"is larger than {size(MAX_TEXT)}")
    if text.strip():
        problem = "is no JSON object, or has a key twice"
        try:
            config = json.loads(text, object_pairs_hook=_once)
        except (ValueError, RecursionError):
            config = None
    if not isinstance(config, dict):  # raised outside of the handler: the errors of the decoder carry the text
        raise DeliveredError(CONFIG, problem)
    tls = config.get(_TLS)
    if tls is not None and not isinstance(tls, dict):
        raise DeliveredError(f"{CONFIG}.{_TLS}", "cannot be read")
    _check(config, CONFIG, _KNOWN, _TEXTS, "disableCompression")
    _check(tls or {}, f"{CONFIG}.{_TLS}", _TLS_KNOWN, _TLS_TEXTS, "insecure")
    return config


def _check(found: Mapping[str, Any], where: str, known: Iterable[str], texts: Iterable[str], flag: str) -> None:
    folded = {key.casefold(): key for key in known}
    if any(folded.get(key.casefold(), key) != key for key in found):
        raise DeliveredError(where, "has a key in another case than Argo CD writes it")
    for key in texts:
        if not isinstance(found.get(key), str | None):
            raise DeliveredError(f"{where}.{key}", "cannot be read")
    if not isinstance(found.get(flag), bool | None):
        raise DeliveredError(f"{where}.{flag}", "cannot be read")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({key.casefold() for key, _ in pairs}) != len(pairs):
        raise ValueError("a key twice")
    return dict(pairs)
