"""`kubemint journal`: what was done on this machine, and whether the record is whole."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tui.issuance import UsageError
from tui.kube.home import expanded

from . import folders, printing
from .exits import Ended, Exit, complain
from .options import Options
from .output import list_of, object_text, output_option, print_fields, print_list
from .printing import say
from .session import refuse_read_only, with_options

if TYPE_CHECKING:
    from tui.issuance import JournalEntry


@click.command("journal")
@click.option("--verify", "check", is_flag=True, help="Check the hash chain; exit 1 if an entry was changed or lost.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Only the last N entries.")
@click.option(
    "--filter", "text", metavar="TEXT", default="", help="Of these, only what this filter finds, as in the dashboard."
)
@folders.parents_option
@click.option(
    "--out", metavar="PATH", callback=folders.out,
    help="Write it to this file (0600) as -o says: jsonl, csv, json or yaml.",
)  # fmt: skip
@click.option("--force", is_flag=True, help="With --out: replace an existing file; a backup is kept beside it.")
@output_option("table", "wide", "json", "yaml", "jsonl", "csv", default="table")
@with_options
def journal(
    options: Options, check: bool, limit: int | None, text: str, out: str | None, force: bool, form: str
) -> None:
    """Show what was done on this machine, oldest first. It never holds a credential, only where it is kept.

    --verify finds entries that were changed or removed, including the newest and all of them: journal.anchor beside
    state.db knows how many there were. Whoever may write both files can make them match; a hash that --verify printed
    and that you kept elsewhere shows that as well.

    --filter takes words that must all match: rotate !prove state:failed address-of-something.
    """
    from tui.fleet.fields import JOURNAL, in_list
    from tui.fleet.filter import wrong
    from tui.fleet.journal_filter import found
    from tui.issuance import ANCHOR_NAME, JournalAnchor, StateStore, default_folder, left_behind_in_journal

    if text and (why := wrong(text, JOURNAL)):
        raise UsageError(f"--filter {text!r}: {why}")
    if out is None and force:
        raise click.UsageError("--force needs --out")
    if out is not None and (form in ("table", "wide") or check):
        raise click.UsageError("--out needs -o jsonl, csv, json or yaml, and no --verify")
    if out is not None:
        refuse_read_only(options, "journal --out")
    if options.demo:
        say("each embedded fleet begins with an empty journal")
        return
    if not (default_folder() / "state.db").exists():
        gone = left_behind_in_journal(JournalAnchor(default_folder()).marks()) if check else ""
        if gone:
            complain(f"the journal is broken: {gone}")
            raise Ended(Exit.FAILED)
        if form in ("json", "yaml"):
            print_list("JournalEntryList", [], form)
        say("nothing was done on this machine yet")
        return
    state = StateStore.open()
    for said in state.said:
        complain(*said)
    try:
        entries = found(state.entries(limit), text)
        report = state.verify_chain() if check else None
    finally:
        state.close()
    if out is not None:
        printing.line(write(out, _text(entries, form), force=force))
    elif form in ("jsonl", "csv", "json", "yaml"):
        printing.document(_text(entries, form))
    elif report is None:
        print_fields(in_list(JOURNAL, wide=form == "wide"), entries, lambda entry: entry.at)
    if report is None:
        return
    if not report.ok:
        complain(f"the journal is broken at entry {report.broken_at}: {report.message}")
        raise Ended(Exit.FAILED)
    behind = f", of which {ANCHOR_NAME} does not know the last {report.unanchored}" if report.unanchored else ""
    say(f"the journal is intact: {report.entries} entries{behind}; the newest is {report.head}")


def _text(entries: Sequence[JournalEntry], form: str) -> str:
    from tui.fleet.fields import JOURNAL, record
    from tui.issuance import journal_csv, journal_json_lines

    if form in ("jsonl", "csv"):
        return journal_json_lines(entries) if form == "jsonl" else journal_csv(entries)
    return object_text(list_of("JournalEntryList", [record(JOURNAL, entry, entry.at) for entry in entries]), form)


def write(out: str, text: str, *, force: bool) -> Path:
    """Write a text to a file of its own (0600), and say what became of what was there. Raises FileError."""
    from tui.issuance import write_file
    from tui.kube.sensitive import Sensitive

    path = expanded(out).absolute()
    written = write_file(path, Sensitive(text), force=force)
    if written.kept is not None:
        say(f"note: what was there is in {written.kept}")
    return path
