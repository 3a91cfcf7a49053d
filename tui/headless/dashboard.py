"""Opening the dashboard, over real clusters or over an embedded fleet that runs in a thread of its own."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tui.issuance import UsageError

from .options import configured

if TYPE_CHECKING:
    from tui.fleet.fleet import Fleet
    from tui.issuance import StateStore
    from tui.settings import Loaded

    from .options import Options


def open_dashboard(options: Options, theme: str | None, begin: str = "") -> int:
    """Runs it until the operator leaves; gives the exit code. `begin` is what it opens on, as typed after `:`."""
    if not all(stream.isatty() for stream in (sys.stdin, sys.stdout)):
        raise UsageError(
            "the dashboard needs a terminal", "without one use a command, such as `kubemint list credentials`"
        )
    if len(options.contexts) > 1:
        raise click.UsageError("the dashboard takes one --context, or none for every context")
    if begin:
        from tui.screens.shell.commands import opening

        opening(begin)
    settings = configured(options).with_flags(theme=theme)
    context = options.contexts[0] if options.contexts else None
    if not options.demo:
        return _run(settings, options.kubeconfig, context, begin=begin)
    from tui.demo.running import run_in_thread

    with run_in_thread(unattended=True) as thread:
        state = thread.kubeconfig.parent / "state"
        return _run(settings, str(thread.kubeconfig), context, begin=begin, demo=True, folder=state)


def _run(
    settings: Loaded,
    kubeconfig: str | None,
    context: str | None,
    *,
    begin: str = "",
    demo: bool = False,
    folder: Path | None = None,
) -> int:
    """Show the dashboard until the user leaves it; gives the exit code. Raises what kept it from opening. `folder` is
    where the state lies (default: the user's)."""
    from tui.actions.lines import kubeconfig_options
    from tui.app import KubemintApp
    from tui.fleet import known_names
    from tui.issuance import default_folder
    from tui.screens.shell.memory import FILE as MEMORY

    state: list[StateStore] = []

    def opener() -> Fleet:
        from tui.fleet.fleet import Fleet
        from tui.issuance import Gate, GraceWish, StateStore
        from tui.kube.kubeconfig import in_cluster, load

        config = load(kubeconfig)
        inside = in_cluster() if not config.contexts and not kubeconfig else None
        state.append(StateStore.open(folder))
        fleet = Fleet(
            config,
            state=state[0],
            only=[context] if context else None,
            read_only=bool(settings.why_all_read_only()),
            grace=GraceWish(settings.settings.grace, kubelet=settings.settings.kubelet_sync),
            reload=lambda: load(kubeconfig),
            endpoints=() if inside is None else (inside,),
            guard=app.session.why_read_only,
            gate=Gate(lambda: app.session.loaded.trusts(), state[0].trusted_place),
        )
        if not demo:
            known_names.keep_on(fleet.store)
        return fleet

    app = KubemintApp(
        opener=opener,
        embedded=demo,
        settings=settings,
        export_folder=folder.parent / "exports" if demo and folder is not None else None,
        memory=(folder or default_folder()) / MEMORY,
        begin=begin,
        command_options=kubeconfig_options(kubeconfig, os.environ),
    )
    try:
        code = app.run()
    finally:
        if not demo and app.session.fleet is not None:
            known_names.keep(app.session.fleet.store)
        for store in state:
            store.close()
    if app.failure is not None:
        raise app.failure
    return app.return_code or code or 0
