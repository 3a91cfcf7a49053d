"""What the kubeconfigs on this machine hold: which entries speak for an account, and until when each one lasts.

Only files that the user's own kubeconfig names are read. Nothing is run, and nothing of the material is kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from tui.issuance.model.certificate import CertificateError, CertificateInfo, read_certificate
from tui.issuance.model.claims import MAX_TOKEN, Claims, ClaimsError, read_token
from tui.issuance.model.types import Identity
from tui.kube.sensitive import Sensitive
from tui.kube.small_file import read_small

if TYPE_CHECKING:
    from tui.kube.entries import UserEntry
    from tui.kube.kubeconfig import KubeConfig

_MAX_PEM: Final = 256 * 1024


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A context whose user speaks for an account."""

    context: str
    user: str
    origin: str = ""
    expires_at: datetime | None = None
    note: str = ""


def entries_for(config: KubeConfig, identity: Identity | None, cluster: str, server: str) -> list[Entry]:
    """The contexts that hold a token of `identity` (None: the context `cluster` itself). Reads token files."""
    found = []
    for context in config.contexts.values():
        user = config.users.get(context.user)
        if user is None:
            continue
        if identity is None:
            if context.name == cluster:
                ends = expiry(user)
                found.append(_entry(context.name, user, ends, ""))
            continue
        claims = token_claims(user)
        if claims is None or (claims.namespace, claims.service_account) != (identity.namespace, identity.name):
            continue
        entry = config.clusters.get(context.cluster)
        same = context.name == cluster or (entry is not None and entry.server.rstrip("/") == server.rstrip("/"))
        note = "" if same else f"for {entry.server if entry else 'an unknown cluster'}: maybe another account"
        found.append(_entry(context.name, user, claims.expires_at, note))
    return found


def _entry(context: str, user: UserEntry, ends: datetime | None, note: str) -> Entry:
    return Entry(context=context, user=user.name, origin=str(user.origin or ""), expires_at=ends, note=note)


def token_claims(user: UserEntry) -> Claims | None:
    """What the user's token says, None where it has none that says anything. kubectl prefers the file."""
    token = user.token
    if user.token_file:
        data = _read(user, user.token_file, MAX_TOKEN)
        token = Sensitive(data) if data is not None else None
    if token is None:
        return None
    try:
        return read_token(token)
    except ClaimsError:
        return None


def certificate_of(user: UserEntry) -> CertificateInfo | None:
    """The user's client certificate, None where it has none that can be read."""
    data = user.client_certificate_data
    if data is None and user.client_certificate:
        data = _read(user, user.client_certificate, _MAX_PEM)
    if data is None:
        return None
    try:
        return read_certificate(data, strict=False)
    except CertificateError:
        return None


def expiry(user: UserEntry) -> datetime | None:
    """When the first of what it logs in with ends, None where nothing says so."""
    claims, certificate = token_claims(user), certificate_of(user)
    ends = [claims.expires_at if claims else None, certificate.not_after if certificate else None]
    return min((end for end in ends if end is not None), default=None)


def files_of(user: UserEntry) -> Iterator[Path]:
    """The files with material that the entry names, absolute."""
    for written in (user.token_file, user.client_key):
        if written and user.origin is not None:
            yield user.origin.parent / written


def _read(user: UserEntry, written: str, limit: int) -> bytes | None:
    if user.origin is None:
        return None
    try:
        return read_small(user.origin.parent / written, limit)
    except OSError:
        return None
