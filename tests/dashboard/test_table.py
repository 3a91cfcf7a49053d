"""The line-API table by itself: widths, cursor, marks, its one timer, and many rows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from time import perf_counter
from typing import Any

import msgspec
import pytest
from textual.app import App, ComposeResult

from tui.fleet.fields import Cell, Field, on_screen
from tui.fleet.fields.credentials import FIELDS as CREDENTIALS
from tui.fleet.fields.lifetimes import due_by
from tui.fleet.fields.requests import FIELDS as REQUESTS
from tui.fleet.query import Query
from tui.fleet.rows import CredentialRow
from tui.fleet.store import Area, FleetStore
from tui.headless.sorting import Sort
from tui.issuance.model.kinds import CredentialKind
from tui.issuance.model.types import Address, Credential, State
from tui.widgets.columns import cut, fit
from tui.widgets.table import FleetTable
from tui.widgets.themes import DARK, THEMES, stylesheets

NOW = datetime(2030, 1, 1, 12, 0, tzinfo=UTC)


class Clock:
    """A clock that only moves when it is told."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self, row: object = None) -> datetime:
        return self.now


def credential(name: str, left: timedelta | None) -> CredentialRow:
    expires = None if left is None else NOW + left
    return CredentialRow(
        cluster="harbor",
        namespace="default",
        name=name,
        credential=Credential(
            address=Address(CredentialKind.SECRET, "harbor", "default", name),
            issued_at=NOW - timedelta(hours=1),
            expires_at=expires,
            granted=timedelta(hours=1),
            requested=timedelta(hours=1),
            kept_in=f"Secret default/{name}",
            state=State.ENDLESS if expires is None else State.VALID,
        ),
    )


def under_the_cursor(host: Host) -> str:
    row = host.table.row
    assert row is not None
    return str(row.name)


def ticking(host: Host) -> bool:
    return host.table.ticking


class Host(App[None]):
    """A table over a store."""

    CSS_PATH = stylesheets()

    def __init__(self, rows: Sequence[CredentialRow], clock: Clock) -> None:
        super().__init__()
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = DARK
        self.store = FleetStore(clock=clock)
        self.store.put(*rows)
        self.clock = clock
        self.table = FleetTable(on_screen(CREDENTIALS), now=clock)
        self.opened: list[Any] = []

    def compose(self) -> ComposeResult:
        yield self.table

    def on_mount(self) -> None:
        self.show()
        self.table.focus()

    def show(self, **query: Any) -> None:
        view = self.store.view(Area.CREDENTIALS, query=Query(**query))
        self.table.show(view, sorted_by=query.get("sort", "expires"), reverse=query.get("reverse", False))

    def on_fleet_table_opened(self, event: FleetTable.Opened) -> None:
        self.opened.append(event.row)


def many(number: int) -> list[CredentialRow]:
    return [credential(f"robot-{index:05}", timedelta(minutes=20 + index)) for index in range(number)]


async def test_fifty_thousand_rows_stay_fast() -> None:
    host = Host(many(50_000), Clock())
    async with host.run_test(size=(120, 40)) as pilot:
        begun = perf_counter()
        for key in ("pagedown", "down", "G", "up", "g", "space", "pagedown"):
            await pilot.press(key)
        assert perf_counter() - begun < 20
        pictures = []
        for _ in range(20):
            begun = perf_counter()
            for y in range(40):
                host.table.render_line(y)
            pictures.append(perf_counter() - begun)
        assert min(pictures) < 0.1, "one whole picture, whatever else the machine does"
        assert host.table.virtual_size.height == 50_001


async def test_the_cursor_and_marks_follow_their_rows() -> None:
    host = Host(many(30), Clock())
    async with host.run_test(size=(120, 20)) as pilot:
        await pilot.press("down", "down", "space", "down")
        key = host.table.rows.key_at(host.table.cursor)
        marked = host.table.marked
        host.show(sort="expires", reverse=True)
        assert host.table.rows.key_at(host.table.cursor) == key
        assert host.table.marked == marked
        host.store.put(credential("aaa", timedelta(minutes=1)))
        host.show()
        assert host.table.rows.key_at(host.table.cursor) == key
        host.show(text="robot-00002")
        assert host.table.marked == marked


async def test_the_cursor_keeps_its_place_when_its_row_moves_or_ends() -> None:
    host = Host(many(60), Clock())
    async with host.run_test(size=(120, 20)) as pilot:
        await pilot.press("down")
        host.store.put(credential("robot-00001", timedelta(hours=9)))  # it was renewed
        host.show()
        assert (host.table.cursor, under_the_cursor(host), host.table.scroll_y) == (1, "robot-00002", 0)
        host.store.drop(CredentialRow, host.table.rows.key_at(1))
        host.show()
        assert (host.table.cursor, under_the_cursor(host), host.table.scroll_y) == (1, "robot-00003", 0)
        await pilot.press(*["down"] * 30)
        await pilot.pause()
        top, line = host.table.scroll_y, host.table.cursor - host.table.scroll_y
        assert top
        below = host.table.rows[host.table.cursor + 1].name
        host.store.put(credential(under_the_cursor(host), timedelta(minutes=1)))  # up it goes, all others down by one
        host.show()
        await pilot.pause()
        assert under_the_cursor(host) == below
        assert host.table.cursor - host.table.scroll_y == line, "on the same line of the screen"
        await pilot.press("end")
        host.store.drop(CredentialRow, host.table.rows.key_at(host.table.cursor))
        host.show()
        assert host.table.cursor == len(host.table.rows) - 1


async def test_the_cursor_goes_along_when_others_come_go_and_pass_its_row() -> None:
    host = Host(many(40), Clock())
    async with host.run_test(size=(120, 20)) as pilot:
        await pilot.press("down", "down")
        host.store.put(credential("aaa", timedelta(minutes=1)), credential("robot-00001", timedelta(hours=9)))
        host.store.put(credential("robot-00003", timedelta(hours=9)))
        host.show()
        assert under_the_cursor(host) == "robot-00002"
        host.store.put(*(credential(f"new-{index}", timedelta(minutes=2)) for index in range(5)))
        host.show()
        await pilot.pause()
        assert (under_the_cursor(host), host.table.scroll_y) == ("robot-00002", 0), "what is due first is not hidden"


async def test_what_is_due_above_is_counted_in_the_titles() -> None:
    host = Host([credential(f"gone-{index}", timedelta(minutes=-5)) for index in range(3)] + many(60), Clock())
    async with host.run_test(size=(120, 20)) as pilot:
        host.table.above.due = due_by(CREDENTIALS)
        assert "due above" not in host.table.render_line(0).text
        await pilot.press("end")
        await pilot.pause()
        assert host.table.render_line(0).text.rstrip().endswith("↑ 3 due above")
        assert host.table.render_line(0).cell_length == 120
        await pilot.press("home")
        await pilot.pause()
        assert "due above" not in host.table.render_line(0).text


async def test_untouched_it_shows_the_first_row() -> None:
    host = Host(many(5), Clock())
    async with host.run_test(size=(120, 20)):
        host.store.put(credential("aaa", timedelta(minutes=1)))
        host.show()
        assert under_the_cursor(host) == "aaa"


async def test_a_key_pins_the_row_it_was_meant_for() -> None:
    host = Host(many(5), Clock())
    async with host.run_test(size=(120, 20)) as pilot:
        await pilot.press("x")
        host.store.put(credential("aaa", timedelta(minutes=1)))
        host.show()
        assert under_the_cursor(host) == "robot-00000"


async def test_the_timer_sleeps_until_a_label_changes_and_not_at_all_when_hidden() -> None:
    clock = Clock()
    host = Host([credential("soon", timedelta(seconds=30.05)), credential("never", None)], clock)
    async with host.run_test(size=(120, 20)) as pilot:
        assert host.table.ticking
        before = host.table.ticks
        clock.now += timedelta(seconds=1)
        await pilot.pause(1.2)
        assert before < host.table.ticks <= before + 3
        assert "30s" in host.table.render_line(1).text
        host.table.display = False
        await pilot.pause(0.05)
        assert not ticking(host)
        host.table.display = True
        await pilot.pause(0.05)
        assert ticking(host)


async def test_nothing_ticks_where_nothing_changes() -> None:
    host = Host([credential("never", None)], Clock())
    async with host.run_test(size=(120, 20)):
        assert not host.table.ticking


async def test_the_countdown_is_computed_when_a_line_is_drawn() -> None:
    clock = Clock()
    host = Host([credential("robot", timedelta(minutes=5))], clock)
    async with host.run_test(size=(120, 20)):
        assert "5m 00s" in host.table.render_line(1).text
        clock.now += timedelta(seconds=90)
        assert "3m 30s" in host.table.render_line(1).text
        clock.now += timedelta(minutes=5)
        assert "expired" in host.table.render_line(1).text


@pytest.mark.parametrize("width", [60, 80, 120, 200])
async def test_the_name_is_shown_whole_on_every_terminal(width: int) -> None:
    host = Host([credential("a-name-of-some-length", timedelta(hours=1))], Clock())
    async with host.run_test(size=(width, 20)):
        line = host.table.render_line(1)
        assert "default/a-name-of-some-length" in line.text
        assert line.cell_length == host.table.size.width


def test_columns_that_do_not_fit_go_as_a_whole() -> None:
    def cell(row: Any, now: datetime) -> Cell:
        return Cell("")

    columns = [
        Field("name", "N", cell, least=10, tight=20, middle=True),
        Field("a", "A", cell, least=4, drop=1),
        Field("b", "B", cell, least=4, drop=2),
    ]
    assert [(column.id, size) for column, size in fit(columns, [30, 10, 10], 80)] == [
        ("name", 30),
        ("a", 10),
        ("b", 10),
    ]
    assert [column.id for column, _ in fit(columns, [30, 10, 10], 40)] == ["name", "a"]
    assert [column.id for column, _ in fit(columns, [30, 10, 10], 15)] == ["name"]
    for width in range(12, 90):
        shown = fit(columns, [30, 10, 10], width)
        assert sum(size for _, size in shown) + 2 * (len(shown) - 1) <= width


def test_a_narrow_list_of_requests_still_says_how_each_one_stands() -> None:
    """At 80 columns, with the demo's widths: state and readiness stay when kind and cluster have to go."""
    wanted = [8, 9, 36, 14, 23, 10, 10, 8, 20, 20, 30]
    assert [column.id for column, _ in fit(on_screen(REQUESTS), wanted, 74)][:3] == ["left", "state", "name"]


@pytest.mark.parametrize(
    ("text", "width", "middle", "expected"),
    [
        ("abc", 5, False, "abc  "),
        ("abcdefgh", 5, False, "abcd…"),
        ("namespace/name", 9, True, "name…name"),
        ("名前名前名前", 5, False, "名前…"),
        ("abc", 0, False, ""),
    ],
)
def test_cutting(text: str, width: int, middle: bool, expected: str) -> None:
    assert cut(text, width, middle=middle) == expected


def test_what_failed_or_has_ended_comes_first_and_then_what_ends_next() -> None:
    """And what was revoked stands with what has no end, whenever it would have ended."""

    def known(row: CredentialRow, state: State) -> CredentialRow:
        return msgspec.structs.replace(row, credential=msgspec.structs.replace(row.credential, state=state))

    store = FleetStore(clock=Clock())
    store.put(
        credential("later", timedelta(hours=1)),
        credential("next", timedelta(minutes=1)),
        credential("gone", timedelta(hours=-1)),
        credential("long-gone", timedelta(days=-90)),
        credential("never", None),
        known(credential("revoked", timedelta(minutes=-10)), State.REVOKED),
        known(credential("failing", timedelta(hours=5)), State.FAILED),
        known(credential("failing-long", None), State.FAILED),
    )
    view = store.view(Area.CREDENTIALS, query=Query())
    order = ["failing", "failing-long", "long-gone", "gone", "next", "later", "never", "revoked"]
    assert [row.name for row in view if isinstance(row, CredentialRow)] == order
    sort = Sort.of(Area.CREDENTIALS, "expires")
    assert [row.name for row in sort.sorted(list(view), lambda row: NOW) if isinstance(row, CredentialRow)] == order


def test_the_timer_of_an_empty_table_is_off() -> None:
    assert not FleetTable(on_screen(CREDENTIALS)).ticking
