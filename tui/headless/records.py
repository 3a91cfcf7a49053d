"""Rows of the fleet as `list` prints them: records for programs, columns for people, names for shells."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from tui.fleet.fields import OF_AREA, record as record_of
from tui.fleet.fields.requests import address
from tui.fleet.query import AREA_OF, clock_of
from tui.fleet.rows import CredentialRow, RequestRow, Row
from tui.fleet.store import Area
from tui.issuance import Credential

Now = Callable[[str], datetime]
"""The time of a cluster: the local time plus the cluster's skew."""

LIST_KINDS: Final[dict[Area, str]] = {
    Area.CLUSTERS: "ClusterList",
    Area.ACCOUNTS: "AccountList",
    Area.REQUESTS: "RequestList",
    Area.CREDENTIALS: "CredentialList",
}


def credential_record(credential: Credential, now: datetime) -> dict[str, Any]:
    """One credential for programs."""
    return record_of(OF_AREA[Area.CREDENTIALS], CredentialRow(credential=credential, cluster=""), now)


def record(row: Row, now: Now) -> dict[str, Any]:
    """One row for programs."""
    return record_of(OF_AREA[AREA_OF[type(row)]], row, now(clock_of(row)))


def name_of(row: Row) -> str:
    """What other verbs take: an address, or the name where there is no address."""
    match row:
        case CredentialRow():
            return str(row.credential.address)
        case RequestRow():
            carried = row.credential if row.address is None else None
            return str(carried.address) if carried is not None else address(row)
        case _:
            return row.key
