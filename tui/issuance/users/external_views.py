"""What the objects of the External Secrets Operator ask for and say of themselves, in whichever version they came.

    view = push_view(obj)          # a PushSecret: what it carries, through which stores, how that went
    for text in push_findings(view, lifetime=timedelta(hours=1)): …

Anybody may write such objects: what is missing or mangled gives empty fields, never an exception. Never any material.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from tui.issuance.errors import UsageError
from tui.issuance.model.durations import parse_go_duration
from tui.issuance.model.requests import Stamp
from tui.issuance.objects import managed
from tui.issuance.objects.external_secrets import CLUSTER_STORES, STORES, gap

HOUR: Final = timedelta(hours=1)
"""The operator's own refresh interval where an object names none."""

_KEEPS: Final = "IfNotExists"


class StoreRef(msgspec.Struct, frozen=True):
    """Which store an object goes through."""

    name: str = ""
    kind: str = STORES.kind

    def __str__(self) -> str:
        return self.name if self.kind == STORES.kind else f"{self.kind} {self.name}"


class PushedKey(msgspec.Struct, frozen=True):
    """One entry of a PushSecret: a key of the source (empty: all of it), and where it goes."""

    key: str
    remote: str
    property: str = ""

    def __str__(self) -> str:
        to = f"{self.remote} [{self.property}]" if self.property else self.remote
        return f"{self.key or 'every key'} → {to}"


class PushView(msgspec.Struct, frozen=True, kw_only=True):
    """A PushSecret."""

    source: str = ""
    """The Secret it takes from; empty where a selector or a generator stands there."""
    chooses: tuple[tuple[str, str], ...] | None = None
    """In the place of a name: labels of the Secrets that it takes from, which may have to fulfil other wishes too."""
    stores: tuple[StoreRef, ...] = ()
    keys: tuple[PushedKey, ...] = ()
    interval: timedelta | None = HOUR
    """None where it cannot be read; zero pushes once."""
    never: str = ""
    """Why a change of the source never arrives, in words; empty where it does."""
    keeps: bool = False
    """Whether it never writes over what is there already (updatePolicy IfNotExists)."""
    template: bool = False
    """Whether a template makes the remote Secret, instead of a copy of the source's type and annotations."""
    deletes: bool = False
    """Whether deleting it takes back what was pushed."""
    refreshed_at: datetime | None = None
    synced: tuple[str, ...] = ()
    """What it says lies in the stores: `store: secret/key`."""
    managed: bool = False

    @property
    def next_at(self) -> datetime | None:
        """When the operator looks at the source again; None where it does not, or never has."""
        return _next(self.refreshed_at, self.interval)

    def may_take(self, secret: str, labels: Mapping[str, str] | None) -> bool:
        """Whether it takes from this Secret, as far as that can be told; `labels` None: they could not be read."""
        if self.chooses is None:
            return self.source == secret
        return labels is None or all(labels.get(key) == value for key, value in self.chooses)


class Entry(msgspec.Struct, frozen=True):
    """One entry of an ExternalSecret: the Secret (and its key) that it fetches, and from which store."""

    store: StoreRef
    key: str = ""
    """Empty: whatever it finds there, by names or labels."""

    def names(self, secret: str) -> bool:
        """Whether it is this Secret that it asks for, by its name."""
        return self.key.partition("/")[0] == secret


class ExternalView(msgspec.Struct, frozen=True, kw_only=True):
    """An ExternalSecret: what is fetched, from where, into which Secret."""

    store: StoreRef = StoreRef()
    """What its entries go through, but for those that name another store."""
    target: str = ""
    entries: tuple[Entry, ...] = ()
    interval: timedelta | None = HOUR
    """None where it cannot be read; zero where what was fetched is never fetched again by itself."""
    never: str = ""
    """Why a change of the source never arrives, in words; empty where it does."""
    refreshed_at: datetime | None = None
    creation: str = "Owner"
    managed: bool = False

    @property
    def keys(self) -> tuple[str, ...]:
        """What is fetched by its name."""
        return tuple(entry.key for entry in self.entries if entry.key)

    @property
    def stores(self) -> tuple[StoreRef, ...]:
        """Every store that it goes through."""
        return tuple(dict.fromkeys(entry.store for entry in self.entries)) or (self.store,)

    @property
    def next_at(self) -> datetime | None:
        """When it is fetched anew."""
        return _next(self.refreshed_at, self.interval)


class StoreView(msgspec.Struct, frozen=True, kw_only=True):
    """A SecretStore or ClusterSecretStore. Only the Kubernetes provider is understood; others have just their name."""

    provider: str = ""
    server: str = ""
    remote_namespace: str = ""
    login: str = ""
    """What it logs in with, for people."""
    secret: str = ""
    """`namespace/name` (or just `name`) of the Secret that it logs in with."""
    trusts: str = ""
    """Where the server's authority comes from; empty: the system's."""
    ca_kind: str = ""
    """What its caProvider leads to, `Secret` or `ConfigMap`; empty without one."""
    ca_namespace: str = ""
    capabilities: str = ""
    controller: str = ""
    """Which of several operators is meant."""
    managed: bool = False


def push_view(obj: Mapping[str, Any]) -> PushView:
    """A PushSecret as a server gave it."""
    spec, status = _part(obj, "spec"), _part(obj, "status")
    keys = []
    for entry in _list(spec, "data"):
        match = _part(entry, "match")
        remote = _part(match, "remoteRef")
        keys.append(PushedKey(_text(match, "secretKey"), _text(remote, "remoteKey"), _text(remote, "property")))
    synced = [
        f"{store}: {entry}"
        for store, entries in sorted(_part(status, "syncedPushSecrets").items())
        for entry in (sorted(entries) if isinstance(entries, Mapping) else ())
    ]
    secret = _part(_part(spec, "selector"), "secret")
    never, interval = _never_pushed(spec)
    return PushView(
        source=_text(secret, "name"),
        chooses=_chosen(secret),
        stores=tuple(_store(entry) for entry in _list(spec, "secretStoreRefs")),
        keys=tuple(keys),
        interval=interval,
        never=never,
        keeps=spec.get("updatePolicy") == _KEEPS,
        template=isinstance(spec.get("template"), Mapping),
        deletes=spec.get("deletionPolicy") == "Delete",
        refreshed_at=_time(status, "refreshTime"),
        synced=tuple(map(str, synced)),
        managed=managed.is_managed(obj),
    )


def external_view(obj: Mapping[str, Any]) -> ExternalView:
    """An ExternalSecret as a server gave it."""
    spec, status = _part(obj, "spec"), _part(obj, "status")
    store, entries = _store(_part(spec, "secretStoreRef")), []
    for entry in _list(spec, "dataFrom"):
        key = _text(_part(entry, "extract"), "key")
        if key or _part(entry, "find"):
            entries.append(Entry(_store_of(entry, store), key))
    for entry in _list(spec, "data"):
        remote = _part(entry, "remoteRef")
        key = "/".join(filter(None, (_text(remote, "key"), _text(remote, "property"))))
        if key:
            entries.append(Entry(_store_of(entry, store), key))
    target = _part(spec, "target")
    interval = _interval(spec)
    never = _never_fetched(spec.get("refreshPolicy"), interval, immutable=target.get("immutable") is True)
    return ExternalView(
        store=store,
        target=_text(target, "name") or _text(_part(obj, "metadata"), "name"),
        entries=tuple(entries),
        interval=timedelta(0) if never and interval is not None else interval,
        never=never,
        refreshed_at=_time(status, "refreshTime"),
        creation=_text(target, "creationPolicy") or "Owner",
        managed=managed.is_managed(obj),
    )


def store_view(obj: Mapping[str, Any]) -> StoreView:
    """A SecretStore or ClusterSecretStore as a server gave it."""
    spec = _part(obj, "spec")
    providers = _part(spec, "provider")
    kubernetes = _part(providers, "kubernetes")
    server = _part(kubernetes, "server")
    login, secret = _login(kubernetes)
    ca = _part(server, "caProvider")
    return StoreView(
        provider=next(iter(providers), ""),
        server=_text(server, "url") or ("kubernetes.default" if kubernetes else ""),
        remote_namespace=_text(kubernetes, "remoteNamespace") or ("default" if kubernetes else ""),
        login=login,
        secret=secret,
        trusts=f"{_text(ca, 'type') or 'Secret'} {_named(ca)}, key {_text(ca, 'key')}" if ca else (
            "given in the store itself" if server.get("caBundle") else ""
        ),
        ca_kind=_text(ca, "type") or ("Secret" if ca else ""),
        ca_namespace=_text(ca, "namespace"),
        capabilities=_text(_part(obj, "status"), "capabilities"),
        controller=_text(spec, "controller"),
        managed=managed.is_managed(obj),
    )  # fmt: skip


def push_findings(view: PushView, *, lifetime: timedelta | None = None, legacy: bool = False) -> Iterator[str]:
    """What to know about a PushSecret; `lifetime` is that of the credential it carries, `legacy` a token Secret's."""
    if lifetime is not None and view.keeps:
        yield (
            f"it never writes over what is there already (updatePolicy {_KEEPS}): a renewed credential never arrives, "
            "not even when kubemint announces it"
        )
    elif lifetime is not None and view.interval is not None:
        if not view.interval:
            yield "it pushes once: a renewed credential never arrives, unless kubemint announces it"
        elif text := gap(view.interval, lifetime):
            yield text
    if legacy and not view.template:
        yield (
            "it copies a token Secret as it is: the other cluster's token controller deletes such a copy at once, "
            "or fills it with an authority of its own; a template of type Opaque prevents that"
        )
    whole = [key for key in view.keys if key.key and not key.property]
    if whole:
        yield f"the Kubernetes provider refuses {whole[0]}: a single key needs a property"
    for (remote, part), keys in _doubled(view.keys).items():
        where = f"{remote} [{part}]" if part else f"all of {remote}"
        named = " and ".join(key or "every key" for key in keys)
        yield f"{named} are pushed to one place, {where}: the last one written stays"
    if not view.deletes and view.keys:
        yield "deletionPolicy is None: what was pushed stays in the other cluster when this is deleted"


def _doubled(keys: Iterable[PushedKey]) -> dict[tuple[str, str], list[str]]:
    """The places that more than one entry writes, each with the keys that go there."""
    places: dict[tuple[str, str], list[str]] = {}
    for key in keys:
        places.setdefault((key.remote, key.property), []).append(key.key)
    return {place: found for place, found in places.items() if len(found) > 1}


def store_findings(view: StoreView, *, kind: str, namespace: str = "") -> Iterator[str]:
    """What to know about a store's settings before the operator says so, or where it does not."""
    if view.provider != "kubernetes":
        return
    if not view.login:
        yield "it names no way to log in"
    if not view.trusts:
        yield "no authority is given: the operator trusts the system's, which a cluster's own is seldom among"
    named = "/" in view.secret
    if kind == CLUSTER_STORES.kind and view.secret and not named:
        yield "its Secret is named without a namespace: each user's own namespace counts, and it is never checked"
    if kind == STORES.kind and named and not view.secret.startswith(f"{namespace}/"):
        yield "its Secret is in another namespace, which a SecretStore may not reference"
    if kind == CLUSTER_STORES.kind and view.ca_kind and not view.ca_namespace:
        yield f"its caProvider names a {view.ca_kind} without a namespace, which a ClusterSecretStore needs"
    if kind == STORES.kind and view.ca_namespace:
        yield "its caProvider names a namespace, which a SecretStore may not: the operator refuses the store"


def _never_fetched(policy: object, interval: timedelta | None, *, immutable: bool) -> str:
    """Why a change of what was fetched never arrives by itself. `Periodic` is what counts where nothing is said."""
    if immutable:
        return "fetched it into a Secret that it never changes (immutable)"
    if policy == "OnChange":
        return "fetches it again only when it is changed itself (refreshPolicy OnChange)"
    if policy not in (None, "", "Periodic", "CreatedOnce"):
        return "has a refreshPolicy that kubemint does not know, and may never fetch it again"
    if interval is None:
        return "has a refreshInterval that cannot be read"
    return "fetches it only once" if policy == "CreatedOnce" or not interval else ""


def _never_pushed(spec: Mapping[str, Any]) -> tuple[str, timedelta | None]:
    """The same for what is pushed, with how often it is looked at."""
    interval = _interval(spec)
    if spec.get("updatePolicy") == _KEEPS:
        return f"never writes over what is there already (updatePolicy {_KEEPS})", timedelta(0)
    return "" if interval else "pushes it only once, or has a refreshInterval that cannot be read", interval


def _chosen(secret: Mapping[str, Any]) -> tuple[tuple[str, str], ...] | None:
    """What a PushSecret's label selector asks for, None where it has none; newer versions have one beside the name."""
    selector = secret.get("selector")
    if not isinstance(selector, Mapping) or _text(secret, "name"):
        return None
    asked = _part(selector, "matchLabels")
    return tuple(sorted((key, value) for key, value in asked.items() if isinstance(value, str)))


def _login(kubernetes: Mapping[str, Any]) -> tuple[str, str]:
    auth = _part(kubernetes, "auth")
    if cert := _part(auth, "cert"):
        secret = _named(_part(cert, "clientCert"))
        return f"client certificate in Secret {secret}", secret
    if token := _part(auth, "token"):
        secret = _named(_part(token, "bearerToken"))
        return f"token in Secret {secret}", secret
    if account := _part(auth, "serviceAccount"):
        return f"service account {_named(account)}", ""
    if config := _part(kubernetes, "authRef"):
        secret = _named(config)
        return f"kubeconfig in Secret {secret}", secret
    return "", ""


def _named(reference: Mapping[str, Any]) -> str:
    return "/".join(filter(None, (_text(reference, "namespace"), _text(reference, "name"))))


def _store(reference: Any) -> StoreRef:
    found = reference if isinstance(reference, Mapping) else {}
    labels = _part(_part(found, "labelSelector"), "matchLabels")
    chosen = ",".join(f"{key}={value}" for key, value in sorted(labels.items()))
    return StoreRef(_text(found, "name") or chosen, _text(found, "kind") or STORES.kind)


def _store_of(entry: Any, usual: StoreRef) -> StoreRef:
    """The store of one entry: its own, where it names one."""
    own = _part(_part(entry, "sourceRef"), "storeRef")
    return _store(own) if own else usual


def _interval(spec: Mapping[str, Any]) -> timedelta | None:
    text = _text(spec, "refreshInterval")
    if not text:
        return HOUR
    try:
        return timedelta(0) if text == "0" else parse_go_duration(text)
    except UsageError:
        return None


def _next(refreshed: datetime | None, interval: timedelta | None) -> datetime | None:
    return refreshed + interval if refreshed is not None and interval else None


def _time(part: Mapping[str, Any], key: str) -> datetime | None:
    try:
        return msgspec.convert(part.get(key), Stamp | None)
    except msgspec.ValidationError:
        return None


def _part(part: Any, key: str) -> Mapping[str, Any]:
    found = part.get(key) if isinstance(part, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def _list(part: Mapping[str, Any], key: str) -> list[Any]:
    found = part.get(key)
    return found if isinstance(found, list) else []


def _text(part: Mapping[str, Any], key: str) -> str:
    found = part.get(key)
    return found if isinstance(found, str) else ""
