"""Rows of the fleet as the records that `list` prints: for programs with every field, for people with the main ones."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

from tui.fleet.rows import AccountRow, ClusterRow, CredentialRow, RequestKind, RequestRow, Row, ShootFacts
from tui.fleet.shoots import ENTER
from tui.fleet.store import Area
from tui.issuance.countdown import human_left
from tui.issuance.durations import format_duration
from tui.issuance.kinds import CredentialKind
from tui.issuance.renewal import rotate_at, state_of
from tui.issuance.types import Credential, Identity, ShootAccess, State, kind_label
from tui.kube import shell

from .output import Column, rfc3339

Now = Callable[[str], datetime]
"""The time of a cluster: the local time plus the cluster's skew."""

LIST_KINDS: Final[dict[Area, str]] = {
    Area.CLUSTERS: "ClusterList",
    Area.ACCOUNTS: "AccountList",
    Area.REQUESTS: "RequestList",
    Area.CREDENTIALS: "CredentialList",
}


def renewal_point(credential: Credential) -> datetime | None:
    """When it is due, None where it never is."""
    if credential.rotate_at is not None or credential.issued_at is None or credential.expires_at is None:
        return credential.rotate_at
    return rotate_at(credential.issued_at, credential.expires_at)


def credential_record(
    credential: Credential, now: datetime, *, cluster: str = "", stale: bool = False
) -> dict[str, Any]:
    """One credential for programs. `cluster` is where it leads to, for those that are kept in none."""
    address = credential.address
    expires, handle = credential.expires_at, credential.handle
    return {
        "address": str(address),
        "cluster": address.cluster or cluster or _leads_to(credential),
        "namespace": address.namespace or None,
        "name": address.name or None,
        "kind": address.kind.value,
        "identity": _identity(credential.identity),
        "shoot": _shoot(credential.shoot),
        "format": credential.format.value if credential.format else None,
        "audiences": list(credential.audiences),
        "requestedSeconds": _seconds(credential.requested),
        "grantedSeconds": _seconds(credential.granted),
        "issuedAt": rfc3339(credential.issued_at),
        "expiresAt": rfc3339(expires),
        "rotateAt": rfc3339(renewal_point(credential)),
        "secondsLeft": None if expires is None else int((expires - now).total_seconds()),
        "state": state_of(credential, now).value,
        "keptIn": credential.kept_in,
        "fingerprint": credential.fingerprint or None,
        "handle": f"{handle.cluster}/{handle.namespace}/{handle.name}" if handle else None,
        "stale": stale,
        "message": credential.message,
    }


def record(row: Row, now: Now) -> dict[str, Any]:
    """One row for programs."""
    match row:
        case CredentialRow():
            return credential_record(row.credential, now(row.cluster), cluster=row.cluster, stale=row.stale)
        case AccountRow():
            return {
                "cluster": row.identity.cluster,
                "namespace": row.identity.namespace,
                "name": row.identity.name,
                "username": row.identity.username,
                "uid": row.uid,
                "createdAt": rfc3339(row.created_at),
                "labels": row.labels,
            }
        case RequestRow():
            return _request_record(row, now)
        case ClusterRow():
            return {
                "name": row.name,
                "server": row.server,
                "source": row.source,
                "version": row.version or None,
                "namespace": row.namespace,
                "state": row.reach.value,
                "since": rfc3339(row.since),
                "syncedAt": rfc3339(row.synced_at),
                "skewSeconds": row.skew,
                "clock": row.clock or None,
                "latencySeconds": row.latency,
                "message": row.message,
                "hint": cluster_hint(row),
                "missing": list(row.missing),
                "deliveredBy": _deliverer(row),
                "phase": row.delivered.phase or None if row.delivered is not None else None,
                "sameServerAs": list(row.same),
                "shownBy": row.carried_by or None,
                "shoot": _facts(row.shoot),
            }


def cluster_hint(row: ClusterRow) -> str:
    """What can be done about it, in commands: a row of the dashboard may name its keys."""
    if row.hint != ENTER or row.shoot is None:
        return row.hint
    which = f"{row.shoot.namespace}/{row.shoot.name}"
    words = ("kubemint", "issue", "--context", row.shoot.garden, "--shoot", which, "--out", "FILE")
    return f"`{shell.command(*words)}` writes a kubeconfig for it"


def _deliverer(row: ClusterRow) -> dict[str, str] | None:
    """Which object in which cluster leads to it; None for one's own."""
    if row.delivered is None:
        return None
    by = row.delivered.by
    return {"kind": by.kind.value, "cluster": by.host, "namespace": by.namespace, "name": by.name}


def _facts(shoot: ShootFacts | None) -> dict[str, Any] | None:
    """What a garden says of a shoot."""
    if shoot is None:
        return None
    return {
        "garden": shoot.garden,
        "namespace": shoot.namespace,
        "name": shoot.name,
        "project": shoot.project,
        "seed": shoot.seed or None,
        "gardenerVersion": shoot.gardener or None,
        "hibernation": shoot.hibernation,
        "lastOperation": shoot.operation,
        "lastOperationAt": rfc3339(shoot.operated_at),
        "health": shoot.health,
        "conditions": [
            {"type": c.type, "status": c.status, "message": c.message or c.reason} for c in shoot.conditions
        ],
        "errors": list(shoot.errors),
        "addresses": [{"name": name, "url": url} for name, url in shoot.addresses],
    }


def _request_record(row: RequestRow, now: Now) -> dict[str, Any]:
    credential = row.credential
    expires = credential.expires_at if credential else None
    moment = now(credential.identity.cluster if credential and credential.identity else row.cluster)
    return {
        "address": _request_address(row),
        "cluster": row.cluster,
        "namespace": row.namespace,
        "name": row.name,
        "kind": row.kind.value,
        "type": row.type,
        "duration": row.duration or None,
        "serviceAccount": row.service_account,
        "targetCluster": row.target or None,
        "secret": row.secret,
        "ready": row.ready or None,
        "reason": row.reason or None,
        "conditions": [
            {
                "type": c.type,
                "status": c.status,
                "reason": c.reason,
                "message": c.message,
                "since": rfc3339(c.changed_at),
            }
            for c in row.conditions
        ],
        "createdAt": rfc3339(row.created_at),
        "issuedAt": rfc3339(credential.issued_at) if credential else None,
        "expiresAt": rfc3339(expires),
        "rotateAt": rfc3339(renewal_point(credential)) if credential else None,
        "secondsLeft": None if expires is None else int((expires - moment).total_seconds()),
        "nextAt": rfc3339(row.next_at),
        "state": row.state_at(moment).value,
    }


def name_of(row: Row) -> str:
    """What other verbs take: an address, or the name where there is no address."""
    match row:
        case CredentialRow():
            return str(row.credential.address)
        case RequestRow():
            carried = row.credential if row.kind is not RequestKind.DPU else None
            return str(carried.address) if carried is not None else _request_address(row)
        case _:
            return row.key


def _request_address(row: RequestRow) -> str:
    """The address of a DPU request; other kinds have none, and are called by their kind and place."""
    return f"{CredentialKind.REQUEST.value}:{row.key}" if row.kind is RequestKind.DPU else row.key


def columns(area: Area, now: Now) -> list[Column[Any]]:
    """The table of an area."""
    tables: dict[Area, list[Any]] = {
        Area.CLUSTERS: _CLUSTERS,
        Area.ACCOUNTS: _ACCOUNTS,
        Area.REQUESTS: _requests(now),
        Area.CREDENTIALS: _credentials(now),
    }
    return tables[area]


def _credentials(now: Now) -> list[Column[CredentialRow]]:
    def left(row: CredentialRow) -> str:
        return _left(row.credential, now(row.cluster))

    def renews(row: CredentialRow) -> str:
        return _renews(row.credential, now(row.cluster))

    columns: list[Column[CredentialRow]] = [
        Column("LEFT", left),
        Column(
            "STATE", lambda row: state_of(row.credential, now(row.cluster)).value + (" (stale)" if row.stale else "")
        ),
        Column("KIND", lambda row: kind_label(row.credential)),
        Column("ADDRESS", name_of),
        Column("SPEAKS FOR", lambda row: str(row.credential.identity or row.credential.shoot or "")),
        Column("RENEWS", renews),
        Column("GRANTED / ASKED", lambda row: _granted(row.credential), wide=True),
        Column("EXPIRES", lambda row: rfc3339(row.credential.expires_at) or "", wide=True),
        Column("KEPT IN", lambda row: row.credential.kept_in, wide=True),
        Column("MESSAGE", lambda row: row.credential.message, wide=True),
    ]
    return columns


def _requests(now: Now) -> list[Column[RequestRow]]:
    def moment(row: RequestRow) -> datetime:
        return now(row.credential.identity.cluster if row.credential and row.credential.identity else row.cluster)

    columns: list[Column[RequestRow]] = [
        Column("LEFT", lambda row: _left(row.credential, moment(row)) if row.credential else ""),
        Column("STATE", lambda row: row.state_at(moment(row)).value),
        Column("KIND", lambda row: row.kind.label),
        Column("READY", lambda row: row.ready if row.kind is RequestKind.DPU else row.reason or row.ready),
        Column("ADDRESS", _request_address),
        Column("ACCOUNT", lambda row: row.service_account),
        Column("TARGET", lambda row: row.target or ("its own cluster" if row.kind is RequestKind.DPU else "")),
        Column("TYPE", lambda row: row.type),
        Column("RENEWS", lambda row: _due(row, moment(row))),
        Column("DURATION", lambda row: row.duration, wide=True),
        Column("SECRET", lambda row: row.secret, wide=True),
        Column("WHY", _why, wide=True),
    ]
    return columns


def _due(row: RequestRow, now: datetime) -> str:
    if row.next_at is not None:
        return "due" if row.next_at <= now else f"in {human_left(row.next_at - now)}"
    dpu = row.kind is RequestKind.DPU and row.credential is not None
    return _renews(row.credential, now) if dpu and row.credential is not None else ""


def _why(row: RequestRow) -> str:
    return "; ".join(c.message for c in row.conditions if c.status != "True" and c.message)


_ACCOUNTS: Final[list[Column[AccountRow]]] = [
    Column("CLUSTER", lambda row: row.identity.cluster),
    Column("NAMESPACE", lambda row: row.identity.namespace),
    Column("NAME", lambda row: row.identity.name),
    Column("CREATED", lambda row: rfc3339(row.created_at) or ""),
    Column("UID", lambda row: row.uid, wide=True),
    Column("LABELS", lambda row: ",".join(f"{k}={v}" for k, v in row.labels.items()), wide=True),
]

_CLUSTERS: Final[list[Column[ClusterRow]]] = [
    Column("NAME", lambda row: row.name),
    Column("STATE", lambda row: row.word),
    Column("VERSION", lambda row: row.version),
    Column("SERVER", lambda row: row.server),
    Column("SOURCE", lambda row: row.source, wide=True),
    Column("LATENCY", lambda row: "" if row.latency is None else f"{row.latency * 1000:.0f} ms", wide=True),
    Column("SKEW", lambda row: "" if row.skew is None else f"{row.skew:+.1f} s", wide=True),
    Column(
        "MESSAGE",
        lambda row: "; ".join(filter(None, (row.message, cluster_hint(row), row.clock, *row.missing, _shown_by(row)))),
    ),
]


def _shown_by(row: ClusterRow) -> str:
    return f"the same server as {row.carried_by}, which shows what is in it" if row.carried_by else ""


def _left(credential: Credential, now: datetime) -> str:
    if credential.expires_at is None or credential.state is State.REVOKED:
        return ""  # what was revoked has no time left, whatever its token says
    return human_left(credential.expires_at - now)


def _renews(credential: Credential, now: datetime) -> str:
    if not credential.address.kind.traits.renewable:
        return ""
    due = renewal_point(credential)
    if due is None or credential.state is State.REVOKED:
        return ""
    return "due" if due <= now else f"in {human_left(due - now)}"


def _granted(credential: Credential) -> str:
    if credential.granted is None:
        return ""
    granted, asked = credential.granted, credential.requested
    text = format_duration(granted - timedelta(microseconds=granted.microseconds))
    if asked is None:
        return text
    return f"{text} / {format_duration(asked)}" + (" capped" if granted < asked else "")


def _identity(identity: Identity | None) -> dict[str, str] | None:
    if identity is None:
        return None
    return {"cluster": identity.cluster, "namespace": identity.namespace, "name": identity.name}


def _shoot(shoot: ShootAccess | None) -> dict[str, str] | None:
    if shoot is None:
        return None
    return {
        "garden": shoot.garden,
        "namespace": shoot.namespace,
        "name": shoot.name,
        "level": shoot.level.value,
    }


def _leads_to(credential: Credential) -> str:
    if credential.shoot is not None:
        return credential.shoot.garden
    return credential.identity.cluster if credential.identity is not None else ""


def _seconds(duration: timedelta | None) -> int | None:
    return None if duration is None else int(duration.total_seconds())
