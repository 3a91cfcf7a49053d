"""Objects of the API as rows. Only metadata is decoded where metadata is enough, and only the fields used.

Nothing here trusts a cluster: annotations may be missing, mangled or written by anybody, and give empty fields then.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec

from tui.issuance import (
    ACCOUNT_NAME,
    ACCOUNT_UID,
    INVALID_SINCE,
    LAST_USED,
    TOKEN_SECRET_TYPE,
    Address,
    Credential,
    Identity,
    managed,
    token_secret_day,
    token_secret_standing,
)

from .marked import by_utc
from .rows import AccountRow, CredentialRow

TOKEN_SECRETS: Final = f"type={TOKEN_SECRET_TYPE}"
"""Field selector for the Secrets whose tokens never expire."""
HANDLES: Final = f"type={managed.HANDLE_TYPE}"
"""Field selector for the handles. By their type, which cannot be taken from them; labels can."""


class Meta(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The part of ObjectMeta that rows need."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    creation_timestamp: datetime | None = None
    deletion_timestamp: datetime | None = None
    labels: dict[str, str] | None = None


class NotedMeta(Meta, frozen=True, kw_only=True, rename="camel"):
    """The same with annotations, which can be long and are decoded only where they say something."""

    annotations: dict[str, str] | None = None


class Account(msgspec.Struct, frozen=True):
    """The metadata of a ServiceAccount."""

    metadata: Meta = msgspec.field(default_factory=Meta)


class TokenSecret(msgspec.Struct, frozen=True):
    """The metadata of a Secret of type kubernetes.io/service-account-token."""

    metadata: NotedMeta = msgspec.field(default_factory=NotedMeta)


class Owner(msgspec.Struct, frozen=True, gc=False):
    """What an object goes with."""

    kind: str = ""
    name: str = ""
    uid: str = ""


class HandleMeta(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What tells one handle from another, for whom it was made, and whether it is on its way out."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    creation_timestamp: datetime | None = None
    deletion_timestamp: datetime | None = None
    owner_references: tuple[Owner, ...] | None = None


class HandleSecret(msgspec.Struct, frozen=True):
    """The metadata of a Secret of the type of handles."""

    metadata: HandleMeta = msgspec.field(default_factory=HandleMeta)


def account_row(cluster: str, account: Account) -> AccountRow:
    meta = account.metadata
    return AccountRow(
        identity=Identity(cluster, meta.namespace, meta.name),
        uid=meta.uid,
        created_at=meta.creation_timestamp,
        labels=meta.labels or {},
    )


def credential_row(credential: Credential) -> CredentialRow:
    """The row of a credential: listed under its own name, counted to the cluster it lets people into."""
    address, identity = credential.address, credential.identity
    there = identity.cluster if identity is not None else address.cluster
    if credential.shoot is not None:
        there = credential.shoot.garden
    return CredentialRow(
        credential=credential,
        cluster=there,
        namespace=address.namespace,
        name=address.name if not address.own else (identity.name if identity else ""),
    )


def token_secret_credential(cluster: str, secret: TokenSecret) -> Credential | None:
    """The long-lived token that a token Secret holds; None where it does not name its account."""
    meta = secret.metadata
    notes = meta.annotations or {}
    labels = meta.labels or {}
    account = notes.get(ACCOUNT_NAME)
    if not account:
        return None
    used, since = labels.get(LAST_USED, ""), labels.get(INVALID_SINCE, "")
    state, message, ends_by = token_secret_standing(
        since, used, filled=bool(notes.get(ACCOUNT_UID)), deleted_at=by_utc(meta.deletion_timestamp)
    )
    return Credential(
        address=Address.token_secret(cluster, meta.namespace, meta.name),
        identity=Identity(cluster, meta.namespace, account),
        issued_at=meta.creation_timestamp,
        kept_in=f"Secret {meta.namespace}/{meta.name}",
        last_used=token_secret_day(used),
        invalid_since=token_secret_day(since),
        ends_by=ends_by,
        state=state,
        message=message,
    )
