"""Opening the dashboard, over real clusters or over an embedded fleet that runs in a thread of its own."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from tui.issuance import UsageError

from .options import configured

if TYPE_CHECKING:
    from .options import Options


def open_dashboard(options: Options, theme: str | None) -> int:
    """Runs it until the operator leaves; gives the exit code."""
    if not all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr)):  # it is drawn on stderr
        raise UsageError(
            "the dashboard needs a terminal", "without one use a command, such as `kubemint list credentials`"
        )
    if len(options.contexts) > 1:
        raise click.UsageError("the dashboard takes one --context, or none for every context")
    from tui.app import run

    settings = configured(options).with_flags(theme=theme)
    context = options.contexts[0] if options.contexts else None
    if not options.demo:
        return run(
            settings=settings,
            kubeconfig=options.kubeconfig,
            context=context,
        )
    from tui.demo.running import run_in_thread

    with run_in_thread(unattended=True) as thread:
        return run(
            settings=settings,
            kubeconfig=str(thread.kubeconfig),
            context=context,
            demo=True,
            state_folder=thread.kubeconfig.parent / "state",
        )
