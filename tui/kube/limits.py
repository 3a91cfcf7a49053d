"""How large and how long: the one place that says what a server may send, and when a wait is over.

A small answer must not become a large one, so sizes are those after unpacking, and what is counted before anything is
made of it are the values in it: each of them takes some hundred bytes here, however short it is on the wire. A
cluster that another one delivered is written by strangers and gets less.

A deadline holds for everything that is done inside of it, however many requests that takes. When it is over each
request that changes or asks something ends at once as `OutOfTime`, so that the work fails as by any other trouble and
is undone or stays in the journal; only where even that takes too long it is cancelled.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Final

from .amounts import size
from .errors import KubeError, OutOfTime, ProtocolError

_MIB: Final = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """What one cluster may send. Bytes are counted after unpacking."""

    answer: int
    """Bytes of an answer that is no list."""
    page: int
    """Bytes of one page of a list."""
    values: int
    """JSON values (and what separates them) in one answer."""
    asked: int
    """Objects asked for in one page."""
    objects: int
    """Objects in one page, of a server that gives more than was asked for."""
    event: int
    """Bytes of one change of a watch."""
    kept: int
    """Bytes of everything that is kept of one cluster at a time, as it was on the wire."""
    pages: int = 2000
    """Pages of one list."""


OWN: Final = Sizes(
    answer=16 * _MIB, page=64 * _MIB, values=4_000_000, asked=5000, objects=100_000, event=8 * _MIB, kept=512 * _MIB
)
"""A cluster of the operator's own kubeconfig."""
DELIVERED: Final = Sizes(
    answer=2 * _MIB, page=4 * _MIB, values=250_000, asked=250, objects=5_000, event=2 * _MIB, kept=32 * _MIB
)
"""A cluster whose kubeconfig another cluster delivered."""
CLUSTERS_DELIVERED: Final = 1000
"""Clusters that one cluster may deliver; those beyond are left out, since each is asked and watched on its own."""
STEP: Final = _MIB
"""Bytes that are unpacked, counted or decoded before others get their turn on the event loop."""


def sizes_for(*, delivered: bool) -> Sizes:
    """What a cluster may send."""
    return DELIVERED if delivered else OWN


def values_in(data: bytes | bytearray | memoryview) -> int:
    """How many JSON values there may be in `data`, at most; what stands in strings counts too."""
    whole = bytes(data) if isinstance(data, memoryview) else data
    return whole.count(b",") + whole.count(b"{") + whole.count(b"[")


@dataclass(slots=True)
class Ledger:
    """What is kept of one cluster, by whoever keeps it. Raises where it becomes too much."""

    most: int
    cluster: str = ""
    total: int = 0
    _of: dict[str, int] = field(default_factory=dict)

    def keep(self, whose: str, change: int) -> None:
        """`whose` (a kind) grows or shrinks by `change` bytes. Raises ProtocolError where that is too much."""
        self._of[whose] = self._of.get(whose, 0) + change
        self.total += change
        if change > 0 and self.total > self.most:
            raise ProtocolError(
                f"there is more than {size(self.most)} to keep of this cluster; {whose} are left out",
                cluster=self.cluster,
                hint="look at one namespace of it with -n, or at fewer kinds",
            )

    def forget(self, whose: str) -> None:
        """Nothing of `whose` is kept any more."""
        self.total -= self._of.pop(whose, 0)


# Time

LOOKING: Final = 60.0
"""Seconds for a command that changes nothing."""
ACTING: Final = 120.0
"""Seconds for a command, or a job of the dashboard, that changes one thing; its grace period is not counted."""
MANY: Final = 600.0
"""Seconds for a command that changes many things."""
UNDOING: Final = 15.0
"""Seconds after a deadline in which what was begun is undone; what is not then stays open in the journal."""
REVOKING: Final = 60.0
"""Seconds for revoking one old handle with all its tries."""
RECOVERING: Final = 30.0
"""Seconds that a command spends on what an earlier one left open, before its own work."""
ARRIVING: Final = 3.0
"""Seconds that it waits meanwhile for what others carry on, such as the External Secrets Operator."""


def whole_answer(connect: float, read: float) -> float:
    """Seconds for one request and all of its answer: bit by bit is as bad as not at all."""
    return connect + 2 * read


@dataclass(slots=True, eq=False)
class Deadline:
    """When something must be over, by the monotonic clock."""

    seconds: float
    """How long there was in all."""
    clock: Callable[[], float] = time.monotonic
    at: float = field(init=False)
    _stopped: list[float] = field(default_factory=list)
    """Since when its clock stands still, and how often that was asked for."""

    def __post_init__(self) -> None:
        self.at = self.clock() + self.seconds

    @property
    def left(self) -> float:
        """Seconds, not below zero."""
        return max(0.0, self.at - (self._stopped[0] if self._stopped else self.clock()))

    def extend(self, seconds: float) -> None:
        """Give it so many seconds more."""
        self.at += seconds
        self.seconds += seconds

    @contextlib.contextmanager
    def stopped(self) -> Iterator[None]:
        """What the block takes is not counted."""
        self._stopped.append(self.clock())
        try:
            yield
        finally:
            since = self._stopped.pop()
            if not self._stopped:
                self.at += self.clock() - since


_DEADLINE: ContextVar[Deadline | None] = ContextVar("deadline", default=None)
_PATIENCE: ContextVar[float | None] = ContextVar("patience", default=None)


@contextlib.contextmanager
def within(seconds: float) -> Iterator[Deadline]:
    """Everything in the block must be over in so many seconds, or sooner where a deadline around it says so."""
    outer, mine = _DEADLINE.get(), Deadline(seconds)
    with _set(mine if outer is None or mine.left < outer.left else outer) as deadline:
        assert deadline is not None
        yield deadline


@contextlib.contextmanager
def by_default(seconds: float) -> Iterator[None]:
    """The same, by default."""
    with contextlib.nullcontext() if _DEADLINE.get() is not None else within(seconds):
        yield


@contextlib.contextmanager
def apart() -> Iterator[None]:
    """What the block does, or starts, is no part of the work around it: tidying up, timers, what goes on for ever."""
    with _set(None):
        yield


@contextlib.contextmanager
def to_undo() -> Iterator[None]:
    """What was begun may be undone although the time is over, for some seconds more."""
    deadline = _DEADLINE.get()
    if deadline is None or deadline.left >= UNDOING:
        yield
        return
    with _set(Deadline(UNDOING)):
        yield


@contextlib.contextmanager
def not_counted() -> Iterator[None]:
    """A person is asked, and may take their time."""
    deadline = _DEADLINE.get()
    with deadline.stopped() if deadline is not None else contextlib.nullcontext():
        yield


def extend(seconds: float) -> None:
    """The work around this takes so much longer, as everybody knows beforehand: a grace period."""
    deadline = _DEADLINE.get()
    if deadline is not None:
        deadline.extend(seconds)


def left() -> float | None:
    """Seconds that are left, not below zero; None where there is no deadline."""
    deadline = _DEADLINE.get()
    return None if deadline is None else deadline.left


@contextlib.contextmanager
def impatient(seconds: float) -> Iterator[None]:
    """In the block nobody waits for longer than this for what others do in their own time."""
    token = _PATIENCE.set(seconds)
    try:
        yield
    finally:
        _PATIENCE.reset(token)


def patience(wanted: float) -> float:
    """Seconds to wait for what others do, who may never do it."""
    most = _PATIENCE.get()
    return wanted if most is None else min(wanted, most)


def check(cluster: str = "") -> None:
    """Raises OutOfTime where the time is over."""
    if left() == 0.0:
        raise out_of_time(cluster)


def out_of_time(cluster: str = "") -> OutOfTime:
    """The error for a deadline that is over."""
    deadline = _DEADLINE.get()
    spent = f" ({deadline.seconds:g} s)" if deadline is not None else ""
    return OutOfTime(f"the time for this is over{spent}", cluster=cluster)


@contextlib.asynccontextmanager
async def bounded(cluster: str = "") -> AsyncIterator[None]:
    """Ends what waits inside when the time is over. Raises OutOfTime."""
    remaining = left()
    if remaining is None or remaining == math.inf:
        yield
        return
    check(cluster)
    import asyncio  # whoever waits has it by now; a command's help needs none

    failure: KubeError | None = None
    try:
        async with asyncio.timeout(remaining) as timer:
            yield
    except TimeoutError:
        if not timer.expired():
            raise
        failure = out_of_time(cluster)
    if failure is not None:
        raise failure


@contextlib.contextmanager
def _set(deadline: Deadline | None) -> Iterator[Deadline | None]:
    token = _DEADLINE.set(deadline)
    try:
        yield deadline
    finally:
        _DEADLINE.reset(token)
