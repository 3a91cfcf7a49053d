"""Looks at the handles and accounts that credentials name and that no list holds, one small request each.

They are few: what is newer than the list of its cluster for a moment, what was deleted before anybody looked, and
handles of old, which have no type to be listed by. A look that fails says nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

from tui.issuance import Handle, Identity, IssuanceError
from tui.kube.client import Client
from tui.kube.errors import KubeError, NotFound
from tui.kube.resource import SECRETS, SERVICE_ACCOUNTS

from .ended import Ended
from .handles import Handles

MOST: Final = 200
"""Looks in one round; the others are for the next."""
_AT_ONCE: Final = 8


class HandleLooks:
    """Takes the looks that `handles` and `ended` ask for."""

    def __init__(self, handles: Handles, ended: Ended, client: Callable[[str], Awaitable[Client]]) -> None:
        self._handles = handles
        self._ended = ended
        self._client = client
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
            except (KubeError, IssuanceError):
                return self._handles.not_seen(handle)
        return self._handles.looked(handle, found)

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
