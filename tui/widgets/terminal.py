"""Whether the terminal that the dashboard was started in is still there.

A window that is closed hangs up on the process it started. Where that is a launcher (`uv run`, a shell script), the
dashboard below it may never hear of it, and would go on reading from a terminal that nobody will ever type in.
"""

from __future__ import annotations

import sys
from typing import Final

LOOK: Final = 2.0
"""Seconds between two looks; each is one system call."""

HANGUP: Final = 129
"""The exit code of what was hung up on: 128 and SIGHUP."""


def is_there() -> bool:
    """False too where there never was one."""
    stdin = sys.__stdin__
    return stdin is not None and not stdin.closed and stdin.isatty()
