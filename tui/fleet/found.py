"""The clusters that were found in others: what is known of each, and what the fleet calls it.

A DPUCluster and a Secret that Cluster API labelled come, change and go; whoever has the connections is told which
cluster to follow, to leave, and to enter anew. One that something else leads to already is an alias of that.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from typing import NamedTuple

from tui.issuance import capi
from tui.issuance.dpf.resources import target_name
from tui.kube.client import Client

from .cluster_tasks import Source
from .decode import ClusterSecret, DPUCluster
from .discovery import capi_source, dpu_cluster_source


class Tenant(NamedTuple):
    """A cluster that was found in a management cluster."""

    host: str
    namespace: str
    name: str
    known_as: str
    """What the fleet calls it: a context's name where one leads to it too."""
    of_cluster_api: bool
    """Whether Cluster API made it; otherwise it is a DPUCluster."""


class FoundClusters:
    """Every cluster that was found in another one, aliases too; iterating gives their names.

    `client` gives the client of a host. `follow` is told of one that came, `leave` of one that went, and `again` of one
    whose way in changed; the last two may name one that is not followed.
    """

    def __init__(
        self,
        client: Callable[[str], Awaitable[Client]],
        *,
        follow: Callable[[Source], None],
        leave: Callable[[str], None],
        again: Callable[[str], None],
    ) -> None:
        self._client = client
        self._follow = follow
        self._leave = leave
        self._again = again
        self._sources: dict[str, Source] = {}
        self._kubeconfigs: dict[str, str] = {}
        """The Secret that each DPUCluster names."""
        self._labelled: dict[str, str] = {}
        """The resourceVersion of the Secret that each cluster of Cluster API is known by."""
        self._aliases: dict[str, str] = {}
        """Clusters that something else leads to already: their names in the fleet, and what that is called."""

    def __iter__(self) -> Iterator[str]:
        return iter(self._sources)

    @property
    def aliases(self) -> tuple[str, ...]:
        """The names of those that something else leads to."""
        return tuple(self._aliases)

    def known_as(self, name: str) -> str:
        """What the fleet calls the cluster of that name."""
        return self._aliases.get(name, name)

    def alias(self, name: str, other: str) -> None:
        """`other` leads to the cluster `name` already."""
        self._aliases[name] = other

    def tenants(self) -> list[Tenant]:
        """Every one of them, whatever else leads to it."""
        tenants = []
        for name in self._sources:
            host, namespace, short = name.rsplit("/", 2)
            made = name in self._labelled
            tenants.append(Tenant(host, namespace, short, self.known_as(name), of_cluster_api=made))
        return sorted(tenants)

    def entered(self, source: Source) -> None:
        """Somebody enters a cluster that is only followed when that is asked for."""
        self._sources[source.name] = source

    def left(self, name: str) -> None:
        """Nobody wants to be in it any more."""
        self._sources.pop(name, None)

    def dpu_cluster(self, host: str, key: str, found: DPUCluster | None) -> None:
        """A DPUCluster in `host` came, changed or went."""
        namespace, _, short = key.partition("/")
        name = target_name(host, namespace, short)
        if found is None:
            if self._kubeconfigs.pop(name, None) is not None:
                self._lose(name)
            return
        before = self._kubeconfigs.get(name)
        self._kubeconfigs[name] = found.spec.kubeconfig
        if name not in self._sources:
            secret = partial(self._kubeconfigs.__getitem__, name)
            self._find(dpu_cluster_source(host, partial(self._client, host), namespace, short, secret))
        elif before != found.spec.kubeconfig:
            self._again(name)

    def cluster_secret(self, host: str, key: str, found: ClusterSecret | None) -> None:
        """A Secret that Cluster API labelled came, changed or went in `host`; its siblings are not clusters."""
        namespace, _, secret = key.partition("/")
        short = secret.removesuffix(capi.secret_name(""))
        name = capi.cluster_name(host, namespace, short)
        if found is None or capi.cluster_of(secret, found.metadata.labels) is None:
            if secret == capi.secret_name(short) and self._labelled.pop(name, None) is not None:
                self._lose(name)
            return
        before = self._labelled.get(name)
        if before is None and name in self._sources:
            return  # a DPUCluster of the same name
        self._labelled[name] = found.metadata.resource_version
        if before is None:
            self._find(capi_source(host, partial(self._client, host), namespace, short))
        elif before != found.metadata.resource_version:
            self._again(name)

    def _find(self, source: Source) -> None:
        self._sources[source.name] = source
        self._follow(source)

    def _lose(self, name: str) -> None:
        """It is no longer there; what was its alias stands for itself again."""
        self._sources.pop(name, None)
        self._aliases.pop(name, None)
        self._leave(name)
        for alias in [alias for alias, known in self._aliases.items() if known == name]:
            del self._aliases[alias]
            if alias in self._sources:
                self._follow(self._sources[alias])
