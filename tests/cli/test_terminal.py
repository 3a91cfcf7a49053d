"""The dashboard in a terminal of its own: a pseudo-terminal that is taken away."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from typing import IO

import pytest

from tests.cli.conftest import command, environment


def _hears_hangups() -> None:
    """Whatever runs the tests may be deaf for them, as below nohup."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@contextmanager
def in_a_terminal(
    *arguments: str | Path, begins: Callable[[], object] = _hears_hangups, stderr: IO[bytes] | None = None
) -> Iterator[tuple[subprocess.Popen[bytes], FileIO]]:
    """kubemint in a pseudo-terminal, once it shows its first area; and our side of the terminal."""
    number, theirs = pty.openpty()
    ours = FileIO(number, "r+")
    process = subprocess.Popen(
        command(*arguments), stdin=theirs, stdout=theirs, stderr=stderr or theirs, start_new_session=True,
        env={**environment(), "TERM": "xterm-256color"}, preexec_fn=begins,
    )  # fmt: skip
    os.close(theirs)
    try:
        assert b"Overview" in read_until(ours, lambda shown: b"Overview" in shown)
        yield process, ours
    finally:
        process.kill()
        process.wait()
        ours.close()


def read_until(ours: FileIO, holds: Callable[[bytes], bool]) -> bytes:
    """All that comes, until it is enough, the other side is gone, or a minute is over."""
    shown, until = b"", time.monotonic() + 60
    while not holds(shown) and time.monotonic() < until:
        if select.select([ours], [], [], 0.5)[0]:
            try:
                shown += os.read(ours.fileno(), 65536)
            except OSError:
                break
    return shown


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
def test_a_signal_ends_the_dashboard_and_gives_the_terminal_back(number: signal.Signals) -> None:
    with in_a_terminal("--demo") as (process, ours):
        process.send_signal(number)
        shown = read_until(ours, lambda shown: b"\x1b[?1049l" in shown)
        assert b"\x1b[?1049l" in shown, "the alternate screen is left"
        assert process.wait(timeout=60) == 128 + number


def test_a_terminal_that_is_gone_ends_the_dashboard(tmp_path: Path) -> None:
    """As below a launcher that the closing of the window does not end: no signal ever comes."""
    config = tmp_path / "config"
    config.write_text("")
    with in_a_terminal("--kubeconfig", config, begins=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN)) as (
        process,
        ours,
    ):
        ours.close()
        assert process.wait(timeout=60) == 129


def test_the_dashboard_opens_where_only_stderr_is_redirected(tmp_path: Path) -> None:
    """Textual draws on stderr: sent to a file, the screen would stay empty and the file be full of it."""
    (config := tmp_path / "config").write_text("")
    with (tmp_path / "said").open("wb") as said, in_a_terminal("--kubeconfig", config, stderr=said) as (process, _):
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 128 + signal.SIGTERM
    assert (tmp_path / "said").read_bytes() == b""


@pytest.mark.parametrize("redirected", ["stdin", "stdout"])
def test_a_redirected_stream_is_no_terminal(tmp_path: Path, redirected: str) -> None:
    ours, theirs = pty.openpty()
    streams = {"stdin": theirs, "stdout": theirs, "stderr": subprocess.PIPE, redirected: subprocess.DEVNULL}
    done = subprocess.run(
        command("--kubeconfig", tmp_path / "config"), **streams, env=environment(), timeout=60, check=False,
    )  # type: ignore[call-overload] # fmt: skip
    os.close(theirs)
    os.close(ours)
    assert done.returncode == 2
    assert b"needs a terminal" in done.stderr
