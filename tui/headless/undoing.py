"""`kubemint undo`: back to what the last rotation replaced, while that still lives."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from tui.issuance.grace_length import GraceWish
from tui.issuance.types import Address

from .acting import Progress, acting_options, address_of, carry_out, finish, grace_wish, print_plans, wait_for_grace
from .completion import addresses as complete_addresses
from .options import Options, shared_options
from .session import refuse_read_only, run_async, setting


@click.command("undo")
@click.argument("address", metavar="ADDRESS", shell_complete=complete_addresses)
@click.option(
    "--from",
    "given",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A file that still holds the old token, such as a backup.",
)
@acting_options
@shared_options
@click.pass_obj
def undo(
    options: Options,
    /,
    address: str,
    given: Path | None,
    dry_run: bool,
    grace: str,
    no_wait: bool,
    quiet: bool,
    form: str,
    **others: Any,
) -> None:
    """Put the old credential back into every place, during the grace period of its rotation.

    The old one is proved first, and the newer one is revoked last. Tokens are kept nowhere but where they are used, so
    this command can only go back to one that a file still holds: a copy that kubemint wrote and the rotation did not
    reach, or the one named with --from. The dashboard remembers what it replaced itself; there it is the key u.
    """
    options = options.merged(others)
    if not dry_run:
        refuse_read_only(options, "undo")
    run_async(
        _undo(options, address_of(address), given, grace_wish(grace),
              dry_run=dry_run, wait=not no_wait, quiet=quiet, form=form)
    )  # fmt: skip


async def _undo(
    options: Options, address: Address, given: Path | None, grace: GraceWish, *,
    dry_run: bool, wait: bool, quiet: bool, form: str,
) -> None:  # fmt: skip
    from .reaching import open_engine

    async with setting(options) as place, open_engine(place, grace=grace, acting=not dry_run) as engine:
        plan = await engine.plan_undo(address, given=given)
        if dry_run:
            print_plans([plan], form)
            return
        progress = Progress(quiet=quiet)
        outcome = await carry_out(engine, plan, progress)
        outcomes = await wait_for_grace(engine, [outcome], progress, wait=wait, which="newer")
    finish(outcomes, form)
