"""The dialogs about tenants: a store is made and an account pushed, and both ends really hold what they say."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from textual.widgets import Button, Checkbox

from tests.dashboard.conftest import Driver, Open, done
from tests.dashboard.forms import choose, command, fill, pick, put, to
from tests.dashboard.held import accepted, decoded, held
from tui.demo.apiserver.storage import ROLES, SECRETS, SERVICE_ACCOUNTS
from tui.demo.operators.eso_kinds import PUSH_SECRETS, STORES
from tui.demo.running import FleetThread
from tui.demo.scenery.eso_seed import HOME
from tui.issuance.model.claims import read_token
from tui.kube.sensitive import Sensitive
from tui.screens.dialogs.choosing import ChooseNewScreen
from tui.screens.dialogs.foresee import ForeseeScreen
from tui.screens.dialogs.new_tenant import TenantPushScreen, TenantStoreScreen

TENANT, AUTH = "tenant-a", "tenant-a-secretstore-auth"
BOTH = ["harbor", TENANT]
CHOICE = "tenant-a  of harbor/clusters"
EXTERNAL = "External Secrets: a PushSecret"


@pytest.fixture(scope="module")
def demo() -> Iterator[FleetThread]:
    """A management cluster with one tenant, and nothing that hangs."""
    with FleetThread(clusters=2, accounts=6, troubled=False) as thread:
        yield thread


def without_store(demo: FleetThread) -> None:
    """Take the store away that leads into the tenant, and its login."""

    async def work(fleet: Any) -> None:
        storage = fleet.cluster("harbor").storage
        for collection, name in ((STORES, TENANT), (SECRETS, AUTH)):
            if storage.get(collection, name, HOME) is not None:
                storage.delete(collection, name, HOME)

    demo.call(work)


def journaled(driver: Driver, address: str) -> list[tuple[str, str]]:
    """The steps of every issue of this address, with how each ended."""
    return [(step, status) for where, step, status in driver.journal("issue") if where == address]


def check_store(driver: Driver) -> None:
    """The store leads into the tenant, with the certificate that Cluster API keeps."""
    store, auth = held(driver, "harbor", STORES, TENANT, HOME), held(driver, "harbor", SECRETS, AUTH, HOME)
    assert store is not None
    provider = store["spec"]["provider"]["kubernetes"]
    server = driver.app.session.store.clusters[TENANT].server
    assert provider["server"]["url"] == server
    admin = yaml.safe_load(decoded(held(driver, "harbor", SECRETS, f"{TENANT}-kubeconfig", HOME), "value"))
    assert auth is not None
    assert auth["data"]["clientCert"] == admin["users"][0]["user"]["client-certificate-data"]
    steps = journaled(driver, f"secret:harbor/{HOME}/{AUTH}")
    assert ("auth", "done") in steps
    assert ("store", "done") in steps


async def pushed(driver: Driver, secret: str, account: str) -> Sensitive:
    """The token that lies in the tenant, in an Opaque Secret, and that the management cluster accepts."""
    there = held(driver, TENANT, SECRETS, secret, "kube-system")
    assert there is not None
    assert there["type"] == "Opaque"
    namespace, _, name = account.partition("/")
    assert decoded(there, "namespace") == namespace
    token = Sensitive(decoded(there, "token"))
    assert read_token(token).subject == f"system:serviceaccount:{namespace}:{name}"
    assert await accepted(driver, "harbor", token.reveal())
    return token


async def test_a_store_is_made_by_keys(dashboard: Open, demo: FleetThread) -> None:
    without_store(demo)
    async with dashboard(only=BOTH) as driver:
        await driver.find("3", "reader clusters")
        await driver.press("n", "p")
        push = await driver.on(TenantPushScreen)
        await choose(driver, "f-tenant", CHOICE)
        await choose(driver, "f-via", EXTERNAL)
        await driver.shows("there is no SecretStore", "create it first (n s)")
        await driver.press("ctrl+s")
        assert driver.app.screen is push
        await driver.press("escape")
        await driver.closed()

        await driver.press("n", "s")
        store = await driver.on(TenantStoreScreen)  # the one tenant of Cluster API is chosen
        await driver.shows("kind: SecretStore", "clientCert:")
        assert await command(driver) == "kubemint tenant store tenant-a -n clusters --context harbor"
        await driver.press("ctrl+r")
        await driver.on(ForeseeScreen)
        await driver.shows(f"patch secrets · harbor/{HOME}/{AUTH}", "enter does exactly this")
        await driver.press("escape")
        await driver.until(lambda: driver.app.screen is store)
        assert held(driver, "harbor", STORES, TENANT, HOME) is None
        assert driver.journal("issue") == []
        job = await driver.act("ctrl+s")
        assert done(job), f"{job.tasks[0].message} {job.tasks[0].hint}"
        check_store(driver)


async def test_a_store_is_made_by_mouse(dashboard: Open, demo: FleetThread) -> None:
    without_store(demo)
    async with dashboard(only=BOTH) as driver:
        for way in ("Cancel", "esc cancel"):
            await driver.click("n new")
            await driver.on(ChooseNewScreen)
            await driver.click("Tenant store")
            await driver.on(TenantStoreScreen)
            await driver.click(way)
            await driver.closed()
        assert held(driver, "harbor", STORES, TENANT, HOME) is None
        await driver.click("n new")
        await driver.click("Tenant store")
        await driver.on(TenantStoreScreen)
        await driver.click("Dry run")
        await driver.on(ForeseeScreen)
        job = await driver.clicked("enter tenant store")
        assert done(job), f"{job.tasks[0].message} {job.tasks[0].hint}"
        check_store(driver)
        await driver.click("esc close")
        await driver.until(lambda: not driver.panel.display)


async def test_both_ways_of_pushing_by_keys(dashboard: Open, tmp_path: Path) -> None:
    async with dashboard(only=BOTH) as driver:
        await driver.press("n", "p")
        await driver.on(TenantPushScreen)
        await choose(driver, "f-tenant", CHOICE)
        await fill(driver, "f-account", "clusters/barge")
        await to(driver, "f-create")
        await driver.press("space")
        await fill(driver, "f-read", "argo-token")
        await fill(driver, "f-secret", "kube-system/direct")
        await fill(driver, "f-duration", "30m")
        manifests = tmp_path / "tenant.yaml"
        await fill(driver, "f-manifests", str(manifests))
        await driver.shows("kind: RoleBinding")
        line = await command(driver)
        assert line.startswith("kubemint tenant push tenant-a -n clusters --context harbor --account clusters/barge")
        assert "--create --read argo-token --secret kube-system/direct --duration 30m" in line
        assert line.endswith(f"--manifests {manifests}")
        job = await driver.act("ctrl+s")
        assert done(job), f"{job.tasks[0].message} {job.tasks[0].hint}"
        direct = await pushed(driver, "direct", "clusters/barge")
        assert read_token(direct).lifetime == timedelta(minutes=30)
        role = held(driver, "harbor", ROLES, "barge-read-secrets", "clusters")
        assert role is not None
        assert role["rules"][0]["resourceNames"] == ["argo-token"]
        assert ("commit", "done") in journaled(driver, f"secret:harbor/clusters/{TENANT}/kube-system/direct")
        assert stat.S_IMODE(manifests.stat().st_mode) == 0o600
        assert next(yaml.safe_load_all(manifests.read_text()))["kind"] == "ClusterSecretStore"
        await driver.press("escape")

        await driver.find("2", TENANT)
        await driver.press("colon")
        await driver.type("tenant-push")
        await driver.press("enter")
        await driver.on(TenantPushScreen)  # for the tenant at the cursor
        await fill(driver, "f-account", "clusters/lighter")
        await to(driver, "f-create")
        await driver.press("space")
        await choose(driver, "f-via", EXTERNAL)
        await fill(driver, "f-secret", "kube-system/by-operator")
        await fill(driver, "f-interval", "5m")
        await driver.shows("kind: PushSecret")
        assert "--via external-secrets" in await command(driver)
        job = await driver.act("ctrl+s")
        assert done(job), f"{job.tasks[0].message} {job.tasks[0].hint}"
        await pushed(driver, "by-operator", "clusters/lighter")
        assert held(driver, "harbor", SERVICE_ACCOUNTS, "lighter", "clusters") is not None
        push = held(driver, "harbor", PUSH_SECRETS, f"{TENANT}-lighter", HOME)
        assert push is not None
        assert push["spec"]["refreshInterval"] == "5m"
        assert ("commit", "done") in journaled(driver, f"secret:harbor/{HOME}/{TENANT}-lighter-token")


async def test_both_ways_of_pushing_by_mouse(dashboard: Open) -> None:
    async with dashboard(only=BOTH) as driver:
        await driver.click("3 Accounts")
        await driver.click("reader", line="clusters")
        await driver.click("n new")
        await driver.on(ChooseNewScreen)
        await driver.click("Tenant push")
        await driver.on(TenantPushScreen)
        await pick(driver, "f-tenant", CHOICE)
        await put(driver, "f-secret", "kube-system/clicked")
        job = await driver.clicked("^s push")
        assert done(job), f"{job.tasks[0].message} {job.tasks[0].hint}"
        await pushed(driver, "clicked", "clusters/reader")
        assert ("commit", "done") in journaled(driver, f"secret:harbor/clusters/{TENANT}/kube-system/clicked")
        await driver.click("esc close")
        await driver.until(lambda: not driver.panel.display)

        await driver.click("n new")
        await driver.click("Tenant push")
        screen = await driver.on(TenantPushScreen)
        await pick(driver, "f-tenant", CHOICE)
        await put(driver, "f-account", "clusters/tug")
        await driver.pilot.click("#f-create")
        assert screen.query_one("#f-create", Checkbox).value
        await pick(driver, "f-via", EXTERNAL)
        assert screen.query_one("#f-force", Checkbox).disabled
        await put(driver, "f-secret", "elsewhere/clicked-too")
        await driver.shows("SecretStore writes to kube-system alone")
        assert screen.query_one("#accept", Button).disabled
        await put(driver, "f-secret", "kube-system/clicked-too")
        await driver.until(lambda: not screen.query_one("#accept", Button).disabled)
        before = len(driver.app.session.jobs.all)
        await driver.pilot.click("#accept")
        job = await driver.job(before)
        assert done(job), f"{job.tasks[0].message} {job.tasks[0].hint}"
        await pushed(driver, "clicked-too", "clusters/tug")
        assert ("commit", "done") in journaled(driver, f"secret:harbor/{HOME}/{TENANT}-tug-token")
