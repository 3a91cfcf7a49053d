"""The places of a client certificate: every destination there is, told by the certificate in the place of a token."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tui.issuance.destinations import kubeconfig_file
from tui.issuance.destinations.merge import MergePlace
from tui.issuance.destinations.registry import place_for
from tui.issuance.errors import UsageError
from tui.kube.sensitive import Sensitive

from .signed import kubeconfig, way_in
from .wish import CertificateWish, stand_in

if TYPE_CHECKING:
    from tui.issuance.destinations.place import Place
    from tui.issuance.model.types import Destination
    from tui.issuance.transaction.work import Context

_CERTIFICATE: Final = b"the certificate that will be signed"
_KEY: Final = Sensitive("the key that will be made")


class CertificateMerge(MergePlace):
    """Entries with a certificate in a kubeconfig that someone works with."""

    user = ""

    def _names(self) -> kubeconfig_file.Names:
        return kubeconfig_file.Names(super()._names()[0], self.user)

    def _wanted(self) -> Sensitive:
        way = way_in(self._clusters.endpoint(self._identity.cluster), _CERTIFICATE, _KEY, self.user)
        return kubeconfig(way, self.user).text

    def _standing(self, token: Sensitive) -> Sensitive:
        entries = kubeconfig_file.entries_for(self.path, self.request)
        if entries is None:
            raise UsageError(f"{self.path} holds no entry of this credential any more", "rotate it to write it again")
        return entries


def place_at(context: Context, wish: CertificateWish, destination: Destination, *, force: bool = False) -> Place:
    """The place that a destination names."""
    identity = stand_in(wish.cluster, wish.user)
    if destination.merge:
        merged = CertificateMerge(destination.address(identity), identity, context.clusters, context.state, force=force)
        merged.user = wish.user
        return merged
    return place_for(destination, identity, context.clusters, context.state, force=force)
