"""`kubemint hygiene`: what is wrong with the credentials of the fleet and of this machine, and what to do about it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tui.issuance import Severity

from .exits import Ended, Exit
from .listing import chosen, troubles
from .options import Options, check_scope, scope_options, wait_option
from .output import output_option, print_fields, print_object
from .printing import say
from .session import open_fleet, setting, with_options

if TYPE_CHECKING:
    from tui.issuance import HygieneReport


@click.command("hygiene")
@click.argument("paths", nargs=-1, metavar="[PATH]…", type=click.Path(exists=True, path_type=Path))
@scope_options
@click.option(
    "--fail-on",
    type=click.Choice([severity.value for severity in Severity]),
    help="Exit 4 if a finding is at least this severe.",
)
@wait_option
@output_option("table", "wide", "json", "yaml", "sarif", default="table")
@with_options
async def hygiene(
    options: Options,
    paths: tuple[Path, ...],
    namespace: str | None,
    fail_on: str | None,
    wait: str,
    form: str,
    **given: bool,
) -> None:
    """Find what is wrong with credentials, with the reason and what to do about it.

    It checks every credential and account of the fleet, Roles, bindings and pods, the kubeconfigs in use, the files
    that kubemint wrote, and each PATH (folders too). No Secret's data is read. What could not be read is listed on
    stderr. The exit code is 0 whatever is found. With --fail-on it is 4 if a finding is at least that severe, and else
    3 if a cluster that was asked did not answer, or not completely. SARIF is for code scanning.
    """
    from tui.fleet.hygiene import check
    from tui.fleet.store import Area
    from tui.issuance import parse_duration

    check_scope(options, namespace, given)
    limit, seconds = Severity(fail_on) if fail_on else None, parse_duration(wait).total_seconds()
    areas, contexts = {Area.CREDENTIALS, Area.ACCOUNTS}, options.contexts
    async with (
        setting(options, needed=not paths) as place,
        open_fleet(place, areas=areas, namespace=namespace) as fleet,
    ):
        answered = await fleet.settled(seconds)
        code = troubles(fleet, Area.CREDENTIALS, contexts, answered=answered, whole=limit is not None)
        report = await check(
            fleet,
            credentials=chosen(fleet, Area.CREDENTIALS, contexts, namespace),
            accounts=chosen(fleet, Area.ACCOUNTS, contexts, namespace),
            config=place.config,
            paths=paths,
            namespace=namespace,
        )
    _print(report, form)
    if limit is not None and any(finding.severity.at_least(limit) for finding in report.findings):
        raise Ended(Exit.FOUND)
    if code is not Exit.DONE:
        raise Ended(code)


def _print(report: HygieneReport, form: str) -> None:
    from tui import __version__
    from tui.fleet.fields import in_list
    from tui.fleet.fields.findings import FIELDS
    from tui.issuance import record_report, sarif

    if form == "sarif":
        print_object(sarif(report, __version__, base=Path.cwd()), "json")
    elif form in ("json", "yaml"):
        print_object(record_report(report), form)
    else:
        at = report.checked_at
        print_fields(in_list(FIELDS, wide=form == "wide"), report.findings, lambda finding: at)
    for gap in report.gaps:
        say(f"kubemint: not looked at: {gap}")
    counts = ", ".join(f"{count} {severity.value}" for severity, count in report.counts().items() if count)
    say(
        f"{len(report.findings) or 'no'} findings" + (f" ({counts})" if counts else "")
        + f" in {report.credentials} credentials, {report.accounts} accounts, {report.files} files"
        + ("; -o wide shows what to do" if report.findings and form == "table" else "")
    )  # fmt: skip
