"""What there is to say about one object of External Secrets: a push, an external secret, or a store."""

from __future__ import annotations

from collections.abc import Iterator

from tui.issuance.model.durations import format_duration
from tui.issuance.model.facts import Fact, Section, Tone
from tui.issuance.model.requests import Around, RequestRow, request_key
from tui.issuance.objects.external_secrets import CLUSTER_STORES, STORES
from tui.issuance.users.external_views import (
    ExternalView,
    PushView,
    StoreRef,
    StoreView,
    push_findings,
    store_findings,
)

_KEEPERS = {True: "kubemint made it and keeps it", False: "someone else manages it; kubemint does not change its spec"}


def push(row: RequestRow, around: Around) -> list[Section]:
    """A PushSecret: how it stands, what it carries, through which stores, and where that lies."""
    view: PushView = row.about
    credential, facts = row.credential, around.standing()
    if not row.ready:
        facts.append(Fact("waits", "no operator has handled it yet: does External Secrets run, and is it the one "
                          "that the store names?", Tone.WARN))  # fmt: skip
    facts += [
        Fact("refreshes every", _every(view), Tone.PLAIN, "the source is not watched in between"),
        around.when("last refresh", view.refreshed_at),
        around.when("next refresh", view.next_at),
        Fact("on deletion", "takes the keys back" if view.deletes else "leaves the keys where they are"),
        Fact("kept", _KEEPERS[view.managed], Tone.MUTE),
    ]
    legacy = credential is not None and credential.address.kind.traits.own_handle
    granted = credential.granted if credential is not None else None
    return [
        Section(row.title, facts),
        *_warned(push_findings(view, lifetime=granted, legacy=legacy)),
        Section("carries", _carried(row, around)),
        Section("goes through", [_ref_line(row, ref, around) for ref in view.stores]
                or [Fact("", "it names no store", Tone.WARN)]),
        Section("keys", [*(Fact("", str(key)) for key in view.keys)] or [Fact("", "every key of the source")]),
        Section("lies in", [*(Fact("✓", text, Tone.GOOD) for text in view.synced)]
                or [Fact("", "nowhere yet", Tone.MUTE)]),
        around.conditions(),
    ]  # fmt: skip


def _carried(row: RequestRow, around: Around) -> list[Fact]:
    credential = row.credential
    source = Fact("source", f"Secret {row.secret}" if row.secret else "chosen by labels or made by a generator")
    if credential is None:
        return [source, Fact("", "no credential that kubemint knows: its expiry is not known", Tone.MUTE)]
    state = around.state(credential)
    return [
        source,
        state,
        Fact("identity", str(credential.identity or "–")),
        around.lifetime(credential),
        around.when("renews", credential.rotate_at),
        around.when("expires", credential.expires_at, Tone.STRONG),
        *([Fact("says", credential.message, state.tone)] if credential.message else []),
        Fact("address", str(credential.address), Tone.MUTE),
    ]


def external(row: RequestRow, around: Around) -> list[Section]:
    """An ExternalSecret: what it fetches, through which stores."""
    view: ExternalView = row.about
    facts = [
        *around.standing(),
        Fact("fetches", ", ".join(view.keys) or "–"),
        Fact("into", f"Secret {row.secret}", Tone.PLAIN, f"creation policy {view.creation}"),
        Fact("refreshes every", _every(view)),
        around.when("last refresh", view.refreshed_at),
        around.when("next refresh", view.next_at),
        Fact("kept", _KEEPERS[view.managed], Tone.MUTE),
    ]
    return [
        Section(row.title, facts),
        Section("comes through", [_ref_line(row, ref, around) for ref in view.stores]),
        around.conditions(),
    ]


def store(row: RequestRow, around: Around) -> list[Section]:
    """A SecretStore or a ClusterSecretStore: where it leads, with what, and who goes through it."""
    view: StoreView = row.about
    facts = [
        *around.standing(),
        Fact("capabilities", view.capabilities or "–"),
        Fact("provider", view.provider or "–"),
        Fact("server", view.server or "–"),
        Fact("namespace there", view.remote_namespace or "–"),
        Fact("logs in with", view.login or "–"),
        Fact("trusts", view.trusts or "the system's authorities"),
        *([Fact("operator", view.controller)] if view.controller else []),
        Fact("kept", _KEEPERS[view.managed], Tone.MUTE),
    ]
    users = [
        Fact(other.kind.label, other.title, Tone.PLAIN, around.ready(other).value)
        for other in sorted(around.requests.values(), key=lambda one: one.title)
        if _goes_through(other, row)
    ]
    return [
        Section(row.title, facts),
        *_warned(store_findings(view, kind=row.kind.name, namespace=row.namespace)),
        Section("used by", users or [Fact("", "nothing that kubemint can see", Tone.MUTE)]),
        around.conditions(),
    ]


def store_line(row: RequestRow, around: Around) -> Fact:
    """A store in one line: how it stands, and where it leads."""
    ready = around.ready(row)
    said = next((one.message for one in row.conditions if one.type == "Ready"), "")
    about = row.about.capabilities if isinstance(row.about, StoreView) else ""
    return Fact(row.title, ready.value, ready.tone, " · ".join(filter(None, (about, row.target or "–", said))))


def _ref_line(row: RequestRow, ref: StoreRef, around: Around) -> Fact:
    wide = ref.kind == CLUSTER_STORES.kind
    kind, namespace = (CLUSTER_STORES, "") if wide else (STORES, row.namespace)
    found = around.requests.get(request_key(kind.kind, row.cluster, namespace, ref.name))
    if found is None:
        return Fact("cluster store" if wide else "store", ref.name or "–", Tone.BAD, "is not there")
    return store_line(found, around)


def _goes_through(user: RequestRow, store: RequestRow) -> bool:
    if user.cluster != store.cluster:
        return False
    refs = user.about.stores if isinstance(user.about, PushView | ExternalView) else ()
    near = not store.namespace or user.namespace == store.namespace
    return near and any(ref.name == store.name and ref.kind == store.kind.name for ref in refs)


def _warned(findings: Iterator[str]) -> Iterator[Section]:
    facts = [Fact("!", text, Tone.WARN) for text in findings]
    if facts:
        yield Section("to know", facts)


def _every(view: PushView | ExternalView) -> str:
    if view.interval is None:
        return "cannot be read"
    return format_duration(view.interval) if view.interval else "never again"
