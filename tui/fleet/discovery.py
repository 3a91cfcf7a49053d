"""Where clusters come from: the contexts of a kubeconfig, and the clusters that a cluster itself knows of.

What other objects lead to become clusters of the fleet called `HOST/NAMESPACE/NAME`, entered with what was delivered
where the gate lets them in.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from tui.issuance import Delivered, Gate, UsageError
from tui.kube.endpoint import Endpoint
from tui.kube.errors import ConfigError
from tui.kube.kubeconfig import KubeConfig

from .cluster_tasks import Source
from .rows import DeliveredFacts


def context_source(config: Callable[[], KubeConfig], context: str) -> Source:
    """A context of the kubeconfig that `config` gives at that time."""

    async def resolve() -> Endpoint:
        return await asyncio.to_thread(config().endpoint, context)  # it reads the files that the context names

    return Source(context, "kubeconfig", resolve)


def fixed_source(endpoint: Endpoint, label: str) -> Source:
    """An endpoint that never changes (in-cluster)."""

    async def resolve() -> Endpoint:
        return endpoint

    return Source(endpoint.name, label, resolve)


Look = Callable[[], Awaitable[Delivered]]
"""Reads anew what a host delivers about a cluster; it is not entered by that. Raises KubeError with what is missing."""


def delivered_source(name: str, look: Look, gate: Gate, delivered: DeliveredFacts) -> Source:
    """A cluster that another one delivers. What leads to it is read anew on each connect: it is renewed."""

    async def resolve() -> Endpoint:
        try:
            return await gate.admit(await look())
        except UsageError as error:  # it went just now
            raise ConfigError(error.message, cluster=name, hint=error.hint) from None

    return Source(name, delivered.by.kind.value, resolve)
