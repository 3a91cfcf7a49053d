"""A handle that somebody deletes in a cluster turns every row that names it, in seconds."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.controlplane import RealControlPlane
from tests.fleet.conftest import FAST, over, until
from tests.fleet.sayings import create_account
from tui.demo.apiserver.faults import Answer, FaultRule
from tui.demo.fleet import EmbeddedFleet
from tui.fleet.fleet import Fleet
from tui.fleet.handles import AGAIN
from tui.issuance.destinations.in_file import FileDestination
from tui.issuance.destinations.in_secret import SecretDestination
from tui.issuance.model.kinds import CredentialKind
from tui.issuance.model.types import Address, Handle, Identity, IssueSpec, State
from tui.issuance.objects import managed
from tui.issuance.records.state import StateStore
from tui.kube.client import Client
from tui.kube.kubeconfig import load
from tui.kube.resource import SECRETS


def robot(*places: FileDestination | SecretDestination, cluster: str = "harbor") -> IssueSpec:
    return IssueSpec(identity=Identity(cluster, "default", "robot"), destinations=places, create_account=True)


async def issued(fleet: Fleet, spec: IssueSpec) -> Handle:
    outcome = await fleet.engine.execute(await fleet.engine.plan(spec))
    assert outcome.ok, outcome
    assert outcome.credential is not None
    assert outcome.credential.handle is not None
    return outcome.credential.handle


def states(fleet: Fleet, *keys: str) -> list[State | None]:
    rows = [fleet.store.credentials.get(key) for key in keys]
    return [row.credential.state if row is not None else None for row in rows]


async def test_deleted_elsewhere(harbor: EmbeddedFleet, tmp_path: Path) -> None:
    """The file and the Secret with one token, seen by who is there and by who comes later."""
    secret, path = SecretDestination("harbor", "default", "robot-credential"), tmp_path / "robot.kc"
    keys = ("secret:harbor/default/robot-credential", f"file:{path}")
    async with over(harbor, tmp_path, read_only=False) as fleet:
        assert await fleet.settled(10)
        handle = await issued(fleet, robot(secret, FileDestination(str(path))))
        await until(lambda: states(fleet, *keys) == [State.VALID] * 2, "both show")
        await (await fleet.client("harbor")).delete(SECRETS, handle.name, namespace="default")
        await until(lambda: states(fleet, *keys) == [State.REVOKED] * 2, "both turn", timeout=3)
    async with over(harbor, tmp_path) as later:
        assert await later.settled(10)
        assert states(later, *keys) == [State.REVOKED] * 2, "also where it was deleted before the first look"


@pytest.mark.parametrize("mark", ["default/db-password/11111111-2222-4333-8444-555555555555", None])
async def test_a_mark_that_names_no_handle_keeps_no_row_valid(
    harbor: EmbeddedFleet, tmp_path: Path, mark: str | None
) -> None:
    """Who may patch one Secret's annotations has its row rest on nothing; this machine's record knows better."""
    secret, key = SecretDestination("harbor", "default", "robot-credential"), "secret:harbor/default/robot-credential"
    other = tmp_path / "another machine"
    other.mkdir()
    async with over(harbor, tmp_path, read_only=False) as fleet, over(harbor, other) as elsewhere:
        assert await fleet.settled(10)
        handle = await issued(fleet, robot(secret))
        client = await fleet.client("harbor")
        patch = {"metadata": {"annotations": {managed.HANDLE: mark}}}
        await client.patch(SECRETS, "robot-credential", patch, namespace="default")
        await until(lambda: states(fleet, key) == [State.UNKNOWN], "the marks say something else")
        if mark is not None:
            await until(lambda: states(elsewhere, key) == [State.UNKNOWN], "also where nothing is recorded")
        await client.delete(SECRETS, handle.name, namespace="default")
        await until(lambda: states(fleet, key) == [State.REVOKED], "what was recorded is gone", timeout=3)
    async with over(harbor, tmp_path) as later:
        assert await later.settled(10)
        assert states(later, key) == [State.REVOKED], "also where it was deleted before the first look"


@pytest.mark.parametrize("kept", ["file", "secret"])
async def test_a_copy_in_a_secret_turns_with_its_original(harbor: EmbeddedFleet, tmp_path: Path, kept: str) -> None:
    path = FileDestination(str(tmp_path / "robot.kc"))
    original = path if kept == "file" else SecretDestination("harbor", "default", "original")
    key = "secret:harbor/default/copied"
    async with over(harbor, tmp_path, read_only=False) as fleet:
        assert await fleet.settled(10)
        handle = await issued(fleet, robot(original))
        address = Address(CredentialKind.FILE, "", "", path.path)
        if kept == "secret":
            address = Address(CredentialKind.SECRET, "harbor", "default", "original")
        outcome = await fleet.engine.export(address, SecretDestination("harbor", "default", "copied"))
        assert outcome.ok, outcome
        await until(lambda: states(fleet, key) == [State.VALID], "it shows")
        shown = fleet.store.credentials[key].credential
        assert shown.handle is None, "nothing is ended by a mark of a copy"
        await (await fleet.client("harbor")).delete(SECRETS, handle.name, namespace="default")
        await until(lambda: states(fleet, key) == [State.REVOKED], "it turns", timeout=3)
    async with over(harbor, tmp_path) as later:
        assert await later.settled(10)
        assert states(later, key) == [State.REVOKED], "also where it was deleted before the first look"


async def test_of_old_handles_too(harbor: EmbeddedFleet, tmp_path: Path) -> None:
    """They are Opaque and told by labels, which anybody may take from them: each is looked at by name."""
    async with over(harbor, tmp_path, read_only=False) as fleet:
        assert await fleet.settled(10)
        client = await fleet.client("harbor")
        await create_account(client, "robot")
        name = "kubemint-robot-kjhgfdcb"
        old: dict[str, Any] = await client.create(
            SECRETS,
            {"metadata": {"name": name, "labels": {managed.MANAGED_BY: managed.MANAGER, managed.ROLE: "handle"}}},
            namespace="default",
        )
        notes = {
            managed.ACCOUNT: "default/robot",
            managed.ISSUED: "2026-01-01T00:00:00Z",
            managed.EXPIRES: "2090-01-01T00:00:00Z",
            managed.HANDLE: f"default/{name}/{old['metadata']['uid']}",
        }
        labels = {managed.MANAGED_BY: managed.MANAGER, managed.ROLE: "credential"}
        meta = {"name": "robot-old", "labels": labels, "annotations": notes}
        await client.create(SECRETS, {"metadata": meta}, namespace="default")
        key = "secret:harbor/default/robot-old"
        await until(lambda: key in fleet.store.credentials, "it shows")
        await fleet._handles.look()
        assert states(fleet, key) != [State.REVOKED]
        await client.delete(SECRETS, name, namespace="default")
        fleet.store.handles._clock = lambda: datetime.now(UTC) + 2 * AGAIN  # ten seconds later
        await until(lambda: states(fleet, key) == [State.REVOKED], "it turns")


async def test_in_a_tenant_with_the_secret_elsewhere(two: EmbeddedFleet, tmp_path: Path) -> None:
    key = "secret:harbor/default/for-tenant"
    async with over(two, tmp_path, read_only=False) as fleet:
        assert await fleet.settled(10)
        spec = robot(SecretDestination("harbor", "default", "for-tenant"), cluster="tenant-a")
        handle = await issued(fleet, spec)
        assert handle.cluster == "tenant-a"
        await until(lambda: states(fleet, key) == [State.VALID], "it shows")
        await (await fleet.client("tenant-a")).delete(SECRETS, handle.name, namespace="default")
        await until(lambda: states(fleet, key) == [State.REVOKED], "it turns", timeout=3)
    async with over(two, tmp_path) as later:
        assert await later.settled(10)
        assert states(later, key) == [State.REVOKED]


async def test_a_secret_whose_marks_were_taken_off_is_listed_by_this_machines_record(
    harbor: EmbeddedFleet, tmp_path: Path
) -> None:
    """att5-claims-18: it was out of every list, while its token lived."""
    key, place = "secret:harbor/default/marked", SecretDestination("harbor", "default", "marked")
    marks = {managed.MANAGED_BY: managed.MANAGER, managed.ROLE: "credential"}

    async def mark(labels: dict[str, str | None]) -> None:
        await (await fleet.client("harbor")).patch(SECRETS, "marked", {"metadata": {"labels": labels}},
                                                   namespace="default")  # fmt: skip

    async with over(harbor, tmp_path, read_only=False) as fleet:
        assert await fleet.settled(10)
        await issued(fleet, robot(place))
        await until(lambda: states(fleet, key) == [State.VALID], "it shows")
        await mark(dict.fromkeys(marks))
        await until(lambda: states(fleet, key) == [None], "not while it may be on its way")
    later = datetime.now(UTC) + 2 * AGAIN
    async with over(harbor, tmp_path, read_only=False, clock=lambda: later) as fleet:
        assert await fleet.settled(10)
        assert states(fleet, key) == [State.MISSING]
        assert "its marks taken off" in fleet.store.credentials[key].credential.message
        await mark({**marks})
        await until(lambda: states(fleet, key) == [State.VALID], "it is listed itself")
        await asyncio.sleep(3 * FAST.exports)
        assert states(fleet, key) == [State.VALID]
        await mark(dict.fromkeys(marks))
        await until(lambda: states(fleet, key) == [State.MISSING], "and is missing again")
        outcome = await fleet.engine.execute(await fleet.engine.plan_revoke(Address.parse(key)))
        assert outcome.ok, outcome
        await until(lambda: states(fleet, key) == [None], "nothing of it lives")


async def test_a_secret_that_is_listed_under_another_name_of_its_cluster_is_not_missing(
    two: EmbeddedFleet, tmp_path: Path
) -> None:
    """att6-4: who has a context of his own for a delivered cluster saw what he put there a second time, as missing."""
    called, own = "harbor/clusters/tenant-a", "tenant-a"
    place = SecretDestination(called, "default", "twice")
    async with over(two, tmp_path, read_only=False) as fleet:
        await fleet.settled(10)
        await until(lambda: fleet.store.clusters[called].carried_by == own, "one shows what is in it")
        await issued(fleet, robot(place))
        await until(lambda: states(fleet, f"secret:{own}/default/twice") == [State.VALID], "it shows")
    later = datetime.now(UTC) + 2 * AGAIN
    async with over(two, tmp_path, read_only=False, clock=lambda: later) as fleet:
        await fleet.settled(10)
        await until(lambda: states(fleet, f"secret:{own}/default/twice") == [State.VALID], "it is there")
        await asyncio.sleep(3 * FAST.exports)
        assert states(fleet, f"secret:{called}/default/twice") == [None]


@pytest.mark.parametrize("path", ["/secrets$", "/secrets/kubemint-robot"], ids=["list", "get"])
async def test_what_may_not_be_listed_or_seen_is_looked_for_or_asked_about(
    harbor: EmbeddedFleet, tmp_path: Path, path: str
) -> None:
    """By its name where nobody may list it, and by its token where nobody may look; nobody misses a list for that."""
    key = f"file:{tmp_path / 'robot.kc'}"
    async with over(harbor, tmp_path, read_only=False) as fleet:
        assert await fleet.settled(10)
        handle = await issued(fleet, robot(FileDestination(str(tmp_path / "robot.kc"))))
        client = await fleet.client("harbor")
    async with Client(client.endpoint) as client:
        await client.delete(SECRETS, handle.name, namespace="default")
        harbor.cluster("harbor").faults.add(FaultRule(Answer(403), path=path))
        harbor.cluster("harbor").authenticator.forget()
    async with over(harbor, tmp_path) as fleet:
        assert await fleet.settled(10)
        assert states(fleet, key) == [State.REVOKED]
        assert not [text for text in fleet.store.clusters["harbor"].missing if text.startswith("handles")]


@pytest.mark.real
async def test_on_a_real_control_plane(real_control_plane: RealControlPlane, tmp_path: Path) -> None:
    """Deleted while it looks, and before it looks."""
    path = tmp_path / "robot.kc"
    key = f"file:{path}"
    state = StateStore.open(tmp_path / "state")
    config = load(str(real_control_plane.kubeconfig))
    try:
        fleet = Fleet(config, state=state, timing=FAST, only=["real"])
        await fleet.start()
        assert await fleet.settled(20)
        handle = await issued(fleet, robot(FileDestination(str(path)), cluster="real"))
        await until(lambda: states(fleet, key) == [State.VALID], "it shows")
        await (await fleet.client("real")).delete(SECRETS, handle.name, namespace="default")
        await until(lambda: states(fleet, key) == [State.REVOKED], "it turns", timeout=3)
        await fleet.stop()
        later = Fleet(config, state=state, timing=FAST, only=["real"], read_only=True)
        await later.start()
        assert await later.settled(20)
        assert states(later, key) == [State.REVOKED]
        await later.stop()
    finally:
        state.close()
