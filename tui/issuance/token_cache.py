"""Tokens that live in memory only, minted when somebody asks and renewed before they end: the kubelet's token manager.

For whoever needs a token now and then and keeps it nowhere (a credential plugin, a test of a CSI driver). The same wish
gives the same token until it is due. A renewal that fails leaves the old token in use while it lives, and says so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import msgspec

from tui.kube.errors import KubeError

from .errors import IssuanceError
from .renewal import needs_refresh, retry_at
from .token_request import IssuedToken
from .types import Identity


class Wish(msgspec.Struct, frozen=True):
    """Everything that makes one token another: a differing field is another token."""

    identity: Identity
    account_uid: str = ""
    """A service account of the same name that was created again is another one."""
    duration: timedelta | None = None
    audiences: tuple[str, ...] = ()
    bound_kind: str = ""
    bound_name: str = ""
    bound_uid: str = ""


@dataclass(slots=True)
class _Entry:
    issued: IssuedToken | None = None
    error: KubeError | IssuanceError | None = None
    failures: int = 0
    again: datetime | None = None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class TokenCache:
    """Mints with `mint`, at most once at a time for each wish."""

    def __init__(
        self,
        mint: Callable[[Wish], Awaitable[IssuedToken]],
        *,
        clock: Callable[[], datetime],
        jitter: Callable[[], float],
    ) -> None:
        self._mint = mint
        self._clock = clock
        self._jitter = jitter
        self._entries: dict[Wish, _Entry] = {}

    async def get(self, wish: Wish) -> IssuedToken:
        """A token that works now. Raises what minting raised only where no old token is left."""
        entry = self._entries.setdefault(wish, _Entry())
        async with entry.lock:
            held, now = entry.issued, self._clock()
            if held is not None and not needs_refresh(now, held.issued_at, held.expires_at, self._jitter()):
                return held
            if held is not None and now < held.expires_at and entry.again is not None and now < entry.again:
                return held  # it failed a moment ago
            try:
                entry.issued = await self._mint(wish)
            except (KubeError, IssuanceError) as error:
                entry.error, entry.failures = error, entry.failures + 1
                if held is None or now >= held.expires_at:
                    entry.issued = entry.again = None  # a failure is never remembered as an answer
                    raise
                entry.again = retry_at(now, held.expires_at, entry.failures, self._jitter())
                return held
            entry.error, entry.failures, entry.again = None, 0, None
            return entry.issued

    def trouble(self, wish: Wish) -> tuple[KubeError | IssuanceError, datetime | None] | None:
        """Why the last renewal failed, and when it is tried again; None where it did not."""
        entry = self._entries.get(wish)
        return (entry.error, entry.again) if entry is not None and entry.error is not None else None

    def drop_bound(self, uid: str) -> int:
        """Forget every token bound to the object with this UID, which is gone; how many there were."""
        gone = [wish for wish in self._entries if uid and wish.bound_uid == uid]
        for wish in gone:
            del self._entries[wish]
        return len(gone)

    def drop_expired(self) -> int:
        """Forget what has ended or never came to be; how many there were."""
        now = self._clock()
        gone = [
            wish
            for wish, entry in self._entries.items()
            if not entry.lock.locked() and (entry.issued is None or entry.issued.expires_at <= now)
        ]
        for wish in gone:
            del self._entries[wish]
        return len(gone)

    def __len__(self) -> int:
        return sum(entry.issued is not None for entry in self._entries.values())
