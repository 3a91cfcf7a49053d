"""`kubemint revoke`: end credentials before their time, after asking."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tui.actions.ending import REVOKE
from tui.issuance import (
    Action,
    Address,
    Already,
    IssuanceError,
    Outcome,
    Sought,
    UsageError,
    an_address,
    sought_in,
    token_of,
)
from tui.kube import limits
from tui.kube.errors import KubeError
from tui.kube.home import expanded

from . import printing
from .acting import Progress, carry_out, dry_run_options, finish, show_plans
from .doing import options_of
from .exits import Ended, Exit
from .options import Options
from .printing import say
from .session import refuse_read_only, run_async, setting, with_options
from .verifying import read_input

if TYPE_CHECKING:
    from tui.issuance import Engine, Plan


@click.command("revoke")
@options_of(REVOKE)
@dry_run_options
@with_options
def revoke(options: Options, addresses: tuple[str, ...], token_files: tuple[str, ...], **given: Any) -> None:
    """Revoke credentials now: the API server refuses them within ten seconds.

    (A finalizer on the handle makes it up to a minute.) An ADDRESS is revoked together with its older tokens that are
    still in their grace period; a handle or a token is revoked alone.

    WHAT is an ADDRESS; a file, which kubemint wrote or which holds a token; handle:CLUSTER/NAMESPACE/NAME; a
    fingerprint or a token's id (jti), as kubemint and audit logs write them; or - for the token itself on stdin. The
    clusters (those of --context, else all) are asked who has it; a token is sent only to the one cluster that says
    that it has its handle, when all of them have answered.

    On a terminal it shows what stops working and asks; elsewhere it needs --yes. If it is revoked already, that is
    reported, with exit code 0. Exit code 3: it is revoked, but a destination that held it could not be cleaned up, or
    an older token of it is still valid in its grace period.
    """
    if not given["dry_run"]:
        refuse_read_only(options, "revoke")
    if not addresses and not token_files:
        raise UsageError("name what to revoke", "an address, a fingerprint, a token's id, or - for the token on stdin")
    texts = [*map(meant_by, addresses), *(_token_of(name) for name in token_files)]
    run_async(_revoke(options, list(dict.fromkeys(texts)), **given))


def meant_by(text: str) -> Address | Sought:
    """What a word means: the token on stdin, an address or a file that kubemint wrote, a fingerprint, or an id.

    Raises UsageError.
    """
    if text == "-":
        return _token_of(text)
    sought = sought_in(text)
    if sought is None:
        return an_address(text)
    if Path(text).exists():  # anybody may have put that there
        say(f"kubemint: {text} is taken as the {sought}, not as the file of that name, which is ./{text}")
    return sought


def _token_of(name: str) -> Sought:
    return token_of(read_input(name), "stdin" if name == "-" else name)


async def _revoke(
    options: Options,
    meant: list[Address | Sought],
    yes: bool,
    until_refused: bool,
    dry_run: bool,
    quiet: bool,
    form: str,
) -> None:
    from .reaching import open_engine

    async with setting(options) as place, open_engine(place, acting=not dry_run) as engine:
        plans, outcomes = [], []
        for one in meant:
            try:
                plans.append(await _planned(engine, one, options.contexts, wait=until_refused))
            except Already as error:
                say(f"{error.message}" + (f" ({error.hint})" if error.hint else ""))
                # nothing was to be done, and all is as was asked for
                outcomes.append(Outcome(plan="", action=Action.REVOKE, address=error.address, ok=True, results=(),
                                        hint=error.message))  # fmt: skip
        if dry_run:
            users = {plan.id: await _users(engine, plan) for plan in plans}
            if form == "name":
                for plan in plans:
                    for line in _said(plan, users[plan.id]):
                        say(f"note: {line}" if len(plans) == 1 else f"note: {plan.address}: {line}")
            await show_plans(engine, plans, form, users)
            return
        if plans and not yes and not sys.stdin.isatty():  # last: what cannot be revoked is said with or without --yes
            raise UsageError(
                "revoking cannot be undone, and there is no terminal to confirm on",
                "pass --yes, or see the plan with --dry-run",
            )
        if plans and not yes and not _agreed(plans, {plan.id: await _users(engine, plan) for plan in plans}):
            raise Ended(Exit.FAILED)
        progress = Progress(several=len(plans) > 1, quiet=quiet)
        outcomes += [await carry_out(engine, plan, progress, warn=yes) for plan in plans]
    finish(outcomes, form)


async def _planned(engine: Engine, what: Address | Sought, contexts: tuple[str, ...], *, wait: bool) -> Plan:
    if isinstance(what, Address):
        if not what.here or engine.state.export_record(what) or not expanded(what.name).exists():
            return await REVOKE.plan(engine, what, wait=wait)
        # Kubemint knows nothing of it: then what lies in it is meant.
        material = read_input(what.name, strict=True)
        if (account := engine.plugin_account(material)) is not None:
            raise UsageError(
                f"{what.name} holds no token: kubectl runs kubemint, which requests one for {account} each time",
                "each expires on its own; to end all of them, delete the account or remove its rights",
            )
        path, what = what.name, token_of(material, what.name)
        held = what.token.fingerprint if what.token is not None else ""
        known = next((one.address for one in engine.state.exports() if one.fingerprint == held), None)
        if known is not None:
            say(f"{path} holds the token of {known}")
    return await engine.plan_revoke_sought(what, contexts, wait=wait)


async def _users(engine: Engine, plan: Plan) -> dict[str, Any]:
    """Who uses the credential, and who runs as its account: two things, of which only the first ends here."""
    from tui.issuance import user_said

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
