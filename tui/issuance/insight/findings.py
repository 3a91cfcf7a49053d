"""What is wrong, or worth knowing, about a token, a certificate, or a way into a cluster, in words."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from tui.issuance.model.certificate import CertificateInfo
from tui.issuance.model.claims import Claims
from tui.kube.amounts import about, count
from tui.kube.entries import ClusterEntry, UserEntry
from tui.kube.text import safe_text

from .inspection import rfc3339
from .refusal import by_itself

_LONG: Final = timedelta(days=366)
_MASTERS: Final = "system:masters"


class Remark(NamedTuple):
    """Something to know; `refused` where a server refuses the credential for it."""

    message: str
    refused: bool = False


def about_token(claims: Claims, now: datetime) -> Iterator[Remark]:
    """Everything to know before this token is used or kept."""
    for reason in by_itself(claims, now):
        yield Remark(reason, refused=True)
    if claims.expires_at is None:
        yield Remark(
            f"never expires; deleting the Secret {claims.bound.name} revokes it"
            if claims.legacy and claims.bound is not None
            else "never expires"
        )
    elif claims.warn_after is not None:
        ends = rfc3339(claims.warn_after)
        yield Remark(f"was meant to end at {ends}; the server extended it for clients that do not renew")
    elif claims.lifetime is not None and claims.lifetime > _LONG:
        yield Remark(f"lives for {count(claims.lifetime.days, 'day')}")
    if not claims.legacy and claims.audiences and "" not in claims.audiences and not _for_api_server(claims):
        audiences = ", ".join(claims.audiences)
        yield Remark(f"is for {audiences}: the API server answers 401 to it, unless that is its own audience")
    if not claims.legacy and claims.service_account and claims.bound is None:
        yield Remark("is bound to nothing: it cannot be revoked before it ends, except with its service account")


def _for_api_server(claims: Claims) -> bool:
    return any(audience == claims.issuer or "kubernetes" in audience for audience in claims.audiences)


def about_certificate(info: CertificateInfo, now: datetime, *, client: bool) -> Iterator[Remark]:
    """Everything to know before this certificate is used or trusted."""
    if info.not_after <= now:
        yield Remark(f"expired {about(now - info.not_after)} ago", refused=client)
    elif info.not_before > now:
        begins = about(info.not_before - now)
        yield Remark(f"not yet valid: it begins in {begins} (or this machine's clock is wrong)", refused=client)
    if client and info.is_ca:
        yield Remark("is an authority's certificate, not a client's")
    if client and _MASTERS in info.organizations:
        yield Remark(f"belongs to {_MASTERS}: it may do everything, and RBAC cannot restrict it")
    if client and not info.is_ca and info.not_after - info.not_before > _LONG:
        yield Remark(f"lives for {count((info.not_after - info.not_before).days, 'day')} and cannot be revoked")


def about_cluster(cluster: ClusterEntry) -> Iterator[str]:
    """What makes the way to this cluster unsafe or impossible."""
    if not cluster.server:
        yield "no server is given"
    elif cluster.server.lower().startswith("http://"):
        yield "is reached without encryption; kubectl sends it no credentials"
    if cluster.insecure:
        yield "insecure-skip-tls-verify: anyone in between can read and change everything"
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
