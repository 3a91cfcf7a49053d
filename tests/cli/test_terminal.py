"""The dashboard in a terminal of its own: a pseudo-terminal that is taken away."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import time
from pathlib import Path

from tests.cli.conftest import command, environment


def test_a_terminal_that_is_gone_ends_the_dashboard(tmp_path: Path) -> None:
    """As below a launcher that the closing of the window does not end: no signal ever comes."""
    config = tmp_path / "config"
    config.write_text("")
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        command("--kubeconfig", config),
        stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
        env={**environment(), "TERM": "xterm-256color"},
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),
    )  # fmt: skip
    os.close(theirs)
    try:
        shown, until = b"", time.monotonic() + 60
        while b"Overview" not in shown and time.monotonic() < until:
            if select.select([ours], [], [], 0.5)[0]:
                shown += os.read(ours, 65536)
        assert b"Overview" in shown
        os.close(ours)
        assert process.wait(timeout=60) == 129
    finally:
        process.kill()
        process.wait()


def test_a_redirected_stream_is_no_terminal(tmp_path: Path) -> None:
    """Textual draws on stderr: sent to a file, the screen would stay empty and the keys unread."""
    ours, theirs = pty.openpty()
    done = subprocess.run(
        command("--kubeconfig", tmp_path / "config"),
        stdin=theirs, stdout=theirs, stderr=subprocess.PIPE, env=environment(), timeout=60, check=False,
    )  # fmt: skip
    os.close(theirs)
    os.close(ours)
    assert done.returncode == 2
    assert b"needs a terminal" in done.stderr
