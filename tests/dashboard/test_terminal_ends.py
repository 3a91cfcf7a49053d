"""The dashboard ends with its terminal, and where it is told to: by a window that is closed, a signal, after a stop."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
from textual.app import App
from textual.drivers.linux_driver import LinuxDriver

from tui.widgets.inside_textual import Lasting, LastingDriver

APP = """
from textual.widgets import Static
from tui.widgets import terminal
from tui.widgets.inside_textual import InsideTextual
terminal.LAST_RESORT = 2.0
terminal.LOOK = 1.0

class Shown(InsideTextual[int]):
    def compose(self):
        yield Static(id="frames")
    def on_mount(self):
        terminal.on_signals(self.exit)
        self.frames = 0
        self.set_interval(terminal.LOOK, self.look)
        self.set_interval(0.01, self.draw)
    def look(self):
        if not terminal.is_there():
            terminal.end_at_last(terminal.HANGUP)
            self.exit(terminal.HANGUP)
    def draw(self):
        self.frames += 1
        self.query_one("#frames").update("frame " + str(self.frames) * 2000)

raise SystemExit(Shown().run() or 0)
"""


@contextmanager
def on_a_terminal(*, hears: bool = True) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """It draws all the time; the other side of its terminal."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", APP], stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
        preexec_fn=take_terminal if hears else take_terminal_without_signal,
    )  # fmt: skip
    os.close(theirs)
    try:
        seen = b""
        while b"frame" not in seen:
            assert select.select([ours], [], [], 30)[0], seen
            seen += os.read(ours, 65536)
        yield process, ours
    finally:
        process.kill()
        process.wait()
        with suppress(OSError):
            os.close(ours)


def take_terminal() -> None:
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def take_terminal_without_signal() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    take_terminal()


def read_for(ours: int, seconds: float) -> None:
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        if select.select([ours], [], [], left)[0]:
            os.read(ours, 65536)


def ended(process: subprocess.Popen[bytes], ours: int | None = None) -> int:
    """Its exit code; what it draws is read until then, where that is said."""
    end = time.monotonic() + 20
    while process.poll() is None:
        assert time.monotonic() < end, "it is there yet"
        if ours is None:
            time.sleep(0.05)
        else:
            with suppress(OSError):
                read_for(ours, 0.05)
    assert process.returncode is not None
    return process.returncode


@pytest.mark.parametrize("hears", [True, False], ids=["hung up", "below a launcher that keeps the signal"])
def test_a_window_that_is_closed_ends_it(hears: bool) -> None:
    with on_a_terminal(hears=hears) as (process, ours):
        os.close(ours)
        assert ended(process) == 128 + signal.SIGHUP


@pytest.mark.parametrize(
    "stopped", [(), (signal.SIGSTOP, signal.SIGCONT), (signal.SIGCONT,), (signal.SIGTSTP, signal.SIGCONT)]
)
def test_a_signal_ends_it_whatever_came_before(stopped: tuple[int, ...]) -> None:
    with on_a_terminal() as (process, ours):
        for number in stopped:
            process.send_signal(number)
            read_for(ours, 0.5)
        process.send_signal(signal.SIGTERM)
        assert ended(process, ours) == 128 + signal.SIGTERM


def test_a_terminal_that_takes_nothing_keeps_it_for_a_while_only() -> None:
    with on_a_terminal() as (process, _):
        time.sleep(2)  # nobody reads what it draws
        process.send_signal(signal.SIGTERM)
        assert ended(process) == 128 + signal.SIGTERM


def test_what_is_written_to_a_terminal_that_is_gone_goes_nowhere() -> None:
    ours, theirs = pty.openpty()
    file = Lasting(open(theirs, "w"))  # noqa: SIM115 - it is closed below
    assert file.write("seen") == 4
    file.flush()
    assert os.read(ours, 100) == b"seen"
    os.close(ours)
    for _ in range(2):
        assert file.write("lost") == 4
        file.flush()
    assert file.fileno() == -1


def test_textual_has_what_is_used_of_its_driver() -> None:
    assert {"_sigtstp_application", "_sigcont_application"} <= vars(LinuxDriver).keys()
    text = LinuxDriver.__init__.__code__.co_names
    assert {"_file", "_must_signal_resume"} <= set(text), "what it writes to, and how it knows of a stop"
    assert issubclass(LastingDriver, LinuxDriver)
    assert isinstance(App().driver_class, type)
