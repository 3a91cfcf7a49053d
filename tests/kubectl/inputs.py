"""The inputs: kubeconfigs, the files beside them and the environment, as people have them.

Each row is run through kubectl and through kubemint. Without `stricter` or `laxer` both must come to the same verdict,
and where that is "works" the server must have seen the same: which way it came, and as whom. `@PORT:NAME@` in any text
is the port of that server of `Depot`.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID

from . import pki

TOKEN: Final = "clerk-token"
"""No JWT: what a static token file of an API server may hold."""
_ANONYMOUS: Final = "kubectl asks for a name and a password on the terminal; client-go itself goes in anonymously"
_EXEC: Final = {"apiVersion": "client.authentication.k8s.io/v1", "command": "./plugin", "interactiveMode": "Never"}


@dataclass(frozen=True)
class Input:
    """One input. `document` is the kubeconfig: text as it is, or an object that is written as JSON (which is YAML)."""

    name: str
    document: object
    files: Mapping[str, bytes | str] = field(default_factory=dict)
    """More files in the same folder; those named `plugin…` can be run."""
    environment: dict[str, str] = field(default_factory=dict)
    context: str | None = "depot"
    """None: the current one."""
    stricter: str = ""
    """Why kubemint refuses on purpose what kubectl takes."""
    laxer: str = ""
    """Why kubemint takes on purpose what kubectl refuses."""


def rows() -> list[Input]:
    return [*_tls(), *_proxies(), *_logins(), *_plugins(), *_impersonation(), *_documents()]


def _b64(data: bytes | str) -> str:
    return base64.b64encode(data if isinstance(data, bytes) else data.encode()).decode()


def _depot(
    cluster: dict[str, Any] | None = None,
    user: dict[str, Any] | None = None,
    server: str = "chain",
    current: str = "depot",
    **more: Any,
) -> dict[str, Any]:
    """A kubeconfig with one context `depot`. An entry of None in `cluster` or `user` takes that away."""
    usual: dict[str, Any] = {
        "server": f"https://127.0.0.1:@PORT:{server}@",
        "certificate-authority-data": _b64(pki.root().pem),
    }
    entry = {key: value for key, value in (usual | (cluster or {})).items() if value is not None}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "depot", "cluster": entry}],
        "users": [{"name": "clerk", "user": {"token": TOKEN} if user is None else user}],
        "contexts": [{"name": "depot", "context": {"cluster": "depot", "user": "clerk"}}],
        "current-context": current,
        **more,
    }


def _bundle(*parts: bytes | str, server: str = "chain") -> dict[str, Any]:
    data = b"".join(part if isinstance(part, bytes) else part.encode() for part in parts)
    return _depot({"certificate-authority-data": _b64(data)}, server=server)


def _tls() -> list[Input]:
    root, issuing, other = pki.root().pem, pki.issuing().pem, pki.stranger().pem
    broken = "-----BEGIN CERTIFICATE-----\nbm8gY2VydGlmaWNhdGU=\n-----END CERTIFICATE-----\n"
    torn = "-----BEGIN CERTIFICATE-----\n???\n-----END CERTIFICATE-----\n"
    unknown = "-----BEGIN TRUSTED CERTIFICATE-----\nbm8=\n-----END TRUSTED CERTIFICATE-----\n"
    key = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
    headers = root.replace(b"-----\n", b"-----\nComment: ours\n\n", 1)
    aside = {"certificate-authority-data": None, "certificate-authority": "ca.crt"}
    return [
        Input("root", _bundle(root)),
        Input("issuing-authority-alone", _bundle(issuing)),
        Input("issuing-authority-alone-leaf-alone", _bundle(issuing, server="leaf-alone")),
        Input("root-but-leaf-alone", _bundle(root, server="leaf-alone")),
        Input("root-and-issuing-leaf-alone", _bundle(root, issuing, server="leaf-alone")),
        Input("stranger", _bundle(other)),
        Input("stranger-then-root", _bundle(other, root)),
        Input("comment-before", _bundle("# ours\n", root)),
        Input("accents-before", _bundle("# Autorité de Zürich\n", root)),
        Input("accents-latin1", _bundle("# Autorit\xe9\n".encode("latin-1"), root)),
        Input("text-between", _bundle(other, "\nsubject=depot\n\n", root)),
        Input("windows-lines", _bundle(root.replace(b"\n", b"\r\n"))),
        Input("no-last-newline", _bundle(root.rstrip())),
        Input("indented", _bundle(root.replace(b"\n", b"\n  "))),
        Input("unknown-block-before", _bundle(unknown, root)),
        Input("key-parameters-before", _bundle(key, root)),
        Input("broken-block-before", _bundle(broken, root)),
        Input("broken-block-after", _bundle(root, broken)),
        Input("torn-block-before", _bundle(torn, root)),
        Input("torn-block-after", _bundle(root, torn)),
        Input("headers-in-the-block", _bundle(headers)),
        Input("twice-the-same", _bundle(root, root)),
        Input("byte-order-mark", _bundle("\ufeff", root)),
        Input("nothing-but-a-broken-block", _bundle(broken)),
        Input("der", _bundle(pki.root().der)),
        Input("words", _bundle("no certificate at all\n")),
        Input("data-not-base64", _depot({"certificate-authority-data": "&&&&"})),
        Input("data-with-line-breaks", _depot({"certificate-authority-data": _folded(_b64(root))})),
        Input("data-unpadded", _depot({"certificate-authority-data": _b64(root + b"\n\n").rstrip("=") + "A"})),
        Input("data-empty", _depot({"certificate-authority-data": ""})),
        Input("file-beside", _depot(aside), {"ca.crt": root}),
        Input("file-missing", _depot(aside)),
        Input("file-empty", _depot(aside), {"ca.crt": b""}),
        Input("file-accents", _depot(aside), {"ca.crt": "# Autorité\n".encode() + root}),
        Input("data-wins-over-file", _depot({"certificate-authority": "ca.crt"}), {"ca.crt": other}),
        Input("data-wins-over-file-missing", _depot({"certificate-authority": "ca.crt"})),
        Input("insecure", _depot({"certificate-authority-data": None, "insecure-skip-tls-verify": True})),
        Input("insecure-with-authority", _depot({"insecure-skip-tls-verify": True})),
        Input("insecure-other-name", _depot({"certificate-authority-data": None, "insecure-skip-tls-verify": True},
                                            server="other-name")),
        Input("no-authority", _depot({"certificate-authority-data": None})),
        Input("other-name", _depot(server="other-name")),
        Input("other-name-named", _depot({"tls-server-name": "elsewhere.example"}, server="other-name")),
        Input("name-as-common-name", _depot(
            {"server": "https://localhost:@PORT:name-as-common-name@"}, server="name-as-common-name")),
        Input("ended", _depot(server="ended")),
        Input("for-clients", _depot(server="for-clients")),
        Input("no-tls", _depot(server="plain")),
        Input("plain-http", _depot({"server": "http://127.0.0.1:@PORT:plain@", "certificate-authority-data": None})),
        Input("plain-http-to-tls", _depot({"server": "http://127.0.0.1:@PORT:chain@"})),
        Input("no-scheme", _depot({"server": "127.0.0.1:@PORT:chain@"})),
        Input("scheme-in-capitals", _depot({"server": "HTTPS://127.0.0.1:@PORT:chain@"})),
        Input("slash-at-the-end", _depot({"server": "https://127.0.0.1:@PORT:chain@/"})),
        Input("ipv6", _depot({"server": "https://[::1]:@PORT:chain@"})),
        Input("by-name", _depot({"server": "https://localhost:@PORT:chain@"})),
        Input("server-empty", _depot({"server": ""})),
        Input("server-missing", _depot({"server": None})),
        Input("server-with-a-query", _depot({"server": "https://127.0.0.1:@PORT:chain@/?a=b"})),
        Input("server-a-number", _depot({"server": 127})),
    ]  # fmt: skip


def _proxies() -> list[Input]:
    far, here = "https://api.depot.example:443", "https://0.0.0.0:@PORT:chain@"
    http, socks = "127.0.0.1:@PORT:http-proxy@", "127.0.0.1:@PORT:socks5-proxy@"

    def named(server: str = far, **environment: str) -> Any:
        return {"document": _depot({"server": server}), "environment": environment}

    def own(url: str, server: str = far, **environment: str) -> Any:
        return {"document": _depot({"server": server, "proxy-url": url}), "environment": environment}

    return [
        Input("no-proxy-no-name", **named()),
        Input("https-proxy", **named(HTTPS_PROXY=f"http://{http}")),
        Input("https-proxy-lower", **named(https_proxy=f"http://{http}")),
        Input("both-cases", **named(HTTPS_PROXY=f"http://{http}", https_proxy="http://127.0.0.1:1")),
        Input("without-scheme", **named(HTTPS_PROXY=http)),
        Input("only-http-proxy", **named(HTTP_PROXY=f"http://{http}")),
        Input("all-proxy", **named(ALL_PROXY=f"http://{http}")),
        Input("proxy-empty", **named(here, HTTPS_PROXY="")),
        Input("proxy-with-login", **named(HTTPS_PROXY=f"http://porter:pass%20word@{http}")),
        Input("proxy-refuses", **named(HTTPS_PROXY="http://127.0.0.1:@PORT:refusing-proxy@")),
        Input("proxy-gone", **named(HTTPS_PROXY="http://127.0.0.1:1")),
        Input("proxy-nonsense", **named(HTTPS_PROXY="http://[bad")),
        Input("loopback-never", **named("https://127.0.0.1:@PORT:chain@", HTTPS_PROXY="http://127.0.0.1:1")),
        Input("localhost-never", **named("https://localhost:@PORT:chain@", HTTPS_PROXY="http://127.0.0.1:1")),
        Input("not-loopback", **named(here, HTTPS_PROXY=f"http://{http}")),
        Input("no-proxy-cidr", **named(here, HTTPS_PROXY=f"http://{http}", NO_PROXY="10.0.0.0/8, 0.0.0.0/8,.svc")),
        Input("no-proxy-cidr-other", **named(here, HTTPS_PROXY=f"http://{http}", NO_PROXY="10.0.0.0/8")),
        Input("no-proxy-address", **named(here, HTTPS_PROXY=f"http://{http}", NO_PROXY="0.0.0.0")),
        Input("no-proxy-address-port", **named(here, HTTPS_PROXY=f"http://{http}", NO_PROXY="0.0.0.0:@PORT:chain@")),
        Input("no-proxy-address-other-port", **named(here, HTTPS_PROXY=f"http://{http}", NO_PROXY="0.0.0.0:1")),
        Input("no-proxy-star", **named(here, HTTPS_PROXY=f"http://{http}", NO_PROXY="*")),
        Input("no-proxy-lower", **named(here, https_proxy=f"http://{http}", no_proxy="0.0.0.0")),
        Input("no-proxy-name", **named(HTTPS_PROXY=f"http://{http}", NO_PROXY="api.depot.example")),
        Input("no-proxy-domain", **named(HTTPS_PROXY=f"http://{http}", NO_PROXY="depot.example")),
        Input("no-proxy-leading-dot", **named(HTTPS_PROXY=f"http://{http}", NO_PROXY=".depot.example")),
        Input("no-proxy-leading-dot-itself", **named(HTTPS_PROXY=f"http://{http}", NO_PROXY=".api.depot.example")),
        Input("no-proxy-leading-star", **named(HTTPS_PROXY=f"http://{http}", NO_PROXY="*.depot.example")),
        Input("no-proxy-part-of-a-label", **named(HTTPS_PROXY=f"http://{http}", NO_PROXY="ot.example")),
        Input("no-proxy-capitals", **named(HTTPS_PROXY=f"http://{http}", NO_PROXY="API.Depot.Example")),
        Input("no-proxy-name-port", **named(HTTPS_PROXY=f"http://{http}", NO_PROXY="api.depot.example:443")),
        Input("no-proxy-name-other-port", **named(HTTPS_PROXY=f"http://{http}", NO_PROXY="api.depot.example:6443")),
        Input("no-proxy-spaces", **named(here, HTTPS_PROXY=f"http://{http}", NO_PROXY=" 10.1.2.3 , 0.0.0.0 ")),
        Input("proxy-url", **own(f"http://{http}")),
        Input("proxy-url-wins", **own(f"http://{http}", HTTPS_PROXY="http://127.0.0.1:1", NO_PROXY="*")),
        Input("proxy-url-for-loopback", **own(f"http://{http}", "https://127.0.0.1:@PORT:chain@")),
        Input("proxy-url-https", **own("https://localhost:@PORT:https-proxy@")),
        Input("proxy-url-https-other-name", **own("https://127.0.0.2:@PORT:https-proxy@")),
        Input("environment-https", **named(HTTPS_PROXY="https://localhost:@PORT:https-proxy@")),
        Input("proxy-url-with-login", **own(f"http://porter:pass%20word@{http}")),
        Input(
            "proxy-url-socks5-server-name",
            document=_depot(
                {
                    "server": "https://other.depot.example",
                    "proxy-url": f"socks5://{socks}",
                    "tls-server-name": "api.depot.example",
                }
            ),
        ),
        Input("proxy-url-socks5-gone", **own("socks5://127.0.0.1:1")),
        Input(
            "proxy-url-http-server-name",
            document=_depot(
                {
                    "server": "https://other.depot.example",
                    "proxy-url": f"http://{http}",
                    "tls-server-name": "api.depot.example",
                }
            ),
        ),
        Input("proxy-url-without-scheme", **own(http)),
        Input("proxy-url-ftp", **own(f"ftp://{http}")),
        Input("proxy-url-socks5", **own(f"socks5://{socks}")),
        Input("proxy-url-socks5-login", **own(f"socks5://porter:word@{socks}")),
        Input("proxy-url-socks5h", **own(f"socks5h://{socks}")),
        Input("proxy-url-socks4", **own(f"socks4://{socks}")),
        Input("environment-socks5", **named(HTTPS_PROXY=f"socks5://{socks}")),
        Input("environment-socks5h", **named(HTTPS_PROXY=f"socks5h://{socks}")),
    ]


def _logins() -> list[Input]:
    clerk = pki.clerk()
    pair = {"client-certificate-data": _b64(clerk.certificate), "client-key-data": _b64(clerk.key)}
    files = {"clerk.crt": clerk.certificate, "clerk.key": clerk.key}
    aside = {"client-certificate": "clerk.crt", "client-key": "clerk.key"}
    other = pki.root().issue("porter", purpose=ExtendedKeyUsageOID.CLIENT_AUTH)
    both = clerk.certificate + clerk.key
    return [
        Input("token", _depot()),
        Input("token-with-spaces-around", _depot(user={"token": f" {TOKEN} "}),
              stricter="API servers answer 401 to it; that is said before it is sent"),
        Input("token-with-a-line-break", _depot(user={"token": f"{TOKEN}\n"})),
        Input("token-with-a-line-break-inside", _depot(user={"token": f"{TOKEN}\nX-Evil: 1"})),
        Input("token-a-number", _depot(user={"token": 12345})),
        Input("token-file", _depot(user={"tokenFile": "token"}), {"token": TOKEN}),
        Input("token-file-with-a-line-break", _depot(user={"tokenFile": "token"}), {"token": f"{TOKEN}\n"}),
        Input("token-file-wins", _depot(user={"token": "other", "tokenFile": "token"}), {"token": TOKEN}),
        Input("token-file-missing", _depot(user={"tokenFile": "token"})),
        Input("token-file-missing-token-given", _depot(user={"token": TOKEN, "tokenFile": "token"})),
        Input("token-file-empty", _depot(user={"tokenFile": "token"}), {"token": ""}),
        Input("basic", _depot(user={"username": "clerk", "password": "word"})),
        Input("basic-without-password", _depot(user={"username": "clerk"})),
        Input("basic-and-token", _depot(user={"username": "clerk", "password": "word", "token": TOKEN})),
        Input("certificate", _depot(user=pair)),
        Input("certificate-files", _depot(user=aside), files),
        Input("certificate-and-key-in-one-file", _depot(
            user={"client-certificate": "both.pem", "client-key": "both.pem"}), {"both.pem": both}),
        Input("certificate-and-token", _depot(user=pair | {"token": TOKEN})),
        Input("certificate-without-key", _depot(user={"client-certificate-data": pair["client-certificate-data"]})),
        Input("key-without-certificate", _depot(user={"client-key-data": pair["client-key-data"]})),
        Input("certificate-of-another-key", _depot(user=pair | {"client-key-data": _b64(other.key)})),
        Input("certificate-file-missing", _depot(user=aside), {"clerk.key": clerk.key}),
        Input("certificate-data-wins", _depot(user=pair | aside), {"clerk.crt": other.certificate,
                                                                    "clerk.key": other.key}),
        Input("certificate-not-base64", _depot(user=pair | {"client-certificate-data": "&&&"})),
        Input("certificate-words", _depot(user=pair | {"client-certificate-data": _b64("words")})),
        Input("certificate-with-comments", _depot(
            user=pair | {"client-certificate-data": _b64("# Clé\n".encode() + clerk.certificate)})),
        Input("key-with-a-password", _depot(user=pair | {"client-key-data": _b64(_locked())})),
        Input("certificate-with-chain", _depot(
            user=pair | {"client-certificate-data": _b64(clerk.certificate + pki.root().pem)})),
        Input("no-login", _depot(user={}), laxer=_ANONYMOUS),
        Input("auth-provider", _depot(user={"auth-provider": {"name": "gcp", "config": {}}})),
        Input("auth-provider-and-token", _depot(user={"auth-provider": {"name": "gcp", "config": {}}, "token": TOKEN})),
        Input("unknown-field", _depot(user={"token": TOKEN, "whatever": 1})),
    ]  # fmt: skip


def _plugin(answer: object, *, entry: dict[str, Any] | None = None, script: str = "", **cluster: Any) -> Any:
    text = answer if isinstance(answer, str) else json.dumps(answer)
    body = script or f"cat <<'END'\n{text}\nEND\n"
    return {
        "document": _depot(cluster, user={"exec": {**_EXEC, **(entry or {})}}),
        "files": {"plugin": f"#!/bin/sh\n{body}"},
    }


def _answer(version: str = "v1", **status: Any) -> dict[str, Any]:
    given = status or {"token": TOKEN}
    return {"kind": "ExecCredential", "apiVersion": f"client.authentication.k8s.io/{version}", "status": given}


def _plugins() -> list[Input]:
    clerk, version = pki.clerk(), "client.authentication.k8s.io/"
    keys = {"clientCertificateData": clerk.certificate.decode(), "clientKeyData": clerk.key.decode()}
    yaml = f"kind: ExecCredential\napiVersion: {version}v1\nstatus:\n  token: {TOKEN}\n"
    info = """I=$(printf %s "$KUBERNETES_EXEC_INFO" | tr -d ' ')
    case "$I" in *'"server":"https://127.0.0.1:'*) T=server;; *) T=no;; esac
    case "$I" in *'"config":{"team":"blue"}'*) T=$T-config;; esac
    printf '{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1","status":{"token":"%s"}}' $T"""
    extension = {"name": "client.authentication.k8s.io/exec", "extension": {"team": "blue"}}
    beta, alpha = {"apiVersion": f"{version}v1beta1"}, {"apiVersion": f"{version}v1alpha1"}
    says = (
        """printf '{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1","status":{"token":"%s"}}'"""
    )
    return [
        Input("plugin", **_plugin(_answer())),
        Input("plugin-yaml", **_plugin(yaml)),
        Input("plugin-yaml-with-dashes", **_plugin(f"---\n{yaml}")),
        Input("plugin-null-fields", **_plugin(
            {**_answer(), "spec": None, "metadata": None,
             "status": {"token": TOKEN, "expirationTimestamp": None, "clientKeyData": None}})),
        Input("plugin-unknown-fields", **_plugin({**_answer(), "extra": {"a": 1}})),
        Input("plugin-v1beta1", **_plugin(_answer("v1beta1"), entry=beta)),
        Input("plugin-v1beta1-without-mode", **_plugin(
            _answer("v1beta1"), entry=beta | {"interactiveMode": None})),
        Input("plugin-v1alpha1", **_plugin(_answer("v1alpha1"), entry=alpha)),
        Input("plugin-answers-other-version", **_plugin(_answer("v1beta1"))),
        Input("plugin-answers-other-kind", **_plugin({**_answer(), "kind": "Secret"})),
        Input("plugin-without-kind", **_plugin({"apiVersion": f"{version}v1", "status": {"token": TOKEN}})),
        Input("plugin-without-kind-and-version", **_plugin({"status": {"token": TOKEN}})),
        Input("plugin-kind-null", **_plugin({**_answer(), "kind": None})),
        Input("plugin-without-version-in-answer", **_plugin({"kind": "ExecCredential", "status": {"token": TOKEN}})),
        Input("plugin-yaml-token-a-number", **_plugin(yaml.replace(TOKEN, "7"))),
        Input("plugin-without-status", **_plugin({"kind": "ExecCredential", "apiVersion": f"{version}v1"})),
        Input("plugin-status-empty", **_plugin(_answer(expirationTimestamp="2036-01-01T00:00:00Z"))),
        Input("plugin-token-empty", **_plugin(_answer(token=""))),
        Input("plugin-token-a-number", **_plugin(_answer(token=7))),
        Input("plugin-certificate", **_plugin(_answer(**keys))),
        Input("plugin-certificate-and-token", **_plugin(_answer(**keys, token=TOKEN))),
        Input("plugin-certificate-without-key", **_plugin(
            _answer(clientCertificateData=keys["clientCertificateData"]))),
        Input("plugin-certificate-words", **_plugin(_answer(**{**keys, "clientCertificateData": "words"}))),
        Input("plugin-ended", **_plugin(_answer(token=TOKEN, expirationTimestamp="2016-01-01T00:00:00Z"))),
        Input("plugin-time-nonsense", **_plugin(_answer(token=TOKEN, expirationTimestamp="soon"))),
        Input("plugin-fails", **_plugin("", script="echo no >&2; exit 3\n")),
        Input("plugin-silent", **_plugin("", script="exit 0\n")),
        Input("plugin-words", **_plugin("hello")),
        Input("plugin-two-answers", **_plugin(json.dumps(_answer()) + "\n" + json.dumps(_answer(token="second")))),
        Input("plugin-missing", _depot(user={"exec": _EXEC | {"installHint": "get it"}})),
        Input("plugin-not-in-path", _depot(user={"exec": _EXEC | {"command": "no-such-plugin"}})),
        Input("plugin-without-command", _depot(user={"exec": _EXEC | {"command": ""}})),
        Input("plugin-without-version", **_plugin(_answer(), entry={"apiVersion": None})),
        Input("plugin-unknown-version", **_plugin(_answer("v9"), entry={"apiVersion": f"{version}v9"})),
        Input("plugin-without-mode", **_plugin(_answer(), entry={"interactiveMode": None})),
        Input("plugin-mode-always", **_plugin(_answer(), entry={"interactiveMode": "Always"})),
        Input("plugin-mode-if-available", **_plugin(_answer(), entry={"interactiveMode": "IfAvailable"})),
        Input("plugin-mode-nonsense", **_plugin(_answer(), entry={"interactiveMode": "Perhaps"})),
        Input("plugin-arguments-and-environment", **_plugin(
            "", script=f'{says} "$(printf %s "$1" | tr " " _)-$DESK"\n',
            entry={"args": ["a b"], "env": [{"name": "DESK", "value": "blue"}]})),
        Input("plugin-environment-without-name", **_plugin(_answer(), entry={"env": [{"value": "x"}]})),
        Input("plugin-arguments-null", **_plugin(_answer(), entry={"args": None, "env": None})),
        Input("plugin-cluster-info", **_plugin(
            "", script=info, entry={"provideClusterInfo": True}, extensions=[extension])),
        Input("plugin-no-cluster-info", **_plugin("", script=info, extensions=[extension])),
        Input("plugin-and-token", **_plugin(_answer(token="from-plugin")) | {
            "document": _depot(user={"exec": _EXEC, "token": TOKEN})}),
        Input("plugin-and-basic", **_plugin(_answer(token="from-plugin")) | {
            "document": _depot(user={"exec": _EXEC, "username": "clerk", "password": "word"})}),
        Input("plugin-and-certificate", **_plugin(_answer(token="from-plugin")) | {
            "document": _depot(user={"exec": _EXEC, "client-certificate-data": _b64(clerk.certificate),
                                     "client-key-data": _b64(clerk.key)})}),
    ]  # fmt: skip


def _impersonation() -> list[Input]:
    def acts(**fields: Any) -> dict[str, Any]:
        return _depot(user={"token": TOKEN, **{key.replace("_", "-"): value for key, value in fields.items()}})

    return [
        Input("as", acts(**{"as": "deputy"})),
        Input("as-groups", acts(**{"as": "deputy"}, as_groups=["a", "b"])),
        Input("as-uid", acts(**{"as": "deputy"}, as_uid="7")),
        Input("as-user-extra", acts(**{"as": "deputy"}, as_user_extra={"Reason": ["x y"], "a/b": ["c"]})),
        Input("as-list", acts(**{"as": ["deputy"]})),
        Input("as-number", acts(**{"as": 7})),
        Input("as-empty", acts(**{"as": ""})),
        Input("as-null", acts(**{"as": None})),
        Input("as-groups-alone", acts(as_groups=["a"])),
        Input("as-uid-alone", acts(as_uid="7")),
        Input("as-user-extra-alone", acts(as_user_extra={"reason": ["x"]})),
        Input("as-groups-text", acts(**{"as": "deputy"}, as_groups="a")),
        Input("as-with-a-line-break", acts(**{"as": "deputy\nX-Evil: 1"})),
    ]


def _documents() -> list[Input]:
    text = json.dumps(_depot())
    server, authority = "https://127.0.0.1:@PORT:chain@", _b64(pki.root().pem)
    anchored = f"""
# ours
base: &base {{server: "{server}", certificate-authority-data: {authority}}}
apiVersion: v1
kind: Config
clusters:
- {{name: depot, cluster: *base}}
users:
- {{name: clerk, user: {{token: {TOKEN}}}}}
contexts:
- {{name: depot, context: {{cluster: depot, user: clerk}}}}
current-context: depot
"""
    context = {"name": "depot", "context": {"cluster": "depot", "user": "clerk"}}
    return [
        Input("json", text),
        Input("anchors", anchored),
        Input("merge-keys", anchored.replace("cluster: *base", "cluster: {<<: *base}")),
        Input("byte-order-mark-before", f"\ufeff{text}"),
        Input("windows-line-ends", anchored.replace("\n", "\r\n")),
        Input("current-context", _depot(), context=None),
        Input("current-context-missing", _depot(current="nowhere"), context=None,
              laxer="without --context kubemint lists every context of the file"),
        Input("current-context-missing-other-named", _depot(current="nowhere")),
        Input("context-unknown", _depot(), context="nowhere"),
        Input("context-without-user", _depot(contexts=[{"name": "depot", "context": {"cluster": "depot"}}]),
              laxer=_ANONYMOUS),
        Input("context-without-cluster", _depot(contexts=[{"name": "depot", "context": {"user": "clerk"}}])),
        Input("context-of-unknown-user", _depot(
            contexts=[{"name": "depot", "context": {"cluster": "depot", "user": "nobody"}}])),
        Input("context-of-unknown-cluster", _depot(
            contexts=[{"name": "depot", "context": {"cluster": "nowhere", "user": "clerk"}}])),
        Input("context-twice", _depot(
            contexts=[context, {"name": "depot", "context": {"cluster": "no", "user": "no"}}])),
        Input("user-twice", _depot(users=[{"name": "clerk", "user": {"token": TOKEN}},
                                          {"name": "clerk", "user": {"token": "second"}}])),
        Input("another-entry-broken", _depot(users=[{"name": "clerk", "user": {"token": TOKEN}},
                                                    {"name": "other", "user": {"client-certificate": "gone"}}])),
        Input("kind-unknown", _depot(kind="Whatever")),
        Input("version-unknown", _depot(apiVersion="v9")),
        Input("without-kind-and-version", {k: v for k, v in _depot().items() if k not in ("kind", "apiVersion")}),
        Input("preferences", _depot(preferences={"colors": True})),
        Input("unknown-top-level", _depot(whatever={"a": 1})),
        Input("extensions", _depot(extensions=[{"name": "x", "extension": {"a": 1}}])),
        Input("two-documents", f"{text}\n---\n{text.replace(TOKEN, 'second')}"),
        Input("tabs", text.replace(": ", ":\t")),
        Input("tabs-as-indent", "clusters:\n\t- name: x\n"),
        Input("empty", ""),
        Input("a-list", "[]"),
        Input("torn", text[:-40]),
        Input("clusters-a-map", _depot(clusters={"depot": {"server": server}})),
        Input("clusters-null", _depot(clusters=None)),
        Input("name-a-number", _depot(contexts=[{"name": 7, "context": {"cluster": "depot", "user": "clerk"}}]),
              context="7", laxer="which name is meant is clear; that kubectl refuses the file is said"),
        Input("names-with-odd-letters", _depot(
            contexts=[{"name": "arn:aws:eks:eu/dépôt @1", "context": {"cluster": "depot", "user": "clerk"}}]),
              context="arn:aws:eks:eu/dépôt @1"),
    ]  # fmt: skip


def _folded(text: str) -> str:
    return "\n".join(text[start : start + 64] for start in range(0, len(text), 64))


def _locked() -> bytes:
    key = load_pem_private_key(pki.clerk().key, None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return pki.pem_of(key, b"word")
