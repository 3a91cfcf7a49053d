"""What the renewal loop is told about the fleet's rows."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

from tui.issuance import Address, Watched

from .rows import ClusterRow, CredentialRow, Reach, Row

_CANNOT: Final = {
    Reach.NEEDS_LOGIN: "its cluster needs a login",
    Reach.UNREACHABLE: "its cluster does not answer",
    Reach.TLS_FAILED: "its cluster's certificate is not accepted",
    Reach.UNUSABLE: "what is written about its cluster cannot be used",
    Reach.UNTRUSTED: "entering its cluster is not confirmed",
}


def why_not_asked(row: ClusterRow | None) -> str:
    """Why nothing can be renewed in a cluster; empty where it can, or it is not known yet."""
    return "" if row is None else _CANNOT.get(row.reach, "")


class Clocked(Protocol):
    """What knows how far the clock of a cluster is off, and which file is of no cluster here; the fleet does."""

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
    """Each credential by its cluster's clock.

    `read_only` says of which clusters nothing may be changed, `cannot` why one cannot be asked, `undone` whose last
    rotation someone took back.
    """
    for row in rows:
        if isinstance(row, CredentialRow):
            yield Watched(
                credential=row.credential,
                now=clock() + timedelta(seconds=fleet.skew(row.cluster) or 0),
                lost=cannot(row.cluster)
                or cannot(row.credential.address.cluster)
                or ("its cluster does not answer" if row.stale else ""),
                left="its rotation was undone"
                if row.credential.address in undone
                else fleet.elsewhere(row.credential.address),
                read_only=read_only(row.cluster) or read_only(row.credential.address.cluster),
            )
