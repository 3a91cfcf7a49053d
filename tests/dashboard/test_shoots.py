"""Gardener in the dashboard, by keys: shoots among the clusters, entering one, and their kubeconfigs."""

from __future__ import annotations

import stat
from pathlib import Path

import yaml
from textual.widgets import Input, OptionList, Select

from tests.dashboard.conftest import Driver, Open, done
from tests.dashboard.forms import asks_for, choose
from tui.fleet.rows import ClusterRow, CredentialRow, Reach
from tui.issuance.model.types import AccessLevel, State
from tui.screens.dialogs.choosing import EnteringScreen
from tui.screens.pages.detail import DetailScreen

MEADOW = "harbor/garden-dev/meadow"


def cluster(driver: Driver) -> ClusterRow:
    row = driver.table.row
    assert isinstance(row, ClusterRow)
    return row


def only_file(folder: Path) -> Path:
    (file,) = (folder / "exports").iterdir()
    return file


async def test_from_nothing_to_a_verified_kubeconfig_by_keys(dashboard: Open, tmp_path: Path) -> None:
    async with dashboard(only=["harbor"]) as driver:
        await driver.find("2", "meadow")
        assert cluster(driver).reach is Reach.NOT_CONNECTED
        await driver.shows("not connected")
        await driver.press("n", "g")
        await asks_for(driver, "new_shoot")
        await driver.shows("kubemint issue --shoot garden-dev/meadow --context harbor")
        await driver.type("48h")
        job = await driver.act("ctrl+s")
        assert done(job), f"{job.tasks[0].message} {job.tasks[0].hint}"
        assert [result.step for result in job.tasks[0].results] == [
            "intent", "request", "prove", "write:0", "check:0", "commit",
        ]  # fmt: skip
        assert "admin, 24h left (requested 2d, capped), until " in job.tasks[0].message
        file = only_file(tmp_path)
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        before = file.read_bytes()

        await driver.press("escape", "escape")
        await driver.find("5", "shoot meadow.kubeconfig")
        await driver.until(lambda: len(driver.table.rows) == 1)
        row = driver.table.row
        assert isinstance(row, CredentialRow)
        assert row.credential.shoot is not None
        assert row.credential.shoot.level is AccessLevel.ADMIN
        assert row.credential.state is State.VALID
        await driver.shows("shoot", "capped")
        job = await driver.act("v")
        assert "gardener.cloud:admin:kubernetes-admin" in job.tasks[0].message
        job = await driver.act("r")
        assert done(job), f"{job.tasks[0].message} {job.tasks[0].hint}"
        assert file.read_bytes() != before

        await driver.press("escape")
        jobs = len(driver.app.session.jobs.all)
        await driver.press("ctrl+d")
        await driver.until(lambda: "It cannot be revoked: it is a client certificate, which ends at" in said(driver))
        assert driver.app.screen is driver.main, "there is nothing to confirm"
        assert len(driver.app.session.jobs.all) == jobs

        await driver.press("n", "g")
        assert driver.app.screen.query_one("#f-shoot", Select).value == MEADOW, "the shoot behind the credential"
        await driver.press("escape")


def said(driver: Driver) -> str:
    """Every notification that is shown."""
    return " ".join(notification.message for notification in driver.app._notifications)


async def test_enter_offers_to_connect_and_a_viewer_cannot_mint(dashboard: Open) -> None:
    async with dashboard(only=["harbor"]) as driver:
        await driver.find("2", "meadow")
        await driver.press("enter")
        await driver.on(EnteringScreen)
        await driver.shows("A Gardener shoot: Awake, Reconcile Succeeded (100%)")
        job = await driver.act("v")
        assert done(job), f"{job.tasks[0].message} {job.tasks[0].hint}"
        assert "viewer of garden-dev/meadow" in job.tasks[0].message
        await driver.until(lambda: cluster(driver).reach in (Reach.READY, Reach.SLOW))
        await driver.press("escape", "enter")
        await driver.shows("Clusters › harbor/garden-dev/meadow", "credentials")

        await driver.find("3", f"{MEADOW} prometheus")
        await driver.press("n", "c")
        await driver.press("ctrl+s")
        await driver.shows("viewer level cannot create tokens")  # in the form, which stays
        await driver.press("escape")
        await driver.press("escape", "escape")

        await driver.find("2", "meadow")
        await driver.press("colon")
        await driver.type("disconnect")
        job = await driver.act("enter")
        assert done(job), job.tasks[0].message
        await driver.until(lambda: cluster(driver).reach is Reach.NOT_CONNECTED)


async def test_one_that_sleeps_and_one_that_is_being_made(dashboard: Open) -> None:
    async with dashboard(only=["harbor"]) as driver:
        await driver.find("2", "night-shift")
        await driver.press("enter")
        await driver.on(EnteringScreen)
        await driver.shows("a kubeconfig cannot connect until it is woken up")
        assert [option.id for option in driver.app.screen.query_one(OptionList).options] == ["kubeconfig"]
        await driver.press("v")
        await driver.on(EnteringScreen)  # what is not offered cannot be chosen
        await driver.press("k")
        await asks_for(driver, "new_shoot")
        await driver.shows("it is hibernated: a kubeconfig cannot connect until it is awake")
        await driver.press("escape", "escape", "escape")

        await driver.find("2", "fresh")
        await driver.press("enter")
        await driver.on(DetailScreen)
        await driver.shows("Create Processing (43%)", "demo-seed", "v1.136.0", "wait until it is created", "project")
        await driver.press("escape")
        await driver.press("n", "g")
        await driver.shows("it has no address yet: Create Processing (43%)")
        await driver.press("escape")


async def test_kubeconfigs_without_a_secret(dashboard: Open, tmp_path: Path) -> None:
    async with dashboard(only=["harbor"]) as driver:
        for way, option, words, command in (
            (
                "exec", "no secret: kubemint gets one when it is used",
                "holds no secret: kubemint gets a client certificate when it is used", "kubemint",
            ),
            ("oidc", "a login at the identity provider (OIDC)", "logs in at https://login.example.com", "kubectl"),
        ):  # fmt: skip
            await driver.find("2", "ledger")
            await driver.press("n", "g")
            screen = await asks_for(driver, "new_shoot")
            await choose(driver, "f-kind", option)
            await driver.until(lambda screen=screen, way=way: f"-{way}" in screen.query_one("#f-path", Input).value)
            await driver.shows(f"--{way}")
            assert screen.query_one("#duration").display is (way == "exec")
            job = await driver.act("ctrl+s")
            assert done(job), f"{job.tasks[0].message} {job.tasks[0].hint}"
            assert words in job.tasks[0].message
            await driver.press("escape", "escape")
            (file,) = (tmp_path / "exports").glob(f"*-{way}.kubeconfig")
            (user,) = yaml.safe_load(file.read_text())["users"]
            assert user["user"]["exec"]["command"] == command
        env = yaml.safe_load(next((tmp_path / "exports").glob("*-exec.kubeconfig")).read_text())["users"][0]["user"]
        assert env["exec"]["env"] == [{"name": "KUBECONFIG", "value": str(driver.demo.kubeconfig)}]


async def test_a_read_only_dashboard_only_looks(dashboard: Open) -> None:
    async with dashboard(only=["harbor"], read_only=True) as driver:
        await driver.find("2", "meadow")
        await driver.press("enter")
        await driver.on(DetailScreen)
        await driver.shows("Gardener shoot")
        await driver.press("escape")


async def test_a_static_token_is_flagged(dashboard: Open) -> None:
    async with dashboard(only=["harbor"]) as driver:
        await driver.find("5", "tenant-b.kubeconfig")
        await driver.until(lambda: len(driver.table.rows) == 1)
        await driver.shows("static token")
        await driver.shows("never")
        await driver.press("ctrl+d")
        await driver.until(lambda: "it is a shoot's static token, which never ends" in said(driver))
