"""What is done after a question, or tried again later, is done to what was shown, and to no other credential."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from tests.dashboard.conftest import Driver, Open, clear, done, fault
from tests.dashboard.test_typing import told
from tui.actions import jobs
from tui.actions.meant import Meant, another, another_row
from tui.actions.table import BY_NAME
from tui.demo.apiserver.faults import Answer, FaultRule
from tui.demo.running import FleetThread
from tui.fleet.rows import RequestRow
from tui.issuance.destinations.in_file import FileDestination
from tui.issuance.engine import Engine
from tui.issuance.families.dpf.listing import REQUEST
from tui.issuance.insight.hygiene import Finding, Fix
from tui.issuance.model.clusters import KubeconfigClusters
from tui.issuance.model.kinds import CredentialKind
from tui.issuance.model.severity import Severity
from tui.issuance.model.types import Address, Credential, Handle, Identity, IssueSpec
from tui.issuance.records.state import StateStore
from tui.screens.dialogs.confirm import ConfirmScreen
from tui.screens.dialogs.saving import write_text
from tui.screens.pages.hygiene import HygieneScreen, proposed
from tui.widgets.job_panel import JobPanel

AT = Address.secret("tenant-a", "payments", "api")
ONE, OTHER = Handle("tenant-a", "payments", "one", "1"), Handle("tenant-a", "payments", "other", "2")


def held(fingerprint: str, handle: Handle | None, account: str = "") -> Credential:
    identity = Identity("tenant-a", "payments", account) if account else None
    return Credential(address=AT, fingerprint=fingerprint, handle=handle, identity=identity)


@pytest.mark.parametrize(
    ("seen", "now", "differs"),
    [
        (held("f", ONE), held("f", ONE), False),
        (held("f", ONE), held("g", ONE), True),
        (held("f", ONE), held("f", OTHER), True),
        (held("f", ONE), held("g", OTHER), True),
        (held("", ONE), held("g", OTHER), True),
        (held("f", None), held("g", OTHER), True),
        (held("", ONE), held("g", ONE), False),
        (held("f", ONE), held("f", None), False),
        (held("", None), held("g", ONE), False),
        (held("", None, "api"), held("", None, "other"), True),
        (held("", None, "api"), held("", None, "api"), False),
        (held("", None, "api"), held("", None), False),
        (None, held("g", ONE), False),
        (held("f", ONE), None, False),
    ],
)
def test_another_credential_is_told_by_what_both_say(
    seen: Credential | None, now: Credential | None, differs: bool
) -> None:
    assert another(seen, now) is differs


def test_a_request_that_was_made_anew_is_another_one() -> None:
    made = datetime(2026, 1, 1, tzinfo=UTC)
    row = RequestRow(cluster="harbor", namespace="dpf", name="api", kind=REQUEST, created_at=made)
    anew = msgspec.structs.replace(row, created_at=made + timedelta(seconds=1))
    assert another_row(row, anew)
    assert not another_row(row, msgspec.structs.replace(row, ready="True"))
    assert not another_row(row, None)
    assert not another_row(None, row)
    carries = msgspec.structs.replace(row, credential=held("f", ONE))
    assert another_row(carries, msgspec.structs.replace(row, credential=held("g", OTHER)))


def finding(fix: Fix, name: str) -> Finding:
    return Finding(rule="admin-token", severity=Severity.HIGH, subject=name, message="", action="", fix=fix)


def test_f_is_for_the_findings_that_have_something_that_it_does() -> None:
    revoked, other, third = finding(Fix.REVOKE, "a"), finding(Fix.NONE, "b"), finding(Fix.NONE, "c")
    assert proposed([revoked]) == ([revoked], "")
    assert proposed([other, revoked]) == ([revoked], "1 finding has nothing that F does: left alone.")
    assert proposed([other, revoked, third]) == ([revoked], "2 findings have nothing that F does: left alone.")
    assert proposed([]) == ([], "")


@asynccontextmanager
async def a_colleague(driver: Driver, folder: Path) -> AsyncIterator[Engine]:
    """Another kubemint on another machine."""
    async with KubeconfigClusters(str(driver.demo.kubeconfig)) as clusters:
        state = StateStore.open(folder)
        engine = Engine(clusters, state, owner="colleague", grace=timedelta(seconds=0))
        yield engine
        await engine.settle()
        await engine.aclose()
        state.close()


async def rotated_elsewhere(driver: Driver, folder: Path, address: Address) -> Credential:
    """It is rotated by a colleague, and the old one has ended: what lies there now."""
    async with a_colleague(driver, folder) as engine:
        outcome = await engine.execute(await engine.plan_rotate(address))
        assert outcome.ok, outcome
        assert outcome.credential is not None
        return outcome.credential


async def lives(driver: Driver, credential: Credential) -> bool:
    engine = driver.app.session.engine
    now = await engine.lookup(credential.address)
    return now.fingerprint == credential.fingerprint and (await engine.verify(credential.address)).ok


async def asked_for(driver: Driver, word: str) -> ConfirmScreen:
    question = await driver.on(ConfirmScreen)
    await driver.type(word)
    await driver.until(lambda: "◌ looking at what ends" not in driver.text())
    return question


async def test_what_a_question_showed_is_what_ends_and_nothing_that_came_since(dashboard: Open, tmp_path: Path) -> None:
    async with dashboard(only=["tenant-a"], grace=300) as driver:
        await driver.find("5", "kind:secret prometheus")
        seen = driver.credential("prometheus").credential
        assert seen is not None
        await driver.press("ctrl+d")
        await asked_for(driver, seen.address.name)
        newer = await rotated_elsewhere(driver, tmp_path / "colleague", seen.address)
        job = await driver.act("enter")
        assert "changed by another client since it was planned; nothing was done" in job.tasks[0].message
        assert await lives(driver, newer)

        # The same once more is no answer to what lies there now.
        await driver.press("ctrl+r")
        await driver.until(lambda: "is not the one that was shown any more" in told(driver))
        assert driver.app.session.jobs.all == [job]
        await driver.press("escape", "ctrl+d")
        await asked_for(driver, seen.address.name)
        job = await driver.act("enter")
        assert done(job), job.tasks[0].message


async def test_what_failed_is_tried_again_after_the_same_question_and_for_the_same_credential(
    dashboard: Open, demo: FleetThread, tmp_path: Path
) -> None:
    async with dashboard(only=["tenant-b"], grace=300) as driver:
        await driver.find("5", "kind:secret state:valid")
        seen = driver.credential("the first").credential
        assert seen is not None
        jobs = driver.app.session.jobs

        fault(demo, "tenant-b", FaultRule(Answer(500), verb="delete"))
        await driver.press("ctrl+d")
        await asked_for(driver, seen.address.name)
        job = await driver.act("enter")
        clear(demo)
        assert job.failed, job.tasks[0].message
        for clicked in (False, True):
            await (driver.click("ctrl+r retry") if clicked else driver.press("ctrl+r"))
            await driver.on(ConfirmScreen)
            await driver.shows("Revoke this credential?", "to confirm")
            await driver.press("enter")
            assert len(jobs.all) == 1, "without the word it is no answer"
            await driver.press("escape")
        assert len(jobs.all) == 1

        newer = await rotated_elsewhere(driver, tmp_path / "colleague", seen.address)
        store = driver.app.session.store

        def known() -> str:
            return store.credentials[str(seen.address)].credential.fingerprint

        await driver.until(lambda: known() == newer.fingerprint)
        await driver.press("ctrl+r")
        await driver.until(lambda: "is not the one that was shown any more" in told(driver))
        assert driver.app.screen is driver.main
        assert len(jobs.all) == 1
        assert await lives(driver, newer)


async def test_a_plan_that_is_made_after_the_question_is_for_the_row_that_was_seen(
    dashboard: Open, tmp_path: Path
) -> None:
    async with dashboard(only=["tenant-a"], grace=300) as driver:
        await driver.find("5", "kind:secret fluent")
        row = driver.credential("fluent")
        assert row.credential is not None
        address = row.credential.address
        newer = await rotated_elsewhere(driver, tmp_path / "colleague", address)
        for action in (BY_NAME["revoke"], BY_NAME["rotate"]):
            session, meant = driver.app.session, Meant(action, address, row)
            before = len(session.jobs.all)
            task = jobs.task(session, action, address, meant=meant)
            driver.app.session.jobs.begin(action.name, [task])
            job = await driver.job(before)
            assert "is not the one that was shown any more" in job.tasks[0].message
            assert await lives(driver, newer)


async def test_several_are_tried_again_after_the_question_that_says_how_many(
    dashboard: Open, demo: FleetThread
) -> None:
    async with dashboard(only=["tenant-a", "tenant-c"], grace=300) as driver:
        await driver.find("5", "kind:secret state:valid")
        for cluster in ("tenant-a", "tenant-c"):
            fault(demo, cluster, FaultRule(Answer(500), verb="create", path=r"/token$"))
        await driver.press("M", "r")
        await driver.on(ConfirmScreen)
        job = await driver.act("ctrl+s")
        clear(demo)
        number = len(job.failed)
        assert number > 1
        await driver.press("ctrl+r")
        await driver.on(ConfirmScreen)
        await driver.shows(f"Rotate {number} credentials?", f"{number} in ")
        await driver.press("escape")
        assert driver.app.session.jobs.all == [job]

        # On a page the key looks again.
        await driver.press("f")
        page = await driver.on(HygieneScreen)
        await driver.until(lambda: not page.loading_says)
        panel = page.query_one(JobPanel)
        panel.reopen(job)
        await driver.shows("retry (J, then ctrl+r)")
        await driver.press("ctrl+r")
        assert driver.app.screen is page
        await driver.until(lambda: not page.loading_says)
        await driver.press("J", "ctrl+r")
        await driver.on(ConfirmScreen)
        await driver.shows(f"Rotate {number} credentials?")
        again = await driver.act("ctrl+s")
        assert {task.address for task in again.tasks} == {task.address for task in job.failed}
        assert done(again), [task.message for task in again.failed]


async def test_f_leaves_alone_what_nothing_is_proposed_for(dashboard: Open) -> None:
    async with dashboard(only=["tenant-b"]) as driver:
        await driver.find("5", "kind:secret")
        rows = [row for row in driver.rows if row.credential.address.kind is CredentialKind.SECRET][:2]
        await driver.press("f")
        page = await driver.on(HygieneScreen)
        await driver.until(lambda: not page.loading_says)
        page.items = [
            msgspec.structs.replace(finding(fix, fix.value or "none"), address=row.credential.address)
            for fix, row in zip((Fix.REVOKE, Fix.NONE), rows, strict=True)
        ]
        page.show_items()
        await driver.press("M", "F")
        await driver.on(ConfirmScreen)
        await driver.shows("Revoke this credential?", "1 finding has nothing that F does: left alone.")


async def test_a_yes_is_for_what_lay_there_when_it_was_asked(dashboard: Open, tmp_path: Path) -> None:
    async with dashboard(only=["tenant-a"], grace=0) as driver:
        session = driver.app.session
        place = FileDestination(str(tmp_path / "bound.kubeconfig"))
        spec = IssueSpec(identity=Identity("tenant-a", "default", "bound"), destinations=(place,), create_account=True)
        issued = await session.engine.execute(await session.engine.plan(spec))
        driver.app.session.jobs.begin("issue", [jobs.task(session, BY_NAME["new_credential"], spec)])
        await driver.on(ConfirmScreen)
        await driver.shows("Issue all the same?")
        rotated = await session.engine.execute(await session.engine.plan_rotate(issued.address))
        assert rotated.credential is not None
        job = await driver.act("ctrl+s")
        assert "changed by another client since it was planned; nothing was done" in job.tasks[0].message
        assert await lives(driver, rotated.credential)
        await driver.press("ctrl+r")
        await driver.on(ConfirmScreen)
        await driver.shows("Issue all the same?")
        job = await driver.act("ctrl+s")
        assert done(job), job.tasks[0].message

        # So is one for a file.
        there = tmp_path / "there.yaml"
        there.write_text("mine")
        task = write_text("text", there, force=True)
        assert task.asks is not None
        task.asks(driver.main)
        await driver.on(ConfirmScreen)
        await driver.shows("Replace ", "there.yaml")
        await driver.press("escape")
        assert there.read_text() == "mine"
