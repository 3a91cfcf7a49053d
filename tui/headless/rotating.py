"""`kubemint rotate`: renew what is named, or what is due, once or for as long as it runs."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import click

from tui.issuance.durations import parse_duration
from tui.issuance.types import Address, CredentialKind, Outcome, State

from .acting import Progress, acting_options, address_of, carry_out, finish, perform, print_plans, wait_for_grace
from .exits import Ended, Exit, say
from .options import Options, shared_options
from .session import open_fleet, refuse_read_only, run_async, setting

if TYPE_CHECKING:
    from tui.fleet.fleet import Fleet
    from tui.issuance.engine import Engine
    from tui.issuance.types import Plan

RENEWABLE: Final = frozenset({CredentialKind.REQUEST, CredentialKind.SECRET, CredentialKind.FILE})
"""What `--due` renews: everything that ends and that kubemint can make anew."""
DUE: Final = frozenset({State.DUE, State.EXPIRED, State.FAILED})
_LONGEST_NAP: Final = timedelta(seconds=30)
_SHORTEST_NAP: Final = timedelta(milliseconds=200)


@dataclass(frozen=True, slots=True)
class _How:
    grace: timedelta
    wait: bool
    quiet: bool
    form: str
    dry_run: bool


@click.command("rotate")
@click.argument("addresses", nargs=-1, metavar="[ADDRESS]...")
@click.option("--due", is_flag=True, help="Everything whose renewal point has passed, in every cluster named.")
@click.option("--watch", is_flag=True, help="With --due: go on, and renew each credential when it is due.")
@click.option("-n", "--namespace", metavar="NS", help="With --due: only in this namespace.")
@acting_options
@shared_options
@click.pass_obj
def rotate(
    options: Options,
    /,
    addresses: tuple[str, ...],
    due: bool,
    watch: bool,
    namespace: str | None,
    dry_run: bool,
    grace: str,
    no_wait: bool,
    quiet: bool,
    form: str,
    **given: Any,
) -> None:
    """Renew credentials: a new token to the same places, proved before it is written, then the old one is revoked.

    Addresses are those that `kubemint list credentials -o name` prints. Exit code 3: some were renewed, some not.
    """
    options = options.merged(given)
    if bool(addresses) is due:
        raise click.UsageError("name credentials, or say --due" if not due else "--due takes no addresses")
    if watch and not due:
        raise click.UsageError("--watch goes with --due")
    if not dry_run:
        refuse_read_only(options, "rotate")
    how = _How(parse_duration(grace), not no_wait, quiet, form, dry_run)
    if due:
        run_async(_watch_due(options, namespace, how) if watch else _rotate_due(options, namespace, how))
    else:
        run_async(_rotate(options, list(dict.fromkeys(map(address_of, addresses))), how))


def plan_rotate(engine: Engine, address: Address) -> Any:
    return engine.plan_rotate(address)


async def _rotate(options: Options, addresses: list[Address], how: _How) -> None:
    from .reaching import open_engine

    async with setting(options) as place, open_engine(place, grace=how.grace, acting=not how.dry_run) as engine:
        if how.dry_run:
            plans: list[Plan] = [await engine.plan_rotate(address) for address in addresses]
            print_plans(plans, how.form)
            return
        progress = Progress(several=len(addresses) > 1, quiet=how.quiet)
        if len(addresses) == 1:  # what is wrong with the only one is the command's own error
            outcomes = [await carry_out(engine, await engine.plan_rotate(addresses[0]), progress)]
        else:
            outcomes = await perform(engine, addresses, plan_rotate, progress)
        await wait_for_grace(engine, progress, how.grace, wait=how.wait)
    finish(outcomes, how.form)


async def _rotate_due(options: Options, namespace: str | None, how: _How) -> None:
    from tui.fleet.store import Area

    from .listing import troubles

    async with (
        setting(options) as place,
        open_fleet(place, areas={Area.CREDENTIALS}, namespace=namespace, acting=True, grace=how.grace) as fleet,
    ):
        answered = await fleet.settled(30)
        unread = troubles(fleet, Area.CREDENTIALS, options.contexts, answered=answered)
        addresses = due_now(fleet, options, namespace)
        if not addresses and unread is Exit.DONE:
            say("nothing is due")
        if how.dry_run:
            print_plans([await fleet.engine.plan_rotate(address) for address in addresses], how.form)
            return
        progress = Progress(several=len(addresses) > 1, quiet=how.quiet)
        outcomes = await perform(fleet.engine, addresses, plan_rotate, progress)
        await wait_for_grace(fleet.engine, progress, how.grace, wait=how.wait)
    finish(outcomes, how.form)
    if unread is not Exit.DONE:
        raise Ended(Exit.PARTLY if outcomes else unread)


def due_now(fleet: Fleet, options: Options, namespace: str | None) -> list[Address]:
    """What can be renewed and is due by its cluster's clock, the most urgent first."""
    from tui.fleet.rows import CredentialRow
    from tui.fleet.store import Area
    from tui.issuance.renewal import state_of

    from .listing import chosen

    found = []
    for row in chosen(fleet, Area.CREDENTIALS, options.contexts, namespace):
        assert isinstance(row, CredentialRow)
        credential = row.credential
        now = datetime.now(UTC) + timedelta(seconds=fleet.skew(row.cluster) or 0)
        if not row.stale and credential.address.kind in RENEWABLE and state_of(credential, now) in DUE:
            found.append(credential.address)
    return found


@dataclass(slots=True)
class _Retries:
    """Failed renewals wait longer each time while the old credential lives."""

    failures: dict[Address, int] = field(default_factory=dict)
    not_before: dict[Address, datetime] = field(default_factory=dict)

    def ready(self, address: Address, now: datetime) -> bool:
        return now >= self.not_before.get(address, now)

    def note(self, outcome: Outcome, now: datetime) -> None:
        import random

        from tui.issuance.renewal import retry_at

        address = outcome.address
        if outcome.ok:
            self.failures.pop(address, None)
            # The row follows within moments; until it does, the old stamps must not cause a second renewal.
            self.not_before[address] = now + timedelta(seconds=5)
            return
        self.failures[address] = self.failures.get(address, 0) + 1
        expires = outcome.credential.expires_at if outcome.credential else None
        self.not_before[address] = retry_at(now, expires, self.failures[address], random.random())  # noqa: S311


async def _watch_due(options: Options, namespace: str | None, how: _How) -> None:
    """Until somebody ends it. Each renewal's address goes to stdout as it happens."""
    from tui.fleet.store import Area

    async with (
        setting(options) as place,
        open_fleet(place, areas={Area.CREDENTIALS}, namespace=namespace, acting=True, grace=how.grace) as fleet,
    ):
        changed = asyncio.Event()
        fleet.store.subscribe(lambda change: changed.set())
        await fleet.settled(30)
        say("watching; end it with ctrl+c")
        with contextlib.suppress(asyncio.CancelledError):  # ctrl+c and SIGTERM are how this ends well
            await _renew_forever(fleet, changed, options, namespace, how)


async def _renew_forever(
    fleet: Fleet, changed: asyncio.Event, options: Options, namespace: str | None, how: _How
) -> None:
    retries = _Retries()
    progress = Progress(several=True, quiet=how.quiet)
    while True:
        now = datetime.now(UTC)
        addresses = [a for a in due_now(fleet, options, namespace) if retries.ready(a, now)]
        for outcome in await perform(fleet.engine, addresses, plan_rotate, progress):
            retries.note(outcome, datetime.now(UTC))
            if outcome.ok:
                click.echo(str(outcome.address))
        await _nap(fleet, changed, retries)


async def _nap(fleet: Fleet, changed: asyncio.Event, retries: _Retries) -> None:
    """Until the next renewal point, a change, or half a minute: the clock may jump while a machine sleeps."""
    now = datetime.now(UTC)
    points = [at for at in retries.not_before.values() if at > now]
    for row in fleet.store.credentials.values():
        at = row.credential.rotate_at
        if at is not None and at > now and row.credential.address.kind in RENEWABLE:
            points.append(at)
    until = min([*points, now + _LONGEST_NAP]) - now
    changed.clear()
    try:
        async with asyncio.timeout(max(until, _SHORTEST_NAP).total_seconds()):
            await changed.wait()
            await asyncio.sleep(_SHORTEST_NAP.total_seconds())  # changes come in bursts
    except TimeoutError:
        return
