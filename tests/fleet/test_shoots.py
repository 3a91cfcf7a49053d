"""Shoots of an embedded garden as clusters of the fleet: what is said of them, and entering one when somebody asks."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.fleet.conftest import FAST, over, until
from tui.demo.apiserver.faults import Answer, FaultRule
from tui.demo.fleet import EmbeddedFleet
from tui.fleet import apart
from tui.fleet.apart import _place
from tui.fleet.fleet import Fleet
from tui.fleet.rows import ENTER, ClusterRow, Reach
from tui.issuance.destinations.in_file import FileDestination
from tui.issuance.errors import UsageError
from tui.issuance.families.gardener.apart import ASLEEP, UNBORN, ShootFacts
from tui.issuance.families.gardener.garden import SHOOTS
from tui.issuance.model.kinds import CredentialKind
from tui.issuance.model.types import AccessLevel, Identity, IssueSpec, State
from tui.issuance.objects.viewer import CANNOT_MINT
from tui.kube.client import PatchKind

MEADOW = "harbor/garden-dev/meadow"
LEDGER = "harbor/garden-audit/ledger"


def row(fleet: Fleet, name: str) -> ClusterRow:
    return fleet.store.clusters[name]


def facts(fleet: Fleet, name: str) -> ShootFacts:
    found = row(fleet, name).apart
    assert found is not None
    assert isinstance(found.about, ShootFacts)
    return found.about


async def test_every_shoot_says_how_it_stands_and_is_not_entered(two: EmbeddedFleet, tmp_path: Path) -> None:
    async with over(two, tmp_path) as fleet:
        assert await fleet.settled(10)
        names = {r.name for r in fleet.store.clusters.values() if r.reach is Reach.NOT_CONNECTED}
        shop, fresh, asleep = "harbor/garden-prod/shop", "harbor/garden-dev/fresh", "harbor/garden-dev/night-shift"
        assert names == {MEADOW, LEDGER, shop, fresh, asleep}
        assert {row(fleet, name).source for name in names} == {"Gardener shoot"}
        assert [row(fleet, name).hint for name in (MEADOW, fresh, asleep)] == [ENTER, UNBORN, ASLEEP]
        assert row(fleet, asleep).message == "Hibernated, Reconcile Succeeded (100%)"
        assert row(fleet, fresh).message == "Awake, Create Processing (43%)"
        said = facts(fleet, shop)
        assert (said.project, said.seed, said.gardener, said.health) == ("prod", "demo-seed", "v1.136.0", "unhealthy")
        assert [c.type for c in said.conditions if c.status != "True"] == ["EveryNodeReady"]
        assert "ERR_INFRA_QUOTA_EXCEEDED" in said.errors[0]
        assert said.operation == "Reconcile Failed (72%)"
        assert said.operated_at is not None
        assert said.addresses == (("external", "https://api.shop.prod.shoot.example.invalid"),)
        assert facts(fleet, LEDGER).issuer == "https://login.example.com"
        with pytest.raises(UsageError, match=r"no cluster is called|known"):
            fleet.endpoint(MEADOW)


async def test_a_shoot_that_a_context_leads_to_has_no_row_of_its_own(two: EmbeddedFleet, tmp_path: Path) -> None:
    async with over(two, tmp_path) as fleet:
        assert await fleet.settled(10)
        await until(lambda: row(fleet, "tenant-a").apart is not None, "the context's row says it")
        found = row(fleet, "tenant-a").apart
        assert found is not None
        assert found.cluster == "harbor/garden-dev/tenant-a"
        assert row(fleet, "tenant-a").source == "kubeconfig"
        assert "harbor/garden-dev/tenant-a" not in fleet.store.clusters
    async with over(two, tmp_path / "alone", only=["harbor"]) as fleet:
        await until(lambda: any(r.apart and r.apart.name == "tenant-a" for r in fleet.store.clusters.values()), "said")


async def test_changes_show_and_what_goes_is_gone(harbor: EmbeddedFleet, tmp_path: Path) -> None:
    async with over(harbor, tmp_path) as fleet:
        assert await fleet.settled(10)
        client = await fleet.client("harbor")
        status: dict[str, Any] = {"status": {"hibernated": True}}
        await client.patch(SHOOTS, "meadow", status, namespace="garden-dev", subresource="status", kind=PatchKind.MERGE)
        await until(lambda: facts(fleet, MEADOW).hibernation == "Waking Up", "waking up")
        await client.patch(SHOOTS, "meadow", {"spec": {"hibernation": {"enabled": True}}}, namespace="garden-dev")
        await until(lambda: facts(fleet, MEADOW).hibernation == "Hibernated", "asleep")
        assert row(fleet, MEADOW).hint == ASLEEP
        with pytest.raises(UsageError, match="is hibernated: its API server is off"):
            await fleet.enter(MEADOW, AccessLevel.VIEWER)
        await client.delete(SHOOTS, "meadow", namespace="garden-dev")
        await until(lambda: MEADOW not in fleet.store.clusters, "gone")
        with pytest.raises(UsageError, match="has no address yet"):
            await fleet.enter("harbor/garden-dev/fresh", AccessLevel.VIEWER)
        with pytest.raises(UsageError, match="is no cluster that another one tells of"):
            await fleet.enter("harbor/garden-dev/nowhere", AccessLevel.VIEWER)


async def test_entering_one_as_a_viewer_and_leaving_it(harbor: EmbeddedFleet, tmp_path: Path) -> None:
    async with over(harbor, tmp_path, read_only=False) as fleet:
        assert await fleet.settled(10)
        entered = await fleet.enter(MEADOW, AccessLevel.VIEWER)
        assert entered.reach in (Reach.READY, Reach.SLOW), entered
        assert facts(fleet, MEADOW).project == "dev"
        assert any(account.cluster == MEADOW for account in fleet.store.accounts.values())
        assert any("no right to list secrets" in text for text in row(fleet, MEADOW).missing)
        login = fleet.store.credentials[f"login:{MEADOW}"].credential
        assert (login.requested, login.granted) == (timedelta(hours=1), timedelta(hours=1))
        assert login.kept_in.startswith("memory")
        assert "gardener.cloud:viewer:kubernetes-admin" in login.message
        assert not list(tmp_path.rglob("*kubeconfig*")), "nothing of it is on the disk"
        robot = Identity(MEADOW, "default", "default")
        spec = IssueSpec(identity=robot, destinations=(FileDestination(str(tmp_path / "robot")),))
        with pytest.raises(UsageError, match=CANNOT_MINT):
            await fleet.engine.plan(spec)
        await fleet.leave(MEADOW)
        assert row(fleet, MEADOW).reach is Reach.NOT_CONNECTED
        assert not any(account.cluster == MEADOW for account in fleet.store.accounts.values())
        assert f"login:{MEADOW}" not in fleet.store.credentials
        with pytest.raises(UsageError, match="was entered"):
            await fleet.leave(MEADOW)
        with pytest.raises(UsageError, match="was entered"):
            await fleet.leave("harbor")


async def test_an_admin_issues_there_and_where_that_is_forbidden_it_says_so(
    harbor: EmbeddedFleet, tmp_path: Path
) -> None:
    async with over(harbor, tmp_path, read_only=False) as fleet:
        assert await fleet.settled(10)
        assert (await fleet.enter(MEADOW, AccessLevel.ADMIN)).reach in (Reach.READY, Reach.SLOW)
        robot = Identity(MEADOW, "default", "default")
        spec = IssueSpec(identity=robot, destinations=(FileDestination(str(tmp_path / "robot")),))
        outcome = await fleet.engine.execute(await fleet.engine.plan(spec))
        assert outcome.ok, outcome
        refused = await fleet.enter(LEDGER, AccessLevel.ADMIN)
        assert refused.reach is Reach.FORBIDDEN
        assert "create shoots/adminkubeconfig.core.gardener.cloud in namespace garden-audit" in refused.hint
        fallen = await fleet.enter(LEDGER, AccessLevel.AUTO)
        assert fallen.reach in (Reach.READY, Reach.SLOW)
        assert fleet.store.credentials[f"login:{LEDGER}"].credential.message.startswith("viewer of")


async def test_the_certificate_in_memory_is_renewed_before_it_ends(
    harbor: EmbeddedFleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apart, "rotate_at", lambda issued, expires: datetime.now(UTC) + timedelta(seconds=1))
    async with over(harbor, tmp_path) as fleet:
        assert await fleet.settled(10)
        await fleet.enter(MEADOW, AccessLevel.VIEWER)
        key = f"login:{MEADOW}"
        first = fleet.store.credentials[key].credential.fingerprint
        await until(lambda: fleet.store.credentials[key].credential.fingerprint != first, "another certificate")
        await until(lambda: row(fleet, MEADOW).reach is Reach.READY, "and in again")


async def test_people_who_may_only_look_at_their_own_project(harbor: EmbeddedFleet, tmp_path: Path) -> None:
    """Gardener lets members list the shoots of their own projects alone, and no projects at all."""
    faults = harbor.cluster("harbor").faults
    faults.add(FaultRule(Answer(403), path=r"v1beta1/(shoots|projects)"))
    async with over(harbor, tmp_path, timing=replace(FAST, forbidden=60)) as fleet:
        assert await fleet.settled(10)
        assert not any(r.apart for r in fleet.store.clusters.values())
        assert any(text.startswith("projects: no right to list") for text in row(fleet, "harbor").missing)
        assert row(fleet, "harbor").reach is Reach.READY


async def test_static_tokens_are_found_flagged_and_left_alone(tmp_path: Path) -> None:
    """The project's Secret `SHOOT.kubeconfig`, which is for tenant-b."""
    async with (
        EmbeddedFleet(clusters=3, accounts=3, troubled=False, controller=False) as embedded,
        over(embedded, tmp_path, only=["harbor"], read_only=False) as fleet,
    ):
        key = "static:harbor/garden-prod/tenant-b.kubeconfig"
        await until(lambda: key in fleet.store.credentials, "found")
        found = fleet.store.credentials[key].credential
        assert found.state is State.ENDLESS
        assert "never ends" in found.message
        assert found.address.kind is CredentialKind.STATIC
        engine = fleet.engine
        verified = await engine.verify(found.address)
        assert verified.ok, verified
        with pytest.raises(UsageError, match="cannot be revoked: it is a shoot's static token") as refused:
            await engine.plan_revoke(found.address)
        assert "enableStaticTokenKubeconfig: false" in refused.value.hint
        with pytest.raises(UsageError, match="never ends") as refused:
            await engine.plan_rotate(found.address)
        assert "rotate-kubeconfig-credentials" in refused.value.hint
        copied = await engine.export(found.address, FileDestination(str(tmp_path / "copy")))
        assert copied.ok, copied
        assert copied.credential is not None
        again = await engine.lookup(copied.credential.address)
        assert (again.state, again.fingerprint) == (State.ENDLESS, (await engine.lookup(found.address)).fingerprint)


def test_a_shoots_place_is_told_by_scheme_and_path_too() -> None:
    assert _place("https://API.example.com/") == _place("https://api.example.com:443")
    assert _place("https://api.example.com/one") != _place("https://api.example.com/other")
    assert _place("http://api.example.com:443") != _place("https://api.example.com")
    assert _place("no address") == _place("no address") != _place("another")
