"""One tick of the countdowns over many rows: Textual's DataTable against the line-API table, in the same app."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from textual.app import App, ComposeResult
from textual.coordinate import Coordinate
from textual.widgets import DataTable

from tests.bench.measuring import Cost, Side
from tui.fleet.fields import OF_AREA, on_screen
from tui.fleet.query import Query
from tui.fleet.rows import CredentialRow
from tui.fleet.store import Area, FleetStore
from tui.issuance.model.kinds import CredentialKind
from tui.issuance.model.types import Address, Credential, State
from tui.widgets.table import FleetTable
from tui.widgets.themes import DARK, THEMES, stylesheets

CREDENTIALS = on_screen(OF_AREA[Area.CREDENTIALS])
NOW = datetime(2030, 1, 1, 12, 0, tzinfo=UTC)


class Both(App[None]):
    """Shows one of the two; the clock moves when it is told."""

    CSS_PATH = stylesheets()

    def __init__(self, rows: list[CredentialRow], *, ours: bool) -> None:
        super().__init__()
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = DARK
        self.at = NOW
        self.store = FleetStore(clock=lambda: self.at)
        self.store.put(*rows)
        self.listed = rows
        self.ours = ours

    def compose(self) -> ComposeResult:
        if self.ours:
            yield FleetTable(CREDENTIALS, now=lambda row: self.at)
        else:
            yield DataTable[str]()

    def on_mount(self) -> None:
        if self.ours:
            self.query_one(FleetTable).show(self.store.view(Area.CREDENTIALS, query=Query()), sorted_by="expires")
            return
        table = self.query_one(DataTable)
        table.add_columns(*(column.title for column in CREDENTIALS))
        for row in self.listed:
            table.add_row(*(column.cell(row, self.at).text for column in CREDENTIALS))

    def tick(self) -> None:
        """A second passes: what is visible and changed is shown anew."""
        self.at += timedelta(seconds=1)
        if self.ours:
            self.query_one(FleetTable).refresh()
            return
        table = self.query_one(DataTable)
        for number, row in enumerate(self.listed[:30]):
            table.update_cell_at(Coordinate(number, 0), CREDENTIALS[0].cell(row, self.at).text)


def rows_of(count: int) -> list[CredentialRow]:
    """Credentials that end one second after another, the first of them soon."""
    return [
        CredentialRow(
            cluster="harbor",
            namespace="default",
            name=f"robot-{number}",
            credential=Credential(
                address=Address(CredentialKind.SECRET, "harbor", "default", f"robot-{number}"),
                issued_at=NOW,
                expires_at=NOW + timedelta(seconds=30 + number),
                granted=timedelta(hours=1),
                requested=timedelta(hours=1),
                kept_in=f"Secret default/robot-{number}",
                state=State.VALID,
            ),
        )
        for number in range(count)
    ]


def ticks(count: int, *, ticks: int = 20) -> Mapping[str, Side]:
    """The CPU of `ticks` ticks, after everything is loaded and drawn."""
    rows = rows_of(count)

    def side(ours: bool) -> Side:
        async def run() -> Cost:
            app = Both(rows, ours=ours)
            async with app.run_test(size=(120, 35)) as pilot:
                await pilot.pause()
                begun, used = time.perf_counter(), time.process_time()
                for _ in range(ticks):
                    app.tick()
                    await pilot.pause()
                return Cost((time.perf_counter() - begun) / ticks, (time.process_time() - used) / ticks)

        return lambda: asyncio.run(run())

    return {"line-API table": side(True), "DataTable": side(False)}
