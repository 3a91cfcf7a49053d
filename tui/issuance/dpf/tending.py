"""Whether DPF's own controller keeps the requests of a cluster. Then kubemint leaves their life cycle to it.

Nothing says so for certain, so traces are read: who wrote the requests lately, whose token their status speaks of, and
whether that token was renewed in time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from tui.issuance import managed
from tui.issuance.durations import parse_time
from tui.issuance.errors import IssuanceError
from tui.issuance.renewal import threshold

from .objects import parse
from .resources import EXPIRES, FIELD_MANAGER, FINALIZER

LATELY: Final = timedelta(minutes=10)
_EVER: Final = datetime.min.replace(tzinfo=UTC)
_SLACK: Final = timedelta(minutes=1)
"""The reference controller wakes up to ten seconds after a token is due, and may be busy."""


class Trace(msgspec.Struct, frozen=True):
    """One thing in a request that shows it, and for how long that tells anything."""

    text: str
    since: datetime
    until: datetime

    def tells(self, now: datetime) -> bool:
        """Whether it still shows at that time that a controller runs."""
        return self.since <= now < self.until


def controller_of(objects: Iterable[Mapping[str, Any]], now: datetime) -> str:
    """What shows that DPF's controller runs in the cluster of these requests; empty where nothing does."""
    for obj in objects:
        if found := trace(obj, now):
            return found
    return ""


def trace(obj: Mapping[str, Any], now: datetime) -> str:
    """What in one request shows it."""
    return next((found.text for found in traces(obj) if found.tells(now)), "")


def traces(obj: Mapping[str, Any]) -> Iterator[Trace]:
    """Everything in one request that shows it, now or at some other time."""
    try:
        request = parse("", obj)
    except IssuanceError:
        return
    name = f"{request.namespace}/{request.name}"
    for entry in (obj.get("metadata") or {}).get("managedFields") or ():
        at = parse_time(entry.get("time"))
        if at is not None and _is_controller(entry):
            text = f"{entry.get('manager')} wrote the status of {name} at {at:%H:%M:%S} UTC"
            yield Trace(text, _EVER, at + LATELY)
    if request.issued_at is None or request.expires_at is None or request.marks:
        return
    marked = parse_time(request.annotations.get(EXPIRES))
    if marked is not None and marked >= request.expires_at:
        return  # kubemint's own marks are the newer ones: it was stopped before it wrote the status
    due = threshold(request.issued_at, request.expires_at)
    # It renews at 80 % whatever the age, so a token of 40 hours is not late after 24.
    late = max(due, request.expires_at - (request.expires_at - request.issued_at) / 5) + _SLACK
    if FINALIZER in request.finalizers:
        text = f"the token of {name} is not kubemint's and was renewed in time"
        yield Trace(text, request.issued_at - _SLACK, late)


def _is_controller(entry: Mapping[str, Any]) -> bool:
    manager = str(entry.get("manager", ""))
    if manager == FIELD_MANAGER:
        return True
    return entry.get("subresource") == "status" and not manager.startswith((managed.MANAGER, "kubectl"))
