"""Objects of the API as rows. Only metadata is decoded where metadata is enough, and only the fields used.

Nothing here trusts a cluster: annotations may be missing, mangled or written by anybody, and give empty fields then.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import msgspec

from tui.issuance import Credential, Identity, made_for, managed

from .marked import by_utc
from .resting import Made
from .rows import AccountRow, CredentialRow

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


class Account(msgspec.Struct, frozen=True):
    """The metadata of a ServiceAccount."""

    metadata: Meta = msgspec.field(default_factory=Meta)


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
    annotations: dict[str, str] | None = None

    @property
    def made(self) -> Made:
        """For which places its token was made, and when."""
        noted = {"name": self.name, "namespace": self.namespace, "annotations": self.annotations or {}}
        return Made(made_for(noted), by_utc(self.creation_timestamp))


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


def labels_of(obj: Any) -> dict[str, str]:
    """The labels of an object, decoded or not."""
    if isinstance(obj, Mapping):
        found = (obj.get("metadata") or {}).get("labels") or {}
        return {key: value for key, value in found.items() if isinstance(value, str)}
    return obj.metadata.labels or {}


def credential_row(credential: Credential, labels: dict[str, str] | None = None) -> CredentialRow:
    """The row of a credential: listed under its own name, counted to the cluster it lets people into. `labels` are
    those of the object that it is read from."""
    address, identity = credential.address, credential.identity
    there = identity.cluster if identity is not None else address.cluster
    if credential.shoot is not None:
        there = credential.shoot.garden
    return CredentialRow(
        credential=credential,
        cluster=there,
        namespace=address.namespace,
        name=address.name if not address.own else (identity.name if identity else ""),
        labels=labels or {},
    )
