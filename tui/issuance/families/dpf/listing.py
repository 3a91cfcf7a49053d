"""DPUServiceCredentialRequests as rows: what is wanted, what was issued, and who keeps it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

import msgspec

from tui.issuance.model.kinds import CredentialKind
from tui.issuance.model.requests import ConditionRow, RequestKind, RequestRow
from tui.issuance.model.types import Address, Credential, State

from .details import details
from .objects import READY, Condition, ParseError, credential_of, parse
from .resources import DPU_REQUESTS
from .tending import Trace, awaited, traces, waits_until


class Tended(msgspec.Struct, frozen=True, gc=False):
    """Whether DPF's controller keeps a request."""

    traces: tuple[Trace, ...]
    """What in it shows that."""
    new_until: datetime
    """Until when it may be new to a controller, where it was not touched yet."""

    def at(self, now: datetime) -> str:
        """What shows it at that time; empty where nothing does."""
        return next((trace.text for trace in self.traces if trace.is_current(now)), "")


def read(cluster: str, obj: Mapping[str, Any]) -> RequestRow:
    """The row of a request in `cluster`."""
    try:
        request = parse(cluster, obj)
    except ParseError as error:
        return _unreadable(cluster, obj, error.message)
    ready = request.condition(READY)
    return RequestRow(
        cluster=cluster,
        namespace=request.namespace,
        name=request.name,
        kind=REQUEST,
        uid=request.uid,
        type=request.type,
        duration=request.duration,
        service_account=str(request.service_account),
        target=str(request.target or ""),
        secret=str(request.secret),
        ready=ready.status if ready is not None else "",
        conditions=tuple(map(_condition, request.conditions)),
        created_at=request.created_at,
        deleted_at=request.deleted_at,
        credential=credential_of(cluster, request),
        about=Tended(tuple(traces(obj)), waits_until(obj)),
    )


def _condition(one: Condition) -> ConditionRow:
    return ConditionRow(
        type=one.type, status=one.status, reason=one.reason, message=one.message, changed_at=one.last_transition_time
    )


def _unreadable(cluster: str, obj: Mapping[str, Any], why: str) -> RequestRow:
    """A request whose spec makes no sense is still listed, with the reason: someone has to see it."""
    meta = obj.get("metadata") or {}
    namespace, name = str(meta.get("namespace", "")), str(meta.get("name", ""))
    address = Address.request(cluster, namespace, name)
    credential = Credential(address=address, state=State.UNKNOWN, message=why)
    return RequestRow(cluster=cluster, namespace=namespace, name=name, kind=REQUEST, credential=credential)


def _kept_by(row: RequestRow, others: Iterable[RequestRow], now: datetime) -> str:
    """What shows that DPF's controller keeps this one. Others only give it time."""
    if not isinstance(row.about, Tended):
        return ""
    own = row.about.at(now)
    if own or row.about.new_until <= now:
        return own
    tended = (one.about.at(now) for one in others if isinstance(one.about, Tended))
    return awaited(next(filter(None, tended), ""))


REQUEST: Final = RequestKind(
    resource=DPU_REQUESTS, title="credential requests", label="DPU request", read=read, details=details,
    address=CredentialKind.REQUEST, kept_by=_kept_by, within="same cluster", unserved="DPF is not installed there.",
)  # fmt: skip
REQUESTS: Final = (REQUEST,)
