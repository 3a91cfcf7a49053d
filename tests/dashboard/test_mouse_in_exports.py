"""Copies of a credential, the journal and a pod's snippet, written with the mouse alone (text is pasted)."""

from __future__ import annotations

import csv
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from textual.widgets import Button

from tests.dashboard.conftest import Open, done
from tests.dashboard.forms import pick, put
from tests.dashboard.held import accepted, decoded, held
from tui.demo.apiserver.storage import SECRETS
from tui.demo.running import FleetThread
from tui.screens.dialogs.export import ExportScreen
from tui.screens.dialogs.files import ExportJournalScreen, WriteScreen
from tui.screens.dialogs.snippet import SnippetScreen


@pytest.fixture(scope="module")
def demo() -> Iterator[FleetThread]:
    """A small fleet in which nothing hangs, with a management cluster that no controller keeps."""
    with FleetThread(clusters=2, accounts=6, troubled=False, unattended=True) as thread:
        yield thread


async def test_a_copy_in_a_file_one_in_a_secret_and_what_the_journal_says(dashboard: Open, tmp_path: Path) -> None:
    async with dashboard(only=["tenant-a"]) as driver:
        await driver.click("5 Credentials")
        await driver.click("api-kubeconfig")
        await driver.click("e export")
        await driver.on(ExportScreen)
        await driver.click("Cancel")
        await driver.closed()
        await driver.click("e export")
        await driver.on(ExportScreen)
        await pick(driver, "f-format", "token")
        file = tmp_path / "copies" / "api.token"
        await put(driver, "f-path", str(file))
        job = await driver.clicked("^s export")
        assert done(job), f"{job.tasks[0].message} {job.tasks[0].hint}"
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert await accepted(driver, "tenant-a", file.read_text())
        await driver.click("esc close")
        await driver.until(lambda: not driver.panel.display)

        await driver.click("api-kubeconfig")
        await driver.click("e export")
        screen = await driver.on(ExportScreen)
        await pick(driver, "f-kept", "a Secret in a cluster")
        await put(driver, "f-path", "payments/api-again")
        await driver.until(lambda: not screen.query_one("#accept", Button).disabled)
        before = len(driver.app.session.jobs.all)
        await driver.pilot.click("#accept")
        job = await driver.job(before)
        assert done(job), f"{job.tasks[0].message} {job.tasks[0].hint}"
        copy = yaml.safe_load(decoded(held(driver, "tenant-a", SECRETS, "api-again", "payments"), "kubeconfig"))
        assert copy["users"][0]["user"]["token"] == file.read_text()
        await driver.click("esc close")
        await driver.until(lambda: not driver.panel.display)

        await driver.click("6 Activity")
        await driver.click("e export")
        await driver.on(ExportJournalScreen)
        table = tmp_path / "copies" / "journal.csv"
        table.touch(0o600)
        await put(driver, "f-path", str(table))
        await driver.shows("tick to replace it")
        await driver.pilot.click("#f-replace")
        job = await driver.clicked("^s export")
        assert done(job), f"{job.tasks[0].message} {job.tasks[0].hint}"
        assert stat.S_IMODE(table.stat().st_mode) == 0o600
        with table.open(newline="") as lines:
            written = [(one["address"], one["step"], one["status"]) for one in csv.DictReader(lines)]
        entries = driver.app.session.engine.state.entries()
        assert sorted(written) == sorted((entry.address, entry.step, entry.status) for entry in entries)


async def test_a_pods_snippet(dashboard: Open, tmp_path: Path) -> None:
    async with dashboard(only=["quay"]) as driver:
        await driver.click("4 Requests")
        await driver.click("tide-gauge")
        await driver.press("ctrl+p")
        await driver.type("snippet")
        await driver.click("how a pod uses a Secret of type tokenFile")
        snippet = await driver.on(SnippetScreen)
        await driver.shows("follow a rotation")
        await driver.click("e export")
        await driver.on(WriteScreen)
        await driver.click("esc cancel")
        await driver.until(lambda: driver.app.screen is snippet)
        await driver.click("e export")
        await driver.on(WriteScreen)
        path = tmp_path / "pod.yaml"
        await put(driver, "f-path", str(path))
        job = await driver.clicked("Write", line="Cancel")
        assert done(job), f"{job.tasks[0].message} {job.tasks[0].hint}"
        assert "tide-gauge-credential" in path.read_text()
        await driver.closed()
