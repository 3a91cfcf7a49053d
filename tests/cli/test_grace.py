"""Who uses a credential, on the command line: how long the old one lives for them, and who only runs as its account."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

from tests.cli.conftest import issue, kubemint
from tui.issuance.model.clusters import KubeconfigClusters
from tui.kube.resource import PODS, SERVICE_ACCOUNTS

SECRET = "default/robot-mounted"


async def two_pods(served: Path) -> None:
    """One reads the Secret and runs as another account, one runs as the account and reads nothing."""
    async with KubeconfigClusters(str(served)) as clusters:
        client = await clusters.client("tenant-a")
        await client.create(SERVICE_ACCOUNTS, {"metadata": {"name": "reader"}}, namespace="default")
        volumes = [{"name": "login", "secret": {"secretName": SECRET.partition("/")[2]}}]
        for name, account, mounted in (("reads", "reader", volumes), ("runs", "mounted", [])):
            spec = {"serviceAccountName": account, "volumes": mounted, "containers": [{"name": "main", "image": "x"}]}
            await client.create(PODS, {"metadata": {"name": name}, "spec": spec}, namespace="default")


def test_those_who_mount_a_secret_are_named_and_waited_for(served: Path) -> None:
    issued = issue(served, "--create", "--secret", SECRET, name="mounted")
    assert issued.code == 0, issued
    address = f"secret:tenant-a/{SECRET}"
    asyncio.run(two_pods(served))
    where = ("--kubeconfig", served)
    mounts = f"1 pod mounts Secret {SECRET}: reads, and the kubelet brings a new one within 3m"

    shown = kubemint("rotate", address, "--dry-run", *where)
    assert f"note: the old one works for 3m: {mounts}" in shown.err
    assert "Revoke the old one after 3m" in shown.out
    plan = kubemint("rotate", address, "--dry-run", "-o", "json", *where).json
    assert (plan["graceSeconds"], plan["graceFor"]) == (180, [mounts])

    short = kubemint("rotate", address, "--grace", "1s", "--no-wait", "-o", "json", *where)
    assert short.code == 0, short
    assert f"the grace of 1s that was requested is shorter than 3m: {mounts}" in short.err
    assert re.search(r"the next run of kubemint after \d\d:\d\d:\d\d UTC revokes it", short.err)
    (outcome,) = short.json["items"]
    assert (outcome["graceSeconds"], outcome["graceFor"]) == (1, [mounts])
    usual = kubemint("rotate", address, "--no-wait", "-o", "json", *where)
    assert f"note    the old one works for 3m: {mounts}" in usual.err
    assert usual.json["items"][0]["graceSeconds"] == 180

    reads = f"Pod default/reads: Secret {SECRET}, volume login"
    ends = kubemint("revoke", address, "--dry-run", *where)
    assert f"note: uses this credential: {reads}" in ends.err
    assert "note: runs as its account, with tokens that stay: Pod default/runs" in ends.err
    record: dict[str, Any] = kubemint("revoke", address, "--dry-run", "-o", "json", *where).json
    assert (record["usedBy"], record["runsAs"], record["notSeen"]) == ([reads], ["Pod default/runs: pending"], None)
    tree = kubemint("lineage", address, *where).out
    runs, uses = tree.partition("runs as the account")[2].split("uses its credentials")
    assert "Pod default/runs" in runs
    assert "Pod default/reads" not in runs
    assert "Pod default/reads" in uses
    assert "Pod default/runs" not in uses
