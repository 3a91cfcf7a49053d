"""What the dashboard does about time, by keys: undoing a rotation, the renewal loop, alerts and their snooze."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import msgspec

from tests.dashboard.conftest import Driver, Open, clear, done, fault
from tests.dashboard.held import handles
from tui.demo.apiserver.faults import Answer, FaultRule
from tui.demo.running import FleetThread
from tui.issuance.loop.alerts import Level
from tui.issuance.model.durations import parse_duration
from tui.issuance.model.types import StepStatus
from tui.screens.dialogs.choosing import SnoozeScreen
from tui.screens.dialogs.loop_dialog import LoopScreen
from tui.widgets.desktop import notification
from tui.widgets.job_panel import single


def steps(driver: Driver, action: str, address: str) -> list[tuple[str, str]]:
    return [(step, status) for where, step, status in driver.journal(action) if where == address]


async def test_u_goes_back_to_the_old_one_and_says_how_long_that_is_possible(dashboard: Open) -> None:
    async with dashboard(only=["harbor"], grace=300) as driver:
        await driver.find("5", "kind:secret ingress-nginx-kubeconfig")
        row = driver.credential("ingress-nginx-kubeconfig")
        assert row.credential is not None
        address, old = row.credential.address, row.credential.fingerprint
        assert "undo" not in driver.text()
        job = await driver.act("u")
        assert not done(job), "nothing was rotated yet"
        assert "nothing to undo" in job.tasks[0].message

        assert done(await driver.act("r"))
        await driver.until(lambda: driver.app.session.store.credentials[row.key].credential.fingerprint != old)
        await driver.until(lambda: "↶ undo 4m" in driver.text())
        await driver.until(lambda: "U undo this, 4m" in driver.text())  # the job says it too
        await driver.press("escape", "d")
        await driver.shows("u goes back to the old one")
        await driver.press("escape")

        job = await driver.act("u")
        assert done(job), job.tasks[0].message
        await driver.until(lambda: driver.app.session.store.credentials[row.key].credential.fingerprint == old)
        left = parse_duration(job.tasks[0].message.partition(" left")[0])
        assert row.credential.expires_at is not None
        assert abs(row.credential.expires_at - driver.app.session.now(row) - left) < timedelta(seconds=60)
        said = steps(driver, "undo", str(address))
        assert said == [(step, "done") for step in ("intent", "prove", "write:0", "check:0", "commit")]
        assert driver.app.session.undone == {address}
        assert [one.by for one in driver.app.session.engine.state.revocations()] == [old]


async def test_an_old_token_that_lives_on_makes_the_job_a_failure_that_can_be_tried_again(
    dashboard: Open, demo: FleetThread
) -> None:
    async with dashboard(only=["tenant-a"], grace=0) as driver:
        await driver.find("5", "prometheus-kubeconfig")
        seeded = driver.credential("prometheus-kubeconfig").credential
        assert done(await driver.act("r"))
        await driver.until(lambda: driver.credential("prometheus-kubeconfig").credential != seeded)
        credential = driver.credential("prometheus-kubeconfig").credential
        assert credential is not None
        address, old = credential.address, credential.handle
        assert old is not None
        fault(demo, "tenant-a", FaultRule(Answer(403, "Forbidden", "no"), verb="delete", path="/secrets/kubemint-"))
        job = await driver.act("r")
        await driver.until(lambda: job.sign is StepStatus.FAILED)
        await driver.shows("done, but the old token still works")
        body = "\n".join(line.plain for line in single(job.tasks[0]))
        assert body.count("the old token still works") == 1, body
        assert "ctrl+r tries to end the old token now, and rotates nothing" in body
        assert (str(address), "commit", "done") in driver.journal("rotate")
        assert old.name in handles(driver, "tenant-a", address.namespace)
        clear(demo)
        now = driver.credential("prometheus-kubeconfig").credential
        job = await driver.act("ctrl+r")  # ends the old one, and rotates nothing
        assert done(job), job.tasks[0].message
        await driver.shows("what was left has ended")
        assert old.name not in handles(driver, "tenant-a", address.namespace)
        assert [step for step, _ in steps(driver, "rotate", str(address))].count("commit") == 2
        after = driver.credential("prometheus-kubeconfig").credential
        assert now is not None
        assert after is not None
        assert (after.fingerprint, after.handle) == (now.fingerprint, now.handle), (
            "what is said of the older one may go"
        )


async def test_a_keeps_what_is_due_until_it_is_pressed_again(dashboard: Open) -> None:
    async with dashboard(only=["harbor"], grace=300) as driver:
        session, renewing = driver.app.session, driver.app.renewing
        await driver.find("5", "managed due !expired !wallboard")
        await driver.until(lambda: len(driver.table.rows))
        await driver.press("M")
        marked = {session.store.credentials[key].credential.address for key in driver.table.marks}
        assert marked, "how many are due depends on how long the fleet has run"
        await driver.press("a")
        await driver.on(LoopScreen)
        await driver.shows(f"{len(marked)} of them due now")
        job = await driver.act("ctrl+s")
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
        renewed = [task.address for job in session.jobs.all if job.verb == "renew" for task in job.tasks]
        assert renewed.count(one) == 1, "it is not renewed again"

        await driver.press("escape", "a")
        assert not renewing.on
        await driver.until(lambda: "watched" not in driver.text())


class Rung:
    """A terminal that remembers what it was told."""

    def __init__(self) -> None:
        self.bells = 0
        self.sequences: list[str] = []
        self.lines: list[str] = []

    def bell(self) -> None:
        self.bells += 1

    def write_to_terminal(self, sequence: str) -> None:
        self.sequences.append(sequence)

    def announce(self, text: str, *, worse: bool) -> None:
        self.lines.append(text)

    def soon(self, work: Callable[[], None]) -> None:
        work()


async def test_a_renewal_that_fails_rings_once_is_snoozed_and_tried_again(dashboard: Open) -> None:
    async with dashboard(only=["tenant-c"], grace=0) as driver:
        renewing, alerting, rung = driver.app.renewing, driver.app.alerting, Rung()
        alerting._terminal, alerting._environment = rung, {"TERM": "foot"}
        await driver.until(lambda: not (alerting._all or alerting._touched))
        assert rung.lines == [], "what is found at the start is no news"
        fault(driver.demo, "tenant-c", FaultRule(Answer(500), verb="create", path=r"/token$"))
        await driver.press("a", "ctrl+s")
        await driver.until(lambda: renewing.look.failing > 0)
        await driver.until(lambda: f"{renewing.look.failing} failing" in driver.text())
        assert any(task.status is StepStatus.FAILED for task in driver.app.session.jobs.all[-1].tasks)

        await driver.until(lambda: rung.lines)
        assert "could not be renewed" in rung.lines[0]
        assert (rung.bells, len(rung.sequences)) == (1, 1)
        assert rung.sequences[0].startswith("\x1b]777;notify;kubemint;")
        failing = next(alert.address for alert in alerting.alerts.awake if alert.level is Level.FAILED)
        await driver.until(lambda: f"! {len(alerting.alerts.awake)} alert" in driver.text())

        await driver.find("5", f"{failing.namespace} {failing.name}")
        assert driver.table.go_to(str(failing))
        await driver.press("z")
        await driver.on(SnoozeScreen)
        await driver.press("r")
        await driver.until(lambda: failing not in [alert.address for alert in alerting.alerts.awake])
        await driver.press("d")
        await driver.shows("snoozed until it is renewed")
        await driver.press("escape")

        clear(driver.demo)
        fails = renewing.look.failing
        await driver.until(lambda: renewing.look.failing < fails, 30)
        assert [status for _, step, status in driver.journal("rotate") if step == "commit"] != []
        assert rung.bells == 1

        # What was renewed a moment ago, before the next look at the alerts: the new one is meant.
        await driver.until(lambda: not (alerting._all or alerting._touched))
        store = driver.app.session.store
        row = store.credentials[str(failing)]
        assert row.credential.expires_at is not None
        later = row.credential.expires_at + timedelta(minutes=1)
        store.put(msgspec.structs.replace(row, credential=msgspec.structs.replace(row.credential, expires_at=later)))
        alerting.snooze(failing, None)
        assert alerting.alerts.is_snoozed(failing)


async def test_read_only_has_no_loop_and_no_undo(dashboard: Open) -> None:
    async with dashboard(only=["tenant-a"], read_only=True) as driver:
        await driver.find("5", "prometheus-kubeconfig")
        await driver.press("a", "u")
        assert driver.app.screen is driver.main
        assert not driver.app.renewing.on
        assert driver.app.session.jobs.all == []


def test_a_notification_is_one_sequence_that_nobody_can_break_out_of() -> None:
    evil = "ends\x07\x1b]52;c;ZXZpbA==\x07 \x1b[2J; soon"
    for environment, begins in (
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "iTerm.app"}, ["\x1b]9;kubemint: "]),
        ({"TERM": "foot"}, ["\x1b]777;notify;kubemint;"]),
        ({"TERM": "xterm-256color"}, ["\x1b]9;kubemint: ", "\x1b]777;notify;kubemint;"]),
    ):
        sent = notification("kubemint", evil, environment)
        parts = [part for part in sent.split("\x07") if part]
        assert [part.startswith(begin) for part, begin in zip(parts, begins, strict=True)] == [True] * len(begins)
        assert sent.count("\x1b") == len(begins)
    wrapped = notification("kubemint", "a ends in 4m", {"TERM": "tmux-256color", "TERM_PROGRAM": "tmux", "TMUX": "x"})
    assert wrapped.count("\x1bPtmux;\x1b\x1b]") == wrapped.count("\x1b\\") == 2
    assert notification("kubemint", "a", {"TERM": "dumb"}) == notification("kubemint", "a", {}) == ""
