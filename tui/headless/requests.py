"""`kubemint request`: DPUServiceCredentialRequests made and deleted, in kubectl's words."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from tui.actions.requests import DELETE_REQUEST, NEW_REQUEST, suggested
from tui.issuance import UsageError
from tui.kube.text import safe_text

from . import printing
from .acting import Progress, carry_out
from .doing import in_cluster, options_of, refuse, said_of
from .dry_run import dry_run_option, on_server, sent_deletion
from .exits import Ended, Exit
from .options import Options, namespace_option
from .output import output_option, print_object
from .printing import say
from .session import refuse_read_only, setting, with_options

if TYPE_CHECKING:
    from tui.issuance import Engine, Plan

    from .session import Setting

_WHAT: Final = "dpuservicecredentialrequest.svc.dpu.nvidia.com"


@click.group("request")
def request() -> None:
    """DPUServiceCredentialRequests, which DPF's controller or `kubemint reconcile` fulfils."""


@request.command("create")
@options_of(NEW_REQUEST)
@dry_run_option("Say what would be created; create nothing.")
@output_option("text", "name", "json", "yaml", default="text")
@with_options
async def create(options: Options, dry_run: bool, form: str, **given: Any) -> None:
    """Create the DPUServiceCredentialRequest NAME.

    --dry-run=client -o yaml prints it without asking any server, for `kubectl apply -f -`; --dry-run=server has the
    server check it. Durations are Go's (90m, 24h), as DPF's controller reads them: 7d is none.
    """
    from tui.issuance import DPU_REQUESTS, draft_manifest

    from .reaching import open_engine

    said = {**suggested(given, Path()), **{key: value for key, value in given.items() if value}}
    said = said_of(NEW_REQUEST, said, options)
    refuse(NEW_REQUEST, {**said, "cluster": "-", "namespace": given["namespace"] or "default"})
    if not dry_run:
        refuse_read_only(options, "request create")
    async with setting(options) as place, open_engine(place, acting=not dry_run) as engine:
        cluster, namespace = await _where(engine, place, given["namespace"])
        draft = NEW_REQUEST.wish({**said, "cluster": cluster, "namespace": namespace})
        plan = await NEW_REQUEST.plan(engine, draft)
        made: Mapping[str, Any] = draft_manifest(draft)
        if dry_run:
            if on_server():
                client = await engine.clusters.client(cluster)
                made = await client.create(DPU_REQUESTS, made, namespace=namespace, dry_run=True)
        else:
            await _done(engine, plan)
            if form in ("json", "yaml"):
                client = await engine.clusters.client(cluster)
                made = await client.get(DPU_REQUESTS, draft.name, namespace=namespace)
    _say(draft.name, "created", form, made, dry_run=dry_run)


@request.command("delete")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@namespace_option("The requests' namespace; default: the context's.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask for confirmation.")
@dry_run_option("Say what would be deleted; delete nothing.")
@output_option("text", "name", default="text")
@with_options
async def delete(
    options: Options, names: tuple[str, ...], namespace: str | None, yes: bool, dry_run: bool, form: str
) -> None:
    """Delete DPUServiceCredentialRequests by NAME, and what was made for them where no controller does that.

    Each is deleted by the UID that was read: one of the same name that somebody made meanwhile stays. Whoever uses
    their tokens is refused within 10 s, so this asks first, where kubectl does not.
    """
    from tui.issuance import DPU_REQUESTS, Address

    from .reaching import open_engine

    if not dry_run:
        refuse_read_only(options, "request delete")
    async with setting(options) as place, open_engine(place, acting=not dry_run) as engine:
        cluster, where = await _where(engine, place, namespace)
        plans = [
            await DELETE_REQUEST.plan(engine, Address.request(cluster, where, name)) for name in dict.fromkeys(names)
        ]
        if dry_run:
            for plan in plans:
                if on_server():
                    await sent_deletion(await engine.clusters.client(cluster), DPU_REQUESTS, plan.address.name, where)
                _foresee(plan)
                _say(plan.address.name, "deleted", form, dry_run=True)
            return
        if not yes:
            _ask(plans)
        for plan in plans:
            if yes:
                for line in plan.warnings:
                    say(f"note: {safe_text(line)}")
            await _done(engine, plan)
            _say(plan.address.name, "deleted", form)


async def _where(engine: Engine, place: Setting, namespace: str | None) -> tuple[str, str]:
    """The cluster that is meant, and the namespace that was named or is its context's."""
    cluster = await in_cluster(engine, place.meant())
    return cluster, namespace or engine.clusters.endpoint(cluster).namespace


async def _done(engine: Engine, plan: Plan) -> None:
    outcome = await carry_out(engine, plan, Progress(quiet=True))
    if not outcome.whole:
        raise Ended(Exit.PARTLY if outcome.ok else Exit.FAILED)


def _foresee(plan: Plan) -> None:
    for line in (*plan.warnings, *(step.title for step in plan.steps)):
        say(f"note: {safe_text(line)}")


def _ask(plans: list[Plan]) -> None:
    """Raises UsageError where nobody can be asked, Ended where somebody said no."""
    if not sys.stdin.isatty():
        raise UsageError(
            "deleting a request ends its token, and there is no terminal to confirm on",
            "pass --yes, or see what goes with --dry-run",
        )
    for plan in plans:
        say(f"delete {plan.address}")
        _foresee(plan)
    if not printing.agreed("Delete?" if len(plans) == 1 else f"Delete these {len(plans)}?"):
        say("nothing was deleted")
        raise Ended(Exit.FAILED)


def _say(name: str, done: str, form: str, obj: Mapping[str, Any] | None = None, *, dry_run: bool = False) -> None:
    """What was done to it, as kubectl says it; or the object."""
    if form == "name":
        printing.line(f"{_WHAT}/{name}")
    elif form != "text" and obj is not None:
        shown = {**obj, "metadata": {key: value for key, value in obj["metadata"].items() if key != "managedFields"}}
        print_object(shown, form)
    else:
        how = " (server dry run)" if on_server() else " (dry run)" if dry_run else ""
        printing.line(f'{_WHAT} "{name}" {done}{how}' if done == "deleted" else f"{_WHAT}/{name} {done}{how}")
