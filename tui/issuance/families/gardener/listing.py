"""The static-token kubeconfigs that Gardener keeps in the projects of a garden."""

from __future__ import annotations

from typing import Final

from tui.issuance.families.listing import Listing, Noted
from tui.issuance.model.types import Credential
from tui.kube.resource import SECRETS

from .garden import SHOOTS
from .static_token import SELECTOR, credential


def _credential(cluster: str, secret: Noted) -> Credential | None:
    meta = secret.metadata
    return credential(cluster, meta.namespace, meta.name, meta.creation_timestamp)


LISTINGS: Final = (
    Listing("static-token kubeconfigs", SECRETS, _credential, type=Noted, labels=SELECTOR, needs=SHOOTS, optional=True),
)
