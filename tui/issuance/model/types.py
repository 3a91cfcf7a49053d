"""The words of the issuance core as data. None of these types ever holds material; that lives in `Sensitive` alone.

Times are timezone-aware UTC datetimes, lifetimes are timedeltas. Every struct is frozen and can be written as JSON.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec

from tui.issuance.formats import Format

from .kinds import CredentialKind, Form

if TYPE_CHECKING:
    from tui.issuance.destinations.place import Need, Place, PlaceWay

    from .clusters import Clusters


def kind_label(credential: Credential) -> str:
    """What sort of thing a credential is, for people: a file with a certificate is no token's."""
    if credential.shoot is not None and credential.address.here:
        return "shoot"
    if credential.certified and credential.address.here:
        return "certificate"
    return credential.address.label


class State(StrEnum):
    """How a credential stands. Computed from its stamps and the time by `renewal.state_of`, or known otherwise."""

    PENDING = "pending"
    """Wanted, nothing issued yet."""
    VALID = "valid"
    DUE = "due"
    """Still accepted, its renewal point has passed."""
    EXPIRED = "expired"
    REVOKED = "revoked"
    ENDING = "ending"
    """Revoked, but something holds its handle back: still accepted, 60 s at the most. Computed, never written down."""
    FAILED = "failed"
    """The last renewal, or a revocation, failed; `Credential.message` says why. The old one may still be accepted."""
    MISSING = "missing"
    """The file it was kept in is gone from this machine; the token in it may still be accepted."""
    ENDLESS = "never expires"
    UNKNOWN = "unknown"
    """The stamps are missing or contradict each other. Never shown as valid."""


class Identity(msgspec.Struct, frozen=True, gc=False):
    """A service account of one cluster. `str()` is `cluster/namespace/name`."""

    cluster: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.cluster}/{self.namespace}/{self.name}"

    @property
    def said(self) -> str:
        """For people: `robot (namespace ci, cluster harbor)`."""
        return f"{self.name} (namespace {self.namespace}, cluster {self.cluster})"

    @property
    def username(self) -> str:
        """The name the API server knows it by."""
        return f"system:serviceaccount:{self.namespace}:{self.name}"


def said_of(identity: Identity | None) -> str:
    """A service account for people, also one that nothing is known of."""
    return identity.said if identity is not None else "an unknown account"


class Address(msgspec.Struct, frozen=True, gc=False):
    """What a credential is called on the command line and in the journal.

    `str()` is `KIND:CLUSTER/NAMESPACE/NAME`, for files `file:PATH`, for logins `login:CLUSTER`. Cluster names may hold
    `/` and `:`, namespaces and names may not, so parsing splits from the right.
    """

    kind: CredentialKind
    cluster: str
    namespace: str
    name: str
    """The object's name; for files the absolute path, for other places `SORT:NAME` (without cluster, namespace)."""

    def __str__(self) -> str:
        return f"{self.kind.value}:{self.kind.traits.form.written(self.cluster, self.namespace, self.name)}"

    @property
    def here(self) -> bool:
        """Whether this machine's record says everything about it: a file, or another place outside of clusters."""
        return self.kind.traits.here

    @property
    def is_file(self) -> bool:
        """Whether it is a file on this machine."""
        return self.kind.traits.is_file

    @property
    def label(self) -> str:
        """What people call what is kept there; of a registered sort the sort."""
        traits = self.kind.traits
        return self.name.partition(":")[0] if traits.form is Form.PLACE else traits.label

    @property
    def kept_in(self) -> str:
        """Where its material lies, for people."""
        return self.name if self.here else f"Secret {self.namespace}/{self.name}"

    @property
    def own(self) -> bool:
        """Whether it is the operator's own way in."""
        return self.kind.traits.own

    @classmethod
    def file(cls, path: str) -> Address:
        """A file on this machine, by its absolute path; with `#CLUSTER/NAMESPACE/NAME` a context that was merged."""
        return cls(CredentialKind.FILE, "", "", path)

    @classmethod
    def secret(cls, cluster: str, namespace: str, name: str) -> Address:
        """A Secret that kubemint manages."""
        return cls(CredentialKind.SECRET, cluster, namespace, name)

    @classmethod
    def token_secret(cls, cluster: str, namespace: str, name: str) -> Address:
        """A Secret of type kubernetes.io/service-account-token."""
        return cls(CredentialKind.LEGACY, cluster, namespace, name)

    @classmethod
    def handle(cls, cluster: str, namespace: str, name: str) -> Address:
        """Whatever is bound to a handle."""
        return cls(CredentialKind.HANDLE, cluster, namespace, name)

    @classmethod
    def request(cls, cluster: str, namespace: str, name: str) -> Address:
        """What a DPUServiceCredentialRequest keeps."""
        return cls(CredentialKind.REQUEST, cluster, namespace, name)

    @classmethod
    def login(cls, cluster: str) -> Address:
        """The operator's own way into a cluster."""
        return cls(CredentialKind.LOGIN, cluster, "", "")

    @classmethod
    def parse(cls, text: str) -> Address:
        """Raises ValueError with what is expected where `text` is not an address."""
        kind_text, _, rest = text.partition(":")
        if kind_text in set(CredentialKind):
            kind = CredentialKind(kind_text)
            parts = kind.traits.form.read(rest)
            if parts is not None:
                return cls(kind, *parts)
        raise ValueError(f"{text!r} is not an address; an address is {_written()}")


def _written() -> str:
    """Every way in which an address is written, in words."""
    objects = ", ".join(kind for kind in CredentialKind if kind.traits.form is Form.OBJECT)
    named = (Form.PATH, Form.CLUSTER)
    others = [f"{kind}:{kind.traits.form}" for kind in CredentialKind if kind.traits.form in named]
    return " or ".join([", ".join([f"KIND:{Form.OBJECT} ({objects})", *others[:-1]]), *others[-1:]])


class Push(msgspec.Struct, frozen=True):
    """How External Secrets carries a Secret on into a tenant: the PushSecret `name` beside it, through `store`."""

    name: str
    store: str
    tenant: str
    """The tenant as kubemint knows it, to see from there what arrived."""
    namespace: str
    secret: str
    interval: timedelta = timedelta(hours=1)
    wait: timedelta = timedelta(seconds=90)
    """How long the new material may take to arrive."""


class Destination:
    """Where a credential is kept, as a wish names it, and what the rest of the core asks of that place.

    Each sort is a frozen struct with a `tag` of its own, in a module of `destinations`, and answers what is not so of
    it. In records the tag says which sort it is.
    """

    __slots__ = ()

    @classmethod
    def ways(cls) -> tuple[PlaceWay, ...]:
        """How people ask for it; the first reads what `said` says."""
        raise NotImplementedError

    @property
    def said(self) -> str:
        """As short as it can be said, without the cluster; in one `NAMESPACE/NAME`. Its address is made of that."""
        raise NotImplementedError

    @property
    def cluster(self) -> str:
        """The cluster that it is written to; empty where that is none."""
        return ""

    @property
    def path(self) -> str:
        """The file on this machine; empty for all else."""
        return ""

    @property
    def merge(self) -> bool:
        """Whether it is put beside what others keep there."""
        return False

    @property
    def push(self) -> Push | None:
        """How it is carried on from there."""
        return None

    @property
    def secrets(self) -> tuple[Address, ...]:
        """The Secrets in which others find it: who uses them has the old one until they see the new one."""
        return ()

    def address(self, identity: Identity) -> Address:
        """What a credential of `identity` in this place is called."""
        name = f"{self.cluster}/{self.said}" if self.cluster else self.said
        return Address(CredentialKind.PLACE, "", "", f"{self.tag()}:{name}")

    @classmethod
    def at(cls, address: Address, identity: Identity) -> Destination | None:
        """The one that an address names, the other way round; None where that is of another sort."""
        tag, _, name = address.name.partition(":")
        if address.kind.traits.form is not Form.PLACE or tag != cls.tag():
            return None
        way, (cluster, *object_) = cls.ways()[0], name.rsplit("/", 2)
        return way.make("/".join(object_), cluster) if way.in_cluster else way.make(name, "")

    @classmethod
    def tag(cls) -> str:
        """The name of the sort."""
        return str(cls.__struct_config__.tag)  # type: ignore[attr-defined]  # each is a struct

    def check(self, clusters: Clusters, form: Format) -> None:
        """Everything that can be known to be wrong without asking anybody. Raises UsageError, ConfigError."""

    def place(self, need: Need) -> Place:
        """The same at work."""
        raise NotImplementedError


class IssueSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A wish: one credential for `identity`, written as `format` to every one of `destinations`."""

    identity: Identity
    destinations: tuple[Destination, ...]
    format: Format = Format.KUBECONFIG
    duration: timedelta | None = None
    """None asks for the server's default (3600 s)."""
    audiences: tuple[str, ...] = ()
    create_account: bool = False
    own: dict[str, tuple[str, ...]] = {}
    """What else its family has to know of the wish, as it is kept in the journal and in records; never material."""


class Handle(msgspec.Struct, frozen=True, gc=False):
    """The empty Secret a token is bound to. Deleting it revokes exactly that token (within 10 s)."""

    cluster: str
    namespace: str
    name: str
    uid: str


class AccessLevel(StrEnum):
    """How much a Gardener kubeconfig may do in its shoot."""

    AUTO = "auto"
    """Admin, and viewer where admin is forbidden."""
    ADMIN = "admin"
    VIEWER = "viewer"


class ShootAccess(msgspec.Struct, frozen=True):
    """A Gardener shoot as a way in: which one, in which garden, and with which rights."""

    garden: str
    """The garden's cluster as kubemint knows it."""
    namespace: str
    name: str
    level: AccessLevel = AccessLevel.AUTO

    def __str__(self) -> str:
        return f"{self.garden}/{self.namespace}/{self.name} ({self.level.value})"


class ShootWish(msgspec.Struct, frozen=True, kw_only=True):
    """A wish: a kubeconfig with a client certificate for a shoot, in a file of its own."""

    shoot: ShootAccess
    path: str
    duration: timedelta | None = None
    """None asks for the garden's default (3600 s)."""
    address: str = ""
    """Which of the shoot's addresses is to be current (`external`, `internal`, …); empty: the first that answers."""


class Credential(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What exists: everything about a credential but the material itself."""

    address: Address
    identity: Identity | None = None
    format: Format | None = None
    audiences: tuple[str, ...] = ()
    requested: timedelta | None = None
    granted: timedelta | None = None
    issued_at: datetime | None = None
    expires_at: datetime | None = None
    rotate_at: datetime | None = None
    kept_in: str = ""
    """Where the material lies, for people: a path, or `Secret ns/name`."""
    fingerprint: str = ""
    token_id: str = ""
    """The `jti` of its token, as audit logs write it; empty where that is not known."""
    handle: Handle | None = None
    bound_to: Handle | None = None
    """For a copy in a Secret, which has no handle of its own: that of its original. It is shown by, never acted on."""
    copy_of: Address | None = None
    """For a mere copy on this machine: what it was made from."""
    shoot: ShootAccess | None = None
    """For a Gardener client certificate, which speaks for no service account: what it opens."""
    last_used: date | None = None
    """For a long-lived token: the last day on which the cluster saw it, where it notes that."""
    invalid_since: date | None = None
    """For a long-lived token: since when the cluster refuses it for not having been used."""
    ends_by: datetime | None = None
    """For a revoked one whose handle is only being deleted: from when on its server refuses it all the same."""
    made_in: str = ""
    """Where its cluster was when it was made, as that is noted on it (`whereabouts.noted`); empty where it is not."""
    state: State = State.UNKNOWN
    """The state as its source knows it; `renewal.state_of` brings it up to a given time."""
    message: str = ""

    @property
    def certified(self) -> bool:
        """Whether it is a client certificate, told so by how it is written down."""
        return self.format is not None and self.format.rules.certificate

    @property
    def account(self) -> Identity | None:
        """The service account that it speaks for; None where that is a user, or not known."""
        return None if self.certified else self.identity

    def in_cluster(self, cluster: str) -> Credential:
        """The same of an account of this cluster, with the handle there."""
        parts = {"identity": self.identity, "handle": self.handle, "bound_to": self.bound_to}
        moved = {name: msgspec.structs.replace(one, cluster=cluster) for name, one in parts.items() if one is not None}
        return msgspec.structs.replace(self, **moved) if moved else self


class Action(StrEnum):
    """What a plan does."""

    ISSUE = "issue"
    ROTATE = "rotate"
    REVOKE = "revoke"
    REACTIVATE = "reactivate"
    KEEP = "keep"
    DELETE = "delete"
    EXPORT = "export"
    """A copy of what exists; nothing is issued. Journals of before call it `issue`."""
    UNDO = "undo"
    """Back to what a rotation replaced, while that still lives."""
    RECOVER = "recover"


class StepStatus(StrEnum):
    """How a step stands."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"
    UNDONE = "undone"


class StepInfo(msgspec.Struct, frozen=True, kw_only=True):
    """One thing a plan will do. `verb` and `resource` are Kubernetes' words where an API server is called."""

    id: str
    """One of the engine's step ids, unique within a plan: `account`, `handle`, `token`, `prove`, `write:0`, …"""
    title: str
    cluster: str = ""
    verb: str = ""
    resource: str = ""
    namespace: str = ""
    name: str = ""
    path: str = ""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What will be done, before it is done: steps in order, and what the operator should know first."""

    id: str
    action: Action
    address: Address
    steps: tuple[StepInfo, ...]
    warnings: tuple[str, ...] = ()
    preview: str = ""
    """What a merge changes in a kubeconfig, as a diff without material; empty where nothing is merged."""
    grace: timedelta | None = None
    """How long what is replaced still works; None where nothing is."""
    grace_for: tuple[str, ...] = ()
    """Who needs it so long, in words; empty where none needs longer than usual."""


class StepResult(msgspec.Struct, frozen=True, kw_only=True):
    """How one step went; the same record is progress on a screen, a line of a bulk result, and a journal entry."""

    plan: str
    step: str
    title: str
    status: StepStatus
    at: datetime
    message: str = ""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """How a plan ended. `credential` is the one that works now (the old one where a rotation failed)."""

    plan: str
    action: Action
    address: Address
    ok: bool
    results: tuple[StepResult, ...]
    credential: Credential | None = None
    error: str = ""
    hint: str = ""
    left: tuple[str, ...] = ()
    """What was to end or to go with it and has not, in words: an old token that still works, a place that could not
    be tidied. `ok` says that what was asked for is there all the same."""
    grace: timedelta | None = None
    """How long what was replaced still works, and `grace_for` whom, as the plan said it."""
    grace_for: tuple[str, ...] = ()
    blames: str = ""
    """What of the wish was at fault, as `blamed` says it."""

    @property
    def whole(self) -> bool:
        """Whether everything was done that was planned."""
        return self.ok and not self.left
