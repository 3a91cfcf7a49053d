"""A dashboard over rows written by hand and a clock that stands still, for pictures that are the same every time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from pytest_textual_snapshot import SVGImageExtension
from syrupy.assertion import SnapshotAssertion
from textual.pilot import Pilot
from textual.widgets import Button, Input

from tui.app import KubemintApp
from tui.fleet.fleet import Fleet
from tui.fleet.rows import AccountRow, ClusterRow, ConditionRow, CredentialRow, Reach, RequestRow
from tui.issuance.families.dpf.listing import REQUEST
from tui.issuance.formats import Format
from tui.issuance.model.kinds import CredentialKind
from tui.issuance.model.renewal import rotate_at
from tui.issuance.model.types import Address, Credential, Handle, Identity, State
from tui.issuance.records.state import StateStore
from tui.kube.kubeconfig import parse
from tui.screens.areas.overview import Overview
from tui.widgets.keystrokes import AT_ONCE

NOW = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
SIZES = [(80, 24), (120, 35), (200, 50)]
Made = Callable[[str], KubemintApp]
"""Makes the dashboard in a theme."""
Open = Callable[[Pilot[Any]], Awaitable[object]]
"""Opens what a picture is taken of."""


@pytest.fixture
def stopped() -> Iterator[None]:
    """Time stands still."""
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def app(stopped: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Made]:
    """Makes the dashboard over rows written by hand."""
    monkeypatch.setenv("HOME", "/home/you")
    monkeypatch.setenv("XDG_CONFIG_HOME", "/home/you/.config")
    state = StateStore.open(tmp_path / "state")

    def made(theme: str) -> KubemintApp:
        fleet = Fleet(parse(b""), state=state, clock=lambda: NOW)
        fill(fleet)
        return KubemintApp(
            fleet,
            clock=lambda: NOW,
            embedded=True,
            theme=theme,
            export_folder=Path("/home/you/.kube/kubemint"),
            pace=AT_ONCE,
        )

    yield made
    state.close()


def issued(kind: CredentialKind, cluster: str, namespace: str, name: str, **given: Any) -> CredentialRow:
    """One credential; `left` is how long it still lives, `life` its lifetime."""
    left, life = given.pop("left", timedelta(minutes=40)), given.pop("life", timedelta(hours=1))
    expires = NOW + left if left is not None else None
    begun = expires - life if expires is not None else None
    path = f"/home/you/.kube/kubemint/{name}.kubeconfig"
    account = name.removesuffix("-kubeconfig")
    values: dict[str, Any] = {
        "address": Address(kind, "", "", path)
        if kind is CredentialKind.FILE
        else Address(kind, cluster, namespace, name),
        "identity": Identity(cluster, namespace, account),
        "format": Format.KUBECONFIG,
        "requested": life if left is not None else None,
        "granted": life if left is not None else None,
        "issued_at": begun,
        "expires_at": expires,
        "rotate_at": rotate_at(begun, expires) if begun is not None and expires is not None else None,
        "kept_in": path if kind is CredentialKind.FILE else f"Secret {namespace}/{name}",
        "fingerprint": "00112233aabbccdd",
        "handle": Handle(cluster, namespace, f"kubemint-{account}-bcdfghjk", "uid-1"),
        "state": State.VALID if left is not None else State.ENDLESS,
    }
    return CredentialRow(cluster=cluster, namespace=namespace, name=name, credential=Credential(**{**values, **given}))


def fill(fleet: Fleet) -> None:
    """A small fleet with every state there is."""
    request = issued(
        CredentialKind.REQUEST, "harbor", "dpf-operator-system", "hbn", left=timedelta(minutes=2, seconds=41)
    )
    failed = issued(
        CredentialKind.REQUEST, "harbor", "dpf-operator-system", "storage-agent", left=timedelta(minutes=9),
        state=State.FAILED, message="403 create serviceaccounts/token in default",
    )  # fmt: skip
    since = NOW - timedelta(minutes=12)
    fleet.store.put(
        ClusterRow(name="harbor", server="https://10.0.0.1:6443", user="admin", version="v1.34.1", reach=Reach.READY,
                   since=since, synced_at=NOW, skew=0.2, latency=0.012),
        ClusterRow(name="tenant-a", server="https://10.0.1.1:6443", user="admin", version="v1.20.15",
                   reach=Reach.READY, since=since, synced_at=NOW, skew=75.0, latency=0.02,
                   missing=("DPUServiceCredentialRequest: not installed",)),
        ClusterRow(name="fjord", server="https://10.0.2.1:6443", version="v1.34.1", reach=Reach.SLOW, since=since,
                   latency=2.5),
        ClusterRow(name="island", server="https://10.0.3.1:6443", reach=Reach.UNREACHABLE, since=since,
                   message="connection refused", hint="check the address, the network and the proxy"),
        ClusterRow(name="vault", server="https://10.0.4.1:6443", reach=Reach.NEEDS_LOGIN, since=since,
                   message="the session has expired", hint="run: vault-login"),
        *(AccountRow(identity=Identity(cluster, namespace, name), created_at=NOW - timedelta(days=40, hours=5),
                     labels={"team": namespace})
          for cluster in ("harbor", "tenant-a") for namespace in ("ci", "web")
          for name in ("default", "runner", "api")),
        RequestRow(cluster="harbor", namespace="dpf-operator-system", name="hbn", kind=REQUEST, type="kubeconfig",
                   duration="1h", service_account="dpu-services/hbn", target="dpf-operator-system/tenant-a",
                   secret="dpf-operator-system/hbn-credential", ready="True", created_at=NOW - timedelta(days=3),
                   credential=request.credential,
                   conditions=tuple(ConditionRow(type=kind, status="True", reason="Success", changed_at=since)
                                    for kind in ("Ready", "ServiceAccountReconciled", "SecretReconciled"))),
        RequestRow(cluster="harbor", namespace="dpf-operator-system", name="storage-agent", kind=REQUEST,
                   type="tokenFile", duration="12h", service_account="default/storage-agent",
                   secret="default/storage-agent", ready="False", credential=failed.credential,
                   conditions=(ConditionRow(type="ServiceAccountReconciled", status="False", reason="Error",
                                            message="Error occurred: 403 create serviceaccounts/token in default",
                                            changed_at=since),)),
        request,
        failed,
        issued(CredentialKind.FILE, "tenant-a", "default", "robot", left=timedelta(minutes=4),
               life=timedelta(minutes=30)),
        issued(CredentialKind.SECRET, "harbor", "ci", "runner-kubeconfig", left=timedelta(minutes=41)),
        issued(CredentialKind.SECRET, "tenant-a", "web", "frontend-kubeconfig", left=timedelta(hours=5),
               requested=timedelta(hours=24), life=timedelta(hours=8)),
        issued(CredentialKind.SECRET, "tenant-a", "web", "gone-kubeconfig", left=timedelta(hours=-3)),
        issued(CredentialKind.LEGACY, "harbor", "ci", "ci-bot-token", left=None),
    )  # fmt: skip


def keys(*pressed: str) -> Callable[[Pilot[Any]], Any]:
    """Press these, and wait until the screen has come to rest, however fast this machine is."""

    async def run(pilot: Pilot[Any]) -> None:
        await at_rest(pilot)
        await pilot.press(*pressed)
        await at_rest(pilot)

    return run


async def at_rest(pilot: Pilot[Any]) -> None:
    """No job runs, no cursor blinks, alerts are judged (else once a second), and two looks in a row show the same."""
    app = pilot.app
    assert isinstance(app, KubemintApp)
    before = ""
    for _ in range(200):
        await pilot.pause(0.05)
        app.alerting.look()
        for overview in app.screen_stack[0].query(Overview):
            overview.look()  # what needs somebody follows the alerts, but only after a while
        for field in app.screen.query(Input):
            field.cursor_blink = False
        shown = "".join(strip.text for strip in app.screen._compositor.render_strips())
        if shown == before and not any(job.running for job in app.session.jobs.all):
            return
        before = shown
    raise AssertionError("the screen does not come to rest")


def one_by_one(*pressed: str) -> Open:
    """Opened by keys, each after what the one before it led to."""

    async def run(pilot: Pilot[Any]) -> None:
        for key in pressed:
            await pilot.press(key)
            await at_rest(pilot)

    return run


def pushed(make: Callable[[KubemintApp], Any]) -> Open:
    """Opened by hand, where the way there leads past a server."""

    async def run(pilot: Pilot[Any]) -> None:
        await pilot.press("5")
        app = pilot.app
        assert isinstance(app, KubemintApp)
        app.push_screen(make(app))

    return run


async def taken(app: KubemintApp, opened: Open, snapshot: SnapshotAssertion) -> list[str]:
    """Which of the three pictures differ from those that were looked at."""
    differ = []
    async with app.run_test(size=SIZES[1]) as pilot:
        await at_rest(pilot)
        await opened(pilot)
        for width, height in SIZES:
            await pilot.resize_terminal(width, height)
            await at_rest(pilot)
            for button in app.screen.query(Button):
                assert app.screen.region.contains_region(button.region), "the buttons stay in sight"
            picture = app.export_screenshot()
            if picture != snapshot(name=f"{width}x{height}", extension_class=SVGImageExtension):
                differ.append(f"{width}x{height}")
    return differ
