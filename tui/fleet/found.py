"""The clusters that were found in others: what is known of each, and how the fleet comes to follow it.

Objects that lead to clusters come, change and go; whoever has the connections is told which
cluster to follow, to leave, and to enter anew. Each is called `HOST/NAMESPACE/NAME`, on every start alike and whatever
else leads to the same server. Where several lead to one of that name, one counts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping
from typing import Any, NamedTuple

from tui.issuance import ClusterSource, Delivered, DeliveredBy, SourceKind, UsageError, cluster_sources
from tui.kube import limits
from tui.kube.client import Client
from tui.kube.text import safe_text

from .decode import labels_of
from .discovery import Look
from .rows import DeliveredFacts


class Tenant(NamedTuple):
    """A cluster that was found in a management cluster."""

    host: str
    namespace: str
    name: str
    kinds: Collection[SourceKind]
    """What leads to it."""

    @property
    def of_cluster_api(self) -> bool:
        """Whether Cluster API made it."""
        return SourceKind.CLUSTER_API in self.kinds

    @property
    def cluster(self) -> str:
        """What the fleet calls it."""
        return f"{self.host}/{self.namespace}/{self.name}"


class _Known(NamedTuple):
    """What an object that leads to a cluster said last."""

    way: str
    labels: dict[str, str]
    phase: str
    says: str


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
        self._sources = cluster_sources()
        self._known: dict[str, dict[int, _Known]] = {}
        """What leads to each, by the place of its source in the order in which they count."""

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._known))

    def tenants(self) -> list[Tenant]:
        """Every one of them."""
        return [
            Tenant(*_split(name), kinds=frozenset(self._sources[number].kind for number in self._known[name]))
            for name in self
        ]

    async def look(self, name: str) -> Delivered:
        """What is delivered about one of them now; it is not entered by that. Raises UsageError, KubeError."""
        if name not in self._known:
            raise UsageError(f"{name} is no cluster that another one delivers")
        number, known = min(self._known[name].items())
        host, namespace, short = _split(name)
        return await self._sources[number].find(await self._client(host), host, namespace, short, known.way)

    def seen(self, host: str, source: ClusterSource, key: str, found: Any | None) -> None:
        """An object that leads to a cluster came, changed or went in `host`."""
        namespace, _, called = key.partition("/")
        short = source.called(called, None)
        if short is None:
            return
        name, number = f"{host}/{namespace}/{short}", self._sources.index(source)
        ways = self._known.get(name, {})
        before, led = self._facts(name), _leading(ways)
        if found is not None and before is None and not self._room(host):
            return
        if found is None or source.called(called, found) is None:
            ways.pop(number, None)
        else:
            ways = self._known.setdefault(name, ways)
            ways[number] = _Known(source.way(found), labels_of(found), *source.says(found))
        if not ways:
            self._known.pop(name, None)
        self._changed(name, before, moved=led != _leading(ways))

    def _room(self, host: str) -> bool:
        """Whether one more cluster of this host is followed: whoever may label Secrets makes them by the thousand."""
        if self._delivers[host] < limits.CLUSTERS_DELIVERED:
            return True
        self._crowded(host)
        return False

    def _facts(self, name: str) -> DeliveredFacts | None:
        """Who delivers it and what is said of it, None where it is not delivered."""
        if name not in self._known:
            return None
        number, known = min(self._known[name].items())
        by = DeliveredBy(self._sources[number].kind, *_split(name))
        return DeliveredFacts(by=by, phase=safe_text(known.phase, 40), says=safe_text(known.says), labels=known.labels)

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


def _leading(ways: Mapping[int, _Known]) -> tuple[int, str] | None:
    """By which object one goes in, and what is another where that way changed."""
    return min(((number, known.way) for number, known in ways.items()), default=None)


def _split(name: str) -> tuple[str, str, str]:
    host, namespace, short = name.rsplit("/", 2)
    return host, namespace, short
