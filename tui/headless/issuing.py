"""`kubemint issue`: a new credential for a service account, to a file, a kubeconfig or a Secret; or for a shoot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from tui.issuance.durations import parse_duration
from tui.issuance.errors import UsageError
from tui.issuance.formats import Format
from tui.issuance.grace_length import GraceWish
from tui.kube.home import expanded

from .acting import (
    Progress,
    acting_options,
    carry_out,
    finish,
    grace_wish,
    live_option,
    print_plans,
    replacing_option,
    wait_for_grace,
)
from .configured import configured_lifetime
from .options import Options, shared_options
from .session import refuse_read_only, run_async, setting

if TYPE_CHECKING:
    from datetime import timedelta

    from tui.issuance.engine import Engine
    from tui.issuance.types import Destination, IssueSpec, Plan


@click.command("issue")
@click.argument("name", required=False)
@click.option("-n", "--namespace", metavar="NS", help="The service account's namespace.")
@click.option("--shoot", metavar="NS/NAME", help="A kubeconfig for this Gardener shoot; --context names the garden.")
@click.option("--level", type=click.Choice(["auto", "admin", "viewer"]), help="Of --shoot: how much it may do.")
@click.option("--address", metavar="NAME", help="Of --shoot: external, internal, …; default: the first that answers.")
@click.option("--exec", "way", flag_value="exec", help="No secret in it: kubemint itself answers whoever uses it.")
@click.option("--oidc", "way", flag_value="oidc", help="Of --shoot: log in with its identity provider (kubelogin).")
@click.option("--duration", metavar="DURATION", help="How long it is to live, such as 1h30m; the server may cap it.")
@click.option(
    "--audience", "audiences", metavar="A", multiple=True, help="Who is to accept it; default: the API server."
)
@click.option("--create", is_flag=True, help="Create the service account where there is none.")
@click.option(
    "--type",
    "kind",
    type=click.Choice([form.value for form in Format if form.rules.chosen]),
    default="kubeconfig",
    show_default=True,
    help="How to write it down.",
)
@click.option("--out", metavar="PATH", help="Write it to this file (0600).")
@click.option("--secret", metavar="NS/NAME", help="Keep it in this Secret of the same cluster.")
@click.option("--merge", metavar="KUBECONFIG", help="Add it to this kubeconfig and leave the rest of it as it is.")
@live_option
@replacing_option
@acting_options
@shared_options
@click.pass_obj
def issue(
    options: Options,
    /,
    name: str | None,
    namespace: str | None,
    shoot: str | None,
    level: str | None,
    address: str | None,
    way: str | None,
    duration: str | None,
    audiences: tuple[str, ...],
    create: bool,
    kind: str,
    out: str | None,
    secret: str | None,
    merge: str | None,
    force: bool,
    replace: bool,
    dry_run: bool,
    grace: str,
    no_wait: bool,
    quiet: bool,
    form: str,
    **given: Any,
) -> None:
    """Issue a credential for the service account NAME and prove that it works before it is written.

    With --shoot NS/NAME it is a kubeconfig of a Gardener shoot, with a client certificate that ends by itself. With
    --exec the kubeconfig has no secret in it: kubectl runs `kubemint exec-credential` each time, which gets one.

    Material goes to where you say and never to the terminal; stdout names what was made. Where a live credential of
    kubemint's lies it is only replaced with --replace, and revoked when its grace period is over (`rotate` renews it);
    a file that kubemint did not write is only replaced with --force.
    """
    options = options.merged(given)
    if not dry_run:
        refuse_read_only(options, "issue")
    if len(options.contexts) != 1 and not options.demo:
        raise click.UsageError("name the cluster with --context NAME" + (", only one" if options.contexts else ""))
    if shoot is not None:
        from .shoots import ShootOptions, issue_shoot

        if name or namespace or audiences or create or secret or merge or kind != "kubeconfig":
            raise click.UsageError("--shoot takes --level, --address, --duration and --out, and nothing of an account")
        chosen = ShootOptions(shoot, level or "auto", address or "", duration, out, way or "", force, replace)
        run_async(issue_shoot(options, chosen.checked(), dry_run=dry_run, quiet=quiet, form=form))
        return
    if level is not None or address is not None or way == "oidc":
        raise click.UsageError("--level, --address and --oidc belong to --shoot")
    if not name:
        raise click.UsageError("missing argument 'NAME'")
    if not namespace:
        raise click.UsageError("missing option '-n' / '--namespace'")
    wish = _Wish(
        name=name,
        namespace=namespace,
        duration=parse_duration(duration) if duration is not None else configured_lifetime(),
        audiences=audiences,
        create=create,
        kind=kind,
        out=out,
        secret=secret,
        merge=merge,
        force=force,
        replace=replace,
    )
    wish.check()
    if way:
        run_async(_without_secret(options, wish, dry_run=dry_run, quiet=quiet, form=form))
        return
    run_async(_issue(options, wish, grace=grace_wish(grace), dry_run=dry_run, wait=not no_wait, quiet=quiet, form=form))


class _Wish:
    """What was asked for, as given."""

    def __init__(
        self,
        *,
        name: str,
        namespace: str,
        duration: timedelta | None,
        audiences: tuple[str, ...],
        create: bool,
        kind: str,
        out: str | None,
        secret: str | None,
        merge: str | None,
        force: bool,
        replace: bool,
    ) -> None:
        self.force, self.replace = force, replace
        self.name, self.namespace, self.duration, self.audiences = name, namespace, duration, audiences
        self.create, self.kind = create, kind
        self.out, self.secret, self.merge = out, secret, merge

    def check(self) -> None:
        if not (self.out or self.secret or self.merge):
            raise click.UsageError("say where to put it: --out PATH, --secret NS/NAME or --merge KUBECONFIG")
        if self.out == "-":
            raise UsageError("a credential is never written to the terminal", "give --out a path")
        if self.merge and self.kind != "kubeconfig":
            raise click.UsageError(f"--merge is for kubeconfigs, not for --type {self.kind}")
        if self.secret is not None and (self.secret.count("/") != 1 or not all(self.secret.split("/"))):
            raise click.UsageError("--secret is NAMESPACE/NAME")

    def spec(self, cluster: str) -> IssueSpec:
        from tui.issuance.formats import Format
        from tui.issuance.types import FileDestination, Identity, IssueSpec, SecretDestination

        destinations: list[Destination] = []
        if self.out:
            destinations.append(FileDestination(_absolute(self.out)))
        if self.merge:
            destinations.append(FileDestination(_absolute(self.merge), merge=True))
        if self.secret:
            namespace, _, name = self.secret.partition("/")
            destinations.append(SecretDestination(cluster, namespace, name))
        return IssueSpec(
            identity=Identity(cluster, self.namespace, self.name),
            destinations=tuple(destinations),
            format=Format(self.kind),
            duration=self.duration,
            audiences=self.audiences,
            create_account=self.create,
        )


async def _without_secret(options: Options, wish: _Wish, *, dry_run: bool, quiet: bool, form: str) -> None:
    """A kubeconfig that kubemint's own plugin answers."""
    from tui.issuance.plain import PlainWish
    from tui.issuance.types import Identity

    from .shoots import write

    if not wish.out or wish.secret or wish.merge or wish.kind != "kubeconfig" or wish.create:
        raise click.UsageError("--exec is for a kubeconfig in a file of its own (--out), for an account that is there")
    out, namespace, name = _absolute(wish.out), wish.namespace, wish.name

    async def plan(engine: Engine, cluster: str, kubeconfigs: tuple[str, ...]) -> Plan:
        return await engine.plan_plain(
            PlainWish(
                path=out, identity=Identity(cluster, namespace, name), duration=wish.duration,
                audiences=wish.audiences, kubeconfigs=kubeconfigs,
            ),
            force=wish.force,
        )  # fmt: skip

    await write(options, plan, dry_run=dry_run, quiet=quiet, form=form)


def _absolute(path: str) -> str:
    return str(expanded(path).absolute())


async def _issue(
    options: Options, wish: _Wish, *, grace: GraceWish, dry_run: bool, wait: bool, quiet: bool, form: str
) -> None:
    from .reaching import VerbClusters, open_engine

    async with setting(options) as place, open_engine(place, grace=grace, acting=not dry_run) as engine:
        cluster = options.contexts[0] if options.contexts else place.config.current_context
        assert isinstance(engine.clusters, VerbClusters)
        await engine.clusters.find(cluster)
        plan = await engine.plan_issue(wish.spec(cluster), force=wish.force, replace=wish.replace)
        if dry_run:
            print_plans([plan], form)
            return
        progress = Progress(quiet=quiet)
        outcome = await carry_out(engine, plan, progress)
        outcomes = await wait_for_grace(engine, [outcome], progress, wait=wait)
    finish(outcomes, form)
