"""The files on this machine that kubemint wrote, as rows: what the state says of them, and whether they are there.

And the Secrets that it wrote and that no list shows any more, although their handles live: whoever may patch one may
take off its marks, and its token goes on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Final

import msgspec

from tui.issuance import (
    Address,
    Credential,
    Export,
    FileLooks,
    IssuanceError,
    Revocation,
    State,
    StateStore,
    due_shown,
    utc_now,
)

from .decode import credential_row
from .handles import AGAIN
from .orphans import Accounts
from .rows import AWAY, CredentialRow
from .same import ways
from .store import FleetStore

_UNMARKED: Final = "no Secret of kubemint's is there: it was deleted or its marks taken off; its token lives, revoke it"
Elsewhere = Callable[[Sequence[Export | Revocation]], Awaitable[Sequence[str]]]
"""For each record what is to be said where it is of another cluster than the one that is called so now."""


class LocalFiles:
    """Keeps the rows of the local state in the store. Other processes write the state too, so it is looked at anew.

    The disk is read in a thread: a file on a file system that hangs must not stop the fleet.
    """

    def __init__(
        self,
        state: StateStore,
        store: FleetStore,
        clock: Callable[[], datetime] = utc_now,
        elsewhere: Elsewhere | None = None,
        namespace: str | None = None,
    ) -> None:
        self.elsewhere: Mapping[Address, str] = {}
        """Which of them are of another cluster than the one that is called so now, and what is said of that."""
        self._whose = elsewhere
        self._state = state
        self._clock = clock
        self._store = store
        self._namespace = namespace
        """The only one that is listed; None where all are."""
        self._shown: set[str] = set()
        self._looking = asyncio.Lock()
        self._waiting = False
        self._looks = FileLooks()

    async def follow(self, every: float) -> None:
        """Look again and again, until it is cancelled."""
        while True:
            await asyncio.sleep(every)
            await self.look()

    async def look(self) -> None:
        """Show what there is now. Nothing is done where a look that has not begun yet will see it too."""
        if self._waiting:
            return
        self._waiting = True
        try:
            await self._looking.acquire()
        finally:
            self._waiting = False
        try:
            records, secrets, pending, dead = await asyncio.to_thread(self._read)
            written = [one.credential for one in secrets]
            away: Sequence[str] = [""] * len(secrets)
            if self._whose is not None:
                said = await self._whose(records)
                self.elsewhere = {
                    one.credential.address: words for one, words in zip(records, said, strict=True) if words
                }
                others = await self._whose(pending)
                pending = [one for one, words in zip(pending, others, strict=True) if not words]
                away = await self._whose(secrets)
            credentials = [self._shown_as(record.known) for record in records]
            self._store.handles.recorded(
                written, {one.address: words for one, words in zip(written, away, strict=True) if words}
            )
            self._store.handles.ended(dead)
            self._store.handles.waiting(pending)
            rows = {row.key: row for row in (*map(self._row, credentials), *self._lost(written))}
            self._store.drop(CredentialRow, *filter(self._is_own, self._shown - rows.keys()))
            self._store.put(*rows.values())
            self._shown = set(rows)
        except IssuanceError:
            pass  # another process holds the state; the next look will do
        finally:
            self._looking.release()

    def _is_own(self, key: str) -> bool:
        """Whether a row that was shown is still the one from here: a Secret that is marked again is listed itself."""
        row = self._store.credentials.get(key)
        return row is not None and (row.credential.address.here or row.lost)

    def _lost(self, written: Sequence[Credential]) -> list[CredentialRow]:
        """Of what this machine wrote into Secrets that which lives, and that is not listed although it should be."""
        found, now, rows = [], self._clock(), self._store.credentials
        for one in written:
            row, issued, handle = rows.get(str(one.address)), one.issued_at, one.handle
            others = ways(self._store.clusters, one.address.cluster)[1:]
            if any(str(msgspec.structs.replace(one.address, cluster=name)) in rows for name in others):
                continue  # it is listed under another name of its cluster
            lives = handle is not None and self._store.handles.lives(handle)
            lives = lives and one.expires_at is not None and one.expires_at > now
            if lives and (row is None or row.lost) and issued is not None and now - issued > AGAIN:
                found.append(one)
        unseen = Accounts(self._store, (), self._namespace).why_unseen if found else None
        return [
            msgspec.structs.replace(
                credential_row(msgspec.structs.replace(one, state=State.MISSING, message=_UNMARKED)), lost=True
            )
            for one in found
            if unseen is not None and not unseen(one.address.cluster, one.address.namespace)
        ]

    def _row(self, credential: Credential) -> CredentialRow:
        """Whether the handle of what lies in it is still there is not known while its cluster is away."""
        row, handle = credential_row(credential), credential.handle or credential.bound_to
        cluster = self._store.clusters.get(handle.cluster) if handle is not None else None
        away = cluster is not None and cluster.reach in AWAY
        return msgspec.structs.replace(row, stale=True) if away else row

    def _shown_as(self, credential: Credential) -> Credential:
        """What is of another cluster names no handle of this one."""
        said = self.elsewhere.get(credential.address)
        return msgspec.structs.replace(credential, handle=None, bound_to=None, message=said) if said else credential

    def _read(self) -> tuple[list[Export], list[Export], list[Revocation], dict[str, datetime]]:
        """What lies here, what this machine itself noted for what lies in clusters, what is to be revoked, by this
        machine's clock, and of what it revoked the handles, by their UIDs, and when."""
        written = [*self._state.written_secrets()]
        written_now = {plan.fingerprint for plan in self._state.open_plans() if plan.fingerprint}
        files = [
            msgspec.structs.replace(one, credential=self._looks.shown(one, written_now))
            for one in self._state.export_records()
        ]
        pending = [msgspec.structs.replace(one, due=due_shown(one, self._clock)) for one in self._state.revocations()]
        return files, written, pending, {one.handle: one.at for one in self._state.dead() if one.handle}
