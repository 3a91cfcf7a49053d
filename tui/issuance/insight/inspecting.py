"""Looking into anything that may hold a credential, without using it, believing it, or giving it away.

A token, PEM certificates, a kubeconfig, a Secret manifest, a TokenRequest or an ExecCredential, told apart by what they
are and not by a file's name. Everything is hostile input: limits hold, no file is read, no program is run, and neither
results nor errors hold material.
"""

from __future__ import annotations

import base64
import binascii
import re
import shlex
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlsplit

from tui.issuance.errors import UsageError
from tui.issuance.formats.token_file import TOKEN_FILE_KEY
from tui.issuance.model.certificate import (
    CertificateError,
    CertificateInfo,
    broken_link,
    check_key,
    from_der,
    read_chain,
)
from tui.issuance.model.claims import Claims, ClaimsError, read_token
from tui.kube.amounts import size
from tui.kube.endpoint import Login
from tui.kube.entries import ClusterEntry, Document, UserEntry, read_document
from tui.kube.errors import ConfigError
from tui.kube.sensitive import Sensitive
from tui.kube.text import safe_text
from tui.kube.yaml_loading import load_first
from tui.kube.yaml_values import YAMLError, plain_values

from . import findings
from .inspection import (
    InspectedCertificate,
    InspectedCluster,
    InspectedContext,
    InspectedLogin,
    InspectedSecret,
    InspectedToken,
    Inspection,
    Item,
    Kind,
    Problem,
)

MAX_BYTES: Final = 16 * 1024 * 1024
_JWT: Final = re.compile(rb"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*")
_KEY_BLOCK: Final = re.compile(
    rb"-----BEGIN (?:RSA |EC )?PRIVATE KEY-----.*?-----END (?:RSA |EC )?PRIVATE KEY-----", re.DOTALL
)
_BASE64: Final = re.compile(rb"[A-Za-z0-9+/\s]+={0,2}\s*")
_LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"
_SHOWN_NOTES: Final = ("kubemint.io/", "kubernetes.io/service-account")
_KEY_OF_CERTIFICATE: Final = {"tls.crt": "tls.key", "client.crt": "client.key", "clientCert": "clientKey"}
_ACCOUNT_TOKEN: Final = "kubernetes.io/service-account-token"


class NotInspectable(UsageError):
    """The bytes are none of the things that can be looked into."""


def inspect(data: bytes, *, now: datetime | None = None, readable_by: str = "") -> Inspection:
    """What is in `data`. `readable_by` says who besides the owner may read the file it came from (see `files`).

    Raises NotInspectable where it is nothing known, and an IssuanceError where it is broken.
    """
    if len(data) > MAX_BYTES:
        raise NotInspectable(f"larger than {size(MAX_BYTES)}")
    look = _Look(now or datetime.now(UTC))
    kind = look.at(data)
    if readable_by:
        look.problems.insert(0, Problem("", f"can be read by {readable_by}"))
    return Inspection(kind=kind, checked_at=look.now, items=tuple(look.items), problems=tuple(look.problems))


def logins_in(data: bytes) -> list[Login]:
    """Everything in `data` that is a credential: tokens, and certificates with their keys. Raises like `inspect`."""
    if len(data) > MAX_BYTES:
        raise NotInspectable(f"larger than {size(MAX_BYTES)}")
    look = _Look(datetime.now(UTC))
    look.at(data)
    return look.logins


class _Look:
    """One inspection under way."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.items: list[Item] = []
        self.problems: list[Problem] = []
        self.logins: list[Login] = []
        """What is a credential, in the order it was found. Never part of an inspection."""

    def remark(self, where: str, remarks: Iterable[findings.Remark]) -> None:
        self.problems += [Problem(where, remark.message, remark.refused) for remark in remarks]

    def at(self, data: bytes) -> Kind:
        if pem := from_der(data):
            self.certificate(pem, "", None)
            return Kind.CERTIFICATE
        text = data.strip()
        if not text:
            raise NotInspectable("there is nothing in it")
        if _JWT.fullmatch(text):
            self.token(Sensitive(text), "")
            return Kind.TOKEN
        if text.startswith(TOKEN_FILE_KEY.encode() + b"=") or b"\n" + TOKEN_FILE_KEY.encode() + b"=" in text:
            self.token(_assigned(text), TOKEN_FILE_KEY)
            return Kind.TOKEN
        if b"-----BEGIN " in text and not text.startswith((b"{", b"apiVersion", b"kind")) and self._is_pem(text):
            self.certificate(text, "", None)
            return Kind.CERTIFICATE
        if _BASE64.fullmatch(text) and len(text) > 64 and (decoded := _base64(text)):
            self.problems.append(Problem("", "is encoded in base64; what it holds is shown"))
            return self.at(decoded)
        return self.document(text)

    def document(self, text: bytes) -> Kind:
        message = ""
        try:
            document = load_first(text)
        except YAMLError as error:
            document, message = None, f": {error}" if b":" in text else ""
        if not isinstance(document, dict):
            raise NotInspectable(
                f"not a token, certificate, kubeconfig, Secret or ExecCredential{message}",
                "a token is three parts with dots between; a certificate begins with -----BEGIN CERTIFICATE",
            )
        kinds: dict[object, tuple[Kind, Callable[[dict[str, Any]], None]]] = {
            "Secret": (Kind.SECRET, self.secret),
            "SecretList": (Kind.SECRET, self.secrets),
            "List": (Kind.SECRET, self.secrets),
            "ExecCredential": (Kind.EXEC_CREDENTIAL, self.exec_credential),
            "TokenRequest": (Kind.TOKEN, self.token_request),
        }
        found = kinds.get(document.get("kind"))
        if found is not None:
            found[1](plain_values(document))
            return found[0]
        if document.get("kind") == "Config" or {"clusters", "contexts", "users"} & set(document):
            self.kubeconfig(document, "")
            return Kind.KUBECONFIG
        what = safe_text(document.get("kind") or "no kind", 60)
        raise NotInspectable(f"a document with {what} is nothing that holds a credential here")

    def token(self, token: Sensitive, where: str) -> None:
        token = Sensitive(token.reveal_bytes().strip())
        self.logins.append(Login(token=token))
        claims: Claims | None = None
        try:
            claims = read_token(token)
            self.remark(where, findings.about_token(claims, self.now))
        except ClaimsError as error:
            self.problems.append(Problem(where, error.message))
        self.items.append(InspectedToken(where=where, fingerprint=token.fingerprint, claims=claims))

    def certificate(self, pem: bytes, where: str, key: Sensitive | None, *, client: bool | None = None) -> None:
        """`client` says whether it is for logging in; None where the certificate itself must say."""
        try:
            first, *others = read_chain(pem, strict=False)
        except CertificateError as error:
            self.problems.append(Problem(where, error.message))
            return
        client = not first.is_ca if client is None else client
        self.remark(where, findings.about_certificate(first, self.now, client=client))
        if others and not first.is_ca and (broken := broken_link(pem)):
            self.problems.append(Problem(where, broken))
        has_key = False
        if key is not None:
            try:
                check_key(_certificates_only(pem), key)
                has_key = True
                self.logins.append(Login(client_certificate=_certificates_only(pem), client_key=key))
            except CertificateError as error:
                self.problems.append(Problem(where, error.message))
        elif b"PRIVATE KEY-----" in pem:
            has_key = self._beside(pem, where)
        self.items.append(InspectedCertificate(where=where, certificate=first, chain=tuple(others), has_key=has_key))

    def _beside(self, pem: bytes, where: str) -> bool:
        """A certificate and a key in one text: whether they belong together."""
        self.problems.append(Problem(where, "a private key is beside the certificate"))
        key = Sensitive(b"".join(block + b"\n" for block in _KEY_BLOCK.findall(pem)))
        try:
            check_key(_certificates_only(pem), key)
        except CertificateError as error:
            self.problems.append(Problem(where, error.message))
            return False
        self.logins.append(Login(client_certificate=_certificates_only(pem), client_key=key))
        return True

    def kubeconfig(self, document: object, where: str) -> None:
        try:
            config = read_document(document, None, "kubeconfig")
        except ConfigError as error:
            self.problems.append(Problem(where, error.message))
            return
        self.problems += [Problem(where, problem.message) for problem in config.problems]
        self._contexts(config)
        for cluster in config.clusters.values():
            self._cluster(cluster)
        for user in config.users.values():
            self._user(user)

    def _contexts(self, config: Document) -> None:
        if not config.current_context:
            self.problems.append(Problem("", "current-context is not set"))
        elif config.current_context not in config.contexts:
            name = safe_text(config.current_context)
            self.problems.append(Problem("", f"current-context names {name}, which does not exist"))
        for context in config.contexts.values():
            where = f"context {safe_text(context.name)}"
            for what, name, there in (
                ("cluster", context.cluster, config.clusters),
                ("user", context.user, config.users),
            ):
                if name not in there and (name or what == "cluster"):
                    self.problems.append(Problem(where, f"its {what} {safe_text(name) or '(none)'} does not exist"))
            self.items.append(
                InspectedContext(
                    where=safe_text(context.name),
                    cluster=safe_text(context.cluster),
                    user=safe_text(context.user),
                    namespace=safe_text(context.namespace),
                    current=context.name == config.current_context,
                )
            )

    def _cluster(self, cluster: ClusterEntry) -> None:
        where = f"cluster {safe_text(cluster.name)}"
        self.problems += [Problem(where, message) for message in findings.about_cluster(cluster)]
        authorities: tuple[CertificateInfo, ...] = ()
        if cluster.certificate_authority_data:
            try:
                authorities = read_chain(cluster.certificate_authority_data, strict=False)
            except CertificateError as error:
                self.problems.append(Problem(where, f"its authority: {error.message}"))
        for authority in authorities:
            said = findings.about_certificate(authority, self.now, client=False)
            self.problems += [Problem(where, f"its authority {remark.message}") for remark in said]
        self.items.append(
            InspectedCluster(
                where=safe_text(cluster.name),
                server=_without_password(cluster.server),
                authorities=authorities,
                insecure=cluster.insecure,
                tls_server_name=safe_text(cluster.tls_server_name),
                proxy_url=_without_password(cluster.proxy_url),
            )
        )

    def _user(self, user: UserEntry) -> None:
        where = f"user {safe_text(user.name)}"
        self.problems += [Problem(where, message) for message in findings.about_user(user)]
        if user.token is not None:
            self.token(user.token, where)
        if user.client_certificate_data is not None:
            self.certificate(user.client_certificate_data, where, user.client_key_data, client=True)
            if user.client_key_data is None and not user.client_key:
                self.problems.append(Problem(where, "its client certificate has no key"))
        ways = {
            "token file": user.token_file,
            "certificate file": user.client_certificate,
            "program": user.exec.command if user.exec is not None else "",
            "password of": user.username,
            "auth-provider": user.auth_provider,
        }
        for method, detail in ways.items():
            if detail:
                self.items.append(InspectedLogin(where=where, method=method, detail=safe_text(detail)))

    def secrets(self, document: dict[str, Any]) -> None:
        """What `kubectl get secrets -o yaml` prints."""
        listed = document.get("items")
        found = [item for item in listed if isinstance(item, dict)] if isinstance(listed, list) else []
        secrets = [item for item in found if item.get("kind", "Secret") == "Secret"]
        if not secrets:
            raise NotInspectable("a list without a Secret in it")
        for item in secrets:
            meta = _mapping(item, "metadata")
            self.secret(item, f"{safe_text(meta.get('namespace') or '')}/{safe_text(meta.get('name') or '')} ")

    def secret(self, document: dict[str, Any], where: str = "") -> None:
        meta = _mapping(document, "metadata")
        notes = {str(key): value for key, value in _mapping(meta, "annotations").items() if isinstance(value, str)}
        values = _values(document)
        kind = safe_text(document.get("type") or "Opaque", 253)
        self.items.append(
            InspectedSecret(
                namespace=safe_text(meta.get("namespace") or ""),
                name=safe_text(meta.get("name") or ""),
                type=kind,
                keys=tuple(safe_text(key) for key in sorted(values)),
                annotations={
                    key: safe_text(value, 300) for key, value in sorted(notes.items()) if key.startswith(_SHOWN_NOTES)
                },
            )
        )
        applied = notes.get(_LAST_APPLIED, "")
        if '"data"' in applied or '"stringData"' in applied:
            self.problems.append(
                Problem(where.strip(), f"the annotation {_LAST_APPLIED} repeats its data for all to see")
            )
        if kind == _ACCOUNT_TOKEN and "token" not in values:
            self.problems.append(Problem(where.strip(), "the token controller has not filled it yet"))
        for key, value in sorted(values.items()):
            self._value(where + safe_text(key), value, values.get(_KEY_OF_CERTIFICATE.get(key, "")))

    def _value(self, key: str, value: bytes, private: bytes | None) -> None:
        text = value.strip()
        if _JWT.fullmatch(text):
            if text != value:
                self.problems.append(Problem(key, "a line break or blank follows the token"))
            self.token(Sensitive(text), key)
        elif text.startswith(b"-----BEGIN CERTIFICATE-----"):
            self.certificate(text, key, Sensitive(private) if private else None, client=private is not None)
        elif b"clusters:" in text or b'"clusters"' in text:
            try:
                self.kubeconfig(load_first(text), key)
            except YAMLError as error:
                self.problems.append(Problem(key, f"is not a kubeconfig that can be read: {error}"))

    def exec_credential(self, document: dict[str, Any]) -> None:
        status = _mapping(document, "status")
        token, pem, key = (status.get(name) for name in ("token", "clientCertificateData", "clientKeyData"))
        if isinstance(token, str) and token:
            self.token(Sensitive(token), "token")
        if isinstance(pem, str) and pem:
            private = Sensitive(key) if isinstance(key, str) and key else None
            self.certificate(pem.encode(), "certificate", private, client=True)
            if private is None:
                self.problems.append(Problem("certificate", "its client certificate has no key"))
        if not token and not pem:
            self.problems.append(Problem("", "holds neither a token nor a certificate"))
        ends = status.get("expirationTimestamp")
        if isinstance(ends, str):
            self.items.append(InspectedLogin(method="to be renewed at", detail=safe_text(ends, 64)))

    def token_request(self, document: dict[str, Any]) -> None:
        token = _mapping(document, "status").get("token")
        if not isinstance(token, str) or not token:
            raise NotInspectable("a TokenRequest without a token in its status: it is the question, not the answer")
        self.token(Sensitive(token), "")

    @staticmethod
    def _is_pem(text: bytes) -> bool:
        return b"-----BEGIN CERTIFICATE-----" in text and b"clusters:" not in text


def _values(document: Mapping[str, Any]) -> dict[str, bytes]:
    """The decoded values of a Secret; what is not base64 counts as empty."""
    found = {}
    for key, value in _mapping(document, "data").items():
        found[str(key)] = _base64(value.encode()) if isinstance(value, str) else b""
    for key, value in _mapping(document, "stringData").items():
        found[str(key)] = value.encode() if isinstance(value, str) else b""
    return found


def _mapping(source: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = source.get(key)
    return value if isinstance(value, Mapping) else {}


def _base64(text: bytes) -> bytes:
    try:
        return base64.b64decode(b"".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        return b""


def _assigned(text: bytes) -> Sensitive:
    """The token in a file of shell assignments (the format tokenFile)."""
    for line in text.decode("utf-8", "replace").splitlines():
        if line.startswith(f"{TOKEN_FILE_KEY}="):
            try:
                words = shlex.split(line.partition("=")[2])
            except ValueError:
                words = []
            return Sensitive(words[0] if words else "")
    return Sensitive("")


def _certificates_only(pem: bytes) -> bytes:
    """The certificate blocks of a PEM text, so that comments between them do not matter."""
    blocks = re.findall(rb"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", pem, re.DOTALL)
    return b"".join(block + b"\n" for block in blocks)


def _without_password(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:
        return "(not a URL)"
    return safe_text(parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl())
