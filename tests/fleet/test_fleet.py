"""The fleet over embedded clusters: what it finds, how it follows changes, and what trouble in one cluster does."""

from __future__ import annotations

import asyncio
import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.controlplane import RealControlPlane
from tests.fleet.conftest import FAST, over, until
from tui.demo.faults import Action, Answer, Cut, Delay, Drop, DropWatch, FaultRule, ServerState
from tui.demo.fleet import EmbeddedFleet
from tui.fleet.fleet import Fleet
from tui.fleet.rows import AccountRow, Reach
from tui.fleet.store import Area, FleetChange
from tui.issuance import managed
from tui.issuance.errors import UsageError
from tui.issuance.types import CredentialKind, FileDestination, Identity, IssueSpec, State
from tui.kube.client import Client
from tui.kube.kubeconfig import load
from tui.kube.resource import SECRETS, SERVICE_ACCOUNTS


def reach(fleet: Fleet, name: str) -> Reach:
    return fleet.store.clusters[name].reach


def has_account(fleet: Fleet, name: str, cluster: str = "harbor") -> bool:
    return str(Identity(cluster, "default", name)) in fleet.store.accounts


async def create_account(client: Client, name: str) -> None:
    await client.create(SERVICE_ACCOUNTS, {"metadata": {"name": name}}, namespace="default")


def managed_secret(name: str, expires: str = "2030-01-01T01:00:00Z") -> dict[str, object]:
    return {
        "metadata": {
            "name": name,
            "labels": {managed.MANAGED_BY: managed.MANAGER, managed.ROLE: "credential"},
            "annotations": {
                managed.ACCOUNT: "default/robot",
                managed.FORMAT: "kubeconfig",
                managed.REQUESTED: "1h",
                managed.GRANTED: "1h",
                managed.ISSUED: "2030-01-01T00:00:00Z",
                managed.EXPIRES: expires,
            },
        }
    }


async def test_a_cluster_that_was_slow_for_a_moment_is_looked_at_again_soon(
    harbor: EmbeddedFleet, tmp_path: Path
) -> None:
    harbor.cluster("harbor").faults.add(FaultRule(Delay(1.2), path="^/version$", times=1))
    async with over(harbor, tmp_path, timing=replace(FAST, heartbeat=600, slow=0.05, probe=4)) as fleet:
        await until(lambda: reach(fleet, "harbor") is Reach.SLOW, "its first answer was slow")
        await until(lambda: reach(fleet, "harbor") is Reach.READY, "it answers quickly again, long before a heartbeat")


async def test_every_state_of_a_cluster_shows(tmp_path: Path) -> None:
    async with EmbeddedFleet(clusters=1, accounts=5, controller=False) as embedded:
        embedded.cluster("fjord").faults.slow_seconds = 1.1
        timing = replace(FAST, probe=4.0)
        async with over(embedded, tmp_path, timing=timing) as fleet:
            await until(lambda: reach(fleet, "harbor") is Reach.READY, "harbor ready")
            assert reach(fleet, "fjord") is Reach.CONNECTING  # the quick ones did not wait for it
            await until(lambda: reach(fleet, "fjord") is Reach.SLOW, "fjord slow", 20)
            await until(lambda: reach(fleet, "island") is Reach.UNREACHABLE, "island unreachable")
            await until(lambda: reach(fleet, "vault") is Reach.NEEDS_LOGIN, "vault needs login")
            rows = fleet.store.clusters
            assert rows["harbor"].version.startswith("v1.")
            assert rows["harbor"].synced_at is not None
            assert "1." in rows["fjord"].message
            assert rows["island"].message
            assert rows["island"].hint
            assert rows["island"].retry_at is not None
            assert "demo-login" in rows["vault"].message + rows["vault"].hint
            assert all(row.since is not None for row in rows.values())


async def test_login_in_another_terminal_then_reconnect(tmp_path: Path) -> None:
    async with (
        EmbeddedFleet(clusters=1, accounts=5, controller=False) as embedded,
        over(embedded, tmp_path, only=["vault"]) as fleet,
    ):
        await until(lambda: reach(fleet, "vault") is Reach.NEEDS_LOGIN, "vault needs login")
        assert embedded.folder is not None
        command = [str(embedded.folder / "vault" / "demo-login"), "login"]
        await asyncio.to_thread(subprocess.run, command, check=True, capture_output=True)
        await fleet.reconnect("vault")
        await until(lambda: reach(fleet, "vault") is Reach.READY, "vault ready after the login")


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

        patch = {"metadata": {"annotations": {managed.EXPIRES: "2030-01-01T02:00:00Z"}}}
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


async def test_a_watch_that_breaks_is_taken_up_again(harbor: EmbeddedFleet, tmp_path: Path) -> None:
    cluster = harbor.cluster("harbor")
    rule = cluster.faults.add(FaultRule(DropWatch(0.05), verb="watch", path="serviceaccounts"))
    async with over(harbor, tmp_path) as fleet:
        assert await fleet.settled(10)
        client = await fleet.client("harbor")
        for number in range(5):
            await create_account(client, f"robot-{number}")
            await until(lambda number=number: has_account(fleet, f"robot-{number}"), "seen despite broken watches")  # type: ignore[misc]
        cluster.faults.remove(rule)
        assert reach(fleet, "harbor") is Reach.READY


async def test_410_lists_again_and_drops_what_went_meanwhile(harbor: EmbeddedFleet, tmp_path: Path) -> None:
    """The first watch breaks, the second is answered 410 after a while, and what went in between was never told."""
    faults = harbor.cluster("harbor").faults
    faults.add(FaultRule(DropWatch(0.5), verb="watch", path="serviceaccounts", times=1))
    late = faults.add(FaultRule(Delay(0.3), verb="watch", path="serviceaccounts", times=1))
    faults.add(FaultRule(Answer(410), verb="watch", path="serviceaccounts", times=1))
    async with over(harbor, tmp_path) as fleet:
        assert await fleet.settled(10)
        client = await fleet.client("harbor")
        await create_account(client, "robot")
        await until(lambda: has_account(fleet, "robot"), "the account")
        await until(lambda: any(rule is late for _, _, rule in faults.hits), "the second watch")
        await client.delete(SERVICE_ACCOUNTS, "robot", namespace="default")
        assert has_account(fleet, "robot")
        await until(lambda: not has_account(fleet, "robot"), "gone after the new list")
        await create_account(client, "robot-2")
        await until(lambda: has_account(fleet, "robot-2"), "watched again")
        assert reach(fleet, "harbor") is Reach.READY


async def test_partial_rights_show_the_rest(harbor: EmbeddedFleet, tmp_path: Path) -> None:
    faults = harbor.cluster("harbor").faults
    faults.add(FaultRule(Answer(403), path="/secrets$"))
    async with over(harbor, tmp_path) as fleet:
        assert await fleet.settled(10)
        row = fleet.store.clusters["harbor"]
        assert row.reach is Reach.READY
        assert [text.partition(":")[0] for text in row.missing] == ["managed Secrets", "token Secrets"]
        assert all("no right" in text for text in row.missing)
        assert fleet.store.accounts
        faults.clear()
        await until(lambda: not fleet.store.clusters["harbor"].missing, "rights that come later are noticed")
        await until(lambda: fleet.store.clusters["harbor"].reach is Reach.READY, "ready")
        assert any(r.credential.address.kind is CredentialKind.SECRET for r in fleet.store.credentials.values())


async def test_no_rights_at_all_is_forbidden_with_a_hint(harbor: EmbeddedFleet, tmp_path: Path) -> None:
    harbor.cluster("harbor").faults.add(FaultRule(Answer(403), path="/(secrets|serviceaccounts)"))
    async with over(harbor, tmp_path) as fleet:
        assert await fleet.settled(10)
        row = fleet.store.clusters["harbor"]
        assert row.reach is Reach.FORBIDDEN
        assert "service accounts" in row.message
        assert row.hint


async def test_rights_in_one_namespace_show_that_namespace(harbor: EmbeddedFleet, tmp_path: Path) -> None:
    harbor.cluster("harbor").faults.add(FaultRule(Answer(403), path="^/api/v1/serviceaccounts$"))
    async with over(harbor, tmp_path) as fleet:
        assert await fleet.settled(10)
        namespaces = {row.identity.namespace for row in fleet.store.accounts.values()}
        assert namespaces == {"default"}
        assert any("only those in namespace default" in text for text in fleet.store.clusters["harbor"].missing)
        await create_account(await fleet.client("harbor"), "robot")
        await until(lambda: has_account(fleet, "robot"), "and follows it")


async def test_only_the_namespace_that_was_asked_for_is_listed(harbor: EmbeddedFleet, tmp_path: Path) -> None:
    faults = harbor.cluster("harbor").faults
    faults.add(FaultRule(Answer(403), path="^/api/v1/(secrets|serviceaccounts)$"))
    async with over(harbor, tmp_path, namespace="default") as fleet:
        assert await fleet.settled(10)
        assert {row.identity.namespace for row in fleet.store.accounts.values()} == {"default"}
        assert not faults.hits


async def test_a_cluster_that_hangs_costs_the_others_nothing(two: EmbeddedFleet, tmp_path: Path) -> None:
    two.cluster("harbor").faults.enter(ServerState.HANG)
    async with over(two, tmp_path) as fleet:
        loop = asyncio.get_running_loop()
        began = loop.time()
        await until(lambda: reach(fleet, "tenant-a") is Reach.READY, "tenant-a ready")
        assert loop.time() - began < 1.0
        assert reach(fleet, "harbor") is Reach.CONNECTING
        await create_account(await fleet.client("tenant-a"), "robot")
        await until(lambda: has_account(fleet, "robot", "tenant-a"), "tenant-a follows changes")
        await until(lambda: reach(fleet, "harbor") is Reach.UNREACHABLE, "harbor given up for now")
        assert "no answer" in fleet.store.clusters["harbor"].message
        two.cluster("harbor").faults.enter(ServerState.NORMAL)
        await until(lambda: reach(fleet, "harbor") is Reach.READY, "harbor back")


async def test_a_lost_cluster_keeps_its_rows_and_says_that_they_are_old(two: EmbeddedFleet, tmp_path: Path) -> None:
    async with over(two, tmp_path) as fleet:
        assert await fleet.settled(10)
        mine = [key for key, row in fleet.store.credentials.items() if row.credential.address.cluster == "tenant-a"]
        kept = [key for key in mine if not key.startswith("login:")]
        assert kept
        synced = fleet.store.clusters["tenant-a"].synced_at
        two.cluster("tenant-a").faults.enter(ServerState.HANG)
        await until(lambda: reach(fleet, "tenant-a") is Reach.SLOW, "first it is slow")
        await until(lambda: reach(fleet, "tenant-a") is Reach.UNREACHABLE, "then it is gone")
        assert all(fleet.store.credentials[key].stale for key in kept)
        row = fleet.store.clusters["tenant-a"]
        assert row.synced_at is not None
        assert synced is not None
        assert row.synced_at >= synced
        assert reach(fleet, "harbor") is Reach.READY
        two.cluster("tenant-a").faults.enter(ServerState.NORMAL)
        await until(lambda: reach(fleet, "tenant-a") is Reach.READY, "back")
        await until(lambda: not any(fleet.store.credentials[key].stale for key in kept), "fresh again")


async def test_401_in_the_middle_needs_a_login(harbor: EmbeddedFleet, tmp_path: Path) -> None:
    async with over(harbor, tmp_path) as fleet:
        assert await fleet.settled(10)
        rule = harbor.cluster("harbor").faults.add(FaultRule(Answer(401)))
        await until(lambda: reach(fleet, "harbor") is Reach.NEEDS_LOGIN, "needs login")
        assert any(row.stale for row in fleet.store.credentials.values())
        harbor.cluster("harbor").faults.remove(rule)
        await fleet.reconnect("harbor")
        await until(lambda: reach(fleet, "harbor") is Reach.READY, "ready")


@pytest.mark.parametrize("code", [429, 500, 503])
async def test_server_errors_pass(harbor: EmbeddedFleet, tmp_path: Path, code: int) -> None:
    rule = harbor.cluster("harbor").faults.add(FaultRule(Answer(code), path="serviceaccounts"))
    async with over(harbor, tmp_path) as fleet:
        await until(lambda: fleet.store.clusters["harbor"].missing, "the reason shows")
        assert fleet.store.clusters["harbor"].missing[0].startswith("service accounts: ")
        harbor.cluster("harbor").faults.remove(rule)
        await until(lambda: fleet.store.accounts, "accounts come")
        await until(lambda: not fleet.store.clusters["harbor"].missing, "and the reason goes")


async def test_a_dpu_cluster_that_no_context_leads_to_becomes_a_cluster(two: EmbeddedFleet, tmp_path: Path) -> None:
    async with over(two, tmp_path, only=["harbor"]) as fleet:
        await until(
            lambda: any(
                row.source == "DPUCluster" and row.reach is Reach.READY for row in fleet.store.clusters.values()
            ),
            "a DPUCluster is connected",
        )
        name = next(
            row.name for row in fleet.store.clusters.values() if row.reach is Reach.READY and row.source != "kubeconfig"
        )
        assert name.startswith("harbor/")
        assert name in fleet.names()
        assert fleet.endpoint(name).server == two.cluster("tenant-a").url
        await create_account(await fleet.client(name), "robot")
        await until(lambda: has_account(fleet, "robot", name), "its accounts show")


async def test_a_dpu_cluster_that_is_a_context_already_is_not_shown_twice(two: EmbeddedFleet, tmp_path: Path) -> None:
    async with over(two, tmp_path) as fleet:
        assert await fleet.settled(10)
        alias = next(name for name in fleet.names() if name.endswith("/tenant-a"))
        assert alias not in fleet.store.clusters
        assert fleet.endpoint(alias).server == two.cluster("tenant-a").url
        assert await fleet.client(alias) is await fleet.client("tenant-a")
        targets = {
            row.credential.identity.cluster
            for row in fleet.store.requests.values()
            if row.credential and row.credential.identity
        }
        assert "tenant-a" in targets
        assert alias not in targets


async def test_custom_resources_that_are_installed_later_are_found(two: EmbeddedFleet, tmp_path: Path) -> None:
    from tui.issuance.dpf import DPU_REQUESTS
    from tui.kube.resource import Resource

    definitions = Resource(
        "apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", namespaced=False
    )
    async with over(two, tmp_path) as fleet:
        assert await fleet.settled(10)
        assert not any(row.cluster == "tenant-a" for row in fleet.store.requests.values())
        assert fleet.store.clusters["tenant-a"].missing == ()
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


async def test_a_broken_context_is_one_row_and_harms_nobody(harbor: EmbeddedFleet, tmp_path: Path) -> None:
    import yaml

    from tui.issuance.yaml_text import dump

    config = yaml.safe_load(harbor.kubeconfig.read_text())
    config["contexts"].append({"name": "broken", "context": {"cluster": "nowhere", "user": "nobody"}})
    path = tmp_path / "config"
    path.write_text(dump(config))
    fleet = Fleet(load(str(path)), state=None, timing=FAST)
    await fleet.start()
    try:
        assert await fleet.settled(10)
        assert reach(fleet, "harbor") is Reach.READY
        row = fleet.store.clusters["broken"]
        assert row.reach is Reach.UNREACHABLE
        assert "nowhere" in row.message
    finally:
        await fleet.stop()


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
        assert abs(skew - 300) < 5


async def test_exports_show_appear_and_go(harbor: EmbeddedFleet, tmp_path: Path) -> None:
    async with over(harbor, tmp_path, read_only=False) as fleet:
        assert await fleet.settled(10)
        path = tmp_path / "robot.kc"
        spec = IssueSpec(
            identity=Identity("harbor", "default", "robot"),
            destinations=(FileDestination(str(path)),),
            create_account=True,
        )
        outcome = await fleet.engine.execute(await fleet.engine.plan_issue(spec))
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
            await engine.execute(await engine.plan_issue(spec))
    async with over(harbor, tmp_path, read_only=False) as fleet:
        await until(lambda: fleet.recovered, "the engine finished what was open")
        assert [outcome.ok for outcome in fleet.recovered] == [True]
        await until(lambda: f"file:{path}" in fleet.store.credentials, "and it shows")


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


@pytest.mark.parametrize(
    "action", [Drop(), Cut(30), Answer(404), Answer(400), Answer(409), Answer(422)], ids=lambda action: str(action)
)
async def test_whatever_goes_wrong_it_is_tried_again(harbor: EmbeddedFleet, tmp_path: Path, action: Action) -> None:
    """Broken connections, cut answers and errors that make no sense for a list: told, and over when they are over."""
    faults = harbor.cluster("harbor").faults
    rule = faults.add(FaultRule(action, path="^/api/v1/(serviceaccounts|secrets)"))
    async with over(harbor, tmp_path) as fleet:
        await until(lambda: faults.hits, "the fault")
        await fleet.settled(5)
        assert not fleet.store.accounts
        faults.remove(rule)
        await until(lambda: fleet.store.accounts, "accounts come")
        await until(lambda: reach(fleet, "harbor") is Reach.READY, "ready")
        await until(lambda: fleet.store.clusters["harbor"].missing == (), "nothing is missing")


async def test_every_connection_breaks_and_heals(harbor: EmbeddedFleet, tmp_path: Path) -> None:
    faults = harbor.cluster("harbor").faults
    async with over(harbor, tmp_path) as fleet:
        assert await fleet.settled(10)
        rule = faults.add(FaultRule(Drop()))
        await until(lambda: reach(fleet, "harbor") is Reach.UNREACHABLE, "noticed by the next heartbeat")
        assert any(row.stale for row in fleet.store.credentials.values())
        faults.remove(rule)
        await until(lambda: reach(fleet, "harbor") is Reach.READY, "ready")
        await until(lambda: not any(row.stale for row in fleet.store.credentials.values()), "fresh")


async def test_m03_one_of_many_clusters_hangs(tmp_path: Path) -> None:
    async with (
        EmbeddedFleet(clusters=12, accounts=3, troubled=False, controller=False) as embedded,
        over(embedded, tmp_path, timing=replace(FAST, probe=2.0)) as fleet,
    ):
        names = list(embedded.clusters)
        await until(lambda: all(reach(fleet, name) is Reach.READY for name in names), "all ready", 30)
        embedded.cluster("tenant-a").faults.enter(ServerState.HANG)
        await until(lambda: reach(fleet, "tenant-a") is Reach.UNREACHABLE, "the one that hangs")
        row = fleet.store.clusters["tenant-a"]
        assert row.since is not None
        assert any(account.cluster == "tenant-a" for account in fleet.store.accounts.values())
        assert all(reach(fleet, name) is Reach.READY for name in names if name != "tenant-a")
        client = await fleet.client("tenant-b")
        loop = asyncio.get_running_loop()
        began = loop.time()
        await create_account(client, "robot")
        await until(lambda: has_account(fleet, "robot", "tenant-b"), "the others go on")
        assert loop.time() - began < 1.0
