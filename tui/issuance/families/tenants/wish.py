"""A wish: a management cluster's account, usable from inside of a tenant."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import msgspec

from tui.issuance.destinations.in_secret import SecretDestination
from tui.issuance.model.types import Identity, Push
from tui.issuance.objects.external_secrets import REMOTE_NAMESPACE, REMOTE_SECRET

DEFAULT_LIFETIME: Final = timedelta(hours=1)


class TenantPush(msgspec.Struct, frozen=True, kw_only=True):
    """A wish: the management cluster's account `identity`, usable from inside of the tenant `cluster`."""

    identity: Identity
    namespace: str
    """Where Cluster API keeps the tenant, in the management cluster."""
    cluster: str
    tenant: str
    """The tenant as kubemint knows it."""
    external_secrets: bool = False
    remote_namespace: str = REMOTE_NAMESPACE
    remote_secret: str = REMOTE_SECRET
    duration: timedelta | None = None
    create_account: bool = False
    reads: tuple[str, ...] = ()
    """Secrets of its own namespace that the account is given the right to read."""
    force: bool = False
    interval: timedelta = timedelta(hours=1)
    wait: timedelta = timedelta(seconds=90)

    @property
    def destination(self) -> SecretDestination:
        """Where the engine writes: the tenant itself, or the Secret that External Secrets takes from."""
        if not self.external_secrets:
            return SecretDestination(
                self.tenant, self.remote_namespace, self.remote_secret, applied=True, force=self.force
            )
        name = f"{self.cluster}-{self.identity.name}"
        push = Push(
            name, self.cluster, self.tenant, self.remote_namespace, self.remote_secret, self.interval, self.wait
        )
        return SecretDestination(self.identity.cluster, self.namespace, f"{name}-token", push=push)


class StoreWish(msgspec.Struct, frozen=True):
    """A SecretStore in `namespace` of `host` that leads into this cluster of Cluster API."""

    host: str
    namespace: str
    cluster: str


class PushWish(msgspec.Struct, frozen=True):
    """A PushSecret: its source is renewed, where that is known how, which is then carried over at once."""

    cluster: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"PushSecret {self.namespace}/{self.name}"
