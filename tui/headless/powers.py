"""`kubemint can`: what a credential or an account can do, the worst first."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from tui.issuance import Address, Identity, UsageError, an_address
from tui.kube.home import expanded
from tui.kube.text import safe_text

from .doing import in_cluster
from .exits import Ended, Exit
from .options import Options
from .output import output_option, print_fields, print_kind
from .printing import say
from .session import setting, with_options

if TYPE_CHECKING:
    from tui.issuance import Powers


@click.command("can")
@click.argument("what", metavar="ADDRESS|FILE|NS/ACCOUNT")
@click.option("-n", "--namespace", metavar="NS", default="", help="The namespace to check; default: its own.")
@output_option("table", "json", "yaml", default="table")
@with_options
async def can(options: Options, what: str, namespace: str, form: str) -> None:
    """Show what a credential can do, the most dangerous first, and why each right is dangerous.

    A credential asks the server itself (SelfSubjectRulesReview); if its material cannot be read or is refused, and
    for an account given as NS/ACCOUNT with --context, the answer is computed from Roles and bindings. The files
    that a kubeconfig names are read from beside it; of plugins only kubemint's own is run, for a cluster that is known,
    and of what comes on stdin (-) no file is read and nothing is run. Where not every Role and
    binding could be read, the exit code is 3.
    """
    from .reaching import open_engine
    from .verifying import read_input

    subject = subject_of(options, what)
    async with setting(options, needed=subject is not None) as place, open_engine(place, acting=False) as engine:
        if subject is None:
            found = await engine.powers_of_kubeconfig(read_input(what, strict=True), namespace, named=what != "-")
        else:
            if isinstance(subject, Identity):
                cluster = subject.cluster or place.meant()
                subject = Identity(cluster, subject.namespace, subject.name)
            await in_cluster(engine, subject.cluster)
            found = await engine.powers(subject, namespace)
    if form == "table":
        _print(found)
    else:
        print_kind("Powers", record(found), form)
    if found.unread:
        raise Ended(Exit.PARTLY)


def subject_of(options: Options, what: str) -> Address | Identity | None:
    """An address, an account, or None for a file that kubemint need not know."""
    try:
        return Address.parse(what)
    except ValueError:
        pass
    path = expanded(what)
    if what == "-" or path.is_file():
        return None
    parts = what.split("/")
    if len(parts) == 2 and all(parts) and parts[0] not in (".", "..", "~"):
        if len(options.contexts) > 1:
            raise UsageError(f"{what} is an account of one cluster", "name it with one --context")
        return Identity(options.contexts[0] if options.contexts else "", *parts)
    return an_address(what)  # says what is expected


def _print(found: Powers) -> None:
    say(f"{safe_text(found.subject)} in namespace {safe_text(found.namespace)} of {safe_text(found.cluster)}")
    say(f"  {found.source.value}")
    for note in found.notes:
        say(f"  note: {safe_text(note)}")
    if found.incomplete:
        say(f"  incomplete: {safe_text(found.incomplete)}")
    if not found.powers:
        unread = "nothing in what could be read: there may be more"
        say(f"  {unread if found.incomplete else 'nothing: no Role applies to it here'}")
    from tui.fleet.fields import in_list
    from tui.fleet.fields.powers import FIELDS

    now = datetime.now(UTC)
    print_fields(in_list(FIELDS, wide=False), found.powers, lambda power: now)


def record(found: Powers) -> dict[str, Any]:
    """The answer for programs."""
    from tui.fleet.fields import record as fields_of
    from tui.fleet.fields.powers import FIELDS

    now = datetime.now(UTC)
    return {
        "subject": found.subject,
        "cluster": found.cluster,
        "namespace": found.namespace,
        "source": found.source.name.lower(),
        "incomplete": found.incomplete or None,
        "notes": list(found.notes),
        "items": [fields_of(FIELDS, power, now) for power in found.powers],
    }
