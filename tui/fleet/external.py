"""External Secrets' objects and CSI drivers as rows of requests. What they mean is the issuance core's to say."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec

from tui.issuance import (
    PushView,
    Stamp,
    csi,
    external_view,
    format_duration,
    operator_conditions,
    push_view,
    store_view,
)
from tui.kube.amounts import count
from tui.kube.errors import ProtocolError

from .rows import ConditionRow, RequestKind, RequestRow


def push_row(cluster: str, obj: Mapping[str, Any]) -> RequestRow:
    """A PushSecret. The credential it carries is added by whoever knows that (`links`)."""
    view = push_view(obj)
    source = view.source
    row = _row(cluster, RequestKind.PUSH, obj)
    return msgspec.structs.replace(
        row,
        type=_keys(view),
        duration=_every(view.interval),
        target=", ".join(map(str, view.stores)),
        secret=f"{row.namespace}/{source}" if source else "",
        next_at=view.next_at if row.ready == "True" else None,
        about=view,
    )


def external_row(cluster: str, obj: Mapping[str, Any]) -> RequestRow:
    """An ExternalSecret."""
    view = external_view(obj)
    row = _row(cluster, RequestKind.EXTERNAL, obj)
    return msgspec.structs.replace(
        row,
        type=_count(view.keys, "Secret") if view.keys else "",
        duration=_every(view.interval),
        target=", ".join(map(str, view.stores)),
        secret=f"{row.namespace}/{view.target}",
        next_at=view.next_at if row.ready == "True" else None,
        about=view,
    )


def store_row(cluster: str, kind: RequestKind, obj: Mapping[str, Any]) -> RequestRow:
    """A SecretStore or a ClusterSecretStore."""
    view = store_view(obj)
    row = _row(cluster, kind, obj)
    secret = view.secret
    return msgspec.structs.replace(
        row,
        type=view.provider,
        target=view.server,
        secret=secret if "/" in secret or not secret or not row.namespace else f"{row.namespace}/{secret}",
        about=view,
    )


def driver_row(cluster: str, obj: Mapping[str, Any]) -> RequestRow | None:
    """A CSIDriver that asks for tokens, wrongly or in vain too; None for one that does not."""
    try:
        driver = csi.parse_driver(obj)
    except ProtocolError as error:
        row = _row(cluster, RequestKind.CSI, obj)
        return msgspec.structs.replace(row, ready="False", reason="Unreadable", conditions=(_note(error.message),))
    problems = csi.validate(driver)
    if not driver.wishes and not problems and "tokenRequests" not in driver.lost:
        return None
    row = _row(cluster, RequestKind.CSI, obj)
    said = [*map(str, problems), *([csi.dropped_text(driver.lost)] if driver.lost else [])]
    reason = "Invalid" if problems else "Declared" if driver.wishes else "Dropped"
    return msgspec.structs.replace(
        row,
        type=_count(driver.wishes, "token") if driver.wishes else "",
        duration=", ".join(dict.fromkeys(_seconds(wish.seconds) for wish in driver.wishes)),
        target=", ".join(wish.audience or "the API server" for wish in driver.wishes),
        ready=str(reason == "Declared"),
        reason=reason,
        conditions=tuple(map(_note, said)),
        about=driver,
    )


def _row(cluster: str, kind: RequestKind, obj: Mapping[str, Any]) -> RequestRow:
    meta = obj.get("metadata") or {}
    found = operator_conditions(obj)
    ready = next((one for one in found if one.type == "Ready"), None)
    return RequestRow(
        cluster=cluster,
        namespace=str(meta.get("namespace") or ""),
        name=str(meta.get("name") or ""),
        kind=kind,
        ready=ready.status if ready is not None else "",
        reason=ready.reason if ready is not None else "",
        conditions=tuple(
            ConditionRow(
                type=one.type,
                status=one.status,
                reason=one.reason,
                message=one.message,
                changed_at=one.last_transition_time,
            )
            for one in found
        ),
        created_at=_time(meta.get("creationTimestamp")),
    )


def _keys(view: PushView) -> str:
    return _count(view.keys, "key") if view.keys else "every key"


def _count(things: tuple[Any, ...], noun: str) -> str:
    return count(len(things), noun)


def _every(interval: timedelta | None) -> str:
    if interval is None:
        return ""
    return format_duration(interval) if interval else "once"


def _seconds(seconds: int | None) -> str:
    return "1h" if seconds is None else format_duration(timedelta(seconds=seconds))


def _note(message: str) -> ConditionRow:
    return ConditionRow(type="Valid", status="False", reason="Invalid", message=message)


def _time(text: Any) -> datetime | None:
    try:
        return msgspec.convert(text, Stamp | None)
    except msgspec.ValidationError:
        return None
