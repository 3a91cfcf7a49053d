"""The first frame comes at once and says what is starting; what does not start is said in words, and nothing stays."""

from __future__ import annotations

import asyncio
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.dashboard.conftest import Driver
from tui.app import KubemintApp
from tui.demo.running import FleetThread
from tui.fleet.fleet import Fleet
from tui.issuance.records.state import StateStore
from tui.kube.kubeconfig import load
from tui.screens.starting import Starting
from tui.widgets.keystrokes import AT_ONCE

COUNTS = re.compile(r"\b0 (clusters?|credentials?|expire|renew|service accounts?|requests?)\b|(Clusters|Accounts) 0\b")


async def test_while_it_starts_it_says_how_far_it_is_and_counts_nothing(demo: FleetThread, tmp_path: Path) -> None:
    going, state = threading.Event(), StateStore.open(tmp_path / "state")

    def opener(starting: Starting) -> Fleet:
        starting.say("starting 9 servers … 3 up")
        assert going.wait(20)
        return Fleet(load(str(demo.kubeconfig)), state=state, only=["tenant-a"])

    app = KubemintApp(opener=opener, embedded=True, pace=AT_ONCE)
    async with app.run_test(size=(120, 35)) as pilot:
        driver = Driver(app, pilot, demo)
        await driver.shows("starting 9 servers … 3 up")
        health, table = app._main.query_one("#health"), app._main.pane.table
        assert "3 up" in str(health.render())
        assert "3 up" in "".join(cell.text for cell in table.empty())
        assert driver.text().count("starting 9 servers") == 2
        for area in "12345":
            await pilot.press(area)
            await pilot.pause()
            assert not COUNTS.search(driver.text()), driver.text()
            assert "starting" in driver.text().splitlines()[0]
            assert "3 up" in driver.text() or "no context" not in driver.text()
        await pilot.press("1")
        going.set()
        await driver.until(lambda: app.session.looked)
        await driver.shows("1 cluster")
        assert "3 up" not in driver.text()
    state.close()


def test_a_fleet_that_is_given_up_while_it_starts_leaves_nothing(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []

    def progress(up: int, servers: int) -> None:
        seen.append((up, servers))
        if up == 1:
            thread.give_up()

    thread = FleetThread(folder=tmp_path, clusters=2, troubled=False, progress=progress)
    with pytest.raises(asyncio.CancelledError):
        thread.start()
    thread.stop()
    assert seen[0][0] == 0
    assert seen[1][0] == 1
    assert max(up for up, _ in seen) < seen[0][1], "it was not finished first"
    assert list(tmp_path.iterdir()) == []


def test_a_fleet_that_was_given_up_before_does_not_start(tmp_path: Path) -> None:
    thread = FleetThread(folder=tmp_path)
    thread.give_up()
    with pytest.raises(asyncio.CancelledError):
        thread.start()
    assert list(tmp_path.iterdir()) == []


@contextmanager
def demo_on_a_terminal(home: Path, before: str = "") -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """`kubemint --demo`, whose temporary folder is the home; `before` runs in its Python first."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 35, 120, 0, 0))
    code = f"{before}\nfrom tui.cli import run\nraise SystemExit(run(['--demo']))"
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("KUBE", "XDG_"))}
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
        env=kept | {"HOME": str(home), "TMPDIR": str(home), "TERM": "xterm-256color"},
    )  # fmt: skip
    os.close(theirs)
    try:
        yield process, ours
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def drawn(ours: int, until: str) -> str:
    """What it drew until this was to be read, or it ended; without what says where and how."""
    seen, end = "", time.monotonic() + 40
    while until not in seen and time.monotonic() < end:
        if select.select([ours], [], [], 0.1)[0]:
            try:
                text = os.read(ours, 1 << 20).decode(errors="replace")
            except OSError:  # it has ended
                break
            seen += re.sub(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[()][A-Z0-9]|[=>PX^_])", "", text)
    return seen


def test_the_demo_shows_its_first_frame_before_its_servers_and_can_be_left_then(tmp_path: Path) -> None:
    slow = (
        "import asyncio\nfrom tui.demo.cluster import EmbeddedCluster\n"
        "EmbeddedCluster.start = lambda *_: asyncio.sleep(60)"
    )
    with demo_on_a_terminal(tmp_path, slow) as (process, ours):
        seen = drawn(ours, "servers … 0 up")
        assert "2 Clusters" in seen
        assert re.search(r"starting \d+ servers … 0 up", seen), seen[-2000:]
        assert not COUNTS.search(seen)
        os.write(ours, b"q")
        begun = time.monotonic()
        drawn(ours, "never")
        assert process.wait(20) == 0
        assert time.monotonic() - begun < 15, "leaving does not wait for the servers"
    assert not list(tmp_path.glob("kubemint-demo-*"))


def test_a_signal_ends_a_demo_that_starts_and_nothing_stays(tmp_path: Path) -> None:
    with demo_on_a_terminal(tmp_path) as (process, ours):
        drawn(ours, "servers … 0 up")
        process.send_signal(signal.SIGTERM)
        drawn(ours, "never")
        assert process.wait(20) == 128 + signal.SIGTERM
    assert not list(tmp_path.glob("kubemint-demo-*"))


def test_a_demo_that_does_not_start_says_why_and_fails(tmp_path: Path) -> None:
    full = (
        "import tui.demo.fleet\ndef full(*_): raise OSError(28, 'No space left on device')\n"
        "tui.demo.fleet.make_folder = full"
    )
    with demo_on_a_terminal(tmp_path, full) as (process, ours):
        seen = drawn(ours, "never")
        assert process.wait(20) == 1
    assert "kubemint: the embedded fleet did not start: no space left on device" in seen
    assert "Traceback" not in seen


def test_before_the_first_frame_nothing_is_known_of_the_embedded_fleet_or_of_kubernetes() -> None:
    code = """
import sys
from tui.app import KubemintApp
from tui.headless import dashboard
KubemintApp(opener=lambda starting: None)
for name in (
    "kubernetes", "aiohttp", "tui.demo", "cryptography", "jwt", "yaml", "tui.kube.client", "tui.fleet.fleet",
    "tui.issuance.engine", "tui.issuance.insight.lineage", "tui.screens.dialogs.form", "tui.screens.pages.page",
):
    assert name not in sys.modules, name
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
