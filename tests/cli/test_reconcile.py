"""`kubemint reconcile` on a fleet without DPF's controller, and on one where it runs."""

from __future__ import annotations

import asyncio
import copy
import os
import signal
import subprocess
import threading
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from tests.cli.conftest import Result, command, environment, kubemint
from tui.demo import Answer, Drop, FaultRule
from tui.demo.operators.dpf_kinds import REQUESTS
from tui.demo.running import FleetThread
from tui.issuance.families.dpf import DPU_REQUESTS, DPURequest, parse
from tui.issuance.model.clusters import KubeconfigClusters
from tui.issuance.transaction.lease import LEASES, Lease
from tui.kube.client import Client
from tui.kube.errors import NotFound
from tui.kube.resource import NAMESPACES, SECRETS

T = TypeVar("T")


@pytest.fixture(scope="module")
def bare() -> Iterator[FleetThread]:
    """An embedded fleet without the controller."""
    with FleetThread(clusters=2, accounts=0, troubled=False, controller=False) as fleet:
        yield fleet


def on_harbor(fleet: FleetThread, work: Callable[[Client], Awaitable[T]]) -> T:
    async def main() -> T:
        async with KubeconfigClusters(str(fleet.kubeconfig)) as clusters:
            return await work(await clusters.client("harbor"))

    return asyncio.run(main())


def want(fleet: FleetThread, namespace: str, name: str = "req", **spec: Any) -> None:
    wanted = {
        "type": "kubeconfig",
        "duration": "1h",
        "serviceAccount": {"name": name, "namespace": namespace},
        "secret": {"name": f"{name}-out", "namespace": namespace},
    } | spec

    async def work(client: Client) -> None:
        try:
            await client.get(NAMESPACES, namespace)
        except NotFound:
            await client.create(NAMESPACES, {"metadata": {"name": namespace}})
        obj = {"apiVersion": DPU_REQUESTS.api_version, "kind": DPU_REQUESTS.kind, "metadata": {"name": name}}
        await client.create(DPU_REQUESTS, obj | {"spec": wanted}, namespace=namespace)

    on_harbor(fleet, work)


def read(fleet: FleetThread, namespace: str, name: str = "req") -> DPURequest | None:
    async def work(client: Client) -> DPURequest | None:
        try:
            return parse("harbor", await client.get(DPU_REQUESTS, name, namespace=namespace))
        except NotFound:
            return None

    return on_harbor(fleet, work)


def reconcile(fleet: FleetThread, *arguments: str) -> Result:
    return kubemint("reconcile", *arguments, "--context", "harbor", "--kubeconfig", fleet.kubeconfig)


def test_from_wish_to_rest_and_to_nothing(bare: FleetThread) -> None:
    want(bare, "whole")
    dry = reconcile(bare, "-n", "whole", "--dry-run")
    assert dry.code == 0, dry
    assert "would issue: nothing was issued yet" in dry.out
    untouched = read(bare, "whole")
    assert untouched is not None
    assert untouched.finalizers == ()
    done = reconcile(bare, "req", "-n", "whole", "-o", "json")
    assert done.code == 0, done
    (item,) = done.json["items"]
    assert item["address"] == "request:harbor/whole/req"
    assert item["result"] == "issued: nothing was issued yet"
    request = read(bare, "whole")
    assert request is not None
    assert request.issued_at is not None
    again = reconcile(bare, "-n", "whole")
    assert "up to date" in again.out

    async def delete(client: Client) -> None:
        await client.delete(DPU_REQUESTS, "req", namespace="whole")

    on_harbor(bare, delete)
    gone = reconcile(bare, "-n", "whole")
    assert gone.code == 0, gone
    assert "deleted, with what was made for it" in gone.out
    assert read(bare, "whole") is None


def test_b29_what_cannot_be_cleaned_up_is_let_go_when_asked(bare: FleetThread) -> None:
    target = {"name": "tenant-a", "namespace": "dpf-operator-system"}
    want(bare, "stuck", targetCluster=target, serviceAccount={"name": "req", "namespace": "default"})
    assert reconcile(bare, "-n", "stuck").code == 0

    async def delete(client: Client) -> None:
        await client.delete(DPU_REQUESTS, "req", namespace="stuck")

    async def away(fleet: Any) -> None:
        fleet.cluster("tenant-a").faults.add(FaultRule(Drop()))

    async def back(fleet: Any) -> None:
        fleet.cluster("tenant-a").faults.clear()

    on_harbor(bare, delete)
    bare.call(away)
    try:
        kept = reconcile(bare, "-n", "stuck")
        assert kept.code == 1, kept
        assert "cannot clean up service account" in kept.out
        assert "`kubemint reconcile --abandon`" in kept.err
        assert reconcile(bare, "-A", "--abandon").code == 2
        gone = reconcile(bare, "req", "-n", "stuck", "--abandon")
    finally:
        bare.call(back)
    assert gone.code == 0, gone
    assert "left behind: cannot clean up service account" in gone.err
    assert read(bare, "stuck") is None


def test_the_old_token_ends_within_the_run(bare: FleetThread) -> None:
    want(bare, "graced")
    assert reconcile(bare, "-n", "graced").code == 0

    async def change(client: Client) -> None:
        await client.patch(DPU_REQUESTS, "req", {"spec": {"duration": "2h"}}, namespace="graced")

    async def handles(client: Client) -> int:
        return len(await client.list(SECRETS, namespace="graced", labels="kubemint.io/role=handle"))

    on_harbor(bare, change)
    result = reconcile(bare, "-n", "graced", "--grace", "1s")
    assert "issued: the wanted lifetime changed" in result.out
    assert on_harbor(bare, handles) == 1


def test_some_and_none_have_their_codes(bare: FleetThread) -> None:
    want(bare, "mixed", "good")
    want(bare, "mixed", "bad", targetCluster={"name": "nowhere", "namespace": "mixed"})
    mixed = reconcile(bare, "-n", "mixed")
    assert mixed.code == 3, mixed
    assert "does not exist" in mixed.out
    assert reconcile(bare, "bad", "-n", "mixed").code == 1
    assert reconcile(bare, "nobody", "-n", "mixed").code == 1


def test_only_one_at_a_time_in_a_cluster(bare: FleetThread) -> None:
    want(bare, "leased")

    def hold() -> None:
        async def keep(client: Client) -> None:
            other = Lease(client, "leased", "kubemint-dpu-credential-requests", holder="another")

            async def work() -> None:
                held.set()
                await asyncio.to_thread(over.wait)

            await other.run(work)

        on_harbor(bare, keep)

    held, over = threading.Event(), threading.Event()
    holder = threading.Thread(target=hold)
    holder.start()
    try:
        assert held.wait(10)
        reconcile(bare, "-n", "leased", "--lease-namespace", "leased").failed(
            1, "another holds the Lease", "let it work"
        )
    finally:
        over.set()
        holder.join()
    request = read(bare, "leased")
    assert request is not None
    assert request.issued_at is None


def test_wrong_wishes(bare: FleetThread) -> None:
    reconcile(bare).failed(2, "-n NAMESPACE, or -A")
    reconcile(bare, "req", "-A").failed(2, "NAME needs -n")
    reconcile(bare, "-A", "--watch", "--dry-run").failed(2, "--watch and --dry-run cannot be used together")
    reconcile(bare, "-A", "--read-only").failed(2, "--read-only")


def test_all_contexts_are_reconciled_and_those_without_dpf_are_left_out(bare: FleetThread) -> None:
    want(bare, "every")
    where = ("--kubeconfig", str(bare.kubeconfig))
    done = kubemint("reconcile", "-n", "every", "--all-contexts", *where, "-o", "json")
    assert done.code == 0, done
    assert [item["address"] for item in done.json["items"]] == ["request:harbor/every/req"]
    assert "tenant-a: it has no DPUServiceCredentialRequests" in done.err
    kubemint("reconcile", "-A", "--all-contexts", "--context", "harbor", *where).failed(2, "cannot be used together")
    kubemint("reconcile", "req", "-n", "every", "--all-contexts", *where).failed(2, "--all-contexts")


def test_what_the_controller_keeps_is_left_to_it_loudly(served: Path) -> None:
    result = kubemint("reconcile", "-A", "--dry-run", "--context", "harbor", "--kubeconfig", served)
    assert result.code == 3, result
    assert "request:harbor/dpf-operator-system/flannel: left to DPF's controller: " in result.err
    assert "--take-over" in result.err
    assert "left to DPF's controller" in result.out


def test_a_forged_field_manager_in_one_request_costs_the_others_nothing(bare: FleetThread) -> None:
    want(bare, "forged", "claims")
    want(bare, "forged", "mine")

    async def forge(client: Client) -> None:
        body = {"status": {"secret": "forged/x"}}
        await client.apply(
            DPU_REQUESTS, "claims", body, namespace="forged", subresource="status",
            manager="dpuservicecredentialrequestcontroller",
        )  # fmt: skip

    on_harbor(bare, forge)
    named = reconcile(bare, "mine", "-n", "forged", "-o", "json")
    assert named.code == 3, named
    assert named.json["items"][0]["left"]
    assert not named.json["items"][0]["ok"]
    assert "request:harbor/forged/mine: left to DPF's controller: it is new" in named.err

    async def older(fleet: Any) -> None:
        storage = fleet.cluster("harbor").storage
        kept = copy.deepcopy(storage.get(REQUESTS, "mine", "forged"))
        kept["metadata"]["creationTimestamp"] = "2020-01-01T00:00:00Z"
        storage.update(REQUESTS, kept)

    bare.call(older)
    both = reconcile(bare, "-n", "forged", "-o", "json")
    assert both.code == 3, both
    assert {item["address"]: item["result"].partition(":")[0] for item in both.json["items"]} == {
        "request:harbor/forged/claims": "left to DPF's controller",
        "request:harbor/forged/mine": "issued",
    }
    assert "request:harbor/forged/claims: left to DPF's controller: dpuservicecredentialrequestcontroller" in both.err
    assert "(--take-over reconciles it anyway)" in both.err
    taken = reconcile(bare, "-n", "forged", "--take-over")
    assert taken.code == 0, taken


def test_watch_keeps_what_comes_and_ends_well(bare: FleetThread) -> None:
    want(bare, "watched", "first")
    process = subprocess.Popen(
        command("reconcile", "-n", "watched", "--watch", "--context", "harbor", "--kubeconfig", bare.kubeconfig),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment({"PYTHONUNBUFFERED": "1"}),
    )  # fmt: skip
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "request:harbor/watched/first\n"
        want(bare, "watched", "second")
        assert process.stdout.readline() == "request:harbor/watched/second\n"
    finally:
        os.kill(process.pid, signal.SIGTERM)
        _, err = process.communicate(timeout=20)
    assert process.returncode in (0, 143), err
    assert "Traceback" not in err

    async def holder(client: Client) -> str:
        found: dict[str, Any] = await client.get(LEASES, "kubemint-dpu-credential-requests", namespace="kube-system")
        return str(found["spec"].get("holderIdentity") or "")

    assert on_harbor(bare, holder) == "", "it is given back"


def test_what_is_wrong_with_one_cluster_stops_none_of_the_others(bare: FleetThread) -> None:
    """One that forbids it is given up, one that something answers for in between is tried again."""
    wrong = FaultRule(Answer(404, message="404 page not found"), path="/leases/", verb="get", times=1)

    async def between(fleet: Any) -> None:
        fleet.cluster("harbor").faults.add(wrong)
        fleet.cluster("tenant-a").faults.add(FaultRule(Answer(403), path="/leases/"))

    async def back(fleet: Any) -> None:
        fleet.cluster("tenant-a").faults.clear()

    bare.call(between)
    want(bare, "others", "first")
    both = ("--context", "tenant-a", "--context", "harbor", "--kubeconfig", bare.kubeconfig)
    process = subprocess.Popen(
        command("reconcile", "-n", "others", "--watch", *both),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment({"PYTHONUNBUFFERED": "1"}),
    )  # fmt: skip
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "request:harbor/others/first\n"
        want(bare, "others", "second")
        assert process.stdout.readline() == "request:harbor/others/second\n"
    finally:
        os.kill(process.pid, signal.SIGTERM)
        _, err = process.communicate(timeout=20)
        bare.call(back)
    lines = [line for line in err.splitlines() if "tenant-a" in line]
    assert any(line.startswith("kubemint: tenant-a: ") for line in lines), err
    assert "without a word of" in err
    assert "Traceback" not in err
