"""The dry run: what would be done is shown before anything is, and Enter does exactly what was shown."""

from __future__ import annotations

from pathlib import Path

from textual.widgets import Label

from tests.dashboard.conftest import Driver, Open, done, fault
from tui.demo.apiserver.faults import Answer, FaultRule
from tui.issuance.model.types import StepStatus
from tui.screens.dialogs.foresee import ForeseeScreen
from tui.screens.dialogs.new_credential import NewCredentialScreen


async def seen(driver: Driver) -> ForeseeScreen:
    """The dry run's screen, once it has looked."""
    await driver.until(lambda: isinstance(driver.app.screen, ForeseeScreen))
    screen = driver.app.screen
    assert isinstance(screen, ForeseeScreen)
    await driver.until(lambda: "nothing was changed" in str(screen.query_one("#plan-verdict", Label).render()))
    await driver.settle()
    return screen


async def test_d_shows_every_call_and_enter_does_exactly_that(dashboard: Open) -> None:
    async with dashboard(only=["tenant-a"]) as driver:
        await driver.find("5", "prometheus-kubeconfig")
        await driver.press("D")
        screen = await seen(driver)
        await driver.shows(
            "create serviceaccounts/token · tenant-a/monitoring/prometheus",
            "update secrets · tenant-a/monitoring/prometheus-kubeconfig",
            "get secrets · tenant-a/monitoring/prometheus-kubeconfig",
            "Journal what is intended",
        )
        assert driver.journal("rotate") == []
        (one,) = screen._possible()
        plan = one.plan
        assert plan is not None
        job = await driver.act("enter")
        assert done(job), job.tasks[0].message
        assert {result.plan for result in job.tasks[0].results} == {plan.id}
        assert job.verb == "rotate"


async def test_leaving_a_dry_run_leaves_everything(dashboard: Open) -> None:
    async with dashboard(only=["tenant-a"]) as driver:
        await driver.find("5", "prometheus-kubeconfig")
        await driver.press("D")
        await seen(driver)
        await driver.press("escape")
        assert driver.app.screen is driver.main
        assert driver.app.session.jobs.all == []
        assert driver.journal("rotate") == []


async def test_of_many_those_that_can_be_done_are_done(dashboard: Open) -> None:
    async with dashboard(only=["harbor", "tenant-a"], size=(80, 24)) as driver:
        fault(driver.demo, "tenant-a", FaultRule(Answer(403), path="/secrets/prometheus-kubeconfig"))
        await driver.find("5", "prometheus-kubeconfig")
        await driver.until(lambda: driver.main.chosen())
        await driver.press("M", "D")
        screen = await seen(driver)
        possible = len(screen._possible())
        assert possible == len(screen._intended) - 1
        await driver.shows(f"enter does the {possible} of {possible + 1} that can be done")
        await driver.press("end")
        job = await driver.act("enter")
        assert [task.status for task in job.tasks] == [StepStatus.DONE] * possible


async def test_read_only_may_look_but_not_do(dashboard: Open) -> None:
    async with dashboard(only=["tenant-a"], read_only=True) as driver:
        await driver.find("5", "prometheus-kubeconfig")
        await driver.press("D")
        screen = await seen(driver)
        await driver.shows("read-only")
        await driver.press("enter")
        assert driver.app.screen is screen
        assert driver.app.session.jobs.all == []


async def test_a_form_shows_what_it_would_lead_to(dashboard: Open, tmp_path: Path) -> None:
    async with dashboard(only=["tenant-a"]) as driver:
        await driver.find("3", "spark")
        await driver.press("n", "c")
        form = driver.app.screen
        assert isinstance(form, NewCredentialScreen)
        await driver.press("ctrl+r")
        await seen(driver)
        await driver.shows("create serviceaccounts/token")
        await driver.press("escape")
        assert driver.app.screen is form  # with everything that was typed
        await driver.press("ctrl+r")
        await seen(driver)
        job = await driver.act("enter")
        assert done(job), job.tasks[0].message
        assert driver.main.is_current
        assert list((tmp_path / "exports").iterdir())
