"""What a list can be asked for: which area, which words, which cluster, sorted by what."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Final

import msgspec

from tui.issuance import Identity, State

from .rows import AccountRow, ClusterRow, CredentialRow, Reach, RequestRow, Row


class Area(StrEnum):
    """The lists of the fleet."""

    CLUSTERS = "clusters"
    ACCOUNTS = "accounts"
    REQUESTS = "requests"
    CREDENTIALS = "credentials"


AREA_OF: Final[dict[type[Row], Area]] = {
    ClusterRow: Area.CLUSTERS,
    AccountRow: Area.ACCOUNTS,
    RequestRow: Area.REQUESTS,
    CredentialRow: Area.CREDENTIALS,
}


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """Which rows, in which order."""

    text: str = ""
    """A filter, see `tui.fleet.filter`: words that must all hold."""
    cluster: str | None = None
    namespace: str | None = None
    identity: Identity | None = None
    between: tuple[datetime, datetime] | None = None
    """Only what ends or is due from the first instant to just before the second, by this machine's clock."""
    keys: frozenset[str] | None = None
    """Only the rows with these keys."""
    sort: str = ""
    """One of the `sorts` of the area (`tui.fleet.fields`); empty is the default."""
    reverse: bool = False


STATE_RANK: Final[dict[State, int]] = {
    State.FAILED: 0,
    State.EXPIRED: 1,
    State.DUE: 2,
    State.MISSING: 3,
    State.UNKNOWN: 4,
    State.PENDING: 5,
    State.ENDLESS: 6,
    State.VALID: 7,
    State.ENDING: 8,
    State.REVOKED: 9,
}
"""Worst first: what needs someone comes before what does not."""

REACH_RANK: Final[dict[Reach, int]] = {
    Reach.NEEDS_LOGIN: 0,
    Reach.UNUSABLE: 1,
    Reach.TLS_FAILED: 2,
    Reach.LOGIN_PAGE: 3,
    Reach.WRONG_ANSWER: 4,
    Reach.UNREACHABLE: 5,
    Reach.SERVER_ERROR: 6,
    Reach.THROTTLED: 7,
    Reach.FORBIDDEN: 8,
    Reach.UNTRUSTED: 9,
    Reach.NOT_READY: 10,
    Reach.SLOW: 11,
    Reach.CONNECTING: 12,
    Reach.READY: 13,
    Reach.NOT_CONNECTED: 14,
}


def namespace_of(row: Row) -> str:
    """The namespace a row is listed under; clusters have none."""
    if isinstance(row, AccountRow):
        return row.identity.namespace
    return "" if isinstance(row, ClusterRow) else row.namespace


def cluster_of(row: Row) -> str:
    return row.name if isinstance(row, ClusterRow) else row.cluster


def clusters_of(row: Row) -> tuple[str, ...]:
    """The clusters a row concerns: for a credential the one it leads to and the one it is kept in."""
    if isinstance(row, CredentialRow):
        return (row.cluster, row.credential.address.cluster)
    if isinstance(row, RequestRow) and row.credential is not None and row.credential.identity is not None:
        return (row.cluster, row.credential.identity.cluster)
    return (cluster_of(row),)


def name_of(row: Row) -> str:
    return row.identity.name if isinstance(row, AccountRow) else row.name


def identity_of(row: Row) -> Identity | None:
    """The service account a row is about, None where it is about none."""
    if isinstance(row, AccountRow):
        return row.identity
    if isinstance(row, CredentialRow):
        return row.credential.identity
    if isinstance(row, RequestRow):
        return row.credential.identity if row.credential else None
    return None


def clock_of(row: Row) -> str:
    """The cluster whose clock its stamps follow: that which issued the credential, or will."""
    if isinstance(row, RequestRow) and row.credential is not None and row.credential.identity is not None:
        return row.credential.identity.cluster
    return cluster_of(row)


def place_of(row: Row) -> tuple[str, ...]:
    """What rows are sorted by that are sorted by their cluster."""
    return (cluster_of(row), namespace_of(row), name_of(row))
