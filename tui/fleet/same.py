"""Which clusters of the fleet lead to the same server, and which of them shows what is in it.

Each stays a row of its own, with its own login, reach and rights. But what is in one server is listed once, and so
renewed once: a cluster that another one delivers leaves that to an earlier one of the same server, as long as that
answers and may list everything. What was asked for by name comes first, then contexts, then what was delivered.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from tui.kube.addresses import place
from tui.kube.endpoint import Endpoint

from .rows import ClusterRow, Reach


@dataclass(frozen=True, slots=True)
class Way:
    """One cluster: where it leads, and how it stands."""

    endpoint: Endpoint
    row: ClusterRow

    @property
    def shows_all(self) -> bool:
        """Whether it shows everything that is in it, or is about to."""
        return (self.row.answers or self.row.reach is Reach.CONNECTING) and not self.row.missing


def compare(ways: Mapping[str, Way], named: Collection[str] = ()) -> dict[str, tuple[tuple[str, ...], str]]:
    """Of each cluster which others lead to the same server, and which of those shows what is in it (empty: itself)."""
    ordered = sorted(ways, key=lambda name: (name not in named, ways[name].row.delivered is not None, name))
    groups: dict[tuple[object, ...], list[str]] = {}
    for name in ordered:
        groups.setdefault(_server(ways[name].endpoint), []).append(name)
    found = {}
    for group in groups.values():
        carrier = next((number for number, name in enumerate(group) if ways[name].shows_all), len(group))
        for number, name in enumerate(group):
            carried = number > carrier and ways[name].row.delivered is not None
            found[name] = (tuple(other for other in group if other != name), group[carrier] if carried else "")
    return found


def echoes(row: ClusterRow, clusters: Mapping[str, ClusterRow]) -> bool:
    """Whether another way to the same server says already what is wrong with this one."""
    others = (clusters.get(name) for name in row.same)
    if row.delivered is None:
        return False
    alike = (other for other in others if other is not None and other.reach is row.reach)
    return any(other.delivered is None or min(other.name, row.name) == other.name for other in alike)


def ways(clusters: Mapping[str, ClusterRow], cluster: str) -> tuple[str, ...]:
    """What rows may call this cluster: its own name, and every other way to the same server."""
    row = clusters.get(cluster)
    return (cluster, *row.same) if row is not None else (cluster,)


def shown_by(clusters: Mapping[str, ClusterRow], cluster: str) -> str:
    """Of several ways to one server that by which what is in it is listed."""
    row = clusters.get(cluster)
    return (row.carried_by or cluster) if row is not None else cluster


def one_name(clusters: Mapping[str, ClusterRow], cluster: str) -> str:
    """One name for all that lead to the same server: which of them whoever wrote it down used says nothing."""
    return min(ways(clusters, shown_by(clusters, cluster)))


def _server(endpoint: Endpoint) -> tuple[object, ...]:
    """What two ways to the same server have in common: its address, however written, and whom it is trusted by."""
    authority = endpoint.ca and tuple(endpoint.ca.split()), endpoint.insecure, endpoint.tls_server_name
    try:
        return *place(endpoint.server), *authority
    except ValueError:  # no address at all
        return endpoint.name, *authority
