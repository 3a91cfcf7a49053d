"""DPUServiceCredentialRequests as rows: only the fields that a row shows are decoded, missing ones are empty."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import msgspec

from tui.issuance.durations import parse_duration
from tui.issuance.errors import UsageError
from tui.issuance.types import Address, Credential, CredentialKind, Format, Identity, State
from tui.kube.resource import Resource

from .decode import Meta
from .rows import ConditionRow, RequestRow

DPU_REQUESTS: Final = Resource(
    "svc.dpu.nvidia.com", "v1alpha1", "dpuservicecredentialrequests", "DPUServiceCredentialRequest"
)
DPU_CLUSTERS: Final = Resource("provisioning.dpu.nvidia.com", "v1alpha1", "dpuclusters", "DPUCluster")
_DEFAULT_NAMESPACE: Final = "default"
"""Where DPF looks when a reference names no namespace, whatever its field comments say."""
_FAILED: Final = frozenset({"Error", "Failure"})
_SUMMARY: Final = "Ready"


class _Reference(msgspec.Struct, frozen=True):
    name: str = ""
    namespace: str = _DEFAULT_NAMESPACE

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}" if self.name else ""


class _Spec(msgspec.Struct, frozen=True, rename="camel"):
    service_account: _Reference = _Reference()
    duration: str = ""
    target_cluster: _Reference = _Reference()
    type: str = ""
    secret: _Reference = _Reference()


class _Condition(msgspec.Struct, frozen=True, rename="camel"):
    type: str = ""
    status: str = ""
    reason: str = ""
    message: str = ""
    last_transition_time: datetime | None = None


class _Status(msgspec.Struct, frozen=True, rename="camel"):
    conditions: tuple[_Condition, ...] | None = None
    service_account: str = ""
    target_cluster: str = ""
    expiration_timestamp: datetime | None = None
    issued_at: datetime | None = None


class Request(msgspec.Struct, frozen=True):
    """A DPUServiceCredentialRequest."""

    metadata: Meta = msgspec.field(default_factory=Meta)
    spec: _Spec = msgspec.field(default_factory=_Spec)
    status: _Status = msgspec.field(default_factory=_Status)


def request_row(cluster: str, target: str, request: Request) -> RequestRow:
    """The row of a request in `cluster`; `target` is what the fleet calls the cluster that its account is in."""
    meta, spec = request.metadata, request.spec
    conditions = request.status.conditions or ()
    return RequestRow(
        cluster=cluster,
        namespace=meta.namespace,
        name=meta.name,
        type=spec.type,
        duration=spec.duration,
        service_account=str(spec.service_account),
        target=str(spec.target_cluster),
        secret=str(spec.secret),
        ready=next((condition.status for condition in conditions if condition.type == _SUMMARY), ""),
        conditions=tuple(
            ConditionRow(
                type=condition.type,
                status=condition.status,
                reason=condition.reason,
                message=condition.message,
                changed_at=condition.last_transition_time,
            )
            for condition in conditions
        ),
        created_at=meta.creation_timestamp,
        credential=request_credential(cluster, target, request),
    )


def request_credential(cluster: str, target: str, request: Request) -> Credential:
    """The credential that the request keeps, as far as its status tells."""
    meta, spec, status = request.metadata, request.spec, request.status
    namespace, _, account = (status.service_account or str(spec.service_account)).partition("/")
    issued, expires = status.issued_at, status.expiration_timestamp
    state, message = _state(status, issued, expires)
    return Credential(
        address=Address(CredentialKind.REQUEST, cluster, meta.namespace, meta.name),
        identity=Identity(target, namespace, account) if account else None,
        format=_format(spec.type),
        requested=_requested(spec.duration),
        granted=expires - issued if issued is not None and expires is not None else None,
        issued_at=issued,
        expires_at=expires,
        kept_in=f"Secret {spec.secret}" if spec.secret.name else "",
        state=state,
        message=message,
    )


def _state(status: _Status, issued: datetime | None, expires: datetime | None) -> tuple[State, str]:
    bad = [c for c in status.conditions or () if c.type != _SUMMARY and c.status == "False" and c.reason in _FAILED]
    if bad:
        return State.FAILED, bad[0].message
    if expires is None:
        return (State.PENDING, "") if issued is None else (State.UNKNOWN, "the status has no expirationTimestamp")
    if issued is None:
        return State.UNKNOWN, "the status has no issuedAt"
    return State.VALID, ""


def _requested(duration: str) -> timedelta | None:
    try:
        return parse_duration(duration) if duration else None
    except UsageError:
        return None


def _format(text: str) -> Format | None:
    try:
        return Format(text)
    except ValueError:
        return None
