"""ctrl+z leads back to the shell, with the terminal as it was; fg draws all of it anew, and what was missed is read."""

from __future__ import annotations

import os
import pty
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.dashboard.conftest import Open
from tests.dashboard.test_terminal_ends import take_terminal
from tui.widgets.gate import Effect, Press, effect_of

SHELL = shutil.which("bash")

APP = """
from textual.binding import Binding
from textual.widgets import Static
from tui.widgets import terminal
from tui.widgets.inside_textual import InsideTextual

class Shown(InsideTextual[int]):
    BINDINGS = [Binding("ctrl+z", "suspend_process", ""), Binding("q", "quit", "")]
    goes_on = 0
    def compose(self):
        yield Static("stands here", id="said")
    def on_mount(self):
        self.app_resume_signal.subscribe(self, self.again)
    def again(self, _):
        self.goes_on += 1
        self.query_one("#said", Static).update(f"goes on {self.goes_on}")
    def words_of_a_stop(self):
        return "kubemint: one job waits"
    def action_suspend_process(self):
        assert terminal.has_shell()
        self.stop_for_a_while()

raise SystemExit(Shown().run() or 0)
"""


@contextmanager
def shell(folder: Path) -> Iterator[int]:
    """The other side of the terminal of a shell with jobs."""
    assert SHELL is not None
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [SHELL, "--norc", "--noprofile", "-i"], stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
        preexec_fn=take_terminal, cwd=folder,
        env={**os.environ, "PS1": "$ ", "TERM": "xterm-256color", "HISTFILE": "", "HOME": str(folder)},
    )  # fmt: skip
    os.close(theirs)
    try:
        yield ours
    finally:
        os.close(ours)  # hangs up on all of them
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def reads(ours: int, until: str) -> str:
    """What is drawn until this is."""
    seen, end = "", time.monotonic() + 30
    while until not in seen:
        assert time.monotonic() < end, seen[-3000:]
        if select.select([ours], [], [], 0.2)[0]:
            seen += os.read(ours, 1 << 20).decode(errors="replace")
    return seen


@pytest.mark.skipif(SHELL is None, reason="there is no bash")
@pytest.mark.parametrize("launcher", ["", "sh launch.sh "], ids=["by the shell", "by a script"])
def test_it_stops_for_its_shell_and_goes_on(tmp_path: Path, launcher: str) -> None:
    (tmp_path / "app.py").write_text(APP)
    (tmp_path / "launch.sh").write_text('"$@"\n')
    with shell(tmp_path) as ours:
        os.write(ours, f"{launcher}{sys.executable} app.py\n".encode())
        reads(ours, "stands here")
        for again in (1, 2):
            os.write(ours, b"\x1a")
            left = reads(ours, "Stopped")
            assert "\x1b[?1049l" in left, "the screen from before is there again"
            assert "kubemint: one job waits" in left
            os.write(ours, b"stty -a; echo the shell $((40 + 2))\n")
            said = reads(ours, "the shell 42")
            assert " icanon" in said
            assert " echo " in said
            os.write(ours, b"fg\n")
            assert "\x1b[?1049h" in reads(ours, f"goes on {again}")
        os.write(ours, b"q")
        reads(ours, "\x1b[?1049l")
        os.write(ours, b"echo code $?\n")
        reads(ours, "code 0")


async def test_without_a_shell_it_says_how_to_leave(dashboard: Open) -> None:
    said = "no shell waits behind this window: q leaves"
    async with dashboard(only=["tenant-a"]) as driver:
        for key in ("", "question_mark", "n"):
            if key:
                await driver.press(key)
            driver.app.clear_notifications()
            await driver.press("ctrl+z")
            await driver.until(lambda: [note.message for note in driver.app._notifications] == [said])
            if key:
                await driver.press("escape")


async def test_it_stops_in_front_of_a_shell(dashboard: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[int] = []
    async with dashboard(only=["tenant-a"]) as driver:
        with monkeypatch.context() as patch:
            patch.setattr("tui.widgets.terminal.has_shell", lambda: True)
            patch.setattr(type(driver.app), "is_headless", False)
            patch.setattr(os, "kill", lambda _, number: sent.append(number))
            driver.app.action_suspend_process()
        assert sent == [signal.SIGTSTP]
        assert driver.app.words_of_a_stop() == ""


async def test_on_return_everything_is_read_again(dashboard: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    async with dashboard(only=["tenant-a"]) as driver:
        read: list[object] = []
        monkeypatch.setattr(driver.main, "changed", read.append)
        driver.app.app_resume_signal.publish(driver.app)
        await driver.until(lambda: None in read)


def test_stopping_is_no_deed() -> None:
    assert effect_of(Press("ctrl+z", "suspend_process")) is Effect.LOOKS
