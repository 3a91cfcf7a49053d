"""Argo CD's cluster Secrets: of those with its label alone the data is read, and dropped once the claims are."""

from __future__ import annotations

from typing import Final

import msgspec

from tui.issuance.families.listing import Listing, NotedMeta
from tui.issuance.model.types import Credential
from tui.issuance.objects.secret_object import SecretObject
from tui.kube.resource import SECRETS
from tui.kube.sensitive import Sensitive

from .secret import SELECTOR, credential, is_cluster


class Kept(msgspec.Struct, frozen=True):
    """The part of such a Secret that tells of its token."""

    metadata: NotedMeta = msgspec.field(default_factory=NotedMeta)
    data: dict[str, Sensitive] | None = None


def _credential(cluster: str, secret: Kept) -> Credential | None:
    meta = secret.metadata
    if not is_cluster(meta.labels):
        return None
    return credential(cluster, meta.namespace, meta.name, SecretObject(metadata={}, data=secret.data).values())


LISTINGS: Final = (
    Listing("Argo CD's tokens", SECRETS, _credential, type=Kept, metadata_only=False, labels=SELECTOR, optional=True),
)
