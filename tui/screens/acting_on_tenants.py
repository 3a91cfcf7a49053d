"""What can be done about tenants and CSI drivers: make a store, push an account, see what a driver is given."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from tui.fleet.query import identity_of
from tui.fleet.rows import AccountRow, ClusterRow, RequestKind, RequestRow, Row, request_key
from tui.issuance.csi import Driver
from tui.issuance.tenant_wish import StoreWish

from . import replacing, work
from .intended import Intended

if TYPE_CHECKING:
    from tui.fleet.found import Tenant

    from .new_tenant import PushAnswer
    from .working import WorkingScreen


def new_store(screen: WorkingScreen) -> None:
    """Ask which tenant a SecretStore is to lead into, and make it."""
    from .new_tenant import TenantStoreScreen

    tenants = [tenant for tenant in _tenants(screen) if tenant.of_cluster_api]
    dialog = TenantStoreScreen(tenants, servers=_servers(screen), first=_first(_row(screen)))

    def made(tenant: Tenant) -> None:
        task = work.make_store(screen.session, tenant.host, tenant.namespace, tenant.name)
        screen.begin("tenant store", [task])

    def intended(tenant: Tenant) -> Intended:
        plan = partial(screen.session.engine.plan, StoreWish(tenant.host, tenant.namespace, tenant.name))
        return Intended(f"SecretStore {tenant.namespace}/{tenant.name}", plan)

    screen.ask(dialog, "tenant store", made, intended)


def new_push(screen: WorkingScreen) -> None:
    """Ask for a push, filled in from what is chosen, and do it."""
    from .new_tenant import TenantPushScreen

    row = _row(screen)
    identity = identity_of(row) if isinstance(row, AccountRow) else None
    tenants = _tenants(screen)
    if identity is not None:
        tenants = [tenant for tenant in tenants if tenant.host == identity.cluster] or tenants
    requests = screen.session.store.requests

    def stored(tenant: Tenant) -> bool:
        return request_key(RequestKind.STORE, tenant.host, tenant.namespace, tenant.name) in requests

    dialog = TenantPushScreen(
        tenants, servers=_servers(screen), first=_first(row), identity=identity, stored=stored
    )  # fmt: skip

    def made(answer: PushAnswer) -> None:
        def push(force: bool) -> None:
            task = work.push_to_tenant(screen.session, answer.wish, answer.manifests, force=force)
            screen.begin("tenant push", [task])

        if answer.manifests is None:
            push(False)
        else:
            replacing.ask_first(screen.app, answer.manifests, push, live=False)

    def intended(answer: PushAnswer) -> Intended:
        plan = partial(screen.session.engine.plan, answer.wish)
        return Intended(work.title_of(answer.wish), plan)

    screen.ask(dialog, "tenant push", made, intended)


def csi_preview(screen: WorkingScreen) -> None:
    """Show what a CSI driver is given for a pod; mint it only when that is asked for."""
    from .csi_preview import CsiPreviewScreen, CsiWish, TokensScreen

    session, row = screen.session, _row(screen)
    drivers = [one for one in session.store.requests.values() if isinstance(one.about, Driver)]
    drivers.sort(key=lambda one: (one.cluster, one.name))

    def wished(wish: CsiWish | None) -> None:
        if wish is None:
            return
        if wish.path is None:
            screen.app.push_screen(TokensScreen(session, wish))
        else:
            path, preview, revocable = wish.path, wish.preview, wish.revocable

            def write(force: bool) -> None:
                task = work.write_csi(session, preview, path, revocable=revocable, force=force)
                screen.begin("CSI tokens", [task], asked=force)

            replacing.ask_first(screen.app, path, write)

    first = row.key if row is not None else ""
    screen.app.push_screen(
        CsiPreviewScreen(session, drivers, first=first, folder=screen.kubemint.export_folder), wished
    )


def _tenants(screen: WorkingScreen) -> list[Tenant]:
    """Those of Cluster API first: others are seldom a tenant of anybody's."""
    fleet = screen.session.fleet
    found = fleet.tenants() if fleet is not None else ()
    return sorted(found, key=lambda tenant: (not tenant.of_cluster_api, tenant.name, tenant.cluster))


def _servers(screen: WorkingScreen) -> dict[str, str]:
    return {name: row.server for name, row in screen.session.store.clusters.items()}


def _row(screen: WorkingScreen) -> Row | None:
    rows = screen.chosen()
    return rows[0] if len(rows) == 1 else None


def _first(row: Row | None) -> Sequence[str]:
    """The clusters that a row names as a tenant: itself and what leads to the same server, or a store's."""
    if isinstance(row, ClusterRow):
        return (row.name, *row.same)
    if isinstance(row, RequestRow) and row.kind is RequestKind.STORE:
        return (f"{row.cluster}/{row.namespace}/{row.name}",)
    return ()
