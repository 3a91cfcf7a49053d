"""DPUServiceCredentialRequest and DPUCluster as data.

Objects come from clusters that anybody may have written to. A field of the wrong shape is an error with its name where
the object cannot be understood without it, and a note in `problems` where it can.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Self

import msgspec

from tui.issuance.errors import IssuanceError, UsageError
from tui.issuance.formats import Format
from tui.issuance.model.durations import parse_go_duration, parse_time
from tui.issuance.model.kinds import CredentialKind
from tui.issuance.model.renewal import rotate_at, spread, state_of
from tui.issuance.model.types import Address, Credential, Handle, Identity, State
from tui.kube.text import safe_text

from . import resources
from .resources import DEFAULT_NAMESPACE, target_name

READY = "Ready"


class ParseError(IssuanceError):
    """An object that is not what its kind says."""


class NamespacedName(msgspec.Struct, frozen=True):
    """`namespace/name`, as the spec's references and the status's strings mean it."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Exactly one `/` with something on both sides; raises ParseError for anything else."""
        namespace, slash, name = text.partition("/")
        if not slash or not namespace or not name or "/" in name:
            raise ParseError(f"{text!r} is not of the form NAMESPACE/NAME")
        return cls(namespace, name)


class Condition(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One condition of a status."""

    type: str
    status: str = "Unknown"
    reason: str = ""
    message: str = ""
    last_transition_time: datetime | None = None
    observed_generation: int | None = None


class DPURequest(msgspec.Struct, frozen=True, kw_only=True):
    """A DPUServiceCredentialRequest."""

    cluster: str
    """The host cluster, which holds the request and its Secret."""
    namespace: str
    name: str
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    created_at: datetime | None = None
    deleted_at: datetime | None = None
    finalizers: tuple[str, ...] = ()
    annotations: dict[str, str] = {}

    service_account: NamespacedName
    target: NamespacedName | None = None
    """The DPUCluster; None means the host cluster."""
    type: str = ""
    duration: str = ""
    secret: NamespacedName
    secret_labels: dict[str, str] = {}
    secret_annotations: dict[str, str] = {}

    conditions: tuple[Condition, ...] = ()
    status_service_account: NamespacedName | None = None
    status_target: NamespacedName | None = None
    status_secret: NamespacedName | None = None
    issued_at: datetime | None = None
    expires_at: datetime | None = None
    problems: tuple[str, ...] = ()
    """What in the status or the annotations could not be understood and was left out."""

    @property
    def format(self) -> Format | None:
        """The type as a format; None for an unknown one."""
        return Format(self.type) if self.type in (Format.KUBECONFIG, Format.TOKEN_FILE) else None

    @property
    def wanted(self) -> timedelta | None:
        """The lifetime the spec asks for; None is the server's default. Raises UsageError for a wrong text."""
        return parse_go_duration(self.duration) if self.duration else None

    @property
    def target_cluster(self) -> str:
        """The name of the cluster that the spec wants a credential for."""
        return cluster_name(self.cluster, self.target)

    @property
    def identity(self) -> Identity:
        """Who the spec wants a credential for."""
        return Identity(self.target_cluster, self.service_account.namespace, self.service_account.name)

    @property
    def address(self) -> Address:
        """What the engine calls it."""
        return Address(CredentialKind.REQUEST, self.cluster, self.namespace, self.name)

    @property
    def marks(self) -> dict[str, str]:
        """kubemint's marks on the current token; empty where another client issued it."""
        expires = parse_time(self.annotations.get(resources.EXPIRES))
        if expires is None or expires != self.expires_at:
            return {}
        return {key: self.annotations[key] for key in resources.MARKS if key in self.annotations}

    @property
    def handle(self) -> Handle | None:
        """What the current token is bound to, where kubemint bound it."""
        parts = self.marks.get(resources.HANDLE, "").split("/")
        if len(parts) != 3 or not all(parts) or self.status_service_account is None:
            return None
        return Handle(cluster_name(self.cluster, self.status_target), *parts)

    def condition(self, kind: str) -> Condition | None:
        """The condition of that type, None where it has none."""
        return next((condition for condition in self.conditions if condition.type == kind), None)

    def __str__(self) -> str:
        return f"{self.cluster}/{self.namespace}/{self.name}"


class DPUCluster(msgspec.Struct, frozen=True, kw_only=True):
    """A DPUCluster. It is usable in every phase in which it names a kubeconfig Secret."""

    cluster: str
    namespace: str
    name: str
    uid: str = ""
    type: str = ""
    version: str = ""
    kubeconfig: str = ""
    """The Secret with its admin kubeconfig, in the same namespace."""
    phase: str = ""


def cluster_name(host: str, target: NamespacedName | None) -> str:
    """The name of a request's cluster: the DPUCluster's, or the host's own."""
    return target_name(host, target.namespace, target.name) if target else host


def parse(cluster: str, obj: Mapping[str, Any]) -> DPURequest:
    """A DPUServiceCredentialRequest of the host cluster `cluster`. Raises ParseError where the spec makes no sense."""
    meta, spec, status = (_mapping(obj, key) for key in ("metadata", "spec", "status"))
    problems: list[str] = []
    metadata = _mapping(spec, "metadata")
    return DPURequest(
        cluster=cluster,
        namespace=_text(meta, "namespace"),
        name=_text(meta, "name"),
        uid=_text(meta, "uid"),
        resource_version=_text(meta, "resourceVersion"),
        generation=meta["generation"] if isinstance(meta.get("generation"), int) else 0,
        created_at=parse_time(meta.get("creationTimestamp")),
        deleted_at=parse_time(meta.get("deletionTimestamp")),
        finalizers=tuple(str(item) for item in meta.get("finalizers") or ()),
        annotations=_texts(meta, "annotations"),
        service_account=_required(spec, "serviceAccount"),
        target=_reference(spec, "targetCluster"),
        type=_text(spec, "type"),
        duration=_text(spec, "duration"),
        secret=_required(spec, "secret"),
        secret_labels=_texts(metadata, "labels"),
        secret_annotations=_texts(metadata, "annotations"),
        conditions=tuple(_conditions(status)),
        status_service_account=_status_name(status, "serviceAccount", problems),
        status_target=_status_name(status, "targetCluster", problems),
        status_secret=_status_name(status, "secret", problems),
        issued_at=_stamp(status, "issuedAt", problems),
        expires_at=_stamp(status, "expirationTimestamp", problems),
        problems=tuple(problems),
    )


def parse_cluster(cluster: str, obj: Mapping[str, Any]) -> DPUCluster:
    """A DPUCluster of the host cluster `cluster`."""
    meta, spec, status = (_mapping(obj, key) for key in ("metadata", "spec", "status"))
    return DPUCluster(
        cluster=cluster,
        namespace=_text(meta, "namespace"),
        name=_text(meta, "name"),
        uid=_text(meta, "uid"),
        type=_text(spec, "type"),
        version=_text(spec, "version"),
        kubeconfig=_text(spec, "kubeconfig"),
        phase=_text(status, "phase"),
    )


def credential_of(cluster: str, obj: Mapping[str, Any] | DPURequest, now: datetime | None = None) -> Credential:
    """The credential that a request keeps, with its state at `now` (default: the wall clock).

    Identity and Secret are those that the status names, which is what exists; before the first issue, those wanted.
    """
    request = obj if isinstance(obj, DPURequest) else parse(cluster, obj)
    marks = request.marks
    issued, expires = request.issued_at, request.expires_at
    account = request.status_service_account or request.service_account
    where = request.status_target if request.status_service_account else request.target
    secret = request.status_secret or request.secret
    whole = issued is not None and expires is not None and issued < expires
    # Whole seconds; the status has no more. What was asked for is only known where kubemint asked.
    granted = expires - issued if whole and issued and expires else None
    credential = Credential(
        address=request.address,
        identity=Identity(cluster_name(request.cluster, where), account.namespace, account.name),
        format=request.format,
        requested=_lifetime(marks.get(resources.REQUESTED)) if marks else _lifetime(request.duration),
        granted=granted,
        issued_at=issued,
        expires_at=expires,
        rotate_at=renewal_point(request),
        kept_in=f"Secret {secret}",
        fingerprint=marks.get(resources.FINGERPRINT, ""),
        handle=request.handle,
        made_in=marks.get(resources.MADE_IN, ""),
        message="; ".join([*_complaints(request), *request.problems]),
        state=_known_state(request),
    )
    return msgspec.structs.replace(credential, state=state_of(credential, now or datetime.now(UTC)))


def renewal_point(request: DPURequest) -> datetime | None:
    """When the request's token is due; the same for everybody who looks."""
    issued, expires = request.issued_at, request.expires_at
    if issued is None or expires is None or issued >= expires:
        return None
    return rotate_at(issued, expires, spread(f"{request.uid}{expires.isoformat()}"))


def _known_state(request: DPURequest) -> State:
    if request.expires_at is None:
        failed = any(condition.reason == "Error" for condition in request.conditions)
        return State.FAILED if failed else State.PENDING
    return State.FAILED if _complaints(request) else State.VALID  # as far as its stamps say so


def _complaints(request: DPURequest) -> list[str]:
    """What the conditions say went wrong; the summary only where no other does."""
    found = [c for c in request.conditions if c.status == "False" and c.reason in ("Error", "Failure") and c.message]
    details = [c.message for c in found if c.type != READY]
    return details or [c.message for c in found]


def _mapping(source: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = source.get(key)
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise ParseError(f"{key} of the object is not a mapping")
    return value


def _text(source: Mapping[str, Any], key: str) -> str:
    value = source.get(key)
    return value if isinstance(value, str) else ""


def _texts(source: Mapping[str, Any], key: str) -> dict[str, str]:
    return {str(name): value for name, value in _mapping(source, key).items() if isinstance(value, str)}


def _reference(spec: Mapping[str, Any], key: str) -> NamespacedName | None:
    if spec.get(key) is None:
        return None
    fields = _mapping(spec, key)
    name = _text(fields, "name")
    if not name:
        raise ParseError(f"spec.{key}.name is missing")
    return NamespacedName(_text(fields, "namespace") or DEFAULT_NAMESPACE, name)


def _required(spec: Mapping[str, Any], key: str) -> NamespacedName:
    found = _reference(spec, key)
    if found is None:
        raise ParseError(f"spec.{key} is missing")
    return found


def _status_name(status: Mapping[str, Any], key: str, problems: list[str]) -> NamespacedName | None:
    text = _text(status, key)
    if not text:
        return None
    try:
        return NamespacedName.parse(text)
    except ParseError as error:
        problems.append(f"status.{key}: {error.message}")
        return None


def _stamp(status: Mapping[str, Any], key: str, problems: list[str]) -> datetime | None:
    found = parse_time(status.get(key))
    if found is None and status.get(key) is not None:
        problems.append(f"status.{key} is not a time")
    return found


def _lifetime(text: str | None) -> timedelta | None:
    try:
        return parse_go_duration(text) if text else None
    except UsageError:
        return None


def _conditions(status: Mapping[str, Any]) -> list[Condition]:
    listed = status.get("conditions")
    found = []
    for item in listed if isinstance(listed, list) else []:
        if isinstance(item, Mapping) and _text(item, "type"):
            generation = item.get("observedGeneration")
            found.append(
                Condition(
                    type=safe_text(item["type"]),
                    status=safe_text(_text(item, "status") or "Unknown"),
                    reason=safe_text(_text(item, "reason")),
                    message=safe_text(_text(item, "message")).strip(),
                    last_transition_time=parse_time(item.get("lastTransitionTime")),
                    observed_generation=generation if isinstance(generation, int) else None,
                )
            )
    return found
