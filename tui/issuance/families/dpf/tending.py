"""Whether DPF's own controller keeps a request. Then kubemint leaves its life cycle to it.

Nothing says so for certain, so traces are read: who wrote the request lately, whose token its status speaks of, and
whether that token was renewed in time. They are claims of whoever may write that request, so they count for that very
request and no other, only while its token is renewed in time, and only where its Secret holds that token (see `aside`).
What is seen in other requests gives a new one, which was not touched yet, a minute: the controller is quicker.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from tui.issuance.errors import IssuanceError
from tui.issuance.model.durations import parse_time
from tui.issuance.model.renewal import threshold
from tui.issuance.objects import managed
from tui.kube.text import safe_text

from .objects import DPURequest, parse
from .resources import EXPIRES, FIELD_MANAGER, FINALIZER

LATELY: Final = timedelta(minutes=10)
_EVER: Final = datetime.min.replace(tzinfo=UTC)
_NEVER: Final = datetime.max.replace(tzinfo=UTC)
PATIENCE: Final = timedelta(minutes=1)
"""How long a new request is left untouched where a controller seems to be at work. It takes seconds."""
_SLACK: Final = timedelta(minutes=1)
"""The reference controller wakes up to ten seconds after a token is due, and may be busy."""


class Trace(msgspec.Struct, frozen=True):
    """One thing in a request that shows it, and for how long that tells anything."""

    text: str
    since: datetime
    until: datetime

    def is_current(self, now: datetime) -> bool:
        """Whether it still shows at that time that a controller runs."""
        return self.since <= now < self.until


def tended(obj: Mapping[str, Any], others: Iterable[Mapping[str, Any]], now: datetime) -> str:
    """What shows that DPF's controller keeps this request; empty where nothing does. `others` only give it time."""
    own = trace(obj, now)
    if own or waits_until(obj) <= now:
        return own
    return awaited(controller_of(others, now))


def awaited(elsewhere: str) -> str:
    """Why a new request is left untouched for now, where something `elsewhere` shows a controller; else empty."""
    return f"it is new, and a controller seems to be at work here: {elsewhere}" if elsewhere else ""


def waits_until(obj: Mapping[str, Any]) -> datetime:
    """Until when a request that was not touched may be new to a controller; long ago for every other."""
    meta, status = obj.get("metadata") or {}, obj.get("status") or {}
    made = parse_time(meta.get("creationTimestamp"))
    touched = status or FINALIZER in (meta.get("finalizers") or ()) or meta.get("deletionTimestamp")
    return _EVER if made is None or touched else made + PATIENCE


def controller_of(objects: Iterable[Mapping[str, Any]], now: datetime) -> str:
    """What shows in any of these requests that DPF's controller runs; empty where nothing does."""
    for obj in objects:
        if found := trace(obj, now):
            return found
    return ""


def trace(obj: Mapping[str, Any], now: datetime) -> str:
    """What in one request shows it."""
    return next((found.text for found in traces(obj) if found.is_current(now)), "")


def traces(obj: Mapping[str, Any]) -> Iterator[Trace]:
    """Everything in one request that shows it, now or at some other time."""
    try:
        request = parse("", obj)
    except IssuanceError:
        return
    name = f"{request.namespace}/{request.name}"
    till = _late(request)
    for entry in (obj.get("metadata") or {}).get("managedFields") or ():
        at = parse_time(entry.get("time"))
        if at is not None and _is_controller(entry):
            text = f"{entry.get('manager')} wrote the status of {name} at {at:%H:%M:%S} UTC"
            yield Trace(safe_text(text), _EVER, min(at + LATELY, till))
    if request.issued_at is None or request.expires_at is None or request.marks:
        return
    marked = parse_time(request.annotations.get(EXPIRES))
    if marked is not None and marked >= request.expires_at:
        return  # kubemint's own marks are the newer ones: it was stopped before it wrote the status
    if FINALIZER in request.finalizers:
        text = f"the token of {name} is not kubemint's and was renewed in time"
        yield Trace(text, request.issued_at - _SLACK, till)


def _late(request: DPURequest) -> datetime:
    """From when on whoever keeps it should have renewed the token of which its status speaks; never where of none."""
    if request.issued_at is None or request.expires_at is None:
        return _NEVER
    return late(request.issued_at, request.expires_at)


def late(issued: datetime, expires: datetime) -> datetime:
    """From when on whoever keeps a request should have renewed a token of these times."""
    # DPF's renews at 80 % whatever the age, so a token of 40 hours is not late after 24.
    return max(threshold(issued, expires), expires - (expires - issued) / 5) + _SLACK


def _is_controller(entry: Mapping[str, Any]) -> bool:
    manager = str(entry.get("manager"))
    if manager == FIELD_MANAGER:
        return True
    return entry.get("subresource") == "status" and not manager.startswith((managed.MANAGER, "kubectl"))
