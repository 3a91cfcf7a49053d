"""What is written out of the dashboard: copies of credentials, each with its preview, or many at once."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from tui.actions.asking import place_said
from tui.actions.fitting import address_of
from tui.actions.lines import default_path
from tui.fleet.names import short_address
from tui.fleet.query import cluster_of
from tui.fleet.rows import CredentialRow, RequestRow
from tui.issuance.types import Credential, FileDestination

from . import saving, work
from .intended import Intended

if TYPE_CHECKING:
    from tui.issuance.journal import JournalEntry

    from .export import ExportWish
    from .export_journal import JournalWish
    from .working import WorkingScreen


class Journal(Protocol):
    """What is shown of the journal: of the newest `limit` entries those that the filter `text` finds, oldest first."""

    text: str

    @property
    def shown(self) -> list[JournalEntry]: ...
    @property
    def limit(self) -> int | None: ...


def export_journal(screen: WorkingScreen) -> None:
    """Ask where to, and write what is shown of the journal."""
    from .export_journal import ExportJournalScreen

    journal = screen.journal()
    if journal is None:
        return

    entries = journal.shown

    def chosen(wish: JournalWish | None) -> None:
        if wish is not None:
            screen.begin("export", [saving.save_journal(entries, wish.path, replace=wish.replace)])

    path = screen.kubemint.export_folder / "journal.jsonl"
    screen.app.push_screen(
        ExportJournalScreen(path, shown=len(entries), text=journal.text, limit=journal.limit), chosen
    )


def export(screen: WorkingScreen) -> None:
    """Ask where to, with a preview; of many rows only whether, each to a file of its own."""
    rows = [row for row in screen.chosen() if isinstance(row, CredentialRow | RequestRow)]
    if len(rows) == 1:
        if rows[0].credential is not None:
            _one(screen, rows[0].credential, cluster_of(rows[0]))
    else:
        _many(screen, rows)


def _one(screen: WorkingScreen, credential: Credential, cluster: str) -> None:
    from .export import ExportScreen

    session, engine, address = screen.session, screen.session.engine, credential.address

    dialog = ExportScreen(
        credential,
        folder=screen.kubemint.export_folder,
        clusters=screen.writable_clusters(cluster),
        look=lambda wish: engine.preview_export(address, wish.destination, wish.format),
        why_not=session.why_read_only,
    )

    def made(wish: ExportWish) -> None:
        words = {"force": wish.force, "other_server": wish.other_server}
        screen.begin("export", [work.export(session, address, wish.destination, wish.format, **words)])

    def intended(wish: ExportWish) -> Intended:
        title = f"{short_address(str(address))} → {place_said(wish.destination)}"
        plan = partial(
            engine.plan_export,
            address,
            wish.destination,
            wish.format,
            force=wish.force,
            other_server=wish.other_server,
        )
        return Intended(title, plan)

    screen.ask(dialog, "export", made, intended)


def _many(screen: WorkingScreen, rows: list[CredentialRow | RequestRow]) -> None:
    from .confirm import ConfirmScreen

    folder = screen.kubemint.export_folder
    pairs = own_files(folder, rows)

    def sure(yes: bool | None) -> None:
        if yes:
            tasks = [
                work.export(screen.session, address, FileDestination(str(path)))
                for row, path in pairs
                if (address := address_of(row)) is not None
            ]
            screen.begin("export", tasks)

    body = [f"Each of the {len(pairs)} marked credentials is written to a file of its own:", ""]
    body += [path.name for _, path in pairs[:8]] + (["…"] if len(pairs) > 8 else []) + ["", f"in {folder}"]
    body += screen.left_alone()
    screen.app.push_screen(ConfirmScreen(f"Export {len(pairs)} credentials", body, verb="Export"), sure)


def own_files(
    folder: Path, rows: Sequence[CredentialRow | RequestRow]
) -> list[tuple[CredentialRow | RequestRow, Path]]:
    """Where each row that has a credential is written to; no two share a file."""
    taken: set[str] = set()
    pairs: list[tuple[CredentialRow | RequestRow, Path]] = []
    for row in rows:
        if row.credential is None:
            continue
        wanted = default_path(folder, row)
        name, number = wanted.name, 2
        while name in taken:
            name, number = f"{wanted.stem}-{number}{wanted.suffix}", number + 1
        taken.add(name)
        pairs.append((row, folder / name))
    return pairs
