"""What there is to say about one row, as sections of facts. Everything but the material itself."""

from __future__ import annotations

from datetime import datetime, timedelta

from tui.fleet.query import Query
from tui.fleet.rows import AccountRow, ClusterRow, CredentialRow, RequestRow, Row
from tui.fleet.store import Area
from tui.issuance.countdown import human_left
from tui.issuance.renewal import state_of
from tui.issuance.types import KIND_LABELS, Credential, State
from tui.widgets.facts import Fact, Section
from tui.widgets.moments import lifetime, relative, seconds, stamp
from tui.widgets.names import credential_name, short_path
from tui.widgets.signs import REACHES, STATES, Tone

from .session import Session


def describe(row: Row, session: Session) -> list[Section]:
    """The facts of any row."""
    if isinstance(row, ClusterRow):
        return _cluster(row, session)
    if isinstance(row, AccountRow):
        return _account(row, session)
    if isinstance(row, RequestRow):
        return _request(row, session)
    return _credential(row, session)


def title_of(row: Row) -> str:
    """What a row is called in breadcrumbs and dialogs."""
    if isinstance(row, ClusterRow):
        return row.name
    if isinstance(row, AccountRow):
        return f"{row.identity.namespace}/{row.identity.name}"
    if isinstance(row, RequestRow):
        return f"{row.namespace}/{row.name}"
    return credential_name(row)


def _when(label: str, at: datetime | None, now: datetime, tone: Tone = Tone.PLAIN) -> Fact:
    return Fact(label, stamp(at), tone if at else Tone.MUTE, relative(at, now))


def _cluster(row: ClusterRow, session: Session) -> list[Section]:
    now = session.now()
    sign = REACHES[row.reach]
    reach = [Fact("reach", sign.text, sign.tone, f"since {stamp(row.since)}" if row.since else "")]
    if row.message:
        reach.append(Fact("says", row.message, Tone.STRONG))
    if row.hint:
        reach.append(Fact("what to do", row.hint, Tone.WARN))
    if row.retry_at:
        reach.append(_when("next try", row.retry_at, now))
    reach += [
        _when("complete at", row.synced_at, now),
        Fact("answers in", seconds(row.latency)),
        Fact("clock", "–" if row.skew is None else f"{row.skew:+.1f} s", Tone.WARN if abs(row.skew or 0) > 60
             else Tone.PLAIN, "server minus this machine"),
    ]  # fmt: skip
    query = Query(cluster=row.name)
    holds = [
        Fact(area.value, str(len(session.view(area, query))))
        for area in (Area.ACCOUNTS, Area.REQUESTS, Area.CREDENTIALS)
    ]
    holds += [Fact("not there", kind, Tone.MUTE) for kind in row.missing]
    return [
        Section(row.name, reach),
        Section("connection", [
            Fact("server", row.server or "–"),
            Fact("user", row.user or "–"),
            Fact("namespace", row.namespace),
            Fact("version", row.version or "–"),
            Fact("source", row.source),
        ]),
        Section("holds", holds),
    ]  # fmt: skip


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


def _request(row: RequestRow, session: Session) -> list[Section]:
    now = session.now(row)
    wish = [
        Fact("kind", row.kind),
        Fact("kept by", row.cluster),
        Fact("type", row.type or "–"),
        Fact("lifetime", row.duration or "the server's default (1h)"),
        Fact("account", row.service_account or "–"),
        Fact("target", row.target or "the cluster that keeps it"),
        Fact("secret", row.secret or "–"),
        _when("created", row.created_at, now),
    ]
    conditions = [
        Fact(condition.type, f"{'✓' if condition.status == 'True' else '✖' if condition.status == 'False' else '?'} "
             f"{condition.status} {condition.reason}",
             Tone.GOOD if condition.status == "True" else Tone.BAD if condition.status == "False" else Tone.WARN,
             " · ".join(filter(None, (condition.message, relative(condition.changed_at, now)))))
        for condition in row.conditions
    ]  # fmt: skip
    sections = [Section(f"{row.namespace}/{row.name}", wish)]
    sections.append(Section("conditions", conditions or [Fact("", "none yet: nothing has looked at it", Tone.MUTE)]))
    if row.credential is not None:
        sections.append(Section("what was issued", _stamps(row.credential, now, session)))
    else:
        sections.append(Section("what was issued", [Fact("", "nothing yet; r issues it", Tone.MUTE)]))
    return sections


def _credential(row: CredentialRow, session: Session) -> list[Section]:
    now = session.now(row)
    credential = row.credential
    identity = credential.identity
    about = [
        Fact("kind", KIND_LABELS[credential.address.kind]),
        Fact("cluster", row.cluster or "–"),
        Fact("speaks for", f"{identity.namespace}/{identity.name}" if identity else "–"),
        Fact("format", credential.format.value if credential.format else "–"),
        Fact("audiences", ", ".join(credential.audiences) or "the API server's own"),
        Fact("kept in", short_path(credential.kept_in) or "–"),
        Fact("fingerprint", credential.fingerprint or "–", Tone.MUTE),
        Fact("handle", _handle(credential), Tone.PLAIN if credential.handle else Tone.MUTE),
        Fact("address", str(credential.address), Tone.MUTE),
    ]
    if row.stale:
        about.append(Fact("stale", "its cluster was lost; this is what was last known", Tone.WARN))
    return [Section(credential_name(row), _stamps(credential, now, session)), Section("about", about)]


def _handle(credential: Credential) -> str:
    if credential.handle is None:
        return "none: this one cannot be revoked by itself"
    return f"{credential.handle.namespace}/{credential.handle.name}"


def _stamps(credential: Credential, now: datetime, session: Session) -> list[Fact]:
    state = state_of(credential, now)
    sign = STATES[state]
    capped = (
        credential.requested is not None
        and credential.granted is not None
        and credential.requested - credential.granted > timedelta(seconds=1)
    )
    facts = [Fact("state", sign.text, sign.tone)]
    if credential.message:
        facts.append(Fact("says", credential.message, Tone.BAD if state is State.FAILED else Tone.WARN))
    return [
        *facts,
        Fact("asked for", lifetime(credential.requested)),
        Fact("granted", lifetime(credential.granted), Tone.WARN if capped else Tone.PLAIN,
             "the server gave less than asked" if capped else ""),
        _when("issued", credential.issued_at, now),
        _when("renews", credential.rotate_at, now),
        _when("expires", credential.expires_at, now, Tone.STRONG),
        *_loop(credential, session),
        *_undo(credential, session),
    ]  # fmt: skip


def _loop(credential: Credential, session: Session) -> list[Fact]:
    says = session.loop_says(credential)
    return [Fact("renewal loop", says, Tone.WARN if says.startswith("left") else Tone.INFO)] if says else []


def _undo(credential: Credential, session: Session) -> list[Fact]:
    """Whether the rotation that made it can be undone, and how long."""
    window, now = session.undo_window(credential), session.clock()
    if window is None or window.until <= now:
        return []
    left = f"{human_left(window.until - now)} left"
    if window.kept:
        return [
            Fact(
                "undo",
                f"u goes back to the one before, {left}",
                Tone.INFO,
                f"then that is revoked, {stamp(window.until)}",
            )
        ]
    return [
        Fact("undo", f"only from a file that still holds the one before, {left}", Tone.MUTE,
             "kubemint undo ADDRESS --from FILE: another kubemint rotated it, and this one never had that token")
    ]  # fmt: skip
