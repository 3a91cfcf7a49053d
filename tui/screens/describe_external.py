"""What there is to say about requests that others than DPF keep: pushes, external secrets, stores and CSI drivers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from tui.fleet.fields.requests import ready, request_name
from tui.fleet.moments import lifetime, relative, stamp
from tui.fleet.rows import ClusterRow, ConditionRow, RequestKind, RequestRow, request_key
from tui.fleet.signs import STATES, Tone
from tui.issuance import (
    Credential,
    ExternalView,
    PushView,
    StoreRef,
    StoreView,
    csi,
    format_duration,
    push_findings,
    state_of,
    store_findings,
)
from tui.widgets.facts import Fact, Section

from .session import Session

_KEEPERS = {True: "kubemint made it and keeps it", False: "someone else manages it; kubemint does not change its spec"}


def external_sections(row: RequestRow, session: Session) -> list[Section]:
    """The facts of such a row."""
    about = row.about
    match about:
        case PushView():
            sections = _push(row, about, session)
        case ExternalView():
            sections = _external(row, about, session)
        case StoreView():
            sections = _store(row, about, session)
        case csi.Driver():
            return _driver(row, about, session)
        case None:
            sections = [Section(request_name(row), _standing(row, session))]
    return [*sections, _conditions(row.conditions, session.now(row))]


def stores_of(row: ClusterRow, session: Session) -> list[Section]:
    """The stores of a cluster and how they stand; nothing where it has none."""
    found = [
        request
        for request in session.store.requests.values()
        if request.cluster == row.name and request.kind in (RequestKind.STORE, RequestKind.CLUSTER_STORE)
    ]
    return [Section("stores", [_store_line(request) for request in sorted(found, key=request_name)])] if found else []


def _standing(row: RequestRow, session: Session) -> list[Fact]:
    now = session.now(row)
    cell, sign = ready(row), STATES[row.state_at(now)]
    said = next((one.message for one in row.conditions if one.type == "Ready" and one.message), "")
    facts = [Fact("kind", row.kind.value), Fact("kept by", row.cluster), Fact("state", sign.text, sign.tone)]
    since = next((one.changed_at for one in row.conditions if one.type == "Ready"), None)
    facts.append(Fact("ready", cell.drawn, cell.tone, f"since {stamp(since)}" if since else ""))
    if said:
        facts.append(Fact("says", said, Tone.STRONG if row.ready == "True" else cell.tone))
    return facts


def _push(row: RequestRow, view: PushView, session: Session) -> list[Section]:
    now = session.now(row)
    credential = row.credential
    facts = _standing(row, session)
    if not row.ready:
        facts.append(Fact("waits", "no operator has looked at it yet: does External Secrets run, and is it the one "
                          "that the store names?", Tone.WARN))  # fmt: skip
    facts += [
        Fact("looks every", _every(view), Tone.PLAIN, "the source is not watched in between"),
        _when("last refresh", view.refreshed_at, now),
        _when("next refresh", view.next_at, now),
        Fact("on deletion", "takes the keys back" if view.deletes else "leaves the keys where they are"),
        Fact("kept", _KEEPERS[view.managed], Tone.MUTE),
    ]
    legacy = credential is not None and credential.address.kind.traits.own_handle
    granted = credential.granted if credential is not None else None
    findings = list(push_findings(view, lifetime=granted, legacy=legacy))
    return [
        Section(request_name(row), facts),
        *_warned(findings),
        Section("carries", _carried(row, credential, now)),
        Section("goes through", [_ref_line(row, ref, session) for ref in view.stores]
                or [Fact("", "it names no store", Tone.WARN)]),
        Section("keys", [*(Fact("", str(key)) for key in view.keys)] or [Fact("", "every key of the source")]),
        Section("lies in", [*(Fact("✓", text, Tone.GOOD) for text in view.synced)]
                or [Fact("", "nowhere yet", Tone.MUTE)]),
    ]  # fmt: skip


def _carried(row: RequestRow, credential: Credential | None, now: datetime) -> list[Fact]:
    facts = [Fact("source", f"Secret {row.secret}" if row.secret else "chosen by labels or made by a generator")]
    if credential is None:
        return [*facts, Fact("", "no credential that kubemint knows: when it ends cannot be said", Tone.MUTE)]
    identity = credential.identity
    sign = STATES[state_of(credential, now)]
    return [
        *facts,
        Fact("state", sign.text, sign.tone),
        Fact("speaks for", str(identity) if identity else "–"),
        Fact("lifetime", lifetime(credential.granted)),
        _when("renews", credential.rotate_at, now),
        _when("expires", credential.expires_at, now, Tone.STRONG),
        *([Fact("says", credential.message, sign.tone)] if credential.message else []),
        Fact("address", str(credential.address), Tone.MUTE),
    ]


def _external(row: RequestRow, view: ExternalView, session: Session) -> list[Section]:
    now = session.now(row)
    facts = [
        *_standing(row, session),
        Fact("fetches", ", ".join(view.keys) or "–"),
        Fact("into", f"Secret {row.secret}", Tone.PLAIN, f"creation policy {view.creation}"),
        Fact("looks every", _every(view)),
        _when("last refresh", view.refreshed_at, now),
        _when("next refresh", view.next_at, now),
        Fact("kept", _KEEPERS[view.managed], Tone.MUTE),
    ]
    return [
        Section(request_name(row), facts),
        Section("comes through", [_ref_line(row, ref, session) for ref in view.stores]),
    ]


def _store(row: RequestRow, view: StoreView, session: Session) -> list[Section]:
    facts = [
        *_standing(row, session),
        Fact("capabilities", view.capabilities or "–"),
        Fact("provider", view.provider or "–"),
        Fact("server", view.server or "–"),
        Fact("namespace there", view.remote_namespace or "–"),
        Fact("logs in with", view.login or "–"),
        Fact("trusts", view.trusts or "the system's authorities"),
        *([Fact("operator", view.controller)] if view.controller else []),
        Fact("kept", _KEEPERS[view.managed], Tone.MUTE),
    ]
    findings = list(store_findings(view, kind=row.kind.value, namespace=row.namespace))
    users = [
        Fact(other.kind.label, request_name(other), Tone.PLAIN, ready(other).drawn)
        for other in sorted(session.store.requests.values(), key=request_name)
        if _goes_through(other, row)
    ]
    return [
        Section(request_name(row), facts),
        *_warned(findings),
        Section("used by", users or [Fact("", "nothing that kubemint can see", Tone.MUTE)]),
    ]


def _driver(row: RequestRow, driver: csi.Driver, session: Session) -> list[Section]:
    cluster = session.store.clusters.get(row.cluster)
    cell = ready(row)
    facts = [
        Fact("kind", row.kind.value),
        Fact("cluster", row.cluster),
        Fact("token settings", cell.drawn, cell.tone),
        Fact("republish", "yes" if driver.republish else "no", Tone.PLAIN,
             "about once a minute, with renewed tokens where they are due" if driver.republish
             else "tokens are handed over at the mount alone"),
        Fact("handed over in", driver.handed_over_in, Tone.PLAIN,
             f"serviceAccountTokenInSecrets is {'unset' if driver.in_secrets is None else str(driver.in_secrets)}"),
        Fact("under", csi.TOKENS_KEY, Tone.MUTE),
    ]  # fmt: skip
    wishes = [
        Fact(wish.audience or "(own audience)", "1h, the default" if wish.seconds is None else _span(wish.seconds),
             Tone.PLAIN, "for the API server itself" if not wish.audience else "")
        for wish in driver.wishes
    ]  # fmt: skip
    problems = {str(problem) for problem in csi.validate(driver)}
    findings = csi.findings(driver, cluster.version if cluster is not None else "")
    known = [Fact("✖", text, Tone.BAD) if text in problems else Fact("!", text, Tone.WARN) for text in findings]
    sections = [Section(row.name, facts)]
    sections.append(Section("token requests", wishes or [Fact("", "none that the server kept", Tone.WARN)]))
    if known:
        sections.append(Section("findings", known))
    next_step = "enter shows what the driver is given for a pod; tokens are minted only when you say so"
    return [*sections, Section("preview", [Fact("", next_step, Tone.MUTE)])]


def _span(seconds: int) -> str:
    try:
        return format_duration(timedelta(seconds=seconds))
    except OverflowError:
        return f"{seconds} s"


def _conditions(found: Iterable[ConditionRow], now: datetime) -> Section:
    facts = [
        Fact(one.type, f"{'✓' if one.status == 'True' else '✖' if one.status == 'False' else '?'} "
             f"{one.status} {one.reason}",
             Tone.GOOD if one.status == "True" else Tone.BAD if one.status == "False" else Tone.WARN,
             " · ".join(filter(None, (one.message, relative(one.changed_at, now)))))
        for one in found
    ]  # fmt: skip
    return Section("conditions", facts or [Fact("", "none yet: nothing has looked at it", Tone.MUTE)])


def _ref_line(row: RequestRow, ref: StoreRef, session: Session) -> Fact:
    kind = RequestKind.CLUSTER_STORE if ref.kind == RequestKind.CLUSTER_STORE.value else RequestKind.STORE
    namespace = "" if kind is RequestKind.CLUSTER_STORE else row.namespace
    found = session.store.requests.get(request_key(kind, row.cluster, namespace, ref.name))
    if found is None:
        return Fact(kind.label, ref.name or "–", Tone.BAD, "is not there")
    return _store_line(found)


def _store_line(store: RequestRow) -> Fact:
    cell = ready(store)
    said = next((one.message for one in store.conditions if one.type == "Ready"), "")
    where = store.target or "–"
    about = store.about.capabilities if isinstance(store.about, StoreView) else ""
    return Fact(request_name(store), cell.drawn, cell.tone, " · ".join(filter(None, (about, where, said))))


def _goes_through(user: RequestRow, store: RequestRow) -> bool:
    if user.cluster != store.cluster:
        return False
    refs = user.about.stores if isinstance(user.about, PushView | ExternalView) else ()
    near = store.kind is RequestKind.CLUSTER_STORE or user.namespace == store.namespace
    return near and any(ref.name == store.name and ref.kind == store.kind.value for ref in refs)


def _warned(findings: list[str]) -> Iterator[Section]:
    if findings:
        yield Section("to know", [Fact("!", text, Tone.WARN) for text in findings])


def _every(view: PushView | ExternalView) -> str:
    if view.interval is None:
        return "cannot be read"
    return format_duration(view.interval) if view.interval else "never again"


def _when(label: str, at: datetime | None, now: datetime, tone: Tone = Tone.PLAIN) -> Fact:
    return Fact(label, stamp(at), tone if at else Tone.MUTE, relative(at, now))
