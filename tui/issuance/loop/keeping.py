"""The renewal loop: which credentials it keeps, when each is due, what to leave alone, and when to look again.

One scheduler for all of them. It decides anew at every look, by the wall clock of each credential's own cluster, so a
suspended machine, a jump of the clock or a cluster that comes back need no special care. It neither lists credentials
nor renews them itself: a source says what there is, and whoever runs it says how a batch is renewed (as jobs of the
dashboard, as lines of `kubemint rotate --due --watch`).
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from tui.issuance.errors import IssuanceError
from tui.issuance.formats import Format
from tui.issuance.model.kinds import CredentialKind
from tui.issuance.model.renewal import OVER, retry_at, state_of
from tui.issuance.model.types import Address, Credential, Outcome, State
from tui.kube.errors import KubeError

RENEWABLE: Final = frozenset(kind for kind in CredentialKind if kind.traits.renewable)
"""What ends and can be made anew by kubemint."""
DUE: Final = frozenset({State.DUE, State.EXPIRED, State.FAILED})
_LONGEST_NAP: Final = timedelta(seconds=30)
"""The wall clock may jump, so it is looked at again after that long at most."""
_SHORTEST_NAP: Final = timedelta(milliseconds=200)
_NOT_DUE: Final = "the list says that it is due, what lies there does not"
_ASK_AGAIN: Final = timedelta(minutes=1)
"""How long the word counts that another client renews a request, or that one is not due whatever the list says."""


class Watched(msgspec.Struct, frozen=True, kw_only=True):
    """One credential as the loop sees it at one look."""

    credential: Credential
    now: datetime
    """The time in its cluster: its stamps are the server's."""
    lost: str = ""
    """Why its cluster cannot be asked, so that its state is not known; empty where it can."""
    read_only: bool = False
    left: str = ""
    """Why it is to be left alone: someone has undone its renewal."""
    place: Address | None = None
    """The one address for all names of its cluster, where it has several: under one of them it is renewed, the first
    that is given and can be."""

    @property
    def known_as(self) -> Address:
        """By what it is told from every other one."""
        return self.place or self.credential.address


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """What one look found."""

    due: tuple[Address, ...] = ()
    """To be renewed now, the most urgent first."""
    watched: int = 0
    """How many the loop keeps."""
    next_at: datetime | None = None
    """When the next one is due or tried again, by the local clock; None where nothing is to come."""
    failing: int = 0
    """How many failed the last time they were tried."""
    left: dict[Address, str] = {}
    """What is not renewed although it may be due, and why."""
    stuck: tuple[Address, ...] = ()
    """What is due among that, and is left only because its cluster cannot be asked."""


def renews(credential: Credential, formats: Mapping[Address, Format | None]) -> bool:
    """Whether it is renewed where it lies. A copy is only where what it was made from is kubemint's own and alike.

    `formats` are those of all that is known: a copy in another format has to be exported anew.
    """
    if credential.address.kind not in RENEWABLE or (credential.shoot is None and credential.identity is None):
        return False
    of = credential.copy_of
    if of is None:
        return True
    return (of.here or of.kind.traits.marked) and formats.get(of, credential.format) is credential.format


@dataclass
class RenewalLoop:
    """Keeps what `source` gives (only the addresses of `only`, where they are given) for as long as `run` runs."""

    source: Callable[[], Iterable[Watched]]
    renew: Callable[[Sequence[Address]], Awaitable[Sequence[Outcome]]]
    """Renews a batch; one outcome for each, a failure is an outcome too."""
    renewed_by: Callable[[Address], Awaitable[str]] | None = None
    """Who else renews a request; asked before each renewal. None renews what others keep as well."""
    claim: Callable[[Address], str | None] = lambda address: ""
    """Why another loop has this one, empty where this loop has; None while that is being found out."""
    revoked: Callable[[Address], Awaitable[str]] | None = None
    """Why one is left as it is although its stamps say that it is due: it was revoked; asked before each renewal."""
    read: Callable[[Address], Awaitable[Credential]] | None = None
    """Reads a credential live: the list may be older than what the loop before this one did."""
    only: Collection[Address] | None = None
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    jitter: Callable[[], float] = random.random
    on_look: Callable[[Look], None] = lambda look: None
    """Hears of every look that found something else than the one before."""
    beat: Callable[[], None] = lambda: None
    """Hears of every look: the loop is alive."""
    _failures: dict[Address, int] = field(default_factory=dict)
    _not_before: dict[Address, datetime] = field(default_factory=dict)
    _renewed: dict[Address, datetime | None] = field(default_factory=dict)
    """The end of the one that was replaced: until the list shows another one, it is not renewed a second time."""
    _kept: dict[Address, tuple[str, datetime]] = field(default_factory=dict)
    """What another client renews, or was revoked: who or why, and until when that counts."""
    _busy: set[Address] = field(default_factory=set)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _last: Look = field(default_factory=Look)

    @property
    def last(self) -> Look:
        """What the last look found."""
        return self._last

    def wake(self) -> None:
        """Something changed: look again soon."""
        self._changed.set()

    def look(self) -> Look:
        """Decide for every credential. Changes nothing but what is out of date."""
        now = self.clock()
        due: list[tuple[datetime, Address]] = []
        points: list[datetime] = []
        left: dict[Address, str] = {}
        stuck: list[Address] = []
        seen = list(self.source())
        watched: set[Address] = set()
        taken = {one.known_as for one in seen if self._is_at_work(one.credential)}
        formats = {one.credential.address: one.credential.format for one in seen}
        for one in seen:
            credential, address = one.credential, one.credential.address
            if not renews(credential, formats) or (self.only is not None and address not in self.only):
                continue
            state = state_of(credential, one.now)
            if state in OVER:
                continue
            watched.add(one.known_as)
            why = one.left or ("its cluster is read-only" if one.read_only else "")
            why = why or one.lost
            missing = "its file is gone" if address.here else credential.message
            why = why or (missing if credential.state is State.MISSING else "")
            keeper, until = self._kept.get(address, ("", now))
            if why:
                left[address] = why
                if why == one.lost and state in DUE and until <= now:
                    stuck.append(address)
                continue
            if one.known_as in taken:
                continue
            claimed = self.claim(address)
            if claimed != "":
                if claimed is not None:
                    left[address] = claimed
                continue
            if until > now:
                left[address] = keeper
                continue
            waits = self._not_before.get(address, now)
            if waits > now:
                points.append(waits)
            elif state in DUE:
                due.append((credential.expires_at or now, address))
                taken.add(one.known_as)
            elif credential.rotate_at is not None and credential.rotate_at > one.now:
                points.append(now + (credential.rotate_at - one.now))
        return Look(
            due=tuple(address for _, address in sorted(due, key=lambda pair: pair[0])),
            watched=len(watched),
            next_at=min(points, default=None),
            failing=len(self._failures),
            left=left,
            stuck=tuple(stuck),
        )

    async def due_now(self) -> list[Address]:
        """What would be renewed at this moment; for whoever does it once."""
        self._last = self.look()
        ours = await self._ours(self._last.due)
        seen = {one.credential.address: one for one in self.source()}
        due = await asyncio.gather(*(self._still_due(seen.get(address)) for address in ours))
        found = [address for address, is_due in zip(ours, due, strict=True) if is_due]
        for address in set(ours) - set(found):
            self._kept[address] = (_NOT_DUE, self.clock() + _ASK_AGAIN)
        for address in self._last.stuck:
            await self._somebody_else(address)
        self._last = self.look()
        return found

    def other_name(self, address: Address, tried: Collection[Address]) -> Address | None:
        """Under which name of its cluster that was not tried yet it can be renewed as well; None under none."""
        names = {one.credential.address: one.known_as for one in self.source()}
        others = (one for one, place in names.items() if place == names.get(address))
        return next((one for one in others if one not in tried), None)

    async def run(self) -> None:
        """Until it is cancelled. What has begun then is finished by whoever renews."""
        async with asyncio.TaskGroup() as group:
            while True:
                self._changed.clear()
                look = self.look()
                self.beat()
                if look != self._last:
                    self._last = look
                    self.on_look(look)
                if look.due:
                    self._busy.update(look.due)
                    group.create_task(self._batch(look.due))
                await self._nap(look.next_at)

    def note(self, outcome: Outcome, replaced: datetime | None = None, ahead: timedelta = timedelta(0)) -> None:
        """How a renewal ended: a failed one is tried again later each time, while the old one lives.

        `ahead` is how far the clock of its cluster, which says when it ends, is ahead of ours.
        """
        address, now = outcome.address, self.clock()
        if outcome.ok:
            self._failures.pop(address, None)
            self._not_before.pop(address, None)
            self._renewed[address] = replaced
            return
        self._failures[address] = self._failures.get(address, 0) + 1
        expires = outcome.credential.expires_at if outcome.credential is not None else replaced
        ends = expires - ahead if expires is not None else None
        self._not_before[address] = retry_at(now, ends, self._failures[address], self.jitter())

    def _is_at_work(self, credential: Credential) -> bool:
        """Whether it is being renewed, or was, and the list does not show it yet."""
        address = credential.address
        if address in self._busy:
            return True
        if address not in self._renewed:
            return False
        if self._renewed[address] == credential.expires_at:
            return True
        del self._renewed[address]
        return False

    async def _batch(self, addresses: Sequence[Address]) -> None:
        now, seen = self.clock(), {one.credential.address: one for one in self.source()}
        ends = {address: one.credential.expires_at for address, one in seen.items()}
        try:
            ours = []
            for address in await self._ours(addresses):
                if await self._still_due(seen.get(address)):
                    ours.append(address)
                else:  # the list is older, or says what the token does not: anybody may have written there
                    self._not_before[address] = self.clock() + _ASK_AGAIN
            for address, outcome in zip(ours, await self.renew(ours) if ours else (), strict=True):
                of = seen.get(address)  # the outcome may call it by the name that it was issued under
                asked = msgspec.structs.replace(outcome, address=address)
                self.note(asked, ends.get(address), of.now - now if of is not None else timedelta(0))
        finally:
            self._busy.difference_update(addresses)
            self.wake()

    async def _ours(self, addresses: Sequence[Address]) -> list[Address]:
        """What is left of these for this loop."""
        left = await asyncio.gather(*map(self._is_left, addresses))
        return [address for address, is_left in zip(addresses, left, strict=True) if not is_left]

    async def _is_left(self, address: Address) -> bool:
        """Whether another client renews it, or nobody is to: it was revoked, and comes back by no loop."""
        if await self._somebody_else(address):
            return True
        try:
            why = await self.revoked(address) if self.revoked is not None else ""
        except (KubeError, IssuanceError):
            return False  # the renewal itself will say what is wrong
        if why:
            self._kept[address] = (why, self.clock() + _ASK_AGAIN)
        return bool(why)

    async def _somebody_else(self, address: Address) -> bool:
        if self.renewed_by is None or not address.kind.traits.wished:
            return False
        try:
            keeper = await self.renewed_by(address)
        except (KubeError, IssuanceError):
            return False  # the renewal itself will say what is wrong
        if keeper:
            self._kept[address] = (keeper, self.clock() + _ASK_AGAIN)
        return bool(keeper)

    async def _still_due(self, seen: Watched | None) -> bool:
        if self.read is None or seen is None:
            return True
        try:
            return state_of(await self.read(seen.credential.address), seen.now) in DUE
        except (KubeError, IssuanceError):
            return True  # the renewal itself will say what is wrong

    async def _nap(self, until: datetime | None) -> None:
        wait = _LONGEST_NAP if until is None else min(until - self.clock(), _LONGEST_NAP)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(wait, _SHORTEST_NAP).total_seconds()):
                await self._changed.wait()
                await asyncio.sleep(_SHORTEST_NAP.total_seconds())  # changes come in bursts
