"""Opening the dashboard, over real clusters or over an embedded fleet that runs in a thread of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui.issuance.errors import UsageError

if TYPE_CHECKING:
    from .options import Options


def open_dashboard(options: Options, theme: str | None) -> int:
    """Runs it until the operator leaves; gives the exit code."""
    import sys

    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError(
            "the dashboard needs a terminal", "without one use a command, such as `kubemint list credentials`"
        )
    raise NotImplementedError
