"""The end of the terminal that the dashboard was started in, and the signals that end the dashboard.

A window that is closed hangs up on the process it started. Where that is a launcher (`uv run`, a shell script), the
dashboard below it may never hear of it, and would go on reading from a terminal that is gone.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from contextvars import copy_context
from typing import Final

LOOK: Final = 2.0
"""Seconds between two looks; each is one system call."""

HANGUP: Final = 128 + signal.SIGHUP
"""The exit code of what was hung up on."""

LAST_RESORT: Final = 12.0
"""Seconds after which a dashboard that was told to end does so whatever holds it: what is drawn for a terminal that is
gone, or that takes nothing any more, can wait for ever. Closing has its own, shorter ends."""


def is_there() -> bool:
    """False too where there never was one."""
    stdin = sys.__stdin__
    return stdin is not None and not stdin.closed and stdin.isatty()


def has_shell() -> bool:
    """Whether a shell waits behind the dashboard, that could let it go on after a stop.

    One that has jobs gives each a process group of its own. What a window was opened for is its session's first group,
    and what is stopped there stays so.
    """
    return is_there() and os.getpgrp() != os.getsid(0)


def on_signals(leave: Callable[[int], object]) -> None:
    """SIGTERM and SIGHUP leave as a key does, with their exit code. For the main thread's running loop.

    Left alone they would end Python below Textual, whose threads then keep the process and the terminal as they are.
    Where the loop does not come to it, a thread that waits for that ends the process: a handler begins none itself,
    for it may run in the middle of anything.
    """
    loop, context = asyncio.get_running_loop(), copy_context()
    told, tell = os.pipe()
    threading.Thread(target=_end_at_last, args=(told,), daemon=True, name="last-resort").start()

    def handle(number: int, _frame: object) -> None:
        os.write(tell, bytes((128 + number,)))
        with suppress(RuntimeError):  # the dashboard has ended
            loop.call_soon_threadsafe(leave, 128 + number, context=context)

    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, handle)


def end_at_last(code: int) -> None:
    """Ends the process after a while, if nothing else did."""
    timer = threading.Timer(LAST_RESORT, os._exit, (code,))
    timer.daemon = True
    timer.start()


def _end_at_last(told: int) -> None:
    """Waits for the exit code that a signal means, and then for the process to end by itself."""
    code = os.read(told, 1)
    time.sleep(LAST_RESORT)
    os._exit(code[0])
