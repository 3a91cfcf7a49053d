"""How long an old credential has to live on, from who uses the Secret it was kept in: as long as the slowest needs.

Pure: what was seen of each Secret goes in, the grace and the words come out. The kubelet brings a changed Secret into a
volume at its next sync; variables, and files mounted with subPath, are read once and never see it, however long the
grace. Who could not be seen is taken for a pod with a volume. A shorter grace that someone asked for is followed.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from tui.issuance.model.durations import format_duration
from tui.kube.amounts import count

KUBELET: Final = timedelta(minutes=3)
"""Until a changed Secret is in every volume: the kubelet's sync (1 min, by chance half as much again) and its cache of
Secrets, and time for the program to read the file again."""
_NAMED: Final = 3


@dataclass(frozen=True, slots=True)
class GraceWish:
    """What the caller wants. `given`: was asked for in words, and so is followed although it is too short."""

    asked: timedelta
    given: bool = False
    kubelet: timedelta = KUBELET


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """One who uses a Secret, and how; `sees` is how long a change may take to get there, None: it never does."""

    kind: str
    name: str
    how: str
    sees: timedelta | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """What is known of who uses one Secret."""

    secret: str
    """`namespace/name`, for people."""
    uses: tuple[Use, ...] = ()
    unseen: tuple[str, ...] = ()
    """What could not be looked at, and why."""
    hidden: tuple[str, ...] = ()
    """The same of who may use it from elsewhere: that is only said."""
    copy: bool = False
    """Whether it is a copy, which is not renewed with what it was copied from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Length:
    """How long, for whom, and what to know about it."""

    grace: timedelta = timedelta(0)
    reasons: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    journaled: timedelta | None = None
    """What counts also for whoever finishes this after a crash; None: what is usual there."""
    again: Callable[[], Awaitable[Length]] | None = field(default=None, compare=False, repr=False)
    """Looks once more, believing nothing that was seen before; None where none was looked for."""


def length(wish: GraceWish, sightings: Sequence[Sighting], *, left: timedelta | None = None) -> Length:
    """The grace for what these Secrets hold. `left` is how long the old one lives by itself, where that is known."""
    needs: list[tuple[timedelta, str]] = []
    warnings: list[str] = []
    for one in sightings:
        needs += [] if one.copy else _needs(wish, one)
        warnings += [_ends(one)] if one.copy else _never(one)
    if hidden := dict.fromkeys(why for one in sightings for why in one.hidden):
        warnings.append(f"not looked at: {'; '.join(hidden)}")
    need = max((needed for needed, _ in needs), default=timedelta(0))
    reasons = tuple(words for needed, words in needs if needed > timedelta(0))
    grace = wish.asked if wish.given else max(wish.asked, need)
    if left is not None and not wish.given and grace > max(left, wish.asked):
        grace = max(timedelta(seconds=math.ceil(left.total_seconds())), wish.asked)
        reasons += ("it expires then",)
    if wish.given and wish.asked < need:
        for_whom = "; ".join(words for needed, words in needs if needed > wish.asked)
        warnings.append(
            f"the grace of {format_duration(wish.asked)} that was requested is shorter than "
            f"{format_duration(need)}: {for_whom}. They may be refused until they have the new one"
        )
    journaled = grace if reasons or wish.given else None
    return Length(grace=grace, reasons=reasons, warnings=tuple(warnings), journaled=journaled)


def grown(planned: Length, now: Length) -> tuple[Length, str]:
    """What counts once the new material is there: the longer of what was planned and what is seen by then, and what
    is to be said of it, empty where all is as it was planned. Whoever was told of a longer one keeps it."""
    said = [f"also seen by now: {text}" for text in now.warnings if text not in planned.warnings]
    if now.grace <= planned.grace:
        return planned, "; ".join(said)
    known = f"longer than the {format_duration(planned.grace)} that were planned"
    said.insert(
        0, f"{lasting(now.grace, now.reasons) or f'the old one works for {format_duration(now.grace)}'}, {known}"
    )
    return now, "; ".join(said)


def lasting(grace: timedelta, reasons: Sequence[str]) -> str:
    """One line of it for people; empty where none needs a longer one than usual."""
    return f"the old one works for {format_duration(grace)}: {'; '.join(reasons)}" if reasons else ""


def _needs(wish: GraceWish, one: Sighting) -> list[tuple[timedelta, str]]:
    """How long who needs, in words."""
    found = []
    mounted = list(dict.fromkeys(use.name for use in one.uses if use.kind == "Pod" and use.sees is not None))
    if mounted:
        pods = f"{count(len(mounted), 'pod')} mount{'' if len(mounted) > 1 else 's'}"
        by = f"the kubelet brings a new one within {format_duration(wish.kubelet)}"
        found.append((wish.kubelet, f"{pods} Secret {one.secret}: {_listed(mounted)}, and {by}"))
    found += [
        (use.sees, f"{use.kind} {use.name} {use.how}") for use in one.uses if use.kind != "Pod" and use.sees is not None
    ]
    if one.unseen:
        why = "; ".join(dict.fromkeys(one.unseen))
        found.append((wish.kubelet, f"who uses Secret {one.secret} could not be seen ({why})"))
    return found


def _ends(one: Sighting) -> str:
    """Of a copy: that it ends, and with it whoever uses it."""
    pods = list(dict.fromkeys(use.name for use in one.uses if use.kind == "Pod"))
    using = [f"{count(len(pods), 'pod')} ({_listed(pods)})"] if pods else []
    using += [f"{use.kind} {use.name}" for use in one.uses if use.kind != "Pod"]
    using += [f"whom could not be seen ({'; '.join(dict.fromkeys(one.unseen))})"] if one.unseen else []
    used = f"; used by {', '.join(using)}" if using else ""
    return f"Secret {one.secret} is a copy: it ends with the old one and is not renewed{used}; export to it again"


def _never(one: Sighting) -> list[str]:
    """Of those who never see a change, what to do."""
    uses = [use for use in one.uses if use.sees is None]
    pods = [use for use in uses if use.kind == "Pod"]
    found = []
    if pods:
        hows: dict[str, list[str]] = {}
        for use in pods:
            hows.setdefault(use.name, []).append(use.how)
        named = [f"{name} ({', '.join(how)})" for name, how in hows.items()]
        they = f"{len(named)} pods hold" if len(named) > 1 else "a pod holds"
        found.append(
            f"{they} Secret {one.secret} in a way that never sees a new one: {_listed(named)}; "
            f"restart {'them' if len(named) > 1 else 'it'} within the grace, however long that is"
        )
    found += [f"{use.kind} {use.name} {use.how}" for use in uses if use.kind != "Pod"]
    return found


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
