"""The clusters that were found in others: what is known of each, and how the fleet comes to follow it.

A DPUCluster and a Secret that Cluster API labelled come, change and go; whoever has the connections is told which
cluster to follow, to leave, and to enter anew. Each is called `HOST/NAMESPACE/NAME`, on every start alike and whatever
else leads to the same server. Where both lead to one of that name, the DPUCluster counts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from typing import NamedTuple

from tui.issuance import Delivered, DeliveredBy, SourceKind, UsageError, capi, target_name
from tui.kube import limits
from tui.kube.client import Client
from tui.kube.text import safe_text

from .decode import ClusterSecret, DPUCluster
from .discovery import Look, look_at_dpu_cluster
from .rows import DeliveredFacts


class Tenant(NamedTuple):
    """A cluster that was found in a management cluster."""

    host: str
    namespace: str
    name: str
    of_cluster_api: bool
    """Whether Cluster API made it; otherwise it is a DPUCluster."""

    @property
    def cluster(self) -> str:
        """What the fleet calls it."""
        return f"{self.host}/{self.namespace}/{self.name}"


class FoundClusters:
    """Every cluster that was found in another one; iterating gives their names.

    `client` gives the client of a host. `follow` is told of one that came and how to look at what leads to it, `leave`
    of one that went, `again` of one whose way in changed, and `about` of what is said of one. `crowded` is told of a
    host that delivers more than are followed.
    """

    def __init__(
        self,
        client: Callable[[str], Awaitable[Client]],
        *,
        follow: Callable[[str, Look, DeliveredFacts], None],
        leave: Callable[[str], None],
        again: Callable[[str], None],
        about: Callable[[str, DeliveredFacts], None],
        crowded: Callable[[str], None] = lambda host: None,
    ) -> None:
        self._client = client
        self._follow = follow
        self._leave = leave
        self._again = again
        self._about = about
        self._crowded = crowded
        self._delivers: Counter[str] = Counter()
        """How many clusters each host delivers, of those that are followed."""
        self._dpu: dict[str, DPUCluster] = {}
        self._labelled: dict[str, str] = {}
        """The resourceVersion of the Secret that each cluster of Cluster API is known by."""

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._dpu.keys() | self._labelled.keys()))

    def tenants(self) -> list[Tenant]:
        """Every one of them."""
        return [Tenant(*_split(name), of_cluster_api=name in self._labelled) for name in self]

    async def look(self, name: str) -> Delivered:
        """What is delivered about one of them now; nobody enters it by that. Raises UsageError, KubeError."""
        known = name in self._dpu or name in self._labelled
        facts = self._facts(name) if known else None
        if facts is None:
            raise UsageError(f"{name} is no cluster that another one delivers")
        by = facts.by
        client = await self._client(by.host)
        if by.kind is SourceKind.DPU_CLUSTER:
            return await look_at_dpu_cluster(client, by.host, by.namespace, by.name, self._dpu[name].spec.kubeconfig)
        return await capi.find(client, by.host, by.namespace, by.name)

    def dpu_cluster(self, host: str, key: str, found: DPUCluster | None) -> None:
        """A DPUCluster in `host` came, changed or went."""
        namespace, _, short = key.partition("/")
        name = target_name(host, namespace, short)
        before, known = self._dpu.get(name), self._facts(name)
        if found is not None and known is None and not self._room(host):
            return
        if found is None:
            self._dpu.pop(name, None)
        else:
            self._dpu[name] = found
        moved = before is None or found is None or before.spec.kubeconfig != found.spec.kubeconfig
        self._changed(name, known, moved=moved)

    def cluster_secret(self, host: str, key: str, found: ClusterSecret | None) -> None:
        """A Secret that Cluster API labelled came, changed or went in `host`; its siblings are not clusters."""
        namespace, _, secret = key.partition("/")
        short = secret.removesuffix(capi.secret_name(""))
        if secret != capi.secret_name(short):
            return
        name = capi.cluster_name(host, namespace, short)
        before, known = self._labelled.get(name), self._facts(name)
        if found is not None and known is None and not self._room(host):
            return
        if found is None or capi.cluster_of(secret, found.metadata.labels) is None:
            self._labelled.pop(name, None)
        else:
            self._labelled[name] = found.metadata.resource_version
        self._changed(name, known, moved=name not in self._dpu and before != self._labelled.get(name))

    def _room(self, host: str) -> bool:
        """Whether one more cluster of this host is followed: whoever may label Secrets makes them by the thousand."""
        if self._delivers[host] < limits.CLUSTERS_DELIVERED:
            return True
        self._crowded(host)
        return False

    def _facts(self, name: str) -> DeliveredFacts | None:
        """Who delivers it and what is said of it, None where nobody does."""
        host, namespace, short = _split(name)
        dpu = self._dpu.get(name)
        if dpu is not None:
            says = next((one.message or one.reason for one in dpu.status.conditions or () if one.type == "Ready"), "")
            by = DeliveredBy(SourceKind.DPU_CLUSTER, host, namespace, short)
            return DeliveredFacts(by=by, phase=safe_text(dpu.status.phase, 40), says=safe_text(says))
        if name in self._labelled:
            return DeliveredFacts(by=DeliveredBy(SourceKind.CLUSTER_API, host, namespace, short))
        return None

    def _changed(self, name: str, before: DeliveredFacts | None, *, moved: bool) -> None:
        facts = self._facts(name)
        if facts is None:
            if before is not None:
                self._delivers[_split(name)[0]] -= 1
                self._leave(name)
        elif before is None:
            self._delivers[_split(name)[0]] += 1
            self._follow(name, lambda: self.look(name), facts)
        else:
            if facts != before:
                self._about(name, facts)
            if moved:
                self._again(name)


def _split(name: str) -> tuple[str, str, str]:
    host, namespace, short = name.rsplit("/", 2)
    return host, namespace, short
