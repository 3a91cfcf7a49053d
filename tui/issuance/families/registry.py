"""The list of all families, and which one an address, a record or a journal entry is of.

A family comes in when it is first asked: one module each that says `FAMILY`.
"""

from __future__ import annotations

from functools import cache, partial
from importlib import import_module
from typing import TYPE_CHECKING, Final, NamedTuple

from tui.issuance.errors import UsageError
from tui.issuance.model.kinds import CredentialKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tui.issuance.model.apart import Apart
    from tui.issuance.model.clusters import Clusters
    from tui.issuance.model.requests import RequestKind
    from tui.issuance.model.types import Address
    from tui.issuance.records.deliveries import Delivered
    from tui.issuance.records.intent import Intent
    from tui.issuance.records.state import StateStore
    from tui.kube.client import Client

    from .base import Family, Wish
    from .delivering import ClusterSource
    from .listing import Listing
    from .offer import AnyOffer


class Listed(NamedTuple):
    """One family's line."""

    kinds: tuple[CredentialKind, ...] = ()
    """The kinds of addresses that are its own."""
    wishes: tuple[str, ...] = ()
    """The types of the wishes that it fulfils."""
    offers: bool = False
    """Whether it can be asked for something by whoever knows nothing of it; see `offer`."""
    lists: bool = False
    """Whether some of its credentials stand in objects of clusters; see `listing`."""
    requests: bool = False
    """Whether some objects of its own are requests, or what these go through; its `listing` has them as `REQUESTS`."""
    delivers: bool = False
    """Whether some objects of its own lead to other clusters; see `delivering`."""
    apart: bool = False
    """Whether some objects of its own tell of clusters that a person enters; see `model.apart`."""
    reads_only: bool = False
    """Whether nothing is given out by it here, so that its folder has no `Family`."""


FAMILIES: Final[dict[str, Listed]] = {
    "gardener.family": Listed(wishes=("ShootWish", "PlainShootWish"), offers=True, lists=True, apart=True),
    "certificate.family": Listed(wishes=("CertificateWish",), offers=True),
    "gardener.static_family": Listed((CredentialKind.STATIC,)),
    "plugin.family": Listed(wishes=("PlainWish",), offers=True),
    "dpf.family": Listed(
        (CredentialKind.REQUEST,), ("DPURequestDraft", "Keep", "Delete", "Abandon"), requests=True, delivers=True
    ),
    "token_secret.family": Listed((CredentialKind.LEGACY,), ("IdentityWish", "SelfWish"), lists=True),
    "login.family": Listed((CredentialKind.LOGIN,)),
    "handle.family": Listed((CredentialKind.HANDLE,)),
    "argocd.family": Listed((CredentialKind.ARGO_CD,), lists=True, delivers=True),
    "tenants.family": Listed(wishes=("TenantPush", "StoreWish", "PushWish"), requests=True, delivers=True),
    "csi": Listed(requests=True, reads_only=True),
    "service_account.family": Listed(
        (CredentialKind.SECRET, CredentialKind.FILE, CredentialKind.PLACE), ("IssueSpec",), lists=True
    ),
}
"""By the names of their modules (of their folders, where they are only read), in the order in which they are asked; the
last one has what no other claims."""


def offers() -> tuple[AnyOffer, ...]:
    """What all of them can be asked for, in their order."""
    folders = [name.partition(".")[0] for name, one in FAMILIES.items() if one.offers]
    return tuple(offer for folder in folders for offer in import_module(f"{__package__}.{folder}.offer").OFFERS)


def listings() -> tuple[Listing, ...]:
    """The kinds of objects in which credentials of any of them stand."""
    folders = [name.partition(".")[0] for name, one in reversed(FAMILIES.items()) if one.lists]
    return tuple(one for folder in folders for one in import_module(f"{__package__}.{folder}.listing").LISTINGS)


def request_kinds() -> tuple[RequestKind, ...]:
    """The kinds of objects that are requests, or what these go through, in the order in which they are followed."""
    folders = [name.partition(".")[0] for name, one in FAMILIES.items() if one.requests]
    return tuple(kind for folder in folders for kind in import_module(f"{__package__}.{folder}.listing").REQUESTS)


def sources() -> tuple[ClusterSource, ...]:
    """The sorts of objects that lead to other clusters; the first counts where several lead to one of the same name."""
    folders = [name.partition(".")[0] for name, one in FAMILIES.items() if one.delivers]
    return tuple(one for folder in folders for one in import_module(f"{__package__}.{folder}.source").SOURCES)


@cache
def clusters_apart() -> tuple[Apart, ...]:
    """The sorts of clusters that others tell of, and that a person enters."""
    folders = [name.partition(".")[0] for name, one in FAMILIES.items() if one.apart]
    return tuple(import_module(f"{__package__}.{folder}.apart").APART for folder in folders)


async def find_delivered(client: Client, host: str, namespace: str, name: str) -> Delivered:
    """What `host` delivers as the cluster `HOST/NAMESPACE/NAME`; the gate is not asked.

    Raises NotDelivered where nothing there leads to one, else like the `find` of a source.
    """
    from .delivering import NotDelivered

    *most, last = sources()
    for source in most:
        try:
            return await source.find(client, host, namespace, name, None)
        except NotDelivered:
            continue
    return await last.find(client, host, namespace, name, None)


class Families:
    """All of them, as one engine asks them. `state` knows what this machine wrote, into files and into `clusters`."""

    def __init__(self, state: StateStore, clusters: Clusters) -> None:
        self._state = state
        self._clusters = clusters

    async def of(self, address: Address) -> Family:
        """The family of what lies at this address: of a file, or a Secret that this machine wrote, by its record, as
        long as it holds what that says."""
        traits = address.kind.traits
        if traits.here or traits.marked:
            import asyncio  # not for those who only ask what can be asked for

            from tui.issuance.trust.one_server import record_of

            look = self._state.export_record if traits.here else partial(record_of, self._state, self._clusters)
            record = await asyncio.to_thread(look, address)
            if record is not None:
                for family in self.all():
                    if family.keeps(record) and await family.has_still(self._clusters, record):
                        return family
        return next(self._load(name) for name, one in FAMILIES.items() if address.kind in one.kinds)

    def of_intent(self, intent: Intent) -> Family:
        """The family of what the journal has open; what carries on something of another one is asked before that."""
        *families, last = self.all()
        return next((family for family in reversed(families) if family.began(intent)), last)

    def for_wish(self, wish: Wish) -> Family:
        """The family that fulfils this wish. Raises UsageError where none does."""
        name = type(wish).__name__
        for family, one in FAMILIES.items():
            if name in one.wishes:
                return self._load(family)
        raise UsageError(f"nothing here can fulfil a {name}")

    def all(self) -> Iterator[Family]:
        """Each of them, in order."""
        return (self._load(name) for name, one in FAMILIES.items() if not one.reads_only)

    def _load(self, name: str) -> Family:
        family: Family = import_module(f"{__package__}.{name}").FAMILY
        return family
