"""What a service-account token says about itself, without asking anybody and without believing it.

The signature is not checked: only the API server can say whether a token is accepted. Both layouts are read, that of
bound tokens and that of long-lived token Secrets. Tokens are hostile input: a wrong one is a clear error that never
repeats a byte of it.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from tui.issuance.errors import IssuanceError
from tui.kube.sensitive import Sensitive
from tui.kube.text import safe_text

from .types import Identity

MAX_TOKEN: Final = 64 * 1024
"""Longer than any request header an API server would read."""
_SHAPE: Final = re.compile(rb"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*")
_LEGACY: Final = "kubernetes.io/serviceaccount/"
_USER: Final = "system:serviceaccount:"
_TEXT_LIMIT: Final = 1024


class ClaimsError(IssuanceError):
    """The text is not a token whose claims can be read. The message never holds a part of it."""


class Bound(msgspec.Struct, frozen=True):
    """The object a token is bound to; the token dies with it."""

    kind: str
    name: str
    uid: str = ""


class Claims(msgspec.Struct, frozen=True, kw_only=True):
    """The claims that matter. Times that are not there are None; a token without `expires_at` never ends by itself."""

    subject: str = ""
    issuer: str = ""
    audiences: tuple[str, ...] = ()
    issued_at: datetime | None = None
    not_before: datetime | None = None
    expires_at: datetime | None = None
    warn_after: datetime | None = None
    """Set on tokens that the server secretly extended to a year: this is when they were meant to end."""
    id: str = ""
    namespace: str = ""
    service_account: str = ""
    service_account_uid: str = ""
    bound: Bound | None = None
    node: str = ""
    legacy: bool = False
    """Whether it comes from a Secret of type kubernetes.io/service-account-token."""
    algorithm: str = ""
    key_id: str = ""

    @property
    def lifetime(self) -> timedelta | None:
        """From issue to expiry, where both are known."""
        if self.issued_at is None or self.expires_at is None:
            return None
        return self.expires_at - self.issued_at

    def identity(self, cluster: str) -> Identity | None:
        """The service account it speaks for, None where it speaks for something else."""
        if not self.namespace or not self.service_account:
            return None
        return Identity(cluster, self.namespace, self.service_account)


def read_token(token: Sensitive) -> Claims:
    """The claims of a JWT. Raises ClaimsError where it is none."""
    material = token.reveal_bytes().strip()
    if not material:
        raise ClaimsError("the token is empty")
    if len(material) > MAX_TOKEN:
        raise ClaimsError(f"the token is {len(material)} bytes long, no API server reads more than {MAX_TOKEN}")
    if not _SHAPE.fullmatch(material):
        raise ClaimsError(
            "this is not a JSON Web Token (three parts in base64url, joined by dots)",
            "opaque tokens say nothing about themselves; only the server that issued them can",
        )
    header, payload = _decoded(material)
    try:
        return _claims(header, payload)
    except _WrongType as wrong:
        claim = str(wrong)
    raise ClaimsError(f"the token's claim {claim} has the wrong type or is out of range")


class _WrongType(Exception):
    """A claim that is there and is not what it must be; says which."""


def _decoded(material: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    import jwt

    try:
        decoded = jwt.decode_complete(material, options={"verify_signature": False})
        return decoded["header"], decoded["payload"]
    except (jwt.InvalidTokenError, ValueError, RecursionError, TypeError):
        pass
    # Raised outside of the handler: the errors of the decoders carry the decoded text.
    raise ClaimsError("the token's header or claims are not JSON objects", "was it cut when it was copied?")


def _claims(header: dict[str, Any], payload: dict[str, Any]) -> Claims:
    private = _mapping(payload, "kubernetes.io")
    legacy = f"{_LEGACY}service-account.name" in payload
    account = _mapping(private, "serviceaccount")
    subject = _text(payload, "sub")
    namespace = _text(payload, f"{_LEGACY}namespace") if legacy else _text(private, "namespace")
    name = _text(payload, f"{_LEGACY}service-account.name") if legacy else _text(account, "name")
    if not (namespace and name) and subject.startswith(_USER):
        namespace, _, name = subject.removeprefix(_USER).partition(":")
    node = _mapping(private, "node")
    return Claims(
        subject=subject,
        issuer=_text(payload, "iss"),
        audiences=_audiences(payload),
        issued_at=_time(payload, "iat"),
        not_before=_time(payload, "nbf"),
        expires_at=_time(payload, "exp"),
        warn_after=_time(private, "warnafter"),
        id=_text(payload, "jti"),
        namespace=namespace,
        service_account=name,
        service_account_uid=_text(payload, f"{_LEGACY}service-account.uid") if legacy else _text(account, "uid"),
        bound=_bound(payload, private, legacy),
        node=_text(node, "name"),
        legacy=legacy,
        algorithm=_text(header, "alg"),
        key_id=_text(header, "kid"),
    )


def _bound(payload: dict[str, Any], private: dict[str, Any], legacy: bool) -> Bound | None:
    if legacy:
        secret = _text(payload, f"{_LEGACY}secret.name")
        return Bound("Secret", secret) if secret else None
    for key, kind in (("secret", "Secret"), ("pod", "Pod"), ("node", "Node")):  # a pod's token names its node too
        found = _mapping(private, key)
        if found:
            return Bound(kind, _text(found, "name"), _text(found, "uid"))
    return None


def _mapping(source: dict[str, Any], claim: str) -> dict[str, Any]:
    value = source.get(claim)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise _WrongType(claim)
    return value


def _text(source: dict[str, Any], claim: str) -> str:
    value = source.get(claim)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise _WrongType(claim)
    return safe_text(value, _TEXT_LIMIT)


def _audiences(payload: dict[str, Any]) -> tuple[str, ...]:
    value = payload.get("aud")
    if value is None:
        return ()
    if isinstance(value, str):
        return (safe_text(value, _TEXT_LIMIT),)
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise _WrongType("aud")
    return tuple(safe_text(item, _TEXT_LIMIT) for item in value)


def _time(source: dict[str, Any], claim: str) -> datetime | None:
    value = source.get(claim)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise _WrongType(claim)
    try:
        return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        raise _WrongType(claim) from None
