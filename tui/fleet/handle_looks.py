"""Looks at the handles and accounts that credentials name and that no list holds, one small request each.

They are few: what is newer than the list of its cluster for a moment, what was deleted before anybody looked, and
handles of old, which have no type to be listed by. A look that fails says nothing. Where it may not be read, the
server is asked about the token itself, which takes no right; a file whose token cannot be checked is not called valid.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from tui.issuance import Address, Credential, Handle, Identity, IssuanceError
from tui.kube.errors import Forbidden, KubeError, NotFound
from tui.kube.resource import SECRETS, SERVICE_ACCOUNTS

from .store import FleetStore

if TYPE_CHECKING:
    from tui.issuance import Verification
    from tui.kube.client import Client

MOST: Final = 200
"""Looks in one round; the others are for the next."""
_AT_ONCE: Final = 8
_ASK_AGAIN: Final = timedelta(minutes=1)
"""How long what a server said of a token counts where there is no right to look at its handle."""


def record_answer(store: FleetStore, credential: Credential, found: Verification) -> None:
    """Let the rows say what a server has just said of this very token."""
    if found.ok:
        store.handles.accepted(credential)
        store.ended.note_answer(credential)
    elif found.refused:
        store.ended.note_answer(credential, found.message)


class HandleLooks:
    """Takes the looks that the handles and accounts of `store` ask for; `verify` asks about the token at an address."""

    def __init__(
        self,
        store: FleetStore,
        client: Callable[[str], Awaitable[Client]],
        verify: Callable[[Address], Awaitable[Verification]] | None = None,
    ) -> None:
        self._store = store
        self._handles = store.handles
        self._ended = store.ended
        self._client = client
        self._verify = verify
        self._few = asyncio.Semaphore(_AT_ONCE)

    async def follow(self, every: float) -> None:
        """Look again and again, until it is cancelled."""
        while True:
            await asyncio.sleep(every)
            await self.look()

    async def look(self) -> None:
        """Look at each that is in doubt now."""
        await asyncio.gather(
            *(self._look(handle) for handle in self._handles.doubtful()[:MOST]),
            *(self._look_for(account) for account in self._ended.doubtful()[:MOST]),
        )

    async def _look(self, handle: Handle) -> None:
        found: dict[str, Any] | None = None
        async with self._few:
            try:
                client = await self._client(handle.cluster)
                obj = await client.get_metadata(SECRETS, handle.name, namespace=handle.namespace)
                found = obj.get("metadata") or {}
            except NotFound:  # in the server's own words: a proxy's 404 is another error
                found = None
            except Forbidden as error:
                for address in self._handles.files_of(handle):
                    await self._ask(address, error.message)
                return self._handles.not_seen(handle, _ASK_AGAIN)
            except (KubeError, IssuanceError):
                return self._handles.not_seen(handle)
        return self._handles.looked(handle, found)

    async def _ask(self, address: Address, why: str) -> None:
        """Ask about the token in a file whose handle may not be looked at here; `why` says that."""
        row = self._store.credentials.get(str(address))
        if row is None or self._verify is None:
            return
        try:
            found = await self._verify(address)
            record_answer(self._store, row.credential, found)
            if found.ok or found.refused:
                return
            why = f"{why}; {found.message}"
        except (KubeError, IssuanceError, OSError) as error:
            why = f"{why}; {getattr(error, 'message', '') or type(error).__name__}"
        self._ended.note_answer(row.credential, f"whether it was revoked cannot be seen: {why}", known=False)

    async def _look_for(self, account: Identity) -> None:
        async with self._few:
            try:
                client = await self._client(account.cluster)
                await client.get_metadata(SERVICE_ACCOUNTS, account.name, namespace=account.namespace)
            except NotFound:  # in the server's own words, as above
                return self._ended.looked(account, there=False)
            except (KubeError, IssuanceError):
                return self._ended.not_seen(account)
        return self._ended.looked(account, there=True)
