"""A Secret as a destination, in any cluster; from there it may be carried on into a tenant."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import msgspec

from tui.issuance.errors import UsageError
from tui.issuance.model.names import check_names
from tui.issuance.model.types import Address, Destination, Identity, Push

from .place import Need, Place, PlaceWay

if TYPE_CHECKING:
    from tui.issuance.formats import Format
    from tui.issuance.model.clusters import Clusters


class SecretDestination(Destination, msgspec.Struct, frozen=True, tag="secret"):
    """A Secret in `cluster`, which may be another cluster than the identity's (DPF keeps it in the host cluster)."""

    cluster: str
    namespace: str
    name: str
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    applied: bool = False
    """Written in one server-side apply of kubemint's own keys; what others keep in it stays theirs."""
    force: bool = False
    """Take the keys over from whoever has them; only for `applied`."""
    push: Push | None = None

    @classmethod
    def ways(cls) -> tuple[PlaceWay, ...]:
        return (SECRET,)

    @property
    def said(self) -> str:
        return f"Secret {self.namespace}/{self.name}"

    @property
    def secrets(self) -> tuple[Address, ...]:
        own, push = Address.secret(self.cluster, self.namespace, self.name), self.push
        return (own, Address.secret(push.tenant, push.namespace, push.secret)) if push is not None else (own,)

    def address(self, identity: Identity) -> Address:
        return Address.secret(self.cluster, self.namespace, self.name)

    @classmethod
    def at(cls, address: Address, identity: Identity) -> SecretDestination | None:
        return cls(address.cluster, address.namespace, address.name) if address.kind.traits.marked else None

    def check(self, clusters: Clusters, form: Format) -> None:
        from tui.issuance.objects.managed import refuse_reserved  # as in `place`

        clusters.endpoint(self.cluster)
        check_names(self.namespace, self.name, "Secret")
        refuse_reserved(self.labels, self.annotations, "the destination")

    def place(self, need: Need) -> Place:
        # what writes Secrets is not needed to ask for one: the dashboard starts without it
        if self.applied or self.push:
            from .tenant import tenant_place

            return tenant_place(self, need.clusters, need.form)
        from .secret import SecretPlace

        return SecretPlace(self, need.clusters, need.form)


def pair(text: str, what: str) -> tuple[str, str]:
    """`namespace/name`. Raises UsageError."""
    namespace, slash, name = text.partition("/")
    if not (slash and namespace and name) or "/" in name:
        raise UsageError("write namespace/name")
    check_names(namespace, name, what)
    return namespace, name


def a_pair(what: str) -> Callable[[str], tuple[str, str]]:
    """`namespace/name` of something."""
    return lambda text: pair(text, what)


def _make(text: str, cluster: str) -> Destination:
    namespace, _, name = text.partition("/")
    return SecretDestination(cluster, namespace, name)


SECRET: Final = PlaceWay(
    "a Secret in {cluster}", "--secret", "NS/NAME", "Secret", "Keep it in this Secret of {whose}.",
    read=a_pair("Secret"), make=_make, suggest=lambda usual: usual.object, in_cluster=True, names="secrets",
)  # fmt: skip

DESTINATION = SecretDestination
