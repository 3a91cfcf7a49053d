"""How much of a grace period is left, whatever became of the clocks meanwhile.

An old token must neither end at once nor live on for hours because someone set a clock. So when a grace period begins
three clocks are written down, and it is measured as the difference between two readings of the same one: the one that
counts since this machine was started, which cannot be set; where the machine was started anew since, this machine's own
and the cluster's. Where those two disagree one of them was set: the shorter time counts, since what was revoked too
early is gone, and one that went backwards says nothing.
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from tui.issuance.model.cluster_time import utc_now
from tui.issuance.model.countdown import human_left
from tui.kube.clock import steady

if TYPE_CHECKING:
    from .intent import Revocation

_SLACK: Final = timedelta(seconds=60)
"""By how much clocks may differ without a word."""
_NONE: Final = timedelta(0)


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """What the clocks say at one moment."""

    wall: datetime
    """This machine's clock."""
    skew: float | None = None
    """How many seconds the cluster's is ahead of it, where that is known and believed."""
    boot: str = ""
    """Which start of this machine `up` counts from; empty where nothing counts."""
    up: float = 0.0
    """Seconds."""


class Left(msgspec.Struct, frozen=True, kw_only=True):
    """How long a grace period still lasts, and what is to be said about the clocks."""

    time: timedelta
    words: str = ""


def moment(clock: Callable[[], datetime], skew: float | None = None) -> Moment:
    """Now. Beside a clock that a test made nothing else counts."""
    if clock is not utc_now:
        return Moment(wall=clock(), skew=skew)
    return Moment(wall=clock(), skew=skew, boot=_BOOT, up=steady())


def left(revocation: Revocation, now: Moment) -> Left:
    """How long until this one is to be carried out, zero where it is time."""
    begun = revocation.begun
    if revocation.ending:  # someone asked for it: there never was a grace period
        return Left(time=_NONE)
    if begun is None:  # written by a kubemint that knew only this machine's clock
        return Left(time=max(_NONE, revocation.due - now.wall))
    passed, words = elapsed(begun, now)
    return Left(time=max(_NONE, revocation.due - begun.wall - passed), words=words)


def elapsed(begun: Moment, now: Moment) -> tuple[timedelta, str]:
    """How much time has passed between two moments, and what to say about the clocks."""
    by_wall = now.wall - begun.wall
    if begun.boot and begun.boot == now.boot:
        passed = timedelta(seconds=now.up - begun.up)
        return max(_NONE, passed), _set("this machine's clock", by_wall - passed)
    if begun.skew is None or now.skew is None:
        return max(_NONE, by_wall), _set("this machine's clock", by_wall) if by_wall < _NONE else ""
    by_cluster = by_wall + timedelta(seconds=now.skew - begun.skew)
    forward = [max(_NONE, one) for one in (by_wall, by_cluster) if one >= -_SLACK]
    words = ""
    if abs(by_wall - by_cluster) > _SLACK:
        apart = human_left(abs(by_wall - by_cluster))
        words = f"this machine's clock and the cluster's moved apart by {apart} since the grace period began"
    return min(forward, default=_NONE), words


def due_here(revocation: Revocation, clock: Callable[[], datetime]) -> datetime:
    """When it is due by what this machine's clock says now."""
    now = moment(clock)
    return now.wall + left(revocation, now).time


def due_shown(revocation: Revocation, clock: Callable[[], datetime]) -> datetime:
    """The same for people, in whole seconds: as it was journaled where no clock was set since, and past it stays."""
    due = due_here(revocation, clock)
    moved = abs(due - revocation.due) > _SLACK and due > clock()
    return due.replace(microsecond=0) if moved else revocation.due


def _set(whose: str, by: timedelta) -> str:
    if abs(by) <= _SLACK:
        return ""
    way = "forward" if by > _NONE else "back"
    return f"{whose} was set {way} by {human_left(abs(by))} since the grace period began"


def _boot() -> str:
    """This start of the machine; where its name cannot be read, this process alone."""
    try:
        if hasattr(time, "CLOCK_BOOTTIME"):
            return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        pass
    return f"process-{os.getpid()}-{secrets.token_hex(8)}"


_BOOT: Final = _boot()
