"""What needs attention, and what is to come: read from the store, the worst first; what is alike is told as one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final, TypeAlias

from tui.actions.spoken import in_dashboard
from tui.fleet.moments import lifetime, relative
from tui.fleet.names import credential_name
from tui.fleet.query import Query
from tui.fleet.rows import AWAY, ClusterRow, CredentialRow, Reach, RequestRow
from tui.fleet.same import echoes
from tui.fleet.signs import REACHES, STATES, Sign, Tone
from tui.fleet.store import Area
from tui.issuance import OVER_STATES, State, human_left, state_of
from tui.kube.amounts import count
from tui.screens.causes import cause_first
from tui.screens.session import Session

MOST: Final = 2000
"""So many credentials that need attention are looked at one by one; of the others it is said how many there are."""
_NAMED: Final = 12
"""So many of those that are told as one are named."""

Needing: TypeAlias = ClusterRow | CredentialRow | RequestRow


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing that needs attention, of one row or of several alike."""

    rank: int
    sign: Sign
    who: str
    why: str
    rows: tuple[Needing, ...]
    mends: str = "details"
    """The name of the action that mends it."""
    cause: str = ""
    """What is the same of all that are told as one; empty: it is told by itself."""
    new: bool = False
    """Whether it was not so when the dashboard was last open."""

    @property
    def row(self) -> Needing:
        """The first that it is about."""
        return self.rows[0]

    @property
    def key(self) -> str:
        """Stays with it, whatever comes to it."""
        first = self.row
        if len(self.rows) == 1:
            return f"{self.sign.word} {first.key}"
        return f"{self.sign.word} {type(first).__name__} {self.cause}"


@dataclass(slots=True)
class Survey:
    """One look over the whole fleet."""

    ends: list[datetime] = field(default_factory=list)
    """When credentials end, by this machine's clock, within the span that was asked for."""
    renews: list[datetime] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    untold: int = 0
    """How many credentials were not looked at one by one."""


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
    """What is to come within `span`, and what needs attention."""
    found = Survey()
    local = session.now()
    unready = [request for request in session.store.requests.values() if request.ready == "False"]
    known = {request.key for request in unready}
    single: list[Notice] = []
    for row in session.view(Area.CREDENTIALS, Query()):
        assert isinstance(row, CredentialRow)
        now = session.now(row)
        credential = row.credential
        state = state_of(credential, now)
        if credential.expires_at is not None and state not in OVER_STATES:
            for at, instants in ((credential.expires_at, found.ends), (credential.rotate_at, found.renews)):
                if at is not None and now < at <= now + span:
                    instants.append(local + (at - now))
        address = credential.address
        if address.kind.traits.wished and f"{address.cluster}/{address.namespace}/{address.name}" in known:
            continue
        if len(single) >= MOST:
            found.untold += 1
            continue
        notice = _alerted(_of_credential(row, state, now), row, session, now)
        if notice is not None:
            single.append(notice)
    clusters = session.store.clusters
    for cluster in clusters.values():
        if cluster.reach in _REACH_RANK and not echoes(cluster, clusters):
            single.append(_of_cluster(cluster, local))
    single += [_of_request(request) for request in unready]
    found.notices = _told_apart(_folded(single) + _untrusted([row for row in clusters.values() if _waits(row)]))
    found.notices.sort(key=lambda notice: (notice.rank, notice.who))
    return found


def _folded(notices: Sequence[Notice]) -> list[Notice]:
    """Those alike in one: of one kind, for one cause, that one action mends."""
    alike: dict[tuple[object, ...], list[Notice]] = {}
    for number, one in enumerate(notices):
        key = (one.rank, one.sign.word, one.mends, type(one.row), one.cause) if one.cause else ()
        alike.setdefault(key or (number,), []).append(one)
    return [_as_one(each) if len(each) > 1 else each[0] for each in alike.values()]


def _as_one(each: Sequence[Notice]) -> Notice:
    first = min(each, key=lambda one: one.who)
    rows = tuple(one.row for one in sorted(each, key=lambda one: one.who))
    places = {_place_of(row) for row in rows}
    where = min(places) if len(places) == 1 else f"{len(places)} clusters"
    who = f"{len(each)} in {where}" if where else count(len(each), "cluster")
    names = [one.who for one in sorted(each, key=lambda one: one.who)][:_NAMED]
    more = f" and {len(each) - _NAMED} more" if len(each) > _NAMED else ""
    return replace(first, who=who, why=f"{first.cause}: {', '.join(names)}{more}", rows=rows)


def _place_of(row: Needing) -> str:
    """Where it is told to be; clusters are nowhere."""
    return "" if isinstance(row, ClusterRow) else row.cluster or "this machine"


def _told_apart(notices: list[Notice]) -> list[Notice]:
    """Of the same name each says its cluster too."""
    often = Counter(notice.who for notice in notices)
    alike = [notice for notice in notices if len(notice.rows) == 1 and often[notice.who] > 1]
    apart = [replace(one, who=f"{one.who} ({place})") if (place := _place_of(one.row)) else one for one in alike]
    return [notice for notice in notices if notice not in alike] + apart


def _waits(row: ClusterRow) -> bool:
    return row.reach is Reach.UNTRUSTED


def _untrusted(rows: Sequence[ClusterRow]) -> list[Notice]:
    """Delivered clusters that were not confirmed, in one line however many there are."""
    if not rows:
        return []
    one = len(rows) == 1
    who = rows[0].name if one else f"{len(rows)} delivered clusters"
    why = f"{'waits' if one else 'wait'} for your confirmation · enter shows what is delivered"
    return [Notice(-1, REACHES[Reach.UNTRUSTED], who, why, tuple(rows), mends="trust", cause="waits")]


def cluster_says(row: ClusterRow, now: datetime) -> str:
    """A cluster's trouble in one line, the cause or what to do first, then since when."""
    message, hint = (in_dashboard(text).removeprefix("error: ") for text in (row.message, row.hint))
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


def _of_cluster(row: ClusterRow, now: datetime) -> Notice:
    """What is wrong with a cluster; one login, and one outage, brings back all that wait for it."""
    cause = row.hint if row.reach is Reach.NEEDS_LOGIN else row.message.partition(" (")[0]
    mends = "reconnect" if row.reach in _RETRIED else "details"
    says = cluster_says(row, now)
    cause = cause.replace("run: ", "run ", 1)
    return Notice(_REACH_RANK[row.reach], REACHES[row.reach], row.name, says, (row,), mends, cause)


_RETRIED: Final = frozenset({Reach.NEEDS_LOGIN, *AWAY})
"""What connecting anew may mend."""


def _of_request(row: RequestRow) -> Notice:
    """A request that is not ready; what DPF's requests lack is issued by renewing them."""
    says = request_says(row)
    address = row.address
    mends = "rotate" if address is not None and address.kind.traits.wished else "details"
    return Notice(0, STATES[State.FAILED], row.name, says, (row,), mends, says.partition(" · ")[0])


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
    notice = notice or Notice(1, _SOON, row.name or credential_name(row), ends, (row,), "rotate")
    if alerts.is_snoozed(address):
        until = alerts.snoozed_until(address)
        why = f"{notice.why} · snoozed until {'it is renewed' if until is None else f'{until:%H:%M} UTC'}"
        return replace(notice, rank=20, why=why, cause="")
    return notice if notice.rank < 1 else replace(notice, rank=1, cause="")  # when each of them ends, counts


_SOON: Final = Sign("!", "ends soon", Tone.WARN)


def _of_credential(row: CredentialRow, state: State, now: datetime) -> Notice | None:
    credential = row.credential
    sign = STATES[state]
    name = row.name or credential_name(row)
    rows, own = (row,), credential.address.own
    renew = "details" if own else "rotate"
    if state is State.FAILED:
        why = cause_first(credential.message) or "the last renewal failed"
        return Notice(0, sign, name, why, rows, renew, why.partition(" · ")[0])
    if state is State.EXPIRED:
        return Notice(5, sign, name, f"ended {relative(credential.expires_at, now)}", rows, renew, "ended")
    if state is State.MISSING:
        return Notice(6, sign, name, credential.message, rows, renew, credential.message)
    if state is State.UNKNOWN and not own:
        why = credential.message or "its expiry is not known"
        return Notice(6, sign, name, why, rows, cause=why)
    if state is State.DUE:
        why = f"ends {relative(credential.expires_at, now)}, renewal is due"
        return Notice(7, sign, name, why, rows, renew, "renewal is due")
    if state is State.ENDLESS:
        why = credential.message or "never expires"
        cause = "never expires, and was used" if why.startswith("last used") else why  # not ended with those that rest
        return Notice(9, sign, name, why, rows, "details" if own else "revoke", cause)
    if credential.requested and credential.granted and credential.requested - credential.granted > timedelta(seconds=1):
        why = f"requested {lifetime(credential.requested)}, the server grants {lifetime(credential.granted)}"
        return Notice(10, Sign("↓", "capped", sign.tone), name, why, rows, cause=why)
    return None
