"""The fleet while clusters are slow, away, or break off: what shows, what it costs the others, and how it heals."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.fleet.conftest import FAST, over, until
from tests.fleet.sayings import create_account, has_account, reach
from tui.demo.apiserver.faults import Action, Answer, Cut, Delay, Drop, DropWatch, FaultRule, ServerState
from tui.demo.fleet import EmbeddedFleet
from tui.fleet.fleet import Fleet
from tui.fleet.rows import Reach
from tui.issuance.model.renewal import state_of
from tui.issuance.model.types import State
from tui.issuance.records.state import StateStore
from tui.kube.kubeconfig import load
from tui.kube.resource import SERVICE_ACCOUNTS
from tui.kube.small_file import PATIENCE


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


async def test_of_many_logins_two_run_and_the_rest_say_that_they_wait(tmp_path: Path) -> None:
    runs, gate, plugin = tmp_path / "runs", tmp_path / "gate", tmp_path / "plugin"
    answer = '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"t"}}'
    plugin.write_text(f"#!/bin/sh\necho >> {runs}\nwhile [ ! -e {gate} ]; do sleep 0.02; done\necho '{answer}'\n")
    plugin.chmod(0o755)
    names = [f"way-{number}" for number in range(4)]
    execs = {name: {"apiVersion": "client.authentication.k8s.io/v1", "command": str(plugin), "args": [name],
                    "interactiveMode": "Never"} for name in names}  # fmt: skip
    (tmp_path / "config").write_text(
        json.dumps(
            {
                "clusters": [{"name": "depot", "cluster": {"server": "https://127.0.0.1:1"}}],
                "users": [{"name": name, "user": {"exec": execs[name]}} for name in names],
                "contexts": [{"name": name, "context": {"cluster": "depot", "user": name}} for name in names],
            }
        )
    )
    with contextlib.closing(StateStore.open(tmp_path / "state")) as state:
        fleet = Fleet(load(str(tmp_path / "config")), state=state, timing=FAST, read_only=True)
        await fleet.start()
        try:

            def said(words: str) -> int:
                return sum(words in row.message for row in fleet.store.clusters.values())

            await until(lambda: said("its credential plugin runs: plugin") == 2, "two run")
            await until(lambda: said("waits for its turn to log in") == 2, "two wait")
            assert len(runs.read_text().splitlines()) == 2
            assert {reach(fleet, name) for name in names} == {Reach.CONNECTING}
            gate.touch()
            await until(lambda: len(runs.read_text().splitlines()) == 4, "all had their turn")
        finally:
            gate.touch()
            await fleet.stop()


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


async def test_a_watch_that_breaks_is_taken_up_again(harbor: EmbeddedFleet, tmp_path: Path) -> None:
    cluster = harbor.cluster("harbor")
    rule = cluster.faults.add(FaultRule(DropWatch(0.05), verb="watch", path="serviceaccounts"))
    async with over(harbor, tmp_path) as fleet:
        assert await fleet.settled(10)
        client = await fleet.client("harbor")
        for number in range(5):
            await create_account(client, f"robot-{number}")
            await until(lambda number=number: has_account(fleet, f"robot-{number}"), "seen despite broken watches")
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


async def test_a_cluster_that_hangs_costs_the_others_nothing(two: EmbeddedFleet, tmp_path: Path) -> None:
    two.cluster("harbor").faults.enter(ServerState.HANG)
    async with over(two, tmp_path) as fleet:
        await until(lambda: reach(fleet, "tenant-a") is Reach.READY, "tenant-a ready")
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

        def login() -> State:
            return state_of(fleet.store.credentials["login:harbor"].credential, datetime.now(UTC))

        assert login() is State.VALID
        rule = harbor.cluster("harbor").faults.add(FaultRule(Answer(401)))
        await until(lambda: reach(fleet, "harbor") is Reach.NEEDS_LOGIN, "needs login")
        assert any(row.stale for row in fleet.store.credentials.values())
        assert login() is State.REVOKED, "what the server refuses is not called valid"
        await fleet.reconnect("harbor")
        await until(lambda: reach(fleet, "harbor") is Reach.NEEDS_LOGIN, "and still does")
        assert login() is State.REVOKED, "nor while it is tried again"
        harbor.cluster("harbor").faults.remove(rule)
        await fleet.reconnect("harbor")
        await until(lambda: reach(fleet, "harbor") is Reach.READY, "ready")
        assert login() is State.VALID


@pytest.mark.parametrize("code", [429, 500, 503])
async def test_server_errors_pass(harbor: EmbeddedFleet, tmp_path: Path, code: int) -> None:
    rule = harbor.cluster("harbor").faults.add(FaultRule(Answer(code), path="serviceaccounts"))
    async with over(harbor, tmp_path) as fleet:
        await until(lambda: fleet.store.clusters["harbor"].missing, "the reason shows")
        assert fleet.store.clusters["harbor"].missing[0].startswith("service accounts: ")
        harbor.cluster("harbor").faults.remove(rule)
        await until(lambda: fleet.store.accounts, "accounts come")
        await until(lambda: not fleet.store.clusters["harbor"].missing, "and the reason goes")


async def test_a_broken_context_is_one_row_and_harms_nobody(harbor: EmbeddedFleet, tmp_path: Path) -> None:
    import yaml

    from tui.issuance.formats.yaml_text import dump

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
        assert row.reach is Reach.UNUSABLE
        assert "nowhere" in row.message
    finally:
        await fleet.stop()


async def test_a_file_that_nobody_fills_holds_only_its_own_cluster_up(harbor: EmbeddedFleet, tmp_path: Path) -> None:
    """A kubeconfig may name anything as a file: a pipe here, a share that does not answer elsewhere."""
    import yaml

    from tui.issuance.formats.yaml_text import dump

    os.mkfifo(tmp_path / "ca")
    config = yaml.safe_load(harbor.kubeconfig.read_text())
    config["clusters"].append({"name": "p", "cluster": {"server": "https://h:1", "certificate-authority": "ca"}})
    config["contexts"].append({"name": "piped", "context": {"cluster": "p", "user": config["users"][0]["name"]}})
    path = tmp_path / "config"
    path.write_text(dump(config))
    fleet = Fleet(load(str(path)), state=None, timing=FAST)
    loop = asyncio.get_running_loop()
    longest, last = 0.0, loop.time()

    async def tick() -> None:
        nonlocal longest, last
        while True:
            await asyncio.sleep(0.01)
            longest, last = max(longest, loop.time() - last), loop.time()

    await fleet.start()
    ticking = asyncio.create_task(tick())
    try:
        assert await fleet.settled(30)
        assert reach(fleet, "harbor") is Reach.READY
        assert "unable to read certificate-authority" in fleet.store.clusters["piped"].message
        assert longest < PATIENCE / 2, "the loop went on meanwhile"
    finally:
        ticking.cancel()
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
        await create_account(client, "robot")
        await until(lambda: has_account(fleet, "robot", "tenant-b"), "the others go on")
