"""What dialogs and pages look like at three sizes: each is opened once and the terminal is then made smaller and wider.

Whatever a server would have to be asked for is given by hand. `pytest --snapshot-update` takes the pictures anew.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion
from textual import events
from textual.pilot import Pilot
from textual.widgets import Static

from tests.dashboard.by_hand import NOW, Made, Open, app, one_by_one, pushed, stopped, taken
from tui.actions.intended import Intended
from tui.actions.jobs import Task
from tui.app import KubemintApp
from tui.fleet.found import Tenant
from tui.fleet.rows import ClusterRow, DeliveredFacts, Reach, RequestRow
from tui.issuance.errors import IssuanceError
from tui.issuance.families.csi.driver import Driver, TokenWish
from tui.issuance.families.csi.listing import DRIVER
from tui.issuance.families.gardener.apart import ShootFacts, told_of
from tui.issuance.insight.hygiene import Finding, Fix, Report
from tui.issuance.insight.inspecting import inspect
from tui.issuance.insight.lineage import root
from tui.issuance.insight.lineage_tree import Node, Part, Subject
from tui.issuance.insight.lineage_users import OWN
from tui.issuance.insight.powers import Power, Powers, Source
from tui.issuance.model.kinds import CredentialKind
from tui.issuance.model.severity import Severity
from tui.issuance.model.types import Action, Address, Identity, Plan, State, StepInfo, StepResult, StepStatus
from tui.issuance.records.deliveries import Delivered
from tui.issuance.records.entering import (
    DeliveredBy,
    Delivery,
    Place,
    SourceKind,
    Untrusted,
    Verdict,
    decide,
    fingerprint,
)
from tui.kube.endpoint import Endpoint
from tui.kube.sensitive import Sensitive
from tui.screens.dialogs.choosing import EnteringScreen
from tui.screens.dialogs.files import SaveFindingsScreen
from tui.screens.dialogs.foresee import ForeseeScreen
from tui.screens.dialogs.new_credential import MintScreen
from tui.screens.dialogs.new_tenant import TenantPushScreen, TenantStoreScreen
from tui.screens.dialogs.reading import InspectScreen, YamlScreen, coloured, inspected
from tui.screens.dialogs.reveal import RevealScreen
from tui.screens.dialogs.trust import TrustScreen
from tui.screens.pages.hygiene import HygieneScreen
from tui.screens.pages.lineage import Line, LineageScreen, lines
from tui.screens.pages.powers import PowersScreen
from tui.screens.shell.main import MainScreen
from tui.widgets.hanging import Hanging

__all__ = ["app", "stopped"]  # fixtures

ROBOT = Identity("tenant-a", "ci", "runner")
SECRET = Address(CredentialKind.SECRET, "harbor", "ci", "runner-kubeconfig")
FILE = Address(CredentialKind.FILE, "", "", "/home/you/.kube/kubemint/robot.kubeconfig")
FOLDER = Path("/home/you/.kube/kubemint")
TENANTS = [Tenant("harbor", "tenants", "blue", kinds={SourceKind.CLUSTER_API})]
SERVERS = {"harbor": "https://10.0.0.1:6443", "tenant-a": "https://10.0.1.1:6443"}


def main_of(app: KubemintApp) -> MainScreen:
    screen = app.screen
    assert isinstance(screen, MainScreen)
    return screen


def token(**claims: Any) -> str:
    """A token that nobody signed."""
    parts = [{"alg": "RS256", "kid": "one"}, claims]
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
    return ".".join((*encoded, "c2lnbmF0dXJl"))


TOKEN = token(
    iss="https://kubernetes.default.svc", sub="system:serviceaccount:ci:runner", aud=["https://kubernetes.default.svc"],
    iat=int((NOW - timedelta(minutes=20)).timestamp()), exp=int((NOW + timedelta(minutes=40)).timestamp()),
    **{"kubernetes.io": {"namespace": "ci", "serviceaccount": {"name": "runner", "uid": "uid-1"},
                         "secret": {"name": "kubemint-runner-abcde", "uid": "uid-2"}}},
)  # fmt: skip


def paste(text: str) -> Open:
    async def run(pilot: Pilot[Any]) -> None:
        await pilot.press("p")
        pilot.app.screen.post_message(events.Paste(text))

    return run


class Tree(LineageScreen):
    """A lineage whose branches are known."""

    async def fetch(self) -> Sequence[Line]:
        subject = Subject(cluster="harbor", username="system:serviceaccount:ci:runner", identity=ROBOT, here=SECRET)
        leaf = Node(kind="managed Secret", name="ci/runner-kubeconfig", here=True, address=SECRET, state=State.VALID,
                    expires_at=NOW + timedelta(minutes=41), note="kubeconfig, 1h")  # fmt: skip
        return list(lines(root(subject, [
            Node(kind=Part.ACCOUNT.value, children=(
                Node(kind="ServiceAccount", name="ci/runner", identity=ROBOT, note="40 days old"),)),
            Node(kind=Part.RIGHTS.value, children=(
                Node(kind="RoleBinding", name="ci/runner-edit", severity=Severity.MEDIUM, note="names the account",
                     children=(Node(kind="ClusterRole", name="edit", severity=Severity.MEDIUM),)),
                Node(kind="ClusterRoleBinding", name="ci-secrets", severity=Severity.HIGH,
                     note="names the group system:serviceaccounts:ci",
                     children=(Node(kind="ClusterRole", name="read-secrets", severity=Severity.HIGH),)))),
            Node(kind=Part.ISSUED.value, children=(leaf,)),
            Node(kind=Part.REQUESTS.value, note="none"),
            Node(kind=Part.MACHINE.value, children=(
                Node(kind="file", name="/home/you/.kube/kubemint/runner.kubeconfig", note="holds the same token"),)),
            Node(kind=Part.RUNS.value, note=OWN, children=(Node(kind="Pod", name="ci/runner-7d9f"),)),
            Node(kind=Part.USERS.value, problem="403 list pods in ci: this login may not",
                 children=(Node(kind="Pod", name="ci/deploy-5c4b", note="runs as another account"),)),
        ])))  # fmt: skip


class Rights(PowersScreen):
    """Rights that are known."""

    async def fetch(self) -> Sequence[Power]:
        self.found = Powers(
            subject="system:serviceaccount:ci:runner", cluster="harbor", namespace="ci", source=Source.COMPUTED,
            notes=("its material cannot be read: Secret ci/runner-kubeconfig is not there",),
            powers=(
                Power(severity=Severity.HIGH, why="reads Secrets, and with them every token in them",
                      verbs=("get", "list", "watch"), resources=("secrets",), everywhere=True,
                      through=("ClusterRoleBinding ci-secrets → ClusterRole read-secrets",)),
                Power(severity=Severity.MEDIUM, why="runs programs in pods", verbs=("create",),
                      resources=("pods/exec",), through=("RoleBinding ci/runner-edit → ClusterRole edit",)),
                Power(severity=Severity.LOW, why="reads", verbs=("get",), resources=("configmaps",),
                      names=("build-settings",), through=("RoleBinding ci/runner-edit → ClusterRole edit",)),
                Power(severity=Severity.LOW, why="asks who it is", verbs=("create",),
                      resources=("selfsubjectreviews.authentication.k8s.io",)),
                Power(severity=Severity.LOW, why="reads the API's description", verbs=("get",),
                      urls=("/api", "/apis", "/version")),
            ),
        )  # fmt: skip
        self.trail = (*self.trail[:2], "in ci")
        return self.found.powers


class Findings(HygieneScreen):
    """Findings that were made."""

    async def fetch(self) -> Sequence[Finding]:
        self.report = Report(
            credentials=9, accounts=12, files=3, clusters=2, checked_at=NOW,
            gaps=("pods in tenant-a: 403 list pods",),
            findings=(
                Finding(rule="admin-token", severity=Severity.HIGH, subject="legacy:harbor/ci/ci-bot-token",
                        message="ClusterRoleBinding ci-bot names it, with cluster-admin", cluster="harbor",
                        address=Address(CredentialKind.LEGACY, "harbor", "ci", "ci-bot-token"), fix=Fix.REVOKE,
                        action="give the account the rights it uses, then revoke this token",
                        command="kubemint revoke legacy:harbor/ci/ci-bot-token"),
                Finding(rule="endless-token", severity=Severity.HIGH, subject="legacy:harbor/ci/ci-bot-token",
                        message="a token of a Secret, which ends with its Secret only", cluster="harbor",
                        address=Address(CredentialKind.LEGACY, "harbor", "ci", "ci-bot-token"), fix=Fix.ROTATE,
                        action="rotate it, or issue a short-lived one",
                        command="kubemint rotate legacy:harbor/ci/ci-bot-token"),
                Finding(rule="unused-token", severity=Severity.MEDIUM, subject="account ci/runner",
                        message="nobody used it for 212 days", identity=ROBOT, cluster="tenant-a",
                        action="revoke it"),
            ),
        )  # fmt: skip
        return self.report.findings


def dry_run(app: KubemintApp) -> ForeseeScreen:
    async def plan() -> Plan:
        return Plan(
            id="plan", action=Action.ROTATE, address=SECRET,
            warnings=("the old one is revoked after 5m",),
            steps=(
                StepInfo(id="intent", title="Journal what is intended"),
                StepInfo(id="handle", title="Create the handle", cluster="harbor", verb="create", resource="secrets",
                     namespace="ci", name="kubemint-runner-xxxxx"),
                StepInfo(id="token", title="Ask for a token, bound to it", cluster="harbor", verb="create",
                     resource="serviceaccounts/token", namespace="ci", name="runner"),
                StepInfo(id="write:0", title="Write Secret ci/runner-kubeconfig", cluster="harbor", verb="update",
                     resource="secrets", namespace="ci", name="runner-kubeconfig"),
                StepInfo(id="write:1", title="Write ~/.kube/config", path="/home/you/.kube/config"),
                StepInfo(id="commit", title="Journal that it is so"),
            ),
            preview="--- ~/.kube/config\n+++ ~/.kube/config\n@@ -4,1 +4,1 @@\n-    token: ••••\n+    token: ••••",
        )  # fmt: skip

    async def refused() -> Plan:
        raise IssuanceError(
            "403 create serviceaccounts/token in web", "kubemint rbac issue shows the Role that it needs"
        )

    return ForeseeScreen(app.session, "rotate", [Intended("ci/runner-kubeconfig", plan), Intended("web/gone", refused)])


class Manifest(YamlScreen):
    async def look(self) -> None:
        text = (
            "apiVersion: v1\ndata:\n  kubeconfig: ••••••••\nkind: Secret\nmetadata:\n  annotations:\n"
            "    kubemint.io/expires: '2030-01-02T03:45:05Z'\n  name: runner-kubeconfig\n  namespace: ci\n"
        )
        self.query_one("#reader-text", Static).update(coloured(text))


class Claims(InspectScreen):
    async def look(self) -> None:
        from tui.widgets.facts import FactsView

        self.query_one("#reader-text", Static).display = False
        self.query_one(FactsView).show(inspected(inspect(TOKEN.encode(), now=NOW)))


class Revealed(RevealScreen):
    async def material(self) -> Sensitive:
        return Sensitive("not for pictures\n" * 3)

    def _count(self) -> None:
        """The seconds stand still."""


def result(step: str, title: str, status: StepStatus, message: str = "") -> StepResult:
    return StepResult(plan="plan", step=step, title=title, status=status, at=NOW, message=message)


async def jobs(pilot: Pilot[Any]) -> None:
    """One of many failed, and stays readable."""
    app = pilot.app
    assert isinstance(app, KubemintApp)

    async def good(task: Task) -> None:
        task.on_step(result("commit", "Journal that it is so", StepStatus.DONE))
        task.status, task.message = StepStatus.DONE, "1h left, until 04:04"

    async def bad(task: Task) -> None:
        task.on_step(result("token", "Ask for a token", StepStatus.FAILED, "403"))
        task.status, task.message = StepStatus.FAILED, "403 create serviceaccounts/token in default"
        task.hint = "kubemint rbac issue shows the Role that it needs"

    await pilot.press("5")
    app.session.jobs.begin("rotate", [Task("secret:harbor/ci/runner-kubeconfig", good), Task("web/frontend", bad),
                             Task("web/frontend-with-a-name-that-is-very-long-indeed", good)])  # fmt: skip


async def job(pilot: Pilot[Any]) -> None:
    """One that went well, with all its steps."""
    app = pilot.app
    assert isinstance(app, KubemintApp)

    async def good(task: Task) -> None:
        for step, title in (
            ("intent", "Journal what is intended"),
            ("handle", "Create the handle"),
            ("token", "Ask for a token, bound to it"),
            ("write:0", "Write Secret ci/runner-kubeconfig"),
            ("commit", "Journal that it is so"),
        ):
            task.on_step(result(step, title, StepStatus.DONE))
        task.status, task.message, task.hint = StepStatus.DONE, "1h left, until 04:04", "the old one ends in 5m"

    await pilot.press("5")
    app.session.jobs.begin("rotate", [Task("ci/runner-kubeconfig", good)])


def shoots(app: KubemintApp) -> ClusterRow:
    row = ClusterRow(
        name="harbor/garden-dev/meadow", server="https://api.meadow.example", source="Gardener shoot",
        reach=Reach.NOT_CONNECTED, message="Awake, Reconcile Succeeded (100%)", hint="enter offers to connect",
        apart=told_of(
            "harbor", "garden-dev", "meadow",
            ShootFacts(project="dev", hibernation="Awake", operation="Reconcile Succeeded (100%)",
                       addresses=(("external", "https://api.meadow.example"),)),
        ),
    )  # fmt: skip
    app.session.store.put(row)
    return row


def entering(app: KubemintApp) -> EnteringScreen:
    row = shoots(app)
    assert row.apart is not None
    return EnteringScreen(row.name, row.apart)


async def new_shoot(pilot: Pilot[Any]) -> None:
    app = pilot.app
    assert isinstance(app, KubemintApp)
    shoots(app)
    await one_by_one("n", "g")(pilot)


AUTHORITY = b"""\
-----BEGIN CERTIFICATE-----
MIIBJTCBzKADAgECAgEBMAoGCCqGSM49BAMCMBIxEDAOBgNVBAMMB2JsdWUtY2Ew
HhcNMjkwMTAxMDAwMDAwWhcNMzkwMTAxMDAwMDAwWjASMRAwDgYDVQQDDAdibHVl
LWNhMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEcNShQKsCipP2Ekk5zZN8ocGa
oqeAq7cyimvR39qPEj621kwFlpLDidHyexB/0vLh8uQotJKA324Q50hQbmec4qMT
MBEwDwYDVR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNIADBFAiEAlL64RwyHv8ie
KGQk4CDD0YXoZekD+nL4BLLilq4KcaMCIEyDEHX+4SWDOqTtGpLtfcWH6OrMTeJA
UQSG8mxVsWOH
-----END CERTIFICATE-----
"""
"""Somebody's authority, made once."""


async def trust(pilot: Pilot[Any]) -> None:
    """A delivered cluster that changed since somebody said yes to it, as it is asked about."""
    app = pilot.app
    assert isinstance(app, KubemintApp)
    by = DeliveredBy(SourceKind.CLUSTER_API, "harbor", "clusters", "blue")
    now = Delivery(by=by, place=Place("https://blue.example:6443", fingerprint(AUTHORITY)))
    before = Place("https://blue.example:6444", now.place.authority)
    verdict = decide(now, yes=before)
    untrusted = Untrusted(now, verdict)
    row = ClusterRow(
        name=by.cluster, source=by.kind.value, reach=Reach.UNTRUSTED, since=NOW - timedelta(minutes=3),
        message=untrusted.message, hint=untrusted.hint, delivered=DeliveredFacts(by=by),
    )  # fmt: skip
    app.session.store.put(row)

    async def look() -> tuple[Delivered, Verdict]:
        return Delivered(now, Endpoint(name=by.cluster, server=now.place.server, ca=AUTHORITY)), verdict

    await one_by_one("2")(pilot)
    own = {"blue": "https://blue.example:6443", "harbor": "https://10.0.0.1:6443"}
    await app.push_screen(TrustScreen(by.cluster, look, own))
    while "SHA-256" not in str(app.screen.query_one("#delivered", Hanging).render()):
        await pilot.pause(0.02)


async def csi(pilot: Pilot[Any]) -> None:
    app = pilot.app
    assert isinstance(app, KubemintApp)
    driver = Driver(name="vault.csi.example", wishes=(TokenWish(audience="vault", seconds=600),), republish=True)
    app.session.store.put(
        RequestRow(cluster="harbor", namespace="", name=driver.name, kind=DRIVER, type="vault", about=driver)
    )
    await one_by_one("n", "k")(pilot)


SCREENS: dict[str, Open] = {
    "palette": one_by_one("5", "ctrl+p", "r", "o"),
    "command": one_by_one("5", "colon", "c", "t", "x", "space", "t"),
    "new": one_by_one("5", "n"),
    "new-credential": one_by_one("3", "n", "c"),
    "new-identity": one_by_one("3", "n", "i"),
    "new-request": one_by_one("4", "n", "d"),
    "new-shoot": new_shoot,
    "csi": csi,
    "trust": trust,
    "snooze": one_by_one("5", "z"),
    "loop": one_by_one("5", "space", "space", "a"),
    "settings": one_by_one("1", "comma"),
    "inspector": one_by_one("p"),
    "inspector-token": paste(TOKEN),
    "inspector-nothing": paste("neither a token nor anything else"),
    "choose-shoot": pushed(lambda app: entering(app)),
    "mint": pushed(lambda app: MintScreen(ROBOT, [("~/.kube/kubemint/ci-runner.token", FILE)], folder=FOLDER)),
    "tenant-store": pushed(lambda app: TenantStoreScreen(TENANTS, servers=SERVERS, first="tenant-a")),
    "tenant-push": pushed(
        lambda app: TenantPushScreen(
            TENANTS, servers=SERVERS, first="tenant-a", identity=ROBOT, stored=lambda tenant: False
        )
    ),
    "lineage": pushed(lambda app: Tree(app.session, main_of(app), app.session.store.credentials[str(SECRET)])),
    "powers": pushed(lambda app: Rights(app.session, app.session.store.credentials[str(SECRET)], SECRET)),
    "findings": pushed(lambda app: Findings(app.session, main_of(app))),
    "save-findings": pushed(lambda app: SaveFindingsScreen(FOLDER / "findings.txt")),
    "dry-run": pushed(dry_run),
    "yaml": pushed(lambda app: Manifest(app.session, app.session.store.credentials[str(SECRET)])),
    "inspect": pushed(lambda app: Claims(app.session, SECRET, "ci/runner-kubeconfig")),
    "reveal": pushed(lambda app: Revealed(app.session, SECRET, "ci/runner-kubeconfig")),
    "job": job,
    "jobs": jobs,
}
LIGHT = ["new-credential", "inspector-token", "findings", "dry-run", "jobs"]


@pytest.mark.parametrize("screen", SCREENS)
async def test_screen(app: Made, snapshot: SnapshotAssertion, screen: str) -> None:
    assert await taken(app("dark"), SCREENS[screen], snapshot) == []


@pytest.mark.parametrize("screen", LIGHT)
async def test_in_the_light(app: Made, snapshot: SnapshotAssertion, screen: str) -> None:
    assert await taken(app("light"), SCREENS[screen], snapshot) == []
