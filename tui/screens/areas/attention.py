"""What needs attention, and what is to come: read from the store, the worst first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from tui.fleet.moments import lifetime, relative
from tui.fleet.names import credential_name
from tui.fleet.query import Query
from tui.fleet.rows import AWAY, ClusterRow, CredentialRow, Reach, RequestRow
from tui.fleet.same import echoes
from tui.fleet.signs import REACHES, STATES, Sign, Tone
from tui.fleet.store import Area
from tui.issuance import OVER_STATES, State, human_left, state_of
from tui.screens.causes import cause_first
from tui.screens.session import Session

MOST: Final = 200
"""So many notices are worded at most; the rest are only counted by their state."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing that needs attention."""

    rank: int
    sign: Sign
    who: str
    why: str
    row: ClusterRow | CredentialRow | RequestRow


@dataclass(slots=True)
class Survey:
    """One look over the whole fleet."""

    states: Counter[State] = field(default_factory=Counter)
    ends: list[datetime] = field(default_factory=list)
    """When credentials end, by this machine's clock, within the span that was asked for."""
    renews: list[datetime] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)


_REACH_RANK: Final = {
    Reach.NEEDS_LOGIN: -1,  # one command brings back everything in it
    Reach.UNUSABLE: 2,
    Reach.TLS_FAILED: 2,
    **dict.fromkeys(AWAY, 3),
    Reach.FORBIDDEN: 4,
    Reach.NOT_READY: 6,
    Reach.SLOW: 8,
}


def survey(session: Session, span: timedelta) -> Survey:
    """Counts, what is to come within `span`, and what needs attention."""
    found = Survey()
    local = session.now()
    unready = [request for request in session.store.requests.values() if request.ready == "False"]
    known = {request.key for request in unready}
    for row in session.view(Area.CREDENTIALS, Query()):
        assert isinstance(row, CredentialRow)
        now = session.now(row)
        credential = row.credential
        state = state_of(credential, now)
        found.states[state] += 1
        if credential.expires_at is not None and state not in OVER_STATES:
            for at, instants in ((credential.expires_at, found.ends), (credential.rotate_at, found.renews)):
                if at is not None and now < at <= now + span:
                    instants.append(local + (at - now))
        address = credential.address
        if address.kind.traits.wished and f"{address.cluster}/{address.namespace}/{address.name}" in known:
            continue
        if len(found.notices) < MOST:
            notice = _alerted(_of_credential(row, state, now), row, session, now)
            if notice is not None:
                found.notices.append(notice)
    clusters = session.store.clusters
    for cluster in clusters.values():
        if cluster.reach in _REACH_RANK and not echoes(cluster, clusters):
            found.notices.append(
                Notice(_REACH_RANK[cluster.reach], REACHES[cluster.reach], cluster.name, cluster_says(cluster, local),
                       cluster)
            )  # fmt: skip
    found.notices += _untrusted([row for row in clusters.values() if row.reach is Reach.UNTRUSTED])
    for request in unready:
        if len(found.notices) < 2 * MOST:
            found.notices.append(Notice(0, STATES[State.FAILED], request.name, request_says(request), request))
    found.notices.sort(key=lambda notice: (notice.rank, notice.who))
    return found


def _untrusted(rows: Sequence[ClusterRow]) -> list[Notice]:
    """Delivered clusters that were not confirmed, in one line however many there are."""
    if not rows:
        return []
    who = rows[0].name if len(rows) == 1 else f"{len(rows)} delivered clusters"
    why = f"{'waits' if len(rows) == 1 else 'wait'} for your confirmation · enter in Clusters shows what is delivered"
    return [Notice(-1, REACHES[Reach.UNTRUSTED], who, why, rows[0])]


def cluster_says(row: ClusterRow, now: datetime) -> str:
    """A cluster's trouble in one line, the cause or what to do first, then since when."""
    message, hint = (text.removeprefix("error: ") for text in (row.message, row.hint))
    how_long = since(row, now)
    if row.reach is Reach.NEEDS_LOGIN:
        login = hint.replace("run: ", "run ", 1) if hint.startswith("run") else ""
        return " · ".join(
            filter(None, [login, row.reach.value, message, how_long.removeprefix(row.reach.value).strip()])
        )
    return " · ".join(filter(None, [message, hint, how_long]))


def since(row: ClusterRow, now: datetime) -> str:
    """How a cluster is, and for how long."""
    return row.word + (f" for {human_left(now - row.since)}" if row.since and row.since < now else "")


def request_says(row: RequestRow) -> str:
    """What keeps a request from being ready, the cause first."""
    bad = [condition for condition in row.conditions if condition.status == "False" and condition.type != "Ready"]
    worst: Sequence[str] = [condition.message or condition.reason for condition in bad] or [
        condition.message or condition.reason for condition in row.conditions if condition.status == "False"
    ]
    return next((cause_first(text) for text in worst if text), "not ready")


def _alerted(notice: Notice | None, row: CredentialRow, session: Session, now: datetime) -> Notice | None:
    """What is in its alert window comes before what merely could be better; what is snoozed comes last."""
    alerts, address = session.alerts, row.credential.address
    if alerts is None or address not in alerts.active:
        return notice
    ends = f"ends {relative(row.credential.expires_at, now)}"
    notice = notice or Notice(1, _SOON, row.name or credential_name(row), ends, row)
    if alerts.is_snoozed(address):
        until = alerts.snoozed_until(address)
        why = f"{notice.why} · snoozed until {'it is renewed' if until is None else f'{until:%H:%M} UTC'}"
        return replace(notice, rank=20, why=why)
    return replace(notice, rank=min(notice.rank, 1))


_SOON: Final = Sign("!", "ends soon", Tone.WARN)


def _of_credential(row: CredentialRow, state: State, now: datetime) -> Notice | None:
    credential = row.credential
    sign = STATES[state]
    name = row.name or credential_name(row)
    if state is State.FAILED:
        return Notice(0, sign, name, cause_first(credential.message) or "the last renewal failed", row)
    if state is State.EXPIRED:
        return Notice(5, sign, name, f"ended {relative(credential.expires_at, now)}", row)
    if state is State.MISSING:
        return Notice(6, sign, name, credential.message, row)
    if state is State.UNKNOWN and not credential.address.own:
        return Notice(6, sign, name, credential.message or "its expiry is not known", row)
    if state is State.DUE:
        return Notice(7, sign, name, f"ends {relative(credential.expires_at, now)}, renewal is due", row)
    if state is State.ENDLESS:
        return Notice(9, sign, name, credential.message or "never expires", row)
    if credential.requested and credential.granted and credential.requested - credential.granted > timedelta(seconds=1):
        asked, got = lifetime(credential.requested), lifetime(credential.granted)
        return Notice(10, Sign("↓", "capped", sign.tone), name, f"requested {asked}, the server grants {got}", row)
    return None
