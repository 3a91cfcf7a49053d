"""What questions and passing states look like, at three sizes: what ends with a revocation, a deletion, an abandonment;
a pod's snippet; a rotation that can be undone; the renewal loop; the timeline in hand.

The ways there are those of a person; only what servers would be asked for is given by hand.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from syrupy.assertion import SnapshotAssertion
from textual.pilot import Pilot

from tests.dashboard.by_hand import NOW, Made, Open, app, at_rest, one_by_one, stopped, taken
from tui.app import KubemintApp
from tui.issuance.families.dpf.wishes import Abandon, Delete
from tui.issuance.insight import snippet
from tui.issuance.insight.lineage_tree import Node, Part
from tui.issuance.insight.lineage_users import Users
from tui.issuance.model.kinds import CredentialKind
from tui.issuance.model.types import Action, Address, Plan, StepInfo
from tui.issuance.tokens.undoing import UndoWindow
from tui.widgets.top_bar import TopBar

__all__ = ["app", "stopped"]  # fixtures

HBN = "harbor/dpf-operator-system/hbn"
SECRET = Address(CredentialKind.SECRET, "harbor", "ci", "runner-kubeconfig")


async def revocation(address: Address) -> Plan:
    name = address.name.rpartition("/")[2].removesuffix(".kubeconfig")
    stays = ("the request stays: its controller, or the next rotation, issues a new token",)
    return Plan(
        id="plan", action=Action.REVOKE, address=address,
        steps=(
            StepInfo(id="handle", title="Delete the handle, which revokes the token", verb="delete", resource="secrets",
                 cluster=address.cluster or "tenant-a", namespace="dpu-services", name=f"kubemint-{name}-abcde"),
        ),
        warnings=(
            "it is refused within 10 s; verifiers outside of the API server only notice its expiry",
            *(stays if address.kind is CredentialKind.REQUEST else ()),
        ),
    )  # fmt: skip


async def deletion(address: Address) -> Plan:
    return Plan(
        id="plan", action=Action.DELETE, address=address, steps=(),
        warnings=(
            "the service account dpu-services/hbn in dpf-operator-system/tenant-a goes with it",
            "the Secret dpf-operator-system/hbn-credential goes with it",
            "users of its credential are refused within 10 s",
        ),
    )  # fmt: skip


async def abandonment(address: Address) -> Plan:
    return Plan(
        id="plan", action=Action.DELETE, address=address, steps=(),
        warnings=(
            "what can be reached is removed; what cannot stays, and nothing manages it any more:",
            "the service account dpu-services/hbn in dpf-operator-system/tenant-a",
            "the Secret dpf-operator-system/hbn-credential",
        ),
    )  # fmt: skip


async def users(*asked: object) -> Users:
    uses = Node(kind="uses", name="Secret dpf-operator-system/hbn-credential", note="volume login")
    pods = [Node(kind="Pod", name=f"dpf-operator-system/hbn-{end}", children=(uses,)) for end in ("4xk2p", "9vq7d")]
    runs = Node(kind=Part.RUNS, children=(Node(kind="Pod", name="dpu-services/hbn-agent-2w5nd"),))
    return Users(runs, Node(kind=Part.USERS, children=tuple(pods)))


async def pod(address: Address) -> str:
    return snippet.text("default", "storage-agent")


async def ended(wish: Delete | Abandon) -> Plan:
    return await (deletion if isinstance(wish, Delete) else abandonment)(wish.address)


@pytest.fixture
def answered(app: Made, monkeypatch: pytest.MonkeyPatch) -> Made:
    """The dashboard over rows written by hand, and what its clusters would say."""
    monkeypatch.setattr("tui.screens.dialogs.consequences.users_of_one", users)
    monkeypatch.setattr("tui.fleet.renewal_leases.RenewalLeases.claim", lambda leases, address: "")

    def made(theme: str) -> KubemintApp:
        dashboard = app(theme)
        assert dashboard._given is not None
        engine = dashboard._given.engine
        monkeypatch.setattr(engine, "plan_revoke", revocation)
        monkeypatch.setattr(engine, "plan", ended)
        monkeypatch.setattr(engine, "snippet", pod)
        monkeypatch.setattr(engine, "undo_window", undo_window)
        return dashboard

    return made


def undo_window(fingerprint: str) -> UndoWindow | None:
    return UndoWindow(until=NOW + timedelta(seconds=24), kept=True) if fingerprint == "fresh" else None


def of(pilot: Pilot[Any]) -> KubemintApp:
    assert isinstance(pilot.app, KubemintApp)
    return pilot.app


def command(*before: str, word: str) -> Open:
    """Opened by keys and a word after `:`."""
    return one_by_one(*before, "colon", *word, "enter")


async def going(pilot: Pilot[Any]) -> None:
    """A request whose deletion is stuck."""
    store = of(pilot).session.store
    store.put(msgspec.structs.replace(store.requests[HBN], deleted_at=NOW - timedelta(minutes=12)))
    await command("4", "down", word="abandon")(pilot)


async def fresh(pilot: Pilot[Any]) -> None:
    """A credential that was rotated a moment ago."""
    store = of(pilot).session.store
    row = store.credentials[str(SECRET)]
    until = NOW + timedelta(hours=1)
    credential = msgspec.structs.replace(
        row.credential, fingerprint="fresh", issued_at=NOW, expires_at=until, rotate_at=NOW + timedelta(minutes=47)
    )
    store.put(msgspec.structs.replace(row, credential=credential))
    await one_by_one("5", *["down"] * 4)(pilot)


async def loop(pilot: Pilot[Any]) -> None:
    """The loop keeps two that are not due yet."""
    await one_by_one("5", *["down"] * 4, "space", "space", "a", "ctrl+s")(pilot)
    await at_rest(pilot)


SCREENS: dict[str, Open] = {
    "revoke": one_by_one("5", "down", "down", "ctrl+d"),
    "revoke-marked": one_by_one("5", "down", "down", "space", "space", "space", "ctrl+d"),
    "delete": command("4", "down", word="delete"),
    "abandon": going,
    "snippet": command("4", word="snippet"),
    "undo": fresh,
    "loop-on": loop,
    "timeline": one_by_one("1", "right", "right"),
}
LIGHT = ["revoke", "timeline"]


@pytest.mark.parametrize("screen", SCREENS)
async def test_screen(answered: Made, snapshot: SnapshotAssertion, screen: str) -> None:
    assert await taken(answered("dark"), SCREENS[screen], snapshot) == []


@pytest.mark.parametrize("screen", LIGHT)
async def test_in_the_light(answered: Made, snapshot: SnapshotAssertion, screen: str) -> None:
    assert await taken(answered("light"), SCREENS[screen], snapshot) == []


async def test_the_header_is_never_cut(answered: Made) -> None:
    dashboard = answered("dark")
    async with dashboard.run_test(size=(120, 24)) as pilot:
        await at_rest(pilot)
        await loop(pilot)
        bar = dashboard.screen.query_one(TopBar)
        said = []
        for width in range(40, 150, 10):
            await pilot.resize_terminal(width, 24)
            await at_rest(pilot)
            said.append(bar.render().plain.rstrip())
            assert len(said[-1]) <= width
    assert "3 not ready" in said[0], "what matters most stays"
    assert "! clock +75 s" in said[3]
    assert "↻ renewal loop: 2 watched, next in 29m" in said[-1]
    assert "embedded fleet" in said[-1]
