"""A program on a terminal of its own, measured until something stands on it: how long one looks at nothing."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Final

from tests.bench.measuring import Cost, Side

SIZE: Final = (35, 120)
"""Lines and columns."""

_SEQUENCE: Final = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[()][A-Z0-9]|[=>PX^_])")
_AT_MOST: Final = 60.0


def until_seen(words: Sequence[str], environ: Mapping[str, str], shown: str) -> Side:
    """From the start of a program until what it drew matches `shown` (a regular expression); then it is ended.

    The CPU is that of all its threads until then. Raises where it ends before, or does not in a minute.
    """
    wanted = re.compile(shown)

    def run() -> Cost:
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", *SIZE, 0, 0))
        begun = time.perf_counter()
        process = subprocess.Popen(
            words, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
            env={**environ, "TERM": "xterm-256color", "COLORTERM": "truecolor"},
        )  # fmt: skip
        os.close(theirs)
        drawn = ""
        try:
            while not wanted.search(_SEQUENCE.sub("", drawn)):
                left = begun + _AT_MOST - time.perf_counter()
                if left <= 0 or not select.select([ours], [], [], left)[0]:
                    raise RuntimeError(f"{words} did not show {shown!r}: {_SEQUENCE.sub('', drawn)[-500:]}")
                try:
                    drawn += os.read(ours, 1 << 20).decode(errors="replace")
                except OSError:
                    raise RuntimeError(f"{words} ended: {_SEQUENCE.sub('', drawn)[-500:]}") from None
            # The clock of a process is named by its number (Linux: see clock_getcpuclockid(3)).
            return Cost(time.perf_counter() - begun, time.clock_gettime(((~process.pid) << 3) | 2))
        finally:
            _end(process, ours)

    return run


def _end(process: subprocess.Popen[bytes], ours: int) -> None:
    """As a user would, so that nothing stays behind; what it draws meanwhile is read."""
    process.send_signal(signal.SIGTERM)
    end = time.monotonic() + 10
    while process.poll() is None and time.monotonic() < end:
        with suppress(OSError):
            if select.select([ours], [], [], 0.05)[0]:
                os.read(ours, 1 << 20)
    process.kill()
    process.wait()
    os.close(ours)
