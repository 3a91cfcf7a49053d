"""The end of the terminal that the dashboard was started in, and the signals that end the dashboard.

A window that is closed hangs up on the process it started. Where that is a launcher (`uv run`, a shell script), the
dashboard below it may never hear of it, and would go on reading from a terminal that nobody will ever type in.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import Final

LOOK: Final = 2.0
"""Seconds between two looks; each is one system call."""

HANGUP: Final = 128 + signal.SIGHUP
"""The exit code of what was hung up on."""

LAST_RESORT: Final = 30.0
"""Seconds after which a dashboard without a terminal ends whatever holds it: what is drawn for a terminal that is gone
can wait for ever."""


def is_there() -> bool:
    """False too where there never was one."""
    stdin = sys.__stdin__
    return stdin is not None and not stdin.closed and stdin.isatty()


def on_signals(leave: Callable[[int], object]) -> None:
    """SIGTERM and SIGHUP leave as a key does, with their exit code. For the main thread's running loop.

    Left alone they would end Python below Textual, whose threads then keep the process and the terminal as they are.
    """
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            loop.add_signal_handler(number, leave, 128 + number)


def end_at_last(code: int) -> None:
    """Ends the process after a while, if nothing else did."""
    timer = threading.Timer(LAST_RESORT, os._exit, (code,))
    timer.daemon = True
    timer.start()
