"""What there is to say about one row, as sections of facts. Everything but the material itself."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from functools import partial

from tui.actions.spoken import in_dashboard, sections_in_dashboard
from tui.fleet.fields import lifetimes
from tui.fleet.fields.requests import ready
from tui.fleet.moments import ago, lifetime, relative, seconds, stamp
from tui.fleet.names import credential_name
from tui.fleet.query import Query
from tui.fleet.rows import (
    AccountRow,
    ClusterRow,
    ConditionRow,
    CredentialRow,
    Reach,
    RequestRow,
    Row,
)
from tui.fleet.signs import REACHES, STATES, Tone
from tui.fleet.store import Area
from tui.issuance import (
    CREATOR_LABEL,
    IDENTITY_LABEL,
    Credential,
    IssuanceError,
    State,
    explain,
    human_left,
    identity_role_name,
    kind_label,
    state_of,
    token_secret_deletion_due,
    token_use,
)
from tui.kube.amounts import count
from tui.kube.errors import KubeError
from tui.kube.paths import short_path
from tui.widgets.facts import Fact, Section

from .session import Session


def describe(row: Row, session: Session, noted: date | None = None) -> list[Section]:
    """The facts of any row; of a long-lived token with the day from which on its cluster notes uses."""
    if isinstance(row, ClusterRow):
        return _cluster(row, session)
    if isinstance(row, AccountRow):
        return _account(row, session)
    if isinstance(row, RequestRow):
        return _request(row, session)
    return _credential(row, session, noted)


def title_of(row: Row) -> str:
    """What a row is called in breadcrumbs and dialogs."""
    if isinstance(row, ClusterRow):
        return row.name
    if isinstance(row, AccountRow):
        return f"{row.identity.namespace}/{row.identity.name}"
    if isinstance(row, RequestRow):
        return row.title
    return credential_name(row)


def what_it_is(row: Row) -> str:
    """What sort of thing a row stands for, with its article."""
    if isinstance(row, ClusterRow):
        return "a cluster that is not connected" if row.reach is Reach.NOT_CONNECTED else "a cluster"
    if isinstance(row, AccountRow):
        return "a service account"
    if isinstance(row, RequestRow):
        article = "an" if row.kind.name.startswith(tuple("AEIOU")) else "a"
        return f"{article} {row.kind.name}{'' if row.credential is not None else ' with nothing issued'}"
    return f"a {kind_label(row.credential)}"


def _when(label: str, at: datetime | None, now: datetime, tone: Tone = Tone.PLAIN) -> Fact:
    return Fact(label, stamp(at), tone if at else Tone.MUTE, relative(at, now))


def _cluster(row: ClusterRow, session: Session) -> list[Section]:
    now = session.now()
    sign = REACHES[row.reach]
    reach = [Fact("reach", sign.text, sign.tone, f"since {stamp(row.since)}" if row.since else "")]
    if row.message:
        reach.append(Fact("says", row.message, Tone.STRONG))
    if row.hint:
        reach.append(Fact("what to do", in_dashboard(row.hint), Tone.WARN))
    if row.retry_at:
        reach.append(_when("next try", row.retry_at, now))
    entered = row.reach is not Reach.NOT_CONNECTED
    reach += [] if not entered else [
        _when("complete at", row.synced_at, now),
        Fact("answers in", seconds(row.latency)),
        *([Fact("clock", row.clock, Tone.WARN)] if row.clock else []),
        Fact("clock", "–" if row.skew is None else f"{row.skew:+.1f} s", Tone.WARN if abs(row.skew or 0) > 60
             else Tone.PLAIN, "server minus this machine"),
    ]  # fmt: skip
    query = Query(cluster=row.name)
    holds = [
        Fact(area.value, str(len(session.view(area, query))))
        for area in (Area.ACCOUNTS, Area.REQUESTS, Area.CREDENTIALS)
    ]
    holds = holds if entered else [Fact("", "not read: it is not connected", Tone.MUTE)]
    holds += [Fact("not there", kind, Tone.MUTE) for kind in row.missing]
    return [
        Section(row.name, reach),
        *_apart(row, now),
        *(_delivered(row) if row.delivered is not None or row.same else []),
        Section("connection", [
            Fact("server", row.server or "–"),
            Fact("user", row.user or "–"),
            Fact("namespace", row.namespace),
            Fact("version", row.version or "–"),
            Fact("source", row.source),
        ]),
        Section("holds", holds),
        *_listed_in(row, session),
    ]  # fmt: skip


def _apart(row: ClusterRow, now: datetime) -> list[Section]:
    """What another cluster says of one that a person enters."""
    if row.apart is None:
        return []
    return row.apart.sort.details(
        row.apart, partial(relative, now=now), lambda found: Section("conditions", _conditions(found, now))
    )


def _delivered(row: ClusterRow) -> list[Section]:
    """Who leads to it, what is said of it there, and what else leads to the same server."""
    facts, said = [], row.delivered
    if said is not None:
        facts.append(Fact("delivered by", str(said.by), Tone.PLAIN, "it is connected with the login in that Secret"))
    if said is not None and said.phase:
        facts.append(Fact("phase", said.phase, Tone.GOOD if said.ready else Tone.WARN, said.says))
    facts += [Fact("same server as", name, Tone.MUTE) for name in row.same]
    if row.carried_by:
        facts.append(Fact("shown by", row.carried_by, Tone.MUTE, "what is in it is listed once"))
    return [Section("ways there", facts)]


def _account(row: AccountRow, session: Session) -> list[Section]:
    now = session.now(row)
    identity = row.identity
    issued = session.store.credentials_of(identity)
    about = [
        Fact("cluster", identity.cluster),
        Fact("namespace", identity.namespace),
        Fact("user name", identity.username),
        _when("created", row.created_at, now),
        Fact("uid", row.uid or "–", Tone.MUTE),
    ]
    labels = [Fact(key, value or "–") for key, value in sorted(row.labels.items())]
    sections = [Section(identity.name, about), Section("issued for it", _issued(issued, session))]
    return [*sections, Section("labels", labels)] if labels else sections


async def identity_section(row: AccountRow, session: Session) -> Section:
    """Whether an account is an identity, as `kubemint identity show` says it: read live, its rights included."""
    try:
        found = await session.engine.identity(row.identity)
    except (IssuanceError, KubeError, OSError) as error:
        message, hint = explain(error)
        return Section("identity", [Fact("not known", message, Tone.WARN, hint)])
    yes, no = ("✓ yes", Tone.GOOD), ("– no", Tone.MUTE)
    role = identity_role_name(row.identity)
    facts = [
        Fact("mints for itself", *(yes if found.mints else no),
             f"Role and RoleBinding {role}" if found.mints else f"Role and RoleBinding {role} do not exist"),
        Fact("made as one", *(yes if found.marked else no), f"label {IDENTITY_LABEL}, or {CREATOR_LABEL}"),
    ]  # fmt: skip
    now = session.now(row)
    for credential in found.tokens:
        sign = STATES[credential.state]
        age = f"{ago(credential.issued_at, now)} old" if credential.issued_at is not None else ""
        said = " · ".join(filter(None, (age, credential.message)))
        facts.append(Fact("token Secret", f"{credential.address.name}  {sign.text}", sign.tone, said))
    if not found.tokens:
        facts.append(Fact("token Secrets", "none", Tone.MUTE, "n i makes one, with a token file"))
    elif found.mints:
        facts.append(Fact("", "n m mints a short-lived token with one of them", Tone.MUTE))
    return Section("identity", facts)


def _issued(rows: list[CredentialRow], session: Session) -> list[Fact]:
    facts = []
    for row in rows[:40]:
        now = session.now(row)
        sign = STATES[state_of(row.credential, now)]
        facts.append(
            Fact(sign.text, credential_name(row), sign.tone, relative(row.credential.expires_at, now) or "no end")
        )
    if len(rows) > 40:
        facts.append(Fact("", f"and {len(rows) - 40} more", Tone.MUTE))
    return facts or [Fact("", "nothing that kubemint can see", Tone.MUTE)]


class _Around:
    """What a family asks of this screen to say how one of its requests stands."""

    def __init__(self, row: RequestRow, session: Session) -> None:
        self._row, self._session = row, session
        self.now, self.requests = session.now(row), session.store.requests

    @property
    def version(self) -> str:
        cluster = self._session.store.clusters.get(self._row.cluster)
        return cluster.version if cluster is not None else ""

    def ready(self, row: RequestRow) -> Fact:
        cell = ready(row)
        return Fact("ready", cell.drawn, cell.tone)

    def state(self, credential: Credential) -> Fact:
        sign = STATES[state_of(credential, self.now)]
        return Fact("state", sign.text, sign.tone)

    def when(self, label: str, at: datetime | None, tone: Tone = Tone.PLAIN) -> Fact:
        return _when(label, at, self.now, tone)

    def lifetime(self, credential: Credential) -> Fact:
        return Fact("lifetime", lifetime(credential.granted))

    def standing(self) -> list[Fact]:
        row = self._row
        cell, sign = ready(row), STATES[row.state_at(self.now)]
        of_ready = [one for one in row.conditions if one.type == "Ready"]
        since = of_ready[0].changed_at if of_ready else None
        said = next((one.message for one in of_ready if one.message), "")
        facts = [
            Fact("kind", row.kind.name),
            Fact("kept by", row.cluster),
            Fact("state", sign.text, sign.tone),
            Fact("ready", cell.drawn, cell.tone, f"since {stamp(since)}" if since else ""),
        ]
        return facts + ([Fact("says", said, Tone.STRONG if row.ready == "True" else cell.tone)] if said else [])

    def conditions(self) -> Section:
        found = _conditions(self._row.conditions, self.now)
        return Section("conditions", found or [Fact("", "none yet", Tone.MUTE)])

    def issued(self, credential: Credential) -> list[Fact]:
        return _stamps(credential, self.now, self._session)


def _request(row: RequestRow, session: Session) -> list[Section]:
    """What its family says of it; what every request says of itself, where that says nothing."""
    around = _Around(row, session)
    if row.kind.details is not None:
        return sections_in_dashboard(row.kind.details(row, around))
    said = {"type": row.type, "lifetime": row.duration, "account": row.account, "target": row.target,
            "secret": row.secret}  # fmt: skip
    facts = [*around.standing(), *(Fact(label, value) for label, value in said.items() if value)]
    sections = [Section(row.title, facts), around.conditions()]
    issued = row.credential
    return sections if issued is None else [*sections, Section("what was issued", around.issued(issued))]


def _listed_in(row: ClusterRow, session: Session) -> list[Section]:
    """Requests of a cluster that its own details list, under the titles that their kinds say."""
    sections: dict[str, list[Fact]] = {}
    found = [one for one in session.store.requests.values() if one.cluster == row.name and one.kind.line is not None]
    for request in sorted(found, key=lambda one: one.title):
        assert request.kind.line is not None
        line = request.kind.line(request, _Around(request, session))
        sections.setdefault(request.kind.section, []).append(line)
    return [Section(title, facts) for title, facts in sections.items()]


def _conditions(conditions: tuple[ConditionRow, ...], now: datetime) -> list[Fact]:
    return [
        Fact(condition.type, f"{'✓' if condition.status == 'True' else '✖' if condition.status == 'False' else '?'} "
             f"{condition.status} {condition.reason}",
             Tone.GOOD if condition.status == "True" else Tone.BAD if condition.status == "False" else Tone.WARN,
             " · ".join(filter(None, (condition.message, relative(condition.changed_at, now)))))
        for condition in conditions
    ]  # fmt: skip


def _credential(row: CredentialRow, session: Session, noted: date | None = None) -> list[Section]:
    now = session.now(row)
    credential = row.credential
    identity, shoot = credential.identity, credential.shoot
    about = [
        Fact("kind", kind_label(credential)),
        Fact("cluster", row.cluster or "–"),
        Fact("identity", f"{identity.namespace}/{identity.name}" if identity else "–"),
        *(
            [
                Fact("opens", f"{shoot.namespace}/{shoot.name}", Tone.PLAIN, f"a shoot of {shoot.garden}"),
                Fact("level", shoot.level.value),
            ]
            if shoot is not None
            else []
        ),
        Fact("format", credential.format.value if credential.format else "–"),
        Fact("audiences", ", ".join(credential.audiences) or "the API server's own"),
        Fact("kept in", short_path(credential.kept_in) or "–"),
        Fact("fingerprint", credential.fingerprint or "–", Tone.MUTE),
        Fact("handle", _handle(credential), Tone.PLAIN if credential.handle else Tone.MUTE),
        Fact("address", str(credential.address), Tone.MUTE),
    ]
    if row.stale:
        about.append(Fact("stale", "its cluster was lost; this is what was last known", Tone.WARN))
    long_lived = credential.address.kind.traits.own_handle
    stamps = (
        _long_lived(credential, now, _version(row, session), noted) if long_lived else _stamps(credential, now, session)
    )
    return [Section(credential_name(row), stamps), Section("about", about)]


def _version(row: CredentialRow, session: Session) -> str:
    cluster = session.store.clusters.get(row.cluster)
    return cluster.version if cluster is not None else ""


def _long_lived(credential: Credential, now: datetime, version: str, noted: date | None) -> list[Fact]:
    """A token that never expires: how old it is, when it was used, and what its cluster thinks of that."""
    sign = STATES[state_of(credential, now)]
    facts = [Fact("state", sign.text, sign.tone)]
    if credential.message and credential.invalid_since is None:
        facts.append(Fact("says", credential.message, Tone.WARN))
    used, invalid, use = credential.last_used, credential.invalid_since, token_use(credential, version, noted)
    facts += [
        Fact("expires", "never", Tone.WARN, "r makes a new one, in a Secret of a new name"),
        Fact("age", ago(credential.issued_at, now), Tone.PLAIN, f"since {stamp(credential.issued_at)}"),
        Fact("last used", _day(used, now) if used else use.words, Tone.PLAIN if used else Tone.MUTE, use.why),
    ]
    if use.invalidated_from is not None and use.deleted_from is not None:
        ends = f"invalidated from {use.invalidated_from:%Y-%m-%d} on, deleted from {use.deleted_from:%Y-%m-%d} on"
        note = "by the cluster's token cleaner, unless it is used before or a pod mounts it"
        facts.append(Fact("unused", ends, Tone.WARN, note))
    if invalid is not None:
        facts += [
            Fact("invalid since", _day(invalid, now), Tone.BAD, "its cluster refuses it: it was not used for a year"),
            Fact("deletion due", _day(token_secret_deletion_due(invalid), now), Tone.WARN,
                 "a year later by default"),
            Fact("what to do", ":reactivate makes it valid again; revoke it if it is not needed", Tone.WARN),
        ]  # fmt: skip
    return facts


def _day(day: date, now: datetime) -> str:
    """A day with how far away it is; the same day is today whatever the hour."""
    away = (day - now.date()).days
    said = "today" if away == 0 else f"in {count(away, 'day')}" if away > 0 else f"{count(-away, 'day')} ago"
    return f"{day:%Y-%m-%d}, {said}"


def _handle(credential: Credential) -> str:
    if credential.handle is None:
        return "none: it cannot be revoked on its own"
    return f"{credential.handle.namespace}/{credential.handle.name}"


def _stamps(credential: Credential, now: datetime, session: Session) -> list[Fact]:
    state = state_of(credential, now)
    sign = STATES[state]
    capped = (
        credential.requested is not None
        and credential.granted is not None
        and credential.requested - credential.granted > timedelta(seconds=1)
    )
    facts, loop = [Fact("state", sign.text, sign.tone)], session.loop_says(credential)
    if credential.message:
        facts.append(Fact("says", credential.message, Tone.BAD if state is State.FAILED else Tone.WARN))
    return [
        *facts,
        Fact("asked for", lifetime(credential.requested)),
        Fact("granted", lifetime(credential.granted), Tone.WARN if capped else Tone.PLAIN,
             "the server granted less than requested" if capped else ""),
        _when("issued", credential.issued_at, now),
        _when("renews", lifetimes.renews_at(credential), now),
        _when("expires", credential.expires_at, now, Tone.STRONG),
        *_alert(credential, session),
        *([Fact("renewal loop", loop, Tone.WARN if loop.startswith("left") else Tone.INFO)] if loop else []),
        *_undo(credential, session),
    ]  # fmt: skip


def _alert(credential: Credential, session: Session) -> list[Fact]:
    """Whether the user should look at it, and whether the user wants to hear of that."""
    alerts, address = session.alerts, credential.address
    if alerts is None:
        return []
    if alerts.is_snoozed(address):
        until = alerts.snoozed_until(address)
        return [Fact("alert", f"snoozed until {'it is renewed' if until is None else stamp(until)}", Tone.MUTE)]
    alert = alerts.active.get(address)
    if alert is None:
        return []
    words = {"ending": "in its alert window", "critical": "about to end", "failed": "a renewal failed"}
    return [Fact("alert", f"{words[alert.level.value]}; z snoozes it", Tone.WARN, alert.message)]


def _undo(credential: Credential, session: Session) -> list[Fact]:
    """Whether the rotation that made it can be undone, and how long."""
    window, now = session.undo_window(credential), session.clock()
    if window is None or window.until <= now:
        return []
    left = f"{human_left(window.until - now)} left"
    if window.kept:
        ends = f"then that is revoked, {stamp(window.until)}"
        return [Fact("undo", f"u goes back to the old one, {left}", Tone.INFO, ends)]
    return [
        Fact("undo", f"only from a file that holds the old one, {left}", Tone.MUTE,
             "`kubemint undo ADDRESS --from FILE`: another kubemint process rotated it")
    ]  # fmt: skip
