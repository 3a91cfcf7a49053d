"""The dialogs about tenants: the store that leads into one, and an account of the management cluster that one gets.

Both show every object as YAML while they are filled in, and the command line that would do the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Final, TypeVar

from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widget import Widget
from textual.widgets import Checkbox, Input, Select, Static

from tui.actions.paths import is_folder, whole_path
from tui.fleet.found import Tenant
from tui.issuance.durations import format_duration, parse_duration
from tui.issuance.errors import UsageError
from tui.issuance.external_secrets import REMOTE_NAMESPACE, REMOTE_SECRET, auth_name
from tui.issuance.names import check_names
from tui.issuance.tenant_manifests import gap_of, push_preview, store_preview
from tui.issuance.tenant_wish import DEFAULT_LIFETIME, TenantPush
from tui.issuance.token_request import check_wish
from tui.issuance.types import Identity
from tui.issuance.yaml_text import dump
from tui.kube.text import safe_text
from tui.widgets.choice import Choice

from .dialog import Dialog, Equivalent, Field, Tick, Wrong, wrong

Answer = TypeVar("Answer")
DIRECT: Final = "direct"
EXTERNAL: Final = "external-secrets"


@dataclass(frozen=True, slots=True)
class PushAnswer:
    """A push, and where the tenant's own manifests are written, if they are."""

    wish: TenantPush
    manifests: Path | None


class _TenantDialog(Dialog[Answer]):
    """What both have in common: a tenant, the YAML beside the fields, the command below them."""

    problem_lines = 3
    keys = "f2 YAML   "
    BINDINGS: ClassVar[list[BindingType]] = [Binding("f2", "preview", "YAML", key_display="f2")]

    def __init__(self, tenants: Sequence[Tenant], *, servers: Mapping[str, str], first: Sequence[str] = ()) -> None:
        super().__init__()
        self._tenants = list(tenants)
        self._servers = servers
        self._first = next((n for n, one in enumerate(self._tenants) if one.cluster in first), None)

    def tenant_field(self) -> Field:
        options = [(safe_text(_label(tenant)), number) for number, tenant in enumerate(self._tenants)]
        start = self._first if self._first is not None else 0 if len(options) == 1 else Select.NULL
        choice = Choice(options, value=start, prompt="choose", compact=True, id="f-tenant")
        return Field("Tenant", choice, key="tenant")

    @property
    def tenant(self) -> Tenant | None:
        """The one that is chosen."""
        value: Any = self.query_one("#f-tenant", Select).value
        return None if value is Select.NULL else self._tenants[int(value)]

    def beside(self) -> Iterable[Widget]:
        with VerticalScroll(classes="preview", can_focus=True):
            yield Static(id="yaml", markup=False)

    def show(self, documents: Sequence[Mapping[str, Any]]) -> None:
        """The objects, as they are now."""
        text = "---\n".join(map(dump, documents)) or "choose a tenant to see what is written"
        self.query_one("#yaml", Static).update("\n".join(safe_text(line) for line in text.splitlines()))

    def action_preview(self) -> None:
        """On a narrow terminal: the YAML instead of the fields, and back."""
        self.query_one(".dialog").toggle_class("-preview")

    def text(self, field: str) -> str:
        return self.query_one(f"#f-{field}", Input).value.strip()


class TenantStoreScreen(_TenantDialog[Tenant | None]):
    """Asks which cluster of Cluster API a SecretStore is to lead into."""

    heading = "Tenant store: a SecretStore that leads into a cluster of Cluster API"
    verb = "Create"

    def rows(self) -> Iterable[Widget]:
        yield self.tenant_field()
        yield Static(
            "Its admin certificate is copied from Cluster API's kubeconfig Secret into a Secret beside it: whoever "
            "reads Secrets there owns the tenant. Made again, both are brought up to date.",
            classes="dialog-note", markup=False,
        )  # fmt: skip
        yield Equivalent()

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one("#f-tenant").focus()

    def refreshed(self) -> None:
        tenant = self.tenant
        documents = []
        if tenant is not None:
            server = self._servers.get(tenant.cluster) or "https://…"
            documents = store_preview(tenant.namespace, tenant.name, server)
        self.show(documents)

    def equivalent(self) -> Sequence[str]:
        tenant = self.tenant
        name, namespace, host = (tenant.name, tenant.namespace, tenant.host) if tenant else ("CLUSTER", "NS", "C")
        return ["kubemint", "tenant", "store", name, "-n", namespace, "--context", host]

    def problems(self) -> Sequence[Wrong]:
        tenant = self.tenant
        if not self._tenants:
            return (Wrong("tenant", "Tenant", "no cluster of Cluster API was found: they are known by their Secrets"),)
        if tenant is None:
            return (Wrong("tenant", "Tenant", "choose one"),)
        return wrong("tenant", "Tenant", lambda: check_names(tenant.namespace, auth_name(tenant.name), "Secret"))

    def answer(self) -> Tenant | None:
        return self.tenant


class TenantPushScreen(_TenantDialog[PushAnswer | None]):
    """Asks for everything that a push consists of. `stores` says whether a tenant's SecretStore is there."""

    VERTICAL_BREAKPOINTS = [(0, "-short"), (28, "-tall")]  # noqa: RUF012  more fields than others
    heading = "Tenant push: let a tenant into its management cluster as a service account"
    verb = "Push"

    def __init__(
        self,
        tenants: Sequence[Tenant],
        *,
        servers: Mapping[str, str],
        first: Sequence[str] = (),
        identity: Identity | None = None,
        stored: Callable[[Tenant], bool] = lambda tenant: True,
    ) -> None:
        super().__init__(tenants, servers=servers, first=first)
        self._identity = identity
        self._stored = stored

    def rows(self) -> Iterable[Widget]:
        who = self._identity
        yield self.tenant_field()
        account = f"{who.namespace}/{who.name}" if who else ""
        yield _input("account", "Account", account, placeholder="namespace/name in the management cluster")
        yield Field("", Tick("create it if it does not exist", compact=True, id="f-create"), key="create")
        yield _input("read", "May read", "", placeholder="Secrets beside it, comma-separated; none")
        ways = [("kubemint, in one apply", DIRECT), ("External Secrets, by a PushSecret", EXTERNAL)]
        choice = Choice(ways, value=DIRECT, allow_blank=False, compact=True, id="f-via")
        yield Field("Carried by", choice, key="via")
        yield _input("secret", "Into", f"{REMOTE_NAMESPACE}/{REMOTE_SECRET}")
        yield _input("duration", "Lifetime", "1h", hint="1h, 90m, 24h")
        yield _input("interval", "Looks every", "1h", hint="External Secrets only")
        yield Field("", Tick("take keys over from others", compact=True, id="f-force"), key="force")
        yield Static(classes="dialog-note", markup=False, id="gap")
        yield _input("manifests", "Manifests", "", placeholder="a file for the tenant's own objects; none")
        yield Equivalent()

    def on_mount(self) -> None:
        super().on_mount()
        first = "#f-tenant" if self.tenant is None else "#f-account" if self._identity is None else "#f-read"
        self.query_one(first).focus()

    def refreshed(self) -> None:
        wish = self._wish()
        external = self._via == EXTERNAL
        self.query_one("#f-interval", Input).disabled = not external
        self.query_one("#f-force", Checkbox).disabled = external
        documents = push_preview(wish, self._servers.get(wish.identity.cluster, "https://…")) if wish else []
        self.query_one("#gap", Static).update(safe_text(self._note(wish)))
        self.show(documents)

    def problems(self) -> Sequence[Wrong]:
        if not self._tenants:
            return (Wrong("tenant", "Tenant", "no tenant was found: they are known by Cluster API's Secrets"),)
        found = [] if self.tenant else [Wrong("tenant", "Tenant", "choose one")]
        found += _pair_problems("account", "Account", self.text("account"), "service account")
        found += _pair_problems("secret", "Into", self.text("secret"), "Secret")
        for secret in self._reads():
            found += wrong("read", "May read", partial(check_names, "default", secret, "Secret"))
        found += wrong("duration", "Lifetime", lambda: check_wish(_duration(self.text("duration")), ()))
        if self._via == EXTERNAL:
            found += self._external_problems()
        manifests = self.text("manifests")
        if manifests and is_folder(manifests):
            found.append(Wrong("manifests", "Manifests", "this is a folder, name a file in it"))
        return found

    @staticmethod
    def _note(wish: TenantPush | None) -> str:
        """What renewal will mean."""
        if wish is None or not wish.external_secrets:
            return "The token arrives with its authority in one write, and is proved with just what lies there."
        gap = gap_of(wish, DEFAULT_LIFETIME)
        return gap[:1].upper() + gap[1:] or "It is renewed long before the next look could come too late."

    def _external_problems(self) -> list[Wrong]:
        found = wrong("interval", "Looks every", lambda: parse_duration(self.text("interval")))
        namespace = self.text("secret").partition("/")[0]
        if namespace != REMOTE_NAMESPACE:
            found.append(Wrong("secret", "Into", f"the tenant's SecretStore writes to {REMOTE_NAMESPACE} alone"))
        tenant = self.tenant
        if tenant is not None and not self._stored(tenant):
            where = f"{tenant.namespace}/{tenant.name} in {tenant.host}"
            found.append(Wrong("via", "Carried by", f"there is no SecretStore {where}; n s makes it"))
        return found

    def answer(self) -> PushAnswer | None:
        wish = self._wish()
        path = self.text("manifests")
        return None if wish is None else PushAnswer(wish, whole_path(path) if path else None)

    @property
    def _via(self) -> str:
        return str(self.query_one("#f-via", Select).value)

    def _wish(self) -> TenantPush | None:
        """The push as it stands, None while it makes no sense."""
        tenant = self.tenant
        namespace, _, name = self.text("account").partition("/")
        remote_namespace, _, remote = self.text("secret").partition("/")
        if tenant is None or not name or not remote:
            return None
        external = self._via == EXTERNAL
        try:
            duration, interval = _duration(self.text("duration")), parse_duration(self.text("interval"))
        except UsageError:
            return None
        return TenantPush(
            identity=Identity(tenant.host, namespace, name),
            namespace=tenant.namespace,
            cluster=tenant.name,
            tenant=tenant.cluster,
            external_secrets=external,
            remote_namespace=remote_namespace,
            remote_secret=remote,
            duration=duration,
            create_account=self.query_one("#f-create", Checkbox).value,
            reads=self._reads(),
            force=self.query_one("#f-force", Checkbox).value and not external,
            interval=interval,
        )

    def equivalent(self) -> Sequence[str]:
        tenant = self.tenant
        cluster, namespace, host = (tenant.name, tenant.namespace, tenant.host) if tenant else ("CLUSTER", "NS", "C")
        words = ["kubemint", "tenant", "push", cluster, "-n", namespace, "--context", host]
        words += ["--account", self.text("account") or "NS/NAME"]
        if self._via == EXTERNAL:
            words += ["--via", EXTERNAL]
        if self.text("secret") != f"{REMOTE_NAMESPACE}/{REMOTE_SECRET}":
            words += ["--secret", self.text("secret")]
        if self.text("duration"):
            words += ["--duration", self.text("duration")]
        if self._via == EXTERNAL and self.text("interval") != format_duration(timedelta(hours=1)):
            words += ["--interval", self.text("interval")]
        for ticked in ("create", "force"):
            box = self.query_one(f"#f-{ticked}", Checkbox)
            words += [f"--{ticked}"] if box.value and not box.disabled else []
        for secret in self._reads():
            words += ["--read", secret]
        return words + (["--manifests", self.text("manifests")] if self.text("manifests") else [])

    def _reads(self) -> tuple[str, ...]:
        return tuple(word.strip() for word in self.text("read").split(",") if word.strip())


def _input(field: str, label: str, value: str, *, hint: str = "", placeholder: str = "") -> Field:
    control = Input(value, placeholder=placeholder, compact=True, id=f"f-{field}")
    return Field(label, control, hint=hint, key=field)


def _pair_problems(field: str, label: str, text: str, what: str) -> list[Wrong]:
    namespace, slash, name = text.partition("/")
    if not (slash and namespace and name):
        return [Wrong(field, label, "write namespace/name")]
    return wrong(field, label, lambda: check_names(namespace, name, what))


def _duration(text: str) -> timedelta | None:
    return parse_duration(text) if text else None


def _label(tenant: Tenant) -> str:
    return f"{tenant.name}  of {tenant.host}/{tenant.namespace}"
