"""`kubemint revoke`: end credentials before their time, after asking."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import click

from tui.issuance.errors import IssuanceError, UsageError
from tui.issuance.types import Address
from tui.kube import limits
from tui.kube.errors import KubeError

from . import printing
from .acting import Progress, address_of, carry_out, finish, print_plans, result_options
from .completion import addresses as complete_addresses
from .exits import Ended, Exit
from .options import Options, shared_options
from .printing import say
from .session import refuse_read_only, run_async, setting

if TYPE_CHECKING:
    from tui.issuance.engine import Engine
    from tui.issuance.types import Plan


@click.command("revoke")
@click.argument("addresses", nargs=-1, required=True, metavar="ADDRESS...", shell_complete=complete_addresses)
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.option(
    "--wait", "until_refused", is_flag=True, help="Wait until the server refuses it, which takes up to ten seconds."
)
@click.option("--dry-run", is_flag=True, help="Print what would be done; change nothing.")
@result_options
@shared_options
@click.pass_obj
def revoke(
    options: Options,
    /,
    addresses: tuple[str, ...],
    yes: bool,
    until_refused: bool,
    dry_run: bool,
    quiet: bool,
    form: str,
    **given: Any,
) -> None:
    """Revoke credentials now: the API server refuses them within ten seconds.

    On a terminal it shows what stops working and asks; elsewhere it needs --yes. Exit code 3: what was to end has
    ended, but a place that held it could not be tidied.
    """
    options = options.merged(given)
    if not dry_run:
        refuse_read_only(options, "revoke")
    meant = list(dict.fromkeys(map(address_of, addresses)))
    run_async(_revoke(options, meant, yes=yes, wait=until_refused, dry_run=dry_run, quiet=quiet, form=form))


async def _revoke(
    options: Options, addresses: list[Address], *, yes: bool, wait: bool, dry_run: bool, quiet: bool, form: str
) -> None:
    from .reaching import open_engine

    async with setting(options) as place, open_engine(place, acting=not dry_run) as engine:
        plans = [await engine.plan_revoke(address, wait=wait) for address in addresses]
        if dry_run:
            users = {plan.id: await _users(engine, plan) for plan in plans}
            if form == "name":
                for plan in plans:
                    for line in _said(plan, users[plan.id]):
                        say(f"note: {line}" if len(plans) == 1 else f"note: {plan.address}: {line}")
            print_plans(plans, form, users)
            return
        if not yes and not sys.stdin.isatty():  # last: what cannot be revoked is said with or without --yes
            raise UsageError(
                "revoking is final and there is no terminal to ask on", "say --yes, or look with --dry-run"
            )
        if not yes and not _agreed(plans, {plan.id: await _users(engine, plan) for plan in plans}):
            raise Ended(Exit.FAILED)
        progress = Progress(several=len(plans) > 1, quiet=quiet)
        outcomes = [await carry_out(engine, plan, progress, warn=yes) for plan in plans]
    finish(outcomes, form)


async def _users(engine: Engine, plan: Plan) -> dict[str, Any]:
    """Who uses the credential, and who runs as its account: two things, of which only the first ends here."""
    from tui.issuance.lineage_users import user_said

    try:
        found = await engine.users(plan.address)
    except (KubeError, IssuanceError) as error:
        return {"usedBy": [], "runsAs": [], "notSeen": str(error)}
    if found is None:
        return {"usedBy": [], "runsAs": [], "notSeen": None}
    return {
        "usedBy": [user_said(node) for node in found.uses.children],
        "runsAs": [user_said(node) for node in found.runs.children],
        "notSeen": found.uses.problem or None,
    }


def _said(plan: Plan, users: Mapping[str, Any]) -> Iterator[str]:
    """The same in lines."""
    for line in users["usedBy"]:
        yield f"uses this credential: {line}"
    account = any(step.verb == "delete" and step.resource == "serviceaccounts" for step in plan.steps)
    tokens = "tokens that end too" if account else "tokens that stay"
    for line in users["runsAs"]:
        yield f"runs as its account, with {tokens}: {line}"
    if users["notSeen"]:
        yield f"who else uses it could not be seen: {users['notSeen']}"


def _agreed(plans: list[Plan], users: Mapping[str, Mapping[str, Any]]) -> bool:
    for plan in plans:
        say(f"revoke {plan.address}")
        for line in _said(plan, users[plan.id]):
            say(f"  {line}")
        for warning in plan.warnings:
            say(f"  {warning}")
        for step in plan.steps:
            say(f"  - {step.title}")
    with limits.not_counted():
        agreed = printing.agreed("Revoke?" if len(plans) == 1 else f"Revoke these {len(plans)}?")
    if not agreed:
        say("nothing was revoked")
    return agreed
