"""Credential plugins (`users[].user.exec`), run so that they cannot touch the screen or hang the program.

A plugin gets no standard input and no terminal; its output is read, bounded and kept until it expires, and a plugin
that takes too long is killed together with everything it started. What it prints is material: it goes into
`Sensitive` at once, and no error ever quotes standard output.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from weakref import WeakKeyDictionary

from .endpoint import Endpoint, ExecPlugin
from .errors import ExecPluginError
from .exec_credential import ExecCredential, exec_info, read_credential
from .exec_process import run
from .shell import command

__all__ = ["PLUGINS", "ExecCredential", "Plugins"]

API_VERSIONS: Final = ("client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1")
FRESH_SECONDS: Final = 10.0
"""A credential refused this soon after it was made is not made again: the plugin would only repeat itself."""


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
        self._locks: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Hashable, asyncio.Lock]] = WeakKeyDictionary()

    async def credential(self, endpoint: Endpoint, plugin: ExecPlugin, timeout: float) -> ExecCredential:  # noqa: ASYNC109
        """The credential to use now. Raises ExecPluginError or NeedsLogin."""
        info = exec_info(endpoint, plugin)
        key = _key(plugin, info)
        async with self._lock(key):
            kept = self._kept.get(key)
            if kept is not None and not kept.credential.expired(self._clock()):
                return kept.credential
            _check(endpoint, plugin)
            output = await run(plugin, info, timeout, cluster=endpoint.name)
            credential = read_credential(output, plugin, endpoint.name)
            self._kept[key] = _Kept(credential, self._monotonic())
            return credential

    def forget(self, endpoint: Endpoint, plugin: ExecPlugin, refused: Callable[[ExecCredential], bool]) -> None:
        """After a 401: the next request runs the plugin again, unless someone just did."""
        key = _key(plugin, exec_info(endpoint, plugin))
        kept = self._kept.get(key)
        if kept is not None and refused(kept.credential) and self._monotonic() - kept.made_at >= FRESH_SECONDS:
            del self._kept[key]

    def _lock(self, key: Hashable) -> asyncio.Lock:
        locks = self._locks.setdefault(asyncio.get_running_loop(), {})
        return locks.setdefault(key, asyncio.Lock())


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
    elif mode == "Always":
        problem = "exec plugin cannot support interactive mode: standard input is not a terminal"
        hint = f"log in from a terminal: {command('kubectl', '--context', endpoint.name, 'version')}"
    if problem:
        raise ExecPluginError(problem, cluster=endpoint.name, hint=hint)
