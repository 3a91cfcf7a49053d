"""`kubemint who`: who else could become an account, or whom a credential speaks for, the worst first."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from tui.issuance import Identity
from tui.kube.text import safe_text

from .doing import in_cluster
from .exits import Ended, Exit, complain
from .options import Options, wait_option
from .output import output_option, print_fields, print_kind
from .powers import subject_of
from .printing import say
from .session import Setting, open_fleet, setting, with_options

if TYPE_CHECKING:
    from tui.issuance import Becomers, Credential


@click.command("who")
@click.argument("what", metavar="ADDRESS|FILE|NS/ACCOUNT")
@wait_option
@output_option("table", "wide", "json", "yaml", default="table")
@with_options
async def who(options: Options, what: str, wait: str, form: str) -> None:
    """Show who else could become an account: mint its token, act as it, read or make a Secret with one.

    Also who runs pods as it, approves a client certificate for it, or changes rights to get there; through which
    binding, the worst first. Administrators and parts of Kubernetes, who gain nothing by it, are last. Of a FILE that
    kubemint did not write, the token in it says whose it is. It is computed from Roles and bindings, and the server is
    asked whether it is so (-o wide), where that is allowed. Other authorizers are not seen. Where not everything could
    be read, the exit code is 3.
    """
    from tui.issuance import an_address, parse_duration

    from .lineage import origin_of
    from .reaching import open_engine

    seconds, subject = parse_duration(wait).total_seconds(), subject_of(options, what) or an_address(what)
    async with setting(options) as place:
        if (origin := await origin_of(place, subject)) is not None:
            subject = origin.identity
        async with open_engine(place, acting=False) as engine:
            if isinstance(subject, Identity):
                subject = Identity(subject.cluster or place.meant(), subject.namespace, subject.name)
            await in_cluster(engine, subject.cluster)
            account = subject if isinstance(subject, Identity) else (await engine.lookup(subject)).account
            known = await _issued(place, account, seconds) if account is not None else []
            found = await engine.becomers(subject, known)
    if form in ("table", "wide"):
        _print(found, wide=form == "wide")
    else:
        print_kind("Becomers", record(found), form)
    if found.gaps:
        raise Ended(Exit.PARTLY)


async def _issued(place: Setting, account: Identity, seconds: float) -> list[Credential]:
    """What is known to be issued for it: who reads the Secrets of that becomes it."""
    from tui.fleet.store import Area

    alone = replace(place, options=replace(place.options, contexts=(account.cluster,)))
    async with open_fleet(alone, areas={Area.CREDENTIALS}, once=True) as fleet:
        if not await fleet.settled(seconds):
            complain(f"{account.cluster} has not answered yet: its Secrets are missing here", "wait longer with --wait")
        return [row.credential for row in fleet.store.credentials_of(account)]


def _print(found: Becomers, *, wide: bool) -> None:
    from tui.fleet.fields import in_list
    from tui.fleet.fields.becoming import FIELDS

    say(f"who could become {safe_text(found.subject)} of {safe_text(found.cluster)}")
    for note in found.notes:
        say(f"  note: {safe_text(note)}")
    for gap in found.gaps:
        say(f"  not known: {safe_text(gap)}")
    if not found.becomers:
        say("  nobody in what could be read: there may be more" if found.gaps else "  nobody else")
    now = datetime.now(UTC)
    print_fields(in_list(FIELDS, wide=wide), found.becomers, lambda one: now)


def record(found: Becomers) -> dict[str, Any]:
    """The answer for programs."""
    from tui.fleet.fields import record as fields_of
    from tui.fleet.fields.becoming import FIELDS

    now = datetime.now(UTC)
    return {
        "subject": found.subject,
        "cluster": found.cluster,
        "namespace": found.namespace or None,
        "notKnown": list(found.gaps),
        "notes": list(found.notes),
        "items": [fields_of(FIELDS, one, now) for one in found.becomers],
    }
