"""The files on this machine that kubemint wrote, as rows: what the state says of them, and whether they are there."""

from __future__ import annotations

import asyncio

from tui.issuance.destinations.file import as_on_disk
from tui.issuance.errors import IssuanceError
from tui.issuance.state import StateStore
from tui.issuance.types import Credential

from .decode import credential_row
from .rows import CredentialRow
from .store import FleetStore


class LocalFiles:
    """Keeps the rows of the local state in the store. Other processes write the state too, so it is looked at anew.

    The disk is read in a thread: a file on a file system that hangs must not stop the fleet.
    """

    def __init__(self, state: StateStore, store: FleetStore) -> None:
        self._state = state
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
            credentials, handles = await asyncio.to_thread(self._read)
            self._store.handles.recorded(handles)
            rows = {row.key: row for row in map(credential_row, credentials)}
            self._store.drop(CredentialRow, *(self._shown - rows.keys()))
            self._store.put(*rows.values())
            self._shown = set(rows)
        except IssuanceError:
            pass  # another process holds the state; the next look will do
        finally:
            self._looking.release()

    def _read(self) -> tuple[list[Credential], set[str]]:
        """What lies here, and the UIDs of the handles that this machine itself noted for what lies in clusters."""
        written = (one.credential.handle or one.credential.bound_to for one in self._state.written_secrets())
        files = [as_on_disk(credential) for credential in self._state.exports()]
        return files, {handle.uid for handle in written if handle is not None}
