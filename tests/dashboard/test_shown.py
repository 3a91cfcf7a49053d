"""Commands, exports and requests: what is done is done to what was shown as they were begun, and to nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from textual.widgets import Button, Checkbox, Input, Static

from tests.dashboard.conftest import Driver, Open, clear, done, fault
from tests.dashboard.test_bound import a_colleague
from tests.dashboard.test_typing import told
from tui.actions.meant import another
from tui.demo.apiserver.faults import Answer, FaultRule
from tui.demo.running import FleetThread
from tui.issuance.destinations.in_secret import SecretDestination
from tui.issuance.errors import ChangedMeanwhile
from tui.issuance.model.sight import Sight
from tui.issuance.model.types import Address, Credential, Handle, Identity, IssueSpec
from tui.screens.dialogs import replacing
from tui.screens.dialogs.confirm import ConfirmScreen
from tui.screens.dialogs.export import ExportScreen
from tui.screens.pages.lineage import LineageScreen

AT = SecretDestination("tenant-a", "web", "shown")
ADDRESS = "secret:tenant-a/web/shown"
ANOTHER = "is not the one that was shown any more"


async def issued(driver: Driver, folder: Path, account: str, *, name: str = "shown") -> Credential:
    """A colleague issues it for an account in the place of what lies there. What lies there now."""
    place = msgspec.structs.replace(AT, name=name)
    async with a_colleague(driver, folder) as engine:
        spec = IssueSpec(identity=Identity("tenant-a", "web", account), destinations=(place,), create_account=True)
        at = f"secret:tenant-a/web/{name}"
        if at in driver.app.session.store.credentials:
            gone = await engine.execute(await engine.plan_revoke(Address.parse(at)))
            assert gone.ok, gone
        outcome = await engine.execute(await engine.plan(spec))
        assert outcome.ok, outcome
        assert outcome.credential is not None
    store, key = driver.app.session.store, f"secret:tenant-a/web/{name}"
    handle = outcome.credential.handle
    await driver.until(lambda: key in store.credentials and store.credentials[key].credential.handle == handle)
    return outcome.credential


async def formed(driver: Driver) -> ExportScreen:
    """The form of an export of it, what would be written worked out."""
    await driver.find("5", ADDRESS.rpartition("/")[2])
    driver.table.go_to(ADDRESS)
    await driver.press("e")
    form = await driver.on(ExportScreen)
    await worked_out(driver, form)
    return form


async def worked_out(driver: Driver, form: ExportScreen) -> None:
    await driver.until(lambda: "what is written" in str(form.query_one("#yaml", Static).render()))


def test_a_plan_is_held_against_what_was_shown_of_an_earlier_one() -> None:
    def seen(**facts: object) -> Sight:
        async def look(fact: object) -> object:
            return fact

        sight = Sight()
        for what, fact in facts.items():
            asyncio.run(sight.see(what, lambda fact=fact: look(fact)))  # type: ignore[misc]
        return sight

    shown = seen(source="a", file="1").seen
    seen(source="a", file="1").insist(shown)
    for other in (
        seen(source="b", file="1"),
        seen(source="a", file="2"),
        seen(source="a"),
        seen(source="a", file="1", x=1),
    ):
        with pytest.raises(ChangedMeanwhile, match="since it was shown; nothing was done"):
            other.insist(shown)


def test_a_handle_is_the_same_one_however_its_cluster_is_called() -> None:
    seen = Credential(address=Address.parse(ADDRESS), handle=Handle("tenant-a", "web", "h", "uid"))
    called = msgspec.structs.replace(seen, handle=Handle("harbor/clusters/tenant-a", "web", "h", "uid"))
    anew = msgspec.structs.replace(seen, handle=Handle("tenant-a", "web", "h", "another"))
    assert not another(seen, called)
    assert another(seen, anew)


async def test_a_command_acts_on_the_row_that_it_was_typed_for_or_on_none(dashboard: Open, tmp_path: Path) -> None:
    async with dashboard(only=["tenant-a"], grace=300) as driver:
        session = driver.app.session
        await issued(driver, tmp_path / "colleague", "one")
        neighbour = await issued(driver, tmp_path / "colleague", "two", name="shown-too")
        await driver.find("5", "shown")
        await driver.until(lambda: len(driver.rows) == 2)
        for anew in (False, True):
            driver.table.go_to(ADDRESS)
            await driver.settle()
            assert driver.credential("shown").key == ADDRESS
            await driver.press("colon")
            await driver.type("rotate")
            if anew:  # it is another one by the time that enter is pressed
                three = await issued(driver, tmp_path / "colleague", "three")
                await driver.until(lambda three=three: three.handle in [row.credential.handle for row in driver.rows])
            else:
                async with a_colleague(driver, tmp_path / "colleague") as engine:
                    await engine.execute(await engine.plan_revoke(Address.parse(ADDRESS)))
                await driver.until(lambda: len(driver.rows) == 1)
            await driver.press("enter")
            await driver.until(lambda: ":rotate did nothing: its row" in told(driver))
            assert session.jobs.all == []
            driver.app.clear_notifications()
            if not anew:
                await issued(driver, tmp_path / "colleague", "one")
                await driver.until(lambda: len(driver.rows) == 2)
        store = session.store
        assert store.credentials["secret:tenant-a/web/shown-too"].credential.handle == neighbour.handle
        driver.table.go_to(ADDRESS)
        await driver.press("colon")
        await driver.type("rotate")
        job = await driver.act("enter")
        assert done(job)
        assert str(job.tasks[0].address) == ADDRESS


async def test_what_is_exported_is_what_the_form_showed(dashboard: Open, tmp_path: Path) -> None:
    async with dashboard(only=["tenant-a"], grace=300) as driver:
        await issued(driver, tmp_path / "colleague", "cq1")
        form = await formed(driver)
        assert "cq1" in str(form.query_one("#yaml", Static).render())
        await issued(driver, tmp_path / "colleague", "cq9")
        await driver.press("ctrl+s")
        await driver.shows("by another client since it was shown")  # in the form, which stays
        await driver.until(lambda: "cq9" in str(form.query_one("#yaml", Static).render()))
        await driver.press("ctrl+s")
        await driver.until(lambda: ANOTHER in str(form.query_one(".problem", Static).render()))
        assert driver.app.session.jobs.all == [], "another account's token was written"
        assert not (tmp_path / "exports").exists()

        # Its marks may stay as they were: what the token itself says counts.
        await driver.press("escape")
        form = await formed(driver)
        assert form._found is not None
        form._found = msgspec.structs.replace(
            form._found, seen=(*form._found.seen[:-1], (form._found.seen[-1][0], "other"))
        )
        await driver.press("ctrl+s")
        await driver.shows("since it was shown; nothing was done")
        assert driver.app.session.jobs.all == []
        assert not (tmp_path / "exports").exists()
        await driver.press("escape")
        await formed(driver)
        assert done(await driver.act("ctrl+s"))


async def test_a_file_is_replaced_whose_change_was_shown_and_no_other(dashboard: Open, tmp_path: Path) -> None:
    path = tmp_path / "there"
    path.write_text("the first")
    async with dashboard(only=["tenant-a"], grace=300) as driver:
        await issued(driver, tmp_path / "colleague", "cq2")
        form = await formed(driver)
        form.query_one("#f-path", Input).value = str(path)
        await driver.until(lambda: "was not written by kubemint" in str(form.query_one(".problem", Static).render()))
        form.query_one("#f-force", Checkbox).value = True
        await driver.until(lambda: not form.query_one("#accept", Button).disabled)
        path.write_text("the third one")
        await driver.press("ctrl+s")
        said = f"{path} was changed by another client since it was shown; nothing was done"
        await driver.until(lambda: said in str(form.query_one(".problem", Static).render()))
        # The form stays, looks again, and wants its tick for what lies there now.
        await driver.until(lambda: not form.query_one("#f-force", Checkbox).value and "force" in form._asked())
        await driver.press("ctrl+s")
        assert driver.app.session.jobs.all == []
        assert path.read_text() == "the third one"
        assert list(tmp_path.glob("there.*")) == []
        form.query_one("#f-force", Checkbox).value = True
        await driver.until(lambda: not form.query_one("#accept", Button).disabled)
        assert done(await driver.act("ctrl+s"))
        assert (tmp_path / "there.replaced-by-kubemint").read_text() == "the third one"


async def test_of_several_those_are_exported_that_were_marked(
    dashboard: Open, demo: FleetThread, tmp_path: Path
) -> None:
    async with dashboard(only=["tenant-a"], grace=300) as driver:
        await issued(driver, tmp_path / "colleague", "cq3")
        await issued(driver, tmp_path / "colleague", "cq4", name="shown-too")
        await driver.find("5", "shown")
        await driver.until(lambda: len(driver.rows) == 2)
        await driver.press("M", "e")
        await driver.on(ConfirmScreen)
        await issued(driver, tmp_path / "colleague", "cq9")
        job = await driver.act("ctrl+s")
        (failed,) = job.failed
        assert ANOTHER in failed.message
        assert str(failed.address) == ADDRESS
        assert [path.name for path in (tmp_path / "exports").iterdir()] == ["tenant-a-web-shown-too.kubeconfig"]
        await driver.press("ctrl+r")
        await driver.until(lambda: ANOTHER in told(driver))
        assert driver.app.session.jobs.all == [job]


async def test_a_request_is_taken_over_again_only_after_the_same_question(dashboard: Open, demo: FleetThread) -> None:
    async with dashboard(only=["harbor", "tenant-a"]) as driver:
        session = driver.app.session
        await driver.find("4", "flannel")
        key = driver.credential("flannel").key
        fault(demo, "harbor", FaultRule(Answer(500), verb="get"))
        await driver.press("K")
        await driver.on(ConfirmScreen)
        job = await driver.act("ctrl+s")
        clear(demo)
        assert job.failed
        await driver.press("ctrl+r")
        await driver.on(ConfirmScreen)
        await driver.shows("Take over from DPF's controller?")
        await driver.press("escape")
        assert session.jobs.all == [job]

        meant = job.tasks[0].meant
        assert meant is not None
        assert meant.row is not None
        row = session.store.requests[key]
        assert row.created_at is not None
        before = msgspec.structs.replace(row, created_at=row.created_at - timedelta(days=1))
        job.tasks[0].meant = replace(meant, row=before)
        await driver.press("ctrl+r")
        await driver.until(lambda: ANOTHER in told(driver))
        assert session.jobs.all == [job]


async def test_a_yes_to_replace_a_file_is_for_what_lay_there(dashboard: Open, tmp_path: Path) -> None:
    path, said = tmp_path / "there", list[bool]()
    path.write_text("the first")
    async with dashboard(only=["tenant-a"]) as driver:
        write: Callable[[bool], object] = said.append
        replacing.ask_first(driver.app, path, write)
        await driver.on(ConfirmScreen)
        path.write_text("the third one")
        await driver.press("ctrl+s")
        await driver.shows("(13 bytes)")
        assert said == []
        await driver.press("ctrl+s")
        assert said == [True]


async def test_keys_on_a_line_whose_credential_is_gone_are_for_no_other_one(dashboard: Open, tmp_path: Path) -> None:
    async with dashboard(only=["tenant-a"]) as driver:
        await issued(driver, tmp_path / "colleague", "one")
        await driver.find("5", "shown")
        driver.table.go_to(ADDRESS)
        await driver.press("l")
        page = await driver.on(LineageScreen)
        await driver.until(lambda: not page.loading_says)
        line = next(item for item in page.items if str(item.node.address) == ADDRESS)
        page.table.go_to(line.key)
        await driver.settle()
        assert [row.key for row in page.chosen()] == [ADDRESS]
        page.load = lambda: None  # type: ignore[method-assign]  # it shows what it found
        async with a_colleague(driver, tmp_path / "colleague") as engine:
            await engine.execute(await engine.plan_revoke(Address.parse(ADDRESS)))
        await driver.until(lambda: ADDRESS not in driver.app.session.store.credentials)
        assert page.item is not None
        assert str(page.item.node.address) == ADDRESS
        assert page.chosen() == []
