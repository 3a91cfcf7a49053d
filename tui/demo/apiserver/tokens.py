"""Service-account tokens: which claims they carry, for how long, and a record of each that was made.

Two layouts exist. Bound tokens come from TokenRequest, end, and may be tied to a Pod, a Secret or a Node. Legacy tokens
lie in Secrets, never end, and are the same bytes whenever the same Secret is filled.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from .access import Object
from .features import Features
from .pki import SigningKey

LEGACY_ISSUER: Final = "kubernetes/serviceaccount"
LEGACY_CLAIMS: Final = "kubernetes.io/serviceaccount"
"""What the names of a legacy token's own claims begin with."""
YEAR: Final = 365 * 24 * 3600
WARN_ONLY_SECONDS: Final = 3607
"""The lifetime by which API servers recognise tokens of pods, and extend them to a year."""


@dataclass(frozen=True, slots=True)
class TokenPolicy:
    """How one API server issues tokens: what its command line says."""

    issuer: str
    audiences: tuple[str, ...]
    """`--api-audiences`: what a token is for when nobody says, and what it must be for to let somebody in."""
    max_seconds: int | None = None
    """`--service-account-max-token-expiration`."""
    extend: bool = True
    """`--service-account-extend-token-expiration`."""
    extended_max_seconds: int = YEAR


@dataclass(frozen=True, slots=True)
class Bound:
    """The object a token is tied to, and for a pod the node it runs on."""

    kind: str
    name: str
    uid: str
    node: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Minted:
    """One token that was made, without the token."""

    at: datetime
    namespace: str
    account: str
    audiences: tuple[str, ...]
    granted_seconds: int
    bound: Bound | None


@dataclass(frozen=True, slots=True)
class Lifetime:
    """What becomes of a requested lifetime. `token_seconds` goes beyond `granted_seconds` for extended pod tokens."""

    granted_seconds: int
    token_seconds: int
    warn_after: int | None = None


@dataclass
class TokenIssuer:
    """Makes the tokens of one cluster. `policy` may be exchanged while it runs."""

    key: SigningKey
    policy: TokenPolicy
    features: Features
    clock: Callable[[], datetime]
    new_id: Callable[[], str]
    minted: deque[Minted] = field(default_factory=lambda: deque(maxlen=100_000))
    """The tokens that were made last, oldest first: what an audit log would say."""

    def lifetime(self, seconds: int, audiences: Sequence[str], *, pod: bool) -> Lifetime:
        """Applies the server's cap, and the extension that only the tokens of pods get."""
        policy = self.policy
        granted = seconds if policy.max_seconds is None else min(seconds, policy.max_seconds)
        known = set(audiences) <= set(policy.audiences) or not self.features.extends_api_audiences_only
        if policy.extend and pod and granted == WARN_ONLY_SECONDS and known:
            return Lifetime(granted, policy.extended_max_seconds, granted)
        return Lifetime(granted, granted)

    def bound_token(
        self,
        account: Object,
        lifetime: Lifetime,
        audiences: Sequence[str] = (),
        *,
        bound: Bound | None = None,
        issued_at: datetime | None = None,
    ) -> tuple[str, datetime]:
        """A signed token for a ServiceAccount object, and when the server says that it ends.

        `issued_at` is for the seed alone: it makes tokens whose life is partly over.
        """
        now = (issued_at or self.clock()).replace(microsecond=0)
        metadata = account["metadata"]
        audiences = tuple(audiences) or self.policy.audiences
        private: dict[str, Any] = {
            "namespace": metadata["namespace"],
            "serviceaccount": {"name": metadata["name"], "uid": metadata["uid"]},
        }
        if bound is not None:
            private[bound.kind.lower()] = {"name": bound.name, "uid": bound.uid}
            if bound.node is not None and self.features.node_bound_tokens:
                private["node"] = dict(zip(("name", "uid"), bound.node, strict=True))
        stamp = int(now.timestamp())
        if lifetime.warn_after is not None:
            private["warnafter"] = stamp + lifetime.warn_after
        claims: dict[str, Any] = {
            "aud": list(audiences),
            "exp": stamp + lifetime.token_seconds,
            "iat": stamp,
            "iss": self.policy.issuer,
            "kubernetes.io": private,
            "nbf": stamp,
            "sub": f"system:serviceaccount:{metadata['namespace']}:{metadata['name']}",
        }
        if self.features.token_ids:
            claims["jti"] = self.new_id()
        granted = lifetime.granted_seconds
        self.minted.append(Minted(now, metadata["namespace"], metadata["name"], audiences, granted, bound))
        return self.key.sign(claims), now + timedelta(seconds=granted)

    def legacy_token(self, secret: Object, account: Object) -> str:
        """The token that a Secret of type service-account-token holds; always the same for the same two objects."""
        return self.key.sign(legacy_claims(secret["metadata"], account["metadata"]))


def legacy_claims(secret: Mapping[str, Any], account: Mapping[str, Any]) -> dict[str, Any]:
    """The claims of a legacy token, from the metadata of its Secret and its account."""
    prefix = LEGACY_CLAIMS
    return {
        "iss": LEGACY_ISSUER,
        f"{prefix}/namespace": account["namespace"],
        f"{prefix}/secret.name": secret["name"],
        f"{prefix}/service-account.name": account["name"],
        f"{prefix}/service-account.uid": account["uid"],
        "sub": f"system:serviceaccount:{account['namespace']}:{account['name']}",
    }
