"""How the core reaches clusters by name, and the ready-made way for scripts: every context of a kubeconfig."""

from __future__ import annotations

import asyncio
import difflib
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self, runtime_checkable

from tui.issuance.errors import UsageError
from tui.kube.endpoint import Endpoint

if TYPE_CHECKING:
    from tui.kube.client import Client, Timeouts
    from tui.kube.kubeconfig import KubeConfig


Guard = Callable[[str], str]
"""Why nothing may be changed in the cluster of this name (with none: on this machine); empty where it may."""


def unguarded(cluster: str) -> str:
    """Everything may be changed."""
    return ""


@runtime_checkable
class Clusters(Protocol):
    """What the engine asks of whoever knows the clusters: the fleet, the command line, a script."""

    async def client(self, name: str) -> Client:
        """The one client for this cluster; its owner closes it. An unknown name is an error that names the known."""
        ...

    def endpoint(self, name: str) -> Endpoint:
        """Where the cluster is and how to enter it. Raises like `client`."""
        ...

    def names(self) -> Sequence[str]:
        """Every cluster that can be asked for."""
        ...


class KubeconfigClusters:
    """Every context of a kubeconfig, reached when first asked for. Use it as an async context manager.

    `config` is what `tui.kube.kubeconfig.load` returned, the path of a kubeconfig, or None for the files kubectl
    would read (`KUBECONFIG`, then `~/.kube/config`).
    """

    def __init__(
        self,
        config: KubeConfig | str | None = None,
        *,
        timeouts: Timeouts | None = None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        from tui.kube.kubeconfig import load

        self._config = load(config) if config is None or isinstance(config, str) else config
        self._timeouts = timeouts
        self._wall = wall
        self._clients: dict[str, Client] = {}

    @property
    def current(self) -> str:
        """The current-context, empty where the kubeconfig names none."""
        return self._config.current_context

    def names(self) -> Sequence[str]:
        return tuple(self._config.contexts)

    def endpoint(self, name: str) -> Endpoint:
        known = self.names()
        if name not in known:
            raise unknown_cluster(name, known)
        return self._config.endpoint(name)

    async def client(self, name: str) -> Client:
        from tui.kube.client import Client, Timeouts

        client = self._clients.get(name)
        if client is None:
            client = Client(self.endpoint(name), timeouts=self._timeouts or Timeouts(), wall=self._wall)
            self._clients[name] = client
        return client

    def clocks(self) -> dict[str, str]:
        """Of every cluster that was asked and whose time is not believed: what is to be said about it."""
        return {name: client.clock for name, client in self._clients.items() if client.clock}

    async def aclose(self) -> None:
        """Close every client that was opened."""
        clients, self._clients = list(self._clients.values()), {}
        await asyncio.gather(*(client.close() for client in clients))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


def unknown_cluster(name: str, known: Sequence[str]) -> UsageError:
    """The error for an unknown cluster: a near name first, else the names that exist."""
    near = difflib.get_close_matches(name, known, n=1)
    if near:
        return UsageError(f"no cluster is called {name!r}", f"did you mean {near[0]!r}?")
    shown = ", ".join(known[:8]) + (f" and {len(known) - 8} more" if len(known) > 8 else "")
    return UsageError(f"no cluster is called {name!r}", f"known: {shown}" if known else "the kubeconfig has no context")
