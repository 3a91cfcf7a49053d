"""Tenants, the clusters of Cluster API: the store that leads into one, and a way into its management cluster."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec.structs import replace

from tui.fleet.rows import Row
from tui.issuance import (
    REMOTE_NAMESPACE,
    REMOTE_SECRET,
    Choice,
    Control,
    Fault,
    Field,
    Identity,
    Said,
    StoreWish,
    TenantPush,
    Values,
    asking as ask,
    check_names,
    checked,
    store_auth_name,
)
from tui.kube.sensitive import Sensitive

from .action import Action, Menu, Needs
from .lines import Asked
from .writing import write_here

if TYPE_CHECKING:
    from tui.issuance import Engine

DIRECT: Final = "direct"
EXTERNAL: Final = "external-secrets"
_TENANT: Final = (
    replace(ask.CLUSTER, label="", missing=""),
    replace(ask.NAMESPACE, label="", help="The cluster's namespace."),
    Field(
        id="tenant", label="Tenant", metavar="CLUSTER", control=Control.CHOICE, free=True, rank=0, missing="choose one"
    ),
)


class TenantWish(msgspec.Struct, frozen=True):
    """A push, and where the tenant's own manifests are written, if they are."""

    push: TenantPush
    manifests: str = ""


def _begin(asked: Asked, row: Row | None) -> Said:
    return {}


def _name(said: Said, values: Values) -> Iterable[Fault]:
    if {"namespace", "tenant"} <= values.keys():
        secret = store_auth_name(values["tenant"])
        yield from checked("tenant", partial(check_names, values["namespace"], secret, "Secret"))


NEW_TENANT_STORE: Final = Action[StoreWish](
    name="new_tenant_store", title="New tenant store", says="create a SecretStore for a tenant",
    menu=Menu(6, "s", "Tenant store", "a SecretStore for a Cluster API cluster"),
    words=("tenant-store",), needs=Needs.NOTHING, mutates=True, job="tenant store", verb=("tenant", "store"),
    fields=_TENANT, begin=_begin, check=_name,
    make=lambda values: StoreWish(values["cluster"], values["namespace"], values["tenant"]),
    title_of=lambda wish: f"SecretStore {wish.namespace}/{wish.cluster} in {wish.host}",
)  # fmt: skip


def _secrets(names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        check_names("default", name, "Secret")
    return names


def _file(text: str) -> str:
    return text if text in ("", "-") else ask.a_file(text)


def _push(values: Values) -> TenantWish:
    from tui.issuance import capi  # reads what clusters deliver: not for the start

    host, namespace, cluster = values["cluster"], values["namespace"], values["tenant"]
    external = values["via"] == EXTERNAL
    push = TenantPush(
        identity=Identity(host, *values["account"]),
        namespace=namespace,
        cluster=cluster,
        tenant=capi.cluster_name(host, namespace, cluster),
        external_secrets=external,
        remote_namespace=values["secret"][0],
        remote_secret=values["secret"][1],
        duration=values["duration"],
        create_account=values["create"],
        reads=values["read"],
        force=values["force"] and not external,
        interval=values["interval"],
        wait=values["wait"],
    )
    return TenantWish(push, values["manifests"])


def _carried(said: Said, values: Values) -> Iterable[Fault]:
    if said.get("via", DIRECT) == DIRECT:
        return
    if values.get("force"):
        yield Fault("force", "only with {via} direct")
    namespace = values["secret"][0] if "secret" in values else REMOTE_NAMESPACE
    if namespace != REMOTE_NAMESPACE:
        yield Fault("secret", f"the tenant's SecretStore writes to {REMOTE_NAMESPACE} alone")


def _title_of(wish: TenantWish) -> str:
    push = wish.push
    where = f"{push.tenant} {push.remote_namespace}/{push.remote_secret}"
    return f"{push.identity.namespace}/{push.identity.name} → {where}"


async def manifests(engine: Engine, wish: TenantWish) -> str:
    """What the tenant makes of the push, as YAML."""
    from tui.issuance import dump_yaml, tenant_manifests

    return "---\n".join(map(dump_yaml, await tenant_manifests(engine.clusters, wish.push)))


async def _write(engine: Engine, wish: TenantWish, *, over: bool = False) -> str:
    if wish.manifests in ("", "-"):
        return ""
    text = Sensitive(await manifests(engine, wish))
    return f"the tenant's manifests are {await write_here(Path(wish.manifests), text, force=over, live=False)}"


def _pair(id_: str, label: str, what: str, **more: Any) -> Field:
    return Field(
        id=id_, label=label, flags=(f"--{id_}",), metavar="NS/NAME", read=ask.a_pair(what),
        missing="write namespace/name", **more,
    )  # fmt: skip


NEW_TENANT_PUSH: Final = Action[TenantWish](
    name="new_tenant_push", title="New tenant push", says="give a tenant access to its management cluster",
    menu=Menu(7, "p", "Tenant push", "access to its management cluster, for a tenant"),
    words=("tenant-push",), needs=Needs.NOTHING, mutates=True, job="tenant push", verb=("tenant", "push"),
    fields=(
        *_TENANT,
        _pair(
            "account", "Account", "service account", placeholder="namespace/name in the management cluster",
            help="The management cluster's service account.",
        ),
        ask.CREATE,
        Field(
            id="read", label="Readable Secrets", flags=("--read",), metavar="SECRET", many=True, read=_secrets,
            placeholder="Secrets beside it, comma-separated; none",
            help="Let the account read this Secret beside it; repeatable.",
        ),
        Field(
            id="via", label="Delivery", flags=("--via",), control=Control.CHOICE, default=DIRECT,
            choices=[
                Choice(DIRECT, "kubemint: token and CA in one apply"),
                Choice(EXTERNAL, "External Secrets: a PushSecret"),
            ],
            help="What delivers it to the tenant.",
        ),
        _pair(
            "secret", "Tenant Secret", "Secret", default=f"{REMOTE_NAMESPACE}/{REMOTE_SECRET}",
            help="The Secret in the tenant.",
        ),
        ask.DURATION,
        Field(
            id="interval", label="Refresh interval", flags=("--interval",), metavar="DURATION", default="1h",
            read=ask.a_span, hint="External Secrets only", help="The refresh interval of External Secrets.",
        ),
        Field(
            id="wait", flags=("--wait",), metavar="DURATION", default="90s", read=ask.a_span,
            help="How long it may take to arrive.",
        ),
        Field(
            id="force", label="Overwrite existing keys", flags=("--force",), control=Control.TICK, default=False,
            help="Overwrite existing keys that another field manager owns; only with --via direct.",
        ),
        ask.REPLACE,
        Field(
            id="manifests", label="Manifests", flags=("--manifests",), metavar="FILE", read=_file,
            placeholder="a file for the tenant's own objects; none",
            help="Write the tenant's ClusterSecretStore and ExternalSecrets; - prints.",
        ),
    ),
    begin=_begin, make=_push, check=_carried, title_of=_title_of,
    plan=lambda engine, wish, **words: engine.plan(wish.push, **words),
    writes_after=lambda wish: "" if wish.manifests == "-" else wish.manifests, after=_write,
)  # fmt: skip
