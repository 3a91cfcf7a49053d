"""Whether one request is left to DPF's controller: its traces, held against what the controller is there for.

A status can be written by whoever may patch it, a token cannot: a request that speaks of a token which its Secret does
not hold is kept by nobody, whatever else it says, and so is one whose token should have been renewed by now.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from tui.issuance.errors import IssuanceError
from tui.issuance.model.claims import ClaimsError, read_token
from tui.kube.client import Client
from tui.kube.errors import Forbidden
from tui.kube.sensitive import Sensitive

from .objects import DPURequest, parse
from .steps import look_secret
from .tending import late, tended

_SLACK: Final = timedelta(seconds=2)
"""The status has whole seconds."""


async def left_to(
    host: Client, cluster: str, obj: Mapping[str, Any], others: Iterable[Mapping[str, Any]], now: datetime
) -> str:
    """Why this request of the host cluster is left to DPF's controller; empty where it is not.

    `others` are the other requests there, `now` is the time there. Reads the request's Secret. Raises KubeError.
    """
    said = tended(obj, others, now)
    try:
        request = parse(cluster, obj)
    except IssuanceError:
        return said
    if not said or request.expires_at is None or request.status_secret is None:
        return said
    try:
        there = await look_secret(host, request, request.status_secret)
    except Forbidden:
        return said  # who may not look cannot keep it either
    return said if holds(request, there.token if there.ours else None, now) else ""


def holds(request: DPURequest, token: Sensitive | None, now: datetime) -> bool:
    """Whether this is the token of which the status speaks, or a newer one whose status is about to be written, and
    whoever keeps it is not late: by the token's own times, since others may write those in the status."""
    if token is None or request.expires_at is None:
        return False
    try:
        claims = read_token(token)
    except ClaimsError:
        return False
    issued, ends = claims.issued_at, claims.expires_at
    if issued is None or ends is None or ends < request.expires_at - _SLACK:
        return False
    return now < late(issued, ends)
