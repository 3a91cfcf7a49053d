"""Credential plugins (`users[].user.exec`), run so that they cannot touch the screen or hang the program.

A plugin gets no standard input and no terminal, unless a command has one to give (`terminals`); its output is read,
bounded and kept until it expires, and a plugin that takes too long is killed together with everything it started. What
it prints is material: it goes into `Sensitive` at once, and no error ever quotes standard output.

At most two run at once, whatever the number of clusters, and one where it may ask a person: each may open a browser, or
ask the same identity provider. The rest wait, and `says` tells so.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from weakref import WeakKeyDictionary

from . import terminals
from .endpoint import Endpoint, ExecPlugin
from .errors import ExecPluginError
from .exec_credential import ExecCredential, exec_info, read_credential
from .exec_process import run
from .shell import command

__all__ = ["PLUGINS", "ExecCredential", "Plugins"]

API_VERSIONS: Final = ("client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1")
FRESH_SECONDS: Final = 10.0
"""A credential refused this soon after it was made is not made again: the plugin would only repeat itself."""
AT_ONCE: Final = 2
"""Plugins that run at the same time."""
PATIENCE: Final = 120.0
"""Seconds that a plugin with a terminal has: a person answers it."""
_WAITS: Final = f"waits for its turn to log in: {AT_ONCE} credential plugins run at a time"


@dataclass(slots=True)
class _Kept:
    credential: ExecCredential
    made_at: float


class Plugins:
    """Runs plugins and keeps their credentials, shared by all clients: one login serves every context that uses it."""

    def __init__(
        self,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock, self._monotonic = clock, monotonic
        self._kept: dict[Hashable, _Kept] = {}
        self._turns: WeakKeyDictionary[asyncio.AbstractEventLoop, _Turns] = WeakKeyDictionary()
        self._doing: dict[Hashable, str] = {}

    async def credential(self, endpoint: Endpoint, plugin: ExecPlugin, timeout: float) -> ExecCredential:  # noqa: ASYNC109
        """The credential to use now. Raises ExecPluginError or NeedsLogin."""
        interactive = terminals.interactive(plugin)
        info = exec_info(endpoint, plugin, interactive=interactive)
        key, turns = _key(plugin, info), self._turns.setdefault(asyncio.get_running_loop(), _Turns())
        async with turns.of(key):
            kept = self._kept.get(key)
            if kept is not None and not kept.credential.expired(self._clock()):
                return kept.credential
            _check(endpoint, plugin)
            self._doing[key] = _WAITS
            try:
                async with turns.terminal if interactive else turns.running:
                    self._doing[key] = f"its credential plugin runs: {plugin.command.rpartition(os.sep)[2]}"
                    limit = max(timeout, PATIENCE) if interactive else timeout
                    output = await run(plugin, info, limit, cluster=endpoint.name, interactive=interactive)
            finally:
                del self._doing[key]
            credential = read_credential(output, plugin, endpoint.name)
            self._kept[key] = _Kept(credential, self._monotonic())
            return credential

    def forget(self, endpoint: Endpoint, plugin: ExecPlugin, refused: Callable[[ExecCredential], bool]) -> None:
        """After a 401: the next request runs the plugin again, unless someone just did."""
        key = _key(plugin, exec_info(endpoint, plugin, interactive=terminals.interactive(plugin)))
        kept = self._kept.get(key)
        if kept is not None and refused(kept.credential) and self._monotonic() - kept.made_at >= FRESH_SECONDS:
            del self._kept[key]

    def says(self, endpoint: Endpoint) -> str:
        """What the login of `endpoint` is doing now, for its state; empty where nothing runs or waits for it."""
        plugin = endpoint.login.exec
        if plugin is None or not self._doing:
            return ""
        info = exec_info(endpoint, plugin, interactive=terminals.interactive(plugin))
        return self._doing.get(_key(plugin, info), "")


class _Turns:
    """Who may run now, of one event loop."""

    def __init__(self) -> None:
        self.running, self.terminal = asyncio.Semaphore(AT_ONCE), asyncio.Semaphore(1)
        self._locks: dict[Hashable, asyncio.Lock] = {}

    def of(self, key: Hashable) -> asyncio.Lock:
        """Those that use the same login wait for the one that makes it."""
        return self._locks.setdefault(key, asyncio.Lock())


PLUGINS: Final = Plugins()


def _key(plugin: ExecPlugin, info: str) -> Hashable:
    """What makes two logins the same one: the command and all it is told (`info` has the cluster where it is)."""
    return plugin.command, plugin.args, plugin.env, info


def _check(endpoint: Endpoint, plugin: ExecPlugin) -> None:
    """What kubectl refuses before it runs anything, and what a full-screen program has to."""
    problem, hint = "", ""
    mode = plugin.interactive_mode
    if plugin.api_version not in API_VERSIONS:
        problem = f'exec plugin: invalid apiVersion "{plugin.api_version}"'
        hint = f"use {API_VERSIONS[0]}"
    elif not mode and plugin.api_version == API_VERSIONS[0]:
        problem, hint = "exec plugin: interactiveMode must be given", "add interactiveMode: IfAvailable to the user"
    elif mode not in ("", "Never", "IfAvailable", "Always"):
        problem = f'exec plugin: unknown interactiveMode "{mode}"'
    elif mode == "Always" and not terminals.interactive(plugin):
        problem = "exec plugin cannot support interactive mode: standard input is not a terminal"
        hint = f"log in from a terminal: {command('kubectl', '--context', endpoint.name, 'version')}"
    if problem:
        raise ExecPluginError(problem, cluster=endpoint.name, hint=hint)
