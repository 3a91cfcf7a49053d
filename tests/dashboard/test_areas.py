"""Moving about by keys and mouse: areas, filter, drilling down and back, commands, help, themes."""

from __future__ import annotations

import re
from contextlib import closing
from pathlib import Path

import pytest
from textual.binding import Binding, BindingType
from textual.dom import DOMNode

from tests.dashboard.conftest import Open
from tui.app import KubemintApp
from tui.fleet.fleet import Fleet
from tui.fleet.rows import AccountRow, ClusterRow, CredentialRow, Reach, RequestRow
from tui.fleet.store import Area
from tui.issuance.families.dpf.listing import REQUEST
from tui.issuance.records.state import StateStore
from tui.kube.kubeconfig import parse
from tui.screens.acting.working import WorkingScreen
from tui.screens.areas.panes import ListPane, Scope, empty_lines
from tui.screens.dialogs.help import ELSEWHERE as HELP_ELSEWHERE, HelpScreen
from tui.screens.pages.detail import DetailScreen
from tui.screens.session import Session
from tui.screens.shell.main import AREAS, MainScreen
from tui.widgets.prompt import Prompt
from tui.widgets.table import FleetTable
from tui.widgets.themes import COLOUR_BLIND, LIGHT
from tui.widgets.top_bar import AreaTabs


@pytest.mark.parametrize("size", [(80, 24), (120, 35), (200, 50)])
async def test_every_area_opens_by_its_digit(dashboard: Open, size: tuple[int, int]) -> None:
    async with dashboard(size=size, only=["harbor", "tenant-a"]) as driver:
        for number, (area, title) in enumerate(AREAS, 1):
            await driver.press(str(number))
            assert driver.main.pane.id == area
            await driver.shows(title)
            assert driver.table.has_focus


async def test_overview_says_what_matters(dashboard: Open) -> None:
    async with dashboard() as driver:
        await driver.until(lambda: "▲ vault" in driver.text())
        await driver.shows("next hour", "needs you", "embedded fleet", "● 11 ready", "LEFT ▲", "harbor", "vault")
        await driver.press("T")
        await driver.shows("next day")


async def test_filter_is_live_and_counts(dashboard: Open) -> None:
    async with dashboard(only=["harbor", "tenant-a"]) as driver:
        await driver.press("3")
        everything = len(driver.table.rows)
        await driver.press("slash")
        await driver.type("prometheus")
        found = len(driver.table.rows)
        assert 0 < found < everything
        await driver.shows(f"{found} of {everything}")
        await driver.press("enter")
        assert driver.table.has_focus
        assert len(driver.table.rows) == found
        await driver.press("escape")
        assert len(driver.table.rows) == everything
        await driver.press("slash")
        await driver.type("!prometheus")
        assert len(driver.table.rows) == everything - found
        await driver.press("escape")
        assert len(driver.table.rows) == everything


async def test_a_filter_that_finds_nothing_says_how_to_go_on(dashboard: Open) -> None:
    async with dashboard(only=["harbor"]) as driver:
        await driver.find("5", "zzzz")
        await driver.shows("No credential matches /zzzz")
        await driver.shows("esc clears the filter")


async def test_drilling_down_and_back(dashboard: Open) -> None:
    async with dashboard(only=["harbor", "tenant-a", "tenant-b"]) as driver:
        await driver.find("2", "tenant-b kubeconfig")
        cluster = driver.table.row
        assert isinstance(cluster, ClusterRow)
        await driver.press("enter")
        assert driver.main.pane.id == "credentials"
        await driver.press("left_square_bracket", "left_square_bracket")
        assert driver.main.pane.id == "accounts"
        accounts = [driver.table.rows[index] for index in range(len(driver.table.rows))]
        assert accounts
        assert {row.cluster for row in accounts} == {cluster.name}
        await driver.press("down", "down")
        account = driver.table.row
        assert isinstance(account, AccountRow)
        await driver.press("enter")
        assert driver.main.pane.id == "credentials"
        for index in range(len(driver.table.rows)):
            assert driver.table.rows[index].credential.identity == account.identity
        await driver.shows(f"Clusters › {cluster.name} › {account.identity.namespace}/{account.identity.name}")
        await driver.press("escape")
        assert driver.main.pane.id == "accounts"
        assert driver.table.row == account
        await driver.press("escape")
        assert driver.main.pane.id == "clusters"
        assert isinstance(driver.table.row, ClusterRow)
        assert driver.table.row.name == cluster.name


async def test_a_cluster_that_does_not_answer_is_no_dead_end(dashboard: Open) -> None:
    async with dashboard(only=["vault", "tenant-a"]) as driver:
        await driver.until(lambda: driver.app.session.store.clusters["vault"].reach.value == "needs login")
        await driver.find("2", "vault")
        await driver.press("enter")
        why = ("The cluster does not answer", "No cluster answers yet")
        await driver.until(lambda: any(words in driver.text() for words in why))
        await driver.shows("needs login")
        await driver.press("escape", "d")
        await driver.on(DetailScreen)
        await driver.shows("what to do")


async def test_request_details(dashboard: Open) -> None:
    async with dashboard(only=["harbor"]) as driver:
        await driver.find("4", "camera-hub")
        assert isinstance(driver.table.row, RequestRow)
        await driver.press("enter")
        await driver.on(DetailScreen)
        await driver.shows("conditions", "ServiceAccountReconciled", "expires", "renews", "target", "secret")
        await driver.press("escape")
        assert driver.app.screen is driver.main


def test_an_absent_kind_is_said_honestly(tmp_path: Path) -> None:
    with closing(StateStore.open(tmp_path / "state")) as state:
        session = Session()
        session.open(Fleet(parse(b""), state=state))
        session.store.put(ClusterRow(name="tenant-a", reach=Reach.READY, lacks=(REQUEST.title,)))
        said = [cell.text for cell in empty_lines(Area.REQUESTS, Scope(), 0, session)]
        assert "No DPUServiceCredentialRequest kind on tenant-a: DPF is not installed there." in said


async def test_commands(dashboard: Open) -> None:
    async with dashboard(only=["harbor", "tenant-a"]) as driver:
        await driver.press("colon")
        await driver.type("cred")
        await driver.press("enter")
        assert driver.main.pane.id == "credentials"
        await driver.press("colon")
        await driver.type("tenant-a")
        await driver.press("enter")
        pane = driver.main.pane
        assert isinstance(pane, ListPane)
        assert (pane.id, pane.scope.cluster) == ("credentials", "tenant-a")
        await driver.press("colon")
        await driver.type("light")
        await driver.press("enter")
        assert driver.app.theme == LIGHT
        await driver.press("t")
        assert driver.app.theme == COLOUR_BLIND
        await driver.press("colon")
        await driver.type("nonsense")
        await driver.press("enter")
        await driver.until(lambda: "there is no command" in driver.text())
        await driver.press("colon")
        await driver.type("q")
        await driver.press("enter")
        await driver.until(lambda: not driver.app.is_running or driver.app._exit)


async def test_help_is_about_what_is_focused(dashboard: Open) -> None:
    async with dashboard(only=["harbor"]) as driver:
        await driver.press("5", "question_mark")
        await driver.on(HelpScreen)
        await driver.shows("GRANTED / ASKED")
        await driver.press("escape")
        assert driver.app.screen is driver.main


async def test_sorting_by_key_and_by_a_click(dashboard: Open) -> None:
    async with dashboard(only=["harbor", "tenant-a"]) as driver:
        await driver.press("3")
        before = driver.table.sorted_by
        await driver.press("s")
        assert driver.table.sorted_by != before
        await driver.press("S")
        assert driver.table.reverse
        await driver.pilot.click(driver.table, offset=(4, 0))
        assert driver.table.sorted_by == "name"
        names = [driver.table.rows[index].identity.name for index in range(len(driver.table.rows))]
        assert names == sorted(names)
        await driver.shows("ACCOUNT ▲")


async def test_the_mouse_moves_marks_opens_and_changes_the_area(dashboard: Open) -> None:
    async with dashboard(only=["harbor"]) as driver:
        await driver.press("5")
        await driver.pilot.click(driver.table, offset=(20, 3))
        assert driver.table.cursor == 2
        await driver.pilot.click(driver.table, offset=(1, 4))
        assert driver.table.marked == [driver.table.rows.key_at(3)]
        await driver.shows("1 marked")
        await driver.pilot.click(driver.main.query_one(AreaTabs), offset=(18, 0))
        await driver.settle()
        assert driver.main.pane.id == "clusters"
        await driver.pilot.click(driver.table, offset=(5, 1), times=2)
        await driver.settle()
        assert driver.main.pane.id == "credentials"


async def test_the_cursor_stays_on_its_row_when_others_come(dashboard: Open) -> None:
    async with dashboard(only=["harbor"]) as driver:
        await driver.press("5", "down", "down")
        row = driver.table.row
        assert isinstance(row, CredentialRow)
        await driver.press("s", "s", "s")
        assert isinstance(driver.table.row, CredentialRow)
        assert driver.table.row.key == row.key


async def test_the_prompt_leaves_by_escape(dashboard: Open) -> None:
    async with dashboard(only=["harbor"]) as driver:
        await driver.press("colon", "r", "escape")
        assert not driver.main.query_one(Prompt).display
        assert driver.table.has_focus


def test_the_page_of_keys_and_the_keys_agree() -> None:
    page = (Path(__file__).parents[2] / "docs" / "dashboard.md").read_text(encoding="utf-8")
    table = page.split("# The dashboard", 1)[1].split("\n\n![", 1)[0]
    said = set(re.findall(r"`([^`]+)`", table)) - {"…", "!"}
    said |= {str(number) for number in range(1, 7)} if "`1` … `6`" in table else set()
    known = {_shown.get(key, key) for kind in (MainScreen, FleetTable, KubemintApp) for key in _keys_of(kind)}
    assert said - known - {"ctrl+p"} == set(), "the page names keys that do nothing"
    acting = {_shown.get(key, key) for binding in WorkingScreen.BINDINGS for key in _parts(binding)}
    elsewhere = "".join(key for key, _ in HELP_ELSEWHERE)
    for key in acting - said:
        assert key in {"c", "R"}, f"the page does not name {key}"
    for key in ("/", ":", "s", "S", "space", "M", "T", "t"):
        assert key in elsewhere
        assert key in known


_shown = {"slash": "/", "colon": ":", "comma": ",", "question_mark": "?", "escape": "esc", "dollar_sign": "$",
          "minus": "-", "plus": "+", "left_square_bracket": "[", "right_square_bracket": "]"}  # fmt: skip


def _parts(binding: BindingType) -> list[str]:
    assert isinstance(binding, Binding)
    return binding.key.split(",")


def _keys_of(kind: type[DOMNode]) -> set[str]:
    return {
        key for base in kind.__mro__ for binding in base.__dict__.get("BINDINGS", ())
        if isinstance(binding, Binding) for key in _parts(binding)
    }  # fmt: skip
