"""A form stays open, filled in and with its field marked, until what it asks for can be done."""

from __future__ import annotations

from textual.widgets import Checkbox, Input

from tests.dashboard.conftest import Driver, Open, clear, done, fault
from tests.dashboard.forms import fill
from tui.demo.apiserver.faults import Answer, FaultRule, Hang
from tui.demo.running import FleetThread
from tui.issuance.model.types import StepStatus
from tui.screens.dialogs.dialog import Field
from tui.screens.dialogs.new_credential import NewCredentialScreen
from tui.screens.shell.main import MainScreen

ACCOUNTS = "/serviceaccounts"


async def opened(driver: Driver, account: str) -> NewCredentialScreen:
    """The form of a credential, filled in for an account of `ci` in harbor."""
    await driver.find("3", "runner")
    await driver.press("n", "c")
    form = await driver.on(NewCredentialScreen)
    await fill(driver, "f-namespace", "ci")
    await fill(driver, "f-account", account)
    return form


def marked(form: NewCredentialScreen) -> list[str | None]:
    return [field.id for field in form.query(Field) if field.has_class("-wrong")]


def value(form: NewCredentialScreen, field: str) -> str:
    return form.query_one(f"#f-{field}", Input).value


async def test_what_cannot_be_planned_leaves_the_form_open_with_its_field_marked(dashboard: Open) -> None:
    async with dashboard(only=["harbor"]) as driver:
        form = await opened(driver, "nobody")
        jobs = len(driver.app.session.jobs.all)
        await driver.press("ctrl+s")
        await driver.shows("✖ Account: the service account nobody", "tick “Create the account if missing”")
        assert driver.app.screen is form
        assert marked(form) == ["account"]
        assert value(form, "account") == "nobody"
        assert form.focused is form.query_one("#f-account")
        assert len(driver.app.session.jobs.all) == jobs  # nothing began
        await driver.type("x")  # another answer: what was said of the last one is not true of it
        await driver.until(lambda: "✖ Account" not in driver.text() and not marked(form))


async def test_a_hung_cluster_keeps_no_key_and_esc_stops_the_check(dashboard: Open, demo: FleetThread) -> None:
    async with dashboard(only=["harbor"]) as driver:
        form = await opened(driver, "runner")
        fault(demo, "harbor", FaultRule(Hang(), path=ACCOUNTS))
        await driver.press("ctrl+s")
        await driver.shows("checking, nothing is changed yet")
        await driver.press("escape")
        await driver.until(lambda: "checking" not in driver.text())
        assert driver.app.screen is form
        await driver.press("ctrl+s")
        await driver.shows("checking, nothing is changed yet")
        await fill(driver, "f-account", "runner2")  # what is checked is no longer what stands there
        await driver.until(lambda: "checking" not in driver.text())
        clear(demo)
        await fill(driver, "f-account", "runner")
        job = await driver.act("ctrl+s")
        assert done(job), job.tasks[0].message
        await driver.on(MainScreen)


async def test_what_its_steps_could_not_do_brings_the_form_back_filled_in(dashboard: Open, demo: FleetThread) -> None:
    async with dashboard(only=["harbor"]) as driver:
        form = await opened(driver, "fresh")
        await fill(driver, "f-duration", "2h")
        form.query_one("#f-create").action_toggle_button()  # type: ignore[attr-defined]
        fault(demo, "harbor", FaultRule(Answer(403, "Forbidden", "no accounts here"), verb="create", path=ACCOUNTS))
        job = await driver.act("ctrl+s")
        assert job.tasks[0].status is StepStatus.FAILED
        await driver.shows("ctrl+r back to the form")
        clear(demo)
        await driver.press("ctrl+r")
        form = await driver.on(NewCredentialScreen)
        await driver.shows("✖ Account: ")
        assert marked(form) == ["account"]
        assert (value(form, "namespace"), value(form, "account"), value(form, "duration")) == ("ci", "fresh", "2h")
        job = await driver.act("ctrl+s")
        assert done(job), job.tasks[0].message


async def test_names_are_held_against_what_was_seen_while_they_are_typed(dashboard: Open) -> None:
    async with dashboard(only=["harbor"]) as driver:
        form = await opened(driver, "nobody")
        await driver.shows("· no service account nobody was seen in ci")
        assert marked(form) == [], "it may be there all the same"
        await driver.until(lambda: not form.query_one("#accept").disabled)
        form.query_one("#f-create", Checkbox).value = True
        await driver.until(lambda: "was seen" not in driver.text())
        form.query_one("#f-create", Checkbox).value = False
        await fill(driver, "f-account", "runner")
        await driver.until(lambda: "was seen" not in driver.text())
        await fill(driver, "f-namespace", "nowhere")
        await driver.shows("· no namespace nowhere was seen in harbor")
