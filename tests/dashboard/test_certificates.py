"""A person's client certificate in the dashboard: `n`, its form, its row, rotation, and why it is not revoked."""

from __future__ import annotations

from pathlib import Path

from tests.dashboard.conftest import Driver, Open, done
from tests.dashboard.forms import choose, command, fill
from tests.dashboard.test_shoots import said
from tui.screens.dialogs.form import Form


async def test_from_the_menu_to_the_row(dashboard: Open, tmp_path: Path) -> None:
    path = tmp_path / "jane.kubeconfig"
    async with dashboard(only=["harbor"]) as driver:
        await _form(driver)
        await driver.shows("New client certificate")
        await driver.shows("user-jane.kubeconfig")  # where it goes follows the name until somebody says otherwise
        await fill(driver, "f-groups", "system:masters")
        await driver.shows("may do everything")
        await fill(driver, "f-groups", "night, shift")
        await fill(driver, "f-path", str(path))
        words = "kubemint issue --context harbor --user jane --group night --group shift"
        assert (await command(driver)).startswith(words)
        job = await driver.act("ctrl+s")
        assert done(job), f"{job.tasks[0].message} {job.tasks[0].hint}"
        before = path.read_bytes()
        await driver.press("escape")
        await driver.find("5", "certificate jane")
        await driver.until(lambda: len(driver.table.rows) == 1)
        job = await driver.act("r")
        assert done(job), f"{job.tasks[0].message} {job.tasks[0].hint}"
        assert path.read_bytes() != before
        await driver.press("escape", "ctrl+d")
        await driver.until(lambda: "It cannot be revoked: it is a client certificate, which ends at" in said(driver))


async def _form(driver: Driver) -> None:
    await driver.press("n", "u")
    await driver.on(Form)
    await choose(driver, "f-cluster", "harbor")
    await fill(driver, "f-user", "jane")
