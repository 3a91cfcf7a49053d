"""One Lease for several pieces of work at once: taken with the first of them, given back after the last."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from .lease import Lease, LeaseLost


class Turns:
    """Whoever works inside of `hold` works as the Lease's holder. All of one event loop."""

    def __init__(self, lease: Lease) -> None:
        self._lease = lease
        self._door = asyncio.Lock()
        self._users = 0
        self._over = asyncio.Event()
        self._keeping: asyncio.Task[None] | None = None

    @contextlib.asynccontextmanager
    async def hold(self) -> AsyncIterator[None]:
        """Raises LeaseHeld where another one holds it, LeaseLost where that happens meanwhile: the work is ended."""
        keeping = await self._enter()
        me = asyncio.current_task()
        assert me is not None
        lost = False

        def on_end(_: object) -> None:
            nonlocal lost
            lost = me.cancel()

        keeping.add_done_callback(on_end)
        try:
            yield
        except asyncio.CancelledError:
            if lost and me.uncancel() == 0:
                raise LeaseLost(f"the Lease {self._lease.namespace}/{self._lease.name} was lost meanwhile") from None
            raise
        finally:
            keeping.remove_done_callback(on_end)
            await self._leave()

    async def _enter(self) -> asyncio.Task[None]:
        async with self._door:
            if self._keeping is None or self._keeping.done():
                held = asyncio.Event()
                self._over.clear()
                self._keeping = asyncio.create_task(self._lease.run(lambda: self._until_over(held)))
                waiting = asyncio.create_task(held.wait())
                try:
                    await asyncio.wait((self._keeping, waiting), return_when=asyncio.FIRST_COMPLETED)
                except asyncio.CancelledError:
                    self._keeping.cancel()
                    raise
                finally:
                    waiting.cancel()
                if self._keeping.done():
                    self._keeping.result()  # raises why it could not be taken
            self._users += 1
            return self._keeping

    async def _leave(self) -> None:
        self._users -= 1
        async with self._door:
            if self._users == 0 and self._keeping is not None:
                keeping, self._keeping = self._keeping, None
                self._over.set()
                await asyncio.wait((keeping,))

    async def _until_over(self, held: asyncio.Event) -> None:
        held.set()
        await self._over.wait()
