"""Argo CD's cluster Secrets: of those with its label alone the data is read, and dropped once the claims are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from tui.issuance.families.listing import Listing, NotedMeta
from tui.issuance.model.types import Credential
from tui.issuance.objects.secret_object import SecretObject
from tui.kube.delivered import DeliveredError
from tui.kube.resource import SECRETS
from tui.kube.sensitive import Sensitive

from .secret import SELECTOR, credential, is_cluster, leads

if TYPE_CHECKING:
    from tui.kube.endpoint import Endpoint


class Kept(msgspec.Struct, frozen=True):
    """The part of such a Secret that tells of its token."""

    metadata: NotedMeta = msgspec.field(default_factory=NotedMeta)
    data: dict[str, Sensitive] | None = None


def _credential(cluster: str, secret: Kept) -> Credential | None:
    meta = secret.metadata
    if not is_cluster(meta.labels):
        return None
    return credential(cluster, meta.namespace, meta.name, SecretObject(metadata={}, data=secret.data).values())


def _leads(secret: Kept) -> Endpoint | None:
    """What is refused when it is entered leads nowhere."""
    try:
        return leads(secret.metadata.name, SecretObject(metadata={}, data=secret.data).values())
    except DeliveredError:
        return None


LISTINGS: Final = (
    Listing(
        "Argo CD's tokens",
        SECRETS,
        _credential,
        type=Kept,
        metadata_only=False,
        labels=SELECTOR,
        optional=True,
        leads=_leads,
    ),
)
