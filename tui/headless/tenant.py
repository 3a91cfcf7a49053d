"""`kubemint tenant`: what clusters made by Cluster API need of their management cluster, and the other way round."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tui.actions.tenants import NEW_TENANT_PUSH, NEW_TENANT_STORE, TenantWish, manifests

from . import printing
from .acting import acting_options, dry_run_options
from .doing import How, do, in_cluster, named_cluster, one_cluster, options_of, said_of
from .options import Options
from .session import Setting, refuse_read_only, with_options

if TYPE_CHECKING:
    from tui.issuance import Engine


@click.group("tenant", context_settings={"help_option_names": ["-h", "--help"]})
def tenant() -> None:
    """Tenants are the clusters that Cluster API made, found by their kubeconfig Secrets.

    --context names the management cluster, where those Secrets are.
    """


@tenant.command("store")
@options_of(NEW_TENANT_STORE)
@dry_run_options
@with_options
def store(options: Options, **given: Any) -> None:
    """Create the External Secrets SecretStore that leads into CLUSTER, and the Secret it logs in with.

    With `--dry-run -o yaml` the objects are printed.
    """
    one_cluster(options, "the management cluster")
    how, said = How.of(given), said_of(NEW_TENANT_STORE, given, options)
    if not how.dry_run:
        refuse_read_only(options, "tenant store")

    async def show(engine: Engine, place: Setting) -> None:
        from tui.issuance import dump_yaml

        host = await in_cluster(engine, await named_cluster(engine, place))
        wish = NEW_TENANT_STORE.wish({**said, "cluster": host})
        found = await engine.tenant_store(wish.host, wish.namespace, wish.cluster)
        printing.document("---\n".join(map(dump_yaml, found.manifests())))

    do(NEW_TENANT_STORE, options, given, said, show=show if how.form == "yaml" else None)


@tenant.command("push")
@options_of(NEW_TENANT_PUSH)
@acting_options
@with_options
def push(options: Options, **given: Any) -> None:
    """Give CLUSTER access to its management cluster as one of its service accounts.

    The token, its namespace and the authority arrive in the tenant as one Opaque Secret, are read back there, and
    proved with exactly what was found. Rotate and revoke it later by the address that is printed.
    """
    one_cluster(options, "the management cluster")
    if not given["dry_run"]:
        refuse_read_only(options, "tenant push")
    said = said_of(NEW_TENANT_PUSH, given, options)
    do(NEW_TENANT_PUSH, options, given, said, where=partial(_host, given), after=_print)


async def _host(given: dict[str, Any], engine: Engine, place: Setting) -> str:
    """The management cluster; the tenant is made known to the engine, and what cannot be written is said first."""
    from tui.issuance import may_write_file

    from .reaching import VerbClusters

    file = given["manifests"]
    if file not in (None, "-") and not given["dry_run"]:
        await asyncio.to_thread(may_write_file, Path(file), force=False, live=False)
    host = await named_cluster(engine, place)
    assert isinstance(engine.clusters, VerbClusters)
    await engine.clusters.tenant(host, given["namespace"], given["tenant"])
    return host


async def _print(engine: Engine, wish: TenantWish) -> None:
    if wish.manifests == "-":
        printing.document(await manifests(engine, wish))
