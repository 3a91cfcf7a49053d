"""What the dashboard does about time, by keys: undoing a rotation, and the renewal loop."""

from __future__ import annotations

from tests.dashboard.conftest import Driver, Open, done
from tui.issuance.types import StepStatus
from tui.screens.loop_dialog import LoopScreen


def steps(driver: Driver, action: str, address: str) -> list[tuple[str, str]]:
    return [(step, status) for where, step, status in driver.journal(action) if where == address]


async def test_u_goes_back_to_the_old_one_and_says_how_long_that_is_possible(dashboard: Open) -> None:
    async with dashboard(only=["harbor"], grace=300) as driver:
        await driver.find("5", "prometheus-token")
        row = driver.credential("prometheus-token")
        assert row.credential is not None
        address, old = row.credential.address, row.credential.fingerprint
        assert "undo" not in driver.text()
        job = await driver.act("u")
        assert not done(job), "nothing was rotated yet"
        assert "nothing to undo" in job.tasks[0].message

        assert done(await driver.act("r"))
        await driver.until(lambda: driver.app.session.store.credentials[row.key].credential.fingerprint != old)
        await driver.until(lambda: "↶ undo 4m" in driver.text())
        await driver.until(lambda: "u undo, 4m" in driver.text())  # the job says it too
        await driver.press("escape", "d")
        assert "u goes back to the one before" in driver.text()
        await driver.press("escape")

        job = await driver.act("u")
        assert done(job), job.tasks[0].message
        await driver.until(lambda: driver.app.session.store.credentials[row.key].credential.fingerprint == old)
        said = steps(driver, "undo", str(address))
        assert said == [(step, "done") for step in ("intent", "prove", "write:0", "check:0", "commit")]
        assert driver.app.session.undone == {address}
        assert [one.by for one in driver.app.session.engine.state.revocations()] == [old]


async def test_a_keeps_what_is_due_until_it_is_pressed_again(dashboard: Open) -> None:
    async with dashboard(only=["harbor"], grace=300) as driver:
        session, renewing = driver.app.session, driver.app.renewing
        await driver.find("5", "managed due !expired")
        await driver.press("M")
        marked = {session.store.credentials[key].credential.address for key in driver.table.marks}
        assert len(marked) >= 2
        await driver.press("a")
        assert isinstance(driver.app.screen, LoopScreen)
        assert f"It would keep {len(marked)}, {len(marked)} of them due now" in driver.text()
        job = await driver.act("enter")
        assert driver.panel.display is False, "what nobody asked for just now does not come to the front"
        assert {str(address) for address in marked} == {
            where for where, step, status in driver.journal("rotate") if (step, status) == ("commit", "done")
        }
        assert job.verb == "renew"
        await driver.until(lambda: renewing.look.due == () and renewing.look.next_at is not None)
        await driver.until(lambda: f"renewal loop: {len(marked)} watched, next in" in driver.text())

        await driver.press("escape", "escape")
        one = min(marked, key=str)
        await driver.find("5", f"{one.namespace} {one.name}")
        assert driver.table.go_to(str(one))
        assert done(await driver.act("u"))
        renewing.wake()
        await driver.until(lambda: "undone" in renewing.look.left.get(one, ""))
        assert len([job for job in session.jobs.all if job.verb == "renew"]) == 1, "it is not renewed again"

        await driver.press("escape", "a")
        assert not renewing.on
        await driver.until(lambda: "watched" not in driver.text())


async def test_a_renewal_that_fails_is_counted_and_tried_again(dashboard: Open) -> None:
    from tests.dashboard.conftest import clear, fault
    from tui.demo.faults import Answer, FaultRule

    async with dashboard(only=["tenant-c"], grace=0) as driver:
        renewing = driver.app.renewing
        fault(driver.demo, "tenant-c", FaultRule(Answer(500), verb="create", path=r"/token$"))
        await driver.press("a", "enter")
        await driver.until(lambda: renewing.look.failing > 0)
        await driver.until(lambda: f"{renewing.look.failing} failing" in driver.text())
        assert any(task.status is StepStatus.FAILED for task in driver.app.session.jobs.all[-1].tasks)
        failing = renewing.look.failing
        clear(driver.demo)
        await driver.until(lambda: renewing.look.failing < failing, 30)
        assert [status for _, step, status in driver.journal("rotate") if step == "commit"] != []


async def test_read_only_has_no_loop_and_no_undo(dashboard: Open) -> None:
    async with dashboard(only=["tenant-a"], read_only=True) as driver:
        await driver.find("5", "prometheus-kubeconfig")
        await driver.press("a", "u")
        assert driver.app.screen is driver.main
        assert not driver.app.renewing.on
        assert driver.app.session.jobs.all == []
