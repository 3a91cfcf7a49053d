"""The forms that are drawn by hand, by the action that they ask for: each begins with what is chosen.

What is not here is asked with a form made from its fields alone. They are imported when they are opened.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

from tui.actions.action import AnyAction
from tui.actions.exporting import ExportWish, preview
from tui.actions.fitting import credential_of, own_tokens
from tui.fleet.query import cluster_of, identity_of
from tui.fleet.rows import (
    AccountRow,
    ClusterRow,
    CredentialRow,
    RequestRow,
    Row,
)
from tui.issuance import DPU_REQUESTS, STORES, request_key, request_kinds

from .form import Form

if TYPE_CHECKING:
    from tui.fleet.found import Tenant
    from tui.screens.acting.working import WorkingScreen

Made = Callable[["WorkingScreen"], Form[Any] | None]
"""Makes the form; None where there is nothing to ask, which is then said."""


def form_of(screen: WorkingScreen, action: AnyAction) -> Form[Any] | None:
    """The form of an action, filled in from what is chosen."""
    if action.name in _BY_HAND:
        return _BY_HAND[action.name](screen)
    return Form.of(action, screen.what_is_asked())


def _credential(screen: WorkingScreen) -> Form[Any]:
    from .new_credential import NewCredentialScreen

    asked = screen.what_is_asked()
    identity = identity_of(asked.row) if asked.row is not None else None
    return NewCredentialScreen(asked.clusters, folder=asked.folder, identity=identity, lifetime=asked.lifetime)


def _identity(screen: WorkingScreen) -> Form[Any]:
    from .new_credential import NewIdentityScreen

    asked = screen.what_is_asked()
    identity = asked.row.identity if isinstance(asked.row, AccountRow) else None
    return NewIdentityScreen(asked.clusters, folder=asked.folder, identity=identity)


def _mint(screen: WorkingScreen) -> Form[Any] | None:
    from .new_credential import MintScreen

    row = screen.chosen()[0]
    identity, sources = identity_of(row), own_tokens(screen.session.store, row)
    if identity is None or not sources:
        screen.notify(
            "no long-lived token of it is known to mint with: n i makes it an identity that has one",
            markup=False, severity="warning", timeout=8,
        )  # fmt: skip
        return None
    return MintScreen(identity, sources, folder=screen.kubemint.export_folder)


def _export(screen: WorkingScreen) -> Form[ExportWish] | None:
    from .export import ExportScreen

    session, asked = screen.session, screen.what_is_asked()
    credential = credential_of(asked.row)
    if credential is None:
        return None
    return ExportScreen(
        credential,
        folder=asked.folder,
        clusters=asked.clusters,
        look=lambda wish: preview(session.engine, wish),
        why_not=session.why_read_only,
    )


def _request(screen: WorkingScreen) -> Form[Any]:
    from .new_request import NewRequestScreen

    row, strangers = screen.what_is_asked().row, _strangers(screen)
    clusters = screen.writable_clusters(cluster_of(row) if row is not None else "")
    clusters.sort(key=lambda name: name in strangers)
    return NewRequestScreen(
        clusters,
        cluster=clusters[0] if clusters else "",
        namespace=row.namespace if isinstance(row, RequestRow | CredentialRow) else "",
        targets=_targets(screen),
        strangers=strangers,
    )


def _strangers(screen: WorkingScreen) -> set[str]:
    """Clusters that do not know the kind of request."""
    titles = {kind.title for kind in request_kinds() if kind.resource == DPU_REQUESTS}
    return {row.name for row in screen.session.store.clusters.values() if not titles.isdisjoint(row.lacks)}


def _targets(screen: WorkingScreen) -> dict[str, list[str]]:
    """DPUClusters that requests of a cluster already lead to."""
    found: dict[str, set[str]] = {}
    for row in screen.session.store.requests.values():
        if row.target and row.kind.resource == DPU_REQUESTS:
            found.setdefault(row.cluster, set()).add(row.target)
    return {cluster: sorted(targets) for cluster, targets in found.items()}


def _store(screen: WorkingScreen) -> Form[Any]:
    from .new_tenant import TenantStoreScreen

    tenants = [tenant for tenant in _tenants(screen) if tenant.of_cluster_api]
    return TenantStoreScreen(tenants, servers=_servers(screen), first=_first(screen.what_is_asked().row))


def _push(screen: WorkingScreen) -> Form[Any]:
    from .new_tenant import TenantPushScreen

    row, tenants, requests = screen.what_is_asked().row, _tenants(screen), screen.session.store.requests
    identity = identity_of(row) if isinstance(row, AccountRow) else None
    if identity is not None:
        tenants = [tenant for tenant in tenants if tenant.host == identity.cluster] or tenants

    def stored(tenant: Tenant) -> bool:
        return request_key(STORES.kind, tenant.host, tenant.namespace, tenant.name) in requests

    return TenantPushScreen(tenants, servers=_servers(screen), first=_first(row), identity=identity, stored=stored)


def _tenants(screen: WorkingScreen) -> list[Tenant]:
    """Those of Cluster API first: others are seldom a tenant of anybody's."""
    fleet = screen.session.fleet
    found = fleet.tenants() if fleet is not None else ()
    return sorted(found, key=lambda tenant: (not tenant.of_cluster_api, tenant.name, tenant.cluster))


def _servers(screen: WorkingScreen) -> dict[str, str]:
    return {name: row.server for name, row in screen.session.store.clusters.items()}


def _first(row: Row | None) -> Sequence[str]:
    """The clusters that a row names as a tenant: itself and what leads to the same server, or a store's."""
    if isinstance(row, ClusterRow):
        return (row.name, *row.same)
    if isinstance(row, RequestRow) and row.kind.resource == STORES:
        return (f"{row.cluster}/{row.namespace}/{row.name}",)
    return ()


_BY_HAND: Final[dict[str, Made]] = {
    "new_credential": _credential,
    "new_identity": _identity,
    "mint": _mint,
    "export": _export,
    "new_request": _request,
    "new_tenant_store": _store,
    "new_tenant_push": _push,
}
