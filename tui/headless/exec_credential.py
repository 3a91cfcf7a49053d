"""`kubemint exec-credential`: the credential plugin that answers the kubeconfigs of `kubemint issue --exec`."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click

from tui.issuance import EXEC_VERB, ExecQuestion, UsageError, parse_duration
from tui.kube.errors import ConfigError, KubeError, NotFound

from . import printing
from .exits import complain
from .options import Options
from .session import refuse_read_only, run_async, setting, with_options

if TYPE_CHECKING:
    from datetime import timedelta


@click.command("exec-credential")
@click.option("--shoot", metavar="NS/NAME", default="", help="The Gardener shoot, if the kubeconfig does not name it.")
@click.option(
    "--level",
    type=click.Choice(["auto", "admin", "viewer"]),
    default="auto",
    show_default=True,
    help="The access level in the shoot; auto is admin, or viewer where that is forbidden.",
)
@click.option("-n", "--namespace", metavar="NS", default="", help="The service account's namespace.")
@click.option("--account", metavar="NAME", default="", help="A token for this service account, in place of a shoot.")
@click.option("--duration", metavar="DURATION", help="The lifetime to request.  [default: 15m for a shoot, else 1h]")
@click.option("--audience", "audiences", metavar="A", multiple=True, help="The audience of the token.")
@click.option(
    "--bound-node", "node", metavar="NODE", default="", help="Bind the token to this node; servers since 1.31."
)
@with_options
def exec_credential(
    options: Options,
    shoot: str,
    level: str,
    namespace: str,
    account: str,
    duration: str | None,
    audiences: tuple[str, ...],
    node: str,
) -> None:
    """Answer kubectl with a short-lived credential; kubectl runs this by itself.

    --context names the garden of the shoot, or the cluster of the account. The answer is cached in the cache folder
    (0600) until a minute before it expires, and renewed when 80 % of its lifetime is gone, or when the client that got
    it asks again within a minute, as clients do after a refusal.
    """
    refuse_read_only(options, EXEC_VERB)
    if sys.stdout.isatty():
        raise UsageError("a credential is never written to the terminal", "kubectl runs this, by a kubeconfig's user")
    if bool(namespace) != bool(account) or (account and shoot):
        raise click.UsageError("an account needs -n NAMESPACE --account NAME, without --shoot")
    if (audiences or node) and not account:
        raise click.UsageError(f"{'--audience' if audiences else '--bound-node'} is for --account")
    if len(options.contexts) > 1:
        raise click.UsageError("name the cluster with --context NAME, only one")
    question = ExecQuestion(sys.argv[2:] if sys.argv[1:2] == [EXEC_VERB] else sys.argv, os.environ)
    if question.problem:
        raise UsageError(question.problem, "which kubectl ran this?")
    wanted = parse_duration(duration) if duration is not None else None
    question.hold()  # one asks the cluster for all who ask the same
    try:
        known = question.known()
        if known is not None:
            printing.answer(known)
        else:
            run_async(_answer(options, question, shoot, level, namespace, account, wanted, audiences, node))
    finally:
        question.release()


async def _answer(
    options: Options,
    question: ExecQuestion,
    shoot: str,
    level: str,
    namespace: str,
    account: str,
    duration: timedelta | None,
    audiences: tuple[str, ...],
    node: str,
) -> None:
    from tui.issuance import (
        AccessLevel,
        Identity,
        ObjectBinding,
        ShootAccess,
        ahead,
        check_shoot_duration,
        check_token_wish,
        exec_for_shoots,
        exec_minting,
    )

    from .reaching import VerbClusters

    async with setting(options) as place, VerbClusters(place) as clusters:
        cluster = place.meant(aloud=False)
        try:
            await clusters.find(cluster)
            client = await clusters.client(cluster)
            if account:
                check_token_wish(duration, audiences)
                identity = Identity(cluster, namespace, account)
                binding = ObjectBinding("Node", node) if node else None
                made = await exec_minting.of_account(client, question, identity, duration, audiences, binding)
            else:
                check_shoot_duration(duration)
                project, name = exec_for_shoots.shoot_of(question, shoot)
                access = ShootAccess(cluster, project, name, AccessLevel(level))
                lifetime = exec_for_shoots.SHOOT_LIFETIME if duration is None else duration
                made = await exec_for_shoots.of_shoot(client, question, access, lifetime)
        except (NotFound, ConfigError):
            raise  # what it was for is gone, or which cluster is meant cannot be known
        except KubeError as error:
            old = exec_minting.last_answer(question)
            if old is None:
                raise
            said, again = old
            complain(str(error), f"the cached answer still works; a new one is requested from {again:%H:%M:%S} UTC on")
        else:
            said = exec_minting.answer(question, made, ahead(client))
    printing.answer(said.reveal())
