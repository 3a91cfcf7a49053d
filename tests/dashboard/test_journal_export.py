"""The journal as it is shown, written to a file by keys and by the command that the dialog shows."""

from __future__ import annotations

import asyncio
import csv
import shlex
import stat
from pathlib import Path

import msgspec
from textual.widgets import Checkbox, Input, Static

from tests.cli.conftest import kubemint
from tests.dashboard.conftest import Driver, Open, done
from tui.screens.dialogs.export import ExportScreen
from tui.screens.dialogs.files import ExportJournalScreen
from tui.settings import Loaded, Settings


async def journal(driver: Driver, words: str = "") -> ExportJournalScreen:
    """Something is done, then the dialog is opened over the journal, filtered."""
    await driver.find("5", "frontend-kubeconfig")
    job = await driver.act("r")
    assert done(job), job.tasks[0].message
    await driver.until(lambda: any(step.startswith("revoke") for _, step, _ in driver.journal("rotate")))
    await driver.press("escape", "escape", "6")
    await driver.until(
        lambda: sum(len(row.entries) for row in driver.rows) == len(driver.app.session.engine.state.entries())
    )
    if words:
        await driver.press("slash")
        await driver.type(words)
        await driver.press("enter")
    await driver.press("e")
    screen = driver.app.screen
    assert isinstance(screen, ExportJournalScreen)
    return screen


async def test_what_the_filter_finds_is_written_privately_and_by_command_too(dashboard: Open, tmp_path: Path) -> None:
    async with dashboard(only=["tenant-a"]) as driver:
        screen = await journal(driver, "!prove")
        entries = [entry for entry in driver.app.session.engine.state.entries() if "prove" not in entry.step]
        path = tmp_path / "exports" / "journal.jsonl"
        await driver.press("ctrl+y")
        assert driver.app.clipboard == f"kubemint journal -o jsonl --out {path} --filter '!prove' -p"
        job = await driver.act("ctrl+s")
        assert done(job), job.tasks[0].message
        assert screen.is_current is False
        written = [msgspec.json.decode(line) for line in path.read_text().splitlines()]
        assert [one["seq"] for one in written] == [entry.seq for entry in entries]
        assert {one["action"] for one in written} >= {"rotate"}
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert "eyJ" not in path.read_text()
        command = shlex.split(driver.app.clipboard)[1:]
    by_keys = path.read_bytes()
    home = tmp_path / "home"
    home.mkdir()
    (home / "kubemint").symlink_to(tmp_path / "state")
    env = {"XDG_STATE_HOME": str(home)}
    path.write_text("mine")
    refused = await asyncio.to_thread(kubemint, *command, env=env)
    assert (refused.code, path.read_text()) == (2, "mine")
    assert "was not written by kubemint" in refused.err
    path.unlink()
    again = await asyncio.to_thread(kubemint, *command, env=env)
    assert (again.code, again.out) == (0, f"{path}\n"), again
    assert path.read_bytes() == by_keys


async def test_a_file_that_is_there_is_only_replaced_with_a_tick(dashboard: Open, tmp_path: Path) -> None:
    path = tmp_path / "there.csv"
    path.write_text("mine")
    async with dashboard(only=["tenant-a"], size=(80, 24)) as driver:
        screen = await journal(driver)
        screen.query_one("#f-path", Input).value = str(path)
        await driver.until(lambda: "exists already" in str(screen.query_one(".problem", Static).render()))
        await driver.press("ctrl+s")
        assert driver.app.screen is screen
        assert path.read_text() == "mine"
        screen.query_one("#f-replace", Checkbox).value = True
        await driver.until(lambda: "--force" in screen.command())
        job = await driver.act("ctrl+s")
        assert done(job), job.tasks[0].message
        rows = list(csv.DictReader(path.read_text().splitlines()))
        assert len(rows) == len(driver.app.session.engine.state.entries())
        assert rows[0]["seq"] == "1"


async def test_a_name_says_its_form(dashboard: Open, tmp_path: Path) -> None:
    async with dashboard(only=["tenant-a"]) as driver:
        screen = await journal(driver)
        for name, says in (("journal.txt", ".jsonl or .csv"), (f"{'x' * 300}.csv", "name too long"), (".csv", ".csv")):
            screen.query_one("#f-path", Input).value = str(tmp_path / name)
            await driver.until(lambda says=says: says in str(screen.query_one(".problem", Static).render()).lower())
        await driver.press("ctrl+s")
        assert driver.app.screen is screen


async def test_the_key_is_the_credentials_export_elsewhere(dashboard: Open) -> None:
    async with dashboard(only=["tenant-a"]) as driver:
        await driver.press("6", "e")
        assert driver.app.screen is driver.main, "there is nothing in the journal yet"
        await driver.find("5", "frontend-kubeconfig")
        await driver.press("e")
        await driver.on(ExportScreen)


async def test_the_key_moves_with_that_of_the_other_export(dashboard: Open) -> None:
    settings = Loaded(Settings(keymap={"export": "f5"}), Path("config.yaml"))
    async with dashboard(only=["tenant-a"], settings=settings) as driver:
        await driver.find("5", "frontend-kubeconfig")
        await driver.press("e")
        assert driver.app.screen is driver.main
        await driver.press("f5")
        await driver.on(ExportScreen)
        await driver.press("escape")
        assert done(await driver.act("r"))
        await driver.press("escape", "escape", "6")
        await driver.until(lambda: len(driver.table.rows))
        await driver.press("f5")
        await driver.on(ExportJournalScreen)
