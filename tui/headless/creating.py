"""`kubemint create token`: a token for an account on stdout, in kubectl's own words; what is kept is `issue`'s."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from tui.issuance import BINDS_TO, Identity, UsageError, parse_duration

from . import printing
from .elsewhere import GroupElsewhere
from .options import Options
from .session import refuse_read_only, setting, with_options

if TYPE_CHECKING:
    from tui.issuance import ObjectBinding

F = TypeVar("F", bound=Callable[..., Any])
_KINDS: Final = ", ".join(BINDS_TO)


def bound_options(command: F) -> F:
    """Adds what a token is bound to: kubectl's three options, and a node's name alone."""
    for option in (
        click.option("--bound-object-uid", "uid", metavar="UID", default="", help="The UID that object must have."),
        click.option("--bound-object-name", "bound", metavar="NAME", default="", help="Its name; it ends the token."),
        click.option("--bound-object-kind", "kind", metavar="KIND", default="", help=f"Bind it to a {_KINDS}."),
        click.option("--bound-node", "node", metavar="NODE", default="",
                     help="Bind it to this node, as --bound-object-kind Node does; servers can since 1.31."),
    ):  # fmt: skip
        command = option(command)
    return command


def binding_of(kind: str, bound: str, uid: str, node: str) -> ObjectBinding | None:
    """What these four options say. Raises UsageError, in kubectl's words where they are kubectl's."""
    from tui.issuance import ObjectBinding

    if node:
        if kind or bound:
            raise click.UsageError("--bound-node and --bound-object-kind cannot be used together: a token has one")
        return ObjectBinding("Node", node, uid)
    if not kind:
        if given := "name" if bound else "uid" if uid else "":
            raise click.UsageError(f"--bound-object-{given} can only be set if --bound-object-kind is provided")
        return None
    if kind not in BINDS_TO:
        raise click.UsageError(f"supported --bound-object-kind values are {_KINDS}")
    if not bound:
        raise click.UsageError("--bound-object-name must be set if --bound-object-kind is provided")
    return ObjectBinding(kind, bound, uid)


class _Create(GroupElsewhere):
    other = "kubemint creates credentials alone: `kubemint issue` does; what else there is kubectl creates"


@click.group("create", cls=_Create)
def create() -> None:
    """Create a token as `kubectl create token` does. `kubemint issue` makes credentials that are kept and renewed."""


@create.command("token")
@click.argument("name", metavar="ACCOUNT")
@click.option("-n", "--namespace", metavar="NS", default="", help="The account's namespace; default: the context's.")
@click.option("--duration", metavar="DURATION", default="0s", help="The lifetime to request; 0: the server's own.")
@click.option("--audience", "audiences", metavar="A", multiple=True, help="Its audience; default: the API server.")
@bound_options
@with_options
async def token(
    options: Options,
    name: str,
    namespace: str,
    duration: str,
    audiences: tuple[str, ...],
    kind: str,
    bound: str,
    uid: str,
    node: str,
) -> None:
    """Request a token for a service account and print it, as kubectl does.

    It has no handle, so that nothing of kubemint's lists, renews or revokes it: `kubemint issue` makes one that can be
    revoked. A token that is bound to a node, pod or Secret ends with that.
    """
    from tui.issuance import check_names, check_token_wish, request_token

    from .reaching import VerbClusters

    refuse_read_only(options, "create token")
    wanted = _wanted(duration)
    if "" in audiences:
        raise click.UsageError("--audience must not be an empty string")
    binding = binding_of(kind, bound, uid, node)
    check_token_wish(wanted, audiences)
    if len(options.contexts) > 1:
        raise click.UsageError("name the cluster with --context NAME, only one")
    async with setting(options) as place, VerbClusters(place) as clusters:
        cluster = place.meant(aloud=False)
        await clusters.find(cluster)
        client = await clusters.client(cluster)
        identity = Identity(cluster, namespace or client.endpoint.namespace, name)
        check_names(identity.namespace, identity.name, "service account")
        issued = await request_token(client, identity, wanted, audiences, binding)
    printing.answer(issued.token.reveal(), bare=True)


def _wanted(said: str) -> timedelta | None:
    if said.startswith("-"):
        raise UsageError("duration must be greater than or equal to 0")
    found = timedelta(0) if said == "0" else parse_duration(said)
    if found % timedelta(seconds=1):
        raise UsageError("duration cannot be expressed in units less than seconds")
    return found or None


@create.command("serviceaccount", hidden=True, context_settings={"ignore_unknown_options": True})
@click.argument("rest", nargs=-1)
def account(rest: tuple[str, ...]) -> None:
    """Refused, with what does it."""
    raise UsageError("kubemint makes accounts together with their credential", "kubemint issue NAME -n NS --create")


create.add_command(account, "sa")
