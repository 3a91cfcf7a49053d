"""`kubemint rotate`: renew what is named, or what is due, once or for as long as it runs."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import click

from tui.actions.rotating import ROTATE, plan_rotate
from tui.issuance import Address, Outcome, an_address

from . import printing
from .acting import (
    Progress,
    acting_options,
    carry_out,
    cluster_of,
    finish,
    foresee,
    perform,
    show_plans,
    wait_for_grace,
)
from .doing import How, options_of
from .exits import Ended, Exit, complain
from .options import Options, check_scope, scoped
from .printing import say
from .serving import Health, bind_option, bound_to, serving
from .session import open_fleet, refuse_read_only, setting, with_options

if TYPE_CHECKING:
    from tui.fleet.fleet import Fleet
    from tui.fleet.metrics import LoopMetrics
    from tui.fleet.store import FleetChange
    from tui.issuance import LoopLook, RenewalLoop


@click.command("rotate")
@options_of(ROTATE)
@click.option("--due", is_flag=True, help="Everything that is due for renewal, in all named clusters.")
@click.option("--watch", is_flag=True, help="With --due: keep running, and renew each credential when it is due.")
@click.option("--take-over", is_flag=True, help="With --due: also the requests that DPF's controller renews.")
@scoped("With --due: only in this namespace.", "With --due: ")
@click.option(
    "--lease-namespace",
    metavar="NS",
    default="kube-system",
    show_default=True,
    help="With --watch: the namespace of the Lease that lets one loop at a time renew in a cluster.",
)
@bind_option
@acting_options
@with_options
async def rotate(
    options: Options,
    addresses: tuple[str, ...],
    due: bool,
    watch: bool,
    take_over: bool,
    namespace: str | None,
    lease_namespace: str,
    revive: bool,
    all_namespaces: bool,
    all_contexts: bool,
    bind: str,
    **given: Any,
) -> None:
    """Renew credentials: a new token to the same destinations, proved before it is written; the old one is revoked.

    `kubemint list credentials -o name` prints the addresses. What was revoked stays revoked unless you pass --yes.
    Exit code 3: some were renewed, some not, or an old token could not be revoked.
    """
    if bool(addresses) is due:
        raise click.UsageError("name credentials, or pass --due" if not due else "--due takes no addresses")
    if watch and not due:
        raise click.UsageError("--watch needs --due")
    if bind and not watch:
        raise click.UsageError("--metrics-bind-address needs --watch")
    if bind:
        bound_to(bind)
    if revive and due:
        raise click.UsageError("--yes is for named credentials; --due skips what was revoked")
    if take_over and not due:
        raise click.UsageError("--take-over needs --due; a named request is renewed in any case")
    scope = {"-n": namespace, "-A": all_namespaces, "--all-contexts": all_contexts}
    if not due and (said := next((flag for flag, value in scope.items() if value), "")):
        raise click.UsageError(f"{said} needs --due; a credential's address says where it is")
    check_scope(options, namespace, {"all_namespaces": all_namespaces, "all_contexts": all_contexts})
    how = How.of(given)
    if not how.dry_run:
        refuse_read_only(options, "rotate")
    if watch:
        await _watch_due(options, namespace, how, take_over, lease_namespace, bind)
    elif due:
        await _rotate_due(options, namespace, how, take_over)
    else:
        await _rotate(options, list(dict.fromkeys(map(an_address, addresses))), how, revive)


async def _rotate(options: Options, addresses: list[Address], how: How, revive: bool) -> None:
    from .reaching import open_engine

    plan = partial(plan_rotate, revive=revive)
    async with setting(options) as place, open_engine(place, grace=how.grace, acting=not how.dry_run) as engine:
        if how.dry_run:
            if len(addresses) == 1:
                await show_plans(engine, [await plan(engine, addresses[0])], how.form)
            else:
                await foresee(engine, addresses, plan, how.form)
            return
        progress = Progress(several=len(addresses) > 1, quiet=how.quiet)
        if len(addresses) == 1:  # what is wrong with the only one is the command's own error
            outcomes = [await carry_out(engine, await plan(engine, addresses[0]), progress)]
        else:
            outcomes = await perform(engine, addresses, plan, progress)
        outcomes = await wait_for_grace(engine, outcomes, progress, wait=how.wait)
    finish(outcomes, how.form)


async def _rotate_due(options: Options, namespace: str | None, how: How, take_over: bool) -> None:
    from tui.fleet.store import Area

    from .listing import troubles

    areas = {Area.CREDENTIALS}
    async with (
        setting(options) as place,
        open_fleet(place, areas=areas, namespace=namespace, acting=True, dry_run=how.dry_run, grace=how.grace) as fleet,
    ):
        answered = await fleet.settled(30)
        unread = troubles(fleet, Area.CREDENTIALS, options.contexts, answered=answered)
        progress = Progress(several=True, quiet=how.quiet)
        loop = _loop(fleet, options, namespace, take_over, progress)
        addresses = await loop.due_now()
        for address, why in loop.last.left.items():
            say(f"left alone: {address}: {why}" + (", although it is due" if address in loop.last.stuck else ""))
        if not (addresses or loop.last.stuck) and unread is Exit.DONE:
            say("nothing is due" if _all_seen(fleet) else "nothing that could be read is due")
        if how.dry_run:
            await foresee(fleet.engine, addresses, plan_rotate, how.form)
            return
        outcomes, tried = list[Outcome](), set[Address]()
        while addresses:  # where the login of one name of its cluster may not, that of another may
            tried.update(addresses)
            done = await perform(fleet.engine, addresses, plan_rotate, progress)
            outcomes += done
            failed = [address for address, outcome in zip(addresses, done, strict=True) if not outcome.ok]
            addresses = [name for one in failed if (name := loop.other_name(one, tried)) is not None]
        outcomes = await wait_for_grace(fleet.engine, outcomes, progress, wait=how.wait)
    finish(outcomes, how.form)
    if unread is not Exit.DONE:
        raise Ended(Exit.PARTLY if outcomes else unread)
    if loop.last.stuck:
        raise Ended(Exit.PARTLY if outcomes else Exit.FAILED)


def _all_seen(fleet: Fleet) -> bool:
    """Whether every cluster of the fleet was read whole; those that are not entered do not count."""
    from tui.fleet.rows import Reach

    rows = [row for row in fleet.store.clusters.values() if row.reach is not Reach.NOT_CONNECTED]
    return all((row.answers and not row.missing) or row.carried_by for row in rows)


def _loop(
    fleet: Fleet,
    options: Options,
    namespace: str | None,
    take_over: bool,
    progress: Progress,
    counted: LoopMetrics | None = None,
) -> RenewalLoop:
    """The core's renewal loop over what was named; each renewal's address goes to stdout as it happens."""
    from tui.fleet.renewing import watched, why_not_asked
    from tui.fleet.store import Area
    from tui.issuance import RenewalLoop

    from .listing import chosen

    async def renew(addresses: Sequence[Address]) -> Sequence[Outcome]:
        outcomes = await perform(fleet.engine, addresses, plan_rotate, progress)
        for outcome in outcomes:
            if outcome.ok:
                printing.line(outcome.address)
        if counted is not None:
            counted.renewed(outcomes, lambda outcome: cluster_of(fleet.engine, outcome.address))
        return outcomes

    return RenewalLoop(
        source=lambda: watched(
            chosen(fleet, Area.CREDENTIALS, options.contexts, namespace),
            fleet,
            cannot=lambda cluster: why_not_asked(fleet.store.clusters.get(cluster)),
        ),
        renew=renew,
        renewed_by=None if take_over else fleet.engine.renewed_by,
        revoked=fleet.engine.revoked,
        read=fleet.engine.lookup,
    )


async def _watch_due(
    options: Options, namespace: str | None, how: How, take_over: bool, lease_namespace: str, bind: str
) -> None:
    """Until the user stops it. In each cluster one loop at a time renews, by a Lease."""
    from tui.fleet.metrics import LoopMetrics, standing
    from tui.fleet.renewal_leases import RenewalLeases
    from tui.fleet.store import Area

    async with (
        setting(options) as place,
        open_fleet(place, areas={Area.CREDENTIALS}, namespace=namespace, acting=True, grace=how.grace) as fleet,
    ):
        counted, health = LoopMetrics(() if namespace is None else (namespace,)), Health()
        loop = _loop(fleet, options, namespace, take_over, Progress(several=True, quiet=how.quiet), counted)
        leases = RenewalLeases(
            fleet.client, fleet.engine.state.export_record, changed=loop.wake, namespace=lease_namespace
        )
        loop.claim = leases.claim
        loop.on_look, loop.beat = _Sayer(), health.beat
        await fleet.settled(30)
        told = _Clusters(fleet, options.contexts)

        def changed(change: FleetChange) -> None:
            loop.wake()
            told.look()

        fleet.store.subscribe(changed)

        def written() -> Callable[[], bytes]:
            pending = len(fleet.engine.state.revocations())
            now = standing(fleet, loop.last, leases.held(), pending, health.looked_at)
            return partial(counted.written, now)

        say("watching; stop with ctrl+c")
        told.look()
        try:
            async with serving(bind, health, written):
                with contextlib.suppress(asyncio.CancelledError):  # ctrl+c and SIGTERM are how this ends well
                    await loop.run()
        finally:
            await leases.aclose()


class _Clusters:
    """Says of each cluster once that it cannot be asked, what is not renewed because of that, and that it answers."""

    def __init__(self, fleet: Fleet, contexts: Sequence[str]) -> None:
        self._fleet = fleet
        self._contexts = contexts
        self._said: dict[str, str] = {}
        """How each stood when that was said."""

    def look(self) -> None:
        """Say what is news. One that is only being connected to is no news."""
        from tui.fleet.renewing import why_not_asked
        from tui.fleet.rows import Reach
        from tui.fleet.same import echoes

        clusters = self._fleet.store.clusters
        for row in clusters.values():
            if (self._contexts and row.name not in self._contexts) or row.reach is Reach.CONNECTING:
                continue
            why = row.word if why_not_asked(row) and not echoes(row, clusters) else ""
            before = self._said.get(row.name, "")
            if why == before:
                continue
            self._said[row.name] = why
            if why:
                complain(f"{row.name}: {why}: {row.message}; {self._not_renewed(row.name)}", row.hint)
            else:
                say(f"{row.name} answers again")

    def _not_renewed(self, cluster: str) -> str:
        """What a cluster that cannot be asked keeps from being renewed."""
        from tui.issuance import RENEWABLE

        rows = self._fleet.store.credentials.values()
        names = [
            str(row.credential.address)
            for row in rows
            if cluster in (row.cluster, row.credential.address.cluster) and row.credential.address.kind in RENEWABLE
        ]
        if not names:
            return "nothing in it is renewed"
        more = f" and {len(names) - 2} more" if len(names) > 2 else ""
        return f"not renewed meanwhile: {', '.join(names[:2])}{more}"


_HOLDS: Final = "holds the Lease"
"""What is said of another loop, whose credentials are this one's once that is gone."""


class _Sayer:
    """Says once of each credential why it is left alone; what is left for one reason is said in one line."""

    def __init__(self) -> None:
        self._said: dict[Address, str] = {}

    def __call__(self, look: LoopLook) -> None:
        news: dict[str, list[Address]] = {}
        for address, why in look.left.items():
            if self._said.get(address) != why:
                news.setdefault(why, []).append(address)
        for why, addresses in news.items():
            more = f" and {len(addresses) - 1} more" if len(addresses) > 1 else ""
            say(f"left alone: {addresses[0]}{more}: {why}")
        taken = [address for address, why in self._said.items() if address not in look.left and _HOLDS in why]
        if taken:
            more = f" and {len(taken) - 1} more" if len(taken) > 1 else ""
            say(f"this loop renews {taken[0]}{more} from now on: nobody else holds the Lease")
        self._said = dict(look.left)
