"""`kubemint tenant`: what clusters made by Cluster API need of their management cluster, and the other way round."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click

from tui.issuance.durations import parse_duration
from tui.issuance.grace_length import GraceWish
from tui.issuance.tenant_wish import StoreWish
from tui.kube.home import expanded

from . import printing
from .acting import (
    Progress,
    acting_options,
    carry_out,
    finish,
    grace_wish,
    live_option,
    print_plans,
    result_options,
    wait_for_grace,
)
from .options import Options, shared_options
from .printing import say
from .session import GRACE, Setting, refuse_read_only, run_async, setting

if TYPE_CHECKING:
    from tui.issuance.engine import Engine
    from tui.issuance.tenant_wish import TenantPush
    from tui.issuance.types import Plan

_VIA = ("direct", "external-secrets")


@click.group("tenant", context_settings={"help_option_names": ["-h", "--help"]})
def tenant() -> None:
    """Tenants are the clusters that Cluster API made, found by their kubeconfig Secrets.

    --context names the management cluster, where those Secrets are.
    """


@tenant.command("store")
@click.argument("cluster")
@click.option("-n", "--namespace", metavar="NS", required=True, help="The cluster's namespace.")
@click.option("--dry-run", is_flag=True, help="Print what would be done (-o yaml: the objects); change nothing.")
@result_options
@shared_options
@click.pass_obj
def store(
    options: Options, /, cluster: str, namespace: str, dry_run: bool, quiet: bool, form: str, **given: Any
) -> None:
    """Make the External Secrets SecretStore that leads into CLUSTER, and the Secret it logs in with."""
    options = options.merged(given)
    _one_context(options)
    if not dry_run:
        refuse_read_only(options, "tenant store")
    run_async(_store(options, namespace, cluster, dry_run=dry_run, quiet=quiet, form=form))


async def _store(options: Options, namespace: str, cluster: str, *, dry_run: bool, quiet: bool, form: str) -> None:
    async with setting(options) as place, _engine(place, acting=not dry_run) as (engine, host):
        plan = await engine.plan(StoreWish(host, namespace, cluster))
        if dry_run and form == "yaml":
            _print_documents((await engine.tenant_store(host, namespace, cluster)).manifests())
            return
        if dry_run:
            print_plans([plan], form)
            return
        outcome = await carry_out(engine, plan, Progress(quiet=quiet))
    finish([outcome], form)


@dataclass(frozen=True)
class _Wish:
    """What was asked for, as given."""

    cluster: str
    namespace: str
    account: tuple[str, str]
    secret: tuple[str, str]
    external_secrets: bool
    duration: timedelta | None
    create: bool
    reads: tuple[str, ...]
    force: bool
    replace: bool
    interval: timedelta
    wait: timedelta
    manifests: str | None

    def push(self, host: str, tenant: str) -> TenantPush:
        from tui.issuance.tenant_wish import TenantPush
        from tui.issuance.types import Identity

        return TenantPush(
            identity=Identity(host, *self.account),
            namespace=self.namespace,
            cluster=self.cluster,
            tenant=tenant,
            external_secrets=self.external_secrets,
            remote_namespace=self.secret[0],
            remote_secret=self.secret[1],
            duration=self.duration,
            create_account=self.create,
            reads=self.reads,
            force=self.force,
            interval=self.interval,
            wait=self.wait,
        )


@tenant.command("push")
@click.argument("cluster")
@click.option("-n", "--namespace", metavar="NS", required=True, help="The cluster's namespace.")
@click.option("--account", metavar="NS/NAME", required=True, help="The management cluster's service account.")
@click.option("--via", type=click.Choice(_VIA), default="direct", show_default=True, help="Who carries it over.")
@click.option(
    "--secret",
    metavar="NS/NAME",
    default="kube-system/management-serviceaccount-token",
    show_default=True,
    help="Where it is to lie in the tenant.",
)
@click.option("--duration", metavar="DURATION", help="How long it is to live; the server may cap it.")
@click.option("--create", is_flag=True, help="Create the service account where there is none.")
@click.option(
    "--read", "reads", metavar="SECRET", multiple=True, help="Let the account read this Secret beside it; repeatable."
)
@live_option
@click.option("--force", is_flag=True, help="Take the keys over from whoever keeps them (--via direct).")
@click.option(
    "--interval", metavar="DURATION", default="1h", show_default=True, help="How often External Secrets looks."
)
@click.option("--wait", metavar="DURATION", default="90s", show_default=True, help="How long it may take to arrive.")
@click.option(
    "--manifests", metavar="FILE", help="Write the tenant's ClusterSecretStore and ExternalSecrets; - prints."
)
@acting_options
@shared_options
@click.pass_obj
def push(
    options: Options,
    /,
    cluster: str,
    namespace: str,
    account: str,
    via: str,
    secret: str,
    duration: str | None,
    create: bool,
    reads: tuple[str, ...],
    force: bool,
    replace: bool,
    interval: str,
    wait: str,
    manifests: str | None,
    dry_run: bool,
    grace: str,
    no_wait: bool,
    quiet: bool,
    form: str,
    **given: Any,
) -> None:
    """Let CLUSTER into its management cluster as one of its service accounts.

    The token, its namespace and the authority arrive in the tenant as one Opaque Secret, are read back there, and
    proved with just what was found. Rotate and revoke it later by the address that is printed.
    """
    options = options.merged(given)
    _one_context(options)
    if not dry_run:
        refuse_read_only(options, "tenant push")
    if force and via != "direct":
        raise click.UsageError("--force is for --via direct")
    wish = _Wish(
        cluster=cluster,
        namespace=namespace,
        account=_pair("--account", account),
        secret=_pair("--secret", secret),
        external_secrets=via == "external-secrets",
        duration=parse_duration(duration) if duration is not None else None,
        create=create,
        reads=reads,
        force=force,
        replace=replace,
        interval=parse_duration(interval),
        wait=parse_duration(wait),
        manifests=manifests,
    )
    run_async(_push(options, wish, grace=grace_wish(grace), dry_run=dry_run, wait=not no_wait, quiet=quiet, form=form))


async def _push(
    options: Options, wish: _Wish, *, grace: GraceWish, dry_run: bool, wait: bool, quiet: bool, form: str
) -> None:
    async with setting(options) as place, _engine(place, acting=not dry_run, grace=grace) as (engine, host):
        push = wish.push(host, await _tenant(engine, host, wish))
        plan: Plan = await engine.plan(push, replace=wish.replace)
        if dry_run:
            print_plans([plan], form)
            return
        if wish.manifests not in (None, "-"):
            from tui.issuance.destinations.standing import may_write

            await asyncio.to_thread(may_write, expanded(str(wish.manifests)), force=False, live=False)
        progress = Progress(quiet=quiet)
        outcome = await carry_out(engine, plan, progress)
        if outcome.ok and wish.manifests is not None:
            await _tenant_manifests(engine, push, wish.manifests)
        outcomes = await wait_for_grace(engine, [outcome], progress, wait=wait)
    finish(outcomes, form)


async def _tenant(engine: Engine, host: str, wish: _Wish) -> str:
    from .reaching import VerbClusters

    assert isinstance(engine.clusters, VerbClusters)
    return await engine.clusters.tenant(host, wish.namespace, wish.cluster)


async def _tenant_manifests(engine: Engine, wish: TenantPush, path: str) -> None:
    from tui.issuance.tenant_manifests import tenant_manifests
    from tui.issuance.yaml_text import dump

    documents = await tenant_manifests(engine.clusters, wish)
    if path == "-":
        _print_documents(documents)
        return
    from tui.issuance.destinations.standing import write_file
    from tui.kube.sensitive import Sensitive

    text = Sensitive("---\n".join(map(dump, documents)))
    written = await asyncio.to_thread(write_file, expanded(path), text, force=False, live=False)
    say(f"  wrote   {written.target}")


def _print_documents(documents: list[dict[str, Any]]) -> None:
    from tui.issuance.yaml_text import dump

    printing.document("---\n".join(map(dump, documents)))


@contextlib.asynccontextmanager
async def _engine(
    place: Setting, *, acting: bool, grace: timedelta | GraceWish = GRACE
) -> AsyncIterator[tuple[Engine, str]]:
    from .reaching import VerbClusters, open_engine

    async with open_engine(place, grace=grace, acting=acting) as engine:
        host = place.options.contexts[0] if place.options.contexts else place.config.current_context
        assert isinstance(engine.clusters, VerbClusters)
        await engine.clusters.find(host)
        yield engine, host


def _one_context(options: Options) -> None:
    if len(options.contexts) != 1 and not options.demo:
        raise click.UsageError(
            "name the management cluster with --context NAME" + (", only one" if options.contexts else "")
        )


def _pair(option: str, text: str) -> tuple[str, str]:
    namespace, slash, name = text.partition("/")
    if not (slash and namespace and name) or "/" in name:
        raise click.UsageError(f"{option} is NAMESPACE/NAME")
    return namespace, name
