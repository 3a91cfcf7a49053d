"""DPUServiceCredentialRequests as rows. What a request means is the issuance core's to say; this only lays it out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tui.issuance import (
    READY_CONDITION,
    Address,
    Credential,
    RequestCondition,
    RequestParseError,
    State,
    controller_traces,
    controller_waits_until,
    dpf,
)

from .rows import ConditionRow, RequestRow


def request_row(cluster: str, obj: Mapping[str, Any]) -> RequestRow:
    """The row of a request in `cluster`."""
    try:
        request = dpf.parse(cluster, obj)
    except RequestParseError as error:
        return _unreadable(cluster, obj, error.message)
    credential = dpf.credential_of(cluster, request)
    ready = request.condition(READY_CONDITION)
    return RequestRow(
        cluster=cluster,
        namespace=request.namespace,
        name=request.name,
        uid=request.uid,
        type=request.type,
        duration=request.duration,
        service_account=str(request.service_account),
        target=str(request.target or ""),
        secret=str(request.secret),
        ready=ready.status if ready is not None else "",
        conditions=tuple(map(_condition_row, request.conditions)),
        created_at=request.created_at,
        deleted_at=request.deleted_at,
        traces=tuple(controller_traces(obj)),
        new_until=controller_waits_until(obj),
        credential=credential,
    )


def _condition_row(condition: RequestCondition) -> ConditionRow:
    return ConditionRow(
        type=condition.type,
        status=condition.status,
        reason=condition.reason,
        message=condition.message,
        changed_at=condition.last_transition_time,
    )


def _unreadable(cluster: str, obj: Mapping[str, Any], why: str) -> RequestRow:
    """A request whose spec makes no sense is still listed, with the reason: someone has to see it."""
    meta = obj.get("metadata") or {}
    namespace, name = str(meta.get("namespace", "")), str(meta.get("name", ""))
    address = Address.request(cluster, namespace, name)
    credential = Credential(address=address, state=State.UNKNOWN, message=why)
    return RequestRow(cluster=cluster, namespace=namespace, name=name, credential=credential)
