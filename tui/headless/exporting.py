"""`kubemint export`: a credential that exists, written to one more place: a file, a kubeconfig, or a Secret."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from tui.actions.asking import an_address
from tui.issuance.errors import UsageError
from tui.issuance.formats import Format
from tui.issuance.types import Address, FileDestination, SecretDestination
from tui.kube.home import expanded

from .acting import Progress, carry_out, finish, print_preview, replacing_option, result_options
from .completion import addresses as complete_addresses
from .options import Options, shared_options
from .session import refuse_read_only, run_async, setting

if TYPE_CHECKING:
    from tui.issuance.types import Destination


@dataclass(frozen=True, slots=True)
class _Where:
    """What was asked for, as given."""

    out: str | None
    merge: str | None
    secret: str | None

    def check(self, form: str | None) -> None:
        given = [place for place in (self.out, self.merge, self.secret) if place]
        if len(given) != 1:
            raise click.UsageError(
                "say where to put it: --out PATH, --merge KUBECONFIG or --secret NS/NAME, one of them"
            )
        if self.out == "-":
            raise UsageError("a credential is never written to the terminal", "give --out a path")
        if self.merge and form not in (None, "kubeconfig"):
            raise click.UsageError(f"--merge is for kubeconfigs, not for --format {form}")
        if self.secret is not None and (self.secret.count("/") != 1 or not all(self.secret.split("/"))):
            raise click.UsageError("--secret is NAMESPACE/NAME")

    def destination(self, cluster: str) -> Destination:
        if self.secret:
            namespace, _, name = self.secret.partition("/")
            return SecretDestination(cluster, namespace, name)
        path = expanded(self.out or self.merge or "").absolute()
        return FileDestination(str(path), merge=bool(self.merge))


@dataclass(frozen=True, slots=True)
class _Said:
    """What was said in so many words."""

    force: bool
    other_server: bool

    @property
    def words(self) -> dict[str, bool]:
        return {"force": self.force, "other_server": self.other_server}


@click.command("export")
@click.argument("address", metavar="ADDRESS|FILE", shell_complete=complete_addresses)
@click.option("--out", metavar="PATH", help="Write it to this file (0600).")
@click.option("--merge", metavar="KUBECONFIG", help="Add it to this kubeconfig and leave the rest of it as it is.")
@click.option("--secret", metavar="NS/NAME", help="Keep it in this Secret of its own cluster, or of --context.")
@click.option(
    "--format",
    "kind",
    type=click.Choice([form.value for form in Format if form.rules.chosen]),
    help="How to write it down; default: as it is, and a kubeconfig for --merge.",
)
@click.option("--other-server", is_flag=True, help="Mean it where it leads elsewhere than its cluster is known to be.")
@click.option("--dry-run", is_flag=True, help="Print what would be written, masked, and a diff; change nothing.")
@replacing_option
@result_options
@shared_options
@click.pass_obj
def export(
    options: Options,
    /,
    address: str,
    out: str | None,
    merge: str | None,
    secret: str | None,
    kind: str | None,
    other_server: bool,
    dry_run: bool,
    force: bool,
    quiet: bool,
    form: str,
    **given: Any,
) -> None:
    """Write a credential that exists to one more place. Nothing is issued: the copy ends with its original.

    A file that kubemint did not write is only replaced with --force, and kept beside then; look with --dry-run. What
    is written is made anew from the server, the authority and the token that are found, nothing else of it; where it
    leads elsewhere than the cluster is known to be, that needs --other-server.

    Material goes to where you say and never to the terminal.
    """
    options = options.merged(given)
    where = _Where(out, merge, secret)
    where.check(kind)
    if secret and len(options.contexts) > 1:
        raise click.UsageError("--secret is in one cluster: give one --context, or none for the credential's own")
    if not dry_run:
        refuse_read_only(options, "export")
    wanted = Format(kind) if kind else Format.KUBECONFIG if merge else None
    said = _Said(force, other_server)
    run_async(_export(options, an_address(address), where, wanted, said, dry_run=dry_run, quiet=quiet, form=form))


async def _export(
    options: Options,
    address: Address,
    where: _Where,
    wanted: Format | None,
    said: _Said,
    *,
    dry_run: bool,
    quiet: bool,
    form: str,
) -> None:
    from .reaching import VerbClusters, open_engine

    async with setting(options) as place, open_engine(place, acting=not dry_run) as engine:
        cluster = ""
        if where.secret:
            source = await engine.lookup(address)
            own = source.identity.cluster if source.identity is not None else address.cluster
            cluster = options.contexts[0] if options.contexts else own
            assert isinstance(engine.clusters, VerbClusters)
            await engine.clusters.find(cluster)
        destination = where.destination(cluster)
        if dry_run:
            print_preview(await engine.preview_export(address, destination, wanted, **said.words), form)
            return
        plan = await engine.plan_export(address, destination, wanted, **said.words)
        outcome = await carry_out(engine, plan, Progress(quiet=quiet))
    finish([outcome], form)
