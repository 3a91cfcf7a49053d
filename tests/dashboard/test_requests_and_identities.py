"""DPU requests where nobody keeps them, and identities with their long-lived tokens: from nothing to the end."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.dashboard.conftest import Driver, Open, done
from tests.dashboard.forms import choose, fill
from tests.dashboard.held import accepted, decoded, held
from tui.demo.apiserver.storage import SECRETS
from tui.demo.operators.dpf_kinds import REQUESTS
from tui.demo.running import FleetThread
from tui.fleet.rows import CredentialRow
from tui.issuance.model.claims import read_token
from tui.issuance.model.types import Credential, State, StepStatus
from tui.kube.sensitive import Sensitive
from tui.screens.dialogs.confirm import ConfirmScreen
from tui.screens.dialogs.files import WriteScreen
from tui.screens.dialogs.new_credential import MintScreen, NewIdentityScreen
from tui.screens.dialogs.new_request import NewRequestScreen
from tui.screens.dialogs.snippet import SnippetScreen
from tui.screens.pages.detail import DetailScreen

ISTIO = "istio-ingressgateway.istio-system.svc.cluster.local"


@pytest.fixture(scope="module")
def demo() -> Iterator[FleetThread]:
    """A fleet with a second management cluster, where no controller runs."""
    with FleetThread(clusters=2, accounts=6, unattended=True) as thread:
        yield thread


async def say(driver: Driver, word: str) -> None:
    """A word after `:`."""
    await driver.press("colon")
    await driver.type(word)
    await driver.press("enter")


def words(driver: Driver) -> str:
    """What is on the screen as running text, whatever frame it is in and wherever it was wrapped."""
    return " ".join(driver.text().replace("│", " ").split())


async def details(driver: Driver) -> str:
    """What the details of the row say; the screen is left again."""
    await driver.press("d")
    await driver.until(lambda: isinstance(driver.app.screen, DetailScreen) and "reading" not in driver.text())
    shown = words(driver)
    await driver.press("escape")
    return shown


def state(driver: Driver, name: str) -> State | None:
    row = driver.app.session.store.requests.get(f"quay/berths/{name}")
    return row.credential.state if row is not None and row.credential is not None else None


async def test_b01_a_request_is_kept_shown_to_a_pod_and_deleted(dashboard: Open, tmp_path: Path) -> None:
    async with dashboard(only=["quay"]) as driver:
        await driver.find("4", "lighthouse")
        assert "no controller is at work here: K issues one now" in await details(driver)
        job = await driver.act("K")
        assert done(job), f"{job.tasks[0].message} {job.tasks[0].hint}"
        assert "issued, because nothing was issued yet" in driver.text()
        await driver.until(lambda: state(driver, "lighthouse") is State.VALID)
        await driver.press("escape")
        shown = await details(driver)
        assert "Nothing: it is up to date" in shown
        assert "SecretReconciled ✓ True Success" in shown

        await say(driver, "snippet")
        await driver.on(SnippetScreen)
        await driver.until(lambda: "follow a rotation" in driver.text())
        await driver.press("e")
        await driver.on(WriteScreen)
        job = await driver.act("ctrl+s")
        assert done(job), job.tasks[0].message
        (written,) = (tmp_path / "exports").iterdir()
        assert "secretKeyRef" in written.read_text()
        await driver.press("escape")

        await say(driver, "delete")
        await driver.until(lambda: isinstance(driver.app.screen, ConfirmScreen))
        assert "the Secret berths/lighthouse-credential goes with it" in words(driver)
        await driver.press("ctrl+s")
        await driver.on(ConfirmScreen)  # nothing is destroyed before the word is typed
        await driver.type("lighthouse")
        job = await driver.act("ctrl+s")
        assert done(job), f"{job.tasks[0].message} {job.tasks[0].hint}"
        await driver.until(lambda: "quay/berths/lighthouse" not in driver.app.session.store.requests)
        assert [step for _, step, status in driver.journal("delete") if status == "done"] == ["delete", "lease", "keep"]


async def test_a_request_is_made_and_kept(dashboard: Open) -> None:
    async with dashboard(only=["quay"]) as driver:
        await driver.find("4", "crane")
        await driver.press("n", "d")
        await driver.on(NewRequestScreen)  # in the namespace of the row at the cursor
        await driver.type("winch")
        await choose(driver, "f-target", "dpf-operator-system/tenant-a")
        await fill(driver, "f-service_account", "winch")
        await choose(driver, "f-type", "tokenFile")
        await fill(driver, "f-secret_namespace", "berths")
        await fill(driver, "f-labels", "team=edge")
        job = await driver.act("ctrl+s")
        assert done(job), f"{job.tasks[0].message} {job.tasks[0].hint}"
        assert ("request:quay/berths/winch", "create", "done") in driver.journal("issue")
        request = held(driver, "quay", REQUESTS, "winch", "berths")
        assert request is not None
        assert request["spec"]["targetCluster"] == {"name": "tenant-a", "namespace": "dpf-operator-system"}
        await driver.press("escape")
        await driver.find("4", "winch")
        await driver.until(lambda: len(driver.table.rows) == 1)
        job = await driver.act("K")
        assert done(job), f"{job.tasks[0].message} {job.tasks[0].hint}"
        secret = held(driver, "quay", SECRETS, "winch-credential", "berths")
        assert secret is not None
        assert secret["metadata"]["labels"]["team"] == "edge"
        assert await accepted(driver, "tenant-a", decoded(secret, "TOKEN_FILE"))


async def test_b29_a_stuck_deletion_is_explained_and_abandoned(dashboard: Open) -> None:
    async with dashboard(only=["quay"]) as driver:
        await driver.find("4", "old-ferry")
        shown = await details(driver)
        assert "It is being deleted since" in shown
        assert "If that can never be reached again, :abandon gives up" in shown
        job = await driver.act("K")
        assert job.tasks[0].status is StepStatus.FAILED
        assert "cannot clean up service account" in job.tasks[0].message
        await driver.press("escape")
        await say(driver, "abandon")
        await driver.until(lambda: isinstance(driver.app.screen, ConfirmScreen))
        assert "nothing manages it any more" in words(driver)
        await driver.type("old-ferry")
        job = await driver.act("ctrl+s")
        assert done(job), f"{job.tasks[0].message} {job.tasks[0].hint}"
        await driver.until(lambda: "quay/berths/old-ferry" not in driver.app.session.store.requests)


async def test_several_are_kept_with_a_result_each_and_a_controllers_only_after_a_yes(dashboard: Open) -> None:
    async with dashboard(only=["quay", "harbor", "tenant-a"]) as driver:
        await driver.find("4", "quay !ferry")
        await driver.press("M")
        await driver.press("K")
        await driver.on(ConfirmScreen)
        assert " in quay:" in words(driver)
        job = await driver.act("ctrl+s")
        assert len(job.tasks) >= 2
        assert done(job), [task.message for task in job.tasks]
        await driver.press("escape")
        await driver.find("4", "flannel")
        await driver.press("K")
        await driver.on(ConfirmScreen)
        shown = words(driver)
        assert "Take over from DPF's controller?" in shown
        assert "the status of dpf-operator-system/" in shown or "the token of" in shown
        await driver.press("escape")
        assert driver.app.session.jobs.all == [job]


async def test_f09_an_invalidated_token_says_so_and_is_re_activated(dashboard: Open) -> None:
    async with dashboard(only=["quay"]) as driver:
        await driver.find("5", "harbour-master-token")
        await driver.shows("invalid 201d ago")
        shown = await details(driver)
        for words in ("invalid since", "201 days ago", "deletion due", "in 164 days", "last used", "566 days ago"):
            assert words in shown
        row = driver.table.row
        assert isinstance(row, CredentialRow)
        job_count = len(driver.app.session.jobs.all)
        await say(driver, "reactivate")
        job = await driver.job(job_count)
        assert done(job), f"{job.tasks[0].message} {job.tasks[0].hint}"

        def now() -> Credential:
            return driver.app.session.store.credentials[row.key].credential

        await driver.until(lambda: now().state is State.ENDLESS)
        assert now().invalid_since is None
        await driver.shows("used today")


async def test_l01_l03_l07_an_identity_is_made_shown_and_mints_for_itself(dashboard: Open, tmp_path: Path) -> None:
    async with dashboard(only=["quay"]) as driver:
        await driver.press("2", "n", "i")
        await driver.on(NewIdentityScreen)
        await driver.type("rok")
        await driver.shows("rok-create-token")
        assert "kubemint identity create rok -n default --context" in words(driver)
        job = await driver.act("ctrl+s")
        assert done(job), f"{job.tasks[0].message} {job.tasks[0].hint}"
        path = tmp_path / "exports" / "default-rok.token"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        own = Sensitive(path.read_bytes())
        assert read_token(own).expires_at is None
        await driver.press("escape")

        await driver.find("3", "rok")
        await driver.press("d")
        await driver.until(lambda: "✓ yes" in driver.text())
        assert "Role and RoleBinding rok-create-token" in driver.text()
        await driver.press("n", "m")
        await driver.on(MintScreen)
        await driver.type(ISTIO)
        job = await driver.act("ctrl+s")
        assert done(job), f"{job.tasks[0].message} {job.tasks[0].hint}"
        minted = read_token(Sensitive((tmp_path / "exports" / "default-rok-short.token").read_bytes()))
        assert minted.audiences == (ISTIO,)
        assert minted.expires_at is not None
        assert own.reveal() not in driver.text()


async def test_an_account_without_a_long_lived_token_is_told_how_to_get_one(dashboard: Open) -> None:
    async with dashboard(only=["quay"]) as driver:
        await driver.find("3", "default kube-public")
        await driver.press("n", "m")
        await driver.until(lambda: any("n i makes it an identity" in one.message for one in driver.app._notifications))
        assert driver.app.session.jobs.all == []
