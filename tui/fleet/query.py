"""What a list can be asked for: which area, which words, which cluster, sorted by what."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from typing import Final, cast

import msgspec

from tui.issuance.types import Identity, State, kind_label

from .rows import AccountRow, ClusterRow, CredentialRow, Reach, RequestKind, RequestRow, Row

SortValue = float | str | tuple[str, ...] | None
"""What a column sorts by. Within one column all values but None are of one type; None always comes last."""


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
    sort: str = ""
    """A column name of `SORTS`; empty is the area's default."""
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
    State.REVOKED: 8,
}
"""Worst first: what needs somebody comes before what does not."""

REACH_RANK: Final[dict[Reach, int]] = {
    Reach.NEEDS_LOGIN: 0,
    Reach.UNUSABLE: 1,
    Reach.TLS_FAILED: 2,
    Reach.UNREACHABLE: 3,
    Reach.FORBIDDEN: 4,
    Reach.UNTRUSTED: 5,
    Reach.NOT_READY: 6,
    Reach.SLOW: 7,
    Reach.CONNECTING: 8,
    Reach.READY: 9,
    Reach.NOT_CONNECTED: 10,
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


def haystack(row: Row) -> str:
    """The text a filter looks through, in lower case: everything but the state of a credential, which time changes."""
    if isinstance(row, ClusterRow):
        parts = [row.name, row.server, row.source, row.user, row.version, row.reach.value]
        if row.shoot is not None:
            shoot = row.shoot
            parts += ["shoot", shoot.project, shoot.name, shoot.hibernation, shoot.operation, shoot.health]
    elif isinstance(row, AccountRow):
        parts = [row.identity.cluster, row.identity.namespace, row.identity.name]
    elif isinstance(row, RequestRow):
        parts = [row.cluster, row.namespace, row.name, row.kind.label, row.kind.value, row.type]
        parts += [row.service_account, row.target, row.secret, row.reason]
    else:
        credential = row.credential
        parts = [row.cluster, row.namespace, row.name, kind_label(credential), credential.kept_in]
        if credential.identity is not None:
            parts.append(str(credential.identity))
        if credential.shoot is not None:
            parts.append(str(credential.shoot))
    return "\n".join(parts).lower()


def _renews_at(row: RequestRow) -> datetime | None:
    """When a request is next seen to: its credential renewed, or what it carries looked at anew."""
    if row.kind is not RequestKind.DPU:
        return row.next_at
    return row.credential.rotate_at if row.credential is not None else None


def _stamp(at: datetime | None) -> float | None:
    """A datetime as seconds, so that comparing two costs a float comparison."""
    return None if at is None else at.timestamp()


def _cluster(column: Callable[[ClusterRow], SortValue]) -> Callable[[Row], SortValue]:
    return cast("Callable[[Row], SortValue]", column)


def _account(column: Callable[[AccountRow], SortValue]) -> Callable[[Row], SortValue]:
    return cast("Callable[[Row], SortValue]", column)


def _request(column: Callable[[RequestRow], SortValue]) -> Callable[[Row], SortValue]:
    return cast("Callable[[Row], SortValue]", column)


def _credential(column: Callable[[CredentialRow], SortValue]) -> Callable[[Row], SortValue]:
    return cast("Callable[[Row], SortValue]", column)


def _place(row: Row) -> SortValue:
    return (cluster_of(row), namespace_of(row), name_of(row))


_NAMES: Final[dict[str, Callable[[Row], SortValue]]] = {
    "name": name_of,
    "namespace": namespace_of,
    "cluster": _place,
}

SORTS: Final[dict[Area, dict[str, Callable[[Row], SortValue]]]] = {
    Area.CLUSTERS: {
        "name": name_of,
        "server": _cluster(lambda row: row.server),
        "source": _cluster(lambda row: row.source),
        "version": _cluster(lambda row: row.version or None),
        "reach": _cluster(lambda row: float(REACH_RANK[row.reach])),
        "since": _cluster(lambda row: _stamp(row.since)),
        "latency": _cluster(lambda row: row.latency),
        "skew": _cluster(lambda row: None if row.skew is None else abs(row.skew)),
        "message": _cluster(lambda row: row.message or None),
    },
    Area.ACCOUNTS: {
        **_NAMES,
        "created": _account(lambda row: _stamp(row.created_at)),
        "labels": _account(lambda row: " ".join(f"{key}={row.labels[key]}" for key in sorted(row.labels)) or None),
    },
    Area.REQUESTS: {
        **_NAMES,
        "expires": _request(lambda row: _stamp(row.credential.expires_at) if row.credential else None),
        "rotate": _request(lambda row: _stamp(_renews_at(row))),
        "kind": _request(lambda row: row.kind.label),
        "type": _request(lambda row: row.type),
        "target": _request(lambda row: row.target),
        "account": _request(lambda row: row.service_account),
        "secret": _request(lambda row: row.secret),
        "ready": _request(lambda row: row.ready),
        "created": _request(lambda row: _stamp(row.created_at)),
    },
    Area.CREDENTIALS: {
        **_NAMES,
        "expires": _credential(lambda row: _stamp(row.credential.expires_at)),
        "rotate": _credential(lambda row: _stamp(row.credential.rotate_at)),
        "issued": _credential(lambda row: _stamp(row.credential.issued_at)),
        "granted": _credential(
            lambda row: row.credential.granted.total_seconds() if row.credential.granted is not None else None
        ),
        "kind": _credential(lambda row: row.credential.address.kind.value),
        "account": _credential(lambda row: str(row.credential.identity) if row.credential.identity else None),
        "kept": _credential(lambda row: row.credential.kept_in or None),
    },
}
"""Per area, what the rows can be sorted by; requests and credentials also by `state`, which depends on the time."""

TIMED_SORT: Final = "state"

DEFAULT_SORT: Final[dict[Area, str]] = {
    Area.CLUSTERS: "name",
    Area.ACCOUNTS: "cluster",
    Area.REQUESTS: "expires",
    Area.CREDENTIALS: "expires",
}


def sorts(area: Area) -> tuple[str, ...]:
    """The names `Query.sort` may have in `area`, the default first."""
    names = [DEFAULT_SORT[area], *(name for name in SORTS[area] if name != DEFAULT_SORT[area])]
    return (*names, TIMED_SORT) if area in (Area.REQUESTS, Area.CREDENTIALS) else tuple(names)
