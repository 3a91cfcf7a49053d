"""The fleet over embedded clusters: what it finds, how it follows changes, how it starts and how it stops."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.controlplane import RealControlPlane
from tests.fleet.conftest import FAST, over, until
from tests.fleet.sayings import create_account, has_account, managed_secret
from tui.demo.apiserver.faults import Answer, FaultRule
from tui.demo.fleet import EmbeddedFleet
from tui.fleet.fleet import Fleet
from tui.fleet.rows import AccountRow, Reach
from tui.fleet.store import Area, FleetChange, Query
from tui.issuance.destinations.in_file import FileDestination
from tui.issuance.errors import UsageError
from tui.issuance.families.dpf.listing import REQUEST
from tui.issuance.model.kinds import CredentialKind
from tui.issuance.model.types import Identity, IssueSpec, State
from tui.issuance.objects import managed
from tui.kube.kubeconfig import load
from tui.kube.resource import SECRETS, SERVICE_ACCOUNTS


async def test_accounts_credentials_requests_and_logins_are_found(two: EmbeddedFleet, tmp_path: Path) -> None:
    async with over(two, tmp_path) as fleet:
        assert await fleet.settled(10)
        store = fleet.store
        assert {row.cluster for row in store.accounts.values()} == {"harbor", "tenant-a"}
        kinds = {row.credential.address.kind for row in store.credentials.values()}
        assert kinds >= {CredentialKind.SECRET, CredentialKind.REQUEST, CredentialKind.LOGIN, CredentialKind.LEGACY}
        assert store.requests
        login = store.credentials["login:harbor"].credential
        assert login.expires_at is not None
        assert login.state is State.VALID
        for row in store.credentials.values():
            assert not row.stale


async def test_a_legacy_token_secret_never_expires(harbor: EmbeddedFleet, tmp_path: Path) -> None:
    async with over(harbor, tmp_path) as fleet:
        client = await fleet.client("harbor")
        await create_account(client, "old-bot")
        secret = {
            "metadata": {"name": "old-bot-token", "annotations": {"kubernetes.io/service-account.name": "old-bot"}},
            "type": "kubernetes.io/service-account-token",
        }
        await client.create(SECRETS, secret, namespace="default")
        key = "legacy:harbor/default/old-bot-token"
        await until(lambda: (row := fleet.store.credentials.get(key)) and row.credential.state is State.ENDLESS, key)
        assert fleet.store.credentials[key].credential.identity == Identity("harbor", "default", "old-bot")


async def test_changes_show_as_they_happen(harbor: EmbeddedFleet, tmp_path: Path) -> None:
    async with over(harbor, tmp_path) as fleet:
        assert await fleet.settled(10)
        client = await fleet.client("harbor")
        await create_account(client, "robot")
        await until(lambda: has_account(fleet, "robot"), "the new account")
        await client.create(SECRETS, managed_secret("robot-credential"), namespace="default")
        key = "secret:harbor/default/robot-credential"
        await until(lambda: key in fleet.store.credentials, "the new credential")
        assert [row.key for row in fleet.store.credentials_of(Identity("harbor", "default", "robot"))] == [key]

        patch = {"metadata": {"annotations": {managed.EXPIRES: "2030-01-01T02:00:00Z", managed.GRANTED: "2h"}}}
        await client.patch(SECRETS, "robot-credential", patch, namespace="default")
        await until(
            lambda: (at := fleet.store.credentials[key].credential.expires_at) is not None and at.hour == 2,
            "the new expiry",
        )
        unlabelled = {"metadata": {"labels": {managed.ROLE: None}}}
        await client.patch(SECRETS, "robot-credential", unlabelled, namespace="default")
        await until(lambda: key not in fleet.store.credentials, "no longer ours")
        await client.delete(SERVICE_ACCOUNTS, "robot", namespace="default")
        await until(lambda: not has_account(fleet, "robot"), "the account is gone")


async def test_a_dpu_cluster_that_no_context_leads_to_becomes_a_cluster(two: EmbeddedFleet, tmp_path: Path) -> None:
    async with over(two, tmp_path, only=["harbor"]) as fleet:
        await (await fleet.client("harbor")).delete(SECRETS, "tenant-a-kubeconfig", namespace="clusters")  # another way
        await until(
            lambda: any(
                row.source == "DPUCluster" and row.reach is Reach.READY for row in fleet.store.clusters.values()
            ),
            "a DPUCluster is connected",
        )
        name = next(
            row.name for row in fleet.store.clusters.values() if row.reach is Reach.READY and row.source == "DPUCluster"
        )
        assert name.startswith("harbor/")
        assert name in fleet.names()
        assert fleet.endpoint(name).server == two.cluster("tenant-a").url
        await create_account(await fleet.client(name), "robot")
        await until(lambda: has_account(fleet, "robot", name), "its accounts show")


async def test_a_dpu_cluster_that_a_context_leads_to_too_is_a_row_of_its_own(
    two: EmbeddedFleet, tmp_path: Path
) -> None:
    name = "harbor/dpf-operator-system/tenant-a"
    async with over(two, tmp_path) as fleet:
        await until(lambda: name in fleet.store.clusters, "it is found")
        assert await fleet.settled(10)
        row = fleet.store.clusters[name]
        assert (row.source, row.reach, row.server) == ("DPUCluster", Reach.READY, two.cluster("tenant-a").url)
        assert row.delivered is not None
        assert row.delivered.phase == "Ready"
        assert "tenant-a" in row.same
        assert row.carried_by == "tenant-a"
        assert name in fleet.store.clusters["tenant-a"].same
        assert await fleet.client(name) is not await fleet.client("tenant-a")
        assert fleet.endpoint(name).delivered
        targets = {
            row.credential.identity.cluster
            for row in fleet.store.requests.values()
            if row.credential and row.credential.identity
        }
        assert name in targets
        assert "tenant-a" not in targets


async def test_what_is_in_one_server_is_listed_once_and_belongs_to_every_way_there(
    two: EmbeddedFleet, tmp_path: Path
) -> None:
    name = "harbor/dpf-operator-system/tenant-a"
    async with over(two, tmp_path) as fleet:
        await until(lambda: name in fleet.store.clusters, "it is found")
        assert await fleet.settled(10)
        store = fleet.store
        assert {row.cluster for row in store.accounts.values()} == {"harbor", "tenant-a"}
        both = [store.view(Area.ACCOUNTS, query=Query(cluster=each)) for each in (name, "tenant-a")]
        assert list(both[0]) == list(both[1]) != []
        request = next(row for row in store.requests.values() if row.target.endswith("/tenant-a") and row.credential)
        identity = request.credential.identity if request.credential else None
        assert identity is not None
        there = Identity("tenant-a", identity.namespace, identity.name)
        assert request.credential in [row.credential for row in store.credentials_of(there)]


async def test_what_a_context_no_longer_shows_is_shown_by_the_way_that_was_delivered(
    two: EmbeddedFleet, tmp_path: Path
) -> None:
    good = load(str(two.kubeconfig))
    broken = replace(good.users["tenant-a-admin"], client_certificate_data=b"no certificate")
    configs = {"good": good, "bad": replace(good, users={**good.users, "tenant-a-admin": broken})}
    now = "good"
    name = "harbor/clusters/tenant-a"

    def shown() -> set[str]:
        return {row.cluster for row in fleet.store.accounts.values()} - {"harbor"}

    async with over(two, tmp_path, reload=lambda: configs[now]) as fleet:
        await until(lambda: name in fleet.store.clusters, "it is found")
        assert await fleet.settled(10)
        assert shown() == {"tenant-a"}
        now = "bad"
        await fleet.reconnect("tenant-a")
        await until(lambda: name in shown(), "the first of the delivered ways shows it")
        assert fleet.store.clusters["tenant-a"].reach is Reach.UNUSABLE
        assert fleet.store.clusters["harbor/dpf-operator-system/tenant-a"].carried_by == name
        now = "good"
        await fleet.reconnect("tenant-a")
        await until(lambda: shown() == {"tenant-a"}, "and the context again")


async def test_custom_resources_that_are_installed_later_are_found(two: EmbeddedFleet, tmp_path: Path) -> None:
    from tui.issuance.families.dpf import DPU_REQUESTS
    from tui.kube.resource import Resource

    definitions = Resource(
        "apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", namespaced=False
    )
    async with over(two, tmp_path) as fleet:
        assert await fleet.settled(10)
        assert not any(row.cluster == "tenant-a" and row.kind is REQUEST for row in fleet.store.requests.values())
        assert fleet.store.clusters["tenant-a"].missing == ()
        assert REQUEST.title in fleet.store.clusters["tenant-a"].lacks
        assert REQUEST.title not in fleet.store.clusters["harbor"].lacks
        host, tenant = await fleet.client("harbor"), await fleet.client("tenant-a")
        definition = await host.get(definitions, DPU_REQUESTS.name)
        await tenant.create(definitions, {"metadata": {"name": DPU_REQUESTS.name}, "spec": definition["spec"]})
        request = {
            "apiVersion": DPU_REQUESTS.api_version,
            "kind": DPU_REQUESTS.kind,
            "metadata": {"name": "late"},
            "spec": {"serviceAccount": {"name": "late"}, "type": "kubeconfig", "secret": {"name": "late"}},
        }
        await asyncio.sleep(0.1)
        await tenant.create(DPU_REQUESTS, request, namespace="default")
        await until(lambda: "tenant-a/default/late" in fleet.store.requests, "the new kind is followed")
        assert REQUEST.title not in fleet.store.clusters["tenant-a"].lacks
        await tenant.delete(definitions, DPU_REQUESTS.name)
        await until(lambda: "tenant-a/default/late" not in fleet.store.requests, "and goes with its definition")


async def test_changes_are_told_at_most_so_often(harbor: EmbeddedFleet, tmp_path: Path) -> None:
    timing = replace(FAST, coalesce=0.1)
    async with over(harbor, tmp_path, timing=timing) as fleet:
        assert await fleet.settled(10)
        await asyncio.sleep(0.15)
        heard: list[FleetChange] = []
        fleet.store.subscribe(heard.append)
        client = await fleet.client("harbor")
        loop = asyncio.get_running_loop()
        began = loop.time()
        await asyncio.gather(*(create_account(client, f"robot-{number}") for number in range(100)))
        await until(lambda: all(has_account(fleet, f"robot-{number}") for number in range(100)), "all accounts")
        await asyncio.sleep(0.12)
        assert 1 <= len(heard) <= (loop.time() - began) / 0.1 + 1
        assert any(AccountRow in change.kinds and "harbor" in change.clusters for change in heard)


async def test_only_what_is_asked_for_is_followed(harbor: EmbeddedFleet, tmp_path: Path) -> None:
    async with over(harbor, tmp_path, areas={Area.ACCOUNTS}) as fleet:
        assert await fleet.settled(10)
        assert fleet.store.accounts
        assert not fleet.store.credentials


async def test_unknown_context_names_a_near_one(harbor: EmbeddedFleet) -> None:
    with pytest.raises(UsageError, match="no cluster is called 'harbour'") as caught:
        Fleet(load(str(harbor.kubeconfig)), state=None, only=["harbour"])
    assert caught.value.hint == "did you mean 'harbor'?"


async def test_stop_leaves_no_task_behind(two: EmbeddedFleet, tmp_path: Path) -> None:
    before = asyncio.all_tasks()
    async with over(two, tmp_path) as fleet:
        await fleet.settled(10)
    await asyncio.sleep(0.05)
    left = [task for task in asyncio.all_tasks() - before if "tui/fleet" in repr(task.get_coro())]
    assert left == []


async def test_skew_comes_from_the_server(tmp_path: Path) -> None:
    def ahead() -> datetime:
        return datetime.now(UTC) + timedelta(minutes=5)

    async with (
        EmbeddedFleet(clusters=1, accounts=3, troubled=False, controller=False, clock=ahead) as embedded,
        over(embedded, tmp_path) as fleet,
    ):
        assert await fleet.settled(10)
        skew = fleet.skew("harbor")
        assert skew is not None
        assert abs(skew - 300) < 15


async def test_exports_show_appear_and_go(harbor: EmbeddedFleet, tmp_path: Path) -> None:
    async with over(harbor, tmp_path, read_only=False) as fleet:
        assert await fleet.settled(10)
        path = tmp_path / "robot.kc"
        spec = IssueSpec(
            identity=Identity("harbor", "default", "robot"),
            destinations=(FileDestination(str(path)),),
            create_account=True,
        )
        outcome = await fleet.engine.execute(await fleet.engine.plan(spec))
        assert outcome.ok, outcome
        key = f"file:{path}"
        await until(lambda: key in fleet.store.credentials, "the export shows")
        row = fleet.store.credentials[key]
        assert (row.cluster, row.name) == ("harbor", str(path))
        assert row.credential.fingerprint
        revoked = await fleet.engine.execute(await fleet.engine.plan_revoke(row.credential.address))
        assert revoked.ok, revoked
        await until(
            lambda: (
                key not in fleet.store.credentials or fleet.store.credentials[key].credential.state is State.REVOKED
            ),
            "revoked",
        )


async def test_open_work_is_recovered_at_the_start(harbor: EmbeddedFleet, tmp_path: Path) -> None:
    path = tmp_path / "robot.kc"
    spec = IssueSpec(
        identity=Identity("harbor", "default", "robot"),
        destinations=(FileDestination(str(path)),),
        create_account=True,
    )

    class Killed(BaseException):
        """The process ends here."""

    def die(point: str) -> None:
        if point == "after:write:0":
            raise Killed

    async with over(harbor, tmp_path, read_only=False) as fleet:
        engine = fleet.engine
        engine.checkpoint = die
        with pytest.raises(Killed):
            await engine.execute(await engine.plan(spec))
    async with over(harbor, tmp_path, read_only=False) as fleet:
        await until(lambda: fleet.recovered, "the engine finished what was open")
        assert [outcome.ok for outcome in fleet.recovered] == [True]
        await until(lambda: f"file:{path}" in fleet.store.credentials, "and it shows")


async def test_what_stays_open_is_tried_again_while_the_fleet_runs(harbor: EmbeddedFleet, tmp_path: Path) -> None:
    """A cluster that is away when an old token has to go comes back, and nobody starts kubemint anew for it."""
    spec = IssueSpec(
        identity=Identity("harbor", "default", "robot"),
        destinations=(FileDestination(str(tmp_path / "robot.kc")),),
        create_account=True,
    )
    async with over(harbor, tmp_path, read_only=False, grace=timedelta(0)) as fleet:
        engine, state = fleet.engine, fleet.engine.state
        issued = await engine.execute(await engine.plan(spec))
        refused = harbor.cluster("harbor").faults.add(FaultRule(Answer(403), verb="delete", path="/secrets/kubemint-"))
        rotated = await engine.execute(await engine.plan_rotate(issued.address))
        assert rotated.ok, rotated
        await engine.settle()
        assert state.revocations(), "the old handle could not be deleted"
        harbor.cluster("harbor").faults.remove(refused)
        await until(lambda: not state.revocations(), "it is deleted as soon as that can be done")
        entries = state.entries()
        assert len(entries) < 40, "and was not tried without a pause"


async def test_read_only_recovers_nothing(harbor: EmbeddedFleet, tmp_path: Path) -> None:
    async with over(harbor, tmp_path, read_only=True) as fleet:
        assert await fleet.settled(10)
        await asyncio.sleep(0.1)
        assert fleet.recovered == []


@pytest.mark.real
async def test_a_real_control_plane(real_control_plane: RealControlPlane, tmp_path: Path) -> None:
    fleet = Fleet(load(str(real_control_plane.kubeconfig)), state=None, timing=FAST)
    await fleet.start()
    try:
        assert await fleet.settled(20)
        # Other tests share the plane, and may have left DPUClusters there: those are clusters of the fleet too.
        contexts = [fleet.store.clusters[name] for name in ("real", "real-2")]
        await until(lambda: all(fleet.store.clusters[row.name].reach is Reach.READY for row in contexts), "ready")
        assert all(row.missing == () for row in contexts)
        client = await fleet.client("real")
        await create_account(client, "fleet-robot")
        await client.create(SECRETS, managed_secret("fleet-robot-credential"), namespace="default")
        key = "secret:real/default/fleet-robot-credential"
        await until(lambda: has_account(fleet, "fleet-robot", "real") and key in fleet.store.credentials, "live")
        await client.delete(SECRETS, "fleet-robot-credential", namespace="default")
        await client.delete(SERVICE_ACCOUNTS, "fleet-robot", namespace="default")
        await until(
            lambda: key not in fleet.store.credentials and not has_account(fleet, "fleet-robot", "real"), "gone"
        )
    finally:
        await fleet.stop()
