"""Opening the dashboard, over real clusters or over an embedded fleet that runs in a thread of its own."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from tui.issuance.errors import UsageError

if TYPE_CHECKING:
    from .options import Options


def open_dashboard(options: Options, theme: str | None) -> int:
    """Runs it until the operator leaves; gives the exit code."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError(
            "the dashboard needs a terminal", "without one use a command, such as `kubemint list credentials`"
        )
    if len(options.contexts) > 1:
        raise click.UsageError("the dashboard takes one --context, or none for every context")
    from tui.app import run

    context = options.contexts[0] if options.contexts else None
    if not options.demo:
        return run(
            kubeconfig=options.kubeconfig,
            context=context,
            demo=False,
            read_only=options.read_only,
            theme=theme,
            state_folder=None,
        )
    from tui.demo.running import run_in_thread

    with run_in_thread() as thread:
        return run(
            kubeconfig=str(thread.kubeconfig),
            context=context,
            demo=True,
            read_only=options.read_only,
            theme=theme,
            state_folder=thread.kubeconfig.parent / "state",
        )
