"""Opening the dashboard, over real clusters or over an embedded fleet: both are begun behind its first frame."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tui.issuance import StateError, UsageError, default_folder

from .options import configured

if TYPE_CHECKING:
    from tui.app import KubemintApp
    from tui.demo.running import FleetThread
    from tui.fleet.fleet import Fleet
    from tui.issuance import StateStore
    from tui.screens.starting import Starting
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
    return _run(_Opening(options.kubeconfig, context, settings, _Demo() if options.demo else None), begin)


class _Demo:
    """The embedded fleet: begun behind the first frame, ended with the dashboard."""

    def __init__(self) -> None:
        self._thread: FleetThread | None = None

    def start(self, starting: Starting) -> Path:
        """The folder with its kubeconfig, once every server is up. Raises StateError where one cannot begin."""
        from tui.demo.running import FleetThread

        def progress(up: int, servers: int) -> None:
            starting.say(f"starting {servers} servers … {up} up")

        thread = self._thread = FleetThread(unattended=True, progress=progress)
        starting.when_left(thread.give_up)
        try:
            thread.start()
        except OSError as error:
            why = (error.strerror or str(error)).lower()
            hint = "its servers need a few free ports of 127.0.0.1, and a temporary folder that can be written to"
            raise StateError(f"the embedded fleet did not start: {why}", hint) from error
        return thread.kubeconfig.parent

    def stop(self) -> None:
        if self._thread is not None:
            self._thread.stop()


class _Opening:
    """How the fleet is opened, in a thread behind the first frame, and what is closed in the end."""

    def __init__(self, kubeconfig: str | None, context: str | None, settings: Loaded, demo: _Demo | None) -> None:
        self.kubeconfig, self._context, self.settings = kubeconfig, context, settings
        self.demo = demo
        self._state: StateStore | None = None

    def open(self, app: KubemintApp, starting: Starting) -> Fleet:
        """Raises what keeps it from opening."""
        if self.demo is None:
            return self._fleet(app, self.kubeconfig, None)
        from tui.actions.lines import kubeconfig_options

        folder = self.demo.start(starting)
        kubeconfig = str(folder / "kubeconfig")
        app.export_folder = folder / "exports"
        app.command_options = kubeconfig_options(kubeconfig, os.environ)
        return self._fleet(app, kubeconfig, folder / "state")

    def _fleet(self, app: KubemintApp, kubeconfig: str | None, folder: Path | None) -> Fleet:
        from tui.fleet import known_names
        from tui.fleet.fleet import Fleet
        from tui.issuance import Gate, GraceWish, StateStore
        from tui.kube.kubeconfig import in_cluster, load

        config = load(kubeconfig)
        inside = in_cluster() if not config.contexts and not kubeconfig else None
        state = self._state = StateStore.open(folder)
        settings = self.settings
        fleet = Fleet(
            config,
            state=state,
            only=[self._context] if self._context else None,
            read_only=bool(settings.why_all_read_only()),
            grace=GraceWish(settings.settings.grace, kubelet=settings.settings.kubelet_sync),
            reload=lambda: load(kubeconfig),
            endpoints=() if inside is None else (inside,),
            guard=app.session.why_read_only,
            gate=Gate(lambda: app.session.loaded.trusts(), state.trusted_place),
        )
        if self.demo is None:
            known_names.keep_on(fleet.store)
        return fleet

    def close(self, app: KubemintApp) -> None:
        from tui.fleet import known_names

        if self.demo is None and app.session.fleet is not None:
            known_names.keep(app.session.fleet.store)
        if self._state is not None:
            self._state.close()
        if self.demo is not None:
            self.demo.stop()


def _run(opening: _Opening, begin: str) -> int:
    """Show the dashboard until the user leaves it; gives the exit code. Raises what kept it from opening."""
    from tui.actions.lines import kubeconfig_options
    from tui.app import KubemintApp
    from tui.screens.shell.memory import FILE as MEMORY

    embedded = opening.demo is not None
    app = KubemintApp(
        opener=lambda starting: opening.open(app, starting),
        embedded=embedded,
        settings=opening.settings,
        memory=None if embedded else default_folder() / MEMORY,  # the embedded fleet's state ends with it
        begin=begin,
        command_options=() if embedded else kubeconfig_options(opening.kubeconfig, os.environ),
    )
    try:
        code = app.run()
    finally:
        opening.close(app)
    if app.failure is not None:
        raise app.failure
    return app.return_code or code or 0
