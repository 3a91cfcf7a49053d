"""What is wrong, or worth knowing, about a token, a certificate, or a way into a cluster, in words."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from tui.kube.entries import ClusterEntry, UserEntry
from tui.kube.text import safe_text

from .certificate import CertificateInfo
from .claims import Claims
from .countdown import human_left
from .inspection import rfc3339
from .renewal import SKEW

_LONG: Final = timedelta(days=366)
_MASTERS: Final = "system:masters"


def about_token(claims: Claims, now: datetime) -> Iterator[str]:
    """Everything to know before this token is used or kept."""
    starts = max((at for at in (claims.not_before, claims.issued_at) if at is not None), default=None)
    if claims.expires_at is not None and claims.expires_at <= now:
        yield f"expired {human_left(now - claims.expires_at)} ago"
    elif starts is not None and starts > now + SKEW:
        yield f"not yet valid: it begins in {human_left(starts - now)} (or this machine's clock is wrong)"
    if claims.expires_at is None:
        yield (
            f"never expires; deleting the Secret {claims.bound.name} revokes it"
            if claims.legacy and claims.bound is not None
            else "never expires"
        )
    elif claims.warn_after is not None:
        yield f"was meant to end at {rfc3339(claims.warn_after)}; the server extended it for clients that do not renew"
    elif claims.lifetime is not None and claims.lifetime > _LONG:
        yield f"lives for {claims.lifetime.days} days"
    if claims.algorithm.lower() == "none":
        yield "is not signed"
    yield from _about_audiences(claims)
    if not claims.legacy and claims.service_account and claims.bound is None:
        yield "is bound to nothing: it cannot be revoked before it ends, except with its service account"


def _about_audiences(claims: Claims) -> Iterator[str]:
    if claims.legacy:
        return
    if not claims.audiences:
        yield "has no audience"
    elif "" in claims.audiences:
        yield "is for an empty audience, which nobody accepts"
    elif not any(audience == claims.issuer or "kubernetes" in audience for audience in claims.audiences):
        yield f"is for {', '.join(claims.audiences)}: an API server refuses it, unless that is its own audience"


def about_certificate(info: CertificateInfo, now: datetime, *, client: bool) -> Iterator[str]:
    """Everything to know before this certificate is used or trusted."""
    if info.not_after <= now:
        yield f"expired {human_left(now - info.not_after)} ago"
    elif info.not_before > now:
        yield f"not yet valid: it begins in {human_left(info.not_before - now)} (or this machine's clock is wrong)"
    if client and info.is_ca:
        yield "is an authority's certificate, not a client's"
    if client and _MASTERS in info.organizations:
        yield f"belongs to {_MASTERS}: it may do everything, and no rule can take that away"
    if client and not info.is_ca and info.not_after - info.not_before > _LONG:
        yield f"lives for {(info.not_after - info.not_before).days} days and cannot be revoked"


def about_cluster(cluster: ClusterEntry) -> Iterator[str]:
    """What makes the way to this cluster unsafe or impossible."""
    if not cluster.server:
        yield "no server is given"
    elif cluster.server.lower().startswith("http://"):
        yield "is reached without encryption; kubectl sends it no credentials"
    if cluster.insecure:
        yield "insecure-skip-tls-verify: anybody in between can read and change everything"
    if cluster.certificate_authority:
        yield f"its authority is a file ({safe_text(cluster.certificate_authority)}); it works only where that is"


def about_user(user: UserEntry) -> Iterator[str]:
    """What is doubtful about this way to log in."""
    if user.token is not None and user.token_file:
        yield "has a token and a tokenFile: kubectl uses the file"
    for field, path in (
        ("tokenFile", user.token_file),
        ("client-certificate", user.client_certificate),
        ("client-key", user.client_key),
    ):
        if path:
            yield f"{field} is a file ({safe_text(path)}); it works only where that is"
    if user.exec is not None:
        yield f"runs the program {safe_text(user.exec.command)} to log in"
    if user.password is not None:
        yield "has a password, which API servers do not accept since 1.19"
    if user.auth_provider:
        yield f"uses the auth-provider {safe_text(user.auth_provider)}, which clients no longer have"
    if user.impersonate is not None:
        yield f"acts as {safe_text(user.impersonate.user)}"
