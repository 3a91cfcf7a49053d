"""Requests as lists show them: lasting wishes for credentials kept in clusters, and the stores that they go through.

A family reads its objects into rows and says all that a list has to know of their kind. Rows hold stamps, never
countdowns: what is left is computed from the time when a row is drawn or printed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Annotated, Any, Final, Protocol

import msgspec

from tui.issuance.model.facts import Fact, Section, Tone
from tui.issuance.model.kinds import CredentialKind
from tui.issuance.model.renewal import state_of
from tui.issuance.model.types import Address, Credential, State
from tui.kube.resource import Resource
from tui.kube.text import safe_text

Stamp = Annotated[datetime, msgspec.Meta(tz=True)]


class ConditionRow(msgspec.Struct, frozen=True, kw_only=True):
    """One condition of a status."""

    type: str = ""
    status: str = "Unknown"
    reason: str = ""
    message: str = ""
    changed_at: Stamp | None = msgspec.field(name="lastTransitionTime", default=None)


class RequestRow(msgspec.Struct, frozen=True, kw_only=True):
    """One request, or a store that requests go through."""

    cluster: str
    namespace: str
    name: str
    kind: RequestKind
    uid: str = ""
    type: str = ""
    """What is wanted: a format, a number of keys, audiences, or which provider."""
    duration: str = ""
    service_account: str = ""
    """`namespace/name` in the target cluster."""
    target: str = ""
    """Where it leads: another cluster, a store, a server. Empty for the cluster that holds the request."""
    secret: str = ""
    """`namespace/name` of the Secret it keeps, takes from, or logs in with."""
    ready: str = ""
    """Status of the condition Ready: True, False, Unknown, or empty where there is none yet."""
    reason: str = ""
    """Its reason, where the kind has telling ones."""
    conditions: tuple[ConditionRow, ...] = ()
    created_at: datetime | None = None
    deleted_at: datetime | None = None
    """Since when it is to go, where something has to be cleaned up before."""
    next_at: datetime | None = None
    """When it is looked at anew, where that follows no credential."""
    credential: Credential | None = None
    """What was issued for it, or what it carries."""
    labels: dict[str, str] = {}
    about: Any = None
    """What else its object says, which only its family reads."""

    @property
    def place(self) -> str:
        """`namespace/name`; what lies in no namespace has none in its name."""
        return f"{self.namespace}/{self.name}" if self.namespace else self.name

    @property
    def title(self) -> str:
        """The same as lists call it, safe for a terminal."""
        return safe_text(self.place, 300)

    @property
    def account(self) -> str:
        """Whose credential it is about: the account that is asked for, or that of what is carried."""
        identity = self.credential.identity if self.credential is not None else None
        return self.service_account or (f"{identity.namespace}/{identity.name}" if identity else "")

    @property
    def key(self) -> str:
        place = f"{self.cluster}/{self.namespace}/{self.name}"
        return place if self.kind.address is not None else f"{self.kind.name}:{place}"

    @property
    def address(self) -> Address | None:
        """What the engine knows it by, where what is issued for it has its address."""
        kind = self.kind.address
        return Address(kind, self.cluster, self.namespace, self.name) if kind is not None else None

    def state_at(self, now: datetime) -> State:
        """What is wrong with the request itself comes first, then how its credential stands."""
        if self.kind.address is None and (self.ready != "True" or self.credential is None):
            return _STATE_OF_READY.get(self.ready, State.UNKNOWN)
        return State.PENDING if self.credential is None else state_of(self.credential, now)


_STATE_OF_READY: Final = {"True": State.VALID, "False": State.FAILED, "": State.PENDING}


class Around(Protocol):
    """What a family asks of whoever shows details of one of its rows."""

    @property
    def now(self) -> datetime:
        """The time of the row's cluster."""

    @property
    def version(self) -> str:
        """That of the cluster's server; empty where it is not known."""

    @property
    def requests(self) -> Mapping[str, RequestRow]:
        """Every request of the fleet by its key."""

    def ready(self, row: RequestRow) -> Fact:
        """How a list says whether it is ready."""

    def lifetime(self, credential: Credential) -> Fact:
        """How long it lives from its issue."""

    def state(self, credential: Credential) -> Fact:
        """How a list says how this stands."""

    def when(self, label: str, at: datetime | None, tone: Tone = Tone.PLAIN) -> Fact:
        """An instant, and how far away it is."""

    def standing(self) -> list[Fact]:
        """What every request says of itself: kind, cluster, state, and whether it is ready."""

    def conditions(self) -> Section:
        """Its conditions."""

    def issued(self, credential: Credential) -> list[Fact]:
        """How a credential stands, when it ends, and who renews it."""


class Renewing(msgspec.Struct, frozen=True):
    """How a request is renewed that carries what another client keeps."""

    wish: Callable[[RequestRow], msgspec.Struct]
    """The wish for it, which the registry lists in its family's line."""
    mark: Callable[[datetime], str]
    """The annotation `key=value` that makes its operator look at it at once."""


class RequestKind(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """A kind of objects that are requests, followed in every cluster. Each is one value of its family's `listing`."""

    resource: Resource
    title: str
    """What people call it, in the plural."""
    label: str
    """What a narrow column calls it."""
    read: Callable[[str, Mapping[str, Any]], RequestRow | None]
    """The row of an object of a cluster, whatever somebody wrote into it. None: it asks for nothing."""
    details: Callable[[RequestRow, Around], list[Section]] | None = None
    """What there is to say about one; None: what every request says of itself."""
    address: CredentialKind | None = None
    """What begins the address of a credential that is issued for one, and is listed as such too; None where it has
    none of its own."""
    carries: bool = False
    """Whether it shows the credential that another client keeps in its `secret`."""
    renewing: Renewing | None = None
    """How one is renewed that has no address."""
    kept_by: Callable[[RequestRow, Iterable[RequestRow], datetime], str] = lambda row, others, now: ""
    """What shows at a time that a controller keeps it; empty where nothing does. `others` are those of its cluster."""
    within: str = ""
    """What a list says where one leads to no other cluster."""
    enter: str = "details"
    """The action that begins when a row is opened."""
    section: str = ""
    """Under which title the details of a cluster list those of it, with a `line` each; empty: they do not."""
    line: Callable[[RequestRow, Around], Fact] | None = None
    unserved: str = ""
    """What it means that a server does not know this kind; empty: nothing to people."""
    why: str = ""
    """What the right to list it is for; empty: what its title says."""
    builtin: bool = False
    """Whether every server has it, so that it need not be asked."""
    any_version: bool = False
    """Whether it is followed in whichever version is served."""

    @property
    def name(self) -> str:
        """What its manifests call it."""
        return self.resource.kind


def request_key(kind: str, cluster: str, namespace: str, name: str) -> str:
    """What the row of an object of this kind is known by, where it has no address."""
    return f"{kind}:{cluster}/{namespace}/{name}"


def key_of_wished(address: Address) -> str:
    """What the row of the request is known by that keeps this credential."""
    return f"{address.cluster}/{address.namespace}/{address.name}"


def row_of(
    kind: RequestKind, cluster: str, obj: Mapping[str, Any], *, next_at: datetime | None = None, **more: Any
) -> RequestRow:
    """The row of an object, with what all of them say in the same way. `more` is what this kind says beside that, and
    `next_at` counts where it is ready."""
    meta, found = obj.get("metadata") or {}, conditions(obj)
    for one in found:
        if one.type == "Ready":
            more.setdefault("ready", one.status)
            more.setdefault("reason", one.reason)
            break
    more.setdefault("conditions", found)
    return RequestRow(
        cluster=cluster,
        namespace=str(meta.get("namespace") or ""),
        name=str(meta.get("name") or ""),
        kind=kind,
        created_at=_time(meta.get("creationTimestamp")),
        next_at=next_at if more.get("ready") == "True" else None,
        **more,
    )


def conditions(obj: Mapping[str, Any]) -> tuple[ConditionRow, ...]:
    """The conditions of a status, those that can be read."""
    status = obj.get("status")
    listed = status.get("conditions") if isinstance(status, dict) else None
    found = []
    for entry in listed if isinstance(listed, list) else ():
        try:
            found.append(msgspec.convert(entry, ConditionRow))
        except msgspec.ValidationError:
            continue
    return tuple(found)


def _time(text: Any) -> datetime | None:
    try:
        return msgspec.convert(text, Stamp | None)
    except msgspec.ValidationError:
        return None
