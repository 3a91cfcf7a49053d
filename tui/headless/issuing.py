"""`kubemint issue`: a new credential for a service account, to a file, a kubeconfig or a Secret; or for a shoot."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from tui.actions.issuing import NEW_CREDENTIAL
from tui.actions.offered import of_verb
from tui.issuance import AnyOffer, Field, UsageError, asking as ask, format_duration

from .acting import acting_options
from .doing import do, flags_of, one_cluster, options_of, said_of, strangers
from .options import Options, configured_lifetime
from .session import refuse_read_only, with_options

OFFERED = of_verb("issue")


def _key(offer: AnyOffer) -> Field:
    """The field that makes the command line mean this."""
    return next(field for field in offer.fields if field.id == offer.by)


def _option(offer: AnyOffer) -> str:
    field = _key(offer)
    return next((choice.flag for choice in field.choices if choice.flag), field.option)


def _is_meant(offer: AnyOffer, given: Mapping[str, Any]) -> bool:
    said, own = given[offer.by], [choice.value for choice in _key(offer).choices if choice.flag]
    return said in own if own else said is not None


@click.command("issue")
@options_of(NEW_CREDENTIAL, *(action for _, action in OFFERED), alone=False)
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
    offer, action = next((one for one in OFFERED if _is_meant(one[0], given)), (None, NEW_CREDENTIAL))
    if others := strangers(action, (NEW_CREDENTIAL, *(one for _, one in OFFERED)), given):
        for other, meant in OFFERED:  # what goes with what was said too, and takes this
            if others[0] in flags_of(meant) and (offer is None or _option(offer) in flags_of(meant)):
                raise click.UsageError(f"{others[0]} needs {_option(other)}")
        assert offer is not None  # what an account takes, each of them is a stranger to
        why = f", {offer.alone}" if offer.alone else ""
        raise click.UsageError(f"{others[0]} cannot be used with {_option(offer)}{why}")
    of_account = any(field.id == ask.ACCOUNT.id for field in action.fields)
    if of_account and not given["account"]:
        keys = [field for field in (_key(one) for one, _ in OFFERED) if field.metavar]
        others = [f"{field.option} {field.metavar}" for field in keys]
        raise click.UsageError(f"name an account (NAME with -n NAMESPACE), or say {' or '.join(others)}")
    said = said_of(action, given, options)
    lifetime = configured_lifetime() if of_account else None
    if "duration" not in said and lifetime is not None:
        said["duration"] = format_duration(lifetime)
    do(action, options, given, said)
