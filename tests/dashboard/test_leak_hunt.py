"""The leak hunt through the dashboard: after every step pictures, screens and files hold no token and no key."""

from __future__ import annotations

import base64
import contextlib
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
import yaml

from tests.dashboard.conftest import Driver, done
from tests.leaks import Find, Hunt, every_signed_token
from tui.app import KubemintApp
from tui.demo.running import FleetThread
from tui.fleet.fleet import Fleet
from tui.issuance.records.state import StateStore
from tui.kube.kubeconfig import load
from tui.screens.dialogs.reveal import RevealScreen
from tui.widgets.keystrokes import AT_ONCE

pytestmark = pytest.mark.timeout(300)
CLUSTER = "tenant-a"


class Watch:
    """Collects what the dashboard shows and writes; all of it is searched at the end, when every token is known."""

    def __init__(self, driver: Driver) -> None:
        self.driver = driver
        self.seen: list[tuple[str, bytes]] = []

    def look(self, where: str, *, screen: bool = True) -> None:
        """Keep a picture as people would save it, without its markup, and what the terminal shows."""
        picture = self.driver.app.export_screenshot()
        self.seen.append((f"picture of {where}", picture.encode()))
        self.seen.append((f"text in the picture of {where}", re.sub(r"<[^>]*>", "", picture).encode()))
        if screen:
            self.seen.append((f"screen of {where}", self.driver.text().encode()))


@pytest.fixture
def signed() -> Iterator[list[str]]:
    """Every token that any API server of this process signs from now on."""
    with every_signed_token() as tokens:
        yield tokens


def hunt_for(signed: list[str], kubeconfig: Path) -> Hunt:
    hunt = Hunt()
    for number, token in enumerate(signed):
        hunt.add(f"token {number}", token)
    for user in yaml.safe_load(kubeconfig.read_bytes())["users"]:
        if key := user["user"].get("client-key-data"):
            hunt.add(f"key of {user['name']}", base64.b64decode(key))
    return hunt


async def play(watch: Watch) -> None:
    """A day at the dashboard: every key that comes near material."""
    driver = watch.driver
    for area in "123456":
        await driver.press(area)
        watch.look(f"area {area}")
    await driver.find("3", "prometheus")
    await driver.press("n", "c")
    watch.look("the form")
    assert done(await driver.act("ctrl+s"))
    watch.look("issuing")
    await driver.press("escape")
    await driver.find("5", "prometheus-kubeconfig")
    assert done(await driver.act("r"))
    watch.look("rotating")
    await driver.press("escape")
    for key in "iyd":
        await driver.press(key)
        await driver.pilot.pause(0.5)
        watch.look(f"key {key}")
        await driver.press("escape")
    await driver.press("x")
    reveal = await driver.on(RevealScreen)
    await driver.until(lambda: reveal.revealed)
    watch.look("the revealed", screen=False)
    await driver.press("question_mark")  # something above it
    watch.look("help above the revealed", screen=False)
    while driver.app.screen is not reveal:
        await driver.press("escape")
    reveal._left = 0
    reveal._draw()
    await driver.pilot.pause(0.1)
    watch.look("the masked again")
    await driver.press("escape", "e")
    await driver.press("end")
    await driver.type("2")  # another file than the one that was issued
    watch.look("the export")
    assert done(await driver.act("ctrl+s"))
    watch.look("exported")
    await driver.press("escape")
    await driver.press("v")
    await driver.pilot.pause(0.5)
    watch.look("verifying")
    await driver.press("6")
    watch.look("the activity")


async def test_no_picture_screen_or_file_holds_material(signed: list[str], tmp_path: Path) -> None:
    with FleetThread(troubled=False) as demo:
        state = StateStore.open(tmp_path / "state")
        fleet = Fleet(load(str(demo.kubeconfig)), state=state, only=[CLUSTER], grace=timedelta(seconds=0))
        app = KubemintApp(fleet, embedded=True, export_folder=tmp_path / "exports", pace=AT_ONCE)
        populated = len(signed)
        async with app.run_test(size=(160, 45), notifications=True) as pilot:
            await fleet.settled(20)
            watch = Watch(Driver(app, pilot, demo))
            await play(watch)
            rows = (*fleet.store.credentials.values(), *fleet.store.accounts.values(), *fleet.store.clusters.values())
            watch.seen += [(f"{type(row).__name__}", repr(row).encode()) for row in rows]
            with contextlib.suppress(TypeError):
                watch.seen.append(("rows as JSON", msgspec.json.encode(rows, enc_hook=repr)))
        state.close()
        hunt = hunt_for(signed, demo.kubeconfig)
    assert len(signed) > populated + 1
    found = [find for where, content in watch.seen for find in hunt.search(where, content)]
    assert found == []
    assert list(hunt.search_files(tmp_path / "state")) == []
    exports = list(hunt.search_files(tmp_path / "exports"))
    assert exports, "the hunt sees nothing"


async def test_a_crash_while_material_is_revealed_says_where_and_nothing_else(
    signed: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The worst moment: material on the screen and in local variables, and a mistake in what draws it."""
    with FleetThread(troubled=False) as demo:
        state = StateStore.open(tmp_path / "state")
        fleet = Fleet(load(str(demo.kubeconfig)), state=state, only=[CLUSTER])
        app = KubemintApp(fleet, embedded=True, pace=AT_ONCE)

        def broken(screen: RevealScreen) -> None:
            material = screen._material
            assert material is not None
            text = material.reveal()
            raise ValueError(f"cannot draw {text}")

        with pytest.raises(ValueError, match="cannot draw"):  # noqa: PT012 - the app's whole life is what raises
            async with app.run_test(size=(160, 45)) as pilot:
                await fleet.settled(20)
                driver = Driver(app, pilot, demo)
                await driver.find("5", "prometheus-kubeconfig")
                await driver.press("x")
                reveal = driver.app.screen
                assert isinstance(reveal, RevealScreen)
                await driver.until(lambda: reveal.revealed)
                monkeypatch.setattr(RevealScreen, "action_show", broken)
                await driver.press("x")
        state.close()
        hunt = hunt_for(signed, demo.kubeconfig)
    printed = "".join(capsys.readouterr())
    assert "a bug in the dashboard (ValueError)" in printed
    found: list[Find] = list(hunt.search("what the terminal keeps", printed.encode()))
    assert found == []
