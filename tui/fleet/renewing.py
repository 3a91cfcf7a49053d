"""What the renewal loop is told about the fleet's rows."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Protocol

from tui.issuance.renewal_loop import Watched
from tui.issuance.types import Address

from .rows import CredentialRow, Row


class Clocked(Protocol):
    """What knows how far the clock of a cluster is off; the fleet does."""

    def skew(self, cluster: str) -> float | None: ...


def watched(
    rows: Iterable[Row],
    fleet: Clocked,
    *,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    read_only: Callable[[str], bool] = lambda cluster: False,
    undone: Collection[Address] = (),
) -> Iterator[Watched]:
    """Each credential by its cluster's clock.

    `read_only` says of which clusters nothing may be changed, `undone` whose last rotation somebody took back.
    """
    for row in rows:
        if isinstance(row, CredentialRow):
            yield Watched(
                credential=row.credential,
                now=clock() + timedelta(seconds=fleet.skew(row.cluster) or 0),
                lost=row.stale,
                left="its rotation was undone" if row.credential.address in undone else "",
                read_only=read_only(row.cluster) or read_only(row.credential.address.cluster),
            )
