"""`kubemint issue`: a new credential for a service account, to a file, a kubeconfig or a Secret; or for a shoot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from tui.actions.issuing import NEW_CREDENTIAL
from tui.issuance.durations import format_duration, parse_duration
from tui.kube.home import expanded

from .acting import acting_options
from .configured import configured_lifetime
from .doing import How, do, one_cluster, options_of, refuse, said_of
from .options import Options, shared_options
from .session import refuse_read_only, run_async

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tui.issuance.engine import Engine
    from tui.issuance.types import Plan


@click.command("issue")
@options_of(NEW_CREDENTIAL, alone=False)
@click.option("--shoot", metavar="NS/NAME", help="A kubeconfig for this Gardener shoot; --context names the garden.")
@click.option("--level", type=click.Choice(["auto", "admin", "viewer"]), help="Of --shoot: how much it may do.")
@click.option("--address", metavar="NAME", help="Of --shoot: external, internal, …; default: the first that answers.")
@click.option("--exec", "way", flag_value="exec", help="No secret in it: kubemint itself answers whoever uses it.")
@click.option("--oidc", "way", flag_value="oidc", help="Of --shoot: log in with its identity provider (kubelogin).")
@acting_options
@shared_options
@click.pass_obj
def issue(options: Options, /, shoot: str | None, way: str | None, **given: Any) -> None:
    """Issue a credential for the service account NAME and prove that it works before it is written.

    With --shoot NS/NAME it is a kubeconfig of a Gardener shoot, with a client certificate that ends by itself. With
    --exec the kubeconfig has no secret in it: kubectl runs `kubemint exec-credential` each time, which gets one.

    Material goes to where you say and never to the terminal; stdout names what was made. Where a live credential of
    kubemint's lies it is only replaced with --replace, and revoked when its grace period is over (`rotate` renews it);
    a file that kubemint did not write is only replaced with --force.
    """
    options = options.merged(given)
    if not given["dry_run"]:
        refuse_read_only(options, "issue")
    one_cluster(options)
    if shoot is not None:
        from .shoots import ShootOptions, issue_shoot

        of_accounts = ("account", "namespace", "audiences", "create", "secret", "merge")
        if any(given[key] for key in of_accounts) or given["format"] != "kubeconfig":
            raise click.UsageError("--shoot takes --level, --address, --duration and --out, and nothing of an account")
        words = (given["force"], given["replace"])
        chosen = ShootOptions(
            shoot, given["level"] or "auto", given["address"] or "", given["duration"], given["out"], way or "", *words
        )
        how = How.of(given)
        run_async(issue_shoot(options, chosen.checked(), dry_run=how.dry_run, quiet=how.quiet, form=how.form))
        return
    if given["level"] is not None or given["address"] is not None or way == "oidc":
        raise click.UsageError("--level, --address and --oidc belong to --shoot")
    said = said_of(NEW_CREDENTIAL, given, options)
    if "duration" not in said and (lifetime := configured_lifetime()) is not None:
        said["duration"] = format_duration(lifetime)
    if way:
        _without_secret(options, given, said)
    else:
        do(NEW_CREDENTIAL, options, given, said)


def _without_secret(options: Options, given: Mapping[str, Any], said: Mapping[str, Any]) -> None:
    """A kubeconfig that kubemint's own plugin answers."""
    from tui.issuance.plain import PlainWish
    from tui.issuance.types import Identity

    from .shoots import write

    if not given["out"] or given["format"] != "kubeconfig" or given["create"]:
        raise click.UsageError("--exec is for a kubeconfig in a file of its own (--out), for an account that is there")
    refuse(NEW_CREDENTIAL, said, but=("cluster",))
    out = str(expanded(given["out"]).absolute())

    async def plan(engine: Engine, cluster: str, kubeconfigs: tuple[str, ...]) -> Plan:
        return await engine.plan(
            PlainWish(
                path=out,
                identity=Identity(cluster, given["namespace"], given["account"]),
                duration=parse_duration(said["duration"]) if said.get("duration") else None,
                audiences=given["audiences"],
                kubeconfigs=kubeconfigs,
            ),
            force=given["force"],
        )

    how = How.of(given)
    run_async(write(options, plan, dry_run=how.dry_run, quiet=how.quiet, form=how.form))
