"""What the renewal loop is told about the fleet's rows."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, Protocol

import msgspec

from tui.issuance import Address, Watched

from .rows import ClusterRow, CredentialRow, Reach, Row
from .same import one_name

if TYPE_CHECKING:
    from .store import FleetStore

_CANNOT: Final = {
    Reach.NEEDS_LOGIN: "its cluster needs a login",
    Reach.UNREACHABLE: "its cluster does not answer",
    Reach.SERVER_ERROR: "its cluster answers with errors",
    Reach.THROTTLED: "its cluster asks to be asked less",
    Reach.LOGIN_PAGE: "a login page answers in place of its cluster",
    Reach.WRONG_ANSWER: "what answers in place of its cluster is no API server",
    Reach.TLS_FAILED: "its cluster's certificate is not accepted",
    Reach.UNUSABLE: "what is written about its cluster cannot be used",
    Reach.UNTRUSTED: "entering its cluster is not confirmed",
}


def why_not_asked(row: ClusterRow | None) -> str:
    """Why nothing can be renewed in a cluster; empty where it can, or it is not known yet."""
    return "" if row is None else _CANNOT.get(row.reach, "")


class Clocked(Protocol):
    """What knows how far the clock of a cluster is off, which clusters are one, and which file is of none here; the
    fleet does."""

    @property
    def store(self) -> FleetStore: ...

    def skew(self, cluster: str) -> float | None: ...

    def elsewhere(self, address: Address) -> str: ...


def watched(
    rows: Iterable[Row],
    fleet: Clocked,
    *,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    read_only: Callable[[str], bool] = lambda cluster: False,
    cannot: Callable[[str], str] = lambda cluster: "",
    undone: Collection[Address] = (),
) -> Iterator[Watched]:
    """Each credential by its cluster's clock; what is listed by several names of its cluster by each of them, the
    operator's own first.

    `read_only` says of which clusters nothing may be changed, `cannot` why one cannot be asked, `undone` whose last
    rotation someone took back.
    """
    clusters = fleet.store.clusters
    names = {name: one_name(clusters, name) for name in clusters}
    delivered = {name for name, row in clusters.items() if row.delivered is not None}

    def known_as(address: Address) -> Address:
        name = names.get(address.cluster, address.cluster)
        return msgspec.structs.replace(address, cluster=name) if name != address.cluster else address

    gone_back = set(map(known_as, undone))
    shown = (row for row in rows if isinstance(row, CredentialRow))
    for row in sorted(shown, key=lambda row: row.credential.address.cluster in delivered):
        address = row.credential.address
        place = known_as(address)
        yield Watched(
            credential=row.credential,
            now=clock() + timedelta(seconds=fleet.skew(row.cluster) or 0),
            place=place if place != address else None,
            lost=cannot(row.cluster) or cannot(address.cluster) or ("its cluster does not answer" if row.stale else ""),
            left="its rotation was undone" if place in gone_back else fleet.elsewhere(address),
            read_only=read_only(row.cluster) or read_only(address.cluster),
        )
