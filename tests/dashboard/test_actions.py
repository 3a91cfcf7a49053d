"""The keys that act, from key to journal, on real API servers of the embedded fleet."""

from __future__ import annotations

import base64
import dataclasses
import stat
from pathlib import Path
from typing import Any

import pytest
from textual.widgets import Input, Select

from tests.dashboard.conftest import Driver, Open, clear, done, fault
from tui.demo.apiserver.faults import Answer, FaultRule, Hang
from tui.demo.apiserver.storage import SECRETS
from tui.demo.running import FleetThread
from tui.demo.scenery.seed import copied
from tui.fleet.rows import CredentialRow
from tui.issuance.model.kinds import CredentialKind
from tui.issuance.model.types import State, StepStatus
from tui.screens.clipboard import MOST_BYTES, copy
from tui.screens.dialogs.confirm import ConfirmScreen
from tui.screens.dialogs.export import ExportScreen
from tui.screens.dialogs.new_credential import NewCredentialScreen
from tui.screens.dialogs.new_request import NewRequestScreen
from tui.screens.dialogs.reading import InspectScreen, YamlScreen
from tui.screens.dialogs.reveal import RevealScreen
from tui.screens.pages.deeds import StepsScreen, TasksScreen


def committed(driver: Driver, action: str, address: str) -> bool:
    return (address, "commit", "done") in driver.journal(action)


async def test_rotate_a_managed_secret_by_one_key(dashboard: Open) -> None:
    async with dashboard(only=["tenant-a"]) as driver:
        await driver.find("5", "prometheus-kubeconfig")
        row = driver.credential("prometheus-kubeconfig")
        assert row.credential is not None
        assert row.credential.address.kind is CredentialKind.SECRET
        old = row.credential.handle
        job = await driver.act("r")
        assert done(job), job.tasks[0].message
        assert [result.status for result in job.tasks[0].results if result.status is StepStatus.FAILED] == []
        assert committed(driver, "rotate", str(row.credential.address))
        await driver.shows("left, until")
        await driver.until(lambda: _credential(driver, row.key).credential.handle != old)
        await driver.press("escape")
        assert not driver.panel.display


async def test_what_the_server_warns_of_stands_with_its_step_and_in_activity(
    dashboard: Open, demo: FleetThread
) -> None:
    async def cap(fleet: Any, seconds: int | None) -> None:
        tokens = fleet.cluster("tenant-a").tokens
        tokens.policy = dataclasses.replace(tokens.policy, max_seconds=seconds)

    async with dashboard(only=["tenant-a"]) as driver:
        await driver.find("5", "prometheus-kubeconfig")
        demo.call(lambda fleet: cap(fleet, 600))
        try:
            job = await driver.act("r")
        finally:
            demo.call(lambda fleet: cap(fleet, None))
        assert done(job), job.tasks[0].message
        (said,) = [one.message for one in job.tasks[0].results if "warning: " in one.message]
        assert "warning: requested expiration of " in said
        await driver.press("escape", "6")
        await driver.click("secret:tenant-a", times=2)
        await driver.shows("granted 10m", "warning: requested")


async def test_rotate_a_dpu_request_by_one_key(dashboard: Open) -> None:
    async with dashboard(only=["harbor", "tenant-a"]) as driver:
        await driver.find("4", "camera-hub")
        row = driver.credential("camera-hub")
        job = await driver.act("r")
        assert done(job), job.tasks[0].message
        assert committed(driver, "rotate", f"request:harbor/{row.namespace}/{row.name}")
        await driver.until(lambda: any(w in driver.text() for w in ("Update the status of the request", "left, until")))


async def test_issue_a_file_then_rotate_export_verify_and_revoke_it(dashboard: Open, tmp_path: Path) -> None:
    async with dashboard(only=["tenant-a"]) as driver:
        await driver.find("3", "spark")
        await driver.press("n", "c")
        await driver.on(NewCredentialScreen)
        job = await driver.act("ctrl+s")
        assert done(job), f"{job.tasks[0].message} {job.tasks[0].hint}"
        files = list((tmp_path / "exports").iterdir())
        assert len(files) == 1
        assert stat.S_IMODE(files[0].stat().st_mode) == 0o600
        before = files[0].read_bytes()
        address = f"file:{files[0]}"
        assert committed(driver, "issue", address)

        await driver.press("escape")
        await driver.find("5", "file spark")
        await driver.until(lambda: len(driver.table.rows) == 1)
        job = await driver.act("r")
        assert done(job), f"{job.tasks[0].message} {job.tasks[0].hint}"
        assert files[0].read_bytes() != before
        assert committed(driver, "rotate", address)

        job = await driver.act("v")
        assert done(job), job.tasks[0].message
        assert "spark" in job.tasks[0].message

        await driver.press("e")
        await driver.on(ExportScreen)
        await driver.press("end")
        await driver.type("2")
        job = await driver.act("ctrl+s")
        assert done(job), f"{job.tasks[0].message} {job.tasks[0].hint}"
        await driver.shows("written to")
        copies = [file for file in (tmp_path / "exports").iterdir() if file != files[0]]
        assert [copy.read_bytes() for copy in copies] == [files[0].read_bytes()]

        await driver.press("escape", "escape")
        await driver.find("5", "file spark")
        await driver.press("ctrl+d")
        await driver.on(ConfirmScreen)
        await driver.press("ctrl+s")
        await driver.on(ConfirmScreen)  # nothing is destroyed before the word is typed
        row = driver.credential("spark")
        assert row.credential is not None
        await driver.type(Path(row.credential.address.name).name)
        job = await driver.act("ctrl+s")
        assert done(job), f"{job.tasks[0].message} {job.tasks[0].hint}"
        assert driver.journal("revoke")


async def test_what_the_server_accepts_is_not_called_revoked_for_a_mark(dashboard: Open, demo: FleetThread) -> None:
    """Whoever may patch the Secret may let it name a handle that is not there."""

    async def mark(fleet: Any, handle: str) -> None:
        storage = fleet.cluster("tenant-a").storage
        secret = copied(storage.get(SECRETS, "prometheus-kubeconfig", "monitoring"))
        secret["metadata"]["annotations"]["kubemint.io/handle"] = handle
        storage.update(SECRETS, secret)

    async with dashboard(only=["tenant-a"]) as driver:
        await driver.find("5", "prometheus-kubeconfig")
        row = driver.credential("prometheus-kubeconfig")
        assert row.credential is not None
        handle = row.credential.handle
        assert handle is not None
        demo.call(lambda fleet: mark(fleet, "monitoring/kubemint-prometheus-bcdfghjk/no-such-uid"))
        try:
            await driver.until(lambda: _credential(driver, row.key).credential.state is State.REVOKED)
            assert done(await driver.act("v"))
            await driver.until(lambda: _credential(driver, row.key).credential.state is not State.REVOKED)
        finally:
            demo.call(lambda fleet: mark(fleet, f"{handle.namespace}/{handle.name}/{handle.uid}"))


async def test_revoke_can_be_left(dashboard: Open) -> None:
    async with dashboard(only=["tenant-a"]) as driver:
        await driver.find("5", "prometheus-kubeconfig")
        await driver.press("ctrl+d", "escape")
        assert driver.app.screen is driver.main
        assert driver.app.session.jobs.all == []


async def test_make_a_dpu_request_with_the_form(dashboard: Open) -> None:
    async with dashboard(only=["harbor"]) as driver:
        await driver.press("4", "n", "d")
        await driver.on(NewRequestScreen)
        await driver.type("edge-cache")
        await driver.press("tab", "tab")
        await driver.type("edge-cache")
        job = await driver.act("ctrl+s")
        assert done(job), f"{job.tasks[0].message} {job.tasks[0].hint}"
        requests = driver.app.session.store.requests
        await driver.until(lambda: any(row.name == "edge-cache" for row in requests.values()))
        made = next(row for row in requests.values() if row.name == "edge-cache")
        assert driver.journal("issue")
        assert made.service_account.endswith("/edge-cache")


async def test_yaml_is_masked(dashboard: Open) -> None:
    async with dashboard(only=["tenant-a"]) as driver:
        await driver.find("5", "prometheus-kubeconfig")
        address = driver.credential("it").credential
        assert address is not None
        await driver.press("y")
        await driver.on(YamlScreen)
        await driver.until(lambda: "kind: Secret" in driver.text())
        await driver.press(*["down"] * 20)
        await driver.shows("••••••••")
        shown = driver.text()
        material = await driver.app.session.engine.material(address.address)
        assert _piece(material.reveal()) not in shown
        await driver.press("escape")


async def test_inspect_shows_claims_and_no_material(dashboard: Open) -> None:
    async with dashboard(only=["tenant-a"]) as driver:
        await driver.find("5", "prometheus-kubeconfig")
        await driver.press("i")
        await driver.on(InspectScreen)
        await driver.until(lambda: "subject" in driver.text())
        await driver.shows("system:serviceaccount:monitoring:prometheus", "bound to")
        assert "eyJ" not in driver.text()


async def test_a_merge_shows_what_it_changes_and_asks(dashboard: Open, tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text("apiVersion: v1\nkind: Config\nclusters: []\ncontexts: []\nusers: []\n")
    config.chmod(0o600)
    before = config.read_bytes()
    async with dashboard(only=["tenant-a"]) as driver:
        await driver.find("3", "spark")
        for accept in (False, True):
            await driver.press("n", "c")
            screen = driver.app.screen
            screen.query_one("#f-kept", Select).value = "an existing kubeconfig"
            await driver.settle()
            screen.query_one("#f-path", Input).value = str(config)
            await driver.press("ctrl+s")
            await driver.until(lambda: isinstance(driver.app.screen, ConfirmScreen))
            await driver.until(lambda: "server:" in driver.text())
            assert "eyJ" not in driver.text()
            assert config.read_bytes() == before
            if not accept:
                await driver.press("escape")
                assert driver.app.session.jobs.all == []
        job = await driver.act("ctrl+s")
        assert done(job), job.tasks[0].message
        assert config.read_bytes() != before


@pytest.mark.parametrize("inside", ["", "tmux", "screen"])
async def test_what_is_copied_passes_through_what_is_in_between_and_says_what_it_cannot_know(
    dashboard: Open, monkeypatch: pytest.MonkeyPatch, inside: str
) -> None:
    for name, where in (("TMUX", "tmux"), ("STY", "screen")):
        monkeypatch.delenv(name, raising=False)
        if inside == where:
            monkeypatch.setenv(name, "1")
    async with dashboard(only=["tenant-a"], size=(80, 24)) as driver:
        written: list[str] = []
        monkeypatch.setattr(driver.app, "write_to_terminal", written.append)
        assert copy(driver.app, "abc" * 300) == ""
        said = "".join(written)
        for opened, doubled in (("\x1bPtmux;", "\x1b\x1b"), ("\x1bP", "\x1b")):
            said = said.replace(opened, "").replace(doubled, "\x1b") if inside == "tmux" or opened == "\x1bP" else said
        said = said.replace("\x1b\\", "")
        whole = f"\x1b]52;c;{base64.b64encode(b'abc' * 300).decode()}\x07"
        assert said == (whole if inside else ""), "else Textual's own is all there is to it"
        assert len(written) <= 1
        if inside == "tmux":
            assert written[0].startswith("\x1bPtmux;\x1b\x1b]52;c;")
        await driver.find("5", "frontend-kubeconfig")
        await driver.press("c")
        await driver.until(lambda: "unknown" in driver.text())
        line = next(line for line in driver.text().splitlines() if "unknown" in line)
        assert "the address is sent; whether " in line, "all of it in one line"
        assert ("set -g set-clipboard on" in line) == (inside == "tmux")


async def test_what_is_too_long_for_the_clipboard_is_refused(dashboard: Open) -> None:
    async with dashboard(only=["tenant-a"]) as driver:
        assert "not copied" in copy(driver.app, "x" * (MOST_BYTES + 1))
        assert driver.app.clipboard == ""
        assert copy(driver.app, "x" * MOST_BYTES) == ""
        assert driver.app.clipboard == "x" * MOST_BYTES
        await driver.find("5", "frontend-kubeconfig")
        await driver.press("c")
        told = [notice.message for notice in driver.app._notifications][-1]
        assert told.startswith("the address is sent; whether ")


async def test_reveal_masks_itself_again_and_in_pictures(dashboard: Open) -> None:
    async with dashboard(only=["harbor"]) as driver:
        await driver.find("5", "kind:secret prometheus-token")
        row = driver.credential("prometheus-token")
        assert row.credential is not None
        secret = (await driver.app.session.engine.material(row.credential.address)).reveal()
        await driver.press("x")
        screen = driver.app.screen
        assert isinstance(screen, RevealScreen)
        await driver.until(lambda: screen.revealed)
        await driver.settle()
        await driver.shows(secret[:40])
        assert secret[:40] not in driver.app.export_screenshot()
        for _ in range(11):
            screen._count()
        await driver.settle()
        assert not screen.revealed
        assert secret[:40] not in driver.text()
        await driver.press("x")
        await driver.shows(secret[:40])
        await driver.press("escape")
        assert secret[:40] not in driver.text()


async def test_marked_rows_act_together_with_a_result_each(dashboard: Open) -> None:
    async with dashboard(only=["harbor", "tenant-a"]) as driver:
        await driver.find("5", "managed kubeconfig !robot")
        assert len(driver.table.rows) >= 3
        await driver.press("space", "space", "space")
        await driver.shows("3 marked")
        job = await driver.act("v")
        assert len(job.tasks) == 3
        await driver.until(lambda: all(task.title[-12:] in driver.text() for task in job.tasks))
        assert not driver.table.marks


async def test_read_only_greys_out_what_changes_something(dashboard: Open) -> None:
    async with dashboard(only=["tenant-a"], read_only=True) as driver:
        await driver.find("5", "frontend-kubeconfig")
        await driver.shows("read-only")
        await driver.press("r", "n", "ctrl+d")
        assert driver.app.screen is driver.main
        assert driver.app.session.jobs.all == []
        job = await driver.act("v")
        assert done(job), job.tasks[0].message


async def test_keys_that_make_no_sense_do_nothing(dashboard: Open) -> None:
    async with dashboard(only=["tenant-a"]) as driver:
        await driver.press("2")
        for key in ("r", "e", "v", "i", "x", "ctrl+d"):
            await driver.press(key)
            assert driver.app.screen is driver.main, key
            assert driver.app.session.jobs.all == [], key


async def test_activity_has_one_row_for_each_job_the_newest_first(dashboard: Open) -> None:
    async with dashboard(only=["tenant-a"], size=(80, 24)) as driver:
        await driver.press("6")
        await driver.shows("The journal is empty")
        await driver.find("5", "prometheus-kubeconfig")
        assert done(await driver.act("r"))
        assert done(await driver.act("v"))
        await driver.press("escape", "escape", "6")
        await driver.until(lambda: len(driver.rows) == 2 and driver.rows[1].entries)
        assert [row.action for row in driver.rows] == ["verify", "rotate"]
        text = driver.text()
        assert "WHEN (UTC) ▼" in text, "the newest first is marked so"
        assert "nothing was started" not in text.lower()
        line = next(line for line in text.splitlines() if "rotate" in line)
        assert "✓ done" in line
        assert "prometheus" in line, "at 80 columns it is seen what it was about"
        await driver.press("slash")
        await driver.type("prove")
        await driver.press("enter")
        assert [row.action for row in driver.rows] == ["rotate"], "a filter looks through the steps too"
        await driver.press("enter")
        assert driver.panel.display, "Enter shows its job with all steps"


async def test_a_row_says_rotating_while_it_is(dashboard: Open, demo: FleetThread) -> None:
    async with dashboard(only=["tenant-a"], size=(80, 24)) as driver:
        await driver.find("5", "frontend-kubeconfig")
        assert "● valid" in driver.text()
        fault(demo, "tenant-a", FaultRule(Hang(), path="/token"))
        await driver.press("r")
        await driver.shows("◌ rotating")
        line = next(line for line in driver.text().splitlines() if "◌ rotating" in line)
        assert "frontend-kubeconfig" in line
        clear(demo)
        job = driver.app.session.jobs.all[-1]
        await driver.until(lambda: not job.running, 60)
        await driver.until(lambda: "◌ rotating" not in driver.text())


async def test_a_job_of_many_has_one_line_for_each_and_a_filter_for_failures(
    dashboard: Open, demo: FleetThread
) -> None:
    async with dashboard(only=["tenant-a"], size=(80, 24)) as driver:
        await driver.find("5", "kind:secret kubeconfig")
        await driver.press("space", "space", "space")
        names = [row.credential.address.name for row in driver.rows[:3]]
        fault(demo, "tenant-a", FaultRule(Answer(500), path=f"/secrets/{names[1].rpartition('/')[2]}"))
        job = await driver.act("v")
        assert 0 < len(job.failed) < len(job.tasks) == 3
        lines = [line for line in driver.text().splitlines() if line.startswith("│")]
        assert len(lines) == 3, "one line for each, however long its error is"
        await driver.press("J")
        await driver.shows("enter lists each")
        await driver.press("enter")
        page = await driver.on(TasksScreen)
        await driver.until(lambda: len(page.table.rows) == 3)
        assert page.table.row is not None
        assert page.table.row.status is StepStatus.FAILED, "what failed comes first"
        await driver.press("!")
        await driver.until(lambda: len(page.table.rows) == len(job.failed))
        assert job.failed[0].message[:30] in " ".join(driver.text().split()), "all of the error stands below"
        await driver.press("!")
        await driver.until(lambda: len(page.table.rows) == 3)


async def test_a_job_before_this_start_shows_its_steps_too(dashboard: Open) -> None:
    async with dashboard(only=["tenant-a"]) as driver:
        await driver.find("5", "prometheus-kubeconfig")
        assert done(await driver.act("r"))
        driver.app.session.jobs.all.clear()  # as after a restart: the journal is all there is
        await driver.press("escape", "escape", "6")
        await driver.until(lambda: len(driver.rows) == 1 and driver.rows[0].action == "rotate")
        await driver.press("enter")
        page = await driver.on(StepsScreen)
        await driver.shows("token", "prove", "commit")
        assert len(page.items) == len(driver.app.session.engine.state.entries())
        await driver.press("escape")
        await driver.closed()


def _credential(driver: Driver, key: str) -> CredentialRow:
    return driver.app.session.store.credentials[key]


def _piece(secret: str) -> str:
    middle = len(secret) // 2
    return secret[middle : middle + 32]
