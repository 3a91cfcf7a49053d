"""The files on this machine that kubemint wrote, as rows: what the state says of them, and whether they are there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime

import msgspec

from tui.issuance.cluster_time import utc_now
from tui.issuance.destinations.file import as_on_disk
from tui.issuance.errors import IssuanceError
from tui.issuance.grace_time import due_shown
from tui.issuance.intent import Revocation
from tui.issuance.state import StateStore
from tui.issuance.types import Credential

from .decode import credential_row
from .rows import CredentialRow
from .store import FleetStore


class LocalFiles:
    """Keeps the rows of the local state in the store. Other processes write the state too, so it is looked at anew.

    The disk is read in a thread: a file on a file system that hangs must not stop the fleet.
    """

    def __init__(self, state: StateStore, store: FleetStore, clock: Callable[[], datetime] = utc_now) -> None:
        self._state = state
        self._clock = clock
        self._store = store
        self._shown: set[str] = set()
        self._looking = asyncio.Lock()
        self._waiting = False

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
            credentials, handles, pending = await asyncio.to_thread(self._read)
            self._store.handles.recorded(handles)
            self._store.handles.waiting(pending)
            rows = {row.key: row for row in map(credential_row, credentials)}
            self._store.drop(CredentialRow, *(self._shown - rows.keys()))
            self._store.put(*rows.values())
            self._shown = set(rows)
        except IssuanceError:
            pass  # another process holds the state; the next look will do
        finally:
            self._looking.release()

    def _read(self) -> tuple[list[Credential], set[str], list[Revocation]]:
        """What lies here, the UIDs of the handles that this machine itself noted for what lies in clusters, and what is
        to be revoked, by this machine's clock."""
        written = (one.credential.handle or one.credential.bound_to for one in self._state.written_secrets())
        files = [as_on_disk(credential) for credential in self._state.exports()]
        pending = [msgspec.structs.replace(one, due=due_shown(one, self._clock)) for one in self._state.revocations()]
        return files, {handle.uid for handle in written if handle is not None}, pending
