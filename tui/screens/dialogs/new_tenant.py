"""The dialogs about tenants: the store that leads into one, and an account of the management cluster that one gets.

Both show every object as YAML while they are filled in, and the command line that would do the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from textual.widget import Widget
from textual.widgets import Checkbox, Input, Select, Static

from tui.actions.action import Action
from tui.actions.tenants import EXTERNAL, NEW_TENANT_PUSH, NEW_TENANT_STORE, TenantWish
from tui.fleet.found import Tenant
from tui.issuance import (
    TENANT_LIFETIME,
    Field,
    Identity,
    StoreWish,
    TenantPush,
    dump_yaml,
    push_preview,
    store_preview,
    tenant_gap,
)
from tui.kube.text import safe_text

from .dialog import Wrong
from .form import PreviewedForm

Wish = TypeVar("Wish")


class _TenantForm(PreviewedForm[Wish]):
    """What both have in common: a tenant, and the YAML beside the fields."""

    problem_lines = 3
    keys = "f2 YAML   "
    nothing: str
    """What is said where there is no tenant at all."""

    def __init__(
        self,
        action: Action[Wish],
        said: Mapping[str, Any],
        tenants: Sequence[Tenant],
        *,
        servers: Mapping[str, str],
        first: Sequence[str] = (),
    ) -> None:
        self._tenants = {str(number): tenant for number, tenant in enumerate(tenants)}
        chosen = next((number for number, one in self._tenants.items() if one.cluster in first), None)
        super().__init__(action, {**said, "tenant": chosen or ("0" if len(tenants) == 1 else "")})
        self._servers = servers

    def choices(self, field: Field) -> Sequence[tuple[str, str]]:
        if field.id != "tenant":
            return super().choices(field)
        return [
            (safe_text(f"{tenant.name}  of {tenant.host}/{tenant.namespace}"), number)
            for number, tenant in self._tenants.items()
        ]

    @property
    def tenant(self) -> Tenant | None:
        """The one that is chosen."""
        return self._tenants.get(str(self.query_one("#f-tenant", Select).value))

    @property
    def said(self) -> dict[str, Any]:
        tenant = self.tenant
        found = {**super().said, "tenant": ""}
        if tenant is not None:
            found |= {"tenant": tenant.name, "namespace": tenant.namespace, "cluster": tenant.host}
        return found

    def first(self) -> str:
        return "tenant"

    def show_all(self, documents: Sequence[Mapping[str, Any]]) -> None:
        """The objects, as they are now."""
        self.show("---\n".join(map(dump_yaml, documents)) or "choose a tenant to see what is written")

    def problems(self) -> Sequence[Wrong]:
        if not self._tenants:
            return (Wrong("tenant", "Tenant", self.nothing),)
        fields = {field.id for field in self.asked}
        return [one for one in super().problems() if one.field in fields]


class TenantStoreScreen(_TenantForm[StoreWish]):
    """Asks which cluster of Cluster API a SecretStore is to lead into."""

    heading = "Tenant store: a SecretStore for a Cluster API cluster"
    verb = "Create"
    nothing = "no Cluster API cluster was found"

    def __init__(self, tenants: Sequence[Tenant], *, servers: Mapping[str, str], first: Sequence[str] = ()) -> None:
        super().__init__(NEW_TENANT_STORE, {}, tenants, servers=servers, first=first)

    def notes(self) -> Iterable[Widget]:
        yield Static(
            "Its admin certificate is copied from Cluster API's kubeconfig Secret into a Secret beside it: anyone who "
            "reads Secrets there owns the tenant. Create it again to update both.",
            classes="dialog-note", markup=False,
        )  # fmt: skip

    def refreshed(self) -> None:
        super().refreshed()
        tenant = self.tenant
        documents = []
        if tenant is not None:
            server = self._servers.get(tenant.cluster) or "https://…"
            documents = store_preview(tenant.namespace, tenant.name, server)
        self.show_all(documents)


class TenantPushScreen(_TenantForm[TenantWish]):
    """Asks for everything that a push consists of. `stores` says whether a tenant's SecretStore is there."""

    VERTICAL_BREAKPOINTS = [(0, "-short"), (28, "-tall")]  # noqa: RUF012  more fields than others
    heading = "Tenant push: give a tenant access to its management cluster"
    verb = "Push"
    nothing = "no tenant was found"

    def __init__(
        self,
        tenants: Sequence[Tenant],
        *,
        servers: Mapping[str, str],
        first: Sequence[str] = (),
        identity: Identity | None = None,
        stored: Callable[[Tenant], bool] = lambda tenant: True,
    ) -> None:
        account = f"{identity.namespace}/{identity.name}" if identity else ""
        super().__init__(NEW_TENANT_PUSH, {"account": account, "duration": "1h"}, tenants, servers=servers, first=first)
        self._stored = stored

    def row(self, field: Field) -> Iterable[Widget]:
        if field.id == "manifests":
            yield Static(classes="dialog-note", markup=False, id="gap")
        yield from super().row(field)

    def first(self) -> str:
        return "tenant" if self.tenant is None else "read" if self.said["account"] else "account"

    def refreshed(self) -> None:
        external = self.query_one("#f-via", Select).value == EXTERNAL
        self.query_one("#f-interval", Input).disabled = not external
        self.query_one("#f-force", Checkbox).disabled = external
        super().refreshed()
        wish = None if self.action.faults(self.said) else self.answer().push
        documents = push_preview(wish, self._servers.get(wish.identity.cluster, "https://…")) if wish else []
        self.query_one("#gap", Static).update(safe_text(self._note(wish)))
        self.show_all(documents)

    def problems(self) -> Sequence[Wrong]:
        tenant, found = self.tenant, list(super().problems())
        if tenant is not None and self.said["via"] == EXTERNAL and not self._stored(tenant):
            where = f"{tenant.namespace}/{tenant.name} in {tenant.host}"
            via = next(field for field in self.asked if field.id == "via")
            found.append(Wrong(via.id, via.label, f"there is no SecretStore {where}; create it first (n s)"))
        return found

    @staticmethod
    def _note(wish: TenantPush | None) -> str:
        """What renewal will mean."""
        if wish is None or not wish.external_secrets:
            return "Token and CA are written together, then tested from the tenant's copy."
        gap = tenant_gap(wish, TENANT_LIFETIME)
        return gap[:1].upper() + gap[1:] or "It is renewed well before the next refresh could be late."
