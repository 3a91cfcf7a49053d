"""Checks service-account tokens as an API server does: signature, issuer, times, audiences, and that the account and
the object the token is tied to still are what they were.

Why a token is refused is only ever told to a TokenReview; a request just gets 401.
"""

from __future__ import annotations

import copy
import hmac
import json
from base64 import b64decode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import jwt

from .access import Object, UserInfo
from .storage import NODES, PODS, SECRETS, SERVICE_ACCOUNTS, Collection, Storage
from .tokens import LEGACY_CLAIMS, LEGACY_ISSUER, TokenIssuer

if TYPE_CHECKING:
    from jwt.types import Options  # of PyJWT 2.11 and later

LEEWAY: Final = timedelta(seconds=60)
LAST_USED: Final = "kubernetes.io/legacy-token-last-used"
TRACKING: Final = "kube-apiserver-legacy-service-account-token-tracking"
"""The ConfigMap in kube-system that says since which day uses are noted."""
INVALID_SINCE: Final = "kubernetes.io/legacy-token-invalid-since"
_BOUND: Final[Mapping[str, Collection]] = {"secret": SECRETS, "pod": PODS, "node": NODES}
_SIGNATURE_ONLY: Final[Options] = {
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
    "verify_aud": False,
    "verify_iss": False,
    "verify_sub": False,
    "verify_jti": False,
}


class TokenRefused(Exception):
    """Not a token that this cluster accepts; the text is what a TokenReview shows."""


@dataclass(frozen=True, slots=True)
class Verified:
    """Who a token speaks for, and which of the asked audiences it is for."""

    user: UserInfo
    audiences: tuple[str, ...]


class TokenVerifier:
    """Verifies the tokens of one cluster."""

    def __init__(self, storage: Storage, issuer: TokenIssuer, clock: Callable[[], datetime]) -> None:
        self._storage = storage
        self._issuer = issuer
        self._clock = clock

    def verify(self, token: str, audiences: Sequence[str] = ()) -> Verified:
        """Raises `TokenRefused`. Without `audiences` the token must be for the API server."""
        claims = self._claims(token)
        wanted = tuple(audiences) or self._issuer.policy.audiences
        legacy = claims.get("iss") == LEGACY_ISSUER
        held = self._issuer.policy.audiences if legacy else _audiences(claims)
        common = tuple(audience for audience in wanted if audience in held)
        if not common:
            raise TokenRefused(f"token audiences {_quoted(held)} is invalid for the target audiences {_quoted(wanted)}")
        user = self._legacy(claims, token) if legacy else self._bound(claims)
        return Verified(user, common)

    def _claims(self, token: str) -> Mapping[str, Any]:
        issuer = self._issuer
        try:
            unverified = jwt.decode(token, options={"verify_signature": False})
            if unverified.get("iss") not in (issuer.policy.issuer, LEGACY_ISSUER):
                raise TokenRefused("invalid bearer token")
            header = jwt.get_unverified_header(token)
            if issuer.features.rejects_future_tokens and header.get("kid", issuer.key.kid) != issuer.key.kid:
                raise TokenRefused("invalid bearer token")
            claims: Mapping[str, Any] = jwt.decode(
                token, issuer.key.public, algorithms=["RS256"], options=_SIGNATURE_ONLY
            )
        except jwt.PyJWTError as error:
            raise TokenRefused("invalid bearer token") from error
        return claims

    # Bound tokens

    def _bound(self, claims: Mapping[str, Any]) -> UserInfo:
        self._check_times(claims)
        private = claims.get("kubernetes.io") or {}
        namespace = private.get("namespace", "")
        reference = private.get("serviceaccount") or {}
        account = self._account(namespace, reference.get("name", ""), reference.get("uid"))
        extra: dict[str, tuple[str, ...]] = {}
        if claims.get("jti") and self._issuer.features.token_ids:
            extra["authentication.kubernetes.io/credential-id"] = (f"JTI={claims['jti']}",)
        for kind, collection in _BOUND.items():
            bound = private.get(kind)
            if not bound:
                continue
            # The node in a pod's token is told, not checked: the pod's life is what counts.
            if kind != "node" or "pod" not in private:
                self._check_bound(kind, collection, bound, "" if kind == "node" else namespace)
            if kind != "secret":
                extra[f"authentication.kubernetes.io/{kind}-name"] = (bound["name"],)
                extra[f"authentication.kubernetes.io/{kind}-uid"] = (bound["uid"],)
        return account_user(account, extra)

    def _check_times(self, claims: Mapping[str, Any]) -> None:
        now, features = self._clock(), self._issuer.features
        expires = claims.get("exp")
        old = not features.rejects_future_tokens
        if expires is None and old:
            raise TokenRefused("Token could not be validated.")
        if expires is not None and now - LEEWAY > _moment(expires):
            raise TokenRefused("Token has expired" if old else "service account token has expired")
        if now + LEEWAY < _moment(claims.get("nbf", 0)):
            raise TokenRefused("Token could not be validated." if old else "service account token is not valid yet")
        if not old and now + LEEWAY < _moment(claims.get("iat", 0)):
            raise TokenRefused("service account token is issued in the future")

    def _account(self, namespace: str, name: str, uid: object) -> Object:
        account = self._storage.get(SERVICE_ACCOUNTS, name, namespace)
        if account is None:
            raise TokenRefused(f'serviceaccounts "{name}" not found')
        if self._gone(account):
            raise TokenRefused(f"service account {namespace}/{name} has been deleted")
        if account["metadata"]["uid"] != uid:
            raise TokenRefused(f"service account UID ({account['metadata']['uid']}) does not match claim ({uid})")
        return account

    def _check_bound(self, kind: str, collection: Collection, bound: Mapping[str, str], namespace: str) -> None:
        found = self._storage.get(collection, bound.get("name", ""), namespace)
        if found is None or self._gone(found):
            raise TokenRefused(self._issuer.features.invalidated_text)
        if found["metadata"]["uid"] != bound.get("uid"):
            there, claimed = found["metadata"]["uid"], bound.get("uid")
            raise TokenRefused(f"{kind} UID ({there}) does not match service account {kind} ref claim ({claimed})")

    def _gone(self, obj: Object) -> bool:
        deleted, latest = obj["metadata"].get("deletionTimestamp"), self._clock().replace(microsecond=0) - LEEWAY
        return bool(deleted) and datetime.fromisoformat(deleted) < latest

    # Legacy tokens

    def _legacy(self, claims: Mapping[str, Any], token: str) -> UserInfo:
        def claim(name: str) -> str:
            value = claims.get(f"{LEGACY_CLAIMS}/{name}")
            return value if isinstance(value, str) else ""

        namespace, name, secret_name = claim("namespace"), claim("service-account.name"), claim("secret.name")
        secret = self._storage.get(SECRETS, secret_name, namespace)
        if secret is None or secret["metadata"].get("deletionTimestamp"):
            raise TokenRefused(self._issuer.features.invalidated_text)
        if not hmac.compare_digest(b64decode((secret.get("data") or {}).get("token", "")), token.encode()):
            raise TokenRefused("token does not match server's copy")
        account = self._account(namespace, name, claim("service-account.uid"))
        if self._issuer.features.tracks_legacy_tokens:
            self._track(secret, name)
        return account_user(account)

    def _track(self, secret: Object, account: str) -> None:
        metadata = secret["metadata"]
        labels = metadata.get("labels") or {}
        if labels.get(INVALID_SINCE):
            raise TokenRefused(
                f"the token in secret {metadata['namespace']}/{metadata['name']} for service account "
                f"{metadata['namespace']}/{account} has been marked invalid. Use tokens from the TokenRequest API or "
                f"manually created secret-based tokens, or remove the '{INVALID_SINCE}' label from the secret to "
                "temporarily allow use of this token"
            )
        today = self._clock().astimezone(UTC).strftime("%Y-%m-%d")
        if labels.get(LAST_USED) != today:
            used = copy.deepcopy(secret)
            used["metadata"]["labels"] = labels | {LAST_USED: today}
            self._storage.update(SECRETS, used)


def account_user(account: Object, extra: Mapping[str, tuple[str, ...]] | None = None) -> UserInfo:
    """The user that a ServiceAccount object authenticates as."""
    metadata = account["metadata"]
    return account_name_user(metadata["namespace"], metadata["name"], metadata["uid"], extra)


def account_name_user(
    namespace: str, name: str, uid: str = "", extra: Mapping[str, tuple[str, ...]] | None = None
) -> UserInfo:
    """The same, from its parts."""
    groups = ("system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated")
    return UserInfo(f"system:serviceaccount:{namespace}:{name}", uid, groups, extra or {})


def _audiences(claims: Mapping[str, Any]) -> tuple[str, ...]:
    audiences = claims.get("aud", ())
    return (audiences,) if isinstance(audiences, str) else tuple(audiences)


def _moment(stamp: object) -> datetime:
    if not isinstance(stamp, (int, float)):
        raise TokenRefused("invalid bearer token")
    return datetime.fromtimestamp(stamp, UTC)


def _quoted(items: Sequence[str]) -> str:
    return "[" + " ".join(json.dumps(item) for item in items) + "]"
