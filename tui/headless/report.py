"""`kubemint report`: what exists, what ends, what is wrong and who can do what, on one page to print or to pass on."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from tui.issuance import IssuanceError
from tui.kube.errors import KubeError

from . import folders, printing
from .exits import Ended, Exit
from .journal import write
from .listing import chosen, troubles
from .options import Options, check_scope, scope_options, wait_option
from .output import API_VERSION, object_text
from .session import open_fleet, refuse_read_only, setting, with_options

if TYPE_CHECKING:
    from tui.fleet.fleet import Fleet
    from tui.fleet.report import Report
    from tui.issuance import Holder

_FORMS: Final = ("html", "md", "json")
_SUFFIXES: Final = {".html": "html", ".htm": "html", ".json": "json"}


@click.command("report")
@scope_options
@folders.parents_option
@click.option("--out", metavar="FILE", callback=folders.out, help="Write it to this file (0600).")
@click.option("--force", is_flag=True, help="With --out: replace an existing file; a backup is kept beside it.")
@wait_option
@click.option("-o", "--output", "form", type=click.Choice(_FORMS), help="Default: as FILE ends, else md.")
@with_options
async def report(
    options: Options,
    namespace: str | None,
    out: str | None,
    force: bool,
    wait: str,
    form: str | None,
    **given: bool,
) -> None:
    """Write one page of what exists, what ends in the next 30 days, what is wrong, and who can do what.

    What ends is counted by day and cluster; what is wrong is what hygiene finds; who can do what is the most dangerous
    first. As HTML it is one file that loads nothing and runs no script, to be read, printed or passed on. It never
    holds a credential; it holds names, and how well they are kept. Where a cluster did not answer, or not completely,
    that is said in it, and the exit code is 3.
    """
    from tui import __version__
    from tui.issuance import parse_duration

    if out is None and force:
        raise click.UsageError("--force needs --out")
    check_scope(options, namespace, given)
    if out is not None:
        refuse_read_only(options, "report --out")
    form = form or _SUFFIXES.get(Path(out or "").suffix.lower(), "md")
    made, code = await _made(options, namespace, parse_duration(wait).total_seconds())
    if form == "json":
        text = object_text({"apiVersion": API_VERSION, "kind": "Report", **made.document}, "json")
    else:
        from .report_text import html, markdown

        text = html(made, __version__) if form == "html" else markdown(made, __version__)
    if out is not None:
        printing.line(write(out, text, force=force))
    else:
        printing.document(text)
    if code is not Exit.DONE:
        raise Ended(code)


async def _made(options: Options, namespace: str | None, seconds: float) -> tuple[Report, Exit]:
    from tui.fleet.hygiene import check
    from tui.fleet.report import made
    from tui.fleet.store import Area

    areas, contexts = {Area.CREDENTIALS, Area.ACCOUNTS}, options.contexts
    async with setting(options) as place, open_fleet(place, areas=areas, namespace=namespace) as fleet:
        answered = await fleet.settled(seconds)
        code = troubles(fleet, Area.CREDENTIALS, contexts, answered=answered, whole=True)
        credentials = chosen(fleet, Area.CREDENTIALS, contexts, namespace)
        accounts = chosen(fleet, Area.ACCOUNTS, contexts, namespace)
        hygiene = await check(
            fleet, credentials=credentials, accounts=accounts, config=place.config, namespace=namespace
        )
        clusters = chosen(fleet, Area.CLUSTERS, contexts, None)
        holders, gaps = await _holders(fleet, namespace)

        def now(cluster: str) -> datetime:
            return datetime.now(UTC) + timedelta(seconds=fleet.skew(cluster) or 0)

        found = await asyncio.to_thread(made, clusters, credentials, accounts, hygiene, holders, gaps, now)
    return found, Exit.PARTLY if gaps and code is Exit.DONE else code


async def _holders(fleet: Fleet, namespace: str | None) -> tuple[list[Holder], Sequence[str]]:
    """Of each cluster that answers; what could not be read is said by name."""
    from tui.issuance import who_can

    names = sorted(row.name for row in fleet.store.clusters.values() if row.answers and not row.carried_by)

    async def one(name: str) -> tuple[list[Holder], list[str]]:
        try:
            holders, gaps = await who_can(await fleet.client(name), name, namespace)
        except (KubeError, IssuanceError) as error:
            return [], [f"{name}: {error}"]
        return holders, [f"{name}: {gap}" for gap in gaps]

    found = await asyncio.gather(*(one(name) for name in names))
    return [holder for holders, _ in found for holder in holders], [gap for _, gaps in found for gap in gaps]
