"""Many at once: marks and what hides them, a result for each of two hundred rows, cancelling, trying again, speed."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from statistics import median

import pytest

from tests.dashboard.conftest import Driver, Open, clear, done, fault
from tui.actions.jobs import Job, Task
from tui.demo.apiserver.faults import Answer, FaultRule, Hang
from tui.demo.running import FleetThread
from tui.issuance.destinations.in_secret import SecretDestination
from tui.issuance.engine import Engine
from tui.issuance.model.clusters import KubeconfigClusters
from tui.issuance.model.types import Identity, IssueSpec, StepStatus
from tui.issuance.records.state import StateStore
from tui.kube.resource import NAMESPACES, SERVICE_ACCOUNTS

CLUSTERS = {"harbor": 80, "tenant-a": 70, "tenant-c": 50}
EVERY = sum(CLUSTERS.values())
TOKEN = r"/serviceaccounts/[^/]+/token$"


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FleetThread]:
    """An embedded fleet with two hundred credentials that kubemint manages: `bulk/robot-000` and so on."""
    with FleetThread() as thread:
        asyncio.run(issue_many(thread.kubeconfig, tmp_path_factory.mktemp("issued")))
        yield thread


async def issue_many(kubeconfig: Path, folder: Path) -> None:
    async with KubeconfigClusters(str(kubeconfig)) as clusters:
        state = StateStore.open(folder)
        engine = Engine(clusters, state, owner="tests")
        room = asyncio.Semaphore(8)

        async def issue(cluster: str, number: int) -> None:
            async with room:
                await issued(cluster, number)

        async def issued(cluster: str, number: int) -> None:
            place = SecretDestination(cluster, "bulk", f"robot-{number:03}")
            spec = IssueSpec(
                identity=Identity(cluster, "bulk", "robot"), destinations=(place,), duration=timedelta(hours=8)
            )
            outcome = await engine.execute(await engine.plan(spec))
            assert outcome.ok, outcome

        for cluster in CLUSTERS:
            client = await clusters.client(cluster)
            await client.create(NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "bulk"}})
            account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "robot"}}
            await client.create(SERVICE_ACCOUNTS, account, namespace="bulk")
        await asyncio.gather(*(issue(cluster, n) for cluster, amount in CLUSTERS.items() for n in range(amount)))
        await engine.aclose()
        state.close()


async def all_marked(driver: Driver) -> None:
    """Every one of the two hundred is shown and marked."""
    await driver.press("5", "escape", "escape")
    await driver.find("5", "ns:bulk kind:secret robot")
    await driver.until(lambda: len(driver.table.rows) == EVERY)
    await driver.press("M")
    assert len(driver.table.marks) == EVERY


def told(driver: Driver) -> str:
    """Everything that was notified lately."""
    return "\n".join(notice.message for notice in driver.app._notifications)


async def of_all(driver: Driver, key: str) -> Job:
    """The job that a key begins, once it is over; on a busy machine two hundred take their time."""
    before = len(driver.app.session.jobs.all)
    await driver.press(key)
    await driver.until(lambda: len(driver.app.session.jobs.all) > before)
    job = driver.app.session.jobs.all[-1]
    await driver.until(lambda: not job.running, 120)
    return job


def at(job: Job, status: StepStatus | None, cluster: str = "") -> list[Task]:
    return [task for task in job.tasks if task.status is status and cluster in task.cluster]


async def median_press(driver: Driver) -> float:
    took = []
    for _ in range(10):
        for key, by in (("down", 1), ("up", -1)):
            there = driver.table.cursor + by
            took.append(await driver.answered(key, lambda there=there: driver.table.cursor == there))
    return median(took)


async def test_nothing_happens_to_marked_rows_that_a_filter_hides(dashboard: Open) -> None:
    async with dashboard(only=["tenant-a"], size=(80, 24)) as driver:
        await driver.find("5", "ns:bulk kind:secret robot-00")
        await driver.press("space", "down", "ctrl+space")
        marked = set(driver.table.marks)
        assert len(marked) == 3
        await driver.press("slash", "backspace")
        await driver.type("1")  # robot-01…
        await driver.press("enter")
        await driver.shows("3 marked, 3 hidden by the filter")
        assert driver.main.chosen() == [], "neither the hidden ones nor the one under the cursor is meant"
        await driver.press("v")
        await driver.until(lambda: "3 marked rows are hidden by the filter: change" in told(driver))
        assert driver.app.session.jobs.all == []

        await driver.press("space")
        shown = driver.table.marked_shown
        job = await driver.act("v")
        assert [str(task.address) for task in job.tasks] == shown
        assert driver.table.marks == marked, "what was done is unmarked, what nobody saw is not"
        await driver.until(lambda: "left alone, still marked" in told(driver))
        await driver.press("escape", "space", "ctrl+d")
        await driver.until(lambda: "3 marked rows are hidden by the filter: nothing happens" in driver.text())
        await driver.press("escape", "escape")
        assert driver.main.pane.text == ""
        assert driver.table.marks > marked
        await driver.press("escape")
        assert not driver.table.marks


async def test_a_key_that_does_not_suit_all_marked_rows_says_which(dashboard: Open) -> None:
    async with dashboard(only=["tenant-a"]) as driver:
        await driver.press("5")
        await driver.until(lambda: any(row.name == "tenant-a" for row in driver.rows))  # the login
        await driver.press("M", "r")
        await driver.until(lambda: "rotate does not suit" in told(driver))
        await driver.press("y")
        await driver.until(lambda: "yaml is for one row" in told(driver))
        assert driver.app.session.jobs.all == []


async def test_two_hundred_are_rotated_while_one_cluster_hangs_and_another_refuses_some(
    dashboard: Open, demo: FleetThread
) -> None:
    async with dashboard(only=list(CLUSTERS), size=(80, 24)) as driver:
        await all_marked(driver)
        quiet = await median_press(driver)
        fault(demo, "tenant-c", FaultRule(Hang(), path=TOKEN))
        fault(demo, "tenant-a", FaultRule(Answer(500), path="/secrets/robot-00"))
        fault(demo, "tenant-a", FaultRule(Answer(429), path="/secrets/robot-01"))
        await driver.press("r")
        await driver.until(lambda: f"Rotate {EVERY} credentials?" in driver.text())
        await driver.press("ctrl+s")
        await driver.until(lambda: bool(driver.app.session.jobs.all))
        job = driver.app.session.jobs.all[-1]
        busy = await median_press(driver)
        assert busy < 5, (quiet, busy)
        await driver.until(lambda: len(at(job, StepStatus.DONE, "harbor")) == 80, 90)
        await driver.until(lambda: len(at(job, StepStatus.DONE, "tenant-a")) == 50, 90)
        await driver.until(lambda: len(at(job, StepStatus.FAILED, "tenant-a")) == 20, 90)
        hanging = at(job, None, "tenant-c")
        assert hanging, "nobody waited for what waits for the cluster that hangs"
        assert not at(job, StepStatus.DONE, "tenant-c")
        await driver.until(lambda: " failed, 130 done, " in driver.text())
        lines = driver.text().splitlines()
        top = next(index for index, line in enumerate(lines) if "◌ rotate  200 credentials" in line)
        assert "✖ secret:tenant-" in lines[top + 1], "what failed comes first"
        await driver.shows("ctrl+x cancel the rest")
        await driver.until(lambda: "J read" in driver.text())

        hanging = at(job, None, "tenant-c")  # now: on a slow machine some of them had their turn meanwhile
        await driver.press("ctrl+x")
        await driver.until(lambda: job.cancelled)
        clear(demo)
        await driver.until(lambda: not job.running, 60)
        counted = Counter(task.status for task in job.tasks)
        assert set(counted) == {StepStatus.DONE, StepStatus.FAILED, StepStatus.UNDONE}
        assert sum(counted.values()) == EVERY, "a result for each"
        left = counted[StepStatus.UNDONE]
        assert left >= len(hanging) - 1, "what ran has ended properly, and nothing more was begun"
        assert {task.message for task in at(job, StepStatus.UNDONE)} == {"not begun: cancelled"}
        committed = {
            address for address, step, status in driver.journal("rotate") if (step, status) == ("commit", "done")
        }
        assert committed == {str(task.address) for task in at(job, StepStatus.DONE)}
        await driver.until(lambda: f"{left} not begun" in driver.text())

        before = driver.credential("the cursor's").key  # its place in the list changes: it is sorted by what ends next
        await driver.press("J", "G")
        await driver.until(lambda: "✓ secret:" in driver.text() and driver.panel.scroll_y == driver.panel.max_scroll_y)
        await driver.press("g", "j")
        await driver.until(lambda: driver.panel.scroll_y == 1)
        assert driver.credential("the cursor's").key == before, "these keys are the panel's"
        await driver.press("J")
        assert driver.table.has_focus

        failed = [str(task.address) for task in job.failed]
        await driver.press("ctrl+r")
        await driver.shows(f"Rotate {len(failed)} credentials?")
        again = await driver.act("ctrl+s")
        assert [str(task.address) for task in again.tasks] == failed, "exactly what failed"
        assert done(again), again.failed[0].message
        await driver.press("6")
        said = f"{len(failed)} failed, {counted[StepStatus.DONE]} done, {left} not begun"
        await driver.shows("✖ failed   rotate    200 credentials", f"rotate    {len(failed)} credentials")
        rows = [driver.table.rows[number] for number in range(len(driver.table.rows))]
        assert [row.says for row in rows] == [f"{len(failed)} done", said]
        await driver.press("escape", "J")
        assert driver.panel.job is again, "the newest comes back"


async def test_two_hundred_are_verified_exported_and_revoked(
    dashboard: Open, demo: FleetThread, tmp_path: Path
) -> None:
    async with dashboard(only=list(CLUSTERS), size=(80, 24)) as driver:
        await all_marked(driver)
        await driver.until(lambda: len(asyncio.all_tasks()) > 1)
        tasks = len(asyncio.all_tasks())
        fault(demo, "tenant-a", FaultRule(Answer(500), path="/secrets/robot-0[0-4]"))
        job = await of_all(driver, "v")
        assert (len(at(job, StepStatus.DONE)), len(job.failed)) == (150, 50)
        clear(demo)
        again = await driver.act("ctrl+r")
        assert len(again.tasks) == 50
        assert done(again)

        await driver.press("escape")
        await all_marked(driver)
        await driver.press("e")
        await driver.until(lambda: "Export 200 credentials" in driver.text())
        job = await of_all(driver, "ctrl+s")
        assert done(job), job.failed[0].message
        files = list((tmp_path / "exports").iterdir())
        assert len(files) == EVERY
        assert {file.stat().st_mode & 0o777 for file in files} == {0o600}

        await driver.press("escape")
        await all_marked(driver)
        await driver.press("ctrl+d")
        await driver.until(lambda: "Revoke 200 credentials?" in driver.text())
        await driver.type("revoke 200")
        job = await of_all(driver, "ctrl+s")
        assert done(job), job.failed[0].message
        rows = driver.app.session.store.credentials.values()
        await driver.until(lambda: not any(row.name.startswith("robot-") and row.namespace == "bulk" for row in rows))
        await driver.until(lambda: len(asyncio.all_tasks()) <= tasks + 2)
        assert not driver.table.marks
