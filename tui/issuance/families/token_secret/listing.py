"""Long-lived token Secrets, by their metadata alone: each is its own handle."""

from __future__ import annotations

from datetime import UTC
from typing import Final

from tui.issuance.families.listing import Listing, Noted
from tui.issuance.model.types import Address, Credential, Identity
from tui.issuance.objects.token_secret import (
    ACCOUNT_NAME,
    ACCOUNT_UID,
    INVALID_SINCE,
    LAST_USED,
    TYPE,
    day,
    standing,
)
from tui.kube.resource import SECRETS


def credential(cluster: str, secret: Noted) -> Credential | None:
    """The long-lived token that a token Secret holds; None where it does not name its account."""
    meta = secret.metadata
    notes, labels = meta.annotations or {}, meta.labels or {}
    account = notes.get(ACCOUNT_NAME)
    if not account:
        return None
    used, since, deleted = labels.get(LAST_USED, ""), labels.get(INVALID_SINCE, ""), meta.deletion_timestamp
    if deleted is not None and deleted.tzinfo is None:  # a server may leave its zone out
        deleted = deleted.replace(tzinfo=UTC)
    state, message, ends_by = standing(since, used, filled=bool(notes.get(ACCOUNT_UID)), deleted_at=deleted)
    return Credential(
        address=Address.token_secret(cluster, meta.namespace, meta.name),
        identity=Identity(cluster, meta.namespace, account),
        issued_at=meta.creation_timestamp,
        kept_in=f"Secret {meta.namespace}/{meta.name}",
        last_used=day(used),
        invalid_since=day(since),
        ends_by=ends_by,
        state=state,
        message=message,
    )


LISTINGS: Final = (Listing("token Secrets", SECRETS, credential, type=Noted, fields=f"type={TYPE}", handles=True),)
