"""What there is of an identity: its account, its right to mint for itself, its long-lived tokens. Reads only."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from tui.issuance.model.types import Credential, Identity
from tui.issuance.objects import token_secret
from tui.kube.errors import NotFound
from tui.kube.resource import ROLE_BINDINGS, ROLES, SERVICE_ACCOUNTS, Resource

from . import identity as identities

if TYPE_CHECKING:
    from tui.kube.client import Client


class IdentityView(msgspec.Struct, frozen=True, kw_only=True):
    """An identity as it is now."""

    identity: Identity
    exists: bool
    marked: bool = False
    """Whether the account carries the label of accounts made as identities, kubemint's or Rok's."""
    role: bool = False
    binding: bool = False
    tokens: tuple[Credential, ...] = ()
    """Its long-lived token Secrets, the newest first."""

    @property
    def mints(self) -> bool:
        """Whether this Role and RoleBinding let it mint for itself. It may hold the right in other ways too."""
        return self.exists and self.role and self.binding


async def view(client: Client, identity: Identity) -> IdentityView:
    """Look at everything that makes an identity. Raises a KubeError where something may not be looked at."""
    tokens = tuple(token_secret.credential(identity, secret) for secret in await token_secret.list_of(client, identity))
    try:
        found = await client.get_metadata(SERVICE_ACCOUNTS, identity.name, namespace=identity.namespace)
    except NotFound:
        return IdentityView(identity=identity, exists=False, tokens=tokens)
    labels = (found.get("metadata") or {}).get("labels") or {}
    return IdentityView(
        identity=identity,
        exists=True,
        marked=bool({identities.IDENTITY_LABEL, identities.CREATOR_LABEL} & labels.keys()),
        role=await _says(client, identity, ROLES),
        binding=await _says(client, identity, ROLE_BINDINGS),
        tokens=tokens,
    )


async def _says(client: Client, identity: Identity, resource: Resource) -> bool:
    try:
        found = await client.get(resource, identities.role_name(identity), namespace=identity.namespace)
    except NotFound:
        return False
    check = identities.grants if resource is ROLES else identities.binds
    return check(found, identity)
