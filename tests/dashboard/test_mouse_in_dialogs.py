"""Requests, identities, shoots, details and command lines with the mouse alone (text is pasted)."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from textual.widgets import OptionList

from tests.dashboard.conftest import Driver, Open, done
from tests.dashboard.forms import asks_for, pick, put
from tests.dashboard.held import held
from tests.dashboard.test_equivalents import parses
from tui.demo.apiserver.storage import SERVICE_ACCOUNTS
from tui.demo.operators.dpf_kinds import REQUESTS
from tui.demo.running import FleetThread
from tui.fleet.rows import Reach
from tui.issuance.model.claims import read_token
from tui.kube.sensitive import Sensitive
from tui.screens.dialogs.choosing import ChooseNewScreen, EnteringScreen
from tui.screens.dialogs.equivalents import EquivalentsScreen
from tui.screens.dialogs.foresee import ForeseeScreen
from tui.screens.dialogs.new_credential import MintScreen, NewIdentityScreen
from tui.screens.dialogs.new_request import NewRequestScreen
from tui.screens.pages.detail import DetailScreen
from tui.widgets.facts import FactsView
from tui.widgets.job_panel import JobPanel

MEADOW = "harbor/garden-dev/meadow"


@pytest.fixture(scope="module")
def demo() -> Iterator[FleetThread]:
    """A small fleet in which nothing hangs, with a management cluster that no controller keeps."""
    with FleetThread(clusters=2, accounts=6, troubled=False, unattended=True) as thread:
        yield thread


async def new(driver: Driver, what: str) -> None:
    """Choose what is to be made from the menu."""
    await driver.click("n new")
    await driver.on(ChooseNewScreen)
    await driver.click(what)


async def test_a_request(dashboard: Open) -> None:
    async with dashboard(only=["quay"]) as driver:
        await driver.click("4 Requests")
        await driver.click("crane")
        await new(driver, "DPUServiceCredentialRequest")
        form = await driver.on(NewRequestScreen)
        await driver.click("Cancel")
        await driver.closed()
        await new(driver, "DPUServiceCredentialRequest")
        form = await driver.on(NewRequestScreen)
        await put(driver, "f-name", "buoy")
        await pick(driver, "f-target", "dpf-operator-system/tenant-a")
        await put(driver, "f-service_account", "buoy")
        await put(driver, "f-duration", "1d")
        await driver.pilot.click("#accept")
        assert driver.app.screen is form, "a day is written 24h"
        await put(driver, "f-duration", "30m")
        await pick(driver, "f-type", "tokenFile")
        await driver.click("Dry run")
        await driver.on(ForeseeScreen)
        await driver.shows("create dpuservicecredentialrequests")
        await driver.click("esc leave it")
        await driver.until(lambda: driver.app.screen is form)
        assert held(driver, "quay", REQUESTS, "buoy", "berths") is None
        job = await driver.clicked("^s create")
        assert done(job), f"{job.tasks[0].message} {job.tasks[0].hint}"
        request = held(driver, "quay", REQUESTS, "buoy", "berths")
        assert request is not None
        assert request["spec"] == {
            "serviceAccount": {"name": "buoy", "namespace": "default"},
            "targetCluster": {"name": "tenant-a", "namespace": "dpf-operator-system"},
            "type": "tokenFile",
            "duration": "30m",
            "secret": {"name": "buoy-credential", "namespace": "default"},
        }
        assert ("request:quay/berths/buoy", "create", "done") in driver.journal("issue")


async def test_an_identity_and_inside_its_details_a_token_of_its_own(dashboard: Open, tmp_path: Path) -> None:
    async with dashboard(only=["quay"], size=(120, 30)) as driver:
        await driver.click("3 Accounts")
        await new(driver, "Identity")
        await driver.on(NewIdentityScreen)
        await put(driver, "f-namespace", "berths")
        await put(driver, "f-name", "pilot")
        await driver.wheel("kind: ServiceAccount", 12)
        await driver.shows("kind: RoleBinding")
        job = await driver.clicked("Create", line="Dry run")
        assert done(job), f"{job.tasks[0].message} {job.tasks[0].hint}"
        long_lived = tmp_path / "exports" / "berths-pilot.token"
        assert stat.S_IMODE(long_lived.stat().st_mode) == 0o600
        assert held(driver, "quay", SERVICE_ACCOUNTS, "pilot", "berths") is not None
        assert ("legacy:quay/berths/pilot-token", "token", "done") in driver.journal("issue")
        await driver.click("esc close")
        await driver.until(lambda: not driver.panel.display)

        await driver.click("pilot", line="berths")
        await driver.click("d details")
        details = await driver.on(DetailScreen)
        await driver.shows("Role and RoleBinding pilot-create-token")
        await new(driver, "Short-lived token")
        await driver.on(MintScreen)
        await put(driver, "f-audiences", "vault")
        await put(driver, "f-duration", "20m")
        job = await driver.clicked("Mint", line="Dry run")
        assert done(job), f"{job.tasks[0].message} {job.tasks[0].hint}"
        short = tmp_path / "exports" / "berths-pilot-short.token"
        minted = read_token(Sensitive(short.read_bytes()))
        assert minted.audiences == ("vault",)
        assert (f"file:{short}", "commit", "done") in driver.journal("issue")
        panel = details.query_one(JobPanel)
        await driver.click("esc close")
        await driver.until(lambda: not panel.display)
        assert driver.app.screen is details
        await driver.click("esc back")
        await driver.closed()


async def test_inside_details_keys_scroll_and_the_way_back(dashboard: Open) -> None:
    async with dashboard(only=["tenant-a"], size=(120, 20)) as driver:
        await driver.click("5 Credentials")
        await driver.click("-kubeconfig", line="managed")
        row = driver.table.row
        assert row is not None
        await driver.click("d details")
        details = await driver.on(DetailScreen)
        facts = details.query_one(FactsView)
        spot = await driver.wheel("expires", 3)
        await driver.until(lambda: facts.scroll_y > 0)
        await driver.wheel(spot, -5)
        await driver.until(lambda: facts.scroll_y == 0)
        job = await driver.clicked("r rotate")
        assert done(job), f"{job.tasks[0].message} {job.tasks[0].hint}"
        assert (str(job.tasks[0].address), "commit", "done") in driver.journal("rotate")
        assert details.query_one(JobPanel).display
        await driver.click("Credential", line="›")  # the way back, whatever else is open
        await driver.closed()
        assert driver.table.cursor_key == row.key

        await driver.click("2 Clusters")
        await driver.click("d details")
        details = await driver.on(DetailScreen)
        await driver.click("tenant-a", line="Cluster ›")
        assert driver.app.screen is details, "its own name leads nowhere"
        await driver.click("Cluster", line="Cluster ›")
        await driver.closed()


async def test_command_lines(dashboard: Open) -> None:
    async with dashboard(only=["tenant-a"]) as driver:
        await driver.click("5 Credentials")
        await driver.click("-kubeconfig", line="managed")
        await driver.press("ctrl+p")
        await driver.type("equival")
        await driver.click("the commands that do the same")
        screen = await driver.on(EquivalentsScreen)
        await driver.click("Verify")
        await driver.until(lambda: driver.app.clipboard)
        assert parses(driver.app.clipboard) == ["verify"]
        first = screen.query_one(OptionList).scroll_y
        await driver.wheel("Verify", 3)
        await driver.until(lambda: screen.query_one(OptionList).scroll_y > first)
        await driver.click("Inspect")
        await driver.click("enter copy")
        await driver.until(lambda: parses(driver.app.clipboard) == ["inspect"])
        await driver.click("esc close")
        await driver.closed()
        assert driver.app.session.jobs.all == []


async def test_a_shoot_is_entered_and_its_kubeconfigs_are_written(dashboard: Open, tmp_path: Path) -> None:
    async with dashboard(only=["harbor"]) as driver:
        await driver.click("2 Clusters")
        await driver.click("meadow", times=2)
        await driver.on(EnteringScreen)
        await driver.click("esc cancel")
        await driver.closed()
        await driver.click("meadow", times=2)
        await driver.on(EnteringScreen)
        job = await driver.clicked("Connect as a viewer")
        assert done(job), f"{job.tasks[0].message} {job.tasks[0].hint}"
        clusters = driver.app.session.store.clusters
        await driver.until(lambda: clusters[MEADOW].reach in (Reach.READY, Reach.SLOW))
        await driver.click("esc close")
        await driver.until(lambda: not driver.panel.display)

        await driver.click("ledger", times=2)
        await driver.on(EnteringScreen)
        await driver.click("Kubeconfig …")
        form = await asks_for(driver, "new_shoot")
        await driver.click("esc cancel")
        await driver.closed()
        await new(driver, "Shoot kubeconfig")
        form = await asks_for(driver, "new_shoot")
        await pick(driver, "f-shoot", "garden-dev/meadow")
        await pick(driver, "f-level", "viewer: reads all but Secrets, mints nothing")
        path = tmp_path / "shoots" / "meadow.kubeconfig"
        await put(driver, "f-path", str(path))
        assert "--level viewer" in form.command()
        job = await driver.clicked("Issue", line="Cancel")
        assert done(job), f"{job.tasks[0].message} {job.tasks[0].hint}"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert (f"file:{path}", "commit", "done") in driver.journal("issue")
        (user,) = yaml.safe_load(path.read_text())["users"]
        assert set(user["user"]) == {"client-certificate-data", "client-key-data"}
        await driver.click("esc close")
        await driver.until(lambda: not driver.panel.display)

        await driver.click("ledger")
        await new(driver, "Shoot kubeconfig")
        await asks_for(driver, "new_shoot")
        await pick(driver, "f-kind", "a login at the identity provider (OIDC)")
        path = tmp_path / "shoots" / "login.kubeconfig"
        await put(driver, "f-path", str(path))
        job = await driver.clicked("^s issue")
        assert done(job), f"{job.tasks[0].message} {job.tasks[0].hint}"
        (user,) = yaml.safe_load(path.read_text())["users"]
        assert user["user"]["exec"]["command"] == "kubectl"
