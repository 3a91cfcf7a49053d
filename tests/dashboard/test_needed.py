"""What needs somebody: walked and opened by keys and mouse, the alike told as one, what is other than last time."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from textual import events
from textual.pilot import Pilot
from textual.screen import Screen

from tests.dashboard.by_hand import NOW, Made, app, at_rest, fill, issued, stopped
from tui.app import KubemintApp
from tui.fleet.fleet import Fleet
from tui.fleet.rows import ClusterRow, Reach, Row
from tui.issuance.model.kinds import CredentialKind
from tui.issuance.records.state import StateStore
from tui.kube.kubeconfig import parse
from tui.screens.areas.attention import Notice
from tui.screens.areas.overview import Overview
from tui.screens.areas.since import LastTime
from tui.screens.dialogs.confirm import ConfirmScreen
from tui.screens.dialogs.foresee import ForeseeScreen
from tui.screens.pages.detail import DetailScreen
from tui.screens.shell.main import MainScreen
from tui.screens.shell.memory import Memory, read, write
from tui.widgets.empty_hints import key_at
from tui.widgets.keystrokes import AT_ONCE
from tui.widgets.notices import Notices
from tui.widgets.top_bar import TopBar

__all__ = ["app", "stopped"]


def main(pilot: Pilot[Any]) -> MainScreen:
    screen = pilot.app.screen_stack[0]
    assert isinstance(screen, MainScreen)
    return screen


def needed(pilot: Pilot[Any]) -> list[Notice]:
    return main(pilot).query_one(Overview).found.notices


def panel(pilot: Pilot[Any]) -> Notices:
    return main(pilot).query_one(Notices)


def text(pilot: Pilot[Any]) -> str:
    return "\n".join(strip.text for strip in pilot.app.screen._compositor.render_strips())


def under(pilot: Pilot[Any]) -> Any:
    """The row under the cursor of the list."""
    row = main(pilot).pane.table.row
    assert row is not None
    return row


def in_front(pilot: Pilot[Any], kind: type[Screen[Any]]) -> bool:
    return isinstance(pilot.app.screen, kind)


async def shows(pilot: Pilot[Any], words: str) -> str:
    """Wait until the terminal shows these words, and hand back what it shows then."""
    for _ in range(100):
        if words in (shown := text(pilot)):
            return shown
        await pilot.pause(0.05)
    raise AssertionError(f"{words!r}: {text(pilot)}")


async def press(pilot: Pilot[Any], *keys: str) -> None:
    for key in keys:
        await pilot.press(key)
        await at_rest(pilot)


async def to(pilot: Pilot[Any], who: str) -> None:
    """Walk to the line of this name, from the first one."""
    at = next(index for index, one in enumerate(needed(pilot)) if one.who == who)
    await press(pilot, "g", *["j"] * at)
    line = panel(pilot).line
    assert line is not None
    assert line.who == who


def endless(number: int) -> list[Row]:
    return [issued(CredentialKind.LEGACY, "harbor", "ci", f"old-{index}", left=None) for index in range(number)]


async def test_every_line_is_reached_and_the_last_says_how_many_more_there_are(app: Made) -> None:
    application = app("dark")
    async with application.run_test(size=(80, 24)) as pilot:
        await at_rest(pilot)
        everything = needed(pilot)
        assert f"and {len(everything) - 3} more" in text(pilot)
        await press(pilot, "tab")
        assert panel(pilot).has_focus
        assert main(pilot).chosen() == [], "keys that act need rows that are seen"
        for number, notice in enumerate(everything, 1):
            line = panel(pilot).line
            assert line is not None
            assert line.key == notice.key
            assert f"{number} of {len(everything)}" in text(pilot)
            assert notice.why[:12] in text(pilot), "the line under the cursor is always seen"
            await press(pilot, "j")
        assert " more" not in text(pilot)
        await press(pilot, "escape")
        assert main(pilot).pane.table.has_focus


async def test_enter_goes_to_the_row_and_offers_what_mends_it(app: Made) -> None:
    async with app("dark").run_test(size=(120, 35)) as pilot:
        await press(pilot, "tab")
        await to(pilot, "gone-kubeconfig")
        await press(pilot, "enter")
        assert in_front(pilot, ForeseeScreen), "what a rotation would do, before anything is done"
        await press(pilot, "escape")
        assert main(pilot).pane.id == "credentials"
        assert under(pilot).name == "gone-kubeconfig"
        assert "gone-kubeconfig › credentials" in text(pilot)
        await press(pilot, "escape")
        assert panel(pilot).has_focus
        line = panel(pilot).line
        assert line is not None
        assert line.who == "gone-kubeconfig", "esc leads back to the line"

        await to(pilot, "frontend-kubeconfig")
        await press(pilot, "enter")
        assert in_front(pilot, DetailScreen), "nothing here mends that a server grants less"
        await press(pilot, "escape", "escape")


async def test_a_cluster_is_connected_anew_with_its_login_named(app: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(KubemintApp, "reconnect", lambda self, cluster: asked.append(cluster))
    async with app("dark").run_test(size=(120, 35)) as pilot:
        await press(pilot, "tab")
        await to(pilot, "vault")
        await press(pilot, "enter")
        assert asked == ["vault"]
        assert main(pilot).pane.id == "clusters"
        assert under(pilot).name == "vault"
        assert any("vault-login" in note.message for note in pilot.app._notifications)


async def test_what_is_alike_is_one_line_with_a_count_and_opens_all_of_them(app: Made) -> None:
    application = app("dark")
    async with application.run_test(size=(120, 35)) as pilot:
        application.session.store.put(*endless(3))
        await at_rest(pilot)
        alike = [notice for notice in needed(pilot) if notice.sign.word == "never"]
        assert [(notice.who, len(notice.rows)) for notice in alike] == [("4 in harbor", 4)]
        assert alike[0].why == "never expires: ci-bot-token, old-0, old-1, old-2"
        await press(pilot, "tab")
        await to(pilot, "4 in harbor")
        await press(pilot, "enter")
        assert in_front(pilot, ConfirmScreen), "many are never changed unasked"
        assert "Revoke 4" in text(pilot)
        await press(pilot, "escape")
        table = main(pilot).pane.table
        assert len(table.rows) == 4
        assert len(table.marked_shown) == 4
        assert "4 of 9 credentials" not in text(pilot)
        await press(pilot, "escape", "escape")
        assert panel(pilot).has_focus
        await press(pilot, "5")
        assert len(main(pilot).pane.table.rows) > 4


async def test_two_of_one_name_say_their_clusters(app: Made) -> None:
    application = app("dark")
    async with application.run_test(size=(120, 35)) as pilot:
        for cluster in ("harbor", "tenant-a"):
            row = issued(CredentialKind.SECRET, cluster, "ci", "twin", left=timedelta(minutes=2))
            application.session.store.put(row)
        await at_rest(pilot)
        assert {"twin (harbor)", "twin (tenant-a)"} <= {notice.who for notice in needed(pilot)}


async def test_two_clicks_open_a_line_and_the_wheel_only_looks(app: Made) -> None:
    async with app("dark").run_test(size=(80, 24)) as pilot:
        await at_rest(pilot)
        first = needed(pilot)[0]
        await pilot.click(panel(pilot), offset=(4, 2))
        line = panel(pilot).line
        assert line is not None
        assert line.key == needed(pilot)[1].key
        assert panel(pilot).has_focus
        await pilot._post_mouse_events([events.MouseScrollDown], panel(pilot), offset=(4, 2))
        await at_rest(pilot)
        assert first.who not in text(pilot).split("needs you")[1].split("LEFT")[0]
        assert panel(pilot).line == line
        await press(pilot, "g")
        third = needed(pilot)[2]
        await pilot.click(panel(pilot), offset=(4, 3), times=2)
        await pilot.pause()
        assert under(pilot).key == third.row.key


async def test_it_says_what_is_other_than_when_the_dashboard_was_last_open(stopped: None, tmp_path: Path) -> None:
    memory, state = tmp_path / "dashboard.json", StateStore.open(tmp_path / "state")

    def opened() -> tuple[KubemintApp, Fleet]:
        fleet = Fleet(parse(b""), state=state, clock=lambda: NOW)
        fill(fleet)
        return KubemintApp(fleet, clock=lambda: NOW, memory=memory, pace=AT_ONCE, start=False), fleet

    application, fleet = opened()
    async with application.run_test(size=(120, 35)) as pilot:
        await at_rest(pilot)
        assert "since" not in str(panel(pilot).border_subtitle), "there was no last time"
        assert not any(notice.new for notice in needed(pilot))
        application.exit()
    kept = read(memory).needed
    assert kept.at is not None
    assert "gone" not in memory.read_text(), "no name is kept"

    write(memory, Memory(needed=LastTime(at=NOW - timedelta(hours=9, minutes=2), rows=kept.rows)))
    application, fleet = opened()
    gone = next(row for row in fleet.store.credentials.values() if row.name == "gone-kubeconfig")
    fleet.store.put(
        issued(CredentialKind.SECRET, "tenant-a", "web", "gone-kubeconfig"),  # it was renewed
        issued(CredentialKind.SECRET, "harbor", "ci", "ended", left=timedelta(hours=-1)),
    )
    async with application.run_test(size=(120, 35)) as pilot:
        await at_rest(pilot)
        assert [notice.who for notice in needed(pilot) if notice.new] == ["ended"]
        assert "1 new, 1 mended since Tue 18:02" in str(panel(pilot).border_subtitle)
        await press(pilot, "tab")
        await to(pilot, "ended")
        assert "new · ended" in text(pilot)
        last = needed(pilot)[-1]
        assert (last.who, last.sign.word, last.rows[0].key) == ("gone-kubeconfig", "mended", gone.key)
        await press(pilot, "G", "enter")
        assert under(pilot).key == gone.key, "and it is gone to as well"
        application.exit()
    assert len(read(memory).needed.rows["tenant-a"]) < len(kept.rows["tenant-a"])

    # A cluster that is not known yet: what was known of it is kept, and nothing of it is mended.
    application, fleet = opened()
    fleet.store.drop(type(gone), *list(fleet.store.credentials))
    fleet.store.put(ClusterRow(name="harbor", reach=Reach.CONNECTING))
    before = read(memory).needed.rows["harbor"]
    async with application.run_test(size=(120, 35)) as pilot:
        await at_rest(pilot)
        assert not any(notice.sign.word == "mended" and notice.row.name == "ended" for notice in needed(pilot))
        application.exit()
    assert read(memory).needed.rows["harbor"].items() >= before.items()
    state.close()


async def test_the_header_leads_to_what_it_tells_of(app: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    application = app("dark")
    async with application.run_test(size=(120, 35)) as pilot:
        await press(pilot, "5")

        async def click(words: str) -> None:
            line = (await shows(pilot, words)).splitlines()[0]
            await pilot.click(offset=(line.index(words) + 1, 0))
            await at_rest(pilot)

        await click("! 3 alerts")
        assert main(pilot).pane.id == "overview"
        assert panel(pilot).has_focus
        await click("5 clusters")
        assert main(pilot).pane.id == "clusters"
        monkeypatch.setattr(main(pilot), "_show_time_status", lambda: None)
        main(pilot).query_one(TopBar).loop = "on, next in 5m"
        await at_rest(pilot)
        await click("↻")
        assert main(pilot).pane.id == "activity"
        await click("! clock")
        assert main(pilot).pane.id == "clusters"


def test_a_hint_names_its_key_and_what_is_said_by_a_cluster_names_none() -> None:
    said = "R tries again now, d shows details, esc goes back"
    assert [key_at(said, said.index(word)) for word in ("tries", "shows", "goes")] == ["R", "d", "escape"]
    assert key_at(said, len(said) + 3) == ""
    assert key_at("a token was refused", 4) == ""


async def test_the_hint_of_an_empty_list_is_clicked(app: Made) -> None:
    application = app("dark")
    async with application.run_test(size=(120, 35)) as pilot:
        await press(pilot, "5", "slash", *"nothing-so-called", "enter")
        assert not len(main(pilot).pane.table.rows)
        lines = text(pilot).splitlines()
        y = next(number for number, line in enumerate(lines) if "esc clears the filter" in line)
        await pilot.click(offset=(lines[y].index("clears"), y))
        await at_rest(pilot)
        assert len(main(pilot).pane.table.rows) == 7
        assert main(pilot).pane.text == ""


async def test_the_overview_counts_the_very_rows_that_its_list_shows(
    app: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    application = app("dark")
    async with application.run_test(size=(120, 35)) as pilot:
        await at_rest(pilot)
        assert "2 valid" in text(pilot)
        overview = main(pilot).query_one(Overview)
        monkeypatch.setattr(overview, "look", lambda: None)  # only once a second; the list does not wait for it
        store = application.session.store
        for number in range(1, 4):
            store.put(issued(CredentialKind.SECRET, "harbor", "ci", f"more-{number}"))
            await shows(pilot, f"more-{number}")
            await at_rest(pilot)
            shown = text(pilot)
            assert f"{2 + number} valid" in shown
            assert f"{7 + number} credentials" in shown
            assert f"5 Credentials {7 + number}" in shown
        # What time changes is counted at that moment too.
        monkeypatch.setattr(application.session, "clock", lambda: NOW + timedelta(minutes=3))
        await shows(pilot, "3 expired")
        store.put(ClusterRow(name="fjord", reach=Reach.CONNECTING))
        overview._counts.states.clear()
        await pilot.pause()
        assert "1 cluster still loading" in str(overview._health())
