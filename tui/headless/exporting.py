"""`kubemint export`: a credential that exists, written to one more place: a file, a kubeconfig, or a Secret."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from tui.actions.exporting import EXPORT, preview

from .acting import dry_run_options, print_preview
from .doing import How, act, in_cluster, options_of, refuse, said_of
from .options import Options
from .session import refuse_read_only, run_async, with_options

if TYPE_CHECKING:
    from tui.actions.exporting import ExportWish
    from tui.issuance import Engine, Plan

    from .session import Setting


@click.command("export")
@options_of(EXPORT)
@dry_run_options
@with_options
def export(options: Options, **given: Any) -> None:
    """Write an existing credential to one more destination. Nothing is issued: the copy ends with its original.

    A file that kubemint did not write is only replaced with --force, and a backup is kept beside it; --dry-run shows
    what would change. The copy is rendered from the server, the authority and the token that were found, and nothing
    else is copied. If it leads to another server than the cluster's known one, --other-server is needed.

    Material goes to the destination and never to the terminal.
    """
    said, how = said_of(EXPORT, given, options), How.of(given)
    refuse(EXPORT, said, but=("cluster",))
    if given["secret"] and len(options.contexts) > 1:
        raise click.UsageError("--secret is in one cluster: give one --context, or none for the credential's own")
    if not how.dry_run:
        refuse_read_only(options, "export")
    words = EXPORT.said_so(said)

    async def wish(engine: Engine, place: Setting) -> ExportWish:
        cluster = ""
        if given["secret"]:
            source = await engine.lookup(EXPORT.wish(said).address)
            own = source.identity.cluster if source.identity is not None else source.address.cluster
            cluster = await in_cluster(engine, said["cluster"] or own)
        return EXPORT.wish({**said, "cluster": cluster})

    async def plan(engine: Engine, place: Setting) -> Plan:
        return await EXPORT.plan(engine, await wish(engine, place), **words)

    async def show(engine: Engine, place: Setting) -> None:
        print_preview(await preview(engine, await wish(engine, place), **words), how.form)

    run_async(act(options, how, plan, show=show))
