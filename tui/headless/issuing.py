"""`kubemint issue`: a new credential for a service account, to a file, a kubeconfig or a Secret; or for a shoot."""

from __future__ import annotations

from typing import Any

import click

from tui.actions.action import AnyAction
from tui.actions.issuing import NEW_CREDENTIAL
from tui.actions.offered import of_verb
from tui.actions.shoots import NEW_SHOOT, PLAIN
from tui.issuance import AnyOffer, UsageError, format_duration

from .acting import acting_options
from .doing import do, one_cluster, options_of, said_of, strangers
from .options import Options, configured_lifetime
from .session import refuse_read_only, with_options

OFFERED = of_verb("issue")


def option_of(offer: AnyOffer, id_: str) -> str:
    """What the command line calls a field of it."""
    return next(field.option for field in offer.fields if field.id == id_)


def takes(offer: AnyOffer, option: str) -> bool:
    """Whether it has this option."""
    return any(option in field.flags for field in offer.fields)


@click.command("issue")
@options_of(NEW_CREDENTIAL, NEW_SHOOT, *(action for _, action in OFFERED), alone=False)
@click.option("--bound-node", "node", metavar="NODE", default="", hidden=True)
@acting_options
@with_options
def issue(options: Options, **given: Any) -> None:
    """Issue a credential for the service account NAME and prove that it works before it is written.

    With --shoot NS/NAME it is a kubeconfig of a Gardener shoot, with a client certificate that expires by itself. With
    --exec the kubeconfig has no secret in it: kubectl runs `kubemint exec-credential` each time, which gets one.

    Material goes to the destination and never to the terminal; stdout names what was made. A valid credential of
    kubemint's is only replaced with --replace, and revoked when its grace period is over (`rotate` renews it); a file
    that kubemint did not write is only replaced with --force.
    """
    if given.pop("node"):
        raise UsageError(
            "a token has one binding, and what kubemint issues is bound to its handle, by which it is revoked: none is "
            "bound to a node",
            "kubemint create token ACCOUNT --bound-node NODE prints one that is; so does exec-credential --bound-node",
        )
    if not given["dry_run"]:
        refuse_read_only(options, "issue")
    if len(options.contexts) > 1:
        one_cluster(options)
    action: AnyAction = PLAIN if given["kind"] == "exec" else NEW_CREDENTIAL
    if given["shoot"] is not None:
        action = NEW_SHOOT
    offer, action = next(((offer, meant) for offer, meant in OFFERED if given[offer.by]), (None, action))
    if others := strangers(action, (NEW_CREDENTIAL, NEW_SHOOT, *(one for _, one in OFFERED)), given):
        if offer is not None:
            raise click.UsageError(f"{others[0]} cannot be used with {option_of(offer, offer.by)}")
        if belongs := next((one for one, _ in OFFERED if takes(one, others[0])), None):
            raise click.UsageError(f"{others[0]} needs {option_of(belongs, belongs.by)}")
        if action is NEW_SHOOT:
            raise click.UsageError(f"{others[0]} cannot be used with --shoot, which is not for an account")
        if action is PLAIN and others[0] not in ("--level", "--address"):
            why = "--exec needs a kubeconfig in a file of its own (--out) and an existing account"
            raise click.UsageError(f"{others[0]}: {why}")
        raise click.UsageError(f"--level, --address and --oidc need --shoot: {others[0]}")
    if offer is None and action is not NEW_SHOOT and not given["account"]:
        raise click.UsageError("name a shoot or account: --shoot NS/NAME, or NAME with -n NAMESPACE")
    said = said_of(action, given, options)
    lifetime = configured_lifetime() if action in (NEW_CREDENTIAL, PLAIN) else None
    if "duration" not in said and lifetime is not None:
        said["duration"] = format_duration(lifetime)
    do(action, options, given, said)
