"""What time it is in a cluster: its server stamps tokens and decides when they end, and our clock may be wrong."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from tui.kube.client import Client

_COARSE: Final = 2.0
"""Seconds of skew that mean nothing: a Date header knows whole seconds only."""


def utc_now() -> datetime:
    """This machine's clock."""
    return datetime.now(UTC)


def wall_of(clock: Callable[[], datetime]) -> Callable[[], float]:
    """A clock as seconds since the epoch; this machine's own is known as such, and held against a steady one."""
    return time.time if clock is utc_now else lambda: clock().timestamp()


def ahead(client: Client | None) -> timedelta:
    """How far the server's clock is ahead of ours, as far as it was asked anything yet."""
    skew = client.skew if client is not None else None
    return timedelta(0) if skew is None or abs(skew) < _COARSE else timedelta(seconds=skew)


def now_at(client: Client | None, clock: Callable[[], datetime]) -> datetime:
    """The time at the server: by this clock (ours) and how far the server's is ahead of it."""
    return clock() + ahead(client)
